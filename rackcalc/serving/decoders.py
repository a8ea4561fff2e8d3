"""Decoders: continuous batching on GPUs, pipelines of LPUs, and the three ways to split the work between them."""

from dataclasses import replace
from typing import Any

from rackcalc.formulas import gpu, hybrid, lpu, lpu_decode, service
from rackcalc.formulas.combine import total
from rackcalc.formulas.hybrid import repeated
from rackcalc.formulas.transformer import model_size
from rackcalc.formulas.work import ONE_TOKEN
from rackcalc.quantity import Quantity
from rackcalc.serving.pools import (
    ONE,
    Memory,
    Service,
    Side,
    Stage,
    cache_of,
    chip_link,
    context_of,
    cross,
    gpu_activity,
    gpu_memory,
    gpu_side,
    gpu_stage,
    hidden_states,
    kv_format,
    lpu_memory,
    pools,
    spill,
)
from rackcalc.spec.rack import LpuPool, Rack


def generation(rack: Rack, servers: Quantity, ttft: Quantity, tpot: Quantity, **parts: Any) -> Service:
    """A Service of requests that generate; servers are the sequences that can be in flight."""
    end_to_end = service.generation_time(ttft=ttft, tpot=tpot, output=output_of(rack))
    return Service(passage=end_to_end, occupancy=end_to_end, servers=servers, batch=ONE, ttft=ttft, tpot=tpot, **parts)


def loaded_tpot(rack: Rack, tpot: Quantity, prefill: Quantity) -> Quantity:
    """Time per output token with the other requests' prefills on the same GPUs in between."""
    stall = service.prefill_interference(prefill=prefill, batch=rack.workload.batch, output=output_of(rack))
    return total(step=tpot, prefill_interference=stall)


def output_of(rack: Rack) -> Quantity:
    """Tokens generated per request."""
    assert rack.workload.output is not None
    return rack.workload.output


def gpu_passes(rack: Rack, side: Side) -> tuple[gpu.GpuPass, gpu.GpuPass]:
    """One prompt's prefill, and a decode step of the whole batch."""
    work, kv = rack.workload, kv_format(rack)
    mean, _ = context_of(rack)
    group = {"devices": side.devices, "link": side.link, "expert_parallel": rack.model.experts is not None}
    common = side.gpu, side.family, side.runtime, rack.model, work.precision, kv
    first = gpu.prefill(*common, ONE, work.input, **group)  # type: ignore[arg-type]
    return first, gpu.decode(*common, work.batch, mean, **group)  # type: ignore[arg-type]


def gpu_decoder(rack: Rack) -> Service:
    """Continuous batching on groups of GPUs: prefills of other requests stall the steps of this one."""
    pool, work = rack.accelerators.gpu, rack.workload
    assert pool is not None
    side = gpu_side(rack, pool)
    first, step = gpu_passes(rack, side)
    return generation(
        rack,
        service.slots(replicas=side.replicas, batch=work.batch),
        total(prefill=first.time, request_host=side.runtime.request_host),
        loaded_tpot(rack, service.step_per_token(step=step.time), first.time),
        stages={"prefill": gpu_stage(first), "decode": gpu_stage(step)},
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1])},
        transfers={},
        busy={"gpu": ONE},
        activity={"gpu": gpu_activity(side, step)},
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
    cached = gpu.NO_CACHE if sequences is None else cache_of(rack, sequences, context_of(rack)[1])
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
    in_flight = service.slots(replicas=step.stages, batch=work.batch)
    held, extra = lpu_holds(rack, pool, model_size(rack.model, *formats).weights, in_flight)
    decode = lpu_stage(step, rack.model.layers, extra)
    return generation(
        rack,
        in_flight,
        total(prefill=first, host_io=pool.part.host_io),
        service.step_per_token(step=decode.time),
        stages={"prefill": Stage(first, "schedule"), "decode": decode},
        memory={"lpu": held},
        transfers={},
        busy={"lpu": ONE},
        activity={"lpu": ONE},
        details=lpu_details(step),
    )


