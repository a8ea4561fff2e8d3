"""Model files as their makers publish them: sizes against published counts, quantization, layers of several kinds."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from program import CLEAN

from rackcalc.config.builder import Builder
from rackcalc.config.class_defaults import class_defaults
from rackcalc.config.document import Node, node_of_data
from rackcalc.config.hugging_face import ConfigError, model_from_config
from rackcalc.config.quantization import weight_fields
from rackcalc.formulas.transformer.compressed_attention import attended_entries, attended_entries_of_prompt
from rackcalc.formulas.transformer.forward_pass import Job, work
from rackcalc.formulas.transformer.model_size import ModelSize, cache_of_sequence, model_size
from rackcalc.quantities.quantity import constant
from rackcalc.spec.models import Model

FOLDER = Path(__file__).parent / "model_files"
FILES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
PUBLISHED = yaml.safe_load((FOLDER / "published_sizes.yaml").read_text())
# What is missing: of the architecture among those computed, or of the file (its other keys are left out here).
REFUSED = {
    "google__gemma-4-26b-a4b": "num_experts_per_tok is missing",
    "moonshotai__kimi-k3": "hidden_act 'situ'",
    "nvidia__nvidia-nemotron-3-ultra-550b-a55b-bf16": "hybrid_override_pattern is missing",
}
LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
RACK = """\
name: a rack
accelerators: {gpu: {part: h200-sxm, count: 1}}
model: {hf_config: config.json}
workload: {input: 1000 token, output: 100 token, batch: 1, precision: bf16}
serving: {split: gpu, runtime: vllm, tensor_parallel: 1}
"""
ONE = constant(1.0, "1", "one", "given")


def command(*arguments: str, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "rackcalc", *arguments]
    return subprocess.run(
        whole, cwd=cwd, input=stdin, env=CLEAN, capture_output=True, text=True, timeout=120, check=False
    )


def built(fields: dict[str, Any]) -> Model:
    builder = Builder()
    model: Model = builder.build(Model, node_of_data(fields, Node(None, "config.json")))
    assert not builder.problems, builder.problems
    return model


def size_of(config: dict[str, Any]) -> ModelSize:
    return model_size(built(dict(model_from_config(config))), "bf16", "bf16")


def test_every_file_is_answered_or_refused_by_what_is_missing() -> None:
    assert set(PUBLISHED) | set(REFUSED) == set(FILES) and len(PUBLISHED) >= 45
    for name, words in REFUSED.items():
        with pytest.raises(ConfigError, match=words):
            model_from_config(FILES[name])


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_match_the_published_counts(name: str) -> None:
    said, size = PUBLISHED[name], size_of(FILES[name])
    total, active = float(size.parameters.value), float(size.active_parameters.value)
    assert total / 1e9 == pytest.approx(said["total"], rel=0.03)
    embedding, head = float(size.embedding_parameters.value), float(size.head_parameters.value)
    without = size_of({key: value for key, value in FILES[name].items() if key != "index_topk"})
    indexer = active - float(without.active_parameters.value)
    left_out = {"all": 0.0, "no embedding": embedding, "no ends": embedding + head, "no indexer": indexer}
    if "active" in said:
        assert (active - left_out[said["counts"]]) / 1e9 == pytest.approx(said["active"], rel=0.03)
    else:
        assert active == pytest.approx(total)


def test_gemma_4_has_wide_heads_in_its_full_layers() -> None:
    """26B A4B: 25.2 B in all, 3.8 B active, says its model card; the file here lacks only the experts chosen."""
    config = FILES["google__gemma-4-26b-a4b"]
    size = size_of(config | {"text_config": config["text_config"] | {"top_k_experts": 8}})
    assert size.parameters.value / 1e9 == pytest.approx(25.2, rel=0.03)
    assert size.active_parameters.value / 1e9 == pytest.approx(3.8, rel=0.03)
    assert size.kv_per_token.value == 2 * 2 * (25 * 8 * 256 + 5 * 2 * 512)  # both, of 2 B


def test_compressed_attention_keeps_a_window_and_entries() -> None:
    """DeepSeek-V4-Flash: a window of 128 everywhere; 21 layers with entries of 4 tokens and keys of 128, 20 of 128."""
    model = built(dict(model_from_config(FILES["deepseek-ai__deepseek-v4-flash"])))
    size = model_size(model, "fp8", "fp8")
    for tokens in (64.0, 8192.0):
        held = cache_of_sequence(model, size, constant(tokens, "token", "context", "given")).value
        expected = 43 * min(tokens, 128) * 512 + 21 * tokens / 4 * (512 + 128) + 20 * tokens / 128 * 512
        assert held == pytest.approx(expected)


def test_compressed_attention_of_a_prompt_is_the_mean_of_its_tokens() -> None:
    for tokens, window, ratio, selected in ((4096, 128, 4, 512), (1000, 128, 4, 512), (100, 128, 128, 0)):
        each = [attended_entries(float(t), float(window), t / ratio, float(selected)) for t in range(1, tokens + 1)]
        mean = attended_entries_of_prompt(float(tokens), float(window), tokens / ratio, float(selected))
        assert mean == pytest.approx(sum(each) / tokens, rel=0.01)


KIMI_LINEAR = {
    "model_type": "kimi_linear",
    "num_hidden_layers": 27,
    "linear_attn_config": {
        "full_attn_layers": [4, 8, 12, 16, 20, 24, 27],
        "kda_layers": [n for n in range(1, 27) if n % 4],
        "head_dim": 128,
        "num_heads": 32,
        "short_conv_kernel_size": 4,
    },
}


def test_kimi_linear_from_its_class_defaults() -> None:
    """48B A3B by its name; latent attention in 7 of 27 layers, so a quarter of the cache."""
    size = size_of(KIMI_LINEAR)
    assert size.parameters.value / 1e9 == pytest.approx(48, rel=0.03)
    assert (size.active_parameters.value - size.embedding_parameters.value) / 1e9 == pytest.approx(3, rel=0.1)
    assert size.kv_per_token.value == 7 * (512 + 64) * 2


def test_states_do_not_grow_with_the_context() -> None:
    """Qwen3.5 35B A3B: 30 of 40 layers keep a state of 32 matrices of 128 x 128, and three inputs of a convolution."""
    model = built(dict(model_from_config(FILES["qwen__qwen3.5-35b-a3b"])))
    size = model_size(model, "bf16", "bf16")
    state = 30 * (32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2)
    for tokens in (1.0, 4096.0, 262144.0):
        held = cache_of_sequence(model, size, constant(tokens, "token", "context", "given")).value
        assert held == pytest.approx(state + 10 * tokens * 2 * 2 * 256 * 2)


@settings(max_examples=25, deadline=None)
@given(
    first=st.integers(1, 31),
    context=st.sampled_from([1.0, 128.0, 5000.0]),
    batch=st.sampled_from([1.0, 7.0]),
    phase=st.sampled_from(["prefill", "decode"]),
)
def test_groups_of_equal_layers_are_the_model_without_groups(
    first: int, context: float, batch: float, phase: str
) -> None:
    fields = dict(model_from_config(LLAMA))
    shape = {"kind": "attention", "heads": 32, "kv_heads": 8, "head_dim": 128, "value_dim": 128}
    groups = {"some": shape | {"layers": first}, "others": shape | {"layers": 32 - first}}
    plain, grouped = built(fields), built(fields | {"groups": groups})
    length = constant(context, "token", "context", "given")
    new = length if phase == "prefill" else constant(1.0, "token", "new", "given")
    sequences = constant(batch, "1", "batch", "given")
    job = Job(phase, sequences, new, length, ONE, None, False, "bf16", "bf16")
    found = []
    for model in (plain, grouped):
        size = model_size(model, "bf16", "bf16")
        done = work(model, size, job, model.layers, True, constant(0.0, "B", "cache", "given"))
        figures = (size.parameters, size.kv_per_token, size.weights, cache_of_sequence(model, size, length))
        found.append([float(x.value) for x in (*figures, done.flops, done.bytes_moved, done.attended)])
    assert found[0] == pytest.approx(found[1])


def test_layers_with_a_window_keep_a_window() -> None:
    model = built(dict(model_from_config(FILES["xiaomimimo__mimo-v2-flash"])))
    size = model_size(model, "bf16", "bf16")
    held = cache_of_sequence(model, size, constant(10000.0, "token", "context", "given")).value
    assert held == pytest.approx((9 * 4 * 10000 + 39 * 8 * 128) * (192 + 128) * 2)


def test_class_defaults_are_read_where_a_key_is_left_out_and_not_where_it_is_null() -> None:
    config = {"model_type": "qwen2", "num_hidden_layers": 28, "hidden_size": 3584, "num_attention_heads": 28}
    config |= {"num_key_value_heads": 4, "intermediate_size": 18944}
    model = model_from_config(config)
    assert model["vocabulary"] == 151936 and model["max_context"] == "32768 token"
    assert any("vocab_size 151936" in note for note in model["notes"])
    with pytest.raises(ConfigError, match="vocab_size is missing"):
        model_from_config(config | {"vocab_size": None})
    assert "notes" not in model_from_config(LLAMA | {"head_dim": 128})


@pytest.mark.parametrize("kind", sorted(class_defaults()))
def test_a_file_with_nothing_but_its_type_is_the_default_model_or_names_what_is_missing(kind: str) -> None:
    try:
        assert built(dict(model_from_config({"model_type": kind}))).layers.value >= 1
    except ConfigError as error:
        assert " is missing" in str(error) or "cannot be described" in str(error)


def test_layers_before_max_window_layers_attend_to_everything() -> None:
    qwen = {"model_type": "qwen2", "num_hidden_layers": 28, "sliding_window": 4096, "use_sliding_window": True}
    assert "full_attention_layers" not in model_from_config(qwen | {"max_window_layers": 28})
    assert model_from_config(qwen | {"max_window_layers": 21})["full_attention_layers"] == 21
    assert model_from_config(qwen | {"max_window_layers": 0})["full_attention_layers"] == 0


QUANTIZED = [
    ({"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}, "int4", 4.15625),
    ({"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True}, "int4", 4.125),
    ({"quant_method": "gptq", "bits": 8, "group_size": -1, "sym": True}, "int8", None),
    ({"quant_method": "gptq", "bits": 3, "group_size": 128}, None, None),
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", None),
    ({"quant_method": "fbgemm_fp8"}, "fp8", None),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "fp4", None),
    ({"quant_algo": "FP8"}, "fp8", None),
    ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}, None, None),
    ({"quant_method": "mxfp4"}, "mxfp4", None),
    ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "int4", 4.5),
    ({"quant_method": "aqlm"}, None, None),
] + [
    ({"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}, format_, bits)
    for weights, format_, bits in (
        ({"num_bits": 8, "type": "float"}, "fp8", None),
        ({"num_bits": 4, "type": "float", "group_size": 16}, "fp4", None),
        ({"num_bits": 4, "type": "int", "group_size": 32, "symmetric": True}, "int4", 4.5),
        ({"num_bits": 8, "type": "int"}, "int8", None),
    )
]


@pytest.mark.parametrize(("section", "format_", "bits"), QUANTIZED, ids=[str(q[0])[:70] for q in QUANTIZED])
def test_quantization_is_read_as_the_format_of_the_weights(
    section: dict[str, Any], format_: str | None, bits: float | None
) -> None:
    fields = weight_fields({"quantization_config": section}, {})
    assert fields.get("format") == format_ and fields["quantization"]
    each = fields.get("bytes_per_weight")
    assert each is None if bits is None else float(each.split()[0]) * 8 == pytest.approx(bits)


def test_modules_that_are_not_converted_stay_in_16_bit() -> None:
    names = [f"model.layers.{n}.self_attn.{p}_proj" for n in range(32) for p in "qkvo"]
    names += [f"model.layers.{n}.mlp.{p}_proj" for n in (0, 31) for p in ("gate", "up", "down")] + ["lm_head"]
    section = {"quant_method": "fbgemm_fp8", "modules_to_not_convert": names}
    model = built(dict(model_from_config(LLAMA | {"quantization_config": section})))
    assert model.kept_16_bit is not None and model.kept_16_bit.attention is not None
    size = model_size(model, "fp8", "bf16", checkpoint=True)
    attention, ffn = 32 * (4096 * 48 * 128 + 32 * 128 * 4096 + 2 * 4096), 32 * 3 * 4096 * 14336
    ends = 2 * 128256 * 4096 + 4096
    assert size.weights.value == pytest.approx(2 * attention + ffn * (1 + 2 / 32) + 2 * ends)


@pytest.fixture
def rack(tmp_path: Path) -> Path:
    awq = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}
    (tmp_path / "config.json").write_text(json.dumps(LLAMA | {"quantization_config": awq}))
    (tmp_path / "rack.yaml").write_text(RACK)
    return tmp_path


def weights(*args: str, folder: Path) -> float:
    done = command("estimate", *args, "--get", "memory.gpu.weights", "--unit", "GB", cwd=folder)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[0])


def test_the_file_says_the_format_unless_the_rack_does(rack: Path) -> None:
    layers, ends = 8.030 - 2 * 128256 * 4096 / 1e9, 2 * 2 * 128256 * 4096 / 1e9
    assert weights("rack.yaml", folder=rack) == pytest.approx(2 * layers + ends, rel=1e-3)
    said = command("estimate", "rack.yaml", "--all", cwd=rack).stdout.replace("\n", " ")
    assert "quantization_config" in said and "awq, 4 bit (int4)" in said and "says bf16, and is taken" in said
    (rack / "rack.yaml").write_text(RACK.replace(", precision: bf16", ""))
    assert weights("rack.yaml", folder=rack) == pytest.approx(layers * 4.15625 / 8 + ends, rel=1e-3)
    said = command("estimate", "rack.yaml", "--all", cwd=rack).stdout.replace("\n", " ")
    assert "awq, 4 bit: weights are computed in int4" in said


def test_without_a_format_anywhere_precision_is_missing(rack: Path) -> None:
    (rack / "config.json").write_text(json.dumps(LLAMA))
    (rack / "rack.yaml").write_text(RACK.replace(", precision: bf16", ""))
    done = command("estimate", "rack.yaml", cwd=rack)
    assert done.returncode == 2 and "workload.precision: is missing" in done.stderr
    (rack / "config.json").write_text(json.dumps(LLAMA | {"torch_dtype": "bfloat16"}))
    assert command("estimate", "rack.yaml", cwd=rack).returncode == 0


def test_a_checkpoint_of_mixed_formats_may_be_stated() -> None:
    rack = (
        "name: a\naccelerators: {gpu: {part: h100-sxm, count: 8}}\nmodel: {from: llama-3.1-405b}\n"
        "workload: {input: 1024 token, output: 512 token, batch: 4, precision: fp8}\n"
        "serving: {split: gpu, runtime: vllm, tensor_parallel: 8}\n"
    )

    def figure(*sets: str) -> tuple[dict[str, Any], str]:
        args = [word for each in sets for word in ("--set", each)]
        done = command("estimate", "-", *args, "--json", stdin=rack)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["memory"]["gpu"]["weights"], done.stderr + done.stdout

    doubt, said = figure()
    assert doubt["low"] == doubt["value"] and doubt["high"] > 62.0e9 and "stays in 16 bit, which widens" in said
    stated, said = figure("model.weights=496 GB")
    assert stated["value"] == pytest.approx(62.0e9) and "stays in 16 bit" not in said
    parts, said = figure("model.formats={attention: bf16}")
    assert parts["value"] == pytest.approx((406 + 72.1 + 4.2) / 8 * 1e9, rel=0.01) and parts["high"] == parts["value"]
    kept, _ = figure("model.kept_16_bit={attention: 1, ffn: 0.0159}")
    assert kept["value"] == pytest.approx(parts["value"] + 126 * 3 * 16384 * 53248 * 0.0159 / 8, rel=1e-6)


@pytest.mark.parametrize("dtype", [{}, {"torch_dtype": "bfloat16"}], ids=["no format", "bf16"])
def test_a_stated_share_in_16_bit_counts_whatever_the_16_bit_file_says(rack: Path, dtype: dict[str, Any]) -> None:
    (rack / "config.json").write_text(json.dumps(LLAMA | dtype))
    fp8 = ("rack.yaml", "--set", "workload.precision=fp8")
    assert weights(*fp8, "--set", "model.kept_16_bit.ffn=0.5", folder=rack) > 1.2 * weights(*fp8, folder=rack)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_model_file_that_is_no_regular_file_or_too_large_is_refused(rack: Path) -> None:
    (rack / "config.json").unlink()
    os.mkfifo(rack / "config.json")
    for reference, words in (("config.json", "a regular file"), ("/dev/zero", "a regular file"), ("big", "is 300 MB")):
        with (rack / "big").open("wb") as stream:
            stream.truncate(300_000_000)
        (rack / "rack.yaml").write_text(RACK.replace("config.json", reference))
        done = command("estimate", "rack.yaml", cwd=rack)
        assert done.returncode == 2 and words in done.stderr and "rack.yaml:3:20: model.hf_config" in done.stderr


@pytest.mark.parametrize("name", ["qwen__qwen3.5-27b", "nvidia__nvidia-nemotron-3-nano-30b-a3b-bf16"])
def test_layers_of_several_kinds_need_gpus_under_an_engine(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(FILES[name]))
    (tmp_path / "rack.yaml").write_text(RACK)
    assert command("estimate", "rack.yaml", cwd=tmp_path).returncode == 0
    kernels = command("estimate", "rack.yaml", "--set", "serving.runtime=pytorch-eager", cwd=tmp_path)
    assert kernels.returncode == 2
    lpus = RACK.replace("gpu: {part: h200-sxm, count: 1}", "lpu: {part: groq-lpu-v1, count: 2000}")
    (tmp_path / "rack.yaml").write_text(lpus.replace("split: gpu, runtime: vllm, tensor_parallel: 1", "split: lpu"))
    done = command("estimate", "rack.yaml", "--set", "workload.precision=fp16", cwd=tmp_path)
    assert done.returncode == 2 and "layers of several kinds" in done.stderr


def test_cross_attention_is_refused_by_its_name() -> None:
    inner = {"model_type": "mllama_text_model", "cross_attention_layers": [3, 8]}
    for config in ({"model_type": "mllama", "text_config": inner}, inner):
        with pytest.raises(ConfigError, match="cross-attention"):
            model_from_config(config)


VALUES = st.sampled_from([None, True, -1, 0, 2.5, 1e300, float("nan"), "", "x", [], [1], ["a"], {}, {"a": 1}, 10**30])
SECTIONS = st.one_of(
    VALUES,
    st.fixed_dictionaries({"quant_method": st.sampled_from(["awq", "fp8", 3]), "bits": VALUES, "group_size": VALUES}),
    st.fixed_dictionaries({"config_groups": st.one_of(VALUES, st.fixed_dictionaries({"a": VALUES})), "ignore": VALUES}),
)
MORE = ("quantization_config", "linear_attn_config", "compress_rates", "mlp_layer_types", "moe_layers_enum")
MORE += ("attention_other_setting", "hybrid_layer_pattern", "layers_block_type", "layer_types", "model_type", "dtype")


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_any_damage_gives_a_model_or_says_what_is_wrong(name: str, data: st.DataObject) -> None:
    config = json.loads(json.dumps(FILES[name]))
    place = data.draw(st.sampled_from([config, config.get("text_config", config)]))
    key = data.draw(st.sampled_from([*sorted(place), *MORE]))
    place[key] = data.draw(SECTIONS)
    try:
        fields = dict(model_from_config(config))
    except ConfigError as error:
        assert str(error)
    else:
        assert model_size(built(fields), "bf16", "bf16").parameters.value > 0
