"""Decoders on GPUs and LPUs together: by phase, by kind of layer, or with a drafting model."""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.heat.chip_utilization import busy_share
from rackcalc.formulas.lpu.feed_forward import feed_forward
from rackcalc.formulas.lpu.memory_fit import feed_forward_memory
from rackcalc.formulas.lpu.pipeline import stage_count
from rackcalc.formulas.serving import attention_ffn_split, draft_verify_split
from rackcalc.formulas.serving.attention_ffn_speedup import break_even_hop
from rackcalc.formulas.serving.attention_ffn_split import microbatch
from rackcalc.formulas.serving.draft_verify_split import verified_rows
from rackcalc.formulas.serving.prefill_decode_split import prefill_decode
from rackcalc.formulas.serving.replicas import shared_time, slots
from rackcalc.formulas.serving.request_time import generation_time, left_over, repeated, step_per_token
from rackcalc.formulas.serving.speculative_decoding import speculative_tpot
from rackcalc.formulas.transformer.forward_pass import ONE_TOKEN
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.quantities.record import replace
from rackcalc.serving.decoders import lpu_decode_stage, lpu_decode_step, lpu_decoder_memory, lpu_details
from rackcalc.serving.generation import (
    decode_step,
    generation_service,
    holding_time,
    output_tokens,
    prefill_pass,
    serving_power_utilization,
    times_among_prefills,
)
from rackcalc.serving.gpu_deployment import gpu_deployment, gpu_power_utilization, gpu_stage
from rackcalc.serving.pool_links import both_pools, gpu_lpu_transfer, lpu_link
from rackcalc.serving.pool_memory import context_lengths, gpu_memory, hidden_state_bytes, kv_cache_of_batch, kv_format
from rackcalc.serving.service_model import ONE, ServiceModel, Stage, batch_of
from rackcalc.spec.rack import Rack


