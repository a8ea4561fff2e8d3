"""Serving against published measurements: every row answered or named, errors no worse than they were measured."""

import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from rackcalc.config.parts import load_part
from rackcalc.validation import Result, catalog_values, engine_parameters, fit_power, runs, serving, validate
from rackcalc.validation.read import Row, bundled, read

KINDS = ("serving", "step_power", "throughput")


@pytest.fixture(scope="module")
def results() -> dict[str, list[Result]]:
    """Every fourth case of each kind: enough to guard, a quarter of the time."""
    kept = {}
    for kind in KINDS:
        rows = list(read(bundled()[kind], lambda problem: pytest.fail(str(problem))))
        kept[kind] = list(validate(row for row in rows if int(row.case.rpartition("-")[2]) % 4 == 0))
    return kept


def test_every_row_is_predicted_or_named(results: dict[str, list[Result]]) -> None:
    for kind in KINDS:
        for result in results[kind]:
            if result.predicted is None:
                assert result.reason
            else:
                assert result.predicted.value > 0 and np.isfinite(result.predicted.value)
    named = {result.reason for kind in KINDS for result in results[kind] if result.predicted is None}
    assert all(word in " ".join(named) for word in ("quality C", "all requests at once"))


# Median over groups of the mean (ttft: median) error, measured in November 2026 plus a fifth.
@pytest.mark.parametrize(
    ("kind", "metric", "bar"),
    [
        ("serving", "tpot_mean", 0.11),
        ("serving", "ttft_mean", 0.27),
        ("step_power", "tpot_p50", 0.115),
        ("step_power", "power_mean", 0.125),
        ("step_power", "output_token_rate", 0.12),
        ("throughput", "output_token_rate", 0.17),
        ("throughput", "ttft_mean", 0.24),
    ],
)
def test_errors_are_no_worse(results: dict[str, list[Result]], kind: str, metric: str, bar: float) -> None:
    groups = defaultdict(list)
    for result in results[kind]:
        if result.row.metric == metric and result.predicted is not None:
            groups[result.row.group].append(abs(result.error))
    centre = statistics.median if metric == "ttft_mean" else statistics.mean
    assert len(groups) >= 4
    assert statistics.median(centre(errors) for errors in groups.values()) < bar


def row(**columns: str) -> Row:
    plain = {
        "part": "h100-sxm", "parts": "4", "tensor_parallel": "4", "model": "llama-3.1-70b", "precision": "fp8",
        "runtime": "vllm 0.12.0", "mode": "agg", "concurrency": "32", "input_tokens": "1024", "output_tokens": "512",
    }  # fmt: skip
    return Row("case-1", "serving", metric="tpot_mean", value=1.0, unit="s", **{**plain, **columns})  # type: ignore[misc]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"runtime": "lmdeploy 0.6"}, 'no serving engine "lmdeploy"'),
        ({"precision": ""}, "format of the weights"),
        ({"concurrency": ""}, "load not stated"),
        ({"concurrency": "", "request_rate": "inf"}, "all requests at once"),
        ({"concurrency": "", "request_rate": "1000"}, "beyond the computed capacity"),
        ({"input_tokens": ""}, "input_tokens is not stated"),
        ({"pipeline_parallel": "2"}, "pipeline"),
        ({"model": "bert-large"}, "encoder"),
    ],
)
def test_what_a_row_does_not_say_is_named(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(serving.Unanswerable, match=reason):
        serving.serving(row(**columns))


UNSEEN = [
    {"part": "h200-sxm"},
    {"part": "a100-sxm-80gb", "precision": "bf16"},
    {"part": "gb200", "precision": "fp4", "runtime": "trtllm 1.9.9"},
    {"model": "gpt-oss-120b", "precision": "mxfp4", "runtime": "sglang 0.4.1 kv-fp8"},
    {"part": "l40s", "model": "mixtral-8x7b", "runtime": "vllm nightly-abc"},
]


@pytest.mark.parametrize("columns", UNSEEN)
def test_unseen_parts_models_and_versions_are_answered(columns: dict[str, str]) -> None:
    small, large = (serving.serving(row(**columns, concurrency=c)).value for c in ("4", "64"))
    assert 0.001 < small < large < 1


def test_stated_lengths_are_upper_bounds_in_inferencex() -> None:
    numbers = runs.numbers_of(row(scenario="inferencex"))
    assert (numbers.prompt.value, numbers.output.value) == (0.9 * 1024, 0.9 * 512)


def test_rows_as_an_array_equal_single_rows() -> None:
    """What a fit computes at once is what validation computes row by row."""
    rows = [row(concurrency=c, tensor_parallel=n, parts=n) for c, n in (("4", "2"), ("64", "4"), ("256", "8"))]
    run = runs.run_of(rows[0])
    from rackcalc.validation.fit_engines import arrays
    from rackcalc.validation.recorded_prediction import stack

    together = runs.loop(
        run, arrays([runs.numbers_of(r) for r in rows]), stack([r.number("concurrency", "1") for r in rows])
    )
    single = [runs.loop(run, runs.numbers_of(r), r.number("concurrency", "1")) for r in rows]
    for name in ("tpot", "ttft", "rate", "room"):
        assert getattr(together, name).value == pytest.approx([getattr(s, name).value for s in single], rel=1e-9)


def test_a_recorded_prediction_repeats_itself_and_follows_its_parameters() -> None:
    from rackcalc.validation.recorded_prediction import RecordedPrediction

    run = runs.run_of(row())
    found = runs.loop(run, runs.numbers_of(row()), row().number("concurrency", "1"))
    again = RecordedPrediction(
        "h100-sxm", "llama-3.1-70b", "", "tpot_mean", found.tpot, np.array([1.0]), engine_parameters.leaves()
    )
    now = {name: float(engine_parameters.start(name).value) for name in engine_parameters.names()}
    assert again(now) == pytest.approx(found.tpot.value, rel=1e-12)
    factor = load_part("runtimes", "vllm").engine.fixed_factors["hopper fp8"].value
    layers = 80 * 1e-6 * factor
    slower = again(now | {"vllm:layer_overhead": now["vllm:layer_overhead"] + 1e-6})
    assert slower - found.tpot.value == pytest.approx(layers, rel=0.1)
    assert again(now | {"sglang:layer_overhead": 1.0}) == pytest.approx(found.tpot.value)


def test_refit_writes_values_the_catalog_can_read() -> None:
    from rackcalc.config.catalog_files import PACKAGE

    text = Path(PACKAGE, "catalog/runtimes/vllm.yaml").read_text(encoding="utf-8")
    best = {"weight_share": 0.8, "vllm:layer_overhead": 70e-6, "sglang:layer_overhead": 1e-6}
    changed = catalog_values.written(text, best, "vllm")
    assert "weight_share: {value: 0.8, " in changed and "layer_overhead: {value: 70 us, " in changed
    assert len(changed.splitlines()) == len(text.splitlines())
    assert load_part("runtimes", "vllm").engine is not None


def test_power_of_a_gpu_that_was_left_out_of_the_fit() -> None:
    """Watts per byte and per share of the peak carry over from H100 to B200 and back; shares of TDP alone did not."""
    from rackcalc.validation import fit

    predictions = fit_power.power_predictions()
    assert {one.part for one in predictions} == {"h100-sxm", "b200-sxm"}
    for by, bar in (("part", 0.12), ("model", 0.12)):
        groups = fit.table(predictions, fit.left_out(predictions, by, fit_power.fit_power))["power"]
        assert np.median([mean for mean, _ in groups.values()]) < bar, by
