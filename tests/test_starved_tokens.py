"""Tokens that stand still while an engine computes prompts are said, where it seems to be little used."""

import pytest
from program import run

RACK = "configs/llama70b-8xh100.yaml"
WIDE = (
    "--set", "accelerators.gpu={part: gb200, count: 64}", "--set", "model=deepseek-r1", "--set", "economics=",
    "--set", "serving={split: gpu, runtime: RUNTIME, tensor_parallel: 1, data_parallel: 64, expert_parallel: true}",
    "--set", "workload={input: 256 token, output: 256 token, arrival_rate: 60 request/s, precision: fp8}",
    "--set", "gates=",
)  # fmt: skip
SAID = b"times as long as a decode step, at "


def said(runtime: str) -> bytes:
    done = run("estimate", RACK, *(word.replace("RUNTIME", runtime) for word in WIDE))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_engine_that_computes_prompts_first_says_that_tokens_wait_for_them() -> None:
    assert SAID in said("sglang")


@pytest.mark.parametrize("runtime", ["vllm", "tensorrt-llm"])
def test_an_engine_that_mixes_prompts_with_tokens_does_not(runtime: str) -> None:
    assert SAID not in said(runtime)
