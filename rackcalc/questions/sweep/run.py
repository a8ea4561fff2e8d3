"""Running a job: tasks given out, parts put together."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from rackcalc.quantities import unit_text
from rackcalc.quantities.problems import Problem
from rackcalc.questions.sweep.answer import Column
from rackcalc.questions.sweep.job import Job, Part, Where
from rackcalc.questions.sweep.reductions import Rows
from rackcalc.questions.sweep.workers import Crew, alone

TASK = 1 << 22  # points of one task, whoever does it
ROWS = 1 << 19  # of one whose points are written


class Task(NamedTuple):
    """The boxes from `first` up to `stop`."""

    number: int
    first: int
    stop: int


def tasks(job: Job) -> Iterator[Task]:
    """The work in pieces that depend on the job alone."""
    size = max(1, -(-job.plan.points // job.plan.boxes))
    step = max(1, (ROWS if job.dump else TASK) // size)
    for number, first in enumerate(range(0, job.plan.boxes, step)):
        yield Task(number, first, min(first + step, job.plan.boxes))


def run(
    job: Job,
    crew: Crew = alone,
    watch: Callable[[int], Any] = lambda points: None,
    keep: Callable[[int, Part], Any] = lambda number, part: None,
) -> Part:
    """Everything that is asked for. watch: told the points done so far. keep: given what every task has found."""
    whole = Part(job)
    numbers: dict[tuple[int, int], int] = {}

    def pairs() -> Iterator[tuple[int, int]]:
        for task in tasks(job):
            numbers[task.first, task.stop] = task.number
            yield task.first, task.stop

    for ends, part in crew(job, pairs()):
        keep(numbers.pop(ends), part)
        whole.merge(part)
        watch(whole.points)
    return whole


def closest(job: Job, crew: Crew = alone) -> list[tuple[Where, Rows]]:
    """For every condition of a job that no point meets: the point that comes closest to it alone."""
    found = []
    for where in job.where:
        sign = 1.0 if where.operator in ("<", "<=") else -1.0
        only = job._replace(where=(), top=(1, where.column, sign), pareto=None, stats=False, dump=False)
        best = run(only, crew).top
        assert best is not None
        found.append((where, best.rows))
    return found


def never(job: Job, columns: Sequence[Column], part: Part, crew: Crew = alone) -> list[Problem]:
    """Why no point is left: how close each condition came to being met, by itself."""
    if not part.outside:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in part.refused.most_common())
        return [Problem(job.question.file, 0, 0, "", f"none of {part.points:,} points can be computed: {reasons}")]
    known = {column.path: column for column in columns}
    problems = []
    for where, rows in closest(job, crew):
        path = job.paths[where.column]
        column = known[path]
        best = unit_text.show(float(rows.values[0, where.column]), column.unit, absolute=column.absolute)
        extreme = "smallest" if where.operator in ("<", "<=") else "largest"
        axes = [
            f"{axis.path}={axis.shown(place)}"
            for axes, place in zip(job.question.dimensions, job.plan.places(int(rows.index[0])), strict=True)
            for axis in axes
        ]
        message = f"no point is left; the {extreme} {path} is {best}, at {', '.join(axes)}"
        problems.append(Problem("--where", 0, 0, where.text, message))
    return problems


class Kept:
    """All points that count, in memory: where they are few."""

    def __init__(self) -> None:
        self._parts: dict[int, list[Rows]] = {}

    def keep(self, number: int, part: Part) -> None:
        """What a task has found."""
        self._parts[number] = part.dumped

    def rows(self, job: Job) -> Rows:
        """All of them, in the order of the grid."""
        rows = Rows.none(len(job.paths))
        for number in sorted(self._parts):
            for more in self._parts[number]:
                rows = rows.joined(more)
        return rows
