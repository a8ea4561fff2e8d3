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
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.runtimes import Engine
from rackcalc.validation.read import Row

Options = tuple[tuple[str, float], ...]  # field of an Engine, value
MEANING = {
    "poll_steps": "scheduler-recv-interval of SGLang",
    "hold_steps": "batch_wait_timeout_iters of TensorRT-LLM, timeout_iters of its attention_dp_config",
    "stream_interval": "stream interval",
    "eager_prefill": "cudagraph_mode of vLLM, piecewise graphs of TensorRT-LLM",
    "chunk": "chunked-prefill-size of SGLang, max_num_tokens of TensorRT-LLM",
}
UNITS = {"chunk": "token"}  # of the others: 1


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
    """The scheduler looks at new requests every 10 steps, on Blackwell every 30 from 16 requests in flight on.

    A step takes 32,768 tokens of prompts, with 4-bit weights 16,384, and 8,192 on four Blackwell GPUs with 8-bit ones.
    """
    interval = 10.0 if row.precision == "fp4" else 30.0
    polled = 30.0 if blackwell(row) and float(row.concurrency) >= 16 else 10.0
    few = blackwell(row) and float(row.tensor_parallel or row.parts) < 8
    chunk = 16384.0 if row.precision == "fp4" else 8192.0 if few else 32768.0
    return {"stream_interval": interval, "poll_steps": polled, "chunk": chunk}


def trtllm(row: Row, version: str) -> dict[str, float]:
    """Prompts as long as answers: dense models on fewer than 8 GPUs hold prefills back; since 1.2 fp8 experts do.

    Since 1.2 some runs have their prefills captured in pieces. A step takes 16,384 tokens of prompts of dense models,
    20,000 with experts in MXFP4; else 8,192, or a prompt and a token of every other request.
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
    fixed = 20000.0 if row.precision == "mxfp4" else 16384.0
    one = requests + float(row.input_tokens or 0) + 64
    found["chunk"] = fixed if dense or row.precision == "mxfp4" else max(8192.0, one)
    return found


def vllm(row: Row, version: str) -> dict[str, float]:
    """In 2025 graphs on Blackwell held decode steps of dense models only.

    Since 0.19 steps of experts on Blackwell take two prompts, and 20 tokens are sent at a time.
    """
    if _late_experts(row, version):
        return {"stream_interval": 20.0, "chunk": 2 * float(row.input_tokens)}
    dense = load_part("models", row.model).experts is None
    return {"eager_prefill": 1.0} if blackwell(row) and dense and not version_number(version) else {}


def _late_experts(row: Row, version: str) -> bool:
    """Experts, but for those in MXFP4, on Blackwell in vLLM since 0.19, whose scripts changed in April 2026."""
    experts = load_part("models", row.model).experts is not None and row.precision != "mxfp4"
    return experts and blackwell(row) and version_number(version) >= (0, 19) and bool(row.input_tokens)


def launched(engine: Engine, chosen: Options) -> Engine:
    """An engine started with options."""
    found: dict[str, Any] = {field: _option(field, value) for field, value in chosen}
    return replace(engine, **found)


def _option(field: str, value: float) -> Quantity:
    return constant(value, UNITS.get(field, "1"), field, "published", "inferencex-scripts", note=MEANING[field])


def kv_format(row: Row, program: str, version: str) -> str:
    """The format of the KV cache of a row's run: as its script sets it, or as the engine does by itself.

    By itself an engine takes the format that the model computes in, 16 bit, unless the checkpoint says otherwise, as
    those of NVIDIA in 4 bit do. ML.ENERGY's files set nothing, InferenceX sets fp8 in most scripts; of other runs with
    weights of 8 bits and less it is taken for granted.
    """
    if FORMATS[row.precision] > 1:
        return "fp8" if "kv-fp8" in row.runtime.split() else "bf16"
    if "kv-fp8" in row.runtime.split():
        return "fp8"
    if row.kind == "step_power":
        return "bf16"
    if row.scenario != "inferencex" or row.precision in ("fp4", "int8"):
        return "fp8"
    if row.precision == "int4":
        return "bf16"
    if row.precision == "mxfp4":
        return "fp8" if blackwell(row) else "bf16"
    dense = load_part("models", row.model).experts is None
    by_script = {"trtllm": True, "sglang": blackwell(row), "vllm": dense or _late_experts(row, version)}
    return "fp8" if by_script[program] else "bf16"
