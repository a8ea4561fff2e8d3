"""Functions of one number that only an algorithm knows, made fast for arrays: piecewise Chebyshev series.

A curve asks the algorithm at some hundred places, once, and from then on costs a few multiplications a point. Pieces
end where the function has a kink (the caller knows) and are halved until the series has converged to rounding. Where
they end depends on the function alone, so a point has the same value in every array. Pieces that nobody asks for are
never made. J. Boyd, Chebyshev and Fourier Spectral Methods (2001), chapters 2 and 4.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

NODES = 18  # of a piece
SETTLED = 1e-13  # the last coefficients against the largest, where a piece has converged
HALVINGS = 6  # at most, of a piece between two kinks
MANY = 2000  # points from which on a curve is worth the places it asks
CACHED = 1 << 13  # points computed together: a row for every coefficient stays in the processor's cache
NOT_MADE = [math.nan] * NODES

Piece = tuple[float, float, list[float]]  # ends and coefficients

_points: ContextVar[int] = ContextVar("_points", default=0)


@contextmanager
def for_points(count: int) -> Iterator[None]:
    """While it lasts, arrays are pieces of so many points: what is worth a curve does not depend on the pieces."""
    token = _points.set(count)
    try:
        yield
    finally:
        _points.reset(token)


def worth(x: Any) -> bool:
    """Whether an array asks for so many points that a curve is faster than the algorithm itself."""
    return max(_points.get(), getattr(x, "size", 1)) >= MANY


def mapped(curve: Callable[..., Callable[[Any], Any]], *keys: Any, x: Any) -> Any:
    """curve(*keys)(x), elementwise: keys of few values, each with a curve of its own."""
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
    """A smooth function between the given ends, kinks in between. Outside the ends it is that of the nearest end."""

    def __init__(self, function: Callable[[float], float], ends: Sequence[float]) -> None:
        self.function = function
        self._pieces = [(low, high, NOT_MADE) for low, high in pairwise(ends)]
        self._tabulate()

    def _tabulate(self) -> None:
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
        piece = self._piece(x)
        if len(x) and (piece == piece[0]).all():
            piece = piece[0]
        low, high = self._ends[piece], self._ends[piece + 1]
        return _summed([row[piece] for row in self._series], (2 * x - (low + high)) / (high - low))

    def _piece(self, x: Any) -> Any:
        import numpy as np

        return np.clip(np.searchsorted(self._ends, x, side="right") - 1, 0, len(self._ends) - 2)

    def _make(self, wanted: set[int]) -> None:
        """The series of these pieces, each as many as it takes."""
        pieces: list[Piece] = []
        for number, (low, high, series) in enumerate(self._pieces):
            if number in wanted and series is NOT_MADE:
                pieces += self._halved(low, high, HALVINGS)
            else:
                pieces.append((low, high, series))
        self._pieces = pieces
        self._tabulate()

    def _halved(self, low: float, high: float, depth: int) -> list[Piece]:
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
