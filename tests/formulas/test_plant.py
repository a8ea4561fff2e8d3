"""Cooling equipment, weather and electrical supply, against PsychroLib, hand calculations and conservation laws."""

import math

import psychrolib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.formulas.heat.wet_bulb import wet_bulb
from rackcalc.formulas.plant import carbon, distribution, outdoors, power_chain, prices

psychrolib.SetUnitSystem(psychrolib.SI)
DAY = {"swing": 0.0, "share": 1.0}
CHILLER = {"approach": 6.0, "rise": 6.0, "condenser_approach": 12.0, "least_lift": 10.0, "carnot_share": 0.45}


@pytest.mark.parametrize("celsius", [15, 20, 30, 40])  # wet bulbs below freezing are over ice there
@pytest.mark.parametrize("humidity", [0.1, 0.4, 0.7, 1.0])
@pytest.mark.parametrize("pressure", [101325.0, 80000.0])
def test_wet_bulb_agrees_with_psychrolib(celsius: float, humidity: float, pressure: float) -> None:
    ours = wet_bulb(celsius + 273.15, humidity, pressure) - 273.15
    assert ours == pytest.approx(psychrolib.GetTWetBulbFromRelHum(celsius, humidity, pressure), abs=0.3)


@settings(max_examples=60)
@given(st.floats(-25, 48), st.floats(0.02, 1.0))
def test_wet_bulb_lies_between_dew_point_and_dry_bulb(celsius: float, humidity: float) -> None:
    found = wet_bulb(celsius + 273.15, humidity, 101325.0) - 273.15
    assert found <= celsius + 1e-9
    if celsius > 5 and humidity > 0.3:
        assert found >= psychrolib.GetTDewPointFromRelHum(celsius, humidity) - 0.2


def test_a_chiller_on_a_hot_day_by_hand() -> None:
    # 100 kW, 35 degC outdoors, water at 18 degC: condensing at 47, lift 29 K, COP 0.45 * 291.15 / 29 = 4.518
    power = outdoors.compressor_power(heat=100e3, outdoor=308.15, supply=291.15, **DAY, **CHILLER)
    assert power == pytest.approx(100e3 / 4.518, rel=1e-3)


def test_half_of_the_heat_is_free_where_the_outdoor_water_is_halfway() -> None:
    # water returns at 24 degC and must leave at 18; air at 15 with an approach of 6 K gives 21: half of the way
    free = outdoors.free_cooling(outdoor=288.15, approach=6.0, supply=291.15, rise=6.0, **DAY)
    assert free == pytest.approx(0.5)
    # the chiller lifts the other half from 18 to 27 degC, 9 K, but by no less than 10 K
    power = outdoors.compressor_power(heat=100e3, outdoor=288.15, supply=291.15, **DAY, **CHILLER)
    assert power == pytest.approx(50e3 * 10.0 / (0.45 * 291.15))


@settings(max_examples=60)
@given(st.floats(250, 320), st.floats(0, 20), st.floats(280, 320), st.floats(0.01, 15))
def test_warmer_weather_never_costs_less(outdoor: float, swing: float, supply: float, hotter: float) -> None:
    def at(kelvin: float) -> tuple[float, float, float, float]:
        where = {"outdoor": kelvin, "swing": swing, "share": 1.0, "approach": 6.0, "supply": supply}
        return (
            outdoors.compressor_power(heat=1e5, **where, **{k: v for k, v in CHILLER.items() if k != "approach"}),
            outdoors.outdoor_fan_power(heat=1e5, fan_share=0.02, exponent=3.0, **where),
            1 - outdoors.free_cooling(rise=6.0, **where),
            outdoors.time_too_warm(**where),
        )

    cool, warm = at(outdoor), at(outdoor + hotter)
    assert all(b >= a - 1e-9 * abs(a) for a, b in zip(cool, warm, strict=True))
    assert all(value >= 0 for value in cool) and cool[1] <= 0.02 * 1e5 * (1 + 1e-9)


