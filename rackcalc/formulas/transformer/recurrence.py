"""Layers with a state of fixed size in place of a KV cache: gated delta rule (linear attention) and Mamba-2.

Each head keeps a matrix of key_dim x value_dim. In Mamba-2, the key dimensions are the state size, and groups share
keys (B) and queries (C).
"""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import constant, formula
from rackcalc.quantities.units import FLOP, TOKEN, Bytes, Count, Flop, Tokens

DELTA = "S. Yang et al., Gated Delta Networks, arXiv:2412.06464"
MAMBA2 = "T. Dao and A. Gu, Transformers are SSDs, arXiv:2405.21060"

# Per element of a state and token. Delta rule: decay (1), read what the key recalls (2), add the correction (2), read
# for the query (2). Mamba-2: decay (1), add (2), read (2).
STEP_FLOPS = {
    "delta-rule": constant(7.0, "1", "operations per element of a state", "published", note=DELTA + ", equation 10"),
    "mamba2": constant(5.0, "1", "operations per element of a state", "published", note=MAMBA2 + ", equation 1"),
}
# Scalars per head that a token computes beside queries, keys and values: decay and rate, or the step.
SCALARS = {
    "delta-rule": constant(2.0, "1", "scalars per head and token", "published", note=DELTA),
    "mamba2": constant(1.0, "1", "scalars per head and token", "published", note=MAMBA2),
}
CHUNK = {
    "delta-rule": constant(64.0, "token", "chunk of the scan", "published", note="flash-linear-attention: 64"),
    "mamba2": constant(128.0, "token", "chunk of the scan", "published", note="Nemotron-H: chunk_size 128"),
}


@formula(cite=f"{DELTA}; {MAMBA2}, section 7; counted from the Qwen3-Next, Kimi Linear and Nemotron-H implementations")
def recurrent_parameters(
    hidden: Count,
    heads: Count,
    key_heads: Count,
    key_dim: Count,
    value_dim: Count,
    scalars: Count,
    convolution: Count,
    decay_rank: Count,
    gate_rank: Count,
) -> Count:
    """Weights of one layer: queries, keys, values, output gate, scalars, convolution and output projection.

    decay_rank: of a decay per channel (0: a scalar per head). gate_rank: of the output gate (0: a full matrix).

    >>> recurrent_parameters(hidden=2048.0, heads=32.0, key_heads=16.0, key_dim=128.0, value_dim=128.0, scalars=2.0,
    ...                      convolution=4.0, decay_rank=0.0, gate_rank=0.0)
    33718272.0
    """
    keys, values = key_heads * key_dim, heads * value_dim
    gate = xp.where(gate_rank > 0, gate_rank * (hidden + values), hidden * values)
    decay = decay_rank * (hidden + keys)
    return hidden * (2 * keys + 2 * values + scalars * heads) + gate + decay + convolution * (2 * keys + values)


@formula(cite=f"definition: a matrix per head; {DELTA}; {MAMBA2}")
def state_elements(heads: Count, key_dim: Count, value_dim: Count) -> Count:
    """Numbers in the state of one sequence in one layer.

    >>> state_elements(heads=32.0, key_dim=128.0, value_dim=128.0)
    524288.0
    """
    return heads * key_dim * value_dim


@formula(cite="definition: states, and the last inputs of the convolution")
def state_bytes(
    elements: Count,
    element: Bytes,
    heads: Count,
    key_heads: Count,
    key_dim: Count,
    value_dim: Count,
    convolution: Count,
    input_element: Bytes,
) -> Bytes:
    """Memory of the state of one sequence in one layer, whatever its length.

    >>> state_bytes(elements=524288.0, element=4.0, heads=32.0, key_heads=16.0, key_dim=128.0, value_dim=128.0,
    ...             convolution=4.0, input_element=2.0)
    2146304.0
    """
    channels = 2 * key_heads * key_dim + heads * value_dim
    kept = xp.maximum(convolution - 1, 0 * convolution)
    return elements * element + kept * channels * input_element


@formula(cite="definition: a state is read and written with every token")
def state_traffic(batch: Count, state: Bytes) -> Bytes:
    """States that one layer reads and writes in a step.

    >>> state_traffic(batch=4.0, state=2e6)
    16000000.0
    """
    return 2 * batch * state


@formula(cite=f"{DELTA}, equation 10; {MAMBA2}, equation 1: one update of every state")
def step_flops(rows: Count, elements: Count, operations: Count) -> Flop:
    """Arithmetic of the states of one layer, for one new token per row.

    >>> step_flops(rows=1.0, elements=524288.0, operations=7.0)
    3670016.0
    """
    return rows * elements * operations * FLOP


@formula(cite=f"{MAMBA2}, section 6: products within chunks, and states between them; {DELTA}, section 3.2")
def scan_flops(rows: Count, heads: Count, key_dim: Count, value_dim: Count, chunk: Tokens, operations: Count) -> Flop:
    """Arithmetic of one layer over whole sequences, in chunks: each is a small attention, and updates the states.

    operations: of a step per element of a state; the update of the states by a chunk has as many per token.

    >>> scan_flops(rows=128.0, heads=32.0, key_dim=128.0, value_dim=128.0, chunk=64.0, operations=7.0)
    603979776.0
    """
    within = 2 * (chunk / TOKEN) * (key_dim + value_dim)
    return rows * heads * (within + operations * key_dim * value_dim) * FLOP
