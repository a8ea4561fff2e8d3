"""Attention to tokens that an indexer chooses, and layers without attention: sizes as published, and limits."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rackcalc.config.hugging_face import model_from_config
from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu import forward_pass as passes
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.serving.pool_links import own_link
from rackcalc.spec.models import Model

FILES = Path(__file__).parent.parent / "model_files"
IN_CATALOG = {
    "deepseek-v3.2": "deepseek-ai__deepseek-v3.2",
    "glm-5": "zai-org__glm-5",
    "glm-5.1": "zai-org__glm-5.1",
    "glm-5.2": "zai-org__glm-5.2",
    "glm-5.3": "zai-org__glm-5.3",
    "qwen3.5-35b-a3b": "qwen__qwen3.5-35b-a3b",
    "qwen3.5-122b-a10b": "qwen__qwen3.5-122b-a10b",
    "qwen3.5-397b-a17b": "qwen__qwen3.5-397b-a17b",
}


def given(value: float, unit: str = "1") -> Quantity:
    return constant(value, unit, "given", "given")


def run(model: Model, phase: str, tokens: float, batch: float = 16.0, runtime: str = "sglang") -> GpuPass:
    gpu = load_part("gpus", "b200-sxm")
    parts = gpu, load_part("families", gpu.family), load_part("runtimes", runtime), model, "fp8", "bf16"
    compute = passes.decode if phase == "decode" else passes.prefill
    return compute(*parts, given(batch), given(tokens, "token"), given(8.0), own_link(gpu.ports))


@pytest.mark.parametrize(("name", "file"), IN_CATALOG.items())
def test_the_catalog_describes_layers_as_the_published_file_does(name: str, file: str) -> None:
    model, fields = load_part("models", name), model_from_config(json.loads((FILES / f"{file}.json").read_text()))
    assert (model.indexer is not None) == ("indexer" in fields)
    for key, value in fields.get("indexer", {}).items():
        assert getattr(model.indexer, key).value == value, key
    assert model.groups.keys() == fields.get("groups", {}).keys()
    for group, written in fields.get("groups", {}).items():
        found = model.groups[group]
        assert found.kind == written["kind"]
        for key in ("layers", "heads", "kv_heads", "head_dim", "value_dim"):
            assert getattr(found, key).value == written[key], (group, key)
        assert found.output_gate.value == written.get("output_gate", 0)


@pytest.mark.parametrize(
    ("name", "total", "active"),
    [
        ("deepseek-v3.2", 671e9, 37e9),  # 685e9 with the layer that predicts further tokens
        ("glm-5", 744e9, 40e9),
        ("qwen3.5-35b-a3b", 35e9, 3e9),
        ("qwen3.5-122b-a10b", 122e9, 10e9),
        ("qwen3.5-397b-a17b", 397e9, 17e9),
    ],
)
def test_parameters_are_those_of_the_name(name: str, total: float, active: float) -> None:
    size = model_size(load_part("models", name), "bf16", "bf16")
    assert size.parameters.value == pytest.approx(total, rel=0.02)
    without_embedding = size.active_parameters.value - size.embedding_parameters.value  # makers count either way
    assert 0.97 * without_embedding < active < 1.03 * size.active_parameters.value


def test_layers_that_use_the_choice_of_another_have_no_indexer() -> None:
    """GLM-5.2: layers 1, 2, 3, 7, 11, ..., 75 of 78 compute one, as the authors' training scripts say."""
    assert load_part("models", "glm-5.2").indexer.layers.value == len([1, 2, *range(3, 78, 4)])
    assert load_part("models", "glm-5").indexer.layers.value == 78
    config = json.loads((FILES / "zai-org__glm-5.2.json").read_text())
    stated = config | {"indexer_types": ["full"] * 2 + ["shared"] * 76}
    assert model_from_config(stated)["indexer"]["layers"] == 2


def test_the_cache_keeps_a_key_of_132_bytes_beside_the_latent_of_each_token() -> None:
    """As engines lay it out: 128 numbers of 8 bit and a scale of 32 bit, in each of 61 layers."""
    dense, sparse = (model_size(load_part("models", f"deepseek-v3{x}"), "fp8", "bf16") for x in ("", ".2"))
    assert sparse.kv_per_token.value - dense.kv_per_token.value == 61 * 132


def test_beyond_the_choice_only_the_keys_of_the_indexer_are_read_for_each_further_token() -> None:
    model = load_part("models", "deepseek-v3.2")
    short, long = (run(model, "decode", tokens).bytes_moved.value for tokens in (16384.0, 65536.0))
    assert long - short == pytest.approx(16 * 61 * 132 * (65536 - 16384))
    dense = load_part("models", "deepseek-v3")
    times = {name: [run(m, "decode", t).terms["attention"].value for t in (16384.0, 131072.0)]
             for name, m in (("dense", dense), ("sparse", model))}  # fmt: skip
    assert times["sparse"][0] < times["dense"][0] / 2 and times["sparse"][1] < times["dense"][1] / 4


def test_within_the_choice_attention_is_that_of_the_dense_model_and_the_indexer_comes_on_top() -> None:
    sparse = load_part("models", "deepseek-v3.2")
    dense = replace(sparse, indexer=None)
    for phase in ("decode", "prefill"):
        more, less = run(sparse, phase, 1024.0), run(dense, phase, 1024.0)
        assert more.time.value > less.time.value
        scores = 2 * (1024 if phase == "decode" else 1024 * 512) * 64 * 128 * 16 * 61 * 8
        weights = 2 * 13959168 * 16 * (1 if phase == "decode" else 1024) * 61
        assert more.flops.value - less.flops.value == pytest.approx(scores + weights)


def test_a_delta_rule_has_more_kernels_than_attention_and_no_cost_of_context() -> None:
    model = load_part("models", "qwen3.5-397b-a17b")
    plain = replace(model, groups={"full_attention": replace(model.groups["full_attention"], layers=model.layers)})
    ours, theirs = run(model, "decode", 1024.0), run(plain, "decode", 1024.0)
    assert 1 < ours.terms["overhead"].value / theirs.terms["overhead"].value < 8 / 6
    growth = [run(m, "decode", 65536.0).bytes_moved.value - run(m, "decode", 1024.0).bytes_moved.value
              for m in (model, plain)]  # fmt: skip
    assert growth[0] == pytest.approx(growth[1] * 15 / 60)


def test_groups_that_are_all_attention_take_the_time_of_a_model_without_groups() -> None:
    model = load_part("models", "qwen3-32b")
    sizes = {"heads": model.heads, "kv_heads": model.kv_heads, "head_dim": model.head_dim, "value_dim": model.head_dim}
    full = load_part("models", "qwen3.5-397b-a17b").groups["full_attention"]
    grouped = replace(model, groups={"all": replace(full, layers=model.layers, output_gate=given(0.0), **sizes)})
    for phase in ("decode", "prefill"):
        assert run(grouped, phase, 2048.0).time.value == pytest.approx(run(model, phase, 2048.0).time.value)
