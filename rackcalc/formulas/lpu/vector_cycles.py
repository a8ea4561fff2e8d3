"""Cycles of the vector lanes of a tensor-streaming chip: softmax, activation functions and normalisations."""

from rackcalc.formulas.lpu.matrix_cycles import ISCA20
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import TOKEN, Count, Tokens


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
