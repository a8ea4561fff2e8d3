"""What waiting a year is worth: the same rack bought in another year of its file, as of today."""

from collections.abc import Mapping

from rackcalc.config.racks import Loaded
from rackcalc.config.years import split
from rackcalc.formulas.money.payments import rate_of
from rackcalc.formulas.money.present_value import YEAR, value_of_waiting
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.years import year_number


@record
class Waiting:
    """Investing in another year instead of that of the baseline. years: how much later. now, later: net present value
    of each in its own year, USD. worth: what waiting is worth in USD of the baseline's year; negative where it loses.
    """

    column: int
    years: float
    now: float
    later: float
    worth: float


def waiting(
    column: int,
    base: Loaded,
    other: Loaded,
    figures: tuple[Mapping[str, Quantity], Mapping[str, Quantity]],
) -> Waiting | None:
    """What waiting from the year of the baseline to another one is worth; None without years, or without income."""
    labels = [split(side.scenario)[1] for side in (base, other)]
    numbers = [year_number(label) for label in labels]
    worths = [known.get("roi.npv") for known in figures]
    if None in numbers or any(npv is None or not npv.known for npv in worths):
        return None
    delay = (numbers[1] or 0.0) - (numbers[0] or 0.0)
    now, later = (float(npv.value) for npv in worths if npv is not None)
    if delay <= 0:
        return None
    rate = float(rate_of(base.rack.economics).value)
    worth = value_of_waiting(npv_now=now, npv_later=later, discount_rate=rate, delay=delay * YEAR)
    return Waiting(column, delay, now, later, float(worth))
