"""Engines that only decode or only prefill: a published pool, the pools of both kinds, limits, refusals."""

import math
from bisect import bisect_left
from itertools import accumulate
from random import Random
from statistics import fmean as mean

import pytest
from test_wide_experts import H100, OVERLAP, estimated, found

from rackcalc.config.engine_names import called_here
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError

DECODE, PREFILL = "serving.phase=decode", "serving.phase=prefill"
POOL = {
    "name": "the decode pool alone",
    "accelerators": {"gpu": {"part": "h100-sxm", "count": 72}},
    "model": "deepseek-v3",
    "workload": {"input": "2000 token", "output": "100 token", "concurrency": 18000, "precision": "fp8"},
    "serving": {"split": "gpu", "runtime": "sglang", "tensor_parallel": 1, "data_parallel": 72},
}
SMALL = {
    "name": "one GPU",
    "accelerators": {"gpu": {"part": "h200-sxm", "count": 1}},
    "model": "llama-3.1-8b",
    "workload": {"input": "4000 token", "output": "200 token", "precision": "fp8", "arrival_rate": "8 request/s"},
    "serving": {"split": "gpu", "runtime": "vllm", "tensor_parallel": 1},
}


def test_a_published_pool_that_only_decodes() -> None:
    """https://lmsys.org/blog/2025-05-05-large-scale-ep/: 9 nodes of 8 H100, 22,282 token/s each."""
    assert found(POOL, DECODE, OVERLAP)["throughput.tokens"] == pytest.approx(9 * 22_282, rel=0.3)


def test_it_is_the_decode_pool_of_split_prefill_decode() -> None:
    """Where prompts never run short, both decode as many tokens."""
    alone = found(POOL, DECODE, "workload.concurrency=18432")["throughput.tokens"]
    pools = found(H100, "workload.concurrency=18432")["details.decode_capacity"] * 100
    assert alone == pytest.approx(pools, rel=0.01)


@pytest.mark.parametrize("clients", [1, 72, 5000, 16_000, 30_000])
def test_requests_in_flight_are_conserved_and_steps_wait_for_no_prompt(clients: int) -> None:
    each = found(POOL, DECODE, f"workload.concurrency={clients}")
    rate = each["throughput.at_concurrency"]
    assert rate * (each["latency.ttft"] + 99 * each["latency.tpot"]) == pytest.approx(clients, rel=1e-9)
    assert each["latency.tpot"] == pytest.approx(each["stages.decode.time"], rel=0.02)
    assert each["latency.ttft"] >= each["latency.tpot"] * (1 - 1e-9)
    assert "stages.prefill.time" not in each


def test_prompts_cost_nothing_but_room() -> None:
    """A longer prompt takes cache and longer steps, but no steps of its own."""
    for rack in (POOL, SMALL):
        both, alone = found(rack), found(rack, DECODE)
        assert alone["latency.ttft"] < both["latency.ttft"] and alone["latency.tpot"] < both["latency.tpot"]
    few = "workload.arrival_rate=0.001 request/s"
    quiet = found(SMALL, DECODE, few)
    assert quiet["latency.ttft"] == pytest.approx(quiet["stages.decode.time"], rel=0.01)
    assert quiet["latency.mean"] == pytest.approx(200 * quiet["stages.decode.time"], rel=0.01)


@pytest.mark.parametrize("rate", [15, 40])
def test_random_arrivals_against_a_simulation_of_every_step(rate: int) -> None:
    """The next step takes in whoever has come, and gives each of them a token."""
    numbers = [1, 2, 4, 8, 16, 32, 64, 128]
    clients = [("workload.arrival_rate=", f"workload.concurrency={number}") for number in numbers]
    steps = [found(SMALL, DECODE, *sets)["latency.tpot"] for sets in clients]
    random, now, left = Random(1), 0.0, {}
    arrivals = [random.expovariate(rate) for _ in range(20_000)]
    comes = list(accumulate(arrivals))
    first, spent, taken = [], [], 0
    while taken < len(comes) or left:
        while taken < len(comes) and comes[taken] <= now:
            left[taken] = 200
            taken += 1
        if not left:
            now = comes[taken]
            continue
        now += interpolated(len(left), numbers, steps)
        for which in list(left):
            if left[which] == 200:
                first.append((which, now))
            left[which] -= 1
            if not left[which]:
                del left[which]
                spent.append((which, now))
    usual = range(2000, 18_000)
    began, ended = dict(first), dict(spent)
    tpot = mean((ended[which] - began[which]) / 199 for which in usual)
    ttft = mean(began[which] - comes[which] for which in usual)
    told = found(SMALL, DECODE, f"workload.arrival_rate={rate} request/s")
    assert told["latency.tpot"] == pytest.approx(tpot, rel=0.05)
    assert told["latency.ttft"] == pytest.approx(ttft, rel=0.10)
    assert told["latency.mean"] == pytest.approx(mean(ended[which] - comes[which] for which in usual), rel=0.05)


