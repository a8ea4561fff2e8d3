"""A comparison as a page: figures side by side, what differs between the racks, and why figures moved."""

from collections.abc import Iterator, Sequence

from rackcalc.questions.compare.comparison import HEADLINES, Comparison
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
from rackcalc.render.html.explanation import explanations
from rackcalc.render.html.figure_name import figure_name
from rackcalc.render.html.markup import escaped, scrolled, section, table, tag
from rackcalc.render.html.page import page
from rackcalc.render.html.reasons import Reasons

MOST_EXPLAINED = 240  # figures of all columns together
HINT = "Every underlined number leads to its explanation: formula, values and source."


def as_html(found: Comparison, everything: bool = False) -> str:
    """A page. everything: every figure, also those that are the same."""
    said, reasons = [*legend(found, everything), *money_words(found)], Reasons()
    for path in (*HEADLINES, *(one.path for one in found.explanations)):  # explained first, wherever they are shown
        for index in range(len(found.columns)):
            _value(found, reasons, path, index, "")
    content = [
        tag("h1", escaped(title_of(found)), id="top"),
        *(tag("p", escaped(text)) for text in said),
        _figures(found, reasons, everything),
        section("inputs", "Inputs that differ", "".join(_inputs(found))),
        section("reasons", "Why figures moved", "".join(_moved(found, reasons))),
        section("notes", "Notes", tag("ul", notes) if (notes := _listed(notes_on(found))) else ""),
        section("why", "Explanations", explanations(reasons), closed=True),
    ]
    return page(title_of(found), "".join(content), hint=HINT)


def _listed(texts: list[str]) -> str:
    return "".join(tag("li", escaped(text)) for text in texts)


def _figures(found: Comparison, reasons: Reasons, everything: bool) -> str:
    """A table for every section of figures; one for all where there are only those that decide."""
    groups: list[tuple[str, list[list[str]]]] = [] if everything else [("Figures that decide", [])]
    for row in figure_table(found, everything):
        if len(row) == 1:
            groups += [(row[0], [])] if everything else []
        else:
            groups[-1][1].append(list(_row(found, reasons, row)))
    return "".join(scrolled(table(name, ("figure", *headings(found)), rows, "compared")) for name, rows in groups)


def _row(found: Comparison, reasons: Reasons, row: Sequence[str]) -> Iterator[str]:
    """The cells of a figure: its name, and for every column the value and, but for the baseline, the change."""
    path, *texts = map(str.strip, row)
    yield figure_name(path)
    cells = iter(texts)
    for index in range(len(found.columns)):
        yield _value(found, reasons, path, index, next(cells))
        if index != found.baseline:
            yield escaped(next(cells))


def _value(found: Comparison, reasons: Reasons, path: str, index: int, text: str) -> str:
    """A text on the figure of a column, as a link to its explanation; the mark of the best stays outside."""
    column = found.columns[index]
    quantity = column.figures.get(path)
    of = heading(found, column)
    explained = column.loaded is not None and quantity is not None  # a former estimate has no formulas
    if not explained or ((of, path) not in reasons.asked and len(reasons.asked) >= MOST_EXPLAINED):
        return escaped(text)
    assert quantity is not None
    number, star, _ = text.partition(" *")
    return reasons.link(path, quantity, number, of) + escaped(star)


def _inputs(found: Comparison) -> Iterator[str]:
    for index, column in others(found):
        changed = found.inputs[index]
        if changed is None:
            yield tag("p", escaped(f"{heading(found, column)}: unknown, a former estimate holds results, not inputs"))
            continue
        rows = [(escaped(each.path), escaped(each.old), escaped(each.new)) for each in changed]
        yield scrolled(table(heading(found, column), ("input", "was", "is"), rows or [("none", "", "")], "listed"))


def _moved(found: Comparison, reasons: Reasons) -> Iterator[str]:
    for explanation in found.explanations:
        inside = ""
        for name, parts in breakdowns(explanation):
            rows = [
                [_value(found, reasons, row[0], explanation.column, row[0]), *map(escaped, row[1:]), "", ""][:4]
                for row in contributions(explanation, parts)
            ]
            inside += scrolled(table(name, (name, "change", "share", "was and is"), rows))
        said = escaped(why(found, explanation))
        yield tag("details", tag("summary", said) + inside) if inside else tag("p", said)
