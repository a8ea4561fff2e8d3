"""Lengths that differ from request to request: what a rack file may say, and what follows; prompts found in a cache."""

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import run, strict
from scipy import stats

from rackcalc.config.traces import Histogram
from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.queues.length_distributions import EDGES
from rackcalc.formulas.queues.traced_lengths import shape
from rackcalc.formulas.serving.length_moments import (
    cached_of_turns,
    computed_tokens,
    even_cv,
    lognormal_cv,
    lognormal_mean,
    prompt_of_turns,
)
from rackcalc.formulas.transformer.sliding_window import attended_pairs, attended_share, pairs_after
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.questions.rack_file import load_text
from rackcalc.schemas import schema_of
from rackcalc.serving.generation import prefill_pass
from rackcalc.serving.gpu_deployment import gpu_deployment
from rackcalc.serving.lengths import with_lengths

RACK = """\
name: decoder
accelerators: {gpu: {part: h100-sxm, count: 8}}
model: llama-3.1-8b
workload: {input: 512 token, output: 128 token, arrival_rate: 20 request/s, precision: fp8}
serving: {split: gpu, runtime: vllm, tensor_parallel: 1}
"""


def workload(*sets: str, text: str = RACK) -> Any:
    return with_lengths(load_text(text, "rack.yaml", sets=sets).rack).workload


def values(*sets: str, text: str = RACK) -> dict[str, float]:
    return {path: float(q.value) for path, q in figures(estimate(load_text(text, "rack.yaml", sets=sets)))}


def refusal(*sets: str, text: str = RACK) -> str:
    with pytest.raises(InputError) as caught:
        estimate(load_text(text, "rack.yaml", sets=sets))
    return str(caught.value)


# --- forms -----------------------------------------------------------------------------------------------


@given(st.floats(10, 5000), st.floats(1.01, 60))
def test_mean_and_cv_of_a_log_normal_are_those_of_scipy(p50: float, ratio: float) -> None:
    sigma = math.log(ratio) / stats.norm.ppf(0.99)
    law = stats.lognorm(sigma, scale=p50)
    assert law.ppf(0.99) == pytest.approx(p50 * ratio)
    assert lognormal_mean(p50=p50, p99=p50 * ratio) == pytest.approx(law.mean(), rel=1e-9)
    assert lognormal_cv(p50=p50, p99=p50 * ratio) == pytest.approx(law.std() / law.mean(), rel=1e-6, abs=1e-9)


@given(st.floats(0.01, 1))
def test_cv_of_even_lengths_is_that_of_scipy(spread: float) -> None:
    law = stats.uniform(1 - spread, 2 * spread)
    assert even_cv(spread=spread) == pytest.approx(law.std() / law.mean(), abs=1e-12)


def test_every_form_gives_the_mean_and_the_variation_it_says() -> None:
    even = workload("workload.input={mean: 1000 token, spread: 0.5}")
    assert (even.input.value, even.input_cv.value, even.input_even.value) == (1000.0, 0.5 / math.sqrt(3), 1.0)
    wide = workload("workload.input={mean: 1000 token, cv: 1.2}")
    assert (wide.input.value, wide.input_cv.value, wide.input_even) == (1000.0, 1.2, None)
    ends = workload("workload.output={p50: 100 token, p99: 800 token}")
    assert ends.output.value == pytest.approx(lognormal_mean(p50=100.0, p99=800.0))
    assert ends.output_cv.value == pytest.approx(lognormal_cv(p50=100.0, p99=800.0))
    plain = workload()
    assert (plain.input.value, plain.input_cv, plain.input_even, plain.input_strata) == (512.0, None, None, None)


def test_a_form_and_input_cv_are_the_same_thing() -> None:
    stated = values("workload.input_cv=1.2")
    assert values("workload.input={mean: 512 token, cv: 1.2}") == stated
    assert values("workload.input.cv=1.2") == stated, "--set on a number makes it the mean"
    assert stated != values()


def test_percentiles_without_variation_are_one_length() -> None:
    alike = values("workload.input={p50: 512 token, p99: 512 token}")
    assert alike["latency.ttft_p99"] == pytest.approx(values()["latency.ttft_p99"], rel=1e-9)


