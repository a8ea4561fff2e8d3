"""What a GPU architecture is: the fitted parameters of its kernels, and its power."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import flag, number, section, table, text
from rackcalc.spec.formats import FORMATS


@record
class GemmParameters:
    """Tile/wave/split-K GEMM form of one family and format."""

    launch: Quantity = number(
        "s", "launch, prologue and epilogue; activation quantisation included for fp8 and fp4", at_least=0
    )
    graph_launch: Quantity | None = number(
        "s",
        "launch inside a captured graph, where the host otherwise adds to it (separate quantising kernels)",
        at_least=0,
        default=None,
    )
    compute_share: Quantity = number("1", "share of dense peak in a full wave", above=0, at_most=1)
    memory_share: Quantity = number("1", "share of memory bandwidth", above=0, at_most=1)
    quantise_share: Quantity | None = number(
        "1", "share of memory bandwidth of the kernel that quantises activations", above=0, at_most=1, default=None
    )
    k_step: Quantity = number("s", "serial latency per element of k (wgmma, tcgen05)", at_least=0, default="0 s")
    load_rate: Quantity | None = number(
        "B/s", "rate at which one SM loads operands from L2 (mma.sync)", above=0, default=None
    )
    split_k: Quantity = number("s", "second pass of split-K", at_least=0)
    row_block: Quantity = number("1", "smallest block of rows of the matrix unit", above=0, whole=True)


@record
class DecodeAttentionParameters:
    """One attention kernel while generating: one query per sequence against its KV cache."""

    launch: Quantity = number("s", "fixed time", at_least=0)
    memory_share: Quantity = number("1", "share of memory bandwidth reading KV", above=0, at_most=1)
    head_time: Quantity = number("s", "work item of one sequence and head on one SM", at_least=0)
    split_time: Quantity = number("s", "split-KV passes and their reduction at long context", at_least=0, default="0 s")
    split_context: Quantity = number(
        "token", "context at which half of split_time is spent", above=0, default="1 token"
    )
    grouped: bool = flag("one thread block serves all query heads of a KV head; else each has its own")


@record
class PrefillAttentionParameters:
    """One attention kernel over whole sequences, and the pass before it that rotates and stores Q, K, V."""

    tile: Quantity = number("1", "query rows per tile", above=0, whole=True)
    launch: Quantity = number("s", "fixed time", at_least=0)
    score_operations: Quantity = number("1", "32-bit operations of the softmax per query and key", above=0)
    overlap: Quantity = number("1", "share of the softmax beside the matrix unit, not after it", at_least=0, at_most=1)
    pass_per_cycle: Quantity = number("B", "Q, K, V and output one multiprocessor passes on per cycle", above=0)
    wave_time: Quantity = number("s", "fixed time per wave of tiles, masked half of the diagonal included", at_least=0)


@record
class RingParameters:
    """Collectives of a general communication library: low-latency protocol for small, bandwidth protocol for large."""

    floor: Quantity = number("s", "kernel launched by one process for all GPUs", at_least=0)
    step: Quantity = number("s", "one hop: a gather takes one per further GPU, an all-reduce two", at_least=0)
    low_latency_share: Quantity = number("1", "share of link rate of the low-latency protocol", above=0, at_most=1)
    setup: Quantity = number("s", "filling the pipeline of the bandwidth protocol, at no load", at_least=0)
    copy_per_cycle: Quantity = number("B", "moved per multiprocessor and cycle by the library's kernels", above=0)
    share: Quantity = number("1", "share of link rate of the bandwidth protocol", above=0, at_most=1)
    pair_factor: Quantity = number("1", "factor on share for gathers between two GPUs", above=0, at_most=1)
    in_switch_share: Quantity = number(
        "1", "share of link rate with reduction in the switch, where there is one", above=0, at_most=1
    )


@record
class Family:
    """GPU architecture: parameters of its kernels, each with how it was fitted and its range."""

    name: str = text("full name")
    gemm: Mapping[str, GemmParameters] = table(GemmParameters, "by format", choices=tuple(FORMATS))
    attention_decode: Mapping[str, DecodeAttentionParameters] = table(
        DecodeAttentionParameters, "by KV format", choices=tuple(FORMATS)
    )
    attention_prefill: Mapping[str, PrefillAttentionParameters] = table(
        PrefillAttentionParameters, "by format", choices=tuple(FORMATS)
    )
    elementwise_launch: Quantity = number("s", "fixed time of an element-wise or normalisation kernel", at_least=0)
    elementwise_share: Quantity = number("1", "share of memory bandwidth of element-wise kernels", above=0, at_most=1)
    all_reduce_floor: Quantity = number(
        "s", "kernel plus first flag exchange of an all-reduce, where the runtime does not say", at_least=0
    )
    in_switch_reduction: bool = flag("NVLink switches of this generation reduce in the switch")
    ring: RingParameters = section(
        RingParameters, "all-reduce of the general communication library (NCCL)", required=True
    )
    peak_per_watt: Quantity | None = number(
        "FLOP/J", "dense 16-bit peak over TDP of the GPU whose kernels were fitted, cap included", above=0, default=None
    )
    sustained_per_watt: Quantity | None = number(
        "FLOP/J",
        "16-bit arithmetic per joule under the power cap; absent where the kernel fits already contain the cap",
        above=0,
        default=None,
    )
    eight_bit_gain: Quantity = number("1", "8-bit over 16-bit operations per joule", above=0, default="2.0")
    tf32_gain: Quantity = number("1", "tf32 over 16-bit operations per joule", above=0, default="0.31")
    fp32_gain: Quantity = number("1", "fp32 over 16-bit operations per joule (no matrix unit)", above=0, default="0.19")
    leakage_share: Quantity = number(
        "1", "leakage as a share of TDP at the reference temperature", at_least=0, at_most=1
    )
    power_floor: Quantity = number(
        "1", "power beyond idle once the clocks are up, as a share of TDP", at_least=0, default="0.245"
    )
    memory_energy: Quantity = number("J/B", "energy per byte of memory traffic", at_least=0, default="95 pJ/B")
    compute_power: Quantity = number(
        "1",
        "power of arithmetic at the peak rate, as a share of TDP; more than the chip may draw",
        at_least=0,
        default="1.5",
    )
