"""GPU kernels, one at a time: matrix products, element-wise passes, launches. Attention is in attention.py."""

from typing import Any

from rackcalc.formulas.combine import total
from rackcalc.formulas.transformer.model_size import width
from rackcalc.formulas.transformer.work import activation_bytes
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, Source, constant, formula
from rackcalc.quantities.record import record
from rackcalc.quantities.units import (
    FLOP,
    Bytes,
    BytesPerSecond,
    Count,
    Flop,
    FlopPerJoule,
    FlopPerSecond,
    Ratio,
    Seconds,
    Watts,
)
from rackcalc.spec.chips import GPU
from rackcalc.spec.gpu_families import Family, GemmParameters
from rackcalc.spec.runtimes import Runtime

TILES = (64, 128, 256)
SPLITS = (1, 2, 4, 8)

FITTED = "closed form fitted to the kernel tables of NVIDIA aiconfigurator 0.12.0"


def _fastest(m: Any, n: Any, k: Any, groups: Any, per_k: Any, floor: Any, second: Any, extra: Any, sms: Any) -> Any:
    """Smallest time over all tiles and splits of k.

    per_k(rows, columns): time of one wave per element of k. floor: memory time. second + split * extra: split-k pass.
    """
    rows = {tile: xp.ceil(m / tile) * groups for tile in TILES}
    columns = {tile: xp.ceil(n / tile) for tile in TILES}
    depths = [(split, xp.ceil(k / split), 0 * second if split == 1 else second + split * extra) for split in SPLITS]
    best = None
    for tile_rows, high in rows.items():
        for tile_columns, wide in columns.items():
            tiles, step = high * wide / sms, per_k(tile_rows, tile_columns)
            for split, depth, pass_time in depths:
                time = xp.maximum(xp.ceil(tiles * split) * depth * step, floor) + pass_time
                best = time if best is None else xp.minimum(best, time)
    return best


@formula(
    cite=FITTED + "; tiles, waves and split-K as in NVIDIA CUTLASS and "
    "Osama et al., Stream-K, arXiv:2301.03598; memory and compute bound as in LLMCompass, arXiv:2312.03134",
    error=0.055,  # 3 to 8 % fitted, 6 to 11 % on a GPU left out of the fit
)
def gemm_time(
    m: Count,
    n: Count,
    k: Count,
    groups: Count,
    weight_width: Bytes,
    operand_width: Bytes,
    input_width: Bytes,
    output_width: Bytes,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    sms: Count,
    launch: Seconds,
    compute_share: Ratio,
    memory_share: Ratio,
    k_step: Seconds,
    load_rate: BytesPerSecond,
    split_k: Seconds,
    row_block: Count,
) -> Seconds:
    """(m x k) times (k x n), `groups` times in one kernel; the fastest of 9 tile shapes and 4 splits of k.

    Widths are bytes per element: of weights, of activations in the matrix unit, as they lie in memory, and of the
    result. load_rate may be inf. Fitted for 1 <= m <= 16384, 256 <= n, k <= 16384: mean error 3 to 8 % by family and
    format, worst 40 %. The example is BERT-Large's first feed-forward product on a B200, which takes 3.40 us measured.

    >>> round(1e6 * gemm_time(m=128.0, n=4096.0, k=1024.0, groups=1.0, weight_width=2.0, operand_width=2.0,
    ...     input_width=2.0, output_width=2.0, peak=2250e12, bandwidth=7.7e12, sms=148.0, launch=1.81e-6,
    ...     compute_share=0.721, memory_share=0.72, k_step=1.98e-9, load_rate=1e18, split_k=2.2e-6, row_block=128.0), 2)
    3.84
    """
    unit_rate, rate = compute_share * peak / sms, memory_share * bandwidth

    def per_k(tile_rows: int, tile_columns: int) -> Any:
        arithmetic = 2 * FLOP * xp.maximum(tile_rows, row_block) * tile_columns / unit_rate
        loads = (xp.minimum(m, tile_rows) * operand_width + tile_columns * weight_width) / load_rate
        return xp.maximum(xp.maximum(arithmetic, loads), k_step)

    floor = groups * (n * k * weight_width + m * k * input_width + m * n * output_width) / rate
    reduction = 2 * groups * m * n * output_width / rate
    return launch + _fastest(m, n, k, groups, per_k, floor, split_k, reduction, sms)


