"""Generating tokens on deterministic SRAM chips: groups of chips share a layer, groups form a pipeline."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.lpu.cycles import (
    activation_size,
    all_reduce_time,
    block_fill,
    bottleneck_time,
    chip_hop,
    cycle_time,
    hops_time,
    matrix_cycles,
    stage_count,
)
from rackcalc.formulas.lpu.forward_pass import Layer, compiled_time, layer_cycles, matrix_unit
from rackcalc.formulas.transformer.counts import count
from rackcalc.formulas.transformer.flops import rows
from rackcalc.formulas.transformer.forward_pass import ONE_TOKEN
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import SECOND, TOKEN, Count, Ratio, Seconds, SecondsPerToken, Tokens, TokensPerSecond
from rackcalc.spec.chips import LPU
from rackcalc.spec.models import Model

GROUPS = (1, 2, 4, 8, 16, 32, 64)  # sizes tried; a group larger than the tightly coupled one takes inf
_NO_CONTEXT = constant(0.0, "token", "no attention here", "published", note="attention stays on the other chips")
_CHUNK = constant(256.0, "token", "prefill chunk", "assumed", note="long enough to hide the installing of weights")
PIPELINE = "definition: stages in sequence, each at its structural time times what the compiler reaches"


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


@formula(cite="definition: a group cannot have more chips than there are")
def group_time(time: Seconds, chips: Count, group: Count) -> Seconds:
    """The time, or inf when the chips do not make one group.

    >>> group_time(time=2e-3, chips=4.0, group=8.0)
    inf
    """
    return xp.where(chips >= group, time, xp.inf * SECOND)


@formula(cite="definition: the group size with the shortest step")
def fastest_group(**times: Seconds) -> Count:
    """Chips per group that give the shortest step; each term is named chips_<size>. The smallest wins a tie.

    >>> fastest_group(chips_1=3e-3, chips_2=2e-3, chips_4=2.5e-3)
    2.0
    """
    names = iter(times)
    name = next(names)
    best, size = times[name], float(name.removeprefix("chips_"))
    for name in names:
        better = times[name] < best
        size = xp.where(better, float(name.removeprefix("chips_")), size)
        best = xp.where(better, times[name], best)
    return size


@formula(cite="definition: tokens of a step over the time between steps of the full pipeline")
def pipeline_throughput(batch: Count, bottleneck: Seconds) -> TokensPerSecond:
    """Output rate when every stage works on a batch of its own.

    >>> round(pipeline_throughput(batch=1.0, bottleneck=50e-6))
    20000
    """
    return xp.divide(batch * TOKEN, bottleneck)


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


@formula(cite="definition: the first chunk through all stages, the others behind it")
def chunked_time(chunk_time: Seconds, bottleneck: Seconds, tokens: Tokens, chunk: Tokens) -> Seconds:
    """Prompt in chunks through a pipeline.

    >>> round(chunked_time(chunk_time=5e-3, bottleneck=1e-4, tokens=1024.0, chunk=256.0), 6)
    0.0053
    """
    return chunk_time + (xp.maximum(xp.ceil(xp.divide(tokens, chunk)), 1) - 1) * bottleneck


@formula(cite="definition: the shorter of prompt and chunk")
def chunk_length(tokens: Tokens, chunk: Tokens) -> Tokens:
    """Tokens of the first chunk.

    >>> chunk_length(tokens=100.0, chunk=256.0)
    100.0
    """
    return xp.minimum(tokens, chunk)


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
class LpuFeedForward:
    """Feed-forward or expert block of one layer, seconds, compiler factor included; group: chips that share it."""

    time: Quantity
    structural: Quantity
    all_reduce: Quantity
    group: Quantity


@record
class Work:
    """What one step has to do. batch: sequences; tokens: new ones per sequence; context: tokens they attend to."""

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
    """One token for each of `batch` sequences of `context` tokens, at the group size that is fastest.

    latency [s], bandwidth [B/s, one direction]: of one link between two chips. ValueError for a format the chip lacks.
    """
    work = Work(weight_format, kv_format, batch, ONE_TOKEN, context)
    return _fastest(lpu, model, chips, work, latency, bandwidth, lpu.compiler_factor_decode)


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
    """Seconds to read prompts of `prompt` tokens, in chunks that follow one another through the stages.

    Every chunk is charged attention over the whole prompt (a static schedule cannot skip what causality allows).
    """
    first = chunk_length(tokens=prompt, chunk=chunk)
    work = Work(weight_format, kv_format, batch, first, prompt)
    step = _fastest(lpu, model, chips, work, latency, bandwidth, lpu.compiler_factor_encoder)
    return chunked_time(chunk_time=step.time, bottleneck=step.bottleneck, tokens=prompt, chunk=chunk)


def feed_forward(
    lpu: LPU, model: Model, chips: Quantity, weight_format: str, batch: Quantity, bandwidth: Quantity
) -> LpuFeedForward:
    """Feed-forward blocks alone (attention stays elsewhere): one layer, mean over the layers, `batch` tokens."""
    size = activation_size(rows=batch, hidden=model.hidden, width=width("bf16"))

    def block(group: Quantity) -> tuple[Quantity, Quantity]:
        layer = layer_cycles(lpu, model, group, weight_format, weight_format, batch, ONE_TOKEN, _NO_CONTEXT)
        exchange = _exchange(lpu, group, size, bandwidth)
        return exchange, _blocks(lpu, layer, exchange)[1]

    tried = {f"chips_{n}": group_time(time=block(_group(n))[1], chips=chips, group=_group(n)) for n in GROUPS}
    group = fastest_group(**tried)
    exchange, structural = block(group)
    time = compiled_time(structural=structural, compiler_factor=lpu.compiler_factor_decode)
    return LpuFeedForward(time, structural, exchange, group)


def _exchange(lpu: LPU, group: Quantity, size: Quantity, bandwidth: Quantity) -> Quantity:
    port = lpu.ports.get(lpu.chip_link, bandwidth)  # without the figure: one link
    return all_reduce_time(
        latency=lpu.all_reduce_latency, chips=group, group=lpu.group, size=size, bandwidth=bandwidth, port=port
    )


def _group(chips: int) -> Quantity:
    return count(float(chips), "chips per group tried")


def _fastest(
    lpu: LPU, model: Model, chips: Quantity, work: Work, latency: Quantity, bandwidth: Quantity, factor: Quantity
) -> LpuDecode:
    tried = {}
    for n in GROUPS:
        step = _step(lpu, model, chips, _group(n), work, latency, bandwidth, factor)
        tried[f"chips_{n}"] = group_time(time=step.time, chips=chips, group=_group(n))
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
    exchange = _exchange(lpu, group, size, bandwidth)
    attention, feed_forward_ = _blocks(lpu, layer, exchange)
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


def _blocks(lpu: LPU, layer: Layer, exchange: Quantity) -> tuple[Quantity, Quantity]:
    """Structural time of the attention block and of the feed-forward block of one layer; each ends in an all-reduce."""
    fill = block_fill(fill_cycles=lpu.fill_cycles)
    attention = total(
        projections=layer.projections, attention=layer.attention, vector=layer.attention_vector, fill=fill
    )
    feed = total(matrix=layer.feed_forward, vector=layer.feed_forward_vector, fill=fill)
    return (
        total(computing=cycle_time(cycles=attention, clock=lpu.clock), all_reduce=exchange),
        total(computing=cycle_time(cycles=feed, clock=lpu.clock), all_reduce=exchange),
    )
