"""What cannot be answered. A refusal names its place in the file and a mend; the merely doubtful is in remarks.py."""

from collections.abc import Iterable
from math import isfinite, isnan
from typing import Any

from rackcalc.errors import InputError, Problem
from rackcalc.formulas.kernels import COMPUTE
from rackcalc.formulas.latency_value import missing
from rackcalc.formulas.queueing import Load
from rackcalc.formulas.thermal import ON_LIQUID, Thermal
from rackcalc.load import Loaded
from rackcalc.quantity import Quantity, Source
from rackcalc.serving import SPLITS
from rackcalc.serving.pools import Service, default_link, kv_format
from rackcalc.show import show_value
from rackcalc.spec.rack import GpuPool, LpuPool, Rack
from rackcalc.tree import figures
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
    checks = (_pools, _systems, _workload, _model, _formats, _cooling, _money)
    found = [problem for check in checks for problem in check(loaded, rack)]
    if not found:
        found = _ports(loaded, rack)
    if found:
        raise InputError(found)


def _apart(rack: Rack) -> bool:
    """Prompts and generation on GPUs alone, apart."""
    return rack.serving.split == "prefill-decode" and rack.serving.prefill_gpus is not None


def _needs(rack: Rack) -> tuple[bool, bool]:
    """Whether GPUs and LPUs are needed."""
    return rack.serving.split != "lpu", rack.serving.split != "gpu" and not _apart(rack)


def _pools(loaded: Loaded, rack: Rack) -> list[Problem]:
    split, found = rack.serving.split, []
    needs_gpu, needs_lpu = _needs(rack)
    for name, needed, pool in (("gpu", needs_gpu, rack.accelerators.gpu), ("lpu", needs_lpu, rack.accelerators.lpu)):
        if needed and pool is None:
            instead = "; or say serving.prefill_gpus: how many GPUs prefill for the others"
            mend = instead if (name, split) == ("lpu", "prefill-decode") else ""
            found.append(loaded.problem(f"accelerators.{name}", f"is missing; split {split} needs it{mend}"))
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
    return found + _two_pools(loaded, rack)


def _two_pools(loaded: Loaded, rack: Rack) -> list[Problem]:
    """GPUs that prefill beside GPUs that decode: counts that leave one of the pools without an engine."""
    path, asked, pool = "serving.prefill_gpus", rack.serving.prefill_gpus, rack.accelerators.gpu
    if asked is None or pool is None:
        return []
    if not _apart(rack):
        return [loaded.problem(path, f"is for split prefill-decode, not {rack.serving.split}; remove it")]
    if rack.accelerators.lpu is not None:
        return [loaded.problem(path, "leaves nothing to the LPUs; remove it, or accelerators.lpu")]
    if "prefill-decode" not in rack.links:
        return [
            loaded.problem("links.prefill-decode", "is missing; KV caches cross it: name the link, such as nvlink4")
        ]
    rest, width = pool.count.value - asked.value, _engine_width(rack)
    if rest < 1:
        return [loaded.problem(path, f"leaves none of the {pool.count.value:g} GPUs to decode; lower it")]
    return [
        loaded.problem(path, f"{count:g} GPUs that {what} are no engine of {width:g}; lower serving.tensor_parallel")
        for count, what in ((asked.value, "prefill"), (rest, "decode"))
        if count < width
    ]


def _engine_width(rack: Rack) -> float:
    width, groups = rack.serving.tensor_parallel, rack.serving.data_parallel
    return 1.0 if width is None else float(width.value) * (1.0 if groups is None else float(groups.value))


