"""How published benchmarks started their servers, where it changes times: options of launch scripts, nothing fitted.

InferenceX publishes its scripts. Rows do not repeat their options, but two runs that differ in nothing else differ by
a factor of four in time to first token because of them.
"""

from collections.abc import Mapping
from typing import Any

from rackcalc.config.parts import load_part
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import replace
from rackcalc.serving.engine_versions import version_number
from rackcalc.spec.runtimes import Engine
from rackcalc.validation.read import Row

Options = tuple[tuple[str, float], ...]  # field of an Engine, value
MEANING = {
    "poll_steps": "scheduler-recv-interval of SGLang",
    "hold_steps": "batch_wait_timeout_iters of TensorRT-LLM, timeout_iters of its attention_dp_config",
    "stream_interval": "stream interval",
    "eager_prefill": "cudagraph_mode of vLLM, piecewise graphs of TensorRT-LLM",
}


def options(row: Row, program: str, version: str) -> Options:
    """What the script of a row's run sets."""
    if row.scenario != "inferencex" or not row.concurrency:
        return ()
    chosen: Mapping[str, float] = {"sglang": sglang, "trtllm": trtllm, "vllm": vllm}[program](row, version)
    return tuple(chosen.items())


def blackwell(row: Row) -> bool:
    """Is the row's GPU of the Blackwell family?"""
    return str(load_part("gpus", row.part).family) == "blackwell"


def sglang(row: Row, version: str) -> dict[str, float]:
    """The scheduler looks at new requests every 10 steps, on Blackwell every 30 from 16 requests in flight on."""
    interval = 10.0 if row.precision == "fp4" else 30.0
    polled = 30.0 if blackwell(row) and float(row.concurrency) >= 16 else 10.0
    return {"stream_interval": interval, "poll_steps": polled}


def trtllm(row: Row, version: str) -> dict[str, float]:
    """Prompts as long as answers: dense models on fewer than 8 GPUs hold prefills back; since 1.2 fp8 experts do.

    Since 1.2 some runs have their prefills captured in pieces.
    """
    found, requests = {"stream_interval": 10.0}, float(row.concurrency)
    even, dense = row.input_tokens == row.output_tokens, load_part("models", row.model).experts is None
    late = version_number(version) >= (1, 2)
    if even and dense and float(row.tensor_parallel or row.parts) < 8:
        found["hold_steps"] = 20.0
    if even and late and row.precision == "fp8" and requests >= 64:
        found["hold_steps"] = 40.0
    pieces = row.expert_parallel == "8" and even if row.precision == "fp4" else requests >= (64 if even else 128)
    if row.data_parallel not in ("", "1"):  # attention_dp_config: enable_balance
        found["hold_steps"] = 60.0 if row.precision != "mxfp4" else 50.0
    if late and pieces:
        found["eager_prefill"] = 0.0
    return found


def vllm(row: Row, version: str) -> dict[str, float]:
    """In 2025 graphs on Blackwell held decode steps of dense models only."""
    dense = load_part("models", row.model).experts is None
    return {"eager_prefill": 1.0} if blackwell(row) and dense and not version_number(version) else {}


def launched(engine: Engine, chosen: Options) -> Engine:
    """An engine started with options."""
    found: dict[str, Any] = {field: _option(field, value) for field, value in chosen}
    return replace(engine, **found)


def _option(field: str, value: float) -> Quantity:
    return constant(value, "1", field, "published", "inferencex-scripts", note=MEANING[field])
