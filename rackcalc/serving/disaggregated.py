"""Decoders on two pools of GPUs: one reads prompts, the other generates; KV caches cross from one to the other."""

from collections.abc import Callable
from dataclasses import replace

from rackcalc.formulas.combine import largest, smallest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.serving_engine import at_age, in_group
from rackcalc.formulas.heat.chip_utilization import busy_share, mean_of_pools
from rackcalc.formulas.links.transfer import Transfer
from rackcalc.formulas.queues.latency_under_load import utilization
from rackcalc.formulas.serving.concurrency import ROUNDS
from rackcalc.formulas.serving.disaggregated_prefill import (
    before_generation,
    cycle_time,
    decoding_gpus,
    generation_rate,
    number_generating,
    prompts_at_engine,
    rate_elsewhere,
    separate_first_token,
)
from rackcalc.formulas.serving.front_end import SHARPNESS, paced
from rackcalc.formulas.serving.kv_capacity import cache_held
from rackcalc.formulas.serving.kv_transfer import exposed_transfer
from rackcalc.formulas.serving.replicas import per_engine, shared_time, slots
from rackcalc.formulas.serving.request_rates import capacity
from rackcalc.formulas.serving.request_time import request_time, step_per_token
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record
from rackcalc.serving.closed_loop import fits, memory_of
from rackcalc.serving.generation import Shared, at_load, generation, gpu_passes, output_of, step_at, time_of
from rackcalc.serving.pools import (
    ONE,
    Memory,
    Service,
    Side,
    Stage,
    cache_of,
    context_of,
    crossed,
    gpu_activity,
    gpu_memory,
    gpu_side,
    gpu_stage,
)
from rackcalc.spec.rack import Rack

LINK = "prefill-decode"
NO_RATE = constant(0.0, "request/s", "no other requests", "given", note="no arrival_rate")


@record
class Pools:
    """The GPUs that prefill, and those that decode, as engines. first: one prompt's prefill.

    host: time before the engine [s]. exposed: wait for the KV cache [s]. shard: bytes of it that one GPU sends.
    turn: prefill or sending, the longer [s].
    """

    prefill: Side
    decode: Side
    prefill_gpus: Quantity
    decode_gpus: Quantity
    first: GpuPass
    host: Quantity
    moved: Transfer
    exposed: Quantity
    shard: Quantity
    turn: Quantity


def pools(rack: Rack) -> Pools:
    """Both pools, and what crosses between them: every GPU sends its own part of the cache over its own port."""
    pool, asked, work = rack.accelerators.gpu, rack.serving.prefill_gpus, rack.workload
    assert pool is not None and asked is not None
    prefill = gpu_side(rack, replace(pool, count=asked))
    others = decoding_gpus(count=pool.count, prefill=asked)
    decode = gpu_side(rack, replace(pool, count=others))
    first, _ = gpu_passes(rack, prefill)
    groups = ONE if rack.serving.data_parallel is None else rack.serving.data_parallel
    shard = cache_held(
        cache=cache_of(rack, ONE, work.input),
        devices=in_group(devices=prefill.devices, groups=groups),
        kv_heads=ONE if rack.model.mla is not None else rack.model.kv_heads,
    )
    moved, sent = crossed(rack, LINK, shard, pool, pool)
    exposed = exposed_transfer(
        first.time,
        shard,
        rack.model.layers,
        rack.links[LINK].part.latency,
        moved.bandwidth,
        rack.serving.kv_transfer,
    )
    engine, host = prefill.runtime.engine, prefill.runtime.request_host
    if engine is not None:
        host = at_age(time=host, improvement=engine.improvement, age=engine.age)
    turn = largest(prefill=first.time, sending=sent)
    return Pools(prefill, decode, asked, others, first, host, moved, exposed, shard, turn)


def tpot_of(rack: Rack, side: Side) -> Callable[[Quantity], Quantity]:
    """s/token by the number of sequences that share a step; no prompt comes between."""

    def tpot_at(number: Quantity) -> Quantity:
        tpot, engine = step_per_token(step=step_at(rack, side, number).time), side.runtime.engine
        if engine is None:
            return tpot
        return paced(tpot=tpot, decoding=number, front_end=engine.token_time, sharpness=SHARPNESS)

    return tpot_at


def on_gpus(rack: Rack) -> Service:
    """Prompts on serving.prefill_gpus, their KV cache over links.prefill-decode, generation on the other GPUs."""
    both = pools(rack)
    return kept_in_flight(rack, both) if rack.workload.concurrency is not None else at_arrivals(rack, both)


