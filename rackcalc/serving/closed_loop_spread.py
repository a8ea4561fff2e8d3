"""Percentiles of the requests of a closed loop, and its load within limits on them."""

from typing import Any

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.queues.latency_under_load import LEVELS
from rackcalc.formulas.serving import closed_loop_spread as spread
from rackcalc.formulas.serving.concurrency import Loop, closed_rate
from rackcalc.formulas.serving.kv_offload import path_cycle
from rackcalc.formulas.serving.latency_limits import at_limit, of_limit, rate_if_met
from rackcalc.formulas.serving.request_rates import goodput, of_all_copies
from rackcalc.formulas.serving.request_time import generation_time, left_over
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.closed_loop import engine_loop
from rackcalc.serving.drafting import per_token
from rackcalc.serving.generation import output_tokens
from rackcalc.serving.gpu_deployment import GpuDeployment
from rackcalc.serving.kv_offload import fetching
from rackcalc.serving.open_loop import engine_itself
from rackcalc.serving.preemption import preempted
from rackcalc.serving.service_model import ONE, ClosedLoad
from rackcalc.serving.splits import clients_differ, lengths_vary
from rackcalc.spec.limits import Limits
from rackcalc.spec.rack import Rack

SEARCHES = 5
Levels = dict[str, Quantity]


def closed_load(rack: Rack, deployed: GpuDeployment, first: GpuPass, clients: Quantity, now: Loop) -> ClosedLoad:
    """What is told of requests beyond their means. clients: requests in flight of one engine."""
    differ = clients_differ(rack)
    engine = engine_itself(rack, deployed, first, now.room) if differ else {}
    alone_and_alike = _is_one(clients) and not lengths_vary(rack.workload)
    found = levels(rack, engine, now, clients, ALL) if differ or alone_and_alike else {}
    put_back = preempted(rack, deployed, engine, clients)
    slo = rack.workload.slo
    if slo is None:
        return ClosedLoad(found, put_back)
    wanted = {time: list(slo.stated(time)) for time in ALL}

    def used(number: Quantity) -> Quantity:
        """The largest of the times over their limits."""
        times = levels(rack, engine, engine_loop(rack, deployed, first, number), number, wanted)
        return largest(**{name: of_limit(time=time, limit=getattr(slo, name)) for name, time in times.items()})

    alone, number = used(ONE), now.room
    for _ in range(SEARCHES):
        number = at_limit(alone=alone, loaded=used(number), at=number, most=now.room)
    rate = closed_rate(concurrency=number, time=whole_time(rack, engine_loop(rack, deployed, first, number), number))
    at_slo = of_all_copies(rate=rate_if_met(rate=rate, used=alone), copies=deployed.replicas)
    shares = shares_within(rack, slo, engine, now, clients) if differ else {}
    assert rack.workload.concurrency is not None  # fewer than the copies of the model, where some have no client
    rate = closed_rate(concurrency=rack.workload.concurrency, time=whole_time(rack, now, clients))
    good = goodput(rate=rate, **shares) if shares else None
    return ClosedLoad(found, put_back, at_slo, good)


def _is_one(number: Quantity) -> bool:
    return isinstance(number.value, float) and number.value <= 1


def time_in_engine(rack: Rack, loop: Loop) -> Quantity:
    """Mean time of a request, but for waits at the path of an offloaded KV cache [s]."""
    return generation_time(ttft=loop.ttft, tpot=per_token(rack, loop.tpot), output=output_tokens(rack))


def whole_time(rack: Rack, loop: Loop, clients: Quantity) -> Quantity:
    """Mean time of a request [s]. The path of an offloaded KV cache may be slower than the engine: they wait for it."""
    time, fetch = time_in_engine(rack, loop), fetching(rack)
    return time if fetch is None else largest(engine=time, path=path_cycle(requests=clients, fetch=fetch))


def first_time(rack: Rack, loop: Loop, clients: Quantity) -> Quantity:
    """Mean time to the first token [s], with such waits."""
    if fetching(rack) is None:
        return loop.ttft
    waits = left_over(whole=whole_time(rack, loop, clients), part=time_in_engine(rack, loop))
    return total(engine=loop.ttft, path=waits)


ALL = {"": list(LEVELS)} | {time: [level for level in LEVELS if level != "p999"] for time in ("ttft", "tpot", "itl")}


def levels(
    rack: Rack, engine: dict[str, Quantity], loop: Loop, clients: Quantity, wanted: dict[str, list[str]]
) -> Levels:
    """Percentiles by name. engine: what its law takes; {} where requests are all alike, for what is sure then."""
    found = {}
    means = {"": whole_time(rack, loop, clients), "ttft": first_time(rack, loop, clients)}
    usual = means | {"tpot": per_token(rack, loop.tpot), "itl": loop.tpot}
    for time, names in wanted.items():
        for level in names:
            name = f"{time}_{level}".strip("_")
            if not engine:  # each takes the mean time, and one alone has nobody to wait for
                found[name] = spread.if_alone(time=usual[time], clients=clients) if time else usual[time]
                continue
            law: Any = SPREADS[time]
            over = law(probability=LEVELS[level], clients=clients, **engine)
            if time in ("tpot", "itl"):
                found[name] = spread.spread_per_token(mean=usual[time], spread=over)
            else:
                found[name] = spread.spread_time(mean=usual[time], host=loop.host, spread=over)
    return found


SPREADS = {
    "": spread.request_time_spread,
    "ttft": spread.first_token_spread,
    "tpot": spread.token_time_spread,
    "itl": spread.token_gap_spread,
}


def shares_within(
    rack: Rack, slo: Limits, engine: dict[str, Quantity], loop: Loop, clients: Quantity
) -> dict[str, Quantity]:
    """Shares of the requests that meet the limits, each taken at its highest percentile."""
    found = {}
    whole, ttft, tpot = (list(slo.stated(time).values()) for time in ("", "ttft", "tpot"))
    if whole:
        about = {"mean": whole_time(rack, loop, clients), "host": loop.host}
        found["request"] = spread.request_share(limit=whole[-1], clients=clients, **about, **engine)
    if ttft:
        about = {"mean": first_time(rack, loop, clients), "host": loop.host}
        found["ttft"] = spread.first_token_share(limit=ttft[-1], clients=clients, **about, **engine)
    if tpot:
        found["tpot"] = spread.token_time_share(
            limit=tpot[-1], mean=per_token(rack, loop.tpot), clients=clients, **engine
        )
    return found
