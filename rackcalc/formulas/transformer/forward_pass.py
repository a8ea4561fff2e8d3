"""Work of one forward pass on any hardware: its arithmetic and its memory traffic."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.transformer.counts import NONE, ONE, count, in_group
from rackcalc.formulas.transformer.expert_routing import SPREAD_CHOICES, experts_hit, independent_rows
from rackcalc.formulas.transformer.flops import (
    decode_attention_flops,
    layers_flops,
    matrix_flops,
    prefill_attention_flops,
    rows,
    sum_of_dims,
)
from rackcalc.formulas.transformer.layer_groups import expanded, group_work, pairs_of_prompt
from rackcalc.formulas.transformer.memory_traffic import (
    activation_bytes,
    embedding_traffic,
    expert_traffic,
    kv_traffic,
    layers_bytes,
    spilled_traffic,
)
from rackcalc.formulas.transformer.model_size import ModelSize, index_keys
from rackcalc.formulas.transformer.parameters import times
from rackcalc.formulas.transformer.sliding_window import attended_tokens
from rackcalc.formulas.transformer.sparse_attention import (
    as_window,
    dim_by_length,
    index_flops,
    index_traffic,
    mean_scored,
    without_keys,
)
from rackcalc.formulas.transformer.weights import weight_bytes, width
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record
from rackcalc.spec.links import Link
from rackcalc.spec.models import Model

ONE_TOKEN = constant(1.0, "token", "tokens per sequence and step", "published", note="autoregressive decoding")
BOTH_WAYS = constant(1.0, "1", "query-key pairs", "published", note="bidirectional attention")
PASSES = constant(
    26.0,
    "1",
    "passes over the activations per layer",
    "assumed",
    note="reads and writes of an unfused layer, in units of rows x hidden",
)


@record
class Network:
    """The link between GPUs of different domains. domain [1]: GPUs that the faster link joins."""

    link: Link
    domain: Quantity


@record
class Job:
    """The input of a pass: batch [1] sequences with `tokens` [token] new tokens each, and `context` [token] in all.

    phase: encode, prefill or decode. devices [1]: GPUs that share the model, connected by link. data_parallel [1]:
    groups of these GPUs, each with the attention of its own sequences. sampled: tokens are drawn with top-p or top-k.
    expert_parallel: whether experts stay whole; None: where data-parallel groups share them, and kernels divide them.
    past [token]: of a prefill, the tokens of the context whose keys and values are in the prefix cache.
    network: between GPUs that link does not join, None where it joins all. redundant [1]: copies of experts beside all
    experts. imbalance [1]: the busiest GPU's work with experts over the mean, None where it is not stated.
    only_decodes: of a decode step, whether the engine has no prompts between its steps. two_batches: whether halves of
    the batch take turns, so that one computes while the other is exchanged with the experts.
    """

    phase: str
    batch: Quantity
    tokens: Quantity
    context: Quantity
    devices: Quantity
    link: Link | None
    expert_parallel: bool | None
    weight_format: str
    kv_format: str
    data_parallel: Quantity | None = None
    sampled: bool = False
    past: Quantity | None = None
    network: Network | None = None
    redundant: Quantity = NONE
    imbalance: Quantity | None = None
    two_batches: bool = False
    only_decodes: bool = False


@record
class Work:
    """Arithmetic [FLOP] and traffic [B] of the parts of one layer and of the whole pass, summed over all GPUs.

    attended [token]: tokens that a new token attends to, mean over the layers. hit [1]: experts used per layer.
    caches: where layers differ, the traffic [B] of each group's cache in a mean layer, and the heads that divide it; of
    a prefill that finds tokens in the prefix cache, what it reads of these.
    """

    rows: Quantity
    attended: Quantity
    pairs: Quantity
    hit: Quantity
    projection_flops: Quantity
    score_flops: Quantity
    kv_bytes: Quantity
    ffn_flops: Quantity
    expert_flops: Quantity
    shared_flops: Quantity
    expert_bytes: Quantity
    head_flops: Quantity
    flops: Quantity
    bytes_moved: Quantity
    caches: tuple[tuple[Quantity, Quantity], ...] = ()


def work(model: Model, size: ModelSize, job: Job, depth: Quantity, ends: bool, cache: Quantity) -> Work:
    """Work of a pass through `depth` layers. ends: include embedding and head. cache [B]: last-level cache of a GPU."""
    passed = rows(batch=job.batch, tokens=job.tokens)
    reach = {"layers": model.layers, "full_attention_layers": size.full_attention_layers, "window": size.window}
    if model.indexer is not None:
        reach |= {"full_attention_layers": NONE, "window": as_window(selected=model.indexer.selected)}
    attended = attended_tokens(context=job.context, **reach)
    pairs = BOTH_WAYS if job.phase == "encode" else pairs_of_prompt(job.tokens, job.context, job.past, reach)
    active, experts = (model.experts.active, model.experts.experts) if model.experts else (NONE, count(1.0, "one"))
    apart = independent_rows(rows=passed, spread=SPREAD_CHOICES)
    hit = experts_hit(experts=experts, active=active, rows=apart)
    projection = matrix_flops(parameters=size.attention_parameters, rows=passed)
    if job.past is not None and model.mla is not None and not size.groups:
        projection = total(new=projection, past=expanded(model, model.heads, job.batch, job.past))
    caches: tuple[tuple[Quantity, Quantity], ...] = ()
    if size.groups:
        done = group_work(model, size.groups, job.phase, job.batch, job.tokens, job.context, passed, job.past)
        attended, scores, kv, caches = done.attended, done.score_flops, done.kv_bytes, done.caches
    else:
        scores = _scores(model, job, passed, attended, pairs)
        kv = _cache_read(model, size, job, attended) if job.phase == "decode" else _cached(job, job.tokens, size)
        if job.past is not None:
            seen = attended_tokens(context=job.past, **reach)
            read = _cache_read(model, size, job, seen, job.past)
            kv, caches = total(written=kv, read=read), ((read, ONE if model.mla is not None else model.kv_heads),)
    ffn = matrix_flops(parameters=size.ffn_parameters, rows=passed)
    shared = matrix_flops(parameters=size.shared_parameters, rows=passed)
    routed = matrix_flops(parameters=times(parameters=size.expert_parameters, copies=active), rows=passed)
    read = expert_traffic(weights=size.expert_weights, hit=hit)
    drawn = passed if job.phase == "decode" else job.batch  # of a prompt, only the last token is followed by a new one
    head = matrix_flops(parameters=size.head_parameters, rows=drawn)
    dense = depth if model.experts is None and model.ffn_layers is None else size.dense_layers
    sparse = size.expert_layers
    stream = activation_bytes(rows=passed, columns=model.hidden, passes=PASSES, element=width("bf16"))
    widest = sum_of_dims(first=model.hidden, second=model.ffn)
    alive = embedding_traffic(rows=passed, hidden=widest, element=width("bf16"))
    activations = spilled_traffic(size=stream, working_set=alive, cache=cache, devices=job.devices)
    flops = {
        "projections": layers_flops(flops=projection, layers=depth),
        "scores": layers_flops(flops=scores, layers=depth),
        "ffn": layers_flops(flops=ffn, layers=dense),
        "experts": layers_flops(flops=total(routed=routed, shared=shared), layers=sparse),
    }
    moved = {
        "attention": layers_bytes(
            size=total(weights=size.attention_weights, kv=kv, activations=activations), layers=depth
        ),
        "ffn": layers_bytes(size=size.ffn_weights, layers=dense),
        "experts": layers_bytes(size=total(experts=read, shared=size.shared_weights), layers=sparse),
    }
    if ends:
        flops["head"] = head
        moved["head"] = weight_bytes(parameters=size.head_parameters, width=width(size.formats.head))
        moved["embedding"] = embedding_traffic(rows=passed, hidden=model.hidden, element=width(size.formats.head))
    return Work(
        rows=passed,
        attended=attended,
        pairs=pairs,
        hit=hit,
        projection_flops=projection,
        score_flops=scores,
        kv_bytes=kv,
        ffn_flops=ffn,
        expert_flops=routed,
        shared_flops=shared,
        expert_bytes=read,
        head_flops=head,
        flops=total(**flops),
        bytes_moved=total(**moved),
        caches=caches,
    )


def _cached(job: Job, tokens: Quantity, size: ModelSize) -> Quantity:
    """So many tokens of every sequence in the cache of one layer [B]."""
    return kv_traffic(batch=job.batch, tokens=tokens, per_layer=size.kv_per_layer)


def _cache_read(
    model: Model, size: ModelSize, job: Job, attended: Quantity, context: Quantity | None = None
) -> Quantity:
    """What one layer reads of the cache [B]: the tokens attended to, and all keys of an indexer."""
    keys = index_keys(model)
    if keys is None:
        return _cached(job, attended, size)
    chosen = kv_traffic(
        batch=job.batch, tokens=attended, per_layer=without_keys(per_layer=size.kv_per_layer, keys=keys)
    )
    scored = job.context if context is None else context
    return total(chosen=chosen, keys=index_traffic(batch=job.batch, context=scored, per_token=keys))


def _scores(model: Model, job: Job, passed: Quantity, attended: Quantity, pairs: Quantity) -> Quantity:
    """Arithmetic of the attention scores, of the weighted sum of values and of an indexer, in one layer."""
    mla, indexer = model.mla, model.indexer
    expanded_dims = latent_dims = {"key_dim": model.head_dim, "value_dim": model.head_dim}
    if mla is not None:  # with absorbed projections, scores and values are computed in the latent space
        key = sum_of_dims(first=mla.kv_lora_rank, second=mla.qk_rope_head_dim)
        latent_dims = {"key_dim": key, "value_dim": mla.kv_lora_rank}
        key = sum_of_dims(first=mla.qk_nope_head_dim, second=mla.qk_rope_head_dim)
        expanded_dims = {"key_dim": key, "value_dim": mla.v_head_dim}
    if job.phase == "decode":
        scores = decode_attention_flops(rows=passed, context=attended, heads=model.heads, **latent_dims)
    else:
        dims = expanded_dims if indexer is None else dims_of_prompt(model, job.context, expanded_dims, latent_dims)
        scores = prefill_attention_flops(batch=job.batch, tokens=job.tokens, heads=model.heads, **dims, pairs=pairs)
    if indexer is None:
        return scores
    before = job.context if job.phase == "decode" else mean_scored(tokens=job.tokens, context=job.context)
    sizes = {"heads": indexer.heads, "dim": indexer.dim, "indexers": indexer.layers, "layers": model.layers}
    groups = job.data_parallel
    copies = job.devices if groups is None else in_group(devices=job.devices, groups=groups)
    return total(scores=scores, indexer=index_flops(rows=passed, scored=before, **sizes, copies=copies))


def dims_of_prompt(
    model: Model, tokens: Quantity, expanded_dims: dict[str, Quantity], latent_dims: dict[str, Quantity]
) -> dict[str, Quantity]:
    """Dimensions of keys and values in a prefill of a model with an indexer."""
    assert model.indexer is not None
    by = {"tokens": tokens, "selected": model.indexer.selected}
    return {name: dim_by_length(**by, expanded=expanded_dims[name], latent=latent_dims[name]) for name in latent_dims}
