"""Thermal state of a rack: airflow, fans, temperature and clock of every chip, and heat to air and liquid."""

from collections.abc import Mapping

from rackcalc.formulas.combine import total
from rackcalc.formulas.heat import chip_power
from rackcalc.formulas.heat.assumptions import HEAT_CAPACITY
from rackcalc.formulas.heat.chip_temperatures import (
    ON_LIQUID,
    ChipState,
    Pool,
    carrier_temperature,
    chip_resistance,
    settled,
)
from rackcalc.formulas.heat.coolant_flow import temperature_rise, volume_flow, warmed
from rackcalc.formulas.heat.heat_balance import captured_share, heat_per_rack, part_of, power_margin, remainder
from rackcalc.formulas.heat.heat_exchangers import facility_supply
from rackcalc.formulas.heat.power import Power, facility_power, pool_power
from rackcalc.formulas.heat.rack_airflow import SEA_LEVEL, Airflow, rack_airflow
from rackcalc.quantities.quantity import Quantity, constant, renamed
from rackcalc.quantities.record import record
from rackcalc.spec.site import Cooling


@record
class Thermal:
    """Temperatures and flows of a rack. Dicts are by pool.

    inlet, outlet: air through the servers; exhaust: air leaving the rack, behind a rear door. headroom: limit less
    junction. clock_share: of the full clock, 1 = all of it; an LPU, whose schedule is fixed, must be derated or trips.
    pump_power is part of the facility's overhead, inside PUE.
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
    clock_share: Mapping[str, Quantity]
    heat_to_air: Quantity
    heat_to_liquid: Quantity
    pump_power: Quantity
    rack_headroom: Quantity
    pue: Quantity


ONE_RACK = constant(1.0, "1", "racks", "given", note="one, where nothing is said")
NO_LIQUID = constant(0.0, "1", "no liquid", "given", note="cooled by air alone")
NO_FANS = constant(0.0, "1", "no fans", "given", note="immersed servers have none")


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
    full_host_power: Quantity | None = None,
) -> tuple[Power, Thermal]:
    """Power and temperatures of the equipment in `racks` racks, with leakage, fans, throttling and altitude coupled.

    host_power: W, everything but chips and fans; full_host_power: at full load, where it differs. fan_share: share of
    fans in the full-load power of the servers.
    inlet: K, of the air (air, rear-door) or coolant (direct-liquid, immersion); by default the supply of the cooling.
    airflow: m^3/s that the site moves through the rack; by default the flow that keeps to the air_rise of the cooling.
    built_liquid_share: share of heat that the servers were built to give to liquid; their fans are sized for the rest.
    All IT power becomes heat_to_air or heat_to_liquid. Thermal runaway and fans that are too weak give inf.
    """
    on_liquid = cooling.method in ON_LIQUID
    air_supply = cooling.air_supply if inlet is None or on_liquid else inlet
    coolant_supply = inlet if on_liquid and inlet is not None else cooling.coolant_supply
    liquid_share = cooling.liquid_share
    if cooling.method == "direct-liquid":
        liquid_share = captured_share(built=built_liquid_share, cooling=liquid_share)
    # with a rear door, air still carries all heat out of the servers
    air_share = remainder(share=liquid_share if on_liquid else NO_LIQUID)
    nominal = {name: chip_power.chip(p.tdp, p.idle_power, p.utilization, p.leakage_share) for name, p in pools.items()}
    demand = {name: pool_power(count=p.count, power=nominal[name].nominal) for name, p in pools.items()}
    full = {name: pool_power(count=p.count, power=p.tdp) for name, p in pools.items()}
    air = rack_airflow(
        load=total(**demand, host=host_power),
        full_load=total(**full, host=host_power if full_host_power is None else full_host_power),
        fan_share=NO_FANS if cooling.method == "immersion" else fan_share,
        air_share=air_share,
        built_air_share=remainder(share=built_liquid_share),
        cooling=cooling,
        supply=air_supply,
        altitude=altitude,
        airflow=airflow,
    )
    carrier = carrier_temperature(cooling, air, coolant_supply if on_liquid else None)
    chips = {name: settled(p, nominal[name], carrier, chip_resistance(p, cooling, air)) for name, p in pools.items()}
    drawn = total(**{name: pool_power(count=p.count, power=chips[name].power) for name, p in pools.items()})
    it = total(chips=drawn, host=host_power, fans=air.fans)
    electric = Power(drawn, air.fans, host_power, it, facility_power(it=it, pue=cooling.pue))
    return electric, _heat(it, air, air_share, liquid_share, chips, cooling, air_supply, coolant_supply, racks)


def _heat(
    it: Quantity,
    air: Airflow,
    air_share: Quantity,
    liquid_share: Quantity,
    chips: Mapping[str, ChipState],
    cooling: Cooling,
    air_supply: Quantity,
    coolant_supply: Quantity | None,
    racks: Quantity,
) -> Thermal:
    """Flows and temperatures of air and coolant, once every power is known."""
    to_liquid = part_of(power=it, share=liquid_share)
    to_air = part_of(power=it, share=remainder(share=liquid_share))
    moved = {"density": air.density, "heat_capacity": HEAT_CAPACITY, "flow": air.flow}
    rise = temperature_rise(heat=part_of(power=it, share=air_share), **moved)
    exhaust = warmed(inlet=air.inlet, rise=temperature_rise(heat=to_air, **moved))
    coolant_flow = coolant_outlet = None
    if coolant_supply is not None and cooling.coolant_rise is not None:
        if cooling.coolant_density is None or cooling.coolant_heat_capacity is None:
            raise ValueError(f"cooling {cooling.name}: coolant_rise needs coolant_density and coolant_heat_capacity")
        coolant_flow = volume_flow(
            heat=to_liquid,
            density=cooling.coolant_density,
            heat_capacity=cooling.coolant_heat_capacity,
            rise=cooling.coolant_rise,
        )
        coolant_outlet = warmed(inlet=coolant_supply, rise=cooling.coolant_rise)
    return Thermal(
        inlet=renamed(air.inlet, "inlet"),
        airflow=renamed(air.flow, "airflow"),
        outlet=warmed(inlet=air.inlet, rise=rise),
        exhaust=exhaust,
        coolant_flow=coolant_flow,
        coolant_outlet=coolant_outlet,
        facility_supply=facility_supply(
            supply=air_supply if coolant_supply is None else coolant_supply, approach=cooling.approach
        ),
        chip_power={name: chip.power for name, chip in chips.items()},
        junction={name: chip.junction for name, chip in chips.items()},
        headroom={name: chip.headroom for name, chip in chips.items()},
        clock_share={name: chip.throttle for name, chip in chips.items()},
        heat_to_air=to_air,
        heat_to_liquid=to_liquid,
        pump_power=part_of(power=to_liquid, share=cooling.pump_share),
        rack_headroom=power_margin(limit=cooling.rack_limit, heat=heat_per_rack(heat=it, racks=racks)),
        pue=cooling.pue,
    )
