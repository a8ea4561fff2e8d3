"""Airflow and fan power of a rack, from its load and its altitude."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.heat.air_density import air_density, pressure_at, saturation_pressure
from rackcalc.formulas.heat.assumptions import FAN_EXPONENT, HEAT_CAPACITY, HUMIDITY
from rackcalc.formulas.heat.coolant_flow import recirculated_inlet, temperature_rise, volume_flow
from rackcalc.formulas.heat.fans import airflow_at_density, airflow_with_fans, fan_power, rated_fan_power
from rackcalc.formulas.heat.heat_balance import part_of
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import record
from rackcalc.spec.site import Cooling

SEA_LEVEL = constant(0.0, "m", "sea level", "given", note="where the flow is rated")


@record
class Airflow:
    """Inlet temperature, flow and density of the air, the flow and density for which fans are rated, and fan power."""

    inlet: Quantity
    flow: Quantity
    density: Quantity
    rated_flow: Quantity
    rated_density: Quantity
    fans: Quantity


def moist_air_density(altitude: Quantity, temperature: Quantity) -> Quantity:
    """Density of air at an altitude and a temperature, with the assumed humidity."""
    pressure = pressure_at(altitude=altitude)
    vapour = saturation_pressure(temperature=temperature)
    return air_density(
        pressure=pressure, temperature=temperature, relative_humidity=HUMIDITY, saturation_pressure=vapour
    )


def rack_airflow(
    load: Quantity,
    full_load: Quantity,
    fan_share: Quantity,
    air_share: Quantity,
    built_air_share: Quantity,
    cooling: Cooling,
    supply: Quantity,
    altitude: Quantity,
    airflow: Quantity | None,
) -> Airflow:
    """Airflow and fan power. Fans are rated for full load at sea level; they run for this load with rated leakage.

    High up they move the mass that this load needs at sea level, and less where that is more air than they can move.
    """
    density, rated_density = moist_air_density(altitude, supply), moist_air_density(SEA_LEVEL, supply)
    rated_fans = rated_fan_power(load=full_load, share=fan_share)
    rated_heat = part_of(power=total(load=full_load, fans=rated_fans), share=built_air_share)
    rated_flow = volume_flow(heat=rated_heat, density=rated_density, heat_capacity=HEAT_CAPACITY, rise=cooling.air_rise)
    fan = {"rated_flow": rated_flow, "rated_density": rated_density, "density": density, "exponent": FAN_EXPONENT}
    if airflow is None:
        airflow = airflow_with_fans(
            load=load,
            air_share=air_share,
            rated_fans=rated_fans,
            heat_capacity=HEAT_CAPACITY,
            rise=cooling.air_rise,
            **fan | {"density": rated_density},
        )
        airflow = airflow_at_density(
            flow=airflow,
            rated_flow=rated_flow,
            margin=cooling.fan_margin,
            density=density,
            rated_density=rated_density,
        )
    fans = fan_power(rated=rated_fans, flow=airflow, **fan)
    rise = temperature_rise(
        heat=part_of(power=total(load=load, fans=fans), share=air_share),
        density=density,
        heat_capacity=HEAT_CAPACITY,
        flow=airflow,
    )
    inlet = recirculated_inlet(supply=supply, rise=rise, share=cooling.recirculation)
    return Airflow(inlet, airflow, density, rated_flow, rated_density, fans)
