"""Gates: limits on figures. One grammar for files and flags, no eval; a nan or an unknown path never passes."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rackcalc import units
from rackcalc.document import Node
from rackcalc.errors import InputError, Problem, shortened
from rackcalc.quantity import Quantity
from rackcalc.record import record
from rackcalc.show import is_temperature
from rackcalc.tree import figures

_GATE = re.compile(r"\s*([A-Za-z_][\w.\-]*)\s*(<=|>=|==|!=|<|>)\s*(\S.*?)\s*")
_LONGEST = 200

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
    """What became of one gate. actual and limit in the same canonical unit."""

    condition: Condition
    status: str  # pass | warn | fail
    actual: Quantity
    limit: float

    @property
    def difference(self) -> float:
        """By how much the figure is over its limit; negative when it is under."""
        return float(self.actual.value) - self.limit

    @property
    def margin(self) -> float:
        """The difference as a share of the limit; nan for a limit of 0."""
        return self.difference / abs(self.limit) if self.limit else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 80 % interval of the figure; a verdict is on the figure alone."""
        from rackcalc.interval import Draws

        return Draws().interval(self.actual)


def parse_condition(
    text: str, level: str = "error", why: str = "", file: str = "", line: int = 0, column: int = 0
) -> Condition:
    """`latency.p99 > 2 ms` -> Condition. InputError with what was expected."""
    match = _GATE.fullmatch(text)
    if match is None or len(text) > _LONGEST:
        message = (
            f'expected PATH OP VALUE UNIT such as "latency.p99 > 2 ms" (OP one of {" ".join(_HOLDS)}), '
            f'got "{shortened(text)}"'
        )
        raise InputError([Problem(file, line, column, "", message)])
    return Condition(match[1], match[2], match[3], text.strip(), level, why, file, line, column)


def written_problems(where: Mapping[str, Node]) -> list[Problem]:
    """What is wrong with the form of the gates of a file. where: dotted path -> Node, as the builder left it."""
    found: list[Problem] = []
    for path, node in where.items():
        if not re.fullmatch(r"gates\[\d+\]", path) or not isinstance(node.value, dict | None):
            continue
        written = {key: child for key, child in (node.value or {}).items() if key in ("fail_if", "warn_if")}
        texts = {key: child for key, child in written.items() if child.value is not None}
        if not texts:
            found.append(node.problem(path, 'needs fail_if or warn_if, such as fail_if: "latency.p99 > 2 ms"'))
        for key, child in texts.items():
            try:
                parse_condition(str(child.value))
            except InputError as error:
                if isinstance(child.value, str):
                    found.append(child.problem(f"{path}.{key}", error.problems[0].message))
    return found


def conditions(loaded: Any, fail_if: Sequence[str], warn_if: Sequence[str]) -> list[Condition]:
    """The gates of a loaded rack and of the flags, in that order. InputError with every malformed one."""
    texts = []
    problems: list[Problem] = []
    for index, gate in enumerate(loaded.rack.gates):
        for text, level, key in ((gate.fail_if, "error", "fail_if"), (gate.warn_if, "warn", "warn_if")):
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
            limit = units.parse(condition.limit, quantity.unit, absolute=is_temperature(quantity))
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
    status = "pass" if not broken else "fail" if condition.level == "error" else "warn"
    return Verdict(condition, status, quantity, limit)
