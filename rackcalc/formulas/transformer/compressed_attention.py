"""Attention to a window and to a compressed past (DeepSeek-V4): sizes, entries attended to, arithmetic, traffic.

Keys and values are one vector that all heads share. Beside a sliding window, every `ratio` tokens leave one compressed
entry. With `selected` > 0 an indexer scores the entries by keys of its own, and a query attends to the best of them.
"""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import FLOP, TOKEN, Bytes, BytesPerToken, Count, Flop, Tokens

V4 = "DeepSeek-V4 as implemented in transformers 5.24.0, models/deepseek_v4/modeling_deepseek_v4.py"


@formula(cite=V4 + ": projections of DeepseekV4Attention, its compressors and indexer")
def compressed_attention_parameters(
    hidden: Count,
    heads: Count,
    head_dim: Count,
    query_rank: Count,
    output_groups: Count,
    output_rank: Count,
    ratio: Count,
    selected: Count,
    index_heads: Count,
    index_dim: Count,
) -> Count:
    """Weights of one layer. ratio 0: no compressor. selected 0: no indexer.

    >>> compressed_attention_parameters(hidden=4096.0, heads=64.0, head_dim=512.0, query_rank=1024.0, output_groups=8.0,
    ...     output_rank=1024.0, ratio=128.0, selected=0.0, index_heads=0.0, index_dim=0.0)
    111149056.0
    """
    columns = heads * head_dim
    query = hidden * query_rank + query_rank * columns
    output = columns * output_rank + output_groups * output_rank * hidden
    indexer = 4 * hidden * index_dim + query_rank * index_heads * index_dim + hidden * index_heads
    past = xp.where(selected > 0, 4 * hidden * head_dim + indexer, 2 * hidden * head_dim)
    return query + hidden * head_dim + output + xp.where(ratio > 0, past, 0 * past)


@formula(cite="definition: one entry for every `ratio` tokens")
def compressed_entries(context: Tokens, ratio: Count) -> Tokens:
    """Compressed entries of a context, in tokens; 0 without compression.

    >>> compressed_entries(context=4096.0, ratio=128.0)
    32.0
    """
    return xp.where(ratio > 0, context / xp.maximum(ratio, 1.0), 0 * context)


@formula(cite=V4 + ": window and entries; a query attends to all entries or to the best")
def attended_entries(context: Tokens, window: Tokens, entries: Tokens, selected: Count) -> Tokens:
    """Vectors that a new token attends to.

    >>> attended_entries(context=8192.0, window=128.0, entries=2048.0, selected=512.0)
    640.0
    """
    return xp.minimum(context, window) + xp.where(selected > 0, xp.minimum(entries, selected * TOKEN), entries)


@formula(cite="definition: mean over the positions of a prompt; window and number of entries grow until they are full")
def attended_entries_of_prompt(tokens: Tokens, window: Tokens, entries: Tokens, selected: Count) -> Tokens:
    """Vectors that a token of a prompt attends to, mean over its positions. entries: at its end.

    >>> attended_entries_of_prompt(tokens=8192.0, window=128.0, entries=2048.0, selected=512.0)
    575.0
    """
    near = xp.minimum(tokens, window)
    best = xp.where(selected > 0, xp.minimum(entries, selected * TOKEN), entries)
    near_full, best_full = xp.divide(near, tokens), xp.divide(best, entries)
    return near * (1 - near_full / 2) + xp.where(entries > 0 * TOKEN, best * (1 - best_full / 2), 0 * best)


@formula(cite=V4 + ": one vector for keys and values per token of the window and per entry, one key per entry")
def compressed_cache(
    context: Tokens, window: Tokens, entries: Tokens, head_dim: Count, index_dim: Count, width: Bytes
) -> Bytes:
    """Cache of one sequence in one layer. index_dim 0: no indexer.

    >>> compressed_cache(context=8192.0, window=128.0, entries=2048.0, head_dim=512.0, index_dim=128.0, width=1.0)
    1376256.0
    """
    return (xp.minimum(context, window) * head_dim + entries * (head_dim + index_dim)) * width / TOKEN


@formula(cite="definition: the cache of one token, window and entries")
def compressed_cache_per_token(
    head_dim: Count, index_dim: Count, entries: Tokens, context: Tokens, width: Bytes
) -> BytesPerToken:
    """Cache of one token in one layer while the context is within the window. entries: of `context` tokens.

    >>> compressed_cache_per_token(head_dim=512.0, index_dim=128.0, entries=1.0, context=4.0, width=1.0)
    672.0
    """
    return (head_dim + xp.divide(entries, context) * (head_dim + index_dim)) * width / TOKEN


@formula(cite="definition: vectors attended to are read once per new token, and the keys of the indexer")
def compressed_traffic(
    batch: Count, attended: Tokens, entries: Tokens, head_dim: Count, index_dim: Count, width: Bytes
) -> Bytes:
    """Cache that one layer reads in a decode step.

    >>> compressed_traffic(batch=1.0, attended=640.0, entries=2048.0, head_dim=512.0, index_dim=128.0, width=1.0)
    589824.0
    """
    return batch * (attended * head_dim + entries * index_dim) * width / TOKEN


@formula(cite=V4 + ": scores and weighted sum over the vectors attended to, and scores of the indexer")
def compressed_flops(
    rows: Count, attended: Tokens, entries: Tokens, heads: Count, head_dim: Count, index_heads: Count, index_dim: Count
) -> Flop:
    """Arithmetic of one layer for `rows` new tokens. entries: that the indexer scores, mean over the tokens.

    >>> compressed_flops(rows=1.0, attended=640.0, entries=2048.0, heads=64.0, head_dim=512.0, index_heads=64.0,
    ...                  index_dim=128.0)
    117440512.0
    """
    return 2 * rows * (attended * heads * 2 * head_dim + entries * index_heads * index_dim) / TOKEN * FLOP


@formula(cite="definition: a prompt's number of entries grows evenly from none")
def mean_entries(entries: Tokens) -> Tokens:
    """Entries that the indexer scores per token of a prompt, mean over its positions.

    >>> mean_entries(entries=2048.0)
    1024.0
    """
    return entries / 2


@formula(cite="definition: of the sum over all positions, what is left after those before")
def mean_of_last(whole: Tokens, before: Tokens, context: Tokens, past: Tokens, tokens: Tokens) -> Tokens:
    """Mean over the last `tokens` positions of a prompt. whole, before: means over `context` and over `past` positions.

    >>> mean_of_last(whole=50.0, before=25.0, context=100.0, past=50.0, tokens=50.0)
    75.0
    """
    return xp.divide(whole * context - xp.where(past > 0 * TOKEN, before * past, 0 * whole * context), tokens)
