"""Outdoor cooling over a year: hours without a compressor, its power in the others, fans, and water.

Every formula is of one part of the year, whose days go as a cosine from the coldest hour to the warmest.
"""

from collections.abc import Callable
from math import cos, pi
from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    METRE,
    SECOND,
    CubicMetresPerJoule,
    CubicMetresPerSecond,
    Kelvin,
    KelvinDifference,
    KilogramsPerCubicMetre,
    Ratio,
    Seconds,
    Watts,
)

HOURS = tuple(cos(pi * (i + 0.5) / 12) / 2 for i in range(12))  # half a day; the other half is its mirror image
_BALANCE = "conservation of energy, with outdoor air that warms by a fixed approach"
_ECONOMIZER = "ASHRAE Handbook, HVAC Applications, ch. 20 (data centers): integrated water-side economizer"


def _over_a_day(mean: Any, swing: Any, value: Callable[[Any], Any]) -> Any:
    """Mean over a day of something that depends on the outdoor temperature."""
    found = value(mean + HOURS[0] * swing)
    for hour in HOURS[1:]:
        found = found + value(mean + hour * swing)
    return found / len(HOURS)


def _free(outdoor: Any, approach: Any, supply: Any, rise: Any) -> Any:
    """Share of the heat that the outdoor air takes by itself."""
    return xp.clip(xp.pure((supply + rise - outdoor - approach) / rise), 0.0, 1.0)


@formula(cite="definition: a duration over that of the year")
def share_of_year(duration: Seconds, year: Seconds) -> Ratio:
    """Share of the year that a part of it takes.

    >>> share_of_year(duration=2628000.0, year=31536000.0)
    0.08333333333333333
    """
    return duration / year


@formula(cite=f"{_ECONOMIZER}; {_BALANCE}")
def free_cooling(
    outdoor: Kelvin,
    swing: KelvinDifference,
    share: Ratio,
    approach: KelvinDifference,
    supply: Kelvin,
    rise: KelvinDifference,
) -> Ratio:
    """Share of the year's heat that the outdoor air takes without a compressor in this part of the year.

    supply: of the facility water; rise: its warming. share: of this part in the year.

    >>> free_cooling(outdoor=280.0, swing=0.0, share=0.5, approach=5.0, supply=300.0, rise=10.0)
    0.5
    """
    return share * _over_a_day(outdoor, swing, lambda now: _free(now, approach, supply, rise))


@formula(cite="definition: hours in which the outdoor air with the approach is warmer than the water has to be")
def time_too_warm(
    outdoor: Kelvin, swing: KelvinDifference, share: Ratio, approach: KelvinDifference, supply: Kelvin
) -> Ratio:
    """Share of the year, in this part of it, in which the outdoor air alone does not give the supply temperature.

    >>> time_too_warm(outdoor=300.0, swing=0.0, share=0.25, approach=5.0, supply=300.0)
    0.25
    """
    return share * _over_a_day(outdoor, swing, lambda now: xp.where(now + approach > supply, 1.0, 0.0))


@formula(
    cite=f"{_ECONOMIZER}; S. Carnot, 1824, with a second-law efficiency: COP = share T_cold / (T_hot - T_cold), and a "
    "least lift"
)
def compressor_power(
    heat: Watts,
    outdoor: Kelvin,
    swing: KelvinDifference,
    share: Ratio,
    approach: KelvinDifference,
    supply: Kelvin,
    rise: KelvinDifference,
    condenser_approach: KelvinDifference,
    least_lift: KelvinDifference,
    carnot_share: Ratio,
) -> Watts:
    """Mean power over the year of a chiller's compressor, for this part of the year.

    It cools what the outdoor air did not take.

    >>> round(compressor_power(
    ...     heat=100e3, outdoor=308.15, swing=0.0, share=1.0, approach=5.0, supply=291.15, rise=6.0,
    ...     condenser_approach=12.0, least_lift=10.0, carnot_share=0.5
    ... ), 1)
    19921.0
    """

    def power(now: Any) -> Any:
        lift = xp.maximum(now + condenser_approach - supply, least_lift)
        return heat * (1 - _free(now, approach, supply, rise)) * xp.pure(lift / (carnot_share * supply))

    return share * _over_a_day(outdoor, swing, power)


@formula(cite=f"fan affinity laws: ANSI/AMCA 210-16, annex; {_BALANCE}")
def outdoor_fan_power(
    heat: Watts,
    outdoor: Kelvin,
    swing: KelvinDifference,
    share: Ratio,
    approach: KelvinDifference,
    supply: Kelvin,
    fan_share: Ratio,
    exponent: Ratio,
) -> Watts:
    """Mean power over the year of the outdoor fans, for this part of the year; they slow down when it is cold.

    >>> outdoor_fan_power(
    ...     heat=100e3, outdoor=290.0, swing=0.0, share=1.0, approach=5.0, supply=300.0, fan_share=0.02, exponent=3.0
    ... )
    250.0
    """

    def power(now: Any) -> Any:
        speed = xp.pure(approach / xp.maximum(supply - now, approach))
        return heat * fan_share * xp.power(speed, exponent)

    return share * _over_a_day(outdoor, swing, power)


@formula(
    cite="ASHRAE Handbook, HVAC Systems and Equipment, ch. 40 (cooling towers): evaporation, and blowdown by cycles"
)
def tower_water(
    heat: Watts, compressor: Watts, evaporated_share: Ratio, cycles: Ratio, density: KilogramsPerCubicMetre
) -> CubicMetresPerSecond:
    """Make-up water of a cooling tower: what evaporates and what is drained. Latent heat at 30 degC: 2.43 MJ/kg.

    A kilowatt-hour that leaves as vapour alone takes 1.5 litres:

    >>> round(3.6e6 * 1e3 * tower_water(heat=1.0, compressor=0.0, evaporated_share=1.0, cycles=1e9, density=997.0), 2)
    1.49
    """
    latent = 2.43e6 * (METRE / SECOND) ** 2
    evaporated = (heat + compressor) * evaporated_share / (latent * density)
    return evaporated * cycles / (cycles - 1)


@formula(cite="The Green Grid, WP35 (2011), WUE: water over IT energy")
def water_usage_effectiveness(water: CubicMetresPerSecond, it: Watts) -> CubicMetresPerJoule:
    """Water over the energy of the servers.

    >>> round(3.6e6 * 1e3 * water_usage_effectiveness(water=5e-7, it=1000.0), 2)
    1.8
    """
    return xp.divide(water, it)


@formula(cite="definition: distance to a limit")
def supply_margin(supply: Kelvin, outdoor: Kelvin, approach: KelvinDifference) -> KelvinDifference:
    """How much warmer the outdoor air could be before the water became warmer than it may; negative: it does.

    >>> supply_margin(supply=314.0, outdoor=308.0, approach=8.0)
    -2.0
    """
    return supply - outdoor - approach
