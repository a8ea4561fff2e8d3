"""An engine whose layers are divided over stages: several micro-batches are under way, each in another stage."""

from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    REQUEST,
    SECOND,
    TOKEN,
    Bytes,
    BytesPerSecond,
    Count,
    Ratio,
    RequestsPerSecond,
    Seconds,
    SecondsPerToken,
    Tokens,
)

GPIPE = "Y. Huang et al., GPipe, arXiv:1811.06965: stages of consecutive layers, micro-batches one behind the other"
BUBBLES = (
    "derivation: batches follow each other in a ring of stages, and all wait behind one that is longer by a chunk "
    "(pipeline bubbles: A. Agrawal et al., Sarathi, arXiv:2308.16369); chunks in adjacent batches overlap"
)
CHUNKED = (
    "R. Qin et al., Mooncake, arXiv:2407.00079: chunked pipeline parallelism, a prompt's chunks in adjacent stages"
)


@formula(cite=GPIPE + "; vLLM and SGLang keep as many batches in flight as there are stages")
def micro_batch(batch: Count, stages: Count) -> Count:
    """Sequences of one micro-batch; at least one.

    >>> micro_batch(batch=64.0, stages=4.0)
    16.0
    """
    return xp.maximum(batch / stages, 1.0)


@formula(cite="definition: no more micro-batches than sequences")
def batches_in_flight(batch: Count, stages: Count) -> Count:
    """Micro-batches that are under way together.

    >>> batches_in_flight(batch=2.0, stages=4.0)
    2.0
    """
    return xp.minimum(xp.maximum(batch, 1.0), stages)


@formula(cite="definition: whole layers on each stage; engines give the last stage, with the output matrix, no more")
def slowest_stage(passing: Seconds, head: Seconds, layers: Count, stages: Count) -> Seconds:
    """Time of the slowest stage. passing: of a micro-batch through all layers and the head.

    >>> round(slowest_stage(passing=8.5e-3, head=0.5e-3, layers=80.0, stages=4.0) * 1e3, 9)
    2.5
    """
    body = passing - head
    fullest = body * xp.ceil(layers / stages) / layers
    last = body * xp.floor(layers / stages) / layers + head
    return xp.maximum(fullest, last)


@formula(cite=GPIPE)
def round_time(passing: Seconds, slowest: Seconds, hop: Seconds, batches: Count, stages: Count) -> Seconds:
    """Time from one token of a sequence to its next: its own way, or the turns of all batches at the slowest stage.

    >>> round(round_time(passing=8.5e-3, slowest=2.5e-3, hop=0.1e-3, batches=4.0, stages=4.0) * 1e3, 9)
    10.4
    """
    return xp.maximum(passing + stages * hop, batches * (slowest + hop))


@formula(cite="definition: hidden state and residual of every row, of which each GPU of a stage sends its share")
def stage_message(rows: Count, hidden: Count, element: Bytes, devices: Count) -> Bytes:
    """Size of what one GPU sends to the next stage.

    >>> stage_message(rows=16.0, hidden=8192.0, element=2.0, devices=4.0)
    131072.0
    """
    return 2 * rows * hidden * element / devices


@formula(cite="definition: latency, and size over bandwidth (R. Hockney, Parallel Computing 20 (1994) 389-398)")
def hop_time(size: Bytes, latency: Seconds, bandwidth: BytesPerSecond, efficiency: Ratio) -> Seconds:
    """Time of a micro-batch from one stage to the next.

    >>> round(hop_time(size=1e6, latency=10e-6, bandwidth=50e9, efficiency=0.8) * 1e6, 6)
    35.0
    """
    return latency + size / (bandwidth * efficiency)


@formula(cite="definition: one way for each")
def hops_time(hop: Seconds, hops: Count) -> Seconds:
    """Time of several hops.

    >>> round(hops_time(hop=20e-6, hops=4.0) * 1e6, 6)
    80.0
    """
    return hop * hops


@formula(cite="definition: work of all batches over all GPUs of the stages")
def utilization_of_stages(utilization: Ratio, passing: Seconds, whole: Seconds, batches: Count, stages: Count) -> Ratio:
    """Utilization of the GPUs of all stages, from that of a pass on one stage's GPUs.

    >>> utilization_of_stages(utilization=0.4, passing=0.01, whole=0.02, batches=4.0, stages=4.0)
    0.2
    """
    return xp.pure(utilization * passing * batches / (xp.where(whole > 0, whole, 1.0 * whole) * stages))


@formula(cite="definition: whole chunks or a part of one, on average no less than one")
def chunks_of_prompt(prompt: Tokens, chunk: Tokens) -> Count:
    """Chunks of a prompt.

    >>> chunks_of_prompt(prompt=8192.0, chunk=2048.0)
    4.0
    """
    return xp.pure(xp.maximum(prompt / chunk, 1.0))


