"""Present value: discounting, annuities, annualised cost, net present value, and the advantage of renting over buying.

A year has 8760 hours. Rates are per second and compound yearly: a flow t seconds from now counts
(1 + r) ** -(t / year), where r is the rate per year. Level flows are paid at the end of each year, as in spreadsheets;
the closed forms extend that to horizons that are not whole years. Amounts are nominal if the discount rate is nominal.
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
    """Present value of 1 at the end of each year, in years."""
    return xp.where(rate == 0, years, xp.divide(-xp.expm1(-years * xp.log1p(rate)), rate))


@formula(cite=CORPORATE_FINANCE + "equivalent annual cost")
def capital_recovery_factor(discount_rate: PerSecond, horizon: Seconds) -> PerSecond:
    """Share of a sum borrowed now that level payments over the horizon return, with interest: i / (1 - (1+i)**-n).

    8 % over 4 years is 0.3019208 a year:

    >>> round(8760 * 3600 * capital_recovery_factor(discount_rate=2.536783358701167e-09, horizon=126144000.0), 7)
    0.3019208
    """
    return 1 / (_annuity(_yearly(discount_rate), _years(horizon)) * YEAR)


@formula(cite=CORPORATE_FINANCE + "future value of an annuity")
def sinking_fund_factor(discount_rate: PerSecond, horizon: Seconds) -> PerSecond:
    """Share of a sum due at the horizon that level payments must set aside until then: i / ((1+i)**n - 1).

    Smaller than the capital recovery factor by exactly the rate:

    >>> round(8760 * 3600 * sinking_fund_factor(discount_rate=2.536783358701167e-09, horizon=126144000.0), 7)
    0.2219208
    """
    rate, years = _yearly(discount_rate), _years(horizon)
    return _discount(rate, years) / (_annuity(rate, years) * YEAR)


@formula(cite=CORPORATE_FINANCE + "equivalent annual cost")
def annualised_cost(
    capex: UsDollars, resale_value: UsDollars, opex: UsDollarsPerSecond, recovery: PerSecond, sinking: PerSecond
) -> UsDollarsPerSecond:
    """Level cost per time of buying, running and reselling.

    recovery, sinking: capital recovery and sinking fund factors. This is cash flow; depreciation does not occur in it.

    >>> annualised_cost(capex=1000.0, resale_value=100.0, opex=50.0, recovery=0.3, sinking=0.2)
    330.0
    """
    return capex * recovery - resale_value * sinking + opex


@formula(cite=CORPORATE_FINANCE + "net present value of a level annuity")
def present_cost(
    capex: UsDollars, resale_value: UsDollars, opex: UsDollarsPerSecond, discount_rate: PerSecond, horizon: Seconds
) -> UsDollars:
    """Total cost of ownership: what buying, running and reselling cost over the horizon, in today's money.

    >>> present_cost(capex=1000.0, resale_value=100.0, opex=1e-05, discount_rate=0.0, horizon=126144000.0)
    2161.44
    """
    rate, years = _yearly(discount_rate), _years(horizon)
    return capex + opex * YEAR * _annuity(rate, years) - resale_value * _discount(rate, years)


@formula(cite=CORPORATE_FINANCE + "net present value of a level annuity")
def npv(
    outlay: UsDollars,
    net_value: UsDollarsPerSecond,
    resale_value: UsDollars,
    discount_rate: PerSecond,
    horizon: Seconds,
) -> UsDollars:
    """Net present value of an outlay now, a level net value until the horizon, and a resale then.

    1000 now for three times 400 at 10 % loses 5.26 (a spreadsheet's NPV also discounts the outlay, and shows 4.78):

    >>> round(npv(outlay=1000.0, net_value=1.2683916793505834e-05, resale_value=0.0,
    ...           discount_rate=3.1709791983764586e-09, horizon=94608000.0), 4)
    -5.2592
    """
    rate, years = _yearly(discount_rate), _years(horizon)
    return net_value * YEAR * _annuity(rate, years) + resale_value * _discount(rate, years) - outlay


@formula(cite=CORPORATE_FINANCE + "net present value")
def npv_of_flows(discount_rate: PerSecond, **flows: UsDollars) -> UsDollars:
    """Net present value of yearly flows, in order; the first is now and is not discounted.

    >>> round(npv_of_flows(discount_rate=8.910451547437849e-09, now=-100.0, a=39.0, b=59.0, c=55.0, d=20.0), 7)
    -0.0084786
    """
    growth = 1 + _yearly(discount_rate)
    return sum(flow / growth**year for year, flow in enumerate(flows.values()))


@formula(cite="S. Myers, D. Dill, A. Bautista, Journal of Finance 31 (1976) 799-819: net advantage to leasing")
def lease_advantage(
    capex: UsDollars,
    resale_value: UsDollars,
    owner_cost: UsDollarsPerSecond,
    rent: UsDollarsPerSecond,
    discount_rate: PerSecond,
    horizon: Seconds,
    tax_rate: Ratio,
) -> UsDollars:
    """What renting saves over buying, in today's money; negative when buying is cheaper.

    owner_cost: costs that only an owner has (maintenance, ...). discount_rate: cost of debt before tax.
    Rent is paid at the end of each year. Depreciation is linear down to the resale value and only reduces taxes.

    >>> round(lease_advantage(capex=1000.0, resale_value=0.0, owner_cost=0.0, rent=1e-05, discount_rate=0.0,
    ...                       horizon=94608000.0, tax_rate=0.0), 2)
    53.92
    """
    rate, years = _yearly(discount_rate) * (1 - tax_rate), _years(horizon)
    depreciation = (capex - resale_value) / horizon
    yearly = (rent - owner_cost) * (1 - tax_rate) + depreciation * tax_rate
    return capex - resale_value * _discount(rate, years) - yearly * YEAR * _annuity(rate, years)
