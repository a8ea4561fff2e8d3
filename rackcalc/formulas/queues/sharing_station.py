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
from collections.abc import Sequence

from rackcalc.quantities.record import record

SHIFTS = 80


def node_numbers(cap: int) -> list[int]:
    """0, 1, 2, ... and then wider apart, up to cap. Between two nodes, logarithms are taken as straight lines.

    >>> node_numbers(20)
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20]
    """
    numbers = [0]
    while numbers[-1] < cap:
        numbers.append(min(numbers[-1] + max(1, math.isqrt(numbers[-1]) // 2), cap))
    return numbers


@record
class Present:
    """The number present.

    numbers: the nodes, from none to all seats taken. shares: of time at each node; the last one includes the time in
    which others wait. crowded: share of time with all seats taken. waiting: mean number that waits for a seat.
    """

    numbers: list[int]
    shares: list[float]
    crowded: float
    waiting: float

    @property
    def mean(self) -> float:
        """Mean number inside, without those that wait."""
        return sum(n * part for n, part in zip(self.numbers, self.shares, strict=True))

    @property
    def variance(self) -> float:
        """Variance of the number inside."""
        return sum(n * n * part for n, part in zip(self.numbers, self.shares, strict=True)) - self.mean**2


def number_present(
    numbers: Sequence[int],
    leaving: Sequence[float],
    rate: float,
    peakedness: float = 1.0,
    variability: float = 1.0,
) -> Present | None:
    """The law of the number present, or None where more requests arrive than can leave.

    leaving: requests that leave per second at each of numbers[1:]. variability: (scv of gaps + scv of service) / 2,
    which lengthens or shortens the queue of those that wait for a seat (A. O. Allen, Probability, Statistics and
    Queueing Theory, 1990: Allen-Cunneen).

    >>> station = number_present(range(41), [1.0] * 40, 0.5)  # M/M/1: mean number 1
    >>> round(station.mean + station.waiting, 6)
    1.0
    """
    if not 0 < rate < leaving[-1]:
        return None
    beyond = variability * rate / (leaving[-1] - rate)
    target = math.log(rate)
    shift, low, high = target, target - 40.0, target + 40.0
    for _ in range(SHIFTS):
        shares, seated = _shares(numbers, leaving, math.exp(shift), peakedness, beyond)
        error = math.log(sum(part * gone for part, gone in zip(shares[1:], leaving, strict=True))) - target
        if abs(error) < 1e-9 or high - low < 1e-11:
            break
        low, high = (shift, high) if error < 0 else (low, shift)
        first = sum(n * part for n, part in zip(numbers, shares, strict=True))
        second = sum(n * n * part for n, part in zip(numbers, shares, strict=True))
        newton = shift - error / min(max((second / first - first) / peakedness, 0.05), 2.0)
        shift = newton if low < newton < high else (low + high) / 2
    crowded = seated * (1 + beyond)
    return Present(numbers=list(numbers), shares=shares, crowded=crowded, waiting=crowded * beyond)


def _shares(
    numbers: Sequence[int], leaving: Sequence[float], rate: float, peakedness: float, beyond: float
) -> tuple[list[float], float]:
    """Share of time of every node, and of all seats taken while nobody waits. beyond: others wait, over the latter."""
    level = before = 0.0
    logs, widths = [0.0], [1]
    for i in range(1, len(numbers)):
        number, width = numbers[i], numbers[i] - numbers[i - 1]
        if peakedness >= 1:
            now = math.log(rate / leaving[i - 1] / peakedness + (1 - 1 / peakedness) * (number - 1) / number)
        else:
            now = math.log(rate / leaving[i - 1]) / peakedness
        level += now if width == 1 else width * (before + now) / 2 + (now - before) / 2
        before = now
        logs.append(level)
        widths.append(width)
    widths.append(1)
    most = max(logs)
    shares = [math.exp(value - most) * (widths[i] + widths[i + 1]) / 2 for i, value in enumerate(logs)]
    seated = math.exp(logs[-1] - most)
    shares[-1] += seated * beyond
    total = sum(shares)
    return [value / total for value in shares], seated / total