def test_wider_lengths_make_later_first_tokens() -> None:
    p99 = [values(f"workload.input={{mean: 512 token, cv: {cv}}}")["latency.ttft_p99"] for cv in (0, 0.5, 1, 2)]
    assert p99 == sorted(p99) and p99[-1] > 1.5 * p99[0]


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["workload.input={mean: 3 token}"], "mean needs spread or cv beside it"),
        (["workload.input={p50: 3 token}"], "p50 needs p99 beside it"),
        (["workload.input={p50: 3 token, cv: 1}"], "p50 and cv do not go together"),
        (["workload.input={mean: 3 token, cv: 1, spread: 0.5}"], "do not go together"),
        (["workload.input={}"], "is empty; expected a number such as"),
        (["workload.input={p5: 3 token}"], "unknown key; did you mean p50"),
        (["workload.input={p50: 300 token, p99: 200 token}"], "p99: is less than p50"),
        (["workload.input={p50: 1 token, p99: 1000000 token}"], "at most 10 is computed"),
        (["workload.input={mean: 300 token, spread: 1.5}"], "must be at most 1"),
        (["workload.input={mean: 300 token, cv: 1}", "workload.input_cv=1"], "remove one of the two"),
        (
            ["workload.output={mean: 300 token, cv: 1}", "workload.batch=8", "workload.arrival_rate="],
            "write one number",
        ),
        (["workload.input.trace=none.csv"], "none.csv: no such file"),
        (["workload.cached=55 %", "serving.prefix_caching=false"], "serving.prefix_caching turns off"),
        (["workload.cached=100 %"], "must be at most 0.999"),
        (["workload.conversation.turns=6", "workload.cached=0.5"], "follows from workload.conversation"),
        (["workload.conversation.turns=900"], "more than Llama 3.1 8B takes"),
        (["serving.enable_prefix_caching=true"], "write serving.prefix_caching"),
        (["workload.conversation.think_time=10 s"], "however long users think"),
    ],
)
def test_what_cannot_be_is_refused_with_its_mend(sets: list[str], words: str) -> None:
    assert words in refusal(*sets)


def test_encoders_and_other_splits_have_no_distributions_and_no_cache() -> None:
    encoder = RACK.replace("llama-3.1-8b", "bert-large").replace("output: 128 token, ", "").replace("vllm", "tensorrt")
    assert "write one number" in refusal("workload.input={mean: 100 token, cv: 1}", text=encoder)
    assert "whose prefix cache it is about" in refusal("workload.cached=0.5", text=encoder)


def test_setting_one_form_drops_the_other() -> None:
    sets = ["workload.input={mean: 300 token, cv: 1}", "workload.input.p50=100 token", "workload.input.p99=800 token"]
    assert workload(*sets).input.value == pytest.approx(lognormal_mean(p50=100.0, p99=800.0))
    assert workload(sets[0], "workload.input.spread=0.5").input_cv.value == pytest.approx(0.5 / math.sqrt(3))
    assert workload(sets[0], "workload.input=64 token").input_cv is None


def test_scenarios_and_ranges_reach_into_a_form() -> None:
    text = RACK.replace(
        "input: 512 token", "input: {p50: {value: 400 token, low: 300 token, high: 600 token}, p99: 4000 token}"
    )
    text += "scenarios: {long: {workload.input.p50: 800 token}}\n"
    assert load_text(text, "r.yaml", "long").rack.workload.input.p50.value == 800.0
    done = run("estimate", "-", "--json", stdin=text.encode())
    first = strict(done.stdout.decode())["latency"]["ttft"]
    assert first["low"] < first["value"] < first["high"]


def test_the_schema_knows_the_forms() -> None:
    check = jsonschema.Draft202012Validator(schema_of("rack"))
    base: dict[str, Any] = {"name": "a", "accelerators": {}, "model": "gpt2", "serving": {"split": "gpu"}}

    def fits(**work: Any) -> bool:
        return check.is_valid(base | {"workload": {"precision": "fp8"} | work})

    good: list[Any] = ["5 token", {"value": "5 token", "low": "4 token"}, {"mean": "5 token", "cv": 1}]
    good += [{"p50": "5 token", "p99": "9 token"}, {"trace": "a.csv"}, {"trace": "a.csv", "column": "b"}]
    assert all(fits(input=form, output=form) for form in good)
    assert fits(trace="a.csv") and fits(trace={"file": "a.csv", "time_unit": "ms"})
    bad: list[Any] = [{"mean": "5 token"}, {"p50": "5 token", "cv": 1}, {"p5": "5 token"}, {}]
    assert not any(fits(input=form) for form in bad)
    assert not fits(), "a length or a trace must be there"


# --- questions --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("racks") / "rack.yaml"
    file.write_text(RACK.replace("input: 512 token", "input: {p50: 400 token, p99: 4000 token}"))
    return file


