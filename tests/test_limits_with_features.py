"""Limits on latencies together with what engines do: the largest rate within limits is where a limit is reached."""

from typing import Any

import pytest

import rackcalc

FEATURES: dict[str, dict[str, Any]] = {
    "plain": {},
    "speculation": {"speculation": {"kind": "eagle", "tokens": 4, "acceptance": 0.6}},
    "pipeline": {"tensor_parallel": 4, "pipeline_parallel": 2},
    "offloaded": {"kv_offload": {"bandwidth": "20 GB/s", "hits": "50 %"}},
    "two copies": {"tensor_parallel": 4, "router": "round-robin"},
}
LIMITS = {"ttft_p99": 0.5, "tpot_p95": 0.025, "p90": 8.0}
UNITS = {"ttft_p99": "s", "tpot_p95": "s/token", "p90": "s"}


def rack(serving: dict[str, Any], **workload: Any) -> rackcalc.Result:
    """Llama 3.1 70B on eight H100."""
    return rackcalc.estimate(
        {
            "name": "limits",
            "accelerators": {"gpu": {"part": "h100-sxm", "count": 8}},
            "model": "llama-3.1-70b",
            "workload": {"precision": "fp8", "input": "1024 token", "output": "256 token", **workload},
            "serving": {"split": "gpu", "runtime": "vllm", **serving},
        }
    )


def value(result: rackcalc.Result, path: str) -> float:
    found = result[path].value
    assert isinstance(found, float)
    return found


@pytest.mark.parametrize("limited", LIMITS)
@pytest.mark.parametrize("feature", FEATURES)
def test_the_largest_rate_is_where_the_limit_is_reached(feature: str, limited: str) -> None:
    serving, most = FEATURES[feature], LIMITS[limited]
    slo = {limited: f"{most} {UNITS[limited]}"}
    capacity = value(rack(serving, arrival_rate="1 request/s"), "throughput.capacity")
    rates = [
        value(rack(serving, slo=slo, arrival_rate=f"{share * capacity} request/s"), "throughput.at_slo")
        for share in (0.02, 0.5, 0.95)
    ]
    assert max(rates) <= capacity * 1.001
    assert max(rates) <= min(rates) * 1.03, "the load that a file states does not change the largest one"
    assert 0 < rates[1] < 0.999 * capacity
    there = rack(serving, arrival_rate=f"{rates[1]} request/s")
    assert value(there, f"latency.{limited}") == pytest.approx(most, rel=0.06)


@pytest.mark.parametrize("feature", FEATURES)
def test_goodput_is_all_requests_where_limits_are_wide_and_none_where_they_are_not(feature: str) -> None:
    wide = rack(FEATURES[feature], slo={"tpot_p99": "1 s/token"}, arrival_rate="2 request/s")
    assert value(wide, "throughput.goodput") == pytest.approx(2.0, rel=1e-3)
    narrow = rack(FEATURES[feature], slo={"tpot_p99": "0.1 ms/token"}, arrival_rate="2 request/s")
    assert value(narrow, "throughput.goodput") < 0.01


@pytest.mark.parametrize("feature", FEATURES)
def test_an_engine_takes_what_is_below_its_capacity(feature: str) -> None:
    capacity = value(rack(FEATURES[feature], arrival_rate="1 request/s"), "throughput.capacity")
    near = rack(FEATURES[feature], arrival_rate=f"{0.98 * capacity} request/s")
    assert value(near, "throughput.utilization") == pytest.approx(0.98, rel=1e-3)


SLOW_PATH = {"kv_offload": {"bandwidth": "2 GB/s", "hits": "80 %"}}
CLOSED = {"slow path": SLOW_PATH, "fewer clients than copies": {"tensor_parallel": 2}}


@pytest.mark.parametrize("kind", CLOSED)
def test_a_closed_loop_has_no_more_good_requests_than_requests(kind: str) -> None:
    clients = 64 if kind == "slow path" else 1
    told = rack(CLOSED[kind], concurrency=clients, output_cv=0.5, slo={"p99": "1000 s"})
    rate = value(told, "throughput.requests")
    assert rate * value(told, "latency.mean") == pytest.approx(clients, rel=0.01)
    assert value(told, "throughput.goodput") <= rate * 1.0001
    if clients > 1:
        assert value(told, "throughput.at_slo") <= rate * 1.001, "the path does not become quicker with more clients"


def test_percentiles_of_a_closed_loop_contain_the_wait_for_a_slow_path() -> None:
    told = rack(SLOW_PATH, concurrency=64, output_cv=0.5)
    for mean, times in (("latency.mean", "latency.p"), ("latency.ttft", "latency.ttft_p")):
        assert value(told, f"{times}50") <= 1.2 * value(told, mean)
        assert value(told, f"{times}99") >= value(told, mean)


@pytest.mark.parametrize("load", [{"arrival_rate": "8 request/s"}, {"concurrency": 400, "output_cv": 0.5}])
def test_a_load_that_misses_its_limits_says_what_is_priced(load: dict[str, Any]) -> None:
    told = rack({}, slo={"tpot_p99": "14 ms/token"}, **load)
    assert value(told, "throughput.requests") == value(told, "throughput.at_slo")
    assert any("workload.slo is missed at the load" in note for note in told.notes)
    assert not any("costs are those of the rate" in note for note in told.notes)
    met = rack({}, slo={"tpot_p99": "1 s/token"}, **load)
    assert not any("workload.slo" in note for note in met.notes)


@pytest.mark.parametrize("serving", [{}, FEATURES["speculation"]])
@pytest.mark.parametrize("load", [{"arrival_rate": "2 request/s"}, {"concurrency": 1}, {"concurrency": 32}])
@pytest.mark.parametrize("output", ["1 token", "2 token", {"mean": "1 token", "spread": 0.5}])
def test_answers_of_one_token_are_answered(serving: dict[str, Any], load: dict[str, Any], output: Any) -> None:
    told = rack(serving, **load, input={"p50": "800 token", "p99": "4000 token"}, output=output)
    assert value(told, "latency.mean") >= value(told, "latency.ttft") > 0
    if "concurrency" in load and output != "2 token":
        assert "latency.ttft_p99" not in told, "what cannot be told is absent"
        with pytest.raises(rackcalc.InputError, match="answers have one token"):
            rack(serving, **load, input_cv=0.5, output="1 token", slo={"ttft_p99": "1 s"})
