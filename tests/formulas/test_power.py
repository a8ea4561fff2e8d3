"""Chip, server and facility power."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.formulas.heat import chip_power, power
from rackcalc.quantities.quantity import constant

share = st.floats(0, 1)


def chip_at(utilization: float, clock: float, tdp: float = 1000.0, idle: float = 140.0, leak: float = 100.0) -> float:
    return chip_power.switching_power(tdp, idle, leak, utilization, clock, 0.5)


@pytest.mark.parametrize(("tdp", "idle", "leakage_share"), [(1000, 140, 0.1), (700, 70, 0.2), (300, 90, 0.0)])
def test_full_load_at_the_reference_temperature_is_tdp_and_leakage_is_counted_once(
    tdp: float, idle: float, leakage_share: float
) -> None:
    leak = chip_power.rated_leakage(tdp, leakage_share)
    at_reference = chip_power.leakage(leak, 0.014, 338.15, 338.15)
    assert chip_at(1, 1, tdp, idle, leak) + at_reference == pytest.approx(tdp, rel=1e-12)
    assert chip_at(0, 1, tdp, idle, leak) + at_reference == pytest.approx(max(idle, leak), rel=1e-12)


@settings(max_examples=50)
@given(share, share, share, share)
def test_switching_power_rises_with_load_and_clock(u: float, v: float, f: float, g: float) -> None:
    assert chip_at(min(u, v), min(f, g)) <= chip_at(max(u, v), max(f, g)) + 1e-9


def test_dynamic_power_is_cubic_in_the_clock_when_voltage_follows_it() -> None:
    assert chip_power.switching_power(1000, 0, 0, 1, 0.5, 0) == pytest.approx(125)
    assert chip_power.switching_power(1000, 0, 0, 1, 0.5, 1) == pytest.approx(500)


def test_leakage_grows_by_its_sensitivity_per_kelvin() -> None:
    assert chip_power.leakage(100, 0.014, 339.15, 338.15) == pytest.approx(101.41, abs=5e-3)
    assert chip_power.leakage(100, math.log(2) / 50, 388.15, 338.15) == pytest.approx(200)


def decoding(tdp: float, idle: float, bandwidth: float, memory: float, compute: float) -> float:
    return chip_power.decoding_power(tdp, idle, bandwidth, memory, compute, 0.245, 95e-12, 1.5, 0.97)


@settings(max_examples=50)
@given(share, share)
def test_decoding_power_stays_between_idle_and_the_cap(memory: float, compute: float) -> None:
    watts = decoding(700, 70, 3.35e12, memory, compute)
    assert 70 <= watts <= 0.97 * 700
    assert watts <= decoding(700, 70, 3.35e12, 1, 1)


H100, B200 = (700, 71, 3.35e12), (1000, 140, 7.7e12)


@pytest.mark.parametrize(
    ("gpu", "memory", "compute", "measured"),
    [  # vLLM, bf16, ML.ENERGY, per GPU: Llama-3.1-8B at batch 8 and 64 on one GPU, 70B at batch 8 on four and on two,
        # Qwen3-32B at batch 8 on one
        (H100, 0.67, 0.029, 486.4),
        (H100, 0.515, 0.147, 610.3),
        (H100, 0.635, 0.029, 1765.4 / 4),
        (B200, 0.56, 0.026, 849.0),
        (B200, 0.60, 0.022, 859.6),
    ],
)
def test_decoding_power_near_measured_points(
    gpu: tuple[float, float, float], memory: float, compute: float, measured: float
) -> None:
    # memory: bytes read per step / bandwidth / measured time per step; compute: likewise against 989 and 2250 TFLOP/s,
    # with a prompt of 250 tokens for every answer (350 to 650 tokens)
    assert decoding(*gpu, memory, compute) == pytest.approx(measured, rel=0.12)


def test_a_byte_costs_the_same_on_every_chip_and_an_operation_less_where_the_peak_is_higher() -> None:
    one, other = decoding(700, 0, 4e12, 0.25, 0), decoding(700, 0, 2e12, 0.5, 0)
    assert one == other == pytest.approx(0.245 * 700 + 95)
    assert decoding(700, 0, 1e12, 0, 0.2) - decoding(700, 0, 1e12, 0, 0) == pytest.approx(0.3 * 700)


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
    assert chip_power.power_utilization(570, 140, 1000) == 0.5
    assert chip_power.power_utilization(2000, 140, 1000) == 1
    assert chip_power.power_utilization(0, 140, 1000) == 0


def test_pue_multiplies_it_power() -> None:
    assert power.facility_power(14.3e3, power.pue(14.3e3, 2e3, 1e3)) == pytest.approx(17.3e3)


def test_energy_is_infinite_when_nothing_is_served() -> None:
    assert power.energy_per_token(10e3, 0.0) == math.inf
    assert power.energy_per_request(10e3, 200) == 50


def test_chip_composes_and_keeps_the_provenance() -> None:
    given_ = [constant(v, u, n, "datasheet") for v, u, n in [(1000, "W", "tdp"), (140, "W", "idle"), (0.5, "1", "u")]]
    result = chip_power.chip(*given_, constant(0.1, "1", "leakage share", "assumed"))
    assert result.nominal.value == pytest.approx(40 + 100 + 0.5 * 860)
    assert result.nominal.kind == "assumed"
    assert {"tdp", "idle", "u"} <= {leaf.name for leaf in result.nominal.leaves}


def test_utilization_of_a_busy_gpu_feeds_chip() -> None:
    def of(**values: tuple[float, str]) -> SimpleNamespace:
        return SimpleNamespace(**{name: constant(v, u, name, "assumed") for name, (v, u) in values.items()})

    gpu = of(tdp=(700.0, "W"), idle_power=(70.0, "W"), memory_bandwidth=(3e12, "B/s"))
    family = of(power_floor=(0.2, "1"), memory_energy=(1e-10, "J/B"), compute_power=(1.0, "1"))
    shares = of(memory=(0.5, "1"), compute=(0.1, "1"))
    found = chip_power.busy_gpu_utilization(gpu, family, shares.memory, shares.compute)  # type: ignore[arg-type]
    assert found.value == pytest.approx((140 + 150 + 70) / 630)
