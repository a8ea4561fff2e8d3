"""Attention with a sliding window: how much of the context a token attends to, mean over the layers."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Ratio, Tokens


@formula(cite="A. Q. Jiang et al., Mistral 7B, arXiv:2310.06825, section 2 (sliding window attention)")
def attended_tokens(context: Tokens, layers: Count, full_attention_layers: Count, window: Tokens) -> Tokens:
    """Tokens that a new token attends to, mean over the layers.

    >>> attended_tokens(context=1024.0, layers=36.0, full_attention_layers=18.0, window=128.0)
    576.0
    """
    full = xp.divide(full_attention_layers, layers)
    return full * context + (1 - full) * xp.minimum(context, window)


@formula(cite="A. Q. Jiang et al., Mistral 7B, arXiv:2310.06825, section 2 (sliding window attention)")
def attended_share(tokens: Tokens, layers: Count, full_attention_layers: Count, window: Tokens) -> Ratio:
    """Query-key pairs of a prefill, mean over the layers, as a share of full causal attention.

    >>> attended_share(tokens=1024.0, layers=36.0, full_attention_layers=18.0, window=128.0)
    0.6171875
    """
    full = xp.divide(full_attention_layers, layers)
    kept = xp.divide(xp.minimum(tokens, window), tokens)
    return full + (1 - full) * (2 * kept - kept * kept)


@formula(cite="A. Q. Jiang et al., Mistral 7B, arXiv:2310.06825, section 2; a causal mask keeps half of the pairs")
def attended_pairs(tokens: Tokens, layers: Count, full_attention_layers: Count, window: Tokens) -> Count:
    """Query-key pairs of a causal pass over so many tokens, in a layer, mean over the layers.

    >>> attended_pairs(tokens=1024.0, layers=36.0, full_attention_layers=18.0, window=128.0)
    323584.0
    """
    full = xp.divide(full_attention_layers, layers)
    length, near = tokens / TOKEN, xp.minimum(tokens, window) / TOKEN
    return full * length * length / 2 + (1 - full) * (length - near / 2) * near


@formula(cite="definition: the pairs of all tokens, less those among the tokens before")
def pairs_after(whole: Count, before: Count, tokens: Tokens) -> Ratio:
    """Query-key pairs of the last tokens of a prompt, over the square of their number.

    whole, before: pairs of a pass over the whole prompt, and over what comes before these tokens.

    >>> pairs_after(whole=50.0, before=18.0, tokens=4.0)
    2.0
    """
    return xp.divide(whole - before, (tokens / TOKEN) ** 2)


@formula(cite="definition: a sum")
def context_after(past: Tokens, tokens: Tokens) -> Tokens:
    """Tokens of a context when so many are added to its past.

    >>> context_after(past=600.0, tokens=400.0)
    1000.0
    """
    return past + tokens
