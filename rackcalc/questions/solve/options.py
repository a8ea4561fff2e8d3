"""The options of `rackcalc solve`, checked and turned into a goal. All mistakes are reported at once."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from rackcalc.config.racks import find_rack, known_scenarios
from rackcalc.config.vary import parse_axes
from rackcalc.quantities import units
from rackcalc.quantities.former_names import present_name
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.questions.rack_file import load_text
from rackcalc.questions.solve.criteria import OPTION, Criterion, parse_criteria
from rackcalc.questions.solve.goal import Goal, Objective
from rackcalc.questions.solve.scenario_figures import (
    ByScenario,
    figures_by_scenario,
    missing_figures,
    with_limit,
)
from rackcalc.questions.space_options import (
    SpaceOptions,
    dimensions_of,
    present_names_of,
    unequal_lengths,
    with_names,
)
from rackcalc.replay.design_space import VariedRack

MOST_POINTS = 4_000_000  # held in memory


class SolveOptions(NamedTuple):
    """The options as given."""

    space: SpaceOptions
    so_that: tuple[str, ...] = ()
    minimise: str = ""
    maximise: str = ""
    get: tuple[str, ...] = ()

    def with_names(self, instead: Mapping[str, str]) -> "SolveOptions":
        """The same with other names of figures."""
        minimise, maximise = with_names((self.minimise, self.maximise), instead)
        so_that, get = with_names(self.so_that, instead), with_names(self.get, instead)
        return self._replace(so_that=so_that, get=get, minimise=minimise, maximise=maximise)


def solve_goal(options: SolveOptions) -> tuple[Goal, ByScenario]:
    """The goal, and the figures of the scenarios that it compares. InputError with every problem."""
    return solve_goal_of_text(options, *find_rack(options.space.rack))


def solve_goal_of_text(options: SolveOptions, text: str, file: str) -> tuple[Goal, ByScenario]:
    """As solve_goal, for a rack whose text has been read. file: the name to show."""
    problems: list[Problem] = []
    varied = options.space
    scenario_list = known_scenarios(text, file)
    axes = parse_axes(varied.vary, scenario_list, problems)
    criteria = parse_criteria(options.so_that, scenario_list, problems)
    problems += _missing_options(options)
    best = present_name(options.maximise or options.minimise)
    objective = Objective(best, -1.0 if options.maximise else 1.0)
    wanted = tuple(map(present_name, options.get))
    if any(axis.path == objective.path and axis.unit is None for axis in axes):
        problems.append(Problem("--minimise", 0, 0, objective.path, "has words, of which none is the smallest"))
    dimensions = dimensions_of(axes, varied.zipped)
    unequal = unequal_lengths(axes, varied.zipped, "ranges")
    problems += unequal
    if not unequal and prod(len(group[0].values) for group in dimensions) > MOST_POINTS:
        fix = "take fewer values: between them it is searched anyway"
        problems.append(Problem("--vary", 0, 0, "", f"more than {MOST_POINTS:,} points; {fix}"))
    try:
        if not problems:
            question = VariedRack(text, file, varied.scenario, varied.sets, dimensions)
            goal = Goal(question, tuple(criteria), objective, wanted)
            scenarios = figures_by_scenario(goal)
            missing = missing_figures(scenarios)
            instead = {k: v for known in scenarios.values() for k, v in present_names_of(missing, known.space).items()}
            if instead:
                return solve_goal_of_text(options.with_names(instead), text, file)
            problems += missing
            goal = goal._replace(criteria=_with_limits(criteria, scenarios, problems))
        else:
            load_text(text, file, varied.scenario, varied.sets)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return goal, scenarios


def _missing_options(options: SolveOptions) -> list[Problem]:
    """Options that solve cannot do without, and options that exclude each other."""
    found = []
    for option, given, example in (
        ("--vary", options.space.vary, "accelerators.lpu.count=1..16"),
        (OPTION, options.so_that, "latency.p99 < 2 ms"),
    ):
        if not given:
            found.append(Problem(option, 0, 0, "", f'is missing; say it as in "{example}"'))
    if options.minimise and options.maximise:
        found.append(Problem("--minimise", 0, 0, "", "and --maximise exclude each other"))
    return found


def _with_limits(
    criteria: Sequence[Criterion], scenarios: ByScenario, problems: list[Problem]
) -> tuple[Criterion, ...]:
    """The criteria with their limits as numbers. Wrong units are added to the problems."""
    found = []
    for item in criteria:
        unknown = [ref for ref in item.references if not scenarios[ref.scenario].knows(ref.path)]
        if unknown:  # missing_figures() reports figures that exist nowhere
            if any(axis.path == unknown[0].path for axis in scenarios[None].space.question.axes):
                problems.append(Problem(OPTION, 0, 0, item.text, f"{unknown[0].path} has words, not numbers"))
            continue
        try:
            found.append(with_limit(item, scenarios))
        except units.UnitError as error:
            problems.append(Problem(OPTION, 0, 0, item.text, str(error)))
    return tuple(found)
