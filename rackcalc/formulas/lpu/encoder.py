"""An encoder pass on a pipeline of deterministic SRAM chips."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.lpu.chip_links import activation_size, chip_hop
from rackcalc.formulas.lpu.execution_time import compiled_time, cycle_time, layers_time, reached
from rackcalc.formulas.lpu.layer_cycles import layer_cycles
from rackcalc.formulas.lpu.pipeline import bottleneck_time, hops_time, stage_count
from rackcalc.formulas.transformer.counts import count
from rackcalc.formulas.transformer.flops import rows
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record
from rackcalc.spec.chips import LPU
from rackcalc.spec.models import Model

_ZERO = constant(0.0, "s", "nothing more on the last stage", "assumed", note="pooler and classifier are left out")


@record
class LpuPass:
    """One batch through an encoder, seconds. terms: structural, before the compiler factor.

    structural: matrix + attention + vector + hops + host io, the ideal stream. time: with the pipeline fill of every
    layer, and the compiler factor on what the chips compute. bottleneck: between two results of the full pipeline.
    """

    time: Quantity
    bottleneck: Quantity
    structural: Quantity
    compiler_factor: Quantity
    terms: dict[str, Quantity]
    stages: Quantity


def encoder(
    lpu: LPU,
    model: Model,
    chips: Quantity,
    precision: str,
    batch: Quantity,
    tokens: Quantity,
    latency: Quantity,
    bandwidth: Quantity,
    layers: Quantity | None = None,
) -> LpuPass:
    """One batch of sequences (tokens each) through an encoder whose layers are spread over a pipeline of chips.

    latency [s], bandwidth [B/s, one direction]: of the link between neighbouring chips. layers: how many run here.
    """
    depth = model.layers if layers is None else layers
    one = count(1.0, "one chip per stage")
    stages = stage_count(chips=chips, group=one, layers=depth)
    layer = layer_cycles(lpu, model, one, precision, precision, batch, tokens, tokens)
    in_all = {"layers": depth, "clock": lpu.clock}
    hidden = activation_size(rows=rows(batch=batch, tokens=tokens), hidden=model.hidden, width=width(precision))
    hop = chip_hop(latency=latency, size=hidden, bandwidth=bandwidth, links=one, cut_through=lpu.cut_through)
    computing = {
        "matrix": layers_time(cycles=total(projections=layer.projections, feed_forward=layer.feed_forward), **in_all),
        "attention": layers_time(cycles=layer.attention, **in_all),
        "vector": layers_time(
            cycles=total(attention=layer.attention_vector, feed_forward=layer.feed_forward_vector), **in_all
        ),
    }
    fill = layers_time(cycles=lpu.fill_cycles, **in_all)
    # embedding and pooler fill and drain like a layer; if only some layers run here, both run elsewhere
    ends = cycle_time(cycles=lpu.fill_cycles, clock=lpu.clock) if layers is None else _ZERO
    moving = {"hops": hops_time(stages=stages, hop=hop), "host_io": lpu.host_io}
    factor = reached(lpu, lpu.compiler_factor_encoder, "prefill")
    inside = total(**computing, fill=fill, ends=ends)
    per_layer = cycle_time(cycles=total(**vars(layer), fill=lpu.fill_cycles), clock=lpu.clock)
    return LpuPass(
        time=total(computing=compiled_time(structural=inside, compiler_factor=factor), **moving),
        bottleneck=bottleneck_time(
            layer=per_layer, layers=depth, stages=stages, hop=hop, last=ends, compiler_factor=factor
        ),
        structural=total(**computing, **moving),
        compiler_factor=factor,
        terms={**computing, "fill": fill, "ends": ends, **moving},
        stages=stages,
    )
