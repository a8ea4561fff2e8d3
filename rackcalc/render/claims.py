"""`rackcalc claims`: judged claims as aligned text, as Markdown and as JSON."""

import textwrap
from collections.abc import Callable, Sequence
from math import isnan
from typing import Any

from rackcalc.config.catalog_files import sources
from rackcalc.quantities.display import show_value
from rackcalc.quantities.problems import printable
from rackcalc.quantities.unit_text import rounded
from rackcalc.questions.claims.judgement import VERDICTS, WORSE, Judgement, deciding_quantity
from rackcalc.render.aligned_text import aligned, line_width
from rackcalc.render.aligned_text import wrapped as fold
from rackcalc.render.cells import cell, interval_text
from rackcalc.render.json_data import json_number, json_text
from rackcalc.render.markdown_text import escape, table_row
from rackcalc.render.percentages import percent
from rackcalc.version import __version__

SCHEMA = "rackcalc.claims/1"
SHORT_HEAD = ("verdict", "claim", "claimed", "computed")
NARROW_HEAD = ("verdict", "claim", "computed")
WIDTH = 110  # characters of a line on one screen
HEAD = ("verdict", "rack is", "claim", "claimed", "computed", "80 % interval", "figure", "decided by")


def as_lines(loaded: Any, judged: Sequence[Judgement]) -> str:
    """A line for every claim, or several in a narrow terminal, and a count: what fits on one screen."""
    rows = [(one.verdict, one.claim.says, *in_short(one)) for one in judged]
    width, table = min(line_width(), WIDTH), list(aligned([SHORT_HEAD, *rows], left=len(SHORT_HEAD)))
    if max(map(len, table)) > width:
        table = narrow(judged, width) or [line for one in judged for line in stacked_in_short(one, width)]
    else:
        start = table[0].index(SHORT_HEAD[2])
        rows_with_claims = zip(judged, table[1:], strict=True)
        table[1:] = [line for one, row in rows_with_claims for line in with_reason(one, row, start, width)]
    more = "; more: --all"
    lines = [loaded.rack.name, *table, *wrapped(count(judged) + more, width)]
    return "".join(f"{printable(line)}\n" for line in lines)


def in_short(one: Judgement) -> list[str]:
    """What is claimed and what is computed; nothing where there is no figure."""
    if one.expectation is None or one.actual is None or not one.actual.known:
        return ["", ""]
    return [stated(one), computed(one)]


def with_reason(one: Judgement, row: str, start: int, width: int) -> list[str]:
    """The row of a claim; where it has no figure with the reason from `start` on, in several lines if that is long."""
    if in_short(one) != ["", ""]:
        return [row]
    reason = fold(one.reason, max(width - start, 30))
    return [f"{row:{start}}{reason[0]}", *(" " * start + part for part in reason[1:])] if reason else [row]


def narrow(judged: Sequence[Judgement], width: int) -> list[str]:
    """A line for every claim without what is claimed, which its words say: none where they do not fit into `width`."""
    rows = [(one.verdict, one.claim.says, comparison(one)) for one in judged]
    found = list(aligned([NARROW_HEAD, *((*row[:2], "") if not row[2] else row for row in rows)], left=3))
    start = found[0].index(NARROW_HEAD[1])
    if max(map(len, found)) > width:
        return []
    reasons = ["", *(one.reason if in_short(one) == ["", ""] else "" for one in judged)]
    pairs = zip(found, reasons, strict=True)
    return [
        part
        for row, reason in pairs
        for part in textwrap.wrap(
            f"{row}: {reason}" if reason else row,
            width,
            subsequent_indent=" " * (start + 2),
            break_on_hyphens=False,
            drop_whitespace=False,
        )
    ]


def comparison(one: Judgement) -> str:
    """What is computed; of an inequality with the sign that is true and what is claimed."""
    found = in_short(one)[1]
    if one.expectation is None or one.actual is None or one.expectation.operator == "=":
        return found
    if not found.lstrip("+-")[:1].isdigit():  # "never", "none (below 1e-15)"
        return found
    above = float(one.actual.value) > one.expected
    true = {"<": ">" if above else one.expectation.operator, ">": one.expectation.operator if above else "<"}
    return f"{found} {true[one.expectation.operator[0]]} {one.expectation.value}"


def stacked_in_short(one: Judgement, width: int) -> list[str]:
    """A claim in a few lines of at most `width` characters."""
    claimed, found = in_short(one)
    said = f"claimed {claimed}, computed {found}" if claimed else one.reason
    return [*wrapped(f"{one.verdict}: {one.claim.says}", width), *wrapped(said, width, "    ")]


