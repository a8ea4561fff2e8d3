"""Attention to tokens that an indexer chooses (DeepSeek-V3.2, GLM-5): sizes, arithmetic and traffic of the indexer.

The indexer keeps one 8-bit key per token, which all of its heads share, and scores the whole context with it. Attention
then reads the `selected` best tokens, as a window of so many would; the cache keeps all of them.
"""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import BYTE, FLOP, TOKEN, Bytes, BytesPerToken, Count, Flop, Tokens

V32 = "DeepSeek-V3.2-Exp, inference/model.py: class Indexer"


@formula(cite=V32 + ": wq_b, wk and weights_proj")
def indexer_parameters(hidden: Count, query_rank: Count, heads: Count, dim: Count) -> Count:
    """Weights of the indexer of one layer.

    >>> indexer_parameters(hidden=7168.0, query_rank=1536.0, heads=64.0, dim=128.0)
    13959168.0
    """
    return query_rank * heads * dim + hidden * dim + hidden * heads


@formula(cite=V32 + ": k_cache in 8 bit, k_scale_cache with a 32-bit scale for each 128 numbers")
def index_key(dim: Count) -> BytesPerToken:
    """What the indexer of one layer keeps of a token.

    >>> index_key(dim=128.0)
    132.0
    """
    return (dim + dim / 32) * BYTE / TOKEN


@formula(cite="definition: what attention itself keeps of a token")
def without_keys(per_layer: BytesPerToken, keys: BytesPerToken) -> BytesPerToken:
    """The cache of one token in one layer without the keys of an indexer.

    >>> without_keys(per_layer=708.0, keys=132.0)
    576.0
    """
    return per_layer - keys


@formula(cite="definition: choosing among tokens costs what it costs to look at the best of them")
def as_window(selected: Count) -> Tokens:
    """The tokens that a new token attends to at most.

    >>> as_window(selected=2048.0)
    2048.0
    """
    return selected * TOKEN


@formula(
    cite=V32 + ": fp8_index, one dot product per head of the indexer and pair; each GPU of a group makes all of them"
)
def index_flops(
    rows: Count, scored: Tokens, heads: Count, dim: Count, indexers: Count, layers: Count, copies: Count
) -> Flop:
    """Arithmetic of the indexers in one layer, mean over all layers. scored: tokens before each row, mean.

    copies: GPUs of a group, which all must choose the same tokens.

    >>> index_flops(rows=1.0, scored=4096.0, heads=64.0, dim=128.0, indexers=61.0, layers=61.0, copies=8.0)
    536870912.0
    """
    return 2 * rows * scored * heads * dim * copies * indexers / layers / TOKEN * FLOP


@formula(cite="definition: a prompt's tokens have none to all of the others before them")
def mean_scored(tokens: Tokens, context: Tokens) -> Tokens:
    """Tokens before one of the last `tokens` of a context, mean.

    >>> mean_scored(tokens=8192.0, context=8192.0), mean_scored(tokens=100.0, context=1000.0)
    (4096.0, 950.0)
    """
    return context - tokens / 2


@formula(cite=V32 + ": the keys of the whole context are read for every sequence")
def index_traffic(batch: Count, context: Tokens, per_token: BytesPerToken) -> Bytes:
    """Keys of the indexer that one layer reads, mean over all layers.

    >>> index_traffic(batch=2.0, context=1000.0, per_token=132.0)
    264000.0
    """
    return batch * context * per_token


@formula(
    cite="assumption: prompts within the choice are computed head by head, longer ones in the latent space, as in "
    "decode steps: each row has chosen tokens of its own"
)
def dim_by_length(tokens: Tokens, selected: Count, expanded: Count, latent: Count) -> Count:
    """Dimensions of a key or value in a prefill.

    >>> dim_by_length(tokens=1024.0, selected=2048.0, expanded=192.0, latent=576.0)
    192.0
    >>> dim_by_length(tokens=8192.0, selected=2048.0, expanded=192.0, latent=576.0)
    576.0
    """
    return xp.where(tokens > selected * TOKEN, latent, expanded)
