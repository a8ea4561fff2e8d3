"""One sweep as data that travels to whoever computes it, and the work on a part of it."""

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from rackcalc.questions.sweep.boxes import Plan
from rackcalc.questions.sweep.reductions import Pareto, Rows, Stats, Top, View
from rackcalc.replay.design_space import Question, Space

HOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": lambda value, limit: np.isclose(value, limit, rtol=1e-9, atol=0.0),
    "!=": lambda value, limit: ~np.isclose(value, limit, rtol=1e-9, atol=0.0),
}


_TURNS = Lock()


class Where(NamedTuple):
    """A condition on a column: only points where it holds count. limit in the column's canonical unit."""

    column: int
    operator: str
    limit: float
    text: str


class Job(NamedTuple):
    """paths: the columns, of which a point must have the first `needed`.

    top: how many, by which column, sign; pareto: columns and signs; dump: every point that counts.
    """

    question: Question
    plan: Plan
    paths: tuple[str, ...]
    needed: int
    where: tuple[Where, ...] = ()
    top: tuple[int, int, float] | None = None
    pareto: tuple[tuple[int, ...], tuple[float, ...]] | None = None
    stats: bool = False
    dump: bool = False


class Part:
    """What is known of some boxes. points: looked at; refused: by reason; outside: not where they should be."""

    def __init__(self, job: Job) -> None:
        columns = len(job.paths)
        self.points = self.matches = self.outside = 0
        self.refused: Counter[str] = Counter()
        self.top = None if job.top is None else Top(columns, *job.top)
        self.pareto = None if job.pareto is None else Pareto(columns, *job.pareto)
        self.stats = Stats(columns) if job.stats else None
        self.dumped: list[Rows] = []

    @property
    def reducers(self) -> list[Any]:
        """Those that are asked for."""
        return [reducer for reducer in (self.top, self.pareto, self.stats) if reducer is not None]

    def merge(self, other: "Part") -> None:
        """What was found elsewhere; not the points themselves."""
        self.points += other.points
        self.matches += other.matches
        self.outside += other.outside
        self.refused.update(other.refused)
        for mine, more in zip(self.reducers, other.reducers, strict=True):
            mine.merge(more)


@lru_cache(maxsize=2)
def space_of(question: Question, paths: tuple[str, ...], needed: int) -> Space:
    """The space of a question, with all its recordings, kept from one part of the work to the next."""
    return Space(question, paths[:needed], paths[needed:])


def work(job: Job, first: int, stop: int) -> Part:
    """The boxes from `first` up to `stop`. Threads of one process take turns: a program keeps what it has computed."""
    with _TURNS:
        return _worked(job, first, stop)


def _worked(job: Job, first: int, stop: int) -> Part:
    space, part = space_of(job.question, job.paths, job.needed), Part(job)
    for number in range(first, stop):
        box = job.plan.box(number)
        block = space.block(box)
        view = View(box, job.plan.strides, block.good, [block.columns[path] for path in job.paths])
        good, able = view.good, int(np.count_nonzero(view.good))
        for where in job.where:
            good = good & HOLDS[where.operator](view.columns[where.column], where.limit)
        for column in sorted_by(job):
            ordered = view.columns[column] == view.columns[column]
            if not ordered.all():
                good = good & ordered
        view.good = np.broadcast_to(good, view.shape)
        matches = int(np.count_nonzero(view.good))
        part.points += view.good.size
        part.matches += matches
        part.outside += able - matches
        part.refused.update(block.refused)
        if matches:
            for reducer in part.reducers:
                reducer.add(view)
            if job.dump:
                positions = np.flatnonzero(view.good)
                part.dumped.append(Rows(view.index(positions), view.rows(positions)))
    return part


def sorted_by(job: Job) -> Sequence[int]:
    """The columns by which points are put in order: one that is no number has no place there."""
    top = () if job.top is None else (job.top[1],)
    return (*top, *(() if job.pareto is None else job.pareto[0]))
