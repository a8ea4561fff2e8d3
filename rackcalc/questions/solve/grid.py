"""All points of a grid at once, as arrays: where the criteria hold, by how much they fail, and the objective."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rackcalc.questions.solve.criteria import Criterion, Reference
from rackcalc.questions.solve.goal import Goal
from rackcalc.questions.solve.scenario_figures import ByScenario
from rackcalc.questions.space_options import Dimensions
from rackcalc.questions.sweep.boxes import plan_boxes
from rackcalc.questions.sweep.job import HOLDS

POINTS_OF_A_BOX = 1 << 15  # computed together


class Grid(NamedTuple):
    """Every point of some dimensions, as arrays of their shape.

    computable: which points can be computed. holds: where all criteria hold. shortfall: the share of its limit by which
    the worst criterion is missed; 0 where all hold. value: what is to be small; None without an objective.
    refused: points that cannot be computed, by reason.
    """

    dimensions: Dimensions
    computable: Any
    holds: Any
    shortfall: Any
    value: Any
    refused: Counter[str]

    def best(self) -> tuple[int, ...]:
        """Indices of the best point that holds, or of the closest where none does. Of equal points the first.

        Of a single variable without an objective it is the first point beside which the criteria begin or cease to
        hold: a break-even lies between the two, and the start of the range may hold for no reason but its choice.
        """
        if self.value is None and self.is_ordered and self.holds.any():
            held = [bool(one) for one in self.holds]
            first = held.index(True)
            return (first if first or all(held) else held.index(False) - 1,)
        if self.holds.any():
            rank = np.where(self.holds, self.value, np.inf) if self.value is not None else ~self.holds
        else:
            rank = np.where(self.computable, self.shortfall, np.inf)
        return tuple(int(index) for index in np.unravel_index(np.argmin(rank), self.computable.shape))

    @property
    def is_ordered(self) -> bool:
        """Whether there is a single variable, of numbers."""
        return len(self.dimensions) == 1 and len(self.dimensions[0]) == 1 and self.dimensions[0][0].unit is not None

    def at(self, indices: Sequence[int]) -> Dimensions:
        """The dimensions with only one value each."""
        return tuple(
            tuple(axis._replace(values=(axis.values[index],)) for axis in axes)
            for axes, index in zip(self.dimensions, indices, strict=True)
        )


def shortfall(operator: str, value: Any, limit: Any) -> Any:
    """The share of its limit by which a criterion is missed; 0 where it holds."""
    gap = value - limit
    missed = {"<": gap, "<=": gap, ">": -gap, ">=": -gap, "==": np.abs(gap), "!=": 1 - np.abs(gap)}[operator]
    size = np.abs(limit)
    return np.maximum(missed / np.where(size > 0, size, 1.0), 0.0)


def evaluate_grid(goal: Goal, scenarios: ByScenario, on_progress: Callable[[int], Any] = lambda points: None) -> Grid:
    """Compute all points of a goal. on_progress: called with the points done so far."""
    question, objective = goal.question, goal.objective
    shape = question.shape
    computable, holds, missed = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape)
    value = np.zeros(shape) if objective.path else None
    refused: Counter[str] = Counter()
    plan = plan_boxes(shape, scenarios[None].space.order(), POINTS_OF_A_BOX)
    done = 0
    for number in range(plan.boxes):
        box = plan.box(number)
        cut = tuple(slice(start, stop) for start, stop in box)
        good: Any = True
        columns: dict[str | None, Any] = {}
        for name, known in scenarios.items():
            fine, columns[name], reasons = known.block(box)
            good = good & fine
            refused.update(reasons)
        for path, numbers in _judged(goal, columns):
            missing = good & np.isnan(numbers)
            if missing.any():
                refused[f"{path} is unknown or no number"] += int(np.count_nonzero(missing))
                good = good & ~missing
        computable[cut] = good
        holds[cut], missed[cut] = _criteria_in_box(goal.criteria, columns, good)
        if value is not None:
            value[cut] = objective.sign * columns[None][objective.path]
        done += computable[cut].size
        on_progress(done)
    return Grid(question.dimensions, computable, holds, missed, value, refused)


def _judged(goal: Goal, columns: Mapping[str | None, Any]) -> Iterator[tuple[str, Any]]:
    """The figures by which points are judged: those of the criteria and the objective."""
    for item in goal.criteria:
        for side in (item.left, item.right):
            if isinstance(side, Reference):
                yield side.path, columns[side.scenario][side.path]
    if goal.objective.path:
        yield goal.objective.path, columns[None][goal.objective.path]


def _criteria_in_box(criteria: Sequence[Criterion], columns: dict[str | None, Any], good: Any) -> tuple[Any, Any]:
    """Where all criteria hold in a box, and the shortfall of the worst. columns: by scenario and path."""
    all_hold, worst = good, 0.0
    with np.errstate(all="ignore"):
        for item in criteria:
            left, right = (
                columns[side.scenario][side.path] if isinstance(side, Reference) else side
                for side in (item.left, item.right)
            )
            all_hold = all_hold & HOLDS[item.operator](left, right)
            worst = np.maximum(worst, shortfall(item.operator, left, right))
    return all_hold, np.where(worst == worst, worst, np.inf)
