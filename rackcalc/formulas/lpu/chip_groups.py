"""Groups of chips that share each layer, and the group size with the shortest step."""

from rackcalc.formulas.transformer.counts import count
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, formula
from rackcalc.quantities.units import SECOND, Count, Seconds

GROUPS = (1, 2, 4, 8, 16, 32, 64)  # sizes tried; a group larger than a tightly coupled one takes infinite time


@formula(cite="definition: a group cannot have more chips than there are")
def group_time(time: Seconds, chips: Count, group: Count) -> Seconds:
    """The time, or unbounded when the chips do not make one group.

    >>> group_time(time=2e-3, chips=4.0, group=8.0)
    inf
    """
    return xp.where(chips >= group, time, xp.inf * SECOND)


@formula(cite="definition: the group size with the shortest step")
def fastest_group(**times: Seconds) -> Count:
    """Chips per group that give the shortest step; each term is named chips_<size>. The smallest wins a tie.

    >>> fastest_group(chips_1=3e-3, chips_2=2e-3, chips_4=2.5e-3)
    2.0
    """
    names = iter(times)
    name = next(names)
    best, size = times[name], float(name.removeprefix("chips_"))
    for name in names:
        better = times[name] < best
        size = xp.where(better, float(name.removeprefix("chips_")), size)
        best = xp.where(better, times[name], best)
    return size


def group_of(chips: int) -> Quantity:
    """The size of a group, as a constant."""
    return count(float(chips), "chips per group tried")
