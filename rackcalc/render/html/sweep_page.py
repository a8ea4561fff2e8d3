"""A sweep as a page: a table for every list of points, and the statistics."""

from rackcalc.questions.sweep.result import SweepResult
from rackcalc.render.html.front import front
from rackcalc.render.html.markup import escaped, scrolled, table, tag
from rackcalc.render.html.page import page
from rackcalc.render.sweep import count_lines, shown_value

MOST_ROWS = 500  # of a list of points; the other formats have all


def as_html(result: SweepResult) -> str:
    """A page."""
    head = [column.path for column in result.columns]
    parts = [tag("h1", "Sweep", id="top"), *(tag("p", escaped(said.strip())) for said in count_lines(result))]
    parts.append(front(result))
    for title, records in result.titled_lists():
        body = [
            [escaped(shown_value(column, value)) for column, value in zip(result.columns, row, strict=True)]
            for row in records[:MOST_ROWS]
        ]
        parts.append(scrolled(table(title or "Points", head, body, "figures")))
        if len(records) > MOST_ROWS:
            parts.append(tag("p", f"{len(records) - MOST_ROWS:,} more points: --format csv", class_="small"))
    if result.part.stats is not None:
        found = list(result.statistics())
        names = list(found[0][1]) if found else []
        lines = [
            (escaped(column.path), *(escaped(shown_value(column, value)) for value in values.values()))
            for column, values in found
        ]
        parts.append(scrolled(table("Statistics", ("figure", *names), lines, "figures")))
    return page("Sweep", "".join(parts))
