"""Decoders on two pools of GPUs: one prefills, the other decodes, and KV caches are sent from one to the other."""

from collections.abc import Callable

from rackcalc.formulas.combine import largest, smallest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.memory_fit import cache_held
from rackcalc.formulas.gpu.serving_engine import at_age, in_group
from rackcalc.formulas.heat.chip_utilization import busy_share, mean_of_pools
from rackcalc.formulas.links.transfer import Transfer
from rackcalc.formulas.queues.latency_under_load import utilization
from rackcalc.formulas.serving.concurrency import ROUNDS, host_time
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
from rackcalc.formulas.serving.kv_transfer import exposed_transfer
from rackcalc.formulas.serving.replicas import per_engine, shared_time, slots
from rackcalc.formulas.serving.request_rates import capacity
from rackcalc.formulas.serving.request_time import request_time, step_per_token
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record, replace
from rackcalc.serving.closed_loop import engine_memory, sequences_that_fit
from rackcalc.serving.generation import (
    GenerationTimes,
    decode_step,
    generation_service,
    holding_time,
    output_tokens,
    prefill_pass,
    times_at_load,
)
from rackcalc.serving.gpu_and_lpu import prefill_on_gpus_decode_on_lpus
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_deployment, gpu_power_utilization, gpu_stage
from rackcalc.serving.pool_links import pool_transfer
from rackcalc.serving.pool_memory import context_lengths, gpu_memory, kv_cache_of_batch
from rackcalc.serving.service_model import ONE, ClosedLoad, Memory, ServiceModel, Stage, batch_of
from rackcalc.spec.rack import Rack

LINK = "prefill-decode"
NO_RATE = constant(0.0, "request/s", "no other requests", "given", note="no arrival_rate")


@record
class PrefillDecodePools:
    """The GPUs that prefill and the GPUs that decode, each as engines. first: the prefill of one prompt.

    host: time before the engine [s]. exposed: wait for the KV cache [s]. shard: part of the cache that one GPU sends
    [B]. turn: time from one prompt of an engine to its next, which is prefilling or sending, the longer of both [s].
    """

    prefill: GpuDeployment
    decode: GpuDeployment
    prefill_gpus: Quantity
    decode_gpus: Quantity
    first: GpuPass
    host: Quantity
    moved: Transfer
    exposed: Quantity
    shard: Quantity
    turn: Quantity


def prefill_decode_pools(rack: Rack) -> PrefillDecodePools:
    """Both pools, and the transfer between them: every GPU sends its own part of the cache over its own port."""
    pool, asked, work = rack.accelerators.gpu, rack.serving.prefill_gpus, rack.workload
    assert pool is not None and asked is not None
    prefill = gpu_deployment(rack, replace(pool, count=asked))
    others = decoding_gpus(count=pool.count, prefill=asked)
    decode = gpu_deployment(rack, replace(pool, count=others))
    first = prefill_pass(rack, prefill)
    groups = ONE if rack.serving.data_parallel is None else rack.serving.data_parallel
    shard = cache_held(
        cache=kv_cache_of_batch(rack, ONE, work.input),
        devices=in_group(devices=prefill.devices, groups=groups),
        kv_heads=ONE if rack.model.mla is not None else rack.model.kv_heads,
    )
    moved, sent = pool_transfer(rack, LINK, shard, pool, pool)
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
        held = batch_of(rack) if work.concurrency is None else work.concurrency
        host = at_age(time=host_time(engine, host, held), improvement=engine.improvement, age=engine.age)
    turn = largest(prefill=first.time, sending=sent)
    return PrefillDecodePools(prefill, decode, asked, others, first, host, moved, exposed, shard, turn)


def decode_tpot(rack: Rack, deployed: GpuDeployment) -> Callable[[Quantity], Quantity]:
    """A function from the number of sequences in a step to the time per token [s/token], without prefills between."""

    def tpot_at(number: Quantity) -> Quantity:
        tpot, engine = step_per_token(step=decode_step(rack, deployed, number).time), deployed.runtime.engine
        if engine is None:
            return tpot
        return paced(tpot=tpot, decoding=number, front_end=engine.token_time, sharpness=SHARPNESS)

    return tpot_at


def prefill_decode(rack: Rack) -> ServiceModel:
    """Prompts and generation apart: on two pools of GPUs, or on GPUs and LPUs."""
    return prefill_on_gpus_decode_on_lpus(rack) if rack.serving.prefill_gpus is None else prefill_decode_on_gpus(rack)


def prefill_decode_on_gpus(rack: Rack) -> ServiceModel:
    """Prompts on serving.prefill_gpus, their KV cache over links.prefill-decode, generation on the other GPUs."""
    both = prefill_decode_pools(rack)
    return closed_loop_service(rack, both) if rack.workload.concurrency is not None else open_loop_service(rack, both)


