"""Mixtures of simple laws (gamma_mixtures.py) for many lanes at once: the same algorithms on arrays.

Arrays have the parts on the first axis and the lanes on the second.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rackcalc.formulas.queues import mixture_parts as both
from rackcalc.formulas.queues.mixture_parts import Parts, Stack


def stacked(parts: Parts) -> Stack:
    """Shares, least values, means and variances as arrays (parts, lanes). Some parts may be rows of several."""
    if isinstance(parts, Stack):
        return parts
    shapes = [np.broadcast(*part).shape for part in parts]
    rows = [shape[0] if len(shape) > 1 else 1 for shape in shapes]
    found = np.empty((4, sum(rows), max(shape[-1] if shape else 1 for shape in shapes)))
    place = 0
    for part, several in zip(parts, rows, strict=True):
        for what, value in enumerate(part):
            found[what, place : place + several] = value
        place += several
    return Stack(*found)


def merged_lanes(parts: Parts) -> Stack:
    """As merged() of floats: rare parts have no share, lanes with few parts keep them."""
    share, least, mean, variance = (array.T for array in stacked(parts))  # lanes first: groups lie together
    kept = share > 0
    few = kept.sum(axis=1) <= both.MOST_PARTS
    order = np.argsort(np.where(kept, both.in_order(mean), np.inf), axis=1, kind="stable")
    share, kept, least, mean, variance = (np.take_along_axis(x, order, 1) for x in (share, kept, least, mean, variance))
    new = kept & few[:, None]
    new[:, 0] = True
    sums, parted = share.cumsum(axis=1), np.flatnonzero(~few)
    before, lanes = sums[parted], np.arange(len(parted))
    place, total = np.zeros(len(parted), dtype=np.intp), np.zeros(len(parted))
    while len(lanes):  # group by group: the next one begins where this one would be too large
        limit = both.group_limit(1 - total)
        place = np.maximum((before <= (total + limit)[:, None]).sum(axis=1), place + 1)
        going = place < share.shape[1]
        going[going] &= kept[parted[lanes[going]], place[going]]
        lanes, place, before = lanes[going], place[going], before[going]
        new[parted[lanes], place] = True
        total = before[np.arange(len(lanes)), place - 1]
    number = new.cumsum(axis=1) - 1
    starts = np.flatnonzero(new)
    group, lane = number.ravel()[starts], starts // share.shape[1]

    def by_group(function: Any, values: Any) -> Any:
        found = np.zeros((number.max() + 1, len(share)))
        found[group, lane] = function.reduceat(values.ravel(), starts)
        return found

    shares = by_group(np.add, share)
    over = np.maximum(shares, 1e-300)
    means = by_group(np.add, share * np.where(kept, mean, 0.0)) / over
    spread = variance + (mean - np.take_along_axis(means.T, number, 1)) ** 2
    variances = by_group(np.add, np.where(kept, share * spread, 0.0)) / over
    lowest = by_group(np.minimum, np.where(kept, least, np.inf))
    return Stack(shares, np.where(shares > 0, lowest, 0.0), means, variances)


def of_rows(parts: Stack, weights: Sequence[Any]) -> Stack:
    """One mixture of several, which lie in the lanes one after the other, each of as many lanes as a weight has."""
    rows = len(weights)
    share, *rest = (np.broadcast_to(x, (len(x), max(x.shape[1], rows))) for x in parts)
    share, *rest = (x.reshape(len(x) * rows, -1) for x in (share, *rest))
    weight = np.stack([np.broadcast_to(one, share.shape[1]) for one in weights])
    return Stack(share * np.tile(weight, (len(share) // rows, 1)), *rest)


STEEP = 1e100  # rate of a part that is all at its least value
STEPS = 128  # places by unit at which the normal tail is tabulated
REACH = 6.5
_PLACES = np.arange(-int(REACH * STEPS), int(REACH * STEPS) + 1) / STEPS
_TAIL = np.array([math.erfc(z) / 2 for z in _PLACES])
_DENSITY = np.exp(-(_PLACES**2)) / both.ROOT_PI
_TAIL[0], _TAIL[-1], _DENSITY[0], _DENSITY[-1] = 1.0, 0.0, 0.0, 0.0


def normal_tail(z: Any) -> tuple[Any, Any]:
    """erfc(z) / 2 and exp(-z z) / root(pi), by a Taylor series from the nearest place of a table: exact to 1e-11."""
    z = np.clip(z, -REACH, REACH)
    place = np.rint(np.where(z == z, z, 0.0) * STEPS).astype(np.intp)
    d = z - place / STEPS
    place += len(_PLACES) // 2
    at, density = _TAIL[place], _DENSITY[place]
    y, square = -2 * _PLACES[place] * d, -2 * d * d  # the terms are Hermite's polynomials, by their recurrence
    second = (y * y + square) / 2
    third = (y * second + square * y) / 3
    fourth = (y * third + square * second) / 4
    fifth = (y * fourth + square * third) / 5
    tail = at - density * d * (1 + y / 2 + second / 3 + third / 4 + fourth / 5 + fifth / 6)
    return tail, density * np.exp(y + square / 2)


class _Tail:
    """The mixtures, ready for their tails. Lanes can be picked."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        self.arrays = arrays

    @classmethod
    @np.errstate(all="ignore")
    def of(cls, parts: Parts) -> "_Tail":
        share, least, mean, variance = stacked(parts)
        above = mean - least
        step = above <= 1e-12 * abs(mean)
        rate = 1 / np.where(step, 1 / STEEP, above)
        scv = variance * np.where(step, 0.0, rate * rate)
        late = (scv > both.EXPONENTIAL) & ~step
        some = 2 / (1 + scv)
        scv = np.clip(scv, both.LEAST_SCV, 1.0)
        return cls([share, least, late, some, rate, scv / 9 - 1, 3 / np.sqrt(2 * scv)])

    def picked(self, lanes: Any) -> "_Tail":
        """Some of the lanes."""
        return _Tail([array[:, lanes] for array in self.arrays])

    def at_jumps(self, time: Any, low: Any, high: Any) -> Any:
        """The jump nearest to a time between two ends; just behind the low end if that is one; else the time itself."""
        share, least, late, _, rate, *_ = self.arrays
        jumps = np.where((late | (rate >= STEEP)) & (share > 0), least, np.nan)
        away = np.where((jumps > low) & (jumps < high), abs(jumps - time), np.inf)
        nearest = away.argmin(axis=0), np.arange(len(time))
        behind = np.where((jumps == low).any(axis=0), low * (1 + 5e-14), time)
        return np.where(away[nearest] < np.inf, jumps[nearest], behind)

    @np.errstate(all="ignore")
    def __call__(self, time: Any) -> tuple[Any, Any]:
        share, least, late, some, rate, shift, steep = self.arrays
        after = (time - least) * rate
        passed = after > 0
        root = np.exp(np.log(np.where(passed, after, 1.0)) / 3)
        tail, density = normal_tail(np.where(passed, (root + shift) * steep, -REACH))
        density *= steep * rate / (3 * root * root)
        if late.any():
            exponential = np.where(passed, some * np.exp(-some * after), 1.0)
            tail = np.where(late, exponential, tail)
            density = np.where(late, np.where(passed, exponential * some * rate, 0.0), density)
        return (share * tail).sum(axis=0), (share * density).sum(axis=0)


