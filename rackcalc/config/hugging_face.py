"""A Hugging Face config.json -> the keys and values that a file in catalog/models/ would have.

Takes parsed JSON and returns plain values; reads no file. An architecture that is not in the tables below is refused,
because a wrong guess about its layers would look like an answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rackcalc.config.class_defaults import ALIASES, SOURCE, SYNONYMS, Config
from rackcalc.config.config_values import MOST_LAYERS, ConfigError, shown, whole
from rackcalc.config.hugging_face_layers import layer_groups, mixed_layers
from rackcalc.config.kept_modules import modules
from rackcalc.config.quantization import expert_format, weight_fields
from rackcalc.quantities.problems import suggest

# model_type -> matrices of its feed-forward layer (3: gated)
DECODERS = {
    **dict.fromkeys(("gpt2", "gptj", "gpt_neox", "opt", "falcon", "starcoder2", "phi", "gpt_bigcode", "codegen"), 2),
    **dict.fromkeys(("nemotron", "arcee", "apertus", "bloom", "mpt", "nemotron_h"), 2),
    **dict.fromkeys(("llama", "mistral", "mixtral", "llama4_text", "mimo", "phi3", "granite", "nemotron-nas"), 3),
    **dict.fromkeys(("ministral", "ministral3", "mistral4", "phimoe", "granitemoe", "olmo", "olmo2", "olmo3"), 3),
    **dict.fromkeys(("olmoe", "cohere", "cohere2", "stablelm", "internlm2", "internlm3", "baichuan", "chatglm"), 3),
    **dict.fromkeys(("ernie4_5", "ernie4_5_moe", "hunyuan_v1_dense", "seed_oss", "smollm3", "exaone4", "helium"), 3),
    **dict.fromkeys(("glm", "glm4", "glm4v_text", "glm4v_moe_text", "glm4_moe", "glm4_moe_lite", "glm_moe_dsa"), 3),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "gemma4_text", "gpt_oss", "dots1", "step3p5"), 3),
    **dict.fromkeys(("minimax_m2", "minimax_m3_vl_text", "mimo_v2_flash", "kimi_linear"), 3),
    **dict.fromkeys(("qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"), 3),
    **dict.fromkeys(("qwen2_vl_text", "qwen2_5_vl_text", "qwen2_5_omni_text"), 3),
    **dict.fromkeys(("qwen3_vl_text", "qwen3_vl_moe_text", "qwen3_omni_moe_text"), 3),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "deepseek_v32", "deepseek_v4", "kimi_k2"), 3),
}
ENCODERS = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert")
_MAMBA_1 = "its Mamba layers are of the first kind, whose state has no field"
_PARALLEL = "its layers run Mamba and attention side by side"
_TWO_PARTS = "it is an encoder-decoder"
REFUSED = {
    "gemma3n_text": "its layers share KV caches and have per-layer embeddings",
    **dict.fromkeys(("mllama_text_model", "mllama"), "a fifth of its layers are cross-attention to the image"),
    **dict.fromkeys(("mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm"), "it has no attention"),
    **dict.fromkeys(("jamba", "plamo2", "zamba"), _MAMBA_1),
    **dict.fromkeys(("falcon_h1", "zamba2"), _PARALLEL),
    **dict.fromkeys(("bamba", "granitemoehybrid"), "the sizes of its Mamba layers are under keys that are not read"),
    **dict.fromkeys(("lfm2", "lfm2_moe"), "most of its layers are short convolutions"),
    "recurrent_gemma": "most of its layers are RG-LRU recurrences",
    **dict.fromkeys(("minimax", "minimax_text_01", "MiniMaxText01"), "most of its layers have lightning attention"),
    **dict.fromkeys(("longcat_flash",), "its layers hold two attention blocks and experts that compute nothing"),
    "dbrx": "its sizes are nested in attn_config and ffn_config",
    **dict.fromkeys(
        ("t5", "mt5", "umt5", "whisper", "bart", "mbart", "pegasus", "led", "m2m_100", "t5gemma"), _TWO_PARTS
    ),
}
_LEARNED_POSITIONS = ("gpt2", "opt", "gpt_bigcode")  # of the decoders with two matrices

_LAYERS = SYNONYMS["num_hidden_layers"]
_HIDDEN = SYNONYMS["hidden_size"]
_HEADS = SYNONYMS["num_attention_heads"]
_KV_HEADS = SYNONYMS["num_key_value_heads"]
_FFN = SYNONYMS["intermediate_size"]
_CONTEXT = SYNONYMS["max_position_embeddings"]
_STEP = ("interleave_moe_layer_step", "decoder_sparse_step", "moe_layer_freq", "moe_layer_interval")
_EXPERTS = SYNONYMS["experts"]
_ACTIVE = SYNONYMS["active"]
# In these, intermediate_size is the width of an expert; in others, of the dense layers.
_EXPERTS_IN_FFN = ("mixtral", "minimax_m2", "gpt_oss", "llama4_text", "granitemoe", "phimoe", "olmoe")
# Keys of the width of dense layers, where it is not intermediate_size.
_DENSE_FFN = {"llama4_text": ("intermediate_size_mlp",), "minimax_m3_vl_text": ("dense_intermediate_size",)}
_ALTERNATING = ("gemma2", "gemma3_text", "cohere2", "olmo3", "exaone4", "gpt_oss")  # every n-th attends to everything
# Types whose class has a sliding_window (mimo: that of Qwen2); elsewhere nothing reads such a key.
_WINDOWED = (
    *(
        "mistral",
        "mixtral",
        "ministral",
        "ministral3",
        "phi3",
        "phimoe",
        "starcoder2",
        "smollm3",
        "nemotron_h",
        "dots1",
    ),
    *("qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen2_vl_text", "qwen2_5_vl_text", "qwen2_5_omni_text", "mimo"),
    *("qwen3_omni_moe_text", "gemma4_text", "mimo_v2_flash", "deepseek_v4", "step3p5"),
    *_ALTERNATING,
)
# Keys that change the layers and have no field, by type ("": in every type) -> the value that changes nothing
_NO_FIELD: dict[str, dict[str, Any]] = {
    "": {"add_cross_attention": False, "use_cla": False, "cross_layer_attention": False},
    "mpt": {"ffn_config": None, "block_overrides": None},
}
# words in layer_types beside full_attention -> keys that hold the window
_WINDOWS: dict[str, tuple[str, ...]] = {
    "sliding_attention": ("sliding_window",),
    "chunked_attention": ("attention_chunk_size",),
}


def model_from_config(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of spec.models.Model, as plain numbers and text, from a parsed config.json.

    Nested configurations (text_config, thinker_config) are followed: only the language model is described.
    ConfigError, naming the key, when one is missing, malformed or not supported.

    >>> model_from_config({"model_type": "bert", "num_hidden_layers": 24, "hidden_size": 1024,
    ...                    "num_attention_heads": 16, "intermediate_size": 4096, "vocab_size": 30522,
    ...                    "max_position_embeddings": 512})["head_dim"]
    64
    """
    config, kind = _language_model(data)
    hidden, heads = whole(config, _HIDDEN), whole(config, _HEADS)
    mixed = mixed_layers(config, kind, heads)
    layers = mixed["layers"] if "layers" in mixed else whole(config, _LAYERS, at_most=MOST_LAYERS)
    kv_heads = mixed["kv_heads"] if "kv_heads" in mixed else _kv_heads(config, kind, heads)
    mla = _mla(config)
    experts = _experts(data, config, kind, layers, mixed)
    matrices = DECODERS.get(kind, 2)
    fields: dict[str, Any] = {
        "name": _name(data, kind),
        "family": "encoder" if kind in ENCODERS else "decoder",
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": _head_dim(config, hidden, heads, mla),
        "ffn": mixed["ffn"] if "ffn" in mixed else _dense_ffn(config, kind, hidden, matrices, layers, experts),
        "ffn_matrices": matrices,
        "vocabulary": whole(config, SYNONYMS["vocab_size"]),
        "max_context": f"{_context(config, kind)} token",
        "tied_embeddings": int(kind in ENCODERS or _tied(data, config)),
    }
    if matrices == 2 and kind in DECODERS and kind not in _LEARNED_POSITIONS:
        fields["learned_positions"] = 0
    if "ffn_layers" in mixed:
        fields["ffn_layers"] = mixed["ffn_layers"]
    groups = layer_groups(config, kind, layers, fields, mixed)
    fields |= {"groups": groups} if groups else _attention(config, kind, layers)
    if experts:
        fields["experts"] = experts
    if mla:
        fields["mla"] = mla
    if mla.get("q_lora_rank") and not groups and config.get("index_topk"):
        fields["indexer"] = _indexer(config, layers)
    sparse = None if not experts or "expert_layers" in mixed else _expert_layers(config, layers)
    fields |= weight_fields(data, config, bool(experts), kind in ENCODERS, lambda: modules(fields, kind, sparse))
    if said := _notes(data, config, kind, "indexer" in fields) + fields.get("notes", []):
        fields["notes"] = said
    return fields


