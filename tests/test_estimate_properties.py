"""What must hold for any rack: order, monotony, conservation, proportion; and arrays give what scalars give."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rackcalc.estimation.estimate import Estimate, compute, estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.rack_file import load

few = settings(max_examples=8, deadline=None)


@cache
def bundled(name: str, *sets: str, scenario: str = "") -> Estimate:
    return estimate(load(name, scenario, sets))


def rate(value: float) -> str:
    return f"workload.arrival_rate={value!r} request/s"


# --- queueing --------------------------------------------------------------------------------------------------------


@few
@given(st.floats(0.01, 0.97), st.floats(0.01, 0.97))
def test_tails_grow_with_the_load(a: float, b: float) -> None:
    capacity = 3100.0  # requests/s: four LPUs in a row do 3,300, and 3,150 when this load makes them hot
    low, high = (bundled("rack-of-god-corrected", rate(capacity * share)) for share in sorted((a, b)))
    for level in ("p50", "p90", "p99", "p999", "mean"):
        assert getattr(low.latency, level).value <= getattr(high.latency, level).value * (1 + 1e-12), level
    for report in (low, high):
        late = report.latency
        assert late.service.value <= late.p50.value <= late.p90.value <= late.p99.value <= late.p999.value
        assert report.throughput.utilization.value < 1


@few
@given(st.floats(0.2, 4.2))
def test_busier_engines_are_slower_and_draw_more(requests: float) -> None:
    """Continuous batching: more requests under way, longer steps, more power, less energy per token."""
    slow, fast = bundled("llama70b-8xh100", rate(requests)), bundled("llama70b-8xh100", rate(requests * 1.1))
    for path in ("tpot", "ttft", "service"):
        assert getattr(slow.latency, path).value <= getattr(fast.latency, path).value * (1 + 1e-9), path
    assert slow.power.chips.value <= fast.power.chips.value * (1 + 1e-9)
    assert slow.power.energy_per_token.value >= fast.power.energy_per_token.value * (1 - 1e-9)
    assert slow.throughput.capacity.value == pytest.approx(fast.throughput.capacity.value, rel=0.02)


def test_a_percentile_of_an_engine_is_no_mean() -> None:
    """Little's law and the tails of an engine at a third, two thirds and nine tenths of its capacity."""
    most = bundled("llama70b-8xh100").throughput.capacity.value
    for share in (0.33, 0.66, 0.9):
        found = bundled("llama70b-8xh100", rate(share * most))
        late, decoding = found.latency, found.details["requests_under_way"].value
        assert decoding == pytest.approx(share * most * 511 * late.tpot.value, rel=0.02)
        assert late.ttft_p99.value > 1.05 * late.ttft.value
        assert late.tpot_p99.value > 1.02 * late.tpot.value and late.p99.value > 1.02 * late.mean.value
        assert late.itl_p99.value > 1.5 * late.itl_p50.value, "a step that holds a prompt is longer"


def test_lengths_that_vary_and_bursts_make_longer_tails() -> None:
    busy = rate(6.0)
    usual = bundled("llama70b-8xh100", busy).latency
    varied = bundled("llama70b-8xh100", busy, "workload.output_cv=1", "workload.input_cv=1").latency
    bursts = bundled("llama70b-8xh100", busy, "workload.burstiness=2").latency
    assert varied.p99.value > 2 * usual.p99.value and varied.mean.value == pytest.approx(usual.mean.value, rel=0.1)
    assert varied.ttft_p99.value > usual.ttft_p99.value < bursts.ttft_p99.value


def test_a_light_load_is_as_fast_as_one_user() -> None:
    light = bundled("llama70b-8xh100", rate(1e-3))
    alone = bundled("llama70b-8xh100", "workload.batch=1", "workload.arrival_rate=")
    assert light.latency.tpot.value == pytest.approx(alone.latency.tpot.value, rel=0.01)


