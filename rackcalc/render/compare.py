"""`rackcalc compare`: comparisons as aligned text, as Markdown for a pull request, and as JSON."""

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any

from rackcalc.quantities.display import is_temperature, show_value, shown_scenario
from rackcalc.quantities.problems import printable
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.unit_text import show
from rackcalc.questions.better_side import better_side
from rackcalc.questions.compare.attribution import Contribution
from rackcalc.questions.compare.comparison import HEADLINES, Cell, Column, Comparison, Explanation
from rackcalc.questions.compare.waiting import Waiting
from rackcalc.questions.compare.ways_to_pay import Decision
from rackcalc.render.aligned_text import aligned, line_width
from rackcalc.render.cells import cell
from rackcalc.render.figure_rows import SECTIONS, rows
from rackcalc.render.json_data import json_number, json_text
from rackcalc.render.markdown_text import escape, table_row, without_links
from rackcalc.render.percentages import change_percent
from rackcalc.version import __version__

SCHEMA = "rackcalc.compare/1"
MANY = 2  # figures that are explained in full unless all are asked for; of more only the largest part of each
MOST_LISTED, MOST_NOTES = 8, 3  # inputs and notes that are shown unless all are asked for
MOST = 8  # contributions to a change that are shown; the others are in one line
MOST_SHARE = 10.0  # share of a change; larger ones are not shown
SIGN_CHANGED = 9.0  # a change of more than so many times below zero is not told as a share
LEAST = 0.005  # share of a change; smaller contributions are not shown
UNKNOWN = "unknown: a former estimate holds results, not inputs"


def as_text(found: Comparison, everything: bool = False) -> str:
    """For people: the figures that differ, why, the inputs that differ, and notes. everything: all of each."""
    width, most = line_width(), None if everything else MOST_LISTED
    table = figure_table(found, everything)
    rows = [["", *headings(found)], *(row for row in table if everything or len(row) > 1)]
    lines = [*aligned(rows, width=width, headed=True), *legend(found, everything)]
    lines += ["", *decided] if (decided := money_words(found)) else []
    if len(found.explanations) > MANY and not everything:
        moved = list(_most(found))
        lines += ["", "what moved them most, and its share of the change", *aligned(moved, 4, width)] if moved else []
    else:
        lines += _explained_in_full(found, width)
    for index, column in others(found):
        lines += ["", f"{heading(found, column)}: inputs that differ"]
        changed = found.inputs[index]
        if changed is None:
            lines.append(f"  {UNKNOWN}")
        else:
            shown = [[f"  {d.path}", d.old, "->", d.new] for d in changed[:most]]
            lines += aligned(shown or [["  none"]], 4, width)
            lines += [f"  {len(changed) - len(shown)} more: --all"] if len(shown) < len(changed) else []
    notes = notes_on(found)
    told = notes if everything else notes[:MOST_NOTES]
    lines += ["", *(f"note: {note}" for note in told)] if notes else []
    lines += [f"{len(notes) - len(told)} more notes: --all"] if len(told) < len(notes) else []
    return "".join(f"{printable(line)}\n" for line in lines)


def _explained_in_full(found: Comparison, width: int) -> Iterator[str]:
    """Every figure that is explained, by term and by input."""
    for explanation in found.explanations:
        first = _same_before(found, explanation)
        if first is not None:
            as_there = f"as in {heading(found, found.columns[first.column])}"
            yield from ("", f"Why {explanation.path} moved in {_place(found, explanation)}: {as_there}")
            continue
        yield from ("", why(found, explanation))
        for title, parts in breakdowns(explanation):
            shown = contributions(explanation, parts)
            yield f"  {title}{_against(shown)}"
            yield from aligned([["    " + row[0], *row[1:]] for row in shown], 4, width)


