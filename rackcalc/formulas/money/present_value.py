"""Present value of cash flows by year, and the level payment that is worth as much.

A year has 8760 hours. Rates are per second and compound yearly: a flow t seconds from now counts
(1 + r) ** -(t / year), where r is the rate per year. The flow of a year is counted at its end, as in spreadsheets, that
of the last year at the horizon. Amounts are nominal if the discount rate is nominal.
"""

from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import PerSecond, Ratio, Seconds, UsDollars, UsDollarsPerSecond

YEAR = 8760 * 3600.0  # seconds

CORPORATE_FINANCE = "R. Brealey, S. Myers, F. Allen, Principles of Corporate Finance: "


def _yearly(rate: Any) -> Any:
    """A rate per year."""
    return xp.pure(rate * YEAR)


def _years(time: Any) -> Any:
    """A time in years."""
    return xp.pure(time / YEAR)


def _discount(rate: Any, years: Any) -> Any:
    """Present value of 1 after some years."""
    return xp.exp(-years * xp.log1p(rate))


def _annuity(rate: Any, years: Any) -> Any:
    """Present value of 1 at the end of each whole year, and of the part of the last one at its end; in years."""
    whole = xp.floor(years)
    level = xp.where(rate == 0, whole, xp.divide(-xp.expm1(-whole * xp.log1p(rate)), rate))
    return level + (years - whole) * _discount(rate, years)


@formula(cite=CORPORATE_FINANCE + "net present value")
def npv_of_flows(discount_rate: PerSecond, horizon: Seconds, **flows: UsDollars) -> UsDollars:
    """Net present value of yearly flows, in order; the first is now and is not discounted, none is after the horizon.

    1000 now for three times 400 at 10 % loses 5.26 (a spreadsheet's NPV also discounts the outlay, and shows 4.78):

    >>> round(npv_of_flows(discount_rate=3.1709791983764586e-09, horizon=94608000.0, now=-1000.0, a=400.0, b=400.0,
    ...       c=400.0), 4)
    -5.2592
    """
    rate, end = _yearly(discount_rate), _years(horizon)
    return sum(flow * _discount(rate, xp.minimum(end, float(year))) for year, flow in enumerate(flows.values()))


@formula(cite=CORPORATE_FINANCE + "equivalent annual cost")
def level_payment(
    present_cost: UsDollars, discount_rate: PerSecond, horizon: Seconds, tax_rate: Ratio
) -> UsDollarsPerSecond:
    """Level income, taxed, that is worth as much as a present cost: what the rack must earn to lose nothing.

    1000 at 8 % over 4 years are 301.92 a year:

    >>> round(8760 * 3600 * level_payment(present_cost=1000.0, discount_rate=2.536783358701167e-09,
    ...       horizon=126144000.0, tax_rate=0.0), 2)
    301.92
    """
    return present_cost / (_annuity(_yearly(discount_rate), _years(horizon)) * YEAR * (1 - tax_rate))


@formula(cite=CORPORATE_FINANCE + "equivalent annual cost, less straight-line depreciation")
def cost_of_capital(
    capex: UsDollars, resale: UsDollars, discount_rate: PerSecond, horizon: Seconds
) -> UsDollarsPerSecond:
    """What the money that is bound in the purchase costs per time, beyond what is written off in equal parts.

    >>> round(8760 * 3600 * cost_of_capital(capex=1000.0, resale=0.0, discount_rate=2.536783358701167e-09,
    ...       horizon=126144000.0), 2)
    51.92
    """
    rate, years = _yearly(discount_rate), _years(horizon)
    level = (capex - resale * _discount(rate, years)) / (_annuity(rate, years) * YEAR)
    return level - (capex - resale) / horizon


@formula(cite=CORPORATE_FINANCE + "straight-line depreciation")
def per_time(amount: UsDollars, horizon: Seconds) -> UsDollarsPerSecond:
    """An amount spread evenly over the horizon.

    >>> per_time(amount=1000.0, horizon=10.0)
    100.0
    """
    return amount / horizon


@formula(cite=CORPORATE_FINANCE + "lease or buy: the difference of two present costs")
def lease_advantage(owning: UsDollars, renting: UsDollars) -> UsDollars:
    """What renting saves over buying, in today's money; negative where buying is cheaper.

    >>> lease_advantage(owning=1000.0, renting=900.0)
    100.0
    """
    return owning - renting


@formula(cite="definition: what a part leaves of the whole")
def other_part(whole: UsDollarsPerSecond, part: UsDollarsPerSecond) -> UsDollarsPerSecond:
    """The rest of a cost per time.

    >>> other_part(whole=3.0, part=1.0)
    2.0
    """
    return whole - part


@formula(cite=CORPORATE_FINANCE + "investment timing: compare net present values as of today")
def value_of_waiting(npv_now: UsDollars, npv_later: UsDollars, discount_rate: PerSecond, delay: Seconds) -> UsDollars:
    """What investing later is worth beyond investing now, in today's money; negative where waiting loses.

    >>> round(value_of_waiting(npv_now=100.0, npv_later=132.0, discount_rate=0.1 / (8760 * 3600),
    ...       delay=8760 * 3600.0), 6)
    20.0
    """
    return npv_later * _discount(_yearly(discount_rate), _years(delay)) - npv_now
