"""Models whose layers differ: sizes of each group of layers, and their sum or mean over all layers.

A group is attention of one size and window, latent attention, or a recurrence (recurrence.py).
"""

from collections.abc import Mapping

from rackcalc.formulas.combine import total
from rackcalc.formulas.transformer.compressed_attention import (
    attended_entries,
    attended_entries_of_prompt,
    compressed_attention_parameters,
    compressed_cache,
    compressed_cache_per_token,
    compressed_entries,
    compressed_flops,
    compressed_traffic,
    mean_entries,
    mean_of_last,
)
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.formulas.transformer.flops import (
    causal_pairs,
    decode_attention_flops,
    latent_expansion_flops,
    layers_flops,
    prefill_attention_flops,
    sum_of_dims,
)
from rackcalc.formulas.transformer.kv_cache import kv_cache, latent_kv_per_layer, sized_kv_per_layer
from rackcalc.formulas.transformer.memory_traffic import kv_traffic, layers_bytes
from rackcalc.formulas.transformer.parameters import latent_attention_parameters, sized_attention_parameters, times
from rackcalc.formulas.transformer.recurrence import (
    CHUNK,
    SCALARS,
    STEP_FLOPS,
    recurrent_parameters,
    scan_flops,
    state_bytes,
    state_elements,
    state_traffic,
    step_flops,
)
from rackcalc.formulas.transformer.sliding_window import attended_pairs, attended_share, attended_tokens, pairs_after
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, BytesPerToken, Count, Flop, Tokens
from rackcalc.spec.models import Compression, LayerGroup, Model

NO_LAYERS = constant(0.0, "1", "layers", "published", note="none of this kind")
NO_CACHE = constant(0.0, "B/token", "KV cache", "published", note="a recurrence keeps a state")
STATE = "fp32"  # as Qwen3-Next (mamba_ssm_dtype) and Nemotron-H (mamba_ssm_cache_dtype) state


@formula(cite="definition: mean over the layers")
def mean_parameters(parameters: Count, layers: Count) -> Count:
    """Weights of a layer, mean over all.

    >>> mean_parameters(parameters=10.0, layers=4.0)
    2.5
    """
    return parameters / layers


@formula(cite="definition: mean over the layers")
def mean_flops(flops: Flop, layers: Count) -> Flop:
    """Arithmetic of a layer, mean over all.

    >>> mean_flops(flops=10.0, layers=4.0)
    2.5
    """
    return flops / layers


@formula(cite="definition: mean over the layers")
def mean_bytes(size: Bytes, layers: Count) -> Bytes:
    """Bytes of a layer, mean over all.

    >>> mean_bytes(size=10.0, layers=4.0)
    2.5
    """
    return size / layers


@formula(cite="definition: a sum over layers")
def cache_of_layers(per_layer: BytesPerToken, layers: Count) -> BytesPerToken:
    """KV cache of one token in the layers of a group.

    >>> cache_of_layers(per_layer=4096.0, layers=8.0)
    32768.0
    """
    return per_layer * layers


@formula(cite="definition: mean over the layers")
def mean_cache(per_token: BytesPerToken, layers: Count) -> BytesPerToken:
    """KV cache of one token in a layer, mean over all.

    >>> mean_cache(per_token=32768.0, layers=16.0)
    2048.0
    """
    return per_token / layers


@formula(cite="definition: mean over the layers")
def mean_attended(sum_of_tokens: Tokens, layers: Count) -> Tokens:
    """Tokens that a new token attends to, mean over all layers.

    >>> mean_attended(sum_of_tokens=4096.0, layers=4.0)
    1024.0
    """
    return sum_of_tokens / layers


@formula(cite="definition: a sum over layers")
def attended_in_layers(tokens: Tokens, layers: Count) -> Tokens:
    """Tokens that a new token attends to, summed over the layers of a group.

    >>> attended_in_layers(tokens=1024.0, layers=2.0)
    2048.0
    """
    return tokens * layers