def _systems(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Products that hold other chips than the pool's: their price and power would be those of another machine."""
    found = []
    for name, pool in (("gpu", rack.accelerators.gpu), ("lpu", rack.accelerators.lpu)):
        part = loaded.where.get(f"accelerators.{name}.part")
        if pool is None or pool.system is None or part is None or not isinstance(part.value, str):
            continue
        if part.value != pool.system.accelerator:
            message = f"{pool.system.name} holds {pool.system.accelerator}, not {part.value}"
            mend = "name the product they come in, or leave system out"
            found.append(loaded.problem(f"accelerators.{name}.system", f"{message}; {mend}"))
    return found


def _workload(loaded: Loaded, rack: Rack) -> list[Problem]:
    split, work, found = rack.serving.split, rack.workload, []
    if rack.model.family not in SPLITS[split]:
        fits = [name for name, kinds in SPLITS.items() if rack.model.family in kinds]
        found.append(
            loaded.problem(
                "serving.split", f"{split} is not for models that are {rack.model.family}s; use {' or '.join(fits)}"
            )
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
    if work.concurrency is not None:
        found += _closed_loop(loaded, rack)
    if rack.sharing is not None and work.arrival_rate is None:
        found.append(loaded.problem("sharing", "needs workload.arrival_rate: an idle rack has nothing to share with"))
    if rack.sharing is not None and rack.accelerators.gpu is None:
        found.append(loaded.problem("sharing", "is about the GPUs' other work, and there are no GPUs; remove it"))
    return found


def _closed_loop(loaded: Loaded, rack: Rack) -> list[Problem]:
    path, runtime = "workload.concurrency", rack.serving.runtime
    on_gpus = rack.serving.split == "gpu" or _apart(rack)
    if rack.model.family != "decoder" or not on_gpus or runtime is None or runtime.engine is None:
        return [loaded.problem(path, "needs a decoder on GPUs under a serving engine: vllm, sglang or tensorrt-llm")]
    return []


def _model(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Constants that contradict each other; catalog models never do, a model of one's own may."""
    model, plan, found = rack.model, rack.serving.speculation, []
    if model.heads.value % model.kv_heads.value:
        message = f"{model.kv_heads.value:g} does not divide the {model.heads.value:g} heads"
        found.append(loaded.problem("model.kv_heads", message))
    full = model.full_attention_layers
    if full is not None and full.value > model.layers.value:
        found.append(loaded.problem("model.full_attention_layers", f"is more than the {model.layers.value:g} layers"))
    if model.experts is not None and model.experts.active.value > model.experts.experts.value:
        message = f"is more than the {model.experts.experts.value:g} experts there are"
        found.append(loaded.problem("model.experts.active", message))
    if model.experts is not None and model.experts.layers.value > model.layers.value:
        found.append(loaded.problem("model.experts.layers", f"is more than the {model.layers.value:g} layers"))
    if plan is not None and plan.model.family != "decoder":
        found.append(loaded.problem("serving.speculation.model", f"{plan.model.name} is no decoder: it cannot draft"))
    return found


def _formats(loaded: Loaded, rack: Rack) -> list[Problem]:
    found, precision = [], rack.workload.precision
    needs_gpu, needs_lpu = _needs(rack)
    gpus, lpus = rack.accelerators.gpu, rack.accelerators.lpu
    if needs_gpu and gpus is not None:
        weight_only = precision in ("int4", "mxfp4", "fp4")  # computed in a wider format where the chip lacks them
        if not set(COMPUTE[precision] if weight_only else (precision,)) & set(gpus.part.peak):
            found.append(_no_format(loaded, "workload.precision", gpus.part.name, precision, gpus.part.peak))
    if needs_lpu and lpus is not None:
        able = set(lpus.part.peak) & set(lpus.part.cycles_per_row)
        if precision not in able:
            found.append(_no_format(loaded, "workload.precision", lpus.part.name, precision, able))
        elif rack.model.family == "decoder" and rack.serving.split != "attention-ffn" and kv_format(rack) not in able:
            found.append(_no_format(loaded, "workload.kv_precision", lpus.part.name, kv_format(rack), able))
    return found


def _no_format(loaded: Loaded, path: str, chip: str, wanted: str, able: Iterable[str]) -> Problem:
    does = "attend" if path.endswith("kv_precision") else "compute"
    return loaded.problem(
        path, f"{chip} does not {does} in {wanted}; use {' or '.join(sorted(able)) or 'another chip'}"
    )


def _cooling(loaded: Loaded, rack: Rack) -> list[Problem]:
    """A coolant that is only half described."""
    cooling, found = rack.site.cooling, []
    wanted = ["coolant_density", "coolant_heat_capacity"] if cooling.coolant_rise is not None else []
    if cooling.method in ON_LIQUID:
        wanted = ["coolant_supply", "coolant_rise", "coolant_density", "coolant_heat_capacity"]
    for name in wanted:
        if getattr(cooling, name) is None:
            problem = loaded.problem(f"site.cooling.{name}", f"is missing; {cooling.method} with a coolant needs it")
            found.append(problem)
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
    ends = {"gpu-gpu": ("gpu",), "lpu-lpu": ("lpu",), "gpu-lpu": ("gpu", "lpu"), "prefill-decode": ("gpu",)}
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
    found += _too_hot(loaded, heat)
    for name, moved in served.transfers.items():
        if not isfinite(float(moved.contention_wait.value)):
            message = "other traffic takes the whole link (with sharing.link_share); lower one of them"
            found.append(loaded.problem(f"links.{name}.other_load", message))
    if queue is not None and not found:  # a rack that stands still is no overload
        found += _too_much(loaded, served, queue)
    if found:
        raise InputError(found)


def _too_much(loaded: Loaded, served: Service, queue: Load) -> list[Problem]:
    """More work than the rack can do."""
    if float(queue.utilization.value) >= 1:
        offered, times = show_value(loaded.rack.workload.arrival_rate), float(queue.utilization.value)
        most = show(float(queue.capacity.value) * float(served.batch.value), "request/s")
        message = f"overload: {offered} is {times:.4g} times what the rack can do ({most}); lower it or add chips"
        return [loaded.problem("workload.arrival_rate", message)]
    return []


def _too_hot(loaded: Loaded, heat: Thermal) -> list[Problem]:
    """Racks that this cooling cannot hold at any temperature."""
    rack = loaded.rack
    if not isfinite(float(heat.airflow.value)):
        message = f"no fan moves the air this rack needs with {rack.site.cooling.name}"
        mend = "servers built for liquid need direct-liquid cooling; high up, denser cooling or less load"
        return [loaded.problem("site.cooling", f"{message}: {mend}")]
    melting = [name for name, junction in heat.junction.items() if not float(junction.value) < 1e6]
    standing = [name for name, clock in heat.throttle.items() if not float(clock.value) > 0]
    if melting:
        message = f"thermal runaway ({', '.join(melting)}): no temperature holds; choose a stronger cooling"
        return [loaded.problem("site.cooling", message)]
    if standing:
        message = f"at the temperature limit with the clock at zero ({', '.join(standing)}); lower it or cool better"
        return [loaded.problem("site.inlet", message)]
    return []


def check_result(loaded: Loaded, result: Any) -> None:
    """InputError when a figure came out as no number, or as endless where only a broken rack has no end."""
    found = []
    for name, report in result.link.items():
        if not isfinite(float(report.reliability.expected_delay.value)):
            warm = show_value(report.temperature)
            message = f"at {warm} no packet gets through {loaded.rack.links[name].part.name}; name another temperature"
            found.append(loaded.problem(f"links.{name}.temperature", message))
    broken = [path for path, quantity in figures(result) if _is_broken(path, float(quantity.value))]
    if broken and not found:
        names = ", ".join(broken[:4]) + (f" and {len(broken) - 4} more" if len(broken) > 4 else "")
        message = f"cannot be computed: {names}; some value is far out of proportion"
        found.append(Problem(loaded.file, 0, 0, "", message))
    if found:
        raise InputError(found)


def _is_broken(path: str, value: float) -> bool:
    section = path.partition(".")[0]
    if section in ("latency", "power", "thermal", "memory"):
        return not isfinite(value)
    return section in ("throughput", "cost", "stages") and isnan(value)


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