def open_loop_service(rack: Rack, both: PrefillDecodePools) -> ServiceModel:
    """The service at the arrival rate; without a rate, in a full batch whose prompts do not queue."""
    work, tpot_at = rack.workload, decode_tpot(rack, both.decode)
    rate = NO_RATE if work.arrival_rate is None else work.arrival_rate

    def times_at(number: Quantity) -> GenerationTimes:
        step = decode_step(rack, both.decode, number).time
        ttft = separate_first_token(
            request_host=both.host,
            prefill=both.first.time,
            rate=rate,
            engines=both.prefill.replicas,
            transfer=both.exposed,
            step=step,
        )
        return GenerationTimes(ttft, tpot_at(number), total(transfer=both.exposed, step=step), number)

    full, now = times_at_load(rack, both.decode, times_at)
    places = slots(replicas=both.decode.replicas, batch=batch_of(rack))
    prompts = shared_time(time=both.turn, users=places, servers=both.prefill.replicas)
    # a place is not taken again before the other GPUs have prefilled the next prompt
    held_for = largest(decoding=holding_time(rack, full), prefill=prompts)
    return service_of_pools(rack, both, places, now, held_for, batch_of(rack))


def closed_loop_service(rack: Rack, both: PrefillDecodePools) -> ServiceModel:
    """The service with workload.concurrency requests in flight, at the rate that prefills and decode steps allow."""
    requests, output, tpot_at = rack.workload.concurrency, output_tokens(rack), decode_tpot(rack, both.decode)
    assert requests is not None
    engines, room = both.decode.replicas, sequences_that_fit(rack, both.decode)
    most = generation_rate(engines=engines, number=room, tpot=tpot_at(room), output=output)
    line = {"requests": requests, "engines": both.prefill.replicas}
    number = smallest(asked=per_engine(requests=requests, engines=engines), room=room)
    for _ in range(ROUNDS):
        tpot = tpot_at(number)
        step = decode_step(rack, both.decode, number).time
        elsewhere = request_time(ttft=total(host=both.host, transfer=both.exposed, step=step), tpot=tpot, output=output)
        queued = prompts_at_engine(**line, prefill=both.turn, elsewhere=elsewhere)
        rate = smallest(cycle=rate_elsewhere(**line, queued=queued, elsewhere=elsewhere), room=most)
        number = number_generating(rate=rate, engines=engines, tpot=tpot, output=output)
    cycle = cycle_time(requests=requests, rate=rate)
    ttft = before_generation(cycle=cycle, tpot=tpot, output=output)
    return service_of_pools(rack, both, requests, GenerationTimes(ttft, tpot, ttft, number), cycle, number)


def decode_memory(rack: Rack, deployed: GpuDeployment, sequences: Quantity) -> Memory:
    """Memory of a GPU that decodes: in a closed loop what its engine reserves, else the whole answers of the batch."""
    if rack.workload.concurrency is not None:
        return engine_memory(rack, deployed, sequences)
    return gpu_memory(rack, deployed, sequences, context_lengths(rack)[1])


def service_of_pools(
    rack: Rack, both: PrefillDecodePools, places: Quantity, now: GenerationTimes, held_for: Quantity, most: Quantity
) -> ServiceModel:
    """The service of both pools. places: requests in flight, each for held_for [s]. most: sequences in one engine."""
    first, step = both.first, decode_step(rack, both.decode, now.under_way)
    prompts = shared_time(time=first.time, users=places, servers=both.prefill.replicas)
    busy = busy_share(time=prompts, cycle=held_for, servers=ONE)
    rate = rack.workload.arrival_rate
    if rate is None:
        rate = capacity(servers=places, batch=ONE, time=held_for)
    load = utilization(arrival_rate=rate, service_time=both.turn, servers=both.prefill.replicas)
    activity = mean_of_pools(
        prefill=gpu_power_utilization(both.prefill, first.memory_utilization, first.utilization),
        share=busy,
        prefill_gpus=both.prefill_gpus,
        decode=gpu_power_utilization(both.decode, step.memory_utilization, step.utilization),
        decode_gpus=both.decode_gpus,
    )
    return generation_service(
        rack,
        places,
        now.ttft,
        now.tpot,
        held_for,
        stages={"prefill": gpu_stage(first), "kv_transfer": Stage(both.exposed, "link"), "decode": gpu_stage(step)},
        memory={
            "prefill": gpu_memory(rack, both.prefill, ONE, rack.workload.input),
            "decode": decode_memory(rack, both.decode, most),
        },
        transfers={LINK: both.moved},
        busy={"gpu": ONE},
        activity={"gpu": activity},
        crossing_size=both.shard,
        slots={"gpu": most},
        details={"requests_under_way": now.under_way, "prefill_load": load},
        closed=None if rack.workload.concurrency is None else ClosedLoad(),
    )
