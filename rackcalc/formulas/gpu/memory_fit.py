"""Memory of a GPU: weights, KV cache, activations and reserve, and the largest batch that fits."""

from rackcalc.formulas.transformer.counts import ONE
from rackcalc.formulas.transformer.kv_cache import kv_cache
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import TOKEN, Bytes, Count, Ratio, Tokens
from rackcalc.spec.chips import GPU
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Runtime


@formula(cite="definition: weights split evenly over tensor-parallel GPUs")
def weights_per_device(weights: Bytes, devices: Count) -> Bytes:
    """Weights each GPU holds. Small replicated vectors are neglected.

    >>> weights_per_device(weights=141107412992.0, devices=8.0)
    17638426624.0
    """
    return weights / devices


@formula(cite="definition: the KV heads of tensor-parallel GPUs; a head is never split")
def kv_per_device(cache: Bytes, batch: Count, devices: Count, kv_heads: Count) -> Bytes:
    """KV cache each GPU holds for a batch. kv_heads 1 for latent attention, which every GPU keeps whole.

    >>> kv_per_device(cache=2684354560.0, batch=8.0, devices=8.0, kv_heads=8.0)
    2684354560.0
    """
    return batch * cache / xp.minimum(devices, kv_heads)


@formula(cite="assumption: two copies of the widest activations and of the residual stream are alive at once")
def activation_memory(batch: Count, tokens: Tokens, hidden: Count, ffn: Count, element: Bytes) -> Bytes:
    """Working memory of a pass.

    >>> activation_memory(batch=1.0, tokens=8192.0, hidden=8192.0, ffn=28672.0, element=2.0)
    1207959552.0
    """
    return 2 * batch * tokens / TOKEN * (hidden + ffn) * element


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


@formula(cite="definition: a quotient")
def sequences_that_fit(free: Bytes, kv_cache: Bytes, batch: Count) -> Count:
    """Largest batch of the same context; below 1 where not one fits, inf where sequences take no KV cache.

    >>> sequences_that_fit(free=138e9, kv_cache=3e9, batch=8.0)
    376.0
    """
    return batch + xp.floor(xp.divide(free * batch, kv_cache))


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


NO_CACHE = constant(0.0, "B", "KV cache of an encoder", "published", note="encoders keep nothing between requests")


def memory_fit(
    gpu: GPU,
    runtime: Runtime,
    model: Model,
    weight_format: str,
    kv_format: str,
    batch: Quantity,
    context: Quantity,
    devices: Quantity | None = None,
) -> MemoryFit:
    """Memory that each of `devices` tensor-parallel GPUs needs for batch [1] sequences of `context` [token]."""
    devices = ONE if devices is None else devices
    size = model_size(model, weight_format, kv_format)
    cache = kv_cache(
        context=context,
        per_layer=size.kv_per_layer,
        layers=model.layers,
        full_attention_layers=size.full_attention_layers,
        window=size.window,
    )
    heads = model.kv_heads if model.mla is None else ONE
    parts = {
        "weights": weights_per_device(weights=size.weights, devices=devices),
        "kv_cache": kv_per_device(cache=cache, batch=batch, devices=devices, kv_heads=heads)
        if model.family == "decoder"
        else NO_CACHE,
        "activations": activation_memory(
            batch=ONE, tokens=context, hidden=model.hidden, ffn=model.ffn, element=width("bf16")
        ),
        "reserve": reserved_memory(capacity=gpu.memory, share=runtime.memory_share, reserve=runtime.memory_reserve),
    }
    free = free_memory(capacity=gpu.memory, **parts)
    most = sequences_that_fit(free=free, kv_cache=parts["kv_cache"], batch=batch)
    return MemoryFit(capacity=gpu.memory, **parts, free=free, max_batch=most)
