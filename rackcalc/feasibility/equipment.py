"""Cooling equipment and electrical supply that lack what the rest of the file needs."""

from rackcalc.config.racks import Loaded
from rackcalc.quantities.problems import Problem
from rackcalc.spec.plant import Plant
from rackcalc.spec.rack import Rack

YEAR = 8760 * 3600.0  # s
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


def _weather(loaded: Loaded, plant: Plant, method: str) -> list[Problem]:
    """Weather of less or more than a year, or without the wet bulb that a cooling tower meets."""
    climate, found = plant.climate, []
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
