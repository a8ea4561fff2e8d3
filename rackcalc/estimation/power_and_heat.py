"""Power and heat of a rack: its chips, hosts and fans, and the clocks at which the temperatures stay within limits."""

from collections.abc import Callable, Mapping

from rackcalc.config.parts import load_part
from rackcalc.estimation.result import PowerReport, Throughput
from rackcalc.estimation.server_power import host_power
from rackcalc.formulas.combine import largest, smallest, total
from rackcalc.formulas.heat.chip_temperatures import Pool, resistance_of
from rackcalc.formulas.heat.chip_utilization import chip_utilization, share_in_use
from rackcalc.formulas.heat.idle_power import idle_power_by_share
from rackcalc.formulas.heat.power import (
    Power,
    energy_per_request,
    energy_per_token,
    power_of,
    systems_needed,
)
from rackcalc.formulas.heat.rack_cooling import NO_FANS, Thermal, cool
from rackcalc.formulas.heat.throttling import throttled_time, throttled_tpot
from rackcalc.formulas.queues.gpu_sharing import Shared
from rackcalc.formulas.serving.request_rates import sustained_rate
from rackcalc.formulas.serving.token_rates import tokens_per_second
from rackcalc.quantities.quantity import Quantity, Source, constant, unknown
from rackcalc.quantities.record import replace
from rackcalc.serving.service_model import ONE, BusiestHour, EngineLoad, ServiceModel
from rackcalc.spec.rack import GpuPool, LpuPool, Rack

FAN_SHARE = Quantity(0.10, "1", "fans", source=Source("press", "sow-fans", note="dense servers"), low=0.05, high=0.20)
UNKNOWN_LEAKAGE = Quantity(
    0.1, "1", "leakage share", source=Source("assumed", note="LPUs publish none"), low=0.05, high=0.2
)
IDLE_SHARE = Quantity(
    0.15, "1", "idle power over TDP", source=Source("assumed", note="GPUs: 0.06 to 0.2"), low=0.06, high=0.4
)
NO_LOAD = constant(0.0, "1", "idle", "given", note="none, where nothing is said")


def pools_by_name(rack: Rack) -> dict[str, GpuPool | LpuPool]:
    """The pools that the rack has, by name: gpu, lpu."""
    both: dict[str, GpuPool | LpuPool | None] = {"gpu": rack.accelerators.gpu, "lpu": rack.accelerators.lpu}
    return {name: pool for name, pool in both.items() if pool is not None}


def pools_of_unknown_power(rack: Rack) -> tuple[str, ...]:
    """The pools whose chips have no TDP."""
    return tuple(name for name, pool in pools_by_name(rack).items() if pool.part.tdp is None)


def with_known_power(rack: Rack) -> Rack:
    """The rack without the pools of unknown power; the same rack where all are known."""
    missing = pools_of_unknown_power(rack)
    return replace(rack, accelerators=replace(rack.accelerators, **dict.fromkeys(missing))) if missing else rack


def rated_power(rack: Rack) -> Quantity | None:
    """Highest power of the systems by their data sheets, for which the supply is built; None where one has none."""
    rated = {}
    for name, pool in pools_by_name(rack).items():
        if pool.system is None or pool.system.power is None:
            return None
        systems = systems_needed(count=pool.count, per_system=pool.system.count)
        rated[name] = power_of(power=pool.system.power, count=systems)
    return total(**rated)


def pool_for_thermal(rack: Rack, pool: GpuPool | LpuPool, name: str, utilization: Quantity) -> Pool:
    """The values of a pool that the thermal formulas need."""
    leakage = UNKNOWN_LEAKAGE
    if isinstance(pool, GpuPool):
        leakage = load_part("families", pool.part.family).leakage_share
    return Pool(
        count=pool.count,
        tdp=tdp(pool, name),
        idle_power=idle_power(pool, name),
        utilization=utilization,
        leakage_share=leakage,
        temperature_limit=pool.part.temperature_limit,
        resistance=resistance_of(pool.part, rack.site.cooling),
    )


def power_and_heat(rack: Rack, utilization: Mapping[str, Quantity]) -> tuple[Power, Thermal]:
    """Power and heat of the rack. utilization: power utilization of the chips, by pool."""
    pools = pools_by_name(rack)
    systems = [pool.system for pool in pools.values() if pool.system is not None]
    built = {f"system_{i}": system.liquid_share for i, system in enumerate(systems)}
    fans = {f"system_{i}": system.fan_share for i, system in enumerate(systems)}
    fan_share = largest(**fans) if fans else FAN_SHARE
    moved = NO_FANS if rack.site.cooling.method == "immersion" else fan_share

    def hosts(used: Mapping[str, Quantity]) -> Quantity:
        """Power of all but chips and fans, at a utilization of each pool."""
        return total(
            **{
                name: host_power(pool, tdp(pool, name), idle_power(pool, name), used[name], rack.site.cooling, moved)
                for name, pool in pools.items()
            }
        )

    return cool(
        {name: pool_for_thermal(rack, pool, name, utilization[name]) for name, pool in pools.items()},
        rack.site.cooling,
        host_power=hosts(utilization),
        full_host_power=hosts(dict.fromkeys(pools, ONE)),
        fan_share=fan_share,
        altitude=rack.site.altitude,
        inlet=rack.site.inlet,
        airflow=rack.site.airflow,
        built_liquid_share=smallest(**built) if built else NO_LOAD,
        racks=rack.site.racks,
    )


