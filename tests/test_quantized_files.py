"""Files with a quantization_config: what stays in 16 bit, counted by hand; malformed and unread keys by name."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from test_model_files import LLAMA, RACK, built, command

from rackcalc.config.hugging_face import ConfigError, model_from_config
from rackcalc.formulas.transformer.model_size import ModelSize, model_size

CONFIGS = json.loads((Path(__file__).parent / "huggingface_configs.json").read_text())
MIXTRAL, DEEPSEEK, QWEN = (CONFIGS[name] for name in ("mixtral-8x7b", "deepseek-v3", "qwen3-235b-a22b"))
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}


def fp8(*ignored: str, targets: tuple[str, ...] = ("Linear",)) -> dict[str, Any]:
    group = {"targets": list(targets), "weights": {"num_bits": 8, "type": "float"}}
    return {"quant_method": "compressed-tensors", "config_groups": {"g": group}, "ignore": list(ignored)}


def quantized(config: dict[str, Any], section: Any) -> dict[str, Any]:
    return dict(model_from_config(config | {"quantization_config": section}))


def stored(config: dict[str, Any], section: Any) -> ModelSize:
    fields = quantized(config, section)
    return model_size(built(fields), fields["format"], "bf16", checkpoint=True)


def test_a_mixture_in_awq_has_its_attention_in_4_bit_unless_the_file_keeps_it() -> None:
    """Mixtral 8x7B: 32 layers of 8 experts and of attention in 4 bit, with a scale and a zero point for 128 each."""
    attention = 32 * (4096 * 48 * 128 + 4096 * 4096)
    experts = 32 * 8 * 3 * 4096 * 14336
    others = 2 * 32000 * 4096 + 32 * 8 * 4096  # the ends, and the routers that the file keeps
    size = stored(MIXTRAL, AWQ | {"modules_to_not_convert": ["gate"]})
    each = 0.5 + 2.5 / 128
    assert size.weights.value == pytest.approx(each * (attention + experts) + 2 * others, rel=1e-4)
    assert size.formats.attention == "int4"
    kept = stored(MIXTRAL, AWQ | {"modules_to_not_convert": ["gate", "self_attn"]})
    assert kept.weights.value == pytest.approx(each * experts + 2 * (attention + others), rel=1e-4)
    assert kept.formats.attention == "bf16"


def test_without_a_file_a_mixture_in_4_bit_has_a_range_and_with_one_it_has_none(tmp_path: Path) -> None:
    def weights(config: dict[str, Any]) -> tuple[dict[str, float], str]:
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "rack.yaml").write_text(RACK.replace("bf16", "int4"))
        done = command("estimate", "rack.yaml", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return found["memory"]["gpu"]["weights"], " ".join(found["notes"])

    unsaid, notes = weights(MIXTRAL)
    attention = 32 * (4096 * 48 * 128 + 4096 * 4096)
    assert unsaid["high"] == unsaid["value"] and "stays in 16 bit, which widens" in notes
    assert unsaid["high"] - unsaid["low"] == pytest.approx((2 - 0.5625) * attention, rel=0.01)
    said, notes = weights(MIXTRAL | {"quantization_config": AWQ | {"modules_to_not_convert": ["gate"]}})
    assert said["low"] == said["value"] == said["high"] == pytest.approx(24.65e9, rel=1e-3)
    assert "all of the routers" in notes and "not known" not in notes


LLAMA_QO, LLAMA_KV = 4096 * 4096, 4096 * 8 * 128  # weights of a query or output projection, and of a key or value one
SHARES = [
    (LLAMA, fp8("re:.*o_proj"), {"attention": LLAMA_QO / (2 * LLAMA_QO + 2 * LLAMA_KV)}),
    (LLAMA, fp8("re:.*down_proj", "lm_head"), {"ffn": 1 / 3}),
    (LLAMA, fp8("model.layers.0", "model.layers.31"), {"attention": 2 / 32, "ffn": 2 / 32}),
    (LLAMA, fp8("re:model\\.layers\\.(0|31)\\..*"), {"attention": 2 / 32, "ffn": 2 / 32}),
    (LLAMA, fp8("model.layers.3.self_attn.qkv_proj"), {"attention": (1 - LLAMA_QO / 41943040) / 32}),
    (LLAMA, fp8("vision_tower.encoder.layers.0.self_attn.q_proj", "resampler.attn.out_proj", "re:visual.*"), {}),
    (LLAMA, fp8("model.layers.32.self_attn", "model.norm", "re:.*lm_head$", "re:.*mlp.gate$"), {}),
    (LLAMA, fp8(targets=("re:.*mlp.*",)), {"attention": 1.0}),
    (LLAMA, {"quant_method": "gptq", "bits": 4, "dynamic": {"-:.*self_attn.*": {}}}, {"attention": 1.0}),
    (
        LLAMA,
        {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": [f"model.layers.{i}.self_attn*" for i in (0, 1)]},
        {"attention": 2 / 32},
    ),
    (MIXTRAL, fp8("re:.*block_sparse_moe.gate", "lm_head"), {"ffn": 1.0}),
    (MIXTRAL, fp8("re:.*gate"), {"ffn": 1.0}),  # its experts are w1, w2 and w3
    (QWEN, fp8("re:.*mlp.gate$"), {"ffn": 1.0}),
    (QWEN, fp8("re:.*gate"), {"ffn": 1.0, "experts": 1 / 3}),  # as an engine matches it: from the beginning of a name
    (DEEPSEEK, fp8("model.layers.5.mlp.experts.17.down_proj"), {"experts": 1 / (3 * 256 * 58)}),
    (DEEPSEEK, fp8(targets=("re:.*mlp.experts.*",)), {"attention": 1.0, "ffn": 1.0}),
    (
        DEEPSEEK,  # three dense layers, and 58 with a shared expert and a router
        fp8("model.layers.0.mlp"),
        {"ffn": 3 * 18432 / (3 * 3 * 18432 + 58 * (3 * 2048 + 256))},
    ),
]


@pytest.mark.parametrize(("config", "section", "expected"), SHARES, ids=[str(i) for i in range(len(SHARES))])
def test_the_share_that_stays_in_16_bit_is_counted_by_matrix_and_layer(
    config: dict[str, Any], section: dict[str, Any], expected: dict[str, float]
) -> None:
    assert quantized(config, section).get("kept_16_bit", {}) == pytest.approx(expected)


def test_names_that_are_not_understood_are_a_range_and_a_note() -> None:
    fields = quantized(LLAMA, fp8("re:.*self_attn.mystery", "model.layers.7.mlp.mystery"))
    kept = fields["kept_16_bit"]
    assert [kept["attention"][key] for key in ("value", "low", "high")] == [0, 0, 1]
    assert kept["ffn"]["high"] == pytest.approx(1 / 32)
    assert any("mystery" in note and "not understood" in note for note in fields["notes"])
    built(fields)


def test_patterns_that_would_take_long_are_not_tried() -> None:
    start = time.monotonic()
    bad = [f"re:(a|b|{n}.*)*(.*)*x" for n in range(50)] + ["re:(", "re:" + ".*" * 40 + "x", "re:" + "(" * 5000]
    assert quantized(LLAMA, fp8(*bad))["kept_16_bit"]["ffn"]["high"] == 1
    assert time.monotonic() - start < 5


GROUP = "quantization_config.config_groups"
MALFORMED = [
    ("awq", "quantization_config: expected an object"),
    ([1], "quantization_config: expected an object"),
    (AWQ | {"bits": "4"}, "quantization_config.bits"),
    (AWQ | {"bits": 4.5}, "quantization_config.bits"),
    (AWQ | {"bits": float("nan")}, "quantization_config.bits"),
    (AWQ | {"group_size": [128]}, "quantization_config.group_size"),
    (AWQ | {"group_size": 0.5}, "quantization_config.group_size"),
    (AWQ | {"group_size": 1e-300}, "quantization_config.group_size"),
    (AWQ | {"group_size": float("inf")}, "quantization_config.group_size"),
    (AWQ | {"zero_point": "yes"}, "quantization_config.zero_point"),
    (AWQ | {"modules_to_not_convert": "lm_head"}, "modules_to_not_convert: expected a list"),
    ({"quant_method": "exl2", "bits": float("inf")}, "quantization_config.bits"),
    ({"quant_method": 3}, "quantization_config.quant_method"),
    ({"config_groups": [1]}, GROUP),
    ({"config_groups": {"a": 1}}, f"{GROUP}.a: expected an object"),
    ({"config_groups": {"a": {"weights": [8]}}}, f"{GROUP}.a.weights: expected an object"),
    ({"config_groups": {"a": {"weights": {"num_bits": "8"}}}}, f"{GROUP}.a.weights.num_bits"),
    ({"config_groups": {"a": {"weights": {"num_bits": 4, "group_size": 0.5}}}}, f"{GROUP}.a.weights.group_size"),
    ({"config_groups": {"a": {"weights": {"num_bits": 8, "type": "complex"}}}}, f"{GROUP}.a.weights.type"),
    (AWQ | {"dynamic": {"+:.*down_proj": {"bits": 8}}}, "dynamic: .*other bits"),
    (fp8() | {"sparsity_config": {"format": "sparse-bitmask"}}, "sparsity_config: .*sparse-bitmask"),
    (fp8() | {"sparsity_config": {"format": "new"}}, "sparsity_config: format 'new'"),
    (fp8() | {"format": "marlin-24"}, "marlin-24"),
]


@pytest.mark.parametrize(("section", "words"), MALFORMED, ids=[str(m[1]) + str(i) for i, m in enumerate(MALFORMED)])
def test_a_malformed_section_is_refused_by_its_key(section: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        quantized(LLAMA, section)


def test_two_of_four_weights_and_a_bit_for_each_are_stored() -> None:
    sparse = {"sparsity_config": {"format": "sparse-24-bitmask", "sparsity_structure": "2:4", "targets": ["Linear"]}}
    in_layers, ends = 32 * (2 * LLAMA_QO + 2 * LLAMA_KV + 3 * 4096 * 14336), 2 * 128256 * 4096
    for section, each in ((fp8(), 0.5), ({"quant_method": "compressed-tensors", "config_groups": {}}, 1.0)):
        config = LLAMA | {"torch_dtype": "bfloat16"}
        size = stored(config, section | sparse)
        assert size.weights.value == pytest.approx((each + 1 / 8) * in_layers + 2 * ends, rel=1e-4)
        assert any("sparsity_config" in note for note in quantized(config, section | sparse)["notes"])
    dense = {"sparsity_config": {"format": "dense"}}
    assert quantized(LLAMA, fp8() | dense).get("bytes_per_weight") is None


def problems(folder: Path, config: dict[str, Any] | str, gpu: str = "h200-sxm") -> str:
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    (folder / "rack.yaml").write_text(RACK.replace(", precision: bf16", "").replace("h200-sxm", gpu))
    done = command("estimate", "rack.yaml", cwd=folder)
    assert done.returncode == 2, done.stdout
    return done.stderr


def test_each_fault_of_a_file_without_precision_is_one_problem(tmp_path: Path) -> None:
    twice = json.dumps(LLAMA)[:-1] + ', "hidden_size": 1}'
    for config, words in (
        (twice, "hidden_size occurs twice in an object, as 4096 and 1"),
        (LLAMA | {"quantization_config": "awq"}, "quantization_config: expected an object"),
        (LLAMA | {"hidden_size": None}, "hidden_size is missing"),
        (LLAMA | {"quantization_config": {"quant_method": "hqq"}}, "says hqq, which is not read as a format"),
        (LLAMA | {"quantization_config": {"quant_method": "exl2", "bits": 4.65}}, "says exl2, 4.65 bit"),
        (LLAMA | {"quantization_config": {"group_size": 64, "bits": 4}}, "a method that it does not name, 4 bit"),
    ):
        said = problems(tmp_path, config)
        assert words in said and len(re.findall(r"rack\.yaml:\d", said)) == 1, said


def test_a_file_in_32_bit_is_computed_in_16_with_a_note_and_messages_say_whose_word_it_is(tmp_path: Path) -> None:
    fields = model_from_config(LLAMA | {"torch_dtype": "float32"})
    assert fields["format"] == "bf16" and "float32" in fields["notes"][-1]
    said = problems(tmp_path, LLAMA | {"torch_dtype": "bfloat16"}, "t4")
    assert "bf16, in which the model's weights are published; use workload.precision: fp16" in said


def test_keys_that_only_some_types_have() -> None:
    mpt = {"model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32, "vocab_size": 50432}
    grouped = {"attn_type": "grouped_query_attention", "kv_n_heads": 8}
    model = model_from_config(mpt | {"attn_config": grouped, "expansion_ratio": 2})
    assert (model["kv_heads"], model["ffn"]) == (8, 8192)
    model = model_from_config(mpt | {"attn_config": {"attn_type": "multiquery_attention"}})
    assert (model["kv_heads"], model["ffn"]) == (1, 16384)
    for key, value in (("attn_config", 3), ("expansion_ratio", "4"), ("ffn_config", {"ffn_type": "mptglu"})):
        with pytest.raises(ConfigError, match=key):
            model_from_config(mpt | {key: value})
    with pytest.raises(ConfigError, match="reuse_kv_layer_idx"):
        model_from_config(mpt | {"attn_config": {"reuse_kv_layer_idx": 0}})
    chatglm = LLAMA | {"model_type": "chatglm", "num_key_value_heads": None, "multi_query_group_num": 2}
    assert model_from_config(chatglm | {"multi_query_attention": True})["kv_heads"] == 2
    assert model_from_config(chatglm | {"multi_query_attention": False})["kv_heads"] == 32
    ernie = {"model_type": "ernie4_5_moe", "num_hidden_layers": 28}
    assert model_from_config(ernie)["experts"]["layers"] == 27
    assert model_from_config(ernie | {"moe_layer_end_index": 20})["experts"]["layers"] == 20
    assert model_from_config({"model_type": "opt", "word_embed_proj_dim": 768})["hidden"] == 768
    for words in ({"word_embed_proj_dim": 512, "hidden_size": 1024}, {"word_embed_proj_dim": 512}):
        with pytest.raises(ConfigError, match="word_embed_proj_dim"):
            model_from_config({"model_type": "opt"} | words)


def test_the_longest_sequence_of_cohere_is_its_model_max_length() -> None:
    cohere = {"model_type": "cohere", "max_position_embeddings": 8192, "model_max_length": 131072}
    model = model_from_config(cohere)
    assert model["max_context"] == "131072 token" and any("model_max_length 131072" in note for note in model["notes"])
