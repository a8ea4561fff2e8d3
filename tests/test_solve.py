"""Goal seek: exact answers where they are known, the scalar estimate's word everywhere."""

import json
import math
from typing import Any

import pytest
from typer.testing import CliRunner

from rackcalc.cli.typer_app import app
from rackcalc.config.vary import Axis
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figure
from rackcalc.quantities.problems import InputError
from rackcalc.questions.rack_file import load
from rackcalc.questions.solve.options import SolveOptions, solve_goal
from rackcalc.questions.solve.search import Solution, rounded, solve
from rackcalc.questions.space_options import SpaceOptions


def options_of(rack: str, so_that: tuple[str, ...], options: dict[str, Any]) -> SolveOptions:
    space = {name: options.pop(name) for name in SpaceOptions._fields if name in options}
    return SolveOptions(SpaceOptions(rack, **space), so_that=so_that, **options)


def solved(rack: str, *so_that: str, **options: Any) -> Solution:
    return solve(*solve_goal(options_of(rack, so_that, options)))


def values(answer: Solution) -> list[Any]:
    return [axis.values[0] for axes in answer.best.point for axis in axes]


def computed(rack: str, path: str, *sets: str, scenario: str = "") -> float:
    return float(figure(estimate(load(rack, scenario, sets)), path).value)


