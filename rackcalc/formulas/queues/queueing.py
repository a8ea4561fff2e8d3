"""Waiting under load: utilization, mean waits of the standard queues, and the composed latency quantiles.

Requests wait in one line, first come first served. At or above full load every wait is infinite.
"""

from rackcalc.formulas.queues.mdc_waits import mdc_wait_mean, mdc_wait_quantile
from rackcalc.formulas.queues.tails import delayed_wait_quantile, variable_sojourn_quantile
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import REQUEST, Count, Ratio, Requests, RequestsPerSecond, Seconds


@formula(cite="definition: arrival rate over capacity (L. Kleinrock, Queueing Systems I, 1975)")
def utilization(arrival_rate: RequestsPerSecond, service_time: Seconds, servers: Count) -> Ratio:
    """Share of the servers' time that requests take; 1 and more is overload.

    >>> utilization(arrival_rate=400.0, service_time=0.002, servers=1.0)
    0.8
    """
    return xp.divide(arrival_rate * service_time / REQUEST, servers)


@formula(cite="definition: servers over service time")
def service_rate(service_time: Seconds, servers: Count) -> RequestsPerSecond:
    """Most requests that servers working without pause complete; inf for a service time of 0.

    >>> service_rate(service_time=0.002, servers=4.0)
    2000.0
    """
    return xp.divide(servers * REQUEST, service_time)


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
    """Share of requests that have to wait in M/M/c; 1 at or above full load, nan for a broken number of servers.

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


@formula(cite="F. Pollaczek (1930), A. Khinchine (1932); L. Kleinrock, Queueing Systems I (1975), chapter 5")
def mg1_wait_mean(service_time: Seconds, service_scv: Ratio, arrival_rate: RequestsPerSecond) -> Seconds:
    """Mean wait at one server: Poisson arrivals, any service time with this mean and squared variation. Exact.

    >>> round(mg1_wait_mean(service_time=1.0, service_scv=0.0, arrival_rate=0.8), 9)
    2.0
    """
    rho = arrival_rate * service_time / REQUEST
    return xp.divide(rho * (1 + service_scv) / 2 * service_time, xp.maximum(1 - rho, 0 * rho))


@formula(cite="G. P. Cosmetatos, INFOR 13 (1975) 328-331: approximate M/D/c mean wait")
def cosmetatos_wait_mean(
    mmc_wait: Seconds, service_time: Seconds, servers: Count, arrival_rate: RequestsPerSecond
) -> Seconds:
    """Mean wait of M/D/c from that of M/M/c, without an algorithm; within 0.8 % for c up to 8 and rho 0.5 to 0.9.

    >>> round(cosmetatos_wait_mean(mmc_wait=4.0, service_time=1.0, servers=1, arrival_rate=0.8), 9)
    2.0
    """
    rho = xp.divide(arrival_rate * service_time / REQUEST, servers)
    correction = (1 - rho) * (servers - 1) * (xp.sqrt(4 + 5 * servers) - 2)
    return mmc_wait / 2 * (1 + xp.divide(correction, 16 * rho * servers))


@formula(cite="T. Kimura, Management Science 32 (1986) 751-763: M/G/c mean wait from M/M/c and M/D/c")
def mgc_wait_mean(mmc_wait: Seconds, mdc_wait: Seconds, service_scv: Ratio) -> Seconds:
    """Approximate mean wait with variable service times; exact for one server and at service_scv 0 and 1.

    >>> round(mgc_wait_mean(mmc_wait=4.0, mdc_wait=2.0, service_scv=0.5), 9)
    3.0
    """
    ratio = xp.divide(mdc_wait, mmc_wait)
    ratio = xp.where(ratio == ratio, ratio, 0.5)  # nan: both 0 or both inf, where any value will do
    return mdc_wait * (1 + service_scv) / (1 - service_scv + 2 * service_scv * ratio)


@formula(cite="J. F. C. Kingman, Proc. Cambridge Philosophical Society 57 (1961) 902-904")
def kingman_wait_mean(
    service_time: Seconds, service_scv: Ratio, arrival_rate: RequestsPerSecond, arrival_scv: Ratio
) -> Seconds:
    """Mean wait at one server with any arrivals and service times, right as rho approaches 1; not for quantiles.

    arrival_scv: squared coefficient of variation of the gaps (1: Poisson; market-data bursts: 4 and far more).

    >>> round(kingman_wait_mean(service_time=1.0, service_scv=0.0, arrival_rate=0.8, arrival_scv=4.0), 9)
    8.0
    """
    rho = arrival_rate * service_time / REQUEST
    return xp.divide(rho * (arrival_scv + service_scv) / 2 * service_time, xp.maximum(1 - rho, 0 * rho))


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


@formula(cite="A. O. Allen, Probability, Statistics and Queueing Theory (1990): Allen-Cunneen, for quantiles too")
def bursty_wait(wait: Seconds, arrival_scv: Ratio, service_scv: Ratio) -> Seconds:
    """A wait found for Poisson arrivals, scaled to other arrivals; right as the load approaches 1.

    Against simulated bursts (arrival_scv 4, fixed service): p99 10 % too high at rho 0.9, 30 % at 0.7, 85 % at 0.5.

    >>> bursty_wait(wait=2.0, arrival_scv=4.0, service_scv=0.0)
    8.0
    """
    return wait * (arrival_scv + service_scv) / (1 + service_scv)


@formula(cite="H. D. Friedman, Operations Research 13 (1965) 121-131: of fixed stages only the slowest queues")
def sojourn_time(passage_time: Seconds, wait: Seconds) -> Seconds:
    """Time in the system: the fixed passage through all stages plus the wait for the slowest.

    Means, and quantiles too, since the passage is fixed. Exact for Poisson or any other arrivals.

    >>> sojourn_time(passage_time=1.5, wait=0.5)
    2.0
    """
    return passage_time + wait


@formula(cite="J. D. C. Little, Operations Research 9 (1961) 383-387: L = lambda W")
def in_system(arrival_rate: RequestsPerSecond, time: Seconds) -> Requests:
    """Mean number of requests in the system (time: sojourn) or in the line (time: wait).

    >>> in_system(arrival_rate=200.0, time=0.01)
    2.0
    """
    return arrival_rate * time


@record
class Load:
    """What the arrival rate does to latency. Quantiles are of single requests: p99 is not a sum of p99s."""

    utilization: Quantity  # 1
    capacity: Quantity  # request/s
    wait: Quantity  # s, mean
    wait_p50: Quantity
    wait_p90: Quantity
    wait_p99: Quantity
    wait_p999: Quantity
    mean: Quantity  # s, wait and passage
    p50: Quantity
    p90: Quantity
    p99: Quantity
    p999: Quantity
    in_system: Quantity  # request


LEVELS = {
    name: constant(value, "1", name, "given", note="the quantile's definition")
    for name, value in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999))
}
_FIXED = constant(0.0, "1", "service_scv", "given", note="fixed service time: no variation")


def load(
    service_time: Quantity,
    servers: Quantity,
    arrival_rate: Quantity,
    passage_time: Quantity,
    arrival_scv: Quantity | None = None,
    service_scv: Quantity | None = None,
) -> Load:
    """Latency under load of servers alike, behind one line.

    service_time [s]: time one request occupies a server; of a pipeline, its slowest stage (servers [1]: pipelines).
    passage_time [s]: time of one request through the empty system. arrival_rate [request/s].
    arrival_scv None: Poisson; a value: bursts, scaled as in heavy traffic (high at light load, see bursty_wait).
    service_scv None: every request takes the same time, waits exact (M/D/c); a value: Kimura's mean, exponential tail.
    """
    queue = {"service_time": service_time, "servers": servers, "arrival_rate": arrival_rate}
    mean = mdc_wait_mean(**queue)
    if service_scv is not None:
        mean = mgc_wait_mean(mmc_wait=mmc_wait_mean(**queue), mdc_wait=mean, service_scv=service_scv)
    variation = _FIXED if service_scv is None else service_scv
    if arrival_scv is not None:
        mean = bursty_wait(wait=mean, arrival_scv=arrival_scv, service_scv=variation)
    waits, sojourns = {}, {}
    for name, level in LEVELS.items():
        if service_scv is None:
            wait = mdc_wait_quantile(probability=level, **queue)
            if arrival_scv is not None:
                wait = bursty_wait(wait=wait, arrival_scv=arrival_scv, service_scv=variation)
            sojourns[name] = sojourn_time(passage_time=passage_time, wait=wait)
        else:
            delay = {"probability": level, "delay_probability": erlang_c(**queue), "wait_mean": mean}
            wait = delayed_wait_quantile(**delay)
            service = {"passage_time": passage_time, "service_time": service_time, "service_scv": service_scv}
            sojourns[name] = variable_sojourn_quantile(**service, **delay)
        waits[name] = wait
    return loaded(queue, passage_time, mean, waits, sojourns)


def loaded(
    queue: dict[str, Quantity],
    passage_time: Quantity,
    wait: Quantity,
    waits: dict[str, Quantity],
    sojourns: dict[str, Quantity],
) -> Load:
    """Load from its parts. queue: service_time, servers, arrival_rate; waits and sojourns [s] by name in LEVELS."""
    mean = sojourn_time(passage_time=passage_time, wait=wait)
    return Load(
        utilization=utilization(**queue),
        capacity=service_rate(service_time=queue["service_time"], servers=queue["servers"]),
        wait=wait,
        mean=mean,
        in_system=in_system(arrival_rate=queue["arrival_rate"], time=mean),
        **{f"wait_{name}": value for name, value in waits.items()},
        **sojourns,
    )
