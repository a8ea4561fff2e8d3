"""Payback: the time until income has returned an outlay."""

from rackcalc.formulas.money.present_value import CORPORATE_FINANCE, YEAR, _yearly
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import SECOND, USD, PerSecond, Seconds, UsDollars, UsDollarsPerSecond


@formula(cite="definition: outlay over net value per time")
def payback(outlay: UsDollars, net_value: UsDollarsPerSecond) -> Seconds:
    """Time until an even net value has returned the outlay; inf when nothing comes in net.

    950,000 USD out of 71.4 million USD a year take 4.86 days:

    >>> round(payback(outlay=950000.0, net_value=2.264079147640792) / 86400, 2)
    4.86
    """
    earning = net_value > 0
    time = xp.divide(xp.maximum(outlay, 0.0 * USD), xp.where(earning, net_value, 1.0 * USD / SECOND))
    return xp.where(earning, time, xp.inf * SECOND)


@formula(cite=CORPORATE_FINANCE + "discounted payback, for a value that arrives evenly")
def discounted_payback(outlay: UsDollars, net_value: UsDollarsPerSecond, discount_rate: PerSecond) -> Seconds:
    """Time until an even net value, discounted from the moment it arrives, has returned the outlay; inf when never.

    The year-end convention of npv is not used, because it would charge interest for a whole year on a payback of days.

    >>> time = discounted_payback(outlay=950000.0, net_value=2.264079147640792, discount_rate=3.1709791983764586e-09)
    >>> round(time / 86400, 2)
    4.86
    """
    earning = net_value > 0
    cost = xp.maximum(outlay, 0.0 * USD)
    flow = xp.where(earning, net_value, 1.0 * USD / SECOND) * YEAR
    force, simple = xp.log1p(_yearly(discount_rate)), xp.pure(cost / flow)
    years = xp.where(force == 0, simple, xp.divide(-xp.log1p(-xp.minimum(force * simple, 1.0)), force))
    return xp.where(earning, years * YEAR, xp.inf * SECOND)
