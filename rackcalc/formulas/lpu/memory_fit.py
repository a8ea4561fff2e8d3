"""Memory of SRAM chips: whether a model fits, and how long it takes to stream what does not."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.transformer.counts import count
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Ratio, Seconds
from rackcalc.spec.chips import LPU
from rackcalc.spec.models import Model


@formula(cite="definition: memory needed over usable memory of a chip, rounded up")
def chips_needed(needed: Bytes, sram: Bytes, usable: Ratio) -> Count:
    """Fewest chips that hold the bytes. Llama 70B, 8-bit weights, and 8k tokens of 8-bit KV:

    >>> chips_needed(needed=71.896e9, sram=230e6, usable=0.85)
    368.0
    """
    return xp.ceil(xp.divide(needed, sram * usable))


@formula(cite="definition: sum over dense and expert layers")
def feed_forward_weights(
    dense: Bytes, dense_layers: Count, expert: Bytes, experts: Count, shared: Bytes, expert_layers: Count
) -> Bytes:
    """Weights of all feed-forward blocks, what attention-FFN disaggregation puts on the LPUs. dense, shared: per layer.

    >>> feed_forward_weights(dense=704643072.0, dense_layers=80.0, expert=0.0, experts=0.0, shared=0.0,
    ...     expert_layers=0.0)
    56371445760.0
    """
    return dense * dense_layers + (expert * experts + shared) * expert_layers


@formula(cite="definition: usable share of all on-chip memory")
def usable_memory(chips: Count, sram: Bytes, usable: Ratio) -> Bytes:
    """Memory that chips offer for weights, KV cache and activations.

    >>> usable_memory(chips=256.0, sram=500e6, usable=0.85) / 1e9
    108.8
    """
    return chips * sram * usable


@formula(cite="definition: what is left")
def free_memory(held: Bytes, needed: Bytes) -> Bytes:
    """Memory left over; negative when the model does not fit.

    >>> free_memory(held=108.8e9, needed=72e9) / 1e9
    36.8
    """
    return held - needed


@formula(cite="definition: what does not fit")
def spilled_bytes(held: Bytes, needed: Bytes) -> Bytes:
    """Bytes that must come from elsewhere in every pass.

    >>> spilled_bytes(held=100e9, needed=72e9)
    0.0
    """
    return xp.maximum(needed - held, 0 * needed)


@formula(cite="definition: bytes over bandwidth, nothing overlapped")
def spill_time(spilled: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Time per pass to stream in what the chips do not hold: usually 10 to 1000 times the pass itself.

    >>> spill_time(spilled=1e9, bandwidth=25e9)
    0.04
    """
    return xp.where(spilled > 0, xp.divide(spilled, bandwidth), 0 * spilled / bandwidth)


@record
class LpuCapacity:
    """needed, held, free (negative: does not fit), spilled: bytes; chips: fewest that hold it."""

    needed: Quantity
    held: Quantity
    free: Quantity
    spilled: Quantity
    chips: Quantity


def capacity(lpu: LPU, chips: Quantity, weights: Quantity, kv_cache: Quantity, activations: Quantity) -> LpuCapacity:
    """Memory that weights, KV cache and activations (bytes) need, and the memory that the chips have."""
    needed = total(weights=weights, kv_cache=kv_cache, activations=activations)
    held = usable_memory(chips=chips, sram=lpu.sram, usable=lpu.usable_sram)
    return LpuCapacity(
        needed=needed,
        held=held,
        free=free_memory(held=held, needed=needed),
        spilled=spilled_bytes(held=held, needed=needed),
        chips=chips_needed(needed=needed, sram=lpu.sram, usable=lpu.usable_sram),
    )


def feed_forward_memory(model: Model, size: ModelSize) -> Quantity:
    """Bytes of the feed-forward blocks alone: the weights LPUs hold when attention stays on the GPUs."""
    return feed_forward_weights(
        dense=size.ffn_weights,
        dense_layers=size.dense_layers,
        expert=size.expert_weights,
        experts=count(0.0, "no experts") if model.experts is None else model.experts.experts,
        shared=size.shared_weights,
        expert_layers=size.expert_layers,
    )
