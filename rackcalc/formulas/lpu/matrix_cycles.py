"""Cycles of the matrix units of a deterministic tensor-streaming chip.

A matrix unit holds size x size weights. Installing them takes a fixed number of cycles; after that, one row of
activations enters per cycle. With few rows, the time is limited by installing, with many rows by the rows. A
matrix-vector product is therefore limited by the installing rate, not by the headline bandwidth of the SRAM.
"""

from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import BYTE, FLOP, TOKEN, Bytes, BytesPerSecond, Count, FlopPerSecond, Hertz, Tokens

ISCA20 = "D. Abts et al., Think Fast: A Tensor Streaming Processor, ISCA 2020 (320 x 320 planes, 40-cycle installs)"
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
    """Cycles of `copies` products, each padded to whole tiles."""
    tiles = copies * xp.ceil(xp.divide(inner, size)) * xp.ceil(xp.divide(columns, size))
    rounds = xp.ceil(xp.divide(tiles, planes * chips) * (1 - 1e-12))  # the factor allows for rounding in averages
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

    Every expert is spread over all the chips. hit: experts that at least one row is routed to. Mixtral-8x7B, one row:

    >>> expert_cycles(rows=1.0, hidden=4096.0, ffn=14336.0, shared_ffn=0.0, matrices=3.0, experts=8.0, active=2.0,
    ...     hit=2.0, chips=8.0, planes=4.0, size=320.0, install_cycles=40.0, row_cycles=1.0, width=1.0)
    4480.0
    """
    unit = (chips, planes, size, install_cycles, row_cycles, width)
    rows_each = rows * active / hit
    routed = _passes(rows_each, hidden, ffn, hit * (matrices - 1), *unit) + _passes(rows_each, ffn, hidden, hit, *unit)
    shared = _passes(rows, hidden, shared_ffn, matrices - 1, *unit) + _passes(rows, shared_ffn, hidden, 1, *unit)
    return _passes(rows, hidden, experts, 1, *unit) + routed + shared
