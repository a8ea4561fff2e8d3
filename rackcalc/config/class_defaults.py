"""What the configuration class of a model_type says where its file says nothing.

Published files leave out keys that equal the default of their class. The defaults in class_defaults.json are those of
transformers 5.24.0, src/transformers/models/*/configuration_*.py (Apache-2.0), for the keys that hugging_face.py reads.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = "transformers 5.24.0"
# model_type -> the type whose class and layers it has
ALIASES = {
    "minimax_m3": "minimax_m3_vl_text",
    "minimax_m3_vl": "minimax_m3_vl_text",
    "step3p7": "step3p5",
    "qwen2_vl": "qwen2_vl_text",
    "qwen2_5_vl": "qwen2_5_vl_text",
    "qwen3_vl": "qwen3_vl_text",
    "qwen3_vl_moe": "qwen3_vl_moe_text",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "gemma3": "gemma3_text",
    "gemma4": "gemma4_text",
    "llama4": "llama4_text",
    "glm4v": "glm4v_text",
    "glm4v_moe": "glm4v_moe_text",
    "cohere2_vision": "cohere2",
    "llava": "llama",
    "llava_next": "llama",
    "llava_onevision": "qwen2",
    "paligemma": "gemma",
    "mistral3": "mistral",
}
# Keys of old and new configurations for the same value; the first that is present is used.
SYNONYMS = {
    "num_hidden_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden_size": ("hidden_size", "n_embd", "n_embed", "dim", "d_model"),
    "num_attention_heads": ("num_attention_heads", "n_head", "n_heads"),
    "num_key_value_heads": ("num_key_value_heads", "num_kv_heads", "num_attention_groups", "multi_query_group_num"),
    "head_dim": ("head_dim", "kv_channels"),
    "intermediate_size": ("intermediate_size", "n_inner", "ffn_hidden_size", "hidden_dim", "ffn_dim"),
    "vocab_size": ("vocab_size", "padded_vocab_size"),
    "max_position_embeddings": (
        "max_position_embeddings",
        "n_positions",
        "seq_length",
        "n_ctx",
        "max_seq_len",
        "model_max_length",
    ),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"),
    "active": ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_k", "moe_top_k"),
    "shared": ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"),
    "shared_ffn": (
        "shared_expert_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "shared_intermediate_size",
        "share_expert_dim",
        "share_expert_dims",
    ),
    "pattern": ("sliding_window_pattern", "_sliding_window_pattern", "layer_types"),
    "first_dense": (
        "first_k_dense_replace",
        "moe_layer_freq",
        "mlp_layer_types",
        "moe_layers_enum",
        "moe_layer_start_index",
    ),
}
_SAME = {key: group for group in SYNONYMS.values() for key in group}


@cache
def class_defaults() -> Mapping[str, Mapping[str, Any]]:
    """model_type -> key -> default, of every class that is known."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text())
    return found


class Config(Mapping[str, Any]):
    """A configuration with the defaults of its class. taken: the defaults that were looked at, in that order.

    A key that is present with null stays without a value: it overrides the default, as in the library.
    """

    def __init__(self, data: Mapping[str, Any], kind: str) -> None:
        self.written = data
        self.taken: dict[str, Any] = {}
        present = {same for key in data for same in _SAME.get(key, (key,))}
        defaults = class_defaults().get(kind, {})
        self._defaults = {key: value for key, value in defaults.items() if key not in present}

    def __getitem__(self, key: str) -> Any:
        if key in self.written:
            return self.written[key]
        value = self._defaults[key]
        self.taken[key] = value
        return value

    def __iter__(self) -> Iterator[str]:
        return iter({**self.written, **self._defaults})

    def __len__(self) -> int:
        return len({**self.written, **self._defaults})