def as_markdown(found: Comparison, everything: bool = False) -> str:
    """The same as Markdown, for a comment on a pull request."""
    names = headings(found)
    lines = [f"### {escape(title_of(found))}", ""]
    lines += [table_row(["figure", *map(escape, names)]), "| --- |" + " ---: |" * len(names)]
    for row in figure_table(found, everything):
        cells = [escape(printable(text.strip())) for text in row]
        lines.append(table_row(cells) if len(row) > 1 else f"| **{cells[0]}** |" + " |" * len(names))
    lines += ["", *map(escape, legend(found, everything)), ""]
    lines += [f"- {escape(printable(note))}" for note in notes_on(found)]
    lines += ["", *(f"- {escape(one)}" for one in decided)] if (decided := money_words(found)) else []
    for index, column in others(found):
        lines += ["", f"**Inputs that differ** ({escape(heading(found, column))})", ""]
        changed = found.inputs[index]
        if not changed:
            lines.append("none" if changed is not None else UNKNOWN)
            continue
        lines += ["| input | was | is |", "| --- | --- | --- |"]
        lines += [table_row(map(escape, (d.path, d.old, d.new))) for d in changed]
    for explanation in found.explanations:
        lines += ["", "<details><summary>" + _html(why(found, explanation)) + "</summary>", ""]
        for title, parts in breakdowns(explanation):
            lines += [f"| {title} | change | share | was and is |", "| --- | ---: | ---: | --- |"]
            shown = [(row + [""] * 4)[:4] for row in contributions(explanation, parts)]
            lines += [table_row(map(escape, row)) for row in shown]
            lines.append("")
        lines.append("</details>")
    return "\n".join(lines) + "\n"


def as_json(found: Comparison, everything: bool = False) -> str:
    """All figures in canonical units. everything: has no effect here; other formats have it."""
    return json_text(document(found))


def document(found: Comparison) -> dict[str, Any]:
    """The whole comparison as plain data."""
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
        "decisions": [
            {
                "column": one.column,
                "saving": json_number(one.saving),
                "month": one.month,
                "utilization": one.utilization,
                "cheaper_above": one.above if one.utilization is not None else None,
                "term": one.term,
                "amount": json_number(one.amount),
            }
            for one in found.decisions
        ],
        "waiting": [
            {
                "column": one.column,
                "years": one.years,
                "npv_now": json_number(one.now),
                "npv_later": json_number(one.later),
                "worth": json_number(one.worth),
            }
            for one in found.waiting
        ],
    }


def money_words(found: Comparison) -> list[str]:
    """What decides between ways to pay, and what waiting is worth."""
    return [*(_decided(found, one) for one in found.decisions), *(_waited(found, one) for one in found.waiting)]


def _waited(found: Comparison, one: Waiting) -> str:
    """What it is worth to wait for another year."""
    base, other = heading(found, found.base), heading(found, found.columns[one.column])
    now, later, worth = (show(amount, "USD") for amount in (one.now, one.later, abs(one.worth)))
    gains = "gains" if one.worth > 0 else "loses"
    return f"waiting {one.years:g} years, from {base} to {other}, {gains} {worth}: NPV {now} now, {later} then"


def _decided(found: Comparison, one: Decision) -> str:
    """Which way to pay is the cheaper, from when and from which utilization on, and what decides."""
    base, other = heading(found, found.base), heading(found, found.columns[one.column])
    cheaper, dearer = (other, base) if one.saving > 0 else (base, other)
    said = [f"{cheaper} costs {show(abs(one.saving), 'USD')} less than {dearer} over the horizon"]
    if one.month is not None:
        columns = found.base, found.columns[one.column]
        slower = min(columns, key=lambda column: float(column.figures["cost.opex"].value))
        said.append(f"{heading(found, slower)} has paid less in all from month {one.month:.3g} on")
    if one.utilization is None:
        said.append("at any utilization")
    else:
        above = other if one.above else base
        said.append(f"{above} is the cheaper above a utilization of {one.utilization:.1%}")
    more = "more" if one.amount > 0 else "less"
    said.append(f"what decides: {one.term}, {show(abs(one.amount), 'USD/s')} {more} in {other}")
    return "; ".join(said)


def others(found: Comparison) -> list[tuple[int, Column]]:
    """Every column but the baseline, with its index."""
    return [(index, column) for index, column in enumerate(found.columns) if index != found.baseline]


def heading(found: Comparison, column: Column) -> str:
    """The heading of a column: its argument, or its scenario where all columns are of one rack."""
    if len({other.argument for other in found.columns}) == 1:
        return shown_scenario(column.scenario) or "as described"
    return f"{column.argument} [{shown_scenario(column.scenario)}]" if column.scenario else column.argument


