"""A router before several engines: the law of one engine with the arrivals it sees, against all simulated together."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from scipy.special import gammainc
from simulators import engine_events as events
from simulators.router_events import route
from test_continuous_batching import MEASURES, Case, compared, drawn

from rackcalc.formulas.queues import continuous_batching as law
from rackcalc.formulas.queues.engine_latencies import UnderLoad
from rackcalc.formulas.queues.engine_steps import companions
from rackcalc.formulas.queues.regular_arrivals import regular_chance, regular_wait
from rackcalc.formulas.queues.router_arrivals import evenness_by_load, gap_scv_at_random, gap_scv_in_turn

KINDS = ("fixed", "uniform", "log-normal", "traced")
LOADS = (0.3, 0.5, 0.7, 0.85)
Errors = list[dict[str, tuple[float, float]]]


def case_of(copies: int, burstiness: float, k: int) -> Case:
    """One of four engines, at one of four loads. Those of burstiness 1 and 2 differ."""
    case = drawn(KINDS[k], k != (copies // 2) % 4, 200 + 17 * copies + int(burstiness) + k)
    load = LOADS[(k + copies) % 4]
    return replace(case, burstiness=burstiness, rate=case.rate / case.load * load, load=load)


def answer(case: Case, copies: int, router: str) -> UnderLoad:
    gaps, evenness = case.burstiness**2, 1.0
    if router == "round-robin":
        gaps = gap_scv_in_turn(gap_scv=gaps, replicas=float(copies))
    else:
        gaps = gap_scv_at_random(gap_scv=gaps, replicas=float(copies))
    if router == "least-loaded":
        evenness = evenness_by_load(replicas=float(copies))
    return law.under_load(case.engine, case.prompts[1], case.outputs[1], case.rate, gaps, evenness)


def simulated(case: Case, copies: int, router: str, count: int = 12_000) -> Any:
    def step(decoding: int, cached: Any, prompt: int, attended: float) -> Any:
        decode = case.fixed + case.per_sequence * decoding + case.per_cached * cached
        return decode + case.per_prompt * prompt + case.per_pair * attended

    limits = {"max_num_seqs": case.seats, "max_num_batched_tokens": case.budget, "chunked": case.chunked}
    return route(
        events.Engine(step, **limits), copies, router, case.prompts[0], case.outputs[0], rate=case.rate * copies,
        burstiness=case.burstiness, count=count, warm=3000, seed=case.seed,
    )  # fmt: skip


@lru_cache
def errors_of(router: str) -> Errors:
    """24 groups of 2, 4 and 8 engines, at loads from 30 % to 85 %, with arrivals at random and in bursts."""
    result = []
    for copies in (2, 4, 8):
        for burstiness in (1.0, 2.0):
            for k in range(4):
                case = case_of(copies, burstiness, k)
                result.append(compared(case, answer(case, copies, router), simulated(case, copies, router)))
    return result


# Largest mean error, and least share of the groups within 10 %, of mean and p99 of TTFT, TPOT and the whole request.
BOUNDS = {
    "random": ((0.06, 0.04, 0.04), (0.08, 0.07, 0.06)),
    "round-robin": ((0.06, 0.04, 0.04), (0.08, 0.07, 0.06)),
    "least-loaded": ((0.04, 0.02, 0.02), (0.06, 0.05, 0.03)),
}


@pytest.mark.parametrize("router", BOUNDS)
def test_latencies_behind_a_router_are_near_those_of_the_simulator(router: str) -> None:
    errors = errors_of(router)
    means, tails = BOUNDS[router]
    bounds = [bound for pair in zip(means, tails, strict=True) for bound in pair]
    for name, bound in zip(MEASURES, bounds, strict=True):
        beyond = [max(abs(one[name][0]) - 2 * one[name][1], 0.0) for one in errors]
        assert np.mean(beyond) <= bound, f"{router}, {name}: mean error {np.mean(beyond):.1%}"
        assert np.mean([over <= 0.10 for over in beyond]) >= 0.75, f"{router}, {name}: within 10 %: {beyond}"


def long_prompts(load: float) -> Case:
    """Engines whose prompts take two thirds of their time, with log-normal lengths."""
    case = Case(
        fixed=0.01, per_sequence=1e-4, per_cached=1e-8, per_prompt=45e-6, per_pair=1e-10, prompt=4000.0, output=100.0,
        kind="log-normal", chunked=True, budget=8192, seats=512, burstiness=1.0, rate=1.0, load=load, seed=3,
    )  # fmt: skip
    return replace(case, rate=load * law.capacity_of(case.engine, case.prompts[1], case.outputs[1]))


def test_least_loaded_engines_that_mostly_prefill() -> None:
    """2 to 16 engines at 50 % to 90 % load: the router knows how many requests an engine has, not their prompts."""
    bounds = {"mean TTFT": 0.20, "p99 TTFT": 0.40, "mean TPOT": 0.12, "p99 TPOT": 0.15}
    errors = []
    for copies in (2, 4, 8, 16):
        for load in (0.5, 0.7, 0.9):
            case = long_prompts(load)
            run = simulated(case, copies, "least-loaded", count=8_000)
            errors.append(compared(case, answer(case, copies, "least-loaded"), run))
    for name, bound in bounds.items():
        beyond = [max(abs(one[name][0]) - 2 * one[name][1], 0.0) for one in errors]
        assert max(beyond) <= bound and np.mean(beyond) <= 0.12, (name, beyond)


def test_answers_all_alike_stay_in_bunches_behind_a_router_that_counts() -> None:
    """Those that began together end together, so the router sends the next ones together, and prompts queue."""
    alike, case = replace(long_prompts(0.7), kind="fixed"), long_prompts(0.7)
    runs = [simulated(one, 8, "least-loaded", count=6_000) for one in (alike, case)]
    told = [answer(one, 8, "least-loaded") for one in (alike, case)]
    assert runs[0].ttft.mean() > 1.3 * runs[1].ttft.mean() and told[0].mean("ttft") > 1.1 * told[1].mean("ttft")
    assert told[0].quantile("ttft", 0.99) == pytest.approx(np.quantile(runs[0].ttft, 0.99), rel=0.25)


def test_the_order_of_the_routers_is_that_of_the_simulator() -> None:
    """Where prompts queue, one that goes round is better than chance, and so is one that looks at the load."""
    case = case_of(4, 1.0, 1)
    for time in ("ttft", "tpot"):
        told = {router: answer(case, 4, router).quantile(time, 0.99) for router in BOUNDS}
        found = {router: float(np.quantile(getattr(simulated(case, 4, router), time), 0.99)) for router in BOUNDS}
        assert told["round-robin"] < told["random"] and told["least-loaded"] < told["random"]
        assert found["round-robin"] < found["random"] and found["least-loaded"] < found["random"]


def test_one_copy_needs_no_router() -> None:
    case = case_of(2, 1.0, 1)
    answers = [answer(case, 1, router) for router in BOUNDS]
    assert len({one.quantile("time", 0.99) for one in answers}) == 1


@pytest.mark.parametrize("shape", [2, 4, 8])
def test_companions_of_regular_arrivals_are_those_of_erlang_gaps(shape: int) -> None:
    """The renewal function of Erlang gaps is a sum of incomplete gamma functions (D. R. Cox, Renewal Theory, 1962)."""
    for expected in (0.05, 0.2, 0.5, 1.0, 2.0):
        exact = sum(gammainc(n * shape, shape * expected) for n in range(1, 60))
        assert expected + companions(expected, 1 / shape) == pytest.approx(exact, abs=1e-9 if shape == 2 else 0.06)


@pytest.mark.parametrize(("shape", "load"), [(2, 0.3), (2, 0.6), (2, 0.85), (4, 0.6), (8, 0.85)])
def test_waits_of_regular_arrivals_are_those_of_simulated_ones(shape: int, load: float) -> None:
    """Lindley's recurrence, E_k/M/1 and E_k/D/1; the formula is within 0.08 of a service time."""
    rng = np.random.default_rng(shape)
    gaps = rng.gamma(shape, 1 / (shape * load), 200_000)
    for scv, services in ((0.0, np.ones(200_000)), (1.0, rng.exponential(size=200_000))):
        wait, total, late = 0.0, 0.0, 0
        for gap, service in zip(gaps.tolist(), services.tolist(), strict=True):
            wait = max(wait + service - gap, 0.0)
            total += wait
            late += wait > 0
        assert regular_wait(load, scv, 1 / shape) == pytest.approx(total / 200_000, rel=0.15, abs=0.08)
        assert regular_chance(load, scv, 1 / shape) == pytest.approx(late / 200_000, abs=0.06)
