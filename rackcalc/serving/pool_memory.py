"""What the pools hold: weights, KV cache, activations."""

from rackcalc.formulas.gpu.memory_fit import Beside, cache_on_gpu, memory_fit
from rackcalc.formulas.lpu.chip_links import activation_size
from rackcalc.formulas.lpu.memory_fit import capacity, spill_time
from rackcalc.formulas.serving.length_moments import relative_square
from rackcalc.formulas.serving.sequence_lengths import lived_context, longest_context, mean_context
from rackcalc.formulas.transformer.counts import in_group
from rackcalc.formulas.transformer.flops import rows
from rackcalc.formulas.transformer.kv_cache import cache_of_batch
from rackcalc.formulas.transformer.memory_traffic import bytes_per_device
from rackcalc.formulas.transformer.model_size import cache_of_sequence, model_size
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.adapters import adapters_in_memory
from rackcalc.serving.drafting import drafter_weights, drafting_model
from rackcalc.serving.gpu_deployment import GpuDeployment
from rackcalc.serving.service_model import ONE, Memory
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.rack import LpuPool, Rack


def kv_format(rack: Rack) -> str:
    """Format of the KV cache: as stated, else 8 bits with such weights on a GPU that has fp8, else bf16."""
    weights = rack.workload.precision
    if rack.model.family != "decoder":
        return weights
    if rack.workload.kv_precision is not None:
        return rack.workload.kv_precision
    if weights in ("int8", "fp16"):
        return weights
    gpus = rack.accelerators.gpu
    able = gpus is None or "fp8" in gpus.part.peak
    return "fp8" if FORMATS[weights] <= 1 and able else "bf16"


def gpu_memory(rack: Rack, deployed: GpuDeployment, batch: Quantity, context: Quantity) -> Memory:
    """Memory of one GPU with a batch of sequences, each of `context` tokens, in one copy of the model."""
    size = model_size(rack.model, rack.workload.precision, kv_format(rack), checkpoint=True)
    model = deployed.gpu, deployed.runtime, rack.model, size
    network, copies = deployed.placement.network, deployed.placement.redundant
    beside = beside_the_model(rack, deployed, context)
    apart = None if network is None else network.domain
    groups, stages = rack.serving.data_parallel, deployed.stages
    fit = memory_fit(*model, batch, context, deployed.devices, groups, beside, stages, apart, copies)
    most = fit.max_batch if rack.model.family == "decoder" else None
    return Memory(fit.capacity, fit.weights, fit.kv_cache, fit.free, max_batch=most)


def beside_the_model(rack: Rack, deployed: GpuDeployment, context: Quantity) -> Beside:
    """What a GPU holds beside the model: adapters, and what drafts, with a KV cache of its own."""
    plan, drafter = rack.serving.speculation, drafting_model(rack)
    adapters = adapters_in_memory(rack, deployed, model_size(rack.model, rack.workload.precision, kv_format(rack)))
    held = {} if adapters is None else {"adapters": adapters}
    if plan is None or drafter is None:
        return Beside(held)
    size = model_size(drafter, rack.workload.precision, kv_format(rack))
    groups = ONE if rack.serving.data_parallel is None else rack.serving.data_parallel
    together = in_group(devices=deployed.devices, groups=groups)
    weights = bytes_per_device(size=drafter_weights(plan, drafter, size), devices=deployed.devices)
    return Beside(held | {"drafter": weights}, {"drafter": cache_on_gpu(drafter, size, context, together)})


def lpu_memory(pool: LpuPool, weights: Quantity, cache: Quantity, activations: Quantity) -> tuple[Memory, Quantity]:
    """Memory of all LPUs together, and the bytes that do not fit."""
    fit = capacity(pool.part, pool.count, weights, cache, activations)
    return Memory(fit.held, weights, cache, fit.free, chips_needed=fit.chips), fit.spilled


def spill_terms(pool: LpuPool, spilled: Quantity) -> dict[str, Quantity]:
    """Time to stream in the weights that do not fit, once per pass [s]; {} where the file does not allow it."""
    return {} if pool.spill is None else {"spill": spill_time(spilled=spilled, bandwidth=pool.spill)}


def context_lengths(rack: Rack) -> tuple[Quantity, Quantity]:
    """Tokens of a sequence: the mean while it generates, and the number at its end."""
    work = rack.workload
    assert work.output is not None
    lengths = {"prompt": work.input, "output": work.output}
    if work.output_cv is None:
        return mean_context(**lengths), longest_context(**lengths)
    lived = lived_context(**lengths, spread=relative_square(cv=work.output_cv))
    return lived, longest_context(**lengths)


def hidden_state_bytes(rack: Rack, batch: Quantity, tokens: Quantity, format_: str) -> Quantity:
    """Size of the activations that pass from one layer to the next [B]."""
    return activation_size(rows=rows(batch=batch, tokens=tokens), hidden=rack.model.hidden, width=width(format_))


def kv_cache_of_batch(rack: Rack, batch: Quantity, context: Quantity) -> Quantity:
    """Size of the KV cache of a batch [B]."""
    size = model_size(rack.model, rack.workload.precision, kv_format(rack))
    one = cache_of_sequence(rack.model, size, context)
    return cache_of_batch(kv_cache=one, batch=batch)
