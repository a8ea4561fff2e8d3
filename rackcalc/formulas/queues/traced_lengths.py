"""The lengths in a trace as means of strata, from a histogram of any size."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from rackcalc.formulas.queues.length_distributions import EDGES


class Bar(NamedTuple):
    """Some requests of nearly the same length: how many, their mean length and mean squared length."""

    number: int
    mean: float
    square: float


class Shape(NamedTuple):
    """Lengths: their mean, coefficient of variation, and the mean of each stratum between EDGES over that of all."""

    mean: float
    cv: float
    strata: tuple[float, ...]


def shape(bars: Sequence[Bar]) -> Shape:
    """The shape of a histogram whose bars are in increasing order; at least one.

    A bar that an edge cuts has the same mean on both sides, so that the strata together have the mean of all.
    """
    count = sum(bar.number for bar in bars)
    mean = sum(bar.number * bar.mean for bar in bars) / count
    square = sum(bar.number * bar.square for bar in bars) / count
    ends = [edge * count for edge in EDGES]
    sums = [0.0] * (len(EDGES) - 1)
    begin, place = 0.0, 0
    for bar in bars:
        end = begin + bar.number
        while place < len(sums) and ends[place] < end:
            sums[place] += bar.mean * (min(end, ends[place + 1]) - max(begin, ends[place]))
            if ends[place + 1] > end:
                break
            place += 1
        begin = end
    strata = tuple(sum_ / (b - a) / mean for sum_, (a, b) in zip(sums, pairwise(ends), strict=True))
    return Shape(mean, max(square / mean**2 - 1, 0.0) ** 0.5, strata)