@formula(cite="definition: every micro-batch may hold a chunk")
def budget_of_round(chunk: Tokens, stages: Count) -> Tokens:
    """Most tokens that all micro-batches compute in one round.

    >>> budget_of_round(chunk=2048.0, stages=4.0)
    8192.0
    """
    return chunk * stages


@formula(cite="definition: a chunk at a time")
def rows_of_chunk(prompt: Tokens, chunk: Tokens) -> Count:
    """Rows of one chunk of a prompt.

    >>> rows_of_chunk(prompt=8192.0, chunk=2048.0)
    2048.0
    """
    return xp.pure(xp.minimum(prompt, chunk) / TOKEN)


@formula(cite=CHUNKED)
def share_of_own_prompt(chunks: Count, stages: Count) -> Ratio:
    """Time of a prompt through all stages over its time on one: chunks in different stages overlap.

    >>> share_of_own_prompt(chunks=1.0, stages=4.0), share_of_own_prompt(chunks=9.0, stages=4.0)
    (1.0, 0.3333333333333333)
    """
    return (chunks + stages - 1) / (chunks * stages)


@formula(cite="definition: a share of the time")
def shortened_time(time: Seconds, share: Ratio) -> Seconds:
    """The time that is left of one.

    >>> shortened_time(time=0.1, share=0.5)
    0.05
    """
    return time * share


@formula(cite="definition: a share of each")
def overlapping(ahead: Count, share: Ratio) -> Count:
    """Prompts ahead, where each delays the next by a share of its time.

    >>> overlapping(ahead=4.0, share=0.25)
    1.0
    """
    return ahead * share


@formula(cite="definition: hops of the first chunk, and one more for each that follows")
def hops_of_prompt(chunks: Count, stages: Count) -> Count:
    """Hops on the way of a prompt.

    >>> hops_of_prompt(chunks=3.0, stages=4.0)
    6.0
    """
    return stages + chunks - 1


def _overlap(holds: Any, chunks: Any, stages: Any) -> Any:
    """Delay of others by a prompt over its own time in the stages; a micro-batch holds a chunk with this chance."""
    holds = xp.clip(holds, 1e-9, 1.0)
    alone = (chunks + stages - 1) / (chunks * stages)
    crowded = (1 - xp.power(1 - holds, stages)) / (stages * holds)
    return xp.minimum(alone, crowded) / alone


@formula(cite=BUBBLES)
def overlap_of_prompts(held: Count, steps: Tokens, chunks: Count, stages: Count) -> Ratio:
    """Delay of the others by a prompt, over its own time in the stages, where `held` requests take `steps` each.

    Where every micro-batch holds a chunk, each delays the ring by its time in one stage.

    >>> overlap_of_prompts(held=100.0, steps=25.0, chunks=1.0, stages=4.0)
    0.25
    """
    return _overlap(xp.pure(held * TOKEN / steps) * chunks / stages, chunks, stages)


@formula(cite="definition: in a full ring chunks follow each other in all stages")
def overlap_in_full_ring(chunks: Count, stages: Count) -> Ratio:
    """Time after which the next prompt can follow, over that of a prompt in the stages.

    >>> overlap_in_full_ring(chunks=1.0, stages=4.0)
    0.25
    """
    return xp.divide(chunks, chunks + stages - 1)


def nobody_served(load: Any, servers: Any) -> Any:
    """Chance that a queue with several servers, any number from 1, is empty; within 0.02 of Erlang's for whole ones.

    load: arrivals in the time of one service.

    >>> round(nobody_served(1.4, 2.0), 3)  # M/M/2: (1 - 0.7) / (1 + 0.7) = 0.176
    0.178
    """
    used = xp.minimum(load / servers, 1.0)
    return xp.exp(-load) * (1 - xp.power(used, servers + 1.6))


@formula(cite=BUBBLES + "; prompts in the ring as in a queue with as many servers (A. K. Erlang, 1917)")
def slower_steps(rate: RequestsPerSecond, step: SecondsPerToken, work: Seconds, chunks: Count, stages: Count) -> Ratio:
    """Factor on the steps of an engine whose prompts each take the share of a full ring from all others.

    One prompt alone delays all batches by as much as one in each batch would. work: of a prompt in the stages.

    >>> round(slower_steps(rate=1e-9, step=0.02, work=0.2, chunks=1.0, stages=4.0), 6)
    1.0
    """
    alone, prompt = xp.pure(step * TOKEN / SECOND), xp.pure(work / SECOND)
    arrivals = xp.pure(rate * SECOND / REQUEST)
    longer = alone + prompt * stages / (chunks + stages - 1)
    # share of the time with a prompt in the ring, which the next follows after a share of its time
    present = 1 - nobody_served(arrivals * (alone + prompt), (chunks + stages - 1) / chunks)
    share = present * alone / (longer * (1 - present) + present * alone)  # of the rounds
    turn = alone + share * (longer - alone)
    taken = arrivals * prompt * chunks / (chunks + stages - 1)
    return xp.maximum(turn / alone * (1 - taken), 1.0)