def prefill_decode(rack: Rack) -> Service:
    """Prompts on GPUs, their KV cache over the link, generation on LPUs."""
    gpus, lpus = pools(rack)
    side, work = gpu_side(rack, gpus), rack.workload
    first, _ = gpu_passes(rack, side)
    step = lpu_step(rack, lpus)
    cache = cache_of(rack, ONE, work.input)
    moved, _ = cross(rack, cache)
    in_flight = service.slots(replicas=step.stages, batch=work.batch)
    size = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(rack, lpus, size.weights, in_flight)
    decode = lpu_stage(step, rack.model.layers, extra)
    split = hybrid.prefill_decode(
        first.time,
        cache,
        rack.model.layers,
        rack.links["gpu-lpu"].part.latency,
        moved.bandwidth,
        decode.time,
        service.step_per_token(step=decode.time),
        rack.serving.kv_transfer,
    )
    built = generation(
        rack,
        in_flight,
        total(split=split.ttft, request_host=side.runtime.request_host),
        split.tpot,
        stages={"prefill": gpu_stage(first), "kv_transfer": Stage(split.exposed, "link"), "decode": decode},
        memory={"gpu": gpu_memory(rack, side, ONE, work.input), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={},
        activity={"gpu": gpu_activity(side, first), "lpu": ONE},
        crossing=cache,
        details=lpu_details(step),
    )
    one = service.busy_share(time=first.time, cycle=built.passage, servers=side.replicas)
    return replace(built, busy={"gpu": service.filled(share=one, requests=in_flight), "lpu": ONE})


def attention_ffn(rack: Rack) -> Service:
    """Attention and KV cache on GPUs, feed-forward weights in the SRAM of LPUs; two crossings per layer and token."""
    gpus, lpus = pools(rack)
    side, work, microbatches = gpu_side(rack, gpus), rack.workload, rack.serving.microbatches
    first, whole = gpu_passes(rack, side)
    micro = service.microbatch(batch=work.batch, microbatches=microbatches)
    _, piece = gpu_passes(replace(rack, workload=replace(work, batch=micro)), side)
    link, layers = chip_link(rack, lpus), rack.model.layers
    feed = lpu_decode.feed_forward(lpus.part, rack.model, lpus.count, work.precision, micro, link.bandwidth)
    size = hidden_states(rack, micro, ONE_TOKEN, "bf16")
    moved, hop = cross(rack, size)
    rest = total(head=piece.head, step_host=piece.step_host)
    split = hybrid.attention_ffn(piece.attention, feed.time, hop, hop, layers, microbatches, rest)
    size_of = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(rack, lpus, lpu.feed_forward_memory(rack.model, size_of), None)
    step = total(layers=split.step, rest=rest, **extra)
    busy = {
        name: service.busy_share(
            time=repeated(time=repeated(time=time, times=layers), times=microbatches), cycle=step, servers=ONE
        )
        for name, time in (("gpu", piece.attention), ("lpu", feed.time))
    }
    return generation(
        rack,
        service.slots(replicas=side.replicas, batch=work.batch),
        total(prefill=first.time, request_host=side.runtime.request_host),
        loaded_tpot(rack, service.step_per_token(step=step), first.time),
        stages={
            "prefill": gpu_stage(first),
            "decode": Stage(step, "exchange between the pools", split.terms | extra),
        },
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1]), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy=busy,
        activity={"gpu": gpu_activity(side, piece), "lpu": ONE},
        crossing=size,
        details={
            "hops_hidden": split.hidden,
            "microbatches_needed": split.needed,
            "gpu_only_step": whole.time,
            "break_even_hop": hybrid.break_even_hop(feed_forward_here=piece.ffn, feed_forward_there=feed.time),
            "chips_per_layer": feed.group,
        },
    )


def draft_verify(rack: Rack) -> Service:
    """A small model on LPUs drafts, the large one on GPUs verifies several tokens in one pass."""
    gpus, lpus = pools(rack)
    side, work, plan = gpu_side(rack, gpus), rack.workload, rack.serving.speculation
    assert plan is not None
    first, _ = gpu_passes(rack, side)
    checked = service.verified_rows(batch=work.batch, drafted=plan.tokens)
    _, verify = gpu_passes(replace(rack, workload=replace(work, batch=checked)), side)
    drafting = replace(rack, model=plan.model)
    step = lpu_step(drafting, lpus)
    small = model_size(plan.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(drafting, lpus, small.weights, work.batch)
    size = hidden_states(rack, checked, ONE_TOKEN, "bf16")
    moved, hop = cross(rack, size)
    draft = total(step=step.time, **extra)
    split = hybrid.draft_verify(draft, verify.time, plan.acceptance, plan.tokens, hop, hop)
    return generation(
        rack,
        service.slots(replicas=side.replicas, batch=work.batch),
        total(prefill=first.time, request_host=side.runtime.request_host),
        loaded_tpot(rack, split.tpot, first.time),
        stages={"prefill": gpu_stage(first), "round": Stage(split.step, "draft and verify in turn", split.terms)},
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1]), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={
            "gpu": service.busy_share(time=verify.time, cycle=split.step, servers=ONE),
            "lpu": service.busy_share(time=split.terms["draft"], cycle=split.step, servers=ONE),
        },
        activity={"gpu": gpu_activity(side, verify), "lpu": ONE},
        crossing=size,
        details={"tokens_per_round": split.tokens},
    )
