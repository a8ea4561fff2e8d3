"""Forward passes against published end-to-end times. No parameter was fitted to the A100 BERT table."""

from typing import Any

import numpy as np
import pytest

from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu import forward_pass as passes
from rackcalc.formulas.gpu import memory_fit
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.quantities.quantity import Quantity, Source

LINKS = {"a100-sxm-80gb": "nvlink3", "h100-sxm": "nvlink4", "b200-sxm": "nvlink5"}


def given(value: Any, unit: str = "1") -> Quantity:
    return Quantity(value, unit, "x", source=Source("given"))


def encoder(
    gpu: str, runtime: str, tokens: Any = 128.0, batch: Any = 1.0, weights: str = "fp16", **more: Any
) -> GpuPass:
    part = load_part("gpus", gpu)
    model = load_part("models", "bert-large")
    family, software = load_part("families", part.family), load_part("runtimes", runtime)
    return passes.encoder(part, family, software, model, weights, given(batch), given(tokens, "token"), **more)


def decoder(
    law: Any,
    runtime: str,
    model: str,
    weights: str,
    kv: str,
    tokens: Any,
    batch: Any = 1.0,
    devices: float | None = 8.0,
    gpu: str = "b200-sxm",
    experts: bool = False,
) -> GpuPass:
    part = load_part("gpus", gpu)
    group = {} if devices is None else {"devices": given(devices), "link": load_part("links", LINKS[gpu])}
    result: GpuPass = law(
        part,
        load_part("families", part.family),
        load_part("runtimes", runtime),
        load_part("models", model),
        weights,
        kv,
        given(batch),
        given(tokens, "token"),
        **group,
        expert_parallel=experts,
    )
    return result


def ms(result: GpuPass) -> float:
    return float(1e3 * result.time.value)


# TensorRT demo/BERT README: BERT-Large, FP16, 128 tokens, A100-SXM4-40GB, average ms by batch.
A100_BERT = {1: 1.64, 2: 2.05, 4: 2.97, 8: 4.51, 12: 5.26, 16: 7.75, 24: 10.10, 32: 13.85, 64: 26.20, 128: 51.61}


def test_a100_bert_table() -> None:
    errors = {b: ms(encoder("a100-sxm-40gb", "tensorrt", batch=float(b))) / t - 1 for b, t in A100_BERT.items()}
    assert all(abs(error) < 0.30 for error in errors.values())
    assert np.mean(np.abs(list(errors.values()))) < 0.10


def test_a100_int8_is_faster_than_fp16() -> None:
    int8 = ms(encoder("a100-sxm-40gb", "tensorrt", weights="int8"))
    assert int8 < ms(encoder("a100-sxm-40gb", "tensorrt"))
    assert int8 == pytest.approx(1.25, rel=0.2)


# Independent hand sums from measured kernels.
@pytest.mark.parametrize(
    ("gpu", "runtime", "tokens", "expected", "tolerance"),
    [
        ("b200-sxm", "tensorrt", 128, 0.585, 0.20),
        ("b200-sxm", "tensorrt", 384, 0.71, 0.20),
        ("b200-sxm", "cuda-graph", 128, 0.83, 0.25),
        ("b200-sxm", "cuda-graph", 384, 1.06, 0.20),
        ("h100-sxm", "tensorrt", 128, 0.84, 0.20),
        ("h100-sxm", "tensorrt", 384, 1.02, 0.20),
        ("b200-sxm", "megakernel", 128, 0.25, 0.20),
        ("b200-sxm", "megakernel", 384, 0.36, 0.20),
    ],
)
def test_bert_large_at_batch_one(gpu: str, runtime: str, tokens: int, expected: float, tolerance: float) -> None:
    assert ms(encoder(gpu, runtime, float(tokens), weights="bf16")) == pytest.approx(expected, rel=tolerance)


def test_eager_is_host_bound_at_batch_one_only() -> None:
    one = encoder("b200-sxm", "eager")
    assert 4 < ms(one) < 12
    assert one.host_time.value > 5 * one.device_time.value
    assert ms(encoder("b200-sxm", "eager", 384.0)) == ms(one)
    many = encoder("b200-sxm", "eager", 384.0, 256.0)
    assert many.device_time.value > many.host_time.value