def title_of(found: Comparison) -> str:
    """What is compared, in one line."""
    words = " and ".join(heading(found, column) for column in found.columns)
    same = len({column.argument for column in found.columns}) == 1
    return f"{found.base.title}: {words}" if same else f"rackcalc: {words}"


def headings(found: Comparison) -> list[str]:
    """The headings of values and changes."""
    names = []
    for column in found.columns:
        names.append(heading(found, column))
        if column is not found.base:
            names.append("change")
    return names


def legend(found: Comparison, everything: bool) -> list[str]:
    said = [f"Changes are from {heading(found, found.base)}; * marks the best."]
    if everything:
        return said
    differ = [path for path, cells in found.cells.items() if _differ(path, cells)]
    more = sum(1 for path in differ if not _decides(found, path))
    rest = f"{more} other figures differ (--all), {len(found.cells) - len(differ)} are equal in the four digits shown"
    return [*said, f"{rest}; --path FIGURE says why one moved."]


def _decides(found: Comparison, path: str) -> bool:
    """Whether a figure is one of those that decide between racks, or one that is explained."""
    return path in HEADLINES or any(explanation.path == path for explanation in found.explanations)


def notes_on(found: Comparison) -> list[str]:
    """The notes on all columns, each once, with the columns that it is about unless it is about all."""
    about: dict[str, list[str]] = {}
    for column in found.columns:
        for note in column.notes:
            about.setdefault(note, []).append(heading(found, column))
    return [
        note
        if len(names) == len(found.columns) or note.startswith((f"{names[0]}: ", f"{names[0]}, "))
        else f"{' and '.join(names)}: {note}"
        for note, names in about.items()
    ]


def _differ(path: str, cells: Sequence[Cell]) -> bool:
    """Whether the cells differ in the digits that are shown."""
    return len({cell(path, one.quantity) for one in cells}) > 1


def figure_table(found: Comparison, everything: bool) -> Iterator[list[str]]:
    """Rows of figures by section. A row with a single cell is the heading of a section."""
    section = ""
    for row in rows([column.figures for column in found.columns], everything):
        cells = found.cells[row.path]
        if not everything and not (_decides(found, row.path) and _differ(row.path, cells)):
            continue
        if row.section != section:
            section = row.section
            yield [SECTIONS[section][0]]
        line = [f"{'  ' if everything else ''}{row.path}"]
        for index, one in enumerate(cells):
            known = one.quantity is None or one.quantity.known
            line.append((cell(row.path, one.quantity) if known else "unknown") + (" *" if one.best else "  "))
            if index != found.baseline:
                line.append(_change(one))
        yield line


def _change(one: Cell) -> str:
    """A change in percent, as a factor from ten times on, or in the unit where a percentage says nothing."""
    if one.quantity is None or not isfinite(one.change) or not one.change:
        return ""
    return change_percent(one.share) if one.share >= -SIGN_CHANGED else signed(one.quantity, one.change)


def signed(like: Quantity, change: float) -> str:
    """A change with its sign, in the unit of a figure; of temperatures in K."""
    return ("+" if change > 0 else "") + show_value(Quantity(change, like.unit))


def why(found: Comparison, explanation: Explanation) -> str:
    name, old = heading(found, found.columns[explanation.column]), float(explanation.old.value)
    if not explanation.change:
        same = old == float(explanation.new.value)
        words = "the same" if same else "not split, having no number on one side,"
        return f"{explanation.path} is {words} in {name}: {cell(explanation.path, explanation.new)}"
    moved = f"{cell(explanation.path, explanation.old)} -> {cell(explanation.path, explanation.new)}"
    relative = ""
    share = explanation.change / abs(old) if old and not is_temperature(explanation.new) else float("nan")
    if share >= -SIGN_CHANGED:
        relative = f" ({change_percent(share)})"
    return f"Why {explanation.path} moved in {name}: {moved}, {signed(explanation.new, explanation.change)}{relative}"


def _most(found: Comparison) -> Iterator[list[str]]:
    """Of every figure that is explained, the input or term that moved it most, and its share of the change."""
    for explanation in found.explanations:
        parts = explanation.inputs or explanation.terms
        if not parts or not explanation.change:
            continue
        first, *row = contributions(explanation, parts)[0]
        if first == explanation.path:
            continue
        if _same_before(found, explanation) is not None:
            continue
        alike = [
            _place(found, other)
            for other in found.explanations
            if other.path == explanation.path and (other is explanation or _same_before(found, other) is explanation)
        ]
        where = [", ".join(alike)] if len(found.columns) > 2 else []
        yield [f"  {explanation.path}", *where, first, *row]


