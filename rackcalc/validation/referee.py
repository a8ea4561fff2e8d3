"""Anybody's predictions for the bundled measurements, scored by one set of rules: the referee.

Errors of rows are capped at 100 %. A group is a part with a model or an operation; groups of fewer than five rows are
pooled. An error is the mean over a group, then the median over the groups; beside it stands the median over all rows.
A row without a prediction counts as not answered, never as left out. Rows that cannot be right and mere claims are
nobody's to predict.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, nan
from statistics import median
from typing import NamedTuple

from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.validation import KINDS
from rackcalc.validation.conservation import checked
from rackcalc.validation.former import Key, Keys, lines_of
from rackcalc.validation.groups import group_of, subject
from rackcalc.validation.read import bundled, read

CAP = 1.0  # largest error of a row
FEW = 5  # rows: smaller groups are pooled
NEEDED = ("kind", "case", "metric", "predicted")


class Prediction(NamedTuple):
    """What somebody says to a row, in canonical units, with the 80 % interval where he has one."""

    value: float
    low: float = nan
    high: float = nan


class Judged(NamedTuple):
    """One kind and metric. answered: of `rows`. Errors are fractions; inside: share in the intervals, nan without."""

    kind: str
    subject: str
    rows: int
    answered: int
    groups: int
    by_group: float
    by_row: float
    worst_group: float
    inside: float


def read_predictions(file: str) -> dict[Key, Prediction]:
    """Predictions by row, of a CSV with the columns kind, case, metric, predicted, and low and high if there are any.

    A value that is no finite number is no answer, but of its kind all rows are judged.
    InputError with everything that is wrong.
    """
    keys, problems = Keys(), []
    found: dict[Key, Prediction] = {}
    for number, line in lines_of(file, NEEDED):
        key = keys.of(line["kind"], line["case"], line["metric"])
        if key[0] not in KINDS:
            message = f'no kind "{key[0]}"; known: {", ".join(KINDS)}'
            problems.append(Problem(file, number, 1, "kind", message))
            continue
        try:
            said = Prediction(*(float(line.get(name) or "nan") for name in ("predicted", "low", "high")))
        except ValueError as error:
            problems.append(Problem(file, number, 1, "predicted", f"expected numbers: {error}"))
            continue
        found[key] = said
    if problems:
        raise InputError(problems)
    return found


def judged(predictions: Mapping[Key, Prediction]) -> list[Judged]:
    """Every kind that is predicted at all, with all its rows. InputError for predictions of no measured row."""
    kinds = list(dict.fromkeys(key[0] for key in predictions))
    rows: dict[tuple[str, str], int] = defaultdict(int)
    errors: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    inside: dict[tuple[str, str], list[bool]] = defaultdict(list)
    left = set(predictions)
    for kind in kinds:
        keys = Keys()
        for row, wrong in checked(read(bundled()[kind], lambda problem: None)):
            key = keys.of(row.kind, row.case, row.metric)
            left.discard(key)
            if wrong or row.quality == "C":
                continue
            about = kind, subject(row)
            rows[about] += 1
            said = predictions.get(key)
            if said is None or not isfinite(said.value):
                continue
            errors[about][group_of(row)].append(min(abs(said.value / row.value - 1), CAP))
            if isfinite(said.high):
                inside[about].append(said.low <= row.value <= said.high)
    if left:
        some = ", ".join(f"{kind} {case} {metric}" for kind, case, metric, _ in sorted(left)[:3])
        more = " ..." if len(left) > 3 else ""
        where = "of no measured row, or of one that the file has before"
        raise failure(f"{len(left)} predictions are {where}: {some}{more}")
    return [_judged(about, count, errors[about], inside[about]) for about, count in rows.items()]


def _judged(about: tuple[str, str], rows: int, errors: Mapping[str, list[float]], inside: list[bool]) -> Judged:
    whole = list(pooled(errors))
    every = [error for group in whole for error in group]
    means = [sum(group) / len(group) for group in whole]
    covered = sum(inside) / len(inside) if inside else nan
    if not every:
        return Judged(*about, rows, 0, 0, nan, nan, nan, nan)
    return Judged(*about, rows, len(every), len(whole), median(means), median(every), max(means), covered)


def pooled(groups: Mapping[str, list[float]]) -> Iterator[list[float]]:
    """The groups, those of fewer than FEW rows as one."""
    rest: list[float] = []
    for errors in groups.values():
        if len(errors) < FEW:
            rest += errors
        else:
            yield errors
    if rest:
        yield rest


HEAD = ("kind", "metric", "rows", "unanswered", "groups", "error", "by row", "worst group", "inside 80 %")


def as_text(found: Sequence[Judged]) -> str:
    """A line for every kind and metric."""
    lines: list[Sequence[str]] = [HEAD]
    for one in found:
        counts = f"{one.rows}", f"{one.rows - one.answered}", f"{one.groups}"
        shares = one.by_group, one.by_row, one.worst_group, one.inside
        lines.append((one.kind, one.subject, *counts, *map(percent, shares)))
    wide = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
    return "".join(f"{'  '.join(map(padded, line, wide, range(len(HEAD))))}\n" for line in lines)


def percent(share: float) -> str:
    """A share in percent, "-" for none."""
    return f"{100 * share:.1f} %" if isfinite(share) else "-"


def padded(word: str, width: int, place: int) -> str:
    """A cell: names on the left, numbers on the right."""
    return word.ljust(width) if place < 2 else word.rjust(width)