def test_layers_on_one_gpu_add_up() -> None:
    whole = encoder("b200-sxm", "tensorrt")
    first = encoder("b200-sxm", "tensorrt", depth=given(10.0))
    rest = encoder("b200-sxm", "tensorrt", depth=given(14.0), ends=False)
    assert first.time.value + rest.time.value == pytest.approx(whole.time.value)
    assert first.flops.value + rest.flops.value == pytest.approx(whole.flops.value)
    assert sum(q.value for q in whole.terms.values()) == pytest.approx(whole.device_time.value)


def test_work_of_bert_large() -> None:
    """78.9 and 246.4 GFLOP, of which the weights' share is 77.4 and 232.2; 604 MB of encoder weights at 16 bit."""
    assert encoder("b200-sxm", "tensorrt").flops.value == pytest.approx(78.9e9, rel=0.01)
    assert encoder("b200-sxm", "tensorrt", 384.0).flops.value == pytest.approx(246.4e9, rel=0.01)
    assert encoder("b200-sxm", "tensorrt").bytes_moved.value == pytest.approx(604e6, rel=0.05)


def test_utilization_grows_with_the_batch() -> None:
    batches = [encoder("a100-sxm-40gb", "tensorrt", batch=b) for b in (1.0, 8.0, 64.0)]
    assert [b.utilization.value for b in batches] == sorted(b.utilization.value for b in batches)
    assert 0.5 < batches[-1].utilization.value < 0.85
    assert all(b.memory_utilization.value < 1 for b in batches)


# Llama-3.1-70B, batch 1, over eight B200: sums of measured kernels +- 20 %; the bound is the stated formula.
@pytest.mark.parametrize(
    ("runtime", "weights", "expected", "tolerance"),
    [
        ("cuda-graph", "bf16", 6.54, 0.20),
        ("cuda-graph", "fp8", 6.12, 0.20),
        ("tensorrt-llm", "bf16", 6.54, 0.20),
        ("tensorrt-llm", "fp8", 6.12, 0.20),
        ("megakernel", "bf16", 3.57, 0.05),
        ("megakernel", "fp8", 2.12, 0.05),
        ("megakernel", "fp4", 1.49, 0.06),
    ],
)
def test_llama_70b_step(runtime: str, weights: str, expected: float, tolerance: float) -> None:
    step = decoder(passes.decode, runtime, "llama-3.1-70b", weights, "bf16", 1000.0)
    assert ms(step) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("runtime", ["cuda-graph", "tensorrt-llm"])
@pytest.mark.parametrize("experts", [False, True])
def test_deepseek_r1_step(runtime: str, experts: bool) -> None:
    """NVIDIA/TensorRT-LLM issue 5929: 6.6 to 6.8 ms per token, FP4, eight B200, batch 1, tuned for latency."""
    step = decoder(passes.decode, runtime, "deepseek-r1", "fp4", "fp8", 2000.0, experts=experts)
    assert 6.6 * 0.8 < ms(step) < 6.8 * 1.25


def test_attention_and_ffn_for_disaggregation() -> None:
    """FP8 stock kernels: the attention side of a layer takes 37.3 us, norms and one all-reduce included."""
    step = decoder(passes.decode, "cuda-graph", "llama-3.1-70b", "fp8", "bf16", 1000.0)
    assert 1e6 * step.attention.value == pytest.approx(37.3, rel=0.2)
    layers = 80 * (step.attention.value + step.ffn.value)
    assert layers + step.head.value == pytest.approx(step.device_time.value)


@pytest.mark.parametrize("runtime", ["cuda-graph", "vllm"])
@pytest.mark.parametrize("law", [passes.decode, passes.prefill])
def test_one_gpu_has_no_exchange(runtime: str, law: Any) -> None:
    alone = decoder(law, runtime, "llama-3.1-8b", "bf16", "bf16", 1000.0, devices=None)
    assert "all_reduce" not in alone.terms
    joined = decoder(law, runtime, "llama-3.1-8b", "bf16", "bf16", 1000.0, devices=1.0)
    assert joined.terms["all_reduce"].value == 0
    assert joined.time.value == pytest.approx(alone.time.value)


@pytest.mark.parametrize("runtime", ["cuda-graph", "sglang"])
@pytest.mark.parametrize("model", ["llama-3.1-70b", "gpt-oss-120b", "deepseek-v3", "mixtral-8x7b"])
def test_batching_amortises_weights(runtime: str, model: str) -> None:
    steps = [decoder(passes.decode, runtime, model, "fp8", "fp8", 4096.0, b) for b in (1.0, 8.0, 64.0)]
    times = [s.time.value for s in steps]
    assert times == sorted(times)
    per_token = [t / b for t, b in zip(times, (1, 8, 64), strict=True)]
    assert per_token == sorted(per_token, reverse=True)
    assert all(0 < s.memory_utilization.value < 1 and 0 < s.utilization.value < 1 for s in steps)