def as_text(loaded: Any, judged: Sequence[Judgement]) -> str:
    """A line for every claim, or several in a narrow terminal; then the citations of the formulas, and a count."""
    table = list(
        aligned(
            [HEAD, *([verdict_text(one), one.rack_is, one.claim.says, *figures(one)] for one in judged)], left=len(HEAD)
        )
    )
    if max(map(len, table)) > line_width():
        table = [line for one in judged for line in stacked(one, line_width())]
    notes = [line for note in all_notes(judged) for line in wrapped(note, line_width())]
    remarks = [line for text in claim_notes(judged) for line in wrapped(text, line_width())]
    cited = [line for text in citations(judged) for line in wrapped(text, line_width())]
    parts = ([loaded.rack.name, *table], remarks, cited, notes, wrapped(count(judged), line_width()))
    lines = [line for part in parts if part for line in (*part, "")][:-1]
    return "".join(f"{printable(line)}\n" for line in lines)


def stacked(one: Judgement, width: int) -> list[str]:
    """A claim in several lines of at most `width` characters."""
    claimed, found, ends, about, decides = (*figures(one), "")[:5]
    said = f"claimed {claimed}, computed {found}" + (f" ({ends})" if ends else "") if claimed else ""
    by = f"{about}, by {decides}" if one.actual is not None else " ".join(filter(None, (about, decides)))
    head = wrapped(f"{headline(one)}: {one.claim.says}", width)
    return [*head, *(line for text in (said, by) if text for line in wrapped(text, width, "    "))]


def claim_notes(judged: Sequence[Judgement]) -> list[str]:
    """What the file says beside claims that have a figure; beside others it is the reason."""
    return [f"{one.claim.says}: {one.claim.note}" for one in judged if one.claim.note and one.figure is not None]


