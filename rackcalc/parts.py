"""What a catalog part is: frozen dataclasses, one per kind. Every number is a Quantity with its source."""

from collections.abc import Mapping
from dataclasses import dataclass

from rackcalc.fields import Number, catalog_part, flag, listing, number, section, table, text
from rackcalc.fields import Text as TextField
from rackcalc.quantity import Quantity

# Number formats of weights, activations and KV caches; bytes per element includes block scales.
FORMATS = {
    "fp32": 4.0,
    "tf32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "fp4": 0.5625,  # NVFP4: 4 bit + one fp8 scale per 16
    "mxfp4": 0.53125,  # 4 bit + one 8-bit scale per 32
    "int4": 0.5625,
}


@dataclass(frozen=True)
class GPU:
    """One GPU (for a superchip: one GPU of it)."""

    name: str = text("full name")
    family: str = text("architecture whose kernel parameters apply", catalog="families")
    peak: Mapping[str, Quantity] = table(
        Number("FLOP/s", "dense tensor-core rate, never sparse", above=0), "peak rate by format", choices=tuple(FORMATS)
    )
    memory: Quantity = number("B", "memory capacity visible to programs", above=0, example="180 GB")
    memory_bandwidth: Quantity = number("B/s", "memory bandwidth", above=0, example="7.7 TB/s")
    l2: Quantity | None = number("B", "last-level cache", above=0, default=None)
    sms: Quantity = number("1", "streaming multiprocessors", above=0, whole=True)
    clock: Quantity = number("1/s", "boost clock", above=0, example="1.98 GHz")
    tdp: Quantity = number("W", "thermal design power", above=0, example="1000 W")
    idle_power: Quantity = number("W", "power with nothing to do", at_least=0)
    temperature_limit: Quantity = number("K", "junction temperature at which the clock is reduced", absolute=True, above=0)
    thermal_resistance_air: Quantity | None = number("K/W", "junction to inlet air at full flow", above=0, default=None)
    thermal_resistance_liquid: Quantity | None = number("K/W", "junction to mean coolant of a cold plate", above=0, default=None)
    ports: Mapping[str, Quantity] = table(
        Number("B/s", "bandwidth in one direction", above=0), "ports the chip has, by kind (nvlink5, pcie5, ...)"
    )
    price: Quantity | None = number("USD", "purchase price of one", at_least=0, default=None)
    rent: Quantity | None = number("USD/s", "rent of one", at_least=0, default=None, example="6.03 USD/hour")


@dataclass(frozen=True)
class LPU:
    """One deterministic SRAM chip (Groq TSP / LPU)."""

    name: str = text("full name")
    peak: Mapping[str, Quantity] = table(
        Number("FLOP/s", "dense rate", above=0), "peak rate by format", choices=tuple(FORMATS)
    )
    clock: Quantity = number("1/s", "core clock", above=0)
    sram: Quantity = number("B", "on-chip memory", above=0, example="230 MB")
    sram_bandwidth: Quantity = number("B/s", "headline SRAM bandwidth (not what a matrix-vector product sees)", above=0)
    usable_sram: Quantity = number("1", "share of SRAM left for weights, KV and activations", above=0, at_most=1)
    matrix_planes: Quantity = number("1", "matrix units per chip", above=0)
    matrix_size: Quantity = number("1", "rows and columns of one matrix unit", above=0)
    install_cycles: Quantity = number("1", "cycles to install one full set of weights", above=0)
    vector_lanes: Quantity = number("1", "elements one vector pass handles per cycle", above=0)
    softmax_passes: Quantity = number("1", "vector passes over each attention score", above=0)
    activation_passes: Quantity = number("1", "vector passes over each inner feed-forward element", above=0)
    norm_passes: Quantity = number("1", "vector passes over each element per normalisation, residual included (two a layer)", above=0)
    fill_cycles: Quantity = number("1", "cycles a layer loses to filling and draining its dependent steps", at_least=0)
    cut_through: Quantity = number("1", "share of a hop between chips that overlaps with computing", at_least=0, at_most=1)
    group: Quantity = number("1", "chips one step apart: the largest group that can share a layer", above=0, whole=True)
    cycles_per_row: Mapping[str, Quantity] = table(
        Number("1", "cycles per input row", above=0), "matrix passes per row by format (1 at full rate)", choices=tuple(FORMATS)
    )
    compiler_factor_encoder: Quantity = number("1", "achieved over structural time, encoders", above=0)
    compiler_factor_decode: Quantity = number("1", "achieved over structural time, decoding", above=0)
    all_reduce_latency: Quantity = number("s", "all-reduce over one tightly coupled group of chips", at_least=0)
    host_io: Quantity = number("s", "host round trip outside the chip", at_least=0)
    tdp: Quantity | None = number("W", "thermal design power", above=0, default=None)
    idle_power: Quantity | None = number("W", "power with nothing to do", at_least=0, default=None)
    temperature_limit: Quantity = number("K", "junction temperature limit", absolute=True, above=0)
    thermal_resistance_air: Quantity | None = number("K/W", "junction to inlet air at full flow", above=0, default=None)
    thermal_resistance_liquid: Quantity | None = number("K/W", "junction to mean coolant of a cold plate", above=0, default=None)
    ports: Mapping[str, Quantity] = table(
        Number("B/s", "bandwidth in one direction", above=0), "ports the chip has, by kind (groq-c2c-1, pcie4, ...)"
    )
    chip_link: str = text("link between neighbouring chips", catalog="links")
    price: Quantity | None = number("USD", "purchase price of one", at_least=0, default=None)
    rent: Quantity | None = number("USD/s", "rent of one", at_least=0, default=None)


