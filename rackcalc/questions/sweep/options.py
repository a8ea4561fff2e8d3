"""The options of `rackcalc sweep`, checked and turned into a job. All mistakes are reported at once."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from rackcalc.config.racks import find_rack, known_scenarios
from rackcalc.config.vary import Axis, parse_axes
from rackcalc.quantities import unit_text, units
from rackcalc.quantities.former_names import present_name
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.questions.gate_conditions import Condition, parse_condition
from rackcalc.questions.headlines import HEADLINES
from rackcalc.questions.rack_file import CHECKS
from rackcalc.questions.space_options import (
    SpaceOptions,
    dimensions_of,
    present_names_of,
    unequal_lengths,
    unit_of_path,
    with_names,
)
from rackcalc.questions.sweep.boxes import plan_boxes
from rackcalc.questions.sweep.job import Filter, SweepJob, space_of
from rackcalc.questions.sweep.result import Column
from rackcalc.replay.design_space import DesignSpace, VariedRack

POINTS_OF_A_BOX = 1 << 16  # computed together: enough to spread the cost of a call, few enough for the cache
LIST_ALL_UP_TO = 40  # points; without any options, all of them are listed
DEFAULT_TOP = 10  # points that are listed of a larger space
MOST_POINTS = 10**15  # more would take years on any machine


class SweepOptions(NamedTuple):
    """The options as given. by, pareto: a minus before a path means that larger is better."""

    space: SpaceOptions
    where: tuple[str, ...] = ()
    top: int | None = None
    by: str = ""
    pareto: str = ""
    stats: bool = False
    get: tuple[str, ...] = ()
    dump: bool = False

    def with_names(self, instead: Mapping[str, str]) -> "SweepOptions":
        """The same with other names of figures."""
        by, pareto = with_names((self.by, self.pareto), instead)
        where, get = with_names(self.where, instead), with_names(self.get, instead)
        return self._replace(where=where, get=get, by=by, pareto=pareto)


def sweep_job(options: SweepOptions) -> tuple[SweepJob, list[Column]]:
    """The job, and the columns of its result. InputError with every problem."""
    return sweep_job_of_text(options, *find_rack(options.space.rack))


def sweep_job_of_text(options: SweepOptions, text: str, file: str) -> tuple[SweepJob, list[Column]]:
    """As sweep_job, for a rack whose text has been read. file: the name to show."""
    problems: list[Problem] = []
    options = options._replace(
        by=_present_names(options.by),
        pareto=_present_names(options.pareto),
        get=tuple(map(present_name, options.get)),
    )
    varied = options.space
    axes = parse_axes(varied.vary, known_scenarios(text, file), problems)
    if not varied.vary:
        problems.append(Problem("--vary", 0, 0, "", 'is missing; say what to vary, as in "workload.batch=1,2,4..64"'))
    unequal = unequal_lengths(axes, varied.zipped, "axes")
    problems += unequal
    dimensions = () if unequal else dimensions_of(axes, varied.zipped)
    question = VariedRack(text, file, varied.scenario, varied.sets, dimensions)
    conditions = _where_conditions(options.where, problems)
    needed = _needed_paths(options, conditions, problems)
    space = DesignSpace(question, needed, options.get, CHECKS)
    unknown = space.check()
    if instead := present_names_of(unknown, space):
        return sweep_job_of_text(options.with_names(instead), text, file)
    problems += unknown
    limits = _limits(conditions, space, problems)
    problems += [*_too_many_points(question), *_word_axes(options, axes)]
    if problems:
        raise InputError(problems)
    return _job(options, question, needed, space, limits)


def _present_names(text: str) -> str:
    """Figures to sort by, with commas between them, each by its present name."""
    each = [signed(path) for path in text.split(",")]
    return ",".join(f"{'-' if sign < 0 else ''}{present_name(path)}" for path, sign in each)


def _where_conditions(texts: Sequence[str], problems: list[Problem]) -> list[Condition]:
    """The conditions of --where."""
    found = []
    for text in texts:
        try:
            condition = parse_condition(text, file="--where")
            if condition.delta:
                message = "delta(...) is a change since a baseline, which a sweep does not have"
                problems.append(condition.problem(message))
            else:
                found.append(condition)
        except InputError as error:
            problems += error.problems
    return found


def signed(path: str) -> tuple[str, float]:
    """A path to sort by, and its sign: -1 for "-throughput.capacity", which is sorted largest first."""
    path = path.strip()
    return (path[1:], -1.0) if path.startswith("-") else (path, 1.0)


def _needed_paths(options: SweepOptions, conditions: Sequence[Condition], problems: list[Problem]) -> list[str]:
    """The paths without which a point cannot be judged."""
    if options.by and not signed(options.by)[0]:
        problems.append(Problem("--by", 0, 0, "", "names no figure"))
    if options.top is not None and options.top < 1:
        problems.append(Problem("--top", 0, 0, "", f"expected 1 or more, got {options.top}"))
    front = [signed(path)[0] for path in options.pareto.split(",")] if options.pareto else []
    if options.pareto and (len(front) < 2 or not all(front)):
        message = f'expected two figures or more, such as "latency.p99,cost.tco", got "{options.pareto}"'
        problems.append(Problem("--pareto", 0, 0, "", message))
        front = []
    by = [signed(options.by)[0]] if options.by else []
    return list(dict.fromkeys([*by, *front, *(condition.path for condition in conditions)]))


def _limits(
    conditions: Sequence[Condition], space: DesignSpace, problems: list[Problem]
) -> list[tuple[Condition, float]]:
    """The conditions with their limits in canonical units."""
    found = []
    for condition in conditions:
        unit = unit_of_path(space, condition.path)
        if unit is None:
            continue  # space.check() reports unknown paths
        try:
            found.append((condition, unit_text.parse(condition.limit, unit[0], absolute=unit[1])))
        except units.UnitError as error:
            problems.append(Problem("--where", 0, 0, condition.text, str(error)))
    return found


def _word_axes(options: SweepOptions, axes: Sequence[Axis]) -> list[Problem]:
    """Axes of words that --by or --pareto would sort by: words have no order."""
    words = {axis.path for axis in axes if axis.unit is None}
    asked = [("--by", options.by), *(("--pareto", path) for path in options.pareto.split(","))]
    return [
        Problem(option, 0, 0, signed(path)[0], "has words as values, which have no order; name a figure")
        for option, path in asked
        if signed(path)[0] in words
    ]


def _too_many_points(question: VariedRack) -> list[Problem]:
    points = prod(question.shape)
    if points > MOST_POINTS:
        message = f"{points:.3g} points would take years; take fewer values, or fewer axes"
        return [Problem("--vary", 0, 0, "", message)]
    return []


def _job(
    options: SweepOptions,
    question: VariedRack,
    needed: Sequence[str],
    space: DesignSpace,
    limits: Sequence[tuple[Condition, float]],
) -> tuple[SweepJob, list[Column]]:
    nothing = not (options.top or options.by or options.pareto or options.stats or options.dump)
    listed = nothing and prod(question.shape) <= LIST_ALL_UP_TO
    headlines = [] if options.get else [path for path in HEADLINES if path in space.known]
    by, sign = signed(options.by) if options.by else ([*options.get, *headlines][0], 1.0)
    ranked = bool(options.top or options.by or nothing) and not listed
    needed = list(dict.fromkeys([*needed, by] if ranked else needed))
    axes = [axis.path for axis in question.axes]
    shown = list(dict.fromkeys([*axes, *needed, *options.get, *headlines]))
    pareto = [signed(path) for path in options.pareto.split(",")] if options.pareto else []
    in_order = options.dump or listed
    # figures that are only shown are computed at the end, for the few points that are left
    paths = tuple(dict.fromkeys([*needed, *(shown if in_order or options.stats else ())]))
    order = tuple(range(len(question.shape))) if in_order else space_of(question, paths, len(needed)).order()
    job = SweepJob(
        question,
        plan_boxes(question.shape, order, POINTS_OF_A_BOX),
        paths,
        len(needed),
        tuple(Filter(paths.index(c.path), c.operator, limit, c.text) for c, limit in limits),
        (options.top or DEFAULT_TOP, paths.index(by), sign) if ranked else None,
        (tuple(paths.index(path) for path, _ in pareto), tuple(sign for _, sign in pareto)) if pareto else None,
        options.stats,
        in_order,
    )
    return job, [_column(path, question, space) for path in shown]


def _column(path: str, question: VariedRack, space: DesignSpace) -> Column:
    for axis in question.axes:
        if axis.path == path:
            return Column(path, axis.unit or "", axis.absolute, axis.values if axis.unit is None else ())
    unit, absolute = unit_of_path(space, path) or ("", False)
    return Column(path, unit, absolute, unknown=space.unknown.get(path, ""))
