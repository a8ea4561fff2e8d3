"""`rackcalc uncertainty`: intervals, odds of gates and claims, and a tornado for every figure that is explained."""

import csv
import io
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from math import isfinite
from typing import Any

from rackcalc.quantities.csv_cells import number
from rackcalc.quantities.problems import printable
from rackcalc.quantities.record import replace
from rackcalc.questions.uncertainty.analysis import Report
from rackcalc.questions.uncertainty.draws import Spread
from rackcalc.questions.uncertainty.effects import Effect
from rackcalc.render.aligned_text import GAP, line_width, packed
from rackcalc.render.cells import cell
from rackcalc.render.figure_rows import SECTIONS
from rackcalc.render.json_data import json_number, json_text
from rackcalc.render.percentages import odds_percent
from rackcalc.version import __version__

SCHEMA = "rackcalc.uncertainty/1"
NAME = 36  # characters of a name in a tornado
# figures that are shown beside those that are explained, unless all are asked for
SHOWN = (
    *("latency.ttft", "latency.tpot", "power.it", "thermal.rack_headroom", "cost.capex", "cost.per_hour"),
    *("cost.per_million_output_tokens", "roi.npv", "roi.payback"),
)
BAR = 10  # characters of the longest bar


def render(report: Report, name: str, top: int, everything: bool) -> str:
    """The report in the named format. top: doubts shown for each figure. everything: all figures (table only)."""
    if name == "json":
        return as_json(report)
    return as_csv(report) if name == "csv" else as_text(report, top, everything, line_width())


def as_text(report: Report, top: int, everything: bool, width: int) -> str:
    """For people. width: of a line. A name that is too long for its column has a line of its own."""
    lines = [
        report.result.title,
        f"{report.samples:,} draws of {report.doubts} uncertain values, seed {report.seed}",
        *intervals(report, everything, width),
        *odds(report),
    ]
    lines += [] if everything else ["all figures: --all"]
    for path, effects in report.effects.items():
        lines += tornado(path, report.spreads[path], effects[:top], len(effects), width)
    return "".join(f"{printable(line)}\n" for row in lines for line in row.split("\n"))


def intervals(report: Report, everything: bool, width: int) -> Iterator[str]:
    """A line for every figure that is uncertain."""
    rows = [["", "as given", "10 %", "median", "90 %"]]
    for path, found in report.spreads.items():
        if (everything or path in report.effects or path in SHOWN) and found.low != found.high:
            given = cell(path, found.figure, digits=3)
            ends = [cell(path, replace(found.figure, value=x), digits=3) for x in (found.low, found.median, found.high)]
            if len({text.partition(" ")[2] for text in (given, *ends)} - {""}) <= 1:  # the unit once; "inf" has none
                ends = [text.partition(" ")[0] for text in ends]
            rows.append([path, given, *ends])
    yield from aligned_within(rows, width)


