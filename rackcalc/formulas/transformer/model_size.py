"""Size of a model: parameters, weights and KV cache, from the constants of its architecture."""

from collections.abc import Mapping

from rackcalc.formulas.combine import mean_over_layers, total
from rackcalc.formulas.transformer.checkpoint import Stored, stored_weights
from rackcalc.formulas.transformer.counts import NONE, TWO
from rackcalc.formulas.transformer.kv_cache import kv_cache, kv_per_layer, kv_per_token, latent_kv_per_layer
from rackcalc.formulas.transformer.layer_groups import (
    GroupSize,
    cache_of_group,
    group_sizes,
    groups_kv_per_token,
    mean_cache,
    mean_layer_parameters,
)
from rackcalc.formulas.transformer.parameters import (
    attention_parameters,
    dense_layers,
    embedding_parameters,
    encoder_embedding_parameters,
    ffn_parameters,
    head_parameters,
    latent_attention_parameters,
    own_head,
    pooler_parameters,
    times,
    vector_parameters,
)
from rackcalc.formulas.transformer.sparse_attention import (
    index_key,
    indexer_parameters,
)
from rackcalc.formulas.transformer.weights import Formats, formats, width
from rackcalc.quantities.kept_results import once
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record
from rackcalc.spec.models import Model


@record
class ModelSize:
    """Sizes of a model. *_parameters [1] and *_weights [B] of attention, ffn, experts are per layer or per expert.

    attention: projections, norms and biases of a layer. shared: router and shared experts of an expert layer. head: as
    read per step, even when tied. read_parameters: what one token passes through (embeddings are looked up, not read).
    """

    parameters: Quantity
    active_parameters: Quantity
    read_parameters: Quantity
    attention_parameters: Quantity
    ffn_parameters: Quantity
    expert_parameters: Quantity
    shared_parameters: Quantity
    head_parameters: Quantity
    embedding_parameters: Quantity
    dense_layers: Quantity
    expert_layers: Quantity
    weights: Quantity
    attention_weights: Quantity
    ffn_weights: Quantity
    expert_weights: Quantity
    shared_weights: Quantity
    head_weights: Quantity
    embedding_weights: Quantity
    kv_per_layer: Quantity
    kv_per_token: Quantity
    full_attention_layers: Quantity
    window: Quantity
    formats: Formats
    groups: Mapping[str, GroupSize]


NO_POSITIONS = constant(0.0, "token", "learned positions", "published", note="positions are rotations: no weights")


@once
def model_size(model: Model, weight_format: str, kv_format: str, checkpoint: bool = False) -> ModelSize:
    """Parameters, weights and KV cache of a model stored in weight_format with its KV cache in kv_format.

    checkpoint: the weights are a published file of that format, parts of which may have stayed in 16 bit.
    """
    stored = formats(model, weight_format)
    hidden, matrices = model.hidden, model.ffn_matrices
    shape = {"hidden": hidden, "heads": model.heads, "kv_heads": model.kv_heads, "head_dim": model.head_dim}
    groups = group_sizes(model, kv_format)
    attention = total(
        projections=mean_layer_parameters(model, groups) if groups else _attention(model),
        vectors=vector_parameters(**shape, ffn=model.ffn, matrices=matrices),
    )
    ffn = ffn_parameters(hidden=hidden, ffn=model.ffn, matrices=matrices)
    expert, shared, routed, active, expert_layers = _experts(model)
    dense = model.ffn_layers
    if dense is None:
        dense = dense_layers(layers=model.layers, expert_layers=expert_layers)
    embedding, head, own = _ends(model)
    layers = {
        "attention": times(parameters=attention, copies=model.layers),
        "ffn": times(parameters=ffn, copies=dense),
        "shared": times(parameters=shared, copies=expert_layers),
    }
    chosen = times(parameters=times(parameters=expert, copies=active), copies=expert_layers)
    everyone = times(parameters=times(parameters=expert, copies=routed), copies=expert_layers)
    held = stored_weights(
        model,
        stored,
        weight_format,
        checkpoint,
        Stored(layers["attention"], layers["ffn"], layers["shared"], everyone, embedding, own),
        Stored(attention, ffn, shared, expert, embedding, head),
    )
    per_token = None
    if groups:
        per_token = groups_kv_per_token(groups)
        per_layer = mean_cache(per_token=per_token, layers=model.layers)
    else:
        per_layer = _kv(model, width(kv_format))
    full = model.layers if model.full_attention_layers is None else model.full_attention_layers
    window = model.max_context if model.sliding_window is None else model.sliding_window
    return ModelSize(
        parameters=total(**layers, experts=everyone, embedding=embedding, head=own),
        active_parameters=total(**layers, experts=chosen, embedding=embedding, head=own),
        read_parameters=total(**layers, experts=chosen, head=head),
        attention_parameters=attention,
        ffn_parameters=ffn,
        expert_parameters=expert,
        shared_parameters=shared,
        head_parameters=head,
        embedding_parameters=embedding,
        dense_layers=dense,
        expert_layers=expert_layers,
        weights=total(**vars(held.whole)),
        attention_weights=held.one.attention,
        ffn_weights=held.one.ffn,
        expert_weights=held.one.experts,
        shared_weights=held.one.shared,
        head_weights=held.one.head,
        embedding_weights=held.whole.embedding,
        kv_per_layer=per_layer,
        kv_per_token=kv_per_token(per_layer=per_layer, layers=model.layers, full_attention_layers=full, window=window)
        if per_token is None
        else per_token,
        full_attention_layers=full,
        window=window,
        formats=stored,
        groups=groups,
    )


