"""What a sweep found, with words where the axes have words."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from rackcalc.questions.sweep.job import Job, Part
from rackcalc.questions.sweep.reductions import Rows
from rackcalc.replay.design_space import Space


class Column(NamedTuple):
    """A column of the answer. words: of an axis whose values are numbers of words."""

    path: str
    unit: str
    absolute: bool = False
    words: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The path, with the unit of its numbers."""
        return self.path if self.words or self.unit == "1" else f"{self.path} [{self.unit}]"


class Answer(NamedTuple):
    """columns: the axes first. listed: all points that count, where they are few."""

    job: Job
    columns: Sequence[Column]
    part: Part
    listed: Rows | None = None

    def records(self, rows: Rows) -> list[list[Any]]:
        """Points as lists of numbers and words, in the order of the columns."""
        rows, places = self.completed(rows), range(len(self.columns))
        return [
            [
                column.words[int(row[place])] if column.words else row[place]
                for column, place in zip(self.columns, places, strict=True)
            ]
            for row in rows.values.tolist()
        ]

    def completed(self, rows: Rows) -> Rows:
        """The points with all columns: what was not needed to choose them is computed now."""
        paths = [column.path for column in self.columns]
        if set(paths) <= set(self.job.paths):
            return rows._replace(values=rows.values[:, [self.job.paths.index(path) for path in paths]])
        space = Space(self.job.question, (), paths)
        values = np.empty((len(rows.index), len(paths)))
        for number, index in enumerate(rows.index.tolist()):
            block = space.block([(place, place + 1) for place in self.job.plan.places(index)])
            values[number] = [np.asarray(block.columns[path]).item() for path in paths]
        return rows._replace(values=values)

    def named(self) -> Iterator[tuple[str, list[list[Any]]]]:
        """The lists of points that were asked for, by name."""
        if self.listed is not None:
            yield "all", self.records(self.listed)
        if self.part.top is not None:
            yield "top", self.records(self.part.top.rows)
        if self.part.pareto is not None:
            yield "pareto", self.records(self.part.pareto.rows)

    def lists(self) -> Iterator[tuple[str, list[list[Any]]]]:
        """The same with titles for people."""
        for name, records in self.named():
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
        """Statistics of every figure."""
        for column in self.columns:
            if self.part.stats is not None and column.path not in {axis.path for axis in self.job.question.axes}:
                yield column, self.part.stats.figures(self.job.paths.index(column.path))
