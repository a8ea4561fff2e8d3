"""A single point, checked with the estimate itself, not with arrays."""

from collections.abc import Mapping, Sequence
from math import isnan
from types import MappingProxyType
from typing import Any, NamedTuple

from rackcalc.config.racks import Loaded
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.display import show_value
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.rack_file import CHECKS
from rackcalc.questions.solve.criteria import BASE, Criterion, Reference
from rackcalc.questions.solve.goal import Goal
from rackcalc.questions.solve.scenario_figures import ByScenario
from rackcalc.questions.space_options import Dimensions
from rackcalc.questions.sweep.job import HOLDS
from rackcalc.replay.design_space import DesignSpace, VariedRack


class CriterionResult(NamedTuple):
    """A criterion at one point. actual, limit: in the canonical unit."""

    criterion: Criterion
    actual: float
    limit: float
    holds: bool


class CheckedPoint(NamedTuple):
    """A point with its results, or with the reason why it cannot be computed (refusal). figures: by path.

    notes: on the estimate of the rack itself.
    """

    point: Dimensions
    results: tuple[CriterionResult, ...] = ()
    refusal: str = ""
    figures: Mapping[str, Quantity] = MappingProxyType({})
    notes: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        """Whether the point can be computed and all criteria hold."""
        return not self.refusal and all(result.holds for result in self.results)


def check_point(goal: Goal, scenarios: ByScenario, point: Dimensions) -> CheckedPoint:
    """Estimate a point in every scenario, and check the criteria. point: dimensions with one value each."""
    found: dict[str | None, dict[str, Quantity]] = {}
    notes: Sequence[str] = ()
    for name, known in scenarios.items():
        question = known.space.question
        kept = {axis.path for axis in question.axes}
        cut = [tuple(axis for axis in axes if axis.path in kept) for axes in point]
        try:
            loaded = load_point(question._replace(dimensions=tuple(axes for axes in cut if axes)))
            result = estimate(loaded)
        except InputError as error:
            where = "" if name is None else f"in {name or BASE}: "
            return CheckedPoint(point, refusal=where + error.problems[0].text)
        found[name] = dict(figures(result))
        if name is None:
            notes = result.notes
    missing = _without_number(goal, found)
    if missing:
        return CheckedPoint(point, refusal=missing, figures=found[None], notes=notes)
    varied = {axis.path: axis.values[0] for axes in point for axis in axes}

    def number(side: Any) -> float:
        if isinstance(side, Reference):
            known = found[side.scenario]
            return float(known[side.path].value) if side.path in known else float(varied[side.path])
        return float(side)

    results = []
    for item in goal.criteria:
        actual, limit = number(item.left), number(item.right)
        results.append(CriterionResult(item, actual, limit, bool(HOLDS[item.operator](actual, limit))))
    return CheckedPoint(point, tuple(results), "", found[None], notes)


def _without_number(goal: Goal, found: Mapping[str | None, Mapping[str, Quantity]]) -> str:
    """The first figure of the criteria or the objective that is unknown or no number, and why; "" for none."""
    sides = [side for item in goal.criteria for side in (item.left, item.right) if isinstance(side, Reference)]
    if goal.objective.path:
        sides.append(Reference(goal.objective.path))
    for side in sides:
        quantity = found[side.scenario].get(side.path)
        if quantity is not None and isnan(float(quantity.value)):
            return f"{side.path} is {'no number' if quantity.known else show_value(quantity)}"
    return ""


def load_point(question: VariedRack) -> Loaded:
    """The rack of a question whose dimensions have one value each."""
    return DesignSpace(question, (), checks=CHECKS).loaded({})
