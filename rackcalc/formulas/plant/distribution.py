"""Coolant distribution units and rear doors: how many, how warm, and what their pumps draw."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    Count,
    CubicMetresPerSecond,
    JoulesPerKilogramKelvin,
    KelvinDifference,
    KilogramsPerCubicMetre,
    Ratio,
    Watts,
    WattsPerKelvin,
)


@formula(cite="definition: whole units, and spare ones beside them (Uptime Institute: N+1)")
def units_needed(heat: Watts, capacity: Watts, spare: Count) -> Count:
    """Units that move this heat, with those that stand by; none where there is no heat.

    >>> units_needed(heat=14e3, capacity=80e3, spare=1.0), units_needed(heat=170e3, capacity=80e3, spare=1.0)
    (2.0, 4.0)
    """
    return xp.where(heat > 0 * heat, xp.ceil(xp.pure(heat / capacity)) + spare, 0.0)


@formula(cite="definition: heat over the capacity of the units that run")
def load_share(heat: Watts, capacity: Watts, units: Count) -> Ratio:
    """Share of their capacity that the units carry; 0 without units.

    >>> load_share(heat=40e3, capacity=80e3, units=2.0)
    0.25
    """
    return xp.where(units > 0, xp.divide(xp.pure(heat / capacity), xp.maximum(units, 1.0)), 0.0)


@formula(
    cite="W. Kays, A. London, Compact Heat Exchangers, 3rd ed., eq. 2-8: at constant flows the effectiveness is "
    "constant, so every temperature difference goes as the heat"
)
def approach_at_load(
    approach: KelvinDifference, heat: Watts, capacity: Watts, units: Count, spare: Count
) -> KelvinDifference:
    """Approach of the units when the spare ones are out of service.

    >>> approach_at_load(approach=4.0, heat=40e3, capacity=80e3, units=2.0, spare=1.0)
    2.0
    """
    running = xp.maximum(units - spare, 1.0)
    return approach * xp.pure(heat / capacity) / running


@formula(
    cite="pump affinity laws: Hydraulic Institute, ANSI/HI 9.6.7; flow in proportion to the heat, down to a least flow"
)
def pump_power(rated: Watts, units: Count, share: Ratio, least_flow: Ratio, exponent: Ratio) -> Watts:
    """Pump power of all units, which share the load.

    exponent: 3 without static head, 2 to 3 in a loop whose valves keep a pressure.

    >>> pump_power(rated=1000.0, units=2.0, share=0.5, least_flow=0.3, exponent=3.0)
    250.0
    """
    return rated * units * xp.power(xp.maximum(share, least_flow), exponent)


@formula(cite="definition: density times heat capacity times flow")
def capacity_rate(
    flow: CubicMetresPerSecond, density: KilogramsPerCubicMetre, heat_capacity: JoulesPerKilogramKelvin
) -> WattsPerKelvin:
    """Heat that a flow takes up per kelvin of its warming.

    >>> round(capacity_rate(flow=1e-3, density=998.0, heat_capacity=4182.0), 3)
    4173.636
    """
    return flow * density * heat_capacity


@formula(cite="W. Kays, A. London, Compact Heat Exchangers, 3rd ed., ch. 2: NTU = UA / C_min")
def transfer_units(conductance: WattsPerKelvin, smaller: WattsPerKelvin) -> Ratio:
    """Number of transfer units of an exchanger.

    >>> transfer_units(conductance=3000.0, smaller=1500.0)
    2.0
    """
    return xp.divide(conductance, smaller)


@formula(cite="definition: the smaller over the larger")
def capacity_ratio(one: WattsPerKelvin, other: WattsPerKelvin) -> Ratio:
    """Ratio of two capacity rates, at most 1.

    >>> capacity_ratio(one=4000.0, other=1000.0)
    0.25
    """
    return xp.divide(xp.minimum(one, other), xp.maximum(one, other))


@formula(
    cite="definition: chips that come without cold plates; those of a product built for liquid have them in its price"
)
def plates_needed(chips: Count, built_share: Ratio) -> Count:
    """Cold plates to buy: one a chip, none where the product was built to give a share of its heat to liquid.

    >>> plates_needed(chips=8.0, built_share=0.0), plates_needed(chips=72.0, built_share=0.9)
    (8.0, 0.0)
    """
    return xp.where(built_share > 0, 0.0, chips)


@formula(cite="definition: what remains of a power, at least nothing")
def beyond(power: Watts, other: Watts) -> Watts:
    """A power less another.

    >>> beyond(power=50e3, other=14e3)
    36000.0
    """
    return power - other


@formula(cite="definition: a share by heat with the other racks on the same units")
def part_by_heat(power: Watts, heat: Watts, other_heat: Watts) -> Watts:
    """Our part of the power of units that other racks use too; nothing where they take no heat of ours.

    >>> part_by_heat(power=2000.0, heat=14e3, other_heat=42e3)
    500.0
    """
    return power * xp.where(heat > 0 * heat, xp.pure(xp.divide(heat, heat + other_heat)), 0.0)


@formula(cite="assumption: racks are filled evenly, and each has a door")
def flow_per_door(flow: CubicMetresPerSecond, doors: Count) -> CubicMetresPerSecond:
    """Air through one rear door.

    >>> flow_per_door(flow=2.0, doors=4.0)
    0.5
    """
    return flow / doors