@formula(cite=FITTED + ": 0.40 to 0.46 of memory bandwidth on H100 and B200, to 8 and to 4 bits alike")
def quantise_time(
    m: Count,
    k: Count,
    groups: Count,
    input_width: Bytes,
    operand_width: Bytes,
    bandwidth: BytesPerSecond,
    quantise_share: Ratio,
) -> Seconds:
    """The pass that quantises activations before a product: reads them wide, writes them narrow. Its launch is extra.

    >>> round(1e6 * quantise_time(m=8192.0, k=1024.0, groups=1.0, input_width=2.0, operand_width=1.0,
    ...     bandwidth=3.35e12, quantise_share=0.46), 1)
    16.3
    """
    return groups * m * k * (input_width + operand_width) / (quantise_share * bandwidth)


@formula(cite="NVIDIA aiconfigurator 0.12.0: 3 us plus bytes over 0.8 of memory bandwidth")
def elementwise_time(size: Bytes, bandwidth: BytesPerSecond, launch: Seconds, memory_share: Ratio) -> Seconds:
    """A normalisation, activation or copy kernel that moves `size` bytes in all.

    >>> round(1e6 * elementwise_time(size=786432.0, bandwidth=7.7e12, launch=3e-6, memory_share=0.8), 2)
    3.13
    """
    return launch + size / (memory_share * bandwidth)


@formula(cite="NVIDIA CUDA programming guide: programmatic dependent launch overlaps a kernel's prologue")
def kernel_launch(launch: Seconds, saving: Seconds) -> Seconds:
    """Fixed time left of a kernel once its prologue overlaps with the kernel before it.

    >>> kernel_launch(launch=3.0, saving=1.0)
    2.0
    """
    return xp.maximum(launch - saving, 0 * launch)


@formula(cite="definition: kernels of a kind times the time of one")
def repeated(time: Seconds, copies: Count) -> Seconds:
    """Time of several equal kernels or layers in a row.

    >>> repeated(time=24.4e-6, copies=24.0)
    0.0005856
    """
    return time * copies


@formula(cite="measured: eager operations at 10 to 45 us of host time each (facebookresearch/sam2 issue 768)")
def dispatch_time(layers: Count, operations: Count, dispatch: Seconds) -> Seconds:
    """Host time to launch a model operation by operation.

    >>> round(dispatch_time(layers=24.0, operations=29.0, dispatch=17e-6), 6)
    0.011832
    """
    return layers * operations * dispatch


@formula(cite="S. Williams et al., Roofline, CACM 52(4), 2009")
def roofline_time(
    flops: Flop, size: Bytes, peak: FlopPerSecond, bandwidth: BytesPerSecond, compute_share: Ratio, memory_share: Ratio
) -> Seconds:
    """The longer of arithmetic and memory traffic.

    >>> round(1e6 * roofline_time(flops=77.4e9, size=604.6e6, peak=2250e12, bandwidth=7.7e12, compute_share=0.72,
    ...     memory_share=0.78), 1)
    100.7
    """
    return xp.maximum(flops / (compute_share * peak), size / (memory_share * bandwidth))


@formula(
    cite="assumption: sustained arithmetic is energy efficiency times TDP; fitted to TensorRT BERT on A100, A30, T4"
)
def sustained_share(
    compute_share: Ratio,
    per_watt: FlopPerJoule,
    format_gain: Ratio,
    tdp: Watts,
    peak: FlopPerSecond,
    process_power: Ratio,
) -> Ratio:
    """Share of peak that survives the power cap: why a 70 W T4 holds 0.41 of its peak, a 165 W A30 0.71.

    format_gain: operations per joule relative to 16 bit. process_power: of the chip's process over its family's.

    >>> round(sustained_share(
    ...     compute_share=0.844, per_watt=0.71e12, format_gain=1.0, tdp=165.0, peak=165e12, process_power=1.0
    ... ), 3)
    0.71
    """
    return xp.minimum(compute_share, per_watt * format_gain * tdp / (process_power * peak))


