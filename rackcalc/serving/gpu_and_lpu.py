"""Decoders on GPUs and LPUs together: the three ways to split the work between them."""

from dataclasses import replace

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.heat.chip_utilization import busy_share
from rackcalc.formulas.lpu.feed_forward import feed_forward
from rackcalc.formulas.lpu.memory_fit import feed_forward_memory
from rackcalc.formulas.lpu.pipeline import stage_count
from rackcalc.formulas.serving import attention_ffn_split, draft_verify_split
from rackcalc.formulas.serving.attention_ffn_speedup import break_even_hop
from rackcalc.formulas.serving.attention_ffn_split import microbatch
from rackcalc.formulas.serving.draft_verify_split import speculative_tpot, verified_rows
from rackcalc.formulas.serving.prefill_decode_split import prefill_decode
from rackcalc.formulas.serving.replicas import shared_time, slots
from rackcalc.formulas.serving.request_time import generation_time, left_over, repeated, step_per_token
from rackcalc.formulas.transformer.forward_pass import ONE_TOKEN
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.serving.decoders import lpu_details, lpu_holds, lpu_stage, lpu_step
from rackcalc.serving.generation import generation, gpu_passes, output_of, serving_activity, shared_steps, time_of
from rackcalc.serving.pools import (
    ONE,
    Service,
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
    pools,
)
from rackcalc.spec.rack import Rack


def onto_lpus(rack: Rack) -> Service:
    """Prompts on GPUs, their KV cache over the link, generation on LPUs."""
    gpus, lpus = pools(rack)
    side, work = gpu_side(rack, gpus), rack.workload
    first, _ = gpu_passes(rack, side)
    step = lpu_step(rack, lpus)
    cache = cache_of(rack, ONE, work.input)
    moved, _ = cross(rack, cache)
    in_flight = slots(replicas=step.stages, batch=work.batch)
    size = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(rack, lpus, size.weights, in_flight)
    decode = lpu_stage(step, rack.model.layers, extra)
    split = prefill_decode(
        first.time,
        cache,
        rack.model.layers,
        rack.links["gpu-lpu"].part.latency,
        moved.bandwidth,
        decode.time,
        step_per_token(step=decode.time),
        rack.serving.kv_transfer,
    )
    built = generation(
        rack,
        in_flight,
        total(split=split.ttft, request_host=side.runtime.request_host),
        split.tpot,
        generation_time(ttft=decode.time, tpot=split.tpot, output=output_of(rack)),
        stages={"prefill": gpu_stage(first), "kv_transfer": Stage(split.exposed, "link"), "decode": decode},
        memory={"gpu": gpu_memory(rack, side, ONE, work.input), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={},
        activity={"gpu": gpu_activity(side, first.memory_utilization, first.utilization), "lpu": ONE},
        crossing=cache,
        together={"lpu": work.batch},
        details=lpu_details(step),
    )
    # a place on the LPUs comes free no faster than the GPUs can fill it
    prompts = shared_time(time=first.time, users=in_flight, servers=side.replicas)
    held_for = largest(decoding=built.occupancy, prefill=prompts)
    busy = {
        "gpu": busy_share(time=prompts, cycle=held_for, servers=ONE),
        "lpu": busy_share(time=built.occupancy, cycle=held_for, servers=ONE),
    }
    return replace(built, occupancy=held_for, busy=busy)


def attention_ffn(rack: Rack) -> Service:
    """Attention and KV cache on GPUs, feed-forward weights in the SRAM of LPUs; two crossings per layer and token."""
    gpus, lpus = pools(rack)
    side, work, microbatches = gpu_side(rack, gpus), rack.workload, rack.serving.microbatches
    first, whole = gpu_passes(rack, side)
    micro = microbatch(batch=work.batch, microbatches=microbatches)
    _, piece = gpu_passes(replace(rack, workload=replace(work, batch=micro)), side)
    link, layers = chip_link(rack, lpus), rack.model.layers
    feed = feed_forward(lpus.part, rack.model, lpus.count, work.precision, micro, link.bandwidth)
    size = hidden_states(rack, micro, ONE_TOKEN, "bf16")
    moved, hop = cross(rack, size)
    rest = total(head=piece.head, step_host=piece.step_host)
    split = attention_ffn_split.attention_ffn(piece.attention, feed.time, hop, hop, layers, microbatches, rest)
    size_of = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(rack, lpus, feed_forward_memory(rack.model, size_of), None)
    # every copy of the attention side sends all layers of all microbatches to the same LPUs
    groups = stage_count(chips=lpus.count, group=feed.group, layers=layers)
    asked = repeated(time=repeated(time=feed.time, times=layers), times=microbatches)
    feeding = shared_time(time=asked, users=side.replicas, servers=groups)
    step = largest(step=total(layers=split.step, rest=rest, **extra), lpus=feeding)
    attending = repeated(time=repeated(time=piece.attention, times=layers), times=microbatches)
    busy = {
        "gpu": busy_share(time=attending, cycle=step, servers=ONE),
        "lpu": busy_share(time=feeding, cycle=step, servers=ONE),
    }
    terms = split.terms | extra
    terms["waiting"] = left_over(whole=step, part=total(**terms))
    per_token = step_per_token(step=step)
    times = shared_steps(rack, side, first, lambda _: per_token, work.batch)
    return generation(
        rack,
        slots(replicas=side.replicas, batch=work.batch),
        times.ttft,
        times.tpot,
        time_of(rack, times),
        stages={"prefill": gpu_stage(first), "decode": Stage(step, "exchange between the pools", terms)},
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1]), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy=busy,
        activity={"gpu": serving_activity(rack, side, first, whole, work.batch), "lpu": ONE},
        crossing=size,
        together={"gpu": work.batch, "lpu": work.batch},
        details={
            "hops_hidden": split.hidden,
            "microbatches_needed": split.needed,
            "gpu_only_step": whole.time,
            "break_even_hop": break_even_hop(feed_forward_here=piece.ffn, feed_forward_there=feed.time),
            "chips_per_layer": feed.group,
        },
    )


