"""Latency under load: utilization, wait and time in the system, as means and quantiles.

Requests wait in one queue and are served in the order of arrival. At or above full load every wait is infinite.
"""

from rackcalc.formulas.queues.approximate_waits import bursty_wait, mgc_wait_mean
from rackcalc.formulas.queues.exponential_tails import delayed_wait_quantile, variable_sojourn_quantile
from rackcalc.formulas.queues.mdc_waits import mdc_wait_mean, mdc_wait_quantile
from rackcalc.formulas.queues.mmc_waits import erlang_c, mmc_wait_mean
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
    """Most requests that servers working without pause complete; unbounded for a service time of 0.

    >>> service_rate(service_time=0.002, servers=4.0)
    2000.0
    """
    return xp.divide(servers * REQUEST, service_time)


@formula(cite="H. D. Friedman, Operations Research 13 (1965) 121-131: of fixed stages only the slowest queues")
def sojourn_time(passage_time: Seconds, wait: Seconds) -> Seconds:
    """Time in the system: the fixed passage through all stages plus the wait for the slowest.

    This holds for means and for quantiles, because the passage is fixed. It is exact for any arrivals.

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
    wait_p95: Quantity
    wait_p99: Quantity
    wait_p999: Quantity
    mean: Quantity  # s, wait and passage
    p50: Quantity
    p90: Quantity
    p95: Quantity
    p99: Quantity
    p999: Quantity
    in_system: Quantity  # request


LEVELS = {
    name: constant(value, "1", name, "given", note="the quantile's definition")
    for name, value in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999))
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
    """Latency under load of identical servers with one queue.

    service_time [s]: time one request occupies a server; of a pipeline, its slowest stage (servers [1]: pipelines).
    passage_time [s]: time of one request through the empty system. arrival_rate [request/s].
    arrival_scv: None for Poisson arrivals; a value scales the waits as in heavy traffic (too high at light load, see
    bursty_wait). service_scv: None if every request takes the same time, with exact waits (M/D/c); a value uses the
    mean of Kimura and an exponential tail.
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
    """A Load from its parts. queue: service_time, servers, arrival_rate. waits, sojourns [s]: by names in LEVELS."""
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