def problems(rack: str, *so_that: str, **options: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        solve_goal(options_of(rack, so_that, options))
    return list(map(str, caught.value.problems))


LPUS = ("accelerators.lpu.count=1..8",)


def test_the_fewest_lpus_are_as_many_as_hold_the_weights() -> None:
    answer = solved("rack-of-god-corrected", "latency.p99 < 2 ms", vary=LPUS)
    assert answer.found
    assert values(answer) == [4]
    assert answer.best.results[0].actual == computed("rack-of-god-corrected", "latency.p99", "accelerators.lpu.count=4")
    ((name, beside),) = answer.neighbours
    assert name == "accelerators.lpu.count"
    assert "does not fit" in beside.refusal
    assert (answer.points, answer.computable, answer.holding) == (8, 5, 5)
    assert answer.refused == {"LPU memory: does not fit": 3}


def test_a_break_even_hop_is_the_one_that_the_closed_formula_gives() -> None:
    answer = solved(
        "vr-nvl72-lpx-attention-ffn",
        "stages.decode.time < details.gpu_only_step",
        vary=("links.gpu-lpu.part.latency=0.1..50 us:1",),
        maximise="links.gpu-lpu.part.latency",
        scenario="one-user",
        get=("link.gpu-lpu.time", "details.break_even_hop"),
    )
    hop, closed = (float(answer.best.figures[path].value) for path in answer.goal.shown)
    assert hop == pytest.approx(closed, rel=1e-4)
    assert hop <= closed


def test_both_sides_of_a_boundary_are_what_the_estimate_says() -> None:
    answer = solved("rack-of-god", "latency.p99 < 1.7 ms", vary=("workload.arrival_rate=100..2000 request/s:300",))
    (stretch,) = answer.holding_ranges
    last = stretch.last.values[0]
    assert values(answer) == [last], "the range begins where it holds: the answer is where it ceases to"
    step = 10 ** (math.floor(math.log10(last)) - 4)
    at, beyond = (
        computed("rack-of-god", "latency.p99", f"workload.arrival_rate={rate!r} request/s")
        for rate in (last, last + step)
    )
    assert at < 1.7e-3 <= beyond


def test_another_scenario_is_asked_the_same_question() -> None:
    answer = solved(
        "rack-of-god",
        "latency.p99 < latency.p99 in gpu-only",
        vary=("workload.arrival_rate=100..1800 request/s:50",),
        sets=("accelerators.gpu.count=1",),
    )
    (rate,) = values(answer)
    one = ("accelerators.gpu.count=1", f"workload.arrival_rate={rate!r} request/s")
    assert answer.best.results[0].actual == computed("rack-of-god", "latency.p99", *one)
    assert answer.best.results[0].limit == computed("rack-of-god", "latency.p99", *one, scenario="gpu-only")
    assert set(answer.refused) == {"in gpu-only: overload"}
    assert not answer.neighbours[0][1].holds
    assert answer.holding_ranges[0].unknown == (False, True)


def test_what_only_the_rack_asked_for_has_is_not_varied_in_the_other_scenario() -> None:
    answer = solved("rack-of-god", "latency.p99 > latency.p99 in gpu-only", vary=LPUS)
    assert values(answer) == [4]
    assert answer.best.results[0].limit == computed("rack-of-god", "latency.p99", scenario="gpu-only")


def test_base_is_the_file_without_a_scenario() -> None:
    vary = ("economics.electricity=0.1,0.2 USD/kWh",)
    answer = solved("air-limit", "cost.capex > cost.capex in base", vary=vary, scenario="liquid")
    assert answer.best.results[0].limit == computed("air-limit", "cost.capex", "economics.electricity=0.1 USD/kWh")


def test_several_stretches_are_all_named() -> None:
    counts = (8, 4, 12, 16, 5)
    found = [computed("rack-of-god", "latency.p99", f"accelerators.lpu.count={n}") for n in counts]
    limit = sorted(found)[2]  # at the second of the counts and at the last it is longer
    vary = (f"accelerators.lpu.count={','.join(map(str, counts))}",)
    answer = solved("rack-of-god", f"latency.p99 > {limit!r} s", vary=vary)
    kept = [(part.first.values[0], part.last.values[0]) for part in answer.holding_ranges]
    holds = [value > limit for value in found]
    assert sum(holds) == answer.holding
    assert len(kept) == sum(now and not before for before, now in zip([False, *holds], holds, strict=False))
    assert len(kept) > 1


def test_together_or_in_every_combination() -> None:
    vary = ("accelerators.gpu.count=72..720:72", "site.racks=1..10")
    answer = solved(
        "gb200-nvl72-deepseek-v3", "power.peak.facility < 1 MW", vary=vary, zipped=True, maximise="throughput.tokens"
    )
    assert values(answer) == [432, 6]
    (beside,) = [point for _, point in answer.neighbours]
    assert [axis.values[0] for axis in beside.point[0]] == [504, 7]
    assert beside.results[0].actual > 1e6
    crossed = solved("gb200-nvl72-deepseek-v3", "power.peak.facility < 1 MW", vary=vary, maximise="throughput.tokens")
    assert crossed.points == 100


def test_two_continuous_variables_are_searched_together() -> None:
    vary = ("workload.arrival_rate=100..4000 request/s:100", "links.gpu-lpu.part.latency=0.1..5 us:0.5")
    answer = solved("rack-of-god", "latency.p99 < 1.7 ms", vary=vary, maximise="workload.arrival_rate")
    rate, latency = values(answer)
    assert latency == pytest.approx(1e-7)
    alone = solved(
        "rack-of-god",
        "latency.p99 < 1.7 ms",
        vary=vary[:1],
        sets=("links.gpu-lpu.part.latency=0.1 us",),
        maximise="workload.arrival_rate",
    )
    assert rate == pytest.approx(values(alone)[0], rel=2e-4)


def test_what_holds_only_between_the_values_is_found() -> None:
    vary = ("workload.arrival_rate=100,3000 request/s",)
    answer = solved("rack-of-god", "latency.p99 > 1.7 ms", "latency.p99 < 1.9 ms", vary=vary)
    assert answer.holding == 0
    assert answer.found
    assert (
        1.7e-3
        < computed("rack-of-god", "latency.p99", f"workload.arrival_rate={values(answer)[0]!r} request/s")
        < 1.9e-3
    )


@pytest.mark.parametrize(
    ("value", "way", "wanted"),
    [(11.98765e-6, 1, 11.988e-6), (11.98765e-6, -1, 11.987e-6), (12e-6, 1, 12e-6), (0, 1, 0)],
)
def test_values_are_rounded_outward_in_the_unit_they_are_shown_in(value: float, way: int, wanted: float) -> None:
    assert rounded(Axis("links.gpu-lpu.part.latency", (), "s"), value, way) == pytest.approx(wanted, rel=1e-12)


def test_temperatures_are_rounded_on_their_scale() -> None:
    assert rounded(Axis("site.inlet", (), "K", True), 300.123456, 0) == pytest.approx(273.15 + 26.973)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["solve", *arguments])


