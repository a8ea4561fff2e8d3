"""Errors of an earlier version, row by row, against those of now: `rackcalc validate --baseline FORMER`.

FORMER is what `rackcalc validate --csv` printed, or benchmarks/accuracy_record.csv, which `make accuracy` writes: CSV
with a line for each row and the columns kind, case, metric and error, which is empty where there was no answer.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.validation import Result
from rackcalc.validation.groups import group_of, subject
from rackcalc.validation.read import Row

COLUMNS = ("kind", "case", "metric", "error")
MOVED = 0.001  # of the measured value: less than that is rounding
WORSE_BY, WORSE_SHARE = 0.02, 0.10  # of a group's mean error: two points, or a tenth of it
LEAST = 0.002  # a smaller change is no worsening, whatever its share
Key = tuple[str, str, str, int]  # kind, case, metric, how many such rows came before


class Moved(NamedTuple):
    """A row whose error is another now. Errors are fractions of what was measured, signed."""

    kind: str
    group: str
    case: str
    metric: str
    before: float
    now: float


class Gone(NamedTuple):
    """A row that was answered and is not any more, with the reason."""

    kind: str
    group: str
    case: str
    metric: str
    reason: str


class Worse(NamedTuple):
    """A group whose mean error grew, over the rows that were answered before and are now."""

    kind: str
    group: str
    subject: str
    rows: int
    before: float
    now: float


class Keys:
    """Names rows: two of one case and metric are told apart by their order."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str, str]] = Counter()

    def of(self, kind: str, case: str, metric: str) -> Key:
        """The key of the next such row."""
        found = kind, case, metric, self.seen[kind, case, metric]
        self.seen[kind, case, metric] += 1
        return found


def lines_of(file: str, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a CSV with their numbers. InputError without the columns that are needed."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise failure(f"cannot be read: {error}", file) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        raise failure(f"has no column {', '.join(missing)}; expected {', '.join(needed)}", file)
    for line in reader:
        yield reader.line_num, {name: cell or "" for name, cell in line.items() if isinstance(name, str)}


def read_former(file: str) -> dict[Key, float | None]:
    """The errors of a former version by row; None where it had no answer. InputError with all that is wrong."""
    keys, problems = Keys(), []
    found: dict[Key, float | None] = {}
    for number, line in lines_of(file, COLUMNS):
        try:
            off = float(line["error"]) if line["error"] else None
        except ValueError:
            problems.append(Problem(file, number, 1, "error", f'expected a number, got "{line["error"]}"'))
            continue
        found[keys.of(line["kind"], line["case"], line["metric"])] = off
    if problems:
        raise InputError(problems)
    return found


class Comparison:
    """Collects results beside those of a former version."""

    def __init__(self, former: Mapping[Key, float | None]) -> None:
        self.former, self.keys = former, Keys()
        self.moved: list[Moved] = []
        self.gone: list[Gone] = []
        self.new = 0  # rows that the former version did not answer, or did not have
        self.met: set[Key] = set()
        self.kinds: set[str] = set()
        self.pairs: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)

    def add(self, result: Result) -> None:
        """Take one result in."""
        row = result.row
        key = self.keys.of(row.kind, row.case, row.metric)
        self.met.add(key)
        self.kinds.add(row.kind)
        before = self.former.get(key)
        if before is None:
            self.new += result.predicted is not None
            return
        if result.predicted is None:
            self.gone.append(Gone(row.kind, group_of(row), row.case, row.metric, result.reason))
            return
        now = result.error
        self.pairs[row.kind, group_of(row), subject(row)].append((before, now))
        if not isfinite(now) or abs(now - before) > MOVED:
            self.moved.append(Moved(row.kind, group_of(row), row.case, row.metric, before, now))

    def close(self) -> None:
        """Take in the rows that the former version answered and that are not among the measurements any more."""
        for key, error in self.former.items():
            if error is not None and key not in self.met and key[0] in self.kinds:
                kind, case, metric, _ = key
                self.gone.append(Gone(kind, "", case, metric, "not among the measurements any more"))

    def groups(self) -> Iterator[Worse]:
        """Every group with its errors before and now."""
        for (kind, group, word), pairs in sorted(self.pairs.items()):
            before, now = (sum(abs(pair[i]) for pair in pairs) / len(pairs) for i in (0, 1))
            yield Worse(kind, group, word, len(pairs), before, now)

    def worse(self) -> list[Worse]:
        """Groups whose mean error grew by two points or by a tenth, those first that grew most."""
        return sorted((each for each in self.groups() if is_worse(each)), key=lambda each: each.before - each.now)


def is_worse(group: Worse) -> bool:
    """Whether a group's mean error grew by two points, or by a tenth of what it was."""
    grown = group.now - group.before
    return grown > WORSE_BY or (grown > LEAST and grown > WORSE_SHARE * group.before)


def recorded(row: Row, error: float | None) -> str:
    """One line of the record."""
    case = f'"{row.case}"' if "," in row.case else row.case
    return f"{row.kind},{case},{row.metric},{'' if error is None else format(error, '.4f')}"
