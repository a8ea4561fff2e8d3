"""Separate pools of GPUs under a serving engine to which requests come at random: an open loop.

A request waits for a pass of an engine that prefills, is prefilled in it, sent, and decodes in an engine whose steps
hold no prompts. The two waits are taken as independent.
"""

from typing import Any

from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.queues.latency_under_load import LEVELS
from rackcalc.formulas.queues.mdc_waits import mdc_wait_mean, mdc_wait_quantile
from rackcalc.formulas.serving import engine_load
from rackcalc.formulas.serving.disaggregated_prefill import (
    at_random_point,
    longer_pass,
    prompts_with_it,
    until_next_pass,
    within_all,
)
from rackcalc.formulas.serving.engine_point import STEPS, node
from rackcalc.formulas.serving.replicas import rate_per_copy, slots
from rackcalc.formulas.serving.request_rates import of_all_copies, seat_time, sustained_rate
from rackcalc.formulas.transformer.counts import count
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record
from rackcalc.serving.closed_loop import sequences_that_fit
from rackcalc.serving.generation import GenerationTimes, decode_step, output_tokens
from rackcalc.serving.gpu_deployment import GpuDeployment
from rackcalc.serving.gpu_pools import PrefillDecodePools, decode_tpot, service_of_pools
from rackcalc.serving.open_loop import arrivals, spread_of_lengths
from rackcalc.serving.service_model import ONE, EngineLoad, ServiceModel
from rackcalc.serving.timed_engine import MIXED
from rackcalc.spec.rack import Rack

NO_TIME = constant(0.0, "s", "mean of a deviation", "published", note="definition")
NORMAL = {
    name: constant(value, "1", f"normal quantile at {name}", "published")
    for name, value in (("p50", 0.0), ("p90", 1.2816), ("p95", 1.6449), ("p99", 2.3263), ("p999", 3.0902))
}
# A request that comes with its KV cache needs no more of a step than a token does.
NO_PROMPT = {
    "base": constant(0.0, "s", "fixed time of a prompt", "given", note="prompts are computed by other engines"),
    "work": constant(1e-9, "s", "work of a prompt", "given", note="prompts are computed by other engines"),
    "twice": constant(2e-9, "s", "work of a prompt twice as long", "given", note="as above"),
    "prompt": constant(1.0, "token", "prompt", "given", note="prompts are computed by other engines"),
}


@record
class Waiting:
    """A part of a request's way that varies: its mean [s], and the time that a share of requests stays within."""

    mean: Quantity
    levels: dict[str, Quantity]


def open_pools_service(rack: Rack, both: PrefillDecodePools) -> ServiceModel:
    """The service at workload.arrival_rate; without one, at the planned utilization."""
    prefills, then, decode = both.prefill.engines, both.decoding, both.decode
    seats, copies = sequences_that_fit(then, decode), both.decode.replicas
    about = decoding_engine(then, decode, seats)
    decoded = of_all_copies(rate=engine_load.engine_capacity(**about), copies=copies)
    most = smallest(prefill=both.prefill_capacity, decode=decoded)
    rate = rack.workload.arrival_rate
    if rate is None:
        assert rack.economics.utilization is not None
        rate = sustained_rate(capacity=most, utilization=rack.economics.utilization)
    loaded = about | {"rate": rate_per_copy(arrival_rate=rate, copies=copies)}
    working = engine_load.working_share(**loaded)
    together = engine_load.at_work(decoding=engine_load.sequences_decoding(**loaded), working=working)
    passed, waits = prefill_waits(both, rate)
    way = {"host": both.host, "prefill": passed.time, "transfer": both.exposed(passed)}

    def whole(mean: Quantity, at_level: Any) -> tuple[Quantity, dict[str, Quantity]]:
        """Mean and percentiles of the way through both pools. mean, at_level: of the part in the decoding engine."""
        parts = [*waits, Waiting(mean, {name: at_level(probability=p, **loaded) for name, p in LEVELS.items()})]
        middle = total(**way, **{f"wait_{i}": part.mean for i, part in enumerate(parts)})
        return middle, {name: within(middle, parts, name) for name in LEVELS}

    ttft, ttft_levels = whole(engine_load.first_token_mean(**loaded), engine_load.first_token_within)
    mean, levels = whole(engine_load.request_time_mean(**loaded), engine_load.request_time_within)
    load = EngineLoad(
        rate=rate,
        wait=total(seat=engine_load.seat_wait(**loaded), **{f"pass_{i}": part.mean for i, part in enumerate(waits)}),
        mean=mean,
        levels=levels,
        ttft=ttft,
        ttft_levels=ttft_levels,
        tpot=engine_load.token_time_mean(**loaded),
        tpot_levels={name: engine_load.token_time_within(probability=p, **loaded) for name, p in LEVELS.items()},
        itl_levels={name: engine_load.token_gap_within(probability=p, **loaded) for name, p in LEVELS.items()},
    )
    alone = total(host=both.host, prefill=prefills.alone.time, step=decode_step(then, decode, ONE).time)
    now = GenerationTimes(alone, about["step_0"], alone, together)
    places = slots(replicas=copies, batch=seats)
    held_for = seat_time(seats=places, capacity=most)
    return service_of_pools(both, places, now, held_for, seats, passed, decoded, load, working)


def decoding_engine(rack: Rack, deployed: GpuDeployment, seats: Quantity) -> dict[str, Quantity]:
    """What the law of an engine takes, but for the rate, of one whose requests come with their KV cache."""
    engine, tpot_at = deployed.runtime.engine, decode_tpot(rack, deployed)
    assert engine is not None
    steps = {f"step_{place}": tpot_at(node(seats=seats, place=count(float(place), "place"))) for place in range(STEPS)}
    return {
        "seats": seats,
        **NO_PROMPT,
        "budget": engine.chunk,
        "chunked": MIXED[True],
        "output": output_tokens(rack),
        **steps,
        **arrivals(rack, deployed.replicas),
        **spread_of_lengths(rack),
    }


def prefill_waits(both: PrefillDecodePools, rate: Quantity) -> tuple[GpuPass, list[Waiting]]:
    """The pass of a request, and what varies: waits for the pass under way and for one with room, others in its own."""
    prefills = both.prefill.engines
    pace = prefills.pace(rate)
    number = prompts_with_it(**pace)
    passed = prefills.pass_of(number)
    size = {"alone": prefills.alone.time, "full": prefills.full.time, "most": prefills.most, "prompts": number}
    each = rate_per_copy(arrival_rate=rate, copies=prefills.engines)
    queue = {"service_time": prefills.turn, "servers": ONE, "arrival_rate": each}
    gathered = {name: at_random_point(probability=p, **pace) for name, p in LEVELS.items()}
    queued = {name: mdc_wait_quantile(probability=p, **queue) for name, p in LEVELS.items()}
    longer = {name: longer_pass(z=z, **size) for name, z in NORMAL.items()}
    return passed, [
        Waiting(until_next_pass(**pace), gathered),
        Waiting(mdc_wait_mean(**queue), queued),
        Waiting(NO_TIME, longer),
    ]


def within(mean: Quantity, parts: list[Waiting], level: str) -> Quantity:
    """The time that a share of requests stays within, of a sum of parts that vary independently."""
    terms = {f"mean_{i}": part.mean for i, part in enumerate(parts)}
    terms |= {f"level_{i}": part.levels[level] for i, part in enumerate(parts)}
    return within_all(mean=mean, **terms)
