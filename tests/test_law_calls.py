"""How often an estimate asks the law of a serving engine: limits and hours cost a few calls, whatever they are.

Calls are counted, never timed. Every rack has a rate of its own, so that no call is known from another test.
"""

from typing import Any

import numpy as np
import pytest

from rackcalc.config.racks import load_text
from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.queues.gamma_mixtures import mixture_quantile, mixture_tail
from rackcalc.formulas.queues.mixture_lanes import quantile_lanes, tail_lanes
from rackcalc.formulas.serving import engine_load
from rackcalc.replay.intervals import intervals

RACKS = {
    "dense": ("{part: h100-sxm, count: 8}", "llama-3.1-70b", "{split: gpu, runtime: vllm}", "1000 token", "200 token"),
    "small": (
        "{part: h100-sxm, count: 1}", "llama-3.1-8b", "{split: gpu, runtime: vllm}",
        "{mean: 700 token, cv: 1}", "{mean: 250 token, cv: 1}",
    ),
    "experts": (
        "{part: h200-sxm, count: 8}", "deepseek-v3",
        "{split: gpu, runtime: sglang, data_parallel: 8, tensor_parallel: 1}",
        "{mean: 2000 token, spread: 0.5}", "{mean: 500 token, cv: 0.7}",
    ),
}  # fmt: skip
LIMITS = "slo: {ttft_p99: 2 s, tpot_p99: 50 ms/token, p90: 60 s, itl_p99: 1 s/token}"
HOURS = "hours: [2, 1, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 9, 10, 12, 10, 9, 8, 8, 7, 6, 5, 4, 3]"
MOST = {(): 1, ("hours",): 2, ("slo",): 24, ("slo", "hours"): 25}  # calls of the law


def text(rack: str, rate: float, *more: str) -> str:
    gpu, model, serving, prompts, answers = RACKS[rack]
    lines = [f"input: {prompts}", f"output: {answers}", "precision: fp8", f"arrival_rate: {rate} request/s", *more]
    work = "\n".join(f"  {line}" for line in lines)
    return f"name: counted\naccelerators: {{gpu: {gpu}}}\nmodel: {model}\nserving: {serving}\nworkload:\n{work}\n"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the law is asked while the test runs."""
    made, law = [], engine_load._steady

    def counted(point: Any) -> Any:
        made.append(point)
        return law(point)

    monkeypatch.setattr(engine_load, "_steady", counted)
    return made


@pytest.mark.parametrize("asked", MOST)
@pytest.mark.parametrize("rack", RACKS)
def test_limits_and_hours_ask_the_law_a_few_times(rack: str, asked: tuple[str, ...], calls: list[Any]) -> None:
    rate = 2.0 + list(MOST).index(asked) / 1000 + list(RACKS).index(rack) / 10000
    result = estimate(
        load_text(text(rack, rate, *({"slo": LIMITS, "hours": HOURS}[one] for one in asked)), "rack.yaml")
    )
    assert 1 <= len(calls) <= MOST[asked]
    if rack == "dense":  # its law is so short that its draws stay numbers
        return
    before = len(calls)
    intervals(result)  # all draws together: with and without the errors of the formulas below
    assert len(calls) - before <= 2 * MOST[asked] + (24 if "slo" in asked else 0)


def test_a_percentile_at_a_jump_is_found_in_a_few_steps() -> None:
    """Where the tail jumps over the level, the jump itself is tried; halving up to it took forty steps."""
    parts = [(0.9, 0.0, 1.0, 0.5), (0.05, 7.0 + 1 / 3, 7.0 + 1 / 3, 0.0), (0.05, 8.0, 11.0, 40.0)]
    lanes = [tuple(np.array([value]) for value in part) for part in parts]
    asked, tail = [], tail_lanes(lanes)

    class Counted(type(tail)):  # type: ignore[misc]
        def __call__(self, time: Any) -> Any:
            asked.append(time)
            return super().__call__(time)

        def picked(self, lanes: Any) -> Any:
            return Counted([array[:, lanes] for array in self.arrays])

    found = quantile_lanes(np.array([0.08]), Counted(tail.arrays), np.array([3.0]))
    assert found[0] == pytest.approx(7 + 1 / 3, rel=1e-12) and len(asked) <= 20
    assert mixture_tail(found[0] * (1 - 1e-9), parts) > 0.08 > mixture_tail(found[0] * (1 + 1e-9), parts)
    assert mixture_quantile(0.92, parts) == pytest.approx(found[0], rel=1e-6)
