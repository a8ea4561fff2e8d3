"""Quantities as people read them."""

from rackcalc.quantities.problems import failure
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.units import UnitError, convert, show


def show_value(quantity: Quantity, digits: int = 4) -> str:
    """A quantity as text; an array by its range."""
    if not isinstance(quantity.value, int | float):
        low, high = float(quantity.value.min()), float(quantity.value.max())
        return f"{show(low, quantity.unit)} .. {show(high, quantity.unit)}"
    return show(float(quantity.value), quantity.unit, absolute=is_temperature(quantity), digits=digits)


def in_unit(quantity: Quantity, value: float, unit: str | None) -> float:
    """A value of the quantity, given in its canonical unit, in the unit asked for. InputError when that cannot be."""
    if not unit:
        return value
    try:
        return convert(value, quantity.unit, unit, absolute=is_temperature(quantity))
    except UnitError as error:
        raise failure(str(error), "--unit") from None


def is_temperature(quantity: Quantity) -> bool:
    """True for a point on the temperature scale, which is shown in degC; rises and margins stay in K."""
    if quantity.unit != "K":
        return False
    if quantity.formula is not None and quantity.formula.unit == "K":
        return not quantity.formula.difference
    first = next(iter(quantity.inputs.values()), None)  # a sum or an extreme is what its terms are
    return is_temperature(first) if first is not None else quantity.absolute
