"""Matrix products and attention against their limits and against measured times."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu import attention, compute_formats, kernels, power_cap
from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.gpu.engine_layer import expert_kernels
from rackcalc.quantities.quantity import Quantity, Source

ONE = Quantity(1.0, "1", "one", source=Source("given"))


def number(value: float) -> Quantity:
    return Quantity(float(value), "1", "n", source=Source("given"))


def chip(gpu: str, runtime: str = "cuda-graph") -> Chip:
    part = load_part("gpus", gpu)
    return Chip(part, load_part("families", part.family), load_part("runtimes", runtime))


def gemm(gpu: str, m: float, n: float, k: float, weights: str = "bf16", runtime: str = "cuda-graph") -> float:
    return float(kernels.gemm(chip(gpu, runtime), number(m), number(n), number(k), ONE, weights).value)


# The four products of a BERT-Large layer at 128 tokens, measured on a B200 (aiconfigurator 0.12.0 tables), us.
BERT_B200 = {(3072, 1024): 3.79, (1024, 1024): 3.36, (4096, 1024): 3.40, (1024, 4096): 6.67}


def published_fit(m: float, n: float, k: float) -> float:
    """The four-parameter fit of the B200 table, whose sum over the layer is on record as 17.25 us."""
    return kernels.gemm_time(
        m=m,
        n=n,
        k=k,
        groups=1.0,
        weight_width=2.0,
        operand_width=2.0,
        input_width=2.0,
        output_width=2.0,
        peak=2250e12,
        bandwidth=7.7e12,
        sms=148.0,
        launch=1.93e-6,
        compute_share=0.719,
        memory_share=0.675,
        k_step=0.0,
        load_rate=float("inf"),
        split_k=2.3e-6,
        row_block=128.0,
    )


def test_layer_of_bert_by_the_published_fit() -> None:
    assert 1e6 * sum(published_fit(128.0, n, k) for n, k in BERT_B200) == pytest.approx(17.25, abs=0.03)


def test_layer_of_bert_by_the_catalog() -> None:
    times = {shape: 1e6 * gemm("b200-sxm", 128, *shape) for shape in BERT_B200}
    assert sum(times.values()) == pytest.approx(17.22, rel=0.10)
    for shape, measured in BERT_B200.items():
        assert times[shape] == pytest.approx(measured, rel=0.20)


# One GPU's share of a Llama-3.1-70B layer at batch 1 over eight B200, measured kernels, us.
@pytest.mark.parametrize(
    ("weights", "n", "k", "measured"),
    [
        ("bf16", 1280, 8192, 8.5),
        ("bf16", 8192, 1024, 4.2),
        ("bf16", 7168, 8192, 24.8),
        ("bf16", 8192, 3584, 12.6),
        ("fp8", 1280, 8192, 11.4),
        ("fp8", 8192, 1024, 5.9),
        ("fp8", 7168, 8192, 16.7),
        ("fp8", 8192, 3584, 10.9),
    ],
)
def test_layer_of_llama(weights: str, n: int, k: int, measured: float) -> None:
    assert 1e6 * gemm("b200-sxm", 1, n, k, weights) == pytest.approx(measured, rel=0.32)


@pytest.mark.parametrize("gpu", ["a100-sxm-80gb", "h100-sxm", "b200-sxm", "l40s", "t4", "v100"])
class TestLimits:
    def parameters(self, gpu: str) -> tuple[Chip, kernels.GemmParameters, str]:
        unit = chip(gpu)
        name = compute_formats.compute_format(unit, "bf16")
        return unit, compute_formats.by_format(unit.family.gemm, name), name

    def test_launch_is_the_floor(self, gpu: str) -> None:
        _, parameters, _ = self.parameters(gpu)
        assert gemm(gpu, 1, 1, 1) == pytest.approx(parameters.launch.value, rel=0.05)

    def test_large_square_reaches_the_compute_share(self, gpu: str) -> None:
        unit, parameters, name = self.parameters(gpu)
        rate = 2 * 16384.0**3 / gemm(gpu, 16384, 16384, 16384)
        share = power_cap.share_under_cap(unit, parameters, name).value
        # parts whose SMs load their own operands may be bound by that instead
        assert 0.55 * share < rate / unit.gpu.peak[name].value <= share

    def test_one_row_reads_weights_at_the_memory_share(self, gpu: str) -> None:
        unit, parameters, _ = self.parameters(gpu)
        size, time = 2 * 65536.0 * 16384, gemm(gpu, 1, 65536, 16384)
        assert size / time <= parameters.memory_share.value * unit.gpu.memory_bandwidth.value
        assert size / time > 0.75 * parameters.memory_share.value * unit.gpu.memory_bandwidth.value

    def test_roofline_is_a_lower_bound(self, gpu: str) -> None:
        unit, _, name = self.parameters(gpu)
        for m, n, k in ((1, 4096, 4096), (128, 1024, 4096), (4096, 4096, 4096)):
            roof = max(2 * m * n * k / unit.gpu.peak[name].value, 2 * n * k / unit.gpu.memory_bandwidth.value)
            assert gemm(gpu, m, n, k) > roof


def test_large_square_reaches_eta_within_three_percent() -> None:
    """Where the matrix unit is the limit (B200: a single full-rate tile shape)."""
    assert 2 * 16384.0**3 / published_fit(16384.0, 16384.0, 16384.0) == pytest.approx(0.719 * 2250e12, rel=0.03)


@settings(max_examples=40, deadline=None)
@given(m=st.integers(1, 4096), n=st.integers(64, 8192), k=st.integers(64, 8192), step=st.integers(1, 256))
def test_more_rows_never_help(m: int, n: int, k: int, step: int) -> None:
    few, many = (published_fit(float(rows), float(n), float(k)) for rows in (m, m + step))
    assert many >= few * (1 - 1e-12)


def test_arrays_are_maps_of_scalars() -> None:
    m = np.array([1.0, 64.0, 128.0, 129.0, 4096.0])
    assert published_fit(m, 1024.0, 4096.0) == pytest.approx([published_fit(x, 1024.0, 4096.0) for x in m], rel=1e-12)  # type: ignore[arg-type]


def test_narrow_formats_only_pay_for_large_weights() -> None:
    """Measured on B200: at 128 rows and BERT-size weights bf16 beats fp8 and fp4; at 70B-size weights it does not."""
    assert gemm("b200-sxm", 128, 1024, 1024) < min(gemm("b200-sxm", 128, 1024, 1024, f) for f in ("fp8", "fp4"))
    assert (
        gemm("b200-sxm", 1, 28672, 8192)
        > gemm("b200-sxm", 1, 28672, 8192, "fp8")
        > gemm("b200-sxm", 1, 28672, 8192, "fp4")
    )


def test_experts_in_four_bit_integers_are_widened_on_every_gpu() -> None:
    """Matrix units of Blackwell have NVFP4 and MXFP4, and no 4-bit integers: such weights are computed in 16 bit."""
    for part in ("h200-sxm", "b200-sxm", "gb300"):
        on = chip(part, "vllm")
        assert compute_formats.compute_format(on, "int4") in ("bf16", "fp16")
        assert expert_kernels(on, "int4") == "widened"
        assert expert_kernels(on, "mxfp4") == ("widened" if part == "h200-sxm" else "4-bit")


def test_formats_the_chip_lacks_are_widened_or_refused() -> None:
    assert compute_formats.compute_format(chip("a100-sxm-80gb"), "fp8") == "bf16"
    assert compute_formats.compute_format(chip("v100"), "int8") == "fp16"
    assert compute_formats.compute_format(chip("h100-sxm"), "fp4") == "fp8"
    assert compute_formats.compute_format(chip("b200-sxm"), "int4") == "bf16"
    bare = chip("b200-sxm")
    with pytest.raises(ValueError, match="computes in none"):
        compute_formats.compute_format(replace(bare, gpu=replace(bare.gpu, peak={})), "fp8")


@pytest.mark.parametrize(("gpu", "share"), [("t4", 0.41), ("a30", 0.71)])
def test_power_cap_of_small_cards(gpu: str, share: float) -> None:
    unit = chip(gpu)
    name = compute_formats.compute_format(unit, "fp16")
    parameters = compute_formats.by_format(unit.family.gemm, name)
    assert power_cap.share_under_cap(unit, parameters, name).value == pytest.approx(share, abs=0.01)


def test_a_process_that_takes_more_power_lowers_the_cap() -> None:
    unit = chip("a30")
    power = power_cap.SAME_PROCESS
    worse = replace(unit, gpu=replace(unit.gpu, process_power=replace(power, value=1.25)))
    shares = [power_cap.share_under_cap(x, x.family.gemm["bf16"], "bf16").value for x in (unit, worse)]
    assert shares[0] == pytest.approx(1.25 * shares[1])


def decode_attention(gpu: str, **changes: float) -> float:
    unit = chip(gpu)
    shape = {
        "batch": 1.0,
        "context": 4096.0,
        "heads": 64.0,
        "kv_heads": 8.0,
        "head_dim": 128.0,
        "element": 2.0,
    } | changes
    kernel = vars(unit.family.attention_decode["bf16"])
    fields = ("launch", "memory_share", "head_time", "split_time", "split_context")
    return attention.decode_attention_time(
        **shape,
        bandwidth=unit.gpu.memory_bandwidth.value,
        sms=unit.gpu.sms.value,
        **{name: kernel[name].value for name in fields},
    )


def test_decode_attention_against_measured_b200() -> None:
    assert 10.7e-6 * 0.9 < decode_attention("b200-sxm", context=1024.0) < 13e-6
    assert decode_attention("b200-sxm", context=32768.0) == pytest.approx(34.9e-6, rel=0.15)


def test_decode_attention_is_linear_in_long_context() -> None:
    times = [decode_attention("b200-sxm", batch=64.0, context=c) for c in (16384.0, 32768.0, 65536.0)]
    assert times[2] - times[1] == pytest.approx(2 * (times[1] - times[0]), rel=0.02)


def prefill(gpu: str, tokens: float, name: str = "bf16", causal: float = 1.0, batch: float = 1.0) -> float:
    size = [number(value) for value in (batch, 64.0, 8.0, 128.0, causal)]
    length = Quantity(tokens, "token", "tokens", source=Source("given"))
    return float(attention.prefill_attention(chip(gpu), name, size[0], length, *size[1:], ONE).value)


def test_prefill_attention_grows_with_the_square() -> None:
    assert prefill("b200-sxm", 131072.0) / prefill("b200-sxm", 65536.0) == pytest.approx(4, rel=0.1)
    assert prefill("b200-sxm", 131072.0, causal=0.0) / prefill("b200-sxm", 131072.0) == pytest.approx(2, rel=0.1)


def test_softmax_limits_long_prompts() -> None:
    """8 bits halve the products only: of the time of long prompts they save the products' share, or nothing."""
    assert 0.7 < prefill("h100-sxm", 131072.0, "fp8") / prefill("h100-sxm", 131072.0) < 0.9
    # where the softmax runs beside the products, its lanes are the limit: 14.8 operations for each query and key
    scores = 64 * 131072.0 * 131073.0 / 2
    lanes = 148 * 128 * 1.965e9
    assert prefill("b200-sxm", 131072.0) == pytest.approx(scores * 14.8 / lanes, rel=0.12)


