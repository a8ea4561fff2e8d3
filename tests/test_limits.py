"""workload.slo: limits on percentiles of whole requests, first tokens and tokens, met together."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import run

from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.questions.rack_file import load

ENGINE = "llama70b-8xh100"
ENCODER = "bert-8xb200"
HIGHEST = {"p99": 0.99, "ttft_p95": 0.95, "tpot_p90": 0.9, "itl_p99": 0.99}


def answer(path: str, *changes: str) -> dict[str, float]:
    result = estimate(load(path, sets=changes))
    return {name: float(figure.value) for name, figure in figures(result)}


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(HIGHEST)), st.floats(0.35, 0.8))
def test_at_the_largest_rate_a_limit_is_just_met(limited: str, load_share: float) -> None:
    """The limit is what some load brings about; the largest rate that meets it is that load."""
    rate = load_share * answer(ENGINE)["throughput.capacity"]
    unit = "s/token" if limited.startswith(("tpot", "itl")) else "s"
    limit = answer(ENGINE, f"workload.arrival_rate={rate} request/s")[f"latency.{limited}"]
    found = answer(ENGINE, f"workload.arrival_rate={rate} request/s", f"workload.slo.{limited}={limit * 1.0001} {unit}")
    assert found["throughput.at_slo"] == pytest.approx(rate, rel=0.01)
    worse = answer(ENGINE, f"workload.arrival_rate={1.05 * found['throughput.at_slo']} request/s")
    assert worse[f"latency.{limited}"] > limit


@settings(max_examples=8, deadline=None)
@given(st.floats(0.01, 0.95), st.floats(1.2, 4.0))
def test_the_largest_rate_is_that_of_the_rack_whatever_rate_is_stated(load_share: float, more: float) -> None:
    quiet = answer(ENGINE)
    limits = f"workload.slo={{ttft_p90: {more * quiet['latency.ttft']} s}}"
    stated = f"workload.arrival_rate={load_share * quiet['throughput.capacity']} request/s"
    found = answer(ENGINE, limits, stated)["throughput.at_slo"]
    assert found == pytest.approx(answer(ENGINE, limits)["throughput.at_slo"], rel=1e-3)
    there = answer(ENGINE, f"workload.arrival_rate={found} request/s")["latency.ttft_p90"]
    assert there <= 1.005 * more * quiet["latency.ttft"]


def test_limits_are_met_together() -> None:
    one = answer(ENGINE, "workload.slo.ttft_p99=300 ms")["throughput.at_slo"]
    other = answer(ENGINE, "workload.slo.tpot_p99=12 ms/token")["throughput.at_slo"]
    both = answer(ENGINE, "workload.slo={ttft_p99: 300 ms, tpot_p99: 12 ms/token}")["throughput.at_slo"]
    assert both == pytest.approx(min(one, other), rel=1e-4) and one != pytest.approx(other), "to the search's tolerance"


@pytest.mark.parametrize("path", [ENGINE, ENCODER])
def test_a_time_alone_is_the_p99_of_whole_requests(path: str) -> None:
    time = "6 s" if path == ENGINE else "1 ms"
    assert answer(path, f"workload.slo={time}") == answer(path, "workload.slo=", f"workload.slo.p99={time}")


def test_a_limit_beside_a_time_alone_keeps_it() -> None:
    both = answer(ENGINE, "workload.slo=6 s", "workload.slo.tpot_p99=12 ms/token")
    assert both == answer(ENGINE, "workload.slo={p99: 6 s, tpot_p99: 12 ms/token}")


def test_goodput_is_what_meets_the_limits() -> None:
    calm = answer(ENGINE, "workload.slo={ttft_p99: 10 s, tpot_p99: 1 s/token}")
    assert calm["throughput.goodput"] == pytest.approx(calm["throughput.requests"])
    none = answer(ENGINE, "workload.slo={ttft_p99: 1 ms}")
    assert none["throughput.goodput"] == none["throughput.at_slo"] == 0.0
    level = answer(ENGINE)["latency.ttft_p90"]
    some = answer(ENGINE, f"workload.slo.ttft_p90={level} s")
    assert some["throughput.goodput"] == pytest.approx(0.9 * 1.5, rel=0.01)
    gaps = answer(ENGINE, "workload.slo.itl_p99=50 ms/token")
    assert "throughput.goodput" not in gaps


def test_the_priced_throughput_meets_the_limits() -> None:
    strict = answer(ENGINE, "workload.slo.tpot_p99=9.5 ms/token")
    assert strict["throughput.requests"] == strict["throughput.at_slo"] < 1.5
    assert strict["throughput.tokens"] == pytest.approx(512 * strict["throughput.requests"])
    assert strict["throughput.tokens_per_gpu"] == pytest.approx(strict["throughput.tokens"] / 8)
    assert strict["throughput.tokens_per_user"] == pytest.approx(1 / strict["latency.tpot"])


@pytest.mark.parametrize("level", ["p50", "p90", "p95", "p99", "p999"])
def test_other_racks_meet_limits_on_whole_requests(level: str) -> None:
    now = answer(ENCODER, "workload.slo=", "sharing=", "workload.arrival_rate=9000 request/s")[f"latency.{level}"]
    found = answer(ENCODER, "workload.slo=", f"workload.slo.{level}={now * 1.00001} s", "sharing=")["throughput.at_slo"]
    assert found > 8990


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        (ENGINE, "workload.slo={}", "names no limit"),
        (ENGINE, "workload.slo={ttft_p99: -1 s}", "must be more than 0 s"),
        (ENGINE, "workload.slo={ttft_p98: 1 s}", "unknown key"),
        (ENGINE, "workload.slo={tpot_p99: 1 W}", "expected"),
        (ENGINE, "workload.slo=fast", "expected"),
        (ENCODER, "workload.slo={ttft_p99: 1 s}", "is for decoders on GPUs under a serving engine"),
    ],
)
def test_limits_that_make_no_sense_are_refused(path: str, change: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        answer(path, change)
    assert any(said in problem.message for problem in refused.value.problems), refused.value.problems


def test_a_limit_can_be_swept() -> None:
    for path in ("workload.slo", "workload.slo.tpot_p99"):
        values = "5 s,6 s" if path == "workload.slo" else "10 ms/token, 12 ms/token"
        done = run("sweep", "llama70b-8xh100", "--vary", f"{path}={values}", "--set", "workload.slo.itl_p99=1 s/token")
        assert done.returncode == 0, done.stderr
