"""Waits of M/D/c for arrays of loads, by curves that agree with the algorithms within 1e-12."""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from rackcalc.formulas.queues.curves import Curve, each_key, mapped, worth, worth_surface
from rackcalc.formulas.queues.mdc_backlog import MAX_SERVERS, mean_in_service_times, wait_in_service_times
from rackcalc.quantities import elementwise as xp

FORGOTTEN = 1e-30  # service times; in arrays, a shorter mean wait counts as 0
KINKS = 40  # service times; beyond them, kinks of the rate within a limit are negligible


def _least_load(c: int) -> float:
    """The load at which Chernoff's bound of P(c arrivals in a service time) is FORGOTTEN: rho - 1 - ln rho = bound / c.

    W. Hoeffding, Journal of the American Statistical Association 58 (1963) 13-30.
    """
    wanted = -math.log(FORGOTTEN) / c
    room = min(wanted + 1, math.sqrt(2 * wanted))  # -ln rho
    for _ in range(100):
        step = (math.expm1(-room) + room - wanted) / -math.expm1(-room)
        room -= step
        if abs(step) <= 1e-15 * room:
            break
    return math.exp(-room)


def _scaled_quantile(probability: float, c: int, rho: Any) -> Any:
    from rackcalc.formulas.queues.mdc_lanes import quantiles

    return (1 - rho) * quantiles(probability, c, rho)


def _scaled_mean(c: int, rho: Any) -> Any:
    from rackcalc.formulas.queues.mdc_lanes import means

    return xp.log((1 - rho) * means(c, rho)) - c * xp.log(rho)


@lru_cache(maxsize=64)
def _quantile_surface(probability: float, low: int, high: int) -> Any:
    from rackcalc.formulas.queues.mdc_lanes import load_with_waits
    from rackcalc.formulas.queues.surfaces import Surface

    return Surface(partial(_scaled_quantile, probability), partial(load_with_waits, 1 - probability), low, high)


@lru_cache(maxsize=64)
def _mean_surface(low: int, high: int) -> Any:
    from rackcalc.formulas.queues.surfaces import Surface

    return Surface(_scaled_mean, _least_load, low, high)


@lru_cache(maxsize=4096)
def _quantile_curve(probability: float, c: int, surface: bool) -> Curve:
    from rackcalc.formulas.queues.mdc_lanes import kinks
    from rackcalc.formulas.queues.surfaces import band_of

    band = band_of(c) if surface else None
    if band is not None:
        curve: Curve = _quantile_surface(probability, *band).curve(c)
        return curve
    return Curve(partial(_scaled_quantile, probability, c), [*kinks(1 - probability, c), 1.0])


@lru_cache(maxsize=4096)
def _mean_curve(c: int, surface: bool) -> Curve:
    from rackcalc.formulas.queues.surfaces import band_of

    band = band_of(c) if surface else None
    if band is not None:
        curve: Curve = _mean_surface(*band).curve(c)
        return curve
    return Curve(partial(_scaled_mean, c), [_least_load(c), 1.0])


def quantile_curve(probability: float, servers: float) -> Callable[[Any], Any]:
    """Quantile of the wait, in service times, for arrays of loads.

    Multiplied by 1 - rho, it is smooth between the loads at which it reaches whole numbers of service times.
    """
    from rackcalc.formulas.queues.mdc_lanes import load_with_waits, quantiles

    if not (0 <= probability < 1 and servers >= 1 and servers == int(servers)):
        return lambda rho: quantiles(probability, servers, rho.ravel()).reshape(rho.shape)
    c, surface = int(min(servers, MAX_SERVERS)), worth_surface()
    fewer = 1 << (c.bit_length() - 1)  # more servers make fewer requests wait

    def quantile(rho: Any) -> Any:
        none = load_with_waits(1 - probability, fewer)
        if not xp.some((rho > none) & (rho < 1)):
            return xp.where(rho <= none, 0.0, xp.where(rho >= 1, xp.inf, xp.nan))
        scaled = _quantile_curve(probability, c, surface)
        inside = c / servers * xp.divide(scaled(rho), xp.maximum(1 - rho, 0.0))
        if xp.every((rho > scaled.first) & (rho < 1)):
            return inside
        return xp.where(rho <= scaled.first, 0.0, xp.where(rho < 1, inside, xp.where(rho >= 1, xp.inf, xp.nan)))

    return quantile


def mean_curve(servers: float) -> Callable[[Any], Any]:
    """Mean wait, in service times, for arrays of loads. Without a power of the load, its logarithm is smooth."""
    from rackcalc.formulas.queues.mdc_lanes import means

    if not (servers >= 1 and servers == int(servers)):
        return lambda rho: means(servers, rho.ravel()).reshape(rho.shape)
    c, surface = int(min(servers, MAX_SERVERS)), worth_surface()
    least = _least_load(c)

    def mean(rho: Any) -> Any:
        if not xp.some((rho > least) & (rho < 1)):
            return xp.where(rho <= least, 0.0, xp.where(rho >= 1, xp.inf, xp.nan))
        scaled = _mean_curve(c, surface)
        inside = c / servers * xp.divide(xp.exp(scaled(rho) + c * xp.log(rho)), xp.maximum(1 - rho, 0.0))
        if xp.every((rho > least) & (rho < 1)):
            return inside
        return xp.where(rho <= least, 0.0, xp.where(rho < 1, inside, xp.where(rho >= 1, xp.inf, xp.nan)))

    return mean


def _number(*values: Any) -> bool:
    return all(isinstance(value, (float, int)) for value in values)


def quantile_of(probability: Any, servers: Any, rho: Any) -> Any:
    """The quantile of the wait in service times, for numbers and arrays."""
    if _number(probability, servers, rho):
        return wait_in_service_times(probability, servers, rho)
    if worth(rho):
        return mapped(quantile_curve, probability, servers, x=rho)
    from rackcalc.formulas.queues.mdc_lanes import quantiles

    return each_key(quantiles, probability, servers, x=rho)


def mean_of(servers: Any, rho: Any) -> Any:
    """The mean wait in service times, for numbers and arrays."""
    if _number(servers, rho):
        return mean_in_service_times(servers, rho)
    if worth(rho):
        return mapped(mean_curve, servers, x=rho)
    from rackcalc.formulas.queues.mdc_lanes import means

    return each_key(means, servers, x=rho)


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


@lru_cache(maxsize=1024)
def within_curve(probability: float, servers: float) -> Callable[[Any], Any]:
    """load_within for arrays; smooth between whole service times."""
    from rackcalc.formulas.queues.mdc_lanes import load_with_tail

    if not (0 <= probability < 1 and servers >= 1 and servers == int(servers)):
        return xp.vectorized(lambda room: load_within(probability, servers, room) if room > 0 else 0.0)
    c, level = int(min(servers, MAX_SERVERS)), 1 - probability
    ends = [places / (1 + places) for places in range(KINKS)]
    loads = Curve(lambda v: load_with_tail(level, c, v / (1 - v)), [*ends, 1.0])

    def within(room: Any) -> Any:
        room = room * (servers / c)
        share = xp.where(xp.isfinite(room), xp.divide(room, 1 + room), 1.0)
        return xp.where(room > 0, xp.minimum(loads(xp.maximum(share, 0.0)), 1.0), 0.0)

    return within


def within_of(probability: Any, servers: Any, room: Any) -> Any:
    """load_within for numbers and arrays; 0 where there is no room."""
    if worth(room):
        return mapped(within_curve, probability, servers, x=room)
    return xp.vectorized(lambda p, c, x: load_within(p, c, x) if x > 0 else 0.0)(probability, servers, room)
