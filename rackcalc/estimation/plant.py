"""The cooling equipment of a rack: units, power over the year, water, and what all of it costs."""

from rackcalc.estimation.facility import CoolingPlant
from rackcalc.estimation.plant_prices import equipment_prices, running_costs
from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.heat.assumptions import FAN_EXPONENT, HEAT_CAPACITY, assumed
from rackcalc.formulas.heat.chip_temperatures import ON_LIQUID
from rackcalc.formulas.heat.heat_balance import heat_per_rack, part_of
from rackcalc.formulas.heat.heat_exchangers import effectiveness, exchanged_heat, facility_supply
from rackcalc.formulas.heat.rack_airflow import moist_air_density
from rackcalc.formulas.heat.rack_cooling import Thermal
from rackcalc.formulas.plant import outdoors
from rackcalc.formulas.plant.distribution import (
    approach_at_load,
    beyond,
    capacity_rate,
    capacity_ratio,
    flow_per_door,
    load_share,
    part_by_heat,
    pump_power,
    transfer_units,
    units_needed,
)
from rackcalc.formulas.plant.prices import building_without_cooling, share_of
from rackcalc.quantities.quantity import Quantity, constant, renamed
from rackcalc.quantities.record import record, replace
from rackcalc.spec.plant import Cdu, Climate, HeatRejection, Period, Plant
from rackcalc.spec.rack import Rack

PUMP_EXPONENT = assumed(2.5, "1", "pump power exponent", 2.0, 3.0, "affinity law; lower where valves keep a pressure")
WATER_DENSITY = constant(997.0, "kg/m^3", "density of water", "given", note="at 25 degC")
YEAR = constant(8760.0 * 3600.0, "s", "year", "given", note="8760 hours")
NO_SWING = constant(0.0, "K", "no swing", "given", note="at the hottest hour")
WHOLE = constant(1.0, "1", "whole", "given", note="of the time, at the hottest hour")
NOTHING = constant(0.0, "W", "none", "given", note="no such equipment")
NO_APPROACH = constant(0.0, "K", "no exchanger", "given", note="no unit between the two loops")
NO_WATER = constant(0.0, "m^3/s", "no water", "given", note="a dry coil evaporates none")
TO_AIR = "liquid-to-air"


@record
class _Loop:
    """Water that carries heat to the outdoors. supply: to what it cools; rise: its warming. heat: mean; most: full."""

    rejection: HeatRejection
    supply: Quantity
    rise: Quantity
    heat: Quantity
    most: Quantity


@record
class _Outdoors:
    """What outdoor equipment draws: means over a year, or at one hour."""

    fans: Quantity
    compressor: Quantity
    free: Quantity
    too_warm: Quantity | None


def cooling_plant(rack: Rack, mean: Thermal, full: Thermal, it: Quantity) -> CoolingPlant | None:
    """The cooling equipment; None where the file names none. mean, full: heat at the load and at full load. it: W."""
    plant = rack.site.plant
    if plant is None:
        return None
    cdu = plant.cdu if rack.site.cooling.method != "air" else None
    units = None
    if cdu is not None:
        most = total(own=full.heat_to_liquid, others=plant.other_heat)
        units = units_needed(heat=most, capacity=cdu.capacity, spare=plant.spare)
    loops = _loops(rack, plant, cdu, units, mean, full)
    year = {name: over_the_year(loop, plant.climate) for name, loop in loops.items()}
    hottest = {name: at_the_hottest(loop, plant.climate) for name, loop in loops.items()}
    pumps = {name: part_of(power=loop.heat, share=loop.rejection.pump_share) for name, loop in loops.items()}
    most_pumps = {
        f"{name}_pumps": part_of(power=loop.most, share=loop.rejection.pump_share) for name, loop in loops.items()
    }
    load = None
    if cdu is not None and units is not None:
        load, pumps["cdu"] = _cdu_pumps(plant, cdu, units, mean)
        _, most_pumps["cdu_pumps"] = _cdu_pumps(plant, cdu, units, full)
    fans = {name: one.fans for name, one in year.items()}
    fans["air_handlers"] = _room_fans(plant, mean, cdu)
    most_fans = {f"{name}_fans": one.fans for name, one in hottest.items()}
    most_fans["air_handlers"] = _room_fans(plant, full, cdu)
    compressors = {name: one.compressor for name, one in year.items()}
    sums = {"pumps": total(**pumps), "fans": total(**fans), "compressor": total(**compressors)}
    water = total(**{name: _water(loop, year[name]) for name, loop in loops.items()})
    bare = [name for name, loop in loops.items() if loop.rejection.carnot_share is None]
    peaks = {name: loop.most for name, loop in loops.items()}
    prices = equipment_prices(rack, plant, cdu, units, peaks, full)
    return CoolingPlant(
        cdus=units,
        cdu_load=load,
        cdu_approach=None if cdu is None or units is None else _approach(plant, cdu, units, full),
        door_margin=_door_margin(rack, plant, full),
        **{name: renamed(value, name) for name, value in sums.items()},
        power=renamed(total(**sums), "power"),
        peak=renamed(
            total(**most_pumps, **most_fans, **{f"{name}_compressor": one.compressor for name, one in hottest.items()}),
            "peak",
        ),
        free_cooling={name: one.free for name, one in year.items() if name not in bare},
        too_warm={name: one.too_warm for name, one in year.items() if one.too_warm is not None},
        supply_margin={name: _margin(loops[name], plant.climate) for name in bare},
        water=water,
        wue=outdoors.water_usage_effectiveness(water=water, it=it),
        capex_terms=prices,
        capex=renamed(total(**prices), "capex"),
        opex_terms=running_costs(rack, plant, cdu, units, full, water),
    )


