"""Serving on GPUs and models that no measurement covers: bounds, and what more load or a better GPU must do."""

from functools import cache

import pytest

from rackcalc.config.parts import load_part
from rackcalc.formulas.serving.concurrency import Loop
from rackcalc.formulas.transformer.counts import count
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.validation.read import Row
from rackcalc.validation.runs import fits, loop, numbers_of, prompts, run_of, step

PARTS = ("h200-sxm", "b300", "gb200", "gb300", "l40s", "a100-sxm-80gb")
MODELS = ("llama-3.1-8b", "llama-3.1-70b", "gpt-oss-120b", "qwen3-235b-a22b", "kimi-k2", "deepseek-v3.1")
LOADS = (1, 16, 128)
SHARE = 0.7  # of memory that weights may fill
SIZES = (1, 2, 4, 8)


def precision(part: str, model: str) -> str:
    """The format a model is usually served in."""
    if model == "gpt-oss-120b":
        return "mxfp4"
    peaks = load_part("gpus", part).peak
    return "fp4" if "fp4" in peaks else "fp8" if "fp8" in peaks else "bf16"


def row(part: str, model: str, program: str = "vllm") -> Row | None:
    """1024 tokens in and out on as few GPUs as hold the weights; None where eight do not."""
    format_ = precision(part, model)
    memory = float(load_part("gpus", part).memory.value)
    weights = float(model_size(load_part("models", model), format_, "bf16").weights.value)
    sizes = [size for size in SIZES if weights < SHARE * size * memory]
    if not sizes:
        return None
    lengths = {"input_tokens": "1024", "output_tokens": "1024"}
    found = Row("new", "serving", part, "tpot_mean", 1.0, "s", parts=str(sizes[0]), model=model, precision=format_)
    return found._replace(runtime=program, tensor_parallel=str(sizes[0]), mode="agg", **lengths)


@cache
def at(asked: Row, number: int) -> Loop:
    return loop(run_of(asked), numbers_of(asked), count(float(number), "requests"))


CASES = [
    pytest.param(found, id=f"{part}-{model}-{program}")
    for part in PARTS
    for model in MODELS
    for program in ("vllm", "sglang", "trtllm")
    if (found := row(part, model, program)) is not None
]


def test_most_are_answered() -> None:
    assert len(CASES) >= 3 * 30


@pytest.mark.parametrize("asked", CASES)
def test_no_engine_beats_its_memory_and_arithmetic(asked: Row) -> None:
    run, numbers = run_of(asked), numbers_of(asked)
    for number in LOADS:
        passed, found = step(run, numbers, count(float(number), "sequences")), at(asked, number)
        assert 0 < float(passed.memory_utilization.value) <= 1 and 0 < float(passed.utilization.value) <= 1
        if number == 1:
            assert float(found.tpot.value) >= 0.99 * float(passed.time.value)  # while prefilled it does not decode
    first = prompts(run, numbers)
    assert 0 < float(first.utilization.value) <= 1 and float(first.memory_utilization.value) <= 1
    assert float(at(asked, 1).ttft.value) >= float(first.time.value)


@pytest.mark.parametrize("asked", CASES)
def test_more_load_is_slower_for_each_and_faster_in_all(asked: Row) -> None:
    found = [at(asked, number) for number in LOADS]
    for name in ("tpot", "ttft", "rate"):
        values = [float(getattr(x, name).value) for x in found]
        assert values == sorted(values), name
    room = float(fits(run_of(asked), numbers_of(asked)).value)
    assert all(float(x.held.value) <= max(room, 1.0) for x in found)


@pytest.mark.parametrize("asked", CASES)
def test_a_first_token_comes_in_reasonable_time(asked: Row) -> None:
    assert 5e-3 < float(at(asked, 1).ttft.value) < 3
    assert 5e-3 < float(at(asked, 16).first.value) < 10


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("better", "worse"), [("h200-sxm", "h100-sxm"), ("b300", "b200-sxm"), ("gb300", "gb200")])
def test_a_gpu_with_more_of_everything_is_not_slower(better: str, worse: str, model: str) -> None:
    base = row(worse, model)
    if base is None:
        pytest.skip("does not fit on eight")
    for number in LOADS:
        fast, slow = at(base._replace(part=better), number), at(base._replace(part=worse), number)
        assert float(fast.tpot.value) <= 1.001 * float(slow.tpot.value)
        assert float(fast.ttft.value) <= 1.001 * float(slow.ttft.value)
