"""Transformers by their constants: weights, KV cache, experts, arithmetic. No hardware here."""

import math
from functools import cache

from rackcalc.formulas.combine import total
from rackcalc.formulas.transformer.parameters import (
    attention_parameters,
    embedding_parameters,
    encoder_embedding_parameters,
    ffn_parameters,
    head_parameters,
    latent_attention_parameters,
    own_head,
    pooler_parameters,
    vector_parameters,
)
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import FLOP, TOKEN, Bytes, BytesPerToken, Count, Flop, Ratio, Tokens
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.models import Model

VASWANI = "A. Vaswani et al., Attention Is All You Need, arXiv:1706.03762, sections 3.2-3.4"
DEEPSEEK = "DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1 (multi-head latent attention)"


@formula(cite="definition: a product")
def times(parameters: Count, copies: Count) -> Count:
    """Parameters of several equal parts.

    >>> times(parameters=12596224.0, copies=24.0)
    302309376.0
    """
    return parameters * copies


@formula(cite="definition: the layers that have no experts")
def dense_layers(layers: Count, expert_layers: Count) -> Count:
    """Layers with an ordinary feed-forward part.

    >>> dense_layers(layers=61.0, expert_layers=58.0)
    3.0
    """
    return layers - expert_layers


@formula(cite="definition: bytes of an array")
def weight_bytes(parameters: Count, width: Bytes) -> Bytes:
    """Memory that weights take. width: bytes per weight, block scales included.

    >>> weight_bytes(parameters=302309376.0, width=2.0)
    604618752.0
    """
    return parameters * width


@formula(cite="J. Ainslie et al., GQA, arXiv:2305.13245")
def kv_per_layer(kv_heads: Count, head_dim: Count, width: Bytes) -> BytesPerToken:
    """Keys and values of one token in one layer.

    >>> kv_per_layer(kv_heads=8.0, head_dim=128.0, width=2.0)
    4096.0
    """
    return 2 * kv_heads * head_dim * width / TOKEN


@formula(cite=DEEPSEEK)
def latent_kv_per_layer(kv_lora_rank: Count, qk_rope_head_dim: Count, width: Bytes) -> BytesPerToken:
    """Latent vector and rotated key of one token in one layer; all heads share them.

    >>> latent_kv_per_layer(kv_lora_rank=512.0, qk_rope_head_dim=64.0, width=2.0)
    1152.0
    """
    return (kv_lora_rank + qk_rope_head_dim) * width / TOKEN


@formula(cite="definition: the sum over the layers that have a KV cache")
def kv_per_token(
    per_layer: BytesPerToken, layers: Count, full_attention_layers: Count, window: Tokens
) -> BytesPerToken:
    """KV cache of one token while the context is within any window; window 0: those layers keep none.

    >>> kv_per_token(per_layer=4096.0, layers=80.0, full_attention_layers=80.0, window=131072.0)
    327680.0
    """
    return per_layer * xp.where(window > 0 * TOKEN, layers, full_attention_layers)


@formula(cite="I. Beltagy et al., Longformer, arXiv:2004.05150, section 3 (sliding window)")
def kv_cache(
    context: Tokens, per_layer: BytesPerToken, layers: Count, full_attention_layers: Count, window: Tokens
) -> Bytes:
    """KV cache of one sequence; layers without full attention keep at most a window of tokens.

    >>> kv_cache(context=8192.0, per_layer=4096.0, layers=80.0, full_attention_layers=80.0, window=131072.0)
    2684354560.0
    """
    windowed = (layers - full_attention_layers) * xp.minimum(context, window)
    return per_layer * (full_attention_layers * context + windowed)


@formula(cite="I. Beltagy et al., Longformer, arXiv:2004.05150, section 3 (sliding window)")
def attended_tokens(context: Tokens, layers: Count, full_attention_layers: Count, window: Tokens) -> Tokens:
    """Tokens that a new token attends to, mean over the layers.

    >>> attended_tokens(context=1024.0, layers=36.0, full_attention_layers=18.0, window=128.0)
    576.0
    """
    full = xp.divide(full_attention_layers, layers)
    return full * context + (1 - full) * xp.minimum(context, window)


@formula(cite="I. Beltagy et al., Longformer, arXiv:2004.05150, section 3 (sliding window)")
def attended_share(tokens: Tokens, layers: Count, full_attention_layers: Count, window: Tokens) -> Ratio:
    """Query-key pairs of a prefill, mean over the layers, as a share of full causal attention.

    >>> attended_share(tokens=1024.0, layers=36.0, full_attention_layers=18.0, window=128.0)
    0.6171875
    """
    full = xp.divide(full_attention_layers, layers)
    kept = xp.divide(xp.minimum(tokens, window), tokens)
    return full + (1 - full) * (2 * kept - kept * kept)


