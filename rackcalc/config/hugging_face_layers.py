"""Models whose layers differ, from a config.json: which layers there are, and the sizes of each group of them."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

from rackcalc.config.class_defaults import SYNONYMS, Config
from rackcalc.config.config_values import MOST_LAYERS, ConfigError, shown, whole

_GATED = ("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text")  # linear attention, and full attention with an output gate
# Letters of hybrid_override_pattern, and words of layers_block_type, of Nemotron-H
_BLOCKS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
_BLOCK_WORDS = {"linear_attention": "mamba", "full_attention": "attention"} | {word: word for word in _BLOCKS.values()}
_FFN_MULTIPLE = 256  # widths of nemotron-nas are rounded up to it


def mixed_layers(config: Config, kind: str, heads: int) -> dict[str, Any]:
    """Numbers of layers of models that do not have attention and feed-forward in each: layers, kv_heads, ffn,
    ffn_layers, expert_layers and the counts of blocks. {} for all others."""
    if kind == "nemotron_h":
        return _nemotron_h(config)
    if kind == "nemotron-nas":
        return _nemotron_nas(config, heads)
    return {}


def layer_groups(
    config: Config, kind: str, layers: int, fields: Mapping[str, Any], mixed: Mapping[str, Any]
) -> dict[str, Any]:
    """Groups of layers by name, as spec.models.LayerGroup; {} where all layers have the same sizes.

    fields: those of the model that are known so far.
    """
    shape = {"heads": fields["heads"], "kv_heads": fields["kv_heads"], "head_dim": fields["head_dim"]}
    full = {"kind": "attention", **shape, "value_dim": fields["head_dim"]}
    if kind in _GATED:
        return _named(config, _types(config, layers), full | {"output_gate": 1}, linear_attention=_gated_delta(config))
    if kind == "gemma4_text":
        return _gemma4(config, layers, full)
    if kind == "mimo_v2_flash":
        return _mimo(config, layers, full)
    if kind == "kimi_linear":
        return _kimi(config, layers, full)
    if kind == "deepseek_v4":
        return _deepseek_v4(config, layers, full)
    if kind == "step3p5":
        return _step(config, layers, full)
    if kind == "nemotron_h":
        mamba = {
            "kind": "mamba2",
            "heads": whole(config, ("mamba_num_heads",)),
            "kv_heads": whole(config, ("n_groups", "mamba_n_groups")),
            "head_dim": whole(config, ("ssm_state_size",)),
            "value_dim": whole(config, ("mamba_head_dim",)),
            "convolution": whole(config, ("conv_kernel", "mamba_d_conv")),
        }
        counts = {"attention": full, "mamba": mamba}
        return {name: group | {"layers": mixed[name]} for name, group in counts.items() if mixed[name]}
    return {}


def _types(config: Config, layers: int, default: Sequence[str] | None = None) -> Sequence[str]:
    """The kind of every layer: as listed, else every n-th attends to everything (full_attention_interval)."""
    listed = config.get("layer_types")
    if listed is None:
        if default is not None:
            return default
        every = whole(config, ("full_attention_interval",), 4)
        return ["linear_attention" if (i + 1) % every else "full_attention" for i in range(layers)]
    predictors = whole(config, ("num_nextn_predict_layers",), 0, at_least=0, at_most=MOST_LAYERS)
    if isinstance(listed, list) and len(listed) == layers + predictors:
        listed = listed[:layers]  # the list may go on for the layers that predict further tokens
    if not isinstance(listed, list) or len(listed) != layers or not all(isinstance(word, str) for word in listed):
        raise ConfigError(f"layer_types: expected a list of {layers} words, got {shown(listed)}")
    return listed


def _named(
    config: Config, types: Sequence[str], full: Mapping[str, Any], **others: Mapping[str, Any]
) -> dict[str, Any]:
    """Groups with their numbers of layers, from the kind of every layer."""
    known = {"full_attention": full} | others
    wrong = sorted(set(types) - set(known))
    if wrong:
        raise ConfigError(f"layer_types: {', '.join(wrong)}: expected {' or '.join(known)}")
    return {name: {**group, "layers": types.count(name)} for name, group in known.items() if name in types}


def _gated_delta(config: Config) -> dict[str, Any]:
    keys, values = whole(config, ("linear_num_key_heads",)), whole(config, ("linear_num_value_heads",))
    return {
        "kind": "delta-rule",
        "heads": values,
        "kv_heads": keys,
        "head_dim": whole(config, ("linear_key_head_dim",)),
        "value_dim": whole(config, ("linear_value_head_dim",)),
        "convolution": whole(config, ("linear_conv_kernel_dim",)),
    }


def _windowed(config: Config) -> dict[str, str]:
    return {"window": f"{whole(config, ('sliding_window_size', 'sliding_window'))} token"}


def _gemma4(config: Config, layers: int, full: Mapping[str, Any]) -> dict[str, Any]:
    """Gemma 4: full attention has wider heads, and may make values of keys."""
    if whole(config, ("num_kv_shared_layers",), 0, at_least=0):
        raise ConfigError("num_kv_shared_layers: layers that share a KV cache cannot be described")
    sparse = any(config.get(key) for key in SYNONYMS["experts"])
    key = "hidden_size_per_layer_input"
    if (key in config.written or not sparse) and whole(config, (key,), 0, at_least=0):
        raise ConfigError(f"{key}: per-layer embeddings cannot be described (0 where the model has none)")
    if config.get("use_double_wide_mlp"):
        raise ConfigError("use_double_wide_mlp: feed-forward layers of two widths cannot be described")
    every = whole(config, ("sliding_window_pattern", "_sliding_window_pattern"), 6)
    default = ["sliding_attention" if (i + 1) % every else "full_attention" for i in range(layers)]
    default[-1] = "full_attention"
    wide = whole(config, ("global_head_dim",))
    shared = bool(config.get("attention_k_eq_v"))
    keys = whole(config, ("num_global_key_value_heads",), full["kv_heads"]) if shared else full["kv_heads"]
    everywhere = dict(full) | {
        "kv_heads": keys,
        "head_dim": wide,
        "value_dim": wide,
        "value_projection": int(not shared),
    }
    return _named(config, _types(config, layers, default), everywhere, sliding_attention={**full, **_windowed(config)})


def _mimo(config: Config, layers: int, full: Mapping[str, Any]) -> dict[str, Any]:
    """MiMo-V2: layers with a window have twice the KV heads unless the file says otherwise."""
    pattern = config.get("hybrid_layer_pattern")
    default = ["full_attention" if i == 0 or (i + 1) % 6 == 0 else "sliding_attention" for i in range(layers)]
    if pattern is not None:
        if not isinstance(pattern, list) or len(pattern) != layers or not all(entry in (0, 1) for entry in pattern):
            raise ConfigError(f"hybrid_layer_pattern: expected {layers} entries of 0 or 1, got {shown(pattern)}")
        default = ["sliding_attention" if entry else "full_attention" for entry in pattern]
    value_dim = whole(config, ("v_head_dim",))
    full = dict(full) | {"value_dim": value_dim}
    sliding = {
        "kv_heads": whole(config, ("swa_num_key_value_heads",), 2 * full["kv_heads"]),
        "heads": whole(config, ("swa_num_attention_heads",), full["heads"]),
        "head_dim": whole(config, ("swa_head_dim",), full["head_dim"]),
        "value_dim": whole(config, ("swa_v_head_dim",), value_dim),
    }
    return _named(
        config, _types(config, layers, default), full, sliding_attention={**full, **sliding, **_windowed(config)}
    )


def _kimi(config: Config, layers: int, full: Mapping[str, Any]) -> dict[str, Any]:
    """Kimi Linear: latent attention in some layers, Kimi Delta Attention in the others."""
    act = config.get("hidden_act", "silu")
    if act != "silu":
        raise ConfigError(f"hidden_act {shown(act)}: how many matrices such a feed-forward layer has is not known")
    linear = config.get("linear_attn_config") or {}
    if not isinstance(linear, Mapping):
        raise ConfigError(f"linear_attn_config: expected an object, got {shown(linear)}")
    default = ["full_attention" if i and i % 4 == 0 else "linear_attention" for i in range(layers)]
    listed = linear.get("full_attn_layers")
    if listed is not None:
        if not isinstance(listed, list) or not all(isinstance(n, int) and 1 <= n <= layers for n in listed):
            raise ConfigError(f"full_attn_layers: expected numbers from 1 to {layers}, got {shown(listed)}")
        default = ["full_attention" if i + 1 in set(listed) else "linear_attention" for i in range(layers)]
    sizes = ChainMap({f"linear_{key}": value for key, value in linear.items()}, config)  # type: ignore[arg-type]
    heads, dim = whole(sizes, ("linear_num_heads",)), whole(sizes, ("linear_head_dim",))
    delta = {
        "kind": "delta-rule",
        "heads": heads,
        "kv_heads": heads,
        "head_dim": dim,
        "value_dim": dim,
        "convolution": whole(sizes, ("linear_short_conv_kernel_size", "linear_conv_kernel_dim")),
        "decay_rank": dim,
        "gate_rank": 0 if linear.get("use_full_rank_gate") else dim,
    }
    latent = dict(full) | {"kind": "latent-attention", "value_dim": whole(config, ("v_head_dim",))}
    return _named(config, _types(config, layers, default), latent, linear_attention=delta)


_RATIOS = {0: "sliding_attention", 4: "compressed_sparse_attention", 128: "heavily_compressed_attention"}


def _deepseek_v4(config: Config, layers: int, full: Mapping[str, Any]) -> dict[str, Any]:
    """DeepSeek-V4: a window in every layer; in most, entries of 4 or 128 tokens beside it."""
    default = [_RATIOS[4 if i % 2 and i > 1 else 128] for i in range(layers)]
    ratios = config.get("compress_ratios")
    if ratios is not None:
        if not isinstance(ratios, list) or len(ratios) < layers or any(str(ratio) not in "0 4 128" for ratio in ratios):
            raise ConfigError(f"compress_ratios: expected {layers} entries of 0, 4 or 128, got {shown(ratios)}")
        default = [_RATIOS[int(ratio)] for ratio in ratios[:layers]]
    rates = config.get("compress_rates")
    rates = rates if isinstance(rates, Mapping) else {}
    every = {
        "query_rank": whole(config, ("q_lora_rank",)),
        "output_groups": whole(config, ("o_groups",)),
        "output_rank": whole(config, ("o_lora_rank",)),
    }
    indexer = {
        "selected": whole(config, ("index_topk",)),
        "index_heads": whole(config, ("index_n_heads",)),
        "index_dim": whole(config, ("index_head_dim",)),
    }
    types = _types(config, layers, default)
    groups = {}
    for ratio, name in _RATIOS.items():
        rate = whole(rates, (name,), ratio, at_least=0)
        past = every | {"ratio": rate} | (indexer if ratio == 4 else {})
        groups[name] = {**full, **_windowed(config), "kind": "compressed-attention", "compression": past}
    wrong = sorted(set(types) - set(groups))
    if wrong:
        raise ConfigError(f"layer_types: {', '.join(wrong)}: expected {' or '.join(groups)}")
    return {name: group | {"layers": types.count(name)} for name, group in groups.items() if name in types}


def _step(config: Config, layers: int, full: Mapping[str, Any]) -> dict[str, Any]:
    """Step 3.5: layers with a window may have more heads."""
    other = config.get("attention_other_setting")
    other = other if isinstance(other, Mapping) else {}
    heads = whole(config, ("num_sliding_attention_heads",), 0, at_least=0)
    heads = heads or whole(other, ("num_attention_heads",), full["heads"])
    types = _types(config, layers, ["full_attention"] * layers)
    if "sliding_attention" not in types:
        return {}
    sliding = {**full, "heads": heads, **_windowed(config)}
    return _named(config, types, full, sliding_attention=sliding)


def _nemotron_h(config: Config) -> dict[str, Any]:
    """Nemotron-H: every block is one of Mamba-2, attention, a feed-forward layer or experts."""
    pattern, words = config.get("hybrid_override_pattern"), config.get("layers_block_type", config.get("layer_types"))
    if pattern is None and words is None:
        raise ConfigError(
            "hybrid_override_pattern is missing (also looked for layers_block_type): which layers are Mamba"
        )
    if isinstance(pattern, str):
        words = [_BLOCKS.get(letter, letter) for letter in pattern]
    if not isinstance(words, list) or not 0 < len(words) <= MOST_LAYERS or not all(isinstance(w, str) for w in words):
        raise ConfigError(f"layers_block_type: expected a list of words, got {shown(words)}")
    blocks = [_BLOCK_WORDS.get(str(word), str(word)) for word in words]
    wrong = sorted(set(blocks) - set(_BLOCKS.values()))
    if wrong:
        raise ConfigError(f"layers_block_type: {', '.join(wrong)}: expected {', '.join(_BLOCKS.values())}")
    counts = {word: blocks.count(word) for word in _BLOCKS.values()}
    layers = counts["mamba"] + counts["attention"]
    if not layers:
        raise ConfigError("layers_block_type: no layer is Mamba or attention")
    return {
        "layers": layers,
        "ffn": whole(config, ("intermediate_size",)) if counts["mlp"] else 0,
        "ffn_layers": counts["mlp"],
        "expert_layers": counts["moe"],
        **counts,
    }


def _nemotron_nas(config: Config, heads: int) -> dict[str, Any]:
    """Models pruned block by block: some have no attention, and feed-forward layers differ in width.

    ffn is the mean width, which has the weights and arithmetic of all of them.
    """
    blocks = config.get("block_configs")
    if not isinstance(blocks, list) or not 0 < len(blocks) <= MOST_LAYERS:
        raise ConfigError(f"block_configs: expected a list of blocks, got {shown(blocks)}")
    hidden, shared, widths = whole(config, ("hidden_size",)), [], []
    for i, block in enumerate(blocks):
        parts = [block.get(name) if isinstance(block, Mapping) else None for name in ("attention", "ffn")]
        attention, ffn = (part if isinstance(part, Mapping) else {} for part in parts)
        if attention.get("replace_with_linear") or ffn.get("replace_with_linear"):
            raise ConfigError(f"block_configs[{i}]: replace_with_linear: a single matrix has no field")
        if attention.get("window_length") or attention.get("sparsify") or ffn.get("sparsify"):
            raise ConfigError(f"block_configs[{i}]: windows and sparse blocks cannot be described")
        if not attention.get("no_op"):
            shared.append(whole(attention, ("n_heads_in_group",), at_most=heads))
        if not ffn.get("no_op"):
            widths.append(_nas_width(ffn, hidden, i))
    if not shared or not widths:
        raise ConfigError("block_configs: no block has attention, or none has a feed-forward layer")
    if len(set(shared)) > 1:
        raise ConfigError("block_configs: n_heads_in_group differs between blocks; such attention has no field")
    return {
        "layers": len(shared),
        "kv_heads": heads // shared[0],
        "ffn": round(sum(widths) / len(widths)),
        "ffn_layers": len(widths),
    }


def _nas_width(ffn: Mapping[str, Any], hidden: int, block: int) -> int:
    """2/3 of the factor times the hidden size, rounded up, as the model's own code does."""
    if ffn.get("intermediate_size") is not None:
        return whole(ffn, ("intermediate_size",))
    factor = ffn.get("ffn_mult")
    if not isinstance(factor, int | float) or isinstance(factor, bool) or not 0 < factor < 1000:
        raise ConfigError(f"block_configs[{block}]: ffn_mult: expected a number, got {shown(factor)}")
    width = int(2 * factor * hidden / 3)
    return -(-width // _FFN_MULTIPLE) * _FFN_MULTIPLE