@record
class GroupSize:
    """A group of layers. Of one layer: parameters [1], kv_per_layer [B/token], state [B per sequence].

    shards [1]: heads over which GPUs can divide the cache or the states. full [1]: layers without a window.
    element [B]: one number of the KV cache.
    """

    group: LayerGroup
    layers: Quantity
    full: Quantity
    window: Quantity
    parameters: Quantity
    kv_per_layer: Quantity
    state: Quantity | None
    shards: Quantity
    element: Quantity


def group_sizes(model: Model, kv_format: str) -> Mapping[str, GroupSize]:
    """The groups of layers of a model by name; none where all layers are alike."""
    return {name: _size(model, group, kv_format) for name, group in model.groups.items()}


def _size(model: Model, group: LayerGroup, kv_format: str) -> GroupSize:
    window = model.max_context if group.window is None else group.window
    full = group.layers if group.window is None else NO_LAYERS
    shape = {"heads": group.heads, "key_dim": group.head_dim, "value_dim": group.value_dim}
    state, shards, cache = None, group.kv_heads, NO_CACHE
    if group.kind == "latent-attention":
        assert model.mla is not None
        mla, shards = model.mla, ONE
        parameters = latent_attention_parameters(hidden=model.hidden, heads=group.heads, **vars(mla))
        cache = latent_kv_per_layer(
            kv_lora_rank=mla.kv_lora_rank, qk_rope_head_dim=mla.qk_rope_head_dim, width=width(kv_format)
        )
    elif group.compression is not None:
        shards, past = ONE, group.compression
        sizes = {"ratio": past.ratio, "selected": past.selected}
        sizes |= {"index_heads": past.index_heads, "index_dim": past.index_dim, "query_rank": past.query_rank}
        sizes |= {"output_groups": past.output_groups, "output_rank": past.output_rank}
        parameters = compressed_attention_parameters(
            hidden=model.hidden, heads=group.heads, head_dim=group.head_dim, **sizes
        )
        entries = compressed_entries(context=model.max_context, ratio=past.ratio)
        cache = compressed_cache_per_token(
            head_dim=group.head_dim,
            index_dim=past.index_dim,
            entries=entries,
            context=model.max_context,
            width=width(kv_format),
        )
    elif group.kind == "attention":
        parameters = sized_attention_parameters(
            hidden=model.hidden,
            **shape,
            kv_heads=group.kv_heads,
            value_projection=group.value_projection,
            output_gate=group.output_gate,
        )
        cache = sized_kv_per_layer(
            kv_heads=group.kv_heads, key_dim=group.head_dim, value_dim=group.value_dim, width=width(kv_format)
        )
    else:
        shards = group.heads
        shape |= {"key_heads": group.kv_heads, "convolution": group.convolution}
        parameters = recurrent_parameters(
            hidden=model.hidden,
            **shape,
            scalars=SCALARS[group.kind],
            decay_rank=group.decay_rank,
            gate_rank=group.gate_rank,
        )
        elements = state_elements(heads=group.heads, key_dim=group.head_dim, value_dim=group.value_dim)
        state = state_bytes(elements=elements, element=width(STATE), **shape, input_element=width("bf16"))
    return GroupSize(group, group.layers, full, window, parameters, cache, state, shards, width(kv_format))


def mean_layer_parameters(model: Model, groups: Mapping[str, GroupSize]) -> Quantity:
    """Weights of the attention or recurrence of a layer [1], mean over all layers."""
    each = {name: times(parameters=size.parameters, copies=size.layers) for name, size in groups.items()}
    return mean_parameters(parameters=total(**each), layers=model.layers)


def groups_kv_per_token(groups: Mapping[str, GroupSize]) -> Quantity:
    """KV cache of one token in all layers [B/token], while the context is within any window."""
    return total(**{name: cache_of_layers(per_layer=s.kv_per_layer, layers=s.layers) for name, s in groups.items()})


def cache_of_group(size: GroupSize, context: Quantity) -> Quantity:
    """KV cache or states of one sequence of `context` [token] in the layers of a group [B]."""
    if size.state is not None:
        return layers_bytes(size=size.state, layers=size.layers)
    past = size.group.compression
    if past is not None:
        one = compressed_cache(
            context=context,
            window=size.window,
            entries=compressed_entries(context=context, ratio=past.ratio),
            head_dim=size.group.head_dim,
            index_dim=past.index_dim,
            width=size.element,
        )
        return layers_bytes(size=one, layers=size.layers)
    return kv_cache(
        context=context,
        per_layer=size.kv_per_layer,
        layers=size.layers,
        full_attention_layers=size.full,
        window=size.window,
    )


