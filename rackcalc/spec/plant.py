"""Cooling as equipment: what carries the heat of a rack to the outdoors, and the weather that it meets there."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import catalog_part, number, table, text


@record
class Cdu:
    """A coolant distribution unit: pumps, a heat exchanger between two loops, filters and leak detection."""

    name: str = text("full name")
    method: str = text("what its other side gives the heat to", choices=("liquid-to-liquid", "liquid-to-air"))
    capacity: Quantity = number("W", "heat that one unit moves at its rated approach", above=0, example="80 kW")
    approach: Quantity = number("K", "coolant supply above facility supply, at capacity", at_least=0, example="4 K")
    pump_power: Quantity = number("W", "pumps of one unit at full flow", at_least=0, example="1.5 kW")
    least_flow: Quantity = number(
        "1", "share of full flow below which its pumps do not slow down", above=0, at_most=1, default="0.3"
    )
    price: Quantity | None = number("USD", "purchase price of one unit", at_least=0, default=None, example="24000 USD")
    leak_detection: Quantity | None = number(
        "USD", "leak detection of one unit with its manifolds", at_least=0, default=None
    )
    treatment: Quantity | None = number(
        "USD/s", "treatment and testing of the coolant of one unit", at_least=0, default=None, example="1500 USD/year"
    )


@record
class Door:
    """A rear-door heat exchanger."""

    name: str = text("full name")
    capacity: Quantity = number("W", "most heat that one door takes", above=0, example="50 kW")
    conductance: Quantity = number("W/K", "heat per kelvin between air and water (UA)", above=0, example="3 kW/K")
    water_flow: Quantity = number("m^3/s", "water through one door", above=0, example="80 L/min")
    price: Quantity | None = number("USD", "purchase price of one door", at_least=0, default=None, example="12000 USD")


@record
class AirHandler:
    """Units that cool the air of the room: perimeter or in-row."""

    name: str = text("full name")
    fan_share: Quantity = number("1", "fan power over the heat moved", at_least=0, at_most=1)
    approach: Quantity = number("K", "supply air above the chilled water", at_least=0)
    water_rise: Quantity = number("K", "warming of the chilled water", above=0, default="6 K")
    price: Quantity | None = number("USD/W", "purchase price per heat moved", at_least=0, default=None)


@record
class HeatRejection:
    """Outdoor equipment: a dry cooler or a cooling tower, with a chiller for hours that are too warm, or without."""

    name: str = text("full name")
    method: str = text(
        "what meets the outdoor air: a dry coil, or water that evaporates", choices=("dry-cooler", "cooling-tower")
    )
    approach: Quantity = number(
        "K", "water above the outdoor air (wet bulb for a tower) with the fans at full speed", above=0
    )
    fan_share: Quantity = number("1", "fan power at full speed over the heat given off", at_least=0, at_most=1)
    pump_share: Quantity = number("1", "power of the facility water's pumps over the heat moved", at_least=0, at_most=1)
    carnot_share: Quantity | None = number(
        "1",
        "chiller: COP over that of Carnot; without it there is no compressor",
        above=0,
        at_most=1,
        default=None,
        example="0.5",
    )
    condenser_approach: Quantity = number(
        "K", "chiller: condensing temperature above the outdoor air", at_least=0, default="12 K"
    )
    least_lift: Quantity = number("K", "chiller: smallest temperature lift that it can run at", above=0, default="10 K")
    evaporated_share: Quantity = number(
        "1", "cooling tower: share of the heat that leaves as vapour", at_least=0, at_most=1, default="0.85"
    )
    cycles: Quantity = number(
        "1", "cooling tower: salts in the basin over those in the make-up water", above=1, default="4"
    )
    price: Quantity | None = number("USD/W", "purchase price per heat given off", at_least=0, default=None)


@record
class Period:
    """A part of the year with much the same weather: a month, or the hours of a weather file that are alike."""

    dry_bulb: Quantity = number("K", "mean outdoor temperature", absolute=True, above=0, example="12 degC")
    wet_bulb: Quantity | None = number(
        "K", "mean wet-bulb temperature, which cooling towers meet", absolute=True, above=0, default=None
    )
    swing: Quantity = number("K", "from the coldest to the warmest hour of a mean day", at_least=0, default="0 K")
    wet_swing: Quantity | None = number(
        "K",
        "the same of the wet bulb, which swings by half as much or less (default: swing, on the safe side)",
        at_least=0,
        default=None,
        example="3 K",
    )
    duration: Quantity = number("s", "its share of the year", above=0, default="730 hour")


@record
class Climate:
    """The weather of a place: twelve months in the rack file, or the hours of an EPW or TMY3 file."""

    name: str = text("the place and what the values are from")
    periods: Mapping[str, Period] = table(
        Period, "months or other parts of the year, by name; together they make a year", required=True
    )
    hottest_dry_bulb: Quantity = number(
        "K", "outdoor temperature that the equipment is designed for", absolute=True, above=0, example="35 degC"
    )
    hottest_wet_bulb: Quantity | None = number(
        "K", "wet-bulb temperature that a cooling tower is designed for", absolute=True, above=0, default=None
    )


@record
class Plant:
    """The cooling equipment of the rack. With site.supply it gives the PUE, in place of that of the cooling."""

    climate: Climate = catalog_part("climates", "the weather: a catalog name, twelve months, or {weather: FILE.epw}")
    cdu: Cdu | None = catalog_part("cdus", "the coolant distribution units, where liquid cools", default=None)
    door: Door | None = catalog_part("doors", "the rear-door heat exchangers", default=None)
    air_handler: AirHandler = catalog_part("air_handlers", "what cools the room's air", default="chilled-water-crah")
    air_rejection: HeatRejection = catalog_part(
        "rejections", "the outdoor equipment of the room's chilled water", default="air-cooled-chiller"
    )
    liquid_rejection: HeatRejection = catalog_part(
        "rejections", "the outdoor equipment of the water that the CDUs give their heat to", default="dry-cooler"
    )
    spare: Quantity = number(
        "1", "CDUs beyond those needed: 1 is N+1", at_least=0, at_most=100, whole=True, default="1"
    )
    other_heat: Quantity = number(
        "W", "heat of other racks on the same CDUs, which share their price", at_least=0, default="0 W"
    )
    reserve: Quantity = number(
        "1", "capacity of air handlers and outdoor equipment beyond that needed, as a share", at_least=0, default="0.2"
    )
    installation: Quantity = number(
        "1", "piping and labor over the price of the equipment", at_least=0, default="0.3", example="0.3"
    )