def test_sweeps_vary_a_percentile_as_set_does(rack: Path) -> None:
    axes = ("--vary", "workload.input.p50=200,400,800 token", "--by", "latency.ttft_p99", "--json")
    done = run("sweep", str(rack), *axes)
    points = {
        p["workload.input.p50"]: p["latency.ttft_p99"] for p in (_plain(r) for r in json.loads(done.stdout)["top"])
    }
    assert len(points) == 3, done.stderr
    for p50, ttft in points.items():
        alone = values(f"workload.input.p50={p50} token", text=rack.read_text())
        assert alone["latency.ttft_p99"] == pytest.approx(ttft, rel=1e-9)


def _plain(row: Any) -> dict[str, float]:
    cells = row.get("values", row)
    return {name: cell["value"] if isinstance(cell, dict) else cell for name, cell in cells.items()}


def test_sweeps_refuse_the_points_whose_percentiles_are_out_of_order(rack: Path) -> None:
    done = run("sweep", str(rack), "--vary", "workload.input.p50=400,5000 token", "--by", "latency.ttft")
    assert b"p99 below p50" in done.stdout + done.stderr


def test_an_explanation_leads_from_the_mean_to_the_percentiles(rack: Path) -> None:
    said = run("explain", str(rack), "latency.ttft").stdout.decode()
    assert "serving.length_moments.lognormal_mean" in said and "p99 = 4,000 token   [given; " in said
    assert "Johnson" in said


# --- the prefix cache ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 20_000), st.integers(0, 20_000), st.integers(0, 36), st.integers(1, 30_000)
)  # fmt: skip
def test_pairs_of_a_prompt_are_those_before_and_those_after(tokens: int, past: int, full: int, window: int) -> None:
    reach = {"layers": 36.0, "full_attention_layers": float(full), "window": float(window)}
    whole, before = (attended_pairs(tokens=float(n), **reach) for n in (tokens + past, past))
    after = pairs_after(whole=whole, before=before, tokens=float(tokens))
    assert after * tokens**2 + before == pytest.approx(whole, rel=1e-9)
    counted = attended_share(tokens=float(tokens), **reach) / 2
    assert pairs_after(whole=attended_pairs(tokens=float(tokens), **reach), before=0.0, tokens=float(tokens)) == (
        pytest.approx(counted, rel=1e-9)
    )


def test_pairs_are_those_of_a_mask() -> None:
    """A mask written out: full attention in one layer, a window of 50 tokens in two. The diagonal counts half."""
    past, tokens, window = 300, 120, 50
    query, key = np.arange(past, past + tokens)[:, None], np.arange(past + tokens)[None, :]
    full = (key <= query).sum() - tokens / 2
    near = ((key <= query) & (key > query - window)).sum() - tokens / 2
    reach = {"layers": 3.0, "full_attention_layers": 1.0, "window": float(window)}
    whole, before = (attended_pairs(tokens=float(n), **reach) for n in (past + tokens, past))
    assert whole - before == pytest.approx((full + 2 * near) / 3, rel=0.01)


MODEL_FILES = Path(__file__).parent / "model_files"
MODELS = {  # of every kind of attention
    "full": "llama-3.1-8b",
    "windows": "gpt-oss-120b",
    "latent": "deepseek-v3",
    "recurrence": "qwen3.5-122b-a10b",
    "compressed": f"{{hf_config: {MODEL_FILES / 'deepseek-ai__deepseek-v4-flash.json'}}}",
}


def on_eight(model: str) -> str:
    text = RACK.replace("model: llama-3.1-8b", f"model: {model}").replace("tensor_parallel: 1", "tensor_parallel: 8")
    return text.replace("h100-sxm", "b200-sxm").replace("20 request/s", "0.1 request/s")