def test_a_day_as_a_cosine_spends_half_of_its_time_above_the_mean() -> None:
    where = {"swing": 10.0, "share": 1.0, "approach": 5.0, "supply": 300.0}
    assert outdoors.time_too_warm(outdoor=295.0 + 1e-9, **where) == pytest.approx(0.5)
    assert outdoors.time_too_warm(outdoor=301.0, **where) == 1 and outdoors.time_too_warm(outdoor=289.0, **where) == 0


def test_the_swing_of_a_day_does_not_move_the_mean_of_what_is_linear() -> None:
    # far above free cooling the lift is linear in the temperature
    steady = outdoors.compressor_power(heat=1e5, outdoor=310.0, supply=291.0, swing=0.0, share=1.0, **CHILLER)
    swinging = outdoors.compressor_power(heat=1e5, outdoor=310.0, supply=291.0, swing=10.0, share=1.0, **CHILLER)
    assert swinging == pytest.approx(steady, rel=1e-12)


def test_a_tower_evaporates_the_latent_heat_and_drains_by_cycles() -> None:
    # 1 kWh of heat over 2.43 MJ/kg is 1.481 kg; with 4 cycles a third of it is drained too
    litres = 3.6e6 * 1e3 * outdoors.tower_water(1.0, 0.0, 1.0, 4.0, 1000.0)
    assert litres == pytest.approx(1.481 * 4 / 3, rel=1e-3)


@settings(max_examples=60)
@given(st.floats(1.0, 1e6), st.floats(1e3, 2e6), st.integers(0, 4))
def test_units_carry_the_heat_without_the_spare_ones(heat: float, capacity: float, spare: int) -> None:
    units = distribution.units_needed(heat, capacity, float(spare))
    assert (units - spare) * capacity >= heat * (1 - 1e-12)
    assert (units - spare - 1) * capacity < heat
    assert distribution.load_share(heat, capacity, units) <= 1 + 1e-12
    assert distribution.approach_at_load(4.0, heat, capacity, units, float(spare)) <= 4.0 * (1 + 1e-9)


def test_pumps_that_share_a_load_draw_less_and_never_nothing() -> None:
    one = distribution.pump_power(1000.0, 1.0, 1.0, 0.3, 3.0)
    two = distribution.pump_power(1000.0, 2.0, 0.5, 0.3, 3.0)
    assert (one, two) == (1000.0, pytest.approx(250.0))
    assert distribution.pump_power(1000.0, 2.0, 0.0, 0.3, 3.0) == pytest.approx(2 * 27.0)


@settings(max_examples=60)
@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_parts_of_shared_units_add_up_to_their_price(ours: float, others: float) -> None:
    whole = prices.shared_price(1000.0, 3.0, ours, others) + prices.shared_price(1000.0, 3.0, others, ours)
    assert whole == pytest.approx(3000.0 if ours + others > 0 else 0.0)


def test_ups_efficiency_by_hand() -> None:
    # half load: 0.01 + 0.015 / 2 + 0.015 / 4 of the rating is lost
    loss = power_chain.ups_loss(50e3, 100e3, 1.0, 0.010, 0.015, 0.015)
    assert loss == pytest.approx(2125) and 50e3 / (50e3 + loss) == pytest.approx(0.959, abs=5e-4)
    assert power_chain.ups_loss(0.0, 100e3, 2.0, 0.010, 0.015, 0.015) == pytest.approx(2000)


def test_sixty_amperes_at_415_volts_carry_34_kilowatts_all_the_time() -> None:
    apparent = math.sqrt(3) * 415 * 60 * 0.8  # VA
    current = power_chain.line_current(apparent, 415.0)
    assert current == pytest.approx(48.0)
    assert power_chain.circuits_needed(current, 60.0, 0.8) == 1
    assert power_chain.circuits_needed(current * 1.001, 60.0, 0.8) == 2
    assert power_chain.breaker_use(current, 1.0, 60.0, 0.8) == pytest.approx(1.0)


def test_nvl72_has_four_shelves_of_110_kilowatts_with_one_spare() -> None:
    assert power_chain.shelves_needed(227e3, 110e3, 1.0) == 4


def test_carbon_of_a_year_by_hand() -> None:
    kilograms = carbon.carbon_rate(10e3, 0.271779 / 3.6e6) * 8760 * 3600
    assert kilograms == pytest.approx(10 * 8760 * 0.271779)
