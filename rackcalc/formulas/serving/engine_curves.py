"""Curves of the law of an engine over its load, for grids in which one engine has many rates.

A curve is a piecewise Chebyshev series over the load, from none to the engine's capacity (queues/curves.py says more of
such series). A piece whose series has not settled is divided while so many points lie in it that this is worth it. At
the points of pieces that are not made, such as those with a jump, the caller computes the law itself. So no figure is
off by more than about SETTLED, relative to the largest in its piece.

The law takes long for a few lanes, so pieces are divided into SPLIT at once: as many nodes as by halves, in half as
many calls.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

FIRST = 4  # pieces before any is divided
SPLIT = 4  # parts of a piece that has not settled
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
        """Series of some pieces; where they are not good, the piece is divided."""
        self.series[numbers[good]] = series[good]
        self.made[numbers[good]] = True
        bad = numbers[~good]
        if not len(bad):
            return
        within = np.arange(1, SPLIT) / SPLIT
        ends = (self.lows[bad][:, None] + (self.highs - self.lows)[bad][:, None] * within).ravel()
        again = np.repeat(bad, SPLIT - 1)
        self.lows, self.highs = np.insert(self.lows, again + 1, ends), np.insert(self.highs, again, ends)
        self.series = np.insert(self.series, again, np.nan, axis=0)
        self.made = np.insert(self.made, again, False)


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
            piece = self._piece(curve, load)
            counts = np.bincount(piece, minlength=len(self._lows)) * weight
            open_ = ~self._made & (counts > SPLIT * NODES)
            worth = np.flatnonzero(open_)
            if not len(worth):
                return
            still = open_[piece]
            curve, load = curve[still], load[still]
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
        table = np.ascontiguousarray(np.concatenate([one.series for one in self._pieces]).T)
        scale = 2 / (self._highs - self._lows)
        shift = -(self._lows + self._highs) / (self._highs - self._lows)
        found, rough = np.empty(len(load)), np.empty(len(load), dtype=bool)
        for start in range(0, len(load), PART):
            part = slice(start, start + PART)
            piece = self._piece(curve[part], load[part])
            t = load[part] * scale[piece] + shift[piece]
            found[part] = _at(table, piece, t)
            rough[part] = ~self._made[piece]
        return found, rough


def _at(table: Any, piece: Any, t: Any) -> Any:
    """Values of Chebyshev series (C. W. Clenshaw, MTAC 9 (1955) 118). table: coefficients of all pieces, in rows."""
    double = 2 * t
    ahead, further, row = table[-1][piece], np.zeros(len(t)), np.empty(len(t))
    for coefficients in table[-2:0:-1]:
        np.take(coefficients, piece, out=row)
        row -= further
        np.multiply(double, ahead, out=further)
        further += row
        ahead, further = further, ahead
    ahead *= t
    ahead -= further
    ahead += table[0][piece]
    return ahead


def fitted(values: Any) -> tuple[Any, Any]:
    """The series through values at the nodes of pieces, and which have settled. Infinite values may be all alike."""
    with np.errstate(all="ignore"):
        series = values @ _TO_SERIES
        settled = abs(series[:, -3:]).max(axis=1) <= SETTLED * abs(series).max(axis=1)
    level = (values == values[:, :1]).all(axis=1)
    series[level] = 0.0
    series[level, 0] = values[level, 0]
    return series, settled | level
