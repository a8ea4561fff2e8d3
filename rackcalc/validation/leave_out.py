"""What a GPU family without measurements inherits from the measured ones: the stated rules, as pure functions.

Shares: the geometric mean. Fixed times that the chip sets (16-bit matrix products, attention while generating): the
mean number of clock cycles; those that the host or memory sets: the mean time. Rows of a tile are a property of the
matrix unit, known without a measurement. mma.sync parts load their operands at the mean bytes per cycle, others wait
the mean time per step of k. A format that no other family has measured is taken as the next wider one. Arithmetic per
joule is one parameter of all families, by the power of their process (refit.TIED). Split-KV passes do not carry over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import exp, log
from typing import Any

from rackcalc.quantity import Quantity, Source
from rackcalc.record import record
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.runtimes import DecodeAttentionParameters, Family, GemmParameters, PrefillAttentionParameters

RULE = "left out: inherited from the measured families"
HOST_BOUND = 2.0  # bytes below which a product's fixed time is that of separate quantising kernels, set by the host


@record
class Measured:
    """A family that was measured, with the boost clock [1/s] of the GPU it was measured on."""

    family: Family
    clock: float


def mean(leaves: Sequence[Quantity], cycles: Sequence[float] = (), clock: float = 1.0) -> Quantity:
    """Geometric mean of leaves; its range: the lowest and highest of them. cycles: clocks to take times in cycles by.

    The leaf keeps a place in a catalog file, so that it is the same leaf in all predictions.
    """
    first, scales = leaves[0], cycles or [1.0] * len(leaves)
    values = [float(leaf.value) * scale / clock for leaf, scale in zip(leaves, scales, strict=True)]
    middle = exp(sum(map(log, values)) / len(values)) if min(values) > 0 else sum(values) / len(values)
    place = first.source or Source("estimate")
    source = replace(place, kind="estimate", note=RULE)
    return Quantity(middle, first.unit, first.name, source=source, low=min(values), high=max(values))


def measured_only(tables: Iterable[tuple[Any, float]]) -> list[tuple[Any, float]]:
    """The parameters of one format, without those that only repeat another format's."""
    found = list(tables)
    kept = [(table, clock) for table, clock in found if table.launch.source.kind == "measured"]
    return kept or found


def of_format(others: Sequence[Measured], table: str, name: str) -> tuple[list[tuple[Any, float]], str]:
    """The others' parameters of a format, with clocks; where none has it, of the next wider. Also its name."""
    wider = sorted((width, key) for key, width in FORMATS.items() if width >= FORMATS[name] and key != name)
    for key in (name, *(key for _, key in wider)):
        found = [
            (getattr(other.family, table)[key], other.clock) for other in others if key in getattr(other.family, table)
        ]
        if found:
            return measured_only(found), key
    raise ValueError(f"no family to inherit {table} of {name} from")


def loads(others: Sequence[Measured], own: GemmParameters, load: Quantity | None, clock: float) -> Quantity | None:
    """Rate at which an SM loads operands, whatever their format: as many bytes per cycle as the others' mma.sync."""
    found = [
        (table.load_rate, 1 / other.clock)
        for other in others
        for table in other.family.gemm.values()
        if table.load_rate is not None and table.launch.source is not None and table.launch.source.kind == "measured"
    ]
    if found:
        return mean([rate for rate, _ in found], [cycle for _, cycle in found], 1 / clock)
    if load is None or own.load_rate is None:
        return None
    rate = replace(load, unit="B/s", value=float(load.value), source=own.load_rate.source)
    return mean([rate], [1.0], 1 / clock)


def gemm(
    own: GemmParameters, name: str, others: Sequence[Measured], clock: float, load: Quantity | None
) -> GemmParameters:
    """Matrix products. load: bytes per cycle, for an mma.sync part when no other has been measured."""
    found, key = of_format(others, "gemm", name)
    tables, clocks = [table for table, _ in found], [clock for _, clock in found]
    by_clock = (clocks, clock) if FORMATS[key] >= HOST_BOUND or name == "int8" else ((), 1.0)
    shares = {
        field: mean([getattr(table, field) for table in tables])
        for field in ("compute_share", "memory_share", "split_k")
    }
    graphs = [table.graph_launch for table in tables if table.graph_launch is not None]
    unit: dict[str, Any] = {}
    rates = loads(others, own, load, clock) if own.load_rate is not None else None
    steps = [table.k_step for table in tables if table.k_step.value > 0]
    if rates is not None:
        unit["load_rate"] = rates
    elif steps:
        unit["k_step"] = mean(steps)
    return replace(
        own,
        launch=mean([table.launch for table in tables], *by_clock),
        graph_launch=mean(graphs) if graphs else None,
        **shares,
        **unit,
    )


def decode(
    own: DecodeAttentionParameters, name: str, others: Sequence[Measured], clock: float
) -> DecodeAttentionParameters:
    """Attention while generating."""
    found, _ = of_format(others, "attention_decode", name)
    tables, clocks = [table for table, _ in found], [clock for _, clock in found]
    return replace(
        own,
        launch=mean([table.launch for table in tables], clocks, clock),
        memory_share=mean([table.memory_share for table in tables]),
        head_time=mean([table.head_time for table in tables], clocks, clock),
        split_time=replace(own.split_time, value=0.0, low=None, high=None),
        split_context=replace(own.split_context, value=1.0, low=None, high=None),
    )


def prefill(own: PrefillAttentionParameters, name: str, others: Sequence[Measured]) -> PrefillAttentionParameters:
    """Attention over whole sequences."""
    found, _ = of_format(others, "attention_prefill", name)
    fields = ("launch", "compute_share", "memory_share", "wave_time")
    return replace(own, **{field: mean([getattr(table, field) for table, _ in found]) for field in fields})


def inherited(
    name: str, own: Family, clock: float, others: Mapping[str, Measured], load: Quantity | None = None
) -> Family:
    """The kernels of a family as if it had never been measured. own: gives formats and the kind of its matrix unit.

    Floors of collectives stay as they are: a few latencies of small messages are what a new family needs measured.
    """
    rest = [other for key, other in others.items() if key != name]
    return replace(
        own,
        gemm={key: gemm(table, key, rest, clock, load) for key, table in own.gemm.items()},
        attention_decode={key: decode(table, key, rest, clock) for key, table in own.attention_decode.items()},
        attention_prefill={key: prefill(table, key, rest) for key, table in own.attention_prefill.items()},
    )
