"""The protocol of outer folds, and the doubt that novelty adds."""

import json
from dataclasses import replace

import numpy as np
import pytest
from program import out

from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu import novelty
from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.transformer.forward_pass import Job
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.validation import conservation, fit_engines, outer_folds, runs
from rackcalc.validation.read import Row
from rackcalc.validation.recorded_prediction import RecordedPrediction, stack

ONE = Quantity(1.0, "1", "one", source=Source("given"))


def row(**columns: str) -> Row:
    plain = {
        "part": "h100-sxm", "parts": "4", "tensor_parallel": "4", "model": "llama-3.1-70b", "precision": "fp8",
        "runtime": "vllm 0.12.0", "mode": "agg", "concurrency": "32", "input_tokens": "1024", "output_tokens": "512",
    }  # fmt: skip
    return Row("case-1", "serving", metric="tpot_mean", value=1.0, unit="s", **{**plain, **columns})  # type: ignore[misc]


def recorded(rows: list[Row], factor: float = 1.0) -> RecordedPrediction:
    """The prediction of rows of one run, as if `factor` times what is predicted had been measured."""
    run = runs.run_of(rows[0])
    numbers = fit_engines.arrays([runs.numbers_of(r) for r in rows])
    found = runs.loop(run, numbers, stack([r.number("concurrency", "1") for r in rows])).tpot
    measured = factor * np.asarray(found.value)
    part, model = rows[0].part, rows[0].model
    return RecordedPrediction(part, model, part, "tpot_mean", found, measured, fit_engines.leaves(), rows=rows)


RUNS = [
    recorded([row(concurrency=c) for c in ("4", "8", "16", "32", "64")]),
    recorded([row(concurrency=c, part="b200-sxm", runtime="vllm at-2026-03") for c in ("4", "8", "16", "32", "64")]),
    recorded([row(concurrency=c, model="gpt-oss-120b", precision="mxfp4", input_tokens="8192") for c in ("4", "8")]),
]


def test_every_fold_leaves_out_what_it_says_and_nothing_else() -> None:
    seen = set()
    for kind, value, left in outer_folds.folds(RUNS, pairs=True):
        seen.add(kind)
        gone = [r for x, mask in zip(RUNS, left, strict=True) for r, out in zip(x.rows, mask, strict=True) if out]
        kept = [r for x, mask in zip(RUNS, left, strict=True) for r, out in zip(x.rows, mask, strict=True) if not out]
        if kind == "GPU":
            assert {r.part for r in gone} == {value} and value not in {r.part for r in kept}
        if kind == "date":
            assert {r.runtime for r in gone} == {"vllm at-2026-03"}
        if kind == "longer prompts":
            assert {r.input_tokens for r in gone} == {"8192"}
    assert {"GPU", "GPU family", "architecture", "model", "date", "longer prompts", "GPU and model"} <= seen


def test_errors_are_capped_and_small_groups_pooled() -> None:
    far = [replace_measured(x, 0.1) for x in RUNS] + [replace_measured(RUNS[2], 0.1, "of another")]
    left = [np.ones(len(x.measured), bool) for x in far]
    trial = {name: float(fit_engines.prior(name).centre) for name in fit_engines.names()}
    (one,) = outer_folds.outcomes(far, trial, left, "GPU", "all")
    assert one.median_group == one.median_row == 1.0
    assert one.rows == 14 and one.groups == 3, "two groups of two rows are one; none is dropped"


def replace_measured(x: RecordedPrediction, factor: float, group: str = "") -> RecordedPrediction:
    group = group or x.group + x.model
    return RecordedPrediction(x.part, x.model, group, x.metric, x.quantity, factor * x.measured, x.leaves, rows=x.rows)


def test_a_fit_finds_the_parameter_that_made_the_rows() -> None:
    names = fit_engines.names()
    truth = {name: fit_engines.prior(name).centre for name in names} | {"vllm:layer_overhead": 58e-6}
    made = [
        RecordedPrediction(x.part, x.model, x.group, x.metric, x.quantity, x(truth), x.leaves, rows=x.rows)
        for x in RUNS
    ]
    found = fit_engines.fit(made)
    off = [float(np.abs(x(found) / x.measured - 1).max()) for x in made]
    assert max(off) < 0.03


