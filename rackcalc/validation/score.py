"""Errors by kind and group: mean, median, bias, worst, and the share that fell into the predicted interval.

`python -m rackcalc.validation.score PREDICTIONS.csv` scores anybody's predictions (referee.py).
"""

import heapq
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite, nan
from statistics import median

from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import record
from rackcalc.questions.gate_conditions import Condition
from rackcalc.questions.gates import Verdict, evaluate
from rackcalc.validation import Result
from rackcalc.validation.groups import group_of, subject

STATISTICS = ("mape", "median_ape", "bias", "worst", "coverage")


@record
class Score:
    """Errors of one group, as fractions. worst: signed, the largest in size. coverage: nan without intervals."""

    kind: str
    group: str
    metric: str
    subject: str
    rows: int
    mape: float
    median_ape: float
    bias: float
    worst: float
    coverage: float


@record
class Summary:
    """Errors of one kind and subject: medians over its groups. worst: of all rows. coverage: the mean over the groups,
    because the median of shares that end at 1 is higher than the share of the rows.
    """

    kind: str
    subject: str
    groups: int
    rows: int
    mape: float
    median_ape: float
    bias: float
    worst: float
    coverage: float


class Tally:
    """Collects results one at a time: 16 bytes a row, whatever the number of rows."""

    def __init__(self, worst: int = 0) -> None:
        self.errors: dict[tuple[str, str, str, str], array[float]] = {}
        self.inside: Counter[tuple[str, str, str, str]] = Counter()
        self.bounded: Counter[tuple[str, str, str, str]] = Counter()
        self.unanswered: Counter[tuple[str, str]] = Counter()
        self.rows: Counter[str] = Counter()
        self.keep = worst
        self.heap: list[tuple[float, int, Result]] = []
        self.count = 0

    def add(self, result: Result) -> None:
        """Take one result in."""
        row = result.row
        self.count += 1
        self.rows[row.kind] += 1
        if result.predicted is None:
            self.unanswered[row.kind, result.reason] += 1
            return
        key = (row.kind, group_of(row), row.metric, subject(row))
        error = result.error
        self.errors.setdefault(key, array("d")).append(error)
        if isfinite(result.high):
            self.bounded[key] += 1
            self.inside[key] += result.low <= row.value <= result.high
        if self.keep:
            push = heapq.heappush if len(self.heap) < self.keep else heapq.heappushpop
            push(self.heap, (abs(error) if isfinite(error) else float("inf"), -self.count, result))

    @property
    def worst(self) -> list[Result]:
        """The worst results, worst first."""
        return [result for _, _, result in sorted(self.heap, key=lambda entry: entry[:2], reverse=True)]

    def scores(self) -> list[Score]:
        """Every group, in order of kind, metric and group."""
        ordered = sorted(self.errors.items(), key=lambda item: (item[0][0], item[0][3], item[0][2], item[0][1]))
        return [self._score(*key, errors) for key, errors in ordered]

    def _score(self, kind: str, group: str, metric: str, word: str, errors: "array[float]") -> Score:
        sizes = [abs(error) for error in errors]
        key = (kind, group, metric, word)
        coverage = self.inside[key] / self.bounded[key] if self.bounded[key] else nan
        mean, bias = sum(sizes) / len(sizes), sum(errors) / len(errors)
        return Score(kind, group, metric, word, len(sizes), mean, median(sizes), bias, max(errors, key=abs), coverage)


def summaries(scores: Iterable[Score]) -> list[Summary]:
    """Median over the groups of each kind and subject: pooled, the kernels would drown the rest."""
    by_subject: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        by_subject.setdefault((score.kind, score.subject), []).append(score)
    return [_summary(kind, word, group) for (kind, word), group in by_subject.items()]


def _summary(kind: str, word: str, group: Sequence[Score]) -> Summary:
    return Summary(
        kind=kind,
        subject=word,
        groups=len(group),
        rows=sum(score.rows for score in group),
        mape=median(score.mape for score in group),
        median_ape=median(score.median_ape for score in group),
        bias=median(score.bias for score in group),
        worst=max((score.worst for score in group), key=abs),
        coverage=_mean_known(score.coverage for score in group),
    )


def _mean_known(values: Iterable[float]) -> float:
    known = [value for value in values if isfinite(value)]
    return sum(known) / len(known) if known else nan


def as_figures(found: Iterable[Summary]) -> dict[str, dict[str, dict[str, Quantity]]]:
    """kind -> subject -> statistic -> figure, for gates such as `serving.tpot.mape > 12 %`."""
    tree: dict[str, dict[str, dict[str, Quantity]]] = {}
    for summary in found:
        source = Source("measured", note=f"median over {summary.groups} groups")
        tree.setdefault(summary.kind, {})[summary.subject] = {
            name: Quantity(getattr(summary, name), "1", name, source=source) for name in STATISTICS
        }
    return tree


def unanswered(tally: Tally) -> Iterator[tuple[str, str, int]]:
    """(kind, reason, rows), most first."""
    for (kind, reason), count in sorted(tally.unanswered.items(), key=lambda item: (item[0][0], -item[1], item[0][1])):
        yield kind, reason, count


def verdicts(conditions: Sequence[Condition], tally: Tally) -> list[Verdict]:
    """Gates against the summaries. InputError naming near misses for what was not scored."""
    return evaluate(conditions, as_figures(summaries(tally.scores())))


def main(arguments: Sequence[str]) -> int:
    """Score the predictions of a file; the exit code."""
    from rackcalc.quantities.problems import InputError
    from rackcalc.validation import referee

    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print("usage: python -m rackcalc.validation.score PREDICTIONS.csv", file=sys.stderr)
        print("columns: kind, case, metric, predicted; low and high if there are any", file=sys.stderr)
        return 2
    try:
        found = referee.judged(referee.read_predictions(arguments[0]))
    except InputError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 2
    print(referee.as_text(found), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
