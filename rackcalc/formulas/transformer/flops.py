"""Arithmetic of the parts of a transformer, in FLOP."""

from rackcalc.formulas.transformer.parameters import VASWANI
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import FLOP, TOKEN, Count, Flop, Ratio, Tokens


@formula(cite="definition: one multiply and one add per weight and token")
def matrix_flops(parameters: Count, rows: Count) -> Flop:
    """Arithmetic of passing rows through a weight matrix.

    >>> matrix_flops(parameters=302309376.0, rows=128.0) / 1e9
    77.391200256
    """
    return 2 * parameters * rows * FLOP


@formula(cite=VASWANI)
def prefill_attention_flops(
    batch: Count, tokens: Tokens, heads: Count, key_dim: Count, value_dim: Count, pairs: Ratio
) -> Flop:
    """Scores and weighted sum of one layer over whole sequences. pairs: kept over all (causal 1/2).

    >>> prefill_attention_flops(batch=1.0, tokens=128.0, heads=16.0, key_dim=64.0, value_dim=64.0, pairs=1.0)
    67108864.0
    """
    return 2 * batch * (tokens / TOKEN) * (tokens / TOKEN) * heads * (key_dim + value_dim) * pairs * FLOP


@formula(cite=VASWANI)
def decode_attention_flops(rows: Count, context: Tokens, heads: Count, key_dim: Count, value_dim: Count) -> Flop:
    """Scores and weighted sum of one layer for one new token per row.

    >>> decode_attention_flops(rows=1.0, context=8192.0, heads=64.0, key_dim=128.0, value_dim=128.0)
    268435456.0
    """
    return 2 * rows * (context / TOKEN) * heads * (key_dim + value_dim) * FLOP


@formula(cite="definition: sequences times their length")
def rows(batch: Count, tokens: Tokens) -> Count:
    """Rows of the activation matrix.

    >>> rows(batch=8.0, tokens=128.0)
    1024.0
    """
    return batch * tokens / TOKEN


@formula(cite="definition: a causal mask keeps half of the pairs")
def causal_pairs(share: Ratio) -> Ratio:
    """Query-key pairs over tokens squared.

    >>> causal_pairs(share=1.0)
    0.5
    """
    return share / 2


@formula(cite="definition: a sum")
def sum_of_dims(first: Count, second: Count) -> Count:
    """Dimensions of two concatenated vectors.

    >>> sum_of_dims(first=512.0, second=64.0)
    576.0
    """
    return first + second


@formula(cite="definition: a sum over layers")
def layers_flops(flops: Flop, layers: Count) -> Flop:
    """Arithmetic of several equal layers.

    >>> layers_flops(flops=2.0, layers=3.0)
    6.0
    """
    return flops * layers


@formula(cite="definition: a mean")
def mean_of_dims(first: Count, second: Count) -> Count:
    """Mean of the dimensions of two vectors.

    >>> mean_of_dims(first=192.0, second=128.0)
    160.0
    """
    return (first + second) / 2


@formula(cite="definition: an even split")
def flops_per_device(flops: Flop, devices: Count) -> Flop:
    """Arithmetic of one of several GPUs that share it evenly.

    >>> flops_per_device(flops=8.0, devices=4.0)
    2.0
    """
    return flops / devices


@formula(
    cite="vLLM, vllm/v1/attention/backends/mla/common.py: a prefill multiplies cached latents by kv_b_proj again; "
    "DeepSeek-V2, arXiv:2405.04434"
)
def latent_expansion_flops(
    batch: Count, past: Tokens, heads: Count, kv_lora_rank: Count, qk_nope_head_dim: Count, v_head_dim: Count
) -> Flop:
    """Arithmetic that makes keys and values of the cached latents of one layer, before a prefill attends to them.

    >>> latent_expansion_flops(batch=1.0, past=100.0, heads=2.0, kv_lora_rank=8.0, qk_nope_head_dim=3.0, v_head_dim=5.0)
    25600.0
    """
    return 2 * batch * (past / TOKEN) * kv_lora_rank * heads * (qk_nope_head_dim + v_head_dim) * FLOP
