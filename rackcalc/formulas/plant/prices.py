"""Prices of cooling and electrical equipment, and what it is a share of."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    Count,
    CubicMetresPerSecond,
    Ratio,
    UsDollars,
    UsDollarsPerCubicMetre,
    UsDollarsPerSecond,
    UsDollarsPerWatt,
    Watts,
)


@formula(cite="definition: a price for each, shared by heat with the other racks on the same units")
def shared_price(price: UsDollars, units: Count, heat: Watts, other_heat: Watts) -> UsDollars:
    """Our part of the price of units that other racks use too.

    >>> shared_price(price=24000.0, units=2.0, heat=14e3, other_heat=42e3)
    12000.0
    """
    return price * units * xp.where(heat > 0 * heat, xp.pure(xp.divide(heat, heat + other_heat)), 0.0)


@formula(cite="definition: a cost of each, shared by heat with the other racks on the same units")
def shared_cost(cost: UsDollarsPerSecond, units: Count, heat: Watts, other_heat: Watts) -> UsDollarsPerSecond:
    """Our part of the running cost of units that other racks use too.

    >>> shared_cost(cost=2.0, units=2.0, heat=14e3, other_heat=42e3)
    1.0
    """
    return cost * units * xp.where(heat > 0 * heat, xp.pure(xp.divide(heat, heat + other_heat)), 0.0)


@formula(cite="definition: a price per power, with a reserve")
def price_per_power(price: UsDollarsPerWatt, power: Watts, reserve: Ratio) -> UsDollars:
    """Price of equipment for a power and the reserve beyond it.

    >>> price_per_power(price=0.25, power=10e3, reserve=0.2)
    3000.0
    """
    return price * power * (1 + reserve)


@formula(cite="definition: a share of the price on top")
def installed(price: UsDollars, installation: Ratio) -> UsDollars:
    """What piping and labor add to the price of equipment.

    >>> installed(price=20000.0, installation=0.3)
    6000.0
    """
    return price * installation


@formula(cite="definition: a price per power, without the cooling that is counted apart")
def building_without_cooling(price: UsDollarsPerWatt, power: Watts, cooling_share: Ratio) -> UsDollars:
    """What the room for a power costs to build, its cooling left out.

    >>> building_without_cooling(price=12.0, power=14e3, cooling_share=0.25)
    126000.0
    """
    return price * power * (1 - cooling_share)


@formula(cite="definition: part of a whole")
def share_of(part: UsDollars, whole: UsDollars) -> Ratio:
    """A price as a share of another.

    >>> share_of(part=20.0, whole=80.0)
    0.25
    """
    return xp.divide(part, whole)


@formula(cite="definition: water times its price")
def water_cost(water: CubicMetresPerSecond, price: UsDollarsPerCubicMetre) -> UsDollarsPerSecond:
    """Cost of water.

    >>> water_cost(water=0.5, price=2.0)
    1.0
    """
    return water * price


@formula(cite="definition: a price per power, for each feed")
def price_of_feeds(price: UsDollarsPerWatt, power: Watts, feeds: Count) -> UsDollars:
    """Price of an electrical supply whose feeds can each carry everything.

    >>> price_of_feeds(price=0.7, power=14e3, feeds=2.0)
    19600.0
    """
    return price * power * feeds