@formula(
    cite="A. Chandrakasan et al., IEEE JSSC 27 (1992) 473-484: P = C V^2 f with voltage in proportion to the clock, so "
    "the clock goes as the cube root of power; kernel tables of H100 and B200 agree within 6 % at 16 bit, 3 % at 8"
)
def clocked_share(
    compute_share: Ratio, peak_per_watt: FlopPerJoule, peak: FlopPerSecond, tdp: Watts, full_clock: Ratio
) -> Ratio:
    """Share of peak that large products hold on a GPU with more or less power for its peak than the measured one.

    peak_per_watt, compute_share: of the measured one. peak: at 16 bit. The example is an H100 PCIe, from H100 SXM.

    >>> round(clocked_share(compute_share=0.795, peak_per_watt=1.413e12, peak=756.5e12, tdp=350.0, full_clock=0.844), 3)
    0.69
    """
    return xp.minimum(compute_share * (peak_per_watt * tdp / peak) ** (1 / 3), full_clock)


@formula(cite="definition: achieved over peak")
def utilization(flops: Flop, time: Seconds, peak: FlopPerSecond, devices: Count) -> Ratio:
    """Share of the peak arithmetic of all devices.

    >>> round(utilization(flops=77.4e9, time=0.585e-3, peak=2250e12, devices=1.0), 4)
    0.0588
    """
    return xp.divide(flops, time * peak * devices)


@formula(cite="definition: achieved over peak")
def memory_utilization(size: Bytes, time: Seconds, bandwidth: BytesPerSecond, devices: Count) -> Ratio:
    """Share of the memory bandwidth of all devices.

    >>> round(memory_utilization(size=604.6e6, time=0.585e-3, bandwidth=7.7e12, devices=1.0), 3)
    0.134
    """
    return xp.divide(size, time * bandwidth * devices)


FULL_CLOCK = Quantity(
    0.844,
    "1",
    "share of peak at full clocks",
    source=Source("measured", "aic-kernels", note="A100, whose products its power does not throttle"),
    low=0.8,
    high=0.92,
)

# Formats a matrix unit may compute in, best first, for weights stored in a format.
COMPUTE = {
    "fp32": ("fp32", "tf32", "bf16", "fp16"),
    "tf32": ("tf32", "bf16", "fp16"),
    "bf16": ("bf16", "fp16"),
    "fp16": ("fp16", "bf16"),
    "fp8": ("fp8", "bf16", "fp16"),
    "int8": ("int8", "bf16", "fp16"),
    "fp4": ("fp4", "fp8", "bf16", "fp16"),
    "mxfp4": ("fp8", "bf16", "fp16"),
    "int4": ("bf16", "fp16"),
}
SIXTEEN_BIT = {"fp16": "bf16", "bf16": "fp16", "tf32": "bf16", "fp32": "bf16"}
NO_LIMIT = constant(xp.inf, "B/s", "operand load rate", "assumed", note="not a limit on this family")
SAME_PROCESS = constant(
    1.0, "1", "power of the process over that of the family's", "published", note="the same process"
)
SIXTEEN = constant(1.0, "1", "operations per joule relative to 16 bit", "published", note="by definition")


@record
class Chip:
    """One GPU under one runtime: what the time of a kernel depends on."""

    gpu: GPU
    family: Family
    runtime: Runtime


def compute_format(chip: Chip, weight_format: str) -> str:
    """The format the matrix unit computes in; weights in a format it lacks are widened. ValueError when none fits."""
    for name in COMPUTE[weight_format]:
        sixteen = {"fp16", "bf16"} & chip.family.gemm.keys() if name in SIXTEEN_BIT else ()
        if name in chip.gpu.peak and (name in chip.family.gemm or sixteen):
            return name
    raise ValueError(f"{chip.gpu.name} computes in none of {', '.join(COMPUTE[weight_format])}")


