"""Junction temperature with leakage feedback, and throttling."""

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.formulas.heat import chip_power, junction_temperature, throttling

T0, K, LEAK = 338.15, 0.014, 100.0
carriers, resistances = st.floats(275, 330), st.floats(0.005, 0.08)


def settle(carrier: float, resistance: float, switching: float, leak: float = LEAK, k: float = K) -> float:
    return junction_temperature.junction_with_leakage(carrier, resistance, switching, leak, k, T0)


@pytest.mark.parametrize("x", [*np.linspace(-0.3678, 3, 40), -0.36787, -0.367879441, 0.0, 1e-9, 50.0, 1e6, 1e200])
def test_lambert_w_agrees_with_scipy(x: float) -> None:
    assert junction_temperature._lambert_w(float(x)) == pytest.approx(
        scipy.special.lambertw(x).real, rel=1e-9, abs=1e-7
    )


def test_lambert_w_on_arrays_and_outside_its_domain() -> None:
    x = np.linspace(-0.367879, 10, 300)
    np.testing.assert_allclose(junction_temperature._lambert_w(x), scipy.special.lambertw(x).real, rtol=1e-9, atol=1e-7)
    assert junction_temperature._lambert_w(-1 / math.e) == -1
    assert math.isnan(junction_temperature._lambert_w(-0.5))


@pytest.mark.parametrize(
    ("resistance", "celsius", "watts"), [(0.03, 63.435, 947.83), (0.05, 84.026, 980.52), (0.08, 120.367, 1067.09)]
)
def test_published_fixed_points(resistance: float, celsius: float, watts: float) -> None:
    temperature = settle(308.15, resistance, 850)
    assert temperature - 273.15 == pytest.approx(celsius, abs=1e-3)
    assert 850 + chip_power.leakage(LEAK, K, temperature, T0) == pytest.approx(watts, abs=0.01)


@settings(max_examples=100)
@given(carriers, resistances, st.floats(0, 1200), st.floats(0, 200), st.floats(0, 0.02))
def test_closed_form_is_the_limit_of_iterating(
    carrier: float, resistance: float, p: float, leak: float, k: float
) -> None:
    temperature, before = carrier, math.inf
    for _ in range(3000):
        if temperature == before or temperature > 1e4:
            break
        before = temperature
        temperature = carrier + resistance * (p + leak * math.exp(min(k * (temperature - T0), 600)))
    ours = settle(carrier, resistance, p, leak, k)
    if temperature > 1e4:
        assert ours == math.inf
    elif math.isfinite(ours):
        assert ours == pytest.approx(temperature, abs=1e-3)


@settings(max_examples=50)
@given(carriers, resistances, st.floats(0, 1200), st.floats(0, 5), st.floats(0, 0.01), st.floats(0, 50))
def test_hotter_with_ambient_resistance_and_power(
    c: float, r: float, p: float, dc: float, dr: float, dp: float
) -> None:
    base = settle(c, r, p)
    assert min(settle(c + dc, r, p), settle(c, r + dr, p), settle(c, r, p + dp)) >= base - 1e-9


@settings(max_examples=50)
@given(carriers, resistances, st.floats(0, 1200))
def test_without_sensitivity_temperature_is_linear(carrier: float, resistance: float, switching: float) -> None:
    linear = junction_temperature.junction_temperature(carrier, resistance, switching + LEAK)
    assert settle(carrier, resistance, switching, k=0.0) == pytest.approx(linear, abs=1e-9)
    bare = junction_temperature.junction_temperature(carrier, resistance, switching)
    assert settle(carrier, resistance, switching, leak=0.0) == pytest.approx(bare, abs=1e-9)


def test_runaway_resistance_separates_a_temperature_from_none() -> None:
    edge = junction_temperature.runaway_resistance(308.15, 850, LEAK, K, T0)
    assert edge == pytest.approx(0.1091, abs=5e-5)
    assert settle(308.15, edge * 0.9999, 850) < 600
    assert settle(308.15, edge * 1.0001, 850) == math.inf
    assert junction_temperature.runaway_resistance(308.15, 850, 0.0, K, T0) == math.inf
    unloaded = math.exp(-1 - K * (308.15 - T0)) / (K * LEAK)
    assert junction_temperature.runaway_resistance(308.15, 0.0, LEAK, K, T0) == pytest.approx(unloaded)


def clock_for(carrier: float, resistance: float, limit: float, cap: float, utilization: float = 1.0) -> float:
    budget = throttling.switching_budget(carrier, resistance, LEAK, K, T0, limit, cap)
    return throttling.throttled_clock(budget, 1000, 140, LEAK, utilization, 0.5)


@settings(max_examples=100)
@given(carriers, st.floats(0.02, 0.2), st.floats(340, 380), st.floats(300, 2000), st.floats(0.1, 1))
def test_throttled_clock_is_the_largest_that_keeps_both_limits(
    carrier: float, resistance: float, limit: float, cap: float, utilization: float
) -> None:
    def excess(clock: float) -> float:
        switching = chip_power.switching_power(1000, 140, LEAK, utilization, clock, 0.5)
        hot = settle(carrier, resistance, switching)
        if hot == math.inf:
            return 1e3
        return max(hot - limit, switching + chip_power.leakage(LEAK, K, hot, T0) - cap)

    clock = clock_for(carrier, resistance, limit, cap, utilization)
    if excess(1.0) < 0:
        assert clock == 1
    elif excess(0.0) > 0:
        assert clock == 0
    elif excess(1.0) < 1e3:
        assert clock == pytest.approx(scipy.optimize.brentq(excess, 0, 1), abs=1e-7)


def test_throttling_works_on_arrays_and_stops_runaway() -> None:
    clocks = clock_for(np.array([300.0, 320.0, 340.0]), 0.06, 350.0, 1000.0)  # type: ignore[arg-type]
    assert clocks.tolist() == sorted(clocks, reverse=True) and 0 < clocks[-1] < clocks[0] < 1
    assert settle(308.15, 0.12, 900) == math.inf
    clock = clock_for(308.15, 0.12, 1000.0, 5000.0)  # a limit beyond the point of no return
    assert 0 < clock < 1
    assert math.isfinite(settle(308.15, 0.12, chip_power.switching_power(1000, 140, LEAK, 1.0, clock, 0.5)))


def test_heat_sink_at_rated_flow_and_with_less() -> None:
    assert junction_temperature.resistance_at_flow(0.05, 0.5, 1, 1, 1.2, 1.2, 0.8) == pytest.approx(0.05)
    assert junction_temperature.resistance_at_flow(0.05, 0.0, 0.5, 1, 1.2, 1.2, 0.8) == pytest.approx(0.05 * 2**0.8)
    assert junction_temperature.resistance_at_flow(0.05, 0.5, 0.0, 1, 1.2, 1.2, 0.8) == math.inf


def test_lambert_w_is_exact_away_from_the_branch_point() -> None:
    x = np.concatenate([-np.logspace(-300, math.log10(0.36), 300), np.logspace(-300, 300, 300)])
    found = junction_temperature._lambert_w(x)
    np.testing.assert_allclose(found, scipy.special.lambertw(x).real, rtol=1e-14)
    np.testing.assert_allclose(found, [junction_temperature._lambert_w(value) for value in x.tolist()], rtol=1e-14)
