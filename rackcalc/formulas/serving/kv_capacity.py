"""Room for the KV cache: the number of sequences that an engine can hold at once."""

from rackcalc.formulas.gpu.serving_engine import in_group
from rackcalc.formulas.serving.sequence_lengths import reserved_context
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.formulas.transformer.kv_cache import kv_cache
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.units import Bytes, Count, Ratio
from rackcalc.spec.chips import GPU
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Engine


@formula(cite="definition: KV cache of all sequences in flight")
def cache_of_batch(kv_cache: Bytes, batch: Count) -> Bytes:
    """KV cache of `batch` sequences.

    >>> cache_of_batch(kv_cache=1.34e9, batch=4.0)
    5360000000.0
    """
    return kv_cache * batch


@formula(cite="definition: what weights and reserve leave")
def kv_room(memory: Bytes, weights: Bytes, reserve: Bytes, share: Ratio, cache: Bytes, groups: Count) -> Count:
    """Sequences whose KV cache fits, of all groups of GPUs together; at least one.

    memory, weights, cache (of one sequence): on one GPU.

    >>> round(kv_room(memory=85.9e9, weights=35e9, reserve=4e9, share=0.8, cache=0.2e9, groups=1.0))
    188
    """
    free = share * (memory - weights - reserve)
    return xp.maximum(xp.pure(xp.divide(free, cache)) * groups, 1.0)


@formula(cite="definition: weights of the attention lie in every group, experts and feed-forward are spread over all")
def weights_held(weights: Bytes, attention: Bytes, devices: Count, groups: Count) -> Bytes:
    """Weights on one GPU. attention: the part that each group of GPUs keeps a copy of.

    >>> weights_held(weights=100e9, attention=20e9, devices=8.0, groups=8.0)
    30000000000.0
    """
    return (weights - attention + groups * attention) / devices


@formula(cite="definition: KV heads of a group's GPUs; a head is never split")
def cache_held(cache: Bytes, devices: Count, kv_heads: Count) -> Bytes:
    """KV cache of one sequence on one of the GPUs that share it. kv_heads 1 for latent attention.

    >>> cache_held(cache=8e8, devices=16.0, kv_heads=8.0)
    100000000.0
    """
    return cache / xp.minimum(devices, kv_heads)


def room(
    gpu: GPU,
    engine: Engine,
    model: Model,
    size: ModelSize,
    prompt: Quantity,
    output: Quantity,
    devices: Quantity,
    groups: Quantity | None = None,
) -> Quantity:
    """Sequences [1] whose KV cache fits on `devices` GPUs in `groups` of data-parallel attention."""

    groups = ONE if groups is None else groups
    context = reserved_context(prompt=prompt, output=output, share=engine.output_reserve)
    cache = kv_cache(
        context=context,
        per_layer=size.kv_per_layer,
        layers=model.layers,
        full_attention_layers=size.full_attention_layers,
        window=size.window,
    )
    attention = times_layers(weights=size.attention_weights, layers=model.layers)
    return kv_room(
        memory=gpu.memory,
        weights=weights_held(weights=size.weights, attention=attention, devices=devices, groups=groups),
        reserve=engine.memory_reserve,
        share=engine.memory_use,
        cache=cache_held(
            cache=cache,
            devices=in_group(devices=devices, groups=groups),
            kv_heads=ONE if model.mla is not None else model.kv_heads,
        ),
        groups=groups,
    )


@formula(cite="definition: a sum over layers")
def times_layers(weights: Bytes, layers: Count) -> Bytes:
    """Weights of all layers' attention.

    >>> times_layers(weights=2e8, layers=80.0)
    16000000000.0
    """
    return weights * layers
