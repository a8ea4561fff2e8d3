"""Single figures as people read them: a cell of a table, an interval beside it, and the unit of a bare number."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from math import inf, isnan

from rackcalc.quantities import unit_text, units
from rackcalc.quantities.display import in_unit, is_temperature, show_value
from rackcalc.quantities.problems import InputError, failure
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace

# units that people expect for these figures, where show() would choose others
SPELLINGS = {
    "cost.per_hour": "USD/hour",
    "cost.known.per_hour": "USD/hour",
    "roi.irr": "percent/year",
    "thermal.airflow": "CFM",
    "thermal.coolant_flow": "L/min",
    "plant.water": "L/day",
    "plant.wue": "L/kWh",
}

# units of bare numbers, which cannot say their unit: what the name says, else what the table shows
BARE = {
    **SPELLINGS,
    "cost.*per_million_*tokens": "USD/Mtoken",
    "cost.*per_gpu_hour": "USD/GPU/hour",
    "cost.per_hour_terms.*": "USD/hour",
    "cost.*per_million_requests": "USD/Mrequest",
    "roi.*payback": "year",
}


def bare_unit(path: str, quantity: Quantity, asked: Sequence[str] = ()) -> str:
    """The unit of a bare number. asked: the first unit of its dimension counts; "ms" also asks for "ms/token".

    InputError for a text that is no unit, or where none of those asked for has the dimension.
    """
    for unit in asked:
        try:
            dimension = units.resolve(unit)[0]
        except units.UnitError as error:
            raise failure(str(error), "--unit", path=path) from None
        if dimension == quantity.unit:
            return unit
        if dimension == "s" and quantity.unit in ("s/token", "s/request"):
            return f"{unit}/{quantity.unit.partition('/')[2]}"
    if asked:
        try:
            in_unit(quantity, 0.0, asked[0])  # says that the dimensions differ
        except InputError as error:
            raise InputError([problem._replace(path=path) for problem in error.problems]) from None
    usual = next((unit for pattern, unit in BARE.items() if fnmatchcase(path, pattern)), "")
    if usual:
        return usual
    if is_temperature(quantity):
        return "degC"
    return "USD/year" if quantity.unit == "USD/s" else quantity.unit


def usual_unit(path: str) -> str | None:
    """The unit that people expect of a figure; None where it depends on its size."""
    return "USD/hour" if path.startswith("cost.per_hour_terms.") else SPELLINGS.get(path)


def cell(path: str, quantity: Quantity | None, digits: int = 4) -> str:
    """A figure as a person reads it; a dash for none."""
    if quantity is None:
        return "-"
    spelling = usual_unit(path)
    value = float(quantity.value)
    if value == inf and path.endswith("payback"):
        return "never"
    if spelling is None or not quantity.known or value - value != 0:
        return show_value(quantity, digits)
    number = unit_text.rounded(unit_text.convert(value, quantity.unit, spelling), digits)
    return f"{number} {spelling.replace('percent', '%')}"


def interval_text(path: str, quantity: Quantity, interval: tuple[float, float], digits: int = 3) -> str:
    """The interval of a figure, without the unit where the figure has the same; "" if it is certain or unknown."""
    if not quantity.known or interval[0] == interval[1] or all(map(isnan, interval)):
        return ""
    ends = (0.0 if abs(end) < unit_text.NOTHING else end for end in interval)
    low, high = (cell(path, replace(quantity, value=end), digits=digits) for end in ends)
    unit = cell(path, quantity).partition(" ")[2]
    if low.partition(" ")[2] == high.partition(" ")[2] == unit:
        low, high = low.partition(" ")[0], high.partition(" ")[0]
    return f"{low} .. {high}"
