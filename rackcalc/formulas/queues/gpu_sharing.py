"""GPUs that also do other work, such as training: its effect on waits, power and income.

An arriving request may find the server inside a slice of other work. Its wait is then the M/D/c wait plus an
independent part of the slice (decomposition). This is exact for one server. For several servers it is an estimate, as
if one slice blocked the whole queue: in simulations of 2 to 8 servers the result was up to 2.7 times the simulated mean
and at most 6 % below it.
"""

import math
from typing import Any

from rackcalc.formulas.combine import total
from rackcalc.formulas.queues.latency_under_load import LEVELS, Load, loaded, sojourn_time, utilization
from rackcalc.formulas.queues.mdc_backlog import backlog, mean_beyond, solve_quantile, survival, wait_in_service_times
from rackcalc.formulas.queues.mdc_waits import mdc_wait_mean
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import (
    REQUEST,
    Count,
    Ratio,
    RequestsPerSecond,
    Seconds,
    SecondsPerToken,
    UsDollarsPerSecond,
)
from rackcalc.spec.software import Sharing


def _slice_quantile(level: float, whole: float, part: float, piece: float) -> float:
    """Quantile of the slice alone: the whole slice with chance `whole`, uniform over it with chance `part`."""
    if level >= whole + part or piece == 0:
        return 0.0
    return piece if level <= whole else piece * (1 - (level - whole) / part)


def _behind_quantile(probability: float, servers: float, rho: float, whole: float, part: float, piece: float) -> float:
    """Quantile, in service times, of the M/D/c wait plus the slice.

    The slice adds `piece` with chance `whole`, a uniform part of it with chance `part`, and otherwise nothing.
    """
    if rho >= 1 or probability == 1:
        return math.inf
    level = 1 - probability
    if rho == 0:
        return _slice_quantile(level, whole, part, piece)
    queue = backlog(servers, rho)
    if queue is None or not (0 <= probability < 1 and piece >= 0):
        return math.nan

    def tail_and_density(x: float) -> tuple[float, float]:
        tail, density = survival(queue, x)
        before, rise = survival(queue, x - piece) if x >= piece else (1.0, 0.0)
        tails, densities = (1 - whole - part) * tail + whole * before, (1 - whole - part) * density + whole * rise
        if piece > 0:
            tails += part * (mean_beyond(queue, x - piece) - mean_beyond(queue, x)) / piece
            densities += part * (before - tail) / piece
        else:
            tails, densities = tails + part * tail, densities + part * density
        return tails, densities

    if tail_and_density(0.0)[0] <= level:
        return 0.0
    alone = wait_in_service_times(probability, servers, rho)  # what a slice adds lies between nothing and the whole
    return solve_quantile(tail_and_density, level, alone, alone + piece, alone + (whole + part / 2) * piece)


def _behind(probability: Any, servers: Any, rho: Any, whole: Any, part: Any, piece: Any) -> Any:
    """_behind_quantile for numbers and arrays."""
    inputs = [xp.pure(value) for value in (probability, servers, rho, whole, part, piece)]
    if all(isinstance(value, (float, int)) for value in inputs):
        return _behind_quantile(*inputs)
    from rackcalc.formulas.queues.slice_lanes import behind_quantiles

    return behind_quantiles(_behind_quantile, *inputs)


@formula(cite="definition: work of lower priority gets at most the time that requests leave")
def other_work_share(share: Ratio, utilization: Ratio) -> Ratio:
    """Share of time that yielding work gets.

    >>> round(other_work_share(share=0.5, utilization=0.8), 9)
    0.2
    """
    return xp.minimum(share, xp.maximum(1 - utilization, 0.0))


@formula(cite="S. W. Fuhrmann, R. B. Cooper, Operations Research 33 (1985) 1117-1129: M/G/1 with vacations")
def slice_chance(share: Ratio, utilization: Ratio) -> Ratio:
    """Share of the time not spent on requests in which other work runs.

    >>> round(slice_chance(share=0.1, utilization=0.8), 9)
    0.5
    """
    chance = xp.clip(xp.divide(share, 1 - xp.minimum(utilization, 1.0)), 0.0, 1.0)
    return xp.where(share > 0, chance, 0.0)


