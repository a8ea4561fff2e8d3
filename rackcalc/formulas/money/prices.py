"""Prices of hardware: purchase, rent, the premium for cooling, and resale."""

from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Count, Ratio, UsDollars, UsDollarsPerSecond


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
