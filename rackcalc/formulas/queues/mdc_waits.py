"""Exact waits in an M/D/c queue: Poisson arrivals, identical servers, the same service time for each request.

mdc_backlog.py has the algorithms.
"""

from rackcalc.formulas.queues.mdc_backlog import wait_tail
from rackcalc.formulas.queues.mdc_curves import mean_of, quantile_of, within_of
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, SECOND, Count, Ratio, RequestsPerSecond, Seconds


@formula(cite="G. J. Franx, Operations Research Letters 29 (2001) 221-229: P(W <= x) of M/D/c")
def mdc_wait_tail(time: Seconds, service_time: Seconds, servers: Count, arrival_rate: RequestsPerSecond) -> Ratio:
    """Share of requests that wait longer than `time`: Poisson arrivals, fixed service time, servers alike.

    1 at or above full load; nan for a fractional number of servers. More than 1000 servers are replaced by 1000 faster
    ones, in front of which requests wait longer; the result is then an upper bound.

    >>> round(1 - mdc_wait_tail(time=2.5, service_time=1.0, servers=1, arrival_rate=0.8), 6)
    0.704852
    """
    rho = xp.pure(xp.divide(arrival_rate * service_time / REQUEST, servers))
    tail = xp.vectorized(wait_tail)
    return tail(xp.pure(xp.divide(time, service_time)), xp.pure(servers), rho)


@formula(cite="G. J. Franx, Operations Research Letters 29 (2001) 221-229: P(W <= x) of M/D/c, solved for x")
def mdc_wait_quantile(
    probability: Ratio, service_time: Seconds, servers: Count, arrival_rate: RequestsPerSecond
) -> Seconds:
    """Wait that the given share of requests stays within: Poisson arrivals, fixed service time, servers alike.

    Exact; inf at or above full load; nan for a fractional number of servers. More than 1000 servers are replaced by
    1000 faster ones, in front of which requests wait longer; the result is then an upper bound.

    >>> round(mdc_wait_quantile(probability=0.99, service_time=1.0, servers=1, arrival_rate=0.9), 4)
    21.8982
    """
    rho = xp.pure(xp.divide(arrival_rate * service_time / REQUEST, servers))
    return quantile_of(xp.pure(probability), xp.pure(servers), rho) * service_time


@formula(cite="G. J. Franx, Operations Research Letters 29 (2001) 221-229, with Little's law")
def mdc_wait_mean(service_time: Seconds, servers: Count, arrival_rate: RequestsPerSecond) -> Seconds:
    """Mean wait: Poisson arrivals, fixed service time, servers alike. Exact; unbounded at or above full load.

    >>> round(mdc_wait_mean(service_time=1.0, servers=2, arrival_rate=1.6), 6)
    0.903284
    """
    rho = xp.pure(xp.divide(arrival_rate * service_time / REQUEST, servers))
    return mean_of(xp.pure(servers), rho) * service_time


@formula(cite="G. J. Franx, Operations Research Letters 29 (2001) 221-229: M/D/c sojourn quantile, solved for the rate")
def rate_within_limit(
    limit: Seconds, service_time: Seconds, servers: Count, passage_time: Seconds, probability: Ratio
) -> RequestsPerSecond:
    """Largest arrival rate at which the given share of requests stays within the limit; 0 when none does.

    >>> round(rate_within_limit(limit=11.3559, service_time=1.0, servers=1.0, passage_time=1.0, probability=0.99), 4)
    0.8
    """
    room = xp.pure(xp.divide(limit - passage_time, service_time))
    works = xp.logical_and(xp.isfinite(xp.pure(service_time / SECOND)), room > 0)
    load = within_of(xp.pure(probability), xp.pure(servers), xp.where(works, room, 0.0))
    return xp.where(works, load * servers * REQUEST / service_time, 0.0 * REQUEST / SECOND)
