"""Engines that prefill and engines that decode under load: against a simulator of both pools, and limiting cases.

RACKCALC_LONG_SIMULATIONS=1 simulates ten times as many requests.
"""

import math
import os
from functools import cache
from typing import Any

import numpy as np
import pytest
from simulators import engine_events as events
from simulators.pool_events import Pooled, pools
from simulators.router_events import route

from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.queues import continuous_batching, engine_pools
from rackcalc.formulas.queues import length_distributions as lengths
from rackcalc.formulas.queues.engine_latencies import UnderLoad
from rackcalc.formulas.queues.engine_prefills import passes_of
from rackcalc.formulas.queues.engine_steps import Engine
from rackcalc.formulas.queues.gamma_mixtures import merged, mixture_mean, mixture_quantile, tidied
from rackcalc.formulas.queues.router_arrivals import gap_scv_at_random
from rackcalc.formulas.serving import pool_load
from rackcalc.quantities.figures import figures
from rackcalc.questions.rack_file import load

LONG = 10 if os.environ.get("RACKCALC_LONG_SIMULATIONS") else 1
COUNT, WARM = 15_000 * LONG, 2_000
FIXED, PER_TOKEN, PER_PAIR = 0.006, 45e-6, 0.15e-9  # of a step, of a prompt token, of a pair of them
STEP, PER_SEQUENCE, PER_CACHED = 0.011, 1e-4, 8e-9  # of a decode step
LATENCY, SENDING = 0.004, 2e-6  # of a KV cache: in s, and s per token
COPIES = (2, 2)


def both_lengths(kind: str, mean: int, cv: float) -> tuple[events.Lengths, lengths.Lengths]:
    """For the simulator and for the law."""
    if kind == "fixed":
        return events.fixed(mean), lengths.fixed(float(mean))
    return events.lognormal(mean, cv), lengths.lognormal(float(mean), cv)


def compared(
    kind: str, prompt: int, output: int, seats: int, load: float, burstiness: float
) -> tuple[UnderLoad, Pooled]:
    """The law and the simulation, at a share of what the slower pool can do."""
    budget = 8192
    prompts, outputs = both_lengths(kind, prompt, 0.7), both_lengths(kind, output, 0.7)
    context = continuous_batching.mean_context(prompts[1], outputs[1])
    prefills = Engine(
        step=lambda n: FIXED, base=FIXED, work=lambda t: PER_TOKEN * t + PER_PAIR * t * t / 2, seats=512, budget=budget
    )

    def step(number: Any) -> Any:
        return STEP + PER_SEQUENCE * number + PER_CACHED * context * number

    decodes = Engine(step=step, base=step(1.0), work=lambda t: 1e-9 * t, seats=seats, budget=10**6)
    first = continuous_batching.capacity_of(prefills, prompts[1], lengths.fixed(1.0))
    then = continuous_batching.capacity_of(decodes, lengths.fixed(1.0), outputs[1])
    rate = load * min(COPIES[0] * first, COPIES[1] * then)
    scv = [gap_scv_at_random(gap_scv=burstiness**2, replicas=copies) for copies in COPIES]
    sending = engine_pools.Sending(latency=LATENCY, time=SENDING * prompt, pieces=1.0, held=0.0)
    before = engine_pools.prompted(prefills, prompts[1], sending, rate / COPIES[0], scv[0])
    decoding = continuous_batching.under_load(decodes, lengths.fixed(1.0), outputs[1], rate / COPIES[1], scv[1])
    simulated = pools(
        events.Engine(
            lambda decoding, cached, tokens, pairs: FIXED + PER_TOKEN * tokens + PER_PAIR * pairs,
            max_num_seqs=10**5, max_num_batched_tokens=budget,
        ),
        events.Engine(
            lambda number, cached, new, met: STEP + PER_SEQUENCE * (number + new) + PER_CACHED * (cached + met),
            max_num_seqs=seats,
        ),
        COPIES, prompts[0], outputs[0], rate=rate, latency=LATENCY, per_token=SENDING, burstiness=burstiness,
        count=COUNT, warm=WARM, seed=prompt,
    )  # fmt: skip
    return engine_pools.one_after_the_other(before, decoding), simulated


# Prompt and output such that the first pool binds, that the second one does, and its seats, and both.
BOUND = {"prefill": (2000, 150, 512), "decode": (500, 300, 512), "seats": (600, 200, 48), "both": (1500, 220, 96)}
CASES = [(bound, kind, share) for bound in BOUND for kind in ("fixed", "log-normal") for share in (0.5, 0.7, 0.85)]


