"""What cannot be answered, and what must be said beside the answer. A refusal names its place and a mend."""

from typing import Any

from rackcalc.errors import InputError, Problem
from rackcalc.formulas.economics import Money
from rackcalc.formulas.latency_value import LatencyGain, missing
from rackcalc.formulas.queueing import Load
from rackcalc.formulas.thermal import Thermal
from rackcalc.load import Loaded
from rackcalc.quantity import Quantity, Source
from rackcalc.serving import SPLITS
from rackcalc.serving.pools import Service, default_link, kv_format
from rackcalc.show import show_value
from rackcalc.spec.rack import GpuPool, LpuPool, Rack
from rackcalc.units import show

ASSUMED_TDP = Quantity(
    300.0, "W", "TDP", source=Source("assumed", note="the maker publishes none"), low=100.0, high=600.0
)
ASSUMED_IDLE = Quantity(
    60.0, "W", "idle power", source=Source("assumed", note="the maker publishes none"), low=20.0, high=150.0
)


def tdp(pool: GpuPool | LpuPool) -> Quantity:
    """Thermal design power of one chip; a stated assumption where none is published."""
    return ASSUMED_TDP if pool.part.tdp is None else pool.part.tdp


def idle_power(pool: GpuPool | LpuPool) -> Quantity:
    """Idle power of one chip; a stated assumption where none is published."""
    return ASSUMED_IDLE if pool.part.idle_power is None else pool.part.idle_power


def check_structure(loaded: Loaded) -> None:
    """InputError when parts, split and workload do not go together; nothing is computed yet."""
    rack = loaded.rack
    found = [*_pools(loaded, rack), *_workload(loaded, rack), *_formats(loaded, rack), *_money(loaded, rack)]
    if not found:
        found = _ports(loaded, rack)
    if found:
        raise InputError(found)


def _needs(split: str) -> tuple[bool, bool]:
    return split != "lpu", split != "gpu"


def _pools(loaded: Loaded, rack: Rack) -> list[Problem]:
    split, found = rack.serving.split, []
    needs_gpu, needs_lpu = _needs(split)
    for name, needed, pool in (("gpu", needs_gpu, rack.accelerators.gpu), ("lpu", needs_lpu, rack.accelerators.lpu)):
        if needed and pool is None:
            found.append(loaded.problem(f"accelerators.{name}", f"is missing; split {split} needs it"))
    if needs_gpu and rack.serving.runtime is None:
        found.append(
            loaded.problem(
                "serving.runtime", "is missing; name the software that drives the GPUs (`rackcalc parts runtimes`)"
            )
        )
    if needs_gpu and needs_lpu and "gpu-lpu" not in rack.links:
        found.append(
            loaded.problem("links.gpu-lpu", f"is missing; split {split} crosses it: name the link between the pools")
        )
    pool, shared = rack.accelerators.gpu, rack.serving.tensor_parallel
    if pool is not None and shared is not None and shared.value > pool.count.value:
        found.append(loaded.problem("serving.tensor_parallel", f"is more than the {pool.count.value:g} GPUs there are"))
    return found


