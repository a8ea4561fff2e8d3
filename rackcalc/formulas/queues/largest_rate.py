"""The largest rate at which a limit on a time holds."""

from collections.abc import Callable
from typing import Any

from rackcalc.quantities import elementwise as xp

EXACT_RATE = 1e-4  # relative, of the largest rate at which a limit holds


def largest_rate(margin: Callable[[Any], Any], capacity: Any) -> Any:
    """The largest rate at which a limit holds; it must hold at every smaller one. 0 where it never holds.

    margin: the limit over the time that it is on, which falls smoothly while the rate grows. T. R. Chandrupatla,
    Advances in Engineering Software 28 (1997) 145-149: inverse quadratic interpolation where the last three points
    allow it, else halving; the first point is on the chord.

    >>> round(largest_rate(lambda rate: (10.0 - rate) / 7.0, 10.0), 3)
    3.0
    """
    highest, lowest = margin(capacity), margin(1e-6 * capacity)
    always, ever = highest >= 1, lowest >= 1
    if always is True:
        return capacity
    # a: the newest point; b: the end on the other side of the limit; c: the point before. Where it never holds, a = b.
    b, at_b = 0.0 * capacity, xp.where(ever, lowest - 1, 1.0)
    a, at_a = xp.where(ever, capacity, 0.0 * capacity), xp.where(always, -1.0, highest - 1)
    share = xp.clip(xp.divide(at_a, at_a - at_b), 0.0, 1.0)
    while xp.some(going := abs(b - a) > EXACT_RATE * xp.maximum(a, b)):
        least = xp.where(going, xp.divide(EXACT_RATE / 2 * xp.maximum(a, b), abs(b - a)), 0.5)
        new = xp.where(going, a + xp.clip(share, least, 1 - least) * (b - a), a)
        now = margin(new) - 1
        same = going & ((now >= 0) == (at_a >= 0))
        c, at_c = xp.where(same, a, b), xp.where(same, at_a, at_b)
        other = going & ((now >= 0) != (at_a >= 0))
        b, at_b = xp.where(other, a, b), xp.where(other, at_a, at_b)
        a, at_a = new, xp.where(going, now, at_a)
        place, height = xp.divide(a - b, c - b), xp.divide(at_a - at_b, at_c - at_b)
        smooth = (height * height < place) & ((1 - height) * (1 - height) < 1 - place)
        first = xp.divide(at_a, at_b - at_a) * xp.divide(at_c, at_b - at_c)
        second = xp.divide(c - a, b - a) * xp.divide(at_a, at_c - at_a) * xp.divide(at_b, at_c - at_b)
        share = xp.where(smooth, first + second, 0.5)
    return xp.where(always, capacity, xp.where(at_a >= 0, a, b))
