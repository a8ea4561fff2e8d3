"""A sweep as a page: a table for every list of points, and the statistics."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.sweep.result import SweepResult
from rackcalc.render.html.explanation import explanations
from rackcalc.render.html.figure_name import figure_name
from rackcalc.render.html.front import front
from rackcalc.render.html.markup import escaped, scrolled, section, table, tag
from rackcalc.render.html.page import page
from rackcalc.render.html.reasons import Reasons
from rackcalc.render.sweep import count_lines, shown_value

MOST_ROWS = 500  # of a list of points; the other formats have all
EXPLAINED = 10  # first points of a list, whose figures open their explanation
HINT = (
    f"Figures of the first {EXPLAINED} points of a table lead to their explanation; "
    "of others: rackcalc explain RACK FIGURE --set PATH=VALUE."
)


def as_html(result: SweepResult) -> str:
    """A page."""
    head = [column.path for column in result.columns]
    title, reasons = f"Sweep of {result.rack_at(0).rack.name}", Reasons()
    parts = [tag("h1", escaped(title), id="top"), *(tag("p", escaped(said.strip())) for said in count_lines(result))]
    parts.append(front(result))
    for (name, records), (_, points) in zip(result.titled_lists(), result.point_lists(), strict=True):
        numbers = points.numbers.tolist()[:EXPLAINED]
        body = [
            list(_row(result, row, numbers[place] if place < len(numbers) else None, reasons))
            for place, row in enumerate(records[:MOST_ROWS])
        ]
        parts.append(scrolled(table(name or "Points", head, body, "points")))
        if len(records) > MOST_ROWS:
            parts.append(tag("p", f"{len(records) - MOST_ROWS:,} more points: --format csv", class_="small"))
    if result.part.stats is not None:
        found, first = list(result.statistics()), _figures_at(result, 0)
        names = list(found[0][1]) if found else []
        lines = [
            (
                _named(result, column.path, first, reasons),
                *(escaped(shown_value(column, value)) for value in values.values()),
            )
            for column, values in found
        ]
        parts.append(scrolled(table("Statistics", ("figure", *names), lines, "figures")))
    parts.append(section("why", "Explanations", explanations(reasons), closed=True))
    return page(title, "".join(parts), hint=HINT)


def _row(result: SweepResult, row: Sequence[Any], number: int | None, reasons: Reasons) -> Iterator[str]:
    """The cells of a point. number: of a point whose figures are explained."""
    known = {} if number is None else _figures_at(result, number)
    axes = {axis.path for axis in result.job.question.axes}
    shown = [(column.path, shown_value(column, value)) for column, value in zip(result.columns, row, strict=True)]
    for path, text in shown:
        quantity = None if path in axes or number is None else known.get(path)
        yield escaped(text) if quantity is None else reasons.link(path, quantity, text, _point(result, number or 0))


def _named(result: SweepResult, path: str, first: Mapping[str, Quantity], reasons: Reasons) -> str:
    """The name of a figure, as a link to its explanation at the first point of all, where that can be computed."""
    quantity = first.get(path)
    return figure_name(path) if quantity is None else reasons.link(path, quantity, path, _point(result, 0))


def _point(result: SweepResult, number: int) -> str:
    """What a point is called."""
    places = zip(result.job.question.dimensions, result.job.plan.indices(number), strict=True)
    at = ", ".join(f"{axis.path}={axis.shown(place)}" for axes, place in places for axis in axes)
    return f"the point {at}"


def _figures_at(result: SweepResult, number: int) -> Mapping[str, Quantity]:
    """The figures of a point; none where it cannot be computed."""
    from rackcalc.estimation.estimate import estimate
    from rackcalc.quantities.figures import figures

    try:
        return dict(figures(estimate(result.rack_at(number))))
    except InputError:
        return {}
