"""What a GPU family without measurements inherits from the measured ones: the stated rules, as pure functions.

Known without a measurement, from architecture manuals and runtimes: rows of a tile, whether the matrix unit is
synchronous (mma.sync: SMs load its operands) or not (wgmma, tcgen05: it waits for each step of k), whether softmax runs
beside it, whether a thread block of decode attention serves all query heads of a KV head.

Matrix products. Fixed time: of families with the same kind of matrix unit, where one is measured; at 16 bit the mean
number of clock cycles; below, where the host launches quantising kernels too, the mean time. Shares of bandwidth,
split-K and steps of k: geometric mean. Operands: the mean bytes per cycle. Share of peak: a family with a power cap of
its own (sustained_per_watt) has full clocks below it, hence the largest share measured elsewhere; in others clock and
share go as the cube root of TDP over peak, up to that largest. A format that no other family has measured is taken as
the next wider one.

Attention. Fixed times do not follow the clock (11.2 to 13.4 us at 1.41 to 1.98 GHz): the mean time, while generating
that of 16-bit caches for all. Softmax operations per score, bytes per cycle of the pass before, time per wave: the
mean of all tables, whatever the format. Work per query head in cycles and split-KV passes: the mean of kernels of the
same kind. Arithmetic per joule is one parameter of all families, by the power of their process (refit.TIED).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from math import exp, inf, log
from typing import Any

from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import record, replace
from rackcalc.replay.distributions import SPREAD
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.gpu_families import DecodeAttentionParameters, Family, GemmParameters, PrefillAttentionParameters

CARRIED = 1 + SPREAD["estimate"]
RULE = "left out: inherited from the measured families"
HOST_BOUND = 2.0  # bytes below which a product's fixed time is that of separate quantising kernels, set by the host


@record
class Measured:
    """A family that was measured, with the boost clock [1/s] of the GPU it was measured on."""

    family: Family
    clock: float


def mean(leaves: Sequence[Quantity], scales: Sequence[float] = (), over: float = 1.0) -> Quantity:
    """Geometric mean of leaves; its range holds them all, and what two derivations differ by.

    scales, over: each leaf's and the result's unit of measure, as clocks for times in cycles. The leaf keeps a place
    in a catalog file, so that it is the same leaf in all predictions.
    """
    first = leaves[0]
    values = [float(leaf.value) * scale / over for leaf, scale in zip(leaves, scales or repeat(1.0), strict=False)]
    middle = exp(sum(map(log, values)) / len(values)) if min(values) > 0 else sum(values) / len(values)
    most = 1.0 if first.unit == "1" and middle <= 1 else inf
    low, high = min(*values, middle / CARRIED), min(max(*values, middle * CARRIED), most)
    source = (first.source or Source("estimate"))._replace(kind="estimate", note=RULE)
    return Quantity(middle, first.unit, first.name, source=source, low=low, high=high)


def was_measured(table: Any) -> bool:
    """Not a copy of another format's parameters."""
    return bool(table.launch.source.kind == "measured")


def tables(others: Iterable[Measured], table: str) -> list[tuple[Any, Measured]]:
    """Every measured table of the others, with its family."""
    return [
        (found, other) for other in others for found in getattr(other.family, table).values() if was_measured(found)
    ]


def of_format(others: Sequence[Measured], name: str) -> tuple[list[tuple[GemmParameters, Measured]], str]:
    """The others' matrix products in a format; where none has it, in the next wider. Also its name."""
    wider = sorted((width, key) for key, width in FORMATS.items() if width >= FORMATS[name] and key != name)
    for key in (name, *(key for _, key in wider)):
        found = [(other.family.gemm[key], other) for other in others if key in other.family.gemm]
        if found:
            return [pair for pair in found if was_measured(pair[0])] or found, key
    raise ValueError(f"no family to inherit matrix products of {name} from")


def alike(found: Sequence[tuple[Any, Measured]], same: Callable[[Any], bool]) -> Sequence[tuple[Any, Measured]]:
    """Tables of the same kind; all where there is none."""
    return [pair for pair in found if same(pair[0])] or found