@formula(cite="A. Cobham, Operations Research 2 (1954) 70-76: non-preemptive priority, slices all alike")
def slice_wait_mean(chance: Ratio, slice: Seconds) -> Seconds:
    """Mean wait added by slices that are finished first (chance: see slice_chance).

    Other work that always has a next slice (chance 1) adds half a slice, as in the vacation model (Takagi 1991).

    >>> slice_wait_mean(chance=0.5, slice=0.004)
    0.001
    """
    return chance * slice / 2


@formula(cite="H. Takagi, Queueing Analysis 1 (1991), M/G/1 with setup times: the setup is the time to stop other work")
def stop_wait_mean(chance: Ratio, stop_time: Seconds, arrival_rate: RequestsPerSecond, servers: Count) -> Seconds:
    """Mean wait added by stopping other work when a request arrives (chance: see slice_chance).

    >>> stop_wait_mean(chance=0.5, stop_time=0.004, arrival_rate=0.0, servers=1)
    0.002
    """
    others = arrival_rate * stop_time / REQUEST / servers  # requests that arrive while the other work stops
    return chance * stop_time * (1 + others / 2) / (1 + chance * others)


@formula(cite="H. Takagi, Queueing Analysis 1 (1991), M/G/1 with setup times: time left after stopping")
def share_after_stops(
    chance: Ratio, utilization: Ratio, stop_time: Seconds, arrival_rate: RequestsPerSecond, servers: Count
) -> Ratio:
    """Share of time in which work that is stopped at each arrival makes progress.

    >>> round(share_after_stops(chance=1.0, utilization=0.5, stop_time=0.0, arrival_rate=100.0, servers=1), 9)
    0.5
    """
    stops = chance * arrival_rate * stop_time / REQUEST / servers
    return chance * xp.maximum(1 - utilization, 0.0) / (1 + stops)


@formula(cite="S. W. Fuhrmann, R. B. Cooper, Operations Research 33 (1985) 1117-1129; G. J. Franx (2001)")
def slice_wait_quantile(
    probability: Ratio,
    service_time: Seconds,
    servers: Count,
    arrival_rate: RequestsPerSecond,
    chance: Ratio,
    slice: Seconds,
) -> Seconds:
    """Wait that the given share of requests stays within: M/D/c plus the rest of a running slice.

    chance: see slice_chance. The rest is uniform over the slice. Exact for one server and random starts of slices.
    In the example a single request waits for the rest of a slice.

    >>> round(slice_wait_quantile(probability=0.9, service_time=1.0, servers=1, arrival_rate=0.0, chance=1.0,
    ...                           slice=2.0), 9)
    1.8
    """
    rho = xp.divide(arrival_rate * service_time / REQUEST, servers)
    return _behind(probability, servers, rho, 0 * chance, chance, slice / service_time) * service_time


@formula(cite="H. Takagi, Queueing Analysis 1 (1991), M/G/1 with setup times; G. J. Franx (2001)")
def stop_wait_quantile(
    probability: Ratio,
    service_time: Seconds,
    servers: Count,
    arrival_rate: RequestsPerSecond,
    chance: Ratio,
    stop_time: Seconds,
) -> Seconds:
    """Wait that the given share of requests stays within: M/D/c plus the time to stop other work.

    The first request of a busy period waits for the whole time, and those that arrive meanwhile wait for its rest.
    Exact for one server.

    >>> stop_wait_quantile(probability=0.9, service_time=1.0, servers=1, arrival_rate=0.0, chance=1.0, stop_time=2.0)
    2.0
    """
    rho = xp.divide(arrival_rate * service_time / REQUEST, servers)
    others = chance * arrival_rate * stop_time / REQUEST / servers
    whole, part = chance / (1 + others), others / (1 + others)
    return _behind(probability, servers, rho, whole, part, stop_time / service_time) * service_time


@formula(cite="A. K. Parekh, R. G. Gallager, IEEE/ACM Trans. Networking 1 (1993) 344-357: guaranteed share")
def slowed_time(time: Seconds, share: Ratio) -> Seconds:
    """Time of work on a server of which other work keeps `share`.

    >>> slowed_time(time=0.003, share=0.25)
    0.004
    """
    return xp.divide(time, 1 - share)


