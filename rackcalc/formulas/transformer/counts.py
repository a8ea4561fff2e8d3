"""Whole numbers that follow from the structure of a model or kernel, as constants with a source."""

from functools import cache

from rackcalc.quantities.quantity import Quantity, constant, formula
from rackcalc.quantities.units import Count


@cache
def count(value: float, name: str) -> Quantity:
    """A whole number that follows from the structure of a model, such as two matrices of a feed-forward layer."""
    return constant(value, "1", name, "published", note="structure of a transformer")


NONE, ONE, TWO, THREE = count(0.0, "none"), count(1.0, "one"), count(2.0, "two"), count(3.0, "three")


@formula(cite="definition: tensor-parallel groups side by side")
def in_group(devices: Count, groups: Count) -> Count:
    """GPUs that share one sequence's attention.

    >>> in_group(devices=8.0, groups=4.0)
    2.0
    """
    return devices / groups
