"""Chip, server and facility power."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.formulas import power
from rackcalc.quantity import constant

share = st.floats(0, 1)


def chip_at(utilization: float, clock: float, tdp: float = 1000.0, idle: float = 140.0, leak: float = 100.0) -> float:
    return power.switching_power(tdp, idle, leak, utilization, clock, 0.5)


@pytest.mark.parametrize(("tdp", "idle", "leakage_share"), [(1000, 140, 0.1), (700, 70, 0.2), (300, 90, 0.0)])
def test_full_load_at_the_reference_temperature_is_tdp_and_leakage_is_counted_once(
    tdp: float, idle: float, leakage_share: float
) -> None:
    leak = power.rated_leakage(tdp, leakage_share)
    at_reference = power.leakage(leak, 0.014, 338.15, 338.15)
    assert chip_at(1, 1, tdp, idle, leak) + at_reference == pytest.approx(tdp, rel=1e-12)
    assert chip_at(0, 1, tdp, idle, leak) + at_reference == pytest.approx(max(idle, leak), rel=1e-12)


@settings(max_examples=50)
@given(share, share, share, share)
def test_switching_power_rises_with_load_and_clock(u: float, v: float, f: float, g: float) -> None:
    assert chip_at(min(u, v), min(f, g)) <= chip_at(max(u, v), max(f, g)) + 1e-9


def test_dynamic_power_is_cubic_in_the_clock_when_voltage_follows_it() -> None:
    assert power.switching_power(1000, 0, 0, 1, 0.5, 0) == pytest.approx(125)
    assert power.switching_power(1000, 0, 0, 1, 0.5, 1) == pytest.approx(500)


def test_leakage_grows_by_its_sensitivity_per_kelvin() -> None:
    assert power.leakage(100, 0.014, 339.15, 338.15) == pytest.approx(101.41, abs=5e-3)
    assert power.leakage(100, math.log(2) / 50, 388.15, 338.15) == pytest.approx(200)


def decoding(tdp: float, idle: float, memory: float, compute: float, chips: float, floor: float, slope: float) -> float:
    return power.decoding_power(tdp, idle, memory, compute, chips, floor, slope, 0.428, 1.542, 0.129, 0.97, 12)


@settings(max_examples=50)
@given(share, share, st.integers(1, 8), st.sampled_from([(0.353, 1.0), (0.003, 2.5)]))
def test_decoding_power_stays_between_idle_and_the_cap(
    memory: float, compute: float, chips: int, fit: tuple[float, float]
) -> None:
    watts = decoding(700, 70, memory, compute, chips, *fit)
    assert 69 <= watts <= 0.97 * 700
    assert watts <= decoding(700, 70, 1, 1, chips, *fit)


@pytest.mark.parametrize(
    ("chips", "memory", "compute", "measured"),
    [  # H100, vLLM, bf16, ML.ENERGY: Llama-3.1-8B at batch 8 and 64 on one GPU, 70B at batch 8 on four (per GPU)
        (1, 0.67, 0.018, 486.4),
        (1, 0.515, 0.090, 610.3),
        (4, 0.635, 0.017, 1765.4 / 4),
    ],
)
def test_decoding_power_near_measured_points(chips: int, memory: float, compute: float, measured: float) -> None:
    # memory: bytes read per step / 3.35 TB/s / measured time per step; compute: likewise against 989 TFLOP/s
    assert decoding(700, 71, memory, compute, chips, 0.353, 1.0) == pytest.approx(measured, rel=0.12)


@pytest.mark.parametrize(
    ("tdp", "chip_share", "measured"),
    [  # MLPerf Inference power runs: 8 x B200 SXM air, Llama-2-70B offline (v5.1); DGX A100 MaxQ, BERT offline (v2.1)
        (1000, 0.993, 10401.0),
        (400, 0.643, 3344.6),
    ],
)
def test_wall_power_near_measured_servers(tdp: float, chip_share: float, measured: float) -> None:
    assert power.wall_power(595, 8, tdp, chip_share, 0.194) == pytest.approx(measured, rel=0.05)


def test_utilization_inverts_power() -> None:
    assert power.power_utilization(570, 140, 1000) == 0.5
    assert power.power_utilization(2000, 140, 1000) == 1
    assert power.power_utilization(0, 140, 1000) == 0


def test_pue_multiplies_it_power() -> None:
    assert power.facility_power(14.3e3, power.pue(14.3e3, 2e3, 1e3)) == pytest.approx(17.3e3)


def test_energy_is_infinite_when_nothing_is_served() -> None:
    assert power.energy_per_token(10e3, 0.0) == math.inf
    assert power.energy_per_request(10e3, 200) == 50


def test_chip_composes_and_keeps_the_provenance() -> None:
    given_ = [constant(v, u, n, "datasheet") for v, u, n in [(1000, "W", "tdp"), (140, "W", "idle"), (0.5, "1", "u")]]
    result = power.chip(*given_, constant(0.1, "1", "leakage share", "assumed"))
    assert result.nominal.value == pytest.approx(40 + 100 + 0.5 * 860)
    assert result.nominal.kind == "assumed"
    assert {"tdp", "idle", "u"} <= {leaf.name for leaf in result.nominal.leaves}


def test_decoding_utilization_feeds_chip() -> None:
    names = [(700, "W"), (70, "W"), (0.5, "1"), (0.05, "1"), (1, "1"), (0.353, "1"), (1, "1")]
    utilization = power.decoding_utilization(*[constant(float(v), u, "x", "assumed") for v, u in names])
    assert utilization.value == pytest.approx((519.1 - 70) / 630, abs=1e-4)
