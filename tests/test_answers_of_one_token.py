"""An answer of one token has no time between tokens: what is told is a decode step, with clients and with a rate."""

import pytest

import rackcalc
from rackcalc.estimation.estimate import estimate
from rackcalc.questions.rack_file import load

RACK = "llama70b-8xh100"


def latency(*sets: str):
    return estimate(load(RACK, "", sets)).latency


@pytest.mark.parametrize("runtime", ["vllm", "sglang", "tensorrt-llm"])
def test_one_client_and_a_small_rate_tell_the_same_time_per_token(runtime: str) -> None:
    one = "workload.output=1 token", f"serving.runtime={runtime}", "gates="
    rare = latency(*one, "workload.arrival_rate=0.01 request/s")
    alone = latency(*one, "workload.arrival_rate=", "workload.concurrency=1")
    assert rare.tpot.value == pytest.approx(alone.tpot.value, rel=0.02)
    assert rare.tpot_p99.value == pytest.approx(rare.tpot.value), "all answers are alike"


def test_a_sweep_over_lengths_says_what_an_estimate_says() -> None:
    lengths = ["1 token", "2 token", "300 token"]
    paths = ["latency.tpot", "latency.tpot_p99", "latency.itl_p99"]
    table = rackcalc.sweep(RACK, {"workload.output": lengths}, get=paths)
    for path in paths:
        each = [getattr(latency(f"workload.output={length}"), path.partition(".")[2]).value for length in lengths]
        assert list(table[path]) == pytest.approx(each, rel=1e-9)