@formula(cite="definition: expected coverage of independent draws; NVIDIA aiconfigurator 0.12.0 uses the same")
def experts_hit(experts: Count, active: Count, rows: Count) -> Count:
    """Experts that at least one of `rows` tokens chooses, uniform routing. Skewed routing touches fewer.

    >>> round(experts_hit(experts=256.0, active=8.0, rows=32.0), 1)
    163.3
    """
    return experts * (1 - xp.power(xp.pure(1 - active / experts), xp.pure(rows)))


def _expected_maximum(trials: float, chance: float, copies: float) -> float:
    """Mean of the largest of several independent binomial counts."""
    n, p = round(trials), min(max(chance, 0.0), 1.0)
    if n < 1 or p <= 0 or p >= 1:
        return trials * p
    below, mean = 0.0, 0.0
    for x in range(n):
        ways = math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1)
        below += math.exp(ways + x * math.log(p) + (n - x) * math.log1p(-p))
        mean += 1 - min(below, 1.0) ** copies
    return mean


@formula(cite="H. David and H. Nagaraja, Order Statistics (2003), section 3.1: mean of the largest of N counts")
def busiest_experts(hit: Count, experts: Count, devices: Count) -> Count:
    """Experts hit on the busiest of `devices` that share them evenly, mean: everyone waits for that one.

    Counts of devices taken as independent: 3 % below a simulation of 8 to 128 of 256 experts over eight devices.

    >>> round(busiest_experts(hit=8.0, experts=256.0, devices=8.0), 1)
    2.5
    """
    held, chance = xp.pure(experts / devices), xp.pure(hit / experts)
    return xp.vectorized(_expected_maximum)(held, chance, xp.pure(devices))


def _coverage(experts: float, active: float, nodes: float) -> float:
    missed = 1.0
    for i in range(int(active)):
        missed *= max(experts - experts / nodes - i, 0.0) / (experts - i)
    return 1 - missed


@formula(cite="definition: 1 - C(E - E/N, k) / C(E, k), the hypergeometric chance of no hit")
def node_coverage(experts: Count, active: Count, nodes: Count) -> Ratio:
    """Chance that a token needs an expert of a given node, experts spread evenly over nodes.

    >>> round(node_coverage(experts=256.0, active=8.0, nodes=8.0), 4)
    0.6618
    """
    return xp.vectorized(_coverage)(xp.pure(experts), xp.pure(active), xp.pure(nodes))


@formula(cite="definition: one multiply and one add per weight and token")
def matrix_flops(parameters: Count, rows: Count) -> Flop:
    """Arithmetic of passing rows through a weight matrix.

    >>> matrix_flops(parameters=302309376.0, rows=128.0) / 1e9
    77.391200256
    """
    return 2 * parameters * rows * FLOP


@formula(cite=VASWANI)
def prefill_attention_flops(
    batch: Count, tokens: Tokens, heads: Count, key_dim: Count, value_dim: Count, pairs: Ratio
) -> Flop:
    """Scores and weighted sum of one layer over whole sequences. pairs: kept over all (causal 1/2).

    >>> prefill_attention_flops(batch=1.0, tokens=128.0, heads=16.0, key_dim=64.0, value_dim=64.0, pairs=1.0)
    67108864.0
    """
    return 2 * batch * (tokens / TOKEN) * (tokens / TOKEN) * heads * (key_dim + value_dim) * pairs * FLOP


@formula(cite=VASWANI)
def decode_attention_flops(rows: Count, context: Tokens, heads: Count, key_dim: Count, value_dim: Count) -> Flop:
    """Scores and weighted sum of one layer for one new token per row.

    >>> decode_attention_flops(rows=1.0, context=8192.0, heads=64.0, key_dim=128.0, value_dim=128.0)
    268435456.0
    """
    return 2 * rows * (context / TOKEN) * heads * (key_dim + value_dim) * FLOP


@formula(cite="definition: sequences times their length")
def rows(batch: Count, tokens: Tokens) -> Count:
    """Rows of the activation matrix.

    >>> rows(batch=8.0, tokens=128.0)
    1024.0
    """
    return batch * tokens / TOKEN


@cache
def width(format_: str) -> Quantity:
    """Bytes of one element of a number format, block scales included."""
    return constant(
        FORMATS[format_], "B", f"bytes per {format_} element", "published", note="OCP MX and NVFP4 scales included"
    )


@cache
def count(value: float, name: str) -> Quantity:
    """A structural whole number, such as the four matrices of a kernel."""
    return constant(value, "1", name, "published", note="structure of a transformer")


@record
class Formats:
    """Number formats of the parts of a model. Only experts go below 8 bit in published 4-bit mixtures of experts."""

    attention: str
    ffn: str
    experts: str
    head: str


def formats(model: Model, weight_format: str) -> Formats:
    """How a model is stored when it is served in weight_format. Embedding and head stay at 16 bit or wider."""
    small = FORMATS[weight_format] < 1
    sparse = model.experts is not None
    shipped = (model.experts and model.experts.format) or weight_format
    return Formats(
        attention="bf16" if sparse and small else weight_format,
        ffn="bf16" if sparse and weight_format in ("mxfp4", "int4") else weight_format,
        experts=min(shipped, weight_format, key=lambda name: FORMATS[name]),
        head=weight_format if FORMATS[weight_format] >= 2 else "bf16",
    )


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


