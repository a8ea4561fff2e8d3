"""Functions of load and servers, for grids in which servers vary: curves.py, with the series of few servers for all.

Between FEW and the most servers a curve has no kink that shows (mdc_lanes.kinks), and its series and its lowest load
are smooth in the logarithm of the servers. So a band of servers needs the algorithm at a few of them only; between
these, polynomials agree with it to 1e-10 (J.-P. Berrut, L. N. Trefethen, SIAM Review 46 (2004) 501-517: barycentric
interpolation).
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from rackcalc.formulas.queues.curves import Curve, halved_together

FEW = 32  # servers up to which each has its own curve
BANDS = {(32, 128): 13, (128, 1000): 16}  # and the places of each
SPLIT = (0.0, 0.25, 0.5, 0.625, 0.75, 0.8125, 0.875, 1.0)  # where halvings mostly end, on the way to full load


def _places(low: int, high: int) -> list[int]:
    """Whole numbers of servers close to Chebyshev's places between the logarithms of two."""
    count = BANDS[low, high]
    angles = np.pi * np.arange(count) / (count - 1)
    middle, half = math.log(low * high) / 2, math.log(high / low) / 2
    return sorted({round(math.exp(middle - half * math.cos(angle))) for angle in angles.tolist()})


class Surface:
    """The curves of a band of servers. function: of servers and an array of loads; first: its lowest load."""

    def __init__(self, function: Callable[[int, Any], Any], first: Callable[[int], float], low: int, high: int) -> None:
        servers = _places(low, high)
        self._logs = np.log(np.array(servers, dtype=float))
        spans = self._logs[:, None] - self._logs
        np.fill_diagonal(spans, 1.0)
        self._weights = 1 / np.prod(spans, axis=1)
        starts = [first(c) for c in servers]
        self._rooms = np.log1p(-np.array(starts))

        def at(ways: Any) -> Any:
            """The function of every place's servers; ways: from its lowest load to full load."""
            return np.array([function(c, start + (1 - start) * ways) for c, start in zip(servers, starts, strict=True)])

        self._pieces = halved_together(at, list(pairwise(SPLIT)))

    def curve(self, servers: float) -> Curve:
        """The curve of some servers of the band."""
        apart = math.log(servers) - self._logs
        weights = np.where(apart == 0, 1.0, 0.0)
        if not weights.any():
            weights = self._weights / apart
            weights /= weights.sum()
        start = -math.expm1(float(weights @ self._rooms))
        every = np.array([series for _, _, series in self._pieces])  # (piece, place, coefficient)
        ends = [start + (1 - start) * way for way in [0.0, *(high for _, high, _ in self._pieces)]]
        ends[-1] = 1.0
        return Curve.of([(*two, row) for two, row in zip(pairwise(ends), (weights @ every).tolist(), strict=True)])


def band_of(servers: float) -> tuple[int, int] | None:
    """The band of these servers; None where each has its own curve."""
    return next((band for band in BANDS if band[0] < servers <= band[1]), None)
