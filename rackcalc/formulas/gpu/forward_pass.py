"""A forward pass on GPUs: an encoder pass, a prefill or a decode step.

The time of a layer is the sum of its attention and feed-forward parts. Depending on the runtime, the parts come from
kernels (layer_kernels.py, compiled.py), from a serving engine as a whole (engine_layer.py), or from the bound of a
megakernel (megakernel.py).
"""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.gpu.compiled import compiled_parts
from rackcalc.formulas.gpu.compute_formats import compute_format
from rackcalc.formulas.gpu.engine_layer import engine_parts
from rackcalc.formulas.gpu.kernels import repeated
from rackcalc.formulas.gpu.launches import dispatch_time
from rackcalc.formulas.gpu.layer_kernels import kernel_parts
from rackcalc.formulas.gpu.layer_parts import Parts
from rackcalc.formulas.gpu.megakernel import megakernel_parts
from rackcalc.formulas.gpu.novelty import as_novel, novelty, what_is_new
from rackcalc.formulas.gpu.passes import whole_pass
from rackcalc.formulas.gpu.roofline import memory_utilization, utilization
from rackcalc.formulas.gpu.two_batches import half_of
from rackcalc.formulas.transformer.counts import NONE, ONE
from rackcalc.formulas.transformer.forward_pass import ONE_TOKEN, Job, Network, Work, work
from rackcalc.formulas.transformer.model_size import ModelSize, model_size
from rackcalc.formulas.transformer.sliding_window import context_after
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record, replace
from rackcalc.quantities.units import Count, Seconds
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


@record
class ExpertPlacement:
    """How experts lie over the GPUs that share them; as in Job."""

    network: Network | None = None
    redundant: Quantity = NONE
    imbalance: Quantity | None = None
    two_batches: bool = False


EVEN = ExpertPlacement()


@record
class GpuPass:
    """One forward pass. Times in s.

    time = max(device_time, host_time) + step_host. host_time: launching every operation (0 under a captured graph).
    terms: device time by kernel kind, whole pass. attention, ffn: one layer (mean over layers), all-reduce included.
    head: norm and output matrix. flops, bytes_moved: whole model, all GPUs. utilization: of dense peak of all GPUs.
    novelty [1]: in serving engines, the doubt about `time`, from what is `new` about the pass; terms are without it.
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
    novelty: Quantity | None = None
    new: tuple[str, ...] = ()


NO_L2 = constant(0.0, "B", "last-level cache", "assumed", note="not stated; all activations go to memory")


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
    expert_parallel: bool | None = None,
    data_parallel: Quantity | None = None,
    past: Quantity | None = None,
    placement: ExpertPlacement = EVEN,
) -> GpuPass:
    """Prompts of a decoder: batch [1] prompts of `tokens` [token] on `devices` tensor-parallel GPUs joined by `link`.

    expert_parallel: experts stay whole and are spread over the same GPUs; otherwise each is split over all of them.
    None: an engine keeps them whole where data-parallel groups share them.
    data_parallel [1]: groups of these GPUs, each with the attention of its own sequences (serving engines only), whole.
    past [token]: tokens before these, whose keys and values are in the prefix cache (serving engines only).
    placement: of the experts over the GPUs of data-parallel groups.
    """
    if past is not None and runtime.engine is None:
        raise ValueError("only serving engines have a prefix cache")
    chip = Chip(gpu, family, runtime)
    job = Job(
        "prefill",
        batch,
        tokens,
        tokens if past is None else context_after(past=past, tokens=tokens),
        *_group(devices, link),
        expert_parallel,
        weight_format,
        kv_format,
        data_parallel,
        past=past,
        **vars(placement),
    )
    return _run(chip, model, model_size(model, weight_format, kv_format, checkpoint=True), job, model.layers, True)


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
    expert_parallel: bool | None = None,
    data_parallel: Quantity | None = None,
    sampled: bool = False,
    tokens: Quantity | None = None,
    placement: ExpertPlacement = EVEN,
    only_decodes: bool = False,
) -> GpuPass:
    """One decode step: a new token for each of batch [1] sequences that hold `context` [token]; else as prefill.

    sampled: with top-p or top-k. tokens [token]: tokens computed per sequence, more than one when drafts are verified.
    only_decodes: the engine has no prompts.
    """
    chip = Chip(gpu, family, runtime)
    job = Job(
        "decode",
        batch,
        ONE_TOKEN if tokens is None else tokens,
        context,
        *_group(devices, link),
        expert_parallel,
        weight_format,
        kv_format,
        data_parallel,
        sampled,
        **vars(placement),
        only_decodes=only_decodes,
    )
    return _run(chip, model, model_size(model, weight_format, kv_format, checkpoint=True), job, model.layers, True)


def _group(devices: Quantity | None, link: Link | None) -> tuple[Quantity, Link | None]:
    """Devices and link of a group of GPUs. ValueError for several devices without a link."""
    if devices is not None and link is None:
        raise ValueError("GPUs that share a model need the link between them")
    return (ONE if devices is None else devices), link


def _parts(chip: Chip, model: Model, size: ModelSize, job: Job, done: Work, half: Work | None) -> Parts:
    """Times of the parts of one layer, computed as the runtime executes them. half: of two halves of the batch."""
    if chip.runtime.megakernel is not None:
        return megakernel_parts(chip, chip.runtime.megakernel, model, size, job, done)
    if chip.runtime.engine is not None and job.phase != "encode":
        return engine_parts(chip, chip.runtime.engine, model, size, job, done, half)
    if chip.runtime.compiled is not None and job.phase == "encode":
        return compiled_parts(chip, chip.runtime.compiled, model, size, job)
    return kernel_parts(chip, model, size, job)


def _run(chip: Chip, model: Model, size: ModelSize, job: Job, depth: Quantity, ends: bool) -> GpuPass:
    """A pass through `depth` layers, and through embedding and head if it has these ends."""
    cache = NO_L2 if chip.gpu.l2 is None else chip.gpu.l2
    done = work(model, size, job, depth, ends, cache)
    half = None
    moved = done.bytes_moved
    if job.two_batches:
        one = replace(job, batch=half_of(batch=job.batch))
        half = work(model, size, one, depth, False, cache)
        moved = total(first=half.bytes_moved, second=work(model, size, one, depth, ends, cache).bytes_moved)
    parts = _parts(chip, model, size, job, done, half)
    expert_layers = size.expert_layers
    dense_layers = depth if model.experts is None and model.ffn_layers is None else size.dense_layers
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
    step = repeated(time=chip.runtime.step_host, copies=NONE if job.phase == "encode" else ONE)
    time = total(execution=largest(device=device_time, host=host), step_host=step)
    new: tuple[str, ...] = ()
    doubt = None
    if chip.runtime.engine is not None and job.phase != "encode":
        stored = size.formats.ffn if model.experts is None else size.formats.experts
        new = what_is_new(chip, chip.runtime.engine, model, stored, job)
        doubt = novelty(job.phase, new)
        time = as_novel(time=time, novelty=doubt)
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
        bytes_moved=moved,
        utilization=utilization(flops=done.flops, time=time, peak=peak, devices=job.devices),
        memory_utilization=memory_utilization(
            size=moved, time=time, bandwidth=chip.gpu.memory_bandwidth, devices=job.devices
        ),
        novelty=doubt,
        new=new,
    )
