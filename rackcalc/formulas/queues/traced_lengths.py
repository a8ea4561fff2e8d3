"""The shape of the lengths in a trace: lengths over their mean, in strata, from a histogram of any size."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from rackcalc.formulas.queues.length_distributions import EDGES


class Bar(NamedTuple):
    """Some requests of nearly the same length: how many, their mean length and mean squared length."""

    number: int
    mean: float
    square: float


class Trace(NamedTuple):
    """A distribution of lengths over their mean.

    strata: share of the requests, mean and variance, from the shortest to the longest, cut at EDGES. quantiles: the
    lengths at EDGES. concentration: mean of the smaller of two lengths. mean_square: of all.
    """

    strata: tuple[tuple[float, float, float], ...]
    quantiles: tuple[float, ...]
    concentration: float
    mean_square: float

    def quantile(self, probability: float) -> float:
        """The length that this share of the requests stays within: a line between the edges."""
        for (low, below), (high, above) in pairwise(zip(EDGES, self.quantiles, strict=True)):
            if probability <= high:
                return below + (above - below) * (probability - low) / (high - low)
        return self.quantiles[-1]

    def __str__(self) -> str:
        return "as in the trace"


def shape(bars: Iterable[Bar]) -> tuple[float, Trace]:
    """The mean length and the shape of a histogram whose bars are in increasing order; at least one.

    A bar that an edge cuts has the same mean and spread on both sides.
    """
    bars = list(bars)
    count = sum(bar.number for bar in bars)
    mean = sum(bar.number * bar.mean for bar in bars) / count
    square = sum(bar.number * bar.square for bar in bars) / count
    smaller, above = 0.0, count
    for bar in bars:  # the smaller of two is in this bar where one is, and the other is in it or above
        share, above = bar.number, above - bar.number
        smaller += bar.mean * (share * share + 2 * share * above)
    sums = [[0.0, 0.0, 0.0] for _ in EDGES[1:]]
    quantiles = [bars[0].mean]
    stratum, done = 0, 0.0
    for bar in bars:
        left = float(bar.number)
        while left > 0 and stratum < len(sums):
            room = EDGES[stratum + 1] * count - done
            last = stratum == len(sums) - 1
            taken = left if last else min(left, room)
            if taken > 0:
                part = sums[stratum]
                part[0] += taken
                part[1] += taken * bar.mean
                part[2] += taken * bar.square
                done, left = done + taken, left - taken
            if not last and done >= EDGES[stratum + 1] * count * (1 - 1e-12):
                quantiles.append(bar.mean)
                stratum += 1
    quantiles += [bars[-1].mean] * (len(EDGES) - len(quantiles))
    strata = []
    for part in sums:
        if part[0] > 0:
            middle = part[1] / part[0]
            variance = max(part[2] / part[0] - middle * middle, 0.0)
            strata.append((part[0] / count, middle / mean, variance / (mean * mean)))
    shapes = tuple(value / mean for value in quantiles)
    return mean, Trace(tuple(strata), shapes, smaller / (count * count * mean), square / (mean * mean))