def _workload(loaded: Loaded, rack: Rack) -> list[Problem]:
    split, work, found = rack.serving.split, rack.workload, []
    if rack.model.family not in SPLITS[split]:
        fits = [name for name, kinds in SPLITS.items() if rack.model.family in kinds]
        found.append(
            loaded.problem("serving.split", f"does not apply to an {rack.model.family}; use one of {', '.join(fits)}")
        )
    decoder = rack.model.family == "decoder"
    if decoder and work.output is None:
        found.append(loaded.problem("workload.output", "is missing; a decoder generates: say how many tokens"))
    if not decoder and work.output is not None:
        found.append(loaded.problem("workload.output", "an encoder generates nothing; remove it"))
    length = work.input.value + (work.output.value if work.output is not None else 0)
    if length > rack.model.max_context.value:
        limit = show(rack.model.max_context.value, "token")
        found.append(
            loaded.problem("workload.input", f"{show(length, 'token')} are more than {rack.model.name} takes ({limit})")
        )
    layers = rack.serving.gpu_layers
    if layers is not None and layers.value >= rack.model.layers.value:
        found.append(
            loaded.problem("serving.gpu_layers", f"leaves none of the {rack.model.layers.value:g} layers to the LPUs")
        )
    if split == "draft-verify" and rack.serving.speculation is None:
        found.append(loaded.problem("serving.speculation", "is missing; name the model that drafts"))
    if rack.serving.microbatches.value > work.batch.value:
        only = f"{work.batch.value:g} sequence(s) cannot be cut into {rack.serving.microbatches.value:g} microbatches"
        if split == "attention-ffn":
            found.append(loaded.problem("serving.microbatches", only))
    return found


def _formats(loaded: Loaded, rack: Rack) -> list[Problem]:
    found, precision = [], rack.workload.precision
    needs_gpu, needs_lpu = _needs(rack.serving.split)
    weight_only = ("int4", "mxfp4", "fp4")  # computed in a wider format where the chip lacks them
    for name, needed, pool in (("gpu", needs_gpu, rack.accelerators.gpu), ("lpu", needs_lpu, rack.accelerators.lpu)):
        if not needed or pool is None:
            continue
        known = set(pool.part.peak)
        if precision not in known and not (name == "gpu" and precision in weight_only):
            has = ", ".join(sorted(known))
            found.append(
                loaded.problem("workload.precision", f"{pool.part.name} does not compute in {precision}; it has {has}")
            )
    if needs_lpu and rack.accelerators.lpu is not None and rack.model.family == "decoder" and not found:
        kv, chip = kv_format(rack), rack.accelerators.lpu.part
        if rack.serving.split != "attention-ffn" and kv not in chip.peak:
            found.append(
                loaded.problem(
                    "workload.kv_precision", f"{chip.name} cannot attend in {kv}; use one of {', '.join(chip.peak)}"
                )
            )
    return found


def _money(loaded: Loaded, rack: Rack) -> list[Problem]:
    if rack.latency_value is None:
        return []
    kind = rack.latency_value.kind
    return [
        loaded.problem(f"latency_value.{name}", f"is missing; kind {kind} needs it")
        for name in missing(rack.latency_value)
    ]


