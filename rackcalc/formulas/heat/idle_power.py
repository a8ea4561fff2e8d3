"""Idle power of a chip that publishes none."""

from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Ratio, Watts


@formula(cite="assumption: idle power in proportion to TDP, as of the GPUs of the catalog")
def idle_power_by_share(tdp: Watts, share: Ratio) -> Watts:
    """Power with nothing to do.

    >>> idle_power_by_share(tdp=300.0, share=0.2)
    60.0
    """
    return tdp * share
