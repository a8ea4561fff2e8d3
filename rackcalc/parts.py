"""What a catalog part is: frozen dataclasses, one per kind. Every number is a Quantity with its source."""

from collections.abc import Mapping
from dataclasses import dataclass

from rackcalc.fields import Number, listing, number, section, table, text
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
    thermal_resistance_liquid: Quantity | None = number("K/W", "junction to coolant", above=0, default=None)
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
    thermal_resistance_liquid: Quantity | None = number("K/W", "junction to coolant", above=0, default=None)
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
    fec: str = text("forward error correction", choices=("none", "rs528", "rs544"))
    snr: Quantity = number("dB", "signal to noise ratio at the reference temperature", above=0)
    channel_loss: Quantity = number("dB", "insertion loss at the reference temperature", at_least=0)
    conductor_share: Quantity = number("1", "share of the loss that is conductor loss", at_least=0, at_most=1)
    retry_time: Quantity = number("s", "time to replay after an uncorrectable error", at_least=0)
    power: Quantity | None = number("W", "power of one end", at_least=0, default=None)
    price: Quantity | None = number("USD", "price of one end, cable or module share included", at_least=0, default=None)


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


@dataclass(frozen=True)
class PrefillAttentionParameters:
    """One causal or bidirectional attention kernel over whole sequences."""

    tile: Quantity = number("1", "query rows per tile", above=0)
    launch: Quantity = number("s", "fixed time", at_least=0)
    compute_share: Quantity = number("1", "share of dense peak", above=0, at_most=1)
    memory_share: Quantity = number("1", "share of memory bandwidth for Q, K, V and output", above=0, at_most=1)
    wave_time: Quantity = number("s", "fixed time per wave of tiles", at_least=0)


@dataclass(frozen=True)
class Family:
    """GPU architecture: parameters of its kernels, each with how it was fitted and its range."""

    name: str = text("full name")
    gemm: Mapping[str, GemmParameters] = table(GemmParameters, "by format", choices=tuple(FORMATS))
    attention_decode: Mapping[str, DecodeAttentionParameters] = table(DecodeAttentionParameters, "by KV format", choices=tuple(FORMATS))
    attention_prefill: Mapping[str, PrefillAttentionParameters] = table(PrefillAttentionParameters, "by format", choices=tuple(FORMATS))
    elementwise_launch: Quantity = number("s", "fixed time of an element-wise or normalisation kernel", at_least=0)
    elementwise_share: Quantity = number("1", "share of memory bandwidth of element-wise kernels", above=0, at_most=1)
    all_reduce_floor: Quantity = number("s", "kernel plus first flag exchange of an all-reduce", at_least=0)
    leakage_share: Quantity = number("1", "leakage as a share of TDP at the reference temperature", at_least=0, at_most=1)


@dataclass(frozen=True)
class Runtime:
    """Software that drives the GPU: eager framework, captured graph, or compiled engine."""

    name: str = text("full name")
    launch: str = text("how kernels are launched", choices=("eager", "graph"))
    dispatch: Quantity = number("s", "host time per launched kernel; 0 inside a captured graph", at_least=0)
    encoder_kernels: Quantity = number("1", "kernels (eager: framework operations) per encoder layer", above=0)
    decoder_kernels: Quantity = number("1", "kernels (eager: framework operations) per decoder layer", above=0)
    launch_saving: Quantity = number("s", "removed from every kernel's fixed time (programmatic dependent launch)", at_least=0, default="0 s")
    attention_kernel: str = text("fused: inside a TensorRT-class engine; stock: as measured alone", choices=("fused", "stock"))
    layer_overhead: Quantity = number("s", "fixed time per decoder layer and step of the serving engine beyond its kernels", at_least=0)
    step_host: Quantity = number("s", "host time and sampling per decode step", at_least=0)
    request_host: Quantity = number("s", "tokenising, copies and post-processing per request", at_least=0)
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
    supply: Quantity = number("K", "design temperature of the air or coolant that reaches the chips", absolute=True, above=0)
    rise: Quantity = number("K", "design temperature rise of the carrier through the rack", above=0)
    approach: Quantity = number("K", "heat-exchanger approach between loops", at_least=0)
    pue: Quantity = number("1", "power usage effectiveness of the facility", at_least=1)
    capex_premium: Quantity = number("1", "price over plain air, as a share of the cooled equipment's price", at_least=-1)
    pump_share: Quantity = number("1", "pump power as a share of heat moved", at_least=0, at_most=1)


@dataclass(frozen=True)
class PriceBook:
    """Prices that depend on place and year, not on a part."""

    name: str = text("full name")
    electricity: Quantity = number("USD/J", "energy price", at_least=0, example="0.0929 USD/kWh")
    space: Quantity = number("USD/W/s", "colocation rent per kW of IT power and month, energy excluded", at_least=0)
    discount_rate: Quantity = number("1/s", "cost of capital", at_least=0, example="10 percent/year")
    maintenance: Quantity = number("1/s", "yearly maintenance as a share of purchase price", at_least=0)
    horizon: Quantity = number("s", "years over which the purchase is written off", above=0)
    resale: Quantity = number("1", "share of the price got back at the end", at_least=0, at_most=1)


CATALOG: dict[str, type] = {
    "gpus": GPU,
    "lpus": LPU,
    "links": Link,
    "models": Model,
    "families": Family,
    "runtimes": Runtime,
    "systems": System,
    "cooling": Cooling,
    "prices": PriceBook,
}
