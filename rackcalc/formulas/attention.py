"""Attention kernels of one layer on one GPU."""

from rackcalc import xp
from rackcalc.quantity import formula
from rackcalc.units import FLOP, TOKEN, Bytes, BytesPerSecond, Count, FlopPerSecond, Ratio, Seconds, Tokens

FITTED = "closed form fitted to the attention tables of NVIDIA aiconfigurator 0.12.0"


@formula(cite=FITTED, error=0.14)  # 4 to 6 % fitted, 9 to 25 % on a GPU left out, 8 to 24 % on longer prompts
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
    """Attention of one layer over whole sequences, as a kernel of its own. causal 1: no look ahead, 0: both ways.

    pairs: share of the query-key pairs kept (sliding windows), 1 without a window. Mean error 4 to 6 % on its family,
    10 to 24 % on lengths beyond the fitted. The example: 8 query heads over 8192 tokens on a B200, 191 us measured.

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


@formula(cite=FITTED, error=0.14)  # 4 to 12 % fitted, 14 to 26 % on a GPU left out
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

    Mean error 4 to 12 % on its family, 14 to 50 % on an unseen one. The example: 64 query heads, 8 KV heads, 32k tokens
    of context on a B200, 34.9 us measured.

    >>> round(1e6 * decode_attention_time(batch=1.0, context=32768.0, heads=64.0, kv_heads=8.0, head_dim=128.0,
    ...     element=2.0, bandwidth=7.7e12, sms=148.0, launch=10.65e-6, memory_share=0.9, head_time=0.222e-6,
    ...     split_time=1.3e-6, split_context=24000.0), 1)
    30.8
    """
    read = 2 * batch * (context / TOKEN) * kv_heads * head_dim * element / (memory_share * bandwidth)
    items = batch * heads / sms * head_time
    return launch + xp.maximum(read, items) + split_time * xp.divide(context, context + split_context)


@formula(
    cite="assumption: the decode attention form with one shared latent per token; DeepSeek-V2, arXiv:2405.04434",
    error=0.25,  # not measured; the form is off by so much on a family left out of its fit
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
