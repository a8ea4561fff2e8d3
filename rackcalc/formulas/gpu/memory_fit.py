"""Memory of a GPU: weights, KV cache, activations and reserve, and the largest batch that fits.

The one account of memory: what one GPU holds, and the number of sequences that an engine can run at once.
"""

from rackcalc.formulas.combine import total
from rackcalc.formulas.links.domains import by_domain
from rackcalc.formulas.transformer.counts import NONE, ONE, in_group
from rackcalc.formulas.transformer.layer_groups import cache_of_group
from rackcalc.formulas.transformer.model_size import ModelSize, cache_of_sequence
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import field, record
from rackcalc.quantities.units import TOKEN, Bytes, Count, Ratio, Tokens
from rackcalc.spec.chips import GPU
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Runtime


@formula(cite="definition: a sum over layers")
def times_layers(weights: Bytes, layers: Count) -> Bytes:
    """Weights of all layers' attention.

    >>> times_layers(weights=2e8, layers=80.0)
    16000000000.0
    """
    return weights * layers


@formula(cite="definition: each group keeps the weights of the attention; experts and feed-forward are spread over all")
def weights_held(weights: Bytes, kept: Bytes, devices: Count, groups: Count) -> Bytes:
    """Weights on one of `devices` GPUs in `groups` of data-parallel attention. Small replicated vectors are neglected.

    kept: the part that each group keeps a copy of, in one domain that of attention.

    >>> weights_held(weights=100e9, kept=20e9, devices=8.0, groups=8.0)
    30000000000.0
    """
    return (weights - kept + groups * kept) / devices


@formula(cite="definition: all but the experts that a router chooses")
def not_routed(weights: Bytes, expert: Bytes, experts: Count, layers: Count) -> Bytes:
    """Weights of a mixture of experts that every token needs. expert: weights of one; layers: that have experts.

    >>> not_routed(weights=671e9, expert=44e6, experts=256.0, layers=58.0) / 1e9
    17.688
    """
    return weights - expert * experts * layers


@formula(cite="definition: copies lie beside the experts, spread evenly over the GPUs")
def copies_held(expert: Bytes, redundant: Count, layers: Count, devices: Count) -> Bytes:
    """Weights of redundant experts on one of `devices` GPUs. expert: weights of one, in one layer.

    >>> copies_held(expert=44e6, redundant=32.0, layers=58.0, devices=64.0)
    1276000000.0
    """
    return expert * redundant * layers / devices


@formula(cite="definition: KV heads of a group's GPUs; a head is never split")
def cache_held(cache: Bytes, devices: Count, kv_heads: Count) -> Bytes:
    """KV cache of one sequence on one of the GPUs that share it. kv_heads 1 for latent attention, kept whole by each.

    >>> cache_held(cache=8e8, devices=16.0, kv_heads=8.0)
    100000000.0
    """
    return cache / xp.minimum(devices, kv_heads)


@formula(cite="definition: whole layers on each stage, embedding on the first, output matrix on the last")
def weights_of_stage(
    weights: Bytes, embedding: Bytes, head: Bytes, tied: Ratio, devices: Count, layers: Count, stages: Count
) -> Bytes:
    """Weights on a GPU of the stage that holds most. weights: of all stages on one such GPU.

    embedding, head: of the whole model, which the GPUs of a stage divide. tied: 1 where both are one matrix.

    >>> weights_of_stage(weights=20e9, embedding=4e9, head=4e9, tied=0.0, devices=2.0, layers=8.0, stages=4.0)
    6000000000.0
    """
    body = weights - (embedding + (1 - tied) * head) / devices
    return body * xp.ceil(layers / stages) / layers + xp.maximum(embedding, head) / devices


@formula(cite="definition: the layers of the fullest stage")
def cache_of_stage(cache: Bytes, layers: Count, stages: Count) -> Bytes:
    """KV cache of a sequence on a GPU of the fullest stage.

    >>> cache_of_stage(cache=8e8, layers=10.0, stages=4.0)
    240000000.0
    """
    return cache * xp.ceil(layers / stages) / layers


