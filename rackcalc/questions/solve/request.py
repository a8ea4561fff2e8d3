"""From what the command line says to a Task; everything that is wrong with it at once."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from rackcalc.config.racks import find_rack, scenario_names
from rackcalc.config.vary import parse_axes
from rackcalc.quantities import units
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.questions.rack_file import load_text
from rackcalc.questions.solve.criteria import OPTION, Criterion, parse_criteria
from rackcalc.questions.solve.grid import Aim, Dimensions, Side, Task, missing_figures, sides_of, with_limit
from rackcalc.replay.design_space import Question

MOST = 4_000_000  # points held in memory


class Wish(NamedTuple):
    """The options of `rackcalc solve`, as given."""

    rack: str
    scenario: str = ""
    sets: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    zipped: bool = False
    so_that: tuple[str, ...] = ()
    minimise: str = ""
    maximise: str = ""
    get: tuple[str, ...] = ()


def asked(wish: Wish) -> tuple[Task, Mapping[str | None, Side]]:
    """The task, and the scenarios it compares. InputError with every problem."""
    return asked_of(wish, *find_rack(wish.rack))


def asked_of(wish: Wish, text: str, shown: str) -> tuple[Task, Mapping[str | None, Side]]:
    """The same of a rack whose text has been read. shown: what its file is called."""
    problems: list[Problem] = []
    scenarios = scenario_names(text, shown)
    axes = parse_axes(wish.vary, scenarios, problems)
    criteria = parse_criteria(wish.so_that, scenarios, problems)
    for option, given, example in (
        ("--vary", wish.vary, "accelerators.lpu.count=1..16"),
        (OPTION, wish.so_that, "latency.p99 < 2 ms"),
    ):
        if not given:
            problems.append(Problem(option, 0, 0, "", f'is missing; say it as in "{example}"'))
    if wish.minimise and wish.maximise:
        problems.append(Problem("--minimise", 0, 0, "", "and --maximise exclude each other"))
    dimensions: Dimensions = (tuple(axes),) if wish.zipped and axes else tuple((axis,) for axis in axes)
    aim = Aim(wish.maximise, -1.0) if wish.maximise else Aim(wish.minimise)
    if any(axis.path == aim.path and axis.unit is None for axis in axes):
        problems.append(Problem("--minimise", 0, 0, aim.path, "has words, of which none is the smallest"))
    lengths = {len(axis.values) for axis in axes}
    if wish.zipped and len(lengths) > 1:
        sizes = ", ".join(f"{axis.path} has {len(axis.values)} values" for axis in axes)
        problems.append(Problem("--zip", 0, 0, "", f"all ranges need the same number of values: {sizes}"))
    elif prod(len(group[0].values) for group in dimensions) > MOST:
        mend = "take fewer values: between them it is searched anyway"
        problems.append(Problem("--vary", 0, 0, "", f"more than {MOST:,} points; {mend}"))
    try:
        if not problems:
            task = Task(Question(text, shown, wish.scenario, wish.sets, dimensions), tuple(criteria), aim, wish.get)
            sides = sides_of(task)
            problems += missing_figures(sides)
            task = task._replace(criteria=limited(criteria, sides, problems))
        else:
            load_text(text, shown, wish.scenario, wish.sets)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return task, sides


def limited(
    criteria: Sequence[Criterion], sides: Mapping[str | None, Side], problems: list[Problem]
) -> tuple[Criterion, ...]:
    """The criteria with their limits as numbers; a wrong unit goes to the problems."""
    found = []
    for item in criteria:
        unknown = [ref for ref in item.references if not sides[ref.scenario].knows(ref.path)]
        if unknown:  # a figure that is nowhere was said already
            if any(axis.path == unknown[0].path for axis in sides[None].space.question.axes):
                problems.append(Problem(OPTION, 0, 0, item.text, f"{unknown[0].path} has words, not numbers"))
            continue
        try:
            found.append(with_limit(item, sides))
        except units.UnitError as error:
            problems.append(Problem(OPTION, 0, 0, item.text, str(error)))
    return tuple(found)
