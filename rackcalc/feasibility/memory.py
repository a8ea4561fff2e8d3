"""The check that the model fits into the memory of its chips."""

from functools import partial

from rackcalc.config.racks import Loaded
from rackcalc.feasibility.conditions import Chain, Condition
from rackcalc.quantities.problems import Problem
from rackcalc.quantities.unit_text import show
from rackcalc.serving.service_model import Memory, ServiceModel


def memory_requirements(loaded: Loaded, served: ServiceModel) -> list[Chain]:
    """Every pool has room for its weights, KV cache and activations."""
    return [
        [
            Condition(
                f"{name.upper()} memory: does not fit",
                (memory.free,),
                lambda free: free >= 0,
                partial(_does_not_fit, loaded, name, memory),
            )
        ]
        for name, memory in served.memory.items()
    ]


def _does_not_fit(loaded: Loaded, name: str, memory: Memory) -> Problem:
    return _does_not_fit_lpus(loaded, memory) if name == "lpu" else _does_not_fit_gpus(loaded, memory)


def _does_not_fit_lpus(loaded: Loaded, memory: Memory) -> Problem:
    rack, short = loaded.rack, show(-float(memory.free.value), "B")
    pool = rack.accelerators.lpu
    if pool.spill is not None:
        return loaded.problem("accelerators.lpu.count", f"does not fit by {short} even so")
    assert memory.chips_needed is not None
    held = show(float(memory.capacity.value), "B")
    message = f"{rack.model.name} does not fit: {short} more than the {held} that {pool.count.value:g} chips hold; "
    message += f"it needs at least {memory.chips_needed.value:g} chips, or `spill:` with a bandwidth"
    return loaded.problem("accelerators.lpu.count", message)


def _does_not_fit_gpus(loaded: Loaded, memory: Memory) -> Problem:
    assert memory.weights is not None and memory.kv_cache is not None
    short, held = show(-float(memory.free.value), "B"), show(float(memory.capacity.value), "B")
    weights, cache = show(float(memory.weights.value), "B"), show(float(memory.kv_cache.value), "B")
    batched = "workload.batch" in loaded.nodes  # else a single sequence is too much
    fix = ", a smaller batch or a smaller format" if batched else " or a smaller format"
    message = f"{loaded.rack.model.name} does not fit: {short} short on each GPU ({held}; weights {weights}, KV cache "
    message += f"{cache}); use more GPUs per copy{fix}"
    weights_fit = float(memory.weights.value) < float(memory.capacity.value)
    return loaded.problem("workload.batch" if batched and weights_fit else "model", message)
