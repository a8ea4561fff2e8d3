"""Running a sweep job: it is split into tasks, and their results are merged."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from rackcalc.quantities import unit_text
from rackcalc.quantities.problems import Problem
from rackcalc.questions.sweep.job import Filter, PartialResult, SweepJob
from rackcalc.questions.sweep.reductions import Points
from rackcalc.questions.sweep.result import Column
from rackcalc.questions.sweep.workers import BoxRange, Executor, in_this_process

POINTS_OF_A_TASK = 1 << 22
POINTS_OF_A_DUMP_TASK = 1 << 19  # fewer, because its points are kept until they are written


class Task(NamedTuple):
    """The boxes from `first` up to `stop`."""

    number: int
    first: int
    stop: int


def split_into_tasks(job: SweepJob) -> Iterator[Task]:
    """The tasks of a job. They depend on the job alone, so that a dump can be resumed with other workers."""
    size = max(1, -(-job.plan.points // job.plan.boxes))
    step = max(1, (POINTS_OF_A_DUMP_TASK if job.dump else POINTS_OF_A_TASK) // size)
    for number, first in enumerate(range(0, job.plan.boxes, step)):
        yield Task(number, first, min(first + step, job.plan.boxes))


def run(
    job: SweepJob,
    executor: Executor = in_this_process,
    on_progress: Callable[[int], Any] = lambda points: None,
    store: Callable[[int, PartialResult], Any] = lambda task, part: None,
) -> PartialResult:
    """Compute a job. on_progress: called with the points done so far. store: called with each task and its result."""
    whole = PartialResult(job)
    numbers: dict[BoxRange, int] = {}

    def ranges() -> Iterator[BoxRange]:
        for task in split_into_tasks(job):
            numbers[task.first, task.stop] = task.number
            yield task.first, task.stop

    for boxes, part in executor(job, ranges()):
        store(numbers.pop(boxes), part)
        whole.merge(part)
        on_progress(whole.points)
    return whole


def closest_points(job: SweepJob, executor: Executor = in_this_process) -> list[tuple[Filter, Points]]:
    """For each filter of a job that leaves no points, the point that comes closest to passing this filter alone."""
    found = []
    for condition in job.filters:
        sign = 1.0 if condition.operator in ("<", "<=") else -1.0
        only = job._replace(filters=(), top=(1, condition.column, sign), pareto=None, stats=False, dump=False)
        best = run(only, executor).top
        assert best is not None
        found.append((condition, best.points))
    return found


def why_no_points(
    job: SweepJob, columns: Sequence[Column], part: PartialResult, executor: Executor = in_this_process
) -> list[Problem]:
    """Why no point is left: the reasons why none can be computed, or how close each filter comes to being passed."""
    if not part.outside:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in part.refused.most_common())
        return [Problem(job.question.file, 0, 0, "", f"none of {part.points:,} points can be computed: {reasons}")]
    known = {column.path: column for column in columns}
    problems = []
    for condition, closest in closest_points(job, executor):
        path = job.paths[condition.column]
        column = known[path]
        if not len(closest.numbers) or np.isnan(closest.values[0, condition.column]):
            why = f": {column.unknown}" if column.unknown else ""
            problems.append(Problem("--where", 0, 0, condition.text, f"no point has a number for {path}{why}"))
            continue
        best = unit_text.show(float(closest.values[0, condition.column]), column.unit, absolute=column.absolute)
        extreme = "smallest" if condition.operator in ("<", "<=") else "largest"
        axes = [
            f"{axis.path}={axis.shown(index)}"
            for axes, index in zip(job.question.dimensions, job.plan.indices(int(closest.numbers[0])), strict=True)
            for axis in axes
        ]
        message = f"no point is left; the {extreme} {path} is {best}, at {', '.join(axes)}"
        problems.append(Problem("--where", 0, 0, condition.text, message))
    return problems


class PointsInMemory:
    """Keeps all matching points of a sweep in memory; for sweeps with few of them."""

    def __init__(self) -> None:
        self._parts: dict[int, list[Points]] = {}

    def store(self, task: int, part: PartialResult) -> None:
        """Keep the points of a task."""
        self._parts[task] = part.dumped

    def points(self, job: SweepJob) -> Points:
        """All points, in the order of the grid."""
        found = Points.none(len(job.paths))
        for task in sorted(self._parts):
            for more in self._parts[task]:
                found = found.joined(more)
        return found