@formula(cite="definition: a sequence lies in one data-parallel group, whole")
def sequences_per_group(batch: Count, groups: Count) -> Count:
    """Sequences of the fullest group.

    >>> sequences_per_group(batch=81.0, groups=8.0)
    11.0
    """
    return xp.ceil(batch / groups)


@formula(cite="definition: KV cache of the sequences of a group")
def kv_per_device(cache: Bytes, sequences: Count) -> Bytes:
    """KV cache on one GPU. cache: of one sequence, on this GPU.

    >>> kv_per_device(cache=335544320.0, sequences=8.0)
    2684354560.0
    """
    return cache * sequences


@formula(cite="definition: equal sequences")
def tokens_of_batch(batch: Count, tokens: Tokens) -> Tokens:
    """Tokens of a batch that is computed at once.

    >>> tokens_of_batch(batch=8.0, tokens=128.0)
    1024.0
    """
    return batch * tokens


@formula(cite="definition: an engine computes a long prompt in chunks, one a step")
def prompt_in_memory(prompt: Tokens, chunk: Tokens) -> Tokens:
    """Prompt tokens computed at once.

    >>> prompt_in_memory(prompt=35000.0, chunk=2048.0)
    2048.0
    """
    return xp.minimum(prompt, chunk)


@formula(cite="assumption: two copies of the widest activations and of the residual stream are alive at once")
def activation_memory(tokens: Tokens, hidden: Count, ffn: Count, element: Bytes, devices: Count) -> Bytes:
    """Working memory of a pass on one of the GPUs that share it: they divide the feed-forward, not the residual stream.

    >>> activation_memory(tokens=8192.0, hidden=8192.0, ffn=28672.0, element=2.0, devices=1.0)
    1207959552.0
    """
    return 2 * tokens / TOKEN * (hidden + ffn / devices) * element


@formula(cite="definition: what the runtime may not use, and what it keeps for itself")
def reserved_memory(capacity: Bytes, share: Ratio, reserve: Bytes) -> Bytes:
    """Memory of a GPU that neither weights nor KV cache can have.

    >>> reserved_memory(capacity=180e9, share=0.9, reserve=2e9)
    20000000000.0
    """
    return capacity - share * capacity + reserve


@formula(cite="definition: a difference; negative where the model does not fit")
def free_memory(capacity: Bytes, weights: Bytes, kv_cache: Bytes, activations: Bytes, reserve: Bytes) -> Bytes:
    """Memory left on a GPU.

    >>> free_memory(capacity=180e9, weights=18e9, kv_cache=3e9, activations=1e9, reserve=20e9)
    138000000000.0
    """
    return capacity - weights - kv_cache - activations - reserve


@formula(cite="definition: what is left of a GPU's memory, and what the present sequences take of it")
def room_of_cache(free: Bytes, kv_cache: Bytes) -> Bytes:
    """Memory of a GPU for KV cache.

    >>> room_of_cache(free=20e9, kv_cache=3e9)
    23000000000.0
    """
    return free + kv_cache


@formula(cite="definition: whole sequences in every group")
def sequences_that_fit(free: Bytes, kv_cache: Bytes, cache: Bytes, groups: Count) -> Count:
    """Largest batch of the same context: 0 where not one fits, unbounded where sequences take no KV cache.

    free: beside the present kv_cache. cache: of one sequence.

    >>> sequences_that_fit(free=138e9, kv_cache=3e9, cache=1e9, groups=2.0)
    282.0
    """
    return groups * xp.floor(xp.maximum(xp.pure(xp.divide(free + kv_cache, cache)), 0.0))


@record
class MemoryFit:
    """Memory of one GPU [B] and the largest batch [1] of that context. free < 0: it does not fit."""

    capacity: Quantity
    weights: Quantity
    kv_cache: Quantity
    activations: Quantity
    reserve: Quantity
    free: Quantity
    max_batch: Quantity


