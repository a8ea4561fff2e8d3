"""Curves of the law of an engine over its load, for grids in which one engine has many rates.

A curve is a piecewise Chebyshev series over the load, from none to the engine's capacity (queues/curves.py says more of
such series). A piece whose series has not settled is halved while so many points lie in it that this is worth it. At
the points of pieces that are not made, such as those with a jump, the caller computes the law itself. So no figure is
off by more than about SETTLED, relative to the largest in its piece.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

FIRST = 2  # pieces before any is halved
NODES = 16  # per piece
SETTLED = 1e-9  # a piece has settled when its last coefficients are this much smaller than its largest
PART = 1 << 13  # points computed together, so that their series stay in the cache of the processor

_ANGLES = np.pi * (np.arange(NODES) + 0.5) / NODES
PLACES = np.cos(_ANGLES)  # of the nodes, between -1 and 1
_TO_SERIES = 2 / NODES * np.cos(np.outer(_ANGLES, np.arange(NODES)))
_TO_SERIES[:, 0] /= 2


class Pieces:
    """The curve of one value of one engine: ends of the pieces in load, their series, and which have one."""

    def __init__(self) -> None:
        ends = np.arange(FIRST + 1) / FIRST
        self.lows, self.highs = ends[:-1], ends[1:]
        self.series = np.full((FIRST, NODES), np.nan)
        self.made = np.zeros(FIRST, dtype=bool)

    def put(self, numbers: Any, series: Any, good: Any) -> None:
        """Series of some pieces; where they are not good, the piece is halved."""
        self.series[numbers[good]] = series[good]
        self.made[numbers[good]] = True
        bad = numbers[~good]
        middle = (self.lows[bad] + self.highs[bad]) / 2
        self.lows, self.highs = np.insert(self.lows, bad + 1, middle), np.insert(self.highs, bad, middle)
        self.series = np.insert(self.series, bad, np.nan, axis=0)
        self.made = np.insert(self.made, bad, False)


# Values at the nodes of pieces: from numbers of curves, low and high ends, and loads (pieces, NODES).
AtNodes = Callable[[Any, Any, Any, Any], Any]


class Curves:
    """The curves of several engines, of one value."""

    def __init__(self, pieces: Sequence[Pieces]) -> None:
        self._pieces = pieces
        self._join()

    def _join(self) -> None:
        pieces = self._pieces
        self._owner = np.repeat(np.arange(len(pieces)), [len(one.lows) for one in pieces])
        self._first = np.cumsum([0, *(len(one.lows) for one in pieces)])
        self._lows, self._highs = (np.concatenate([getattr(one, end) for one in pieces]) for end in ("lows", "highs"))
        self._made = np.concatenate([one.made for one in pieces])

    def _piece(self, curve: Any, load: Any) -> Any:
        return np.searchsorted(self._owner + self._lows, curve + load, side="right") - 1

    def make(self, curve: Any, load: Any, weight: float, at_nodes: AtNodes) -> None:
        """Make the pieces in which many of these points lie. weight: points for which one of them stands."""
        while True:
            counts = np.bincount(self._piece(curve, load), minlength=len(self._lows)) * weight
            worth = np.flatnonzero(~self._made & (counts > 2 * NODES))
            if not len(worth):
                return
            owner, low, high = self._owner[worth], self._lows[worth], self._highs[worth]
            loads = ((low + high) / 2)[:, None] + ((high - low) / 2)[:, None] * PLACES
            values = at_nodes(owner, low, high, loads)
            series, settled = fitted(values)
            for one in np.unique(owner):
                mine = owner == one
                self._pieces[one].put(worth[mine] - self._first[one], series[mine], settled[mine])
            self._join()

    def __call__(self, curve: Any, load: Any) -> tuple[Any, Any]:
        """The value at points, nan where it is not known, and where that is so."""
        table = np.concatenate([one.series for one in self._pieces])
        found, rough = np.empty(len(load)), np.empty(len(load), dtype=bool)
        for start in range(0, len(load), PART):
            part = slice(start, start + PART)
            piece = self._piece(curve[part], load[part])
            low, high = self._lows[piece], self._highs[piece]
            t = (2 * load[part] - (low + high)) / (high - low)
            rows = table[piece].T
            double, ahead, further = 2 * t, rows[-1], 0.0
            for row in rows[-2:0:-1]:
                ahead, further = row + double * ahead - further, ahead
            found[part] = rows[0] + t * ahead - further
            rough[part] = ~self._made[piece]
        return found, rough


def fitted(values: Any) -> tuple[Any, Any]:
    """The series through values at the nodes of pieces, and which have settled. Infinite values may be all alike."""
    with np.errstate(all="ignore"):
        series = values @ _TO_SERIES
        settled = abs(series[:, -3:]).max(axis=1) <= SETTLED * abs(series).max(axis=1)
    level = (values == values[:, :1]).all(axis=1)
    series[level] = 0.0
    series[level, 0] = values[level, 0]
    return series, settled | level