def interpolated(number: int, numbers: list[int], steps: list[float]) -> float:
    """A step with so many sequences, on the line between two that are known, or beyond the last."""
    above = min(max(bisect_left(numbers, number), 1), len(numbers) - 1)
    slope = (steps[above] - steps[above - 1]) / (numbers[above] - numbers[above - 1])
    return steps[above] + slope * (number - numbers[above])


@pytest.mark.parametrize(
    "more", [(), ("workload.output_cv=1", "workload.burstiness=2"), ("serving.router=least-loaded",)]
)
def test_gaps_between_tokens_are_those_of_the_steps_up_to_capacity(more: tuple[str, ...]) -> None:
    """No step holds a prompt: gaps are steps, so their median is near the mean, and more load never shortens them."""
    most = found(SMALL, DECODE, *more, "accelerators.gpu.count=2")["throughput.capacity"]
    before = 0.0
    for share in (0.3, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98):
        rate = f"workload.arrival_rate={share * most} request/s"
        each = found(SMALL, DECODE, *more, "accelerators.gpu.count=2", rate)
        gaps = [each[f"latency.itl_{level}"] for level in ("p50", "p90", "p95", "p99")]
        assert gaps == sorted(gaps) and gaps[0] > before, share
        assert gaps[0] == pytest.approx(each["latency.tpot"], rel=0.05), share
        before = gaps[0]


def test_what_others_do_is_unknown_with_the_reason() -> None:
    for phase, paths in (
        (DECODE, ("throughput.input_tokens", "cost.per_million_input_tokens")),
        (PREFILL, ("throughput.tokens", "latency.tpot", "cost.per_million_output_tokens")),
    ):
        each = dict(figures(estimated(POOL, phase)))
        for path in paths:
            assert not each[path].known and "by other engines" in str(each[path].unknowns)
    each = found(POOL, DECODE)
    spent = each["cost.per_hour"] / each["throughput.tokens"]
    assert each["cost.per_million_output_tokens"] == pytest.approx(spent, rel=1e-6)
    assert math.isfinite(found(POOL, PREFILL)["cost.per_million_input_tokens"])


@pytest.mark.parametrize("load", ["workload.concurrency=64", "workload.arrival_rate=2 request/s"])
def test_engines_that_only_prefill_end_with_the_first_token(load: str) -> None:
    sets = (load,) if "rate" in load else ("workload.arrival_rate=", load)
    phase, short = found(SMALL, PREFILL, *sets), found(SMALL, "workload.output=1 token", *sets)
    for path in ("latency.ttft", "latency.p99", "stages.prefill.time", "throughput.input_tokens"):
        assert phase[path] == short[path], path
    assert "stages.decode.time" not in phase


@pytest.mark.parametrize(
    ("sets", "place", "words"),
    [
        ((DECODE, "workload.cached=50%"), "workload.cached", "is not computed with serving.phase: decode"),
        ((DECODE, "serving.speculation={kind: mtp}"), "serving.speculation", "is not computed"),
        ((DECODE, "workload.slo=1 s"), "workload.slo", "is not computed"),
        (
            (
                "serving.phase=prefill",
                "workload.concurrency=1",
                "serving.data_parallel=",
                "serving.tensor_parallel=8",
                "serving.context_parallel=10",
            ),
            "serving.context_parallel",
            "10 groups of 8 are 80 GPUs, and there are 72",
        ),
        (("serving.phase=encode",), "serving.phase", "prefill"),
    ],
)
def test_refusals(sets: tuple[str, ...], place: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        estimated(POOL, *sets)
    assert any(one.path == place and words in one.message for one in refused.value.problems), refused.value.problems


def test_gpus_left_over_by_groups_that_share_prompts_are_said() -> None:
    notes = estimated(SMALL, PREFILL, "accelerators.gpu.count=8", "serving.context_parallel=3").notes
    assert any("2 of 8 GPUs have no work: 3 share" in note for note in notes), notes


def test_pools_of_both_kinds_have_their_own_split() -> None:
    with pytest.raises(InputError, match="split prefill-decode has engines of both kinds"):
        estimated(H100, DECODE)


@pytest.mark.parametrize("name", ["disaggregation-mode", "kv_role"])
def test_names_of_engines_are_known(name: str) -> None:
    assert "serving.phase" in called_here(f"serving.{name}")
