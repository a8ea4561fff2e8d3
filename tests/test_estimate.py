"""The whole estimate against the world: published measurements, exact theory, and arithmetic done by hand elsewhere."""

import math
from functools import cache
from pathlib import Path
from typing import Any

import psychrolib
import pytest
import yaml

from rackcalc.estimation.estimate import Estimate, estimate
from rackcalc.quantities import unit_text
from rackcalc.quantities.figures import figure
from rackcalc.quantities.problems import InputError
from rackcalc.questions.rack_file import load, load_text

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.yaml"))


@cache
def bundled(name: str, scenario: str = "", *sets: str) -> Estimate:
    return estimate(load(name, scenario, sets))


@cache
def inline(text: str, *sets: str) -> Estimate:
    return estimate(load_text(text, "inline.yaml", "", sets))


def value(report: Estimate, path: str, unit: str) -> float:
    quantity = figure(report, path)
    return unit_text.convert(float(quantity.value), quantity.unit, unit)


# --- published cases -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_published(path: Path) -> None:
    case: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert case["what"] and case["source"], "a published number says where it was published"
    errors = []
    for row in case["rows"]:
        sets = row.get("set", [])
        found = value(inline(yaml.safe_dump(case["rack"]), *sets), case["figure"], case["unit"])
        if "published" in row:
            errors.append(abs(found / row["published"] - 1))
            assert errors[-1] < case["worst_error"], f"{sets}: {found:g} against {row['published']:g}"
        else:
            assert row["low"] <= found <= row["high"], f"{sets}: {found:g}"
    if errors:
        assert sum(errors) / len(errors) < case["mean_error"]


# --- the article's rack ----------------------------------------------------------------------------------------------

ONE_GPU = ["accelerators.gpu.count=1", "accelerators.gpu.system="]
UNQUEUED = ["workload.arrival_rate=", "workload.slo=", "sharing="]


@pytest.mark.parametrize("name", ["rack-of-god", "rack-of-god-corrected"])
def test_hybrid_is_where_the_monte_carlo_puts_it(name: str) -> None:
    report = bundled(name)
    assert 1.24 <= value(report, "latency.p50", "ms") <= 1.74, "P5 to P95 of 400,000 draws over the stated ranges"


def test_the_link_is_not_what_decides() -> None:
    report = bundled("rack-of-god-corrected")
    crossing = value(report, "stages.forth.time", "ms") + value(report, "stages.back.time", "ms")
    assert crossing / value(report, "latency.service", "ms") < 0.024 * 1.3  # 0.3 to 2.4 % by hand, PCIe4 is the top end
    careless = bundled("rack-of-god-corrected", "network-stack")
    assert value(careless, "latency.p50", "ms") > value(report, "latency.p50", "ms") + 2 * 0.45  # ~0.5 ms each way


def test_compiled_and_captured_engines() -> None:
    compiled = bundled("bert-8xb200", "", *UNQUEUED)
    assert 0.6 <= value(compiled, "latency.p50", "ms") <= 1.05
    captured = bundled("bert-8xb200", "", *UNQUEUED, "serving.runtime=cuda-graph")
    assert value(captured, "stages.gpu.time", "ms") == pytest.approx(0.83, rel=0.25), "sum of measured kernels"
    bound = bundled("bert-8xb200", "", *UNQUEUED, "serving.runtime=megakernel")
    assert value(bound, "stages.gpu.time", "ms") == pytest.approx(0.25, rel=0.10), "120 grid syncs and a roofline"
    long = bundled("bert-8xb200", "", *UNQUEUED, "workload.input=384 token")
    assert value(long, "stages.gpu.time", "ms") == pytest.approx(0.71, rel=0.10)


def test_eager_is_the_articles_baseline_and_says_why() -> None:
    report = bundled("rack-of-god", "eager")
    assert 5.8 <= value(report, "latency.p50", "ms") <= 17.8
    assert any("host bound" in note for note in report.notes)
    twice = bundled("rack-of-god", "eager", "workload.input=384 token")
    assert value(twice, "stages.gpu.time", "ms") == pytest.approx(value(report, "stages.gpu.time", "ms")), "host bound"
    ratio = value(report, "latency.p50", "ms") / value(bundled("rack-of-god"), "latency.p50", "ms")
    assert 3.9 <= ratio <= 12.4


