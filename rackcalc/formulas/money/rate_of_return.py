"""Internal rate of return, and modified internal rate of return, of cash flows by year."""

from collections.abc import Callable
from typing import Any

from rackcalc.formulas.money.present_value import CORPORATE_FINANCE, YEAR, _yearly, _years
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import USD, PerSecond, Seconds, UsDollars

CLOSE = 2e-15  # of the logarithm of growth: rounding


def _root(function: Callable[[Any], Any], low: float, high: float) -> Any:
    """Root of a function (falling or rising through zero once), elementwise; nan where both ends have one sign.

    T. R. Chandrupatla, Advances in Engineering Software 28 (1997) 145-149: inverse quadratic steps or bisection.
    """
    a, b = low, high
    at_a, at_b = function(a), function(b)
    bracketed = (at_a > 0) != (at_b > 0)
    c, at_c = a, at_a
    share: Any = 0.5
    for _ in range(64):
        x = a + share * (b - a)
        here = function(x)
        same = (here > 0) == (at_a > 0)
        c, at_c = xp.where(same, a, b), xp.where(same, at_a, at_b)
        b, at_b = xp.where(same, b, a), xp.where(same, at_b, at_a)
        a, at_a = x, here
        span = abs(b - a)
        if xp.every((here == 0) | (span <= CLOSE) | (bracketed ^ True)):
            break
        xi, phi = xp.divide(a - b, c - b), xp.divide(at_a - at_b, at_c - at_b)
        fits = (phi * phi < xi) & ((1 - phi) * (1 - phi) < 1 - xi)
        bent = xp.divide(at_a, at_b - at_a) * xp.divide(at_c, at_b - at_c)
        bent = bent + xp.divide(c - a, b - a) * xp.divide(at_a, at_c - at_a) * xp.divide(at_b, at_c - at_b)
        least = xp.minimum(xp.divide(CLOSE / 2, span), 0.5)
        share = xp.clip(xp.where(fits & (bent == bent), bent, 0.5), least, 1 - least)
    return xp.where(bracketed, xp.where(abs(at_b) < abs(at_a), b, a), xp.nan)


@formula(cite=CORPORATE_FINANCE + "internal rate of return")
def irr_of_flows(horizon: Seconds, **flows: UsDollars) -> PerSecond:
    """Discount rate at which yearly flows, in order from now, have no net present value.

    nan unless the flows change sign exactly once, because there may be several rates otherwise (see mirr_of_flows), and
    where no rate from -99.8 %/year to 10**10 %/year gives a net present value of zero.

    >>> round(8760 * 3600 * irr_of_flows(horizon=126144000.0, now=-100.0, a=39.0, b=59.0, c=55.0, d=20.0), 7)
    0.2809484
    """
    amounts = [xp.pure(flow / USD) for flow in flows.values()]
    end = _years(horizon)
    changes: Any = 0.0
    last: Any = 0.0
    for amount in amounts:
        sign = xp.where(amount > 0, 1.0, xp.where(amount < 0, -1.0, last))
        changes = changes + xp.where(sign * last < 0, 1.0, 0.0)
        last = sign
    times = [xp.minimum(end, float(year)) for year in range(len(amounts))]

    def value(log_growth: Any) -> Any:
        return sum(amount * xp.exp(-time * log_growth) for time, amount in zip(times, amounts, strict=True))

    rate = xp.where(changes == 1, xp.expm1(_root(value, -6.0, 18.5)), xp.nan)
    return rate / YEAR


@formula(cite="S. Lin, The Engineering Economist 21 (1976) 237-247: modified internal rate of return")
def mirr_of_flows(finance_rate: PerSecond, reinvest_rate: PerSecond, **flows: UsDollars) -> PerSecond:
    """Rate of return of yearly flows with income reinvested and outlays financed at rates of their own.

    Defined for any number of sign changes; nan without an outlay.

    >>> round(8760 * 3600 * mirr_of_flows(finance_rate=3.1709791983764586e-09, reinvest_rate=3.805175038051751e-09,
    ...       now=-1000.0, a=500.0, b=-200.0, c=900.0), 6)
    0.094344
    """
    borrow, reinvest = 1 + _yearly(finance_rate), 1 + _yearly(reinvest_rate)
    amounts = [xp.pure(flow / USD) for flow in flows.values()]
    last = len(amounts) - 1
    spent = sum(xp.maximum(-amount, 0.0) / borrow**year for year, amount in enumerate(amounts))
    earned = sum(xp.maximum(amount, 0.0) * reinvest ** (last - year) for year, amount in enumerate(amounts))
    rate = xp.power(xp.where(spent > 0, xp.divide(earned, spent), xp.nan), 1 / last) - 1
    return rate / YEAR
