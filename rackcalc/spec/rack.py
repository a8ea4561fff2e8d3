"""What a rack is: the sections that a user writes. The parts of the catalog are in the other files of this folder."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.chips import GPU, LPU
from rackcalc.spec.fields import Number as NumberField
from rackcalc.spec.fields import catalog_part, derived, flag, length, listing, number, section, table, text
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.lengths import TraceFile
from rackcalc.spec.limits import Limits
from rackcalc.spec.links import CpuPath, Link
from rackcalc.spec.models import Model
from rackcalc.spec.money import Economics, LatencyValue
from rackcalc.spec.plant import Plant
from rackcalc.spec.runtimes import Runtime
from rackcalc.spec.site import Cooling, System
from rackcalc.spec.software import Sharing, Software
from rackcalc.spec.supply import Region, Supply
from rackcalc.spec.venue import Trading

SPLITS: dict[str, tuple[str, ...]] = {  # name -> the pools that it needs
    "gpu": ("gpu",),
    "lpu": ("lpu",),
    "encoder-pipeline": ("gpu", "lpu"),
    "prefill-decode": ("gpu", "lpu"),  # or GPUs alone, with prefill_gpus
    "attention-ffn": ("gpu", "lpu"),
    "draft-verify": ("gpu", "lpu"),
}


HOURS = 24  # of a day
PHASES = ("both", "prefill", "decode")
CLAIM_VERDICTS = ("holds", "claimed too high", "claimed too low", "does not hold", "impossible", "not decidable")


@record
class GpuPool:
    """The GPUs of the rack."""

    part: GPU = catalog_part("gpus", "which GPU")
    count: Quantity = number("1", "how many", above=0, whole=True, example="8")
    system: System | None = catalog_part(
        "systems", "the product they come in: its host power, fans, height and price", default=None
    )


@record
class LpuPool:
    """The LPUs of the rack."""

    part: LPU = catalog_part("lpus", "which LPU")
    count: Quantity = number("1", "how many chips", above=0, whole=True, example="256")
    system: System | None = catalog_part("systems", "the product they come in", default=None)
    spill: Quantity | None = number(
        "B/s", "let weights that do not fit stream in at this rate (10 to 1000 times slower)", above=0, default=None
    )


@record
class Accelerators:
    """The chips that compute."""

    gpu: GpuPool | None = section(GpuPool, "the GPUs", optional=True)
    lpu: LpuPool | None = section(LpuPool, "the LPUs", optional=True)


@record
class LinkUse:
    """How two pools, or the chips of one pool, are joined."""

    part: Link = catalog_part("links", "which link")
    hypothetical: bool = flag("the chips do not have this port; compute it all the same and mark every figure")
    path: str = text(
        "how bytes get across: zero-copy, over a host bounce buffer, or serialised through the network stack",
        default="zero-copy",
        choices=("zero-copy", "bounce", "serialised"),
    )
    host: CpuPath = catalog_part("hosts", "the host memory path, for bounce and serialised", default="cpu-path")
    other_load: Quantity = number(
        "1", "share of the link's rate that other traffic takes", at_least=0, at_most=0.99, default="0"
    )
    temperature: Quantity | None = number(
        "K", "temperature of cable and connectors (default: the rack's outlet)", absolute=True, default=None
    )


@record
class Conversation:
    """Requests that are turns of conversations: each prompt holds all that was said before, and the cache knows it."""

    turns: Quantity = number("1", "turns of a conversation", at_least=1, at_most=1000, whole=True, example="6")


@record
class Workload:
    """What is asked of the rack.

    As written, a length may be a distribution, a record of Lengths (spec/lengths.py). Before anything is computed,
    with_lengths() (serving/lengths.py) puts its mean there, and input_cv, input_even or input_strata beside it. It does
    the same with what a trace or a conversation says.
    """

    input: Quantity = length(
        "prompt or sequence length; of decoders under a serving engine also a distribution",
        above=0,
        whole=True,
        example="128 token",
        elsewhere="trace",
    )
    output: Quantity | None = length(
        "tokens generated per request (decoders); as input, also a distribution", above=0, whole=True, default=None
    )
    trace: TraceFile | None = section(
        TraceFile,
        "decoders under a serving engine: a file of requests, whose lengths, arrivals and hits in the prefix cache "
        "hold where nothing else is stated beside it",
        optional=True,
        short="file",
    )
    cached: Quantity | None = number(
        "1",
        "decoders on GPUs under a serving engine: share of the prompts' tokens that the engine finds in its prefix "
        "cache, and does not compute (default: 0)",
        at_least=0,
        at_most=0.999,
        default=None,
        example="55 %",
    )
    conversation: Conversation | None = section(
        Conversation,
        "decoders on GPUs under a serving engine: requests are turns of conversations; input is what a turn adds",
        optional=True,
    )
    batch: Quantity | None = number(
        "1",
        "sequences processed together, all at the same time: encoders, and decoders offline (default: 1; of a serving "
        "engine as many as arrive)",
        above=0,
        whole=True,
        default=None,
        example="8",
    )
    arrival_rate: Quantity | None = number(
        "request/s", "requests arriving (Poisson); without it the rack is idle but for one", above=0, default=None
    )
    hours: tuple[Quantity, ...] = listing(
        NumberField("1", "requests in an hour of the day, over those of the others", at_least=0, example="3"),
        "24 numbers in proportion to which requests arrive in the hours of the day, from midnight; arrival_rate is "
        "their mean (decoders under a serving engine; default: the same at all hours)",
        length=HOURS,
    )
    burstiness: Quantity | None = number(
        "1",
        "decoders under a serving engine: coefficient of variation of the gaps between arrivals (default: 1, Poisson)",
        at_least=1,
        at_most=4,
        default=None,
    )
    input_cv: Quantity | None = number(
        "1",
        "decoders under a serving engine: coefficient of variation of the prompts' lengths, which are log-normal "
        "(default: 0, all alike)",
        at_least=0,
        at_most=10,
        default=None,
    )
    output_cv: Quantity | None = number(
        "1", "the same of the generated lengths (default: 0, all alike)", at_least=0, at_most=10, default=None
    )
    concurrency: Quantity | None = number(
        "1",
        "decoders under a serving engine, in place of arrival_rate: requests kept in flight, each client sending its "
        "next when the last is answered; as many as find room decode together, whatever the batch",
        above=0,
        whole=True,
        default=None,
    )
    sampling: str = text(
        "decoders under a serving engine: how tokens are chosen (nucleus: top-p or top-k, which sorts the vocabulary)",
        default="greedy",
        choices=("greedy", "nucleus"),
    )
    slo: Limits | None = section(
        Limits,
        "limits that the priced throughput must meet, such as {ttft_p99: 1 s, tpot_p99: 40 ms}; a time alone is "
        "the p99 of whole requests",
        optional=True,
        short="p99",
    )
    precision: str = text(
        "format of weights and activations (may be left out where the model's file or part says its own)",
        choices=tuple(FORMATS),
        elsewhere=True,
    )
    kv_precision: str | None = text(
        "format of the KV cache (default: fp8 with 8-bit and smaller weights where the GPU computes in it, else bf16)",
        choices=tuple(FORMATS),
        default=None,
    )
    input_even: Quantity | None = derived("1 where the prompts' lengths are spread evenly (default: log-normal)")
    output_even: Quantity | None = derived("the same of the generated lengths")
    input_strata: tuple[Quantity, ...] | None = derived(
        "means of the strata of the prompts' lengths over the mean of all, where they are as in a trace"
    )
    output_strata: tuple[Quantity, ...] | None = derived("the same of the generated lengths")


DRAFTERS = ("draft-model", "eagle", "mtp", "ngram")


@record
class Speculation:
    """Speculative decoding: several tokens are drafted cheaply, and the large model verifies them in one step."""

    kind: str = text(
        "who drafts: a small model, a head of one dense layer (eagle), a head of one layer like the model's own (mtp: "
        "multi-token prediction), or a search in what the sequence already holds (ngram); LPUs: draft-model",
        default="draft-model",
        choices=DRAFTERS,
    )
    model: Model | None = catalog_part("models", "draft-model: the model that drafts", default=None)
    tokens: Quantity = number("1", "tokens drafted per step", above=0, whole=True, default="4")
    acceptance: Quantity = number(
        "1", "chance that one drafted token is accepted", at_least=0, at_most=0.999, default="0.7"
    )


@record
class Lora:
    """Low-rank adapters: one model in memory serves several fine-tunings, each request with one of them."""

    rank: Quantity = number("1", "rank of an adapter, of all matrices but experts", above=0, whole=True, default="16")
    adapters: Quantity = number(
        "1", "adapters in GPU memory at once (max_loras, max_loras_per_batch)", above=0, whole=True, default="1"
    )
    slowdown: Quantity | None = number(
        "1",
        "time of steps and prompts over that without adapters (default: 1.2, from 1.05 to 1.6)",
        at_least=1,
        default=None,
    )


@record
class KvOffload:
    """KV cache of earlier prompts in host memory or on SSDs, from where it is fetched in place of being computed."""

    bandwidth: Quantity = number(
        "B/s", "rate of the path to the GPUs of one copy of the model, all together", above=0, example="50 GB/s"
    )
    hits: Quantity = number(
        "1", "share of a prompt whose KV cache is found there", at_least=0, at_most=0.99, example="30 %"
    )


@record
class EngineSize:
    """The engines of one pool, where those that prefill and those that decode differ."""

    tensor_parallel: Quantity | None = number(
        "1", "GPUs that share the attention of a sequence (default: serving.tensor_parallel)", above=0, whole=True,
        default=None,
    )  # fmt: skip
    data_parallel: Quantity | None = number(
        "1", "groups of them that share one copy of the experts (default: serving.data_parallel)", above=0, whole=True,
        default=None,
    )  # fmt: skip
    redundant_experts: Quantity | None = number(
        "1", "copies of experts beside all experts (default: serving.redundant_experts)", at_least=0, whole=True,
        default=None,
    )  # fmt: skip
    two_batch_overlap: bool | None = flag(
        "halves of a batch take turns (default: serving.two_batch_overlap)", default=None
    )


@record
class Serving:
    """Who does which part of the work, and with what software."""

    split: str = text("which chips do what", choices=tuple(SPLITS))
    runtime: Runtime | None = catalog_part("runtimes", "the software that drives the GPUs", default=None)
    phase: str = text(
        "split gpu, decoders under a serving engine: what these engines do. decode: prompts come with their KV cache "
        "from other engines, and latencies count from then on; prefill: requests end with their first token "
        "(disaggregation_mode, kv_role)",
        default="both",
        choices=PHASES,
    )
    tensor_parallel: Quantity | None = number(
        "1",
        "GPUs that share one copy of the model (default: 1 for encoders, all GPUs for decoders)",
        above=0,
        whole=True,
        default=None,
    )
    data_parallel: Quantity | None = number(
        "1",
        "decoders under a serving engine: tensor-parallel groups that share one copy of the experts, each with the "
        "attention of its own sequences",
        above=0,
        whole=True,
        default=None,
    )
    pipeline_parallel: Quantity | None = number(
        "1",
        "decoders under a serving engine on GPUs: stages of tensor_parallel GPUs each, over which a copy's layers are "
        "divided (default: 1)",
        above=0,
        whole=True,
        default=None,
    )
    context_parallel: Quantity | None = number(
        "1",
        "engines that only prefill (prefill-decode on GPUs alone, or phase: prefill): tensor-parallel groups over "
        "which each prompt is divided (prefill_context_parallel_size, attn_cp_size, context_parallel_size; default: 1)",
        above=0,
        whole=True,
        default=None,
    )
    max_num_seqs: Quantity | None = number(
        "1",
        "serving engines: most sequences that decode together in one engine (max_running_requests, max_batch_size; "
        "default: the engine's own)",
        above=0,
        whole=True,
        default=None,
    )
    max_num_batched_tokens: Quantity | None = number(
        "token",
        "serving engines: most tokens computed in one step (chunked_prefill_size, max_num_tokens; default: the "
        "engine's own)",
        above=0,
        whole=True,
        default=None,
        example="8192 token",
    )
    gpu_memory_utilization: Quantity | None = number(
        "1",
        "serving engines: share of GPU memory that they may fill (mem_fraction_static; default: the engine's own)",
        above=0,
        at_most=1,
        default=None,
    )
    cuda_graphs: bool = flag(
        "serving engines: steps are captured and launched at once; false is enforce_eager, disable_cuda_graph",
        default=True,
    )
    prefix_caching: bool = flag(
        "serving engines: prompts whose beginning is known are not computed again; false is no_enable_prefix_caching, "
        "disable_radix_cache",
        default=True,
    )
    router: str = text(
        "serving engines in several copies: how requests are spread over them",
        default="random",
        choices=("random", "round-robin", "least-loaded"),
    )
    version: str | None = text(
        "version of a serving engine, such as 0.12 (default: the newest release known)", default=None
    )
    gpu_layers: Quantity | None = number(
        "1", "encoder-pipeline: layers that stay on the GPU (default: none)", at_least=0, whole=True, default=None
    )
    microbatches: Quantity = number(
        "1", "attention-ffn: batches in flight between the pools", above=0, whole=True, default="2"
    )
    prefill_gpus: Quantity | None = number(
        "1",
        "prefill-decode on GPUs alone: how many of them prefill, while the others decode",
        above=0,
        whole=True,
        default=None,
    )
    prefill: EngineSize | None = section(
        EngineSize, "prefill-decode on GPUs alone: the engines that prefill, where they differ", optional=True
    )
    decode: EngineSize | None = section(
        EngineSize, "prefill-decode on GPUs alone: the engines that decode, where they differ", optional=True
    )
    expert_parallel: bool | None = flag(
        "mixtures of experts: true keeps each expert whole on one GPU (enable_expert_parallel, ep_size), false divides "
        "every expert over all GPUs (default: whole where data-parallel groups share them, and on GPUs without an "
        "engine; else divided)",
        default=None,
    )
    redundant_experts: Quantity | None = number(
        "1",
        "data-parallel groups: copies of the busiest experts beside all experts (ep_num_redundant_experts, "
        "num_redundant_experts; default: none)",
        at_least=0,
        whole=True,
        default=None,
    )
    expert_imbalance: Quantity | None = number(
        "1",
        "data-parallel groups: work of the GPU with the busiest experts over the mean (default: from the number of "
        "GPUs, for balanced placement)",
        at_least=1,
        default=None,
        example="1.2",
    )
    two_batch_overlap: bool = flag(
        "data-parallel groups that share whole experts: one half of a batch computes while the tokens of the other are "
        "sent to their experts or back (enable_two_batch_overlap, enable_dbo; engines start without it)"
    )
    kv_transfer: str = text(
        "prefill-decode: send the KV cache at once or layer by layer",
        default="layer-wise",
        choices=("bulk", "layer-wise"),
    )
    lora: Lora | None = section(Lora, "serving engines on GPUs: adapters beside the model", optional=True)
    kv_offload: KvOffload | None = section(
        KvOffload, "serving engines on GPUs: KV cache fetched from host memory or SSDs", optional=True
    )
    speculation: Speculation | None = section(
        Speculation, "tokens drafted ahead: by LPUs (draft-verify), or on the GPUs of a serving engine", optional=True
    )


@record
class Site:
    """Where the rack stands."""

    cooling: Cooling = catalog_part("cooling", "how heat leaves", default="air-contained")
    racks: Quantity = number(
        "1", "racks over which the equipment is spread; it does not multiply it", above=0, whole=True, default="1"
    )
    inlet: Quantity | None = number(
        "K",
        "air or coolant temperature at the rack's inlet (default: the cooling's design supply)",
        absolute=True,
        above=0,
        default=None,
    )
    altitude: Quantity = number("m", "height above sea level", at_least=-500, at_most=6000, default="0 m")
    airflow: Quantity | None = number(
        "m^3/s", "air the site can push through the rack (default: what the design rise needs)", above=0, default=None
    )
    plant: Plant | None = section(
        Plant, "the cooling equipment: its price, its power over a year, water", optional=True
    )
    supply: Supply | None = section(Supply, "the electrical supply: losses, breakers, reserved power", optional=True)
    region: Region | None = catalog_part(
        "regions", "where it stands: carbon of the energy, price of the building", default=None
    )


@record
class Gate:
    """A limit that fails or warns."""

    fail_if: str | None = text(
        "condition that fails, such as latency.p99 > 2 ms, or delta(cost.tco) > 5 % with check --baseline", default=None
    )
    warn_if: str | None = text("condition that only warns", default=None)
    why: str = text("what the limit protects", default="")


@record
class Claim:
    """What somebody says about the rack, to be held against what rackcalc computes."""

    says: str = text("the claim in its own words", example="12 ms -> 1.8 ms")
    expect: str | None = text(
        "the claim as a figure, = or <= or >=, and a value: latency.p50 = 1.8 ms, or delta(latency.p50) = -85 % for a "
        "change; without it the claim cannot be computed",
        default=None,
    )
    within: str | None = text(
        "how far off it may be: a share of the value or a value (default: 10 %, of temperatures 3 K, of <= and >= 0)",
        default=None,
    )
    scenario: str | None = text("scenario of the file that it is about (default: the file as it is)", default=None)
    against: str | None = text("scenario that delta(...) starts from (default: the file as it is)", default=None)
    verdict: str | None = text(
        "of a claim that no figure is about: what published sources say; the note says which",
        choices=CLAIM_VERDICTS,
        default=None,
    )
    source: str | None = text("who says so, where", default=None)
    note: str | None = text("what a reader should know; why it cannot be computed", default=None)


@record
class Rack:
    """A rack and its work, as a user describes it."""

    name: str = text("what to call it", example="Rack of God")
    notes: str | None = text("free text", default=None)
    accelerators: Accelerators = section(Accelerators, "the chips: gpu, lpu or both", required=True)
    links: Mapping[str, LinkUse] = table(
        LinkUse,
        "how they are joined; prefill-decode: the GPUs that prefill with those that decode, one port per GPU",
        choices=("gpu-gpu", "lpu-lpu", "gpu-lpu", "prefill-decode"),
    )
    model: Model = catalog_part("models", "the AI model")
    workload: Workload = section(Workload, "what is asked", required=True)
    serving: Serving = section(Serving, "who does what", required=True)
    software: Software | None = section(Software, "what porting to a second software stack does", optional=True)
    sharing: Sharing | None = section(Sharing, "the GPUs' other work", optional=True)
    site: Site = section(Site, "where it stands")
    economics: Economics = section(Economics, "money")
    venue: Trading | None = section(Trading, "the exchange it trades at, and the way to an order", optional=True)
    latency_value: LatencyValue | None = section(LatencyValue, "what a millisecond is worth", optional=True)
    gates: tuple[Gate, ...] = listing(Gate, "limits")
    claims: tuple[Claim, ...] = listing(Claim, "what somebody says about it")
