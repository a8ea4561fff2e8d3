"""Transfer of the KV cache from the chips that prefill to the chips that decode."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Seconds

HOCKNEY = "R. Hockney, Parallel Computing 20 (1994) 389-398, eq. 1"


@formula(cite=HOCKNEY + ", without the latency")
def sending_time(kv_cache: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Time for which a KV cache takes the link.

    >>> sending_time(kv_cache=6e9, bandwidth=48e9)
    0.125
    """
    return xp.divide(kv_cache, bandwidth)


@formula(cite=HOCKNEY)
def bulk_exposed(latency: Seconds, kv_cache: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Wait for a KV cache that is sent after the prefill. 8k tokens of Llama 70B in bf16 over 400 Gb/s:

    >>> round(bulk_exposed(latency=5e-6, kv_cache=2.684e9, bandwidth=48e9) * 1e3)
    56
    """
    return latency + xp.divide(kv_cache, bandwidth)


@formula(cite="derivation: layer l is ready at l/L of the prefill and the link sends one layer at a time, in order")
def layerwise_exposed(
    latency: Seconds, kv_cache: Bytes, bandwidth: BytesPerSecond, prefill: Seconds, layers: Count
) -> Seconds:
    """Wait for a KV cache that is sent layer by layer during the prefill: the last layer, or the backlog when longer.

    >>> round(layerwise_exposed(latency=0.0, kv_cache=8e9, bandwidth=1e9, prefill=4.0, layers=4.0), 1)
    5.0
    """
    sending = xp.divide(kv_cache, bandwidth)
    return latency + xp.maximum(sending / layers, sending - prefill * (layers - 1) / layers)


def exposed_transfer(
    prefill: Quantity, kv_cache: Quantity, layers: Quantity, latency: Quantity, bandwidth: Quantity, transfer: str
) -> Quantity:
    """Wait for a KV cache [B] that is sent "bulk" after the prefill [s] or "layer-wise" during it."""
    if transfer == "bulk":
        return bulk_exposed(latency=latency, kv_cache=kv_cache, bandwidth=bandwidth)
    return layerwise_exposed(latency=latency, kv_cache=kv_cache, bandwidth=bandwidth, prefill=prefill, layers=layers)
