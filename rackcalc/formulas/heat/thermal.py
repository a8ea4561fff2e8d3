"""The thermal state of one rack: airflow and fans, every chip's temperature and clock, and where the heat goes."""

from collections.abc import Mapping

from rackcalc.formulas.combine import total
from rackcalc.formulas.heat import cooling as flows
from rackcalc.formulas.heat import junction, power
from rackcalc.formulas.heat.power import ChipPower, Power, assumed
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, constant, formula, renamed
from rackcalc.quantities.record import record
from rackcalc.quantities.units import Count, Kelvin, KelvinDifference, Ratio, Watts
from rackcalc.spec.chips import GPU, LPU
from rackcalc.spec.site import Cooling


@formula(cite="assumption: racks are filled evenly")
def heat_per_rack(heat: Watts, racks: Count) -> Watts:
    """Heat that one of several racks must lose.

    >>> heat_per_rack(heat=42000.0, racks=3.0)
    14000.0
    """
    return heat / racks


@formula(cite="definition: distance to a limit")
def temperature_margin(limit: Kelvin, temperature: Kelvin) -> KelvinDifference:
    """How far below its limit a temperature is; negative beyond.

    >>> temperature_margin(limit=360.0, temperature=340.0)
    20.0
    """
    return limit - temperature


@formula(cite="definition: distance to a limit")
def power_margin(limit: Watts, heat: Watts) -> Watts:
    """How much more heat could be taken away; negative when there is too much.

    >>> power_margin(limit=20e3, heat=14e3)
    6000.0
    """
    return limit - heat


@formula(cite="definition: part of a whole")
def part_of(power: Watts, share: Ratio) -> Watts:
    """A share of a power.

    >>> part_of(power=100e3, share=0.8)
    80000.0
    """
    return power * share


@formula(cite="definition: what a share leaves")
def remainder(share: Ratio) -> Ratio:
    """The other share.

    >>> remainder(share=0.75)
    0.25
    """
    return 1 - share


@formula(cite="assumption: cold plates are part of the server, so its own share counts where it states one")
def captured_share(built: Ratio, cooling: Ratio) -> Ratio:
    """Share of heat that reaches liquid: the server's as built, or the cooling's for servers fitted afterwards.

    >>> captured_share(built=0.0, cooling=0.8), captured_share(built=0.94, cooling=0.8)
    (0.8, 0.94)
    """
    return xp.where(built > 0, built, cooling)


@record
class Pool:
    """Equal chips, equal load. resistance: junction to inlet air or mean coolant; None for the cooling's default."""

    count: Quantity
    tdp: Quantity
    idle_power: Quantity
    utilization: Quantity
    leakage_share: Quantity
    temperature_limit: Quantity
    resistance: Quantity | None = None
    power_limit: Quantity | None = None  # TDP when absent


@record
class Thermal:
    """Temperatures and flows of a rack. Dicts are by pool.

    inlet, outlet: air through the servers; exhaust: air leaving the rack, behind a rear door. headroom: limit less
    junction. throttle: share of full clock, 1 = none. pump_power is part of the facility's overhead, inside PUE.
    """

    inlet: Quantity
    airflow: Quantity
    outlet: Quantity
    exhaust: Quantity
    coolant_flow: Quantity | None
    coolant_outlet: Quantity | None
    facility_supply: Quantity
    chip_power: Mapping[str, Quantity]
    junction: Mapping[str, Quantity]
    headroom: Mapping[str, Quantity]
    throttle: Mapping[str, Quantity]
    heat_to_air: Quantity
    heat_to_liquid: Quantity
    pump_power: Quantity
    rack_headroom: Quantity
    pue: Quantity


ON_LIQUID = ("direct-liquid", "immersion")  # chips give their heat to coolant, not to air
HEAT_CAPACITY = assumed(1006.0, "J/kg/K", "specific heat of air", 1005.0, 1030.0, "dry air at 300 K; high: humid")
HUMIDITY = assumed(0.4, "1", "relative humidity", 0.08, 0.8, "moves air density by less than 1 %")
SEA_LEVEL = constant(0.0, "m", "sea level", "given", note="where the flow is rated")
ONE_RACK = constant(1.0, "1", "racks", "given", note="one, where nothing is said")
NO_LIQUID = constant(0.0, "1", "no liquid", "given", note="cooled by air alone")
NO_FANS = constant(0.0, "1", "no fans", "given", note="immersed servers have none")
FAN_EXPONENT = assumed(3.0, "1", "fan power exponent", 2.5, 3.0, "affinity law; lower against a fixed head")
CONDUCTION_SHARE = assumed(0.5, "1", "flow-independent share of resistance", 0.3, 0.7, "interface, lid and spreading")
FLOW_EXPONENT = assumed(0.8, "1", "convection exponent", 0.5, 0.8, "turbulent flow between fins; 0.5 laminar")


@record
class _Air:
    inlet: Quantity
    flow: Quantity
    density: Quantity
    rated_flow: Quantity
    rated_density: Quantity
    fans: Quantity


