"""Bytes that a forward pass reads and writes: weights of experts, KV cache, embeddings, activations."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Bytes, BytesPerToken, Count, Tokens


@formula(cite="definition: every cached key and value is read once per new token")
def kv_traffic(batch: Count, tokens: Tokens, per_layer: BytesPerToken) -> Bytes:
    """KV cache that one layer reads (decode) or writes (prefill).

    >>> kv_traffic(batch=1.0, tokens=8192.0, per_layer=4096.0)
    33554432.0
    """
    return batch * tokens * per_layer


@formula(cite="definition: weights of the experts that a batch touches")
def expert_traffic(weights: Bytes, hit: Count) -> Bytes:
    """Expert weights one layer reads.

    >>> expert_traffic(weights=1e6, hit=8.0)
    8000000.0
    """
    return weights * hit


@formula(cite="definition: a sum over layers")
def layers_bytes(size: Bytes, layers: Count) -> Bytes:
    """Traffic of several equal layers.

    >>> layers_bytes(size=2.0, layers=3.0)
    6.0
    """
    return size * layers


@formula(cite="definition: rows of an embedding table")
def embedding_traffic(rows: Count, hidden: Count, element: Bytes) -> Bytes:
    """Rows looked up in the embedding table.

    >>> embedding_traffic(rows=128.0, hidden=1024.0, element=2.0)
    262144.0
    """
    return rows * hidden * element


@formula(cite="definition: an even split")
def bytes_per_device(size: Bytes, devices: Count) -> Bytes:
    """Traffic of one of several GPUs that share it evenly.

    >>> bytes_per_device(size=8.0, devices=4.0)
    2.0
    """
    return size / devices


@formula(cite="assumption: activations that fit the last-level cache never reach memory, the rest does every time")
def spilled_traffic(size: Bytes, working_set: Bytes, cache: Bytes, devices: Count) -> Bytes:
    """Activation traffic that reaches memory, of `size` in all. cache: of one device.

    >>> spilled_traffic(size=100.0, working_set=80.0, cache=5.0, devices=8.0)
    50.0
    """
    return size * xp.maximum(1 - xp.divide(cache * devices, working_set), 0.0)


@formula(cite="definition: bytes of the passes over an activation matrix")
def activation_bytes(rows: Count, columns: Count, passes: Count, element: Bytes) -> Bytes:
    """Bytes that reading and writing an activation matrix `passes` times moves.

    >>> activation_bytes(rows=128.0, columns=1024.0, passes=3.0, element=2.0)
    786432.0
    """
    return passes * rows * columns * element
