"""Fans: the airflow that they have to deliver, and the power that they draw."""

from typing import Any

from rackcalc.formulas.heat.coolant_flow import volume_flow
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    METRE,
    SECOND,
    CubicMetresPerSecond,
    JoulesPerKilogramKelvin,
    KelvinDifference,
    KilogramsPerCubicMetre,
    Pascals,
    Ratio,
    Watts,
)


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
    """Fan power at a flow, by the affinity laws; for numbers and arrays inside other formulas."""
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
    """Airflow that holds the rise over load and fan heat; unbounded where fans heat the air faster than they move it.

    >>> round(airflow_with_fans(
    ...     load=9000.0, air_share=1.0, rated_fans=1000.0, rated_flow=0.5504, density=1.204, rated_density=1.204,
    ...     heat_capacity=1006.0, rise=15.0, exponent=3.0
    ... ), 4)
    0.5504
    """
    flow_for = volume_flow.function
    bare = flow_for(air_share * load, density, heat_capacity, rise)
    moves = rated_flow > 0 * rated_flow
    own_at_rated = flow_for(air_share * rated_fans * (density / rated_density), density, heat_capacity, rise)

    def own_flow(flow: Any) -> tuple[Any, Any]:
        """Flow that the fans' own heat needs, and how fast that rises with the flow."""
        ratio = xp.where(moves, xp.pure(xp.divide(flow, rated_flow)), 0.0)
        own = own_at_rated * xp.power(ratio, exponent)
        return own, xp.where(own > 0 * own, exponent * xp.pure(xp.divide(own, flow)), 0.0)

    def closer(flow: Any) -> Any:  # from below, where the curve is convex: every step stays below the root
        own, slope = own_flow(flow)
        return xp.where(slope < 1, flow + xp.divide(bare + own - flow, 1 - slope), flow)  # past the bend: no root

    flow = xp.iterate(closer, bare, 12, near=1e-8)  # the next step would be the square
    slope = own_flow(flow)[1]
    return xp.where(slope < 1, flow, xp.inf * (METRE**3 / SECOND))


@formula(cite="fan laws: ANSI/AMCA 210-16, annex; a fan moves a volume, whatever its density, up to its highest speed")
def airflow_at_density(
    flow: CubicMetresPerSecond,
    rated_flow: CubicMetresPerSecond,
    margin: Ratio,
    density: KilogramsPerCubicMetre,
    rated_density: KilogramsPerCubicMetre,
) -> CubicMetresPerSecond:
    """Volume flow of the mass flow that is `flow` at rated density, up to what the fans can move: rated_flow * margin.

    >>> round(airflow_at_density(flow=0.5, rated_flow=0.5, margin=1.1, density=0.9, rated_density=1.2), 9)
    0.55
    """
    wanted = flow * xp.divide(rated_density, density)
    return xp.where(xp.isfinite(flow), xp.minimum(wanted, margin * rated_flow), flow)


@formula(cite="hydraulic power over efficiency: P = q dp / eta")
def moving_power(flow: CubicMetresPerSecond, pressure: Pascals, efficiency: Ratio) -> Watts:
    """Electrical power of a fan or pump that moves a flow against a pressure.

    >>> moving_power(flow=0.5, pressure=400.0, efficiency=0.5)
    400.0
    """
    return xp.divide(flow * pressure, efficiency)