@dataclass(frozen=True)
class Link:
    """A way to move bytes between two chips. Bandwidths are per direction and per device."""

    name: str = text("full name")
    ports: tuple[str, ...] = listing(TextField("port kind"), "kinds of chip port this link can attach to")
    medium: str = text("what the signal travels on", choices=("board", "copper", "optical"))
    bandwidth: Quantity = number("B/s", "nominal bandwidth, one direction, one device", above=0, example="900 GB/s")
    efficiency: Quantity = number("1", "share of nominal that large copies reach, beyond packet headers", above=0, at_most=1)
    latency: Quantity = number("s", "one way, first byte, software included, no switch", at_least=0, example="1.5 us")
    hop_latency: Quantity = number("s", "added by each switch", at_least=0)
    hops: Quantity = number("1", "switches on the way", at_least=0, default="0")
    packet_payload: Quantity = number("B", "largest payload of a packet", above=0)
    packet_header: Quantity = number("B", "header and framing of a packet", at_least=0)
    signalling: str = text("modulation", choices=("nrz", "pam4"))
    fec: str = text("forward error correction", choices=("none", "rs528", "rs544", "pcie6"))
    snr: Quantity = number("dB", "signal to noise ratio at the reference temperature", above=0)
    channel_loss: Quantity = number("dB", "insertion loss at the reference temperature", at_least=0)
    conductor_share: Quantity = number("1", "share of the loss that is conductor loss", at_least=0, at_most=1)
    dielectric_drift: Quantity = number("1/K", "relative rise of dielectric loss per kelvin", default="0.001 1/K")
    equaliser_residual: Quantity = number(
        "1", "share of added loss the equaliser does not recover: 1 frozen, 0.3 to 0.5 adaptive", at_least=0, at_most=1, default="0.5"
    )
    retry_time: Quantity = number("s", "time to replay after an uncorrectable error", at_least=0)
    power: Quantity | None = number("W", "power of one end", at_least=0, default=None)
    price: Quantity | None = number("USD", "price of one end, cable or module share included", at_least=0, default=None)


@dataclass(frozen=True)
class CpuPath:
    """The detour of a message over host memory, serialisation and a network stack."""

    name: str = text("full name")
    call_time: Quantity = number("s", "one asynchronous copy call, submit to done", at_least=0, example="6 us")
    d2h_bandwidth: Quantity = number("B/s", "device to pinned host memory", above=0)
    h2d_bandwidth: Quantity = number("B/s", "pinned host memory to device", above=0)
    staging_copies: Quantity = number("1", "further copies between host buffers (0: pinned buffers used directly)", at_least=0, default="0")
    memcpy_bandwidth: Quantity = number("B/s", "one core copying between host buffers", above=0)
    most_chunks: Quantity = number("1", "most chunks of a pipelined copy", above=0, whole=True, default="64")
    serialisation_bandwidth: Quantity = number("B/s", "encoding, and again decoding, on one core", above=0)
    format_time: Quantity = number("s", "fixed time to frame one message", at_least=0)
    tcp_latency: Quantity = number("s", "one way through both TCP stacks", at_least=0)
    tcp_bandwidth: Quantity = number("B/s", "one TCP stream on one core", above=0)
    fence: Quantity = number("s", "memory fence after plain stores to another chip", at_least=0)


