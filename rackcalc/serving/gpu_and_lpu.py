"""Decoders on GPUs and LPUs together: the three ways to split the work between them."""

from dataclasses import replace

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.heat import chip_utilization
from rackcalc.formulas.lpu import feed_forward, memory_fit
from rackcalc.formulas.lpu.pipeline import stage_count
from rackcalc.formulas.serving import (
    attention_ffn_speedup,
    attention_ffn_split,
    draft_verify_split,
    prefill_decode_split,
    replicas,
    request_time,
)
from rackcalc.formulas.serving.request_time import repeated
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
    in_flight = replicas.slots(replicas=step.stages, batch=work.batch)
    size = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(rack, lpus, size.weights, in_flight)
    decode = lpu_stage(step, rack.model.layers, extra)
    split = prefill_decode_split.prefill_decode(
        first.time,
        cache,
        rack.model.layers,
        rack.links["gpu-lpu"].part.latency,
        moved.bandwidth,
        decode.time,
        request_time.step_per_token(step=decode.time),
        rack.serving.kv_transfer,
    )
    built = generation(
        rack,
        in_flight,
        total(split=split.ttft, request_host=side.runtime.request_host),
        split.tpot,
        request_time.generation_time(ttft=decode.time, tpot=split.tpot, output=output_of(rack)),
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
    prompts = replicas.shared_time(time=first.time, users=in_flight, servers=side.replicas)
    held_for = largest(decoding=built.occupancy, prefill=prompts)
    busy = {
        "gpu": chip_utilization.busy_share(time=prompts, cycle=held_for, servers=ONE),
        "lpu": chip_utilization.busy_share(time=built.occupancy, cycle=held_for, servers=ONE),
    }
    return replace(built, occupancy=held_for, busy=busy)


def attention_ffn(rack: Rack) -> Service:
    """Attention and KV cache on GPUs, feed-forward weights in the SRAM of LPUs; two crossings per layer and token."""
    gpus, lpus = pools(rack)
    side, work, microbatches = gpu_side(rack, gpus), rack.workload, rack.serving.microbatches
    first, whole = gpu_passes(rack, side)
    micro = attention_ffn_split.microbatch(batch=work.batch, microbatches=microbatches)
    _, piece = gpu_passes(replace(rack, workload=replace(work, batch=micro)), side)
    link, layers = chip_link(rack, lpus), rack.model.layers
    feed = feed_forward.feed_forward(lpus.part, rack.model, lpus.count, work.precision, micro, link.bandwidth)
    size = hidden_states(rack, micro, ONE_TOKEN, "bf16")
    moved, hop = cross(rack, size)
    rest = total(head=piece.head, step_host=piece.step_host)
    split = attention_ffn_split.attention_ffn(piece.attention, feed.time, hop, hop, layers, microbatches, rest)
    size_of = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_holds(rack, lpus, memory_fit.feed_forward_memory(rack.model, size_of), None)
    # every copy of the attention side sends all layers of all microbatches to the same LPUs
    groups = stage_count(chips=lpus.count, group=feed.group, layers=layers)
    asked = repeated(time=repeated(time=feed.time, times=layers), times=microbatches)
    feeding = replicas.shared_time(time=asked, users=side.replicas, servers=groups)
    step = largest(step=total(layers=split.step, rest=rest, **extra), lpus=feeding)
    attending = repeated(time=repeated(time=piece.attention, times=layers), times=microbatches)
    busy = {
        "gpu": chip_utilization.busy_share(time=attending, cycle=step, servers=ONE),
        "lpu": chip_utilization.busy_share(time=feeding, cycle=step, servers=ONE),
    }
    terms = split.terms | extra
    terms["waiting"] = request_time.left_over(whole=step, part=total(**terms))
    per_token = request_time.step_per_token(step=step)
    times = shared_steps(rack, side, first, lambda _: per_token, work.batch)
    return generation(
        rack,
        replicas.slots(replicas=side.replicas, batch=work.batch),
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
            "break_even_hop": attention_ffn_speedup.break_even_hop(
                feed_forward_here=piece.ffn, feed_forward_there=feed.time
            ),
            "chips_per_layer": feed.group,
        },
    )


def draft_verify(rack: Rack) -> Service:
    """A small model on LPUs drafts, the large one on GPUs verifies several tokens in one pass."""
    gpus, lpus = pools(rack)
    side, work, plan = gpu_side(rack, gpus), rack.workload, rack.serving.speculation
    assert plan is not None
    first, _ = gpu_passes(rack, side)
    checked = draft_verify_split.verified_rows(batch=work.batch, drafted=plan.tokens)
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
    drafting_time = replicas.shared_time(time=split.terms["draft"], users=side.replicas, servers=step.stages)
    turn = largest(round=split.step, lpus=drafting_time)
    terms = split.terms | {"waiting": request_time.left_over(whole=turn, part=split.step)}
    tpot = draft_verify_split.speculative_tpot(step=turn, tokens=split.tokens)
    times = shared_steps(rack, side, first, lambda _: tpot, work.batch)
    return generation(
        rack,
        replicas.slots(replicas=side.replicas, batch=work.batch),
        times.ttft,
        times.tpot,
        time_of(rack, times),
        stages={"prefill": gpu_stage(first), "round": Stage(turn, "draft and verify in turn", terms)},
        memory={"gpu": gpu_memory(rack, side, work.batch, context_of(rack)[1]), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={
            "gpu": chip_utilization.busy_share(time=verify.time, cycle=turn, servers=ONE),
            "lpu": chip_utilization.busy_share(time=drafting_time, cycle=turn, servers=ONE),
        },
        activity={"gpu": serving_activity(rack, side, first, verify, work.batch), "lpu": ONE},
        crossing=size,
        together={"gpu": work.batch, "lpu": work.batch},
        details={"tokens_per_round": split.tokens},
    )
