"""Prices of hardware: purchase, rent, the premium for cooling, and resale."""

from typing import Any

from rackcalc.formulas.money.present_value import YEAR
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import GPU, Count, PerSecond, Ratio, UsDollars, UsDollarsPerGpuSecond, UsDollarsPerSecond


@formula(cite="assumption: a server costs in proportion to the GPUs in it")
def share_of_server(price: UsDollars, gpus: Count, count: Count) -> UsDollars:
    """Price of the servers around `count` GPUs, each server for so many.

    >>> share_of_server(price=40000.0, gpus=8.0, count=4.0)
    20000.0
    """
    return price * count / gpus


@formula(cite="definition: a price for each")
def price_of(price: UsDollars, count: Count) -> UsDollars:
    """Price of several.

    >>> price_of(price=40000.0, count=8.0)
    320000.0
    """
    return price * count


@formula(cite="definition: a rent for each")
def rent_of(rent: UsDollarsPerSecond, count: Count) -> UsDollarsPerSecond:
    """Rent of several.

    >>> rent_of(rent=0.5, count=8.0)
    4.0
    """
    return rent * count


@formula(cite="definition: a share of the price on top")
def premium(price: UsDollars, premium: Ratio) -> UsDollars:
    """What the way of cooling adds to the purchase.

    >>> premium(price=500000.0, premium=0.125)
    62500.0
    """
    return price * premium


@formula(cite="definition: share of the purchase price")
def resale_value(purchase: UsDollars, resale: Ratio) -> UsDollars:
    """What selling the hardware at the end brings.

    >>> resale_value(purchase=450000.0, resale=0.5)
    225000.0
    """
    return purchase * resale


@formula(cite="definition: a rent for each GPU")
def rent_of_gpus(rent: UsDollarsPerGpuSecond, count: Count) -> UsDollarsPerSecond:
    """Rent of several GPUs.

    >>> rent_of_gpus(rent=0.5, count=8.0)
    4.0
    """
    return rent * count * GPU


@formula(cite="definition: a cost over the GPUs that cause it")
def per_gpu(cost: UsDollarsPerSecond, count: Count) -> UsDollarsPerGpuSecond:
    """Cost of one GPU.

    >>> per_gpu(cost=4.0, count=8.0)
    0.5
    """
    return cost / (count * GPU)


@formula(cite="definition: on demand, only hours of use are paid")
def rent_of_use(rent: UsDollarsPerSecond, utilization: Ratio) -> UsDollarsPerSecond:
    """Mean rent of what is rented for a share of the time.

    >>> rent_of_use(rent=4.0, utilization=0.25)
    1.0
    """
    return rent * utilization


@formula(cite="definition: what the chips alone cost, at most all")
def chips_of_system(system: UsDollars, chips: UsDollars) -> UsDollars:
    """The part of a system's price that its chips are.

    >>> chips_of_system(system=350000.0, chips=240000.0)
    240000.0
    """
    return xp.minimum(system, chips)


@formula(cite="definition: what is left of a system's price beside its chips")
def host_of_system(system: UsDollars, chips: UsDollars) -> UsDollars:
    """The part of a system's price that is chassis, processors, network cards and the maker's share of them.

    >>> host_of_system(system=350000.0, chips=240000.0)
    110000.0
    """
    return system - chips


@formula(cite="definition: a constant rate of decline")
def price_in_year(price: UsDollars, decline: PerSecond, year: Count, priced_in: Count) -> UsDollars:
    """Price of the same hardware in another year.

    >>> round(price_in_year(price=1000.0, decline=0.2 / (8760 * 3600), year=2028.0, priced_in=2026.0), 6)
    640.0
    """
    return price * _declined(decline, year - priced_in)


@formula(cite="definition: a constant rate of decline")
def rent_in_year(rent: UsDollarsPerSecond, decline: PerSecond, year: Count, priced_in: Count) -> UsDollarsPerSecond:
    """Rent of the same hardware in another year.

    >>> round(rent_in_year(rent=10.0, decline=0.2 / (8760 * 3600), year=2025.0, priced_in=2026.0), 6)
    12.5
    """
    return rent * _declined(decline, year - priced_in)


def _declined(decline: Any, years: Any) -> Any:
    """What is left of a price after some years; before, what it had been."""
    return xp.power(xp.maximum(1 - xp.pure(decline * YEAR), 0.0), years)
