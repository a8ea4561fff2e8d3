"""Wet-bulb temperature of moist air."""

from typing import Any

from rackcalc.formulas.heat.air_density import saturation_pressure
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import KELVIN, Kelvin, Pascals, Ratio


@formula(
    cite="WMO-No. 8 (2018), annex 4.B: psychrometer, e = e_s(T_w) - 6.53e-4 (1 + 9.44e-4 t_w) p (T - T_w); Newton's "
    "method from above"
)
def wet_bulb(dry_bulb: Kelvin, relative_humidity: Ratio, pressure: Pascals) -> Kelvin:
    """Wet-bulb temperature, over water below the freezing point too.

    >>> round(wet_bulb(dry_bulb=303.15, relative_humidity=0.5, pressure=101325.0) - 273.15, 2)
    22.08
    """
    vapour = relative_humidity * saturation_pressure(temperature=dry_bulb)

    def closer(now: Any) -> Any:
        saturated = saturation_pressure(temperature=now)
        factor = 6.53e-4 * (1 + 9.44e-4 * xp.pure((now - 273.15 * KELVIN) / KELVIN)) * pressure / KELVIN
        off = saturated - factor * (dry_bulb - now) - vapour
        slope = saturated * (2.501e6 / 461.5) * KELVIN / now**2 + factor
        return now - off / slope

    return xp.iterate(closer, dry_bulb, 20)
