"""GPU kernels, one at a time: matrix products and element-wise kernels. attention.py has the attention kernels."""

from typing import Any

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.gpu.compute_formats import by_format, compute_format
from rackcalc.formulas.gpu.launches import kernel_launch
from rackcalc.formulas.gpu.loop_cache import in_loop
from rackcalc.formulas.gpu.power_cap import share_under_cap
from rackcalc.formulas.transformer.memory_traffic import activation_bytes
from rackcalc.formulas.transformer.weights import width
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.units import FLOP, Bytes, BytesPerSecond, Count, FlopPerSecond, Ratio, Seconds
from rackcalc.spec.gpu_families import GemmParameters

TILES = (64.0, 128.0, 256.0)
SPLITS = (1.0, 2.0, 4.0, 8.0)

FITTED = (
    "closed form of our own, fitted to the kernel tables of NVIDIA aiconfigurator 0.12.0, of which "
    "rackcalc/validation/measured/gemm.csv is a sample"
)


def _fastest(m: Any, n: Any, k: Any, groups: Any, per_k: Any, floor: Any, second: Any, extra: Any, sms: Any) -> Any:
    """Smallest time over all tile shapes and splits of k.

    per_k(rows, columns): time of one wave per element of k. floor: memory time. second + split * extra: time of the
    pass that adds up the splits.
    """
    rows = {tile: xp.ceil(m / tile) * groups for tile in TILES}
    columns = {tile: xp.ceil(n / tile) for tile in TILES}
    shapes = [
        (high * wide / sms, per_k(tile_rows, tile_columns))
        for tile_rows, high in rows.items()
        for tile_columns, wide in columns.items()
    ]
    best = None
    for split in SPLITS:
        depth, pass_time = xp.ceil(k / split), 0 * second if split == 1 else second + split * extra
        waves = xp.lowest([xp.ceil(tiles * split) * depth * step for tiles, step in shapes])
        time = xp.maximum(waves, floor) + pass_time
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

    Widths are in bytes per element: of the weights, of activations in the matrix unit and in memory, and of the result.
    load_rate may be inf. Fitted for 1 <= m <= 16384, 256 <= n, k <= 16384: mean error 3 to 8 % by family and
    format, worst 40 %. The example is BERT-Large's first feed-forward product on a B200, which takes 3.40 us measured.

    >>> round(1e6 * gemm_time(m=128.0, n=4096.0, k=1024.0, groups=1.0, weight_width=2.0, operand_width=2.0,
    ...     input_width=2.0, output_width=2.0, peak=2250e12, bandwidth=7.7e12, sms=148.0, launch=1.81e-6,
    ...     compute_share=0.721, memory_share=0.72, k_step=1.98e-9, load_rate=1e18, split_k=2.2e-6, row_block=128.0), 2)
    3.84
    """
    unit_rate, rate = compute_share * peak / sms, memory_share * bandwidth

    def per_k(tile_rows: float, tile_columns: float) -> Any:
        arithmetic = 2 * FLOP * xp.maximum(tile_rows, row_block) * tile_columns / unit_rate
        loads = (xp.minimum(m, tile_rows) * operand_width + tile_columns * weight_width) / load_rate
        return xp.maximum(xp.maximum(arithmetic, loads), k_step)

    floor = groups * (n * k * weight_width + m * k * input_width + m * n * output_width) / rate
    reduction = 2 * groups * m * n * output_width / rate
    return launch + _fastest(m, n, k, groups, per_k, floor, split_k, reduction, sms)


@formula(cite="definition: both operands and the result")
def product_bytes(m: Count, n: Count, k: Count, weight_width: Bytes, input_width: Bytes, output_width: Bytes) -> Bytes:
    """Traffic of a matrix product.

    >>> product_bytes(m=1.0, n=1000.0, k=1000.0, weight_width=2.0, input_width=2.0, output_width=2.0)
    2004000.0
    """
    return n * k * weight_width + m * k * input_width + m * n * output_width


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


@formula(cite="definition: kernels of a kind times the time of one")
def repeated(time: Seconds, copies: Count) -> Seconds:
    """Time of several equal kernels or layers in a row.

    >>> repeated(time=24.4e-6, copies=24.0)
    0.0005856
    """
    return time * copies


NO_LIMIT = constant(xp.inf, "B/s", "operand load rate", "assumed", note="not a limit on this family")


def gemm(
    chip: Chip,
    m: Quantity,
    n: Quantity,
    k: Quantity,
    groups: Quantity,
    weight_format: str,
    quantised: bool = False,
    plain: bool = False,
    looped: bool = False,
) -> Quantity:
    """Time of a matrix product on one GPU. quantised: activations are already in the format of the matrix unit.

    plain: a library call by itself. Activations are in that format too, the result has 16 bits, and no kernel
    quantises before it. looped: again and again with the same operands, as in benchmarks.
    """
    name = compute_format(chip, weight_format)
    parameters: GemmParameters = by_format(chip.family.gemm, name)
    operand = width(name)
    launch = by_format(chip.family.gemm, "bf16").launch if plain else parameters.launch
    if chip.runtime.launch == "graph" and not plain and parameters.graph_launch is not None:
        launch = parameters.graph_launch
    bandwidth = chip.gpu.memory_bandwidth
    if looped:
        widths = {"weight_width": width(weight_format), "input_width": operand, "output_width": width("bf16")}
        bandwidth = in_loop(chip, product_bytes(m=m, n=n, k=k, **widths), parameters.memory_share)
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
        bandwidth=bandwidth,
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
