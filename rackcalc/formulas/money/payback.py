"""Payback: the time until what the years leave has returned the outlay. Within a year it comes in evenly."""

from typing import Any

from rackcalc.formulas.money.present_value import CORPORATE_FINANCE, YEAR, _yearly, _years
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import USD, PerSecond, Seconds, UsDollars


def _until_paid(capex: Any, rate: Any, end: Any, years: list[Any]) -> Any:
    """Years until the flows, discounted from the moment they arrive, have returned the outlay; inf if never."""
    force = xp.log1p(rate)
    owed, found = xp.maximum(capex, 0.0), xp.where(capex > 0, xp.inf, 0.0)
    for number, amount in enumerate(years):
        begin = xp.minimum(end, float(number))
        length = xp.minimum(end, number + 1.0) - begin
        flow = xp.divide(amount, length)  # per year, while the year lasts
        worth = xp.exp(-force * begin)
        whole = xp.where(force == 0, amount, xp.divide(flow * worth * -xp.expm1(-force * length), force))
        # the share of what is owed that the year's flow returns, as time into the year
        simple = xp.divide(owed, flow * worth)
        inner = xp.clip(force * simple, 0.0, 1.0 - 1e-16)
        into = xp.where(force == 0, simple, xp.divide(-xp.log1p(-inner), force))
        paid = (whole >= owed) & (length > 0) & (found == xp.inf)
        found = xp.where(paid, begin + xp.minimum(into, length), found)
        if xp.every(found < xp.inf):
            break
        owed = owed - xp.where(length > 0, whole, 0.0)
    return found


@formula(cite="definition: when the sum of what the years leave reaches the outlay")
def payback(capex: UsDollars, horizon: Seconds, **years: UsDollars) -> Seconds:
    """Time until what the years leave has returned the outlay; unbounded when that is not within the horizon.

    950,000 USD out of 71.4 million USD a year take 4.86 days:

    >>> round(payback(capex=950000.0, horizon=31536000.0, first=71.4e6) / 86400, 2)
    4.86
    """
    return (
        _until_paid(xp.pure(capex / USD), 0.0, _years(horizon), [xp.pure(amount / USD) for amount in years.values()])
        * YEAR
    )


@formula(cite=CORPORATE_FINANCE + "discounted payback, for money that arrives evenly")
def discounted_payback(capex: UsDollars, discount_rate: PerSecond, horizon: Seconds, **years: UsDollars) -> Seconds:
    """As payback, with what arrives discounted from the moment it arrives.

    The year-end convention of npv is not used, because it would charge interest for a whole year on a payback of days.

    >>> time = discounted_payback(capex=950000.0, discount_rate=3.1709791983764586e-09, horizon=31536000.0,
    ...     first=71.4e6)
    >>> round(time / 86400, 2)
    4.86
    """
    amounts = [xp.pure(amount / USD) for amount in years.values()]
    return _until_paid(xp.pure(capex / USD), _yearly(discount_rate), _years(horizon), amounts) * YEAR