def loads(others: Sequence[Measured], own: Quantity, load: Quantity | None, clock: float) -> Quantity:
    """Rate at which an SM loads operands, whatever their format: as many bytes per cycle as the others' mma.sync."""
    found = [
        (table.load_rate, 1 / other.clock) for table, other in tables(others, "gemm") if table.load_rate is not None
    ]
    if found:
        return mean([rate for rate, _ in found], [cycle for _, cycle in found], 1 / clock)
    return own if load is None else mean([replace(load, unit="B/s", source=own.source)], [1.0], 1 / clock)


def share_of_peak(own: Family, found: Sequence[tuple[GemmParameters, Measured]], most: Quantity) -> Quantity:
    """What large products hold of the peak; `most`: the largest share that any other family holds."""
    throttled = [
        (table.compute_share, x.family.peak_per_watt) for table, x in found if x.family.peak_per_watt is not None
    ]
    if own.peak_per_watt is None or not throttled:
        return mean([most])
    roots = [float(known.value) ** (1 / 3) for _, known in throttled]
    held = mean([share for share, _ in throttled], roots, float(own.peak_per_watt.value) ** (1 / 3))
    return held if held.value <= most.value else mean([most])


def gemm(own: Family, name: str, others: Sequence[Measured], clock: float, load: Quantity | None) -> GemmParameters:
    """Matrix products. load: bytes per cycle, for an mma.sync part when no other has been measured."""
    table = own.gemm[name]
    found, key = of_format(others, name)
    kin = alike(found, lambda other: (other.load_rate is None) == (table.load_rate is None))
    clocks = ([other.clock for _, other in kin], clock) if FORMATS[key] >= HOST_BOUND or name == "int8" else ()
    measured = [parameters for parameters, _ in tables(others, "gemm")]
    graphs = [other.graph_launch for other, _ in found if other.graph_launch is not None]
    quantise = [other.quantise_share for other in measured if other.quantise_share is not None]
    steps = [other.k_step for other, _ in found if other.k_step.value > 0]
    return replace(
        table,
        launch=mean([other.launch for other, _ in kin], *clocks),
        graph_launch=mean(graphs) if graphs else None,
        compute_share=share_of_peak(own, found, max((x.compute_share for x in measured), key=lambda x: float(x.value))),
        memory_share=mean([other.memory_share for other, _ in found]),
        quantise_share=mean(quantise) if quantise and table.quantise_share is not None else table.quantise_share,
        load_rate=None if table.load_rate is None else loads(others, table.load_rate, load, clock),
        k_step=mean(steps) if steps and table.load_rate is None else table.k_step,
        split_k=mean([other.split_k for other, _ in kin]),
    )


def decode(own: DecodeAttentionParameters, others: Sequence[Measured], clock: float) -> DecodeAttentionParameters:
    """Attention while generating."""
    found = tables(others, "attention_decode")
    kin = alike(found, lambda other: other.grouped == own.grouped)
    sixteen = [other.family.attention_decode["bf16"].launch for other in others]
    clocks = [other.clock for _, other in kin]
    return replace(
        own,
        launch=mean(sixteen),
        memory_share=mean([table.memory_share for table, _ in found]),
        head_time=mean([table.head_time for table, _ in kin], clocks, clock),
        split_time=mean([table.split_time for table, _ in kin]),
        split_context=mean([table.split_context for table, _ in kin]),
    )


def prefill(own: PrefillAttentionParameters, others: Sequence[Measured]) -> PrefillAttentionParameters:
    """Attention over whole sequences."""
    found = [table for table, _ in tables(others, "attention_prefill")]
    fields = ("launch", "score_operations", "pass_per_cycle", "wave_time")
    return replace(own, **{field: mean([getattr(table, field) for table in found]) for field in fields})


def inherited(
    name: str, own: Family, clock: float, others: Mapping[str, Measured], load: Quantity | None = None
) -> Family:
    """The kernels of a family as if it had never been measured. own: gives formats and the kind of its matrix unit.

    Floors of collectives stay as they are: a few latencies of small messages are what a new family needs measured.
    """
    rest = [other for key, other in others.items() if key != name]
    return replace(
        own,
        gemm={key: gemm(own, key, rest, clock, load) for key in own.gemm},
        attention_decode={key: decode(table, rest, clock) for key, table in own.attention_decode.items()},
        attention_prefill={key: prefill(table, rest) for key, table in own.attention_prefill.items()},
    )
