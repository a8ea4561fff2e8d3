"""Refining a search between the values given: ever finer grids, and rounding of what they find."""

from collections.abc import Sequence
from itertools import pairwise
from math import floor, log10

from rackcalc.config.overrides import declared_at
from rackcalc.config.vary import Axis
from rackcalc.quantities import unit_text
from rackcalc.questions.solve.goal import Goal
from rackcalc.questions.solve.grid import Grid, evaluate_grid
from rackcalc.questions.solve.scenario_figures import figures_by_scenario
from rackcalc.questions.space_options import Dimensions
from rackcalc.spec.fields import Number

PRECISION = 1e-7  # share of a value to which a boundary is refined
DIGITS = 5  # of reported values: they are rounded so that the reported point holds, and the one beside it fails
ROUNDS = 16
POINTS_PER_ROUND = 128  # parts into which the gap between two values is divided in every round


def is_continuous(axes: Sequence[Axis]) -> bool:
    """Whether values between those given make sense: a single axis, of neither words nor whole numbers."""
    declared = declared_at(axes[0].path) if len(axes) == 1 and axes[0].unit is not None else None
    return isinstance(declared, Number) and not declared.whole


def refine(goal: Goal, grid: Grid) -> tuple[Dimensions, dict[int, float]]:
    """The best point between the neighbours of the best one on the grid, and the last step by continuous dimension."""
    best = grid.best()
    steps = {
        number: 0.0
        for number, axes in enumerate(grid.dimensions)
        if is_continuous(axes) and len(set(axes[0].values)) > 1
    }
    parts = {1: POINTS_PER_ROUND, 2: 12, 3: 5}.get(len(steps), 2)
    for _ in range(ROUNDS):
        if not steps:
            break
        dimensions: list[tuple[Axis, ...]] = []
        for number, axes in enumerate(grid.dimensions):
            if number in steps:
                values = between(axes[0].values, best[number], parts)
                steps[number] = max((abs(b - a) for a, b in pairwise(values)), default=0.0)
                dimensions.append((axes[0]._replace(values=values),))
            else:
                dimensions.append(grid.at(best)[number])
        grid = evaluate_at(goal, tuple(dimensions))
        best = grid.best()
        if all(step <= PRECISION * abs(grid.at(best)[number][0].values[0]) for number, step in steps.items()):
            break
    return grid.at(best), steps


def evaluate_at(goal: Goal, dimensions: Dimensions) -> Grid:
    """The grid of the same goal with other values."""
    goal = goal._replace(question=goal.question._replace(dimensions=dimensions))
    return evaluate_grid(goal, figures_by_scenario(goal))


def between(values: Sequence[float], index: int, parts: int) -> tuple[float, ...]:
    """Evenly spaced values from the one before an index to the one after it, the value at the index included."""
    low, here, high = values[max(index - 1, 0)], values[index], values[min(index + 1, len(values) - 1)]
    before = [low + (here - low) * i / parts for i in range(parts)] if index > 0 else []
    after = [*(here + (high - here) * i / parts for i in range(1, parts)), high] if high != here else []
    return (*before, here, *after)


def rounded(axis: Axis, value: float, side: int) -> float:
    """The value rounded to DIGITS digits in the unit in which it is shown: up (1), down (-1) or to the nearest (0)."""
    spelling = axis._replace(values=(value,)).shown(0).partition(" ")[2]
    number = unit_text.convert(value, axis.unit or "1", spelling, absolute=axis.absolute)
    if not number:
        return value
    places = DIGITS - 1 - floor(log10(abs(number)))
    scaled = number * 10.0**places
    whole = round(scaled) if abs(scaled - round(scaled)) < 1e-6 or not side else floor(scaled) + (side > 0)
    return unit_text.parse(f"{whole / 10.0**places!r} {spelling}", axis.unit or "1", absolute=axis.absolute)