@cache
def errors_of(bound: str, kind: str, share: float, burstiness: float) -> dict[str, float]:
    """Relative errors of means and p99s, beyond what a run of this length cannot tell."""
    law, simulated = compared(kind, *BOUND[bound], share, burstiness)
    found = {}
    for time in ("ttft", "tpot", "time"):
        for name, told, statistic in (
            (f"mean {time}", law.mean(time), np.mean),
            (f"p99 {time}", law.quantile(time, 0.99), lambda x: np.quantile(x, 0.99)),
        ):
            value, error = events.batched(getattr(simulated, time), statistic)
            found[name] = max(abs(told / value - 1) - 2 * error / value, 0.0)
    return found


@pytest.mark.parametrize("burstiness", [1.0, 2.0])
def test_means_and_p99s_agree_with_the_simulator(burstiness: float) -> None:
    """24 pairs of pools. Waits for a seat after bursts are the hardest, as in an engine alone."""
    worst = {"mean ttft": 0.10, "p99 ttft": 0.15, "mean tpot": 0.05, "p99 tpot": 0.10, "mean time": 0.05}
    if burstiness > 1:
        worst = {"mean ttft": 0.30, "p99 ttft": 0.35, "mean tpot": 0.10, "p99 tpot": 0.15, "mean time": 0.10}
    table = {case: errors_of(*case, burstiness) for case in CASES}
    for name, most in worst.items():
        errors = {case: found[name] for case, found in table.items()}
        assert max(errors.values()) <= most, (name, errors)
        within = np.mean([error <= 0.10 for error in errors.values()])
        assert within >= (0.9 if burstiness == 1 else 0.75), (name, errors)


@pytest.mark.parametrize("copies", [2, 4, 8, 16])
@pytest.mark.parametrize("prompt", [800, 4096])
def test_prompts_behind_a_router_that_looks_at_the_load(copies: int, prompt: int) -> None:
    """A pool that prefills, simulated alone, at 50 % to 85 % load."""
    prompts = both_lengths("log-normal", prompt, 0.7)
    engine = Engine(
        step=lambda n: FIXED, base=FIXED, work=lambda t: PER_TOKEN * t + PER_PAIR * t * t / 2, seats=512, budget=8192
    )
    simulated = events.Engine(
        lambda decoding, cached, tokens, pairs: FIXED + PER_TOKEN * tokens + PER_PAIR * pairs,
        max_num_seqs=10**5, max_num_batched_tokens=8192,
    )  # fmt: skip
    sending = engine_pools.Sending(latency=0.0, time=0.0, pieces=1.0, held=0.0)
    for share in (0.5, 0.7, 0.85):
        rate = share * continuous_batching.capacity_of(engine, prompts[1], lengths.fixed(1.0))
        found = engine_pools.prompted(engine, prompts[1], sending, rate, 1.0, float(copies))
        parts = merged(tidied([part for group in found.parts for part in group]))
        run = route(
            simulated, copies, "least-loaded", prompts[0], events.fixed(1), rate=rate * copies, count=12_000, warm=2_000
        )
        mean, error = events.batched(run.ttft, np.mean)
        assert mixture_mean(parts) == pytest.approx(mean, rel=0.10 + 2 * error / mean)
        late, error = events.batched(run.ttft, lambda x: np.quantile(x, 0.99))
        assert mixture_quantile(0.99, parts) == pytest.approx(late, rel=0.20 + 2 * error / late)


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("kind", ["fixed", "log-normal"])
@pytest.mark.parametrize("prompt", [300, 2000])
def test_answers_of_one_token_are_prompts_alone(prompt: int, kind: str, chunked: bool) -> None:
    """One engine, which only prefills because answers have one token, at 30 % to 85 % load."""
    prompts, budget = both_lengths(kind, prompt, 0.7), 8192 if chunked else 16384
    engine = Engine(
        step=lambda n: FIXED, base=FIXED, work=lambda t: PER_TOKEN * t + PER_PAIR * t * t / 2, seats=512,
        budget=budget, chunked=chunked,
    )  # fmt: skip
    simulated = events.Engine(
        lambda decoding, cached, tokens, pairs: FIXED + PER_TOKEN * tokens + PER_PAIR * pairs,
        max_num_seqs=10**5, max_num_batched_tokens=budget, chunked=chunked,
    )  # fmt: skip
    for share in (0.3, 0.6, 0.85):
        rate = share * continuous_batching.capacity_of(engine, prompts[1], lengths.fixed(1.0))
        found = continuous_batching.under_load(engine, prompts[1], lengths.fixed(1.0), rate)
        run = route(simulated, 1, "random", prompts[0], events.fixed(1), rate=rate, count=12_000, warm=2_000)
        mean, error = events.batched(run.ttft, np.mean)
        assert found.mean("ttft") == pytest.approx(mean, rel=0.08 + 2 * error / mean)