def aligned_within(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """As aligned_text.aligned, at most `width` wide: after a name that is too long, the cells go to a new line."""
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if GAP + sum(others) + GAP * len(others) > width:  # not even below the name
        yield ""
        for name, *cells in rows[1:]:
            named = [f"{head} {cell}" for head, cell in zip(rows[0][1:], cells, strict=True)]
            yield "\n".join([name, *packed(named, "  ", width)])
        return
    first = min(first, max(width - sum(others) - GAP * len(others), GAP))
    for row in rows:
        rest = (text.rjust(wide) for text, wide in zip(row[1:], others, strict=True))
        name = row[0].ljust(first) if len(row[0]) <= first else f"{row[0]}\n{' ' * first}"
        yield (" " * GAP).join([name, *rest]).rstrip()


def shown(path: str) -> bool:
    """Whether the table of an estimate shows this figure; terms of sums do not count."""
    _, patterns = SECTIONS.get(path.partition(".")[0], ("", ()))
    return "terms." not in path and any(fnmatchcase(path, pattern) for pattern in patterns)


def odds(report: Report) -> Iterator[str]:
    """In how many draws gates and claims hold, and in how many the rack cannot work, by reason."""
    for verdict, share in report.holds:
        yield f"passes in {odds_percent(share)} of the draws: {verdict.condition.level} if {verdict.condition.text}"
    for one, share in report.claims:
        scenario = f" [{one.claim.scenario}]" if one.claim.scenario else ""
        yield f"holds in {odds_percent(share)} of the draws: {one.claim.expect}{scenario}"
    for reason, share in report.refused.items():
        yield f"cannot work in {odds_percent(share)} of the draws: {reason}"


def tornado(path: str, found: Spread, effects: Sequence[Effect], count: int, width: int) -> Iterator[str]:
    """The inputs that move a figure most: its value at their 10 % and 90 % quantiles, and shares of variance."""
    yield ""
    yield f"{path} = {cell(path, found.figure)}: what its uncertainty comes from"
    if not effects:
        yield "  nothing: it is certain"
        return
    rows = [
        (
            shortened_name(effect.doubt.name),
            *(cell(path, replace(found.figure, value=x), digits=3) for x in (effect.low, effect.high)),
            odds_percent(effect.first),
            odds_percent(effect.total),
        )
        for effect in effects
    ]
    most = max(effect.swing for effect in effects)
    lines = aligned_within(
        [("one value alone", "at its 10 %", "at its 90 %", "first", "total"), *rows], width - GAP - BAR
    )
    yield next(lines)
    yield from (f"{line}  {bar(effect.swing / most)}" for line, effect in zip(lines, effects, strict=True))
    if count > len(effects):
        yield f"and {count - len(effects)} more"


def bar(share: float) -> str:
    """A bar with this share of its full length; none where the share is no number, as of two infinite figures."""
    return "#" * max(round(share * BAR), 1) if isfinite(share) else ""


def shortened_name(name: str) -> str:
    """A dotted name that fits its column, where it has dots. Of a long name the first words are left out."""
    words = name.split(".")
    while len(".".join(words)) > NAME and len(words) > 1:
        words = words[1:]
    return ".".join(words)


def as_json(report: Report) -> str:
    """The whole report in canonical units."""
    return json_text(document(report))


def document(report: Report) -> dict[str, Any]:
    """The whole report as plain data."""
    data: dict[str, Any] = {"schema": SCHEMA, "rackcalc": __version__}
    data |= {"name": report.result.name, "scenario": report.result.scenario}
    data |= {"samples": report.samples, "seed": report.seed, "doubts": report.doubts}
    data["figures"] = {
        path: {
            "value": json_number(float(found.figure.value)),
            "unit": found.figure.unit,
            "p10": json_number(found.low),
            "p50": json_number(found.median),
            "p90": json_number(found.high),
            "no_number": found.lost,
        }
        for path, found in report.spreads.items()
    }
    data["gates"] = [
        {"gate": verdict.condition.text, "level": verdict.condition.level, "status": verdict.status, "holds": share}
        for verdict, share in report.holds
    ]
    data["claims"] = [
        {
            "says": one.claim.says,
            "expect": one.claim.expect,
            "scenario": one.claim.scenario or "",
            "verdict": one.verdict,
            "holds": share,
        }
        for one, share in report.claims
    ]
    data["cannot_work"] = dict(report.refused)
    data["effects"] = {path: [effect_data(effect) for effect in effects] for path, effects in report.effects.items()}
    return data


def effect_data(effect: Effect) -> dict[str, Any]:
    """The effect of one doubt as plain data."""
    return {
        "doubt": effect.doubt.name,
        "place": effect.doubt.place,
        "at_p10": json_number(effect.low),
        "at_p90": json_number(effect.high),
        "first_order": json_number(effect.first),
        "total": json_number(effect.total),
    }


def as_csv(report: Report) -> str:
    """A row for every figure, in canonical units."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["path", "unit", "value", "p10", "p50", "p90"])
    for path, found in report.spreads.items():
        values = (float(found.figure.value), found.low, found.median, found.high)
        writer.writerow([path, found.figure.unit, *map(number, values)])
    return stream.getvalue()
