"""A Hugging Face config.json -> the keys and values that a file in catalog/models/ would have.

Takes parsed JSON and returns plain values; reads no file. An architecture that is not in the tables below is refused,
because a wrong guess about its layers would look like an answer.
"""

from collections.abc import Mapping
from typing import Any

# model_type -> matrices of its feed-forward layer (3: gated)
DECODERS = {
    **dict.fromkeys(("gpt2", "gptj", "gpt_neox", "opt", "falcon", "starcoder2", "phi"), 2),
    **dict.fromkeys(("llama", "mistral", "mixtral", "llama4_text", "mimo", "phi3", "olmo2", "granite"), 3),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "gpt_oss", "minimax_m2", "glm4_moe", "glm_moe_dsa"), 3),
    **dict.fromkeys(("qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_next", "qwen3_5_moe_text"), 3),
    **dict.fromkeys(("qwen3_vl_text", "qwen3_vl_moe_text", "qwen3_omni_moe_text"), 3),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "deepseek_v32", "kimi_k2"), 3),
}
ENCODERS = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert")
REFUSED = {
    "nemotron_h": "its Mamba layers have no attention and no feed-forward part of their own",
    "deepseek_v4": "its attention compresses the cache by a different ratio in every layer",
    "kimi_linear": "its linear-attention layers differ in size from its other layers",
    "gemma4_text": "its full-attention layers differ in size from its sliding ones",
    "mimo_v2_flash": "its full-attention layers differ in size from its sliding ones",
    "gemma3n_text": "its layers share KV caches and have per-layer embeddings",
    "qwen3_5_text": "a tenth of its weights are gates and linear-attention projections, which have no field",
    "mamba": "it has no attention",
    "mamba2": "it has no attention",
    "t5": "it is an encoder-decoder",
    "whisper": "it is an encoder-decoder",
}
# Keys that change the size or kind of single layers, whatever the model_type.
_VARIABLE_LAYERS = ("block_configs", "hybrid_override_pattern", "hybrid_layer_pattern")

# Keys of old and new configurations for the same value; the first that is present is used.
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_HIDDEN = ("hidden_size", "n_embd", "dim", "d_model")
_HEADS = ("num_attention_heads", "n_head", "n_heads")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads")
_FFN = ("intermediate_size", "n_inner", "ffn_hidden_size", "hidden_dim", "ffn_dim")
_CONTEXT = ("max_position_embeddings", "n_positions", "seq_length", "n_ctx")
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")
_ACTIVE = ("num_experts_per_tok", "num_experts_per_token")
# In these, intermediate_size is the width of an expert; in others, of the dense layers.
_EXPERTS_IN_FFN = ("mixtral", "minimax_m2", "gpt_oss", "llama4_text")
_LINEAR = ("qwen3_next", "qwen3_5_moe_text")
_ALTERNATING = {"gemma2": 2, "gemma3_text": 6}  # every n-th layer attends to everything
# words in layer_types beside full_attention -> keys that hold the window
_WINDOWS: dict[str, tuple[str, ...]] = {
    "linear_attention": (),
    "sliding_attention": ("sliding_window",),
    "chunked_attention": ("attention_chunk_size",),
}
_FORMATS = {"mxfp4": "mxfp4"}  # quant_method -> format of the expert weights
_LARGEST = 10**12
_MOST_LAYERS = 10_000  # no model has a tenth of it


class ConfigError(ValueError):
    """The configuration lacks a key, has one of the wrong type, or describes what rackcalc cannot express."""


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
    layers, hidden, heads = (
        _whole(config, _LAYERS, at_most=_MOST_LAYERS),
        _whole(config, _HIDDEN),
        _whole(config, _HEADS),
    )
    kv_heads = _kv_heads(config, kind, heads)
    mla = _mla(config)
    experts = _experts(config, kind, layers)
    matrices = DECODERS.get(kind, 2)
    fields: dict[str, Any] = {
        "name": _name(data, kind),
        "family": "encoder" if kind in ENCODERS else "decoder",
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": _head_dim(config, hidden, heads, mla),
        "ffn": _dense_ffn(config, kind, hidden, matrices, layers, experts),
        "ffn_matrices": matrices,
        "vocabulary": _whole(config, ("vocab_size",)),
        "max_context": f"{_whole(config, _CONTEXT)} token",
        "tied_embeddings": int(kind in ENCODERS or _tied(data, config, kind)),
    }
    fields |= _attention(config, kind, layers)
    if experts:
        fields["experts"] = experts
    if mla:
        fields["mla"] = mla
    return fields


