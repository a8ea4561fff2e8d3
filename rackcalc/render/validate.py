"""`rackcalc validate`: errors against measurements as a table for people, as JSON and CSV for programs."""

import csv
from math import isfinite
from typing import Any, TextIO

from rackcalc.quantities.csv_cells import cell
from rackcalc.quantities.display import show_value
from rackcalc.quantities.quantity import Quantity
from rackcalc.render.aligned_text import aligned
from rackcalc.render.json_data import json_number, json_value
from rackcalc.render.percentages import error_percent
from rackcalc.validation import Result, folds
from rackcalc.validation.former import Comparison, Gone, Moved, Worse
from rackcalc.validation.groups import group_of, subject
from rackcalc.validation.own_run import Factor, OwnRuns
from rackcalc.validation.score import STATISTICS, Score, Summary, Tally, summaries, unanswered
from rackcalc.version import __version__

COLUMNS = ("kind", "what", "group", "rows", "MAPE", "median", "bias", "worst", "inside 80 %")
FIELDS = (
    *("case", "kind", "group", "part", "parts", "model", "metric", "subject", "unit"),
    *("measured", "predicted", "low", "high", "error", "reason", "file", "line"),
)


def as_text(tally: Tally, leave_out: str = "") -> str:
    """A line for every group and every kind, then unanswered rows and the worst rows.

    Of a kind: the median over its groups, but the mean of their shares inside the interval.
    """
    scores = tally.scores()
    lines: list[tuple[str, ...]] = [COLUMNS]
    by_kind = {(summary.kind, summary.subject): summary for summary in summaries(scores)}
    for (kind, word), summary in by_kind.items():
        lines += [_line(score, score.group) for score in scores if (score.kind, score.subject) == (kind, word)]
        lines.append(_line(summary, f"median over {summary.groups} groups"))
    text = [*aligned(lines, left=3)] if scores else ["nothing was scored"]
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
        error_percent(found.mape),
        error_percent(found.median_ape),
        error_percent(found.bias, True),
        error_percent(found.worst, True),
        error_percent(found.coverage),
    )


def _describe(result: Result) -> str:
    row, predicted = result.row, result.predicted
    assert predicted is not None
    measured = show_value(Quantity(row.value, predicted.unit, absolute=True))
    what = f"{row.case} {row.metric} of {group_of(row)}"
    found = f"{show_value(predicted)} against {measured} measured"
    return f"{error_percent(result.error, True):>9}  {what}: {found}  {row.file}:{row.line}"


def as_data(tally: Tally, leave_out: str = "") -> dict[str, Any]:
    """Groups, kinds (medians over groups) and unanswered rows as plain data. Errors are fractions, None if unknown."""
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


MOST_ROWS = 50  # that moved, in text; JSON has all


def comparison_text(found: Comparison | None) -> str:
    """What is another than in the baseline: groups that worsened, rows that moved, rows without an answer."""
    if found is None:
        return ""
    worse, moved = found.worse(), sorted(found.moved, key=_size, reverse=True)
    text = ["", f"against the baseline: {_many(len(worse), 'group')} worsened by 2 points or a tenth"]
    text += [f"  {error_percent(x.before)} -> {error_percent(x.now)}  {x.kind} {x.subject} {x.group}" for x in worse]
    text.append(f"{_many(len(moved), 'row')} moved; {_many(found.new, 'row')} newly answered")
    text += [f"  {_error(x.before)} -> {_error(x.now)}  {x.kind} {x.case} {x.metric}" for x in moved[:MOST_ROWS]]
    text += [f"  ... and {len(moved) - MOST_ROWS} that moved less: --json lists all"] if len(moved) > MOST_ROWS else []
    text.append(f"{_many(len(found.gone), 'row')} no longer answered")
    text += [f"  FAIL {x.kind} {x.case} {x.metric}: {x.reason}" for x in found.gone]
    return "\n".join(text) + "\n"


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _error(error: float) -> str:
    return error_percent(error, True)


def _size(row: Moved) -> float:
    size = abs(row.now - row.before)
    return size if isfinite(size) else float("inf")


def comparison_data(found: Comparison | None) -> dict[str, Any]:
    """The same as plain data, with every row that moved."""
    if found is None:
        return {}
    plain = {
        "worse": [_named(each) for each in found.worse()],
        "moved": [_named(each) for each in found.moved],
        "gone": [_named(each) for each in found.gone],
    }
    return {"baseline": {**plain, "newly_answered": found.new}}


def own_run_text(found: OwnRuns | None) -> str:
    """What runs of one's own servers suggest for all others of them."""
    suggestions = [] if found is None else list(found.suggestions())
    if not suggestions:
        return ""
    text = ["", "suggested by your own runs, for other loads of the same server (times per token):"]
    for server, own in suggestions:
        factors = f"fixed times x {_factor(own.fixed)}, rates x {_factor(own.rates)}"
        text.append(f"  {server}: {factors}, from {_many(own.rows, 'row')}")
    return "\n".join(text) + "\n"


def _factor(factor: Factor) -> str:
    return f"{factor.value:.2f} ({factor.low:.2f} .. {factor.high:.2f})"


def own_run_data(found: OwnRuns | None) -> dict[str, Any]:
    """The same as plain data."""
    if found is None:
        return {}
    return {
        "own_runs": [
            {"server": server, "rows": own.rows, "fixed": own.fixed._asdict(), "rates": own.rates._asdict()}
            for server, own in found.suggestions()
        ]
    }


def _named(each: Worse | Moved | Gone) -> dict[str, Any]:
    return {name: json_value(value) for name, value in each._asdict().items()}


def _plain(found: Score | Summary) -> dict[str, Any]:
    return {name: json_number(value) if name in STATISTICS else value for name, value in vars(found).items()}


def _row(result: Result) -> dict[str, Any]:
    row, predicted = result.row, result.predicted
    error = None if predicted is None else json_number(result.error)
    low, high = json_number(result.low), json_number(result.high)
    values = (row.case, row.kind, group_of(row), row.part, row.parts, row.model, row.metric, subject(row), row.unit)
    rest = (row.value, None if predicted is None else float(predicted.value), low, high, error, result.reason)
    return dict(zip(FIELDS, (*values, *rest, row.file, row.line), strict=True))


class CsvRows:
    """Writes results as CSV rows, one at a time. measured and predicted are in canonical units."""

    def __init__(self, stream: TextIO) -> None:
        self.writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
        self.writer.writeheader()

    def add(self, result: Result) -> None:
        """Write one result."""
        self.writer.writerow({name: cell(value) for name, value in _row(result).items()})