def test_a_pass_that_no_prompt_lengthens_is_met_at_random() -> None:
    """Passes of 1 s whatever they hold: found under way with the odds of a chain known by hand."""
    found = passes_of(1.0, (0.0, 0.0, 0.0), 2.0, 1.0)
    nobody = math.exp(-2.0)
    assert found.busy == pytest.approx(1 / (1 + nobody / 2.0)) and found.varies == pytest.approx(0.0, abs=1e-9)


# ---- Racks ----

RACK = "llama70b-16xh100-disaggregated"
OPEN = ("workload.batch=", "site.inlet=5 degC")


@cache
def rack(*sets: str) -> dict[str, float]:
    """Every figure by its path."""
    return {path: float(quantity.value) for path, quantity in figures(estimate(load(RACK, "", (*OPEN, *sets))))}


TIMES = ("latency.ttft", "latency.ttft_p99", "latency.p99")


@pytest.mark.parametrize(
    "harder",
    ["workload.burstiness=2", "workload.input_cv=1", "workload.arrival_rate=9 request/s", "serving.kv_transfer=bulk",
     "links.prefill-decode.other_load=0.9"],
)  # fmt: skip
def test_what_makes_waits_longer(harder: str) -> None:
    usual, found = rack("workload.arrival_rate=7 request/s"), rack("workload.arrival_rate=7 request/s", harder)
    for time in TIMES:
        assert found[time] > usual[time]


def test_a_router_that_does_not_pick_at_random_makes_waits_shorter() -> None:
    rate = "workload.arrival_rate=8 request/s"
    found = {router: rack(rate, f"serving.router={router}") for router in ("random", "round-robin", "least-loaded")}
    for time in TIMES:
        assert max(found["round-robin"][time], found["least-loaded"][time]) < found["random"][time]


@pytest.mark.parametrize("more", [(), ("workload.burstiness=2", "workload.input_cv=0.8", "workload.output_cv=0.8")])
@pytest.mark.parametrize(
    ("limit", "figure"),
    [("ttft_p99: 1800 ms", "ttft_p99"), ("tpot_p99: 12.6 ms/token", "tpot_p99"), ("p90: 14 s", "p90")],
)
def test_the_largest_rate_within_limits_is_where_the_limit_is_met(
    more: tuple[str, ...], limit: str, figure: str
) -> None:
    sets = (*more, "workload.slo={" + limit + "}")
    rate = rack("workload.arrival_rate=2 request/s", *sets)["throughput.at_slo"]
    there = rack(f"workload.arrival_rate={rate} request/s", *sets)
    stated = float(limit.split()[1]) * (1e-3 if " ms" in limit else 1)
    assert there[f"latency.{figure}"] == pytest.approx(stated, rel=2e-3)
    assert there["throughput.goodput"] >= 0.89 * rate


def test_several_limits_hold_together() -> None:
    limits = ["ttft_p99: 1800 ms", "tpot_p99: 12.6 ms/token", "p90: 14 s"]
    rates = [
        rack("workload.arrival_rate=2 request/s", "workload.slo={" + one + "}")["throughput.at_slo"] for one in limits
    ]
    together = rack("workload.arrival_rate=2 request/s", "workload.slo={" + ", ".join(limits) + "}")[
        "throughput.at_slo"
    ]
    assert together == pytest.approx(min(rates), rel=1e-3)


def test_no_load_is_one_request_after_another() -> None:
    found = rack("workload.arrival_rate=0.0001 request/s", "workload.input_cv=0.5")
    assert found["latency.wait"] < 1e-4
    alone = found["stages.prefill.time"] + found["stages.kv_transfer.time"] + found["stages.decode.time"]
    assert found["latency.ttft"] == pytest.approx(alone, rel=0.25)  # beside it the host


def test_lanes_are_the_same_as_points() -> None:
    rates, cvs = np.linspace(1.0, 20.0, 7), np.array([[0.0], [0.3], [1.0]])
    engines = pool_load.ALONE | {"rate": rates, "prompt_cv": cvs, "gap_scv": 2.0, "prefill_gap_scv": 2.0}
    for formula, level in ((pool_load.first_token_within, 0.99), (pool_load.request_time_within, 0.5)):
        lanes = formula(probability=level, **engines)
        for i, cv in enumerate(cvs[:, 0].tolist()):
            for j, rate in enumerate(rates.tolist()):
                one = formula(probability=level, **engines | {"rate": rate, "prompt_cv": cv})
                assert lanes[i, j] == pytest.approx(one, rel=1e-6)
