"""How many requests share a station whose speed depends on their number, and how many wait for a seat.

With Poisson arrivals the number present has a product form that depends on the lengths only through their mean
(F. P. Kelly, Reversibility and Stochastic Networks, 1979, chapter 3: symmetric queues; J. W. Cohen, Acta Informatica 12
(1979) 245-284: generalized processor sharing). Arrivals in bursts spread it by their peakedness: the odds of one more
request are then those of the Bernoulli-Poisson-Pascal approximation (L. E. N. Delbrouck, IEEE Trans. Communications 29
(1981) 21-28), exact for an infinite server and right in heavy traffic for a single one. The product is shifted until as
many requests leave as arrive, so Little's law holds in every answer.

The product is kept at nodes that lie half a root of the number apart.
"""

import math
import operator
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.record import record

MANY = 60  # nodes from which on it is worth to look first how many are reached
NEVER = 1e-18  # share of time
SHIFTS = 80
PATIENCE = 8  # steps of Newton's rule; after them every other one halves
NEAR = 1e-6  # after a step of Newton's rule that is so small one more is exact, since it squares the error
ROUGH = 1e-2  # the same, of a first look at how many are reached


@lru_cache(maxsize=64)
def node_numbers(cap: int) -> list[int]:
    """0, 1, 2, ... and then wider apart, up to cap. Between two nodes, logarithms are taken as straight lines.

    >>> node_numbers(20)
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20]
    """
    numbers = [0]
    while numbers[-1] < cap:
        numbers.append(min(numbers[-1] + max(1, math.isqrt(numbers[-1]) // 2), cap))
    return numbers


@lru_cache(maxsize=64)
def _some_numbers(cap: int) -> list[int]:
    """A few numbers from 0 to cap, each a third larger than the one before."""
    numbers = [0]
    while numbers[-1] < cap:
        numbers.append(min(numbers[-1] + max(1, numbers[-1] // 3), cap))
    return numbers


def nodes_of(seats: Any, lanes: bool, reached: float = math.inf, few: bool = False) -> Any:
    """The nodes as a column: of several lanes, those of the most seats, and where there are fewer the last again.

    reached: beyond it, only the last node is kept. few: nodes that lie wide apart.
    """
    most = int(seats.max() if hasattr(seats, "shape") else seats)
    numbers = [float(number) for number in (_some_numbers if few else node_numbers)(most)]
    if reached < most:
        numbers = [number for number in numbers if number <= reached] + [float(most)]
    return xp.minimum(xp.column(numbers), seats) if lanes else numbers


def reached_of(station: "Present", seats: Any) -> float:
    """A number that is never reached, from a station with few nodes."""
    shares = station.shares
    if not isinstance(shares, list):
        shares = [float(row.max()) for row in xp.where(shares == shares, shares, 0.0)]
    most = int(seats.max() if hasattr(seats, "shape") else seats)
    numbers = _some_numbers(most)
    last = max(place for place, share in enumerate(shares) if share > NEVER)
    return float(numbers[min(last + 2, len(numbers) - 1)])


@record
class Present:
    """The number present.

    numbers: the nodes, from none to all seats taken, a column. shares: of time at each node; the last one includes the
    time in which others wait. crowded: share of time with all seats taken. waiting: mean number that waits for a seat.
    shift: logarithm of the rate of the product.
    """

    numbers: Any
    shares: Any
    crowded: Any
    waiting: Any
    shift: Any = 0.0

    @property
    def mean(self) -> Any:
        """Mean number inside, without those that wait."""
        return xp.dot(self.numbers, self.shares)

    @property
    def variance(self) -> Any:
        """Variance of the number inside."""
        return xp.dot(xp.each(lambda n: n * n, self.numbers), self.shares) - self.mean**2


def number_present(
    numbers: Any, leaving: Any, rate: Any, peakedness: Any = 1.0, variability: Any = 1.0, start: Any = None,
    near: float = NEAR,
) -> Present | None:  # fmt: skip
    """The law of the number present, or None where more requests arrive than can leave (of lanes, nan).

    leaving: requests that leave per second at each of numbers[1:]. variability: (scv of gaps + scv of service) / 2,
    which lengthens or shortens the queue of those that wait for a seat (A. O. Allen, Probability, Statistics and
    Queueing Theory, 1990: Allen-Cunneen). start: shift of a station that is about the same. near: the last
    step but one of Newton's rule.

    >>> station = number_present(list(range(41)), [1.0] * 40, 0.5)  # M/M/1: mean number 1
    >>> round(station.mean + station.waiting, 6)
    1.0
    """
    lanes = any(hasattr(one, "shape") for one in (numbers, rate, leaving[-1]))
    if not lanes and not 0 < rate < leaving[-1]:
        return None
    beyond = variability * rate / (leaving[-1] - rate)
    at = _product(numbers, leaving, peakedness, beyond)
    target = xp.log(rate)
    shift, low, high = target if start is None else start, target - 40.0, target + 40.0
    finished = settled = (rate >= leaving[-1]) | (shift != shift)  # lanes without a solution
    for step in range(SHIFTS):
        shares, seated, out, slope = at(shift)
        error = out - target
        exact = (abs(error) <= near * xp.clip(slope, 0.0, 1.0)) | (high - low < 1e-11) | (error != error)
        finished, settled = settled, settled | exact
        if xp.every(finished):
            break
        low, high = xp.where(error < 0, shift, low), xp.where(error < 0, high, shift)
        newton = shift - error / xp.clip(slope, 1e-3, 1e3)
        trusted = settled | ((low < newton) & (newton < high) & (step < PATIENCE or step % 2 == 0))
        shift = xp.where(finished, shift, xp.where(trusted, newton, (low + high) / 2))
    crowded = seated * (1 + beyond)
    return Present(numbers=numbers, shares=shares, crowded=crowded, waiting=crowded * beyond, shift=shift)


def _product(numbers: Any, leaving: Any, peakedness: Any, beyond: Any) -> Callable[[Any], tuple[Any, Any, Any, Any]]:
    """The product, as a function of the logarithm of its rate.

    Its values: share of time of every node; share with all seats taken while nobody waits; logarithm of the rate at
    which requests leave; and the slope of that. beyond: time in which others wait, over the second.
    """
    lower, upper, weights, last = _widths(numbers)
    full = xp.each(lambda weight, end: weight + end * beyond, weights, last)
    out = xp.joined(0.0, leaving)
    even = peakedness < 1
    some_even = xp.some(even)
    log, exp = (xp.log, xp.exp) if hasattr(numbers, "shape") else (math.log, math.exp)
    # One more request is as likely as a place for it; in bursts it is the more likely the more there are.
    bursts = 1 - 1 / xp.maximum(peakedness, 1.0)
    single = xp.each(lambda gone: 1 / (gone * peakedness), leaving)
    others = xp.each(lambda n: bursts * (1 - 1 / n), numbers[1:])
    logs = xp.each(log, leaving) if some_even else []

    def at(shift: Any) -> tuple[Any, Any, Any, Any]:
        rate = xp.exp(shift)
        odds = xp.each(lambda one, more: rate * one + more, single, others)
        levels = xp.each(log, odds)
        slopes = xp.each(lambda one, both: rate * one / both, single, odds)
        if some_even:
            levels = xp.each(lambda level, gone: xp.where(even, (shift - gone) / peakedness, level), levels, logs)
            slopes = xp.each(lambda slope: xp.where(even, 1 / peakedness, slope), slopes)
        # sums over all numbers up to every node of what is known at the nodes, straight between them
        levels, slopes = xp.running(levels, lower, upper), xp.running(slopes, lower, upper)
        most = xp.highest(levels)
        chances = xp.each(lambda level: exp(level - most), levels)
        weighed = xp.each(operator.mul, chances, full)
        leaves = xp.each(operator.mul, weighed, out)
        total, gone = xp.total(weighed), xp.total(leaves)
        slope = xp.dot(leaves, slopes) / gone - xp.dot(weighed, slopes) / total
        return xp.each(lambda share: share / total, weighed), chances[-1] / total, xp.log(gone / total), slope

    return at


def _widths(numbers: Any) -> tuple[Any, Any, Any, Any]:
    """Of the nodes: the parts of the logarithms before and at a node in the sum up to it, how many numbers count to it,
    and which is the last.
    """
    if isinstance(numbers, list):
        return _widths_of(tuple(numbers))
    seats = numbers[-1]
    widths = numbers[1:] - numbers[:-1]
    below, above = xp.joined(1.0, widths), xp.joined(widths, 1.0)
    real = below > 0  # where lanes have fewer nodes than others the last comes again
    weights = xp.where(real, (below + xp.where(numbers >= seats, 1.0, above)) / 2, 0.0)
    lower = xp.where(widths > 0, (widths - 1) / 2, 0.0)
    upper = xp.where(widths > 0, (widths + 1) / 2, 0.0)
    return lower, upper, weights, xp.where(real & (numbers >= seats), 1.0, 0.0)


@lru_cache(maxsize=64)
def _widths_of(numbers: tuple[float, ...]) -> tuple[list[float], list[float], list[float], list[float]]:
    widths = [b - a for a, b in pairwise(numbers)]
    weights = [(a + b) / 2 for a, b in pairwise([1.0, *widths, 1.0])]
    return [(w - 1) / 2 for w in widths], [(w + 1) / 2 for w in widths], weights, [0.0] * len(widths) + [1.0]
