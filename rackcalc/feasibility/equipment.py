"""Cooling equipment and electrical supply that lack what the rest of the file needs."""

from rackcalc.config.racks import Loaded
from rackcalc.quantities.problems import Problem
from rackcalc.quantities.quantity import Quantity
from rackcalc.spec.plant import Climate, Plant
from rackcalc.spec.rack import Rack

YEAR = 8760 * 3600.0  # s
ROUNDING = 0.1  # K, of means and of weather that is put together
NEEDS = {"direct-liquid": "cdu", "immersion": "cdu", "rear-door": "door"}  # method of cooling -> what carries the heat


def incomplete_equipment(loaded: Loaded, rack: Rack) -> list[Problem]:
    """Units that are missing, weather that is no year, and a metered power that is not stated."""
    found = []
    supply, plant, method = rack.site.supply, rack.site.plant, rack.site.cooling.method
    if supply is not None and supply.provisioning == "metered" and supply.metered is None:
        found.append(loaded.problem("site.supply.metered", "is missing; provisioning metered needs it"))
    if plant is None:
        return found
    needed = NEEDS.get(method)
    if needed is not None and getattr(plant, needed) is None:
        message = f"is missing; cooling {method} needs it: name one of `rackcalc parts {needed}s`"
        found.append(loaded.problem(f"site.plant.{needed}", message))
    return found + _weather(loaded, plant, method)


def _impossible(loaded: Loaded, climate: Climate) -> list[Problem]:
    """Air that is more than saturated, and parts of the year that are warmer than its hottest hour."""
    place, found = "site.plant.climate", []
    saturated, warmer = "is above the dry bulb; no air is more than saturated", "is above hottest_dry_bulb"
    pairs: list[tuple[str, Quantity | None, Quantity, str]] = [
        (f"{place}.hottest_wet_bulb", climate.hottest_wet_bulb, climate.hottest_dry_bulb, saturated)
    ]
    for name, period in climate.periods.items():
        at = f"{place}.periods.{name}"
        pairs.append((f"{at}.dry_bulb", period.dry_bulb, climate.hottest_dry_bulb, warmer))
        pairs.append((f"{at}.wet_bulb", period.wet_bulb, period.dry_bulb, saturated))
    for path, low, high, said in pairs:
        if low is not None and float(low.value) > float(high.value) + ROUNDING:
            found.append(loaded.problem(path, said))
    return found


def _weather(loaded: Loaded, plant: Plant, method: str) -> list[Problem]:
    """Weather of less or more than a year, or without the wet bulb that a cooling tower meets."""
    climate, found = plant.climate, _impossible(loaded, plant.climate)
    whole = sum(float(period.duration.value) for period in climate.periods.values())
    if abs(whole - YEAR) > 0.01 * YEAR:
        message = f"the periods make {whole / 3600:g} hours and a year has 8760: state twelve months, or each duration"
        found.append(loaded.problem("site.plant.climate.periods", message))
    used = [plant.air_rejection] if method == "air" else [plant.air_rejection, plant.liquid_rejection]
    if all(part.method == "dry-cooler" for part in used):
        return found
    message = "is missing; a cooling tower meets the wet bulb"
    for name, period in climate.periods.items():
        if period.wet_bulb is None:
            found.append(loaded.problem(f"site.plant.climate.periods.{name}.wet_bulb", message))
    if climate.hottest_wet_bulb is None:
        found.append(loaded.problem("site.plant.climate.hottest_wet_bulb", message))
    return found
