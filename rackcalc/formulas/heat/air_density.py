"""Density of moist air at an altitude and a temperature."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    KELVIN,
    METRE,
    PASCAL,
    SECOND,
    Kelvin,
    KilogramsPerCubicMetre,
    Metres,
    Pascals,
    Ratio,
)


@formula(cite="U.S. Standard Atmosphere, 1976, NASA-TM-X-74335, eq. 33a (troposphere, below 11 km)")
def pressure_at(altitude: Metres) -> Pascals:
    """Barometric pressure of the standard atmosphere.

    >>> round(pressure_at(altitude=2000.0))
    79495
    """
    share = xp.pure(1 - 0.0065 * (KELVIN / METRE) * altitude / (288.15 * KELVIN))
    return 101325 * PASCAL * xp.power(share, 5.25588)


@formula(cite="D. Romps, J. Atmos. Sci. 74 (2017) 3891-3900: Clausius-Clapeyron with constant heat capacities")
def saturation_pressure(temperature: Kelvin) -> Pascals:
    """Vapour pressure over water; within 1 % of tables from 0 to 60 degC.

    >>> round(saturation_pressure(temperature=298.15))
    3172
    """
    relative = xp.pure(temperature / (273.16 * KELVIN))
    latent = (2.374e6 - (1418 - 4119) * 273.16) / (461 * 273.16)
    return 611.65 * PASCAL * xp.power(relative, (1879 - 4119) / 461) * xp.exp(latent * (1 - 1 / relative))


@formula(cite="ASHRAE Handbook, Fundamentals, ch. 1: ideal gases, R = 287.055 J/kg/K (dry air), Mv/Ma = 0.621945")
def air_density(
    pressure: Pascals, temperature: Kelvin, relative_humidity: Ratio, saturation_pressure: Pascals
) -> KilogramsPerCubicMetre:
    """Density of moist air; 0.04 % below real air at room conditions.

    >>> round(air_density(pressure=101325.0, temperature=298.15, relative_humidity=0.0, saturation_pressure=3169.0), 4)
    1.1839
    """
    gas_constant = 287.055 * (METRE / SECOND) ** 2 / KELVIN
    return (pressure - (1 - 0.621945) * relative_humidity * saturation_pressure) / (gas_constant * temperature)
