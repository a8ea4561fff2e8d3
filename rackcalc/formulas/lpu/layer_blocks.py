"""Attention block and feed-forward block of a layer, each with the all-reduce that ends it."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.kernels import repeated
from rackcalc.formulas.lpu.chip_links import all_reduce_time
from rackcalc.formulas.lpu.execution_time import block_fill, cycle_time
from rackcalc.formulas.lpu.layer_cycles import Layer
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.spec.chips import LPU

EXPERT_BLOCKS = constant(3.0, "1", "blocks of a layer of experts", "assumed", note="router, experts, sum")


def exchange_time(lpu: LPU, group: Quantity, size: Quantity, bandwidth: Quantity) -> Quantity:
    """Time of the all-reduce of `size` bytes within a group."""
    port = lpu.ports.get(lpu.chip_link, bandwidth)  # one link, if the rate of all links of a chip is unknown
    return all_reduce_time(
        latency=lpu.all_reduce_latency, chips=group, group=lpu.group, size=size, bandwidth=bandwidth, port=port
    )


def block_times(lpu: LPU, layer: Layer, exchange: Quantity, experts: bool) -> tuple[Quantity, Quantity]:
    """Structural time of the attention block and of the feed-forward block of one layer; each ends in an all-reduce.

    experts: the feed-forward block is three, one after another: the router, the chosen experts, and their sum.
    """
    fill = block_fill(fill_cycles=lpu.fill_cycles)
    attention = total(
        projections=layer.projections, attention=layer.attention, vector=layer.attention_vector, fill=fill
    )
    waits = repeated(time=lpu.block_wait, copies=EXPERT_BLOCKS if experts else ONE)
    feed = total(matrix=layer.feed_forward, vector=layer.feed_forward_vector, fill=fill)
    return (
        total(computing=cycle_time(cycles=attention, clock=lpu.clock), all_reduce=exchange, wait=lpu.block_wait),
        total(computing=cycle_time(cycles=feed, clock=lpu.clock), all_reduce=exchange, wait=waits),
    )