NONE = count(0.0, "none")


def model_size(model: Model, weight_format: str, kv_format: str) -> ModelSize:
    """Parameters, weights and KV cache of a model stored in weight_format with its KV cache in kv_format."""
    stored = formats(model, weight_format)
    hidden, matrices = model.hidden, model.ffn_matrices
    shape = {"hidden": hidden, "heads": model.heads, "kv_heads": model.kv_heads, "head_dim": model.head_dim}
    attention = total(
        projections=_attention(model), vectors=vector_parameters(**shape, ffn=model.ffn, matrices=matrices)
    )
    ffn = ffn_parameters(hidden=hidden, ffn=model.ffn, matrices=matrices)
    expert, shared, routed, active, expert_layers = _experts(model)
    dense = dense_layers(layers=model.layers, expert_layers=expert_layers)
    embedding, head, own = _ends(model)
    layers = {
        "attention": times(parameters=attention, copies=model.layers),
        "ffn": times(parameters=ffn, copies=dense),
        "shared": times(parameters=shared, copies=expert_layers),
    }
    chosen = times(parameters=times(parameters=expert, copies=active), copies=expert_layers)
    everyone = times(parameters=times(parameters=expert, copies=routed), copies=expert_layers)
    weights = {
        "attention": weight_bytes(parameters=layers["attention"], width=width(stored.attention)),
        "ffn": weight_bytes(parameters=layers["ffn"], width=width(stored.ffn)),
        "shared": weight_bytes(parameters=layers["shared"], width=width(stored.ffn)),
        "experts": weight_bytes(parameters=everyone, width=width(stored.experts)),
        "embedding": weight_bytes(parameters=embedding, width=width(stored.head)),
        "head": weight_bytes(parameters=own, width=width(stored.head)),
    }
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
        weights=total(**weights),
        attention_weights=weight_bytes(parameters=attention, width=width(stored.attention)),
        ffn_weights=weight_bytes(parameters=ffn, width=width(stored.ffn)),
        expert_weights=weight_bytes(parameters=expert, width=width(stored.experts)),
        shared_weights=weight_bytes(parameters=shared, width=width(stored.ffn)),
        head_weights=weight_bytes(parameters=head, width=width(stored.head)),
        embedding_weights=weights["embedding"],
        kv_per_layer=per_layer,
        kv_per_token=kv_per_token(per_layer=per_layer, layers=model.layers, full_attention_layers=full, window=window),
        full_attention_layers=full,
        window=window,
        formats=stored,
    )


def _attention(model: Model) -> Quantity:
    if model.mla is None:
        return attention_parameters(
            hidden=model.hidden, heads=model.heads, kv_heads=model.kv_heads, head_dim=model.head_dim
        )
    return latent_attention_parameters(hidden=model.hidden, heads=model.heads, **vars(model.mla))


def _kv(model: Model, width: Quantity) -> Quantity:
    if model.mla is None:
        return kv_per_layer(kv_heads=model.kv_heads, head_dim=model.head_dim, width=width)
    return latent_kv_per_layer(
        kv_lora_rank=model.mla.kv_lora_rank, qk_rope_head_dim=model.mla.qk_rope_head_dim, width=width
    )


def _experts(model: Model) -> tuple[Quantity, Quantity, Quantity, Quantity, Quantity]:
    """One expert, router and shared experts, experts, active experts, layers that have them."""
    experts = model.experts
    if experts is None:
        return NONE, NONE, NONE, NONE, NONE
    expert = ffn_parameters(hidden=model.hidden, ffn=experts.ffn, matrices=model.ffn_matrices)
    every = (
        ffn_parameters(hidden=model.hidden, ffn=experts.shared_ffn, matrices=model.ffn_matrices)
        if experts.shared_ffn is not None
        else times(parameters=expert, copies=experts.shared)
    )
    shared = total(router=times(parameters=model.hidden, copies=experts.experts), experts=every)
    return expert, shared, experts.experts, experts.active, experts.layers


def _ends(model: Model) -> tuple[Quantity, Quantity, Quantity]:
    """Embedding, head as read, head as stored."""
    if model.family == "encoder":
        embedding = encoder_embedding_parameters(
            vocabulary=model.vocabulary, hidden=model.hidden, max_context=model.max_context
        )
        pooler = pooler_parameters(hidden=model.hidden)
        return embedding, pooler, pooler
    embedding = embedding_parameters(
        vocabulary=model.vocabulary, hidden=model.hidden, max_context=model.max_context, matrices=model.ffn_matrices
    )
    head = head_parameters(vocabulary=model.vocabulary, hidden=model.hidden, matrices=model.ffn_matrices)
    own = own_head(head=head, vocabulary=model.vocabulary, hidden=model.hidden, tied_embeddings=model.tied_embeddings)
    return embedding, head, own
