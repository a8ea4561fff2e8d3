"""Size of the KV cache, per token and per sequence."""

from rackcalc.formulas.transformer.parameters import DEEPSEEK
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Bytes, BytesPerToken, Count, Tokens


@formula(cite="J. Ainslie et al., GQA, arXiv:2305.13245")
def kv_per_layer(kv_heads: Count, head_dim: Count, width: Bytes) -> BytesPerToken:
    """Keys and values of one token in one layer.

    >>> kv_per_layer(kv_heads=8.0, head_dim=128.0, width=2.0)
    4096.0
    """
    return 2 * kv_heads * head_dim * width / TOKEN


@formula(cite="J. Ainslie et al., GQA, arXiv:2305.13245; keys and values may differ in size, as in MiMo-V2")
def sized_kv_per_layer(kv_heads: Count, key_dim: Count, value_dim: Count, width: Bytes) -> BytesPerToken:
    """Keys and values of one token in one layer, where keys and values differ in size.

    >>> sized_kv_per_layer(kv_heads=4.0, key_dim=192.0, value_dim=128.0, width=2.0)
    2560.0
    """
    return kv_heads * (key_dim + value_dim) * width / TOKEN


@formula(cite=DEEPSEEK)
def latent_kv_per_layer(kv_lora_rank: Count, qk_rope_head_dim: Count, width: Bytes) -> BytesPerToken:
    """Latent vector and rotated key of one token in one layer; all heads share them.

    >>> latent_kv_per_layer(kv_lora_rank=512.0, qk_rope_head_dim=64.0, width=2.0)
    1152.0
    """
    return (kv_lora_rank + qk_rope_head_dim) * width / TOKEN


@formula(cite="definition: the sum over the layers that have a KV cache")
def kv_per_token(
    per_layer: BytesPerToken, layers: Count, full_attention_layers: Count, window: Tokens
) -> BytesPerToken:
    """KV cache of one token while the context is within any window; window 0: those layers keep none.

    >>> kv_per_token(per_layer=4096.0, layers=80.0, full_attention_layers=80.0, window=131072.0)
    327680.0
    """
    return per_layer * xp.where(window > 0 * TOKEN, layers, full_attention_layers)


@formula(cite="A. Q. Jiang et al., Mistral 7B, arXiv:2310.06825, section 2 (rolling buffer cache)")
def kv_cache(
    context: Tokens, per_layer: BytesPerToken, layers: Count, full_attention_layers: Count, window: Tokens
) -> Bytes:
    """KV cache of one sequence; layers without full attention keep at most a window of tokens.

    >>> kv_cache(context=8192.0, per_layer=4096.0, layers=80.0, full_attention_layers=80.0, window=131072.0)
    2684354560.0
    """
    windowed = (layers - full_attention_layers) * xp.minimum(context, window)
    return per_layer * (full_attention_layers * context + windowed)


@formula(cite="definition: KV cache of all sequences in flight")
def cache_of_batch(kv_cache: Bytes, batch: Count) -> Bytes:
    """KV cache of `batch` sequences.

    >>> cache_of_batch(kv_cache=1.34e9, batch=4.0)
    5360000000.0
    """
    return kv_cache * batch
