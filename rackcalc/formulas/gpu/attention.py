"""Attention kernels of one layer on one GPU.

Two formulas give the time over whole sequences. `tiled_attention_time` is a kernel of its own, with the softmax as a
limit beside the matrix products. `prefill_attention_time` is a kernel inside a compiled encoder, whose share of the
peak rate is fitted end to end and contains the softmax.
"""

from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.gpu.compute_formats import by_format
from rackcalc.formulas.gpu.loop_cache import in_loop
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.units import (
    FLOP,
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

FITTED = (
    "closed form of our own, fitted to the attention tables of NVIDIA aiconfigurator 0.12.0, of which "
    "rackcalc/validation/measured/attention.csv is a sample"
)


@formula(
    cite=FITTED + "; softmax as a limit of its own as in FlashAttention-3, arXiv:2407.08608, and FlashAttention-4",
    error=0.07,  # 4 to 6 % fitted, 8 to 12 % on a GPU left out, 7 to 14 % on longer prompts
)
def tiled_attention_time(
    batch: Count,
    tokens: Tokens,
    heads: Count,
    kv_heads: Count,
    head_dim: Count,
    causal: Ratio,
    pairs: Ratio,
    element: Bytes,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    sms: Count,
    clock: Hertz,
    lanes: Count,
    launch: Seconds,
    tile: Count,
    score_operations: Count,
    overlap: Ratio,
    pass_per_cycle: Bytes,
    memory_share: Ratio,
    wave_time: Seconds,
) -> Seconds:
    """Attention of one layer over whole sequences, as a kernel of its own. causal 1: no look ahead, 0: both ways.

    pairs: share of the query-key pairs kept (sliding windows), 1 without a window. In any format, each pair takes
    4 * head_dim operations of the matrix unit and score_operations of the 32-bit lanes; this is why 8-bit formats make
    attention little faster. The preceding pass, which rotates and stores Q, K and V, is limited by memory bandwidth and
    by the issue rate of the SMs. The example: 8 query heads over 8192 tokens on a B200, 191 us measured.

    >>> round(1e6 * tiled_attention_time(batch=1.0, tokens=8192.0, heads=8.0, kv_heads=1.0, head_dim=128.0,
    ...     causal=1.0, pairs=1.0, element=2.0, peak=2250e12, bandwidth=7.7e12, sms=148.0, clock=1.965e9, lanes=128.0,
    ...     launch=13.3e-6, tile=128.0, score_operations=14.8, overlap=1.0, pass_per_cycle=11.7, memory_share=0.8,
    ...     wave_time=3e-6))
    149
    """
    length = tokens / TOKEN
    tiles = batch * heads * xp.ceil(length / tile)
    scores = batch * heads * length * xp.where(causal > 0, (length + 1) / 2, length) * pairs
    products = 4 * scores * head_dim * FLOP / peak
    softmax = scores * score_operations / (sms * lanes * clock)
    serial = (1 - overlap) * xp.minimum(products, softmax)
    arithmetic = (xp.maximum(products, softmax) + serial) * xp.maximum(sms / tiles, 1.0)
    moved = 2 * batch * length * head_dim * (heads + kv_heads) * element
    around = moved / (memory_share * bandwidth) + moved / (pass_per_cycle * sms * clock)
    return launch + arithmetic + around + xp.ceil(tiles / sms) * wave_time


@formula(cite=FITTED, error=0.14)  # for kernels of an engine whose share of peak is fitted end to end
def prefill_attention_time(
    batch: Count,
    tokens: Tokens,
    heads: Count,
    kv_heads: Count,
    head_dim: Count,
    causal: Ratio,
    pairs: Ratio,
    element: Bytes,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    sms: Count,
    launch: Seconds,
    tile: Count,
    compute_share: Ratio,
    memory_share: Ratio,
    wave_time: Seconds,
) -> Seconds:
    """Attention of one layer over whole sequences, from a share of peak. causal 1: no look ahead, 0: both ways.

    pairs: share of the query-key pairs kept (sliding windows), 1 without a window. The example: 8 query heads over
    8192 tokens on a B200, 191 us measured.

    >>> round(1e6 * prefill_attention_time(batch=1.0, tokens=8192.0, heads=8.0, kv_heads=1.0, head_dim=128.0,
    ...     causal=1.0, pairs=1.0, element=2.0, peak=2250e12, bandwidth=7.7e12, sms=148.0, launch=13.5e-6, tile=128.0,
    ...     compute_share=0.58, memory_share=0.253, wave_time=2e-6))
    148
    """
    length = tokens / TOKEN
    blocks = xp.ceil(length / tile)
    tiles = batch * heads * blocks
    keys = tile * blocks * xp.where(causal > 0, (blocks + 1) / 2, blocks)
    arithmetic = 4 * batch * heads * tile * keys * head_dim * pairs * FLOP / (compute_share * peak)
    idle = xp.maximum(sms / tiles, 1.0)
    traffic = 2 * batch * length * head_dim * (heads + kv_heads) * element / (memory_share * bandwidth)
    return launch + arithmetic * idle + traffic + xp.ceil(tiles / sms) * wave_time


@formula(cite=FITTED, error=0.12)  # 4 to 12 % fitted, 12 to 35 % on a GPU left out
def decode_attention_time(
    batch: Count,
    context: Tokens,
    heads: Count,
    kv_heads: Count,
    head_dim: Count,
    element: Bytes,
    bandwidth: BytesPerSecond,
    sms: Count,
    launch: Seconds,
    memory_share: Ratio,
    head_time: Seconds,
    split_time: Seconds,
    split_context: Tokens,
) -> Seconds:
    """Attention of one layer for one new token per sequence, rope and cache append included.

    Mean error 4 to 12 % on its family, 11 to 48 % on an unseen one. The example: 64 query heads, 8 KV heads, 32k tokens
    of context on a B200, 34.9 us measured.

    >>> round(1e6 * decode_attention_time(batch=1.0, context=32768.0, heads=64.0, kv_heads=8.0, head_dim=128.0,
    ...     element=2.0, bandwidth=7.7e12, sms=148.0, launch=10.5e-6, memory_share=0.92, head_time=0.219e-6,
    ...     split_time=0.5e-6, split_context=400.0), 1)
    29.9
    """
    read = 2 * batch * (context / TOKEN) * kv_heads * head_dim * element / (memory_share * bandwidth)
    items = batch * heads / sms * head_time
    return launch + xp.maximum(read, items) + split_time * xp.divide(context, context + split_context)


@formula(
    cite="assumption: the decode attention form with one shared latent per token; DeepSeek-V2, arXiv:2405.04434",
    error=0.25,  # not measured: the error of the same form on a family left out of its fit
)
def latent_decode_attention_time(
    batch: Count,
    context: Tokens,
    heads: Count,
    kv_lora_rank: Count,
    qk_rope_head_dim: Count,
    element: Bytes,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    launch: Seconds,
    memory_share: Ratio,
    compute_share: Ratio,
) -> Seconds:
    """Absorbed multi-head latent attention of one layer, one new token per sequence: reads only the latent.

    >>> round(1e6 * latent_decode_attention_time(batch=64.0, context=4096.0, heads=16.0, kv_lora_rank=512.0,
    ...     qk_rope_head_dim=64.0, element=2.0, peak=2250e12, bandwidth=7.7e12, launch=10.65e-6, memory_share=0.9,
    ...     compute_share=0.58), 1)
    54.2
    """
    entries = batch * context / TOKEN
    read = entries * (kv_lora_rank + qk_rope_head_dim) * element / (memory_share * bandwidth)
    arithmetic = 2 * entries * heads * (2 * kv_lora_rank + qk_rope_head_dim) * FLOP / (compute_share * peak)
    return launch + xp.maximum(read, arithmetic)


@formula(cite="definition: keys and values")
def cache_read(batch: Count, context: Tokens, kv_heads: Count, head_dim: Count, element: Bytes) -> Bytes:
    """What attention reads of the KV cache of one layer for one new token per sequence.

    >>> cache_read(batch=1.0, context=1024.0, kv_heads=8.0, head_dim=128.0, element=2.0)
    4194304.0
    """
    return 2 * batch * (context / TOKEN) * kv_heads * head_dim * element


def prefill_attention(
    chip: Chip,
    name: str,
    batch: Quantity,
    tokens: Quantity,
    heads: Quantity,
    kv_heads: Quantity,
    head_dim: Quantity,
    causal: Quantity,
    pairs: Quantity,
    launch: Quantity | None = None,
) -> Quantity:
    """Attention over whole sequences on one GPU. name: format of the products. launch: replaces that of the kernel."""
    gpu, kernel = chip.gpu, by_format(chip.family.attention_prefill, name)
    return tiled_attention_time(
        batch=batch,
        tokens=tokens,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        causal=causal,
        pairs=pairs,
        element=width("bf16"),
        peak=gpu.peak[name],
        bandwidth=gpu.memory_bandwidth,
        sms=gpu.sms,
        clock=gpu.clock,
        lanes=gpu.fp32_lanes,
        memory_share=chip.family.elementwise_share,
        **vars(kernel) | {"launch": kernel.launch if launch is None else launch},
    )


def decode_attention(
    chip: Chip,
    stored: str,
    batch: Quantity,
    context: Quantity,
    heads: Quantity,
    kv_heads: Quantity,
    head_dim: Quantity,
    looped: bool = False,
) -> Quantity:
    """Attention of one new token per sequence on one GPU. stored: format of the KV cache.

    looped: again and again with the same cache, as in benchmarks.
    """
    kernel = by_format(chip.family.attention_decode, stored)
    bandwidth = chip.gpu.memory_bandwidth
    if looped:
        shape = {"batch": batch, "context": context, "kv_heads": kv_heads, "head_dim": head_dim}
        bandwidth = in_loop(chip, cache_read(**shape, element=width(stored)), kernel.memory_share)
    return decode_attention_time(
        batch=batch,
        context=context,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        element=width(stored),
        bandwidth=bandwidth,
        sms=chip.gpu.sms,
        launch=kernel.launch,
        memory_share=kernel.memory_share,
        head_time=kernel.head_time,
        split_time=kernel.split_time,
        split_context=kernel.split_context,
    )
