"""The kernels of an estimate on the roofline of their chip: arithmetic and traffic of each, and how long it takes.

They are read from the recorded inputs of the formulas that gave the times, so nothing is computed a second time.
"""

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record

NOT_NAMES = {"so_far", "more", "work", "fixed", "device", "execution", "time", "whole", "terms"}  # of inputs of a sum
Inputs = Mapping[str, float]


@record
class Kernel:
    """One kernel on one chip. flops [FLOP], size [B], time [s]; peak [FLOP/s], 0 where the formula has none.

    bandwidth [B/s]: of the chip's memory.
    """

    stage: str
    name: str
    flops: float
    size: float
    time: float
    peak: float
    bandwidth: float

    @property
    def intensity(self) -> float:
        """Operations for each byte of memory traffic [FLOP/B]."""
        return self.flops / self.size

    @property
    def rate(self) -> float:
        """Operations a second that it reaches [FLOP/s]."""
        return self.flops / self.time


def _gemm(at: Inputs) -> tuple[float, float]:
    m, n, k = at["m"], at["n"], at["k"]
    moved = n * k * at["weight_width"] + m * k * at["input_width"] + m * n * at["output_width"]
    return 2 * at["groups"] * m * n * k, at["groups"] * moved


def _roofline(at: Inputs) -> tuple[float, float]:
    return at["flops"], at["size"]


def _whole_sequences(at: Inputs) -> tuple[float, float]:
    """Attention over whole sequences: two products for each pair that is kept; queries, keys, values and the result."""
    tokens, sequences = at["tokens"], at["batch"] * at["tokens"] * at["head_dim"]
    seen = (tokens + 1) / 2 if at["causal"] else tokens
    moved = 2 * sequences * (at["heads"] + at["kv_heads"]) * at["element"]
    return 4 * sequences * at["heads"] * seen * at["pairs"], moved


def _decoding(at: Inputs) -> tuple[float, float]:
    entries = at["batch"] * at["context"] * at["head_dim"]
    return 4 * entries * at["heads"], 2 * entries * at["kv_heads"] * at["element"]


def _latent(at: Inputs) -> tuple[float, float]:
    entries, latent = at["batch"] * at["context"], at["kv_lora_rank"]
    width = latent + at["qk_rope_head_dim"]
    return 2 * entries * at["heads"] * (latent + width), entries * width * at["element"]


# label of a formula for the time of one kernel -> operations and bytes, from its inputs
WORK: dict[str, Callable[[Inputs], tuple[float, float]]] = {
    "gpu.kernels.gemm_time": _gemm,
    "gpu.roofline.roofline_time": _roofline,
    "gpu.attention.tiled_attention_time": _whole_sequences,
    "gpu.attention.prefill_attention_time": _whole_sequences,
    "gpu.attention.decode_attention_time": _decoding,
    "gpu.attention.latent_decode_attention_time": _latent,
}
BOTH = "gpu.serving_engine.blended_time"  # of memory and arithmetic, each with a formula of its own


def kernels(stages: Mapping[str, Any]) -> list[Kernel]:
    """The kernels of all stages that run on GPUs, in order; equal ones once."""
    found: dict[tuple[object, ...], Kernel] = {}
    for stage, result in stages.items():
        seen: set[int] = set()
        for term, time in result.terms.items():
            for kernel in _within(time, stage, term, seen):
                found.setdefault((stage, kernel.name, kernel.flops, kernel.size), kernel)
    return list(found.values())


def _within(quantity: Quantity, stage: str, name: str, seen: set[int]) -> Iterator[Kernel]:
    """The kernels whose times this time is made of. Only times are followed: a batch too rests on times of kernels."""
    if id(quantity) in seen or quantity.formula is None or quantity.unit != "s":
        return
    seen.add(id(quantity))
    label = quantity.formula.label
    if label in WORK or label == BOTH:
        made = _kernel(quantity, stage, name.removesuffix("_reading").replace("_", " "))
        if made is not None:
            yield made
        return
    if any(one.unit == "1" and one.value == 0 for one in quantity.inputs.values()) and quantity.value == 0:
        return  # no layer of this kind on this chip
    summed = quantity.formula.variadic
    for key, one in quantity.inputs.items():
        yield from _within(one, stage, key if summed and key not in NOT_NAMES else name, seen)


def _kernel(quantity: Quantity, stage: str, name: str) -> Kernel | None:
    assert quantity.formula is not None
    if quantity.formula.label == BOTH:
        reads, computes = list(_parts(quantity.inputs["memory"])), list(_parts(quantity.inputs["arithmetic"]))
        size = sum(_traffic(one) for one in reads)
        flops = sum(float(one.inputs["flops"].value) for one in computes)
        rates = {key: one for part in (*reads, *computes) for key, one in part.inputs.items()}
    else:
        flops, size = WORK[quantity.formula.label]({key: float(one.value) for key, one in quantity.inputs.items()})
        rates = dict(quantity.inputs)
    peak, bandwidth = (float(rates[key].value) if key in rates else 0.0 for key in ("peak", "bandwidth"))
    made = Kernel(stage, name, flops, size, float(quantity.value), peak, bandwidth)
    numbers = (flops, size, made.time, bandwidth)
    return made if all(isfinite(number) and number > 0 for number in numbers) else None


def _parts(quantity: Quantity) -> Iterator[Quantity]:
    """The formulas of a memory time or an arithmetic time that have its bytes or operations."""
    if "size" in quantity.inputs or "flops" in quantity.inputs:
        yield quantity
        return
    for one in quantity.inputs.values():
        if one.unit == "s":
            yield from _parts(one)


def _traffic(quantity: Quantity) -> float:
    """Bytes that one chip reads: of a cache, its share, as no head is split."""
    size, inputs = float(quantity.inputs["size"].value), quantity.inputs
    if "kv_heads" in inputs and "devices" in inputs:
        return size / min(float(inputs["devices"].value), float(inputs["kv_heads"].value))
    return size
