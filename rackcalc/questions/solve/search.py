"""The search: all points of the grid, then closer and closer between neighbours, then the scalar estimate's word.

Values are continuous unless the field takes whole numbers or words; between the values given these are searched for
the point where the criteria begin or cease to hold, on arrays. What several such points lie between two values given
is found once only: the grid decides what is seen.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import floor, log10
from typing import Any, NamedTuple

import numpy as np

from rackcalc.config.overrides import declared_at
from rackcalc.config.vary import Axis
from rackcalc.quantities import unit_text
from rackcalc.questions.solve.grid import Checked, Dimensions, Grid, Side, Task, check, evaluate, sides_of
from rackcalc.spec.fields import Number

CLOSE = 1e-7  # share of a value to which a boundary is searched
DIGITS = 5  # to which it is then rounded: outward, so that what is printed holds, and what is printed beside it fails
ROUNDS = 16
PARTS = 128  # into which the way between two values is cut, in every round
EDGES = 12  # boundaries that are searched for; of more, the values given


class Stretch(NamedTuple):
    """Values of the first variable, from one to another, at which the criteria hold. unknown: whether it cannot be
    computed before the first, after the last (else they fail there, or the range ends)."""

    first: Axis
    last: Axis
    unknown: tuple[bool, bool] = (False, False)


class Answer(NamedTuple):
    """best: where everything holds, or, where nothing does, what comes closest. neighbours: by axis and side, of best.
    stretches: of the first variable, with the others at any of their values."""

    task: Task
    points: int
    able: int
    holding: int
    refused: Mapping[str, int]
    best: Checked
    neighbours: tuple[tuple[str, Checked], ...] = ()
    stretches: tuple[Stretch, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is an answer."""
        return self.best.holds


def continuous(axes: Sequence[Axis]) -> bool:
    """Whether values between those given make sense: one variable, and neither words nor whole numbers."""
    declared = declared_at(axes[0].path) if len(axes) == 1 and axes[0].unit is not None else None
    return isinstance(declared, Number) and not declared.whole


def solve(task: Task, sides: Mapping[str | None, Side], watch: Callable[[int], Any] = lambda done: None) -> Answer:
    """The answer."""
    grid = evaluate(task, sides, watch)
    best, step = closer(task, grid)
    found = check(task, sides, best)
    if found.holds:
        found, around = settled(task, sides, grid, found, step)
    else:
        around = ()
    able, holding = (int(np.count_nonzero(array)) for array in (grid.able, grid.holds))
    return Answer(task, grid.able.size, able, holding, grid.refused, found, around, stretches(task, grid))


def closer(task: Task, grid: Grid) -> tuple[Dimensions, dict[int, float]]:
    """The best point, searched for between the neighbours of the best on the grid, and the last step on every axis."""
    places = grid.best()
    steps = {number: 0.0 for number, axes in enumerate(grid.dimensions) if continuous(axes) and len(axes[0].values) > 1}
    parts = {1: PARTS, 2: 12, 3: 5}.get(len(steps), 2)
    for _ in range(ROUNDS):
        if not steps:
            break
        dimensions: list[tuple[Axis, ...]] = []
        for number, axes in enumerate(grid.dimensions):
            if number in steps:
                values = between(axes[0].values, places[number], parts)
                steps[number] = max(abs(b - a) for a, b in pairwise(values))
                dimensions.append((axes[0]._replace(values=values),))
            else:
                dimensions.append(grid.at(places)[number])
        grid = evaluated(task, tuple(dimensions))
        places = grid.best()
        if all(step <= CLOSE * abs(grid.at(places)[number][0].values[0]) for number, step in steps.items()):
            break
    return grid.at(places), steps


def evaluated(task: Task, dimensions: Dimensions) -> Grid:
    """Another grid of the same task."""
    task = task._replace(question=task.question._replace(dimensions=dimensions))
    return evaluate(task, sides_of(task))


def between(values: Sequence[float], place: int, parts: int) -> tuple[float, ...]:
    """From the value before a place to the one after, the value itself among them."""
    low, here, high = values[max(place - 1, 0)], values[place], values[min(place + 1, len(values) - 1)]
    before = [low + (here - low) * i / parts for i in range(parts)] if place > 0 else []
    after = [*(here + (high - here) * i / parts for i in range(1, parts)), high] if high != here else []
    return (*before, here, *after)


def settled(
    task: Task, sides: Mapping[str | None, Side], grid: Grid, found: Checked, steps: Mapping[int, float]
) -> tuple[Checked, tuple[tuple[str, Checked], ...]]:
    """The point in round numbers, as long as it holds, and the points beside it that fail."""
    rough = failing_neighbours(task, sides, grid, found, steps)
    point = list(found.point)
    for number in steps:
        away = sum(way for beside, way, _ in rough if beside == number)
        axis = point[number][0]
        value = rounded(axis, axis.values[0], -away)
        if min(grid.dimensions[number][0].values) <= value <= max(grid.dimensions[number][0].values):
            point[number] = (axis._replace(values=(value,)),)
    neat = check(task, sides, tuple(point))
    if neat.holds:
        found = neat
    around = failing_neighbours(task, sides, grid, found, steps, DIGITS)
    named = [(" and ".join(axis.path for axis in found.point[number]), beside) for number, _, beside in around]
    return found, tuple(named)


