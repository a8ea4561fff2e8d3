"""How software drives GPUs: kernel parameters by architecture, launch and engine costs by runtime."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import Number, flag, number, section, table, text
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


@record
class Compiled:
    """Encoder layers inside a compiled engine or hand-written library: few fused kernels, each with a fixed time.

    Arithmetic runs at the lower of the family's share of peak and what its power cap sustains (sustained_per_watt).
    """

    kernels: Mapping[str, Quantity] = table(
        Number("1", "kernels per layer: 4 products, attention, 2 norms, and what is not fused", above=0),
        "by format",
        choices=tuple(FORMATS),
        required=True,
    )
    kernel_floor: Quantity = number(
        "1", "fixed time of a kernel over that of a stand-alone 16-bit matrix product", above=0, default="1"
    )
    kernel_time: Quantity | None = number(
        "s", "fixed time of a kernel on any GPU, where the host launches each by itself", above=0, default=None
    )
    host: Quantity = number("s", "copies, embedding and output of a pass", at_least=0)
    memory_share: Quantity = number("1", "share of memory bandwidth of matrix products", above=0, at_most=1)
    load_per_cycle: Quantity = number("B", "operands one SM loads per cycle from L2 (mma.sync families)", above=0)
    split_k: Quantity = number("s", "second pass of split-K", at_least=0)
    slowdown: Mapping[str, Quantity] = table(
        Number("1", "products and attention over the best kernels", above=0), "by format", choices=tuple(FORMATS)
    )
    attention_tile: Quantity = number("1", "query rows per tile of attention", above=0, whole=True)
    attention_share: Quantity = number("1", "attention rate over that of large products", above=0, at_most=1)
    eight_bit_attention: Quantity = number("1", "8-bit over 16-bit attention rate: softmax does not shrink", above=0)
    norm_passes: Mapping[str, Quantity] = table(
        Number("1", "passes of one of the two norms over the activations, other element-wise work included", above=0),
        "by format",
        choices=tuple(FORMATS),
        required=True,
    )
    norm_share: Quantity = number("1", "share of memory bandwidth of norms", above=0, at_most=1)
    latency_p95: Quantity = number("1", "95th percentile over mean latency", at_least=1)
    latency_p99: Quantity = number("1", "99th percentile over mean latency of long passes", at_least=1)
    ramp_share: Quantity = number("1", "added to latency_p99 by clock ramps in runs of short passes", at_least=0)
    ramp_time: Quantity = number("s", "pass at which half of ramp_share is left", above=0)


@record
class Engine:
    """Serving engine as a whole: few numbers fitted to published serving runs, instead of a sum of kernels.

    Its fixed times per layer contain every launch and norm; only all-reduces are added to them. Times of a version
    released `age` after the reference shrink by `improvement`.
    """

    layer_overhead: Quantity = number("s", "fixed time per decoder layer and step", at_least=0)
    expert_overhead: Quantity = number("s", "further fixed time per layer with experts", at_least=0)
    fp4_expert_overhead: Quantity = number("s", "the same with fused kernels for 4-bit experts", at_least=0)
    latent_overhead: Quantity = number("s", "further fixed time per layer with latent attention", at_least=0)
    attention_share: Quantity = number(
        "1", "part of layer_overhead spent on the attention side of a layer", at_least=0, at_most=1
    )
    weight_share: Quantity = number("1", "share of memory bandwidth reading weights", above=0, at_most=1)
    fp4_share: Quantity = number("1", "further factor for dense 4-bit weights", above=0, at_most=1)
    expert_share: Quantity = number("1", "share of memory bandwidth reading experts", above=0, at_most=1)
    kv_share: Quantity = number("1", "share of memory bandwidth reading the KV cache", above=0, at_most=1)
    decode_share: Quantity = number("1", "share of dense peak while decoding", above=0, at_most=1)
    sequence_time: Quantity = number("s", "host time per sequence and step: scheduling, input, output", at_least=0)
    sampling_time: Quantity = number(
        "s", "time per sequence and vocabulary entry to sample with top-p or top-k (a sort)", at_least=0
    )
    dispatch_time: Quantity = number(
        "s", "fixed time to dispatch to experts on other GPUs, or to combine, under data-parallel attention", at_least=0
    )
    prefill_share: Mapping[str, Quantity] = table(
        Number("1", "share of dense peak", above=0, at_most=1),
        "share of peak in prefill by format the matrix unit computes in",
        choices=tuple(FORMATS),
    )
    expert_tile: Quantity = number("1", "rows that an expert's rows are padded to in prefill", at_least=0)
    attention_prefill_share: Quantity = number(
        "1", "share of dense 16-bit peak of attention in prefill", above=0, at_most=1
    )
    eager_layers: Quantity = number(
        "1", "host time to launch a layer's kernels one by one, over its fixed time in a captured step", at_least=0
    )
    eager_prefill: Quantity = number(
        "1", "share of a prefill's launches that are not captured or compiled into few", at_least=0, at_most=1
    )
    wait_steps: Quantity = number("1", "steps a request waits before its prefill starts", at_least=0)
    poll_steps: Quantity = number("1", "steps from one look at new requests to the next", at_least=1, default="1")
    hold_steps: Quantity = number("1", "steps a prefill is held back for others to join it", at_least=0, default="0")
    stream_interval: Quantity = number("1", "tokens sent to a client at a time", at_least=1, default="1")
    compiled_host: Quantity | None = number(
        "s", "request_host of versions that run a compiled engine, prefill included", at_least=0, default=None
    )
    compiled_before: str = text("the first version that does not", default="")
    burst: Quantity = number(
        "1",
        "share of the other requests that arrive at the same moment (start of a run, chance)",
        at_least=0,
        at_most=1,
    )
    lockstep: Quantity = number(
        "1", "prefills ahead of one's own when all requests have the same length and finish together", at_least=0
    )
    token_time: Quantity = number(
        "s", "time of the front end per token it sends, beside the engine: bounds the token rate of one server", above=0
    )
    memory_use: Quantity = number(
        "1", "share of what weights and reserve leave that becomes KV cache", above=0, at_most=1
    )
    memory_reserve: Quantity = number("B", "kept per GPU for context, workspace and graphs", at_least=0)
    output_reserve: Quantity = number("1", "share of the output that a running sequence holds KV cache for", at_least=0)
    improvement: Quantity = number("1/s", "rate at which fixed times shrink from release to release", default="0 1/s")
    age: Quantity = number("s", "release of this version, after the reference", default="0 s")
    releases: Mapping[str, Quantity] = table(
        Number("s", "after the reference; earlier: negative"), "release dates by version"
    )


@record
class Megakernel:
    """A single persistent kernel: a bound, not a product."""

    grid_sync: Quantity = number("s", "one synchronisation of the whole grid", at_least=0)
    encoder_syncs: Quantity = number("1", "synchronisations per encoder layer", at_least=0)
    decoder_syncs: Quantity = number("1", "synchronisations per decoder layer", at_least=0)
    compute_share: Quantity = number("1", "share of dense peak", above=0, at_most=1)
    memory_share: Quantity = number("1", "share of memory bandwidth", above=0, at_most=1)


@record
class Runtime:
    """Software that drives the GPU: eager framework, captured graph, or compiled engine."""

    name: str = text("full name")
    launch: str = text("how kernels are launched", choices=("eager", "graph"))
    dispatch: Quantity = number("s", "host time per launched kernel; 0 inside a captured graph", at_least=0)
    encoder_kernels: Quantity = number("1", "kernels (eager: framework operations) per encoder layer", above=0)
    decoder_kernels: Quantity = number("1", "kernels (eager: framework operations) per decoder layer", above=0)
    launch_saving: Quantity = number(
        "s", "removed from every kernel's fixed time (programmatic dependent launch)", at_least=0, default="0 s"
    )
    elementwise_saving: Quantity = number(
        "s", "removed from the fixed time of norms and element-wise kernels (fusion)", at_least=0, default="0 s"
    )
    compiled: Compiled | None = section(
        Compiled, "encoders: layers of few fused kernels instead of stand-alone ones", optional=True
    )
    library_all_reduce: bool = flag("all-reduces go through the general communication library only")
    engine: Engine | None = section(
        Engine, "decoders: the serving engine as a whole instead of a sum of kernels", optional=True
    )
    megakernel: Megakernel | None = section(Megakernel, "one persistent kernel instead of many", optional=True)
    step_host: Quantity = number("s", "host time and sampling per decode step", at_least=0)
    request_host: Quantity = number("s", "tokenising, copies and post-processing per request", at_least=0)
    memory_share: Quantity = number("1", "share of GPU memory the runtime may fill", above=0, at_most=1)
    memory_reserve: Quantity = number("B", "kept per GPU for context, workspace and graphs", at_least=0)
    all_reduce_floor: Mapping[str, Quantity] = table(
        Number("s", "kernel plus first flag exchange", at_least=0),
        "fixed time of an all-reduce by family; others take the family's own",
    )
    eager_floor: Quantity | None = number(
        "s", "least time of an all-reduce that the host launches by itself", at_least=0, default=None
    )
    eager_floors: Mapping[str, Quantity] = table(
        Number("s", "least time of an all-reduce that the host launches", at_least=0), "where a family differs"
    )
    all_reduce_per_peer: Quantity = number("s", "added by each further GPU", at_least=0)
    all_reduce_one_shot_share: Quantity = number(
        "1", "share of link rate of the one-shot algorithm", above=0, at_most=1
    )
    all_reduce_two_shot_cost: Quantity = number("s", "fixed price of the bandwidth algorithm", at_least=0)
    all_reduce_two_shot_share: Quantity = number(
        "1", "share of link rate of the bandwidth algorithm", above=0, at_most=1
    )
    all_reduce_in_switch_share: Quantity | None = number(
        "1",
        "share of link rate with reduction in the switch, where it has such a kernel",
        above=0,
        at_most=1,
        default=None,
    )
    all_reduce_largest: Mapping[str, Quantity] = table(
        Number("B", "largest message", above=0),
        "by family, what one-shot and two-shot kernels take; the general library takes the rest. Others: any size",
    )
    all_reduce_in_switch_largest: Mapping[str, Quantity] = table(
        Number("B", "largest message", above=0), "the same of the kernel that reduces in the switch"
    )
    eager_switch_launch: Quantity = number(
        "s",
        "host time of the further launches of a reduction in the switch (copies into a mapped buffer and out)",
        at_least=0,
        default="0 s",
    )