def throttled(served: ServiceModel, heat: Thermal | None) -> ServiceModel:
    """The service at the clocks that temperatures and power limits allow; at full clocks where no heat is known.

    GPUs slow down by themselves. LPUs run a fixed schedule and cannot: their times are those of derated chips.
    """
    if heat is None:
        return served
    clock = smallest(**heat.clock_share)

    def slow(time: Quantity) -> Quantity:
        return throttled_time(time=time, clock=clock)

    return replace(
        slowed_down(served, slow, lambda tpot: throttled_tpot(tpot=tpot, clock=clock)),
        passage=slow(served.passage),
        occupancy=slow(served.occupancy),
    )


def slowed_down(
    served: ServiceModel, slow: Callable[[Quantity], Quantity], slow_tpot: Callable[[Quantity], Quantity]
) -> ServiceModel:
    """The service with slower stages and token times; passage and occupancy are left to the caller."""
    return replace(
        served,
        stages={
            name: replace(stage, time=slow(stage.time), terms={term: slow(time) for term, time in stage.terms.items()})
            for name, stage in served.stages.items()
        },
        ttft=None if served.ttft is None else slow(served.ttft),
        tpot=None if served.tpot is None else slow_tpot(served.tpot),
        tails={level: slow(time) for level, time in served.tails.items()},
        token_times={level: slow_tpot(time) for level, time in served.token_times.items()},
        load=None if served.load is None else slower_load(served.load, slow, slow_tpot),
    )


def slower_load(
    load: EngineLoad, slow: Callable[[Quantity], Quantity], slow_tpot: Callable[[Quantity], Quantity]
) -> EngineLoad:
    """The load of an engine with slower steps. That more requests then meet is neglected: clocks fall by per cents."""
    return replace(
        load,
        wait=slow(load.wait),
        mean=slow(load.mean),
        levels={level: slow(time) for level, time in load.levels.items()},
        ttft=slow(load.ttft),
        ttft_levels={level: slow(time) for level, time in load.ttft_levels.items()},
        tpot=slow_tpot(load.tpot),
        tpot_levels={level: slow_tpot(time) for level, time in load.tpot_levels.items()},
        itl_levels={level: slow_tpot(time) for level, time in load.itl_levels.items()},
        peak=None if load.peak is None else slower_peak(load.peak, slow, slow_tpot),
    )


def slower_peak(
    peak: BusiestHour, slow: Callable[[Quantity], Quantity], slow_tpot: Callable[[Quantity], Quantity]
) -> BusiestHour:
    """The busiest hour of a day with slower steps."""
    times = {name: (slow_tpot if name.startswith("tpot") else slow)(time) for name, time in peak.times.items()}
    return replace(peak, times=times)


def in_busiest_hour(served: ServiceModel) -> ServiceModel:
    """The service with its GPUs as busy as in the busiest hour of a day, for temperatures, which follow in minutes."""
    peak = None if served.load is None else served.load.peak
    if peak is None:
        return served
    return replace(served, busy={"gpu": peak.busy}, activity={"gpu": peak.activity})


def mean_utilization(rack: Rack, served: ServiceModel, used: Quantity, shared: Shared | None) -> dict[str, Quantity]:
    """Mean power utilization of each pool over time. used: utilization of the rack by its load."""
    result = {}
    for name in pools_by_name(rack):
        busy, activity, in_use = served.busy.get(name, NO_LOAD), served.activity.get(name, ONE), used
        if served.load is not None:
            in_use = ONE  # its busy pools are busy for that share of all time
        elif rack.workload.arrival_rate is not None and name in served.slots:
            in_use = share_in_use(utilization=used, slots=served.slots[name])
        if name == "gpu" and shared is not None:
            in_use = shared.power_utilization
        result[name] = chip_utilization(utilization=in_use, busy=busy, activity=activity)
    return result


def power_report(rack: Rack, mean: Power, peak: Power, done: Throughput) -> PowerReport:
    """Mean power, energy per request and per token, and peak power."""
    delivered = rack.workload.arrival_rate
    if delivered is None:
        delivered = sustained_rate(capacity=done.most, utilization=done.utilization)
    tokens = None
    if rack.workload.output is not None:
        rate = tokens_per_second(requests=delivered, tokens=rack.workload.output)
        tokens = energy_per_token(power=mean.facility, throughput=rate)
    return PowerReport(
        mean.chips,
        mean.fans,
        mean.host,
        mean.it,
        mean.facility,
        energy_per_request(power=mean.facility, throughput=delivered),
        tokens,
        peak,
        rated_power(rack),
    )


def tdp(pool: GpuPool | LpuPool, name: str) -> Quantity:
    """Thermal design power of one chip; unknown where none is published."""
    return unknown("W", "TDP", f"no TDP for {name}") if pool.part.tdp is None else pool.part.tdp


def idle_power(pool: GpuPool | LpuPool, name: str) -> Quantity:
    """Idle power of one chip; where none is published, a share of its TDP."""
    if pool.part.idle_power is not None:
        return pool.part.idle_power
    return idle_power_by_share(tdp=tdp(pool, name), share=IDLE_SHARE)