def cache_of_sequence(model: Model, size: ModelSize, context: Quantity) -> Quantity:
    """KV cache, and states, of one sequence of `context` [token] in all layers [B]."""
    if size.groups:
        return total(**{name: cache_of_group(group, context) for name, group in size.groups.items()})
    return kv_cache(
        context=context,
        per_layer=size.kv_per_layer,
        layers=model.layers,
        full_attention_layers=size.full_attention_layers,
        window=size.window,
    )


def _attention(model: Model) -> Quantity:
    """Parameters of the attention projections of one layer."""
    if model.mla is None:
        return attention_parameters(
            hidden=model.hidden, heads=model.heads, kv_heads=model.kv_heads, head_dim=model.head_dim
        )
    latent = latent_attention_parameters(hidden=model.hidden, heads=model.heads, **vars(model.mla))
    if model.indexer is None:
        return latent
    sizes = {"query_rank": model.mla.q_lora_rank, "heads": model.indexer.heads, "dim": model.indexer.dim}
    own = indexer_parameters(hidden=model.hidden, **sizes)
    mean = mean_over_layers(each=own, layers=model.indexer.layers, of=model.layers)
    return total(latent=latent, indexer=mean)


def _kv(model: Model, width: Quantity) -> Quantity:
    """KV cache of one token in one layer."""
    if model.mla is None:
        return kv_per_layer(kv_heads=model.kv_heads, head_dim=model.head_dim, width=width)
    latent = latent_kv_per_layer(
        kv_lora_rank=model.mla.kv_lora_rank, qk_rope_head_dim=model.mla.qk_rope_head_dim, width=width
    )
    keys = index_keys(model)
    return latent if keys is None else total(latent=latent, keys=keys)


def index_keys(model: Model) -> Quantity | None:
    """What indexers keep of a token, in one layer, mean over all [B/token]; None without any."""
    if model.indexer is None:
        return None
    key = index_key(dim=model.indexer.dim)
    return mean_over_layers(each=key, layers=model.indexer.layers, of=model.layers)


def _experts(model: Model) -> tuple[Quantity, Quantity, Quantity, Quantity, Quantity]:
    """Parameters of one expert, parameters of router and shared experts, experts, active experts, expert layers."""
    experts = model.experts
    if experts is None:
        return NONE, NONE, NONE, NONE, NONE
    seen = model.hidden if experts.latent is None else experts.latent
    expert = ffn_parameters(hidden=seen, ffn=experts.ffn, matrices=model.ffn_matrices)
    every = (
        ffn_parameters(hidden=model.hidden, ffn=experts.shared_ffn, matrices=model.ffn_matrices)
        if experts.shared_ffn is not None
        else times(
            parameters=ffn_parameters(hidden=model.hidden, ffn=experts.ffn, matrices=model.ffn_matrices),
            copies=experts.shared,
        )
    )
    if experts.latent is not None:  # a projection down before the experts, and one back
        both = ffn_parameters(hidden=model.hidden, ffn=experts.latent, matrices=TWO)
        every = total(experts=every, latent=both)
    shared = total(router=times(parameters=model.hidden, copies=experts.experts), experts=every)
    return expert, shared, experts.experts, experts.active, experts.layers


def _ends(model: Model) -> tuple[Quantity, Quantity, Quantity]:
    """Parameters of the embedding, of the head as read per step, and of the head as stored."""
    if model.family == "encoder":
        embedding = encoder_embedding_parameters(
            vocabulary=model.vocabulary, hidden=model.hidden, max_context=model.max_context
        )
        pooler = pooler_parameters(hidden=model.hidden)
        return embedding, pooler, pooler
    learned = model.learned_positions is None or model.learned_positions.value > 0
    embedding = embedding_parameters(
        vocabulary=model.vocabulary,
        hidden=model.hidden,
        max_context=model.max_context if learned else NO_POSITIONS,
        matrices=model.ffn_matrices,
    )
    head = head_parameters(vocabulary=model.vocabulary, hidden=model.hidden, matrices=model.ffn_matrices)
    own = own_head(head=head, vocabulary=model.vocabulary, hidden=model.hidden, tied_embeddings=model.tied_embeddings)
    return embedding, head, own
