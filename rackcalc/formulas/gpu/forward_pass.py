"""A forward pass on GPUs: encoder, prefill, decode step; and what fits in memory.

A pass is priced per layer as attention and feed-forward parts, by one of three laws: a sum of kernels (eager, graphs,
compiled engines), a serving engine as a whole (engine.py), or a megakernel bound.
"""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu import compiled, engine, layers, megakernel
from rackcalc.formulas.gpu.kernels import Chip, compute_format, dispatch_time, memory_utilization, repeated, utilization
from rackcalc.formulas.gpu.layers import Parts
from rackcalc.formulas.gpu.passes import whole_pass
from rackcalc.formulas.transformer import work
from rackcalc.formulas.transformer.model_size import ModelSize, count, kv_cache, model_size, width
from rackcalc.formulas.transformer.work import Job, Work
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import TOKEN, Bytes, Count, Ratio, Seconds, Tokens
from rackcalc.spec.chips import GPU
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.links import Link
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Runtime


@formula(cite="definition: mean over the layers")
def mean_layer(dense: Seconds, experts: Seconds, dense_layers: Count, expert_layers: Count) -> Seconds:
    """Time of the feed-forward part of a layer, mean over dense layers and layers with experts.

    >>> mean_layer(dense=30.0, experts=90.0, dense_layers=1.0, expert_layers=2.0)
    70.0
    """
    return xp.divide(dense * dense_layers + experts * expert_layers, dense_layers + expert_layers)


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
class GpuPass:
    """One forward pass. Times in s.

    time = max(device_time, host_time) + step_host. host_time: launching every operation (0 under a captured graph).
    terms: device time by kernel kind, whole pass. attention, ffn: one layer (mean over layers), all-reduce included.
    head: norm and output matrix. flops, bytes_moved: whole model, all GPUs. utilization: of dense peak of all GPUs.
    """

    time: Quantity
    device_time: Quantity
    host_time: Quantity
    step_host: Quantity
    attention: Quantity
    ffn: Quantity
    head: Quantity
    terms: dict[str, Quantity]
    flops: Quantity
    bytes_moved: Quantity
    utilization: Quantity
    memory_utilization: Quantity


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


ONE = count(1.0, "one")
ZERO = count(0.0, "none")
NO_L2 = constant(0.0, "B", "last-level cache", "assumed", note="not stated; all activations go to memory")
NO_CACHE = constant(0.0, "B", "KV cache of an encoder", "published", note="encoders keep nothing between requests")


def encoder(
    gpu: GPU,
    family: Family,
    runtime: Runtime,
    model: Model,
    weight_format: str,
    batch: Quantity,
    tokens: Quantity,
    depth: Quantity | None = None,
    ends: bool = True,
    devices: Quantity | None = None,
    link: Link | None = None,
) -> GpuPass:
    """An encoder pass: batch [1] sequences of `tokens` [token], on one GPU or on `devices` that share each layer.

    depth: layers on this GPU (default all). ends: embedding and pooler are computed here too.
    """
    chip = Chip(gpu, family, runtime)
    job = Job("encode", batch, tokens, tokens, *_group(devices, link), False, weight_format, "bf16")
    size = model_size(model, weight_format, "bf16")
    return _run(chip, model, size, job, model.layers if depth is None else depth, ends)


def prefill(
    gpu: GPU,
    family: Family,
    runtime: Runtime,
    model: Model,
    weight_format: str,
    kv_format: str,
    batch: Quantity,
    tokens: Quantity,
    devices: Quantity | None = None,
    link: Link | None = None,
    expert_parallel: bool = False,
    data_parallel: Quantity | None = None,
) -> GpuPass:
    """Prompts of a decoder: batch [1] prompts of `tokens` [token] on `devices` tensor-parallel GPUs joined by `link`.

    expert_parallel: experts stay whole and are spread over the same GPUs; otherwise each is split over all of them.
    data_parallel [1]: groups of these GPUs, each with the attention of its own sequences (serving engines only).
    """
    chip = Chip(gpu, family, runtime)
    job = Job(
        "prefill",
        batch,
        tokens,
        tokens,
        *_group(devices, link),
        expert_parallel,
        weight_format,
        kv_format,
        data_parallel,
    )
    return _run(chip, model, model_size(model, weight_format, kv_format), job, model.layers, True)