def tail_lanes(parts: Parts) -> Callable[[Any], tuple[Any, Any]]:
    """The tails of the mixtures as a function of time, with their densities."""
    return _Tail.of(parts)


@np.errstate(all="ignore")
def quantile_lanes(level: Any, tail: Any, start: Any) -> Any:
    """As mixture_quantile() of both. level: of the tail. Lanes that have converged take no further part."""
    result = np.array(start, dtype=float)
    open_ = np.flatnonzero(np.isfinite(result))
    level = np.broadcast_to(level, result.shape)[open_]
    tail = tail.picked(open_)
    time, low, high = result[open_], np.zeros(len(open_)), np.full(len(open_), np.inf)
    for step in range(both.ROUNDS):
        if not len(open_):
            return result
        above, density = tail(time)
        value = np.log(above / level)
        low, high = np.where(value > 0, time, low), np.where(value > 0, high, time)
        change = np.where(density > 0, value * above / density, np.inf)
        near = (abs(value) < both.NEAR) & (abs(change) <= both.SMALL * time)
        closed = high - low <= 1e-13 * low
        result[open_] = np.where(near, time + change, high)
        going = ~(near | closed)
        time = np.minimum(time + change, 3 * time)
        halved = ~((low < time) & (time < high)) | (step >= both.PATIENCE and step % 2 == 1)
        time = np.where(halved, np.where(high < np.inf, (low + high) / 2, 2 * low), time)
        if step >= both.PATIENCE and (halved := np.flatnonzero(halved & going)).size:
            time[halved] = tail.picked(halved).at_jumps(time[halved], low[halved], high[halved])
        if not going.all():
            open_, time, low, high, level = open_[going], time[going], low[going], high[going], level[going]
            tail = tail.picked(going)
    return result


def quantiles(probabilities: Sequence[float], parts: Stack, starts: Sequence[Any]) -> list[Any]:
    """What these shares of one mixture stay within, each an array of one value. starts: first guesses."""
    several = tail_lanes(Stack(*(np.repeat(array, len(probabilities), axis=1) for array in parts)))
    levels = (1 - np.array(probabilities)) * (1 + both.PLATEAU)
    return list(quantile_lanes(levels, several, np.concatenate(starts))[:, None])
