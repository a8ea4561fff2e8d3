"""Percentiles of a time that is a mixture of simple laws, each given by its least value, mean and variance.

A part that varies little is a shifted gamma law, one that varies much is its least value or an exponential time later.
Both have the right shape at the ends of what an engine does: the time per token of a request that shares a server of
constant speed is a sum of two exponential parts, that of one among very many is nearly normal; a wait is often zero.

Numbers are floats, or arrays with one value for each of many mixtures (mixture_lanes.py).
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import erfc, exp, log
from statistics import NormalDist
from typing import Any

from rackcalc.formulas.queues.mixture_parts import (
    EXPONENTIAL,
    FAR,
    LEAST_SCV,
    MOST_PARTS,
    NEAR,
    PATIENCE,
    PLATEAU,
    ROOT_PI,
    ROUNDS,
    SMALL,
    Part,
    Parts,
    Stack,
    group_limit,
    in_order,
)
from rackcalc.quantities import elementwise as xp


def part_tail(time: float, least: float, mean: float, variance: float) -> float:
    """P(part > time). Gamma: E. B. Wilson, M. M. Hilferty, Proc. Nat. Acad. Sci. 17 (1931) 684-688.

    >>> round(part_tail(3.0, 1.0, 2.0, 1.0), 2)  # exponential, exp(-2) = 0.135
    0.14
    """
    return _tail([(1.0, least, mean, variance)])(time)[0]


def mixture_tail(time: Any, parts: Parts, tail: "Tail | None" = None) -> Any:
    """P(mixture > time). tail: of these parts, where it is known."""
    if hasattr(time, "shape") and not in_lanes(parts):
        from rackcalc.formulas.queues.mixture_lanes import tail_lanes

        return tail_lanes(parts)(time)[0]
    return (tail or tail_of(parts))(time)[0]


def mixture_mean(parts: Parts) -> Any:
    """Mean of the mixture."""
    if in_lanes(parts):
        parts = stack_of(parts)
        return (parts.share * parts.mean).sum(axis=0)
    return sum([share * mean for share, _, mean, _ in parts])


def mixture_variance(parts: Parts) -> Any:
    """Variance of the mixture."""
    mean = mixture_mean(parts)
    if in_lanes(parts):
        parts = stack_of(parts)
        return (parts.share * (parts.variance + (parts.mean - mean) ** 2)).sum(axis=0)
    return sum([share * (variance + (middle - mean) ** 2) for share, _, middle, variance in parts])


def stack_of(parts: Parts) -> Stack:
    """The parts as arrays; with numpy, which is loaded only for lanes."""
    from rackcalc.formulas.queues.mixture_lanes import stacked

    return stacked(parts)


def in_lanes(parts: Parts) -> bool:
    """Whether any number is an array."""
    return isinstance(parts, Stack) or any(hasattr(value, "shape") for part in parts for value in part)


def tidied(parts: Parts) -> Parts:
    """Without what is too rare to count; sums of approximations can leave a variance a little below nothing."""
    if in_lanes(parts):
        return _where_kept(stack_of(parts))
    return [
        (share, least if least < mean else mean, mean, variance if variance > 0 else 0.0)
        for share, least, mean, variance in parts
        if share > 1e-9
    ]


def _where_kept(parts: Stack) -> Stack:
    """The parts in the lanes in which they are kept; in the others they have no share, and their numbers no effect."""
    share, least, mean, variance = parts
    kept = share > 1e-9
    return Stack(
        xp.where(kept, share, 0.0),
        xp.where(kept, xp.minimum(least, mean), 0.0),
        xp.where(kept, mean, 0.0),
        xp.where(kept, xp.maximum(variance, 0.0), 0.0),
    )


def merged(parts: Parts) -> Parts:
    """Of tidied parts, about MOST_PARTS with the same mean and variance: neighbors in order of their means become one.

    Groups are small in share where the means are large, so that the tail keeps its detail.
    """
    if isinstance(parts, Stack):
        if len(parts.share) <= MOST_PARTS:
            return parts
        from rackcalc.formulas.queues.mixture_lanes import merged_lanes

        return merged_lanes(parts)
    if len(parts) <= MOST_PARTS:
        return parts
    result: list[Part] = []
    group: list[Part] = []
    held, left = 0.0, 1.0
    for part in sorted(parts, key=lambda part: in_order(part[2])):
        if group and held + part[0] > group_limit(left):
            result.append(_one(group, held))
            left -= held
            group, held = [], 0.0
        group.append(part)
        held += part[0]
    result.append(_one(group, held))
    return result


def _one(group: list[Part], held: float) -> Part:
    if len(group) == 1:
        return group[0]
    mean = sum([share * middle for share, _, middle, _ in group]) / held
    variance = sum([share * (own + (middle - mean) ** 2) for share, _, middle, own in group]) / held
    return held, min([least for _, least, _, _ in group]), mean, variance


Tail = Callable[[Any], tuple[Any, Any]]  # of a time: P(mixture > time), and the density there


def tail_of(parts: Parts) -> Tail:
    """The tail of a mixture as a function of time, with its density."""
    if in_lanes(parts):
        from rackcalc.formulas.queues.mixture_lanes import tail_lanes

        return tail_lanes(parts)
    return _tail(parts)


def _tail(parts: Sequence[Part]) -> Tail:
    steps: list[tuple[float, float]] = []  # share, time
    late: list[tuple[float, float, float, float]] = []  # share, least, chance of the exponential time, its rate
    gammas: list[tuple[float, float, float, float, float]] = []
    for share, least, mean, variance in parts:
        above = mean - least
        if above <= 1e-12 * abs(mean):
            steps.append((share, least))
            continue
        scv = variance / (above * above)
        if scv > EXPONENTIAL:
            some = 2 / (1 + scv)  # an atom at the least value, and an exponential time with the rest of the chance
            late.append((share, least, some, some / above))
        else:
            scv = max(scv, LEAST_SCV)
            gammas.append((share, least, 1 / above, scv / 9 - 1, 3 / math.sqrt(2 * scv)))

    def tail(time: float) -> tuple[float, float]:
        above = density = slope = 0.0
        for share, least in steps:
            if time <= least:
                above += share
        for share, least, some, rate in late:
            if time <= least:
                above += share
            else:
                part = share * some * exp(-rate * (time - least))
                above += part
                density += rate * part
        for share, least, rate, shift, steep in gammas:
            if time <= least:
                above += share
                continue
            root = ((time - least) * rate) ** (1 / 3)
            z = (root + shift) * steep
            above += share * erfc(z) / 2
            if -FAR < z < FAR:
                slope += share * exp(-z * z) * steep * rate / (root * root)
        return above, density + slope / (3 * ROOT_PI)

    return tail


def mixture_quantile(probability: Any, parts: Parts, tail: Tail | None = None, near: Any = None) -> Any:
    """The time that the given share of the mixture stays within: a root of the tail's logarithm (Newton's rule).

    Where that does not converge, as at an atom, the bracket is halved. tail: of these parts, where it is known. near: a
    first guess.

    >>> round(mixture_quantile(0.99, [(1.0, 0.0, 1.0, 1.0)]), 1)  # exponential, ln 100
    4.6
    """
    if not 0 < probability < 1:
        return 0.0 if probability == 0 else math.inf if probability == 1 else math.nan
    tail = tail_of(parts) if tail is None else tail
    start = first_guess(probability, parts)
    start = start if near is None else xp.clip(near, start / 2, start * 2)
    level = (1 - probability) * (1 + PLATEAU)
    if in_lanes(parts):
        from rackcalc.formulas.queues.mixture_lanes import quantile_lanes

        return quantile_lanes(level, tail, start)
    if not math.isfinite(start):
        return start
    time, low, high = start, 0.0, math.inf
    for step in range(ROUNDS):
        above, density = tail(time)
        value = log(above / level) if above > 0 else -math.inf
        low, high = (time, high) if value > 0 else (low, time)
        change = value * above / density if density > 0 else math.inf
        if abs(value) < NEAR and abs(change) <= SMALL * time:
            return time + change
        if high - low <= 1e-13 * low:
            return high
        time = min(time + change, 3 * time)
        if not low < time < high or (step >= PATIENCE and step % 2):
            time = (low + high) / 2 if high < math.inf else 2 * low
    return high


@lru_cache(maxsize=64)
def _normal(probability: float) -> float:
    return NormalDist().inv_cdf(probability)


def first_guess(probability: float, parts: Parts) -> Any:
    """The quantile of one part with the least value, mean and variance of the whole mixture."""
    mean = mixture_mean(parts)
    if isinstance(parts, Stack):
        least = xp.where(parts.share > 0, parts.least, xp.inf).min(axis=0)
    else:
        least = xp.lowest([xp.where(share > 0, least, xp.inf) for share, least, _, _ in parts])
    above = xp.maximum(mean - least, 1e-12 * abs(mean))
    scv = mixture_variance(parts) / above**2
    spread = xp.minimum(scv, 1.0)
    root = xp.maximum(1 - spread / 9 + _normal(probability) * xp.sqrt(spread) / 3, 0.1)
    late = xp.maximum(xp.log(2 / (1 + xp.maximum(scv, 1.0)) / (1 - probability)), 0.0) * (1 + scv) / 2
    return xp.maximum(least + above * xp.where(scv > 1, late, root**3), 1e-3 * abs(mean))
