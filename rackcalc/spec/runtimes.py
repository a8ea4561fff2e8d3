"""What a runtime is: the software that drives GPUs, and what its launches, kernels and serving engine cost."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import Number, Text, flag, listing, number, section, table, text
from rackcalc.spec.formats import FORMATS


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


# Kernels of routed experts: 16-bit; 8-bit, whose activations are quantized block by block; 4-bit on matrix units that
# compute in 4 bit; 4-bit on others.
EXPERT_KERNELS = ("16-bit", "8-bit", "4-bit", "widened")


@record
class Measured:
    """Of what serving engines were measured. What lies outside is new, and figures about it have wider ranges."""

    gpus: tuple[str, ...] = listing(Text("full name of a GPU"), "GPUs, under any engine")
    families: tuple[str, ...] = listing(Text("family of GPUs"), "families of these GPUs")
    architectures: tuple[str, ...] = listing(Text("class of models"), "classes of models, under any engine")
    shapes: tuple[str, ...] = listing(Text("hidden size x layers"), "sizes of the models, under any engine")
    oldest: Quantity = number("s", "age of the oldest version of this engine")
    newest: Quantity = number("s", "age of its newest version")
    longest: Quantity = number("token", "longest prompt or context, under any engine", above=0, example="10000 token")
    widest: Quantity = number("1", "most GPUs that share a copy of a model, under any engine", above=0)
    groups: Quantity = number("1", "most groups of data-parallel attention, under any engine", above=0)


@record
class LargeGpus:
    """What an engine starts with on GPUs of at least so much memory, but for those of one family."""

    memory: Quantity = number("B", "memory from which on a GPU counts as large", above=0)
    not_family: str = text("family whose GPUs do not count", default="")
    max_num_seqs: Quantity = number("1", "most sequences that decode together", above=0, whole=True)
    chunk: Quantity = number("token", "most tokens computed in one step", above=0, example="8192 token")


@record
class Engine:
    """Serving engine as a whole: few numbers fitted to published serving runs, instead of a sum of kernels.

    Its fixed times per layer contain every launch and norm; only all-reduces are added to them. Times of a version
    released `age` after the reference shrink by `improvement`.
    """

    layer_overhead: Quantity = number("s", "fixed time per decoder layer and step", at_least=0)
    expert_overhead: Mapping[str, Quantity] = table(
        Number("s", "further fixed time per layer with experts", at_least=0),
        "by the kernels that experts take",
        choices=EXPERT_KERNELS,
        required=True,
    )
    routed_passes: Quantity = number(
        "1",
        "reads and writes of the routed activations: sorting, quantizing, activation, sum; in rows of 16 bit",
        at_least=0,
    )
    latent_launches: Quantity = number(
        "1", "kernels of a layer's latent attention in a prefill that is not captured", at_least=0
    )
    latent_overhead: Quantity = number("s", "further fixed time per layer with latent attention", at_least=0)
    attention_share: Quantity = number(
        "1", "part of layer_overhead spent on the attention side of a layer", at_least=0, at_most=1
    )
    weight_share: Quantity = number("1", "share of memory bandwidth reading weights", above=0, at_most=1)
    fp4_share: Quantity = number("1", "further factor for dense 4-bit weights", above=0, at_most=1)
    expert_share: Mapping[str, Quantity] = table(
        Number("1", "share of memory bandwidth reading experts", above=0, at_most=1),
        "by the kernels that experts take",
        choices=EXPERT_KERNELS,
        required=True,
    )
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
    expert_prefill_share: Mapping[str, Quantity] = table(
        Number("1", "rate of routed experts in prefill over that of dense products", above=0, at_most=1),
        "by the kernels that experts take",
        choices=EXPERT_KERNELS,
        required=True,
    )
    attention_prefill_share: Quantity = number(
        "1", "rate of attention in prefill over that of the family's own kernel", above=0
    )
    eager_launch: Quantity = number("s", "host time to launch one kernel by itself", at_least=0)
    measured: Measured | None = section(Measured, "of what the engine was measured", optional=True)
    fixed_factors: Mapping[str, Quantity] = table(
        Number("1", "fixed times of layers over those of all runs together", above=0),
        "by GPU family and format of the weights, such as 'hopper fp8'; others: 1",
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
    chunk: Quantity = number(
        "token",
        "most prompt tokens computed in one step (max_num_batched_tokens, chunked_prefill_size)",
        above=0,
        example="8192 token",
    )
    max_num_seqs: Quantity = number("1", "most sequences that decode together, as engines start", above=0, whole=True)
    lone_host: Quantity | None = number(
        "s", "request_host of a request that is alone; without it the same", at_least=0, default=None
    )
    prompt_host: Quantity = number(
        "s/token", "host time per token of a prompt: chat template, tokenizer, copies", at_least=0, default="0 s/token"
    )
    large_gpus: LargeGpus | None = section(LargeGpus, "other limits on large GPUs", optional=True)
    two_batches: Mapping[str, Quantity] = table(
        Number("1", "fewest tokens of a data-parallel group", above=0),
        "tokens from which on a batch is split into two that take turns, where serving.two_batch_overlap asks for it; "
        "left out: the engine cannot",
        choices=("prefill", "decode"),
    )
    mixed: bool = flag("prompts share steps with decoding; otherwise decoding stops for them", default=True)
    cuda_graphs: bool = flag("decode steps are captured and launched at once", default=True)
    output_reserve: Quantity = number("1", "share of the output that a running sequence holds KV cache for", at_least=0)
    kv_admission: str = text(
        "what must have room in the KV cache before a request starts: its prompt, an estimated share of its answer "
        "too, or all of its answer; with the first two requests are put back when the cache runs out",
        choices=("prompt", "share", "answer"),
        default="share",
    )
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
