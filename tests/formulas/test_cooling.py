"""Air, coolant, fans, exchangers and chillers, against textbook and published numbers."""

import math

import numpy as np
import psychrolib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.formulas.heat import air_density, chillers, coolant_flow, heat_exchangers
from rackcalc.formulas.heat import fans as fans_formulas

CFM = 0.3048**3 / 60
LPM = 1e-3 / 60
psychrolib.SetUnitSystem(psychrolib.SI)


@pytest.mark.parametrize(
    ("altitude", "celsius", "humidity"), [(0, 25, 0.4), (2000, 25, 0.4), (0, 40, 0.8), (1000, 10, 0.0)]
)
def test_air_density_agrees_with_psychrolib(altitude: float, celsius: float, humidity: float) -> None:
    pressure = psychrolib.GetStandardAtmPressure(altitude)
    ratio = psychrolib.GetHumRatioFromRelHum(celsius, humidity, pressure)
    kelvin = celsius + 273.15
    ours = air_density.air_density(
        air_density.pressure_at(altitude), kelvin, humidity, air_density.saturation_pressure(kelvin)
    )
    assert air_density.pressure_at(altitude) == pytest.approx(pressure, rel=1e-5)
    assert ours == pytest.approx(psychrolib.GetMoistAirDensity(celsius, ratio, pressure), rel=4e-4)


@pytest.mark.parametrize(("altitude", "humidity", "expected"), [(0, 0.0, 1.1839), (0, 0.4, 1.1784), (2000, 0.4, 0.923)])
def test_published_air_densities_at_25_degrees(altitude: float, humidity: float, expected: float) -> None:
    density = air_density.air_density(
        air_density.pressure_at(altitude), 298.15, humidity, air_density.saturation_pressure(298.15)
    )
    assert density == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize("celsius", [1, 15, 25, 35, 45, 60])
def test_saturation_pressure_within_its_stated_accuracy(celsius: float) -> None:
    assert air_density.saturation_pressure(celsius + 273.15) == pytest.approx(
        psychrolib.GetSatVapPres(celsius), rel=0.01
    )


@pytest.mark.parametrize(("heat", "rise", "cfm"), [(10e3, 15, 1166), (14.3e3, 20, 1251), (40e3, 15, 4665)])
def test_airflow_for_a_rack(heat: float, rise: float, cfm: float) -> None:
    assert coolant_flow.volume_flow(heat, 1.204, 1006.0, rise) / CFM == pytest.approx(cfm, abs=0.5)


def test_trade_rule_of_1755_cfm_per_kilowatt_kelvin_and_the_55_degree_outlet() -> None:
    # CFM = 3412 BTU/h/kW x 5/9 / 1.08: air of 0.075 lb/ft^3 and 0.24 BTU/lb/degF
    density, heat_capacity = 0.075 * 0.45359237 / 0.3048**3, 0.24 * 4186.8
    assert coolant_flow.volume_flow(14e3, density, heat_capacity, 15) / CFM == pytest.approx(1638, rel=2e-3)
    rise = coolant_flow.temperature_rise(14e3, density, heat_capacity, 878 * CFM)
    assert coolant_flow.warmed(27 + 273.15, rise) - 273.15 == pytest.approx(55, abs=0.1)


def test_one_litre_per_minute_and_kilowatt_warms_water_by_14_kelvin() -> None:
    assert coolant_flow.temperature_rise(1000, 994, 4180, LPM) == pytest.approx(14.44, abs=5e-3)


@settings(max_examples=50)
@given(st.floats(1, 1e6), st.floats(0.5, 1100), st.floats(1, 60))
def test_flow_and_rise_are_inverse(heat: float, density: float, rise: float) -> None:
    flow = coolant_flow.volume_flow(heat, density, 1006.0, rise)
    assert coolant_flow.temperature_rise(heat, density, 1006.0, flow) == pytest.approx(rise, rel=1e-12)


def test_no_heat_needs_no_flow_and_no_flow_cannot_carry_heat() -> None:
    assert coolant_flow.temperature_rise(0.0, 1.2, 1006.0, 0.0) == 0
    assert coolant_flow.temperature_rise(1.0, 1.2, 1006.0, 0.0) == math.inf


