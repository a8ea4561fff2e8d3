"""What is paid over the years of a horizon: running costs, depreciation, resale, and the tax on them."""

from collections.abc import Mapping
from functools import cache
from math import ceil
from typing import NamedTuple

from rackcalc.formulas.money.bills import own
from rackcalc.formulas.money.cash_flow import (
    amount_in_year,
    book_value,
    macrs_5,
    money_out,
    paid_in_year,
    part_of_year,
    resale_in_year,
    straight_line,
)
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.spec.money import Economics

YEAR = 8760 * 3600.0  # seconds


class Year(NamedTuple):
    """A year of the horizon, the first being 1. part: how much of it lies within. shown: not all beyond the horizon."""

    number: Quantity
    part: Quantity
    shown: bool

    @property
    def name(self) -> str:
        """What the year is called in a result."""
        return f"year_{self.number.value:g}"


class Payments(NamedTuple):
    """What is paid over the years. running: by year, after tax; resale: by year; depreciation: by year."""

    running: dict[str, Quantity]
    resale: dict[str, Quantity]
    depreciation: dict[str, Quantity]


@cache
def _year(number: int) -> Quantity:
    return constant(float(number), "1", "year", "given", note="years are counted from the purchase")


def years_of(horizon: Quantity) -> tuple[Year, ...]:
    """The years of a horizon, and of the longest that it may be, if it is in doubt."""
    middle = float(horizon.value) / YEAR
    high = middle if horizon.high is None else horizon.high / YEAR
    doubtful = horizon.low is None and horizon.kind in ("assumed", "estimate", "press")
    most = middle * max(high / middle, 1.25 if doubtful else 1.0) ** 2.5  # drawn far beyond its range now and then
    numbers = [_year(number) for number in range(1, ceil(most - 1e-9) + 1)]
    return tuple(
        Year(number, part_of_year(year=number, horizon=horizon), float(number.value) < middle + 1 - 1e-9)
        for number in numbers
    )


def horizon_of(spec: Economics) -> Quantity:
    """Time over which the money is reckoned."""
    return own(spec.horizon, spec.prices.horizon)


def rate_of(spec: Economics) -> Quantity:
    """Cost of capital."""
    return own(spec.discount_rate, spec.prices.discount_rate)


def shown(years: tuple[Year, ...], amounts: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {year.name: amounts[year.name] for year in years if year.shown}


def amounts_out(payments: Payments) -> dict[str, Quantity]:
    return {name: money_out(paid=paid, resale=payments.resale[name]) for name, paid in payments.running.items()}


def payments_of(
    spec: Economics, capex: Quantity, opex: Quantity, resale: Quantity, years: tuple[Year, ...], listed: bool
) -> Payments:
    """What is paid in each year. capex: USD at the start, opex: USD/s, resale: USD at the end.

    listed: whether depreciation is a figure by itself; else only tax depends on it.
    """
    horizon, tax = horizon_of(spec), spec.tax_rate
    matters = capex.known and (listed or float(tax.value) > 0)
    if matters and spec.depreciation == "macrs-5":
        off = {year.name: macrs_5(capex=capex, year=year.number, part=year.part) for year in years}
    else:
        life = horizon if spec.depreciation_life is None else spec.depreciation_life
        lasting = {"capex": capex, "resale": resale, "life": life, "horizon": horizon}
        off = {year.name: straight_line(year=year.number, **lasting) for year in years}
    running = {year.name: amount_in_year(rate=opex, part=year.part) for year in years}
    book = resale
    if float(tax.value) > 0:
        running = {
            name: paid_in_year(costs=costs, depreciation=off[name], tax_rate=tax) for name, costs in running.items()
        }
        book = book_value(capex=capex, **off)
    sold = {
        year.name: resale_in_year(resale=resale, book=book, tax_rate=tax, year=year.number, horizon=horizon)
        for year in years
    }
    return Payments(running, sold, off)
