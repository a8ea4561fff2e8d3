"""The quantization_config of a model's file -> the format of its weights, and what stays in 16 bit.

Takes parsed JSON and returns plain values. A method that is not known is said to be unknown, never guessed.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_KEYS = ("quantization_config", "quantization", "compression_config")
_INTEGER_METHODS = ("awq", "gptq", "auto-round", "autoround", "auto_round", "gptq_marlin", "awq_marlin", "inc", "intel")
_FP8_METHODS = ("fp8", "fbgemm_fp8", "finegrained_fp8", "ptpc_fp8")
_INTEGERS = {4: "int4", 8: "int8"}
# quant_algo of NVIDIA ModelOpt -> format of the weights
_MODELOPT = {
    "FP8": "fp8",
    "FP8_PB_WO": "fp8",
    "FP8_PER_CHANNEL_PER_TOKEN": "fp8",
    "MXFP8": "fp8",
    "NVFP4": "fp4",
    "NVFP4_AWQ": "fp4",
    "W4A8_NVFP4_FP8": "fp4",
    "W4A16_NVFP4": "fp4",
    "W4A8_MXFP4_FP8": "mxfp4",
    "MXFP4": "mxfp4",
    "W4A16_AWQ": "int4",
    "W4A8_AWQ": "int4",
    "INT4_AWQ": "int4",
    "W8A16": "int8",
    "W8A8_SQ_PER_CHANNEL": "int8",
    "INT8_SQ": "int8",
}
_KEPT_KEYS = (
    "modules_to_not_convert",
    "ignore",
    "ignored_layers",
    "exclude_modules",
    "llm_int8_skip_modules",
    "exclude",
)
_DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
_SCALE = 2.0  # bytes of the 16-bit scale of a group of integer weights


def weight_fields(data: Mapping[str, Any], config: Mapping[str, Any], layers: int, sparse: bool) -> dict[str, Any]:
    """The fields of spec.models.Model that say how the weights are stored. data: the file; config: its language model.

    >>> weight_fields({"quantization_config": {"quant_method": "awq", "bits": 4}}, {}, 40, False)
    {'format': 'int4', 'quantization': 'awq, 4 bit'}
    """
    found = _quantization(data, config)
    if found is None:
        name = config.get("dtype") or config.get("torch_dtype") or data.get("dtype") or data.get("torch_dtype")
        return {"format": _DTYPES[name]} if isinstance(name, str) and name in _DTYPES else {}
    fields = _format(found)
    fields["quantization"] = _in_words(found)
    method = str(found.get("quant_method", "")).lower()
    if method == "mxfp4" and sparse:
        fields["format"] = "bf16"  # the experts alone are in MXFP4: experts.format says so
    elif fields.get("format"):
        fields |= _kept(found, layers)
    return fields


def expert_format(data: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """Format of the experts where it differs from that of the rest."""
    found = _quantization(data, config) or {}
    experts = found.get("expert_dtype", config.get("expert_dtype"))
    return "mxfp4" if found.get("quant_method") == "mxfp4" or experts in ("fp4", "mxfp4") else None


def _quantization(data: Mapping[str, Any], config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The section that describes the quantization, from the file or its language model; None without one."""
    for place in (data, config):
        for key in _KEYS:
            found = place.get(key)
            if isinstance(found, Mapping) and found:
                return found
    return None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _format(found: Mapping[str, Any]) -> dict[str, Any]:
    """format and bytes_per_weight; {} where the method is not known."""
    method = str(found.get("quant_method", "")).lower()
    bits = next((n for key in ("bits", "w_bit", "weight_bits") if (n := _number(found.get(key))) is not None), None)
    if method in _FP8_METHODS:
        return {"format": "fp8"}
    if method == "mxfp4":
        return {"format": "mxfp4"}
    if method in _INTEGER_METHODS and bits is not None:
        zero = found.get("zero_point", not found.get("sym", True))
        return _integers(bits, found.get("group_size", found.get("q_group_size")), bool(zero))
    if method in ("bitsandbytes", "") and (found.get("load_in_4bit") or found.get("_load_in_4bit")):
        return {"format": "int4", "bytes_per_weight": f"{0.5 + 4 / 64!r} B"}  # blocks of 64 with a 32-bit scale
    if method in ("bitsandbytes", "") and (found.get("load_in_8bit") or found.get("_load_in_8bit")):
        return {"format": "int8"}
    if method == "eetq":
        return {"format": "int8"}
    algorithm = found.get("quant_algo")
    if isinstance(algorithm, str) and algorithm.upper() in _MODELOPT:
        return {"format": _MODELOPT[algorithm.upper()]}
    return _from_groups(found)