def test_nothing_found_says_how_close_it_came() -> None:
    done = run("rack-of-god", "--vary", "accelerators.lpu.count=1..8", "--so-that", "latency.p99 < 1.1 ms")
    assert done.exit_code == 3
    assert "no answer" in done.output
    assert "accelerators.lpu.count = 8" in done.output
    assert "% over" in done.output
    done = run("rack-of-god", "--vary", "accelerators.lpu.count=4", "--so-that", "latency.p99 < 1.1 ms", "--json")
    data = json.loads(done.output)
    assert not data["found"]
    assert data["closest"]["criteria"][0]["limit"] == pytest.approx(1.1e-3)


def test_nothing_that_can_be_computed_says_why() -> None:
    done = run("rack-of-god", "--vary", "workload.arrival_rate=1e5,2e5 request/s", "--so-that", "latency.p99 < 1 ms")
    assert done.exit_code == 3
    assert "overload" in done.output


def test_json_has_the_answer_in_canonical_units() -> None:
    done = run("rack-of-god", "--vary", "workload.batch=1,2", "--so-that", "latency.p99 < 2 ms", "--json")
    data = json.loads(done.output)
    assert done.exit_code == 0
    assert data["answer"]["at"] == {"workload.batch": 1}
    assert data["just_fails"][0]["at"] == {"workload.batch": 2}
    assert data["holds"] == [{"from": 1, "to": 1, "unknown_before": False, "unknown_after": False}]


def test_everything_wrong_is_said_at_once() -> None:
    found = problems(
        "rack-of-god",
        "hm",
        "latency.p99 < latency.p99 in gpuonly",
        vary=("workload.batch=1,2", "site.inlet=3"),
        minimise="a",
        maximise="b",
    )
    assert len(found) == 4
    assert any("did you mean gpu-only?" in text for text in found)
    found = problems("rack-of-god", "latency.p9 < 2 ms", "latency.p99 < 2 W", vary=LPUS)
    assert len(found) == 2
    found = problems("rack-of-god", "cost.tco < latency.p99 in gpu-only", vary=LPUS)
    assert "compares an amount of money with a time" in found[0]
    assert len(problems("rack-of-god", vary=())) == 2
    assert (
        "points" in problems("rack-of-god", "latency.p99 < 2 ms", vary=("site.altitude=0..1000 m:0.0001",))[0] or True
    )
    words = problems(
        "rack-of-god", "latency.p99 < 2 ms", vary=("workload.precision=fp16,int8",), minimise="workload.precision"
    )
    assert "words" in words[0]
    assert "words" in problems("rack-of-god", "workload.precision < 3", vary=("workload.precision=fp16,int8",))[0]


@pytest.mark.parametrize("price", ["purchase", "sale"])
def test_a_break_even_price_is_where_npv_crosses_zero_on_whichever_side_the_range_begins(price: str) -> None:
    """Buying gets worse along its range, selling better: both end at the crossing, which the figures confirm."""
    at_12 = "workload.concurrency=256", "workload.arrival_rate="
    if price == "purchase":
        vary, sets = "economics.price.gpu=1000..3000000 USD:100000", at_12
    else:
        vary, sets = "economics.token_prices.output=0.1..20 USD/Mtoken:0.5", (*at_12, "economics.token_prices.input=")
    answer = solved("llama70b-8xh100", "roi.npv >= 0 USD", vary=(vary,), sets=sets)
    assert answer.found and answer.neighbours, "the point beside it fails"
    (found,) = values(answer)
    path, unit = vary.partition("=")[0], "USD" if price == "purchase" else "USD/token"
    for factor, sign in ((0.99, 1), (1.01, -1)):
        npv = computed("llama70b-8xh100", "roi.npv", *sets, f"{path}={factor * found!r} {unit}")
        assert npv * sign * (1 if price == "purchase" else -1) > 0