def _language_model(data: Any) -> tuple[Mapping[str, Any], str]:
    """The configuration of the language model itself and its model_type."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"a config.json holds an object, got {_shown(data)}")
    for outer in ("thinker_config", "text_config", "llm_config"):
        if outer in data:
            inner = data[outer]
            if not isinstance(inner, Mapping):
                raise ConfigError(f"{outer}: expected an object, got {_shown(inner)}")
            return _language_model(inner)
    kind = data.get("model_type")
    if not isinstance(kind, str):
        raise ConfigError("model_type is missing; it says which architecture the other keys describe")
    if kind in REFUSED:
        raise ConfigError(f"model_type {kind} cannot be described: {REFUSED[kind]}")
    for key in _VARIABLE_LAYERS:
        if data.get(key):
            raise ConfigError(f"{key}: layers of different kinds or sizes cannot be described")
    if data.get("is_encoder_decoder"):
        raise ConfigError("is_encoder_decoder: an encoder-decoder cannot be described")
    if kind not in DECODERS and kind not in ENCODERS:
        raise ConfigError(f'model_type "{kind}" is not known; known: {", ".join(sorted((*DECODERS, *ENCODERS)))}')
    return data, kind


def _whole(
    config: Mapping[str, Any],
    keys: tuple[str, ...],
    default: int | None = None,
    at_least: int = 1,
    at_most: int = _LARGEST,
) -> int:
    """The first of the keys that is present and not null, as a whole number."""
    for key in keys:
        value = config.get(key)
        if value is None:
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not at_least <= value <= at_most or value != int(value):
            upper = f" and at most {at_most:,}" if at_most < _LARGEST else ""
            raise ConfigError(f"{key}: expected a whole number of at least {at_least}{upper}, got {_shown(value)}")
        return int(value)
    if default is None:
        raise ConfigError(f"{keys[0]} is missing" + (f" (also looked for {', '.join(keys[1:])})" if keys[1:] else ""))
    return default


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _name(data: Mapping[str, Any], kind: str) -> str:
    architectures = data.get("architectures")
    path = data.get("_name_or_path")
    if isinstance(path, str) and path:
        return path
    return str(architectures[0]) if isinstance(architectures, list) and architectures else kind


def _tied(data: Mapping[str, Any], config: Mapping[str, Any], kind: str) -> bool:
    """Whether input and output embeddings are one matrix; without the key, the library's default for the model_type."""
    default = kind in ("gpt2", "opt", "falcon", "gemma", "gemma2", "gemma3_text", "starcoder2")
    value = config.get("tie_word_embeddings", data.get("tie_word_embeddings", default))
    if not isinstance(value, bool):
        raise ConfigError(f"tie_word_embeddings: expected true or false, got {_shown(value)}")
    return value


def _kv_heads(config: Mapping[str, Any], kind: str, heads: int) -> int:
    if kind == "falcon" and not config.get("new_decoder_architecture"):
        return 1 if config.get("multi_query", True) else heads
    kv_heads = _whole(config, _KV_HEADS, heads)
    if heads % kv_heads:
        raise ConfigError(f"num_key_value_heads: {kv_heads} does not divide num_attention_heads {heads}")
    return kv_heads


