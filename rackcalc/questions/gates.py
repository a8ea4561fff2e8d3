"""Gates: limits on figures, and on their change since a baseline, judged against an estimate.

A gate never passes for lack of knowledge: a figure without a number fails, and an unknown path, a wrong unit and a
missing or unusable baseline are errors.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rackcalc.quantities import changes, unit_text, units
from rackcalc.quantities.display import is_temperature, show_value
from rackcalc.quantities.figures import figures
from rackcalc.quantities.former_names import name_in
from rackcalc.quantities.problems import InputError, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record, replace
from rackcalc.questions import former_estimates
from rackcalc.questions.former_estimates import FormerEstimate
from rackcalc.questions.gate_conditions import HOLDS, Condition, is_relative
from rackcalc.replay.intervals import Draws

MEAN_POWERS = ("power.it", "power.chips", "power.fans", "power.host", "power.facility")


@record
class Verdict:
    """The result of one gate.

    status: pass, warn or fail. figure: as computed now. actual: what is compared, which is the figure or its change.
    interval: 80 % interval of actual. limit: in the unit of actual. baseline: the former figure; nan without one.
    """

    condition: Condition
    status: str
    figure: Quantity
    actual: Quantity
    limit: float
    interval: tuple[float, float]
    baseline: float = math.nan

    @property
    def difference(self) -> float:
        """How much the compared value is over its limit; negative when it is under."""
        return float(self.actual.value) - self.limit

    @property
    def margin(self) -> float:
        """The difference as a share of the limit; nan for a limit of 0."""
        return self.difference / abs(self.limit) if self.limit else math.nan

    @property
    def relative(self) -> bool:
        """Whether the compared value is a change as a share of the baseline."""
        return is_relative(self.condition)

    @property
    def limit_in_interval(self) -> bool:
        """Whether the limit lies within the interval, so that the verdict is not certain."""
        return self.interval[0] <= self.limit <= self.interval[1] and self.interval[0] < self.interval[1]

    @property
    def certain(self) -> bool:
        """Whether the interval is known and does not contain the limit."""
        return not (self.limit_in_interval or math.isnan(self.interval[0]) or math.isnan(self.interval[1]))

    @property
    def broken_by_doubt(self) -> bool:
        """Whether the gate holds, but counts as broken because that is not certain."""
        value = float(self.actual.value)
        return self.status != "pass" and not math.isnan(value) and not HOLDS[self.condition.operator](value, self.limit)


def evaluate(
    gates: Sequence[Condition], result: Any, former: FormerEstimate | None = None, confident: bool = False
) -> list[Verdict]:
    """Judge every condition by the figures of a result. InputError with all unknown paths, wrong units, no baseline.

    former: the baseline of changes. confident: a gate that does not hold for certain counts as broken.
    """

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
    condition: Condition, known: Mapping[str, Quantity], draws: Any, former: FormerEstimate | None, confident: bool
) -> Verdict:
    condition = replace(condition, path=name_in(known, condition.path))
    figure = known.get(condition.path)
    if figure is None:
        raise units.UnitError(f'no figure "{condition.path}"{suggest(condition.path, known)}')
    if not condition.delta:
        limit = unit_text.parse(condition.limit, figure.unit, absolute=is_temperature(figure))
        return judge(condition, figure, limit, draws.interval(figure), confident)
    if former is None:
        raise units.UnitError("delta(...) needs --baseline FILE, a former `rackcalc estimate RACK --json`")
    before = former_estimates.former_value(former, condition.path, figure.unit)
    limit = change_limit(condition, figure, before)
    interval = change_interval(condition, figure, before, draws.interval(figure))
    return judge(condition, change(condition, figure, before), limit, interval, confident, figure, before)


def remarks_on(paths: Iterable[str], known: Mapping[str, Quantity]) -> list[str]:
    """What a reader must know who sets limits on these figures: that a mean power is not what the rack may draw."""
    found = []
    for path in dict.fromkeys(paths):
        most = path.replace("power.", "power.peak.")
        if path in MEAN_POWERS and path in known and most in known:
            found.append(f"{path} is the mean under the stated load; {most} is {show_value(known[most])}")
    return found


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
    if not figure.known:
        return replace(figure, name=condition.subject, unit="1" if is_relative(condition) else figure.unit)
    difference = changes.change(float(figure.value), before)
    if is_relative(condition):
        return Quantity(difference / abs(before), "1", condition.subject, weakest=figure.weakest)
    return Quantity(difference, figure.unit, condition.subject, weakest=figure.weakest)


def change_interval(
    condition: Condition, figure: Quantity, before: float, interval: tuple[float, float]
) -> tuple[float, float]:
    """80 % interval of a change, assuming that every doubt changes both estimates by the same factor.

    A share of the baseline is then certain. So is a difference of temperatures, which doubts shift by the same amount.
    """
    moved, now = float(change(condition, figure, before).value), float(figure.value)
    if is_relative(condition) or is_temperature(figure) or not now:
        return moved, moved
    low, high = sorted(moved * end / now for end in interval)
    return low, high


def judge(
    condition: Condition,
    actual: Quantity,
    limit: float,
    interval: tuple[float, float] = (math.nan, math.nan),
    confident: bool = False,
    figure: Quantity | None = None,
    before: float = math.nan,
) -> Verdict:
    """Judge one gate. The condition describes what must NOT happen. limit: in the canonical unit of actual."""
    value = float(actual.value)
    verdict = Verdict(condition, "pass", actual if figure is None else figure, actual, limit, interval, before)
    broken = math.isnan(value) or HOLDS[condition.operator](value, limit)
    if not broken and (verdict.certain or not confident):
        return verdict
    return replace(verdict, status="fail" if condition.level == "error" else "warn")
