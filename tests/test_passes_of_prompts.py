"""Engines that stop decoding for prompts: passes follow one another while requests arrive during the last one."""

from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators import engine_events as events
from simulators.prefill_passes import times_to_end_of_pass

from rackcalc.formulas.queues import continuous_batching as law
from rackcalc.formulas.queues import engine_steps
from rackcalc.formulas.queues import length_distributions as lengths
from rackcalc.formulas.queues.engine_steps import Engine


def passes_after_a_step(rate: float, step: float, base: float, work: float) -> float:
    """Mean number of passes after a step: the chain of prompts in a pass, until none arrived during the last one."""
    number = np.arange(600)
    follows = scipy.stats.poisson.pmf(number[None, :], (rate * (base + work * number))[:, None])
    now, passes = scipy.stats.poisson.pmf(number, rate * step), 0.0
    while (some := now[1:].sum()) > 1e-10:
        passes += some
        now = np.where(number > 0, now, 0.0) @ follows
    return passes


@settings(max_examples=40, deadline=None)
@given(load=st.floats(0.01, 0.85), step=st.floats(0.005, 0.06), base=st.floats(0.002, 0.02), work=st.floats(0.005, 0.3))
def test_the_time_between_two_tokens_is_that_of_the_chain_of_passes(
    load: float, step: float, base: float, work: float
) -> None:
    rate = load / work
    engine = Engine(
        step=lambda _: step, base=base, work=lambda tokens: work * tokens, seats=1e3, budget=1e9, chunked=False
    )
    prompts = engine_steps.prompts_of(engine, lengths.fixed(1.0), 1e9)
    told = engine_steps.pace(engine, prompts, rate, [step], 1.0).step[0]
    assert told == pytest.approx((step + passes_after_a_step(rate, step, base, work) * base) / (1 - load), rel=0.05)


@pytest.mark.parametrize("tokens", [4, 16, 64])
@pytest.mark.parametrize("load", [0.5, 0.75, 0.85])
def test_prompts_that_take_most_of_the_time_delay_tokens_as_in_the_simulator(tokens: int, load: float) -> None:
    """Steps of 10 ms and more, prompts of 30 ms: at 85 % of the capacity prompts take 70 to 80 % of the time."""

    def step(decoding: int, cached: Any, prompt: int, attended: float) -> Any:
        return 0.01 + 5e-5 * decoding + 3e-5 * prompt + 0.0 * cached

    engine = Engine(
        step=lambda n: 0.01 + 5e-5 * n, base=0.01, work=lambda t: 3e-5 * t, seats=400, budget=8192, chunked=False
    )
    prompts, outputs = lengths.fixed(1000.0), lengths.fixed(float(tokens))
    rate = load * law.capacity_of(engine, prompts, outputs)
    run = events.simulate(
        events.Engine(step, max_num_seqs=400, max_num_batched_tokens=8192, chunked=False),
        events.fixed(1000), events.fixed(tokens), count=20_000, warm=3000, seed=1, rate=rate,
    )  # fmt: skip
    told = law.under_load(engine, prompts, outputs, rate)
    assert told.mean("tpot") == pytest.approx(run.tpot.mean(), rel=0.15)
    assert told.mean("time") == pytest.approx(run.time.mean(), rel=0.12)


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(
    ("base", "work", "most"), [(0.65, 0.02, 128), (0.05, 0.02, 8), (0.2, 0.02, 8), (0.3, 0.005, 32)]
)
def test_full_passes_leave_prompts_to_later_ones(base: float, work: float, most: int, chunked: bool) -> None:
    """Passes whose fixed time is large are full near the capacity: the wait grows with the load, as simulated."""
    engine = Engine(
        step=lambda _: 0.01, base=base, work=lambda tokens: work * tokens, seats=1e4, budget=float(most),
        chunked=chunked,
    )  # fmt: skip
    prompts, one = lengths.fixed(1.0), lengths.fixed(1.0)
    capacity = law.capacity_of(engine, prompts, one)
    assert capacity == pytest.approx(most / (base + work * most))
    means = []
    for load in (0.3, 0.7, 0.85, 0.92):
        told = law.under_load(engine, prompts, one, load * capacity)
        times = times_to_end_of_pass(load * capacity, lambda number: base + work * number, most)
        means.append(told.mean("ttft"))
        assert means[-1] == pytest.approx(np.mean(times), rel=0.15), load
        assert told.quantile("ttft", 0.99) == pytest.approx(times[int(0.99 * len(times))], rel=0.25), load
    near = [law.under_load(engine, prompts, one, load * capacity).mean("ttft") for load in (0.95, 0.98, 0.995, 0.999)]
    assert [*means, *near] == sorted([*means, *near])
