"""Waits in an M/M/c queue: Poisson arrivals, exponential service times, several servers."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import REQUEST, Count, Ratio, RequestsPerSecond, Seconds


def _erlang_c(offered: float, servers: float) -> float:
    """Erlang C by the recursion of Erlang B; no factorials, so no overflow."""
    if not (servers >= 1 and servers == int(servers) and offered >= 0):
        return xp.nan
    if offered >= servers:
        return 1.0
    blocked = 1.0
    for k in range(1, int(servers) + 1):
        blocked = offered * blocked / (k + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


@formula(cite="A. K. Erlang (1917); recursion in R. B. Cooper, Introduction to Queueing Theory, 2nd ed. (1981), 3.4")
def erlang_c(arrival_rate: RequestsPerSecond, service_time: Seconds, servers: Count) -> Ratio:
    """Share of requests that have to wait in M/M/c; 1 at or above full load, no number for a broken number of servers.

    >>> round(erlang_c(arrival_rate=8.0, service_time=1.0, servers=10), 6)
    0.40918
    """
    return xp.vectorized(_erlang_c)(xp.pure(arrival_rate * service_time / REQUEST), xp.pure(servers))


@formula(cite="L. Kleinrock, Queueing Systems I (1975), 3.5: M/M/c")
def mmc_wait_mean(service_time: Seconds, servers: Count, arrival_rate: RequestsPerSecond) -> Seconds:
    """Mean wait: Poisson arrivals, exponential service times.

    >>> round(mmc_wait_mean(service_time=1.0, servers=1, arrival_rate=0.8), 9)
    4.0
    """
    offered = arrival_rate * service_time / REQUEST
    chance = xp.vectorized(_erlang_c)(xp.pure(offered), xp.pure(servers))
    return xp.divide(chance * service_time, xp.maximum(servers - offered, 0 * servers))


@formula(cite="L. Kleinrock, Queueing Systems I (1975), 3.5: P(W > t) = C exp(-(c mu - lambda) t) in M/M/c")
def mmc_wait_quantile(
    probability: Ratio, service_time: Seconds, servers: Count, arrival_rate: RequestsPerSecond
) -> Seconds:
    """Wait that the given share of requests stays within: Poisson arrivals, exponential service times.

    >>> round(mmc_wait_quantile(probability=0.99, service_time=1.0, servers=1, arrival_rate=0.8), 4)
    21.9101
    """
    offered = arrival_rate * service_time / REQUEST
    chance = xp.vectorized(_erlang_c)(xp.pure(offered), xp.pure(servers))
    logarithm = xp.maximum(xp.log(xp.divide(chance, 1 - xp.pure(probability))), 0.0)
    room = xp.maximum(servers - offered, 0 * servers)
    return xp.where(room > 0, xp.divide(logarithm * service_time, room), xp.inf * service_time)
