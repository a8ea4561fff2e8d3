"""Pipelines of chips: their stages, their bottleneck and their throughput."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Ratio, Seconds, Tokens, TokensPerSecond


@formula(cite="definition: a pipeline of groups, at most one layer per stage")
def stage_count(chips: Count, group: Count, layers: Count) -> Count:
    """Stages of the pipeline that `chips` chips form in groups; no number when they do not make one group.

    >>> stage_count(chips=576.0, group=8.0, layers=80.0)
    72.0
    """
    return xp.where(chips >= group, xp.minimum(xp.floor(xp.divide(chips, group)), layers), xp.nan)


@formula(cite="definition: one hop fewer than stages")
def hops_time(stages: Count, hop: Seconds) -> Seconds:
    """Hops of one item through the pipeline; none with one stage.

    >>> hops_time(stages=4.0, hop=22e-6)
    6.6e-05
    """
    return (stages - 1) * hop


@formula(cite="definition: the longest stage holds ceil(layers / stages) layers, and sends once")
def bottleneck_time(
    layer: Seconds, layers: Count, stages: Count, hop: Seconds, last: Seconds, compiler_factor: Ratio
) -> Seconds:
    """Time between two items that leave the full pipeline; its inverse is the throughput.

    layer: structural time of one layer; last: what only the last stage does (output head), structural.

    >>> round(bottleneck_time(layer=36.4e-6, layers=24.0, stages=4.0, hop=22e-6, last=0.0, compiler_factor=1.3) * 1e6)
    306
    """
    hop = xp.where(stages > 1, hop, 0 * hop)
    return (xp.ceil(xp.divide(layers, stages)) * layer + last) * compiler_factor + hop


@formula(cite="definition: tokens of a step over the time between steps of the full pipeline")
def pipeline_throughput(batch: Count, bottleneck: Seconds) -> TokensPerSecond:
    """Output rate when every stage works on a batch of its own.

    >>> round(pipeline_throughput(batch=1.0, bottleneck=50e-6))
    20000
    """
    return xp.divide(batch * TOKEN, bottleneck)


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
