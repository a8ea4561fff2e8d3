"""Options that published benchmark scripts set, and what they do to the first token."""

import pytest

from rackcalc.config.parts import load_part
from rackcalc.formulas.serving.time_to_first_token import held_back
from rackcalc.serving.engine_versions import at_version
from rackcalc.validation import fit_engines, runs, serving
from rackcalc.validation.read import Row


def row(**columns: str) -> Row:
    plain = {
        "part": "b200-sxm", "parts": "4", "tensor_parallel": "4", "model": "llama-3.1-70b", "precision": "fp8",
        "runtime": "trtllm", "mode": "agg", "concurrency": "16", "input_tokens": "1024", "output_tokens": "1024",
        "scenario": "inferencex",
    }  # fmt: skip
    return Row("case-1", "serving", metric="ttft_mean", value=1.0, unit="s", **{**plain, **columns})  # type: ignore[misc]


def engine(**columns: str):  # type: ignore[no-untyped-def]
    return runs.stand(runs.run_of(row(**columns))).engine


def test_other_benchmarks_run_with_the_defaults_of_the_engine() -> None:
    plain = engine(scenario="")
    assert (plain.poll_steps.value, plain.hold_steps.value, plain.stream_interval.value) == (1, 0, 1)
    assert not runs.run_of(row(scenario="")).options


@pytest.mark.parametrize(
    ("columns", "field", "value"),
    [
        ({}, "hold_steps", 20),
        ({"tensor_parallel": "8", "parts": "8"}, "hold_steps", 0),
        ({"output_tokens": "8192"}, "hold_steps", 0),
        ({"model": "deepseek-r1"}, "hold_steps", 0),
        ({"model": "deepseek-r1", "runtime": "trtllm 1.2.0rc6", "concurrency": "64"}, "hold_steps", 40),
        ({"runtime": "sglang 0.5.9", "concurrency": "8"}, "poll_steps", 10),
        ({"runtime": "sglang 0.5.9"}, "poll_steps", 30),
        ({"runtime": "sglang 0.5.9", "part": "h200-sxm"}, "poll_steps", 10),
        ({"runtime": "vllm"}, "eager_prefill", 1),
        ({"runtime": "vllm 0.19.0"}, "eager_prefill", 0),
        ({"runtime": "vllm", "part": "h100-sxm"}, "eager_prefill", 0),
        ({}, "chunk", 16384),
        ({"model": "gpt-oss-120b", "precision": "mxfp4"}, "chunk", 20000),
        ({"model": "minimax-m2.5", "runtime": "vllm 0.19.0"}, "chunk", 2048),
        ({"model": "minimax-m2.5", "runtime": "vllm 0.19.0"}, "stream_interval", 20),
        ({"model": "minimax-m2.5", "runtime": "vllm 0.17.0"}, "stream_interval", 1),
        ({"model": "deepseek-r1", "input_tokens": "8192"}, "chunk", 8192 + 16 + 64),
        ({"model": "deepseek-r1", "runtime": "sglang 0.5.9", "precision": "fp4"}, "chunk", 16384),
        ({"model": "deepseek-r1", "runtime": "sglang 0.5.9"}, "chunk", 8192),
        ({"model": "deepseek-r1", "runtime": "sglang 0.5.9", "parts": "8", "tensor_parallel": "8"}, "chunk", 32768),
    ],
)
def test_options_are_those_of_the_scripts(columns: dict[str, str], field: str, value: float) -> None:
    assert getattr(engine(**columns), field).value == value


@pytest.mark.parametrize(
    ("columns", "kv"),
    [
        ({"runtime": "vllm"}, "fp8"),
        ({"runtime": "vllm", "model": "minimax-m2.5"}, "bf16"),
        ({"runtime": "vllm 0.19.0", "model": "minimax-m2.5"}, "fp8"),
        ({"runtime": "vllm 0.19.0", "model": "minimax-m2.5", "part": "h100-sxm"}, "bf16"),
        ({"runtime": "vllm", "model": "minimax-m2.5", "precision": "fp4"}, "fp8"),
        ({"runtime": "vllm", "model": "kimi-k2.5", "precision": "int4"}, "bf16"),
        ({"runtime": "vllm", "model": "gpt-oss-120b", "precision": "mxfp4"}, "fp8"),
        ({"runtime": "vllm", "model": "gpt-oss-120b", "precision": "mxfp4", "part": "h200-sxm"}, "bf16"),
        ({"model": "gpt-oss-120b", "precision": "mxfp4", "part": "h200-sxm"}, "bf16"),
        ({"model": "deepseek-r1", "part": "h200-sxm"}, "fp8"),
        ({"model": "deepseek-r1", "part": "h200-sxm", "runtime": "sglang"}, "bf16"),
        ({"model": "deepseek-r1", "runtime": "sglang"}, "fp8"),
        ({"precision": "bf16"}, "bf16"),
        ({"precision": "bf16", "runtime": "vllm kv-fp8"}, "fp8"),
        ({"scenario": "", "runtime": "vllm", "model": "minimax-m2.5"}, "fp8"),
    ],
)
def test_the_cache_has_the_format_that_the_script_sets(columns: dict[str, str], kv: str) -> None:
    assert runs.run_of(row(**columns)).kv == kv


def test_runs_of_decode_steps_leave_the_format_of_the_cache_to_the_engine() -> None:
    """ML.ENERGY's files say "dtype: auto" and nothing of the cache, which then is as wide as the model computes."""
    steps = row(model="qwen3-235b-a22b", runtime="vllm", scenario="gpqa")._replace(kind="step_power")
    assert runs.run_of(steps).kv == "bf16"


def test_the_stall_at_the_start_of_runs_without_a_version_is_in_no_fit() -> None:
    """Their first tokens of 7 s and more are no waits of the engine: the caveats of the measurements say so."""
    found = list(fit_engines.gathered(("serving",), lambda problem: None))
    late = [x.value for run, metric, rows in found for x in rows if metric == "ttft_mean" and run.program == "sglang"
            and run.version.startswith("at-2025")]  # fmt: skip
    assert late and max(late) <= 5


def test_holding_prefills_back_delays_the_first_token_by_about_that_many_steps() -> None:
    """NVIDIA's runs on B200 that differ in nothing else: 192 ms against 58 ms at 4 requests, steps of 6.6 ms."""
    held = serving.serving(row(concurrency="4")).value
    free = serving.serving(row(concurrency="4", output_tokens="8192")).value
    assert held - free == pytest.approx(0.134, rel=0.3)


def test_held_back_is_the_whole_time_alone_and_half_of_it_in_a_crowd() -> None:
    assert held_back(hold=20.0, held=0.0, output=1000.0) == 20
    assert held_back(hold=20.0, held=1e6, output=1000.0) == pytest.approx(10, rel=0.01)


def test_a_compiled_engine_handles_requests_faster_than_the_eager_one_that_followed() -> None:
    runtime = load_part("runtimes", "tensorrt-llm")
    old, new = at_version(runtime, "0.14.0"), at_version(runtime, "1.0.0rc3")
    assert old.request_host.value < new.request_host.value
    assert (old.engine.eager_prefill.value, new.engine.eager_prefill.value) == (0, 1)
    assert at_version(load_part("runtimes", "vllm"), "0.6.4").engine.eager_prefill.value == 0