@record
class Beside:
    """What a GPU holds beside the model [B], by name: weights, and KV cache of one sequence."""

    weights: dict[str, Quantity] = field(default_factory=dict)
    cache: dict[str, Quantity] = field(default_factory=dict)


NOTHING_BESIDE = Beside()
NO_CACHE = constant(0.0, "B", "KV cache of an encoder", "published", note="encoders keep nothing between requests")


def cache_on_gpu(model: Model, size: ModelSize, context: Quantity, together: Quantity) -> Quantity:
    """KV cache of one sequence of `context` [token] on each of the GPUs that share its attention [B]."""
    if size.groups:
        each = {
            name: cache_held(cache=cache_of_group(group, context), devices=together, kv_heads=group.shards)
            for name, group in size.groups.items()
        }
        return total(**each)
    one = cache_of_sequence(model, size, context)
    return cache_held(cache=one, devices=together, kv_heads=model.kv_heads if model.mla is None else ONE)


def memory_fit(
    gpu: GPU,
    runtime: Runtime,
    model: Model,
    size: ModelSize,
    batch: Quantity,
    context: Quantity,
    devices: Quantity = ONE,
    groups: Quantity | None = None,
    beside: Beside = NOTHING_BESIDE,
    stages: Quantity | None = None,
    domain: Quantity | None = None,
    redundant: Quantity = NONE,
) -> MemoryFit:
    """Memory of each of `devices` GPUs that hold one copy of the model, for batch [1] sequences of `context` [token].

    groups: of data-parallel attention, each with sequences of its own; None for one. Weights and formats are in size.
    beside: what a GPU holds beside the model. stages: of a pipeline, each of so many devices; of the fullest.
    domain [1]: GPUs that the fast link joins, None where it joins all; groups beyond it share routed experts only.
    redundant [1]: copies of experts, in each layer that has some.
    """
    groups = ONE if groups is None else groups
    together = in_group(devices=devices, groups=groups)
    attention = times_layers(weights=size.attention_weights, layers=model.layers)
    cache = held = NO_CACHE
    tokens = tokens_of_batch(batch=batch, tokens=context)
    if model.family == "decoder":
        cache = cache_on_gpu(model, size, context, together)
        if beside.cache:
            cache = total(model=cache, **beside.cache)
        if stages is not None:
            cache = cache_of_stage(cache=cache, layers=model.layers, stages=stages)
        held = kv_per_device(cache=cache, sequences=sequences_per_group(batch=batch, groups=groups))
        engine = runtime.engine
        tokens = context if engine is None else prompt_in_memory(prompt=context, chunk=engine.chunk)
    kept, experts = attention, model.experts
    if domain is not None and experts is not None:
        each = {"expert": size.expert_weights, "experts": experts.experts, "layers": size.expert_layers}
        beyond = not_routed(weights=size.weights, **each)
        kept = by_domain(inside=attention, beyond=beyond, devices=devices, domain=domain)
    weights = weights_held(weights=size.weights, kept=kept, devices=devices, groups=groups)
    if experts is not None and redundant is not NONE:
        copies = copies_held(
            expert=size.expert_weights, redundant=redundant, layers=size.expert_layers, devices=devices
        )
        weights = total(weights=weights, copies=copies)
    if stages is not None:
        ends = {"embedding": size.embedding_weights, "head": size.head_weights, "tied": model.tied_embeddings}
        weights = weights_of_stage(weights=weights, **ends, devices=devices, layers=model.layers, stages=stages)
    parts = {
        "weights": total(model=weights, **beside.weights) if beside.weights else weights,
        "kv_cache": held,
        "activations": activation_memory(
            tokens=tokens, hidden=model.hidden, ffn=model.ffn, element=width("bf16"), devices=together
        ),
        "reserve": reserved_memory(capacity=gpu.memory, share=runtime.memory_share, reserve=runtime.memory_reserve),
    }
    free = free_memory(capacity=gpu.memory, **parts)
    most = sequences_that_fit(free=free, kv_cache=held, cache=cache, groups=groups)
    return MemoryFit(capacity=gpu.memory, **parts, free=free, max_batch=most)