def _integers(bits: float, group: Any, zero_point: bool) -> dict[str, Any]:
    """Integer weights in groups that share a 16-bit scale, and a zero point of their own width."""
    if bits not in _INTEGERS:
        return {}
    size = _number(group)
    if size is None or size <= 0:
        return {"format": _INTEGERS[int(bits)]}
    each = bits / 8 + (_SCALE + (bits / 8 if zero_point else 0)) / size
    return {"format": _INTEGERS[int(bits)], "bytes_per_weight": f"{each!r} B"}


def _from_groups(found: Mapping[str, Any]) -> dict[str, Any]:
    """compressed-tensors, and ModelOpt in its newer spelling: formats by group of layers."""
    groups = found.get("config_groups")
    if not isinstance(groups, Mapping):
        return {}
    each = [_of_group(group) for group in groups.values()]
    first = each[0] if each else {}
    return first if all(other == first for other in each) else {}


def _of_group(group: Any) -> dict[str, Any]:
    weights = group.get("weights") if isinstance(group, Mapping) else None
    if not isinstance(weights, Mapping):
        return {}
    bits, kind, size = _number(weights.get("num_bits")), weights.get("type"), _number(weights.get("group_size"))
    if kind == "float":
        small = "mxfp4" if size == 32 else "fp4"
        return {8: {"format": "fp8"}, 4: {"format": small}}.get(int(bits or 0), {})
    return _integers(bits or 0, size, weights.get("symmetric") is False)


def _in_words(found: Mapping[str, Any]) -> str:
    """The method and its bits, as the file says them: "awq, 4 bit"."""
    method = found.get("quant_method") or found.get("quant_algo")
    words = [str(method or "a method that it does not name")]
    if found.get("quant_algo") and found.get("quant_method"):
        words.append(str(found["quant_algo"]))
    bits = _number(found.get("bits", found.get("w_bit")))
    if bits is not None:
        words.append(f"{bits:g} bit")
    groups = found.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if isinstance(weights, Mapping) and _number(weights.get("num_bits")):
            words.append(f"{weights['num_bits']} bit {weights.get('type', '')}".strip())
    said = ", ".join(dict.fromkeys(words))
    return said[:120] if said.isprintable() else "a method whose name cannot be printed"


def _kept(found: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """kept_16_bit, from the list of modules that are not converted: the share of layers whose part is in it."""
    names = [name for key in _KEPT_KEYS for name in _names(found.get(key))]
    shares = {part: _share([name for name in names if _part(name) == part], layers) for part in _PARTS}
    kept = {part: share for part, share in shares.items() if share}
    return {"kept_16_bit": kept} if kept else {}


_PARTS = ("attention", "ffn", "experts")
_LAYER = re.compile(r"(?:layers|blocks|h)[.\\]+(\d+)(?!\d)")


def _names(value: Any) -> Sequence[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _part(name: str) -> str:
    """The part of a layer that a module name or pattern means; "" for embeddings, head, router, vision and others."""
    lower = name.lower()
    if any(word in lower for word in ("vision", "visual", "audio", "mtp", "projector", "norm")):
        return ""
    if "attn" in lower or "attention" in lower or "mixer" in lower or re.search(r"[qkvo]_proj|kv_[ab]_", lower):
        return "attention"
    if "experts" in lower and "shared" not in lower:
        return "experts"
    if re.search(r"(mlp|moe)[.\\]*\.?(gate|router)\$?$", lower) or lower.endswith(("gate", "gate$", "router")):
        return ""
    return "ffn" if any(word in lower for word in ("mlp", "ffn", "feed_forward", "shared_expert", "_proj")) else ""


def _share(names: Sequence[str], layers: int) -> float:
    """Share of the layers that the names mean: all of them where a name has no number of a layer."""
    numbers = {match[1] if (match := _LAYER.search(name)) else "" for name in names}
    return 1.0 if "" in numbers else min(len(numbers) / layers, 1.0)
