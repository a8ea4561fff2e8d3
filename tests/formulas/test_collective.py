"""All-reduce against measured small messages and against its limits."""

import pytest

from rackcalc.formulas import collective
from rackcalc.load import load_part
from rackcalc.quantity import Quantity, Source


def given(value: float, unit: str) -> Quantity:
    return Quantity(value, unit, "x", source=Source("given"))


def run(gpu: str, link: str, runtime: str, devices: float, size: float) -> collective.AllReduce:
    part = load_part("gpus", gpu)
    return collective.all_reduce(
        given(size, "B"),
        given(devices, "1"),
        load_part("links", link),
        part,
        load_part("families", part.family),
        load_part("runtimes", runtime),
    )


# 16 KiB in a CUDA graph, us, from fits to measured tables; A100 with eight GPUs (8.4) is the known miss: 5.6.
@pytest.mark.parametrize(
    ("gpu", "link", "runtime", "devices", "measured"),
    [
        ("b200-sxm", "nvlink5", "tensorrt-llm", 2, 5.2),
        ("b200-sxm", "nvlink5", "tensorrt-llm", 8, 6.1),
        ("b200-sxm", "nvlink5", "sglang", 2, 4.3),
        ("b200-sxm", "nvlink5", "sglang", 8, 5.6),
        ("h100-sxm", "nvlink4", "tensorrt-llm", 2, 2.9),
        ("h100-sxm", "nvlink4", "tensorrt-llm", 8, 3.8),
        ("a100-sxm-80gb", "nvlink3", "tensorrt-llm", 2, 4.9),
    ],
)
def test_small_messages(gpu: str, link: str, runtime: str, devices: int, measured: float) -> None:
    assert 1e6 * run(gpu, link, runtime, devices, 16384.0).time.value == pytest.approx(measured, rel=0.15)


def test_one_gpu_has_nothing_to_exchange() -> None:
    alone = run("b200-sxm", "nvlink5", "vllm", 1, 1e9)
    assert alone.time.value == 0
    assert {q.value for q in alone.algorithms.values()} == {0.0}


def test_the_fastest_algorithm_changes_with_size() -> None:
    def fastest(size: float) -> str:
        times = run("b200-sxm", "nvlink5", "sglang", 8, size).algorithms
        return min(times, key=lambda name: times[name].value)

    assert [fastest(size) for size in (8.0, 1e9)] == ["one_shot", "in_switch"]


def test_large_messages_reach_the_wire_bound() -> None:
    result = run("h100-sxm", "nvlink4", "tensorrt-llm", 8, 1e10)
    wire = 2 * 7 / 8 * 1e10 / 450e9
    assert result.algorithms["two_shot"].value == pytest.approx(wire / 0.67, rel=0.01)
    assert result.algorithms["in_switch"].value < result.algorithms["two_shot"].value
    assert result.time.value > wire / 2


def test_hardware_decides_which_algorithms_exist() -> None:
    assert "in_switch" not in run("a100-sxm-80gb", "nvlink3", "vllm", 8, 1e6).algorithms
    assert set(run("l40s", "pcie4", "vllm", 4, 1e6).algorithms) == {"ring"}
    assert run("b200-sxm", "nvlink5", "vllm", 2, 1e9).algorithms["in_switch"].value == float("inf")


def test_blackwell_is_slower_than_hopper_for_small_messages() -> None:
    """Counter-intuitive but measured."""
    blackwell = run("b200-sxm", "nvlink5", "tensorrt-llm", 8, 1024.0)
    assert blackwell.time.value > run("h100-sxm", "nvlink4", "tensorrt-llm", 8, 1024.0).time.value
