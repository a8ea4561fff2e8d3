"""Cycles of a deterministic tensor-streaming chip: matrix units, vector lanes, hops between chips.

A matrix unit holds size x size weights. Installing them takes a fixed number of cycles, then one row of activations
enters per cycle; few rows are therefore bound by the installing, many by the rows. Installing, not the headline SRAM
bandwidth, is what a matrix-vector product sees.
"""

from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    BYTE,
    FLOP,
    SECOND,
    TOKEN,
    Bytes,
    BytesPerSecond,
    Count,
    FlopPerSecond,
    Hertz,
    Ratio,
    Seconds,
    Tokens,
)

ISCA20 = "D. Abts et al., Think Fast: A Tensor Streaming Processor, ISCA 2020 (320 x 320 planes, 40-cycle installs)"
ISCA22 = "D. Abts et al., A Software-defined Tensor Streaming Multiprocessor, ISCA 2022"
ABSORBED = "DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1 (latent attention with absorbed projections)"


def _passes(
    rows: Any,
    inner: Any,
    columns: Any,
    copies: Any,
    chips: Any,
    planes: Any,
    size: Any,
    install_cycles: Any,
    row_cycles: Any,
    width: Any,
) -> Any:
    tiles = copies * xp.ceil(xp.divide(inner, size)) * xp.ceil(xp.divide(columns, size))
    rounds = xp.ceil(xp.divide(tiles, planes * chips) * (1 - 1e-12))  # the factor forgives rounding in averages
    return rounds * xp.maximum(rows * row_cycles, install_cycles * width / BYTE)


@formula(cite=ISCA20)
def peak_rate(planes: Count, size: Count, clock: Hertz) -> FlopPerSecond:
    """Most arithmetic the matrix units can do with 8-bit operands.

    >>> round(peak_rate(planes=4.0, size=320.0, clock=900e6) / 1e12)
    737
    """
    return 2 * planes * size**2 * clock * FLOP


@formula(cite=ISCA20)
def install_bandwidth(planes: Count, size: Count, install_cycles: Count, clock: Hertz) -> BytesPerSecond:
    """Rate at which 8-bit weights reach the matrix units: the bandwidth of a matrix-vector product.

    >>> install_bandwidth(planes=4.0, size=320.0, install_cycles=40.0, clock=900e6)
    9216000000000.0
    """
    return xp.divide(planes * size**2, install_cycles) * clock * BYTE


@formula(cite=ISCA20)
def matrix_cycles(
    rows: Count,
    inner: Count,
    columns: Count,
    copies: Count,
    chips: Count,
    planes: Count,
    size: Count,
    install_cycles: Count,
    row_cycles: Count,
    width: Bytes,
) -> Count:
    """Cycles of `copies` products (rows x inner) (inner x columns) spread over the planes of `chips` chips.

    Dimensions are padded to whole tiles of size x size. row_cycles: cycles per row (1 for 8 bit, 4 for 16).
    width: bytes per weight. 1024 x 3072 at 128 rows in 16 bit fills ten rounds of four planes:

    >>> matrix_cycles(rows=128.0, inner=1024.0, columns=3072.0, copies=1.0, chips=1.0, planes=4.0, size=320.0,
    ...     install_cycles=40.0, row_cycles=4.0, width=2.0)
    5120.0
    """
    return _passes(rows, inner, columns, copies, chips, planes, size, install_cycles, row_cycles, width)


@formula(cite=ISCA20 + "; projections of multi-head and grouped-query attention")
def projection_cycles(
    rows: Count,
    hidden: Count,
    heads: Count,
    kv_heads: Count,
    head_dim: Count,
    chips: Count,
    planes: Count,
    size: Count,
    install_cycles: Count,
    row_cycles: Count,
    width: Bytes,
) -> Count:
    """Cycles of one layer's query-key-value and output projections.

    >>> projection_cycles(rows=128.0, hidden=1024.0, heads=16.0, kv_heads=16.0, head_dim=64.0, chips=1.0, planes=4.0,
    ...     size=320.0, install_cycles=40.0, row_cycles=4.0, width=2.0)
    7168.0
    """
    unit = (chips, planes, size, install_cycles, row_cycles, width)
    inputs = _passes(rows, hidden, (heads + 2 * kv_heads) * head_dim, 1, *unit)
    return inputs + _passes(rows, heads * head_dim, hidden, 1, *unit)


