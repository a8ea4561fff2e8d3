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
from functools import cache
from itertools import pairwise
from typing import Any

NODES = 18  # per piece
SETTLED = 1e-11  # a piece has converged when its last coefficients are this much smaller than its largest
HALVINGS = 6  # limit for a piece between two kinks
MANY = 500  # number of different loads from which on a curve is faster than the algorithm
MANY_SERVERS = 40  # number of different servers from which on a surface is faster than a curve or a load for each
CACHED = 1 << 13  # points computed together, so that the rows of all coefficients stay in the cache of the processor
NOT_MADE = [math.nan] * NODES

Piece = tuple[float, float, list[float]]  # ends and coefficients

_points: ContextVar[tuple[int, int]] = ContextVar("_points", default=(0, 1))


@contextmanager
def for_points(count: int, servers: int = 1) -> Iterator[None]:
    """Inside this context, arrays are parts of `count` loads of each of so many different numbers of servers.

    So whether a curve is used does not depend on the part.
    """
    token = _points.set((count, servers))
    try:
        yield
    finally:
        _points.reset(token)


def points_in_all() -> int:
    """The number of loads that for_points() was told; 0 where it was not."""
    return _points.get()[0]


def worth(x: Any) -> bool:
    """Whether there are so many different loads that a curve is faster than the algorithm."""
    return (_points.get()[0] or getattr(x, "size", 1)) >= MANY or worth_surface()


def worth_surface() -> bool:
    """Whether there are so many different servers that a surface over them is faster than a curve for each."""
    return _points.get()[1] >= MANY_SERVERS


def each_key(function: Callable[..., Any], *keys: Any, x: Any) -> Any:
    """function(*keys, every different x of these keys), elementwise. x goes in and out in one dimension."""
    import numpy as np

    def at(*values: float) -> Callable[[Any], Any]:
        def apply(inside: Any) -> Any:
            different, back = np.unique(inside, return_inverse=True)
            return function(*values, different)[back.ravel()].reshape(np.shape(inside))

        return apply

    return mapped(at, *keys, x=x)


def mapped(curve: Callable[..., Callable[[Any], Any]], *keys: Any, x: Any) -> Any:
    """curve(*keys)(x), elementwise. The keys have few different values, and each value has its own curve."""
    import numpy as np

    few = np.broadcast_arrays(*(np.asarray(key, dtype=float) for key in keys))
    points = zip(*(key.ravel().tolist() for key in few), strict=True)
    every = [tuple(math.nan if one != one else one for one in point) for point in points]
    known = list(dict.fromkeys(every))  # math.nan is one object, so that it is found again
    if len(known) == 1:
        return curve(*known[0])(np.asarray(x, dtype=float) + np.zeros([1] * few[0].ndim))
    place = {values: number for number, values in enumerate(known)}
    numbers = [place[values] for values in every]
    x = np.asarray(x, dtype=float)
    shape = np.broadcast_shapes(few[0].shape, x.shape)
    which = np.broadcast_to(np.array(numbers).reshape(few[0].shape), shape).ravel()
    order = np.argsort(which, kind="stable")
    sorted_x = np.broadcast_to(x, shape).ravel()[order]
    ends = np.cumsum(np.bincount(which, minlength=len(known)))
    parts = [curve(*values)(part) for values, part in zip(known, np.split(sorted_x, ends[:-1]), strict=True)]
    result = np.empty(len(order))
    result[order] = np.concatenate(parts)
    return result.reshape(shape)


