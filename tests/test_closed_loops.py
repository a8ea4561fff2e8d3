"""Closed loops: percentiles of the law against the simulator, and what an estimate of a rack says of them."""

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from simulators import engine_events as events
from test_continuous_batching import Case, drawn

from rackcalc.formulas.queues import continuous_batching as law

CONCURRENCIES = (2, 8, 24, 64, 160, 300)
KINDS = ("uniform", "log-normal", "traced")
TIMES = ("ttft", "tpot", "time")


@lru_cache
def both(seed: int) -> tuple[law.UnderLoad, events.Run]:
    """Every third engine computes prompts in passes of their own; prompts saturate some of the others."""
    case = drawn(KINDS[seed % 3], (seed // 3) % 3 != 0, 300 + seed)
    return pair(case, CONCURRENCIES[seed // 3 % 6])


def pair(case: Case, concurrency: int) -> tuple[law.UnderLoad, events.Run]:
    answer = law.in_closed_loop(case.engine, case.prompts[1], case.outputs[1], concurrency)
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
    answer = law.in_closed_loop(case.engine, case.prompts[1], case.outputs[1], concurrency)
    told, found = (
        answer.quantile("ttft", 0.99) / answer.mean("ttft"),
        np.quantile(run.ttft, 0.99) / run.ttft.mean(),
    )
    off = abs(run.ttft.mean() / answer.mean("ttft") - 1) + abs(told / found - 1)
    assert off > 0.10  # they do not come at random, as the law takes it