def with_shares(plant: CoolingPlant, rack: Rack, rack_price: Quantity | None, power: Quantity) -> CoolingPlant:
    """The equipment's price as a share of the whole rack's, and of the room. power: W that the room is built for.

    rack_price: USD, None where the rack is not bought.
    """
    own = plant if rack_price is None else replace(plant, share_of_rack=share_of(part=plant.capex, whole=rack_price))
    if "cdu" in plant.capex_terms:
        own = replace(own, cdu_share=share_of(part=plant.capex_terms["cdu"], whole=plant.capex))
    region = rack.site.region
    if region is None or region.building is None or region.cooling_share is None:
        return own
    shell = building_without_cooling(price=region.building, power=power, cooling_share=region.cooling_share)
    room = renamed(total(building=shell, cooling=plant.capex), "room")
    return replace(own, room=room, share_of_room=share_of(part=plant.capex, whole=room))


def _room_heat(heat: Thermal, cdu: Cdu | None) -> Quantity:
    """Heat that the room's air takes up."""
    if cdu is not None and cdu.method == TO_AIR:
        return total(air=heat.heat_to_air, cdus=heat.heat_to_liquid)
    return heat.heat_to_air


def _room_fans(plant: Plant, heat: Thermal, cdu: Cdu | None) -> Quantity:
    """Power of the air handlers' fans, which is heat in the room too."""
    return part_of(power=_room_heat(heat, cdu), share=plant.air_handler.fan_share)


def _room_load(plant: Plant, heat: Thermal, cdu: Cdu | None) -> Quantity:
    """Heat that the chilled water carries out of the room."""
    return total(room=_room_heat(heat, cdu), fans=_room_fans(plant, heat, cdu))


def _approach(plant: Plant, cdu: Cdu, units: Quantity, heat: Thermal) -> Quantity:
    moved = total(own=heat.heat_to_liquid, others=plant.other_heat)
    return approach_at_load(approach=cdu.approach, heat=moved, capacity=cdu.capacity, units=units, spare=plant.spare)


def _cdu_pumps(plant: Plant, cdu: Cdu, units: Quantity, heat: Thermal) -> tuple[Quantity, Quantity]:
    """Share of capacity that the units carry, and our part of their pumps' power."""
    moved = total(own=heat.heat_to_liquid, others=plant.other_heat)
    share = load_share(heat=moved, capacity=cdu.capacity, units=units)
    every = pump_power(
        rated=cdu.pump_power, units=units, share=share, least_flow=cdu.least_flow, exponent=PUMP_EXPONENT
    )
    return share, part_by_heat(power=every, heat=heat.heat_to_liquid, other_heat=plant.other_heat)


def _loops(
    rack: Rack, plant: Plant, cdu: Cdu | None, units: Quantity | None, mean: Thermal, full: Thermal
) -> dict[str, _Loop]:
    """Water from the room's air handlers to the outdoors, and from CDUs or rear doors, where there are some."""
    site, cooling = rack.site, rack.site.cooling
    inlet = site.inlet if site.inlet is not None and cooling.method not in ON_LIQUID else cooling.air_supply
    chilled = facility_supply(supply=inlet, approach=plant.air_handler.approach)
    loops = {
        "air": _Loop(
            plant.air_rejection,
            chilled,
            plant.air_handler.water_rise,
            _room_load(plant, mean, cdu),
            _room_load(plant, full, cdu),
        )
    }
    if cooling.method == "air" or (cdu is not None and cdu.method == TO_AIR):
        return loops
    own = site.inlet if cooling.method in ON_LIQUID and site.inlet is not None else cooling.coolant_supply
    assert own is not None and cooling.coolant_rise is not None  # see feasibility/equipment.py
    approach = NO_APPROACH if cdu is None or units is None else _approach(plant, cdu, units, full)
    warm = facility_supply(supply=own, approach=approach)
    loops["liquid"] = _Loop(
        plant.liquid_rejection, warm, cooling.coolant_rise, mean.heat_to_liquid, full.heat_to_liquid
    )
    return loops


