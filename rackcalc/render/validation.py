"""Errors against measurements: a table for people, JSON and CSV for programs."""

import csv
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, TextIO

from rackcalc.quantities.display import show_value
from rackcalc.quantities.quantity import Quantity
from rackcalc.validation import Result, folds
from rackcalc.validation.score import STATISTICS, Score, Summary, Tally, group_of, subject, summaries, unanswered
from rackcalc.version import __version__

COLUMNS = ("kind", "what", "group", "rows", "MAPE", "median", "bias", "worst", "inside 80 %")
FIELDS = (
    *("case", "kind", "group", "part", "parts", "model", "metric", "subject", "unit"),
    *("measured", "predicted", "low", "high", "error", "reason", "file", "line"),
)


def percent(share: float, signed: bool = False) -> str:
    """A fraction as per cent; "-" for none."""
    return "-" if not isfinite(share) else f"{100 * share:{'+' if signed else ''}.1f} %"


def as_text(tally: Tally, leave_out: str = "") -> str:
    """One line a group, one a kind (median over its groups), then what was not answered and the worst."""
    scores = tally.scores()
    lines: list[tuple[str, ...]] = [COLUMNS]
    by_kind = {(summary.kind, summary.subject): summary for summary in summaries(scores)}
    for (kind, word), summary in by_kind.items():
        lines += [_line(score, score.group) for score in scores if (score.kind, score.subject) == (kind, word)]
        lines.append(_line(summary, f"median over {summary.groups} groups"))
    text = [*_aligned(lines)] if scores else ["nothing was scored"]
    if leave_out:
        text += ["", f"left out: each {leave_out} in turn"]
        text += [f"  {kind}: {note}" for kind, note in folds.notes(sorted(tally.rows), leave_out).items()]
    missing = list(unanswered(tally))
    if missing:
        text += ["", f"not answered: {sum(count for *_, count in missing)} of {tally.count} rows"]
        text += [f"  {kind}: {count} x {reason}" for kind, reason, count in missing]
    if tally.worst:
        text += ["", f"worst {len(tally.worst)} rows"]
        text += [f"  {_describe(result)}" for result in tally.worst]
    return "\n".join(text) + "\n"


def _line(found: Score | Summary, name: str) -> tuple[str, ...]:
    return (
        found.kind,
        found.metric if isinstance(found, Score) else found.subject,
        name,
        f"{found.rows}",
        percent(found.mape),
        percent(found.median_ape),
        percent(found.bias, True),
        percent(found.worst, True),
        percent(found.coverage),
    )


def _aligned(lines: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    for line in lines:
        padded = zip(line, widths, strict=True)
        cells = [cell.ljust(width) if i < 3 else cell.rjust(width) for i, (cell, width) in enumerate(padded)]
        yield "  ".join(cells).rstrip()


def _describe(result: Result) -> str:
    row, predicted = result.row, result.predicted
    assert predicted is not None
    measured = show_value(Quantity(row.value, predicted.unit, absolute=True))
    what = f"{row.case} {row.metric} of {group_of(row)}"
    found = f"{show_value(predicted)} against {measured} measured"
    return f"{percent(result.error, True):>9}  {what}: {found}  {row.file}:{row.line}"


def as_data(tally: Tally, leave_out: str = "") -> dict[str, Any]:
    """Groups, kinds (medians over groups) and what was not answered; errors as fractions, None for no number."""
    scores = tally.scores()
    return {
        "schema": "rackcalc.validate/1",
        "rackcalc": __version__,
        **({"left_out": leave_out, "refitted": folds.notes(sorted(tally.rows), leave_out)} if leave_out else {}),
        "rows": tally.count,
        "answered": sum(score.rows for score in scores),
        "groups": [_plain(score) for score in scores],
        "kinds": [_plain(summary) for summary in summaries(scores)],
        "unanswered": [{"kind": kind, "reason": reason, "rows": count} for kind, reason, count in unanswered(tally)],
        "worst": [_row(result) for result in tally.worst],
    }


def _plain(found: Score | Summary) -> dict[str, Any]:
    return {name: _number(value) if name in STATISTICS else value for name, value in vars(found).items()}


def _number(value: float) -> float | None:
    return value if isfinite(value) else None


def _row(result: Result) -> dict[str, Any]:
    row, predicted = result.row, result.predicted
    error = None if predicted is None else _number(result.error)
    low, high = _number(result.low), _number(result.high)
    values = (row.case, row.kind, group_of(row), row.part, row.parts, row.model, row.metric, subject(row), row.unit)
    rest = (row.value, None if predicted is None else float(predicted.value), low, high, error, result.reason)
    return dict(zip(FIELDS, (*values, *rest, row.file, row.line), strict=True))


class Lines:
    """Results as CSV, one row each, written as they come. measured and predicted are in canonical units."""

    def __init__(self, stream: TextIO) -> None:
        self.writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
        self.writer.writeheader()

    def add(self, result: Result) -> None:
        """Write one result."""
        self.writer.writerow(_row(result))
