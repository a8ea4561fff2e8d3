"""Decoders on two pools of GPUs: one prefills, the other decodes, and KV caches are sent from one to the other."""

from collections.abc import Callable

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.memory_fit import cache_held
from rackcalc.formulas.gpu.serving_engine import at_age, in_group
from rackcalc.formulas.heat.chip_utilization import busy_share, mean_of_pools
from rackcalc.formulas.links.transfer import Transfer
from rackcalc.formulas.queues.latency_under_load import utilization
from rackcalc.formulas.serving.concurrency import host_time
from rackcalc.formulas.serving.disaggregated_prefill import (
    decoding_gpus,
    generation_rate,
    prompts_per_pass,
    separate_first_token,
    time_per_prompt,
)
from rackcalc.formulas.serving.front_end import SHARPNESS, paced, per_token_sent
from rackcalc.formulas.serving.kv_transfer import exposed_transfer
from rackcalc.formulas.serving.replicas import shared_time, slots
from rackcalc.formulas.serving.request_rates import capacity
from rackcalc.formulas.serving.request_time import step_per_token
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record, replace
from rackcalc.serving.closed_loop import engine_memory, sequences_that_fit
from rackcalc.serving.generation import (
    GenerationTimes,
    decode_step,
    generation_service,
    holding_time,
    output_tokens,
    prefill_together,
    times_at_load,
)
from rackcalc.serving.gpu_and_lpu import prefill_on_gpus_decode_on_lpus
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_deployment, gpu_power_utilization, gpu_stage
from rackcalc.serving.pool_engines import that_decode, that_prefill
from rackcalc.serving.pool_links import pool_transfer
from rackcalc.serving.pool_memory import context_lengths, gpu_memory, kv_cache_of_batch
from rackcalc.serving.pools_loop import Decoders, Prefills, pools_loop
from rackcalc.serving.service_model import ONE, Memory, ServiceModel, Stage, batch_of
from rackcalc.spec.rack import Rack

LINK = "prefill-decode"
NO_RATE = constant(0.0, "request/s", "no other requests", "given", note="no arrival_rate")


@record
class PrefillPool:
    """The GPUs that prefill, as engines; rack: as they see it."""

    rack: Rack
    deployed: GpuDeployment
    gpus: Quantity
    engines: Prefills


@record
class PrefillDecodePools:
    """The GPUs that prefill and the GPUs that decode, each as engines; decoding: the rack as the latter see it.

    host: time before the engine [s]. shard: the largest part of the cache that one GPU sends or receives [B].
    """

    prefill: PrefillPool
    decoding: Rack
    decode: GpuDeployment
    decode_gpus: Quantity
    host: Quantity
    moved: Transfer
    shard: Quantity

    def exposed(self, passed: GpuPass) -> Quantity:
        """Wait for the KV cache after a pass [s]."""
        rack = self.prefill.rack
        link, bandwidth = rack.links[LINK].part, self.moved.bandwidth
        return exposed_transfer(
            passed.time, self.shard, rack.model.layers, link.latency, bandwidth, rack.serving.kv_transfer
        )


def shard_of(rack: Rack, deployed: GpuDeployment) -> Quantity:
    """The part of the KV cache of one prompt that a GPU of these engines holds [B]."""
    groups = ONE if rack.serving.data_parallel is None else rack.serving.data_parallel
    return cache_held(
        cache=kv_cache_of_batch(rack, ONE, rack.workload.input),
        devices=in_group(devices=deployed.devices, groups=groups),
        kv_heads=ONE if rack.model.mla is not None else rack.model.kv_heads,
    )


def prefill_decode_pools(rack: Rack) -> PrefillDecodePools:
    """Both pools, and the transfer between them: every GPU sends its own part of the cache over its own port."""
    pool, asked, work = rack.accelerators.gpu, rack.serving.prefill_gpus, rack.workload
    assert pool is not None and asked is not None
    first, then = that_prefill(rack), that_decode(rack)
    prefill = gpu_deployment(first, replace(pool, count=asked))
    others = decoding_gpus(count=pool.count, prefill=asked)
    decode = gpu_deployment(then, replace(pool, count=others))
    shard = largest(sent=shard_of(first, prefill), received=shard_of(then, decode))
    moved, sent = pool_transfer(rack, LINK, shard, pool, pool)
    engine, host = prefill.runtime.engine, prefill.runtime.request_host
    groups = ONE if first.serving.data_parallel is None else first.serving.data_parallel
    most = ONE
    if engine is not None:
        held = next((number for number in (work.concurrency, work.batch) if number is not None), ONE)
        host = at_age(time=host_time(engine, host, held), improvement=engine.improvement, age=engine.age)
        most = prompts_per_pass(chunk=engine.chunk, prompt=work.input, groups=groups)

    def pass_of(prompts: Quantity) -> GpuPass:
        return prefill_together(first, prefill, prompts)

    alone, full = pass_of(ONE), pass_of(most)
    turn = largest(
        prefill=time_per_prompt(time=full.time, prompts=most), sending=time_per_prompt(time=sent, prompts=groups)
    )
    engines = Prefills(prefill.replicas, pass_of, alone, full, most, turn)
    return PrefillDecodePools(PrefillPool(first, prefill, asked, engines), then, decode, others, host, moved, shard)


