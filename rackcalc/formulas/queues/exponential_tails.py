"""Queues whose wait has an exponential tail: decay rates, quantiles of the wait, and of wait plus service."""

import math

from rackcalc.formulas.queues.laplace_inversion import gamma_transform, invert, solve_tail
from rackcalc.formulas.queues.mdc_backlog import decay
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, SECOND, Count, PerSecond, Ratio, RequestsPerSecond, Seconds


def _decay_per_service(servers: float, rho: float) -> float:
    """Exponential rate of the M/D/c wait, per service time."""
    if not 0 < rho < 1:
        return math.inf if rho <= 0 else 0.0
    return servers * math.log(decay(rho))


def _asymptote_factor(rho: float) -> float:
    """Factor of the exponential tail of the M/D/1 wait."""
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
    """Quantile of wait plus service, in units of the mean service time.

    The wait is exponential with probability `delay` and 0 otherwise; the service time has a gamma law.
    """
    if not 0 <= probability < 1:
        return math.inf if probability == 1 else math.nan
    if not math.isfinite(wait) or not delay < 1:
        return math.inf
    gamma = gamma_transform(service, scv)
    when_delayed = wait / delay if delay > 0 else 0.0

    def tail(s: complex) -> complex:
        return (1 - gamma(s) * (1 - delay + delay / (1 + s * when_delayed))) / s

    return solve_tail(lambda t: invert(tail, t) if t > 0 else 1.0, 1 - probability, service + wait)


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

    passage_time: mean time through the empty system. service_time: mean of the stage in it that queues and varies. With
    delay_probability the wait is exponential, otherwise 0, and independent of the service of the request. Exact for
    M/M/c. The example is M/M/1, 5 ln 100.

    >>> round(variable_sojourn_quantile(probability=0.99, passage_time=1.0, service_time=1.0, service_scv=1.0,
    ...                                 delay_probability=0.8, wait_mean=4.0), 3)
    23.026
    """
    inverse = xp.vectorized(_sum_quantile)
    wait = xp.pure(xp.divide(wait_mean, service_time))
    sojourn = inverse(xp.pure(probability), xp.pure(delay_probability), wait, 1.0, xp.pure(service_scv))
    return passage_time - service_time + sojourn * service_time