def _density(altitude: Quantity, temperature: Quantity) -> Quantity:
    pressure = flows.pressure_at(altitude=altitude)
    vapour = flows.saturation_pressure(temperature=temperature)
    return flows.air_density(
        pressure=pressure, temperature=temperature, relative_humidity=HUMIDITY, saturation_pressure=vapour
    )


def _air(
    load: Quantity,
    full_load: Quantity,
    fan_share: Quantity,
    air_share: Quantity,
    built_air_share: Quantity,
    cooling: Cooling,
    supply: Quantity,
    altitude: Quantity,
    airflow: Quantity | None,
) -> _Air:
    """Airflow and fans. Fans are rated for full load at sea level, and set for this load with its rated leakage."""
    density, rated_density = _density(altitude, supply), _density(SEA_LEVEL, supply)
    rated_fans = flows.rated_fan_power(load=full_load, share=fan_share)
    rated_heat = part_of(power=total(load=full_load, fans=rated_fans), share=built_air_share)
    rated_flow = flows.volume_flow(
        heat=rated_heat, density=rated_density, heat_capacity=HEAT_CAPACITY, rise=cooling.air_rise
    )
    fan = {"rated_flow": rated_flow, "rated_density": rated_density, "density": density, "exponent": FAN_EXPONENT}
    if airflow is None:
        airflow = flows.airflow_with_fans(
            load=load,
            air_share=air_share,
            rated_fans=rated_fans,
            heat_capacity=HEAT_CAPACITY,
            rise=cooling.air_rise,
            **fan,
        )
    fans = flows.fan_power(rated=rated_fans, flow=airflow, **fan)
    rise = flows.temperature_rise(
        heat=part_of(power=total(load=load, fans=fans), share=air_share),
        density=density,
        heat_capacity=HEAT_CAPACITY,
        flow=airflow,
    )
    inlet = flows.recirculated_inlet(supply=supply, rise=rise, share=cooling.recirculation)
    return _Air(inlet, airflow, density, rated_flow, rated_density, fans)


@record
class _Chip:
    power: Quantity
    junction: Quantity
    headroom: Quantity
    throttle: Quantity


def _settle(pool: Pool, nominal: ChipPower, carrier: Quantity, resistance: Quantity) -> _Chip:
    """Clock, temperature and power of the chips of one pool: throttle first, then the leakage equilibrium."""
    leak = {
        "rated_leakage": nominal.leakage,
        "sensitivity": power.LEAKAGE_SENSITIVITY,
        "reference": power.LEAKAGE_REFERENCE,
    }
    budget = junction.switching_budget(
        carrier=carrier,
        resistance=resistance,
        limit=pool.temperature_limit,
        power_limit=pool.tdp if pool.power_limit is None else pool.power_limit,
        **leak,
    )
    load = {
        "tdp": pool.tdp,
        "idle_power": pool.idle_power,
        "rated_leakage": nominal.leakage,
        "utilization": pool.utilization,
        "voltage_floor": power.VOLTAGE_FLOOR,
    }
    clock = junction.throttled_clock(budget=budget, **load)
    switching = power.switching_power(clock=clock, **load)
    temperature = junction.junction_with_leakage(carrier=carrier, resistance=resistance, switching=switching, **leak)
    leakage = power.leakage(
        rated=nominal.leakage,
        sensitivity=power.LEAKAGE_SENSITIVITY,
        temperature=temperature,
        reference=power.LEAKAGE_REFERENCE,
    )
    headroom = temperature_margin(limit=pool.temperature_limit, temperature=temperature)
    return _Chip(total(switching=switching, leakage=leakage), temperature, headroom, clock)


def _carrier(cooling: Cooling, air: _Air, coolant: Quantity | None) -> Quantity:
    """Temperature the chips' resistance starts from."""
    if coolant is None or cooling.coolant_rise is None:
        return air.inlet
    return flows.mean_temperature(inlet=coolant, rise=cooling.coolant_rise)


def _resistance(pool: Pool, cooling: Cooling, air: _Air) -> Quantity:
    """Resistance of one chip; a heat sink's depends on the airflow, a cold plate's is taken as it is."""
    rated = cooling.chip_resistance if pool.resistance is None else pool.resistance
    if cooling.method in ON_LIQUID:
        return rated
    return junction.resistance_at_flow(
        resistance=rated,
        conduction_share=CONDUCTION_SHARE,
        flow=air.flow,
        rated_flow=air.rated_flow,
        density=air.density,
        rated_density=air.rated_density,
        exponent=FLOW_EXPONENT,
    )


def resistance_of(part: GPU | LPU, cooling: Cooling) -> Quantity | None:
    """The chip's own thermal resistance under this kind of cooling, or None for Pool to use the cooling's default."""
    if cooling.method == "immersion":
        return None
    return part.thermal_resistance_liquid if cooling.method in ON_LIQUID else part.thermal_resistance_air


