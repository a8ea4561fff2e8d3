"""The ranges of the first variable in which the criteria hold, with boundaries refined between the values given."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from rackcalc.config.vary import Axis
from rackcalc.questions.solve.goal import Goal
from rackcalc.questions.solve.grid import Grid
from rackcalc.questions.solve.refinement import POINTS_PER_ROUND, PRECISION, ROUNDS, evaluate_at, is_continuous, rounded

MOST_BOUNDARIES = 12  # with more of them, the values given are reported


class HoldingRange(NamedTuple):
    """A range of the first variable, from `first` to `last`, in which the criteria hold.

    unknown: whether the points before it, and after it, cannot be computed; else the criteria fail there, or the values
    given end.
    """

    first: Axis
    last: Axis
    unknown: tuple[bool, bool] = (False, False)


def holding_ranges(goal: Goal, grid: Grid) -> tuple[HoldingRange, ...]:
    """The ranges of the first variable in which the criteria hold for some values of the other variables."""
    axis = grid.dimensions[0][0]
    holds, computable = (array.any(axis=tuple(range(1, array.ndim))) for array in (grid.holds, grid.computable))
    turns = [index for index in range(1, len(holds)) if holds[index] != holds[index - 1]]
    runs = [(start, stop - 1) for start, stop in pairwise([0, *turns, len(holds)]) if holds[start]]
    values = {index: axis.values[index] for run in runs for index in run}
    if len(grid.dimensions) == 1 and is_continuous(grid.dimensions[0]) and len(turns) <= MOST_BOUNDARIES:
        brackets: dict[int, tuple[float, float]] = {}
        for first, last in runs:
            brackets |= {first: (axis.values[first - 1], axis.values[first])} if first else {}
            brackets |= {last: (axis.values[last + 1], axis.values[last])} if last + 1 < len(holds) else {}
        for index, (bad, good) in refine_boundaries(goal, axis, brackets).items():
            values[index] = rounded(axis, good, 1 if good > bad else -1)
    return tuple(
        HoldingRange(
            axis._replace(values=(values[first],)),
            axis._replace(values=(values[last],)),
            (first > 0 and not computable[first - 1], last + 1 < len(computable) and not computable[last + 1]),
        )
        for first, last in runs
    )


def refine_boundaries(
    goal: Goal, axis: Axis, brackets: Mapping[int, tuple[float, float]]
) -> Mapping[int, tuple[float, float]]:
    """Move pairs of a value that fails and one that holds closer together, all of them at once in one grid.

    brackets: the pairs, by index of the value given that holds.
    """
    parts, pairs = POINTS_PER_ROUND, dict(brackets)
    for _ in range(ROUNDS):
        if not any(abs(good - bad) > PRECISION * abs(good) for bad, good in pairs.values()):
            break
        values = [bad + (good - bad) * i / parts for bad, good in pairs.values() for i in range(parts)]
        holds = evaluate_at(goal, ((axis._replace(values=(*values, axis.values[0])),),)).holds
        for number, (index, (_, good)) in enumerate(list(pairs.items())):
            row = [*values[number * parts : (number + 1) * parts], good]
            first = next((i for i in range(1, parts) if holds[number * parts + i]), parts)
            pairs[index] = row[first - 1], row[first]
    return pairs