def failing_neighbours(
    task: Task,
    sides: Mapping[str | None, Side],
    grid: Grid,
    found: Checked,
    steps: Mapping[int, float],
    digits: int = 0,
) -> list[tuple[int, int, Checked]]:
    """The points beside one that fail: number of the axis, -1 before or +1 after, and the point."""
    result = []
    for number, axes in enumerate(found.point):
        for way in (-1, 1):
            beside = step_aside(grid.dimensions[number], axes, way, steps.get(number, 0.0), digits)
            if beside is not None:
                point = (*found.point[:number], beside, *found.point[number + 1 :])
                seen = check(task, sides, point)
                if not seen.holds:
                    result.append((number, way, seen))
    return result


def step_aside(
    given: tuple[Axis, ...], here: tuple[Axis, ...], way: int, step: float, digits: int
) -> tuple[Axis, ...] | None:
    """The axes of a dimension one step further; None at the end of the range. step 0: the next of the values given."""
    if step:
        axis, value = here[0], here[0].values[0]
        beside = rounded(axis, value + way * step, way) if digits else value + way * step
        inside = min(given[0].values) <= beside <= max(given[0].values)
        return (axis._replace(values=(beside,)),) if inside else None
    places = list(zip(*(axis.values for axis in given), strict=True))
    place = places.index(tuple(axis.values[0] for axis in here)) + way
    if not 0 <= place < len(places):
        return None
    return tuple(axis._replace(values=(value,)) for axis, value in zip(given, places[place], strict=True))


def rounded(axis: Axis, value: float, way: int) -> float:
    """A value to DIGITS digits of the unit it is shown in: up (1), down (-1) or to the nearest (0)."""
    spelling = axis._replace(values=(value,)).shown(0).partition(" ")[2]
    number = unit_text.convert(value, axis.unit or "1", spelling, absolute=axis.absolute)
    if not number:
        return value
    places = DIGITS - 1 - floor(log10(abs(number)))
    scaled = number * 10.0**places
    whole = round(scaled) if abs(scaled - round(scaled)) < 1e-6 or not way else floor(scaled) + (way > 0)
    return unit_text.parse(f"{whole / 10.0**places!r} {spelling}", axis.unit or "1", absolute=axis.absolute)


def stretches(task: Task, grid: Grid) -> tuple[Stretch, ...]:
    """Where along the first variable the criteria hold, with the others anywhere."""
    axis = grid.dimensions[0][0]
    along, able = (array.any(axis=tuple(range(1, array.ndim))) for array in (grid.holds, grid.able))
    turns = [place for place in range(1, len(along)) if along[place] != along[place - 1]]
    ends = [0, *turns, len(along)]
    runs = [(start, stop - 1) for start, stop in pairwise(ends) if along[start]]
    values = {place: axis.values[place] for run in runs for place in run}
    if len(grid.dimensions) == 1 and continuous(grid.dimensions[0]) and len(turns) <= EDGES:
        brackets: dict[int, tuple[float, float]] = {}
        for first, last in runs:
            brackets |= {first: (axis.values[first - 1], axis.values[first])} if first else {}
            brackets |= {last: (axis.values[last + 1], axis.values[last])} if last + 1 < len(along) else {}
        for place, (bad, good) in edges(task, axis, brackets).items():
            values[place] = rounded(axis, good, 1 if good > bad else -1)
    return tuple(
        Stretch(
            axis._replace(values=(values[first],)),
            axis._replace(values=(values[last],)),
            (first > 0 and not able[first - 1], last + 1 < len(able) and not able[last + 1]),
        )
        for first, last in runs
    )


def edges(task: Task, axis: Axis, brackets: Mapping[int, tuple[float, float]]) -> Mapping[int, tuple[float, float]]:
    """Pairs of a value that fails and one that holds, brought together; all at once on one array."""
    parts, pairs = PARTS, dict(brackets)
    for _ in range(ROUNDS):
        if not any(abs(good - bad) > CLOSE * abs(good) for bad, good in pairs.values()):
            break
        values = [bad + (good - bad) * i / parts for bad, good in pairs.values() for i in range(parts)]
        holds = evaluated(task, ((axis._replace(values=(*values, axis.values[0])),),)).holds
        for number, (place, (_, good)) in enumerate(list(pairs.items())):
            row = [*values[number * parts : (number + 1) * parts], good]
            first = next((i for i in range(1, parts) if holds[number * parts + i]), parts)
            pairs[place] = row[first - 1], row[first]
    return pairs