def cool(
    pools: Mapping[str, Pool],
    cooling: Cooling,
    host_power: Quantity,
    fan_share: Quantity,
    altitude: Quantity = SEA_LEVEL,
    inlet: Quantity | None = None,
    airflow: Quantity | None = None,
    built_liquid_share: Quantity = NO_LIQUID,
    racks: Quantity = ONE_RACK,
) -> tuple[Power, Thermal]:
    """Power and temperatures of the equipment in so many racks, with leakage, fans, throttling and altitude coupled.

    host_power: W, everything but chips and fans. fan_share: fans' share of the servers' full-load power, as built.
    inlet: K, of the air (air, rear-door) or coolant (direct-liquid, immersion); default the cooling's supply.
    airflow: m^3/s that the site pushes through the rack; default what the cooling's air_rise needs for this load.
    built_liquid_share: share of heat the servers were built to give to liquid; sizes their fans.
    Every W of IT power ends in heat_to_air or heat_to_liquid. Runaway and fans that cannot keep up come out as inf.
    """
    on_liquid = cooling.method in ON_LIQUID
    air_supply = cooling.air_supply if inlet is None or on_liquid else inlet
    coolant_supply = inlet if on_liquid and inlet is not None else cooling.coolant_supply
    liquid_share = cooling.liquid_share
    if cooling.method == "direct-liquid":
        liquid_share = captured_share(built=built_liquid_share, cooling=liquid_share)
    # behind a rear door all heat still crosses the servers as air
    air_share = remainder(share=liquid_share if on_liquid else NO_LIQUID)
    nominal = {name: power.chip(p.tdp, p.idle_power, p.utilization, p.leakage_share) for name, p in pools.items()}
    demand = {name: power.pool_power(count=p.count, power=nominal[name].nominal) for name, p in pools.items()}
    full = {name: power.pool_power(count=p.count, power=p.tdp) for name, p in pools.items()}
    air = _air(
        load=total(**demand, host=host_power),
        full_load=total(**full, host=host_power),
        fan_share=NO_FANS if cooling.method == "immersion" else fan_share,
        air_share=air_share,
        built_air_share=remainder(share=built_liquid_share),
        cooling=cooling,
        supply=air_supply,
        altitude=altitude,
        airflow=airflow,
    )
    carrier = _carrier(cooling, air, coolant_supply if on_liquid else None)
    chips = {name: _settle(p, nominal[name], carrier, _resistance(p, cooling, air)) for name, p in pools.items()}
    drawn = total(**{name: power.pool_power(count=p.count, power=chips[name].power) for name, p in pools.items()})
    it = total(chips=drawn, host=host_power, fans=air.fans)
    electric = Power(drawn, air.fans, host_power, it, power.facility_power(it=it, pue=cooling.pue))
    return electric, _heat(it, air, air_share, liquid_share, chips, cooling, air_supply, coolant_supply, racks)


def _heat(
    it: Quantity,
    air: _Air,
    air_share: Quantity,
    liquid_share: Quantity,
    chips: Mapping[str, _Chip],
    cooling: Cooling,
    air_supply: Quantity,
    coolant_supply: Quantity | None,
    racks: Quantity,
) -> Thermal:
    """Where the heat goes once every power is known."""
    to_liquid = part_of(power=it, share=liquid_share)
    to_air = part_of(power=it, share=remainder(share=liquid_share))
    moved = {"density": air.density, "heat_capacity": HEAT_CAPACITY, "flow": air.flow}
    rise = flows.temperature_rise(heat=part_of(power=it, share=air_share), **moved)
    exhaust = flows.warmed(inlet=air.inlet, rise=flows.temperature_rise(heat=to_air, **moved))
    coolant_flow = coolant_outlet = None
    if coolant_supply is not None and cooling.coolant_rise is not None:
        if cooling.coolant_density is None or cooling.coolant_heat_capacity is None:
            raise ValueError(f"cooling {cooling.name}: coolant_rise needs coolant_density and coolant_heat_capacity")
        coolant_flow = flows.volume_flow(
            heat=to_liquid,
            density=cooling.coolant_density,
            heat_capacity=cooling.coolant_heat_capacity,
            rise=cooling.coolant_rise,
        )
        coolant_outlet = flows.warmed(inlet=coolant_supply, rise=cooling.coolant_rise)
    return Thermal(
        inlet=renamed(air.inlet, "inlet"),
        airflow=renamed(air.flow, "airflow"),
        outlet=flows.warmed(inlet=air.inlet, rise=rise),
        exhaust=exhaust,
        coolant_flow=coolant_flow,
        coolant_outlet=coolant_outlet,
        facility_supply=flows.facility_supply(
            supply=air_supply if coolant_supply is None else coolant_supply, approach=cooling.approach
        ),
        chip_power={name: chip.power for name, chip in chips.items()},
        junction={name: chip.junction for name, chip in chips.items()},
        headroom={name: chip.headroom for name, chip in chips.items()},
        throttle={name: chip.throttle for name, chip in chips.items()},
        heat_to_air=to_air,
        heat_to_liquid=to_liquid,
        pump_power=part_of(power=to_liquid, share=cooling.pump_share),
        rack_headroom=power_margin(limit=cooling.rack_limit, heat=heat_per_rack(heat=it, racks=racks)),
        pue=cooling.pue,
    )
