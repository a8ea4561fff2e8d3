"""The result of a sweep: lists of points and statistics, with the words of axes that have words."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from rackcalc.config.racks import Loaded
from rackcalc.questions.sweep.job import PartialResult, SweepJob
from rackcalc.questions.sweep.reductions import Points
from rackcalc.replay.design_space import DesignSpace


class Column(NamedTuple):
    """A column of the result. words: of an axis with words, where the values of the column are indices of them.

    unknown: why a figure is unknown where it has no number; "" where it is known.
    """

    path: str
    unit: str
    absolute: bool = False
    words: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def heading(self) -> str:
        """The path, with the unit of its numbers."""
        return self.path if self.words or self.unit == "1" else f"{self.path} [{self.unit}]"


class SweepResult(NamedTuple):
    """Everything found. columns: axes first. listed: all matching points, where they are few. notes: on the rack."""

    job: SweepJob
    columns: Sequence[Column]
    part: PartialResult
    listed: Points | None = None
    notes: Sequence[str] = ()

    def records(self, points: Points) -> list[list[Any]]:
        """Points as lists of numbers and words, in the order of the columns."""
        return [
            [
                column.words[int(value)] if column.words else value
                for column, value in zip(self.columns, row, strict=True)
            ]
            for row in self.completed(points).values.tolist()
        ]

    def completed(self, points: Points) -> Points:
        """The points with all columns. Columns that were not needed to choose the points are computed here."""
        paths = [column.path for column in self.columns]
        if set(paths) <= set(self.job.paths):
            return points._replace(values=points.values[:, [self.job.paths.index(path) for path in paths]])
        space = DesignSpace(self.job.question, (), paths)
        columns = space.columns_at([self.job.plan.indices(number) for number in points.numbers.tolist()])
        return points._replace(values=np.stack([columns[path] for path in paths], axis=-1))

    def lists(self) -> Iterator[tuple[str, list[list[Any]]]]:
        """The lists of points that were asked for, by name: all, top, pareto."""
        for name, points in self.point_lists():
            yield name, self.records(points)

    def point_lists(self) -> Iterator[tuple[str, Points]]:
        """The same lists as points."""
        if self.listed is not None:
            yield "all", self.listed
        if self.part.top is not None:
            yield "top", self.part.top.points
        if self.part.pareto is not None:
            yield "pareto", self.part.pareto.points

    def rack_at(self, number: int) -> Loaded:
        """The rack at the point with this number, as its file would say it."""
        space = DesignSpace(self.job.question, (), ())
        return space.loaded(dict(enumerate(self.job.plan.indices(number))))

    def titled_lists(self) -> Iterator[tuple[str, list[list[Any]]]]:
        """The same lists with titles for people."""
        for name, records in self.lists():
            yield self._title(name, len(records)), records

    def _title(self, name: str, count: int) -> str:
        paths = self.job.paths
        if name == "top" and self.job.top is not None:
            return f"{'smallest' if self.job.top[2] > 0 else 'largest'} {paths[self.job.top[1]]}"
        if name == "pareto" and self.job.pareto is not None:
            ends = zip(*self.job.pareto, strict=True)
            said = ", ".join(f"{'small' if sign > 0 else 'large'} {paths[column]}" for column, sign in ends)
            return f"Pareto front, {count} points: {said}"
        return ""

    def statistics(self) -> Iterator[tuple[Column, dict[str, float]]]:
        """The statistics of every figure, by name."""
        for column in self.columns:
            if self.part.stats is not None and column.path not in {axis.path for axis in self.job.question.axes}:
                yield column, self.part.stats.figures(self.job.paths.index(column.path))
