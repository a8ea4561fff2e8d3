"""Flow of air or liquid coolant, and the temperature at which it arrives and leaves. Flows are in m^3/s."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    KELVIN,
    CubicMetresPerSecond,
    JoulesPerKilogramKelvin,
    Kelvin,
    KelvinDifference,
    KilogramsPerCubicMetre,
    Ratio,
    Watts,
)


@formula(cite="conservation of energy: P = rho c_p q dT")
def volume_flow(
    heat: Watts, density: KilogramsPerCubicMetre, heat_capacity: JoulesPerKilogramKelvin, rise: KelvinDifference
) -> CubicMetresPerSecond:
    """Air or coolant needed to carry this heat at this temperature rise.

    >>> round(volume_flow(heat=10e3, density=1.204, heat_capacity=1006.0, rise=15.0), 4)
    0.5504
    """
    return xp.divide(heat, density * heat_capacity * rise)


@formula(cite="conservation of energy: P = rho c_p q dT")
def temperature_rise(
    heat: Watts,
    density: KilogramsPerCubicMetre,
    heat_capacity: JoulesPerKilogramKelvin,
    flow: CubicMetresPerSecond,
) -> KelvinDifference:
    """Warming of a flow that carries this heat; 0 without heat, unbounded without flow.

    >>> round(temperature_rise(heat=1000.0, density=994.0, heat_capacity=4180.0, flow=1e-3 / 60), 2)
    14.44
    """
    rise = xp.divide(heat, density * heat_capacity * flow)
    return xp.where(heat > 0 * heat, rise, 0.0 * KELVIN)


@formula(cite="definition: temperatures add")
def warmed(inlet: Kelvin, rise: KelvinDifference) -> Kelvin:
    """Temperature of a flow after it has warmed by `rise`.

    >>> round(warmed(inlet=300.15, rise=28.0), 2)
    328.15
    """
    return inlet + rise


@formula(cite="definition: temperature averaged along a uniformly heated path")
def mean_temperature(inlet: Kelvin, rise: KelvinDifference) -> Kelvin:
    """Mean temperature of a coolant that warms by `rise`.

    >>> mean_temperature(inlet=300.0, rise=10.0)
    305.0
    """
    return inlet + rise / 2


@formula(cite="conservation of energy, mixing at the inlet: T_in = (1 - r) T_supply + r T_out, solved for T_in")
def recirculated_inlet(supply: Kelvin, rise: KelvinDifference, share: Ratio) -> Kelvin:
    """What a server breathes when a share of its inlet air is its own exhaust.

    >>> round(recirculated_inlet(supply=298.15, rise=15.0, share=0.25), 2)
    303.15
    """
    return supply + xp.divide(share, 1 - share) * rise


@formula(
    cite="Vera Rubin NVL72 rack-level thermal model v07, as implemented by a third party: "
    "MaxP lpm = (17370 / (57.2 - T))^0.796, MaxQ lpm = (22880 / (57.39 - T))^0.718"
)
def rated_coolant_flow(
    inlet: Kelvin, ceiling: Kelvin, scale: KelvinDifference, exponent: Ratio, unit_flow: CubicMetresPerSecond
) -> CubicMetresPerSecond:
    """Coolant flow a rack demands at an inlet temperature; no number from the ceiling on. unit_flow: 1 litre/minute.

    >>> round(rated_coolant_flow(inlet=308.15, ceiling=330.35, scale=17370.0, exponent=0.796, unit_flow=1.0))
    201
    """
    margin = xp.where(ceiling > inlet, ceiling - inlet, xp.nan * KELVIN)
    return unit_flow * xp.power(xp.pure(scale / margin), exponent)
