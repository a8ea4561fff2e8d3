"""What cannot be answered. A refusal names its place in the file and a mend; the merely doubtful is in remarks.py.

What depends on words (parts, splits, formats) is looked at once, in structure.py. What depends on values is a
Condition: one estimate is refused where it does not hold, a sweep leaves those points out and counts them.
"""

from collections.abc import Iterable
from functools import partial
from math import prod
from typing import Any

from rackcalc.config.racks import Loaded
from rackcalc.feasibility.conditions import Chain, Condition, at_most, finite
from rackcalc.feasibility.refusals import problems
from rackcalc.formulas.heat.thermal import Thermal
from rackcalc.formulas.queues.queueing import Load
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.display import show_value
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.unit_text import show
from rackcalc.serving.service_model import ServiceModel
from rackcalc.spec.rack import Rack


def structure(loaded: Loaded) -> tuple[list[Chain], list[Problem]]:
    """Do parts, split and workload go together? Conditions on the values given, and problems, before any computing."""
    rack = loaded.rack
    conditions = [*_work_values(loaded, rack), *_pool_sizes(loaded, rack), *_model_values(loaded, rack)]
    return [[condition] for condition in conditions], problems(loaded)


def _pool_sizes(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """GPUs that prefill beside GPUs that decode: either are enough for an engine."""
    path, asked, pool = "serving.prefill_gpus", rack.serving.prefill_gpus, rack.accelerators.gpu
    if asked is None or pool is None:
        return
    yield Condition(
        "no GPUs are left to decode",
        (asked, pool.count),
        lambda here, all_: here < all_,
        lambda: loaded.problem(path, f"leaves none of the {pool.count.value:g} GPUs to decode; lower it"),
    )
    serving = rack.serving
    widths = [width for width in (serving.tensor_parallel, serving.data_parallel) if width is not None]

    def too_few(count: float, what: str) -> Problem:
        width = prod(float(each.value) for each in widths)
        message = f"{count:g} GPUs that {what} are no engine of {width:g}; lower serving.tensor_parallel"
        return loaded.problem(path, message)

    yield Condition(
        "fewer GPUs that prefill than an engine has",
        (asked, *widths),
        lambda here, *each: here >= prod(each),
        lambda: too_few(asked.value, "prefill"),
    )
    yield Condition(
        "fewer GPUs that decode than an engine has",
        (pool.count, asked, *widths),
        lambda all_, here, *each: (all_ - here >= prod(each)) | (all_ <= here),  # that there are some is said above
        lambda: too_few(pool.count.value - asked.value, "decode"),
    )


def _work_values(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """Sizes of the work and of the rack that must fit each other."""
    work, model, serving, pool = rack.workload, rack.model, rack.serving, rack.accelerators.gpu
    if pool is not None and serving.tensor_parallel is not None:
        gpus = pool.count
        yield at_most(
            "more GPUs per copy than there are",
            serving.tensor_parallel,
            gpus,
            lambda: loaded.problem("serving.tensor_parallel", f"is more than the {gpus.value:g} GPUs there are"),
        )
    yield Condition(
        "longer than the model's context",
        (model.max_context, work.input, *[tokens for tokens in [work.output] if tokens is not None]),
        lambda most, *tokens: sum(tokens) <= most,
        lambda: _too_long(loaded, rack),
    )
    layers, micro = serving.gpu_layers, serving.microbatches
    if layers is not None:
        yield Condition(
            "no layer is left to the LPUs",
            (layers, model.layers),
            lambda here, all_: here < all_,
            lambda: loaded.problem(
                "serving.gpu_layers", f"leaves none of the {model.layers.value:g} layers to the LPUs"
            ),
        )
    if serving.split == "attention-ffn":
        yield at_most(
            "more microbatches than sequences",
            micro,
            work.batch,
            lambda: loaded.problem(
                "serving.microbatches",
                f"{work.batch.value:g} sequence(s) cannot be cut into {micro.value:g} microbatches",
            ),
        )


def _too_long(loaded: Loaded, rack: Rack) -> Problem:
    work = rack.workload
    length = float(work.input.value) + (0.0 if work.output is None else float(work.output.value))
    limit = show(float(rack.model.max_context.value), "token")
    return loaded.problem("workload.input", f"{show(length, 'token')} are more than {rack.model.name} takes ({limit})")


def _model_values(loaded: Loaded, rack: Rack) -> Iterable[Condition]:
    """Constants that contradict each other; catalog models never do, a model of one's own may."""
    model = rack.model
    yield Condition(
        "heads that cannot be grouped",
        (model.heads, model.kv_heads),
        lambda heads, groups: heads % groups == 0,
        lambda: loaded.problem(
            "model.kv_heads", f"{model.kv_heads.value:g} does not divide the {model.heads.value:g} heads"
        ),
    )
    parts = {"model.full_attention_layers": (model.full_attention_layers, model.layers, "layers")}
    if model.experts is not None:
        parts["model.experts.active"] = (model.experts.active, model.experts.experts, "experts there are")
        parts["model.experts.layers"] = (model.experts.layers, model.layers, "layers")
    for path, (part, whole, noun) in parts.items():
        if part is not None:
            message = f"is more than the {_plain(whole)} {noun}"
            yield at_most(f"{path} beyond what there is", part, whole, partial(loaded.problem, path, message))


def _plain(quantity: Quantity) -> str:
    """A count as text."""
    return f"{quantity.value:g}" if isinstance(quantity.value, float) else "given"


def works(loaded: Loaded, served: ServiceModel, heat: Thermal) -> list[Chain]:
    """A rack that is computed and can work: room in memory, cooling that holds, links that are not taken whole."""
    chains: list[Chain] = []
    for name, memory in served.memory.items():
        room = Condition(
            f"{name.upper()} memory: does not fit",
            (memory.free,),
            lambda free: free >= 0,
            partial(_no_room, loaded, name, memory),
        )
        chains.append([room])
    chains.append(_stays_cool(loaded, heat))
    for name, moved in served.transfers.items():
        message = "other traffic takes the whole link (with sharing.link_share); lower one of them"
        taken = partial(loaded.problem, f"links.{name}.other_load", message)
        chains.append([finite(f"{name} link: taken by other traffic", moved.contention_wait, taken)])
    return chains


def keeps_up(loaded: Loaded, served: ServiceModel, queue: Load) -> list[Chain]:
    """No more work than the rack can do."""

    def too_much() -> Problem:
        offered, times = show_value(loaded.rack.workload.arrival_rate), float(queue.utilization.value)
        most = show(float(queue.capacity.value) * float(served.batch.value), "request/s")
        message = f"overload: {offered} is {times:.4g} times what the rack can do ({most}); lower it or add chips"
        return loaded.problem("workload.arrival_rate", message)

    return [[Condition("overload", (queue.utilization,), lambda used: used < 1, too_much)]]


def _stays_cool(loaded: Loaded, heat: Thermal) -> Chain:
    """Racks that this cooling can hold at some temperature."""
    cooling = loaded.rack.site.cooling

    def no_air() -> Problem:
        message = f"no fan moves the air this rack needs with {cooling.name}"
        mend = "servers built for liquid need direct-liquid cooling; high up, denser cooling or less load"
        return loaded.problem("site.cooling", f"{message}: {mend}")

    def melting() -> Problem:
        names = ", ".join(name for name, junction in heat.junction.items() if not float(junction.value) < 1e6)
        message = f"thermal runaway ({names}): no temperature holds; choose a stronger cooling"
        return loaded.problem("site.cooling", message)

    def standing() -> Problem:
        names = ", ".join(name for name, clock in heat.throttle.items() if not float(clock.value) > 0)
        message = f"at the temperature limit with the clock at zero ({names}); lower it or cool better"
        return loaded.problem("site.inlet", message)

    chain = [finite("no fan moves the air", heat.airflow, no_air)]
    for junction in heat.junction.values():
        chain.append(Condition("thermal runaway", (junction,), lambda kelvin: kelvin < 1e6, melting))
    for clock in heat.throttle.values():
        chain.append(Condition("throttled to a standstill", (clock,), lambda share: share > 0, standing))
    return chain


def ends(loaded: Loaded, result: Any) -> list[Chain]:
    """Packets that get through."""
    chains: list[Chain] = []
    for name, report in result.link.items():

        def lost(name: str = name, report: Any = report) -> Problem:
            warm = show_value(report.temperature)
            message = f"at {warm} no packet gets through {loaded.rack.links[name].part.name}; name another temperature"
            return loaded.problem(f"links.{name}.temperature", message)

        chains.append([finite(f"{name} link: no packet gets through", report.reliability.expected_delay, lost)])
    return chains


def is_number(path: str, value: Any) -> Any:
    """Whether a figure came out as a number, and with an end where only a broken rack has none. Arrays too."""
    section = path.partition(".")[0]
    if section in ("latency", "power", "thermal", "memory"):
        return xp.isfinite(value)
    return value == value if section in ("throughput", "cost", "stages") else True


def check_figures(loaded: Loaded, result: Any) -> None:
    """InputError when a figure came out as no number."""
    broken = [path for path, quantity in figures(result) if not is_number(path, float(quantity.value))]
    if broken:
        names = ", ".join(broken[:4]) + (f" and {len(broken) - 4} more" if len(broken) > 4 else "")
        message = f"cannot be computed: {names}; some value is far out of proportion"
        raise InputError([Problem(loaded.file, 0, 0, "", message)])


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
