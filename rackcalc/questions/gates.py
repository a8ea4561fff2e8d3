"""Gates: limits on figures and on their change since a baseline. One grammar for files and flags, no eval.

Nothing passes that is not known: a figure without a number fails; an unknown path, a wrong unit, a missing or unusable
baseline are errors.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rackcalc.config.document import Node
from rackcalc.quantities import unit_text, units
from rackcalc.quantities.display import is_temperature
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, Problem, shortened
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.questions import baseline
from rackcalc.questions.baseline import Former

PATH = r"[A-Za-z_](?:[\w.\- ]*[\w.\-])?"
_GATE = re.compile(rf"\s*(?:(delta)\s*\(\s*({PATH})\s*\)|({PATH}))\s*(<=|>=|==|!=|<|>)\s*(\S.*?)\s*")
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
    """PATH OP VALUE UNIT, as written. delta: of the change since a baseline. file, line: where; 0 for a flag."""

    path: str
    operator: str
    limit: str
    text: str
    level: str = "error"
    why: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    delta: bool = False

    @property
    def subject(self) -> str:
        """What is held against the limit, in the words of the gate."""
        return f"delta({self.path})" if self.delta else self.path

    def problem(self, message: str) -> Problem:
        """A Problem with this gate, at its place."""
        return Problem(self.file, self.line, self.column, self.text, message)


@record
class Verdict:
    """What became of one gate.

    status: pass, warn or fail. figure: as computed now. actual: what is compared, the figure or its change; limit in
    its unit. ends: its 80 % interval. baseline: the former figure, nan without.
    """

    condition: Condition
    status: str
    figure: Quantity
    actual: Quantity
    limit: float
    ends: tuple[float, float]
    baseline: float = math.nan

    @property
    def difference(self) -> float:
        """By how much the figure is over its limit; negative when it is under."""
        return float(self.actual.value) - self.limit

    @property
    def margin(self) -> float:
        """The difference as a share of the limit; nan for a limit of 0."""
        return self.difference / abs(self.limit) if self.limit else math.nan

    @property
    def relative(self) -> bool:
        """Whether a change as a share of the baseline is compared."""
        return is_relative(self.condition)

    @property
    def straddles(self) -> bool:
        """Whether the limit lies within the interval, so that the verdict is not certain."""
        return self.ends[0] <= self.limit <= self.ends[1] and self.ends[0] < self.ends[1]

    @property
    def certain(self) -> bool:
        """Whether the interval is known and does not hold the limit."""
        return not (self.straddles or math.isnan(self.ends[0]) or math.isnan(self.ends[1]))

    @property
    def doubted(self) -> bool:
        """Whether the gate holds but counts as broken because that is not certain."""
        value = float(self.actual.value)
        return (
            self.status != "pass" and not math.isnan(value) and not _HOLDS[self.condition.operator](value, self.limit)
        )


def is_relative(condition: Condition) -> bool:
    """delta(PATH) > 5 %: a share of the baseline, whatever the figure's unit."""
    return condition.delta and re.search(r"(%|percent)$", condition.limit) is not None


def parse_condition(
    text: str, level: str = "error", why: str = "", file: str = "", line: int = 0, column: int = 0
) -> Condition:
    """`latency.p99 > 2 ms` or `delta(latency.p99) > 5 %` -> Condition. InputError with what was expected."""
    match = _GATE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        message = (
            f'expected PATH OP VALUE UNIT such as "latency.p99 > 2 ms" or "delta(latency.p99) > 5 %" '
            f'(OP one of {" ".join(_HOLDS)}), got "{shortened(text)}"'
        )
        raise InputError([Problem(file, line, column, "", message)])
    delta, changed, path, operator, limit = match.groups()
    return Condition(changed or path, operator, limit, text.strip(), level, why, file, line, column, bool(delta))


def malformed_gates(where: Mapping[str, Node]) -> list[Problem]:
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
                place = loaded.nodes[f"gates[{index}].{key}"]
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