@pytest.mark.parametrize("runtime", ["cuda-graph", "tensorrt-llm"])
def test_prefill_grows_with_the_prompt_and_shrinks_with_gpus(runtime: str) -> None:
    times = [ms(decoder(passes.prefill, runtime, "llama-3.1-70b", "fp8", "fp8", t)) for t in (512.0, 4096.0, 32768.0)]
    assert times == sorted(times)
    assert times[2] > 8 * times[1] * 0.9  # attention makes it more than linear
    two = ms(decoder(passes.prefill, runtime, "llama-3.1-70b", "fp8", "fp8", 32768.0, devices=2.0))
    assert 2 < two / times[2] < 4.2


def test_engine_does_not_count_launches_twice() -> None:
    """Its fixed time per layer replaces kernel times: roofline, that time, and two all-reduces of a few bytes."""
    step = decoder(passes.decode, "tensorrt-llm", "llama-3.1-70b", "fp8", "fp8", 1000.0)
    engine = load_part("runtimes", "tensorrt-llm").engine
    roofline = (68.45e9 + 2 * 1.05e9) / 8 / (engine.weight_share.value * 7.7e12)
    fixed = engine.layer_overhead.value * engine.fixed_factors["blackwell fp8"].value
    layers = 80 * (fixed + 2 * (4.8e-6 + 7 * 0.064e-6))
    assert step.device_time.value == pytest.approx(layers + roofline, rel=0.02)


@pytest.mark.parametrize("runtime", ["cuda-graph", "eager", "vllm", "megakernel"])
def test_sweeps_equal_single_passes(runtime: str) -> None:
    batch = np.array([1.0, 7.0, 64.0])
    swept = decoder(passes.decode, runtime, "mixtral-8x7b", "bf16", "bf16", 2000.0, batch, experts=True)
    single = [
        decoder(passes.decode, runtime, "mixtral-8x7b", "bf16", "bf16", 2000.0, b, experts=True) for b in batch.tolist()
    ]
    assert swept.time.value == pytest.approx([s.time.value for s in single], rel=1e-12)


def fit(gpu: str, model: str, weights: str, batch: float, context: float, devices: float) -> memory_fit.MemoryFit:
    part = load_part("models", model)
    return memory_fit.memory_fit(
        load_part("gpus", gpu),
        load_part("runtimes", "vllm"),
        part,
        model_size(part, weights, weights),
        given(batch),
        given(context, "token"),
        given(devices),
    )


def test_memory_of_llama_70b() -> None:
    assert fit("h100-sxm", "llama-3.1-70b", "bf16", 1.0, 8192.0, 1.0).free.value < 0
    eight = fit("h100-sxm", "llama-3.1-70b", "bf16", 64.0, 8192.0, 8.0)
    assert eight.weights.value == pytest.approx(141.1e9 / 8, rel=1e-3)
    assert eight.kv_cache.value == 64 * 8192 * 327680 / 8
    assert eight.free.value > 0
    parts = (eight.weights, eight.kv_cache, eight.activations, eight.reserve, eight.free)
    assert sum(part.value for part in parts) == pytest.approx(eight.capacity.value)


def test_largest_batch_is_the_largest() -> None:
    most = fit("h100-sxm", "llama-3.1-70b", "bf16", 1.0, 8192.0, 8.0).max_batch.value
    assert fit("h100-sxm", "llama-3.1-70b", "bf16", most, 8192.0, 8.0).free.value >= 0
    assert fit("h100-sxm", "llama-3.1-70b", "bf16", most + 1, 8192.0, 8.0).free.value < 0


def test_heads_are_never_split_and_latents_never_shared() -> None:
    eight, sixteen = (fit("b200-sxm", "llama-3.1-70b", "bf16", 8.0, 8192.0, n).kv_cache.value for n in (8.0, 16.0))
    assert eight == sixteen
    assert fit("b200-sxm", "deepseek-v3", "fp8", 1.0, 1000.0, 8.0).kv_cache.value == 70272 / 2 * 1000


def test_a_group_needs_its_link() -> None:
    with pytest.raises(ValueError, match="link between them"):
        passes._group(given(8.0), None)
