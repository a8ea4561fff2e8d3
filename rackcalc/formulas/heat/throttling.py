"""Throttling: the clock within limits of temperature and power, and the time of work at a reduced clock."""

from typing import Any

from rackcalc.formulas.heat.chip_power import switching_power
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import formula
from rackcalc.quantities.units import WATT, Kelvin, KelvinPerWatt, PerKelvin, Ratio, Seconds, SecondsPerToken, Watts


@formula(cite="junction equation solved for switching power at the lowest of temperature limit, runaway and power cap")
def switching_budget(
    carrier: Kelvin,
    resistance: KelvinPerWatt,
    rated_leakage: Watts,
    sensitivity: PerKelvin,
    reference: Kelvin,
    limit: Kelvin,
    power_limit: Watts,
) -> Watts:
    """Most switching power with the junction within `limit` and total power within `power_limit`.

    >>> round(switching_budget(
    ...     carrier=308.15, resistance=0.05, rated_leakage=100.0, sensitivity=0.014, reference=338.15, limit=357.176,
    ...     power_limit=1000.0
    ... ), 1)
    850.0
    """
    runaway = reference - xp.divide(xp.log(xp.pure(sensitivity * resistance * rated_leakage)), sensitivity)

    def leak(temperature: Any) -> Any:
        return rated_leakage * xp.exp(xp.minimum(xp.pure(sensitivity * (temperature - reference)), 700.0))

    hottest = xp.minimum(limit, runaway)
    capped = carrier + resistance * power_limit
    by_temperature = xp.divide(hottest - carrier, resistance) - leak(hottest)
    by_power = xp.where(capped < runaway, power_limit - leak(capped), xp.inf * WATT)
    return xp.minimum(by_temperature, by_power)


@formula(cite="Newton's method on switching power, which rises with the clock, from full clock")
def throttled_clock(
    budget: Watts,
    tdp: Watts,
    idle_power: Watts,
    rated_leakage: Watts,
    utilization: Ratio,
    voltage_floor: Ratio,
) -> Ratio:
    """Largest share of full clock within a switching budget: 1 no throttling, 0 when even a stopped clock is too hot.

    >>> round(throttled_clock(
    ...     budget=500.0, tdp=1000.0, idle_power=100.0, rated_leakage=100.0, utilization=1.0, voltage_floor=0.0
    ... ) ** 3, 6)
    0.555556
    """

    def power_at(clock: float) -> Any:
        return switching_power.function(tdp, idle_power, rated_leakage, utilization, clock, voltage_floor)

    full = power_at(1.0)
    if (full <= budget) is True:  # a number, and no throttling
        return 1.0
    still = power_at(0.0)
    share = xp.clip(xp.pure(xp.divide(budget - still, full - still)), 0.0, 1.0)

    def closer(clock: Any) -> Any:  # from above, where the curve is convex: the steps never pass the root
        voltage = voltage_floor + (1 - voltage_floor) * clock
        slope = voltage * (voltage + 2 * clock * (1 - voltage_floor))
        return clock - xp.divide(clock * voltage * voltage - share, slope)

    clock = xp.iterate(closer, 1.0, 24, near=1e-8)  # the next step would be the square
    return xp.where(full <= budget, 1.0, xp.where(share > 0, clock, 0.0))


@formula(cite="assumption: all work stretches with the clock, an upper bound: memory and links keep their pace")
def throttled_time(time: Seconds, clock: Ratio) -> Seconds:
    """Time of a pass at a reduced clock (share of full clock).

    An upper bound: what waits for memory, links or the host does not slow with the clock of the chip.

    >>> throttled_time(time=0.9e-3, clock=0.9)
    0.001
    """
    return xp.divide(time, clock)


@formula(cite="assumption: all work stretches with the clock, an upper bound: memory and links keep their pace")
def throttled_tpot(tpot: SecondsPerToken, clock: Ratio) -> SecondsPerToken:
    """Time per output token at a reduced clock (share of full clock): an upper bound, as throttled_time.

    >>> throttled_tpot(tpot=0.02, clock=0.5)
    0.04
    """
    return xp.divide(tpot, clock)
