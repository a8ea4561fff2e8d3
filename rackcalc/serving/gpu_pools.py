"""Two pools of GPUs, one that prefills and one that decodes: their engines, the transfer between them, the service."""

from collections.abc import Callable

from rackcalc.formulas.combine import largest, smallest
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.memory_fit import cache_held
from rackcalc.formulas.heat.chip_utilization import busy_share, mean_of_pools
from rackcalc.formulas.links.transfer import Transfer
from rackcalc.formulas.queues.latency_under_load import utilization
from rackcalc.formulas.serving.concurrency import host_time
from rackcalc.formulas.serving.disaggregated_prefill import decoding_gpus
from rackcalc.formulas.serving.front_end import SHARPNESS, paced, per_token_sent
from rackcalc.formulas.serving.kv_transfer import exposed_transfer
from rackcalc.formulas.serving.prompt_passes import prompts_per_pass, time_per_prompt
from rackcalc.formulas.serving.replicas import shared_time
from rackcalc.formulas.serving.request_rates import capacity
from rackcalc.formulas.serving.request_time import step_per_token
from rackcalc.formulas.transformer.counts import in_group
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record, replace
from rackcalc.serving.closed_loop import engine_memory
from rackcalc.serving.context_parallel import cache_of_rank, share_of_prompt
from rackcalc.serving.generation import (
    GenerationTimes,
    decode_step,
    generation_service,
    prefill_pass,
)
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_deployment, gpu_power_utilization, gpu_stage
from rackcalc.serving.lengths import computed_prompt
from rackcalc.serving.pool_engines import that_decode, that_prefill
from rackcalc.serving.pool_links import pool_transfer
from rackcalc.serving.pool_memory import context_lengths, gpu_memory, kv_cache_of_batch
from rackcalc.serving.pools_loop import Prefills
from rackcalc.serving.service_model import ONE, EngineLoad, Memory, ServiceModel, Stage
from rackcalc.spec.rack import Rack

LINK = "prefill-decode"


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

    @property
    def prefill_capacity(self) -> Quantity:
        """Requests per second that the engines can prefill."""
        engines = self.prefill.engines
        return capacity(servers=engines.engines, batch=ONE, time=engines.turn)

    def exposed(self, passed: GpuPass) -> Quantity:
        """Wait for the KV cache after a pass [s]."""
        rack = self.prefill.rack
        link, bandwidth = rack.links[LINK].part, self.moved.bandwidth
        return exposed_transfer(
            passed.time, self.shard, rack.model.layers, link.latency, bandwidth, rack.serving.kv_transfer
        )


def shard_of(rack: Rack, deployed: GpuDeployment) -> Quantity:
    """The part of the KV cache of one prompt that a GPU of these engines holds [B]."""
    if deployed.ranks is not None:
        return cache_of_rank(rack, deployed, ONE, rack.workload.input)
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
    part = shard_of(first, prefill)
    shard = largest(sent=part, received=shard_of(then, decode))
    moved, _ = pool_transfer(rack, LINK, shard, pool, pool)
    _, sent = pool_transfer(rack, LINK, part, pool, pool)  # several engines can receive from one
    engine, host = prefill.runtime.engine, prefill.runtime.request_host
    groups = ONE if first.serving.data_parallel is None else first.serving.data_parallel
    most = ONE
    if engine is not None:
        held = next((number for number in (work.concurrency, work.batch) if number is not None), ONE)
        host = host_time(engine, host, held, work.input)
        most = prompts_per_pass(chunk=engine.chunk, prompt=computed_prompt(first), groups=groups)

    def pass_of(prompts: Quantity) -> GpuPass:
        return prefill_pass(first, prefill, prompts=prompts)

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


def decode_memory(rack: Rack, deployed: GpuDeployment, sequences: Quantity) -> Memory:
    """Memory of a GPU that decodes: in a closed loop what its engine reserves, else the whole answers of the batch."""
    if rack.workload.batch is None or rack.workload.concurrency is not None:
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
    load: EngineLoad | None = None,
    working: Quantity = ONE,
    prompted: Quantity | None = None,
    prompt_load: Quantity | None = None,
) -> ServiceModel:
    """The service of both pools. places: requests in flight, each for held_for [s]. most: sequences in one engine.

    passed: the pass of the engines that prefill. decoded: rate of the others if all requests in flight were theirs.
    load: where requests come at random; working: share of the time in which those that decode have one. prompted,
    prompt_load: requests per second that those that prefill can do, and the share of it that comes, where known apart.
    """
    prefill, rack = both.prefill, both.decoding
    servers, step = prefill.deployed.replicas, decode_step(rack, both.decode, now.under_way)
    prompts = shared_time(time=prefill.engines.turn, users=places, servers=servers)
    busy = busy_share(time=prompts, cycle=held_for, servers=ONE)
    rate = rack.workload.arrival_rate
    if rate is None:
        rate = capacity(servers=places, batch=ONE, time=held_for)
    if load is not None:
        rate = load.rate
    used = prompt_load
    if used is None:
        used = utilization(arrival_rate=rate, service_time=prefill.engines.turn, servers=servers)
    activity = mean_of_pools(
        prefill=gpu_power_utilization(prefill.deployed, passed.memory_utilization, passed.utilization),
        share=busy if load is None else smallest(load=used, all=ONE),
        prefill_gpus=prefill.gpus,
        decode=gpu_power_utilization(both.decode, step.memory_utilization, step.utilization),
        working=working,
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
            "prefill": gpu_memory(
                prefill.rack, prefill.deployed, ONE, share_of_prompt(prefill.deployed, rack.workload.input)
            ),
            "decode": decode_memory(rack, both.decode, most),
        },
        transfers={LINK: both.moved},
        busy={"gpu": ONE},
        activity={"gpu": activity},
        crossing_size=both.shard,
        slots={"gpu": most},
        load=load,
        details={
            "requests_under_way": now.under_way,
            "prefill_load": used,
            "prefill_capacity": both.prefill_capacity if prompted is None else prompted,
            "decode_capacity": decoded,
        },
    )
