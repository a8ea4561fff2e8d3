"""From what the command line says to a Job; everything that is wrong with it at once."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from rackcalc.config.racks import find_rack, scenario_names
from rackcalc.config.vary import Axis, parse_axes
from rackcalc.quantities import unit_text, units
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.questions.gate_conditions import Condition, parse_condition
from rackcalc.questions.rack_file import CHECKS
from rackcalc.questions.sweep.answer import Column
from rackcalc.questions.sweep.boxes import plan
from rackcalc.questions.sweep.job import Job, Where, space_of
from rackcalc.replay.design_space import Question, Space

BOX = 1 << 16  # points computed together: enough to make light of the calls, few enough for a cache
FEW = 40  # points that are all shown when nothing is asked for
SHOWN = 10  # the best, of more
MANY = 10**15  # points that would take years on any machine
HEADLINES = ("latency.p99", "throughput.capacity", "power.facility", "cost.tco")  # shown unless others are named


class Wish(NamedTuple):
    """The options of `rackcalc sweep`, as given. by, pareto: a minus in front means that more is better."""

    rack: str
    scenario: str = ""
    sets: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    zipped: bool = False
    where: tuple[str, ...] = ()
    top: int | None = None
    by: str = ""
    pareto: str = ""
    stats: bool = False
    get: tuple[str, ...] = ()
    dump: bool = False


def asked(wish: Wish) -> tuple[Job, list[Column]]:
    """The job and its columns. InputError with every problem."""
    return asked_of(wish, *find_rack(wish.rack))


def asked_of(wish: Wish, text: str, shown: str) -> tuple[Job, list[Column]]:
    """The same of a rack whose text has been read. shown: what its file is called."""
    problems: list[Problem] = []
    axes = parse_axes(wish.vary, scenario_names(text, shown), problems)
    if not wish.vary:
        problems.append(Problem("--vary", 0, 0, "", 'is missing; say what to vary, as in "workload.batch=1,2,4..64"'))
    lengths = {len(axis.values) for axis in axes}
    if wish.zipped and len(lengths) > 1:
        sizes = ", ".join(f"{axis.path} has {len(axis.values)} values" for axis in axes)
        problems.append(Problem("--zip", 0, 0, "", f"all axes need the same number of values: {sizes}"))
        axes = []
    question = Question(text, shown, wish.scenario, wish.sets, _dimensions(axes, wish.zipped))
    conditions = _conditions(wish.where, problems)
    needed = _needed(wish, conditions, problems)
    space = Space(question, needed, wish.get, CHECKS)
    problems += space.check()
    where = _limits(conditions, space, problems)
    problems += _too_many(question, wish)
    if problems:
        raise InputError(problems)
    return _job(wish, question, needed, space, where)


def _dimensions(axes: Sequence[Axis], zipped: bool) -> tuple[tuple[Axis, ...], ...]:
    """Crossed: every axis on its own; zipped: all on one."""
    return (tuple(axes),) if zipped and axes else tuple((axis,) for axis in axes)


def _conditions(texts: Sequence[str], problems: list[Problem]) -> list[Condition]:
    """The conditions of --where."""
    found = []
    for text in texts:
        try:
            found.append(parse_condition(text, file="--where"))
        except InputError as error:
            problems += error.problems
    return found


def signed(path: str) -> tuple[str, float]:
    """A path to sort by and its sign: "-throughput.capacity" is largest first."""
    path = path.strip()
    return (path[1:], -1.0) if path.startswith("-") else (path, 1.0)


def _needed(wish: Wish, conditions: Sequence[Condition], problems: list[Problem]) -> list[str]:
    """The paths without which a point cannot be judged."""
    if wish.by and not signed(wish.by)[0]:
        problems.append(Problem("--by", 0, 0, "", "names no figure"))
    if wish.top is not None and wish.top < 1:
        problems.append(Problem("--top", 0, 0, "", f"expected 1 or more, got {wish.top}"))
    ends = [signed(path)[0] for path in wish.pareto.split(",")] if wish.pareto else []
    if wish.pareto and (len(ends) < 2 or not all(ends)):
        message = f'expected two figures or more, such as "latency.p99,cost.tco", got "{wish.pareto}"'
        problems.append(Problem("--pareto", 0, 0, "", message))
        ends = []
    by = [signed(wish.by)[0]] if wish.by else []
    return list(dict.fromkeys([*by, *ends, *(condition.path for condition in conditions)]))


def _limits(conditions: Sequence[Condition], space: Space, problems: list[Problem]) -> list[tuple[Condition, float]]:
    """The conditions with their limits in canonical units."""
    found = []
    for condition in conditions:
        unit = _unit(space, condition.path)
        if unit is None:
            continue  # an unknown path is said already
        try:
            found.append((condition, unit_text.parse(condition.limit, unit[0], absolute=unit[1])))
        except units.UnitError as error:
            problems.append(Problem("--where", 0, 0, condition.text, str(error)))
    return found


def _unit(space: Space, path: str) -> tuple[str, bool] | None:
    """Unit of a column, and whether it is a temperature; None where nobody knows the path."""
    for axis in space.question.axes:
        if axis.path == path and axis.unit is not None:
            return axis.unit, axis.absolute
    return space.known.get(path)


def _too_many(question: Question, wish: Wish) -> list[Problem]:
    points = prod(question.shape)
    if points > MANY:
        message = f"{points:.3g} points would take years; take fewer values, or fewer axes"
        return [Problem("--vary", 0, 0, "", message)]
    return []


def _job(
    wish: Wish, question: Question, needed: Sequence[str], space: Space, where: Sequence[tuple[Condition, float]]
) -> tuple[Job, list[Column]]:
    nothing = not (wish.top or wish.by or wish.pareto or wish.stats or wish.dump)
    listed = nothing and prod(question.shape) <= FEW
    headlines = [] if wish.get else [path for path in HEADLINES if path in space.known]
    by, sign = signed(wish.by) if wish.by else ([*wish.get, *headlines][0], 1.0)
    ranked = bool(wish.top or wish.by or nothing) and not listed
    needed = list(dict.fromkeys([*needed, by] if ranked else needed))
    axes = [axis.path for axis in question.axes]
    shown = list(dict.fromkeys([*axes, *needed, *wish.get, *headlines]))
    pareto = [signed(path) for path in wish.pareto.split(",")] if wish.pareto else []
    in_order = wish.dump or listed
    # what is only shown is computed at the end, for the few points that are left
    paths = tuple(dict.fromkeys([*needed, *(shown if in_order or wish.stats else ())]))
    order = tuple(range(len(question.shape))) if in_order else space_of(question, paths, len(needed)).order()
    job = Job(
        question,
        plan(question.shape, order, BOX),
        paths,
        len(needed),
        tuple(Where(paths.index(c.path), c.operator, limit, c.text) for c, limit in where),
        (wish.top or SHOWN, paths.index(by), sign) if ranked else None,
        (tuple(paths.index(path) for path, _ in pareto), tuple(sign for _, sign in pareto)) if pareto else None,
        wish.stats,
        in_order,
    )
    return job, [_column(path, question, space) for path in shown]


def _column(path: str, question: Question, space: Space) -> Column:
    for axis in question.axes:
        if axis.path == path:
            return Column(path, axis.unit or "", axis.absolute, axis.values if axis.unit is None else ())
    unit, absolute = _unit(space, path) or ("", False)
    return Column(path, unit, absolute)
