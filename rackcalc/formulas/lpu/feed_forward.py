"""Feed-forward blocks on SRAM chips while the attention stays on other chips."""

from rackcalc.formulas.lpu.chip_groups import GROUPS, fastest_group, group_of, group_time
from rackcalc.formulas.lpu.chip_links import activation_size
from rackcalc.formulas.lpu.execution_time import compiled_time, reached
from rackcalc.formulas.lpu.layer_blocks import block_times, exchange_time
from rackcalc.formulas.lpu.layer_cycles import layer_cycles
from rackcalc.formulas.transformer.forward_pass import ONE_TOKEN
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record
from rackcalc.spec.chips import LPU
from rackcalc.spec.models import Model

_NO_CONTEXT = constant(0.0, "token", "no attention here", "published", note="attention stays on the other chips")


@record
class LpuFeedForward:
    """Feed-forward or expert block of one layer, seconds, compiler factor included; group: chips that share it."""

    time: Quantity
    structural: Quantity
    all_reduce: Quantity
    group: Quantity


def feed_forward(
    lpu: LPU, model: Model, chips: Quantity, weight_format: str, batch: Quantity, bandwidth: Quantity
) -> LpuFeedForward:
    """Feed-forward block of one layer for `batch` tokens, mean over the layers; the attention runs elsewhere."""
    size = activation_size(rows=batch, hidden=model.hidden, width=width("bf16"))

    def block(group: Quantity) -> tuple[Quantity, Quantity]:
        layer = layer_cycles(lpu, model, group, weight_format, weight_format, batch, ONE_TOKEN, _NO_CONTEXT)
        exchange = exchange_time(lpu, group, size, bandwidth)
        return exchange, block_times(lpu, layer, exchange, model.experts is not None)[1]

    tried = {f"chips_{n}": group_time(time=block(group_of(n))[1], chips=chips, group=group_of(n)) for n in GROUPS}
    group = fastest_group(**tried)
    exchange, structural = block(group)
    time = compiled_time(structural=structural, compiler_factor=reached(lpu, lpu.compiler_factor_decode, "decode"))
    return LpuFeedForward(time, structural, exchange, group)
