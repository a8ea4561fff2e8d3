"""The largest rate at which a limit on a time holds."""

from collections.abc import Callable
from typing import Any

from rackcalc.quantities import elementwise as xp

EXACT_RATE = 1e-4  # relative, of the largest rate at which a limit holds
OVERSHOOT = 0.1  # of a step of regula falsi
PATIENCE = 2  # its steps that do not halve the interval


def largest_rate(margin: Callable[[Any], Any], capacity: Any) -> Any:
    """The largest rate at which a limit holds; it must hold at every smaller one. 0 where it never holds.

    margin: the limit over the time that it is on; under load a time grows as one over what is left of the capacity, so
    that this is nearly a straight line: the chord between both ends (regula falsi), and halving where that is slow.

    >>> round(largest_rate(lambda rate: (10.0 - rate) / 7.0, 10.0), 3)
    3.0
    """
    highest, lowest = margin(capacity), margin(1e-6 * capacity)
    always, ever = highest >= 1, lowest >= 1
    if always is True:
        return capacity
    low, high = 0.0 * capacity, xp.where(ever, capacity, 0.0 * capacity)
    above, below = xp.where(ever, lowest - 1, 1.0), xp.where(always, -1.0, highest - 1)
    moved, slow = -1.0 + 0.0 * capacity, 0.0 * capacity  # the end that moved last: 1 low, -1 high; steps without gain
    while xp.some(going := high - low > EXACT_RATE * high):
        width, least = high - low, EXACT_RATE / 2 * high
        place = low + width * xp.clip(xp.divide(above, above - below), 0.0, 1.0)
        # a little beyond it, seen from the end that moved last, so that the other one moves too
        place = place + OVERSHOOT * xp.where(moved > 0, place - low, place - high)
        middle = xp.clip(xp.where(slow >= PATIENCE, low + width / 2, place), low + least, high - least)
        now = margin(middle) - 1
        holds = now >= 0
        above, below, moved = xp.where(holds, now, above), xp.where(holds, below, now), xp.where(holds, 1.0, -1.0)
        low = xp.where(going & holds, middle, low)
        high = xp.where(going, xp.where(holds, high, middle), high)
        slow = xp.where(high - low > 0.6 * width, slow + 1, 0.0)
    return xp.where(always, capacity, low)