def _language_model(data: Any, outer: str = "") -> tuple[Config, str]:
    """The configuration of the language model itself and its model_type. outer: the type of the file around it."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"a config.json holds an object, got {shown(data)}")
    kind = data.get("model_type")
    for inside in _INSIDE:
        if inside in data and str(kind) not in REFUSED:
            inner = data[inside]
            if not isinstance(inner, Mapping):
                raise ConfigError(f"{inside}: expected an object, got {shown(inner)}")
            return _language_model(inner, kind if isinstance(kind, str) else outer)
    if kind is None and outer:
        kind = outer
    if not isinstance(kind, str):
        raise ConfigError("model_type is missing; it says which architecture the other keys describe")
    kind = ALIASES.get(kind, kind)
    if kind in REFUSED:
        raise ConfigError(f"model_type {kind} cannot be described: {REFUSED[kind]}")
    if data.get("is_encoder_decoder"):
        raise ConfigError("is_encoder_decoder: an encoder-decoder cannot be described")
    if data.get("block_configs") and kind != "nemotron-nas":
        raise ConfigError("block_configs: read for model_type nemotron-nas only")
    if kind not in DECODERS and kind not in ENCODERS:
        known = (*DECODERS, *ENCODERS)
        some = "such as llama, mistral, qwen3_moe, gemma3_text, deepseek_v3, bert"
        raise ConfigError(f'model_type "{kind}" is not known; known: {len(known)} types {some}{suggest(kind, known)}')
    _refuse_unread(data, kind)
    return Config(data, kind), kind


def _refuse_unread(data: Mapping[str, Any], kind: str) -> None:
    """ConfigError for a key that changes the layers in a way that cannot be described."""
    for key, nothing in (_NO_FIELD[""] | _NO_FIELD.get(kind, {})).items():
        if data.get(key) not in (nothing, None):
            raise ConfigError(f"{key} {shown(data[key])}: layers that it changes cannot be described")
    if kind == "opt" and data.get("word_embed_proj_dim") not in (None, Config(data, kind).get("hidden_size")):
        raise ConfigError("word_embed_proj_dim: embeddings of another width than hidden_size cannot be described")


_INSIDE = ("thinker_config", "text_config", "llm_config", "language_config")
_OTHER_PARTS = ("vision_config", "audio_config", "vision_tower", "image_config", "talker_config")
_PREDICTORS = ("num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers")
_SPARSE = ("index_topk", "sparse_attention_config")
# Defaults that say only that a model has nothing of a kind.
_QUIET = ("use_sliding_window", "tie_word_embeddings", "max_window_layers")


def _notes(data: Mapping[str, Any], config: Config, kind: str, indexed: bool) -> list[str]:
    """What a reader must know of how the file was read. indexed: the model has an indexer."""
    said = []
    taken = [f"{key} {value}" for key, value in config.taken.items() if key not in _QUIET and value not in (0, False)]
    if taken:
        said.append(f"the model's file leaves out, as defaults of its class ({SOURCE}): {', '.join(taken)}")
    window = config.written.get("sliding_window")
    if window and kind not in _WINDOWED and config.written.get("layer_types") is None:
        said.append(f"sliding_window {shown(window)} is ignored: the class of model_type {kind} has no such key")
    stated, limit = config.written.get("max_position_embeddings"), config.written.get("model_max_length")
    if limit and stated and limit != stated and _context(config, kind) == limit:
        said.append(f"model_max_length {limit} of the model's file is its longest sequence, as in vLLM, not {stated}")
    other = [key for key in _OTHER_PARTS if data.get(key)]
    if other:
        said.append(f"only the language model is computed: the weights of {', '.join(other)} are left out")
    predictors = [key for key in _PREDICTORS if config.written.get(key)]
    if predictors:
        said.append(f"the layers that predict further tokens are left out ({', '.join(predictors)})")
    described = indexed or config.written.get("o_lora_rank")
    sparse = [key for key in _SPARSE if config.written.get(key) and not described]
    if sparse:
        said.append(f"{sparse[0]}: sparse attention is computed as attention to the whole context, without its indexer")
    return said


def _name(data: Mapping[str, Any], kind: str) -> str:
    architectures = data.get("architectures")
    path = data.get("_name_or_path")
    if isinstance(path, str) and path:
        return path
    return str(architectures[0]) if isinstance(architectures, list) and architectures else kind


def _tied(data: Mapping[str, Any], config: Config) -> bool:
    """Whether input and output embeddings are one matrix; without the key, the library's default for the model_type."""
    key = "tie_word_embeddings"
    value = config.written.get(key, data.get(key, config.get(key, False)))
    if not isinstance(value, bool):
        raise ConfigError(f"{key}: expected true or false, got {shown(value)}")
    return value


