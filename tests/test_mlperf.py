"""MLPerf's language models: the chosen engine keeps the scenario's limits, and the errors stay where they are."""

import statistics

import numpy as np
import pytest

from rackcalc.formulas.serving.latency_limits import rate_of_prompts
from rackcalc.validation import validate
from rackcalc.validation.mlperf import DATA_SETS, best_engine
from rackcalc.validation.read import Row, Unanswerable, bundled, read
from rackcalc.validation.runs import fits, loop
from rackcalc.validation.score import Tally


def row(scenario: str = "offline", metric: str = "sample_rate", **columns: str) -> Row:
    found = Row("new", "mlperf", "h100-sxm", metric, 1.0, "sample/s", parts="8", model="llama-2-70b")
    stated = {"runtime": "mlperf v5.1", "operation": "llama2-70b-99", "scenario": scenario} | columns
    return found._replace(**stated)


def rate(found: Row) -> float:
    (result,) = validate([found], 0)
    assert result.predicted is not None, result.reason
    return float(result.predicted.value)


MODELS = {
    "llama2-70b-99.9": "llama-2-70b",
    "llama3.1-8b": "llama-3.1-8b",
    "deepseek-r1": "deepseek-r1",
    "mixtral-8x7b": "mixtral-8x7b",
    "llama3.1-405b": "llama-3.1-405b",
}


@pytest.mark.parametrize("room", [2.0, 4.0, 12.0])
def test_simulated_prompts_keep_the_limit_at_the_rate_that_is_said(room: float) -> None:
    rate = rate_of_prompts(work=1.0, stages=1.0, groups=1.0, ttft=1.0, most_ttft=1.0 + room, tail=0.01)
    between = np.random.default_rng(7).exponential(1 / rate, 400_000)
    walk = np.cumsum(1.0 - between)  # Lindley: a wait is how far the walk is above its lowest point so far
    waits = walk - np.minimum(np.minimum.accumulate(walk), 0.0)
    assert 0.001 < float((waits > room).mean()) < 0.0115, "Kingman's waits are an upper bound, and not a far one"


def test_short_prompts_do_not_wait_and_pipelines_and_groups_start_more() -> None:
    short = {"work": 0.01, "ttft": 0.1, "most_ttft": 2.0, "tail": 0.01}
    assert rate_of_prompts(stages=1.0, groups=1.0, **short) == pytest.approx(100.0, rel=0.03)
    long = short | {"work": 1.0}
    one = rate_of_prompts(stages=1.0, groups=1.0, **long)
    assert rate_of_prompts(stages=2.0, groups=1.0, **long) > 1.5 * one
    assert rate_of_prompts(stages=1.0, groups=2.0, **long) > 2.0 * one


def test_servers_of_long_prompts_are_as_published() -> None:
    """MLPerf v5.1, Llama 3.1 405B on eight H200: server 0.43, interactive 0.31 samples a second."""
    asked = {"operation": "llama3.1-405b", "model": "llama-3.1-405b", "part": "h200-sxm"}
    for scenario, published in (("server", 0.43), ("interactive", 0.31)):
        assert rate(row(scenario, **asked)) == pytest.approx(published, rel=0.15)


@pytest.mark.parametrize("operation", MODELS)
def test_tighter_limits_leave_a_lower_rate(operation: str) -> None:
    asked = {"operation": operation, "model": MODELS[operation], "part": "b200-sxm"}
    rates = [rate(row("offline", **asked)), rate(row("server", **asked))]
    if "interactive" in DATA_SETS[operation.removesuffix("-99.9")].limits:
        rates.append(rate(row("interactive", **asked)))
    assert rates == sorted(rates, reverse=True) and rates[-1] < rates[0]


@pytest.mark.parametrize("scenario", ["server", "interactive"])
def test_the_chosen_engine_keeps_its_limits(scenario: str) -> None:
    ttft, tpot = DATA_SETS["llama2-70b"].limits[scenario]
    best = best_engine(row(scenario, part="b200-sxm"))
    found = loop(best.run, best.numbers, best.most, loop(best.run, best.numbers, best.most).rate)
    assert found.ttft.value < ttft and found.tpot.value < tpot
    assert best.most.value < fits(best.run, best.numbers).value


def test_pipelines_help_where_weights_fill_the_gpu_and_came_after_round_4_1() -> None:
    new, old = best_engine(row()), best_engine(row(runtime="mlperf v4.1"))
    assert new.numbers.stages.value > 1 == old.numbers.stages.value
    assert new.rate.value > 1.1 * old.rate.value
    assert best_engine(row(part="b200-sxm")).numbers.stages.value == 1


def test_a_pipeline_of_one_layer_share_each_holds_what_its_gpus_hold() -> None:
    best = best_engine(row())
    stages = best.numbers.stages
    wide = best.numbers.__class__(
        stages, best.numbers.groups, best.numbers.prompt, best.numbers.output, best.numbers.spread
    )
    assert fits(best.run, best.numbers).value * stages.value == pytest.approx(fits(best.run, wide).value)


def test_experts_are_served_with_the_attention_of_their_own_sequences() -> None:
    best = best_engine(row(part="b200-sxm", model="deepseek-r1", operation="deepseek-r1"))
    assert best.run.grouped and best.numbers.groups.value > 1


@pytest.mark.parametrize("part", ["h200-sxm", "gb200", "b300", "l40s", "a100-sxm-80gb", "rtx-pro-6000"])
def test_unseen_gpus_are_answered(part: str) -> None:
    assert rate(row(part=part)) > 0


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"operation": "gptj-99", "model": "gpt-j-6b"}, "beam search"),
        ({"operation": "poetry"}, "data set are not known"),
        ({"operation": "mixtral-8x7b", "model": "mixtral-8x7b", "scenario": "interactive"}, "limits"),
    ],
)
def test_what_is_not_known_is_named(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(Unanswerable, match=reason):
        best_engine(row(**columns))


def test_errors_do_not_grow() -> None:
    rows = [r for r in read(bundled()["mlperf"], lambda problem: pytest.fail(str(problem))) if "rate" in r.metric]
    tally = Tally()
    for result in validate([r for r in rows if r.model in MODELS.values()], 0):
        tally.add(result)
    scores = tally.scores()
    medians = {
        subject: statistics.median(s.mape for s in scores if s.subject == subject)
        for subject in ("rate", "server_rate", "interactive_rate")
    }
    assert medians["rate"] < 0.19 and medians["server_rate"] < 0.25 and medians["interactive_rate"] < 0.40