class Curve:
    """A function that is smooth between the given ends, has kinks at them, and is constant beyond the outermost.

    function: of an array of one dimension.
    """

    def __init__(self, function: Callable[[Any], Any], ends: Sequence[float]) -> None:
        self.function = function
        self._pieces = [(low, high, NOT_MADE) for low, high in pairwise(ends)]
        self._tabulate()

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> "Curve":
        """A curve whose pieces are known."""
        made = cls.__new__(cls)
        made._pieces = list(pieces)
        made._tabulate()
        return made

    @property
    def first(self) -> float:
        """The lowest end."""
        return self._pieces[0][0]

    def _tabulate(self) -> None:
        """Arrange the pieces as arrays."""
        import numpy as np

        self._ends = np.array([self._pieces[0][0], *(high for _, high, _ in self._pieces)])
        self._powers = (np.array([series for _, _, series in self._pieces]) @ _chebyshev_powers()).T.copy()
        self._unmade = np.array([series is NOT_MADE for _, _, series in self._pieces])
        self._middles = (self._ends[1:] + self._ends[:-1]) / 2
        with np.errstate(divide="ignore"):
            self._stretches = 2 / np.diff(self._ends)

    def __call__(self, x: Any) -> Any:
        """The function at every x of an array."""
        import numpy as np

        flat = np.clip(np.asarray(x, dtype=float).ravel(), self._ends[0], self._ends[-1])
        wanted = self._piece(flat)
        if self._unmade[wanted].any():
            self._make(set(np.flatnonzero(np.bincount(wanted)).tolist()))
            wanted = self._piece(flat)
        found = np.empty(len(flat))
        for start in range(0, len(flat), CACHED):
            part = slice(start, start + CACHED)
            found[part] = self._at(flat[part], wanted[part])
        return found.reshape(np.shape(x))

    def _at(self, x: Any, piece: Any) -> Any:
        """The function where all pieces have their series."""
        if (piece == piece[0]).all():
            piece = piece[0]
        t = (x - self._middles[piece]) * self._stretches[piece]
        found = self._powers[-1].take(piece) + 0 * t
        for row in self._powers[-2::-1]:
            found *= t
            found += row.take(piece)
        return found

    def _piece(self, x: Any) -> Any:
        """The number of the piece of every x."""
        import numpy as np

        return np.clip(np.searchsorted(self._ends, x, side="right") - 1, 0, len(self._ends) - 2)

    def _make(self, wanted: set[int]) -> None:
        """Compute the series of these pieces, halving each as often as necessary: all of one depth together."""
        known = [piece for number, piece in enumerate(self._pieces) if number not in wanted or piece[2] is not NOT_MADE]
        rough = [piece[:2] for number, piece in enumerate(self._pieces) if number in wanted and piece[2] is NOT_MADE]
        made = halved_together(lambda x: self.function(x)[None], rough)
        self._pieces = sorted([*known, *((low, high, series[0].tolist()) for low, high, series in made)])
        self._tabulate()


def halved_together(
    function: Callable[[Any], Any], pieces: Sequence[tuple[float, float]]
) -> list[tuple[float, float, Any]]:
    """Pieces of several functions, halved until the series of all have settled: low and high end, series (function, k).

    function: the values of all functions at an array of places, (function, place).
    """
    made, rough = [], list(pieces)
    for depth in range(HALVINGS + 1):
        halves: list[tuple[float, float]] = []
        for (low, high), series in zip(rough, fitted(function, rough), strict=True):
            middle = (low + high) / 2
            settled = (abs(series[:, -3:]).max(axis=1) <= SETTLED * abs(series).max(axis=1)).all()
            if depth == HALVINGS or settled or not low < middle < high:
                made.append((low, high, series))
            else:
                halves += [(low, middle), (middle, high)]
        rough = halves
        if not rough:
            break
    return sorted(made, key=lambda piece: piece[0])


def fitted(function: Callable[[Any], Any], pieces: Sequence[tuple[float, float]]) -> Any:
    """Coefficients of the Chebyshev series through functions at NODES places between the ends of every piece.

    (piece, function, coefficient).
    """
    import numpy as np

    angles = np.pi * (np.arange(NODES) + 0.5) / NODES
    low, high = np.array(pieces).T[:, :, None]
    places = (low + high) / 2 + (high - low) / 2 * np.cos(angles)
    values = function(places.ravel())
    waves = 2 / NODES * np.cos(np.outer(angles, np.arange(NODES)))
    waves[:, 0] /= 2
    return np.moveaxis(values.reshape(len(values), len(places), NODES), 0, 1) @ waves


@cache
def _chebyshev_powers() -> Any:
    """Coefficients of the powers of Chebyshev's polynomials, (polynomial, power).

    Those of a series that has settled fall so fast that Horner's rule on its powers loses no digits.
    """
    import numpy as np

    rows = [np.polynomial.chebyshev.cheb2poly([0] * k + [1]).tolist() + [0.0] * (NODES - 1 - k) for k in range(NODES)]
    return np.array(rows)