@dataclass(frozen=True)
class MLA:
    """Multi-head latent attention (DeepSeek): dimensions of the compressed cache."""

    q_lora_rank: Quantity = number("1", "rank of the query compression (0: none)", at_least=0)
    kv_lora_rank: Quantity = number("1", "rank of the cached latent", above=0)
    qk_nope_head_dim: Quantity = number("1", "query/key dimensions without rotation", above=0)
    qk_rope_head_dim: Quantity = number("1", "rotated query/key dimensions, cached once", at_least=0)
    v_head_dim: Quantity = number("1", "value dimensions per head", above=0)


@dataclass(frozen=True)
class Experts:
    """Mixture of experts."""

    experts: Quantity = number("1", "routed experts per layer", above=0, whole=True)
    active: Quantity = number("1", "experts chosen per token", above=0, whole=True)
    shared: Quantity = number("1", "experts every token uses", at_least=0, default="0")
    ffn: Quantity = number("1", "inner width of one expert", above=0, whole=True)
    shared_ffn: Quantity | None = number("1", "inner width of all shared experts together", at_least=0, default=None)
    layers: Quantity = number("1", "layers that have experts; the others are dense", at_least=0, whole=True)
    format: str | None = text("format experts ship in, when it differs", default=None, choices=tuple(FORMATS))


@dataclass(frozen=True)
class Model:
    """An AI model: a transformer encoder or decoder, by its published constants."""

    name: str = text("full name")
    family: str = text("encoder (BERT) or decoder", choices=("encoder", "decoder"))
    layers: Quantity = number("1", "transformer layers", above=0, whole=True)
    hidden: Quantity = number("1", "width of the residual stream", above=0, whole=True)
    heads: Quantity = number("1", "query heads", above=0, whole=True)
    kv_heads: Quantity = number("1", "key/value heads", above=0, whole=True)
    head_dim: Quantity = number("1", "dimensions per head", above=0, whole=True)
    ffn: Quantity = number("1", "inner width of a dense feed-forward layer (0: no dense layer)", at_least=0, whole=True)
    ffn_matrices: Quantity = number("1", "matrices of a feed-forward layer: 2 plain, 3 gated", above=0, whole=True)
    vocabulary: Quantity = number("1", "tokens in the vocabulary", above=0, whole=True)
    max_context: Quantity = number("token", "longest sequence", above=0, example="131072 token")
    tied_embeddings: Quantity = number("1", "1 when input and output embeddings are one matrix", at_least=0, default="0")
    full_attention_layers: Quantity | None = number("1", "layers that attend to everything, where others do not", default=None)
    sliding_window: Quantity | None = number("token", "window of the other layers (0 token: no KV cache, linear attention)", at_least=0, default=None)
    experts: Experts | None = section(Experts, "mixture of experts", optional=True)
    mla: MLA | None = section(MLA, "multi-head latent attention", optional=True)
    published_parameters: Quantity | None = number("1", "parameter count its makers state, for checking", default=None)


@dataclass(frozen=True)
class GemmParameters:
    """Tile/wave/split-K GEMM form of one family and format."""

    launch: Quantity = number("s", "launch, prologue and epilogue; activation quantisation included for fp8 and fp4", at_least=0)
    graph_launch: Quantity | None = number(
        "s", "launch inside a captured graph, where the host otherwise adds to it (separate quantising kernels)", at_least=0, default=None
    )
    compute_share: Quantity = number("1", "share of dense peak in a full wave", above=0, at_most=1)
    memory_share: Quantity = number("1", "share of memory bandwidth", above=0, at_most=1)
    k_step: Quantity = number("s", "serial latency per element of k (wgmma, tcgen05)", at_least=0, default="0 s")
    load_rate: Quantity | None = number("B/s", "rate at which one SM loads operands from L2 (mma.sync)", above=0, default=None)
    split_k: Quantity = number("s", "second pass of split-K", at_least=0)
    row_block: Quantity = number("1", "smallest block of rows of the matrix unit", above=0)