def _outdoor(rejection: HeatRejection, dry: Quantity, wet: Quantity | None) -> Quantity:
    """The temperature that the equipment meets."""
    if rejection.method == "dry-cooler":
        return dry
    assert wet is not None  # see feasibility/equipment.py
    return wet


def _swing(rejection: HeatRejection, period: Period) -> Quantity:
    """The daily swing of the temperature that the equipment meets."""
    if rejection.method == "dry-cooler" or period.wet_swing is None:
        return period.swing
    return period.wet_swing


def _at(loop: _Loop, heat: Quantity, outdoor: Quantity, swing: Quantity, share: Quantity) -> _Outdoors:
    part = loop.rejection
    where = {"outdoor": outdoor, "swing": swing, "share": share, "approach": part.approach, "supply": loop.supply}
    fans = outdoors.outdoor_fan_power(heat=heat, fan_share=part.fan_share, exponent=FAN_EXPONENT, **where)
    if part.carnot_share is None:
        return _Outdoors(fans, NOTHING, share, outdoors.time_too_warm(**where))
    compressor = outdoors.compressor_power(
        heat=heat,
        rise=loop.rise,
        condenser_approach=part.condenser_approach,
        least_lift=part.least_lift,
        carnot_share=part.carnot_share,
        **where,
    )
    return _Outdoors(fans, compressor, outdoors.free_cooling(rise=loop.rise, **where), None)


def over_the_year(loop: _Loop, climate: Climate) -> _Outdoors:
    """Means over the year of one loop's outdoor equipment."""
    parts = {
        name: _at(
            loop,
            loop.heat,
            _outdoor(loop.rejection, period.dry_bulb, period.wet_bulb),
            _swing(loop.rejection, period),
            outdoors.share_of_year(duration=period.duration, year=YEAR),
        )
        for name, period in climate.periods.items()
    }
    warm = {name: part.too_warm for name, part in parts.items() if part.too_warm is not None}
    return _Outdoors(
        total(**{name: part.fans for name, part in parts.items()}),
        NOTHING if warm else total(**{name: part.compressor for name, part in parts.items()}),
        total(**{name: part.free for name, part in parts.items()}),
        total(**warm) if warm else None,
    )


def at_the_hottest(loop: _Loop, climate: Climate) -> _Outdoors:
    """The outdoor equipment at full load in the hottest hour."""
    outdoor = _outdoor(loop.rejection, climate.hottest_dry_bulb, climate.hottest_wet_bulb)
    return _at(loop, loop.most, outdoor, NO_SWING, WHOLE)


def _margin(loop: _Loop, climate: Climate) -> Quantity:
    outdoor = _outdoor(loop.rejection, climate.hottest_dry_bulb, climate.hottest_wet_bulb)
    return outdoors.supply_margin(supply=loop.supply, outdoor=outdoor, approach=loop.rejection.approach)


def _water(loop: _Loop, year: _Outdoors) -> Quantity:
    part = loop.rejection
    if part.method == "dry-cooler":
        return NO_WATER
    return outdoors.tower_water(
        heat=loop.heat,
        compressor=year.compressor,
        evaporated_share=part.evaporated_share,
        cycles=part.cycles,
        density=WATER_DENSITY,
    )


def _door_margin(rack: Rack, plant: Plant, full: Thermal) -> Quantity | None:
    """Heat that the rear door of one rack could take, between exhaust air and water, beyond what it must take."""
    door, cooling, racks = plant.door, rack.site.cooling, rack.site.racks
    if door is None or cooling.method != "rear-door":
        return None
    assert cooling.coolant_supply is not None  # see feasibility/equipment.py
    assert cooling.coolant_density is not None and cooling.coolant_heat_capacity is not None
    air = capacity_rate(
        flow=flow_per_door(flow=full.airflow, doors=racks),
        density=moist_air_density(rack.site.altitude, full.outlet),
        heat_capacity=HEAT_CAPACITY,
    )
    water = capacity_rate(
        flow=door.water_flow, density=cooling.coolant_density, heat_capacity=cooling.coolant_heat_capacity
    )
    smaller = smallest(air=air, water=water)
    transfer = effectiveness(
        transfer_units=transfer_units(conductance=door.conductance, smaller=smaller),
        capacity_ratio=capacity_ratio(one=air, other=water),
    )
    moved = exchanged_heat(effectiveness=transfer, capacity_rate=smaller, hot=full.outlet, cold=cooling.coolant_supply)
    most = smallest(exchanged=moved, rated=door.capacity)
    return beyond(power=most, other=heat_per_rack(heat=full.heat_to_liquid, racks=racks))
