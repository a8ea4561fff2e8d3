"""Quantities shown to people: their text, and values converted to a unit that was asked for."""

from rackcalc.quantities.problems import failure
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.unit_text import convert, show
from rackcalc.quantities.units import UnitError


def show_value(quantity: Quantity, digits: int = 4) -> str:
    """A quantity as text. An array is shown as its range, an unknown value with the reason."""
    if not quantity.known:
        return f"unknown ({'; '.join(quantity.unknowns)})"
    if not isinstance(quantity.value, int | float):
        low, high = float(quantity.value.min()), float(quantity.value.max())
        return f"{show(low, quantity.unit)} .. {show(high, quantity.unit)}"
    return show(
        float(quantity.value), quantity.unit, absolute=is_temperature(quantity) or _is_date(quantity), digits=digits
    )


def in_unit(quantity: Quantity, value: float, unit: str | None) -> float:
    """A canonical value of the quantity converted to `unit`. InputError where the dimensions differ."""
    if not unit:
        return value
    try:
        return convert(value, quantity.unit, unit, absolute=is_temperature(quantity))
    except UnitError as error:
        raise failure(str(error), "--unit") from None


def _is_date(quantity: Quantity) -> bool:
    """True for a point in time, in years, as a file states it."""
    return quantity.absolute and quantity.unit == "1" and quantity.source is not None


def is_temperature(quantity: Quantity) -> bool:
    """True for a point on the temperature scale, which is shown in degC. Rises and margins are shown in K."""
    if quantity.unit != "K":
        return False
    if quantity.formula is not None and quantity.formula.unit == "K":
        return not quantity.formula.difference
    first = next(iter(quantity.inputs.values()), None)  # a sum or an extreme is of the same sort as its terms
    return is_temperature(first) if first is not None else quantity.absolute


def shown_scenario(scenario: str) -> str:
    """A scenario as people read it; "@" stands before a year of the rack file.

    >>> shown_scenario("eager"), shown_scenario("@2026"), shown_scenario("eager@2026")
    ('eager', '2026', 'eager in 2026')
    """
    name, _, year = scenario.partition("@")
    return f"{name} in {year}" if name and year else name or year