@formula(cite="assumption: power rises with the share of time in use, weighted by how hard the work drives the chip")
def power_utilization(utilization: Ratio, share: Ratio, relative_power: Ratio) -> Ratio:
    """Utilization by requests that would draw the power of requests and other work together.

    >>> power_utilization(utilization=0.5, share=0.25, relative_power=1.0)
    0.75
    """
    return xp.minimum(utilization, 1.0) + share * relative_power


@formula(cite="definition: rate while running, times GPUs, times share of time")
def other_work_income(earns: UsDollarsPerSecond, gpus: Count, share: Ratio) -> UsDollarsPerSecond:
    """What the other work earns.

    >>> other_work_income(earns=0.5, gpus=8, share=0.25)
    1.0
    """
    return earns * gpus * share


@record
class Shared:
    """Latency of requests beside the GPUs' other work, and what that work takes and earns."""

    load: Load
    service_time: Quantity  # s, slowed when a share is reserved
    passage_time: Quantity  # s, likewise
    wait_added: Quantity  # s, mean, by slices or stops
    blocked: Quantity  # 1, chance that a request that finds no other request finds other work
    share: Quantity  # 1, of time that the other work gets
    power_utilization: Quantity  # 1
    income: Quantity  # USD/s, all GPUs


def shared_load(
    sharing: Sharing,
    service_time: Quantity,
    servers: Quantity,
    arrival_rate: Quantity,
    passage_time: Quantity,
    gpus: Quantity,
) -> Shared:
    """Load beside other work: Poisson arrivals, fixed service times. gpus [1]: all GPUs; other inputs as for load().

    Policies: "finish" adds the rest of a slice to the M/D/c wait, "preempt" adds the time to stop it. "reserved" slows
    service and passage and adds the rest of a slice (an approximation of time slicing; exact for a partition, slice 0).
    """
    own = utilization(arrival_rate=arrival_rate, service_time=service_time, servers=servers)
    if sharing.policy == "reserved":
        chance = share = sharing.share
        service_time = slowed_time(time=service_time, share=share)
        passage_time = slowed_time(time=passage_time, share=share)
    else:
        chance = slice_chance(share=sharing.share, utilization=own)
        share = other_work_share(share=sharing.share, utilization=own)
    queue = {"service_time": service_time, "servers": servers, "arrival_rate": arrival_rate}
    if sharing.policy == "preempt":
        stop = {"chance": chance, "stop_time": sharing.slice}
        line = {"arrival_rate": arrival_rate, "servers": servers}
        share = share_after_stops(utilization=own, **stop, **line)
        added = stop_wait_mean(**stop, **line)
        waits = {name: stop_wait_quantile(probability=level, **queue, **stop) for name, level in LEVELS.items()}
    else:
        piece = {"chance": chance, "slice": sharing.slice}
        added = slice_wait_mean(**piece)
        waits = {name: slice_wait_quantile(probability=level, **queue, **piece) for name, level in LEVELS.items()}
    wait = total(queue=mdc_wait_mean(**queue), other_work=added)
    sojourns = {name: sojourn_time(passage_time=passage_time, wait=value) for name, value in waits.items()}
    return Shared(
        load=loaded(queue, passage_time, wait, waits, sojourns),
        service_time=service_time,
        passage_time=passage_time,
        wait_added=added,
        blocked=chance,
        share=share,
        power_utilization=power_utilization(utilization=own, share=share, relative_power=sharing.utilization),
        income=other_work_income(earns=sharing.earns, gpus=gpus, share=share),
    )


@formula(cite="assumption: the slowest case, every request meets a whole slice of other work")
def limit_beside(limit: Seconds, slice: Seconds) -> Seconds:
    """What a latency limit leaves for the requests' own queue beside other work.

    >>> limit_beside(limit=5.0, slice=2.0)
    3.0
    """
    return limit - slice


@formula(cite="A. K. Parekh, R. G. Gallager, IEEE/ACM Trans. Networking 1 (1993) 344-357: guaranteed share")
def slowed_tpot(tpot: SecondsPerToken, share: Ratio) -> SecondsPerToken:
    """Time per output token on a server of which other work keeps `share`.

    >>> slowed_tpot(tpot=0.03, share=0.25)
    0.04
    """
    return xp.divide(tpot, 1 - share)