def test_hybrid_against_one_gpu() -> None:
    """Slower at the median; faster in the tail once the GPU queues, because four LPUs are a pipeline."""

    def both(rate: int) -> tuple[Estimate, Estimate]:
        sets = (*ONE_GPU, f"workload.arrival_rate={rate} request/s")
        return bundled("rack-of-god", "", *sets), bundled("rack-of-god", "gpu-only", *sets, "economics.price=")

    hybrid, gpu = both(1000)
    assert 1.4 <= value(hybrid, "latency.p50", "ms") / value(gpu, "latency.service", "ms") <= 2.4
    assert value(hybrid, "latency.p99", "ms") < value(gpu, "latency.p99", "ms")
    hybrid, gpu = both(200)
    for level in ("p50", "p90", "p99"):
        assert value(hybrid, f"latency.{level}", "ms") > value(gpu, f"latency.{level}", "ms"), level


MD1 = [(0.5, 3.3363, 5.1684), (0.8, 10.3559, 15.7003), (0.9, 21.8982, 33.0140)]
COLD = ["site.inlet=5 degC", "accelerators.lpu.part.tdp=300 W"]  # no chip throttles, whatever the load


@pytest.mark.parametrize(("rho", "p99", "p999"), MD1)
@pytest.mark.parametrize("scenario", ["", "gpu-only"])
def test_tails_are_those_of_one_deterministic_server(scenario: str, rho: float, p99: float, p999: float) -> None:
    """One GPU, or one pipeline of LPUs: M/D/1 with the slowest stage as server (reference values by two methods)."""
    sets = [*ONE_GPU, "economics.price=", *COLD[: 1 if scenario else 2]]
    idle = bundled("rack-of-god", scenario, *sets, "workload.arrival_rate=1 request/s")
    capacity = value(idle, "throughput.capacity", "request/s")
    report = bundled("rack-of-god", scenario, *sets, f"workload.arrival_rate={rho * capacity!r} request/s")
    service = value(report, "latency.service", "s")
    for level, waits in (("p99", p99), ("p999", p999)):
        assert value(report, f"latency.{level}", "s") == pytest.approx(service + waits / capacity, rel=1e-4)


# --- language models -------------------------------------------------------------------------------------------------

LLAMA = """
name: Llama-3.1-70B, one user
accelerators: {gpu: {part: b200-sxm, count: 8}}
model: llama-3.1-70b
workload: {input: 1024 token, output: 512 token, batch: 1, precision: fp8}
serving: {split: gpu, runtime: cuda-graph, tensor_parallel: 8}
"""


@pytest.mark.parametrize(
    ("runtime", "precision", "by_hand", "within", "light"),
    [
        ("cuda-graph", "bf16", 6.54, 0.20, 2.74),
        ("cuda-graph", "fp8", 6.12, 0.20, 1.61),
        ("megakernel", "bf16", 3.57, 0.10, 2.74),
        ("megakernel", "fp8", 2.12, 0.10, 1.61),
        ("megakernel", "fp4", 1.49, 0.10, 1.11),
    ],
)
def test_llama_70b_for_one_user(runtime: str, precision: str, by_hand: float, within: float, light: float) -> None:
    """Sums of measured kernels and all-reduces; light: memory and 160 exchanges of 3 us alone."""
    report = inline(LLAMA, f"serving.runtime={runtime}", f"workload.precision={precision}")
    tpot = value(report, "latency.tpot", "ms/token")
    assert tpot == pytest.approx(by_hand, rel=within)
    assert tpot > light


AFD = """
name: attention on 8 x B200, feed-forward on one LPX rack
accelerators: {gpu: {part: b200-sxm, count: 8}, lpu: {part: groq-3-lpu, count: 256}}
links: {gpu-lpu: {part: lpx-ethernet}}
model: llama-3.1-70b
workload: {input: 1024 token, output: 512 token, batch: 1, precision: fp8}
serving: {split: attention-ffn, runtime: cuda-graph, tensor_parallel: 8, microbatches: 1}
"""


@pytest.mark.parametrize(("hop", "by_hand"), [(2.0, 4.25), (5.0, 4.73), (10.0, 5.53)])
def test_attention_and_feed_forward_apart(hop: float, by_hand: float) -> None:
    report = inline(AFD, f"links.gpu-lpu.part.latency={hop} us", "links.gpu-lpu.part.hop_latency=0 us")
    assert value(report, "latency.tpot", "ms/token") == pytest.approx(by_hand, rel=0.05)


