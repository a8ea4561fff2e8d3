"""Running costs of a rack, cost per token and per request, and the cost of porting software."""

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import (
    Count,
    PerSecond,
    Ratio,
    RequestsPerSecond,
    Seconds,
    UsDollars,
    UsDollarsPerJoule,
    UsDollarsPerRequest,
    UsDollarsPerSecond,
    Watts,
)


@formula(cite="definition: power times energy price")
def energy_cost(facility_power: Watts, electricity: UsDollarsPerJoule) -> UsDollarsPerSecond:
    """Cost of energy per time. facility_power: average drawn by rack and cooling, not the rating.

    14 kW at PUE 1.54 and 9.29 cents/kWh cost 17.5 thousand USD a year:

    >>> round(8760 * 3600 * energy_cost(facility_power=21560.0, electricity=2.5805555555555556e-08))
    17546
    """
    return facility_power * electricity


@formula(cite="definition: power times rent of space per power")
def space_cost(it_power: Watts, space: UsDollarsPerJoule) -> UsDollarsPerSecond:
    """Rent of floor space per time, charged by IT power.

    14 kW at 184.06 USD per kW and month cost 30.9 thousand USD a year:

    >>> round(8760 * 3600 * space_cost(it_power=14000.0, space=7.003805175038053e-08))
    30922
    """
    return it_power * space


@formula(cite="definition: yearly share of the purchase price")
def maintenance_cost(purchase: UsDollars, maintenance: PerSecond) -> UsDollarsPerSecond:
    """Cost of repair and support per time.

    >>> round(8760 * 3600 * maintenance_cost(purchase=450000.0, maintenance=1.5854895991882293e-09))
    22500
    """
    return purchase * maintenance


@formula(cite="definition: highest power times demand charge")
def demand_cost(peak_power: Watts, demand_charge: UsDollarsPerJoule) -> UsDollarsPerSecond:
    """Cost per time of the highest power that is drawn in a month. peak_power: of rack and cooling.

    20 kW at 12 USD per kW and month cost 2,880 USD a year:

    >>> round(8760 * 3600 * demand_cost(peak_power=20000.0, demand_charge=12 / (1000 * 730 * 3600)))
    2880
    """
    return peak_power * demand_charge


@formula(cite="definition: the mean over times of work and of rest")
def mean_over_time(working: Watts, idle: Watts, utilization: Ratio) -> Watts:
    """Mean power of a rack whose load runs for a share of the time.

    >>> mean_over_time(working=10000.0, idle=4000.0, utilization=0.25)
    5500.0
    """
    return working * utilization + idle * (1 - utilization)


@formula(cite="definition: the mean over times of work and of rest")
def cost_over_time(working: UsDollarsPerSecond, idle: UsDollarsPerSecond, utilization: Ratio) -> UsDollarsPerSecond:
    """Mean running cost of a rack whose load runs for a share of the time.

    >>> cost_over_time(working=8.0, idle=4.0, utilization=0.25)
    5.0
    """
    return working * utilization + idle * (1 - utilization)


@formula(cite="definition: cost per time over requests served per time")
def cost_per_request(cost: UsDollarsPerSecond, requests: RequestsPerSecond, utilization: Ratio) -> UsDollarsPerRequest:
    """Cost of one request, and the price at which nothing is earned or lost; unbounded when nothing is served.

    >>> cost_per_request(cost=0.005, requests=200.0, utilization=0.5)
    5e-05
    """
    return xp.divide(cost, requests * utilization)


@formula(cite="definition: working time times its price, for every further stack")
def porting_cost(effort: Seconds, engineer_cost: UsDollarsPerSecond, stacks: Count) -> UsDollars:
    """Price of porting a model to further software stacks.

    >>> round(porting_cost(effort=6 * 730 * 3600.0, engineer_cost=20000 / (730 * 3600), stacks=2.0))
    240000
    """
    return effort * engineer_cost * stacks


@formula(cite="definition: a share of the porting effort, again every year")
def upkeep_cost(porting: UsDollars, upkeep: PerSecond) -> UsDollarsPerSecond:
    """Running cost of keeping the further stacks working.

    >>> round(upkeep_cost(porting=240000.0, upkeep=0.2 / (8760 * 3600)) * 8760 * 3600)
    48000
    """
    return porting * upkeep