def _context(config: Mapping[str, Any], kind: str) -> int:
    """The longest sequence. model_max_length goes before max_position_embeddings, as in vLLM (get_max_model_len of
    vllm/config, "For Command-R / Cohere"): these files state the length of rotary positions that they were trained on.
    """
    if kind not in _LEARNED_POSITIONS and kind not in ENCODERS and config.get("model_max_length"):
        return whole(config, ("model_max_length",))
    return whole(config, _CONTEXT)


def _kv_heads(config: Mapping[str, Any], kind: str, heads: int) -> int:
    if kind == "gpt_bigcode" or (kind == "falcon" and not config.get("new_decoder_architecture")):
        return 1 if config.get("multi_query", True) else heads
    if kind == "chatglm" and config.get("multi_query_attention") is False:
        return heads
    if kind == "mpt":
        attention = _mpt_attention(config)
        one = attention.get("attn_type") == "multiquery_attention"
        kv_heads = whole(attention, ("kv_n_heads",), 1 if one else heads)
    else:
        kv_heads = whole(config, _KV_HEADS, heads)
    if heads % kv_heads:
        raise ConfigError(f"num_key_value_heads: {kv_heads} does not divide num_attention_heads {heads}")
    return kv_heads


def _mpt_attention(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """attn_config of MPT, whose kv_n_heads engines read (vLLM, models/mpt.py)."""
    attention = config.get("attn_config")
    if attention is None:
        return {}
    if not isinstance(attention, Mapping):
        raise ConfigError(f"attn_config: expected an object, got {shown(attention)}")
    if attention.get("attn_type") not in (None, *_MPT_ATTENTION):
        raise ConfigError(f"attn_config.attn_type: expected one of {', '.join(_MPT_ATTENTION)}")
    for key, nothing in (("sliding_window_size", -1), ("reuse_kv_layer_idx", None)):
        if attention.get(key, nothing) not in (nothing, None):
            raise ConfigError(f"attn_config.{key}: such attention cannot be described")
    return attention


_MPT_ATTENTION = ("multihead_attention", "multiquery_attention", "grouped_query_attention")


def _head_dim(config: Mapping[str, Any], hidden: int, heads: int, mla: Mapping[str, int]) -> int:
    if mla:
        return mla["qk_nope_head_dim"] + mla["qk_rope_head_dim"]
    if all(config.get(key) is None for key in SYNONYMS["head_dim"]) and hidden % heads:
        raise ConfigError(
            f"head_dim is missing, and hidden_size {hidden} is no multiple of num_attention_heads {heads}"
        )
    return whole(config, SYNONYMS["head_dim"], hidden // heads)


def _mla(config: Mapping[str, Any]) -> dict[str, int]:
    """Multi-head latent attention, or {} where there is none."""
    if config.get("kv_lora_rank") is None:
        return {}
    fields = {key: whole(config, (key,)) for key in ("kv_lora_rank", "qk_nope_head_dim", "v_head_dim")}
    fields["qk_rope_head_dim"] = whole(config, ("qk_rope_head_dim",), at_least=0)
    return fields | {"q_lora_rank": whole(config, ("q_lora_rank",), 0, at_least=0)}


def _indexer(config: Mapping[str, Any], layers: int) -> dict[str, int]:
    """DeepSeek sparse attention. In GLM-5.2 most layers use the choice of one before: indexer_types, or a rhythm."""
    sizes = {"heads": "index_n_heads", "dim": "index_head_dim", "selected": "index_topk"}
    fields = {name: whole(config, (key,)) for name, key in sizes.items()}
    types, pattern = config.get("indexer_types"), config.get("index_topk_pattern")
    every, offset = whole(config, ("index_topk_freq",), 1), whole(config, ("index_skip_topk_offset",), 2, at_least=0)
    own = [max(layer - offset + 1, 0) % every == 0 for layer in range(layers)]
    if isinstance(types, list) and types:
        own = [word == "full" for word in types[:layers]]
    elif isinstance(pattern, str) and pattern:
        own = [letter != "S" for letter in pattern[:layers]]
    if not any(own):
        raise ConfigError("indexer_types: no layer has an indexer of its own")
    return fields | {"layers": sum(own)}


def _experts(
    data: Mapping[str, Any], config: Config, kind: str, layers: int, mixed: Mapping[str, Any]
) -> dict[str, Any]:
    """Mixture of experts, or {} for a dense model."""
    count = whole(config, _EXPERTS, 0, at_least=0)
    if not count or mixed.get("expert_layers") == 0:
        return {}
    active = whole(config, _ACTIVE)
    if active > count:
        raise ConfigError(f"num_experts_per_tok: {active} of only {count} experts")
    width = whole(config, ("intermediate_size",) if kind in _EXPERTS_IN_FFN else ("moe_intermediate_size",))
    shared_ffn = whole(config, SYNONYMS["shared_ffn"], 0, at_least=0)
    if kind == "gemma4_text":  # a dense feed-forward layer beside the experts of every layer
        shared_ffn = whole(config, _FFN)
    default = 1 if shared_ffn or kind == "llama4_text" else 0  # Llama 4 always has one; its file does not say so
    fields: dict[str, Any] = {
        "experts": count,
        "active": active,
        "shared": whole(config, SYNONYMS["shared"], default, at_least=0),
        "ffn": width,
        "layers": mixed["expert_layers"] if "expert_layers" in mixed else len(_expert_layers(config, layers)),
    }
    if shared_ffn and shared_ffn != fields["shared"] * width:
        fields["shared_ffn"] = shared_ffn
    latent = whole(config, ("moe_latent_size",), 0, at_least=0)
    if latent:
        fields["latent"] = latent
    format_ = expert_format(data, config)
    if format_:
        fields["format"] = format_
    return fields


def _expert_layers(config: Mapping[str, Any], layers: int) -> Sequence[int]:
    """Which layers have experts: all but the first few and last few, every n-th, or as listed."""
    frequency = config.get("moe_layer_freq")
    if isinstance(frequency, list):
        if len(frequency) != layers or not all(entry in (0, 1) for entry in frequency):
            raise ConfigError(f"moe_layer_freq: expected {layers} entries of 0 or 1, got {shown(frequency)}")
        return [i for i in range(layers) if frequency[i]]
    kinds = config.get("mlp_layer_types")
    if kinds is not None:
        if (
            not isinstance(kinds, list)
            or len(kinds) != layers
            or not all(word in ("dense", "sparse") for word in kinds)
        ):
            raise ConfigError(f"mlp_layer_types: expected {layers} words, dense or sparse, got {shown(kinds)}")
        return [i for i in range(layers) if kinds[i] == "sparse"]
    listed = config.get("moe_layers_enum")
    if listed is not None:
        words = listed.split(",") if isinstance(listed, str) else listed
        try:
            return sorted({int(word) for word in words} & set(range(layers)))
        except (TypeError, ValueError):
            raise ConfigError(f"moe_layers_enum: expected numbers of layers, got {shown(listed)}") from None
    step = whole(
        config, ("interleave_moe_layer_step", "decoder_sparse_step", "moe_layer_freq", "moe_layer_interval"), 1
    )
    first = whole(config, ("first_k_dense_replace", "moe_layer_start_index"), 0, at_least=0)
    dense = config.get("mlp_only_layers") or []
    if not isinstance(dense, list) or first > layers:
        raise ConfigError(f"mlp_only_layers or first_k_dense_replace: does not fit {layers} layers")
    without = {layer for layer in dense if isinstance(layer, int)}
    offset = 0 if config.get("first_k_dense_replace") is not None else step - 1
    end = whole(config, ("moe_layer_end_index",), layers - 1) if config.get("moe_layer_end_index") != -1 else layers - 1
    return [i for i in range(first, min(end + 1, layers)) if i % step == offset % step and i not in without]


def _dense_ffn(
    config: Mapping[str, Any], kind: str, hidden: int, matrices: int, layers: int, experts: Mapping[str, Any]
) -> int:
    """Inner width of the layers without experts; 0 where every layer has them."""
    if experts and experts["layers"] == layers:
        return 0
    if kind == "mpt":
        return whole({"expansion_ratio * d_model": _ratio(config) * hidden}, ("expansion_ratio * d_model",))
    return whole(config, _DENSE_FFN.get(kind, _FFN), 4 * hidden if matrices == 2 and kind in DECODERS else None)


def _ratio(config: Mapping[str, Any]) -> float:
    """Inner width of a feed-forward layer of MPT, as a multiple of the hidden size."""
    ratio = config.get("expansion_ratio", 4)
    if not isinstance(ratio, int | float) or isinstance(ratio, bool) or not 0 < ratio < 1000:
        raise ConfigError(f"expansion_ratio: expected a number above 0, got {shown(ratio)}")
    return ratio


def _attention(config: Mapping[str, Any], kind: str, layers: int) -> dict[str, Any]:
    """full_attention_layers and sliding_window, or {} where every layer attends to everything."""
    full, window = _full_layers(config, kind, layers)
    context = _context(config, kind)
    if full == layers or window >= context:
        return {}
    return {"full_attention_layers": full, "sliding_window": f"{window} token"}


def _full_layers(config: Mapping[str, Any], kind: str, layers: int) -> tuple[int, int]:
    """Layers that attend to everything, and the window of the others in tokens."""
    if config.get("layer_types") is not None:
        return _listed_layers(config, config["layer_types"], layers)
    if kind == "llama4_text":  # chunked attention, except in the layers without rotary embedding
        chunk = whole(config, ("attention_chunk_size",), 0, at_least=0)
        rotated = config.get("no_rope_layers")
        if isinstance(rotated, list) and len(rotated) == layers:
            return (rotated.count(0), chunk) if chunk else (layers, 0)
        every = whole(config, ("no_rope_layer_interval",), 4)
        return (layers // every, chunk) if chunk else (layers, 0)
    if kind not in _WINDOWED or config.get("use_sliding_window", not kind.startswith(("qwen", "mimo"))) is False:
        return layers, 0
    window = whole(config, ("sliding_window",), 0, at_least=0)
    if not window:
        return layers, 0
    if kind in _ALTERNATING:
        pattern = config.get("sliding_window_pattern")
        if isinstance(pattern, str):  # "LLLG" in EXAONE 4: three local layers, one global
            return layers // max(len(pattern), 1) + (kind == "exaone4" and layers % max(len(pattern), 1) > 0), window
        every = whole(config, ("sliding_window_pattern", "_sliding_window_pattern"))
        return layers // every + (kind == "exaone4" and layers % every > 0), window
    # Layers from max_window_layers on have the window, those before attend to everything.
    return min(whole(config, ("max_window_layers",), 0, at_least=0), layers), window


def _listed_layers(config: Mapping[str, Any], types: Any, layers: int) -> tuple[int, int]:
    """The same as _full_layers, from a list of one word per layer."""
    if not isinstance(types, list) or len(types) != layers or not all(isinstance(word, str) for word in types):
        raise ConfigError(f"layer_types: expected a list of {layers} words, got {shown(types)}")
    others = sorted(set(types) - {"full_attention"})
    if not others:
        return layers, 0
    if len(others) > 1 or others[0] not in _WINDOWS:
        raise ConfigError(f"layer_types: {', '.join(others)}: expected at most one of {', '.join(_WINDOWS)}")
    return types.count("full_attention"), whole(config, _WINDOWS[others[0]])