@pytest.mark.parametrize(("share", "below"), [(0.9, True), (1.02, False)])
def test_overload_is_refused(share: float, below: bool) -> None:
    cold = ("site.inlet=5 degC",)
    capacity = bundled("bert-8xb200", "sharing=", *cold).throughput.capacity.value
    if below:
        assert bundled("bert-8xb200", "sharing=", *cold, rate(share * capacity)).throughput.utilization.value < 1
    else:
        with pytest.raises(InputError, match="overload"):
            bundled("bert-8xb200", "sharing=", *cold, rate(share * capacity))


def test_what_meets_the_slo_is_what_is_sold() -> None:
    calm = bundled("bert-8xb200")
    assert calm.throughput.at_slo.value > calm.throughput.requests.value == 1000.0
    most = calm.throughput.at_slo.value
    at = bundled("bert-8xb200", rate(most))
    assert at.latency.p99.value == pytest.approx(2e-3, rel=0.11), "a slice of 0.2 ms is charged in full"
    assert at.latency.p99.value <= 2e-3 * (1 + 1e-6)
    strict = bundled("bert-8xb200", "workload.slo=0.95 ms", "sharing=", rate(12000.0))
    assert strict.throughput.requests.value == strict.throughput.at_slo.value < 12000.0


# --- capacity --------------------------------------------------------------------------------------------------------


def test_capacity_is_places_over_the_time_each_is_held() -> None:
    cool = "site.inlet=5 degC"
    encoder = bundled("bert-8xb200", "sharing=", "workload.batch=8", cool)
    assert encoder.throughput.capacity.value * encoder.stages["gpu"].time.value == pytest.approx(8 * 8)
    rack = load("groqrack-llama2-70b", "", (cool,)).rack
    lpu = bundled("groqrack-llama2-70b", cool)
    held = lpu.latency.end_to_end.value - rack.accelerators.lpu.part.host_io.value
    stages = lpu.details["pipeline_stages"].value
    assert lpu.throughput.capacity.value * held == pytest.approx(stages, rel=1e-6)
    split = bundled("vr-nvl72-lpx-prefill-decode", "site.inlet=5 degC")
    places = split.details["pipeline_stages"].value
    by_decoding = places / (split.latency.tpot.value * 1024)
    by_prompts = 9 / split.stages["prefill"].time.value
    assert split.throughput.capacity.value == pytest.approx(min(by_decoding, by_prompts), rel=1e-6)
    prompts = bundled(
        "vr-nvl72-lpx-prefill-decode", "site.inlet=5 degC", "accelerators.gpu.count=8", "workload.output=8 token"
    )
    assert prompts.throughput.capacity.value == pytest.approx(1 / prompts.stages["prefill"].time.value, rel=1e-6)


@pytest.mark.parametrize("name", ["bert-8xb200", "llama70b-8xh100", "gb200-nvl72-deepseek-v3"])
def test_twice_the_gpus_do_twice_the_work(name: str) -> None:
    idle = ("workload.arrival_rate=", "workload.slo=", "sharing=", "accelerators.gpu.system=", "site.inlet=10 degC")
    count = load(name).rack.accelerators.gpu.count.value
    shared = () if name == "bert-8xb200" else ("serving.tensor_parallel=8",)
    one, two = (bundled(name, *idle, *shared, f"accelerators.gpu.count={n * count:g}") for n in (1, 2))
    assert two.throughput.capacity.value == pytest.approx(2 * one.throughput.capacity.value, rel=1e-9)
    assert two.latency.p50.value == pytest.approx(one.latency.p50.value, rel=1e-9)
    assert two.power.chips.value == pytest.approx(2 * one.power.chips.value, rel=1e-6)


@few
@given(st.integers(1, 64))
def test_larger_batches_do_more_and_take_longer(batch: int) -> None:
    idle = ("workload.arrival_rate=", "workload.slo=", "sharing=")
    small, large = (bundled("bert-8xb200", *idle, f"workload.batch={n}") for n in (batch, 2 * batch))
    assert small.latency.p50.value <= large.latency.p50.value
    assert small.throughput.capacity.value <= large.throughput.capacity.value * (1 + 1e-9)
    assert small.power.energy_per_request.value >= large.power.energy_per_request.value * (1 - 1e-9)


