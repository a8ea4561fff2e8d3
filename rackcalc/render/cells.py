"""Single figures as people read them: a cell of a table, and an interval beside it."""

from dataclasses import replace

from rackcalc.quantities import unit_text
from rackcalc.quantities.display import show_value
from rackcalc.quantities.quantity import Quantity

# units that people expect for these figures, where show() would choose others
SPELLINGS = {
    "cost.per_hour": "USD/hour",
    "cost.known.per_hour": "USD/hour",
    "roi.irr": "percent/year",
    "thermal.airflow": "CFM",
    "thermal.coolant_flow": "L/min",
}


def cell(path: str, quantity: Quantity | None, digits: int = 4) -> str:
    """A figure as a person reads it; a dash for none."""
    if quantity is None:
        return "-"
    spelling = SPELLINGS.get(path)
    value = float(quantity.value)
    if spelling is None or not quantity.known or value - value != 0:
        return show_value(quantity, digits)
    return f"{unit_text.convert(value, quantity.unit, spelling):,.{digits}g} {spelling.replace('percent', '%')}"


def interval_text(path: str, quantity: Quantity, interval: tuple[float, float]) -> str:
    """The interval of a figure, without the unit where the figure has the same; "" if it is certain or unknown."""
    if not quantity.known or interval[0] == interval[1]:
        return ""
    low, high = (cell(path, replace(quantity, value=end), digits=3) for end in interval)
    unit = cell(path, quantity).partition(" ")[2]
    if low.partition(" ")[2] == high.partition(" ")[2] == unit:
        low, high = low.partition(" ")[0], high.partition(" ")[0]
    return f"{low} .. {high}"