def test_break_even_hop_breaks_even() -> None:
    report = inline(AFD)
    there = value(report, "details.break_even_hop", "us")
    assert 8 < there < 20, "about 14 us by hand"
    now, latency = value(report, "link.gpu-lpu.time", "us"), 4.5
    moved = inline(AFD, f"links.gpu-lpu.part.latency={latency + there - now!r} us")
    assert value(moved, "link.gpu-lpu.time", "us") == pytest.approx(there)
    step, alone = value(moved, "stages.decode.time", "ms"), value(moved, "details.gpu_only_step", "ms")
    assert step == pytest.approx(alone, rel=0.01), "at this hop the split neither gains nor loses"


CHIPS = [("groq-lpu-v1", 8, "int8", 368), ("groq-3-lpu", 16, "fp8", 170)]


@pytest.mark.parametrize(("part", "count", "precision", "by_hand"), CHIPS)
def test_fewest_chips_for_llama_70b(part: str, count: int, precision: str, by_hand: int) -> None:
    """8-bit weights and one user's 8k tokens of 8-bit KV; ours keeps embedding and head in 16 bit: 3 % more chips."""
    text = f"""
    name: too few chips
    accelerators: {{lpu: {{part: {part}, count: {count}}}}}
    model: llama-3.1-70b
    workload: {{input: 7168 token, output: 1024 token, batch: 1, precision: {precision}, kv_precision: {precision}}}
    serving: {{split: lpu}}
    """
    with pytest.raises(InputError) as caught:
        inline(text)
    (problem,) = caught.value.problems
    needs = int(problem.message.partition("it needs at least ")[2].split()[0])
    assert by_hand <= needs <= by_hand * 1.05


# --- heat ------------------------------------------------------------------------------------------------------------


def test_air_carries_the_heat() -> None:
    report = bundled("rack-of-god", "gpu-only", "site.cooling=air-contained", "accelerators.gpu.system=dgx-b200")
    thermal = report.thermal
    psychrolib.SetUnitSystem(psychrolib.SI)
    density = psychrolib.GetMoistAirDensity(27.0, psychrolib.GetHumRatioFromRelHum(27.0, 0.4, 101325.0), 101325.0)
    rise = report.power.peak.it.value / (density * 1006.0 * thermal.airflow.value)
    assert thermal.outlet.value - thermal.inlet.value == pytest.approx(rise, rel=0.005)
    assert value(report, "power.rated", "kW") == pytest.approx(14.3, rel=0.01), "data sheet of the DGX B200"
    assert value(report, "power.peak.it", "kW") == pytest.approx(10.4, rel=0.05), "wall meters of such servers"
    flow = value(report, "thermal.airflow", "CFM")
    assert flow == pytest.approx(value(report, "power.peak.it", "kW") * 1638 / 14, rel=0.03), (
        "1,638 CFM for 14 kW at a rise of 15 K"
    )
    assert thermal.rack_headroom.value > 0, "one air-cooled DGX B200 per contained rack is ordinary"
    assert thermal.outlet.value - 273.15 < 45, "the article's 55 degC takes starved airflow"


def test_starved_airflow_gives_the_articles_55_degrees() -> None:
    contained, starved = "site.cooling=air-contained", "site.airflow=878 CFM"
    usual, report = (
        bundled("rack-of-god", "gpu-only", contained),
        bundled("rack-of-god", "gpu-only", contained, starved),
    )
    rise = report.thermal.outlet.value - report.thermal.inlet.value
    hot = 28.0 * report.power.peak.it.value / 14e3  # 28 K for 14 kW at 878 CFM
    assert rise == pytest.approx(hot, rel=0.03)
    assert report.thermal.clock_share["gpu"].value < usual.thermal.clock_share["gpu"].value


# --- money -----------------------------------------------------------------------------------------------------------

FREE = [
    "economics.electricity=0 USD/kWh",
    "economics.space=0 USD/kW/month",
    "economics.maintenance=0 percent/year",
    "software=",
]