@dataclass(frozen=True)
class DecodeAttentionParameters:
    """One attention kernel while generating: one query per sequence against its KV cache."""

    launch: Quantity = number("s", "fixed time", at_least=0)
    memory_share: Quantity = number("1", "share of memory bandwidth reading KV", above=0, at_most=1)
    head_time: Quantity = number("s", "work item of one sequence and head on one SM", at_least=0)
    split_time: Quantity = number("s", "split-KV passes and their reduction at long context", at_least=0, default="0 s")
    split_context: Quantity = number("token", "context at which half of split_time is spent", above=0, default="1 token")


@dataclass(frozen=True)
class PrefillAttentionParameters:
    """One causal or bidirectional attention kernel over whole sequences."""

    tile: Quantity = number("1", "query rows per tile", above=0)
    launch: Quantity = number("s", "fixed time", at_least=0)
    compute_share: Quantity = number("1", "share of dense peak", above=0, at_most=1)
    memory_share: Quantity = number("1", "share of memory bandwidth for Q, K, V and output", above=0, at_most=1)
    wave_time: Quantity = number("s", "fixed time per wave of tiles", at_least=0)


@dataclass(frozen=True)
class RingParameters:
    """All-reduce of a general communication library: low-latency protocol for small, bandwidth protocol for large."""

    floor: Quantity = number("s", "kernel plus first flag exchange", at_least=0)
    per_peer: Quantity = number("s", "added by each further GPU", at_least=0)
    low_latency_share: Quantity = number("1", "share of link rate of the low-latency protocol", above=0, at_most=1)
    setup: Quantity = number("s", "fixed price of the bandwidth protocol", at_least=0)
    share: Quantity = number("1", "share of link rate of the bandwidth protocol", above=0, at_most=1)


@dataclass(frozen=True)
class Family:
    """GPU architecture: parameters of its kernels, each with how it was fitted and its range."""

    name: str = text("full name")
    gemm: Mapping[str, GemmParameters] = table(GemmParameters, "by format", choices=tuple(FORMATS))
    attention_decode: Mapping[str, DecodeAttentionParameters] = table(DecodeAttentionParameters, "by KV format", choices=tuple(FORMATS))
    attention_prefill: Mapping[str, PrefillAttentionParameters] = table(PrefillAttentionParameters, "by format", choices=tuple(FORMATS))
    elementwise_launch: Quantity = number("s", "fixed time of an element-wise or normalisation kernel", at_least=0)
    elementwise_share: Quantity = number("1", "share of memory bandwidth of element-wise kernels", above=0, at_most=1)
    all_reduce_floor: Quantity = number("s", "kernel plus first flag exchange of an all-reduce, where the runtime does not say", at_least=0)
    in_switch_reduction: bool = flag("NVLink switches of this generation reduce in the switch")
    ring: RingParameters = section(RingParameters, "all-reduce of the general communication library (NCCL)", required=True)
    sustained_per_watt: Quantity | None = number(
        "FLOP/J", "16-bit arithmetic per joule under the power cap; absent where the kernel fits already contain the cap", above=0, default=None
    )
    eight_bit_gain: Quantity = number("1", "8-bit over 16-bit operations per joule", above=0, default="2.07")
    leakage_share: Quantity = number("1", "leakage as a share of TDP at the reference temperature", at_least=0, at_most=1)
    power_floor: Quantity = number("1", "power beyond idle of a decoding GPU at no load, as a share of TDP", at_least=0, default="0.353")
    power_slope: Quantity = number("1", "power per weighted utilization while decoding, as a share of TDP", at_least=0, default="1")


@dataclass(frozen=True)
class FusedAttention:
    """Attention kernel inside a compiled encoder engine; its fixed time is that of a matrix product."""

    tile: Quantity = number("1", "query rows per tile", above=0)
    compute_share: Quantity = number("1", "share of dense peak", above=0, at_most=1)
    memory_share: Quantity = number("1", "share of memory bandwidth", above=0, at_most=1)