# FlashAttention-4's blog: cuDNN 9.13 reaches 1605 / 1.3 TFLOP/s with 16 bits on a B200, for long causal prompts.
def test_long_prompts_against_another_library() -> None:
    products = 4 * 64 * 128 * 32768.0**2 / 2
    assert products / prefill("b200-sxm", 32768.0) == pytest.approx(1605e12 / 1.3, rel=0.25)


def test_a_gpu_with_less_power_holds_a_lower_clock() -> None:
    shares = {}
    for gpu in ("h100-sxm", "h200-sxm", "h100-pcie", "gh200"):
        unit = chip(gpu)
        shares[gpu] = power_cap.share_under_cap(unit, unit.family.gemm["bf16"], "bf16").value
    assert shares["h200-sxm"] == shares["h100-sxm"] == pytest.approx(0.795, rel=1e-3)
    assert shares["h100-pcie"] == pytest.approx(0.795 * (350 / 756.5 / (700 / 989.4)) ** (1 / 3), rel=1e-3)
    assert shares["gh200"] == power_cap.FULL_CLOCK.value  # 900 W: never above the share at full clocks


def test_quantising_is_a_pass_of_its_own() -> None:
    """A third or more of a short product with many rows, measured on an H100 (8192 x 1024 x 1024: 46.7 us)."""
    time = gemm("h100-sxm", 8192, 1024, 1024, "fp8", "eager")
    assert time == pytest.approx(46.7e-6, rel=0.15)
    alone = kernels.quantise_time(
        m=8192.0, k=1024.0, groups=1.0, input_width=2.0, operand_width=1.0, bandwidth=3.35e12, quantise_share=0.46
    )
    assert 0.3 < alone / time < 0.5


def test_latent_attention_reads_less_than_full_heads() -> None:
    latent = attention.latent_decode_attention_time(
        batch=1.0,
        context=131072.0,
        heads=16.0,
        kv_lora_rank=512.0,
        qk_rope_head_dim=64.0,
        element=2.0,
        peak=2250e12,
        bandwidth=7.7e12,
        launch=0.0,
        memory_share=1.0,
        compute_share=1.0,
    )
    assert latent == pytest.approx(131072 * 576 * 2 / 7.7e12)
