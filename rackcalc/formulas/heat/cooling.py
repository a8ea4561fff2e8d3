"""How heat is carried off: air and coolant flows, fans and pumps, heat exchangers, chillers. Flows are in m^3/s."""

from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    KELVIN,
    METRE,
    PASCAL,
    SECOND,
    CubicMetresPerSecond,
    JoulesPerKilogramKelvin,
    Kelvin,
    KelvinDifference,
    KilogramsPerCubicMetre,
    Metres,
    Pascals,
    Ratio,
    Watts,
    WattsPerKelvin,
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
    """Warming of a flow that carries this heat; 0 without heat, inf without flow.

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


@formula(cite="definition: fans' share of the power of fans and load together")
def rated_fan_power(load: Watts, share: Ratio) -> Watts:
    """Fan power at full load. load: everything but the fans.

    >>> round(rated_fan_power(load=9000.0, share=0.1), 6)
    1000.0
    """
    return xp.divide(share * load, 1 - share)


def _affinity(
    rated: Watts,
    flow: CubicMetresPerSecond,
    rated_flow: CubicMetresPerSecond,
    density: KilogramsPerCubicMetre,
    rated_density: KilogramsPerCubicMetre,
    exponent: Ratio,
) -> Watts:
    ratio = xp.where(rated_flow > 0 * rated_flow, xp.pure(xp.divide(flow, rated_flow)), 0.0)
    return rated * (density / rated_density) * xp.power(ratio, exponent)


@formula(cite="fan affinity laws: ANSI/AMCA 210-16, annex; P ~ rho N^3 and q ~ N")
def fan_power(
    rated: Watts,
    flow: CubicMetresPerSecond,
    rated_flow: CubicMetresPerSecond,
    density: KilogramsPerCubicMetre,
    rated_density: KilogramsPerCubicMetre,
    exponent: Ratio,
) -> Watts:
    """Fan power at another flow. exponent: 3 without static head, 2.5 to 3 against a fixed head.

    >>> fan_power(rated=800.0, flow=0.5, rated_flow=1.0, density=1.2, rated_density=1.2, exponent=3.0)
    100.0
    """
    return _affinity(rated, flow, rated_flow, density, rated_density, exponent)


@formula(cite="conservation of energy with the fan affinity law, q = q0 + a q^n; Newton's method from q0")
def airflow_with_fans(
    load: Watts,
    air_share: Ratio,
    rated_fans: Watts,
    rated_flow: CubicMetresPerSecond,
    density: KilogramsPerCubicMetre,
    rated_density: KilogramsPerCubicMetre,
    heat_capacity: JoulesPerKilogramKelvin,
    rise: KelvinDifference,
    exponent: Ratio,
) -> CubicMetresPerSecond:
    """Airflow that holds the rise over load and fan heat; inf where fans heat the air faster than they move it.

    >>> round(airflow_with_fans(
    ...     load=9000.0, air_share=1.0, rated_fans=1000.0, rated_flow=0.5504, density=1.204, rated_density=1.204,
    ...     heat_capacity=1006.0, rise=15.0, exponent=3.0
    ... ), 4)
    0.5504
    """
    bare = volume_flow(heat=air_share * load, density=density, heat_capacity=heat_capacity, rise=rise)

    def own_flow(flow: Any) -> tuple[Any, Any]:
        """Flow that the fans' own heat needs, and how fast that rises with the flow."""
        fans = _affinity(rated_fans, flow, rated_flow, density, rated_density, exponent)
        own = volume_flow(heat=air_share * fans, density=density, heat_capacity=heat_capacity, rise=rise)
        return own, xp.where(own > 0 * own, exponent * xp.pure(xp.divide(own, flow)), 0.0)

    def closer(flow: Any) -> Any:  # from below, where the curve is convex: every step stays below the root
        own, slope = own_flow(flow)
        return xp.where(slope < 1, flow + xp.divide(bare + own - flow, 1 - slope), flow)  # past the bend: no root

    flow = xp.iterate(closer, bare, 12)
    slope = own_flow(flow)[1]
    return xp.where(slope < 1, flow, xp.inf * (METRE**3 / SECOND))


@formula(cite="hydraulic power over efficiency: P = q dp / eta")
def moving_power(flow: CubicMetresPerSecond, pressure: Pascals, efficiency: Ratio) -> Watts:
    """Electrical power of a fan or pump that moves a flow against a pressure.

    >>> moving_power(flow=0.5, pressure=400.0, efficiency=0.5)
    400.0
    """
    return xp.divide(flow * pressure, efficiency)


@formula(cite="W. Kays, A. London, Compact Heat Exchangers, 3rd ed., table 2-2: counterflow")
def effectiveness(transfer_units: Ratio, capacity_ratio: Ratio) -> Ratio:
    """Effectiveness of a counterflow exchanger (rear door, CDU). capacity_ratio: smaller over larger m c_p, 0 to 1.

    >>> round(effectiveness(transfer_units=2.0, capacity_ratio=1.0), 6), round(effectiveness(2.0, 0.5), 4)
    (0.666667, 0.7746)
    """
    spread = transfer_units * (1 - capacity_ratio)
    unequal = xp.divide(-xp.expm1(-spread), 1 - capacity_ratio * xp.exp(-spread))
    equal = transfer_units / (1 + transfer_units)
    return xp.where(abs(1 - capacity_ratio) < 1e-9, equal, unequal)


@formula(cite="W. Kays, A. London, Compact Heat Exchangers, 3rd ed., eq. 2-8: Q = eps C_min (T_hot - T_cold)")
def exchanged_heat(effectiveness: Ratio, capacity_rate: WattsPerKelvin, hot: Kelvin, cold: Kelvin) -> Watts:
    """Heat an exchanger moves. capacity_rate: the smaller m c_p; hot, cold: the two inlets.

    >>> exchanged_heat(effectiveness=0.8, capacity_rate=500.0, hot=320.0, cold=295.0)
    10000.0
    """
    return effectiveness * capacity_rate * (hot - cold)


@formula(cite="definition: heat-exchanger approach")
def facility_supply(supply: Kelvin, approach: KelvinDifference) -> Kelvin:
    """Warmest facility water that still gives this supply temperature across the exchanger.

    >>> facility_supply(supply=318.15, approach=4.0)
    314.15
    """
    return supply - approach


@formula(cite="S. Carnot, 1824, with a second-law efficiency; about 0.5 for water-cooled chillers is an assumption")
def chiller_cop(cold: Kelvin, hot: Kelvin, carnot_share: Ratio) -> Ratio:
    """Heat moved per power of a chiller between two temperatures; inf when no lift is needed.

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


@formula(
    cite="Vera Rubin NVL72 rack-level thermal model v07, as implemented by a third party: "
    "MaxP lpm = (17370 / (57.2 - T))^0.796, MaxQ lpm = (22880 / (57.39 - T))^0.718"
)
def rated_coolant_flow(
    inlet: Kelvin, ceiling: Kelvin, scale: KelvinDifference, exponent: Ratio, unit_flow: CubicMetresPerSecond
) -> CubicMetresPerSecond:
    """Coolant flow a rack demands at an inlet temperature; nan at or above the ceiling. unit_flow: 1 litre/minute.

    >>> round(rated_coolant_flow(inlet=308.15, ceiling=330.35, scale=17370.0, exponent=0.796, unit_flow=1.0))
    201
    """
    margin = xp.where(ceiling > inlet, ceiling - inlet, xp.nan * KELVIN)
    return unit_flow * xp.power(xp.pure(scale / margin), exponent)
