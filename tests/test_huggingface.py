"""config.json -> model: published parameter counts as the judge, and every way a file can be wrong."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.builder import Builder
from rackcalc.config.document import Node, node_of_data
from rackcalc.config.hugging_face import DECODERS, ENCODERS, REFUSED, ConfigError, model_from_config
from rackcalc.config.parts import load_part
from rackcalc.spec.models import Model

CONFIGS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "huggingface_configs.json").read_text())


def parameters(model: Mapping[str, Any]) -> tuple[int, int]:
    """All weights, and those one token uses, counted by hand: no norms, no biases."""
    hidden, heads, dim, mla = model["hidden"], model["heads"], model["head_dim"], model.get("mla")
    if mla:
        rank, cached, wide = mla["q_lora_rank"], mla["kv_lora_rank"], mla["v_head_dim"]
        attention = rank * (hidden + heads * dim) + hidden * (cached + mla["qk_rope_head_dim"])
        attention += cached * heads * (mla["qk_nope_head_dim"] + wide) + heads * wide * hidden
    else:
        attention = hidden * dim * (2 * heads + 2 * model["kv_heads"])
    matrix = model["ffn_matrices"] * hidden
    experts = model.get("experts") or dict.fromkeys(("experts", "active", "shared", "ffn", "layers"), 0)
    dense = model["layers"] * attention + (model["layers"] - experts["layers"]) * matrix * model["ffn"]
    dense += (2 - model["tied_embeddings"]) * model["vocabulary"] * hidden
    dense += experts["layers"] * (experts["shared"] * matrix * experts["ffn"] + hidden * experts["experts"])
    expert = experts["layers"] * matrix * experts["ffn"]
    return dense + experts["experts"] * expert, dense + experts["active"] * expert


@pytest.mark.parametrize(
    ("name", "total", "tolerance"),
    [
        # less its biases and norms, position and segment embeddings, and pooler, which are not counted here
        ("bert-large", 335_141_888 - 24 * 13_312 - 514 * 1024 - 2048 - 1_049_600, 1e-9),
        ("llama-3.1-70b", 70_553_706_496, 1e-4),
        ("mixtral-8x7b", 46_702_792_704, 1e-4),
        ("qwen3-235b-a22b", 235_093_634_560, 1e-4),
        ("gpt-oss-120b", 116_829_156_672, 1e-3),
        ("deepseek-v3", 671_026_419_200, 1e-4),
        ("llama-4-maverick", 400e9, 5e-3),  # as its maker rounds it
    ],
)
def test_total_parameters_match_the_published_count(name: str, total: float, tolerance: float) -> None:
    assert parameters(model_from_config(CONFIGS[name]))[0] == pytest.approx(total, rel=tolerance)


@pytest.mark.parametrize(
    ("name", "active"),
    [("mixtral-8x7b", 12.88e9), ("qwen3-235b-a22b", 22.19e9), ("deepseek-v3", 37.55e9), ("llama-4-maverick", 17e9)],
)
def test_active_parameters_match_the_published_count(name: str, active: float) -> None:
    assert parameters(model_from_config(CONFIGS[name]))[1] == pytest.approx(active, rel=0.02)


@pytest.mark.parametrize("name", CONFIGS)
def test_result_loads_as_a_model_without_further_keys(name: str) -> None:
    builder = Builder()
    model = builder.build(Model, node_of_data(model_from_config(CONFIGS[name]), Node(None, "config.json")))
    assert not builder.problems and model.layers.value == model_from_config(CONFIGS[name])["layers"]


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in ("llama-4-maverick", "qwen3.5-35b-a3b")])
def test_catalog_has_the_constants_of_the_configuration(name: str) -> None:
    part, fields = load_part("models", name), model_from_config(CONFIGS[name])
    for key in ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "ffn_matrices", "vocabulary"):
        assert getattr(part, key).value == fields[key], key
    assert (part.experts is None) == ("experts" not in fields) and (part.mla is None) == ("mla" not in fields)


def test_windows() -> None:
    oss = model_from_config(CONFIGS["gpt-oss-120b"])
    assert (oss["full_attention_layers"], oss["sliding_window"]) == (18, "128 token")
    hybrid = model_from_config(CONFIGS["qwen3.5-35b-a3b"])
    assert {name: group["layers"] for name, group in hybrid["groups"].items()} == {
        "full_attention": 10,
        "linear_attention": 30,
    }
    assert hybrid["experts"]["shared"] == 1
    llama = CONFIGS["llama-3.1-70b"]
    assert "sliding_window" not in model_from_config(llama)
    ignored = model_from_config(llama | {"sliding_window": 4096})
    assert "sliding_window" not in ignored and any(
        "sliding_window 4096 is ignored" in note for note in ignored["notes"]
    )
    mistral = llama | {"model_type": "mistral"}
    assert model_from_config(mistral | {"sliding_window": 4096})["full_attention_layers"] == 0
    assert "sliding_window" not in model_from_config(mistral | {"sliding_window": 4096, "use_sliding_window": False})
    assert "sliding_window" not in model_from_config(mistral | {"sliding_window": 131072}), "as long as the context"
    gemma = llama | {"model_type": "gemma3_text", "sliding_window": 1024, "num_hidden_layers": 62}
    assert model_from_config(gemma)["full_attention_layers"] == 10


def test_layers_with_experts() -> None:
    assert model_from_config(CONFIGS["deepseek-v3"])["experts"]["layers"] == 58
    assert model_from_config(CONFIGS["llama-4-maverick"])["experts"]["layers"] == 24
    qwen = CONFIGS["qwen3-235b-a22b"]
    sparse = model_from_config(qwen | {"decoder_sparse_step": 2, "mlp_only_layers": [1]})
    assert sparse["experts"]["layers"] == 46 and sparse["ffn"] == 12288
    listed = model_from_config(qwen | {"moe_layer_freq": [0] * 4 + [1] * 90})
    assert listed["experts"]["layers"] == 90


def test_old_spellings_and_defaults() -> None:
    gptj = {"model_type": "gptj", "n_layer": 28, "n_embd": 4096, "n_head": 16, "n_inner": None, "n_positions": 2048}
    model = model_from_config(gptj | {"vocab_size": 50400})
    assert model["ffn"] == 16384 and model["head_dim"] == 256 and model["kv_heads"] == 16
    assert parameters(model)[0] == pytest.approx(6_050_882_784, rel=2e-3)
    falcon = {"model_type": "falcon", "num_hidden_layers": 80, "hidden_size": 14848, "num_attention_heads": 232}
    falcon |= {"num_kv_heads": 8, "vocab_size": 65024, "max_position_embeddings": 2048, "multi_query": True}
    assert model_from_config(falcon)["kv_heads"] == 1
    assert model_from_config(falcon | {"new_decoder_architecture": True})["kv_heads"] == 8


WRONG = [
    ({"num_hidden_layers": None}, "num_hidden_layers is missing"),
    ({"hidden_size": "8192"}, "hidden_size: expected a whole number"),
    ({"hidden_size": True}, "hidden_size: expected a whole number"),
    ({"num_attention_heads": 0}, "num_attention_heads: expected"),
    ({"vocab_size": 1.5}, "vocab_size: expected"),
    ({"vocab_size": float("nan")}, "vocab_size: expected"),
    ({"max_position_embeddings": 10**30}, "max_position_embeddings: expected"),
    ({"num_key_value_heads": 7}, "does not divide"),
    ({"num_attention_heads": 63, "num_key_value_heads": 63}, "head_dim is missing"),
    ({"model_type": None}, "model_type is missing"),
    ({"model_type": "perceiver"}, '"perceiver" is not known'),
    ({"model_type": "nemotron_h"}, "hybrid_override_pattern is missing"),
    ({"block_configs": [{}]}, "block_configs"),
    ({"is_encoder_decoder": True}, "is_encoder_decoder"),
    ({"text_config": 3}, "text_config: expected an object"),
    ({"tie_word_embeddings": "no"}, "tie_word_embeddings"),
    ({"layer_types": ["full_attention"]}, "layer_types"),
    ({"layer_types": ["mystery"] * 80}, "mystery"),
    ({"num_local_experts": 8}, "num_experts_per_tok is missing"),
    ({"num_local_experts": 8, "num_experts_per_tok": 9, "moe_intermediate_size": 1}, "9 of only 8"),
    ({"kv_lora_rank": 512}, "qk_nope_head_dim is missing"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_file_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        model_from_config(CONFIGS["llama-3.1-70b"] | change)


@pytest.mark.parametrize("data", [[], "llama", None, 3, {}])
def test_what_is_no_configuration_is_refused(data: Any) -> None:
    with pytest.raises(ConfigError):
        model_from_config(data)


def test_no_architecture_is_both_known_and_refused() -> None:
    assert not {*DECODERS, *ENCODERS} & REFUSED.keys()


JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(CONFIGS)), key=st.integers(0, 40), value=JSON)
def test_any_single_damage_gives_a_model_or_a_config_error(name: str, key: int, value: Any) -> None:
    config = CONFIGS[name]
    inner = config.get("text_config", config)
    damaged = inner | {sorted(inner)[key % len(inner)]: value}
    try:
        assert model_from_config(damaged)["layers"] >= 1
    except ConfigError as error:
        assert str(error)
