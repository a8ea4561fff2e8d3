"""The figures of every scenario that a goal compares, at the points of one grid."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rackcalc.quantities import unit_text, units
from rackcalc.quantities.problems import Problem
from rackcalc.questions.rack_file import CHECKS, load_text
from rackcalc.questions.solve.criteria import BASE, OPTION, Criterion, Reference
from rackcalc.questions.solve.goal import Goal
from rackcalc.questions.space_options import unit_of_path
from rackcalc.replay.design_space import DesignSpace, VariedRack


def in_scenario(question: VariedRack, scenario: str) -> tuple[VariedRack, list[int]]:
    """The question for another scenario, and the numbers of the dimensions that it keeps.

    Paths of sections that the rack has and the other scenario lacks (its LPUs, their link) are neither varied nor set.
    """
    here = load_text(question.text, question.file, question.scenario).rack
    there = load_text(question.text, question.file, scenario).rack

    def kept(path: str) -> bool:
        return path != "scenario" and (_has_section(there, path) or not _has_section(here, path))

    sets = tuple(text for text in question.sets if kept(text.partition("=")[0].strip()))
    cut = [tuple(axis for axis in axes if kept(axis.path)) for axes in question.dimensions]
    numbers = [number for number, axes in enumerate(cut) if axes]
    dimensions = tuple(cut[number] for number in numbers)
    return question._replace(scenario=scenario, sets=sets, dimensions=dimensions), numbers


def _has_section(rack: Any, path: str) -> bool:
    """Whether a rack has the section that contains the path."""
    for name in path.split(".")[:-1]:
        rack = rack.get(name) if isinstance(rack, Mapping) else getattr(rack, name, None)
        if rack is None:
            return False
    return True


class ScenarioFigures:
    """The figures of one scenario that a goal needs. scenario: None for the scenario that is asked about."""

    def __init__(self, goal: Goal, scenario: str | None) -> None:
        wanted = [ref.path for item in goal.criteria for ref in item.references if ref.scenario == scenario]
        if scenario is None:
            wanted += [path for path in (goal.objective.path, *goal.shown) if path]
        self.scenario = scenario
        self._dimensions = len(goal.question.dimensions)
        question, self._kept = goal.question, list(range(self._dimensions))
        if scenario is not None:
            question, self._kept = in_scenario(goal.question, scenario)
        self.space = DesignSpace(question, wanted, checks=CHECKS)

    def block(self, box: Sequence[tuple[int, int]]) -> tuple[Any, Mapping[str, Any], Counter[str]]:
        """Which points of a box can be computed, their figures, and the number of refused points by reason.

        Arrays have the dimensions of the whole grid, with size 1 where this scenario lacks a dimension.
        """
        found = self.space.block([box[number] for number in self._kept])

        def on_grid(array: Any) -> Any:
            array, shape = np.asarray(array), [1] * self._dimensions
            for number, size in zip(self._kept, array.shape, strict=False):
                shape[number] = size
            return array.reshape(shape)

        name = "" if self.scenario is None else f"in {self.scenario or BASE}: "
        times = int(np.prod([stop - start for number, (start, stop) in enumerate(box) if number not in self._kept]))
        refused = Counter({f"{name}{reason}": count * times for reason, count in found.refused.items()})
        return on_grid(found.good), {path: on_grid(array) for path, array in found.columns.items()}, refused

    def knows(self, path: str) -> bool:
        """Whether there is such a figure, or such an axis with numbers."""
        return unit_of_path(self.space, path) is not None

    def unit(self, path: str) -> tuple[str, bool]:
        """Canonical unit of a figure or axis, and whether it is a temperature. Only for known paths."""
        found = unit_of_path(self.space, path)
        assert found is not None
        return found


ByScenario = Mapping[str | None, ScenarioFigures]  # None: the scenario that is asked about


def figures_by_scenario(goal: Goal) -> ByScenario:
    """The scenarios that a goal compares, with their figures."""
    names = [None, *[ref.scenario for item in goal.criteria for ref in item.references]]
    return {name: ScenarioFigures(goal, name) for name in dict.fromkeys(names)}


def missing_figures(scenarios: ByScenario) -> list[Problem]:
    """The figures of criteria that exist at no point."""
    found = []
    for name, known in scenarios.items():
        for problem in known.space.check():
            where = f" in {name or BASE}" if name is not None else ""
            found.append(Problem(problem.file or OPTION, 0, 0, problem.path, f"{problem.message}{where}"))
    return found


def with_limit(item: Criterion, scenarios: ByScenario) -> Criterion:
    """The criterion with its unit, and with its limit as a number. UnitError where its two sides do not match."""
    unit, absolute = scenarios[item.left.scenario].unit(item.left.path)
    right = item.right
    if isinstance(right, str):
        right = unit_text.parse(right, unit, absolute=absolute)
    elif isinstance(right, Reference):
        other = scenarios[right.scenario].unit(right.path)
        if other != (unit, absolute):
            noun, another = (units.DIMENSIONS.get(name, (name, ""))[0] for name in (unit, other[0]))
            raise units.UnitError(f"compares {noun} with {another}")
    return item._replace(right=right, unit=unit, absolute=absolute)
