"""All points of a grid at once: where the criteria hold, by how much, and what is to be small."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from rackcalc.config.racks import Loaded
from rackcalc.config.vary import Axis
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities import unit_text, units
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.rack_file import CHECKS, load_text
from rackcalc.questions.solve.criteria import BASE, OPTION, Criterion, Reference
from rackcalc.questions.sweep.boxes import plan
from rackcalc.questions.sweep.job import HOLDS
from rackcalc.replay.design_space import Question, Space

BOX = 1 << 15  # points computed together
Dimensions = tuple[tuple[Axis, ...], ...]


class Aim(NamedTuple):
    """What is looked for: the first point of the grid, or, with a path, the one with the smallest sign * value."""

    path: str = ""
    sign: float = 1.0


class Grid(NamedTuple):
    """Every point of some dimensions. able: which can be computed; holds: all criteria; short: by which share of its
    limit the worst criterion is missed, 0 where none is; value: what is to be small. refused: points by reason."""

    dimensions: Dimensions
    able: Any
    holds: Any
    short: Any
    value: Any
    refused: Counter[str]

    def best(self) -> tuple[int, ...]:
        """The place of the best point that holds; where none does, of the one that comes closest. First of equals."""
        if self.holds.any():
            rank = np.where(self.holds, self.value, np.inf) if self.value is not None else ~self.holds
        else:
            rank = np.where(self.able, self.short, np.inf)
        return tuple(int(place) for place in np.unravel_index(np.argmin(rank), self.able.shape))

    def at(self, places: Sequence[int]) -> Dimensions:
        """The dimensions with these values only."""
        return pinned(self.dimensions, places)


class Fact(NamedTuple):
    """A criterion at one point. actual and limit in the canonical unit."""

    criterion: Criterion
    actual: float
    limit: float
    holds: bool


class Checked(NamedTuple):
    """What the scalar estimate says of one point. refusal: why there is none."""

    point: Dimensions
    facts: tuple[Fact, ...] = ()
    refusal: str = ""
    figures: Mapping[str, Quantity] = MappingProxyType({})

    @property
    def holds(self) -> bool:
        """Whether everything holds there."""
        return not self.refusal and all(fact.holds for fact in self.facts)


def pinned(dimensions: Dimensions, places: Sequence[int]) -> Dimensions:
    """Every dimension at one of its values."""
    return tuple(
        tuple(axis._replace(values=(axis.values[place],)) for axis in axes)
        for axes, place in zip(dimensions, places, strict=True)
    )


class Task(NamedTuple):
    """A question, what must hold, and what is looked for. shown: further figures of the answer."""

    question: Question
    criteria: tuple[Criterion, ...]
    aim: Aim
    shown: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """Points of the grid."""
        return prod(self.question.shape)


def within(question: Question, scenario: str) -> tuple[Question, list[int]]:
    """The question asked of another scenario, and which of its dimensions are left.

    What the rack has and the other scenario has not (its LPUs, their link) is neither varied nor set there.
    """
    here = load_text(question.text, question.file, question.scenario).rack
    there = load_text(question.text, question.file, scenario).rack

    def kept(path: str) -> bool:
        return path != "scenario" and (_has(there, path) or not _has(here, path))

    sets = tuple(text for text in question.sets if kept(text.partition("=")[0].strip()))
    cut = [tuple(axis for axis in axes if kept(axis.path)) for axes in question.dimensions]
    left = [number for number, axes in enumerate(cut) if axes]
    dimensions = tuple(cut[number] for number in left)
    return question._replace(scenario=scenario, sets=sets, dimensions=dimensions), left


def _has(rack: Any, path: str) -> bool:
    """Whether a rack has the section in which the path lies."""
    for name in path.split(".")[:-1]:
        rack = rack.get(name) if isinstance(rack, Mapping) else getattr(rack, name, None)
        if rack is None:
            return False
    return True


class Side:
    """The figures of one scenario at the points of the grid. paths: those that are needed of it."""

    def __init__(self, task: Task, scenario: str | None) -> None:
        wanted = [ref.path for item in task.criteria for ref in item.references if ref.scenario == scenario]
        if scenario is None:
            wanted += [path for path in (task.aim.path, *task.shown) if path]
        self.scenario = scenario
        everything = list(range(len(task.question.dimensions)))
        question, self.left = (task.question, everything) if scenario is None else within(task.question, scenario)
        self.space = Space(question, wanted, checks=CHECKS)
        self._shape = len(everything)

    def block(self, box: Sequence[tuple[int, int]]) -> tuple[Any, Mapping[str, Any], Counter[str]]:
        """Which points can be computed, their figures, why not; arrays of as many dimensions as the whole grid."""
        found = self.space.block([box[number] for number in self.left])

        def placed(array: Any) -> Any:
            array, shape = np.asarray(array), [1] * self._shape
            for number, size in zip(self.left, array.shape, strict=False):
                shape[number] = size
            return array.reshape(shape)

        name = "" if self.scenario is None else f"in {self.scenario or BASE}: "
        times = int(np.prod([stop - start for number, (start, stop) in enumerate(box) if number not in self.left]))
        refused = Counter({f"{name}{reason}": count * times for reason, count in found.refused.items()})
        return placed(found.good), {path: placed(array) for path, array in found.columns.items()}, refused

    def knows(self, path: str) -> bool:
        """Whether there is such a figure, or an axis with numbers."""
        axes = [axis.path for axis in self.space.question.axes if axis.unit is not None]
        return path in self.space.known or path in axes

    def unit(self, path: str) -> tuple[str, bool]:
        """Canonical unit of a figure or of an axis, and whether it is a temperature."""
        for axis in self.space.question.axes:
            if axis.path == path and axis.unit is not None:
                return axis.unit, axis.absolute
        return self.space.known[path]


def sides_of(task: Task) -> dict[str | None, Side]:
    """The scenarios whose figures are needed, by name; None for the one asked for."""
    names = [None, *[ref.scenario for item in task.criteria for ref in item.references]]
    return {name: Side(task, name) for name in dict.fromkeys(names)}


def missing_figures(sides: Mapping[str | None, Side]) -> list[Problem]:
    """Figures that exist at no point."""
    found = []
    for name, side in sides.items():
        for problem in side.space.check():
            where = f" in {name or BASE}" if name is not None else ""
            found.append(Problem(problem.file or OPTION, 0, 0, problem.path, f"{problem.message}{where}"))
    return found


def with_limit(item: Criterion, sides: Mapping[str | None, Side]) -> Criterion:
    """The criterion with its unit, and its limit as a number. UnitError where the sides do not go together."""
    unit, absolute = sides[item.left.scenario].unit(item.left.path)
    right = item.right
    if isinstance(right, str):
        right = unit_text.parse(right, unit, absolute=absolute)
    elif isinstance(right, Reference):
        other = sides[right.scenario].unit(right.path)
        if other != (unit, absolute):
            noun, another = (units.DIMENSIONS.get(name, (name, ""))[0] for name in (unit, other[0]))
            raise units.UnitError(f"compares {noun} with {another}")
    return item._replace(right=right, unit=unit, absolute=absolute)


def shortfall(operator: str, value: Any, limit: Any) -> Any:
    """By which share of its limit a criterion is missed; 0 where it holds."""
    gap = value - limit
    missed = {"<": gap, "<=": gap, ">": -gap, ">=": -gap, "==": np.abs(gap), "!=": 1 - np.abs(gap)}[operator]
    size = np.abs(limit)
    return np.maximum(missed / np.where(size > 0, size, 1.0), 0.0)


def evaluate(task: Task, sides: Mapping[str | None, Side], watch: Callable[[int], Any] = lambda done: None) -> Grid:
    """All points of the question. watch: told how many are done."""
    dimensions = task.question.dimensions
    shape = task.question.shape
    able, holds, short = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape)
    value = np.zeros(shape) if task.aim.path else None
    refused: Counter[str] = Counter()
    boxes = plan(shape, sides[None].space.order(), BOX)
    done = 0
    for number in range(boxes.boxes):
        box = boxes.box(number)
        cut = tuple(slice(start, stop) for start, stop in box)
        blocks = {name: side.block(box) for name, side in sides.items()}
        good: Any = True
        for fine, _, reasons in blocks.values():
            good = good & fine
            refused.update(reasons)
        all_hold, worst = good, 0.0
        with np.errstate(all="ignore"):
            for item in task.criteria:
                left, right = [
                    blocks[end.scenario][1][end.path] if isinstance(end, Reference) else end
                    for end in (item.left, item.right)
                ]
                all_hold = all_hold & HOLDS[item.operator](left, right)
                worst = np.maximum(worst, shortfall(item.operator, left, right))
        able[cut], holds[cut], short[cut] = good, all_hold, np.where(worst == worst, worst, np.inf)
        if value is not None:
            value[cut] = task.aim.sign * blocks[None][1][task.aim.path]
        done += able[cut].size
        watch(done)
    return Grid(dimensions, able, holds, short, value, refused)


def check(task: Task, sides: Mapping[str | None, Side], point: Dimensions) -> Checked:
    """The scalar estimate of a point, and what holds there."""
    found: dict[str | None, dict[str, Quantity]] = {}
    for name, side in sides.items():
        left = side.space.question
        kept = {axis.path for axis in left.axes}
        cut = [tuple(axis for axis in axes if axis.path in kept) for axes in point]
        question = left._replace(dimensions=tuple(axes for axes in cut if axes))
        try:
            found[name] = dict(figures(estimate(loaded(question))))
        except InputError as error:
            where = "" if name is None else f"in {name or BASE}: "
            return Checked(point, refusal=where + error.problems[0].text)
    facts = []
    varied = {axis.path: axis.values[0] for axes in point for axis in axes}

    def number(end: Any) -> float:
        if isinstance(end, Reference):
            known = found[end.scenario]
            return float(known[end.path].value) if end.path in known else float(varied[end.path])
        return float(end)

    for item in task.criteria:
        actual, limit = (number(end) for end in (item.left, item.right))
        facts.append(Fact(item, actual, limit, bool(HOLDS[item.operator](actual, limit))))
    return Checked(point, tuple(facts), "", found[None])


def loaded(question: Question) -> Loaded:
    """The rack of a question whose dimensions have one value each."""
    return Space(question, (), checks=CHECKS).loaded({})