def all_notes(judged: Sequence[Judgement]) -> list[str]:
    """The notes on the estimates behind the claims, each once, with its scenarios unless it is about all of them."""
    scenarios = {one.claim.scenario or "": one.notes for one in judged if one.notes}
    about: dict[str, list[str]] = {}
    for name, notes in scenarios.items():
        for note in dict.fromkeys(notes):
            about.setdefault(note, []).append(name or "as described")
    whole = {note for note, names in about.items() if len(names) == len(scenarios) or names == ["as described"]}
    return [f"note: {note}" if note in whole else f"note [{', '.join(about[note])}]: {note}" for note in about]


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Text in lines of at most `width` characters; those after the first are indented further."""
    return fold(text, width, indent, f"{indent}  ")


def as_markdown(loaded: Any, judged: Sequence[Judgement]) -> str:
    """A table, with the citations of the formulas below it."""
    lines = [f"### {escape(loaded.rack.name)}: {count(judged)}", "", table_row(HEAD)]
    lines.append("| --- | --- | --- | --- | ---: | --- | --- | --- |")
    for one in judged:
        notes = " ".join(
            filter(None, (one.claim.says, f"({one.claim.note})" if one.claim.note and one.figure is not None else ""))
        )
        cells = [verdict_text(one), one.rack_is, notes, *figures(one)]
        lines.append(table_row(escape(printable(text)) for text in (*cells, "")[: len(HEAD)]))
    lines += ["", *(f"- {escape(text)}" for text in (*citations(judged), *all_notes(judged)))]
    return "\n".join(lines) + "\n"


def as_json(loaded: Any, judged: Sequence[Judgement]) -> str:
    """Every claim with its figure, in canonical units."""
    return json_text(document(loaded, judged))


def document(loaded: Any, judged: Sequence[Judgement]) -> dict[str, Any]:
    """All claims as plain data."""
    head = {"schema": SCHEMA, "rackcalc": __version__, "name": loaded.rack.name}
    counts = {verdict: sum(one.verdict == verdict for one in judged) for verdict in VERDICTS}
    return head | {"counts": counts, "claims": list(map(as_data, judged)), "notes": all_notes(judged)}


def verdict_text(one: Judgement) -> str:
    """The verdict, and by what factor the claim is off where it is off by one."""
    factor = one.factor
    if not one.side or isnan(factor):
        return one.verdict
    factor = max(factor, 1 / factor)
    return f"{one.verdict}, x {rounded(factor, 3)}" if factor < 1e6 else f"{one.verdict}, x over a million"


def headline(one: Judgement) -> str:
    """The verdict, and on which side of the claim the rack is."""
    return verdict_text(one) + (f", the rack is {one.rack_is}" if one.rack_is else "")


def count(judged: Sequence[Judgement]) -> str:
    """The number of claims, how many have each verdict, and of how many the rack falls short."""
    counts = [(sum(one.verdict == verdict for one in judged), verdict) for verdict in VERDICTS]
    claims = "1 claim" if len(judged) == 1 else f"{len(judged)} claims"
    worse = sum(one.rack_is == WORSE for one in judged)
    text = f"{claims}: " + ", ".join(f"{found} {verdict}" for found, verdict in counts if found)
    return text + (f"; the rack is worse than {worse} of them" if worse else "")


def figures(one: Judgement) -> list[str]:
    """The cells after the claim: claimed, computed, interval, figure, what decides it; or why there is no figure."""
    if one.expectation is None:
        return ["", "-", "", one.reason]
    if one.actual is None:
        return [stated(one), "-", "", subject(one), one.reason]
    return [stated(one), computed(one), interval(one), subject(one), decided(one)]


def stated(one: Judgement) -> str:
    """What the claim says that the figure is."""
    assert one.expectation is not None
    operator = "" if one.expectation.operator == "=" else f"{one.expectation.operator} "
    return f"{operator}{one.expectation.value}"


def interval(one: Judgement) -> str:
    """The 80 % interval of the compared value; "" where it is certain."""
    assert one.expectation is not None and one.actual is not None
    low, high = one.interval
    if isnan(low) or low == high:
        return ""
    if one.expectation.relative:
        return f"{rounded(low * 100, 3)} .. {rounded(high * 100, 3)} %"
    return interval_text("" if one.expectation.delta else one.expectation.path, one.actual, one.interval)


def subject(one: Judgement) -> str:
    """The figure that the claim is about, or its change, and the scenario."""
    assert one.expectation is not None
    words = f"delta({one.expectation.path})" if one.expectation.delta else one.expectation.path
    words += f" from {one.claim.against}" if one.claim.against else ""
    return words + (f" [{one.claim.scenario}]" if one.claim.scenario else "")


def computed(one: Judgement) -> str:
    """The figure, or its change with a sign."""
    assert one.expectation is not None and one.actual is not None
    value = float(one.actual.value)
    if not one.expectation.delta:
        return cell(one.expectation.path, one.actual)
    return ("+" if value > 0 else "") + (percent(value) if one.expectation.relative else show_value(one.actual))


def decided(one: Judgement) -> str:
    """The label of the formula that decides, or the name of a leaf."""
    found = deciding_quantity(one)
    if found is None:
        return ""
    return found.name if found.formula is None else found.formula.label


def citation(one: Judgement) -> str:
    """The citation of the formula, or the source of the leaf, that decides."""
    found = deciding_quantity(one)
    if found is not None and found.formula is not None:
        return found.formula.cite
    source = None if found is None else found.source
    if source is None:
        return ""
    title = sources().get(source.reference, {}).get("title", "")
    place = f"{source.file}:{source.line}" if source.line else source.file
    return "; ".join(filter(None, (source.kind, place, title, source.note)))


def citations(judged: Sequence[Judgement]) -> list[str]:
    """Every formula or leaf that decides, once, with its citation."""
    found = {decided(one): citation(one) for one in judged if one.figure is not None}
    return [f"{name}: {text}" for name, text in found.items()]


def as_data(one: Judgement) -> dict[str, Any]:
    """One claim as plain data. For delta(...), actual, low, high, expected and tolerance are about the change."""
    actual, figure, claim = one.actual, one.figure, one.claim
    return {
        "says": claim.says,
        "verdict": one.verdict,
        "rack_is": one.rack_is or None,
        "factor": json_number(one.factor),
        "expect": claim.expect,
        "scenario": claim.scenario,
        "against": claim.against,
        "path": one.expectation.path if one.expectation else None,
        "actual": json_number(float(actual.value)) if actual is not None else None,
        **dict(zip(("low", "high"), map(json_number, one.interval), strict=True)),
        "expected": json_number(one.expected),
        "tolerance": one.tolerance if actual is not None else None,
        "unit": actual.unit if actual is not None else None,
        "kind": figure.kind if figure is not None else None,
        "formula": decided(one) or None,
        "cite": citation(one) or None,
        "reason": one.reason,
        "source": claim.source,
        "note": claim.note,
        "file": one.node.file,
        "line": one.node.line,
    }


def line(one: Judgement) -> str:
    """A claim in one line, for an annotation."""
    if one.actual is None or one.expectation is None:
        return printable(f"{headline(one)}: {one.claim.says}: {one.reason}")
    claimed = f"{subject(one)} {one.expectation.operator} {one.expectation.value}"
    return printable(f"{headline(one)}: {one.claim.says}: {claimed}, computed {computed(one)}")


# name -> (renderer, file endings that select it)
FORMATS: dict[str, tuple[Callable[..., str], tuple[str, ...]]] = {
    "table": (as_lines, (".txt",)),
    "markdown": (as_markdown, (".md", ".markdown")),
    "json": (as_json, (".json",)),
}


def formats(everything: bool) -> dict[str, tuple[Callable[..., str], tuple[str, ...]]]:
    """The formats, the table with all columns, notes and sources where everything is wanted."""
    return FORMATS | {"table": (as_text, FORMATS["table"][1])} if everything else FORMATS
