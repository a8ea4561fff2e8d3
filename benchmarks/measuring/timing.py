"""How long a point is measured, and what is made of its samples."""

from collections.abc import Callable, Sequence
from math import sqrt
from statistics import median
from time import perf_counter
from typing import NamedTuple

Once = Callable[[], float]  # one sample: seconds per run
NORMAL = 1.4826  # median absolute deviation -> standard deviation of a normal distribution
MEDIAN_COST = 1.2533  # standard error of a median over that of a mean
WARM_SHARE = 0.25  # of the time for a point


class Limits(NamedTuple):
    """When to stop. seconds bounds warm-up and samples; a sample that has begun is finished."""

    seconds: float
    least: int = 3  # samples before `settled` counts; time is the stronger rule, so a point may have fewer
    most: int = 1000
    settled: float = 0.0  # stop when the standard error of the median is below this share of it; 0: never


def samples(once: Once, limits: Limits, clock: Callable[[], float] = perf_counter) -> list[float]:
    """At least one sample, after a warm-up of at least one."""
    start = clock()
    once()
    while clock() - start < limits.seconds * WARM_SHARE:
        once()
    found = [once()]
    while len(found) < limits.most and clock() - start < limits.seconds:
        if limits.settled and len(found) >= limits.least and spread(found) < limits.settled:
            break
        found.append(once())
    return found


def spread(found: Sequence[float]) -> float:
    """Standard error of the median, as a share of the median."""
    middle = median(found)
    deviation = NORMAL * median(abs(one - middle) for one in found)
    return MEDIAN_COST * deviation / sqrt(len(found)) / middle


def percentile(found: Sequence[float], share: float) -> float:
    """The smallest sample that this share of them does not exceed."""
    ordered = sorted(found)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