def at(part: str, model: str, runtime: str = "vllm", **job: float) -> tuple[str, ...]:
    gpu, engine = load_part("gpus", part), load_part("runtimes", runtime)
    numbers = {"devices": 8.0, "tokens": 1.0, "context": 2000.0} | job
    one = {name: Quantity(value, "1", name) for name, value in numbers.items()}
    work = Job("decode", ONE, one["tokens"], one["context"], one["devices"], None, False, "fp8", "fp8")
    chip = Chip(gpu, load_part("families", gpu.family), engine)
    return novelty.what_is_new(chip, engine.engine, load_part("models", model), "fp8", work)


@pytest.mark.parametrize(
    ("query", "new"),
    [
        (at("h100-sxm", "llama-3.1-70b"), ()),
        (at("h100-nvl", "llama-3.1-70b"), ("GPU",)),
        (at("vr200", "llama-3.1-70b"), ("GPU family",)),
        (at("h100-sxm", "qwen3.5-397b-a17b"), ("architecture",)),
        (at("h100-sxm", "deepseek-v3.2"), ("architecture",)),  # no measured model has an indexer
        (at("h100-sxm", "qwen3-14b"), ("model",)),
        (at("h100-sxm", "deepseek-v3"), ()),  # as large as DeepSeek-R1, and built like it
        (at("h100-sxm", "llama-3.1-70b", devices=64.0), ("layout",)),
        (at("h100-sxm", "llama-3.1-70b", context=100_000.0), ("longer prompts",)),
    ],
)
def test_what_no_measurement_has_is_named(query: tuple[str, ...], new: tuple[str, ...]) -> None:
    assert query == new


def test_more_that_is_new_is_more_doubt() -> None:
    for phase in ("decode", "prefill"):
        known, one, two = (novelty.spread(phase, new) for new in ((), ("GPU",), ("GPU", "version")))
        assert known < one < two
        assert novelty.novelty(phase, ()).high == pytest.approx(np.exp(1.2816 * known))


def test_an_engine_of_one_s_own_is_new() -> None:
    gpu, runtime = load_part("gpus", "h100-sxm"), load_part("runtimes", "vllm")
    engine = replace(runtime.engine, measured=None)
    work = Job("decode", ONE, ONE, ONE, ONE, None, False, "fp8", "fp8")
    chip = Chip(gpu, load_part("families", "hopper"), runtime)
    assert novelty.what_is_new(chip, engine, load_part("models", "llama-3.1-70b"), "fp8", work) == ("engine",)


def test_the_command_says_what_is_new() -> None:
    data = json.loads(out("estimate", "configs/vr-nvl72-lpx-mixture.yaml", "--json"))
    assert set(data["novelty"]) == {"GPU family", "LPU"}
    assert any(note.startswith("novelty 2: GPU family, LPU") for note in data["notes"])


def test_runs_that_cannot_be_right_are_refused() -> None:
    huge = row(model="llama-3.1-405b", parts="1", tensor_parallel="1")
    assert "weights" in conservation.refused([huge])
    times = (("ttft_mean", 1e-3), ("tpot_mean", 6e-3))  # all weights can be read in that time
    fast = [row(concurrency="512")._replace(metric=name, value=value) for name, value in times]
    assert "matrix products" in conservation.refused(fast)
    assert not conservation.refused([row()._replace(value=0.02), row()._replace(metric="ttft_mean", value=0.5)])


def test_kept_slopes_find_what_slopes_computed_anew_find() -> None:
    names = fit_engines.names()
    start = {name: fit_engines.prior(name).centre for name in names}
    truth = start | {"vllm:layer_overhead": 54e-6, "weight_share": 0.9}
    made = [
        RecordedPrediction(x.part, x.model, x.group, x.metric, x.quantity, x(truth), x.leaves, rows=x.rows)
        for x in RUNS
    ]
    kept = [np.ones(len(x.measured), bool) for x in made]
    anew = fit_engines.fit(made, kept, start)
    same = fit_engines.fit(made, kept, start, slopes=fit_engines.slopes_at(made, start))
    for x in made:
        assert x(same) == pytest.approx(x(anew), rel=0.005)
