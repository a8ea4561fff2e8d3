"""Waits of M/D/c for arrays of loads, by curves that agree with the algorithms within 1e-12."""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from rackcalc.formulas.queues.curves import Curve, mapped, worth
from rackcalc.formulas.queues.mdc_backlog import (
    MAX_SERVERS,
    backlog,
    mean_in_service_times,
    survival,
    wait_in_service_times,
)
from rackcalc.quantities import elementwise as xp

FORGOTTEN = 1e-30  # service times; in arrays, a shorter mean wait counts as 0
KINKS = 40  # service times; beyond them, kinks of the rate within a limit are negligible


def falling_load(function: Callable[[float], float], wanted: float, low: float) -> float:
    """Load above `low` at which a rising function of the load reaches a value."""
    high = 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < wanted else (low, middle)
        if high - low <= 1e-15:
            break
    return high


@lru_cache(maxsize=256)
def quantile_curve(probability: float, servers: float) -> Callable[[Any], Any]:
    """Quantile of the wait, in service times, for arrays of loads.

    Multiplied by 1 - rho, it is smooth between the loads at which it reaches whole numbers of service times.
    """
    if not (0 <= probability < 1 and servers >= 1 and servers == int(servers)):
        return xp.vectorized(partial(wait_in_service_times, probability, servers))
    c, level = int(min(servers, MAX_SERVERS)), 1 - probability

    def above(places: int, rho: float) -> float:
        queue = backlog(c, rho)
        assert queue is not None
        return survival(queue, 0.0)[0] if places == 0 else queue.over(places * c - 1)

    ends = [falling_load(partial(above, 0), level, 0.0)]
    while (queue := backlog(c, ends[-1])) is not None and len(ends) <= len(queue.beyond) // c + 1:
        ends.append(falling_load(partial(above, len(ends)), level, ends[-1]))
    scaled = Curve(lambda rho: (1 - rho) * wait_in_service_times(probability, c, rho), [*ends, 1.0])

    def quantile(rho: Any) -> Any:
        inside = c / servers * xp.divide(scaled(rho), xp.maximum(1 - rho, 0.0))
        return xp.where(rho <= ends[0], 0.0, xp.where(rho < 1, inside, xp.where(rho >= 1, xp.inf, xp.nan)))

    return quantile


@lru_cache(maxsize=256)
def mean_curve(servers: float) -> Callable[[Any], Any]:
    """Mean wait, in service times, for arrays of loads. Without a power of the load, its logarithm is smooth."""
    if not (servers >= 1 and servers == int(servers)):
        return xp.vectorized(partial(mean_in_service_times, servers))
    c = min(servers, MAX_SERVERS)
    least = falling_load(lambda rho: mean_in_service_times(c, rho), FORGOTTEN, 0.0)
    scaled = Curve(lambda rho: math.log((1 - rho) * mean_in_service_times(c, rho)) - c * math.log(rho), [least, 1.0])

    def mean(rho: Any) -> Any:
        inside = c / servers * xp.divide(xp.exp(scaled(rho) + c * xp.log(rho)), xp.maximum(1 - rho, 0.0))
        return xp.where(rho <= least, 0.0, xp.where(rho < 1, inside, xp.where(rho >= 1, xp.inf, xp.nan)))

    return mean


def quantile_of(probability: Any, servers: Any, rho: Any) -> Any:
    """The quantile of the wait in service times, for numbers and arrays."""
    if worth(rho):
        return mapped(quantile_curve, probability, servers, x=rho)
    return xp.vectorized(wait_in_service_times)(probability, servers, rho)


def mean_of(servers: Any, rho: Any) -> Any:
    """The mean wait in service times, for numbers and arrays."""
    if worth(rho):
        return mapped(mean_curve, servers, x=rho)
    return xp.vectorized(mean_in_service_times)(servers, rho)


def load_within(probability: float, servers: float, room: float, precision: float = 1e-10) -> float:
    """Largest load at which the given share of requests waits no longer than `room` service times.

    Found by false position (Illinois rule) on a form of the wait that stays finite up to full load.
    """
    if room == math.inf:
        return 1.0
    low, high, at_low, at_high, side = 0.0, 1.0, 0.5, -0.5, 0
    for _ in range(100):
        rho = (low * at_high - high * at_low) / (at_high - at_low)
        here = room / (room + wait_in_service_times(probability, servers, rho)) - 0.5
        if here >= 0:
            low, at_low, at_high, side = rho, here, at_high / 2 if side > 0 else at_high, 1
        else:
            high, at_high, at_low, side = rho, here, at_low / 2 if side < 0 else at_low, -1
        if abs(here) <= precision:
            return rho
        if high - low <= precision:
            break
    return low


@lru_cache(maxsize=256)
def within_curve(probability: float, servers: float) -> Callable[[Any], Any]:
    """load_within for arrays; smooth between whole service times."""
    ends = [places / (1 + places) for places in range(KINKS)]
    loads = Curve(lambda v: load_within(probability, servers, v / (1 - v), 1e-15), [*ends, 1.0])

    def within(room: Any) -> Any:
        share = xp.where(xp.isfinite(room), xp.divide(room, 1 + room), 1.0)
        return xp.where(room > 0, xp.minimum(loads(xp.maximum(share, 0.0)), 1.0), 0.0)

    return within


def within_of(probability: Any, servers: Any, room: Any) -> Any:
    """load_within for numbers and arrays; 0 where there is no room."""
    if worth(room):
        return mapped(within_curve, probability, servers, x=room)
    return xp.vectorized(lambda p, c, x: load_within(p, c, x) if x > 0 else 0.0)(probability, servers, room)
