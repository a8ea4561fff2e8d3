"""Decode steps and prefills on deterministic SRAM chips. Groups of chips share a layer, and groups form a pipeline."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.lpu.chip_groups import GROUPS, fastest_group, group_of, group_time
from rackcalc.formulas.lpu.chip_links import activation_size, chip_hop
from rackcalc.formulas.lpu.execution_time import PIPELINE, compiled_time, cycle_time, reached
from rackcalc.formulas.lpu.layer_blocks import block_times, exchange_time
from rackcalc.formulas.lpu.layer_cycles import layer_cycles, matrix_unit
from rackcalc.formulas.lpu.matrix_cycles import matrix_cycles
from rackcalc.formulas.lpu.pipeline import (
    bottleneck_time,
    chunk_length,
    chunked_time,
    hops_time,
    pipeline_throughput,
    stage_count,
)
from rackcalc.formulas.transformer.counts import count
from rackcalc.formulas.transformer.flops import rows
from rackcalc.formulas.transformer.forward_pass import ONE_TOKEN
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import TOKEN, Count, Ratio, Seconds, SecondsPerToken, TokensPerSecond
from rackcalc.spec.chips import LPU
from rackcalc.spec.models import Model

_CHUNK = constant(256.0, "token", "prefill chunk", "assumed", note="long enough to hide the installing of weights")


@formula(cite=PIPELINE)
def decode_time(
    attention: Seconds, feed_forward: Seconds, layers: Count, head: Seconds, hops: Seconds, compiler_factor: Ratio
) -> Seconds:
    """One step through all layers and the output head; attention and feed_forward: structural, per layer.

    >>> round(decode_time(attention=5e-6, feed_forward=3e-6, layers=80.0, head=4e-6, hops=4e-6,
    ...     compiler_factor=1.3) * 1e6)
    842
    """
    return ((attention + feed_forward) * layers + head + hops) * compiler_factor


@formula(cite="definition: the inverse of the time per token")
def user_rate(tpot: SecondsPerToken) -> TokensPerSecond:
    """Tokens per second that one user sees.

    >>> user_rate(tpot=0.004)
    250.0
    """
    return xp.divide(1.0, tpot)


@formula(cite="definition: one token per sequence and step")
def token_time(step: Seconds) -> SecondsPerToken:
    """Time between tokens of one sequence.

    >>> token_time(step=3.6e-3)
    0.0036
    """
    return step / TOKEN


@record
class LpuDecode:
    """One step of all sequences of a batch, seconds. attention, feed_forward: per layer, compiler factor included.

    throughput: token/s when every stage holds a batch of its own. group: chips that share a layer.
    """

    time: Quantity
    tpot: Quantity
    structural: Quantity
    compiler_factor: Quantity
    attention: Quantity
    feed_forward: Quantity
    all_reduce: Quantity
    head: Quantity
    hops: Quantity
    group: Quantity
    stages: Quantity
    bottleneck: Quantity
    throughput: Quantity


@record
class Work:
    """Input of one step. batch: sequences; tokens: new tokens per sequence; context: tokens that they attend to."""

    weight_format: str
    kv_format: str
    batch: Quantity
    tokens: Quantity
    context: Quantity


def decode(
    lpu: LPU,
    model: Model,
    chips: Quantity,
    weight_format: str,
    kv_format: str,
    batch: Quantity,
    context: Quantity,
    latency: Quantity,
    bandwidth: Quantity,
) -> LpuDecode:
    """A step that adds one token to each of `batch` sequences of `context` tokens, with the fastest group size.

    latency [s], bandwidth [B/s, one direction]: of one link between two chips. ValueError for a format the chip lacks.
    """
    work = Work(weight_format, kv_format, batch, ONE_TOKEN, context)
    factor = reached(lpu, lpu.compiler_factor_decode, "decode")
    return _fastest(lpu, model, chips, work, latency, bandwidth, factor)


def prefill(
    lpu: LPU,
    model: Model,
    chips: Quantity,
    weight_format: str,
    kv_format: str,
    batch: Quantity,
    prompt: Quantity,
    latency: Quantity,
    bandwidth: Quantity,
    chunk: Quantity = _CHUNK,
) -> Quantity:
    """Time [s] to read prompts of `prompt` tokens, in chunks that follow one another through the stages.

    Every chunk attends to the whole prompt, because a static schedule cannot skip the masked part.
    """
    first = chunk_length(tokens=prompt, chunk=chunk)
    work = Work(weight_format, kv_format, batch, first, prompt)
    factor = reached(lpu, lpu.compiler_factor_encoder, "prefill")
    step = _fastest(lpu, model, chips, work, latency, bandwidth, factor)
    return chunked_time(chunk_time=step.time, bottleneck=step.bottleneck, tokens=prompt, chunk=chunk)


def _fastest(
    lpu: LPU, model: Model, chips: Quantity, work: Work, latency: Quantity, bandwidth: Quantity, factor: Quantity
) -> LpuDecode:
    tried = {}
    for n in GROUPS:
        step = _step(lpu, model, chips, group_of(n), work, latency, bandwidth, factor)
        tried[f"chips_{n}"] = group_time(time=step.time, chips=chips, group=group_of(n))
    return _step(lpu, model, chips, fastest_group(**tried), work, latency, bandwidth, factor)


def _step(
    lpu: LPU,
    model: Model,
    chips: Quantity,
    group: Quantity,
    work: Work,
    latency: Quantity,
    bandwidth: Quantity,
    factor: Quantity,
) -> LpuDecode:
    """A step with a given number of chips per group."""
    m = rows(batch=work.batch, tokens=work.tokens)
    layer = layer_cycles(lpu, model, group, work.weight_format, work.kv_format, work.batch, work.tokens, work.context)
    size = activation_size(rows=m, hidden=model.hidden, width=width("bf16"))
    exchange = exchange_time(lpu, group, size, bandwidth)
    attention, feed_forward_ = block_times(lpu, layer, exchange, model.experts is not None)
    stages = stage_count(chips=chips, group=group, layers=model.layers)
    hop = chip_hop(latency=latency, size=size, bandwidth=bandwidth, links=group, cut_through=lpu.cut_through)
    head = cycle_time(
        cycles=matrix_cycles(
            rows=work.batch,
            inner=model.hidden,
            columns=model.vocabulary,
            copies=count(1.0, "output head"),
            **matrix_unit(lpu, group, work.weight_format),
        ),
        clock=lpu.clock,
    )
    hops = hops_time(stages=stages, hop=hop)
    step = {"attention": attention, "feed_forward": feed_forward_, "layers": model.layers, "head": head, "hops": hops}
    time = decode_time(**step, compiler_factor=factor)
    bottleneck = bottleneck_time(
        layer=total(attention=attention, feed_forward=feed_forward_),
        layers=model.layers,
        stages=stages,
        hop=hop,
        last=head,
        compiler_factor=factor,
    )
    return LpuDecode(
        time=time,
        tpot=token_time(step=time),
        structural=decode_time(**step, compiler_factor=count(1.0, "perfect compiler")),
        compiler_factor=factor,
        attention=compiled_time(structural=attention, compiler_factor=factor),
        feed_forward=compiled_time(structural=feed_forward_, compiler_factor=factor),
        all_reduce=compiled_time(structural=exchange, compiler_factor=factor),
        head=compiled_time(structural=head, compiler_factor=factor),
        hops=compiled_time(structural=hops, compiler_factor=factor),
        group=group,
        stages=stages,
        bottleneck=bottleneck,
        throughput=pipeline_throughput(batch=work.batch, bottleneck=bottleneck),
    )
