"""Chillers: efficiency and compressor power."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import Kelvin, KelvinDifference, Ratio, Watts


@formula(cite="S. Carnot, 1824, with a second-law efficiency; about 0.5 for water-cooled chillers is an assumption")
def chiller_cop(cold: Kelvin, hot: Kelvin, carnot_share: Ratio) -> Ratio:
    """Heat moved per power of a chiller between two temperatures; unbounded when no lift is needed.

    >>> chiller_cop(cold=280.0, hot=310.0, carnot_share=0.6)
    5.6
    """
    lift = hot - cold
    return xp.where(lift > 0 * lift, xp.pure(xp.divide(carnot_share * cold, lift)), xp.inf)


@formula(cite="definition of the COP; economizer rule: ASHRAE Handbook, HVAC Applications, ch. 20 (data centers)")
def chiller_power(heat: Watts, cop: Ratio, wet_bulb: Kelvin, approach: KelvinDifference, supply: Kelvin) -> Watts:
    """Compressor power; 0 while a cooling tower alone (wet bulb + approach) is cold enough for the supply.

    >>> chiller_power(heat=100e3, cop=5.0, wet_bulb=295.0, approach=5.0, supply=291.0)
    20000.0
    """
    return xp.where(wet_bulb + approach <= supply, 0 * heat, xp.divide(heat, cop))
