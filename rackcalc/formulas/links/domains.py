"""Domains: the chips that a switched or bridged link joins."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Count, Same


@formula(cite="definition: a link joins the chips of its domain; others are reached over a slower one")
def by_domain(inside: Same, beyond: Same, devices: Count, domain: Count) -> Same:
    """A value of the link between chips: that of the fast link where all are in one domain, else of the slower one.

    >>> by_domain(inside=56e9, beyond=32e9, devices=4.0, domain=2.0)
    32000000000.0
    """
    return xp.where(devices <= domain, inside, beyond)
