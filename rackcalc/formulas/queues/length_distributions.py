"""Lengths of prompts and outputs: all alike, evenly spread, log-normal, or as in a trace.

A distribution is a list of strata, each with its share of the requests, its mean and its variance. The strata are
narrow in the upper tail, so that a percentile of a time that grows with the length can be found by conditioning.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from statistics import NormalDist
from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record, replace

EDGES = (0.0, 0.15, 0.35, 0.55, 0.7, 0.82, 0.91, 0.96, 0.98, 0.9885, 0.995, 0.999, 1.0)
NORMAL = NormalDist()


@record
class Stratum:
    """Some of the requests: their share of all, and mean and variance of their lengths in tokens. See in_rows()."""

    share: Any
    mean: Any
    variance: Any


@record
class Lengths:
    """The distribution of a length in tokens; numbers, or arrays of them, one for each of many distributions.

    concentration: the mean of the smaller of two lengths, over the mean.
    """

    strata: tuple[Stratum, ...]
    mean: Any
    mean_square: Any
    concentration: Any
    quantile: Callable[[float], Any]

    @property
    def scv(self) -> Any:
        """Squared coefficient of variation."""
        return xp.maximum(self.mean_square / self.mean**2 - 1, 0.0)


def in_rows(lengths: Lengths) -> Lengths:
    """For lanes: the strata as one, whose numbers have the strata on the first axis, the lanes on the second."""
    if len(lengths.strata) == 1:
        return lengths
    share, mean, variance = zip(*((s.share, s.mean, s.variance) for s in lengths.strata), strict=True)
    return replace(lengths, strata=(Stratum(share=xp.rows(share), mean=xp.rows(mean), variance=xp.rows(variance)),))


def fixed(tokens: Any) -> Lengths:
    """All lengths alike."""
    return Lengths(
        strata=(Stratum(share=1.0, mean=tokens, variance=0.0),),
        mean=tokens,
        mean_square=tokens * tokens,
        concentration=1.0,
        quantile=lambda p: tokens,
    )


def spread(mean: Any, spread: Any) -> Lengths:
    """Evenly between mean x (1 - spread) and mean x (1 + spread), as benchmark tools draw them."""
    low, width = mean * (1 - spread), 2 * mean * spread
    if not xp.every((spread >= 0) & (spread <= 1)):
        raise ValueError("spread must be between 0 and 1")
    strata = tuple(
        Stratum(share=b - a, mean=low + width * (a + b) / 2, variance=(width * (b - a)) ** 2 / 12)
        for a, b in pairwise(EDGES)
    )
    return Lengths(
        strata=strata,
        mean=mean,
        mean_square=mean * mean * (1 + spread * spread / 3),
        concentration=1 - spread / 3,
        quantile=lambda p: low + width * p,
    )


def lognormal(mean: Any, cv: Any) -> Lengths:
    """Log-normal with this mean and coefficient of variation."""
    if isinstance(cv, float | int):
        if cv == 0:
            return fixed(mean)
        strata, sigma = _lognormal_of_mean_1(float(cv))
    else:
        strata, sigma = _lognormal_strata(cv)
    center = xp.log(mean) - sigma * sigma / 2
    return Lengths(
        strata=tuple(Stratum(share=share, mean=mean * first, variance=mean**2 * rest) for share, first, rest in strata),
        mean=mean,
        mean_square=mean * mean * (1 + cv * cv),
        concentration=xp.erfc(sigma / 2),
        quantile=lambda p: xp.exp(center + sigma * NORMAL.inv_cdf(p)),
    )


def _lognormal_strata(cv: Any) -> tuple[list[tuple[float, Any, Any]], Any]:
    """Share, mean and variance of the strata of log-normal lengths of mean 1, and the deviation of their logarithms."""
    sigma = xp.sqrt(xp.log1p(cv * cv))

    def below(p: float, power: int) -> Any:
        """Part of the moment of this order that lengths below the quantile p have."""
        return p if p in (0.0, 1.0) else xp.erfc((power * sigma - NORMAL.inv_cdf(p)) / math.sqrt(2)) / 2

    strata = []
    for a, b in pairwise(EDGES):
        first = (below(b, 1) - below(a, 1)) / (b - a)
        second = (1 + cv * cv) * (below(b, 2) - below(a, 2)) / (b - a)
        strata.append((b - a, first, xp.maximum(second - first * first, 0.0)))
    return strata, sigma


_lognormal_of_mean_1 = lru_cache(maxsize=256)(_lognormal_strata)


def scaled(lengths: Lengths, factor: Any) -> Lengths:
    """Lengths that are so many times as long."""
    return Lengths(
        strata=tuple(Stratum(s.share, s.mean * factor, s.variance * factor**2) for s in lengths.strata),
        mean=lengths.mean * factor,
        mean_square=lengths.mean_square * factor**2,
        concentration=lengths.concentration,
        quantile=lambda p: lengths.quantile(p) * factor,
    )


def lognormal_between(p50: float, p99: float) -> Lengths:
    """Log-normal with this median and 99th percentile."""
    sigma = math.log(p99 / p50) / NORMAL.inv_cdf(0.99)
    return lognormal(p50 * math.exp(sigma * sigma / 2), math.sqrt(math.expm1(sigma * sigma)))


def empirical(ordered: Sequence[float]) -> Lengths:
    """The lengths of a trace, in increasing order."""
    count = len(ordered)
    if not count or any(a > b for a, b in pairwise(ordered)):
        raise ValueError("lengths of a trace must be sorted, and at least one")
    mean = math.fsum(ordered) / count
    strata = []
    places = sorted({round(edge * count) for edge in EDGES})
    for a, b in pairwise(places):
        part = ordered[a:b]
        middle = math.fsum(part) / len(part)
        variance = math.fsum((x - middle) ** 2 for x in part) / len(part)
        strata.append(Stratum(share=len(part) / count, mean=middle, variance=variance))
    return Lengths(
        strata=tuple(strata),
        mean=mean,
        mean_square=math.fsum(x * x for x in ordered) / count,
        concentration=math.fsum((2 * (count - i) - 1) * x for i, x in enumerate(ordered)) / (count * count * mean),
        quantile=lambda p: ordered[min(int(p * count), count - 1)],
    )


def of_strata(mean: Any, cv: Any, means: Sequence[Any]) -> Lengths:
    """Lengths whose strata (between EDGES) have these means over the mean of all, such as those of a trace.

    Within a stratum lengths are spread as far as its neighbors leave room, and all together as the cv says.
    """
    shares = [b - a for a, b in pairwise(EDGES)]
    middles = [value * mean for value in means]
    ends = [middles[0], *((a + b) / 2 for a, b in pairwise(middles)), middles[-1]]
    spreads = [(b - a) ** 2 / 12 for a, b in pairwise(ends)]
    between = sum([share * (middle - mean) ** 2 for share, middle in zip(shares, middles, strict=True)])
    inside = sum([share * spread for share, spread in zip(shares, spreads, strict=True)])
    factor = xp.where(inside > 0, xp.divide(xp.maximum((cv * mean) ** 2 - between, 0.0), inside), 0.0)
    strata = tuple(
        Stratum(share=share, mean=middle, variance=spread * factor)
        for share, middle, spread in zip(shares, middles, spreads, strict=True)
    )
    smaller = [0.0, *accumulate(shares)]
    return Lengths(
        strata=strata,
        mean=mean,
        mean_square=mean * mean * (1 + cv * cv),
        concentration=sum(
            share * middle * (2 - below - after)
            for share, middle, (below, after) in zip(shares, middles, pairwise(smaller), strict=True)
        )
        / mean,
        quantile=lambda p: middles[max(bisect_left(smaller, p) - 1, 0)],
    )
