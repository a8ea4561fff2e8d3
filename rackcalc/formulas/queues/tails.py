"""Tails of queues with variable service times: M/G/1 by transform inversion, exponential tails, waits plus service.

The M/G/1 service time is fixed + variable + extra: a fixed part; a gamma part of given mean and squared coefficient of
variation (1: exponential); and with probability extra_share an extra piece (a long prompt, a retry).
"""

import cmath
import math
from collections.abc import Callable
from typing import Any

from rackcalc.formulas.queues.mdc import decay
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, SECOND, Count, PerSecond, Ratio, RequestsPerSecond, Seconds

_DAMPING = 18.4  # Abate and Whitt's A: discretisation error about exp(-A)
_TERMS, _AVERAGED = 15, 11  # their n and m
_WEIGHTS = [math.comb(_AVERAGED, k) / 2**_AVERAGED for k in range(_AVERAGED + 1)]

Transform = Callable[[complex], complex]


def _invert(transform: Transform, t: float) -> float:
    """f(t) from its Laplace transform by Abate and Whitt's Euler algorithm; 1e-8 where f is smooth."""
    partial = transform(complex(_DAMPING / (2 * t), 0)).real / 2
    value = 0.0
    for k in range(1, _TERMS + _AVERAGED + 1):
        term = transform(complex(_DAMPING, 2 * k * math.pi) / (2 * t)).real
        partial += -term if k % 2 else term
        if k >= _TERMS:
            value += _WEIGHTS[k - _TERMS] * partial
    return min(max(math.exp(_DAMPING / 2) / t * value, 0.0), 1.0)


def _gamma(mean: float, scv: float) -> Transform:
    """Transform of a gamma law: fixed at scv 0, exponential at scv 1."""
    if mean * scv < 1e-300:
        return lambda s: cmath.exp(-s * mean)
    return lambda s: (1 + s * mean * scv) ** (-1 / scv)


def _service(fixed: float, variable: float, scv: float, extra: float, share: float) -> tuple[Transform, float]:
    """Transform and mean of the service time of the module's docstring."""
    gamma = _gamma(variable, scv)

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

    return _invert(tail, t)


def _solve(tail: Callable[[float], float], level: float, scale: float) -> float:
    """t where the falling tail(t) = level; scale: a first guess of its size."""
    low, high = 0.0, scale
    while tail(high) > level:
        low, high = high, 2 * high
        if high > 1e12 * scale:
            return math.inf
    upper, lower = math.log(max(tail(low), 1e-300) / level), math.log(max(tail(high), 1e-300) / level)
    side = 0
    for _ in range(100):  # regula falsi on the logarithm, Illinois variant
        t = low + (high - low) * upper / (upper - lower) if upper > lower else low
        value = math.log(max(tail(t), 1e-300) / level)
        if abs(value) < 1e-11 or high - low < 1e-12 * high:
            return t
        if value > 0:
            low, upper, lower, side = t, value, lower / 2 if side > 0 else lower, 1
        else:
            high, lower, upper, side = t, value, upper / 2 if side < 0 else upper, -1
    return t


def _mg1_quantile(probability: float, rate: float, *service: float, sojourn: bool) -> float:
    mean = _service(*service)[1]
    rho = rate * mean
    if not 0 <= probability < 1:
        return math.inf if probability == 1 else math.nan
    if rho >= 1:
        return math.inf
    if mean == 0 or (not sojourn and rho <= 1 - probability):
        return 0.0
    return _solve(lambda t: _mg1_tail(t, rate, *service, sojourn=sojourn), 1 - probability, mean / (1 - rho))


def _wait_tail(*args: float) -> float:
    return _mg1_tail(*args, sojourn=False)


def _wait_quantile(*args: float) -> float:
    return _mg1_quantile(*args, sojourn=False)


def _sojourn_quantile(*args: float) -> float:
    return _mg1_quantile(*args, sojourn=True)


def _plain(rate: Any, fixed: Any, variable: Any, scv: Any, extra: Any, share: Any) -> tuple[Any, ...]:
    """The inputs as bare numbers in requests and seconds, in the order the algorithms take them."""
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


def _decay_per_service(servers: float, rho: float) -> float:
    """Exponential rate of the M/D/c wait, per service time."""
    if not 0 < rho < 1:
        return math.inf if rho <= 0 else 0.0
    return servers * math.log(decay(rho))


def _asymptote_factor(rho: float) -> float:
    if not 0 < rho < 1:
        return 0.0 if rho <= 0 else 1.0
    return (1 - rho) / (rho * decay(rho) - 1)


