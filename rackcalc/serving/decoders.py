"""Decoders on one kind of chip: continuous batching on GPUs, pipelines of LPUs."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.memory_fit import NO_CACHE
from rackcalc.formulas.lpu import decode as lpu_decode
from rackcalc.formulas.serving.replicas import slots
from rackcalc.formulas.serving.request_time import generation_time, repeated, step_per_token
from rackcalc.formulas.transformer.forward_pass import ONE_TOKEN
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.closed_loop import kept_in_flight
from rackcalc.serving.generation import (
    at_load,
    generation,
    gpu_passes,
    output_of,
    serving_activity,
    shared_steps,
    step_at,
    time_of,
)
from rackcalc.serving.pools import (
    ONE,
    Memory,
    Service,
    Stage,
    cache_of,
    chip_link,
    context_of,
    gpu_memory,
    gpu_side,
    gpu_stage,
    hidden_states,
    kv_format,
    lpu_memory,
    spill,
)
from rackcalc.spec.rack import LpuPool, Rack


def gpu_decoder(rack: Rack) -> Service:
    """Continuous batching on groups of GPUs: prefills of other requests stall the steps of this one."""
    pool, work = rack.accelerators.gpu, rack.workload
    assert pool is not None
    side = gpu_side(rack, pool)
    first, _ = gpu_passes(rack, side)
    if work.concurrency is not None and side.runtime.engine is not None:
        return kept_in_flight(rack, side, first)

    def tpot_at(number: Quantity) -> Quantity:
        return step_per_token(step=step_at(rack, side, number).time)

    full, now = at_load(rack, side, lambda number: shared_steps(rack, side, first, tpot_at, number))
    usual = step_at(rack, side, now.under_way)
    return generation(
        rack,
        slots(replicas=side.replicas, batch=work.batch),
        now.ttft,
        now.tpot,
        time_of(rack, full),
        stages={"prefill": gpu_stage(first), "decode": gpu_stage(usual)},
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1])},
        transfers={},
        busy={"gpu": ONE},
        activity={"gpu": serving_activity(rack, side, first, usual, now.under_way)},
        together={"gpu": work.batch},
        details={"requests_under_way": now.under_way},
    )


def lpu_step(rack: Rack, pool: LpuPool) -> lpu_decode.LpuDecode:
    """A decode step of the whole batch on all LPUs."""
    work, link = rack.workload, chip_link(rack, pool)
    formats = work.precision, kv_format(rack)
    mean, _ = context_of(rack)
    return lpu_decode.decode(
        pool.part, rack.model, pool.count, *formats, work.batch, mean, link.latency, link.bandwidth
    )


def lpu_stage(step: lpu_decode.LpuDecode, layers: Quantity, spilled: dict[str, Quantity]) -> Stage:
    """A decode step on LPUs as a stage."""
    terms = {
        "attention": repeated(time=step.attention, times=layers),
        "feed_forward": repeated(time=step.feed_forward, times=layers),
        "head": step.head,
        "hops": step.hops,
    }
    return Stage(total(step=step.time, **spilled), "schedule", terms | spilled)


def lpu_holds(
    rack: Rack, pool: LpuPool, weights: Quantity, sequences: Quantity | None
) -> tuple[Memory, dict[str, Quantity]]:
    """Memory of LPUs that generate, and the spill term. sequences: whose KV cache they hold; None: none (it stays)."""
    cached = NO_CACHE if sequences is None else cache_of(rack, sequences, context_of(rack)[1])
    rows_held = rack.workload.batch if sequences is None else sequences
    held, spilled = lpu_memory(pool, weights, cached, hidden_states(rack, rows_held, ONE_TOKEN, "bf16"))
    return held, spill(pool, spilled)


def lpu_details(step: lpu_decode.LpuDecode) -> dict[str, Quantity]:
    """How the LPUs are divided."""
    return {
        "compiler_factor": step.compiler_factor,
        "chips_per_layer": step.group,
        "pipeline_stages": step.stages,
    }


def lpu_decoder(rack: Rack) -> Service:
    """Prompt and generation on the LPUs; every pipeline stage holds another batch."""
    pool, work = rack.accelerators.lpu, rack.workload
    assert pool is not None
    step, link = lpu_step(rack, pool), chip_link(rack, pool)
    formats = work.precision, kv_format(rack)
    first = lpu_decode.prefill(
        pool.part, rack.model, pool.count, *formats, ONE, work.input, link.latency, link.bandwidth
    )
    in_flight = slots(replicas=step.stages, batch=work.batch)
    held, extra = lpu_holds(rack, pool, model_size(rack.model, *formats).weights, in_flight)
    decode = lpu_stage(step, rack.model.layers, extra)
    return generation(
        rack,
        in_flight,
        total(prefill=first, host_io=pool.part.host_io),
        step_per_token(step=decode.time),
        generation_time(ttft=first, tpot=step_per_token(step=decode.time), output=output_of(rack)),
        stages={"prefill": Stage(first, "schedule"), "decode": decode},
        memory={"lpu": held},
        transfers={},
        busy={"lpu": ONE},
        activity={"lpu": ONE},
        together={"lpu": work.batch},
        details=lpu_details(step),
    )
