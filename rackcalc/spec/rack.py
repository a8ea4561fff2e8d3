"""What a rack is: the sections that a user writes. The parts of the catalog are in the other files of this folder."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.chips import GPU, LPU
from rackcalc.spec.fields import catalog_part, flag, listing, number, section, table, text
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.links import CpuPath, Link
from rackcalc.spec.models import Model
from rackcalc.spec.money import Economics, LatencyValue
from rackcalc.spec.runtimes import Runtime
from rackcalc.spec.site import Cooling, System
from rackcalc.spec.software import Sharing, Software

SPLITS: dict[str, tuple[str, ...]] = {  # name -> the pools that it needs
    "gpu": ("gpu",),
    "lpu": ("lpu",),
    "encoder-pipeline": ("gpu", "lpu"),
    "prefill-decode": ("gpu", "lpu"),  # or GPUs alone, with prefill_gpus
    "attention-ffn": ("gpu", "lpu"),
    "draft-verify": ("gpu", "lpu"),
}


CLAIM_VERDICTS = ("holds", "claimed too high", "claimed too low", "impossible", "not decidable")


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
class Workload:
    """What is asked of the rack."""

    input: Quantity = number("token", "prompt or sequence length", above=0, whole=True, example="128 token")
    output: Quantity | None = number(
        "token", "tokens generated per request (decoders)", above=0, whole=True, default=None
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
    slo: Quantity | None = number("s", "p99 limit that the priced throughput must meet", above=0, default=None)
    precision: str = text(
        "format of weights and activations (may be left out where the model's file or part says its own)",
        choices=tuple(FORMATS),
        elsewhere=True,
    )
    kv_precision: str | None = text(
        "format of the KV cache (default: fp8 with 8-bit and smaller weights, else bf16)",
        choices=tuple(FORMATS),
        default=None,
    )


@record
class Speculation:
    """Speculative decoding: a small model drafts, the large one verifies."""

    model: Model = catalog_part("models", "the model that drafts")
    tokens: Quantity = number("1", "tokens drafted per step", above=0, whole=True, default="4")
    acceptance: Quantity = number(
        "1", "chance that one drafted token is accepted", at_least=0, at_most=0.999, default="0.7"
    )


@record
class Serving:
    """Who does which part of the work, and with what software."""

    split: str = text("which chips do what", choices=tuple(SPLITS))
    runtime: Runtime | None = catalog_part("runtimes", "the software that drives the GPUs", default=None)
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
        "prefill-decode on GPUs alone: how many of them prefill, while the others decode; engines of both are "
        "tensor_parallel wide",
        above=0,
        whole=True,
        default=None,
    )
    kv_transfer: str = text(
        "prefill-decode: send the KV cache at once or layer by layer",
        default="layer-wise",
        choices=("bulk", "layer-wise"),
    )
    speculation: Speculation | None = section(Speculation, "draft-verify: the drafting model", optional=True)


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
    latency_value: LatencyValue | None = section(LatencyValue, "what a millisecond is worth", optional=True)
    gates: tuple[Gate, ...] = listing(Gate, "limits")
    claims: tuple[Claim, ...] = listing(Claim, "what somebody says about it")
