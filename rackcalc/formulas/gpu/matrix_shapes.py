"""Shapes of the matrices of one layer on each of several tensor-parallel GPUs."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Count

SHARDING = "M. Shoeybi et al., Megatron-LM, arXiv:1909.08053, section 3"


@formula(cite=SHARDING)
def sharded(columns: Count, devices: Count) -> Count:
    """Columns (heads, experts) of a matrix that one of several GPUs holds.

    >>> sharded(columns=28672.0, devices=8.0)
    3584.0
    """
    return columns / devices


@formula(cite=SHARDING + "; KV heads are copied when there are more GPUs than heads")
def kv_heads_held(kv_heads: Count, devices: Count) -> Count:
    """KV heads on one of several GPUs.

    >>> kv_heads_held(kv_heads=8.0, devices=16.0)
    1.0
    """
    return xp.maximum(kv_heads / devices, kv_heads / kv_heads)


@formula(cite=SHARDING)
def qkv_columns(heads: Count, kv_heads: Count, head_dim: Count) -> Count:
    """Columns of the fused query, key and value projection.

    >>> qkv_columns(heads=8.0, kv_heads=1.0, head_dim=128.0)
    1280.0
    """
    return (heads + 2 * kv_heads) * head_dim


@formula(cite="N. Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202; " + SHARDING)
def up_columns(ffn: Count, matrices: Count, devices: Count) -> Count:
    """Columns of the first feed-forward product on one GPU: gate and up side by side when gated.

    >>> up_columns(ffn=28672.0, matrices=3.0, devices=8.0)
    7168.0
    """
    return (matrices - 1) * ffn / devices


@formula(cite="definition: a product")
def columns_of_heads(heads: Count, dims: Count) -> Count:
    """Columns of several heads.

    >>> columns_of_heads(heads=16.0, dims=192.0)
    3072.0
    """
    return heads * dims


@formula(cite="DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1")
def latent_down_columns(q_lora_rank: Count, kv_lora_rank: Count, qk_rope_head_dim: Count) -> Count:
    """Columns of the fused compression of queries, keys and values; every GPU computes it whole.

    >>> latent_down_columns(q_lora_rank=1536.0, kv_lora_rank=512.0, qk_rope_head_dim=64.0)
    2112.0
    """
    return q_lora_rank + kv_lora_rank + qk_rope_head_dim


@formula(cite="DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1")
def query_depth(q_lora_rank: Count, hidden: Count) -> Count:
    """Depth of the query projection: the compressed query, or the residual stream where there is none.

    >>> query_depth(q_lora_rank=0.0, hidden=2048.0)
    2048.0
    """
    return xp.where(q_lora_rank > 0, q_lora_rank, hidden)


@formula(cite="definition: a mean")
def mean_dim(keys: Count, values: Count) -> Count:
    """Head dimension that stands for unequal keys and values.

    >>> mean_dim(keys=192.0, values=128.0)
    160.0
    """
    return (keys + values) / 2


@formula(cite="definition: even routing")
def rows_per_expert(rows: Count, active: Count, hit: Count) -> Count:
    """Tokens per expert that is touched, mean.

    >>> rows_per_expert(rows=32.0, active=8.0, hit=64.0)
    4.0
    """
    return xp.divide(rows * active, hit)
