"""Cycles of one transformer layer on tensor-streaming chips."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.lpu.matrix_cycles import (
    attention_cycles,
    expert_cycles,
    feed_forward_cycles,
    latent_projection_cycles,
    projection_cycles,
)
from rackcalc.formulas.lpu.vector_cycles import attention_vector_cycles, feed_forward_vector_cycles
from rackcalc.formulas.transformer.counts import count
from rackcalc.formulas.transformer.expert_routing import SPREAD_CHOICES, experts_hit, independent_rows
from rackcalc.formulas.transformer.flops import rows
from rackcalc.formulas.transformer.parameters import times
from rackcalc.formulas.transformer.sliding_window import attended_tokens
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Count
from rackcalc.spec.chips import LPU
from rackcalc.spec.models import Model


@formula(cite="definition: inner width a token passes through")
def active_width(active: Count, ffn: Count, shared_ffn: Count) -> Count:
    """Inner feed-forward elements of one token in a mixture-of-experts layer.

    >>> active_width(active=8.0, ffn=2048.0, shared_ffn=2048.0)
    18432.0
    """
    return active * ffn + shared_ffn


@formula(cite="definition: mean over two sorts of layers")
def layer_mean(usual: Count, special: Count, layers: Count, special_layers: Count) -> Count:
    """Mean cycles per layer when special_layers of the layers differ from the usual ones.

    >>> layer_mean(usual=100.0, special=200.0, layers=4.0, special_layers=1.0)
    125.0
    """
    return usual + (special - usual) * xp.divide(special_layers, layers)


def matrix_unit(lpu: LPU, chips: Quantity, format_: str) -> dict[str, Quantity]:
    """Parameters of the matrix units of `chips` chips that compute in one number format."""
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
    """Cycles of one layer on `chips` chips, for `batch` sequences with `tokens` new tokens each."""
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
        hit=experts_hit(
            experts=experts.experts, active=experts.active, rows=independent_rows(rows=m, spread=SPREAD_CHOICES)
        ),
        **shape,
        **unit,
    )
    inner = active_width(active=experts.active, ffn=experts.ffn, shared_ffn=shared)
    where = {"layers": model.layers, "special_layers": experts.layers}
    return layer_mean(usual=dense, special=mixed, **where), layer_mean(usual=model.ffn, special=inner, **where)