@few
@given(st.floats(1.0, 900.0), st.floats(1.0, 10.0))
def test_a_faster_link_never_hurts(bandwidth: float, factor: float) -> None:
    rates = (bandwidth, bandwidth * factor)
    slow, fast = (bundled("rack-of-god", f"links.gpu-lpu.part.bandwidth={value!r} GB/s") for value in rates)
    assert fast.latency.p50.value <= slow.latency.p50.value * (1 + 1e-12)
    assert fast.throughput.capacity.value >= slow.throughput.capacity.value * (1 - 1e-12)


# --- heat ------------------------------------------------------------------------------------------------------------


@few
@given(st.floats(5.0, 60.0), st.floats(0.0, 20.0))
def test_a_hotter_inlet_is_never_faster(inlet: float, more: float) -> None:
    try:
        full = "economics.utilization=1"
        cool, hot = (bundled("air-limit", full, f"site.inlet={value!r} degC") for value in (inlet, inlet + more))
    except InputError:  # too hot for any clock
        assume(False)
    assert hot.latency.service.value >= cool.latency.service.value * (1 - 1e-12)
    assert hot.throughput.capacity.value <= cool.throughput.capacity.value * (1 + 1e-12)
    assert hot.thermal.clock_share["gpu"].value <= cool.thermal.clock_share["gpu"].value * (1 + 1e-12)
    assert hot.thermal.outlet.value >= cool.thermal.outlet.value - 1e-9


def test_a_throttled_rack_is_slower_by_its_clock() -> None:
    large = ("model=qwen3-32b", "workload.precision=bf16", "workload.batch=128", "serving.tensor_parallel=1")
    busy = ("economics.utilization=1", *large)  # one GPU each with all of its memory traffic: near the rating
    cool, hot = (bundled("air-limit", *busy, f"site.inlet={degrees} degC") for degrees in (5, 45))
    clock = hot.thermal.clock_share["gpu"].value
    assert cool.thermal.clock_share["gpu"].value == 1.0
    assert clock < 0.95
    assert hot.latency.service.value > cool.latency.service.value
    assert hot.throughput.capacity.value < cool.throughput.capacity.value
    for name, stage in hot.stages.items():
        assert stage.time.value > cool.stages[name].time.value, name


@few
@given(st.floats(0.0, 35.0), st.floats(0.0, 2000.0))
def test_energy_in_is_heat_out(inlet: float, altitude: float) -> None:
    report = bundled("air-limit", f"site.inlet={inlet!r} degC", f"site.altitude={altitude!r} m")
    removed = report.thermal.heat_to_air.value + report.thermal.heat_to_liquid.value
    assert removed == pytest.approx(report.power.peak.it.value, rel=1e-9)
    assert report.power.it.value <= report.power.peak.it.value


# --- money -----------------------------------------------------------------------------------------------------------


@few
@given(st.floats(0.01, 1.0))
def test_energy_cost_is_proportional_to_the_price(price: float) -> None:
    whole, half = (
        bundled("llama70b-8xh100", f"economics.electricity={value!r} USD/kWh") for value in (price, price / 2)
    )
    assert half.cost.opex_terms["energy"].value == pytest.approx(whole.cost.opex_terms["energy"].value / 2, rel=1e-12)
    saved = whole.cost.opex.value - half.cost.opex.value
    assert saved == pytest.approx(half.cost.opex_terms["energy"].value, rel=1e-9)
    assert half.cost.tco.value < whole.cost.tco.value


def test_unknown_prices_are_said_and_not_counted() -> None:
    report = bundled("vr-nvl72-lpx-attention-ffn")
    assert report.cost.unpriced == ("lpu",) and not report.cost.capex.known
    known = report.cost.known
    assert known is not None
    priced = bundled("vr-nvl72-lpx-attention-ffn", "economics.price={lpu: 1000000 USD}")
    assert priced.cost.unpriced == ()
    premium = 1 + load("vr-nvl72-lpx-attention-ffn").rack.site.cooling.capex_premium.value
    assert priced.cost.capex.value - known.capex.value == pytest.approx(1e6 * premium)