@dataclass(frozen=True)
class Engine:
    """Serving engine as a whole: few numbers fitted to published serving runs, instead of a sum of kernels.

    Its fixed times per layer contain every launch, norm and small all-reduce, so none of those is added to them.
    """

    layer_overhead: Quantity = number("s", "fixed time per decoder layer and step", at_least=0)
    expert_overhead: Quantity = number("s", "further fixed time per layer with experts", at_least=0)
    latent_overhead: Quantity = number("s", "further fixed time per layer with latent attention", at_least=0)
    attention_share: Quantity = number("1", "part of layer_overhead spent on the attention side of a layer", at_least=0, at_most=1)
    weight_share: Quantity = number("1", "share of memory bandwidth reading weights", above=0, at_most=1)
    fp4_share: Quantity = number("1", "further factor for dense 4-bit weights", above=0, at_most=1)
    expert_share: Quantity = number("1", "share of memory bandwidth reading experts", above=0, at_most=1)
    kv_share: Quantity = number("1", "share of memory bandwidth reading the KV cache", above=0, at_most=1)
    decode_share: Quantity = number("1", "share of dense peak while decoding", above=0, at_most=1)
    activation_passes: Quantity = number("1", "work that grows with the batch and is not split over GPUs, as passes over the activations", at_least=0)
    prefill_share: Mapping[str, Quantity] = table(
        Number("1", "share of dense peak", above=0, at_most=1), "share of peak in prefill by format the matrix unit computes in", choices=tuple(FORMATS)
    )
    expert_prefill_factor: Quantity = number("1", "factor on prefill_share for mixtures of experts", above=0, at_most=1)
    attention_prefill_share: Quantity = number("1", "share of dense 16-bit peak of attention in prefill", above=0, at_most=1)
    prefill_layers: Quantity = number("1", "fixed layer time of a prefill, in units of that of a decode step", at_least=0)


@dataclass(frozen=True)
class Megakernel:
    """A single persistent kernel: a bound, not a product."""

    grid_sync: Quantity = number("s", "one synchronisation of the whole grid", at_least=0)
    encoder_syncs: Quantity = number("1", "synchronisations per encoder layer", at_least=0)
    decoder_syncs: Quantity = number("1", "synchronisations per decoder layer", at_least=0)
    compute_share: Quantity = number("1", "share of dense peak", above=0, at_most=1)
    memory_share: Quantity = number("1", "share of memory bandwidth", above=0, at_most=1)


@dataclass(frozen=True)
class Runtime:
    """Software that drives the GPU: eager framework, captured graph, or compiled engine."""

    name: str = text("full name")
    launch: str = text("how kernels are launched", choices=("eager", "graph"))
    dispatch: Quantity = number("s", "host time per launched kernel; 0 inside a captured graph", at_least=0)
    encoder_kernels: Quantity = number("1", "kernels (eager: framework operations) per encoder layer", above=0)
    decoder_kernels: Quantity = number("1", "kernels (eager: framework operations) per decoder layer", above=0)
    launch_saving: Quantity = number("s", "removed from every kernel's fixed time (programmatic dependent launch)", at_least=0, default="0 s")
    elementwise_saving: Quantity = number("s", "removed from the fixed time of norms and element-wise kernels (fusion)", at_least=0, default="0 s")
    fused_attention: FusedAttention | None = section(
        FusedAttention, "encoder attention inside a compiled engine; without it, the stand-alone kernel", optional=True
    )
    engine: Engine | None = section(Engine, "decoders: the serving engine as a whole instead of a sum of kernels", optional=True)
    megakernel: Megakernel | None = section(Megakernel, "one persistent kernel instead of many", optional=True)
    step_host: Quantity = number("s", "host time and sampling per decode step", at_least=0)
    request_host: Quantity = number("s", "tokenising, copies and post-processing per request", at_least=0)
    memory_share: Quantity = number("1", "share of GPU memory the runtime may fill", above=0, at_most=1)
    memory_reserve: Quantity = number("B", "kept per GPU for context, workspace and graphs", at_least=0)
    all_reduce_floor: Mapping[str, Quantity] = table(
        Number("s", "kernel plus first flag exchange", at_least=0), "fixed time of an all-reduce by family; others take the family's own"
    )
    all_reduce_per_peer: Quantity = number("s", "added by each further GPU", at_least=0)
    all_reduce_one_shot_share: Quantity = number("1", "share of link rate of the one-shot algorithm", above=0, at_most=1)
    all_reduce_two_shot_cost: Quantity = number("s", "fixed price of the bandwidth algorithm", at_least=0)
    all_reduce_two_shot_share: Quantity = number("1", "share of link rate of the bandwidth algorithm", above=0, at_most=1)
    all_reduce_in_switch_share: Quantity = number("1", "share of link rate with reduction in the switch", above=0, at_most=1)


