"""A rack's time beside the round trip of an exchange."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Ratio, Seconds


@formula(cite="definition: a sum of the steps from a tick to an order, one after the other")
def tick_to_trade(feed: Seconds, features: Seconds, inference: Seconds, risk: Seconds, order: Seconds) -> Seconds:
    """Time from the arrival of market data to the departure of an order.

    With a percentile of the inference it is one of the sum, as far as the other steps take always the same time.

    >>> round(1e6 * tick_to_trade(feed=1e-6, features=5e-6, inference=1.8e-3, risk=1e-6, order=1e-6))
    1808
    """
    return feed + features + inference + risk + order


@formula(cite="definition: one time over another")
def times_of(time: Seconds, other: Seconds) -> Ratio:
    """How many times as long something takes.

    >>> round(times_of(time=1.8e-3, other=40e-6), 6)
    45.0
    """
    return xp.divide(time, other)
