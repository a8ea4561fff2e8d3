"""What a chip is: GPUs and LPUs."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import Number, flag, number, table, text
from rackcalc.spec.formats import FORMATS


@record
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
    fp32_lanes: Quantity = number("1", "32-bit multiply-adds one multiprocessor starts per cycle", above=0, whole=True)
    clock: Quantity = number("1/s", "boost clock", above=0, example="1.98 GHz")
    tdp: Quantity = number("W", "thermal design power", above=0, example="1000 W")
    process_power: Quantity | None = number(
        "1", "power of its process at the same speed, over that of its family's", above=0, default=None
    )
    idle_power: Quantity = number("W", "power with nothing to do", at_least=0)
    temperature_limit: Quantity = number(
        "K", "junction temperature at which the clock is reduced", absolute=True, above=0
    )
    thermal_resistance_air: Quantity | None = number("K/W", "junction to inlet air at full flow", above=0, default=None)
    thermal_resistance_liquid: Quantity | None = number(
        "K/W", "junction to mean coolant of a cold plate", above=0, default=None
    )
    ports: Mapping[str, Quantity] = table(
        Number("B/s", "bandwidth in one direction", above=0), "ports the chip has, by kind (nvlink5, pcie5, ...)"
    )
    nvlink_domain: Quantity | None = number(
        "1",
        "GPUs that NVLink joins where no system is named: 8 on a board, 2 or 4 with a bridge (none: no NVLink)",
        above=0,
        whole=True,
        default=None,
        example="8",
    )
    price: Quantity | None = number("USD", "street price of one, as it is sold", at_least=0, default=None)
    list_price: Quantity | None = number("USD", "price of one in a maker's or seller's list", at_least=0, default=None)
    rent: Quantity | None = number("USD/s", "rent of one", at_least=0, default=None, example="6.03 USD/hour")


@record
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
    norm_passes: Quantity = number(
        "1", "vector passes over each element per normalisation, residual included (two a layer)", above=0
    )
    fill_cycles: Quantity = number("1", "cycles a layer loses to filling and draining its dependent steps", at_least=0)
    cut_through: Quantity = number(
        "1", "share of a hop between chips that overlaps with computing", at_least=0, at_most=1
    )
    group: Quantity = number("1", "chips one step apart: the largest group that can share a layer", above=0, whole=True)
    cycles_per_row: Mapping[str, Quantity] = table(
        Number("1", "cycles per input row", above=0),
        "matrix passes per row by format (1 at full rate)",
        choices=tuple(FORMATS),
    )
    compiler_factor_encoder: Quantity = number("1", "achieved over structural time, encoders", above=0)
    compiler_factor_decode: Quantity = number("1", "achieved over structural time, decoding", above=0)
    measured: bool = flag("times of models on it were measured; otherwise they have wider ranges", default=False)
    block_wait: Quantity = number(
        "s",
        "time of a block of a decoder layer that nothing overlaps: chips wait for each other, streams start",
        at_least=0,
        default="0 s",
    )
    all_reduce_latency: Quantity = number("s", "all-reduce over one tightly coupled group of chips", at_least=0)
    host_io: Quantity = number("s", "host round trip outside the chip", at_least=0)
    tdp: Quantity | None = number("W", "thermal design power", above=0, default=None)
    idle_power: Quantity | None = number("W", "power with nothing to do", at_least=0, default=None)
    temperature_limit: Quantity = number("K", "junction temperature limit", absolute=True, above=0)
    thermal_resistance_air: Quantity | None = number("K/W", "junction to inlet air at full flow", above=0, default=None)
    thermal_resistance_liquid: Quantity | None = number(
        "K/W", "junction to mean coolant of a cold plate", above=0, default=None
    )
    ports: Mapping[str, Quantity] = table(
        Number("B/s", "bandwidth in one direction", above=0), "ports the chip has, by kind (groq-c2c-1, pcie4, ...)"
    )
    chip_link: str = text("link between neighbouring chips", catalog="links")
    price: Quantity | None = number("USD", "street price of one, as it is sold", at_least=0, default=None)
    list_price: Quantity | None = number("USD", "price of one in a maker's or seller's list", at_least=0, default=None)
    rent: Quantity | None = number("USD/s", "rent of one", at_least=0, default=None)
