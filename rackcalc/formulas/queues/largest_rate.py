"""The largest rate at which a limit on a time holds."""

from collections.abc import Callable
from typing import Any

from rackcalc.quantities import elementwise as xp

EXACT_RATE = 1e-4  # relative, of the largest rate at which a limit holds


def largest_rate(margin: Callable[[Any], Any], capacity: Any, lowest: Any = None) -> Any:
    """The largest rate at which a limit holds; it must hold at every smaller one. 0 where it never holds.

    margin: the limit over the time that it is on, which falls smoothly while the rate grows. lowest: the margin at next
    to no rate, where it is known. T. R. Chandrupatla, Advances in Engineering Software 28 (1997) 145-149: inverse
    quadratic interpolation where the last three points allow it, else (where he halves) as if the margin fell by equal
    factors, in the middle half; the first point is on the chord. A point is aimed a little below the limit, and is the
    answer where the lines to both of its neighbors meet the limit within EXACT_RATE above it.

    >>> round(largest_rate(lambda rate: (10.0 - rate) / 7.0, 10.0), 2)
    3.0
    """
    highest, lowest = margin(capacity), margin(1e-6 * capacity) if lowest is None else lowest
    always, ever = highest >= 1, lowest >= 1
    if always is True:
        return capacity
    # a: the newest point; b: the end on the other side of the limit; c: the point before. Where it never holds, a = b.
    b, at_b = 0.0 * capacity, xp.where(ever, lowest - 1, 1.0)
    a, at_a = xp.where(ever, capacity, 0.0 * capacity), xp.where(always, -1.0, highest - 1)
    c, at_c = b, at_b
    share = xp.clip(xp.divide(at_a, at_a - at_b), 0.0, 1.0)
    while True:
        holds = at_a >= 0
        best, above = xp.where(holds, a, b), xp.where(holds, at_a, at_b)
        slope = _steepness(a, at_a, b, at_b, c, at_c)
        going = (abs(b - a) > EXACT_RATE * xp.maximum(a, b)) & (above >= EXACT_RATE * best * slope)
        if not xp.some(going):
            return xp.where(always, capacity, best)
        least = xp.where(going, xp.divide(EXACT_RATE / 2 * xp.maximum(a, b), abs(b - a)), 0.5)
        share = xp.clip(xp.where(holds, share - least, share + least), least, 1 - least)
        new = xp.where(going, a + share * (b - a), a)
        now = xp.where(going, margin(new) - 1, at_a)
        same = (now >= 0) == holds
        c, at_c = xp.where(going, xp.where(same, a, b), c), xp.where(going, xp.where(same, at_a, at_b), at_c)
        other = going & ((now >= 0) != holds)
        b, at_b = xp.where(other, a, b), xp.where(other, at_a, at_b)
        a, at_a = new, now
        place, height = xp.divide(a - b, c - b), xp.divide(at_a - at_b, at_c - at_b)
        smooth = (height * height < place) & ((1 - height) * (1 - height) < 1 - place)
        first = xp.divide(at_a, at_b - at_a) * xp.divide(at_c, at_b - at_c)
        second = xp.divide(c - a, b - a) * xp.divide(at_a, at_c - at_a) * xp.divide(at_b, at_c - at_b)
        low, high = xp.log(xp.maximum(at_a + 1, 1e-3)), xp.log(xp.maximum(at_b + 1, 1e-3))
        share = xp.where(smooth, first + second, xp.clip(xp.divide(low, low - high), 0.25, 0.75))


def _steepness(a: Any, at_a: Any, b: Any, at_b: Any, c: Any, at_c: Any) -> Any:
    """The smaller steepness of the lines from a to b and to c; 0 where two of them are one."""
    slope = xp.minimum(abs(xp.divide(at_a - at_b, a - b)), abs(xp.divide(at_a - at_c, a - c)))
    return xp.where(slope < xp.inf, slope, 0.0)
