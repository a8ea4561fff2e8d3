"""Cash flow by year: what is paid and earned in each year, depreciation, tax, resale. All sums of money follow from it.

Year 0 is the moment of purchase. Year k ends k years later, the last year at the horizon; money of a year is counted at
its end, as in spreadsheets. Amounts are nominal if the discount rate is nominal.
"""

from rackcalc.formulas.money.present_value import CORPORATE_FINANCE, YEAR, _years
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import USD, Count, Ratio, Seconds, UsDollars, UsDollarsPerSecond

IRS = "IRS Publication 946 (2024), table A-1: half-year convention, 5-year property"
MACRS_5 = (0.2, 0.32, 0.192, 0.1152, 0.1152, 0.0576)


@formula(cite="definition: the part of a year that lies within the horizon")
def part_of_year(year: Count, horizon: Seconds) -> Ratio:
    """How much of a year, the first being 1, the rack runs.

    >>> part_of_year(year=3.0, horizon=2.25 * 8760 * 3600.0)
    0.25
    """
    return xp.clip(_years(horizon) - (year - 1), 0.0, 1.0)


@formula(cite="definition: money per time, times the time")
def amount_in_year(rate: UsDollarsPerSecond, part: Ratio) -> UsDollars:
    """What a level flow of money amounts to in a year of which a part counts.

    >>> round(amount_in_year(rate=1000.0 / (8760 * 3600), part=0.5), 6)
    500.0
    """
    return xp.where(part > 0, rate * YEAR * part, 0.0 * USD)  # nothing is paid after the end, however much a year costs


@formula(cite=CORPORATE_FINANCE + "straight-line depreciation")
def straight_line(capex: UsDollars, resale: UsDollars, year: Count, life: Seconds, horizon: Seconds) -> UsDollars:
    """Depreciation of a year: equal parts down to the resale value, until life or horizon ends.

    >>> straight_line(capex=1000.0, resale=100.0, year=2.0, life=3 * 8760 * 3600.0, horizon=5 * 8760 * 3600.0)
    300.0
    """
    until = xp.minimum(_years(life), _years(horizon))
    return (capex - resale) * xp.clip(until - (year - 1), 0.0, 1.0) / _years(life)


@formula(cite=IRS)
def macrs_5(capex: UsDollars, year: Count, part: Ratio) -> UsDollars:
    """Depreciation of a year by the table for five-year property, down to nothing.

    >>> round(macrs_5(capex=1000.0, year=2.0, part=1.0), 6)
    320.0
    """
    share = 0.0 * year
    for number, of_year in enumerate(MACRS_5, start=1):
        share = share + xp.where(year == number, of_year, 0.0)
    return capex * share * part


@formula(cite="definition: what was paid less all depreciation")
def book_value(capex: UsDollars, **depreciation: UsDollars) -> UsDollars:
    """What the books say the rack is worth when it is sold.

    >>> book_value(capex=1000.0, first=300.0, second=300.0)
    400.0
    """
    return capex - sum(depreciation.values())


@formula(cite="definition: a purchase is sold at the end of the horizon")
def resale_in_year(resale: UsDollars, book: UsDollars, tax_rate: Ratio, year: Count, horizon: Seconds) -> UsDollars:
    """What selling brings in a year, after tax on what it brings beyond the books: nothing but in the last year.

    >>> resale_in_year(resale=200.0, book=100.0, tax_rate=0.3, year=2.0, horizon=2 * 8760 * 3600.0)
    170.0
    >>> resale_in_year(resale=200.0, book=100.0, tax_rate=0.3, year=1.0, horizon=2 * 8760 * 3600.0)
    0.0
    """
    last = xp.maximum(xp.ceil(_years(horizon)), 1.0)
    return xp.where(year == last, 1.0, 0.0) * (resale - tax_rate * (resale - book))


@formula(cite="definition: costs and depreciation reduce the taxed income")
def paid_in_year(costs: UsDollars, depreciation: UsDollars, tax_rate: Ratio) -> UsDollars:
    """What running the rack takes in a year, after the tax that it saves.

    >>> round(paid_in_year(costs=100.0, depreciation=300.0, tax_rate=0.25), 6)
    0.0
    """
    return costs * (1 - tax_rate) - depreciation * tax_rate


@formula(cite="definition: income less tax on it, less what is paid")
def net_in_year(income: UsDollars, paid: UsDollars, tax_rate: Ratio) -> UsDollars:
    """What a year leaves, without resale.

    >>> round(net_in_year(income=1000.0, paid=100.0, tax_rate=0.25), 6)
    650.0
    """
    return income * (1 - tax_rate) - paid


@formula(cite="definition: what comes in less what goes out")
def money_out(paid: UsDollars, resale: UsDollars) -> UsDollars:
    """What a year costs in all: what is paid, less what selling brings.

    >>> money_out(paid=100.0, resale=30.0)
    70.0
    """
    return paid - resale


@formula(cite="definition: what is paid at the start, as a flow")
def outlay(capex: UsDollars) -> UsDollars:
    """The flow of the moment of purchase.

    >>> outlay(capex=1000.0)
    -1000.0
    """
    return -capex