def by_format(table: Any, name: str) -> Any:
    """The entry of a format, else of the other 16-bit format, else the first."""
    for key in (name, SIXTEEN_BIT.get(name)):
        if key in table:
            return table[key]
    return next(iter(table.values()))


def format_gain(family: Family, name: str) -> Quantity:
    """Operations per joule in a format, relative to 16 bit."""
    eight = family.eight_bit_gain
    return {"fp8": eight, "int8": eight, "tf32": family.tf32_gain, "fp32": family.fp32_gain}.get(name, SIXTEEN)


def share_under_cap(chip: Chip, parameters: GemmParameters, name: str) -> Quantity:
    """Share of peak of large products in a format."""
    per_watt = chip.family.sustained_per_watt
    fitted = chip.family.peak_per_watt
    if fitted is not None:
        return clocked_share(
            compute_share=parameters.compute_share,
            peak_per_watt=fitted,
            peak=chip.gpu.peak[compute_format(chip, "bf16")],
            tdp=chip.gpu.tdp,
            full_clock=FULL_CLOCK,
        )
    if per_watt is None:
        return parameters.compute_share
    return sustained_share(
        compute_share=parameters.compute_share,
        per_watt=per_watt,
        format_gain=format_gain(chip.family, name),
        tdp=chip.gpu.tdp,
        peak=chip.gpu.peak[name],
        process_power=SAME_PROCESS if chip.gpu.process_power is None else chip.gpu.process_power,
    )


def gemm(
    chip: Chip,
    m: Quantity,
    n: Quantity,
    k: Quantity,
    groups: Quantity,
    weight_format: str,
    quantised: bool = False,
    plain: bool = False,
) -> Quantity:
    """Time of a matrix product on one GPU. quantised: activations already are in the format of the matrix unit.

    plain: so are they, the result is 16 bit wide, and no quantising kernel runs before: a library call by itself.
    """
    name = compute_format(chip, weight_format)
    parameters: GemmParameters = by_format(chip.family.gemm, name)
    operand = width(name)
    launch = by_format(chip.family.gemm, "bf16").launch if plain else parameters.launch
    if chip.runtime.launch == "graph" and not plain and parameters.graph_launch is not None:
        launch = parameters.graph_launch
    time = gemm_time(
        m=m,
        n=n,
        k=k,
        groups=groups,
        weight_width=width(weight_format),
        operand_width=operand,
        input_width=operand,
        output_width=operand if quantised else width("bf16"),
        peak=chip.gpu.peak[name],
        bandwidth=chip.gpu.memory_bandwidth,
        sms=chip.gpu.sms,
        launch=kernel_launch(launch=launch, saving=chip.runtime.launch_saving),
        compute_share=share_under_cap(chip, parameters, name),
        memory_share=parameters.memory_share,
        k_step=parameters.k_step,
        load_rate=NO_LIMIT if parameters.load_rate is None else parameters.load_rate,
        split_k=parameters.split_k,
        row_block=parameters.row_block,
    )
    if quantised or plain or parameters.quantise_share is None:
        return time
    quantise = quantise_time(
        m=m,
        k=k,
        groups=groups,
        input_width=width("bf16"),
        operand_width=operand,
        bandwidth=chip.gpu.memory_bandwidth,
        quantise_share=parameters.quantise_share,
    )
    return total(product=time, quantise=quantise)


def elementwise(chip: Chip, rows: Quantity, columns: Quantity, passes: Quantity) -> Quantity:
    """Time of a norm, activation or copy kernel over rows x columns 16-bit elements."""
    launch = kernel_launch(launch=chip.family.elementwise_launch, saving=chip.runtime.elementwise_saving)
    return elementwise_time(
        size=activation_bytes(rows=rows, columns=columns, passes=passes, element=width("bf16")),
        bandwidth=chip.gpu.memory_bandwidth,
        launch=launch,
        memory_share=chip.family.elementwise_share,
    )
