"""Sums, extremes and shares of what has any unit. Code that composes formulas may do no other arithmetic by itself."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Count, Ratio, Same


@formula(cite="definition: a sum of its named terms")
def total(**terms: Same) -> Same:
    """Sum of terms of one unit.

    >>> total(compute=1.0, transfer=2.0)
    3.0
    """
    values = list(terms.values())
    result = values[0]
    for value in values[1:]:
        result = result + value
    return result


@formula(cite="definition: the largest of its named terms")
def largest(**terms: Same) -> Same:
    """Largest of terms of one unit.

    >>> largest(gpu=1.0, lpu=2.0)
    2.0
    """
    values = list(terms.values())
    result = values[0]
    for value in values[1:]:
        result = xp.maximum(result, value)
    return result


@formula(cite="definition: the smallest of its named terms")
def smallest(**terms: Same) -> Same:
    """Smallest of terms of one unit.

    >>> smallest(power=0.8, temperature=0.6)
    0.6
    """
    values = list(terms.values())
    result = values[0]
    for value in values[1:]:
        result = xp.minimum(result, value)
    return result


@formula(cite="definition: a computed value and by what factor it is off")
def off_by(value: Same, factor: Ratio) -> Same:
    """A value off by a factor, as formulas are against measurements.

    >>> off_by(value=2.0, factor=1.5)
    3.0
    """
    return value * factor


@formula(cite="definition: mean over the layers")
def mean_over_layers(each: Same, layers: Count, of: Count) -> Same:
    """What only some of the layers have, as a mean over all. of: all layers.

    >>> mean_over_layers(each=132.0, layers=20.0, of=80.0)
    33.0
    """
    return each * layers / of


@formula(cite="definition: a factor")
def slowed(time: Same, factor: Ratio) -> Same:
    """A time, or a time per token, that is longer by a factor.

    >>> slowed(time=0.02, factor=1.5)
    0.03
    """
    return time * factor
