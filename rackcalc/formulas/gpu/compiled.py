"""Encoder layers inside a compiled engine or a hand-written library: few fused kernels, limited by the power cap."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.attention import prefill_attention_time
from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.gpu.compute_formats import by_format, compute_format
from rackcalc.formulas.gpu.kernels import NO_LIMIT, elementwise_time, gemm_time, repeated
from rackcalc.formulas.gpu.layer_parts import Parts, exchange
from rackcalc.formulas.gpu.matrix_shapes import columns_of_heads, sharded
from rackcalc.formulas.gpu.power_cap import SIXTEEN, share_under_cap
from rackcalc.formulas.transformer.counts import NONE, ONE, THREE
from rackcalc.formulas.transformer.flops import rows
from rackcalc.formulas.transformer.forward_pass import Job
from rackcalc.formulas.transformer.memory_traffic import activation_bytes
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.formulas.transformer.parameters import times
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Bytes, BytesPerSecond, Count, Hertz, Ratio, RequestsPerSecond, Seconds, Tokens
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Compiled

FITTED = (
    "fitted to the BERT latency tables of NVIDIA TensorRT (A100, A30, T4) and FasterTransformer "
    "(rackcalc/validation/measured/encoder.csv) by rackcalc/validation/refit.py"
)
COUNTED = constant(7.0, "1", "kernels counted one by one", "published", note="4 matrix products, attention, 2 norms")
NO_WAVE = constant(0.0, "s", "fixed time per wave of tiles", "assumed", note="inside the fixed time of the kernel")


@formula(cite="NVIDIA A100 architecture white paper: 64 B per clock and SM from L2, of which kernels reach a share")
def load_rate(per_cycle: Bytes, clock: Hertz) -> BytesPerSecond:
    """Rate at which one SM loads operands.

    >>> round(load_rate(per_cycle=43.2, clock=1.41e9) / 1e9, 1)
    60.9
    """
    return per_cycle * clock


@formula(cite="definition: a product of shares")
def share_of(share: Ratio, of: Ratio, gain: Ratio) -> Ratio:
    """Attention's share of the dense 16-bit peak.

    >>> round(share_of(share=0.19, of=0.92, gain=1.38), 4)
    0.2412
    """
    return share * of * gain


@formula(cite="definition: what is left of all kernels once those with a time of their own are taken away")
def further_kernels(kernels: Count, counted: Count, floor: Seconds) -> Seconds:
    """Fixed time of the kernels of a layer that do nothing else worth counting: transposes, biases, conversions.

    >>> round(1e6 * further_kernels(kernels=19.0, counted=7.0, floor=4.0e-6), 1)
    48.0
    """
    return xp.maximum(kernels - counted, 0.0) * floor


@formula(cite="Y. Huang et al., GPipe, arXiv:1811.06965: p stages pass c micro-batches in c + p - 1 steps")
def pipelined_share(stages: Count, batch: Count, per_microbatch: Count, most: Count) -> Ratio:
    """Time over that of one GPU when the layers are spread over `stages`; micro-batches hold `per_microbatch` or more.

    >>> pipelined_share(stages=2.0, batch=32.0, per_microbatch=8.0, most=4.0)
    0.625
    """
    chunks = xp.minimum(xp.maximum(batch / per_microbatch, 1.0), most)
    return (chunks + stages - 1) / (chunks * stages)


@formula(
    cite="assumption: the clock of a small kernel lies between the full one and that of products under the "
    "power cap; fitted to TensorRT BERT on A100, A30 and T4 (rackcalc/validation/measured/encoder.csv)"
)
def kernel_floor(launch: Seconds, floor: Ratio, sustained: Ratio, full: Ratio) -> Seconds:
    """Fixed time of a kernel of an engine, from that of a stand-alone matrix product.

    sustained, full: share of peak of large products under the power cap, and without it. The example is a T4.

    >>> round(1e6 * kernel_floor(launch=4.11e-6, floor=0.95, sustained=0.415, full=0.788), 2)
    5.38
    """
    return launch * floor * xp.sqrt(full / sustained)


@formula(cite="definition: a share of a length; padding that is removed takes no time")
def kept_tokens(tokens: Tokens, share: Ratio) -> Tokens:
    """Mean length of sequences of mixed length, from the length they would be padded to.

    >>> kept_tokens(tokens=100.0, share=0.59)
    59.0
    """
    return tokens * share


@formula(cite=FITTED + "; a run's first passes, at rising clock, weigh more where passes are short")
def tail_latency(mean: Seconds, ratio: Ratio, ramp_share: Ratio, ramp_time: Seconds) -> Seconds:
    """A percentile of a steady loop of passes from their mean.

    >>> round(1e3 * tail_latency(mean=1.2e-3, ratio=1.015, ramp_share=0.2, ramp_time=1.2e-3), 3)
    1.338
    """
    return mean * (ratio + ramp_share / (1 + (mean / ramp_time) ** 2))


NO_RAMP = constant(0.0, "1", "no clock ramp in this percentile", "assumed", note="p95 of a steady loop")


def engine_tails(law: Compiled | None, mean: Quantity) -> dict[str, Quantity]:
    """95th and 99th percentile [s] of the passes of a compiled engine, from their mean; {} where it is none."""
    if law is None:
        return {}
    ramp = {"mean": mean, "ramp_time": law.ramp_time}
    return {
        "p95": tail_latency(ratio=law.latency_p95, ramp_share=NO_RAMP, **ramp),
        "p99": tail_latency(ratio=law.latency_p99, ramp_share=law.ramp_share, **ramp),
    }


@formula(cite="definition: a share of a rate")
def share_of_rate(rate: RequestsPerSecond, share: Ratio) -> RequestsPerSecond:
    """What is left of a rate.

    >>> share_of_rate(rate=32000.0, share=0.5)
    16000.0
    """
    return rate * share


@formula(
    cite="A. Chandrakasan et al., IEEE JSSC 27 (1992) 473-484: P = C V^2 f, voltage in proportion to the clock",
    error=0.08,  # 7 to 10 %: vendors do not state where they set the limit
)
def rate_at_power(rate: RequestsPerSecond, power: Ratio) -> RequestsPerSecond:
    """Rate of a chip held at a share of its power: the clock follows the cube root.

    >>> round(rate_at_power(rate=1000.0, power=0.643))
    863
    """
    return rate * power ** (1 / 3)


@record
class _Engine:
    """Properties that all kernels of one pass share."""

    chip: Chip
    law: Compiled
    name: str
    share: Quantity
    floor: Quantity


def _engine(chip: Chip, law: Compiled, stored: str) -> _Engine:
    """The properties of an engine whose weights are stored in a format."""
    name = compute_format(chip, stored)
    gemm = by_format(chip.family.gemm, name)
    share = share_under_cap(chip, gemm, name)
    floor = law.kernel_time
    if floor is None:
        launch = by_format(chip.family.gemm, "bf16").launch
        floor = kernel_floor(launch=launch, floor=law.kernel_floor, sustained=share, full=gemm.compute_share)
    return _Engine(chip, law, name, share, floor)


def _product(engine: _Engine, m: Quantity, n: Quantity, k: Quantity) -> Quantity:
    """Time of a matrix product inside the engine."""
    chip, law = engine.chip, engine.law
    family, element = by_format(chip.family.gemm, engine.name), width(engine.name)
    loads = NO_LIMIT if family.load_rate is None else load_rate(per_cycle=law.load_per_cycle, clock=chip.gpu.clock)
    time = gemm_time(
        m=m,
        n=n,
        k=k,
        groups=ONE,
        weight_width=element,
        operand_width=element,
        input_width=element,
        output_width=element,
        peak=chip.gpu.peak[engine.name],
        bandwidth=chip.gpu.memory_bandwidth,
        sms=chip.gpu.sms,
        launch=NO_WAVE,
        compute_share=engine.share,
        memory_share=law.memory_share,
        k_step=family.k_step,
        load_rate=loads,
        split_k=law.split_k,
        row_block=family.row_block,
    )
    return total(fixed=engine.floor, work=_slowed(law, engine.name, time))


def _slowed(law: Compiled, name: str, time: Quantity) -> Quantity:
    """Time with the slowdown fitted for a format, where there is one."""
    return repeated(time=time, copies=law.slowdown[name]) if name in law.slowdown else time


def _attention(engine: _Engine, model: Model, job: Job, heads: Quantity) -> Quantity:
    """Time of the attention kernel inside the engine."""
    chip, law = engine.chip, engine.law
    sixteen = compute_format(chip, "fp16")
    narrow = engine.name in ("fp8", "int8")
    time = prefill_attention_time(
        batch=job.batch,
        tokens=job.tokens,
        heads=heads,
        kv_heads=heads,
        head_dim=model.head_dim,
        causal=NONE,
        pairs=ONE,
        element=width(engine.name),
        peak=chip.gpu.peak[sixteen],
        bandwidth=chip.gpu.memory_bandwidth,
        sms=chip.gpu.sms,
        launch=NO_WAVE,
        tile=law.attention_tile,
        compute_share=share_of(
            share=law.attention_share, of=engine.share, gain=law.eight_bit_attention if narrow else SIXTEEN
        ),
        memory_share=law.memory_share,
        wave_time=NO_WAVE,
    )
    return total(fixed=engine.floor, work=_slowed(law, engine.name, time))


def compiled_parts(chip: Chip, law: Compiled, model: Model, size: ModelSize, job: Job) -> Parts:
    """An encoder layer as its fused kernels."""
    engine = _engine(chip, law, size.formats.ffn)
    passed = rows(batch=job.batch, tokens=job.tokens)
    heads = sharded(columns=model.heads, devices=job.devices)
    inner = columns_of_heads(heads=heads, dims=model.head_dim)
    ffn = sharded(columns=model.ffn, devices=job.devices)
    shared = exchange(chip, model, job)
    traffic = activation_bytes(
        rows=passed, columns=model.hidden, passes=by_format(law.norm_passes, engine.name), element=width(engine.name)
    )
    norm = elementwise_time(
        size=traffic, bandwidth=chip.gpu.memory_bandwidth, launch=engine.floor, memory_share=law.norm_share
    )
    kernels = by_format(law.kernels, engine.name)
    others = further_kernels(kernels=kernels, counted=COUNTED, floor=engine.floor)
    return Parts(
        attention={
            "qkv": _product(engine, passed, times(parameters=inner, copies=THREE), model.hidden),
            "attention": _attention(engine, model, job, heads),
            "out": _product(engine, passed, model.hidden, inner),
            "norms": norm,
            "other_kernels": others,
        }
        | shared,
        ffn={
            "ffn_up": _product(engine, passed, ffn, model.hidden),
            "ffn_down": _product(engine, passed, model.hidden, ffn),
            "norms": norm,
        }
        | shared,
        experts={},
        ends={"ends": law.host},
    )