@record
class GroupWork:
    """What the groups do in one pass. Of a layer, mean over all: score_flops [FLOP], kv_bytes [B].

    attended [token]: tokens that a new token attends to, mean over all layers. caches: traffic [B] of each group's
    cache or states in a layer, mean over all, and the heads [1] over which GPUs can divide it.
    """

    attended: Quantity
    score_flops: Quantity
    kv_bytes: Quantity
    caches: tuple[tuple[Quantity, Quantity], ...]


def group_work(
    model: Model,
    groups: Mapping[str, GroupSize],
    phase: str,
    batch: Quantity,
    tokens: Quantity,
    context: Quantity,
    rows: Quantity,
    past: Quantity | None = None,
) -> GroupWork:
    """Arithmetic and cache traffic of the groups of layers, for a prefill or a decode step.

    past [token]: of a prefill, what is in the prefix cache; then the caches of the result are what is read of it.
    """
    flops, moved, attended, read = {}, {}, {}, {}
    for name, size in groups.items():
        reach = {"layers": size.layers, "full_attention_layers": size.full, "window": size.window}
        seen = attended_tokens(context=context, **reach)
        if size.group.compression is not None:
            seen, one, cache = _compressed(size, size.group.compression, phase, batch, tokens, context, rows, past)
        elif phase == "decode":
            one = _step(model, size, rows, seen)
            cache = kv_traffic(batch=batch, tokens=seen, per_layer=size.kv_per_layer)
        else:
            one = _prompt(model, size, batch, tokens, rows, pairs_of_prompt(tokens, context, past, reach), past)
            cache = kv_traffic(batch=batch, tokens=tokens, per_layer=size.kv_per_layer)
        if size.state is not None:
            cache = state_traffic(batch=batch, state=size.state)
        attended[name] = attended_in_layers(tokens=seen, layers=size.layers if size.state is None else NO_LAYERS)
        flops[name] = layers_flops(flops=one, layers=size.layers)
        moved[name] = mean_bytes(size=layers_bytes(size=cache, layers=size.layers), layers=model.layers)
        if past is not None:
            seen = layers_bytes(size=_past_read(size, batch, past), layers=size.layers)
            read[name] = mean_bytes(size=seen, layers=model.layers)
            moved[name] = total(written=moved[name], read=read[name])
    return GroupWork(
        attended=mean_attended(sum_of_tokens=total(**attended), layers=model.layers),
        score_flops=mean_flops(flops=total(**flops), layers=model.layers),
        kv_bytes=total(**moved),
        caches=tuple(((read or moved)[name], size.shards) for name, size in groups.items()),
    )


def pairs_of_prompt(
    tokens: Quantity, context: Quantity, past: Quantity | None, reach: Mapping[str, Quantity]
) -> Quantity:
    """Query-key pairs of a prefill over the square of its tokens, mean over the layers. reach: how far they attend."""
    if past is None:
        return causal_pairs(share=attended_share(tokens=tokens, **reach))
    whole, before = attended_pairs(tokens=context, **reach), attended_pairs(tokens=past, **reach)
    return pairs_after(whole=whole, before=before, tokens=tokens)


def expanded(model: Model, heads: Quantity, batch: Quantity, past: Quantity) -> Quantity:
    """Arithmetic that makes keys and values of cached latents, in one layer [FLOP]."""
    assert model.mla is not None
    sizes = {"kv_lora_rank": model.mla.kv_lora_rank, "qk_nope_head_dim": model.mla.qk_nope_head_dim}
    return latent_expansion_flops(batch=batch, past=past, heads=heads, **sizes, v_head_dim=model.mla.v_head_dim)