def decode_tpot(rack: Rack, deployed: GpuDeployment) -> Callable[[Quantity], Quantity]:
    """A function from the number of sequences in a step to the time per token [s/token], without prefills between."""

    def tpot_at(number: Quantity) -> Quantity:
        tpot, engine = step_per_token(step=decode_step(rack, deployed, number).time), deployed.runtime.engine
        if engine is None:
            return tpot
        front_end = per_token_sent(time=engine.token_time, interval=engine.stream_interval)
        return paced(tpot=tpot, decoding=number, front_end=front_end, sharpness=SHARPNESS)

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
    work, tpot_at, then = rack.workload, decode_tpot(both.decoding, both.decode), both.decoding
    rate = NO_RATE if work.arrival_rate is None else work.arrival_rate
    passed, beyond = both.prefill.engines.at(rate)
    exposed = both.exposed(passed)

    def times_at(number: Quantity) -> GenerationTimes:
        step = decode_step(then, both.decode, number).time
        ttft = separate_first_token(
            request_host=total(host=both.host, passes=beyond),
            prefill=both.prefill.engines.turn,
            rate=rate,
            engines=both.prefill.deployed.replicas,
            transfer=exposed,
            step=step,
        )
        return GenerationTimes(ttft, tpot_at(number), total(transfer=exposed, step=step), number)

    full, now = times_at_load(then, both.decode, times_at)
    places = slots(replicas=both.decode.replicas, batch=batch_of(rack))
    prompts = shared_time(time=both.prefill.engines.turn, users=places, servers=both.prefill.deployed.replicas)
    # a place is not taken again before the other GPUs have prefilled the next prompt
    held_for = largest(decoding=holding_time(rack, full), prefill=prompts)
    decoded = generation_rate(
        engines=both.decode.replicas, number=batch_of(rack), tpot=full.tpot, output=output_tokens(rack)
    )
    return service_of_pools(both, places, now, held_for, batch_of(rack), passed, decoded)


def closed_loop_service(rack: Rack, both: PrefillDecodePools) -> ServiceModel:
    """The service with workload.concurrency requests in flight, at the rate that prefills and decode steps allow."""
    requests, then, deployed = rack.workload.concurrency, both.decoding, both.decode
    assert requests is not None

    def before(passed: GpuPass, number: Quantity) -> Quantity:
        return total(host=both.host, transfer=both.exposed(passed), step=decode_step(then, deployed, number).time)

    room = sequences_that_fit(then, deployed)
    decoders = Decoders(deployed.replicas, room, decode_tpot(then, deployed), output_tokens(rack))
    loop = pools_loop(requests, both.prefill.engines, decoders, before)
    now = GenerationTimes(loop.ttft, loop.tpot, loop.ttft, loop.number)
    return service_of_pools(both, requests, now, loop.cycle, loop.number, loop.passed, loop.decoded)


def decode_memory(rack: Rack, deployed: GpuDeployment, sequences: Quantity) -> Memory:
    """Memory of a GPU that decodes: in a closed loop what its engine reserves, else the whole answers of the batch."""
    if rack.workload.concurrency is not None:
        return engine_memory(rack, deployed, sequences)
    return gpu_memory(rack, deployed, sequences, context_lengths(rack)[1])


def service_of_pools(
    both: PrefillDecodePools,
    places: Quantity,
    now: GenerationTimes,
    held_for: Quantity,
    most: Quantity,
    passed: GpuPass,
    decoded: Quantity,
) -> ServiceModel:
    """The service of both pools. places: requests in flight, each for held_for [s]. most: sequences in one engine.

    passed: the pass of the engines that prefill. decoded: rate of the others if all requests in flight were theirs.
    """
    prefill, rack = both.prefill, both.decoding
    servers, step = prefill.deployed.replicas, decode_step(rack, both.decode, now.under_way)
    prompts = shared_time(time=prefill.engines.turn, users=places, servers=servers)
    busy = busy_share(time=prompts, cycle=held_for, servers=ONE)
    rate = rack.workload.arrival_rate
    if rate is None:
        rate = capacity(servers=places, batch=ONE, time=held_for)
    load = utilization(arrival_rate=rate, service_time=prefill.engines.turn, servers=servers)
    activity = mean_of_pools(
        prefill=gpu_power_utilization(prefill.deployed, passed.memory_utilization, passed.utilization),
        share=busy,
        prefill_gpus=prefill.gpus,
        decode=gpu_power_utilization(both.decode, step.memory_utilization, step.utilization),
        decode_gpus=both.decode_gpus,
    )
    return generation_service(
        rack,
        places,
        now.ttft,
        now.tpot,
        held_for,
        stages={
            "prefill": gpu_stage(passed),
            "kv_transfer": Stage(both.exposed(passed), "link"),
            "decode": gpu_stage(step),
        },
        memory={
            "prefill": gpu_memory(prefill.rack, prefill.deployed, ONE, rack.workload.input),
            "decode": decode_memory(rack, both.decode, most),
        },
        transfers={LINK: both.moved},
        busy={"gpu": ONE},
        activity={"gpu": activity},
        crossing_size=both.shard,
        slots={"gpu": most},
        details={
            "requests_under_way": now.under_way,
            "prefill_load": load,
            "prefill_capacity": capacity(servers=servers, batch=ONE, time=prefill.engines.turn),
            "decode_capacity": decoded,
        },
    )
