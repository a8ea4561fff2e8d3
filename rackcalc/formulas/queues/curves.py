"""Piecewise Chebyshev series that replace a slow algorithm when a function of one number is needed for whole arrays.

A curve calls the algorithm some hundred times and then costs a few multiplications per point. A piece ends where the
function has a kink, which the caller knows, and is halved until its series has converged to rounding error. The ends
depend on the function alone, so that a point has the same value in every array. Pieces that are not needed are never
computed. J. Boyd, Chebyshev and Fourier Spectral Methods (2001), chapters 2 and 4.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

NODES = 18  # per piece
SETTLED = 1e-13  # a piece has converged when its last coefficients are this much smaller than its largest
HALVINGS = 6  # limit for a piece between two kinks
MANY = 2000  # number of points from which on a curve is faster than the algorithm
CACHED = 1 << 13  # points computed together, so that the rows of all coefficients stay in the cache of the processor
NOT_MADE = [math.nan] * NODES

Piece = tuple[float, float, list[float]]  # ends and coefficients

_points: ContextVar[int] = ContextVar("_points", default=0)


@contextmanager
def for_points(count: int) -> Iterator[None]:
    """Inside this context, arrays are parts of `count` loads: whether a curve is used does not depend on the part."""
    token = _points.set(count)
    try:
        yield
    finally:
        _points.reset(token)


def points_in_all() -> int:
    """The number of loads that for_points() was told; 0 where it was not."""
    return _points.get()


def worth(x: Any) -> bool:
    """Whether there are so many different loads that a curve is faster than the algorithm."""
    return (_points.get() or getattr(x, "size", 1)) >= MANY


def mapped(curve: Callable[..., Callable[[Any], Any]], *keys: Any, x: Any) -> Any:
    """curve(*keys)(x), elementwise. The keys have few different values, and each value has its own curve."""
    import numpy as np

    few = np.broadcast_arrays(*(np.asarray(key, dtype=float) for key in keys))
    known = list(dict.fromkeys(zip(*(key.ravel().tolist() for key in few), strict=True)))
    if len(known) == 1:
        return curve(*known[0])(np.asarray(x, dtype=float) + np.zeros([1] * few[0].ndim))
    x = np.asarray(x, dtype=float)
    shape = np.broadcast_shapes(few[0].shape, x.shape)
    result, wide = np.empty(shape), np.broadcast_to(x, shape)
    for values in known:
        here = np.ones(few[0].shape, dtype=bool)
        for key, value in zip(few, values, strict=True):
            here = here & ((key == value) | ((key != key) & (value != value)))
        inside = np.broadcast_to(here, shape)
        result[inside] = curve(*values)(wide[inside])
    return result


class Curve:
    """A function that is smooth between the given ends, has kinks at them, and is constant beyond the outermost."""

    def __init__(self, function: Callable[[float], float], ends: Sequence[float]) -> None:
        self.function = function
        self._pieces = [(low, high, NOT_MADE) for low, high in pairwise(ends)]
        self._tabulate()

    def _tabulate(self) -> None:
        """Arrange the pieces as arrays."""
        import numpy as np

        self._ends = np.array([self._pieces[0][0], *(high for _, high, _ in self._pieces)])
        self._series = np.array([series for _, _, series in self._pieces]).T.copy()
        self._unmade = np.array([series is NOT_MADE for _, _, series in self._pieces])

    def __call__(self, x: Any) -> Any:
        """The function at every x of an array."""
        import numpy as np

        flat = np.clip(np.asarray(x, dtype=float).ravel(), self._ends[0], self._ends[-1])
        wanted = self._piece(flat)
        if self._unmade[wanted].any():
            self._make(set(np.flatnonzero(np.bincount(wanted)).tolist()))
        starts = range(0, max(len(flat), 1), CACHED)
        return np.concatenate([self._at(flat[start : start + CACHED]) for start in starts]).reshape(np.shape(x))

    def _at(self, x: Any) -> Any:
        """The function where all pieces have their series."""
        piece = self._piece(x)
        if len(x) and (piece == piece[0]).all():
            piece = piece[0]
        low, high = self._ends[piece], self._ends[piece + 1]
        return _summed([row[piece] for row in self._series], (2 * x - (low + high)) / (high - low))

    def _piece(self, x: Any) -> Any:
        """The number of the piece of every x."""
        import numpy as np

        return np.clip(np.searchsorted(self._ends, x, side="right") - 1, 0, len(self._ends) - 2)

    def _make(self, wanted: set[int]) -> None:
        """Compute the series of these pieces, halving each as often as necessary."""
        pieces: list[Piece] = []
        for number, (low, high, series) in enumerate(self._pieces):
            if number in wanted and series is NOT_MADE:
                pieces += self._halved(low, high, HALVINGS)
            else:
                pieces.append((low, high, series))
        self._pieces = pieces
        self._tabulate()

    def _halved(self, low: float, high: float, depth: int) -> list[Piece]:
        """A piece, or its halves if its series has not converged."""
        series = fitted(self.function, low, high)
        middle = (low + high) / 2
        settled = max(map(abs, series[-3:])) <= SETTLED * max(map(abs, series))
        if depth == 0 or settled or not low < middle < high:
            return [(low, high, series)]
        return self._halved(low, middle, depth - 1) + self._halved(middle, high, depth - 1)


def fitted(function: Callable[[float], float], low: float, high: float) -> list[float]:
    """Coefficients of the Chebyshev series through the function at NODES places between low and high."""
    angles = [math.pi * (i + 0.5) / NODES for i in range(NODES)]
    values = [function((low + high) / 2 + (high - low) / 2 * math.cos(angle)) for angle in angles]
    series = [
        2 / NODES * math.fsum(value * math.cos(k * angle) for value, angle in zip(values, angles, strict=True))
        for k in range(NODES)
    ]
    series[0] /= 2
    return series


def _summed(series: Sequence[Any], t: Any) -> Any:
    """The Chebyshev series at t (Clenshaw)."""
    double = 2 * t
    ahead: Any = series[-1]
    further: Any = 0.0
    for coefficient in series[-2:0:-1]:
        ahead, further = coefficient + double * ahead - further, ahead
    return series[0] + t * ahead - further