def _head_dim(config: Mapping[str, Any], hidden: int, heads: int, mla: Mapping[str, int]) -> int:
    if mla:
        return mla["qk_nope_head_dim"] + mla["qk_rope_head_dim"]
    if config.get("head_dim") is None and hidden % heads:
        raise ConfigError(
            f"head_dim is missing, and hidden_size {hidden} is no multiple of num_attention_heads {heads}"
        )
    return _whole(config, ("head_dim",), hidden // heads)


def _mla(config: Mapping[str, Any]) -> dict[str, int]:
    """Multi-head latent attention, or {} where there is none."""
    if config.get("kv_lora_rank") is None:
        return {}
    fields = {key: _whole(config, (key,)) for key in ("kv_lora_rank", "qk_nope_head_dim", "v_head_dim")}
    fields["qk_rope_head_dim"] = _whole(config, ("qk_rope_head_dim",), at_least=0)
    return fields | {"q_lora_rank": _whole(config, ("q_lora_rank",), 0, at_least=0)}


def _experts(config: Mapping[str, Any], kind: str, layers: int) -> dict[str, Any]:
    """Mixture of experts, or {} for a dense model."""
    count = _whole(config, _EXPERTS, 0, at_least=0)
    if not count:
        return {}
    active = _whole(config, _ACTIVE)
    if active > count:
        raise ConfigError(f"num_experts_per_tok: {active} of only {count} experts")
    width = _whole(config, ("intermediate_size",) if kind in _EXPERTS_IN_FFN else ("moe_intermediate_size",))
    shared_ffn = _whole(config, ("shared_expert_intermediate_size",), 0, at_least=0)
    default = 1 if shared_ffn or kind == "llama4_text" else 0  # Llama 4 always has one; its file does not say so
    fields: dict[str, Any] = {
        "experts": count,
        "active": active,
        "shared": _whole(config, ("n_shared_experts", "num_shared_experts"), default, at_least=0),
        "ffn": width,
        "layers": _expert_layers(config, layers),
    }
    if shared_ffn and shared_ffn != fields["shared"] * width:
        fields["shared_ffn"] = shared_ffn
    quantization = config.get("quantization_config") or config.get("quantization")
    method = quantization.get("quant_method") if isinstance(quantization, Mapping) else None
    if method in _FORMATS:
        fields["format"] = _FORMATS[method]
    return fields


def _expert_layers(config: Mapping[str, Any], layers: int) -> int:
    """How many layers have experts: all but the first few, every n-th, or as listed."""
    frequency = config.get("moe_layer_freq")
    if isinstance(frequency, list):
        if len(frequency) != layers or not all(entry in (0, 1) for entry in frequency):
            raise ConfigError(f"moe_layer_freq: expected {layers} entries of 0 or 1, got {_shown(frequency)}")
        return sum(frequency)
    step = _whole(config, ("interleave_moe_layer_step", "decoder_sparse_step", "moe_layer_freq"), 1)
    first = _whole(config, ("first_k_dense_replace",), 0, at_least=0)
    dense = config.get("mlp_only_layers") or []
    if not isinstance(dense, list) or first > layers:
        raise ConfigError(f"mlp_only_layers or first_k_dense_replace: does not fit {layers} layers")
    without = {layer for layer in dense if isinstance(layer, int)}
    offset = 0 if config.get("first_k_dense_replace") is not None else step - 1
    return sum(1 for i in range(first, layers) if i % step == offset % step and i not in without)


def _dense_ffn(
    config: Mapping[str, Any], kind: str, hidden: int, matrices: int, layers: int, experts: Mapping[str, Any]
) -> int:
    """Inner width of the layers without experts; 0 where every layer has them."""
    if experts and experts["layers"] == layers:
        return 0
    keys = ("intermediate_size_mlp",) if kind == "llama4_text" else _FFN
    return _whole(config, keys, 4 * hidden if matrices == 2 and kind in DECODERS else None)


def _attention(config: Mapping[str, Any], kind: str, layers: int) -> dict[str, Any]:
    """full_attention_layers and sliding_window, or {} where every layer attends to everything."""
    full, window = _full_layers(config, kind, layers)
    context = _whole(config, _CONTEXT)
    if full == layers or window >= context:
        return {}
    return {"full_attention_layers": full, "sliding_window": f"{window} token"}


def _full_layers(config: Mapping[str, Any], kind: str, layers: int) -> tuple[int, int]:
    """Layers that attend to everything, and the window of the others in tokens (0: linear attention)."""
    window = _whole(config, ("sliding_window",), 0, at_least=0)
    if config.get("layer_types") is not None:
        return _listed_layers(config, config["layer_types"], layers)
    if kind in _LINEAR:
        return layers // _whole(config, ("full_attention_interval",), 4), 0
    if kind == "llama4_text":  # chunked attention, except in the layers without rotary embedding
        every = _whole(config, ("no_rope_layer_interval",), 4)
        return layers // every, _whole(config, ("attention_chunk_size",), 8192)
    if kind in _ALTERNATING:
        every = _whole(config, ("sliding_window_pattern", "_sliding_window_pattern"), _ALTERNATING[kind])
        return layers // every, window or 4096
    if not window or config.get("use_sliding_window", not kind.startswith("qwen")) is False:
        return layers, 0
    return 0, window


def _listed_layers(config: Mapping[str, Any], types: Any, layers: int) -> tuple[int, int]:
    """The same as _full_layers, from a list of one word per layer."""
    if not isinstance(types, list) or len(types) != layers or not all(isinstance(word, str) for word in types):
        raise ConfigError(f"layer_types: expected a list of {layers} words, got {_shown(types)}")
    others = sorted(set(types) - {"full_attention"})
    if not others:
        return layers, 0
    if len(others) > 1 or others[0] not in _WINDOWS:
        raise ConfigError(f"layer_types: {', '.join(others)}: expected at most one of {', '.join(_WINDOWS)}")
    keys = _WINDOWS[others[0]]
    return types.count("full_attention"), _whole(config, keys) if keys else 0
