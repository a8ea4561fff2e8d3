"""Prices and running costs of the cooling equipment of a rack, by name. Energy is not among them."""

from collections.abc import Mapping

from rackcalc.estimation.power_and_heat import pools_by_name
from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.heat.rack_cooling import Thermal
from rackcalc.formulas.money.prices import price_of
from rackcalc.formulas.plant.distribution import plates_needed
from rackcalc.formulas.plant.prices import installed, price_per_power, shared_cost, shared_price, water_cost
from rackcalc.quantities.quantity import Quantity, constant, unknown
from rackcalc.spec.plant import Cdu, Plant
from rackcalc.spec.rack import Rack

NOT_BUILT = constant(0.0, "1", "no product", "given", note="chips of no product of their own")
ONE = constant(1.0, "1", "one", "given", note="one set")


def priced(price: Quantity | None, unit: str, what: str) -> Quantity:
    """A price, or that it is unknown."""
    return unknown(unit, "price", f"no price for {what}") if price is None else price


def equipment_prices(
    rack: Rack, plant: Plant, cdu: Cdu | None, units: Quantity | None, peaks: Mapping[str, Quantity], full: Thermal
) -> dict[str, Quantity]:
    """Price of each kind of equipment [USD]. peaks: heat of each loop of water at full load."""
    found: dict[str, Quantity] = {}
    cooling, liquid = rack.site.cooling, full.heat_to_liquid
    if cdu is not None and units is not None:
        ours = {"units": units, "heat": liquid, "other_heat": plant.other_heat}
        found["cdu"] = shared_price(price=priced(cdu.price, "USD", cdu.name), **ours)
        found["leak_detection"] = shared_price(
            price=priced(cdu.leak_detection, "USD", f"leak detection of {cdu.name}"), **ours
        )
    if plant.door is not None and cooling.method == "rear-door":
        found["doors"] = price_of(price=priced(plant.door.price, "USD", plant.door.name), count=rack.site.racks)
    if cooling.method == "direct-liquid":
        found |= _plates(rack)
    found["air_handlers"] = price_per_power(
        price=priced(plant.air_handler.price, "USD/W", plant.air_handler.name),
        power=peaks["air"],
        reserve=plant.reserve,
    )
    for name, part in (("air", plant.air_rejection), ("liquid", plant.liquid_rejection)):
        if name in peaks:
            found[f"outdoors_{name}"] = price_per_power(
                price=priced(part.price, "USD/W", part.name), power=peaks[name], reserve=plant.reserve
            )
    found["installation"] = installed(price=total(**found), installation=plant.installation)
    return found


def _plates(rack: Rack) -> dict[str, Quantity]:
    """Cold plates of the chips and manifolds of the racks; those of products built for liquid are in their price."""
    cooling, plates = rack.site.cooling, {}
    price = priced(cooling.plate_price, "USD", f"cold plates of {cooling.name}")
    built = {}
    for name, pool in pools_by_name(rack).items():
        built[name] = NOT_BUILT if pool.system is None else pool.system.liquid_share
        plates[name] = price_of(price=price, count=plates_needed(chips=pool.count, built_share=built[name]))
    manifold = priced(cooling.manifold_price, "USD", f"manifolds of {cooling.name}")
    racks = plates_needed(chips=rack.site.racks, built_share=smallest(**built))
    return {"plates": total(**plates), "manifolds": price_of(price=manifold, count=racks)}


def running_costs(
    rack: Rack, plant: Plant, cdu: Cdu | None, units: Quantity | None, full: Thermal, water: Quantity
) -> dict[str, Quantity]:
    """Running cost of each kind [USD/s]: treatment of the coolant, and water."""
    found = {}
    if cdu is not None and units is not None:
        found["treatment"] = shared_cost(
            cost=priced(cdu.treatment, "USD/s", f"treatment in {cdu.name}"),
            units=units,
            heat=full.heat_to_liquid,
            other_heat=plant.other_heat,
        )
    if rack.site.region is not None and rack.site.region.water is not None:
        found["water"] = water_cost(water=water, price=rack.site.region.water)
    return found
