"""What must hold for a rack to be computed, in the order in which estimation checks it.

What depends on words (parts, splits, formats) is checked once, in compatibility.py. What depends on values is a
Condition, because a sweep leaves out and counts the points where it does not hold. Every refusal names its place in the
file and how to fix it. Doubts that do not prevent an answer are notes, in estimation/notes.py.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from math import inf
from typing import Any

from rackcalc.config.racks import Loaded
from rackcalc.feasibility.compatibility import incompatible_parts
from rackcalc.feasibility.conditions import Chain, Condition, at_most, finite
from rackcalc.feasibility.memory import memory_requirements
from rackcalc.feasibility.sizes import size_requirements
from rackcalc.formulas.heat.rack_cooling import Thermal
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.display import show_value
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.service_model import BusiestHour, ServiceModel


def input_requirements(loaded: Loaded) -> tuple[list[Chain], list[Problem]]:
    """Before anything is computed: parts, split, workload and sizes go together. Conditions, and problems found."""
    return size_requirements(loaded), incompatible_parts(loaded)


def rack_requirements(loaded: Loaded, served: ServiceModel, heats: Sequence[Thermal]) -> list[Chain]:
    """The rack can work: the model fits into memory, the cooling suffices, links have capacity left.

    heats: at full load, and under the load, where slower fans may leave the chips hotter.
    """
    links = []
    for name, moved in served.transfers.items():
        message = "other traffic takes the whole link (with sharing.link_share); lower one of them"
        taken = partial(loaded.problem, f"links.{name}.other_load", message)
        links.append(finite(f"{name} link: taken by other traffic", moved.contention_wait, taken))
    full, *under_load = (_cooling_chain(loaded, heat) for heat in heats)
    # a load that never ends, for want of a link, is no matter of cooling
    return [*memory_requirements(loaded, served), full, [*links, *(item for chain in under_load for item in chain)]]


def load_requirements(
    loaded: Loaded, utilization: Quantity, capacity: Quantity, mean: Quantity, peak: BusiestHour | None = None
) -> list[Chain]:
    """The arrival rate is below the capacity of the rack [request/s], and the mean time of a request [s] has an end.

    peak: the busiest hour, where the hours of a day differ; the utilization is then that in it.
    """

    def too_much() -> Problem:
        if peak is not None:
            offered, times, most = show_value(peak.rate), float(utilization.value), show_value(capacity)
            message = f"overload in hour {float(peak.hour.value):.0f}: {offered} is {times:.4g} times what the rack can"
            where = "workload.hours" if "workload.hours" in loaded.nodes else "workload.trace.hours"
            return loaded.problem(where, f"{message} do ({most}); lower workload.arrival_rate or add chips")
        if loaded.rack.workload.arrival_rate is None:
            message = "at all of its capacity, an engine to which requests come at random keeps them waiting for ever"
            return loaded.problem("economics.utilization", f"{message}; plan with less, or state workload.concurrency")
        offered, times = show_value(loaded.rack.workload.arrival_rate), float(utilization.value)
        most = show_value(capacity)
        if times < 1:
            near = f"{times:.1%} of what the rack can do ({most}): so near to it, requests wait without end"
            return loaded.problem("workload.arrival_rate", f"{offered} is {near}; lower it or add chips")
        message = f"overload: {offered} is {times:.4g} times what the rack can do ({most}); lower it or add chips"
        return loaded.problem("workload.arrival_rate", message)

    below = Condition("overload", (utilization,), lambda used: used < 1, too_much)
    return [[below, finite("overload", mean, too_much)]]


def _cooling_chain(loaded: Loaded, heat: Thermal) -> Chain:
    """The cooling holds the rack at some temperature at which its chips still work."""
    cooling = loaded.rack.site.cooling

    def no_air() -> Problem:
        message = f"the fans cannot move the air that this rack needs ({cooling.name})"
        fix = "servers built for liquid need site.cooling: direct-liquid; in thin air, use liquid or reduce the load"
        return loaded.problem("site.cooling", f"{message}: {fix}")

    def thermal_runaway() -> Problem:
        names = ", ".join(name for name, junction in heat.junction.items() if not float(junction.value) < 1e6)
        message = f"thermal runaway ({names}): no temperature holds; choose a stronger cooling"
        return loaded.problem("site.cooling", message)

    def standstill() -> Problem:
        names = ", ".join(name for name, clock in heat.clock_share.items() if not float(clock.value) > 0)
        message = f"at the temperature limit with the clock at zero ({names}); lower it or cool better"
        return loaded.problem("site.inlet", message)

    chain = [finite("fans cannot move enough air", heat.airflow, no_air)]
    for junction in heat.junction.values():
        chain.append(Condition("thermal runaway", (junction,), lambda kelvin: kelvin < 1e6, thermal_runaway))
    for clock in heat.clock_share.values():
        chain.append(Condition("throttled to a standstill", (clock,), lambda share: share > 0, standstill))
    return chain


def link_requirements(loaded: Loaded, result: Any) -> list[Chain]:
    """Packets get through every link at its temperature."""
    chains: list[Chain] = []
    for name, report in result.link.items():

        def lost(name: str = name, report: Any = report) -> Problem:
            warm = show_value(report.temperature)
            message = f"at {warm} no packet gets through {loaded.rack.links[name].part.name}; name another temperature"
            return loaded.problem(f"links.{name}.temperature", message)

        chains.append([finite(f"{name} link: no packet gets through", report.reliability.expected_delay, lost)])
    return chains


def supply_requirements(loaded: Loaded, result: Any) -> list[Chain]:
    """The rack does not draw more on average than the site reserves for it."""
    if result.supply is None:
        return []
    drawn, reserved = result.power.it, result.supply.reserved

    def overloaded() -> Problem:
        plan = loaded.rack.site.supply
        key = {"metered": "metered", "profiled": "profiled_share"}.get(plan.provisioning, "provisioning")
        message = f"reserves {show_value(reserved)}, and the rack draws {show_value(drawn)} on average; reserve more"
        return loaded.problem(f"site.supply.{key}", message)

    return [[at_most("less power is reserved than is drawn", drawn, reserved, overloaded)]]


def is_number(path: str, value: Any) -> Any:
    """Whether a figure is a number, and finite where only a broken rack has an infinite one. Also for arrays."""
    section = path.partition(".")[0]
    if section in ("latency", "power", "memory"):
        return xp.logical_and(xp.isfinite(value), value >= 0)
    if section == "thermal":
        return xp.isfinite(value)
    return value == value if section in ("throughput", "cost", "stages") else True


def check_figures(loaded: Loaded, found: Mapping[str, Quantity]) -> None:
    """InputError, naming the figures, when some are not numbers. found: all figures."""
    broken = [
        path
        for path, quantity in found.items()
        if not 0 <= quantity.value < inf  # such a number is right everywhere
        and quantity.known
        and not is_number(path, float(quantity.value))
    ]
    if broken:
        names = ", ".join(broken[:4]) + (f" and {len(broken) - 4} more" if len(broken) > 4 else "")
        message = f"cannot be computed: {names}; some value is far out of proportion"
        raise InputError([Problem(loaded.file, 0, 0, "", message)])
