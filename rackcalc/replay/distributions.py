"""How a value in doubt is distributed: the laws of leaves with a range and of formulas with an error.

What a range stands for. The value of a leaf is its median, `low` the 10 % and `high` the 90 % quantile; each side is
half of a lognormal, or of a normal where the range reaches zero or below and for temperatures. Nothing crosses zero
that its range does not cross; shares stay within 0 and 1. A side without an end is certain. Leaves without a range are
certain, unless their kind says otherwise (SPREAD): then 8 of 10 lie between the value over and times 1 + spread (of a
share above one half, what it lacks to 1). Counts and definitions (`exact`), zero, and points on the temperature scale
are certain without a range.

What the `error` of a formula stands for. It is the mean absolute relative error against measurements; 1.6 times that is
where a normal law has its 10 % and 90 % quantiles. It is wider, by up to INHERITED, where parameters of the chip family
were carried over from other families instead of fitted (inherited_parameters.py).
"""

from collections.abc import Iterable
from math import exp, isfinite, log
from typing import NamedTuple

from rackcalc.quantities.quantity import Formula, Quantity

Column = list[float]  # one value per draw

# Spread of a leaf that states no range, by kind: 0.05 means from value / 1.05 to value x 1.05. The kinds above "press"
# have none: a data sheet is right or wrong by a factor, such as sparse for dense, and so is what quotes it.
SPREAD = {
    "press": 0.05,  # specifications told to the press are rounded, or early
    "estimate": 0.15,  # derived from something measured; two such derivations differ by about this
    "assumed": 0.25,  # our own guess
}
WIDTH = 1.2816 / 0.7979  # 90 % quantile of the normal law over its mean absolute deviation
INHERITED = 1.5  # error of kernel forms on a family left out of the fit, over the error within: 1.3 to 2.5


def leaf_range(leaf: Quantity) -> tuple[float, float]:
    """10 % and 90 % quantile of a leaf: its range, or the spread of its kind."""
    value = float(leaf.value)
    if leaf.low is not None or leaf.high is not None:
        return value if leaf.low is None else leaf.low, value if leaf.high is None else leaf.high
    share = 0.0 if leaf.exact or leaf.absolute or leaf.source is None else SPREAD.get(leaf.source.kind, 0.0)
    if leaf.unit == "1" and 0.5 < value < 1:  # a share is as doubtful as what it lacks to the whole
        return 1 - (1 - value) * (1 + share), 1 - (1 - value) / (1 + share)
    low, high = sorted((value / (1 + share), value * (1 + share)))
    return low, high


class Law(NamedTuple):
    """How the value of something in doubt lies: `median`, with `down` below it and `up` above at the 10 % and 90 %
    quantiles; differences of the logarithm where that is said. Limited to [least, most]."""

    median: float
    down: float
    up: float
    logarithmic: bool
    least: float
    most: float

    def at(self, zs: Iterable[float]) -> Column:
        """The values at numbers of a normal law whose 90 % quantile is 1."""
        median, down, up, logarithmic, least, most = self
        steps = [z * (up if z > 0 else down) for z in zs]
        values = [median * exp(step) for step in steps] if logarithmic else [median + step for step in steps]
        if least <= min(values) and max(values) <= most:
            return values
        return [min(max(value, least), most) for value in values]


def leaf_law(leaf: Quantity) -> Law:
    """The law of a leaf."""
    value, (low, high) = float(leaf.value), leaf_range(leaf)
    logarithmic = low > 0 and not leaf.absolute
    down, up = (log(value / low), log(high / value)) if logarithmic else (value - low, high - value)
    most = 1.0 if leaf.unit == "1" and low >= 0 and high <= 1 else 0.0 if high <= 0 else float("inf")
    return Law(value, down, up, logarithmic, 0.0 if low >= 0 else -float("inf"), most)


def error_law(error: float, widening: float) -> Law:
    """The law of the factor by which a formula is off. widening: of its error, where parameters were carried over."""
    width = WIDTH * error * widening
    return Law(1.0, width, width, True, 0.0, float("inf"))


def error_name(formula: Formula) -> str:
    """What the error of a formula is called among the draws. It decides their order, and so the noise of intervals."""
    file = formula.__module__.rpartition(".")[2]
    return f"<formula {file}.{formula.name}>"


def uncertain(leaf: Quantity) -> bool:
    """Whether there is any doubt about a leaf."""
    value, (low, high) = float(leaf.value), leaf_range(leaf)
    return isfinite(value) and not low == value == high


def place_of(leaf: Quantity) -> str:
    """File and dotted path of a leaf: leaves of one place are one. "" without a place: a leaf of its own."""
    source = leaf.source
    return f"{source.file}:{source.path}" if source is not None and source.path else ""