def first_pass(text: str, *sets: str) -> Any:
    """The prefill of one prompt."""
    rack = with_lengths(load_text(text, "rack.yaml", sets=sets).rack)
    return prefill_pass(rack, gpu_deployment(rack, rack.accelerators.gpu))


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_nothing_in_the_cache_changes_nothing(model: str) -> None:
    text = on_eight(model)
    assert values("workload.cached=0", text=text) == pytest.approx(values(text=text), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_cached_prompt_is_between_the_rest_alone_and_the_whole(model: str) -> None:
    """Half of a long prompt known: more than a prompt of the other half, because that attends to all; less than all."""
    text = on_eight(model)

    def prefill(*sets: str) -> float:
        return float(first_pass(text, *sets).device_time.value)

    whole, half = prefill("workload.input=65536 token"), prefill("workload.input=32768 token")
    cached = prefill("workload.input=65536 token", "workload.cached=50 %")
    assert half < cached < whole


@pytest.mark.parametrize("model", [*MODELS.values()][:4], ids=[*MODELS][:4])
def test_halves_of_a_prompt_have_the_arithmetic_of_the_whole(model: str) -> None:
    """What the first half computes and what the second computes after it is what both together compute."""
    text = on_eight(model)

    def flops(*sets: str) -> float:
        return float(first_pass(text, *sets).flops.value)

    whole, half = flops("workload.input=65536 token"), flops("workload.input=32768 token")
    after = flops("workload.input=65536 token", "workload.cached=50 %")
    more = 0.0 if model != "deepseek-v3" else 61 * 2 * 32768 * 512 * 128 * (128 + 128)  # latents made keys again
    assert half + after - more == pytest.approx(whole, rel=1e-4)


def test_hits_shorten_first_tokens_and_raise_capacity_and_keep_the_room() -> None:
    found = [values("workload.input=8192 token", f"workload.cached={share} %") for share in (0, 40, 80, 99)]
    assert [f["latency.ttft_p99"] for f in found] == sorted((f["latency.ttft_p99"] for f in found), reverse=True)
    assert [f["throughput.capacity"] for f in found] == sorted(f["throughput.capacity"] for f in found)
    assert len({f["details.room"] for f in found}) == 1


@pytest.mark.parametrize(
    "sets", [["workload.concurrency=16", "workload.arrival_rate="], ["workload.batch=8", "workload.arrival_rate="]]
)
def test_closed_loops_and_batches_know_the_cache_too(sets: list[str]) -> None:
    long = [*sets, "workload.input=8192 token"]
    assert values(*long, "workload.cached=80 %")["latency.ttft"] < 0.7 * values(*long)["latency.ttft"]


def test_a_note_says_what_is_counted() -> None:
    notes = estimate(load_text(RACK, "r.yaml", sets=["workload.cached=55 %"])).notes
    assert any("55% of the prompts' tokens" in note and "as if it shared none" in note for note in notes)


# --- conversations ---------------------------------------------------------------------------------------


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 40))
def test_prompts_of_a_conversation_are_those_written_out(message: int, answer: int, turns: int) -> None:
    prompts, known, text = [], [], 0
    for _ in range(turns):
        known.append(text)
        prompts.append(text + message)
        text = prompts[-1] + answer
    mean = prompt_of_turns(message=float(message), answer=float(answer), turns=float(turns))
    share = cached_of_turns(message=float(message), prompt=mean)
    assert mean == pytest.approx(np.mean(prompts))
    assert share == pytest.approx(sum(known) / sum(prompts))
    assert computed_tokens(prompt=mean, cached=share) == pytest.approx(message)


def test_a_conversation_of_one_turn_is_a_request() -> None:
    assert values("workload.conversation.turns=1") == pytest.approx(values(), rel=1e-9, nan_ok=True)


def test_longer_conversations_hold_more_and_compute_as_much() -> None:
    one, ten = values("workload.conversation.turns=1"), values("workload.conversation.turns=10")
    assert ten["details.room"] < 0.5 * one["details.room"]
    assert one["stages.prefill.time"] < ten["stages.prefill.time"] < 2 * one["stages.prefill.time"]


# --- strata of a trace ------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 3_000_000), min_size=1, max_size=400))
def test_strata_have_the_mean_of_all_and_rise(lengths: list[int]) -> None:
    counted = Histogram()
    for tokens in lengths:
        counted.add(tokens)
    found = shape(counted.in_order())
    assert found.mean == pytest.approx(np.mean(lengths), rel=1e-9)
    assert found.cv == pytest.approx(np.std(lengths) / np.mean(lengths), rel=1e-6, abs=1e-6)
    assert sum(s * (b - a) for s, a, b in zip(found.strata, EDGES, EDGES[1:], strict=False)) == pytest.approx(1)
    assert all(a <= b * (1 + 1e-9) for a, b in zip(found.strata, found.strata[1:], strict=False))


def test_strata_of_a_log_normal_are_its_partial_means() -> None:
    draws = stats.lognorm(0.8, scale=math.exp(-0.32)).rvs(400_000, random_state=1) * 700
    counted = Histogram()
    for tokens in draws:
        counted.add(max(round(tokens), 1))
    found, ends = shape(counted.in_order()), stats.norm.ppf(EDGES)
    expected = np.diff(stats.norm.cdf(ends - 0.8)) / np.diff(EDGES)
    assert found.strata == pytest.approx(expected, rel=0.03)