def breakdowns(explanation: Explanation) -> Iterator[tuple[str, Sequence[Contribution]]]:
    """The breakdowns to show: by term, and by input where it differs."""
    if explanation.terms:
        yield "by term", explanation.terms
    if not explanation.inputs:
        return
    if [part.amount for part in explanation.inputs] != [part.amount for part in explanation.terms]:
        yield "by input", explanation.inputs


def contributions(explanation: Explanation, parts: Sequence[Contribution]) -> list[list[str]]:
    """Rows of name, contribution, its share of the change, and the old and new value behind it."""
    shown = [part for part in parts if abs(part.amount) >= LEAST * abs(explanation.change)][:MOST]
    lines = []
    for part in shown:
        words = [part.name, signed(explanation.new, part.amount), _share(part.amount, explanation)]
        if part.old is not None or part.new is not None:
            words += [f"{cell(part.name, part.old)} -> {cell(part.name, part.new)}"]
        lines.append(words)
    rest = sum(part.amount for part in parts if part not in shown)
    if len(shown) < len(parts):
        label = f"{len(parts) - len(shown)} more"
        lines.append([label, signed(explanation.new, rest), _share(rest, explanation)])
    return lines


def _place(found: Comparison, explanation: Explanation) -> str:
    return heading(found, found.columns[explanation.column])


def _same_before(found: Comparison, explanation: Explanation) -> Explanation | None:
    """The explanation of the same figure in an earlier column, where it is the same change for the same reasons."""
    for other in found.explanations:
        if other is explanation:
            return None
        if other.path == explanation.path and _reasons(other) == _reasons(explanation):
            return other
    return None


def _reasons(explanation: Explanation) -> list[list[str]]:
    """What is shown of an explanation, but for the column it is about."""
    if not explanation.change:
        return [[str(explanation.new.value)]]
    return [row for _, parts in breakdowns(explanation) for row in contributions(explanation, parts)]


def _against(rows: Sequence[Sequence[str]]) -> str:
    """What shares below 0 mean, where there are any."""
    return (
        " (what has a share below 0 % works against the change)" if any(row[2].startswith("-") for row in rows) else ""
    )


def _share(amount: float, explanation: Explanation) -> str:
    """A share of the change; none where the parts cancel but for less than a tenth of one, and a share says nothing."""
    share = amount / explanation.change
    return f"{share:.0%}" if abs(share) <= MOST_SHARE else ""


def _html(text: str) -> str:
    for character, code in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, code)
    return without_links(printable(text))


def _figure(path: str, cells: Sequence[Cell]) -> dict[str, Any]:
    unit = next(one.quantity.unit for one in cells if one.quantity is not None)
    return {
        "path": path,
        "unit": unit,
        "better": better_side(path) or None,
        "values": [None if one.quantity is None else json_number(float(one.quantity.value)) for one in cells],
        "changes": [json_number(one.change) for one in cells],
        "shares": [json_number(one.share) for one in cells],
        "best": [index for index, one in enumerate(cells) if one.best],
    }


def _explained(explanation: Explanation) -> dict[str, Any]:
    def parts(found: Sequence[Contribution]) -> list[dict[str, Any]]:
        return [
            {
                "name": part.name,
                "contribution": json_number(part.amount),
                "share": json_number(part.amount / explanation.change),
            }
            for part in found
        ]

    return {
        "path": explanation.path,
        "column": explanation.column,
        "unit": explanation.new.unit,
        "old": json_number(float(explanation.old.value)),
        "new": json_number(float(explanation.new.value)),
        "change": json_number(explanation.change),
        "terms": parts(explanation.terms),
        "inputs": parts(explanation.inputs),
    }


# name -> (renderer, file endings that select it)
FORMATS: dict[str, tuple[Callable[..., str], tuple[str, ...]]] = {
    "table": (as_text, (".txt",)),
    "markdown": (as_markdown, (".md", ".markdown")),
    "json": (as_json, (".json",)),
}
