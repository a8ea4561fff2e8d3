"""Junction temperature of a chip: thermal resistance, feedback of leakage on temperature, and thermal runaway."""

import math
from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    KELVIN,
    CubicMetresPerSecond,
    Kelvin,
    KelvinPerWatt,
    KilogramsPerCubicMetre,
    PerKelvin,
    Ratio,
    Watts,
)


def _lambert_w(x: Any) -> Any:
    """Principal branch of w exp(w) = x; nan below -1/e.

    A step of the fourth order, which leaves rounding only, from Pade's approximants around 0 and the branch point; two
    from a logarithm where x is large (F. N. Fritsch, R. E. Shafer, W. P. Crowley, Communications of the ACM 16 (1973)
    123-124).
    """
    x = xp.minimum(x, 1e300)
    y = xp.minimum(x, 1.0)
    w = y * xp.divide(1 + y * (228 / 85 + y * 451 / 340), 1 + y * (313 / 85 + y * (1193 / 340 + y * 133 / 204)))
    low, high, branch = x < -0.2, x > 0.2, w
    if xp.some(low):
        p = xp.sqrt(xp.maximum(2 * (math.e * x + 1), 0.0))
        branch = p * xp.divide(1 + p * (1 / 2 + p * 13 / 720), 1 + p * (5 / 6 + p * 103 / 720)) - 1
        w = xp.where(low, branch, w)
    if xp.some(high):
        growth = xp.log1p(xp.maximum(x, 0.0))
        w = xp.where(high, _closer(x, growth * (1 - xp.log1p(growth) / (2 + growth))), w)
    w = xp.where(x == 0, x, _closer(x, w))
    if xp.some(low):
        w = xp.where(x * math.e < -1 - 1e-12, xp.nan, xp.where(x * math.e < 5e-5 - 1, branch, w))
    return w


def _closer(x: Any, w: Any) -> Any:
    """One step of Fritsch, Shafer and Crowley from w towards w exp(w) = x."""
    z = xp.log(xp.divide(x, w)) - w
    above = 1 + w
    q = 2 * above * (above + 2 / 3 * z)
    return w + w * xp.divide(z * (q - z), above * (q - 2 * z))


@formula(cite="definition of thermal resistance (JEDEC JESD51-1)")
def junction_temperature(carrier: Kelvin, resistance: KelvinPerWatt, power: Watts) -> Kelvin:
    """Junction temperature when the chip's power is known. carrier: inlet air or mean coolant.

    >>> round(junction_temperature(carrier=308.15, resistance=0.05, power=980.52), 3)
    357.176
    """
    return carrier + resistance * power


@formula(
    cite="R. Corless et al., Adv. Comput. Math. 5 (1996) 329-359: T = Tc + R (P + P_L exp(k (T - T0))) by Lambert W"
)
def junction_with_leakage(
    carrier: Kelvin,
    resistance: KelvinPerWatt,
    switching: Watts,
    rated_leakage: Watts,
    sensitivity: PerKelvin,
    reference: Kelvin,
) -> Kelvin:
    """Junction temperature at which heat and leakage agree, in closed form; unbounded in thermal runaway.

    >>> round(junction_with_leakage(
    ...     carrier=308.15, resistance=0.05, switching=850.0, rated_leakage=100.0, sensitivity=0.014, reference=338.15
    ... ) - 273.15, 3)
    84.026
    """
    exponent = xp.minimum(xp.pure(sensitivity * (carrier + resistance * switching - reference)), 700.0)
    z = xp.pure(sensitivity * resistance * rated_leakage) * xp.exp(exponent)
    # this is -W(-z)/k without the division, so that zero leakage and zero sensitivity need no special case
    leak = rated_leakage * xp.exp(exponent - _lambert_w(-xp.minimum(z, 1 / math.e)))
    stable = z * math.e <= 1 + 1e-9
    return xp.where(stable, carrier + resistance * (switching + leak), xp.inf * KELVIN)


@formula(cite="Corless et al. (1996): the branch point z = 1/e of the junction equation, solved for R")
def runaway_resistance(
    carrier: Kelvin, switching: Watts, rated_leakage: Watts, sensitivity: PerKelvin, reference: Kelvin
) -> KelvinPerWatt:
    """Thermal resistance beyond which no stable temperature exists; unbounded without leakage.

    >>> round(runaway_resistance(
    ...     carrier=308.15, switching=850.0, rated_leakage=100.0, sensitivity=0.014, reference=338.15
    ... ), 4)
    0.1091
    """
    cold = xp.exp(xp.pure(-1 - sensitivity * (carrier - reference)))
    argument = xp.pure(xp.divide(switching, rated_leakage)) * cold
    unheated = xp.divide(1.0, sensitivity * rated_leakage)
    return unheated * cold * xp.where(rated_leakage > 0 * rated_leakage, xp.exp(-_lambert_w(argument)), 1.0)


@formula(
    cite="F. Incropera et al., Fundamentals of Heat and Mass Transfer, 7th ed., ch. 8: turbulent flow, Nu ~ Re^0.8"
)
def resistance_at_flow(
    resistance: KelvinPerWatt,
    conduction_share: Ratio,
    flow: CubicMetresPerSecond,
    rated_flow: CubicMetresPerSecond,
    density: KilogramsPerCubicMetre,
    rated_density: KilogramsPerCubicMetre,
    exponent: Ratio,
) -> KelvinPerWatt:
    """Resistance of a heat sink at another mass flow of air. conduction_share: the part that does not depend on flow.

    >>> round(resistance_at_flow(
    ...     resistance=0.05, conduction_share=0.5, flow=0.5, rated_flow=1.0, density=1.2, rated_density=1.2,
    ...     exponent=0.8
    ... ), 5)
    0.06853
    """
    ratio = xp.pure(xp.divide(flow * density, rated_flow * rated_density))
    return resistance * (conduction_share + (1 - conduction_share) * xp.power(ratio, -exponent))
