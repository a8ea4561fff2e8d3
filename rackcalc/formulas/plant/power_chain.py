"""Electrical supply: losses, apparent power, breakers, power shelves, and the power that is reserved."""

from math import sqrt

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import VOLT_AMPERE, WATT, Amperes, Count, Ratio, VoltAmperes, Volts, Watts

_UPS = (
    "V. Avelar, Making Large UPS Systems More Efficient, Schneider Electric white paper 108: no-load, proportional and "
)


@formula(cite=_UPS + "square-law loss")
def ups_loss(load: Watts, rating: Watts, feeds: Count, idle: Ratio, linear: Ratio, square: Ratio) -> Watts:
    """Loss of the UPS of all feeds, which share the load; each has a rating that carries it alone.

    >>> round(ups_loss(load=50e3, rating=100e3, feeds=1.0, idle=0.01, linear=0.015, square=0.02), 6)
    2250.0
    """
    share = xp.pure(xp.divide(load, feeds * rating))
    return feeds * rating * (idle + linear * share + square * share**2)


@formula(cite="definition: a share of what is passed on")
def distribution_loss(load: Watts, share: Ratio) -> Watts:
    """Loss of PDU, transformer and cables.

    >>> distribution_loss(load=14e3, share=0.02)
    280.0
    """
    return load * share


@formula(cite="IEEE Std 1459-2010: power factor")
def apparent_power(power: Watts, power_factor: Ratio) -> VoltAmperes:
    """Apparent power of a load.

    >>> apparent_power(power=19e3, power_factor=0.95)
    20000.0
    """
    return power / WATT / power_factor * VOLT_AMPERE


@formula(cite="IEEE Std 1459-2010: balanced three-phase current")
def line_current(apparent: VoltAmperes, voltage: Volts) -> Amperes:
    """Current in each of three phases. voltage: between two of them.

    >>> round(line_current(apparent=20e3, voltage=400.0), 2)
    28.87
    """
    return apparent / (sqrt(3) * voltage)


@formula(cite="NFPA 70, National Electrical Code, 210.20(A): 80 % of the breaker's rating for continuous loads")
def circuits_needed(current: Amperes, breaker: Amperes, derating: Ratio) -> Count:
    """Circuits that carry a current all the time, on each feed.

    >>> circuits_needed(current=49.0, breaker=60.0, derating=0.8)
    2.0
    """
    return xp.ceil(xp.pure(current / (breaker * derating)) * (1 - 1e-12))


@formula(cite="definition: what is allowed over what flows")
def breaker_use(current: Amperes, circuits: Count, breaker: Amperes, derating: Ratio) -> Ratio:
    """Share of the current allowed all the time that flows while one feed carries everything.

    >>> breaker_use(current=24.0, circuits=1.0, breaker=60.0, derating=0.8)
    0.5
    """
    return xp.pure(current / (circuits * breaker * derating))


@formula(cite="definition: whole shelves, and spare ones beside them")
def shelves_needed(power: Watts, shelf: Watts, spare: Count) -> Count:
    """Power shelves of a rack.

    >>> shelves_needed(power=120e3, shelf=33e3, spare=1.0)
    5.0
    """
    return xp.ceil(xp.pure(power / shelf)) + spare


@formula(cite="definition: a share of the plate")
def profiled_power(plate: Watts, share: Ratio) -> Watts:
    """Power reserved for systems whose highest power was measured.

    >>> round(profiled_power(plate=10200.0, share=0.82))
    8364
    """
    return plate * share


@formula(cite="definition: distance to a limit")
def reserved_margin(reserved: Watts, drawn: Watts) -> Watts:
    """How far the highest computed power stays below what is reserved; negative: a breaker may trip.

    >>> reserved_margin(reserved=12e3, drawn=14e3)
    -2000.0
    """
    return reserved - drawn
