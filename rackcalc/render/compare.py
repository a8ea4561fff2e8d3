"""Comparisons as aligned text, as Markdown for a pull request, and as JSON."""

import json
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any

from rackcalc.quantities.display import is_temperature, show_value
from rackcalc.quantities.problems import printable
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.better_side import better_side
from rackcalc.questions.compare.attribution import Contribution
from rackcalc.questions.compare.comparison import Cell, Column, Comparison, Explanation
from rackcalc.render.checks import percent
from rackcalc.render.data import number
from rackcalc.render.markdown import escape
from rackcalc.render.rows import SECTIONS, cell, rows
from rackcalc.version import __version__

SCHEMA = "rackcalc.compare/1"
MOST = 8  # parts of a change that are shown; the others in one line
LEAST = 0.005  # share of a change from which on a part is shown
UNKNOWN = "unknown: a former estimate holds results, not inputs"


def as_text(found: Comparison, everything: bool = False) -> str:
    """Figures that differ, inputs that differ, and why: for people."""
    lines: list[str] = []
    table = [["", *headings(found)], *_table(found, everything)]
    widths = [max(len(row[place]) for row in table if len(row) > 1) for place in range(len(table[0]))]
    for row in table:
        if len(row) == 1:
            lines.append(row[0])
        else:
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            lines.append("  ".join(cells).rstrip())
    lines += _legend(found, everything)
    for place, column in others(found):
        lines += ["", f"{heading(found, column)}: inputs that differ"]
        changed = found.inputs[place]
        if changed is None:
            lines.append(f"  {UNKNOWN}")
        else:
            lines += aligned([[f"  {d.path}", d.old, "->", d.new] for d in changed] or [["  none"]])
    for explanation in found.explanations:
        lines += ["", f"{_why(found, explanation)}"]
        for title, parts in _breakdowns(explanation):
            lines += [f"  {title}", *aligned([["    " + row[0], *row[1:]] for row in _parts(explanation, parts)])]
    return "".join(f"{printable(line)}\n" for line in lines)


def as_markdown(found: Comparison, everything: bool = False) -> str:
    """The same as a comment on a pull request."""
    names = headings(found)
    lines = [f"### {escape(_title(found))}", ""]
    lines += [f"| figure | {' | '.join(map(escape, names))} |", "| --- |" + " ---: |" * len(names)]
    for row in _table(found, everything):
        cells = [escape(printable(text.strip())) for text in row]
        lines.append(f"| {' | '.join(cells)} |" if len(row) > 1 else f"| **{cells[0]}** |" + " |" * len(names))
    lines += ["", *map(escape, _legend(found, everything))]
    for place, column in others(found):
        lines += ["", f"**Inputs that differ** ({escape(heading(found, column))})", ""]
        changed = found.inputs[place]
        if not changed:
            lines.append("none" if changed is not None else UNKNOWN)
            continue
        lines += ["| input | was | is |", "| --- | --- | --- |"]
        lines += [f"| {' | '.join(map(escape, (d.path, d.old, d.new)))} |" for d in changed]
    for explanation in found.explanations:
        lines += ["", "<details><summary>" + _html(_why(found, explanation)) + "</summary>", ""]
        for title, parts in _breakdowns(explanation):
            lines += [f"| {title} | change | share | was and is |", "| --- | ---: | ---: | --- |"]
            shown = [(row + [""] * 4)[:4] for row in _parts(explanation, parts)]
            lines += [f"| {' | '.join(escape(text) for text in row)} |" for row in shown]
            lines.append("")
        lines.append("</details>")
    return "\n".join(lines) + "\n"


def as_json(found: Comparison, everything: bool = False) -> str:
    """Everything, in canonical units; everything makes no difference here."""
    return json.dumps(document(found), indent=2) + "\n"


def document(found: Comparison) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "schema": SCHEMA,
        "rackcalc": __version__,
        "baseline": found.baseline,
        "columns": [
            {"argument": c.argument, "title": c.title, "scenario": c.scenario, "notes": list(c.notes)}
            for c in found.columns
        ],
        "figures": [_figure(path, cells) for path, cells in found.cells.items()],
        "inputs": [
            None if changed is None else [{"path": d.path, "old": d.old, "new": d.new} for d in changed]
            for changed in found.inputs
        ],
        "explanations": [_explained(explanation) for explanation in found.explanations],
    }


def others(found: Comparison) -> list[tuple[int, Column]]:
    """Every column but the baseline, with its place."""
    return [(place, column) for place, column in enumerate(found.columns) if place != found.baseline]


def heading(found: Comparison, column: Column) -> str:
    """What a column is called: as it was asked for, or its scenario where all are of one rack."""
    if len({other.argument for other in found.columns}) == 1:
        return column.scenario or "as described"
    return f"{column.argument} [{column.scenario}]" if column.scenario else column.argument


def _title(found: Comparison) -> str:
    """What is compared, in a line."""
    words = " and ".join(heading(found, column) for column in found.columns)
    same = len({column.argument for column in found.columns}) == 1
    return f"{found.base.title}: {words}" if same else f"rackcalc: {words}"


def headings(found: Comparison) -> list[str]:
    """Headings of values and changes."""
    names = []
    for column in found.columns:
        names.append(heading(found, column))
        if column is not found.base:
            names.append("change")
    return names


