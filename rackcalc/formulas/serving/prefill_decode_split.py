"""Prefill on GPUs and decoding on LPUs."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.serving.kv_transfer import exposed_transfer
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record


@record
class PrefillDecode:
    """ttft [s] without queueing, tpot [s/token], exposed [s]: wait for the KV cache. terms: of the TTFT."""

    ttft: Quantity
    tpot: Quantity
    exposed: Quantity
    terms: dict[str, Quantity]


def prefill_decode(
    prefill: Quantity,
    kv_cache: Quantity,
    layers: Quantity,
    latency: Quantity,
    bandwidth: Quantity,
    first_token: Quantity,
    tpot: Quantity,
    transfer: str,
) -> PrefillDecode:
    """The GPU prefills [s], the LPU generates (first_token [s], tpot [s/token]), and kv_cache [B] crosses once.

    transfer: "bulk" after the prefill, or "layer-wise" during it.
    """
    exposed = exposed_transfer(prefill, kv_cache, layers, latency, bandwidth, transfer)
    terms = {"prefill": prefill, "kv_transfer": exposed, "first_token": first_token}
    return PrefillDecode(ttft=total(**terms), tpot=tpot, exposed=exposed, terms=terms)
