"""Context parallelism: several groups of GPUs, the ranks, have parts of each prompt, and pass keys and values on.

Each rank has as many tokens, from both ends of the prompt, so that all have the same pairs of queries and keys. While
a rank computes attention with the keys and values that it has, it sends them to the next and receives those of another.
Every such pass of the ring has a fixed time: its launches, the start of its messages, and the merging of what attention
to a part yields.
"""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, formula
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Ratio, Seconds, Tokens

RING_PASS = Quantity(
    0.65e-3, "s", "fixed time of one pass of the ring in a layer",
    source=Source(
        "measured", "context-parallel",
        note="Llama 3 405B, what is more than the time of one node over the nodes, per layer and pass: 0.68 ms with 8 "
        "nodes and 0.62 ms with 16 (128,000 tokens, 42.0, 5.85 and 3.8 s), 0.3 to 1.5 ms with 2",
    ),
    low=0.1e-3, high=1.5e-3,
)  # fmt: skip
RING = "A. Yang et al., Context Parallelism for Scalable Million-Token Inference, arXiv:2411.01783: ring pass-KV"


@formula(cite=RING + "; load-balanced: two chunks of each rank, one from each end")
def tokens_of_rank(tokens: Tokens, ranks: Count) -> Tokens:
    """Tokens of a prompt that one rank computes.

    >>> tokens_of_rank(tokens=4096.0, ranks=4.0)
    1024.0
    """
    return tokens / ranks


@formula(cite="definition: pairs of queries and keys are divided evenly, as the tokens are")
def past_of_rank(prompt: Tokens, computed: Tokens, part: Tokens) -> Tokens:
    """Tokens before those of a rank, so that it has its share of the pairs. computed: of the prompt, by all ranks.

    In the example 2048 tokens after 1024 others have 2048 x 2048 pairs, half of those of all 4096 tokens.

    >>> past_of_rank(prompt=4096.0, computed=4096.0, part=2048.0)
    1024.0
    """
    return prompt - (computed + part) / 2


@formula(cite="definition: one message in each layer; R. Hockney, Parallel Computing 20 (1994) 389-398, eq. 1")
def ring_send(size: Bytes, layers: Count, latency: Seconds, bandwidth: BytesPerSecond, efficiency: Ratio) -> Seconds:
    """Time of the keys and values of a rank to the next, in all layers. size: of all layers, on one GPU.

    >>> ring_send(size=1e9, layers=100.0, latency=1e-3, bandwidth=1e10, efficiency=1.0)
    0.2
    """
    return layers * latency + size / (bandwidth * efficiency)


@formula(cite=RING + ": a send is hidden by the attention with what is being sent")
def ring_exposed(send: Seconds, attention: Seconds, ranks: Count) -> Seconds:
    """Time by which the ring lengthens a pass: every send but the first attention, as far as it takes longer than that.

    attention: of a rank with the whole prompt.

    >>> ring_exposed(send=0.2, attention=0.4, ranks=4.0), ring_exposed(send=0.1, attention=0.4, ranks=4.0)
    (0.30000000000000004, 0.0)
    """
    return (ranks - 1) * xp.maximum(send - attention / ranks, 0.0 * send)


@formula(cite=RING + "; a pass passes everything on but once: with N ranks N - 1 times")
def ring_passes(each: Seconds, layers: Count, ranks: Count) -> Seconds:
    """Fixed times of all passes of the ring in all layers.

    >>> ring_passes(each=0.5e-3, layers=100.0, ranks=5.0)
    0.2
    """
    return each * layers * (ranks - 1)