@formula(cite=ISCA20 + "; " + ABSORBED)
def latent_projection_cycles(
    rows: Count,
    hidden: Count,
    heads: Count,
    q_rank: Count,
    kv_rank: Count,
    nope_dim: Count,
    rope_dim: Count,
    value_dim: Count,
    chips: Count,
    planes: Count,
    size: Count,
    install_cycles: Count,
    row_cycles: Count,
    width: Bytes,
) -> Count:
    """Cycles of one layer's projections with latent attention, key and value expansion absorbed.

    q_rank 0 means that queries are not compressed. DeepSeek-V3 on eight chips:

    >>> latent_projection_cycles(rows=1.0, hidden=7168.0, heads=128.0, q_rank=1536.0, kv_rank=512.0, nope_dim=128.0,
    ...     rope_dim=64.0, value_dim=128.0, chips=8.0, planes=4.0, size=320.0, install_cycles=40.0, row_cycles=1.0,
    ...     width=1.0)
    2920.0
    """
    unit = (chips, planes, size, install_cycles, row_cycles, width)
    queries = heads * (nope_dim + rope_dim)
    return (
        _passes(rows, hidden, q_rank, 1, *unit)
        + _passes(rows, xp.where(q_rank > 0, q_rank, hidden), queries, 1, *unit)
        + _passes(rows, hidden, kv_rank + rope_dim, 1, *unit)
        + _passes(rows, nope_dim, kv_rank, heads, *unit)
        + _passes(rows, kv_rank, value_dim, heads, *unit)
        + _passes(rows, heads * value_dim, hidden, 1, *unit)
    )


@formula(cite=ISCA20 + "; keys and values installed as weights, one tile per key/value head and block of context")
def attention_cycles(
    batch: Count,
    tokens: Tokens,
    context: Tokens,
    heads: Count,
    kv_heads: Count,
    key_dim: Count,
    value_dim: Count,
    chips: Count,
    planes: Count,
    size: Count,
    install_cycles: Count,
    row_cycles: Count,
    width: Bytes,
) -> Count:
    """Matrix cycles of one layer's scores and weighted values; no causal saving (the schedule is static).

    tokens: new tokens per sequence; context: tokens they attend to. BERT-Large at 128 tokens, 16 bit:

    >>> attention_cycles(batch=1.0, tokens=128.0, context=128.0, heads=16.0, kv_heads=16.0, key_dim=64.0,
    ...     value_dim=64.0, chips=1.0, planes=4.0, size=320.0, install_cycles=40.0, row_cycles=4.0, width=2.0)
    4096.0
    """
    unit = (chips, planes, size, install_cycles, row_cycles, width)
    rows = tokens / TOKEN * heads / kv_heads
    length = context / TOKEN
    copies = batch * kv_heads
    return _passes(rows, key_dim, length, copies, *unit) + _passes(rows, length, value_dim, copies, *unit)


@formula(cite=ISCA20 + "; two or three matrices of a feed-forward layer")
def feed_forward_cycles(
    rows: Count,
    hidden: Count,
    ffn: Count,
    matrices: Count,
    chips: Count,
    planes: Count,
    size: Count,
    install_cycles: Count,
    row_cycles: Count,
    width: Bytes,
) -> Count:
    """Matrix cycles of one dense feed-forward layer (matrices: 2 plain, 3 gated).

    >>> feed_forward_cycles(rows=128.0, hidden=1024.0, ffn=4096.0, matrices=2.0, chips=1.0, planes=4.0, size=320.0,
    ...     install_cycles=40.0, row_cycles=4.0, width=2.0)
    13312.0
    """
    unit = (chips, planes, size, install_cycles, row_cycles, width)
    return _passes(rows, hidden, ffn, matrices - 1, *unit) + _passes(rows, ffn, hidden, 1, *unit)


@formula(cite=ISCA20 + "; experts that no row was routed to take no time")
def expert_cycles(
    rows: Count,
    hidden: Count,
    ffn: Count,
    shared_ffn: Count,
    matrices: Count,
    experts: Count,
    active: Count,
    hit: Count,
    chips: Count,
    planes: Count,
    size: Count,
    install_cycles: Count,
    row_cycles: Count,
    width: Bytes,
) -> Count:
    """Matrix cycles of one mixture-of-experts layer, router and shared experts included.

    Every expert is spread over all the chips. hit: experts that got a row. Mixtral-8x7B, one row:

    >>> expert_cycles(rows=1.0, hidden=4096.0, ffn=14336.0, shared_ffn=0.0, matrices=3.0, experts=8.0, active=2.0,
    ...     hit=2.0, chips=8.0, planes=4.0, size=320.0, install_cycles=40.0, row_cycles=1.0, width=1.0)
    4480.0
    """
    unit = (chips, planes, size, install_cycles, row_cycles, width)
    rows_each = rows * active / hit
    routed = _passes(rows_each, hidden, ffn, hit * (matrices - 1), *unit) + _passes(rows_each, ffn, hidden, hit, *unit)
    shared = _passes(rows, hidden, shared_ffn, matrices - 1, *unit) + _passes(rows, shared_ffn, hidden, 1, *unit)
    return _passes(rows, hidden, experts, 1, *unit) + routed + shared


@formula(cite="definition: inner width a token passes through")
def active_width(active: Count, ffn: Count, shared_ffn: Count) -> Count:
    """Inner feed-forward elements of one token in a mixture-of-experts layer.

    >>> active_width(active=8.0, ffn=2048.0, shared_ffn=2048.0)
    18432.0
    """
    return active * ffn + shared_ffn


