"""Functions of load and servers, for grids in which servers vary: curves.py, with the series of few servers for all.

Between FEW and the most servers, the series of a curve and the ends of its pieces are smooth in the logarithm of the
servers. So a band of servers needs the algorithm at PLACES of them only; between these, polynomials agree with it to
1e-10 (J.-P. Berrut, L. N. Trefethen, SIAM Review 46 (2004) 501-517: barycentric interpolation).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rackcalc.formulas.queues.curves import Curve, halved_together

FEW = 32  # servers up to which each has its own curve
BANDS = ((32, 128), (128, 512), (512, 1000))
PLACES = 13  # of a band

Ends = Callable[[int, int], Sequence[float]]  # of servers: at least so many ends of pieces, ascending, without the last


def _places(low: int, high: int) -> list[int]:
    """Whole numbers of servers close to Chebyshev's places between the logarithms of two."""
    angles = np.pi * np.arange(PLACES) / (PLACES - 1)
    middle, half = math.log(low * high) / 2, math.log(high / low) / 2
    return sorted({round(math.exp(middle - half * math.cos(angle))) for angle in angles.tolist()})


class Surface:
    """The curves of a band of servers. function: of servers and an array of loads; ends: the last is 1 everywhere."""

    def __init__(self, function: Callable[[int, Any], Any], ends: Ends, low: int, high: int) -> None:
        self._servers = _places(low, high)
        self._logs = np.log(np.array(self._servers, dtype=float))
        spans = self._logs[:, None] - self._logs
        np.fill_diagonal(spans, 1.0)
        self._weights = 1 / np.prod(spans, axis=1)
        found = [(c, ends(c, 0)) for c in self._servers]
        count = max(len(mine) for _, mine in found)
        starts = np.array([mine if len(mine) == count else ends(c, count) for c, mine in found])
        self._rooms = np.log1p(-starts)
        whole = np.column_stack([starts, np.ones(len(starts))])

        def at(places: Any) -> Any:
            """The function of every place's servers; places: number of the end below, and the way to the next."""
            number = np.floor(places).astype(int)
            rows = []
            for c, mine in zip(self._servers, whole, strict=True):
                rows.append(function(c, mine[number] + (mine[number + 1] - mine[number]) * (places - number)))
            return np.array(rows)

        self._pieces = halved_together(at, [(float(k), k + 1.0) for k in range(count)])

    def curve(self, servers: float) -> Curve:
        """The curve of some servers of the band, and the ends of its pieces."""
        apart = math.log(servers) - self._logs
        weights = np.where(apart == 0, 1.0, 0.0)
        if not weights.any():
            weights = self._weights / apart
            weights /= weights.sum()
        ends = [*(-np.expm1(weights @ self._rooms)).tolist(), 1.0]
        pieces = []
        for low, high, series in self._pieces:
            number = int(low)
            start, length = ends[number], ends[number + 1] - ends[number]
            first, last = start + length * (low - number), start + length * (high - number)
            pieces.append((first, last, (weights @ series).tolist()))
        return Curve.of(pieces)


def band_of(servers: float) -> tuple[int, int] | None:
    """The band of these servers; None where each has its own curve."""
    return next((band for band in BANDS if band[0] < servers <= band[1]), None)