def _ports(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Links that a chip has no port for, unless the file calls them hypothetical."""
    found = []
    ends = {"gpu-gpu": ("gpu",), "lpu-lpu": ("lpu",), "gpu-lpu": ("gpu", "lpu")}
    for name, use in rack.links.items():
        for end in ends[name]:
            pool = getattr(rack.accelerators, end)
            if pool is None or set(use.part.ports) & set(pool.part.ports) or use.hypothetical:
                continue
            has = ", ".join(pool.part.ports)
            message = f"{pool.part.name} has no port for {use.part.name} (it has {has})"
            mend = "write hypothetical: true to compute it all the same"
            found.append(loaded.problem(f"links.{name}.part", f"{message}; {mend}"))
    pool = rack.accelerators.gpu
    if pool is not None and "gpu-gpu" not in rack.links and default_link(dict(pool.part.ports)) is None:
        found.append(
            loaded.problem("links.gpu-gpu", f"is missing; the catalog has no link for the ports of {pool.part.name}")
        )
    return found


def check_values(loaded: Loaded, served: Service, queue: Load | None, heat: Thermal) -> None:
    """InputError when the rack is computed but cannot work: no room in memory, more work than it can do, runaway."""
    found = []
    for name, memory in served.memory.items():
        if float(memory.free.value) < 0:
            found.append(_no_room(loaded, name, memory))
    if queue is not None and float(queue.utilization.value) >= 1:
        offered, times = show_value(loaded.rack.workload.arrival_rate), float(queue.utilization.value)
        most = show(float(queue.capacity.value) * float(served.batch.value), "request/s")
        message = f"overload: {offered} is {times:.4g} times what the rack can do ({most}); lower it or add chips"
        found.append(loaded.problem("workload.arrival_rate", message))
    for name, junction in heat.junction.items():
        if not float(junction.value) < 1e6:
            found.append(
                loaded.problem(
                    "site.cooling", f"thermal runaway of the {name}: this cooling cannot hold any temperature"
                )
            )
    if found:
        raise InputError(found)


def _no_room(loaded: Loaded, name: str, memory: Any) -> Problem:
    rack = loaded.rack
    short = show(-float(memory.free.value), "B")
    held = show(float(memory.capacity.value), "B")
    if name == "lpu":
        pool = rack.accelerators.lpu
        if pool.spill is not None:
            return loaded.problem("accelerators.lpu.count", f"does not fit by {short} even so")
        message = f"{rack.model.name} does not fit: {short} more than the {held} that {pool.count.value:g} chips hold; "
        message += f"it needs {memory.chips_needed.value:g} chips, or `spill:` with a bandwidth"
        return loaded.problem("accelerators.lpu.count", message)
    weights = show(float(memory.weights.value), "B")
    message = f"{rack.model.name} does not fit: {short} short on each GPU ({held}; weights {weights}, KV cache "
    message += (
        f"{show(float(memory.kv_cache.value), 'B')}); use more GPUs per copy, a smaller batch or a smaller format"
    )
    return loaded.problem(
        "workload.batch" if float(memory.weights.value) < float(memory.capacity.value) else "model", message
    )


def notes(
    loaded: Loaded,
    served: Service,
    queue: Load | None,
    heat: Thermal,
    latency: Any,
    account: Money,
    gain: LatencyGain | None,
) -> tuple[str, ...]:
    """What a reader must know before quoting a figure."""
    rack, said = loaded.rack, []
    for name, use in rack.links.items():
        if use.hypothetical:
            said.append(f"links.{name} is hypothetical: no chip has this port; every figure that crosses it is marked")
    if queue is None:
        said.append("no arrival_rate: latencies are those of an idle rack, and the planned utilization is priced")
    if rack.serving.runtime is not None:
        bound = {name: stage.bound_by for name, stage in served.stages.items()}
        hosts = [name for name, words in bound.items() if words == "host launches"]
        if hosts:
            said.append(f"{rack.serving.runtime.name}: host bound in {', '.join(hosts)}; the GPU waits for launches")
    said += _thermal_notes(rack, heat)
    if account.cost.unpriced:
        said.append(f"no price known for {', '.join(account.cost.unpriced)}: costs are without; set economics.price")
    if gain is not None:
        said += _gain_notes(gain)
    if rack.software is not None and rack.accelerators.lpu is not None:
        said.append("latency assumes a clean port; software.factor says what a second stack may add on top")
    return tuple(said)


def _thermal_notes(rack: Rack, heat: Thermal) -> list[str]:
    said = []
    for name, clock in heat.throttle.items():
        if float(clock.value) < 0.985:
            said.append(f"{name} throttles to {float(clock.value):.0%} of its clock at full load")
    over = float(heat.rack_headroom.value)
    if over < 0:
        said.append(f"{rack.site.cooling.name}: {show(-over, 'W')} per rack more at full load than it can remove")
    return said


def _gain_notes(gain: LatencyGain) -> list[str]:
    said = []
    if gain.excess is not None and float(gain.excess.value) > 0:
        said.append("the time saved is beyond the range in which this value of latency is believed (latency_value.cap)")
    if gain.prize_share is not None and float(gain.prize_share.value) > 0.01:
        share = float(gain.prize_share.value)
        said.append(
            f"the value of latency is {share:.1%} of the latency prize of all the world's stock markets: not credible"
        )
    if float(gain.value.value) != float(gain.value.value):
        said.append("the square-root value of latency is outside its domain")
    return said
