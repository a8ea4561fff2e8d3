"""The search: all points of the grid, then finer grids around the best point, then a check with the estimate itself.

Variables are continuous unless their field takes whole numbers or words. Between the values given, the search looks for
the point where the criteria begin or cease to hold. Of several such points between two values given only one is found:
the grid limits what the search can see.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from rackcalc.config.vary import Axis
from rackcalc.questions.solve.goal import Goal
from rackcalc.questions.solve.grid import Grid, evaluate_grid
from rackcalc.questions.solve.holding_ranges import HoldingRange, holding_ranges
from rackcalc.questions.solve.point_check import CheckedPoint, check_point
from rackcalc.questions.solve.refinement import DIGITS, refine, rounded
from rackcalc.questions.solve.scenario_figures import ByScenario


class Solution(NamedTuple):
    """What was found. best: the best point that holds, or the closest where none does. neighbours: the points next to
    best that fail, each with its variable. holding_ranges: of the first variable, with any values of the others.
    points, computable, holding: number of points of the grid, by what became of them. refused: by reason.
    """

    goal: Goal
    points: int
    computable: int
    holding: int
    refused: Mapping[str, int]
    best: CheckedPoint
    neighbours: tuple[tuple[str, CheckedPoint], ...] = ()
    holding_ranges: tuple[HoldingRange, ...] = ()

    @property
    def found(self) -> bool:
        """Whether some point holds."""
        return self.best.holds


def solve(goal: Goal, scenarios: ByScenario, on_progress: Callable[[int], Any] = lambda points: None) -> Solution:
    """Search for a goal. on_progress: called with the points done so far."""
    grid = evaluate_grid(goal, scenarios, on_progress)
    best, steps = refine(goal, grid)
    found = check_point(goal, scenarios, best)
    neighbours: tuple[tuple[str, CheckedPoint], ...] = ()
    if found.holds:
        found, neighbours = round_off(goal, scenarios, grid, found, steps)
    computable, holding = (int(np.count_nonzero(array)) for array in (grid.computable, grid.holds))
    return Solution(
        goal, grid.computable.size, computable, holding, grid.refused, found, neighbours, holding_ranges(goal, grid)
    )


def round_off(
    goal: Goal,
    scenarios: ByScenario,
    grid: Grid,
    found: CheckedPoint,
    steps: Mapping[int, float],
) -> tuple[CheckedPoint, tuple[tuple[str, CheckedPoint], ...]]:
    """The point in round numbers if it still holds, and its neighbours that fail. steps: by number of the dimension."""
    rough = failing_neighbours(goal, scenarios, grid, found, steps)
    point = list(found.point)
    for number in steps:
        failing_side = sum(side for beside, side, _ in rough if beside == number)
        axis = point[number][0]
        value = rounded(axis, axis.values[0], -failing_side)
        if min(grid.dimensions[number][0].values) <= value <= max(grid.dimensions[number][0].values):
            point[number] = (axis._replace(values=(value,)),)
    round_point = check_point(goal, scenarios, tuple(point))
    if round_point.holds:
        found = round_point
    failing = failing_neighbours(goal, scenarios, grid, found, steps, DIGITS)
    named = [(" and ".join(axis.path for axis in found.point[number]), beside) for number, _, beside in failing]
    return found, tuple(named)


def failing_neighbours(
    goal: Goal,
    scenarios: ByScenario,
    grid: Grid,
    found: CheckedPoint,
    steps: Mapping[int, float],
    digits: int = 0,
) -> list[tuple[int, int, CheckedPoint]]:
    """The neighbours of a point that fail: number of the dimension, side (-1 below, +1 above), and the neighbour."""
    result = []
    for number, axes in enumerate(found.point):
        for side in (-1, 1):
            beside = neighbour(grid.dimensions[number], axes, side, steps.get(number, 0.0), digits)
            if beside is not None:
                point = (*found.point[:number], beside, *found.point[number + 1 :])
                checked = check_point(goal, scenarios, point)
                if not checked.holds:
                    result.append((number, side, checked))
    return result


def neighbour(
    given: tuple[Axis, ...], here: tuple[Axis, ...], side: int, step: float, digits: int
) -> tuple[Axis, ...] | None:
    """The axes of a dimension one step to a side; None at the end of the range. step 0: to the next value given."""
    if step:
        axis, value = here[0], here[0].values[0]
        beside = rounded(axis, value + side * step, side) if digits else value + side * step
        inside = min(given[0].values) <= beside <= max(given[0].values)
        return (axis._replace(values=(beside,)),) if inside else None
    values = list(zip(*(axis.values for axis in given), strict=True))
    index = values.index(tuple(axis.values[0] for axis in here)) + side
    if not 0 <= index < len(values):
        return None
    return tuple(axis._replace(values=(value,)) for axis, value in zip(given, values[index], strict=True))
