"""The arithmetic and memory traffic of one forward pass, whatever the hardware."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.transformer.model_size import (
    NONE,
    ModelSize,
    attended_share,
    attended_tokens,
    count,
    decode_attention_flops,
    experts_hit,
    matrix_flops,
    prefill_attention_flops,
    rows,
    times,
    weight_bytes,
    width,
)
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, BytesPerToken, Count, Flop, Ratio, Tokens
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


@formula(cite="definition: a causal mask keeps half of the pairs")
def causal_pairs(share: Ratio) -> Ratio:
    """Query-key pairs over tokens squared.

    >>> causal_pairs(share=1.0)
    0.5
    """
    return share / 2


@formula(cite="definition: a sum")
def sum_of_dims(first: Count, second: Count) -> Count:
    """Dimensions of two concatenated vectors.

    >>> sum_of_dims(first=512.0, second=64.0)
    576.0
    """
    return first + second


@formula(cite="definition: every cached key and value is read once per new token")
def kv_traffic(batch: Count, tokens: Tokens, per_layer: BytesPerToken) -> Bytes:
    """KV cache that one layer reads (decode) or writes (prefill).

    >>> kv_traffic(batch=1.0, tokens=8192.0, per_layer=4096.0)
    33554432.0
    """
    return batch * tokens * per_layer


@formula(cite="definition: weights of the experts that a batch touches")
def expert_traffic(weights: Bytes, hit: Count) -> Bytes:
    """Expert weights one layer reads.

    >>> expert_traffic(weights=1e6, hit=8.0)
    8000000.0
    """
    return weights * hit


@formula(cite="definition: a sum over layers")
def layers_flops(flops: Flop, layers: Count) -> Flop:
    """Arithmetic of several equal layers.

    >>> layers_flops(flops=2.0, layers=3.0)
    6.0
    """
    return flops * layers


@formula(cite="definition: a sum over layers")
def layers_bytes(size: Bytes, layers: Count) -> Bytes:
    """Traffic of several equal layers.

    >>> layers_bytes(size=2.0, layers=3.0)
    6.0
    """
    return size * layers


@formula(cite="definition: rows of an embedding table")
def embedding_traffic(rows: Count, hidden: Count, element: Bytes) -> Bytes:
    """Rows looked up in the embedding table.

    >>> embedding_traffic(rows=128.0, hidden=1024.0, element=2.0)
    262144.0
    """
    return rows * hidden * element


@formula(cite="definition: an even split")
def flops_per_device(flops: Flop, devices: Count) -> Flop:
    """Arithmetic of one of several GPUs that share it evenly.

    >>> flops_per_device(flops=8.0, devices=4.0)
    2.0
    """
    return flops / devices


@formula(cite="definition: an even split")
def bytes_per_device(size: Bytes, devices: Count) -> Bytes:
    """Traffic of one of several GPUs that share it evenly.

    >>> bytes_per_device(size=8.0, devices=4.0)
    2.0
    """
    return size / devices


@formula(cite="assumption: activations that fit the last-level cache never reach memory, the rest does every time")
def spilled_traffic(size: Bytes, working_set: Bytes, cache: Bytes, devices: Count) -> Bytes:
    """Activation traffic that reaches memory, of `size` in all. cache: of one device.

    >>> spilled_traffic(size=100.0, working_set=80.0, cache=5.0, devices=8.0)
    50.0
    """
    return size * xp.maximum(1 - xp.divide(cache * devices, working_set), 0.0)


@record
class Job:
    """What a pass is asked: batch [1] sequences with `tokens` [token] new ones each, at `context` [token] in all.

    phase: encode, prefill or decode. devices [1]: GPUs that share the model, joined by link. data_parallel [1]: groups
    of them, each with the attention of its own sequences. sampled: tokens are drawn with top-p or top-k.
    """

    phase: str
    batch: Quantity
    tokens: Quantity
    context: Quantity
    devices: Quantity
    link: Link | None
    expert_parallel: bool
    weight_format: str
    kv_format: str
    data_parallel: Quantity | None = None
    sampled: bool = False


@record
class Work:
    """Arithmetic [FLOP] and traffic [B] of one layer's parts, and of the whole pass; all GPUs together.

    attended [token]: tokens a new token attends to, mean over layers. hit [1]: experts touched per layer.
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


def work(model: Model, size: ModelSize, job: Job, depth: Quantity, ends: bool, cache: Quantity) -> Work:
    """Work of a pass through `depth` layers; ends: embedding and head too. cache [B]: last-level cache of a device."""
    passed = rows(batch=job.batch, tokens=job.tokens)
    reach = {"layers": model.layers, "full_attention_layers": size.full_attention_layers, "window": size.window}
    attended = attended_tokens(context=job.context, **reach)
    pairs = BOTH_WAYS if job.phase == "encode" else causal_pairs(share=attended_share(tokens=job.tokens, **reach))
    active, experts = (model.experts.active, model.experts.experts) if model.experts else (NONE, count(1.0, "one"))
    hit = experts_hit(experts=experts, active=active, rows=passed)
    projection = matrix_flops(parameters=size.attention_parameters, rows=passed)
    scores = _scores(model, job, passed, attended, pairs)
    kv = kv_traffic(
        batch=job.batch, tokens=attended if job.phase == "decode" else job.tokens, per_layer=size.kv_per_layer
    )
    ffn = matrix_flops(parameters=size.ffn_parameters, rows=passed)
    shared = matrix_flops(parameters=size.shared_parameters, rows=passed)
    routed = matrix_flops(parameters=times(parameters=size.expert_parameters, copies=active), rows=passed)
    read = expert_traffic(weights=size.expert_weights, hit=hit)
    head = matrix_flops(parameters=size.head_parameters, rows=job.batch)
    dense = depth if model.experts is None else size.dense_layers
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
    )


def _scores(model: Model, job: Job, passed: Quantity, attended: Quantity, pairs: Quantity) -> Quantity:
    mla = model.mla
    if job.phase == "decode":
        if mla is None:
            dims = {"key_dim": model.head_dim, "value_dim": model.head_dim}
        else:  # absorbed: scores and values live in the latent
            key = sum_of_dims(first=mla.kv_lora_rank, second=mla.qk_rope_head_dim)
            dims = {"key_dim": key, "value_dim": mla.kv_lora_rank}
        return decode_attention_flops(rows=passed, context=attended, heads=model.heads, **dims)
    if mla is None:
        dims = {"key_dim": model.head_dim, "value_dim": model.head_dim}
    else:
        key = sum_of_dims(first=mla.qk_nope_head_dim, second=mla.qk_rope_head_dim)
        dims = {"key_dim": key, "value_dim": mla.v_head_dim}
    return prefill_attention_flops(batch=job.batch, tokens=job.tokens, heads=model.heads, **dims, pairs=pairs)


@formula(cite="definition: bytes of the passes over an activation matrix")
def activation_bytes(rows: Count, columns: Count, passes: Count, element: Bytes) -> Bytes:
    """Bytes that reading and writing an activation matrix `passes` times moves.

    >>> activation_bytes(rows=128.0, columns=1024.0, passes=3.0, element=2.0)
    786432.0
    """
    return passes * rows * columns * element
