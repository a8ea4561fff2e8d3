"""Links against the published constants, limiting cases and brute force."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.links import host_bounce
from rackcalc.formulas.links import transfer as f
from rackcalc.quantities.quantity import Quantity, constant

KIB, MIB = 1024.0, 1048576.0
sizes = st.floats(1.0, 1e10)
quick = settings(max_examples=40, deadline=None)


def given_value(value: float, unit: str) -> Quantity:
    return constant(value, unit, "test", "given")


def move(name: str, size: float, load: float = 0.0, port: float = 1e15) -> f.Transfer:
    ports = given_value(port, "B/s")
    cpu = load_part("hosts", "cpu-path")
    return f.transfer(load_part("links", name), given_value(size, "B"), ports, ports, given_value(load, "1"), cpu)


def test_llmcompass_wire_bytes_of_one_mib():
    wire = f.wire_bytes(MIB, 256.0, 16.0)
    assert wire == 1_114_128
    assert MIB / wire == pytest.approx(0.94116, abs=5e-6)


@pytest.mark.parametrize(
    ("latency", "rate", "microseconds"), [(1.5, 780, 1.8), (3, 55, 7.8), (4, 48, 9.5), (4, 25, 14.5)]
)
def test_worked_example_256_kib(latency, rate, microseconds):
    assert f.transfer_time(latency * 1e-6, 256 * KIB, rate * 1e9) * 1e6 == pytest.approx(microseconds, abs=0.05)


@pytest.mark.parametrize(
    ("name", "microseconds", "tolerance"),
    [("nvlink5", 1.84, 0.01), ("pcie5", 7.8, 0.01), ("infiniband-ndr", 9.5, 0.1), ("pcie4", 14.5, 0.03)],
)
def test_catalog_reproduces_the_worked_example(name, microseconds, tolerance):
    assert move(name, 256 * KIB).time.value * 1e6 == pytest.approx(microseconds, rel=tolerance)


def test_full_stack_is_hundreds_of_times_slower():
    result = move("nvlink5", 256 * KIB)
    assert result.serialised.value * 1e6 == pytest.approx(523, rel=0.005)
    assert result.serialised.value > 200 * result.time.value
    assert result.time.value < result.pipelined_bounce.value <= result.bounce.value < result.serialised.value


@pytest.mark.parametrize(
    ("name", "measured"),
    [
        ("nvlink3", 276e9),
        ("nvlink4", 380e9),
        ("nvlink5", 780e9),
        ("pcie4", 24.18e9),
        ("pcie5", 55.3e9),
        ("infiniband-ndr", 48e9),
    ],
)
def test_large_copies_reach_the_measured_rate_so_headers_are_charged_once(name, measured):
    assert move(name, 1e11).bandwidth.value == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize("name", part_names("links"))
def test_every_link_is_monotone_and_below_its_nominal_rate(name):
    results = [move(name, size) for size in (1.0, 1e3, 1e6, 1e9)]
    times = [r.time.value for r in results]
    link = load_part("links", name)
    assert times == sorted(times)
    assert times[0] >= link.latency.value + link.hops.value * link.hop_latency.value
    assert all(0 < r.efficiency.value < 1 for r in results)
    assert all(r.wire_bytes.value > size for r, size in zip(results, (1.0, 1e3, 1e6, 1e9), strict=True))


def test_groq_reach_table():
    link = load_part("links", "groq-c2c-3")
    reach = [f.path_latency(link.latency.value, link.hop_latency.value, float(h)) * 1e6 for h in range(7)]
    assert reach == pytest.approx([0.35, 0.75, 1.15, 1.60, 2.05, 2.50, 2.95], abs=0.07)


def test_the_slowest_port_counts():
    assert move("nvlink5", 1e9, port=64e9).bandwidth.value < 64e9
    assert move("nvlink5", 1e9, port=64e9).efficiency.value == pytest.approx(0.92 * 256 / 272, rel=1e-3)


@quick
@given(sizes, st.floats(0, 1e-4), st.floats(1e9, 1e12))
def test_hockney_limits_and_splitting(size, latency, bandwidth):
    whole = f.transfer_time(latency, size, bandwidth)
    assert f.transfer_time(latency, 0.0, bandwidth) == latency
    assert 2 * f.transfer_time(latency, size / 2, bandwidth) >= whole * (1 - 1e-12)
    slope = (f.transfer_time(latency, 3 * size, bandwidth) - whole) / (2 * size)
    assert slope == pytest.approx(1 / bandwidth, rel=1e-3, abs=1e-9 * latency / size)


@quick
@given(st.floats(1e-7, 1e-5), st.floats(1e9, 1e12))
def test_half_size_reaches_half_the_payload_rate(latency, bandwidth):
    half = f.half_size(latency, bandwidth, 256.0, 16.0)
    time = f.transfer_time(latency, half * 272 / 256, bandwidth)
    assert f.achieved_bandwidth(half, time) == pytest.approx(bandwidth * 256 / 272 / 2)
    assert f.size_efficiency(half, half) == 0.5


def max_min(capacity: float, demands: list[float]) -> list[float]:
    """Progressive filling: the textbook algorithm."""
    shares, waiting = [0.0] * len(demands), sorted(range(len(demands)), key=lambda i: demands[i])
    while waiting:
        level = capacity / len(waiting)
        first = waiting.pop(0)
        shares[first] = min(demands[first], level)
        capacity -= shares[first]
    return shares


@quick
@given(st.floats(0, 3), st.integers(1, 9))
def test_fair_share_is_progressive_filling(load, flows):
    shares = max_min(1.0, [load / flows] * flows + [math.inf])
    assert f.fair_share(load, float(flows)) == pytest.approx(shares[-1])
    assert sum(shares) == pytest.approx(1.0)  # the link is full and nothing is made up


def test_contention_wait_agrees_with_a_simulated_queue():
    import numpy

    load, gaps = 0.6, numpy.random.default_rng(1).exponential(1 / 0.6, 1_000_000)
    walk = numpy.concatenate([[0.0], numpy.cumsum(1.0 - gaps)])  # Lindley's recursion as a reflected walk
    wait = walk - numpy.minimum.accumulate(walk)
    assert wait.mean() == pytest.approx(f.contention_wait(load, 1.0), rel=0.03)


def test_other_traffic_slows_and_a_full_link_never_delivers():
    times = [move("ethernet-400g", 1e6, load).time.value for load in (0.0, 0.3, 0.9, 1.0)]
    assert times[0] < times[1] < times[2] < times[3] == math.inf


@quick
@given(st.floats(1e3, 1e10), st.floats(1e-6, 1e-4), st.floats(1e9, 1e11), st.floats(1e9, 1e11))
def test_best_chunks_beats_every_other_number(size, call, down, up):
    best = host_bounce.best_chunks(size, call, down, up, 64.0)
    every = [host_bounce.pipelined_bounce_time(size, float(c), call, down, up) for c in range(1, 65)]
    assert host_bounce.pipelined_bounce_time(size, best, call, down, up) == pytest.approx(min(every), rel=1e-12)
    assert every[0] == pytest.approx(host_bounce.bounce_time(size, call, down, up, 0.0, 1e9))


def test_littles_law_limits_loads():
    assert f.load_store_bandwidth(450e9, 64.0, 128.0, 0.8e-6) == pytest.approx(10.24e9)
    assert f.load_store_bandwidth(450e9, 1e6, 128.0, 0.8e-6) == 450e9


def test_sweeps_and_provenance():
    import numpy

    points = numpy.array([1e3, 1e6, 1e9])
    swept = move("nvlink5", points)  # type: ignore[arg-type]
    assert swept.time.value == pytest.approx([move("nvlink5", float(p)).time.value for p in points])
    assert swept.pipelined_bounce.value == pytest.approx(
        [move("nvlink5", float(p)).pipelined_bounce.value for p in points]
    )
    assert move("nvlink5", 1e6).time.kind == "assumed"


def test_ports_follow_the_hardware():
    ports = {name: load_part("links", name).ports for name in part_names("links")}
    assert ports["nvlink5"] == ("nvlink5",)
    assert ports["pcie4"] == ("pcie4", "pcie5", "pcie6")
    assert not any("groq" in port for name, of in ports.items() if name.startswith("nvlink") for port in of)
    assert not any(port.startswith("nvlink") for port in ports["lpx-ethernet"])


@pytest.mark.parametrize("name", part_names("systems"))
def test_accelerators_host_and_fans_fill_the_power_of_a_system(name):
    system = load_part("systems", name)
    chip = load_part("gpus" if system.accelerator in part_names("gpus") else "lpus", system.accelerator)
    if chip.tdp is None or system.power is None:
        pytest.skip("nobody has published its power")
    parts = system.count.value * chip.tdp.value + system.host_power.value
    assert parts + system.fan_share.value * system.power.value == pytest.approx(system.power.value, rel=0.01)