@dataclass(frozen=True)
class System:
    """A product that holds accelerators: server, tray or rack."""

    name: str = text("full name")
    accelerator: str = text("part it holds")
    count: Quantity = number("1", "accelerators in it", above=0, whole=True)
    power: Quantity | None = number("W", "maximum electrical power", above=0, default=None)
    host_power: Quantity | None = number("W", "everything but accelerators and fans: CPUs, NICs, switches, drives, conversion loss", at_least=0, default=None)
    fan_share: Quantity = number("1", "share of system power that its own fans take at full load", at_least=0, at_most=1)
    liquid_share: Quantity = number("1", "share of heat that goes to liquid", at_least=0, at_most=1, default="0")
    height: Quantity | None = number("1", "rack units", above=0, default=None)
    price: Quantity | None = number("USD", "purchase price, accelerators included", at_least=0, default=None)
    rent: Quantity | None = number("USD/s", "rent, accelerators included", at_least=0, default=None)


@dataclass(frozen=True)
class Cooling:
    """A way to take heat out of a rack."""

    name: str = text("full name")
    method: str = text("what carries the heat", choices=("air", "rear-door", "direct-liquid", "immersion"))
    liquid_share: Quantity = number("1", "share of the heat that goes to liquid at the rack", at_least=0, at_most=1)
    rack_limit: Quantity = number("W", "most heat one rack can lose this way", above=0)
    air_supply: Quantity = number("K", "design temperature of the air at the rack's inlet", absolute=True, above=0)
    air_rise: Quantity = number("K", "design temperature rise of the air through the rack", above=0)
    chip_resistance: Quantity = number("K/W", "junction to inlet air or mean coolant, for chips that do not say", above=0, example="0.05 K/W")
    recirculation: Quantity = number("1", "share of the inlet air that is the rack's own hot exhaust", at_least=0, at_most=0.9, default="0")
    coolant_supply: Quantity | None = number("K", "design temperature of the coolant at the rack's inlet", absolute=True, above=0, default=None)
    coolant_rise: Quantity | None = number("K", "design temperature rise of the coolant through the rack", above=0, default=None)
    coolant_density: Quantity | None = number("kg/m^3", "density of the coolant", above=0, default=None, example="1020 kg/m^3")
    coolant_heat_capacity: Quantity | None = number("J/kg/K", "specific heat of the coolant", above=0, default=None, example="3900 J/kg/K")
    approach: Quantity = number("K", "heat-exchanger approach between loops", at_least=0)
    pue: Quantity = number("1", "power usage effectiveness of the facility", at_least=1)
    capex_premium: Quantity = number("1", "price over plain air, as a share of the cooled equipment's price", at_least=-1)
    pump_share: Quantity = number("1", "pump power as a share of heat moved", at_least=0, at_most=1)


@dataclass(frozen=True)
class PriceBook:
    """Prices that depend on place and year, not on a part."""

    name: str = text("full name")
    electricity: Quantity = number("USD/J", "energy price", at_least=0, example="0.0929 USD/kWh")
    space: Quantity = number("USD/J", "colocation rent per kW of IT power and month, energy excluded", at_least=0)
    discount_rate: Quantity = number("1/s", "cost of capital", at_least=0, example="10 percent/year")
    maintenance: Quantity = number("1/s", "yearly maintenance as a share of purchase price", at_least=0)
    horizon: Quantity = number("s", "years over which the purchase is written off", above=0)
    resale: Quantity = number("1", "share of the price got back at the end", at_least=0, at_most=1)
    purchase: Mapping[str, Quantity] = table(
        Number("USD", "purchase price of the whole pool", at_least=0), "prices by pool (gpu, lpu, ...) that replace those of the parts"
    )
    rent: Mapping[str, Quantity] = table(
        Number("USD/s", "rent of the whole pool", at_least=0), "rents by pool (gpu, lpu, ... or rack for all of it) that replace those of the parts"
    )