def _past_read(size: GroupSize, batch: Quantity, past: Quantity) -> Quantity:
    """What a prefill reads of the prefix cache in one layer of a group [B]. A state is read with the others."""
    compression = size.group.compression
    if compression is None:
        reach = {"layers": size.layers, "full_attention_layers": size.full, "window": size.window}
        return kv_traffic(batch=batch, tokens=attended_tokens(context=past, **reach), per_layer=size.kv_per_layer)
    entries = compressed_entries(context=past, ratio=compression.ratio)
    seen = attended_entries(context=past, window=size.window, entries=entries, selected=compression.selected)
    dims = {"head_dim": size.group.head_dim, "index_dim": compression.index_dim}
    return compressed_traffic(batch=batch, attended=seen, entries=entries, **dims, width=size.element)


def _compressed(
    size: GroupSize,
    past: Compression,
    phase: str,
    batch: Quantity,
    tokens: Quantity,
    context: Quantity,
    rows: Quantity,
    before: Quantity | None,
) -> tuple[Quantity, Quantity, Quantity]:
    """Of one layer with a compressed past: vectors attended to [token], arithmetic [FLOP], cache traffic [B]."""
    group, length = size.group, tokens if phase != "decode" and before is None else context
    entries = compressed_entries(context=length, ratio=past.ratio)
    reach = {"window": size.window, "entries": entries, "selected": past.selected}
    dims = {"head_dim": group.head_dim, "index_dim": past.index_dim}
    scored = entries
    if phase == "decode":
        seen = attended_entries(context=context, **reach)
        cache = compressed_traffic(batch=batch, attended=seen, entries=entries, **dims, width=size.element)
    else:
        scored, seen = mean_entries(entries=entries), attended_entries_of_prompt(tokens=length, **reach)
        if before is not None:
            some = compressed_entries(context=before, ratio=past.ratio)
            place = {"context": context, "past": before, "tokens": tokens}
            earlier = attended_entries_of_prompt(tokens=before, **reach | {"entries": some})
            seen = mean_of_last(whole=seen, before=earlier, **place)
            scored = mean_of_last(whole=scored, before=mean_entries(entries=some), **place)
        cache = kv_traffic(batch=batch, tokens=tokens, per_layer=size.kv_per_layer)
    flops = compressed_flops(
        rows=rows, attended=seen, entries=scored, heads=group.heads, index_heads=past.index_heads, **dims
    )
    return seen, flops, cache


def _step(model: Model, size: GroupSize, rows: Quantity, seen: Quantity) -> Quantity:
    """Arithmetic of scores and values, or of states, of one layer in a decode step."""
    group = size.group
    if size.state is not None:
        elements = state_elements(heads=group.heads, key_dim=group.head_dim, value_dim=group.value_dim)
        return step_flops(rows=rows, elements=elements, operations=STEP_FLOPS[group.kind])
    dims = {"key_dim": group.head_dim, "value_dim": group.value_dim}
    if group.kind == "latent-attention":  # absorbed: scores and values are computed in the latent space
        assert model.mla is not None
        key = sum_of_dims(first=model.mla.kv_lora_rank, second=model.mla.qk_rope_head_dim)
        dims = {"key_dim": key, "value_dim": model.mla.kv_lora_rank}
    return decode_attention_flops(rows=rows, context=seen, heads=group.heads, **dims)


def _prompt(
    model: Model,
    size: GroupSize,
    batch: Quantity,
    tokens: Quantity,
    rows: Quantity,
    pairs: Quantity,
    past: Quantity | None,
) -> Quantity:
    """Arithmetic of scores and values, or of a scan, of one layer over whole prompts."""
    group = size.group
    dims = {"key_dim": group.head_dim, "value_dim": group.value_dim}
    if size.state is not None:
        chunk, operations = CHUNK[group.kind], STEP_FLOPS[group.kind]
        return scan_flops(rows=rows, heads=group.heads, **dims, chunk=chunk, operations=operations)
    if group.kind == "latent-attention":
        assert model.mla is not None
        key = sum_of_dims(first=model.mla.qk_nope_head_dim, second=model.mla.qk_rope_head_dim)
        dims = {"key_dim": key, "value_dim": model.mla.v_head_dim}
    scores = prefill_attention_flops(batch=batch, tokens=tokens, heads=group.heads, **dims, pairs=pairs)
    if group.kind != "latent-attention" or past is None:
        return scores
    return total(scores=scores, past=expanded(model, group.heads, batch, past))
