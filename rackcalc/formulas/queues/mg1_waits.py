"""Waits in an M/G/1 queue: Poisson arrivals, one server, variable service times.

The mixed service time is fixed + variable + extra: a fixed part; a gamma part of given mean and squared coefficient of
variation (1: exponential); and, with probability extra_share, an extra part (a long prompt, a retry).
"""

import cmath
import math
from typing import Any

from rackcalc.formulas.queues.laplace_inversion import Transform, gamma_transform, invert, solve_tail
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, SECOND, Ratio, Requests, RequestsPerSecond, Seconds


def _service(fixed: float, variable: float, scv: float, extra: float, share: float) -> tuple[Transform, float]:
    """Laplace transform and mean of the mixed service time (see the docstring of the module)."""
    gamma = gamma_transform(variable, scv)

    def transform(s: complex) -> complex:
        return cmath.exp(-s * fixed) * gamma(s) * (1 - share + share * cmath.exp(-s * extra))

    return transform, fixed + variable + share * extra


def _mg1_tail(t: float, rate: float, *service: float, sojourn: bool) -> float:
    """P(wait > t) or P(wait + service > t)."""
    transform, mean = _service(*service)
    rho = rate * mean
    if t < 0 or rho >= 1:
        return 1.0
    if t == 0:
        return 1.0 if sojourn else rho

    def tail(s: complex) -> complex:
        b = transform(s)
        wait = (1 - rho) * s / (s - rate + rate * b)
        return (1 - wait * (b if sojourn else 1)) / s

    return invert(tail, t)


def _mg1_quantile(probability: float, rate: float, *service: float, sojourn: bool) -> float:
    """Quantile of the wait, or of wait plus service."""
    mean = _service(*service)[1]
    rho = rate * mean
    if not 0 <= probability < 1:
        return math.inf if probability == 1 else math.nan
    if rho >= 1:
        return math.inf
    if mean == 0 or (not sojourn and rho <= 1 - probability):
        return 0.0
    return solve_tail(lambda t: _mg1_tail(t, rate, *service, sojourn=sojourn), 1 - probability, mean / (1 - rho))


def _wait_tail(*args: float) -> float:
    return _mg1_tail(*args, sojourn=False)


def _wait_quantile(*args: float) -> float:
    return _mg1_quantile(*args, sojourn=False)


def _sojourn_quantile(*args: float) -> float:
    return _mg1_quantile(*args, sojourn=True)


def _plain(rate: Any, fixed: Any, variable: Any, scv: Any, extra: Any, share: Any) -> tuple[Any, ...]:
    """The inputs as bare numbers in requests and seconds, in the order in which the algorithms take them."""
    seconds = (xp.pure(fixed / SECOND), xp.pure(variable / SECOND), xp.pure(scv), xp.pure(extra / SECOND))
    return (xp.pure(rate * SECOND / REQUEST), *seconds, xp.pure(share))


@formula(cite="definition: mean of a fixed time, a gamma time and an extra piece that comes with some probability")
def mixed_service_mean(fixed: Seconds, variable: Seconds, extra: Seconds, extra_share: Ratio) -> Seconds:
    """Mean of the mixed service time (see the module's docstring).

    >>> round(mixed_service_mean(fixed=0.5, variable=0.25, extra=1.0, extra_share=0.1), 12)
    0.85
    """
    return fixed + variable + extra_share * extra


@formula(cite="definition: variances of independent parts add")
def mixed_service_scv(
    fixed: Seconds, variable: Seconds, variable_scv: Ratio, extra: Seconds, extra_share: Ratio
) -> Ratio:
    """Squared coefficient of variation of the mixed service time (see the module's docstring).

    >>> mixed_service_scv(fixed=0.5, variable=0.5, variable_scv=1.0, extra=0.0, extra_share=0.0)
    0.25
    """
    variance = variable_scv * variable * variable + extra_share * (1 - extra_share) * extra * extra
    mean = fixed + variable + extra_share * extra
    return xp.divide(variance, mean * mean)


