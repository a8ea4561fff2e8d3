"""A serving engine as a whole: decode steps and prefills by few numbers fitted to published serving runs.

Fixed times per layer hold every launch, norm, small all-reduce and host step of the engine; no kernel time is added.
"""

from rackcalc import xp
from rackcalc.formulas.kernels import Chip, by_format, compute_format, repeated
from rackcalc.formulas.layers import ONE, Parts
from rackcalc.formulas.transformer import ModelSize, count, times, width
from rackcalc.formulas.work import Job, Work, bytes_per_device, flops_per_device
from rackcalc.quantity import Quantity, formula
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Engine
from rackcalc.units import Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, Ratio, Seconds

FITTED = "fitted to InferenceX and ML.ENERGY serving runs on H100 and B200 (11 % mean error on a GPU or model left out)"
HALF = count(0.5, "half of a layer")
FORMATS_8_BIT = ("fp8", "int8")


@formula(cite=FITTED)
def weights_time(size: Bytes, bandwidth: BytesPerSecond, share: Ratio, factor: Ratio) -> Seconds:
    """Time to read weights at a share of memory bandwidth. factor: further share of dense 4-bit weights, else 1.

    >>> round(1e6 * weights_time(size=213909504.0, bandwidth=7.7e12, share=0.923, factor=1.0), 1)
    30.1
    """
    return size / (share * factor * bandwidth)


@formula(cite=FITTED)
def arithmetic_time(flops: Flop, peak: FlopPerSecond, share: Ratio, factor: Ratio) -> Seconds:
    """Time of arithmetic at a share of dense peak. factor: further share of mixtures of experts in prefill, else 1.

    >>> round(1e3 * arithmetic_time(flops=1.4e14, peak=2250e12, share=0.75, factor=1.0), 1)
    83.0
    """
    return flops / (share * factor * peak)


@formula(cite=FITTED)
def blended_time(memory: Seconds, arithmetic: Seconds) -> Seconds:
    """Memory and arithmetic time of a part whose kernels are partly bound by either: root of the sum of squares.

    >>> blended_time(memory=3.0, arithmetic=4.0)
    5.0
    """
    return (memory * memory + arithmetic * arithmetic) ** 0.5


@formula(cite=FITTED)
def kv_time(size: Bytes, devices: Count, kv_heads: Count, bandwidth: BytesPerSecond, share: Ratio) -> Seconds:
    """Time to read the KV cache of a batch in one layer; a head is never split. kv_heads 1 for latent attention.

    >>> round(1e6 * kv_time(size=33554432.0, devices=8.0, kv_heads=8.0, bandwidth=7.7e12, share=0.92), 2)
    0.59
    """
    return size / xp.minimum(devices, kv_heads) / (share * bandwidth)