def test_recirculation_satisfies_the_mixing_balance() -> None:
    inlet = coolant_flow.recirculated_inlet(295, 15, 0.2)
    assert inlet == pytest.approx(0.8 * 295 + 0.2 * (inlet + 15))
    assert coolant_flow.recirculated_inlet(295, 15, 0.0) == 295


@pytest.mark.parametrize(("exponent", "share"), [(3.0, 1 / 8), (2.5, 0.176777)])
def test_fan_at_half_speed(exponent: float, share: float) -> None:
    assert fans_formulas.fan_power(800, 0.5, 1, 1.2, 1.2, exponent) == pytest.approx(800 * share, rel=1e-5)


def test_thin_air_needs_more_flow_and_more_fan_power() -> None:
    def at(density: float) -> float:
        return fans_formulas.airflow_with_fans(9000, 1, 1000, 0.5504, density, 1.204, 1006, 15, 3)

    flow = at(0.945)
    fans = fans_formulas.fan_power(1000, flow, 0.5504, 0.945, 1.204, 3)
    assert flow > at(1.204) * 1.204 / 0.945
    assert 0.945 * 1006 * flow * 15 == pytest.approx(9000 + fans, rel=1e-9)  # the fans' own heat is carried too


def test_fans_that_heat_the_air_faster_than_they_move_it_never_settle() -> None:
    assert fans_formulas.airflow_with_fans(9000, 1, 4000, 0.5504, 0.9, 1.204, 1006, 15, 3) == math.inf


def test_pump_power_against_a_worked_example() -> None:
    # 300 l/min of water against 200 kPa at 50 %: 5e-3 x 2e5 / 0.5
    assert fans_formulas.moving_power(300 * LPM, 200e3, 0.5) == pytest.approx(2000)


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, 2 / 3), (0.5, 0.7746), (0.0, 0.8647)])
def test_effectiveness_table(ratio: float, expected: float) -> None:
    assert heat_exchangers.effectiveness(2.0, ratio) == pytest.approx(expected, abs=5e-5)


@settings(max_examples=50)
@given(st.floats(0.01, 20), st.floats(0, 1))
def test_effectiveness_is_a_share_and_solves_the_exchanger_equations(units: float, ratio: float) -> None:
    eps = heat_exchangers.effectiveness(units, ratio)
    assert 0 <= eps <= 1 + 1e-12
    # log-mean temperature difference of a counterflow exchanger with inlets at 1 and 0
    hot, cold = 1 - eps, 1 - ratio * eps
    if 1e-6 < hot < 1 and abs(hot - cold) > 1e-6:
        assert eps == pytest.approx(units * (hot - cold) / math.log(hot / cold), rel=1e-5)


def test_effectiveness_is_smooth_where_the_streams_are_balanced() -> None:
    near = heat_exchangers.effectiveness(np.full(3, 2.0), np.array([1 - 1e-7, 1.0, 1 - 1e-10]))
    assert near == pytest.approx(2 / 3, rel=1e-6)


def test_chiller_stops_when_the_tower_is_cold_enough() -> None:
    assert chillers.chiller_power(100e3, 5.0, 290.0, 5.0, 295.0) == 0
    assert chillers.chiller_power(100e3, 5.0, 291.0, 5.0, 295.0) == 20e3
    assert chillers.chiller_cop(300.0, 295.0, 0.5) == math.inf
    assert chillers.chiller_cop(280.0, 310.0, 0.5) == pytest.approx(4.667, abs=1e-3)


@pytest.mark.parametrize(("celsius", "lpm"), [(25, 150), (35, 200), (45, 320)])
def test_rubin_rack_flow_table(celsius: float, lpm: float) -> None:
    flow = coolant_flow.rated_coolant_flow(celsius + 273.15, 57.2 + 273.15, 17370, 0.796, LPM)
    assert flow / LPM == pytest.approx(lpm, rel=0.015)
    # 227 kW into PG25 at that flow stays below the 65 degC outlet the rack allows
    assert celsius + coolant_flow.temperature_rise(227e3, 1020, 3900, flow) < 65
    assert math.isnan(coolant_flow.rated_coolant_flow(331.0, 57.2 + 273.15, 17370, 0.796, LPM))