@formula(cite="Pollaczek-Khinchine transform, inverted by J. Abate, W. Whitt, Queueing Systems 10 (1992) 5-88 (Euler)")
def mg1_wait_tail(
    time: Seconds,
    arrival_rate: RequestsPerSecond,
    fixed: Seconds,
    variable: Seconds,
    variable_scv: Ratio,
    extra: Seconds,
    extra_share: Ratio,
) -> Ratio:
    """Share of requests that wait longer than `time` at one server with Poisson arrivals; 1 at or above full load.

    Error about 1e-8; up to 1e-3 at a kink (time close to a wholly fixed service time: use mdc_wait_tail there).
    The example is M/M/1, 0.8 exp(-0.2 t).

    >>> round(mg1_wait_tail(time=5.0, arrival_rate=0.8, fixed=0.0, variable=1.0, variable_scv=1.0, extra=0.0,
    ...                     extra_share=0.0), 6)
    0.294304
    """
    plain = _plain(arrival_rate, fixed, variable, variable_scv, extra, extra_share)
    return xp.vectorized(_wait_tail)(xp.pure(time / SECOND), *plain)


@formula(cite="Pollaczek-Khinchine transform, inverted by J. Abate, W. Whitt, Queueing Systems 10 (1992) 5-88 (Euler)")
def mg1_wait_quantile(
    probability: Ratio,
    arrival_rate: RequestsPerSecond,
    fixed: Seconds,
    variable: Seconds,
    variable_scv: Ratio,
    extra: Seconds,
    extra_share: Ratio,
) -> Seconds:
    """Wait that the given share of requests stays within, at one server with Poisson arrivals (see mg1_wait_tail).

    The example is M/M/1, 5 ln 80.

    >>> round(mg1_wait_quantile(probability=0.99, arrival_rate=0.8, fixed=0.0, variable=1.0, variable_scv=1.0,
    ...                         extra=0.0, extra_share=0.0), 4)
    21.9101
    """
    plain = _plain(arrival_rate, fixed, variable, variable_scv, extra, extra_share)
    return xp.vectorized(_wait_quantile)(xp.pure(probability), *plain) * SECOND


@formula(cite="Pollaczek-Khinchine transform, inverted by J. Abate, W. Whitt, Queueing Systems 10 (1992) 5-88 (Euler)")
def mg1_sojourn_quantile(
    probability: Ratio,
    arrival_rate: RequestsPerSecond,
    fixed: Seconds,
    variable: Seconds,
    variable_scv: Ratio,
    extra: Seconds,
    extra_share: Ratio,
) -> Seconds:
    """Wait plus own service that the given share of requests stays within (see mg1_wait_tail).

    Not the sum of the quantiles of its two parts. The example is M/M/1, 5 ln 100.

    >>> round(mg1_sojourn_quantile(probability=0.99, arrival_rate=0.8, fixed=0.0, variable=1.0, variable_scv=1.0,
    ...                            extra=0.0, extra_share=0.0), 3)
    23.026
    """
    plain = _plain(arrival_rate, fixed, variable, variable_scv, extra, extra_share)
    return xp.vectorized(_sojourn_quantile)(xp.pure(probability), *plain) * SECOND


@formula(cite="F. Pollaczek (1930), A. Khinchine (1932); L. Kleinrock, Queueing Systems I (1975), chapter 5")
def mg1_wait_mean(service_time: Seconds, service_scv: Ratio, arrival_rate: RequestsPerSecond) -> Seconds:
    """Mean wait at one server: Poisson arrivals, any service time with this mean and squared variation. Exact.

    >>> round(mg1_wait_mean(service_time=1.0, service_scv=0.0, arrival_rate=0.8), 9)
    2.0
    """
    rho = arrival_rate * service_time / REQUEST
    return xp.divide(rho * (1 + service_scv) / 2 * service_time, xp.maximum(1 - rho, 0 * rho))


@formula(cite="D. Gross, C. M. Harris, Fundamentals of Queueing Theory (1998), bulk input M[X]/G/1, fixed service time")
def burst_wait_mean(
    service_time: Seconds, arrival_rate: RequestsPerSecond, burst_mean: Requests, burst_scv: Ratio
) -> Seconds:
    """Mean wait at one server when requests come in bursts (bursts Poisson, sizes with this mean and variation). Exact.

    >>> round(burst_wait_mean(service_time=1.0, arrival_rate=0.8, burst_mean=1.0, burst_scv=0.0), 9)
    2.0
    """
    rho = arrival_rate * service_time / REQUEST
    companions = burst_mean / REQUEST * (1 + burst_scv) - 1  # others in the burst of an average request
    return xp.divide((rho + companions) / 2 * service_time, xp.maximum(1 - rho, 0 * rho))