def test_a_price_book_charges_only_what_is_there() -> None:
    """The article's book prices GPUs and LPUs; without LPUs neither they nor cooling for them are paid."""
    book = ("economics.prices=article", "economics.price=", "site.cooling=air-contained")
    report = bundled("rack-of-god", *book, scenario="gpu-only")
    assert set(report.cost.capex_terms) >= {"gpu", "cooling"} and "lpu" not in report.cost.capex_terms
    premium = load("rack-of-god", "", ("site.cooling=air-contained",)).rack.site.cooling.capex_premium.value
    assert report.cost.capex_terms["cooling"].value == pytest.approx(premium * report.cost.capex_terms["gpu"].value)


def test_sharing_that_is_reserved_slows_tokens_too() -> None:
    alone, shared = (
        bundled("llama70b-8xh100", "workload.batch=32", f"sharing={{policy: reserved, share: {share} percent}}")
        for share in ("0.001", "20")
    )
    assert shared.latency.tpot.value == pytest.approx(alone.latency.tpot.value / 0.8, rel=0.01)
    assert shared.latency.end_to_end.value > alone.latency.end_to_end.value


# --- arrays ----------------------------------------------------------------------------------------------------------

RACKS = ("rack-of-god", "bert-8xb200", "llama70b-8xh100", "vr-nvl72-lpx-attention-ffn", "groqrack-llama2-70b")
LEAVES = (
    "accelerators.gpu.part.memory_bandwidth",
    "accelerators.gpu.part.tdp",
    "accelerators.lpu.part.clock",
    "links.gpu-lpu.part.bandwidth",
    "workload.arrival_rate",
    "workload.batch",
    "workload.input",
    "site.altitude",
    "site.cooling.air_supply",
    "economics.utilization",
    "latency_value.rate",
)


def leaves(obj: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of every number of a rack."""
    if isinstance(obj, Quantity):
        yield path
    elif isinstance(obj, Mapping) or (is_dataclass(obj) and not isinstance(obj, type)):
        items = obj.items() if isinstance(obj, Mapping) else ((f.name, getattr(obj, f.name)) for f in fields(obj))
        for name, child in items:
            yield from leaves(child, f"{path}.{name}" if path else name)


def changed(obj: Any, path: str, change: Callable[[Quantity], Quantity]) -> Any:
    """The rack with one number changed."""
    name, _, rest = path.partition(".")
    old = obj[name] if isinstance(obj, Mapping) else getattr(obj, name)
    new = changed(old, rest, change) if rest else change(old)
    return {**obj, name: new} if isinstance(obj, Mapping) else replace(obj, **{name: new})


WHOLE = ("workload.batch", "workload.input")


def scaled(loaded: Any, path: str, factor: Any) -> dict[str, Quantity]:
    """The figures of a rack with one number multiplied."""
    rack = changed(loaded.rack, path, lambda quantity: replace(quantity, value=quantity.value * factor))
    return dict(figures(compute(replace(loaded, rack=rack), lambda *_: None)))


@pytest.mark.parametrize("name", RACKS)
def test_arrays_give_what_scalars_give(name: str) -> None:
    loaded = load(name)
    tried = set(LEAVES) & set(leaves(loaded.rack))
    assert len(tried) >= 5
    for path in tried:
        factors = np.array([1.0, 2.0, 3.0] if path in WHOLE else [0.97, 1.0, 1.02])
        swept, points = scaled(loaded, path, factors), [scaled(loaded, path, factor) for factor in factors.tolist()]
        for figure, quantity in swept.items():
            wanted = [float(point[figure].value) for point in points]
            found = np.broadcast_to(quantity.value, factors.shape)
            np.testing.assert_allclose(found, wanted, rtol=1e-9, err_msg=f"{path} -> {figure}")
