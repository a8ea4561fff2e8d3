"""Closed loops with many clients: none does more than its engine can, and more clients never get less."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators import engine_events as events

from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.serving.least_cycle import filled_step, least_cycle_of_passes, least_cycle_of_steps
from rackcalc.quantities.figures import figures
from rackcalc.questions.rack_file import load_text

RACK = """
name: short answers
accelerators: {gpu: {part: h100-sxm, count: 8}}
model: llama-3.1-70b
workload: {input: 1024 token, precision: fp8}
serving: {split: gpu, tensor_parallel: 4}
site: {inlet: 5 degC}
"""
LAYOUTS = {
    "two copies": (),
    "a pipeline": ("serving.pipeline_parallel=2",),
    "eight copies of a small model": ("model=llama-3.1-8b", "serving.tensor_parallel=1"),
    "groups": (
        "accelerators.gpu.part=b200-sxm", "model=deepseek-v3", "serving.tensor_parallel=1", "serving.data_parallel=8",
    ),
    "small steps": ("serving.max_num_batched_tokens=2048 token",),
}  # fmt: skip
CLIENTS = (2, 8, 32, 128, 512, 2048, 16384)


def told(*sets: str) -> dict[str, float]:
    return {name: float(figure.value) for name, figure in figures(estimate(load_text(RACK, "rack.yaml", sets=sets)))}


@settings(max_examples=25, deadline=None)
@given(
    layout=st.sampled_from(sorted(LAYOUTS)),
    runtime=st.sampled_from(["vllm", "sglang", "tensorrt-llm"]),
    tokens=st.one_of(st.integers(1, 8), st.integers(1, 64), st.sampled_from([256, 512])),
)
def test_closed_loops_approach_the_capacity_from_below(layout: str, runtime: str, tokens: int) -> None:
    sets = (*LAYOUTS[layout], f"serving.runtime={runtime}", f"workload.output={tokens} token")
    most = told(*sets, "workload.arrival_rate=1 request/s")["throughput.capacity"]
    rates = []
    for number in CLIENTS:
        found = told(*sets, f"workload.concurrency={number}")
        rates.append(found["throughput.requests"])
        assert rates[-1] * found["latency.mean"] == pytest.approx(number, rel=0.01), "Little's law"
    assert max(rates) < 1.01 * most
    assert rates[-1] > 0.98 * most
    assert all(after > 0.995 * before for before, after in pairwise(rates)), rates


def test_answers_of_one_token_have_the_time_of_a_step_between_tokens() -> None:
    few, many = (
        told("serving.runtime=sglang", "workload.output=1 token", f"workload.concurrency={n}") for n in (8, 4096)
    )
    assert few["latency.tpot"] <= many["latency.tpot"] < 0.1  # s; all prompts together take 55 s


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("tokens", [2, 4, 8, 32, 200])
@pytest.mark.parametrize("clients", [16, 128, 400])
def test_the_least_time_of_a_cycle_is_that_of_the_simulator(chunked: bool, tokens: int, clients: int) -> None:
    """Steps of 10 ms and 50 us for each sequence, prompts of 1000 tokens and 30 ms.

    The law takes prompts to come at random. In the simulator requests that are nearly alike share more of their passes.
    """
    prompt, budget = 1000, 2048 if chunked else 8192

    def step(decoding: int, cached: Any, prompts: int, attended: float) -> Any:
        return 0.01 + 5e-5 * decoding + 3e-5 * prompts + 0.0 * cached

    run = events.simulate(
        events.Engine(step, max_num_seqs=400, max_num_batched_tokens=budget, chunked=chunked),
        events.fixed(prompt), events.uniform(tokens, 0.8) if tokens > 2 else events.fixed(tokens),
        count=8000, warm=3000, seed=1, concurrency=clients,
    )  # fmt: skip
    lengths = {"prompt": float(prompt), "output": float(tokens), "chunk": float(budget), "held": float(clients)}
    engine = {"full": 0.01 + 5e-5 * clients, "base": 0.01, "work": 0.03} | lengths
    if chunked:
        least = least_cycle_of_steps(filled=0.01 + 5e-5 * filled_step(**lengths), **engine)
    else:
        least = least_cycle_of_passes(**engine)
    assert clients / run.rate > (0.99 if chunked else 0.93) * least
    assert clients / run.rate == pytest.approx(least, rel=0.08)
