"""One validation from files to scores."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from rackcalc.quantities.problems import InputError, Problem, failure, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.gate_conditions import Condition, parse_condition
from rackcalc.validation import KINDS, SAMPLE, Result, folds, validate
from rackcalc.validation.groups import subject
from rackcalc.validation.read import Row, bundled, read
from rackcalc.validation.score import Tally

EVERY = 1 << 62


class Sink(Protocol):
    """Where single results go."""

    def add(self, result: Result) -> None:
        """Take one result."""


def sources(files: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """The files to read: those given, else the bundled ones of the kinds asked for. InputError for unknown kinds."""
    problems = [
        Problem("", 0, 0, "--kind", f'no kind "{kind}"{suggest(kind, KINDS)}') for kind in kinds if kind not in KINDS
    ]
    if problems:
        raise InputError(problems)
    if list(files).count("-") > 1:
        raise failure("standard input (-) can be read once only")
    return list(files) or [file for kind, file in bundled().items() if not kinds or kind in kinds]


def gates(texts: Sequence[str]) -> list[Condition]:
    """KIND.METRIC.STATISTIC OP VALUE, each. InputError with every malformed one."""
    parsed: list[Condition] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            parsed.append(parse_condition(text, file="--fail-if"))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return parsed


def rows(files: Sequence[str], kinds: Sequence[str], problems: list[Problem]) -> Iterator[Row]:
    """The good rows of the kinds asked for, file after file; what is wrong goes to problems."""
    for file in files:
        for row in read(file, problems.append):
            if not kinds or row.kind in kinds:
                yield row


def scored(
    files: Sequence[str],
    kinds: Sequence[str],
    problems: list[Problem],
    keep_going: bool,
    worst: int,
    sinks: Sequence[Sink] = (),
    leave_out: str = "",
    every: bool = True,
) -> Tally:
    """Every row predicted and counted. Without keep_going, rows after the first problem are only checked.

    leave_out: part or model, each predicted with parameters that never saw it. every: the sinks want all intervals.
    """
    tally = Tally(worst)
    wanted = (row for row in rows(files, kinds, problems) if keep_going or not problems)
    most = EVERY if sinks and every else SAMPLE
    for result in folds.left_out(wanted, leave_out, most) if leave_out else validate(wanted, most):
        tally.add(result)
        for sink in sinks:
            sink.add(result)
    return tally


def explained(files: Sequence[str], case: str, kinds: Sequence[str], problems: list[Problem]) -> str:
    """How the predictions for the rows of a case came about. InputError when there is no such case."""
    from rackcalc.quantities.display import show_value
    from rackcalc.questions.explain import explain

    parts = []
    for result in validate(row for row in rows(files, kinds, problems) if row.case == case):
        row = result.row
        head = f"{row.case} {row.metric} ({row.file}:{row.line})"
        if result.predicted is None:
            parts.append(f"{head}: not answered: {result.reason}")
            continue
        measured = show_value(Quantity(row.value, result.predicted.unit, absolute=True))
        name = subject(row)
        parts.append(f"{head}: {measured} measured, {100 * result.error:+.1f} % off")
        parts.append(explain({name: result.predicted}, name))
    if not parts:
        raise failure(f'no case "{case}" in the measurements', path="--explain")
    return "\n".join(parts) + "\n"
