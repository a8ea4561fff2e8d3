"""Decoders on one kind of chip: continuous batching on GPUs, pipelines of LPUs."""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu.memory_fit import NO_CACHE
from rackcalc.formulas.lpu import decode as lpu_decode
from rackcalc.formulas.serving.kv_offload import path_cycle
from rackcalc.formulas.serving.replicas import slots
from rackcalc.formulas.serving.request_time import generation_time, repeated, step_per_token
from rackcalc.formulas.transformer.forward_pass import ONE_TOKEN
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.closed_loop_service import closed_loop_service
from rackcalc.serving.drafting import answer_steps, engine_details, per_token
from rackcalc.serving.generation import (
    decode_step,
    each_prompt,
    generation_service,
    holding_time,
    output_tokens,
    prefill_of,
    prefill_pass,
    serving_power_utilization,
    times_among_prefills,
    times_at_load,
)
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_deployment, gpu_stage
from rackcalc.serving.kv_offload import fetch_stage, fetching
from rackcalc.serving.open_loop import open_loop_service
from rackcalc.serving.pool_links import lpu_link
from rackcalc.serving.pool_memory import (
    context_lengths,
    gpu_memory,
    hidden_state_bytes,
    kv_cache_of_batch,
    kv_format,
    lpu_memory,
    spill_terms,
)
from rackcalc.serving.service_model import ONE, Memory, ServiceModel, Stage, batch_of
from rackcalc.serving.token_times import token_times
from rackcalc.spec.rack import LpuPool, Rack


def gpu_decoder(rack: Rack) -> ServiceModel:
    """Decoders on GPUs, whose engines compute prompts and answers, or one of both."""
    pool, phase = rack.accelerators.gpu, rack.serving.phase
    assert pool is not None
    deployed = gpu_deployment(rack, pool)
    if phase == "both":
        return engine_service(rack, deployed)
    from rackcalc.serving.one_phase import decoding_service, without_decoding

    return decoding_service(rack, deployed) if phase == "decode" else without_decoding(engine_service(rack, deployed))


def engine_service(rack: Rack, deployed: GpuDeployment) -> ServiceModel:
    """Continuous batching on GPUs: prefills of other requests delay the decode steps of this one."""
    work = rack.workload
    first = prefill_pass(rack, deployed)
    if work.concurrency is not None and deployed.runtime.engine is not None:
        return closed_loop_service(rack, deployed, first)
    if work.batch is None:
        return open_loop_service(rack, deployed, first)

    def tpot_at(number: Quantity) -> Quantity:
        return step_per_token(step=decode_step(rack, deployed, number).time)

    full, now = times_at_load(
        rack, deployed, lambda number: times_among_prefills(rack, deployed, first, tpot_at, number)
    )
    usual, held_for, fetch = decode_step(rack, deployed, now.under_way), holding_time(rack, full), fetching(rack)
    if fetch is not None:
        held_for = largest(engine=held_for, path=path_cycle(requests=batch_of(rack), fetch=fetch))
    between, engine = {}, deployed.runtime.engine
    if engine is not None:
        between = token_times(
            engine,
            prefill_of(rack, deployed, first),
            step_per_token(step=usual.time),
            now.under_way,
            answer_steps(rack),
        )
    return generation_service(
        rack,
        slots(replicas=deployed.replicas, batch=batch_of(rack)),
        now.ttft,
        per_token(rack, now.tpot),
        held_for,
        stages=fetch_stage(rack) | {"prefill": gpu_stage(first), "decode": gpu_stage(usual)},
        memory={"gpu": gpu_memory(rack, deployed, batch_of(rack), context_lengths(rack)[1])},
        transfers={},
        busy={"gpu": ONE},
        activity={"gpu": serving_power_utilization(rack, deployed, first, usual, now.under_way)},
        each_prompt=each_prompt(rack, deployed, first),
        slots={"gpu": batch_of(rack)},
        details={"requests_under_way": now.under_way} | engine_details(rack),
        token_times=between,
    )


def lpu_decode_step(rack: Rack, pool: LpuPool) -> lpu_decode.LpuDecode:
    """A decode step of the whole batch on all LPUs."""
    work, link = rack.workload, lpu_link(rack, pool)
    formats = work.precision, kv_format(rack)
    mean, _ = context_lengths(rack)
    return lpu_decode.decode(
        pool.part, rack.model, pool.count, *formats, batch_of(rack), mean, link.latency, link.bandwidth
    )


def lpu_decode_stage(step: lpu_decode.LpuDecode, layers: Quantity, spilled: dict[str, Quantity]) -> Stage:
    """A decode step on LPUs as a stage."""
    terms = {
        "attention": repeated(time=step.attention, times=layers),
        "feed_forward": repeated(time=step.feed_forward, times=layers),
        "head": step.head,
        "hops": step.hops,
    }
    return Stage(total(step=step.time, **spilled), "schedule", terms | spilled)


def lpu_decoder_memory(
    rack: Rack, pool: LpuPool, weights: Quantity, sequences: Quantity | None
) -> tuple[Memory, dict[str, Quantity]]:
    """Memory of the LPUs, and the spill term. sequences: those whose KV cache is on the LPUs; None where it is not."""
    cached = NO_CACHE if sequences is None else kv_cache_of_batch(rack, sequences, context_lengths(rack)[1])
    rows_held = batch_of(rack) if sequences is None else sequences
    held, spilled = lpu_memory(pool, weights, cached, hidden_state_bytes(rack, rows_held, ONE_TOKEN, "bf16"))
    return held, spill_terms(pool, spilled)


def lpu_details(step: lpu_decode.LpuDecode) -> dict[str, Quantity]:
    """Figures that show how the LPUs share the layers."""
    return {
        "compiler_factor": step.compiler_factor,
        "chips_per_layer": step.group,
        "pipeline_stages": step.stages,
    }


def lpu_decoder(rack: Rack) -> ServiceModel:
    """Prompts and generation on the LPUs. Every stage of the pipeline works on a batch of its own."""
    pool, work = rack.accelerators.lpu, rack.workload
    assert pool is not None
    step, link = lpu_decode_step(rack, pool), lpu_link(rack, pool)
    formats = work.precision, kv_format(rack)
    first = lpu_decode.prefill(
        pool.part, rack.model, pool.count, *formats, ONE, work.input, link.latency, link.bandwidth
    )
    in_flight = slots(replicas=step.stages, batch=batch_of(rack))
    held, extra = lpu_decoder_memory(rack, pool, model_size(rack.model, *formats).weights, in_flight)
    decode = lpu_decode_stage(step, rack.model.layers, extra)
    return generation_service(
        rack,
        in_flight,
        total(prefill=first, host_io=pool.part.host_io),
        step_per_token(step=decode.time),
        generation_time(ttft=first, tpot=step_per_token(step=decode.time), output=output_tokens(rack)),
        stages={"prefill": Stage(first, "schedule"), "decode": decode},
        memory={"lpu": held},
        transfers={},
        busy={"lpu": ONE},
        activity={"lpu": ONE},
        slots={"lpu": batch_of(rack)},
        details=lpu_details(step),
    )
