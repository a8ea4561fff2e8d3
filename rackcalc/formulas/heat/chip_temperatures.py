"""Temperature, clock and power of the chips of each pool, with leakage and throttling coupled."""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.heat import chip_power
from rackcalc.formulas.heat.assumptions import (
    CONDUCTION_SHARE,
    FLOW_EXPONENT,
    LEAKAGE_REFERENCE,
    LEAKAGE_SENSITIVITY,
    VOLTAGE_FLOOR,
)
from rackcalc.formulas.heat.chip_power import ChipPower, at_least_idle, switching_power
from rackcalc.formulas.heat.coolant_flow import mean_temperature
from rackcalc.formulas.heat.heat_balance import temperature_margin
from rackcalc.formulas.heat.junction_temperature import junction_temperature, junction_with_leakage, resistance_at_flow
from rackcalc.formulas.heat.rack_airflow import Airflow
from rackcalc.formulas.heat.throttling import switching_budget, throttled_clock
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.chips import GPU, LPU
from rackcalc.spec.site import Cooling


@record
class Pool:
    """Equal chips with equal load. resistance: junction to inlet air or mean coolant; None: default of the cooling."""

    count: Quantity
    tdp: Quantity
    idle_power: Quantity
    utilization: Quantity
    leakage_share: Quantity
    temperature_limit: Quantity
    resistance: Quantity | None = None
    power_limit: Quantity | None = None  # TDP when absent


ON_LIQUID = ("direct-liquid", "immersion")  # chips give their heat to coolant, not to air


@record
class ChipState:
    """Power, temperature, headroom below the temperature limit and share of full clock of one chip."""

    power: Quantity
    junction: Quantity
    headroom: Quantity
    throttle: Quantity


def settled(pool: Pool, nominal: ChipPower, carrier: Quantity, resistance: Quantity) -> ChipState:
    """Clock, temperature and power of the chips of one pool: first the clock, then the equilibrium with leakage."""
    leak = {
        "rated_leakage": nominal.leakage,
        "sensitivity": LEAKAGE_SENSITIVITY,
        "reference": LEAKAGE_REFERENCE,
    }
    budget = switching_budget(
        carrier=carrier,
        resistance=resistance,
        limit=pool.temperature_limit,
        power_limit=pool.tdp if pool.power_limit is None else pool.power_limit,
        **leak,
    )
    load = {
        "tdp": pool.tdp,
        "idle_power": pool.idle_power,
        "rated_leakage": nominal.leakage,
        "utilization": pool.utilization,
        "voltage_floor": VOLTAGE_FLOOR,
    }
    clock = throttled_clock(budget=budget, **load)
    switching = switching_power(clock=clock, **load)
    temperature = junction_with_leakage(carrier=carrier, resistance=resistance, switching=switching, **leak)
    leakage = chip_power.leakage(
        rated=nominal.leakage,
        sensitivity=LEAKAGE_SENSITIVITY,
        temperature=temperature,
        reference=LEAKAGE_REFERENCE,
    )
    power = at_least_idle(power=total(switching=switching, leakage=leakage), idle_power=pool.idle_power)
    # a chip that draws no more than its idle power is as warm as that makes it
    temperature = largest(
        load=temperature, idle=junction_temperature(carrier=carrier, resistance=resistance, power=power)
    )
    headroom = temperature_margin(limit=pool.temperature_limit, temperature=temperature)
    return ChipState(power, temperature, headroom, clock)


def carrier_temperature(cooling: Cooling, air: Airflow, coolant: Quantity | None) -> Quantity:
    """Temperature of the air or coolant that carries the heat of the chips away."""
    if coolant is None or cooling.coolant_rise is None:
        return air.inlet
    return mean_temperature(inlet=coolant, rise=cooling.coolant_rise)


def chip_resistance(pool: Pool, cooling: Cooling, air: Airflow) -> Quantity:
    """Thermal resistance of one chip. It depends on the airflow with a heat sink, but not with a cold plate."""
    rated = cooling.chip_resistance if pool.resistance is None else pool.resistance
    if cooling.method in ON_LIQUID:
        return rated
    return resistance_at_flow(
        resistance=rated,
        conduction_share=CONDUCTION_SHARE,
        flow=air.flow,
        rated_flow=air.rated_flow,
        density=air.density,
        rated_density=air.rated_density,
        exponent=FLOW_EXPONENT,
    )


def resistance_of(part: GPU | LPU, cooling: Cooling) -> Quantity | None:
    """The chip's own thermal resistance under this kind of cooling, or None for Pool to use the cooling's default."""
    if cooling.method == "immersion":
        return None
    return part.thermal_resistance_liquid if cooling.method in ON_LIQUID else part.thermal_resistance_air