@dataclass(frozen=True)
class LatencyValue:
    """What a shorter latency earns. It rests on the user's own numbers: nobody publishes a value per millisecond that holds in general."""

    kind: str = text("how value grows with time saved", choices=("linear", "saturating", "race", "square-root"))
    baseline: Quantity = number("s", "latency of what is used today", above=0, example="12 ms")
    quantile: str = text("which latency counts", choices=("mean", "p50", "p90", "p99", "p999"), default="p99")
    share_kept: Quantity = number("1", "share of the gain that is yours (a performance fee)", at_least=0, at_most=1, default="1")
    maximum: Quantity | None = number(
        "USD/s", "most that any saving can earn or lose; required by saturating", above=0, default=None, example="10e6 USD/year"
    )
    rate: Quantity | None = number("1/s^2", "linear: yearly return on capital per time saved", above=0, default=None, example="0.7 percent/ms/year")
    capital: Quantity | None = number("USD", "linear: capital the return is earned on", above=0, default=None, example="1e9 USD")
    cap: Quantity = number("s", "linear: largest change for which a straight line is believed (assumed)", above=0, default="1 ms")
    tau: Quantity | None = number("s", "saturating: saving that earns 63 % of the maximum", above=0, default=None)
    prize: Quantity | None = number("USD/s", "race: what all winners earn together", above=0, default=None, example="75e6 USD/year")
    rivals: Quantity = number(
        "1", "race: rivals (6 firms take over 80 % of the races of Aquilina, Budish and O'Neill)", above=0, whole=True, default="5"
    )
    rival_latency: Quantity | None = number("s", "race: latency of a rival", above=0, default=None, example="40 us")
    window: Quantity = number(
        "s", "race: scale of the scatter of arrivals (the modal race lasts 5 to 10 us: Aquilina, Budish and O'Neill)", above=0, default="10 us"
    )
    spread_cost: Quantity | None = number("USD/s", "square-root: bid-offer spreads paid per year", above=0, default=None)
    spread_time: Quantity | None = number(
        "s", "square-root: time in which the price diffuses by one spread, (spread / volatility)^2", above=0, default=None
    )


@dataclass(frozen=True)
class Economics:
    """Money: what the rack costs and what it earns. Before tax, except for lease_advantage."""

    prices: PriceBook = catalog_part("prices", "prices of the place and year", default="us-industrial-2026")
    acquisition: str = text("buy the hardware or rent it", choices=("purchase", "rent"), default="purchase")
    price: Mapping[str, Quantity] = table(
        Number("USD", "purchase price of the whole pool", at_least=0), "prices by pool (gpu, lpu, or any further item) that replace those of the parts"
    )
    rent: Quantity | None = number("USD/s", "rent of the whole rack; replaces the rents of the parts", at_least=0, default=None)
    rent_covers: str = text(
        "everything: energy, space and maintenance are in the rent (cloud); hardware: they are not (lease)",
        choices=("everything", "hardware"),
        default="everything",
    )
    horizon: Quantity | None = number("s", "years the money is reckoned over (default: the price book's)", above=0, default=None, example="4 year")
    discount_rate: Quantity | None = number("1/s", "cost of capital (default: the price book's)", at_least=0, default=None, example="10 percent/year")
    resale: Quantity | None = number("1", "share of the price got back (default: the price book's)", at_least=0, at_most=1, default=None)
    maintenance: Quantity | None = number(
        "1/s", "yearly maintenance as a share of purchase price (default: the price book's)", at_least=0, default=None, example="5 percent/year"
    )
    electricity: Quantity | None = number("USD/J", "energy price (default: the price book's)", at_least=0, default=None, example="0.10 USD/kWh")
    space: Quantity | None = number(
        "USD/J", "space per IT power and time (default: the price book's)", at_least=0, default=None, example="184 USD/kW/month"
    )
    staff: Quantity = number("USD/s", "people who run it", at_least=0, default="0 USD/year")
    software: Quantity = number("USD/s", "licences", at_least=0, default="0 USD/year")
    one_off: Quantity = number("USD", "further cost at the start without resale value", at_least=0, default="0 USD")
    utilization: Quantity = number("1", "share of the capacity that is used and paid (assumed)", above=0, at_most=1, default="0.6")
    token_price: Quantity | None = number("USD/token", "price a token is sold at", at_least=0, default=None, example="0.60 USD/Mtoken")
    request_price: Quantity | None = number("USD/request", "price a request is sold at", at_least=0, default=None, example="20 USD/Mrequest")
    other_income: Quantity | None = number("USD/s", "further income", at_least=0, default=None)
    tax_rate: Quantity = number("1", "tax rate, in lease_advantage only", at_least=0, at_most=0.99, default="0")