@formula(cite="H. C. Tijms, A First Course in Stochastic Models (2003), chapter 9: tail of M/D/c")
def mdc_decay_rate(service_time: Seconds, servers: Count, arrival_rate: RequestsPerSecond) -> PerSecond:
    """Rate at which P(wait > t) falls for large t: Poisson arrivals, fixed service time. 0 at or above full load.

    >>> round(mdc_decay_rate(service_time=1.0, servers=1, arrival_rate=0.8), 5)
    0.43084
    """
    rho = xp.pure(arrival_rate * service_time / REQUEST / servers)
    return xp.divide(xp.vectorized(_decay_per_service)(xp.pure(servers), rho), service_time)


@formula(cite="J. Abate, G. L. Choudhury, W. Whitt, Operations Research 43 (1995) 885-901: alpha of M/D/1")
def md1_tail_factor(service_time: Seconds, arrival_rate: RequestsPerSecond) -> Ratio:
    """alpha in P(wait > t) ~ alpha exp(-eta t) for large t: one server, Poisson arrivals, fixed service time.

    >>> round(md1_tail_factor(service_time=1.0, arrival_rate=0.8), 5)
    0.86639
    """
    return xp.vectorized(_asymptote_factor)(xp.pure(arrival_rate * service_time / REQUEST))


@formula(cite="definition: quantile of an exponential tail alpha exp(-eta t)")
def exponential_tail_quantile(probability: Ratio, factor: Ratio, decay_rate: PerSecond) -> Seconds:
    """Wait that the given share of requests stays within when P(wait > t) = factor exp(-decay_rate t).

    >>> round(exponential_tail_quantile(probability=0.99, factor=0.86639, decay_rate=0.43084), 3)
    10.356
    """
    return xp.maximum(xp.divide(xp.log(xp.pure(xp.divide(factor, 1 - probability))), decay_rate), 0 * SECOND)


@formula(cite="W. Whitt, Production and Operations Management 2 (1993) 114-161: wait given delay taken as exponential")
def delayed_wait_quantile(probability: Ratio, delay_probability: Ratio, wait_mean: Seconds) -> Seconds:
    """Wait that the given share of requests stays within, from the mean wait and the chance to wait at all.

    Exact for M/M/c; for fixed service times up to 6 % too long at p99 (rho 0.8).

    >>> round(delayed_wait_quantile(probability=0.99, delay_probability=0.8, wait_mean=4.0), 4)
    21.9101
    """
    logarithm = xp.log(xp.pure(xp.divide(delay_probability, 1 - probability)))
    waits = xp.pure(delay_probability) > xp.pure(1 - probability)
    return xp.where(waits, xp.divide(logarithm, xp.divide(delay_probability, wait_mean)), 0 * SECOND)


def _sum_quantile(probability: float, delay: float, wait: float, service: float, scv: float) -> float:
    """Quantile of (0, or with chance `delay` exponential) + gamma, in units of the mean service time."""
    if not 0 <= probability < 1:
        return math.inf if probability == 1 else math.nan
    if not math.isfinite(wait) or not delay < 1:
        return math.inf
    gamma = _gamma(service, scv)
    when_delayed = wait / delay if delay > 0 else 0.0

    def tail(s: complex) -> complex:
        return (1 - gamma(s) * (1 - delay + delay / (1 + s * when_delayed))) / s

    return _solve(lambda t: _invert(tail, t) if t > 0 else 1.0, 1 - probability, service + wait)


@formula(cite="W. Whitt, Production and Operations Management 2 (1993) 114-161, plus a gamma service time")
def variable_sojourn_quantile(
    probability: Ratio,
    passage_time: Seconds,
    service_time: Seconds,
    service_scv: Ratio,
    delay_probability: Ratio,
    wait_mean: Seconds,
) -> Seconds:
    """Wait plus passage that the given share of requests stays within, when service times vary.

    passage_time: mean time through the empty system, of which service_time (mean) is the stage that queues and varies.
    Wait: 0, or with delay_probability exponential, independent of the request's own service. Exact for M/M/c.
    The example is M/M/1, 5 ln 100.

    >>> round(variable_sojourn_quantile(probability=0.99, passage_time=1.0, service_time=1.0, service_scv=1.0,
    ...                                 delay_probability=0.8, wait_mean=4.0), 3)
    23.026
    """
    inverse = xp.vectorized(_sum_quantile)
    wait = xp.pure(xp.divide(wait_mean, service_time))
    sojourn = inverse(xp.pure(probability), xp.pure(delay_probability), wait, 1.0, xp.pure(service_scv))
    return passage_time - service_time + sojourn * service_time