def _legend(found: Comparison, everything: bool) -> list[str]:
    same = sum(1 for path, cells in found.cells.items() if not _differ(path, cells))
    said = [f"Changes are from {heading(found, found.base)}; * marks the best."]
    return said + ([f"{same} figures are the same in four digits."] if same and not everything else [])


def _differ(path: str, cells: Sequence[Cell]) -> bool:
    """Whether a reader sees a difference."""
    return len({cell(path, one.quantity) for one in cells}) > 1


def _table(found: Comparison, everything: bool) -> Iterator[list[str]]:
    """Rows of figures by section; a row of one cell is the heading of a section."""
    section = ""
    for row in rows([column.figures for column in found.columns], everything):
        cells = found.cells[row.path]
        if not everything and not _differ(row.path, cells):
            continue
        if row.section != section:
            section = row.section
            yield [SECTIONS[section][0]]
        line = [f"  {row.path}"]
        for place, one in enumerate(cells):
            line.append(cell(row.path, one.quantity) + (" *" if one.best else "  "))
            if place != found.baseline:
                line.append(_change(row.path, one))
        yield line


def _change(path: str, one: Cell) -> str:
    """A change in percent, as a factor from ten on, or in the figure's unit where no percentage has a meaning."""
    if one.quantity is None or not isfinite(one.change) or not one.change:
        return ""
    if one.share >= 9:
        return f"x {1 + one.share:.4g}"
    sign = "+" if one.change > 0 else ""
    return sign + percent(one.share) if isfinite(one.share) else signed(one.quantity, one.change)


def signed(like: Quantity, change: float) -> str:
    """A change in the unit of a figure, with its sign; of temperatures in K."""
    return ("+" if change > 0 else "") + show_value(Quantity(change, like.unit))


def _why(found: Comparison, explanation: Explanation) -> str:
    name, old = heading(found, found.columns[explanation.column]), float(explanation.old.value)
    if not explanation.change:
        same = old == float(explanation.new.value)
        words = "the same" if same else "not split, having no number on one side,"
        return f"{explanation.path} is {words} in {name}: {cell(explanation.path, explanation.new)}"
    moved = f"{cell(explanation.path, explanation.old)} -> {cell(explanation.path, explanation.new)}"
    relative = ""
    if old and not is_temperature(explanation.new):
        relative = f" ({'+' if explanation.change > 0 else ''}{percent(explanation.change / abs(old))})"
    return f"Why {explanation.path} moved in {name}: {moved}, {signed(explanation.new, explanation.change)}{relative}"


def _breakdowns(explanation: Explanation) -> Iterator[tuple[str, Sequence[Contribution]]]:
    """What to show: the terms, and the inputs where they say more."""
    if explanation.terms:
        yield "by term", explanation.terms
    if not explanation.inputs:
        return
    if [part.amount for part in explanation.inputs] != [part.amount for part in explanation.terms]:
        yield "by input", explanation.inputs


def _parts(explanation: Explanation, parts: Sequence[Contribution]) -> list[list[str]]:
    """Rows of name, contribution, its share of the change, and the part itself before and after."""
    shown = [part for part in parts if abs(part.amount) >= LEAST * abs(explanation.change)][:MOST]
    lines = []
    for part in shown:
        words = [part.name, signed(explanation.new, part.amount), f"{part.amount / explanation.change:.0%}"]
        if part.old is not None or part.new is not None:
            words += [f"{cell(part.name, part.old)} -> {cell(part.name, part.new)}"]
        lines.append(words)
    rest = sum(part.amount for part in parts if part not in shown)
    if len(shown) < len(parts):
        label = f"{len(parts) - len(shown)} more"
        lines.append([label, signed(explanation.new, rest), f"{rest / explanation.change:.0%}"])
    return lines


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Rows with their first columns padded to one width."""
    most = max(map(len, table))
    widths = [max(len(row[place]) for row in table if len(row) > place) for place in range(most)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False)).rstrip() for row in table]


def _html(text: str) -> str:
    for character, code in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, code)
    return printable(text)


def _figure(path: str, cells: Sequence[Cell]) -> dict[str, Any]:
    unit = next(one.quantity.unit for one in cells if one.quantity is not None)
    return {
        "path": path,
        "unit": unit,
        "better": better_side(path) or None,
        "values": [None if one.quantity is None else number(float(one.quantity.value)) for one in cells],
        "changes": [number(one.change) for one in cells],
        "shares": [number(one.share) for one in cells],
        "best": [place for place, one in enumerate(cells) if one.best],
    }


def _explained(explanation: Explanation) -> dict[str, Any]:
    def parts(found: Sequence[Contribution]) -> list[dict[str, Any]]:
        return [
            {
                "name": part.name,
                "contribution": number(part.amount),
                "share": number(part.amount / explanation.change),
            }
            for part in found
        ]

    return {
        "path": explanation.path,
        "column": explanation.column,
        "unit": explanation.new.unit,
        "old": number(float(explanation.old.value)),
        "new": number(float(explanation.new.value)),
        "change": number(explanation.change),
        "terms": parts(explanation.terms),
        "inputs": parts(explanation.inputs),
    }


# name -> (renderer, file endings that select it)
FORMATS: dict[str, tuple[Callable[..., str], tuple[str, ...]]] = {
    "table": (as_text, (".txt",)),
    "markdown": (as_markdown, (".md", ".markdown")),
    "json": (as_json, (".json",)),
}