@formula(cite=ISCA20 + "; 320 lanes")
def attention_vector_cycles(
    batch: Count,
    tokens: Tokens,
    context: Tokens,
    heads: Count,
    hidden: Count,
    softmax_passes: Count,
    norm_passes: Count,
    lanes: Count,
    chips: Count,
) -> Count:
    """Vector cycles of one layer's softmax and first normalisation.

    >>> round(attention_vector_cycles(batch=1.0, tokens=128.0, context=128.0, heads=16.0, hidden=1024.0,
    ...     softmax_passes=3.0, norm_passes=3.0, lanes=320.0, chips=1.0), 1)
    3686.4
    """
    rows = batch * tokens / TOKEN
    return rows * (softmax_passes * heads * context / TOKEN + norm_passes * hidden) / (lanes * chips)


@formula(cite=ISCA20 + "; 320 lanes")
def feed_forward_vector_cycles(
    rows: Count, ffn: Count, hidden: Count, activation_passes: Count, norm_passes: Count, lanes: Count, chips: Count
) -> Count:
    """Vector cycles of one layer's activation function and second normalisation.

    >>> round(feed_forward_vector_cycles(rows=128.0, ffn=4096.0, hidden=1024.0, activation_passes=2.0, norm_passes=3.0,
    ...     lanes=320.0, chips=1.0), 1)
    4505.6
    """
    return rows * (activation_passes * ffn + norm_passes * hidden) / (lanes * chips)


@formula(cite="definition: mean over two sorts of layers")
def layer_mean(usual: Count, special: Count, layers: Count, special_layers: Count) -> Count:
    """Mean cycles per layer when special_layers of the layers differ from the usual ones.

    >>> layer_mean(usual=100.0, special=200.0, layers=4.0, special_layers=1.0)
    125.0
    """
    return usual + (special - usual) * xp.divide(special_layers, layers)


@formula(cite="assumption: attention and feed-forward share the fill of a layer equally")
def block_fill(fill_cycles: Count) -> Count:
    """Fill and drain cycles of one of a layer's two blocks.

    >>> block_fill(fill_cycles=5000.0)
    2500.0
    """
    return fill_cycles / 2


@formula(cite="definition: cycles over frequency")
def cycle_time(cycles: Count, clock: Hertz) -> Seconds:
    """Time of some cycles; twice the clock is half the time.

    >>> cycle_time(cycles=900.0, clock=900e6)
    1e-06
    """
    return xp.divide(cycles, clock)


@formula(cite="definition: cycles of all layers over frequency")
def layers_time(cycles: Count, layers: Count, clock: Hertz) -> Seconds:
    """Time of some cycles in each of the layers.

    >>> layers_time(cycles=900.0, layers=24.0, clock=900e6)
    2.4e-05
    """
    return xp.divide(cycles * layers, clock)


@formula(cite=ISCA22 + "; reduce-scatter and all-gather, each a direct exchange between all chips of a group")
def all_reduce_time(
    latency: Seconds, chips: Count, group: Count, size: Bytes, bandwidth: BytesPerSecond, port: BytesPerSecond
) -> Seconds:
    """All-reduce inside one tightly coupled group. bandwidth: of one link, port: of all links of a chip, one direction.

    No time for one chip, inf for more chips than the group has. Eight chips, the activations of one 8192-wide token:

    >>> round(all_reduce_time(latency=2.1e-6, chips=8.0, group=8.0, size=16384.0, bandwidth=14e9, port=224e9) * 1e6, 3)
    2.393
    """
    peers = chips - 1
    exchange = latency + xp.divide(2 * peers * size, chips * xp.minimum(peers * bandwidth, port))
    return xp.where(chips > group, xp.inf * SECOND, xp.where(chips > 1, exchange, 0 * latency))


@formula(cite=ISCA22 + "; sending overlaps with computing as far as cut-through allows")
def chip_hop(latency: Seconds, size: Bytes, bandwidth: BytesPerSecond, links: Count, cut_through: Ratio) -> Seconds:
    """Time to hand activations from one stage to the next over `links` parallel links.

    >>> round(chip_hop(latency=722e-9, size=262144.0, bandwidth=12.2e9, links=1.0, cut_through=0.0) * 1e6, 1)
    22.2
    """
    return latency + (1 - cut_through) * xp.divide(size, links * bandwidth)


@formula(cite="definition: a pipeline of groups, at most one layer per stage")
def stage_count(chips: Count, group: Count, layers: Count) -> Count:
    """Stages of the pipeline that `chips` chips form in groups; nan when they do not make one group.

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


@formula(cite="definition: bytes of the hidden states")
def activation_size(rows: Count, hidden: Count, width: Bytes) -> Bytes:
    """Bytes of the hidden states of some rows.

    >>> activation_size(rows=128.0, hidden=1024.0, width=2.0)
    262144.0
    """
    return rows * hidden * width
