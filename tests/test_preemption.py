"""The share of requests that an engine preempts for want of KV cache, against the simulator, and limiting cases."""

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from program import run as program
from simulators import engine_events as events

from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.queues import continuous_batching as law
from rackcalc.formulas.queues import kv_preemption
from rackcalc.formulas.queues import length_distributions as lengths
from rackcalc.formulas.queues.engine_steps import Engine
from rackcalc.quantities.figures import figures
from rackcalc.questions.rack_file import load_text

# Kinds of lengths, for the simulator and for the law: prompts and outputs.
KINDS: dict[str, tuple[Any, Any, Any, Any]] = {
    "fixed": (events.fixed(1000), events.fixed(400), lengths.fixed(1000.0), lengths.fixed(400.0)),
    "log-normal": (
        events.lognormal(1000, 1.0), events.lognormal(400, 0.8), lengths.lognormal(1000.0, 1.0),
        lengths.lognormal(400.0, 0.8),
    ),
    "short prompts": (
        events.lognormal(200, 0.5), events.lognormal(400, 0.8), lengths.lognormal(200.0, 0.5),
        lengths.lognormal(400.0, 0.8),
    ),
    "even": (
        events.uniform(800, 0.5), events.uniform(800, 0.5), lengths.spread(800.0, 0.5), lengths.spread(800.0, 0.5),
    ),
}  # fmt: skip
ROOMS = (20_000, 60_000)


def step(decoding: int, cached: Any, prompt: int, attended: float) -> Any:
    return 0.01 + 1e-4 * decoding + 1e-8 * cached + 3e-5 * prompt


@lru_cache
def simulated(kind: str, room: int, rate: float, concurrency: int = 0) -> events.Run:
    engine = events.Engine(step, max_num_seqs=256, max_num_batched_tokens=2048, kv_tokens=room)
    prompts, outputs = KINDS[kind][:2]
    count = 3000 if concurrency else 8000
    return events.simulate(engine, prompts, outputs, rate=rate, concurrency=concurrency, count=count, warm=1000)


def capacity(kind: str, room: int) -> float:
    """Requests per second of the simulated engine with a long queue."""
    return simulated(kind, room, 0.0, 150).rate


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "fixed"])
def test_of_requests_that_wait_for_room_as_many_are_put_back_as_in_the_simulator(kind: str, room: int) -> None:
    """Requests of one length go through a closed loop in step, which the law does not know."""
    prompts, outputs = KINDS[kind][2:]
    measured = simulated(kind, room, 0.0, 150).put_back.mean()
    assert kv_preemption.growth(prompts, outputs).waited == pytest.approx(measured, rel=0.2)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("load", [0.5, 0.7, 0.85])
@pytest.mark.parametrize("kind", KINDS)
def test_among_the_number_of_the_simulator_as_many_are_put_back(kind: str, room: int, load: float) -> None:
    run = simulated(kind, room, load * capacity(kind, room))
    growth = kv_preemption.growth(*KINDS[kind][2:])
    told = sum(share * kv_preemption.put_back_among(growth, room, n) for n, share in enumerate(run.decoding))
    assert told == pytest.approx(run.put_back.mean(), rel=0.4, abs=0.015)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("load", [0.5, 0.7, 0.85, 0.95])
@pytest.mark.parametrize("kind", ["fixed", "log-normal"])
def test_with_the_number_of_the_law_nearly_as_many_are_put_back(kind: str, room: int, load: float) -> None:
    """Its number has a fixed number of seats in place of the room of the cache."""
    prompts, outputs = KINDS[kind][2:]
    seats = law.seats_of(256, room, prompts, outputs)
    context = law.mean_context(prompts, outputs)
    engine = Engine(
        step=lambda n: 0.01 + 1e-4 * n + 1e-8 * context * n, base=0.01, work=lambda tokens: 3e-5 * tokens, seats=seats,
        budget=2048, chunked=True, per_cached=1e-8,
    )  # fmt: skip
    rate = load * law.capacity_of(engine, prompts, outputs)
    found = law.under_load(engine, prompts, outputs, rate)
    growth = kv_preemption.growth(prompts, outputs)
    late = kv_preemption.put_back_late(growth, room, float(seats), 1.0)
    soon = kv_preemption.put_back_at_once(growth, room, found.numbers, found.shares, float(seats), late)
    measured = simulated(kind, room, rate).put_back.mean()
    assert (1 - found.waits) * soon + found.waits * late == pytest.approx(measured, rel=0.5, abs=0.01)


