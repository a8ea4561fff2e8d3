"""Heat balance of a rack: the shares of heat that air and liquid carry away, and the margins to their limits."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Count, Kelvin, KelvinDifference, Ratio, Watts


@formula(cite="assumption: racks are filled evenly")
def heat_per_rack(heat: Watts, racks: Count) -> Watts:
    """Heat that one of several racks must lose.

    >>> heat_per_rack(heat=42000.0, racks=3.0)
    14000.0
    """
    return heat / racks


@formula(cite="definition: distance to a limit")
def temperature_margin(limit: Kelvin, temperature: Kelvin) -> KelvinDifference:
    """How far below its limit a temperature is; negative beyond.

    >>> temperature_margin(limit=360.0, temperature=340.0)
    20.0
    """
    return limit - temperature


@formula(cite="definition: distance to a limit")
def power_margin(limit: Watts, heat: Watts) -> Watts:
    """How much more heat could be taken away; negative when there is too much.

    >>> power_margin(limit=20e3, heat=14e3)
    6000.0
    """
    return limit - heat


@formula(cite="definition: part of a whole")
def part_of(power: Watts, share: Ratio) -> Watts:
    """A share of a power.

    >>> part_of(power=100e3, share=0.8)
    80000.0
    """
    return power * share


@formula(cite="definition: what a share leaves")
def remainder(share: Ratio) -> Ratio:
    """The other share.

    >>> remainder(share=0.75)
    0.25
    """
    return 1 - share


@formula(cite="assumption: cold plates are part of the server, so its own share counts where it states one")
def captured_share(built: Ratio, cooling: Ratio) -> Ratio:
    """Share of heat that reaches liquid: the server's as built, or the cooling's for servers fitted afterwards.

    >>> captured_share(built=0.0, cooling=0.8), captured_share(built=0.94, cooling=0.8)
    (0.8, 0.94)
    """
    return xp.where(built > 0, built, cooling)
