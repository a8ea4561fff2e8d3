"""Deterministic SRAM chips: does the model fit, how long does a pass or a token take.

Chips form groups that share each layer; groups form a pipeline of stages. There is no jitter on the chips: a queue and
the host are the only sources of tails.
"""

from rackcalc.formulas.combine import total
from rackcalc.formulas.lpu.cycles import (
    activation_size,
    active_width,
    attention_cycles,
    attention_vector_cycles,
    bottleneck_time,
    chip_hop,
    cycle_time,
    expert_cycles,
    feed_forward_cycles,
    feed_forward_vector_cycles,
    hops_time,
    latent_projection_cycles,
    layer_mean,
    layers_time,
    projection_cycles,
    stage_count,
)
from rackcalc.formulas.transformer.counts import count
from rackcalc.formulas.transformer.expert_routing import experts_hit
from rackcalc.formulas.transformer.flops import rows
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.formulas.transformer.parameters import times
from rackcalc.formulas.transformer.sliding_window import attended_tokens
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Ratio, Seconds
from rackcalc.spec.chips import LPU
from rackcalc.spec.models import Model

_ZERO = constant(0.0, "s", "nothing more on the last stage", "assumed", note="pooler and classifier are left out")
PIPELINE = "definition: stages in sequence, each at its structural time times what the compiler reaches"


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


@formula(cite=PIPELINE)
def compiled_time(structural: Seconds, compiler_factor: Ratio) -> Seconds:
    """What the compiler reaches of a structural time.

    >>> round(compiled_time(structural=1.89e-3, compiler_factor=1.9) * 1e3, 2)
    3.59
    """
    return structural * compiler_factor


@record
class LpuCapacity:
    """needed, held, free (negative: does not fit), spilled: bytes; chips: fewest that hold it."""

    needed: Quantity
    held: Quantity
    free: Quantity
    spilled: Quantity
    chips: Quantity


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


def capacity(lpu: LPU, chips: Quantity, weights: Quantity, kv_cache: Quantity, activations: Quantity) -> LpuCapacity:
    """Whether weights, KV cache and activations (bytes) fit in the SRAM of the chips."""
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


def matrix_unit(lpu: LPU, chips: Quantity, format_: str) -> dict[str, Quantity]:
    """The matrix units of `chips` chips working in one number format."""
    if format_ not in lpu.cycles_per_row:
        raise ValueError(f"{lpu.name} does not compute in {format_}; it has {', '.join(lpu.cycles_per_row)}")
    return {
        "chips": chips,
        "planes": lpu.matrix_planes,
        "size": lpu.matrix_size,
        "install_cycles": lpu.install_cycles,
        "row_cycles": lpu.cycles_per_row[format_],
        "width": width(format_),
    }


@record
class Layer:
    """Cycles of one layer, mean over the layers."""

    projections: Quantity
    attention: Quantity
    feed_forward: Quantity
    attention_vector: Quantity
    feed_forward_vector: Quantity


def layer_cycles(
    lpu: LPU,
    model: Model,
    chips: Quantity,
    weight_format: str,
    kv_format: str,
    batch: Quantity,
    tokens: Quantity,
    context: Quantity,
) -> Layer:
    weights, cache = matrix_unit(lpu, chips, weight_format), matrix_unit(lpu, chips, kv_format)
    m = rows(batch=batch, tokens=tokens)
    seen = context
    if model.sliding_window is not None:
        full = model.full_attention_layers
        if full is None:
            full = count(0.0, "layers that attend to everything")
        seen = attended_tokens(
            context=context, layers=model.layers, full_attention_layers=full, window=model.sliding_window
        )
    scores = {"batch": batch, "tokens": tokens, "context": seen, "heads": model.heads}
    vector = {"norm_passes": lpu.norm_passes, "lanes": lpu.vector_lanes, "chips": chips, "hidden": model.hidden}
    if model.mla is None:
        projections = projection_cycles(
            rows=m, hidden=model.hidden, heads=model.heads, kv_heads=model.kv_heads, head_dim=model.head_dim, **weights
        )
        dims = {"kv_heads": model.kv_heads, "key_dim": model.head_dim, "value_dim": model.head_dim}
    else:
        mla = model.mla
        projections = latent_projection_cycles(
            rows=m,
            hidden=model.hidden,
            heads=model.heads,
            q_rank=mla.q_lora_rank,
            kv_rank=mla.kv_lora_rank,
            nope_dim=mla.qk_nope_head_dim,
            rope_dim=mla.qk_rope_head_dim,
            value_dim=mla.v_head_dim,
            **weights,
        )
        keys = total(latent=mla.kv_lora_rank, rotated=mla.qk_rope_head_dim)
        dims = {
            "kv_heads": count(1.0, "one latent shared by all heads"),
            "key_dim": keys,
            "value_dim": mla.kv_lora_rank,
        }
    matrix, inner = feed_forward_block(model, m, weights)
    return Layer(
        projections=projections,
        attention=attention_cycles(**scores, **dims, **cache),
        feed_forward=matrix,
        attention_vector=attention_vector_cycles(**scores, softmax_passes=lpu.softmax_passes, **vector),
        feed_forward_vector=feed_forward_vector_cycles(
            rows=m, ffn=inner, activation_passes=lpu.activation_passes, **vector
        ),
    )


def feed_forward_block(model: Model, m: Quantity, unit: dict[str, Quantity]) -> tuple[Quantity, Quantity]:
    """Matrix cycles and inner width of the feed-forward block, mean over dense and expert layers."""
    shape = {"rows": m, "hidden": model.hidden, "matrices": model.ffn_matrices}
    dense = feed_forward_cycles(ffn=model.ffn, **shape, **unit)
    experts = model.experts
    if experts is None:
        return dense, model.ffn
    shared = experts.shared_ffn
    if shared is None:
        shared = times(parameters=experts.ffn, copies=experts.shared)
    mixed = expert_cycles(
        ffn=experts.ffn,
        shared_ffn=shared,
        experts=experts.experts,
        active=experts.active,
        hit=experts_hit(experts=experts.experts, active=experts.active, rows=m),
        **shape,
        **unit,
    )
    inner = active_width(active=experts.active, ffn=experts.ffn, shared_ffn=shared)
    where = {"layers": model.layers, "special_layers": experts.layers}
    return layer_mean(usual=dense, special=mixed, **where), layer_mean(usual=model.ffn, special=inner, **where)


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

    latency [s], bandwidth [B/s, one direction]: of the link between two neighbouring chips. layers: only these many.
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
    # embedding and pooler fill and drain like a layer; where only some layers run here, they run elsewhere
    ends = cycle_time(cycles=lpu.fill_cycles, clock=lpu.clock) if layers is None else _ZERO
    moving = {"hops": hops_time(stages=stages, hop=hop), "host_io": lpu.host_io}
    factor = lpu.compiler_factor_encoder
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