def prefill_on_gpus_decode_on_lpus(rack: Rack) -> ServiceModel:
    """Prompts on GPUs, their KV cache over the link, generation on LPUs."""
    gpus, lpus = both_pools(rack)
    deployed, work = gpu_deployment(rack, gpus), rack.workload
    first = prefill_pass(rack, deployed)
    step = lpu_decode_step(rack, lpus)
    cache = kv_cache_of_batch(rack, ONE, work.input)
    moved, _ = gpu_lpu_transfer(rack, cache)
    in_flight = slots(replicas=step.stages, batch=batch_of(rack))
    size = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_decoder_memory(rack, lpus, size.weights, in_flight)
    decode = lpu_decode_stage(step, rack.model.layers, extra)
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
    built = generation_service(
        rack,
        in_flight,
        total(split=split.ttft, request_host=deployed.runtime.request_host),
        split.tpot,
        generation_time(ttft=decode.time, tpot=split.tpot, output=output_tokens(rack)),
        stages={"prefill": gpu_stage(first), "kv_transfer": Stage(split.exposed, "link"), "decode": decode},
        memory={"gpu": gpu_memory(rack, deployed, ONE, work.input), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={},
        activity={"gpu": gpu_power_utilization(deployed, first.memory_utilization, first.utilization), "lpu": ONE},
        crossing_size=cache,
        slots={"lpu": batch_of(rack)},
        details=lpu_details(step),
    )
    # a place on the LPUs is not taken again before the GPUs have prefilled the next prompt
    prompts = shared_time(time=first.time, users=in_flight, servers=deployed.replicas)
    held_for = largest(decoding=built.occupancy, prefill=prompts)
    busy = {
        "gpu": busy_share(time=prompts, cycle=held_for, servers=ONE),
        "lpu": busy_share(time=built.occupancy, cycle=held_for, servers=ONE),
    }
    return replace(built, occupancy=held_for, busy=busy)


def attention_ffn(rack: Rack) -> ServiceModel:
    """Attention and KV cache on GPUs, feed-forward layers on LPUs. Hidden states cross twice per layer and token."""
    gpus, lpus = both_pools(rack)
    deployed, work, microbatches = gpu_deployment(rack, gpus), rack.workload, rack.serving.microbatches
    first, whole = prefill_pass(rack, deployed), decode_step(rack, deployed, batch_of(rack))
    micro = microbatch(batch=batch_of(rack), microbatches=microbatches)
    piece = decode_step(rack, deployed, micro)
    link, layers = lpu_link(rack, lpus), rack.model.layers
    feed = feed_forward(lpus.part, rack.model, lpus.count, work.precision, micro, link.bandwidth)
    size = hidden_state_bytes(rack, micro, ONE_TOKEN, "bf16")
    moved, hop = gpu_lpu_transfer(rack, size)
    rest = total(head=piece.head, step_host=piece.step_host)
    split = attention_ffn_split.attention_ffn(piece.attention, feed.time, hop, hop, layers, microbatches, rest)
    size_of = model_size(rack.model, work.precision, kv_format(rack))
    held, extra = lpu_decoder_memory(rack, lpus, feed_forward_memory(rack.model, size_of), None)
    # every copy of the attention layers sends all layers of all microbatches to the same LPUs
    groups = stage_count(chips=lpus.count, group=feed.group, layers=layers)
    asked = repeated(time=repeated(time=feed.time, times=layers), times=microbatches)
    feeding = shared_time(time=asked, users=deployed.replicas, servers=groups)
    step = largest(step=total(layers=split.step, rest=rest, **extra), lpus=feeding)
    attending = repeated(time=repeated(time=piece.attention, times=layers), times=microbatches)
    busy = {
        "gpu": busy_share(time=attending, cycle=step, servers=ONE),
        "lpu": busy_share(time=feeding, cycle=step, servers=ONE),
    }
    terms = split.terms | extra
    terms["waiting"] = left_over(whole=step, part=total(**terms))
    per_token = step_per_token(step=step)
    times = times_among_prefills(rack, deployed, first, lambda _: per_token, batch_of(rack))
    return generation_service(
        rack,
        slots(replicas=deployed.replicas, batch=batch_of(rack)),
        times.ttft,
        times.tpot,
        holding_time(rack, times),
        stages={"prefill": gpu_stage(first), "decode": Stage(step, "exchange between the pools", terms)},
        memory={"gpu": gpu_memory(rack, deployed, batch_of(rack), context_lengths(rack)[1]), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy=busy,
        activity={"gpu": serving_power_utilization(rack, deployed, first, whole, batch_of(rack)), "lpu": ONE},
        crossing_size=size,
        slots={"gpu": batch_of(rack), "lpu": batch_of(rack)},
        details={
            "hops_hidden": split.hidden,
            "microbatches_needed": split.needed,
            "gpu_only_step": whole.time,
            "break_even_hop": break_even_hop(feed_forward_here=piece.ffn, feed_forward_there=feed.time),
            "chips_per_layer": feed.group,
        },
    )


def draft_verify(rack: Rack) -> ServiceModel:
    """A small model on the LPUs drafts tokens; the large model on the GPUs verifies several of them in one pass."""
    gpus, lpus = both_pools(rack)
    deployed, work, plan = gpu_deployment(rack, gpus), rack.workload, rack.serving.speculation
    assert plan is not None and plan.model is not None
    first = prefill_pass(rack, deployed)
    checked = verified_rows(batch=batch_of(rack), drafted=plan.tokens)
    verify = decode_step(rack, deployed, checked)
    drafting = replace(rack, model=plan.model)
    step = lpu_decode_step(drafting, lpus)
    small = model_size(plan.model, work.precision, kv_format(rack))
    held, extra = lpu_decoder_memory(drafting, lpus, small.weights, batch_of(rack))
    size = hidden_state_bytes(rack, checked, ONE_TOKEN, "bf16")
    moved, hop = gpu_lpu_transfer(rack, size)
    draft = total(step=step.time, **extra)
    split = draft_verify_split.draft_verify(draft, verify.time, plan.acceptance, plan.tokens, hop, hop)
    # every copy of the large model drafts on the same LPUs, whose pipeline stages hold one batch each
    drafting_time = shared_time(time=split.terms["draft"], users=deployed.replicas, servers=step.stages)
    turn = largest(round=split.step, lpus=drafting_time)
    terms = split.terms | {"waiting": left_over(whole=turn, part=split.step)}
    tpot = speculative_tpot(step=turn, tokens=split.tokens)
    times = times_among_prefills(rack, deployed, first, lambda _: tpot, batch_of(rack))
    return generation_service(
        rack,
        slots(replicas=deployed.replicas, batch=batch_of(rack)),
        times.ttft,
        times.tpot,
        holding_time(rack, times),
        stages={"prefill": gpu_stage(first), "round": Stage(turn, "draft and verify in turn", terms)},
        memory={"gpu": gpu_memory(rack, deployed, batch_of(rack), context_lengths(rack)[1]), "lpu": held},
        transfers={"gpu-lpu": moved},
        busy={
            "gpu": busy_share(time=verify.time, cycle=turn, servers=ONE),
            "lpu": busy_share(time=drafting_time, cycle=turn, servers=ONE),
        },
        activity={"gpu": serving_power_utilization(rack, deployed, first, verify, batch_of(rack)), "lpu": ONE},
        crossing_size=size,
        slots={"gpu": batch_of(rack), "lpu": batch_of(rack)},
        details={"tokens_per_round": split.tokens},
    )
