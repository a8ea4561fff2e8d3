"""What is kept of a stream of points: the best, the undominated, statistics. Small states that add up in any order.

Ties go to the point that comes first in the grid, so a result depends neither on the size of the boxes nor on who
computed them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rackcalc.questions.sweep.boxes import Box

PIVOTS = 12  # points of a front that every new point is held against before the exact comparison
_MANTISSA = 10  # bits kept for quantiles: bins of 0.1 %


class View:
    """The points of a box that count. columns: by number, each broadcasts to the box; good: where they count."""

    def __init__(self, box: Box, strides: Sequence[int], good: Any, columns: Sequence[Any]) -> None:
        self.shape = tuple(stop - start for start, stop in box)
        self.box, self.strides = box, strides
        self.good = np.broadcast_to(good, self.shape)
        self.columns = [np.asarray(column) for column in columns]

    def index(self, positions: Any) -> Any:
        """Numbers of points in the grid, from their positions in the box."""
        places = np.unravel_index(positions, self.shape)
        return sum(
            (place + start) * stride for place, (start, _), stride in zip(places, self.box, self.strides, strict=True)
        )

    def rows(self, positions: Any) -> Any:
        """Values of all columns at positions of the box, a row for each."""
        places = np.unravel_index(positions, self.shape)
        return np.stack([np.broadcast_to(column, self.shape)[places] for column in self.columns], axis=-1)

    def flat(self, column: int) -> Any:
        """A column in every point of the box that counts."""
        return np.broadcast_to(self.columns[column], self.shape)[self.good]


class Rows(NamedTuple):
    """Chosen points: their numbers in the grid, and the values of all columns."""

    index: Any
    values: Any

    @staticmethod
    def none(columns: int) -> "Rows":
        """No points yet."""
        return Rows(np.zeros(0, dtype=np.int64), np.zeros((0, columns)))

    def joined(self, other: "Rows") -> "Rows":
        """Both."""
        return Rows(np.concatenate([self.index, other.index]), np.concatenate([self.values, other.values]))

    def at(self, order: Any) -> "Rows":
        """Some of them, in that order."""
        return Rows(self.index[order], self.values[order])


class Top:
    """The first `count` points by a column, the smallest values first; sign -1: the largest."""

    def __init__(self, columns: int, count: int, by: int, sign: float = 1.0) -> None:
        self.count, self.by, self.sign = count, by, sign
        self.rows = Rows.none(columns)

    def add(self, view: View) -> None:
        """The points of a box."""
        value = self.sign * view.columns[self.by]
        mask = view.good
        if len(self.rows.index) == self.count:
            mask = mask & (value <= self.sign * self.rows.values[-1, self.by])
        positions = np.flatnonzero(mask)
        if len(positions) == 0:
            return
        values = np.broadcast_to(value, view.shape).ravel()[positions]
        if len(positions) > 4 * self.count:  # ties beyond the last place are kept, for their numbers decide
            limit = np.partition(values, self.count - 1)[self.count - 1]
            positions = positions[values <= limit]
        if len(positions) > 4 * self.count:
            values = np.broadcast_to(value, view.shape).ravel()[positions]
            positions = positions[np.lexsort((view.index(positions), values))[: self.count]]
        self._keep(Rows(view.index(positions), view.rows(positions)))

    def merge(self, other: "Top") -> None:
        """What another has found elsewhere."""
        self._keep(other.rows)

    def _keep(self, more: Rows) -> None:
        rows = self.rows.joined(more)
        order = np.lexsort((rows.index, self.sign * rows.values[:, self.by]))
        self.rows = rows.at(order[: self.count])


class Pareto:
    """The points that no other beats in one column without losing in another. signs: -1 where larger is better.

    Of points that are equal in all these columns the first is kept.
    """

    def __init__(self, columns: int, by: Sequence[int], signs: Sequence[float]) -> None:
        self.by, self.signs = tuple(by), np.array(signs)
        self.rows = Rows.none(columns)

    def _scores(self, rows: Rows) -> Any:
        return rows.values[:, self.by] * self.signs

    def add(self, view: View) -> None:
        """The points of a box."""
        scores = [sign * view.columns[column] for column, sign in zip(self.by, self.signs, strict=True)]
        mask = view.good
        front = self._scores(self.rows)
        for pivot in front[np.unique(np.linspace(0, len(front) - 1, PIVOTS).astype(int))] if len(front) else ():
            better: Any = scores[0] < pivot[0]
            equal: Any = scores[0] == pivot[0]
            for score, best in zip(scores[1:], pivot[1:], strict=True):
                better = better | (score < best)
                equal = equal & (score == best)
            mask = mask & (better | equal)
        positions = np.flatnonzero(mask)
        if len(positions):
            self._keep(Rows(view.index(positions), view.rows(positions)))

    def merge(self, other: "Pareto") -> None:
        """What another has found elsewhere."""
        self._keep(other.rows)

    def _keep(self, more: Rows) -> None:
        rows = self.rows.joined(more)
        scores = self._scores(rows)
        order = np.lexsort((rows.index, *scores.T[::-1]))
        rows, scores = rows.at(order), scores[order]
        fresh = np.ones(len(scores), dtype=bool)
        fresh[1:] = (scores[1:] != scores[:-1]).any(axis=1)
        self.rows = rows.at(np.flatnonzero(fresh)[undominated(scores[fresh])])


def undominated(scores: Any) -> Any:
    """Positions of the rows that no other row is at most equal to in all columns; rows distinct, in ascending order."""
    if len(scores) and scores.shape[1] == 2:
        best = np.minimum.accumulate(scores[:, 1])
        return np.flatnonzero(np.concatenate([[True], scores[1:, 1] < best[:-1]]))
    left = np.arange(len(scores))
    kept = []
    while len(left):  # the first of those left is beaten by none, for they are in order
        kept.append(left[0])
        left = left[(scores[left] < scores[left[0]]).any(axis=1)]
    return np.array(kept, dtype=int)


class Stats:
    """Count, mean, deviation, extremes and quantiles of every column."""

    def __init__(self, columns: int) -> None:
        self.count = 0
        self.sums, self.squares = np.zeros(columns), np.zeros(columns)
        self.least, self.most = np.full(columns, np.inf), np.full(columns, -np.inf)
        self.bins: list[Counter[int]] = [Counter() for _ in range(columns)]

    def add(self, view: View) -> None:
        """The points of a box."""
        self.count += int(np.count_nonzero(view.good))
        for number in range(len(view.columns)):
            values = np.ascontiguousarray(view.flat(number), dtype=float)
            if len(values) == 0:
                continue
            self.sums[number] += values.sum()
            self.squares[number] += (values * values).sum()
            self.least[number] = min(self.least[number], values.min())
            self.most[number] = max(self.most[number], values.max())
            found, counts = np.unique(_keys(values), return_counts=True)
            self.bins[number].update(dict(zip(found.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: "Stats") -> None:
        """What another has found elsewhere."""
        self.count += other.count
        self.sums, self.squares = self.sums + other.sums, self.squares + other.squares
        self.least, self.most = np.minimum(self.least, other.least), np.maximum(self.most, other.most)
        for mine, more in zip(self.bins, other.bins, strict=True):
            mine.update(more)

    def figures(self, column: int) -> dict[str, float]:
        """The statistics of a column, by name."""
        if not self.count:
            return {}
        mean = float(self.sums[column]) / self.count
        variance = max(float(self.squares[column]) / self.count - mean * mean, 0.0)
        found = {"mean": mean, "deviation": variance**0.5, "min": float(self.least[column])}
        found |= {f"p{round(100 * share)}": self.quantile(column, share) for share in (0.1, 0.5, 0.9, 0.99)}
        return found | {"max": float(self.most[column])}

    def quantile(self, column: int, share: float) -> float:
        """A quantile, to 0.1 %."""
        wanted, seen = share * self.count, 0
        for key in sorted(self.bins[column]):
            seen += self.bins[column][key]
            if seen >= wanted:
                middle = _value(key)
                return min(max(middle, float(self.least[column])), float(self.most[column]))
        return float(self.most[column])


def _keys(values: Any) -> Any:
    """Numbers of bins that grow with the values: sign, exponent and the first bits of the mantissa."""
    bits = values.view(np.int64)
    ordered = bits ^ ((bits >> 63) & np.int64(0x7FFFFFFFFFFFFFFF))
    return ordered >> (52 - _MANTISSA)


def _value(key: int) -> float:
    """The middle of a bin."""
    ordered = np.int64((key << (52 - _MANTISSA)) + (1 << (51 - _MANTISSA)))
    bits = ordered ^ ((ordered >> np.int64(63)) & np.int64(0x7FFFFFFFFFFFFFFF))
    return float(np.array([bits]).view(np.float64)[0])