@settings(max_examples=50, deadline=None)
@given(st.floats(10, 1e4), st.floats(10, 2000))
def test_theta_is_the_root_and_exponential_lengths_have_their_closed_form(prompt: float, answer: float) -> None:
    """Of exponential prompts and answers, E exp(-s c) = 1 / ((1 + s P) (1 + s L))."""

    def exponential(mean: float) -> lengths.Lengths:
        return lengths.Lengths((lengths.Stratum(1.0, mean, mean**2),), mean, 2 * mean**2, 0.5, lambda p: mean)

    found = kv_preemption.growth(exponential(prompt), exponential(answer))
    root = scipy.optimize.brentq(
        lambda s: s * answer - 1 + 1 / ((1 + s * prompt) * (1 + s * answer)), 1e-9 / answer, 1 / answer, xtol=1e-18
    )
    assert found.theta == pytest.approx(root, rel=1e-6)
    assert 0 < found.waited < 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_most_that_the_tokens_rise_is_exponential(kind: str) -> None:
    """20,000 paths: up by one per token of growth, down by a context at random moments, once per mean answer."""
    rng = np.random.default_rng(7)
    prompts, outputs = KINDS[kind][:2]
    growth = kv_preemption.growth(*KINDS[kind][2:])
    paths, ends = 20_000, 60
    between = rng.exponential(growth_answer := KINDS[kind][3].mean, (paths, ends))
    falls = (prompts(rng, paths * ends) + outputs(rng, paths * ends)).reshape(paths, ends)
    before_falls = np.cumsum(between, axis=1) - np.cumsum(falls, axis=1) + falls
    most = before_falls.max(axis=1)
    for rise in (0.5 * growth_answer, 1.5 * growth_answer):
        assert np.mean(most > rise) == pytest.approx(np.exp(-growth.theta * rise), abs=0.012)


@settings(max_examples=50, deadline=None)
@given(st.floats(50, 5000), st.floats(50, 2000), st.floats(0, 2), st.floats(0, 300))
def test_more_room_puts_fewer_back_and_more_requests_put_more(
    prompt: float, answer: float, cv: float, others: float
) -> None:
    growth = kv_preemption.growth(lengths.lognormal(prompt, cv), lengths.lognormal(answer, cv))
    room = (others + 1) * (prompt + answer)
    chances = [kv_preemption.put_back_among(growth, factor * room, others) for factor in (0.5, 0.9, 1.0, 1.2, 3.0)]
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances[-1] <= chances[0] + 1e-12
    assert kv_preemption.put_back_among(growth, 1e3 * room, others) < 1e-6


RACK = """
name: full of answers
model: llama-3.1-70b
accelerators: {gpu: {part: h100-sxm, count: 8}}
serving: {runtime: RUNTIME, split: gpu, gpu_memory_utilization: 0.25}
workload: {precision: fp8, input: 2000 token, output: 800 token, LOAD}
"""


def told(load: str, runtime: str = "vllm") -> dict[str, float]:
    text = RACK.replace("LOAD", load).replace("RUNTIME", runtime)
    return {name: float(value.value) for name, value in figures(estimate(load_text(text, "rack.yaml")))}


def test_a_rack_says_how_many_requests_it_preempts() -> None:
    rates = [told(f"output_cv: 0.8, arrival_rate: {rate} request/s")["details.preempted"] for rate in (1, 4, 7, 7.2)]
    assert rates == sorted(rates)
    assert rates[0] == 0
    assert rates[-1] > 0.01
    day = told("output_cv: 0.8, arrival_rate: 6.6 request/s, hours: [" + ", ".join(["1"] * 20 + ["1.1"] * 4) + "]")
    assert 0 < day["details.preempted"] < rates[-1]


def test_engines_that_set_whole_answers_aside_never_preempt_and_others_do_not_tell() -> None:
    assert told("arrival_rate: 4 request/s", "tensorrt-llm")["details.preempted"] == 0
    assert math.isnan(told("arrival_rate: 4 request/s", "sglang")["details.preempted"])
    assert math.isnan(told("concurrency: 800")["details.preempted"])
    assert "details.preempted" not in told("batch: 8")


def test_a_gate_on_a_share_that_is_not_told_fails_as_unknown(tmp_path: Path) -> None:
    rack = tmp_path / "rack.yaml"
    rack.write_text(RACK.replace("LOAD", "arrival_rate: 4 request/s").replace("RUNTIME", "sglang"))
    run = program("check", str(rack), "--fail-if", "details.preempted > 1 %")
    assert run.returncode == 3
    assert b"details.preempted = unknown" in run.stdout and b"estimate of each answer" in run.stdout


def test_clients_beyond_the_room_are_preempted_in_closed_loops() -> None:
    few, many = told("concurrency: 20, output_cv: 0.8"), told("concurrency: 800, output_cv: 0.8")
    assert few["details.preempted"] == 0
    assert 0.2 < many["details.preempted"] < 0.6