def evaluate(
    gates: Sequence[Condition], result: Any, former: Former | None = None, confident: bool = False
) -> list[Verdict]:
    """Every condition against the figures of a result. InputError with all unknown paths, wrong units, no baseline.

    former: what changes are reckoned from. confident: what is not certain counts as broken.
    """
    from rackcalc.replay.intervals import Draws

    known, draws = dict(figures(result)), Draws(result)
    problems, verdicts = [], []
    for condition in gates:
        try:
            verdicts.append(_evaluated(condition, known, draws, former, confident))
        except units.UnitError as error:
            problems.append(condition.problem(str(error)))
        except InputError as error:
            problems += [condition.problem(problem.message) for problem in error.problems]
    if problems:
        raise InputError(problems)
    return verdicts


def _evaluated(
    condition: Condition, known: Mapping[str, Quantity], draws: Any, former: Former | None, confident: bool
) -> Verdict:
    from rackcalc.quantities.problems import suggest

    figure = known.get(condition.path)
    if figure is None:
        raise units.UnitError(f'no figure "{condition.path}"{suggest(condition.path, known)}')
    if not condition.delta:
        limit = unit_text.parse(condition.limit, figure.unit, absolute=is_temperature(figure))
        return judge(condition, figure, limit, draws.interval(figure), confident)
    if former is None:
        raise units.UnitError("delta(...) needs --baseline FILE, a former `rackcalc estimate RACK --json`")
    before = baseline.known(former, condition.path, figure.unit)
    limit = change_limit(condition, figure, before)
    ends = change_interval(condition, figure, before, draws.interval(figure))
    return judge(condition, change(condition, figure, before), limit, ends, confident, figure, before)


def change_limit(condition: Condition, figure: Quantity, before: float) -> float:
    """The limit of a change: a share of the baseline, or a difference in the figure's unit."""
    if not is_relative(condition):
        return unit_text.parse(condition.limit, figure.unit, absolute=False)
    if is_temperature(figure):
        raise units.UnitError("a percentage of a temperature means nothing; write a limit in K")
    if before == 0:
        raise units.UnitError("the baseline is 0, and no change is a percentage of 0; write a limit with a unit")
    return unit_text.parse(condition.limit, "1")


def change(condition: Condition, figure: Quantity, before: float) -> Quantity:
    """The change of a figure since the baseline, absolute or as a share of the baseline."""
    difference = float(figure.value) - before
    if is_relative(condition):
        return Quantity(difference / abs(before), "1", condition.subject, weakest=figure.weakest)
    return Quantity(difference, figure.unit, condition.subject, weakest=figure.weakest)


def change_interval(
    condition: Condition, figure: Quantity, before: float, ends: tuple[float, float]
) -> tuple[float, float]:
    """80 % interval of a change, on the assumption that what is doubtful acts on both estimates as the same factor.

    A share of the baseline is then certain, and so is a difference of temperatures, to which doubts add.
    """
    moved, now = float(change(condition, figure, before).value), float(figure.value)
    if is_relative(condition) or is_temperature(figure) or not now:
        return moved, moved
    low, high = sorted(moved * end / now for end in ends)
    return low, high


def judge(
    condition: Condition,
    actual: Quantity,
    limit: float,
    ends: tuple[float, float] = (math.nan, math.nan),
    confident: bool = False,
    figure: Quantity | None = None,
    before: float = math.nan,
) -> Verdict:
    """One verdict; limit in the canonical unit of what is compared. The condition describes what must NOT happen."""
    value = float(actual.value)
    verdict = Verdict(condition, "pass", actual if figure is None else figure, actual, limit, ends, before)
    broken = math.isnan(value) or _HOLDS[condition.operator](value, limit)
    if not broken and (verdict.certain or not confident):
        return verdict
    return replace(verdict, status="fail" if condition.level == "error" else "warn")