def at_arrivals(rack: Rack, both: Pools) -> Service:
    """At the arrival rate; without one, in a full batch, whose prompts find a free engine."""
    work, tpot_at = rack.workload, tpot_of(rack, both.decode)
    rate = NO_RATE if work.arrival_rate is None else work.arrival_rate

    def shared_at(number: Quantity) -> Shared:
        step = step_at(rack, both.decode, number).time
        ttft = separate_first_token(
            request_host=both.host,
            prefill=both.first.time,
            rate=rate,
            engines=both.prefill.replicas,
            transfer=both.exposed,
            step=step,
        )
        return Shared(ttft, tpot_at(number), total(transfer=both.exposed, step=step), number)

    full, now = at_load(rack, both.decode, shared_at)
    places = slots(replicas=both.decode.replicas, batch=work.batch)
    prompts = shared_time(time=both.turn, users=places, servers=both.prefill.replicas)
    # a place comes free no faster than the other GPUs can fill it
    held_for = largest(decoding=time_of(rack, full), prefill=prompts)
    return built(rack, both, places, now, held_for, work.batch)


def kept_in_flight(rack: Rack, both: Pools) -> Service:
    """With workload.concurrency requests in flight: as often as prompts and generation let them come round."""
    requests, output, tpot_at = rack.workload.concurrency, output_of(rack), tpot_of(rack, both.decode)
    assert requests is not None
    engines, room = both.decode.replicas, fits(rack, both.decode)
    most = generation_rate(engines=engines, number=room, tpot=tpot_at(room), output=output)
    line = {"requests": requests, "engines": both.prefill.replicas}
    number = smallest(asked=per_engine(requests=requests, engines=engines), room=room)
    for _ in range(ROUNDS):
        tpot = tpot_at(number)
        step = step_at(rack, both.decode, number).time
        elsewhere = request_time(ttft=total(host=both.host, transfer=both.exposed, step=step), tpot=tpot, output=output)
        queued = prompts_at_engine(**line, prefill=both.turn, elsewhere=elsewhere)
        rate = smallest(cycle=rate_elsewhere(**line, queued=queued, elsewhere=elsewhere), room=most)
        number = number_generating(rate=rate, engines=engines, tpot=tpot, output=output)
    cycle = cycle_time(requests=requests, rate=rate)
    ttft = before_generation(cycle=cycle, tpot=tpot, output=output)
    return built(rack, both, requests, Shared(ttft, tpot, ttft, number), cycle, number)


def held_by(rack: Rack, side: Side, together: Quantity) -> Memory:
    """What a GPU that decodes holds: whole answers of a stated batch, else what its engine sets aside."""
    if rack.workload.concurrency is not None:
        return memory_of(rack, side, together)
    return gpu_memory(rack, side, together, context_of(rack)[1])


def built(rack: Rack, both: Pools, places: Quantity, now: Shared, held_for: Quantity, together: Quantity) -> Service:
    """The Service of both pools. places: requests in flight, each for held_for [s]; together: at most, in an engine."""
    first, step = both.first, step_at(rack, both.decode, now.under_way)
    prompts = shared_time(time=first.time, users=places, servers=both.prefill.replicas)
    busy = busy_share(time=prompts, cycle=held_for, servers=ONE)
    rate = rack.workload.arrival_rate
    if rate is None:
        rate = capacity(servers=places, batch=ONE, time=held_for)
    load = utilization(arrival_rate=rate, service_time=both.turn, servers=both.prefill.replicas)
    activity = mean_of_pools(
        prefill=gpu_activity(both.prefill, first.memory_utilization, first.utilization),
        share=busy,
        prefill_gpus=both.prefill_gpus,
        decode=gpu_activity(both.decode, step.memory_utilization, step.utilization),
        decode_gpus=both.decode_gpus,
    )
    return generation(
        rack,
        places,
        now.ttft,
        now.tpot,
        held_for,
        stages={"prefill": gpu_stage(first), "kv_transfer": Stage(both.exposed, "link"), "decode": gpu_stage(step)},
        memory={
            "prefill": gpu_memory(rack, both.prefill, ONE, rack.workload.input),
            "decode": held_by(rack, both.decode, together),
        },
        transfers={LINK: both.moved},
        busy={"gpu": ONE},
        activity={"gpu": activity},
        crossing=both.shard,
        together={"gpu": together},
        details={"requests_under_way": now.under_way, "prefill_load": load},
    )
