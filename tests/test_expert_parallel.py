"""Experts that stay whole on one GPU each, or are divided over all: what an engine exchanges, and what is refused."""

from typing import Any

import pytest
import yaml

from rackcalc.config.racks import load_text
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError


def rack(**serving: Any) -> dict[str, Any]:
    return {
        "name": "experts",
        "model": "deepseek-v3",
        "accelerators": {"gpu": {"part": "h200-sxm", "count": 8}},
        "serving": {"runtime": "vllm", "split": "gpu", **serving},
        "workload": {"precision": "fp8", "input": "2000 token", "output": "300 token", "arrival_rate": "2 request/s"},
    }


def told(rack: dict[str, Any], *sets: str) -> dict[str, float]:
    made = estimate(load_text(yaml.safe_dump(rack), "rack.yaml", "", sets))
    return {path: float(one.value) for path, one in figures(made) if one.known}


TENSOR = {"tensor_parallel": 8}
GROUPS = {"tensor_parallel": 1, "data_parallel": 8}


@pytest.mark.parametrize(("how", "default"), [(TENSOR, False), (GROUPS, True)])
def test_the_default_is_what_engines_do(how: dict[str, Any], default: bool) -> None:
    assert told(rack(**how)) == told(rack(**how, expert_parallel=default))
    assert told(rack(**how)) != told(rack(**how, expert_parallel=not default))


def test_whole_experts_of_a_tensor_parallel_group_wait_for_the_busiest_gpu_and_add_up_as_before() -> None:
    """vLLM keeps the all-reduce; all else but the experts' arithmetic is the same."""
    divided, whole = told(rack(**TENSOR)), told(rack(**TENSOR, expert_parallel=True, expert_imbalance=2))
    assert whole["stages.prefill.terms.all_reduce"] == divided["stages.prefill.terms.all_reduce"]
    assert not any(path.endswith(".dispatch") for path in whole)
    assert whole["stages.prefill.terms.experts"] == pytest.approx(2 * divided["stages.prefill.terms.experts"])
    even = told(rack(**TENSOR, expert_parallel=True, expert_imbalance=1))
    assert even["stages.prefill.time"] == pytest.approx(divided["stages.prefill.time"])
    assert even["memory.gpu.weights"] == divided["memory.gpu.weights"]


def test_groups_that_divide_experts_gather_all_tokens_and_scatter_all_results() -> None:
    """Each is at least 7/8 of rows x 7168 in 16 bit over NVLink's 450 GB/s, in 58 layers, and a ring has a floor."""
    divided, whole = told(rack(**GROUPS, expert_parallel=False)), told(rack(**GROUPS))
    least = 2 * 7 / 8 * 2000 * 7168 * 2 / 450e9 * 58
    assert least < divided["stages.prefill.terms.dispatch"] < 2.5 * least
    assert divided["memory.gpu.weights"] == whole["memory.gpu.weights"]
    assert divided["stages.prefill.terms.attention"] == whole["stages.prefill.terms.attention"]


@pytest.mark.parametrize(
    ("changed", "sets", "path", "text"),
    [
        ({"tensor_parallel": 8}, ("model=llama-3.1-70b",), "serving.expert_parallel", "has none"),
        ({**GROUPS, "expert_imbalance": 1.2}, (), "serving.expert_imbalance", "experts that stay whole"),
        ({**GROUPS, "redundant_experts": 32}, (), "serving.redundant_experts", "experts that stay whole"),
        (
            {"tensor_parallel": 1, "data_parallel": 16}, ("accelerators.gpu.count=16",), "serving.tensor_parallel",
            "NVLink joins 8",
        ),
    ],
)  # fmt: skip
def test_what_divided_experts_cannot_have_is_refused(
    changed: dict[str, Any], sets: tuple[str, ...], path: str, text: str
) -> None:
    with pytest.raises(InputError) as refused:
        told(rack(**changed, expert_parallel=False), *sets)
    assert any(problem.path == path and text in problem.message for problem in refused.value.problems)


def test_the_options_of_engines_are_known_by_name() -> None:
    with pytest.raises(InputError, match=r"serving\.expert_parallel: true"):
        told(rack(**TENSOR, enable_expert_parallel=True))