@dataclass(frozen=True)
class Software:
    """A second software stack: what it costs to run a model on chips its framework was not written for."""

    operator_coverage: Quantity = number("1", "share of the graph's operators the stack can run on the chip", at_least=0, at_most=1, default="95 percent")
    operators_per_layer: Quantity = number("1", "operators of one layer in the exported graph", above=0, default="12")
    fallback_round_trip: Quantity = number("s", "way to the host and back for an operator that is not covered", at_least=0, default="20 us")
    fallback_host: Quantity = number("s", "host time to run such an operator", at_least=0, default="10 us")
    cuts: Quantity = number("1", "cuts of the graph between the two stacks", at_least=0, default="1")
    layout_bandwidth: Quantity = number("B/s", "rate at which activations are converted to the other stack's layout", above=0, default="1 TB/s")
    maturity_start: Quantity = number(
        "1", "time of the first release over that of a mature one, beyond the chip's own compiler factor", at_least=1, default="2.0"
    )
    maturity_time: Quantity = number("s", "time in which that excess falls to 37 %", above=0, default="9 months")
    age: Quantity = number("s", "time since the first release", at_least=0, default="12 months")
    spread: Quantity = number("1", "factor by which the added time may be smaller or larger", at_least=1, default="2")
    porting_effort: Quantity = number("s", "working time to port and validate the model, per stack", at_least=0, default="6 months", example="6 months")
    engineer_cost: Quantity = number("USD/s", "cost of one engineer", at_least=0, default="20000 USD/month", example="20000 USD/month")
    upkeep: Quantity = number("1/s", "share of the porting effort needed again every year", at_least=0, default="20 percent/year")
    stacks: Quantity = number("1", "software stacks to port to and keep besides the first", at_least=0, whole=True, default="1")


@dataclass(frozen=True)
class Sharing:
    """The GPUs' other work: training, fine-tuning, other tenants."""

    policy: str = text(
        "finish: it fills idle time and a running slice is finished first; preempt: it is stopped when a request arrives; "
        "reserved: it keeps its share of the time whatever arrives",
        default="finish",
        choices=("finish", "preempt", "reserved"),
    )
    share: Quantity = number("1", "share of the GPUs' time it takes (finish and preempt: at most what requests leave)", at_least=0, at_most=1, default="0")
    slice: Quantity = number("s", "longest piece that is not interrupted; preempt: time to stop it and save its state", at_least=0, default="0 s", example="5 ms")
    link_share: Quantity = number("1", "share of link bandwidth it uses", at_least=0, at_most=1, default="0")
    utilization: Quantity = number("1", "power it draws while running, as a share of what requests draw", at_least=0, default="1")
    earns: Quantity = number("USD/s", "what one GPU earns while it runs this work", at_least=0, default="0 USD/hour", example="2 USD/hour")


CATALOG: dict[str, type] = {
    "gpus": GPU,
    "lpus": LPU,
    "links": Link,
    "hosts": CpuPath,
    "models": Model,
    "families": Family,
    "runtimes": Runtime,
    "systems": System,
    "cooling": Cooling,
    "prices": PriceBook,
}