def test_the_articles_own_numbers_give_days_not_weeks() -> None:
    """0.7 % per ms and year of a billion, 10.2 ms saved, 950,000 USD: 71.4 million a year, 4.86 days."""
    p99 = value(bundled("rack-of-god"), "latency.p99", "ms")
    saving = [*FREE, f"latency_value.baseline={p99 + 10.2!r} ms"]
    report = bundled("rack-of-god", "", *saving)
    assert value(report, "value.saved", "ms") == pytest.approx(10.2)
    assert value(report, "roi.value_terms.latency", "USD/year") == pytest.approx(71.4e6)
    assert value(report, "cost.capex", "USD") == pytest.approx(950e3)
    assert value(report, "roi.payback", "day") == pytest.approx(4.86, abs=0.005)
    fee = bundled("rack-of-god", "", *saving, "latency_value.share_kept=0.2")
    assert value(fee, "roi.payback", "day") == pytest.approx(24.3, abs=0.05), "a fee of 20 % makes it three weeks"


def test_value_of_latency_is_rate_times_capital_times_time_saved() -> None:
    report = bundled("rack-of-god")
    saved = 12.0 - value(report, "latency.p99", "ms")
    assert value(report, "roi.value_terms.latency", "USD/year") == pytest.approx(0.007 * 1e9 * saved)
    against_compiled = bundled("rack-of-god-corrected")
    assert value(against_compiled, "roi.value", "USD/year") < 0, "against a compiled engine the LPUs lose money"
    assert math.isinf(against_compiled.roi.payback.value)
    assert value(against_compiled, "value.gross", "USD/year") == pytest.approx(
        0.007 * 1e9 * (0.72 - value(against_compiled, "latency.p99", "ms"))
    )


def test_running_costs_by_hand() -> None:
    report = bundled("rack-of-god", "", "economics.electricity=0.0929 USD/kWh", "economics.space=184.06 USD/kW/month")
    facility, rented = value(report, "power.facility", "kW"), value(report, "power.peak.it", "kW")
    assert value(report, "cost.opex_terms.energy", "USD/year") == pytest.approx(facility * 8760 * 0.0929, rel=1e-9)
    assert value(report, "cost.opex_terms.space", "USD/year") == pytest.approx(rented * 12 * 184.06, rel=0.001)
    assert facility / value(report, "power.it", "kW") == pytest.approx(1.54)


def clock_notes(*named: str) -> list[str]:
    return [note for note in bundled(*named).notes if "throttles" in note or "derated" in note]


def test_a_gpu_throttles_by_heat_or_by_power_and_the_note_says_which() -> None:
    (capped,) = clock_notes("vr-nvl72-lpx-attention-ffn", "", "accelerators.lpu.part.tdp=100 W")
    assert capped.startswith("gpu throttles") and "its power limit of 2.3 kW" in capped
    (hot,) = clock_notes("air-limit", "", "site.inlet=45 degC")
    assert hot.startswith("gpu throttles") and "its temperature limit of 89 degC" in hot
    assert "power limit" not in hot
    assert not clock_notes("air-limit", "", "site.inlet=5 degC")


def test_an_lpu_does_not_slow_down_by_itself() -> None:
    """A GroqChip runs a schedule that was fixed when it was compiled: too hot, it trips."""
    (hot,) = (note for note in clock_notes("rack-of-god") if note.startswith("lpu"))
    assert "throttles" not in hot and "its temperature limit of 95 degC" in hot and "trips" in hot and "derated" in hot
    assert not [note for note in clock_notes("rack-of-god", "", *COLD) if note.startswith("lpu")]


def test_a_groqrack_has_64_lpus_that_work() -> None:
    """Nine nodes of eight, one of them spare (Argonne's user guide): 576 working LPUs are nine racks, not eight."""

    def racks(count: int, *sets: str) -> tuple[float, float]:
        report = bundled("groqrack-llama2-70b", "", f"accelerators.lpu.count={count}", *sets)
        price, rated = value(report, "cost.capex_terms.lpu", "USD"), value(report, "power.rated", "kW")
        return price / 1.62e6, rated / 35

    assert racks(576) == pytest.approx((9, 9))
    assert racks(577, "site.racks=10") == pytest.approx((10, 10))
    assert racks(640, "site.racks=10") == pytest.approx((10, 10))
    with pytest.raises(InputError, match=r"site\.racks"):
        racks(576, "site.racks=10")