def draft_verify(rack: Rack) -> Service:
    """A small model on LPUs drafts, the large one on GPUs verifies several tokens in one pass."""
    gpus, lpus = pools(rack)
    side, work, plan = gpu_side(rack, gpus), rack.workload, rack.serving.speculation
    assert plan is not None
    first, _ = gpu_passes(rack, side)
    checked = verified_rows(batch=work.batch, drafted=plan.tokens)
    _, verify = gpu_passes(replace(rack, workload=replace(work, batch=checked)), side)
    drafting = replace(rack, model=plan.model)
    step = lpu_step(drafting, lpus)
    small = model_size(plan.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(drafting, lpus, small.weights, work.batch)
    size = hidden_states(rack, checked, ONE_TOKEN, "bf16")
    moved, hop = cross(rack, size)
    draft = total(step=step.time, **extra)
    split = draft_verify_split.draft_verify(draft, verify.time, plan.acceptance, plan.tokens, hop, hop)
    # every copy of the large model drafts on the same LPUs, whose pipeline stages hold one batch each
    drafting_time = shared_time(time=split.terms["draft"], users=side.replicas, servers=step.stages)
    turn = largest(round=split.step, lpus=drafting_time)
    terms = split.terms | {"waiting": left_over(whole=turn, part=split.step)}
    tpot = speculative_tpot(step=turn, tokens=split.tokens)
    times = shared_steps(rack, side, first, lambda _: tpot, work.batch)
    return generation(
        rack,
        slots(replicas=side.replicas, batch=work.batch),
        times.ttft,
        times.tpot,
        time_of(rack, times),
        stages={"prefill": gpu_stage(first), "round": Stage(turn, "draft and verify in turn", terms)},
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1]), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={
            "gpu": busy_share(time=verify.time, cycle=turn, servers=ONE),
            "lpu": busy_share(time=drafting_time, cycle=turn, servers=ONE),
        },
        activity={"gpu": serving_activity(rack, side, first, verify, work.batch), "lpu": ONE},
        crossing=size,
        together={"gpu": work.batch, "lpu": work.batch},
        details={"tokens_per_round": split.tokens},
    )