@formula(cite=FITTED)
def batch_time(rows: Count, hidden: Count, passes: Count, element: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Time per layer of all work that grows with the batch and is not split over GPUs.

    >>> round(1e6 * batch_time(rows=64.0, hidden=8192.0, passes=228.0, element=2.0, bandwidth=7.7e12), 1)
    31.0
    """
    return passes * rows * hidden * element / bandwidth


@formula(cite=FITTED)
def exchange_time(rows: Count, hidden: Count, element: Bytes, devices: Count, bandwidth: BytesPerSecond) -> Seconds:
    """Wire time of one all-reduce at the full link rate; its fixed time is inside the layer's.

    >>> round(1e6 * exchange_time(rows=64.0, hidden=8192.0, element=2.0, devices=8.0, bandwidth=900e9), 2)
    2.04
    """
    return 2 * (devices - 1) / devices * rows * hidden * element / bandwidth


@formula(cite="definition: what the attention part leaves")
def rest_of(time: Seconds, share: Ratio) -> Seconds:
    """The part of a time that another part does not take.

    >>> rest_of(time=60.0, share=0.75)
    15.0
    """
    return time * (1 - share)


def engine_parts(chip: Chip, engine: Engine, model: Model, size: ModelSize, job: Job, done: Work) -> Parts:
    """A layer under a serving engine. Prefill adds attention arithmetic and repeats the fixed times."""
    grow = _growing(chip, engine, model, job, done)
    repeats = ONE if job.phase == "decode" else engine.prefill_layers
    fixed = repeated(time=engine.layer_overhead, copies=repeats)
    stored = size.formats
    attention = {
        "attention_weights": _part(
            chip, engine, model, job, done.projection_flops, size.attention_weights, stored.attention
        )
    }
    attention |= _tokens(chip, engine, model, job, done)
    attention |= {"overhead": repeated(time=fixed, copies=engine.attention_share)} | grow
    if model.mla is not None:
        attention["latent_overhead"] = repeated(time=engine.latent_overhead, copies=repeats)
    rest = {"overhead": rest_of(time=fixed, share=engine.attention_share)} | grow
    ffn = {"ffn_weights": _part(chip, engine, model, job, done.ffn_flops, size.ffn_weights, stored.ffn)} | rest
    experts = {}
    if model.experts is not None:
        experts = _experts(chip, engine, model, size, job, done) | rest
        experts["expert_overhead"] = repeated(time=engine.expert_overhead, copies=repeats)
    head = _part(chip, engine, model, job, done.head_flops, size.head_weights, stored.head)
    return Parts(attention=attention, ffn=ffn, experts=experts, ends={"head": head})


def _growing(chip: Chip, engine: Engine, model: Model, job: Job, done: Work) -> dict[str, Quantity]:
    """Work of half a layer that grows with the tokens and is not split: activations (decode) and the exchange."""
    terms = {}
    if job.phase == "decode":
        terms["batch"] = batch_time(
            rows=done.rows,
            hidden=model.hidden,
            passes=times(parameters=engine.activation_passes, copies=HALF),
            element=width("bf16"),
            bandwidth=chip.gpu.memory_bandwidth,
        )
    if job.link is not None:
        terms["all_reduce"] = exchange_time(
            rows=done.rows,
            hidden=model.hidden,
            element=width("bf16"),
            devices=job.devices,
            bandwidth=job.link.bandwidth,
        )
    return terms


def _tokens(chip: Chip, engine: Engine, model: Model, job: Job, done: Work) -> dict[str, Quantity]:
    """Attention over the context: reading the cache (decode) or arithmetic (prefill)."""
    if job.phase == "decode":
        time = kv_time(
            size=done.kv_bytes,
            devices=job.devices,
            kv_heads=ONE if model.mla is not None else model.kv_heads,
            bandwidth=chip.gpu.memory_bandwidth,
            share=engine.kv_share,
        )
    else:
        time = arithmetic_time(
            flops=flops_per_device(flops=done.score_flops, devices=job.devices),
            peak=chip.gpu.peak[compute_format(chip, "bf16")],
            share=engine.attention_prefill_share,
            factor=ONE,
        )
    return {"attention": time}


def _arithmetic(chip: Chip, engine: Engine, model: Model, job: Job, flops: Quantity, stored: str) -> Quantity:
    name = compute_format(chip, stored)
    decoding = job.phase == "decode"
    share = (
        engine.decode_share if decoding else by_format(engine.prefill_share, "fp8" if name in FORMATS_8_BIT else name)
    )
    return arithmetic_time(
        flops=flops_per_device(flops=flops, devices=job.devices),
        peak=chip.gpu.peak[name],
        share=share,
        factor=ONE if decoding or model.experts is None else engine.expert_prefill_factor,
    )


def _part(
    chip: Chip, engine: Engine, model: Model, job: Job, flops: Quantity, weights: Quantity, stored: str
) -> Quantity:
    memory = weights_time(
        size=bytes_per_device(size=weights, devices=job.devices),
        bandwidth=chip.gpu.memory_bandwidth,
        share=engine.weight_share,
        factor=engine.fp4_share if stored in ("fp4", "mxfp4", "int4") else ONE,
    )
    return blended_time(memory=memory, arithmetic=_arithmetic(chip, engine, model, job, flops, stored))


def _experts(chip: Chip, engine: Engine, model: Model, size: ModelSize, job: Job, done: Work) -> dict[str, Quantity]:
    routed = weights_time(
        size=bytes_per_device(size=done.expert_bytes, devices=job.devices),
        bandwidth=chip.gpu.memory_bandwidth,
        share=engine.expert_share,
        factor=ONE,
    )
    arithmetic = _arithmetic(chip, engine, model, job, done.expert_flops, size.formats.experts)
    shared = _part(chip, engine, model, job, done.shared_flops, size.shared_weights, size.formats.ffn)
    return {"experts": blended_time(memory=routed, arithmetic=arithmetic), "shared_experts": shared}
