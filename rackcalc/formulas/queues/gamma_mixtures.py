"""Percentiles of a time that is a mixture of simple laws, each given by its least value, mean and variance.

A part that varies little is a shifted gamma law, one that varies much is its least value or an exponential time later.
Both have the right shape at the ends of what an engine does: the time per token of a request that shares a server of
constant speed is a sum of two exponential parts, that of one among very many is nearly normal; a wait is often zero.
"""

import math
from collections.abc import Sequence

Part = tuple[float, float, float, float]  # share, least value, mean, variance

MOST_PARTS = 28
ROUNDS = 60


def part_tail(time: float, least: float, mean: float, variance: float) -> float:
    """P(part > time). Gamma: E. B. Wilson, M. M. Hilferty, Proc. Nat. Acad. Sci. 17 (1931) 684-688.

    >>> round(part_tail(3.0, 1.0, 2.0, 1.0), 2)  # exponential, exp(-2) = 0.135
    0.13
    """
    if time <= least:
        return 1.0
    above = mean - least
    if above <= 1e-12 * mean:
        return 0.0
    late = (time - least) / above
    scv = variance / (above * above)
    if scv > 1:
        some = 2 / (1 + scv)  # an atom at the least value, and an exponential time with the rest of the chance
        return some * math.exp(-some * late)
    scv = max(scv, 1e-8)
    return math.erfc((late ** (1 / 3) - 1 + scv / 9) * 3 / math.sqrt(2 * scv)) / 2


def mixture_tail(time: float, parts: Sequence[Part]) -> float:
    """P(mixture > time)."""
    return sum(share * part_tail(time, least, mean, variance) for share, least, mean, variance in parts)


def mixture_mean(parts: Sequence[Part]) -> float:
    """Mean of the mixture."""
    return sum(share * mean for share, _, mean, _ in parts)


def mixture_variance(parts: Sequence[Part]) -> float:
    """Variance of the mixture."""
    mean = mixture_mean(parts)
    return sum(share * (variance + (middle - mean) ** 2) for share, _, middle, variance in parts)


def merged(parts: Sequence[Part]) -> list[Part]:
    """At most about MOST_PARTS parts with the same mean and variance: neighbors in order of their means become one.

    Groups are small in share where the means are large, so that the tail keeps its detail.
    """
    # sums of approximations can leave a variance a little below nothing
    parts = [
        (share, min(least, mean), mean, max(variance, 0.0)) for share, least, mean, variance in parts if share > 1e-9
    ]
    if len(parts) <= MOST_PARTS:
        return parts
    result: list[Part] = []
    group: list[Part] = []
    held, left = 0.0, 1.0
    for part in sorted(parts, key=lambda part: part[2]):
        if group and held + part[0] > max(left * 0.2, 3e-4):
            result.append(_one(group, held))
            left -= held
            group, held = [], 0.0
        group.append(part)
        held += part[0]
    result.append(_one(group, held))
    return result


def _one(group: list[Part], share: float) -> Part:
    if len(group) == 1:
        return group[0]
    inner = [(weight / share, least, mean, variance) for weight, least, mean, variance in group]
    return share, min(least for _, least, _, _ in group), mixture_mean(inner), mixture_variance(inner)


def mixture_quantile(probability: float, parts: Sequence[Part]) -> float:
    """The time that the given share of the mixture stays within: a root of the tail's logarithm (Illinois rule).

    >>> round(mixture_quantile(0.99, [(1.0, 0.0, 1.0, 1.0)]), 1)  # exponential, ln 100
    4.6
    """
    if not 0 < probability < 1:
        return 0.0 if probability == 0 else math.inf if probability == 1 else math.nan
    if any(math.isinf(mean) for _, _, mean, _ in parts):
        return math.inf
    level = 1 - probability
    low, high = 0.0, max(mean + 2 * math.sqrt(variance) for _, _, mean, variance in parts)
    while mixture_tail(high, parts) > level:
        low, high = high, 2 * high

    def excess(time: float) -> float:
        return math.log(max(mixture_tail(time, parts), 1e-300) / level)

    at_low, at_high = excess(low), excess(high)
    for _ in range(ROUNDS):
        if high - low <= 1e-7 * high:
            break
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        value = excess(middle)
        if value > 0:
            low, at_low, at_high = middle, value, at_high / 2
        else:
            high, at_high, at_low = middle, value, at_low / 2
        if abs(value) < 1e-5:
            return middle
    return high
