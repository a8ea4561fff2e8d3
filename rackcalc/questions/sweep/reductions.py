"""Reducers of a stream of points: the best points, the Pareto front, statistics. They can be merged in any order.

Of equal points the first in the grid is kept, so a result depends neither on the size of the boxes nor on the workers.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rackcalc.questions.sweep.boxes import Box

PIVOTS = 12  # points of the front that new points are compared with before the exact comparison
_MANTISSA = 10  # bits kept for quantiles: bins of 0.1 %


class BoxPoints:
    """The points of a box. columns: arrays that broadcast to the box. good: which of the points match."""

    def __init__(self, box: Box, strides: Sequence[int], good: Any, columns: Sequence[Any]) -> None:
        self.shape = tuple(stop - start for start, stop in box)
        self.box, self.strides = box, strides
        self.good = np.broadcast_to(good, self.shape)
        self.columns = [np.asarray(column) for column in columns]

    def numbers(self, positions: Any) -> Any:
        """Numbers of points in the grid, from their positions in the box."""
        indices = np.unravel_index(positions, self.shape)
        return sum(
            (index + start) * stride for index, (start, _), stride in zip(indices, self.box, self.strides, strict=True)
        )

    def points(self, positions: Any) -> "Points":
        """The points at some positions of the box."""
        indices = np.unravel_index(positions, self.shape)
        values = np.stack([np.broadcast_to(column, self.shape)[indices] for column in self.columns], axis=-1)
        return Points(self.numbers(positions), values)

    def matching(self, column: int) -> Any:
        """The values of a column at all matching points."""
        return np.broadcast_to(self.columns[column], self.shape)[self.good]


class Points(NamedTuple):
    """Some points. numbers: in the grid, (points,). values: of all columns, (points, columns)."""

    numbers: Any
    values: Any

    @staticmethod
    def none(columns: int) -> "Points":
        """No points."""
        return Points(np.zeros(0, dtype=np.int64), np.zeros((0, columns)))

    def joined(self, other: "Points") -> "Points":
        """These points, then the others."""
        return Points(np.concatenate([self.numbers, other.numbers]), np.concatenate([self.values, other.values]))

    def at(self, order: Any) -> "Points":
        """The points at these positions, in this order."""
        return Points(self.numbers[order], self.values[order])


class Top:
    """The first `count` points by a column, the smallest values first; sign -1: the largest. No numbers come last."""

    def __init__(self, columns: int, count: int, by: int, sign: float = 1.0) -> None:
        self.count, self.by, self.sign = count, by, sign
        self.points = Points.none(columns)

    def add(self, view: BoxPoints) -> None:
        """Add the points of a box."""
        value = self.sign * view.columns[self.by]
        mask = view.good
        if len(self.points.numbers) == self.count:
            worst = self.sign * self.points.values[-1, self.by]
            mask = mask & ((value <= worst) | np.isnan(worst))
        positions = np.flatnonzero(mask)
        if len(positions) == 0:
            return
        values = np.broadcast_to(value, view.shape).ravel()[positions]
        if len(positions) > 4 * self.count:  # points equal to the last are kept, because their numbers decide
            limit = np.partition(values, self.count - 1)[self.count - 1]
            positions = positions[(values <= limit) | np.isnan(limit)]
        if len(positions) > 4 * self.count:
            values = np.broadcast_to(value, view.shape).ravel()[positions]
            positions = positions[np.lexsort((view.numbers(positions), values))[: self.count]]
        self._keep(view.points(positions))

    def merge(self, other: "Top") -> None:
        """Add the result of other boxes."""
        self._keep(other.points)

    def _keep(self, more: Points) -> None:
        both = self.points.joined(more)
        order = np.lexsort((both.numbers, self.sign * both.values[:, self.by]))
        self.points = both.at(order[: self.count])


class Pareto:
    """The points that no other beats in one column without losing in another. signs: -1 where larger is better.

    Points without a number in one of the columns are left out.

    Of points that are equal in all these columns the first is kept.
    """

    def __init__(self, columns: int, by: Sequence[int], signs: Sequence[float]) -> None:
        self.by, self.signs = tuple(by), np.array(signs)
        self.points = Points.none(columns)

    def _scores(self, points: Points) -> Any:
        return points.values[:, self.by] * self.signs

    def add(self, view: BoxPoints) -> None:
        """Add the points of a box."""
        scores = [sign * view.columns[column] for column, sign in zip(self.by, self.signs, strict=True)]
        mask = view.good
        for score in scores:
            mask = mask & ~np.isnan(score)
        front = self._scores(self.points)
        for pivot in front[np.unique(np.linspace(0, len(front) - 1, PIVOTS).astype(int))] if len(front) else ():
            better: Any = scores[0] < pivot[0]
            equal: Any = scores[0] == pivot[0]
            for score, best in zip(scores[1:], pivot[1:], strict=True):
                better = better | (score < best)
                equal = equal & (score == best)
            mask = mask & (better | equal)
        positions = np.flatnonzero(mask)
        if len(positions):
            self._keep(view.points(positions))

    def merge(self, other: "Pareto") -> None:
        """Add the result of other boxes."""
        self._keep(other.points)

    def _keep(self, more: Points) -> None:
        both = self.points.joined(more)
        scores = self._scores(both)
        order = np.lexsort((both.numbers, *scores.T[::-1]))
        both, scores = both.at(order), scores[order]
        distinct = np.ones(len(scores), dtype=bool)
        distinct[1:] = (scores[1:] != scores[:-1]).any(axis=1)
        self.points = both.at(np.flatnonzero(distinct)[undominated(scores[distinct])])


def undominated(scores: Any) -> Any:
    """Positions of the rows that are on the Pareto front: no other row is smaller or equal in all columns.

    scores: (rows, columns); distinct rows in ascending order.
    """
    if len(scores) and scores.shape[1] == 2:
        best = np.minimum.accumulate(scores[:, 1])
        return np.flatnonzero(np.concatenate([[True], scores[1:, 1] < best[:-1]]))
    left = np.arange(len(scores))
    kept = []
    while len(left):  # they are in order, so none of them dominates the first
        kept.append(left[0])
        left = left[(scores[left] < scores[left[0]]).any(axis=1)]
    return np.array(kept, dtype=int)


class Stats:
    """Count, mean, deviation, extremes and quantiles of every column."""

    def __init__(self, columns: int) -> None:
        self.counts = np.zeros(columns, dtype=np.int64)  # of numbers; what is none is left out
        self.sums, self.squares = np.zeros(columns), np.zeros(columns)
        self.least, self.most = np.full(columns, np.inf), np.full(columns, -np.inf)
        self.bins: list[Counter[int]] = [Counter() for _ in range(columns)]

    def add(self, view: BoxPoints) -> None:
        """Add the points of a box."""
        for number in range(len(view.columns)):
            values = np.ascontiguousarray(view.matching(number), dtype=float)
            values = values[~np.isnan(values)]
            self.counts[number] += len(values)
            if len(values) == 0:
                continue
            self.sums[number] += values.sum()
            self.squares[number] += (values * values).sum()
            self.least[number] = min(self.least[number], values.min())
            self.most[number] = max(self.most[number], values.max())
            found, counts = np.unique(_bin_numbers(values), return_counts=True)
            self.bins[number].update(dict(zip(found.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: "Stats") -> None:
        """Add the result of other boxes."""
        self.counts = self.counts + other.counts
        self.sums, self.squares = self.sums + other.sums, self.squares + other.squares
        self.least, self.most = np.minimum(self.least, other.least), np.maximum(self.most, other.most)
        for mine, more in zip(self.bins, other.bins, strict=True):
            mine.update(more)

    def figures(self, column: int) -> dict[str, float]:
        """The statistics of a column, by name."""
        count = int(self.counts[column])
        if not count:
            names = ("mean", "deviation", "min", "p10", "p50", "p90", "p99", "max")
            return dict.fromkeys(names, float("nan"))
        mean = float(self.sums[column]) / count
        variance = max(float(self.squares[column]) / count - mean * mean, 0.0)
        found = {"mean": mean, "deviation": variance**0.5, "min": float(self.least[column])}
        found |= {f"p{round(100 * share)}": self.quantile(column, share) for share in (0.1, 0.5, 0.9, 0.99)}
        return found | {"max": float(self.most[column])}

    def quantile(self, column: int, share: float) -> float:
        """A quantile, to 0.1 %."""
        wanted, seen = share * int(self.counts[column]), 0
        for key in sorted(self.bins[column]):
            seen += self.bins[column][key]
            if seen >= wanted:
                middle = _middle_of_bin(key)
                return min(max(middle, float(self.least[column])), float(self.most[column]))
        return float(self.most[column])


def _bin_numbers(values: Any) -> Any:
    """The number of the bin of each value, which grows with it: sign, exponent and first bits of the mantissa."""
    bits = values.view(np.int64)
    ordered = bits ^ ((bits >> 63) & np.int64(0x7FFFFFFFFFFFFFFF))
    return ordered >> (52 - _MANTISSA)


def _middle_of_bin(key: int) -> float:
    ordered = np.int64((key << (52 - _MANTISSA)) + (1 << (51 - _MANTISSA)))
    bits = ordered ^ ((ordered >> np.int64(63)) & np.int64(0x7FFFFFFFFFFFFFFF))
    return float(np.array([bits]).view(np.float64)[0])
