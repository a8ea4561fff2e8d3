"""A comparison as a page: figures side by side, what differs between the racks, and why figures moved."""

from collections.abc import Iterator

from rackcalc.questions.compare.comparison import Comparison
from rackcalc.render.compare import (
    breakdowns,
    contributions,
    figure_table,
    heading,
    headings,
    legend,
    money_words,
    notes_on,
    others,
    title_of,
    why,
)
from rackcalc.render.html.figure_name import figure_name
from rackcalc.render.html.markup import escaped, scrolled, section, table, tag
from rackcalc.render.html.page import page


def as_html(found: Comparison, everything: bool = False) -> str:
    """A page. everything: every figure, also those that are the same."""
    said = [*legend(found, everything), *money_words(found)]
    content = [
        tag("h1", escaped(title_of(found)), id="top"),
        *(tag("p", escaped(text)) for text in said),
        _figures(found, everything),
        section("inputs", "Inputs that differ", "".join(_inputs(found))),
        section("reasons", "Why figures moved", "".join(_reasons(found))),
        section("notes", "Notes", tag("ul", notes) if (notes := _listed(notes_on(found))) else ""),
    ]
    return page(title_of(found), "".join(content))


def _listed(texts: list[str]) -> str:
    return "".join(tag("li", escaped(text)) for text in texts)


def _figures(found: Comparison, everything: bool) -> str:
    """A table for every section of figures."""
    groups: list[tuple[str, list[list[str]]]] = []
    for row in figure_table(found, everything):
        if len(row) == 1:
            groups.append((row[0], []))
        else:
            groups[-1][1].append([figure_name(row[0].strip()), *(escaped(text.strip()) for text in row[1:])])
    return "".join(scrolled(table(name, ("figure", *headings(found)), rows, "compared")) for name, rows in groups)


def _inputs(found: Comparison) -> Iterator[str]:
    for index, column in others(found):
        changed = found.inputs[index]
        if changed is None:
            yield tag("p", escaped(f"{heading(found, column)}: unknown, a former estimate holds results, not inputs"))
            continue
        rows = [(escaped(each.path), escaped(each.old), escaped(each.new)) for each in changed]
        yield scrolled(table(heading(found, column), ("input", "was", "is"), rows or [("none", "", "")]))


def _reasons(found: Comparison) -> Iterator[str]:
    for explanation in found.explanations:
        inside = ""
        for name, parts in breakdowns(explanation):
            rows = [[*map(escaped, row), "", ""][:4] for row in contributions(explanation, parts)]
            inside += scrolled(table(name, (name, "change", "share", "was and is"), rows))
        said = escaped(why(found, explanation))
        yield tag("details", tag("summary", said) + inside) if inside else tag("p", said)
