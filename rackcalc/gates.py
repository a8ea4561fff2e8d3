"""Gates: limits on figures. One grammar for files and flags, no eval; a nan or an unknown path never passes."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from rackcalc import units
from rackcalc.errors import InputError, Problem
from rackcalc.quantity import Quantity
from rackcalc.record import record
from rackcalc.tree import figures

_GATE = re.compile(r"\s*([A-Za-z_][\w.\-]*)\s*(<=|>=|==|!=|<|>)\s*(\S.*?)\s*")

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: math.isclose(a, b, rel_tol=1e-9),
    "!=": lambda a, b: not math.isclose(a, b, rel_tol=1e-9),
}


@record
class Condition:
    """PATH OP VALUE UNIT, as written. file, line: where; 0 for a flag."""

    path: str
    operator: str
    limit: str
    text: str
    level: str = "error"
    why: str = ""
    file: str = ""
    line: int = 0
    column: int = 0


@record
class Verdict:
    """What became of one gate. margin: share by which the figure keeps away from (or is over) the limit."""

    condition: Condition
    status: str  # pass | warn | fail
    actual: Quantity
    limit: float
    margin: float


def parse_condition(
    text: str, level: str = "error", why: str = "", file: str = "", line: int = 0, column: int = 0
) -> Condition:
    """`latency.p99 > 2 ms` -> Condition. InputError with what was expected."""
    match = _GATE.fullmatch(text)
    if match is None:
        message = (
            f'expected PATH OP VALUE UNIT such as "latency.p99 > 2 ms" (OP one of {" ".join(_HOLDS)}), got "{text}"'
        )
        raise InputError([Problem(file, line, column, "", message)])
    return Condition(match[1], match[2], match[3], text.strip(), level, why, file, line, column)


def conditions(loaded: Any, fail_if: Sequence[str], warn_if: Sequence[str]) -> list[Condition]:
    """The gates of a loaded rack and of the flags, in that order. InputError with every malformed one."""
    texts = []
    problems = []
    for index, gate in enumerate(loaded.rack.gates):
        node = loaded.where[f"gates[{index}]"]
        pairs = [(gate.fail_if, "error", "fail_if"), (gate.warn_if, "warn", "warn_if")]
        if gate.fail_if is None and gate.warn_if is None:
            problems.append(node.problem(f"gates[{index}]", "has neither fail_if nor warn_if"))
        for text, level, key in pairs:
            if text is not None:
                place = loaded.where[f"gates[{index}].{key}"]
                texts.append((text, level, gate.why, place.file, place.line, place.column))
    texts += [(text, "error", "", "--fail-if", 0, 0) for text in fail_if]
    texts += [(text, "warn", "", "--warn-if", 0, 0) for text in warn_if]
    parsed = []
    for entry in texts:
        try:
            parsed.append(parse_condition(*entry))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return parsed


def evaluate(gates: Sequence[Condition], result: Any) -> list[Verdict]:
    """Every condition against the figures of a result. InputError with all unknown paths and wrong units."""
    from rackcalc.load import suggest

    known = dict(figures(result))
    problems, verdicts = [], []
    for condition in gates:
        quantity = known.get(condition.path)
        try:
            if quantity is None:
                raise units.UnitError(f'no figure "{condition.path}"{suggest(condition.path, known)}')
            limit = units.parse(condition.limit, quantity.unit)
        except units.UnitError as error:
            problems.append(Problem(condition.file, condition.line, condition.column, condition.text, str(error)))
            continue
        verdicts.append(judge(condition, quantity, limit))
    if problems:
        raise InputError(problems)
    return verdicts


def judge(condition: Condition, quantity: Quantity, limit: float) -> Verdict:
    """One verdict; limit in the figure's canonical unit. The condition describes what must NOT happen."""
    actual = float(quantity.value)
    broken = math.isnan(actual) or _HOLDS[condition.operator](actual, limit)
    margin = (actual - limit) / abs(limit) if limit else actual - limit
    status = "pass" if not broken else "fail" if condition.level == "error" else "warn"
    return Verdict(condition, status, quantity, limit, margin)