def decode(
    gpu: GPU,
    family: Family,
    runtime: Runtime,
    model: Model,
    weight_format: str,
    kv_format: str,
    batch: Quantity,
    context: Quantity,
    devices: Quantity | None = None,
    link: Link | None = None,
    expert_parallel: bool = False,
    data_parallel: Quantity | None = None,
    sampled: bool = False,
    tokens: Quantity | None = None,
) -> GpuPass:
    """One decode step: a new token for each of batch [1] sequences that hold `context` [token]; else as prefill.

    sampled: with top-p or top-k. tokens [token]: computed per sequence, more than one when drafts are verified.
    """
    chip = Chip(gpu, family, runtime)
    job = Job(
        "decode",
        batch,
        work.ONE_TOKEN if tokens is None else tokens,
        context,
        *_group(devices, link),
        expert_parallel,
        weight_format,
        kv_format,
        data_parallel,
        sampled,
    )
    return _run(chip, model, model_size(model, weight_format, kv_format), job, model.layers, True)


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
    """What one of `devices` tensor-parallel GPUs holds for batch [1] sequences of `context` [token]."""
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


def _group(devices: Quantity | None, link: Link | None) -> tuple[Quantity, Link | None]:
    if devices is not None and link is None:
        raise ValueError("GPUs that share a model need the link between them")
    return (ONE if devices is None else devices), link


def _parts(chip: Chip, model: Model, size: ModelSize, job: Job, done: Work) -> Parts:
    """Times of one layer's parts by the law of the runtime."""
    if chip.runtime.megakernel is not None:
        return megakernel.megakernel_parts(chip, chip.runtime.megakernel, model, size, job, done)
    if chip.runtime.engine is not None and job.phase != "encode":
        return engine.engine_parts(chip, chip.runtime.engine, model, size, job, done)
    if chip.runtime.compiled is not None and job.phase == "encode":
        return compiled.compiled_parts(chip, chip.runtime.compiled, model, size, job)
    return layers.kernel_parts(chip, model, size, job)


def _run(chip: Chip, model: Model, size: ModelSize, job: Job, depth: Quantity, ends: bool) -> GpuPass:
    cache = NO_L2 if chip.gpu.l2 is None else chip.gpu.l2
    done = work.work(model, size, job, depth, ends, cache)
    parts = _parts(chip, model, size, job, done)
    expert_layers = size.expert_layers
    dense_layers = depth if model.experts is None else size.dense_layers
    terms: dict[str, Quantity] = {}
    for kernels, copies in ((parts.attention, depth), (parts.ffn, dense_layers), (parts.experts, expert_layers)):
        for name, time in kernels.items():
            whole = repeated(time=time, copies=copies)
            terms[name] = total(so_far=terms[name], more=whole) if name in terms else whole
    terms |= parts.ends if ends else {}
    attention, ffn = total(**parts.attention), total(**parts.ffn)
    if parts.experts:
        experts = total(**parts.experts)
        ffn = mean_layer(dense=ffn, experts=experts, dense_layers=dense_layers, expert_layers=expert_layers)
    device_time = whole_pass(chip.runtime, job.phase)(**terms)
    operations = chip.runtime.encoder_kernels if job.phase == "encode" else chip.runtime.decoder_kernels
    host = dispatch_time(layers=depth, operations=operations, dispatch=chip.runtime.dispatch)
    step = repeated(time=chip.runtime.step_host, copies=ZERO if job.phase == "encode" else ONE)
    time = total(execution=largest(device=device_time, host=host), step_host=step)
    peak = chip.gpu.peak[compute_format(chip, size.formats.ffn)]
    return GpuPass(
        time=time,
        device_time=device_time,
        host_time=host,
        step_host=step,
        attention=attention,
        ffn=ffn,
        head=total(**parts.ends),
        terms=terms,
        flops=done.flops,
        bytes_moved=done.bytes_moved,
        utilization=utilization(flops=done.flops, time=time, peak=peak, devices=job.devices),
        memory_utilization=memory_utilization(
            size=done.bytes_moved, time=time, bandwidth=chip.gpu.memory_bandwidth, devices=job.devices
        ),
    )
