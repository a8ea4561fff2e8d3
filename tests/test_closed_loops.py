"""Closed loops: percentiles of the law against the simulator, and what an estimate of a rack says of them."""

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from simulators import engine_events as events
from test_continuous_batching import Case, drawn

from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.queues.engine_closed_loop import in_closed_loop
from rackcalc.formulas.queues.engine_latencies import UnderLoad
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.questions.rack_file import load_text

CONCURRENCIES = (2, 8, 24, 64, 160, 300)
KINDS = ("uniform", "log-normal", "traced")
TIMES = ("ttft", "tpot", "time")


@lru_cache
def both(seed: int) -> tuple[UnderLoad, events.Run]:
    """Every third engine computes prompts in passes of their own; prompts saturate some of the others."""
    case = drawn(KINDS[seed % 3], (seed // 3) % 3 != 0, 300 + seed)
    return pair(case, CONCURRENCIES[seed // 3 % 6])


def pair(case: Case, concurrency: int) -> tuple[UnderLoad, events.Run]:
    answer = in_closed_loop(case.engine, case.prompts[1], case.outputs[1], concurrency)
    return answer, case.simulated(concurrency=concurrency)


def measured(run: events.Run, time: str) -> Any:
    values = getattr(run, time)
    return values[~np.isnan(values)]


@pytest.mark.parametrize("seed", range(18))
def test_a_closed_loop_has_the_rate_and_number_of_the_simulator(seed: int) -> None:
    answer, run = both(seed)
    assert answer.rate == pytest.approx(run.rate, rel=0.03)
    assert answer.rate * answer.mean("time") == pytest.approx(CONCURRENCIES[seed // 3], rel=0.01)
    assert answer.mean("ttft") == pytest.approx(measured(run, "ttft").mean(), rel=0.15)
    assert answer.mean("tpot") == pytest.approx(measured(run, "tpot").mean(), rel=0.03)


@pytest.mark.parametrize(
    ("time", "level", "worst", "usual"),
    [
        ("ttft", 0.5, 0.30, 0.12), ("ttft", 0.9, 0.20, 0.08), ("ttft", 0.99, 0.32, 0.10),
        ("tpot", 0.5, 0.05, 0.02), ("tpot", 0.9, 0.06, 0.02), ("tpot", 0.99, 0.12, 0.05),
        ("time", 0.5, 0.08, 0.04), ("time", 0.9, 0.06, 0.02), ("time", 0.99, 0.08, 0.03),
    ],
)  # fmt: skip
def test_percentiles_of_closed_loops_are_those_of_the_simulator(
    time: str, level: float, worst: float, usual: float
) -> None:
    """18 engines with 2 to 300 requests in flight: percentiles over the mean, beside the simulation's own error."""
    errors = []
    for seed in range(18):
        answer, run = both(seed)
        values = measured(run, time)
        value, noise = events.batched(values, lambda some: float(np.quantile(some, level)))
        error = (answer.quantile(time, level) / answer.mean(time)) / (value / values.mean()) - 1
        errors.append(max(abs(error) - 2 * noise / value, 0.0))
        assert errors[-1] <= worst, f"engine {seed}: {time} at {level} is off by {error:+.1%}"
    assert np.mean(errors) <= usual


def test_times_between_tokens_in_closed_loops_are_those_of_the_simulator() -> None:
    """Where a level falls between two steps, one with a prompt more, either may be told."""
    for level, usual in ((0.5, 0.05), (0.9, 0.05), (0.99, 0.08)):
        errors = []
        for seed in range(18):
            answer, run = both(seed)
            mean = np.average(run.gaps, weights=run.gap_counts)
            near = [run.gap_quantile(level + shift) / mean for shift in (-0.005, 0.0, 0.005)]
            told = answer.quantile("itl", level) / answer.mean("itl")
            errors.append(abs(told / np.clip(told, min(near), max(near)) - 1))
        assert np.mean(errors) <= usual, (level, errors)


@pytest.mark.parametrize("seats", [16, 50])
def test_requests_outside_wait_for_a_seat(seats: int) -> None:
    case = drawn("log-normal", True, 411)
    case = Case(**(vars(case) | {"seats": seats}))
    answer, run = pair(case, 64)
    assert answer.rate == pytest.approx(run.rate, rel=0.03)
    for time, level, bound in (("ttft", 0.5, 0.1), ("ttft", 0.99, 0.15), ("time", 0.99, 0.1), ("tpot", 0.99, 0.1)):
        assert answer.quantile(time, level) == pytest.approx(np.quantile(measured(run, time), level), rel=bound)


@pytest.mark.parametrize(("concurrency", "seed"), [(8, 7), (24, 11), (160, 19), (300, 23)])
def test_requests_that_are_all_alike_take_one_time_and_first_tokens_depend_on_the_start(
    concurrency: int, seed: int
) -> None:
    """Why the percentiles of their first tokens are not told, and that of a whole request is the mean."""
    case = drawn("fixed", True, 300 + seed)
    run = case.simulated(concurrency=concurrency)
    assert np.quantile(run.time, 0.99) == pytest.approx(run.time.mean(), rel=0.03)
    answer = in_closed_loop(case.engine, case.prompts[1], case.outputs[1], concurrency)
    told, found = (
        answer.quantile("ttft", 0.99) / answer.mean("ttft"),
        np.quantile(run.ttft, 0.99) / run.ttft.mean(),
    )
    off = abs(run.ttft.mean() / answer.mean("ttft") - 1) + abs(told / found - 1)
    assert off > 0.10  # they do not come at random, as the law takes it


# ---- What an estimate of a rack says ----

RACK = """
name: clients
accelerators: {gpu: {part: h100-sxm, count: 8}}
model: llama-3.1-8b
workload: {input: 1024 token, output: 256 token, concurrency: 96, precision: fp8}
serving: {split: gpu, runtime: vllm, tensor_parallel: 4}
"""
VARIED = ("workload.input_cv=0.8", "workload.output_cv=0.6")
LEVELS = ("p50", "p90", "p95", "p99")


def answer_of(*sets: str) -> dict[str, float]:
    return {name: float(figure.value) for name, figure in figures(estimate(load_text(RACK, "rack.yaml", "", sets)))}


@pytest.mark.parametrize(
    "sets", [(), VARIED, (*VARIED, "workload.concurrency=2"), (*VARIED, "workload.output=20 token")]
)
@pytest.mark.parametrize("runtime", ["vllm", "sglang"])
def test_little_s_law_holds_in_every_closed_loop(sets: tuple[str, ...], runtime: str) -> None:
    found = answer_of(f"serving.runtime={runtime}", *sets)
    number = 2 if "workload.concurrency=2" in sets else 96
    assert found["throughput.at_concurrency"] * found["latency.mean"] == pytest.approx(number, rel=0.01)


def test_percentiles_of_a_closed_loop_lie_around_its_measured_means() -> None:
    alike, varied = answer_of(), answer_of(*VARIED)
    for name in ("ttft", "tpot", "mean"):
        assert varied[f"latency.{name}"] == pytest.approx(alike[f"latency.{name}"], rel=0.10)
    for time in ("ttft", "tpot", "itl"):
        levels = [varied[f"latency.{time}_{level}"] for level in LEVELS]
        assert levels == sorted(levels) and levels[-1] > levels[0]
    assert varied["latency.ttft_p50"] < varied["latency.ttft"] < varied["latency.ttft_p99"]
    assert varied["latency.p50"] < varied["latency.mean"] < varied["latency.p99"] < varied["latency.p999"]


def test_lengths_that_vary_more_spread_the_times_more() -> None:
    some, more = answer_of("workload.output_cv=0.3"), answer_of("workload.output_cv=1.2")
    assert more["latency.p99"] > 1.5 * some["latency.p99"]
    some, more = answer_of("workload.input_cv=0.3"), answer_of("workload.input_cv=1.2")
    assert more["latency.ttft_p99"] > 1.1 * some["latency.ttft_p99"]
    assert more["latency.itl_p99"] > 1.1 * some["latency.itl_p99"]


def test_percentiles_that_depend_on_the_start_are_absent_and_said_so() -> None:
    found = answer_of()
    assert not [name for name in found if name.startswith(("latency.ttft_", "latency.tpot_", "latency.itl_"))]
    assert found["latency.p99"] == found["latency.mean"]
    notes = " ".join(estimate(load_text(RACK, "rack.yaml")).notes)
    assert "same length" in notes and "output_cv" in notes
    lone = answer_of("workload.concurrency=1")
    assert lone["latency.ttft_p99"] == pytest.approx(lone["latency.ttft"], rel=1e-3)


def test_a_limit_on_what_cannot_be_told_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"slo\.tpot_p99.*alike"):
        answer_of("workload.slo.tpot_p99=20 ms/token")
    with pytest.raises(InputError, match=r"burstiness"):
        answer_of("workload.burstiness=2")


@pytest.mark.parametrize("limited", ["p90", "ttft_p95", "tpot_p99"])
def test_the_largest_rate_of_a_closed_loop_just_meets_the_limit(limited: str) -> None:
    unit = "ms/token" if limited.startswith("tpot") else "ms"
    limit = 1e3 * answer_of(*VARIED)[f"latency.{limited}"]
    found = answer_of(*VARIED, f"workload.slo.{limited}={limit} {unit}")
    assert found["throughput.at_slo"] == pytest.approx(found["throughput.at_concurrency"], rel=0.03)
    assert found["throughput.goodput"] / found["throughput.at_concurrency"] == pytest.approx(
        {"p90": 0.9, "ttft_p95": 0.95, "tpot_p99": 0.99}[limited], abs=0.01
    )
    tight = answer_of(*VARIED, f"workload.slo.{limited}={limit / 100} {unit}")
    assert tight["throughput.at_slo"] == tight["throughput.requests"] == 0
