"""Numbers worked out by hand or published, where a changed operator or constant once passed all other tests."""

import math

import pytest

from rackcalc.formulas.heat.assumptions import FLOW_EXPONENT
from rackcalc.formulas.heat.chip_power import POWER_CAP, decoding_power, switching_power
from rackcalc.formulas.links.host_bounce import bounce_time, serialised_time
from rackcalc.formulas.links.transfer import contention_wait
from rackcalc.formulas.queues.approximate_waits import cosmetatos_wait_mean, mgc_wait_mean
from rackcalc.formulas.queues.latency_under_load import LEVELS
from rackcalc.quantities.unit_text import convert, show


def test_levels_are_what_their_names_say() -> None:
    values = {name: float(level.value) for name, level in LEVELS.items()}
    assert values.items() >= {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}.items()


def test_mgc_wait_between_its_exact_ends_where_the_ratio_is_not_a_half() -> None:
    """By hand: D = 3, M = 4, scv = 0.5: 3 * 1.5 / (1 - 0.5 + 2 * 0.5 * 0.75) = 4.5 / 1.25."""
    assert mgc_wait_mean(mmc_wait=4.0, mdc_wait=3.0, service_scv=0.5) == pytest.approx(3.6)
    assert mgc_wait_mean(mmc_wait=4.0, mdc_wait=3.0, service_scv=0.0) == 3.0
    assert mgc_wait_mean(mmc_wait=4.0, mdc_wait=3.0, service_scv=1.0) == 4.0


def test_cosmetatos_for_several_servers() -> None:
    """By hand, c = 4, rho = 0.8: 1 + 0.2 * 3 * (sqrt(24) - 2) / (16 * 0.8 * 4)."""
    expected = 4.0 / 2 * (1 + 0.2 * 3 * (math.sqrt(24) - 2) / 51.2)
    wait = cosmetatos_wait_mean(mmc_wait=4.0, service_time=1.0, servers=4.0, arrival_rate=3.2)
    assert wait == pytest.approx(expected, rel=1e-12)


def test_every_copy_of_a_bounce_takes_time() -> None:
    """By hand: two calls, down, up, and two copies between host buffers."""
    time = bounce_time(
        size=1e9, call_time=1e-5, d2h_bandwidth=50e9, h2d_bandwidth=25e9, staging_copies=2.0, memcpy_bandwidth=10e9
    )
    assert time == pytest.approx(2e-5 + 0.02 + 0.04 + 0.2)
    whole = serialised_time(
        bounce=time, size=1e9, serialisation_bandwidth=1e9, format_time=1e-6, tcp_latency=2e-5, tcp_bandwidth=2e9
    )
    assert whole == pytest.approx(time + 2.0 + 1e-6 + 2e-5 + 0.5)


def test_a_link_that_is_full_makes_packets_wait_for_ever() -> None:
    assert contention_wait(other_load=1.0, packet_time=1e-9) == math.inf
    assert contention_wait(other_load=0.5, packet_time=1e-9) == pytest.approx(0.5e-9)


def test_power_by_hand() -> None:
    """Idle, floor, memory and arithmetic add up; the cap of the published runs, 0.95 to 0.99 of TDP, holds."""
    values = {"tdp": 700.0, "idle_power": 70.0, "memory_bandwidth": 3e12, "memory_energy": 1e-10, "compute_power": 1.5}
    low = decoding_power(**values, memory_utilization=0.5, compute_utilization=0.1, floor=0.2, cap=0.97)
    assert low == pytest.approx(70 + 140 + 150 + 105)
    high = decoding_power(**values, memory_utilization=1.0, compute_utilization=1.0, floor=0.2, cap=0.97)
    assert high == pytest.approx(0.97 * 700)
    assert POWER_CAP.value == pytest.approx((0.95 + 0.99) / 2)
    half = switching_power(
        tdp=1000.0, idle_power=140.0, rated_leakage=100.0, utilization=0.5, clock=0.5, voltage_floor=0.5
    )
    assert half == pytest.approx(40 + 860 * 0.5 * 0.5 * 0.75**2)


def test_convection_follows_reynolds_to_the_four_fifths() -> None:
    """Nu ~ Re^0.8 in turbulent flow, Re^0.5 in laminar (Incropera, ch. 8 and 7)."""
    assert (FLOW_EXPONENT.value, FLOW_EXPONENT.low, FLOW_EXPONENT.high) == (0.8, 0.5, 0.8)


def test_temperatures_are_points_unless_said_otherwise() -> None:
    assert convert(300.15, "K", "degC") == pytest.approx(27.0)
    assert convert(27.0, "K", "degC", absolute=False) == pytest.approx(27.0)


@pytest.mark.parametrize(("value", "words"), [(0.0, "0 s"), (math.inf, "unbounded"), (59.0, "59 s"), (1e-3, "1 ms")])
def test_zero_infinity_and_the_ends_of_a_scale(value: float, words: str) -> None:
    assert show(value, "s") == words
