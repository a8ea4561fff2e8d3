"""A sweep as data that can be sent to a worker, and the computation of some of its boxes."""

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from rackcalc.questions.sweep.boxes import BoxPlan
from rackcalc.questions.sweep.reductions import BoxPoints, Pareto, Points, Stats, Top
from rackcalc.replay.design_space import DesignSpace, VariedRack

HOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": lambda value, limit: np.isclose(value, limit, rtol=1e-9, atol=0.0),
    "!=": lambda value, limit: (value == value) & ~np.isclose(value, limit, rtol=1e-9, atol=0.0),
}
_LOCK = Lock()


class Filter(NamedTuple):
    """A condition on a column: only points where it holds match. limit: in the canonical unit of the column."""

    column: int
    operator: str
    limit: float
    text: str


class SweepJob(NamedTuple):
    """paths: the columns; without the first `needed` of them a point cannot be judged.

    top: how many points, by which column, sign. pareto: columns and signs. A sign of -1 means that larger is better.
    dump: whether all matching points are wanted.
    """

    question: VariedRack
    plan: BoxPlan
    paths: tuple[str, ...]
    needed: int
    filters: tuple[Filter, ...] = ()
    top: tuple[int, int, float] | None = None
    pareto: tuple[tuple[int, ...], tuple[float, ...]] | None = None
    stats: bool = False
    dump: bool = False


class PartialResult:
    """The result of some boxes. points: computed or refused. matches: points that pass all filters. outside: points
    that do not. refused: points that cannot be computed, by reason. no_number: points that can, by the figure of
    --where, --by, --pareto or --stats that has no number there. dumped: the matches themselves.
    """

    def __init__(self, job: SweepJob) -> None:
        columns = len(job.paths)
        self.points = self.matches = self.outside = 0
        self.refused: Counter[str] = Counter()
        self.no_number: Counter[str] = Counter()
        self.top = None if job.top is None else Top(columns, *job.top)
        self.pareto = None if job.pareto is None else Pareto(columns, *job.pareto)
        self.stats = Stats(columns) if job.stats else None
        self.dumped: list[Points] = []

    @property
    def reducers(self) -> list[Any]:
        """The reducers that the job asks for."""
        return [reducer for reducer in (self.top, self.pareto, self.stats) if reducer is not None]

    def merge(self, other: "PartialResult") -> None:
        """Add the result of other boxes, without the points themselves."""
        self.points += other.points
        self.matches += other.matches
        self.outside += other.outside
        self.refused.update(other.refused)
        self.no_number.update(other.no_number)
        for mine, more in zip(self.reducers, other.reducers, strict=True):
            mine.merge(more)


@lru_cache(maxsize=2)
def space_of(question: VariedRack, paths: tuple[str, ...], needed: int) -> DesignSpace:
    """The design space of a question. It is kept from one task to the next, because it records programs."""
    return DesignSpace(question, paths[:needed], paths[needed:])


def compute_boxes(job: SweepJob, first: int, stop: int) -> PartialResult:
    """Compute the boxes from `first` up to `stop`, one thread at a time, because programs keep intermediate values."""
    with _LOCK:
        return _compute_boxes(job, first, stop)


def _compute_boxes(job: SweepJob, first: int, stop: int) -> PartialResult:
    space, part = space_of(job.question, job.paths, job.needed), PartialResult(job)
    for number in range(first, stop):
        box = job.plan.box(number)
        block = space.block(box)
        view = BoxPoints(box, job.plan.strides, block.good, [block.columns[path] for path in job.paths])
        good, computable = view.good, int(np.count_nonzero(view.good))
        for condition in job.filters:
            good = good & HOLDS[condition.operator](view.columns[condition.column], condition.limit)
        for column in judged_columns(job):
            missing = view.good & np.isnan(view.columns[column])
            if missing.any():
                part.no_number[job.paths[column]] += int(np.count_nonzero(missing))
        view.good = np.broadcast_to(good, view.shape)
        matches = int(np.count_nonzero(view.good))
        part.points += view.good.size
        part.matches += matches
        part.outside += computable - matches
        part.refused.update(block.refused)
        if matches:
            for reducer in part.reducers:
                reducer.add(view)
            if job.dump:
                positions = np.flatnonzero(view.good)
                part.dumped.append(view.points(positions))
    return part


def judged_columns(job: SweepJob) -> Sequence[int]:
    """The columns by which points are chosen or counted; of statistics, all."""
    if job.stats:
        return range(len(job.paths))
    filters = (condition.column for condition in job.filters)
    top = () if job.top is None else (job.top[1],)
    return tuple(dict.fromkeys((*filters, *top, *(() if job.pareto is None else job.pareto[0]))))
