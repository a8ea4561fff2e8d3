"""The quantization_config of a model's file -> the format of its weights, and what stays in 16 bit.

Takes parsed JSON and returns plain values. A method that is not known is said to be unknown, never guessed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rackcalc.config.config_values import ConfigError, shown, whole
from rackcalc.config.kept_lists import kept
from rackcalc.config.kept_modules import Module

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
_DTYPES = {"bfloat16": "bf16", "float16": "fp16"}
_SCALE = 2.0  # bytes of the 16-bit scale of a group of integer weights
# Half of the values, and a bit for each weight: compressed-tensors, Sparse24BitMaskTensor and pack_bitmasks
_SPARSE_24 = "sparse-24-bitmask"
_WIDE = {"bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0}


def weight_fields(
    data: Mapping[str, Any],
    config: Mapping[str, Any],
    sparse: bool = False,
    encoder: bool = False,
    modules: Callable[[], tuple[Sequence[Module], int]] = lambda: ((), 1),
) -> dict[str, Any]:
    """The fields of spec.models.Model that say how the weights are stored. data: the file; config: its language model.

    sparse: it has experts. modules: the matrices of the model, and its number of layers or blocks.

    >>> weight_fields({"quantization_config": {"quant_method": "awq", "bits": 4}}, {})
    {'format': 'int4', 'quantization': 'awq, 4 bit'}
    """
    found = _quantization(data, config)
    if found is None:
        return _published(data, config, encoder)
    fields = _format(found)
    fields |= _sparse_24(found, fields, _published(data, config, encoder))
    fields["quantization"] = _in_words(found)
    method = str(found.get("quant_method", "")).lower()
    if method == "mxfp4" and sparse:
        fields["format"] = "bf16"  # the experts alone are in MXFP4: experts.format says so
    elif fields.get("format"):
        more = kept(found, *modules())
        fields |= more | ({"notes": fields.get("notes", []) + more.get("notes", [])} if "notes" in fields else {})
    return fields


def _published(data: Mapping[str, Any], config: Mapping[str, Any], encoder: bool) -> dict[str, Any]:
    """The format that a file without quantization says. 32 bit are served in 16, as engines do.

    vLLM, vllm/config/model.py, _resolve_auto_dtype: "Downcast for float32 models", to bfloat16, or to float16 for
    pooling models.
    """
    places = [(place, key) for place in (config, data) for key in ("dtype", "torch_dtype") if place.get(key)]
    if not places:
        return {}
    place, key = places[0]
    name = place[key]
    if name == "float32":
        format_ = "fp16" if encoder else "bf16"
        return {
            "format": format_,
            "notes": [
                f"{key} of the model's file says float32: where workload.precision is left out, "
                f"it is computed in {format_}, to which engines convert such weights"
            ],
        }
    return {"format": _DTYPES[name]} if isinstance(name, str) and name in _DTYPES else {}


def _sparse_24(found: Mapping[str, Any], fields: Mapping[str, Any], published: Mapping[str, Any]) -> dict[str, Any]:
    """Format and bytes of weights of which two in four are zero and left out; {} for dense ones."""
    section = found.get("sparsity_config")
    kinds = [found.get("format")]
    if section is not None:
        if not isinstance(section, Mapping):
            raise ConfigError(f"sparsity_config: expected an object, got {shown(section)}")
        kinds.append(section.get("format"))
    for kind in kinds:
        if kind in ("sparse-bitmask", "marlin-24"):
            raise ConfigError(f"sparsity_config: the size of weights in the format {kind} is not known")
    if section is None or section.get("format") in (None, "dense"):
        return {}
    if section["format"] != _SPARSE_24:
        raise ConfigError(f"sparsity_config: format {shown(section['format'])}: expected dense or {_SPARSE_24}")
    if section.get("ignore"):
        raise ConfigError("sparsity_config: ignore: modules that stay dense among sparse ones have no field")
    format_ = fields.get("format", published.get("format"))
    if format_ not in _WIDE or "bytes_per_weight" in fields:
        raise ConfigError(f"sparsity_config: {_SPARSE_24} is read for weights in bf16, fp16, fp8 and int8 only")
    each = _WIDE[format_] / 2 + 1 / 8
    note = f"sparsity_config: {_SPARSE_24} weights have half of their values and a bit each; computed as fast as dense"
    return {"format": format_, "bytes_per_weight": f"{each!r} B", "notes": [*published.get("notes", []), note]}


def expert_format(data: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """Format of the experts where it differs from that of the rest."""
    found = _quantization(data, config) or {}
    experts = found.get("expert_dtype", config.get("expert_dtype"))
    return "mxfp4" if found.get("quant_method") == "mxfp4" or experts in ("fp4", "mxfp4") else None


def _quantization(data: Mapping[str, Any], config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The section that describes the quantization, from the file or its language model; None without one.

    ConfigError, naming the key, when it or a value in it is malformed.
    """
    for place in (data, config):
        for key in _KEYS:
            found = place.get(key)
            if found is not None and not isinstance(found, Mapping):
                raise ConfigError(f"{key}: expected an object, got {shown(found)}")
            if found:
                _check(found, key)
                return found
    return None


_BITS = ("bits", "w_bit", "weight_bits")
_SIZES = ("group_size", "q_group_size")
_WORDS = ("quant_method", "quant_algo", "expert_dtype", "format")
_FLAGS = ("zero_point", "sym", "load_in_4bit", "load_in_8bit", "_load_in_4bit", "_load_in_8bit")


def _check(found: Mapping[str, Any], key: str) -> None:
    """ConfigError, naming the key, for a value of a wrong type or one that no checkpoint can have."""
    for name in _WORDS:
        if found.get(name) is not None and not isinstance(found[name], str):
            raise ConfigError(f"{key}.{name}: expected a word, got {shown(found[name])}")
    for name in _FLAGS:
        if found.get(name) is not None and not isinstance(found[name], bool):
            raise ConfigError(f"{key}.{name}: expected true or false, got {shown(found[name])}")
    for name in _BITS:
        bits = found.get(name)
        if str(found.get("quant_method", "")).lower() in _INTEGER_METHODS:
            _whole(found, name, key, at_most=32)
        elif bits is not None and (_number(bits) is None or not 1 <= bits <= 32):  # EXL2 has means such as 4.65
            raise ConfigError(f"{key}.{name}: expected a number from 1 to 32, got {shown(bits)}")
    for name in _SIZES:
        _group_size(found, name, key)
    groups = found.get("config_groups")
    if groups is None:
        return
    if not isinstance(groups, Mapping):
        raise ConfigError(f"{key}.config_groups: expected an object, got {shown(groups)}")
    for group, section in groups.items():
        path = f"{key}.config_groups.{shown(group)[1:-1]}"
        if not isinstance(section, Mapping):
            raise ConfigError(f"{path}: expected an object, got {shown(section)}")
        weights = section.get("weights")
        if weights is None:
            continue
        if not isinstance(weights, Mapping):
            raise ConfigError(f"{path}.weights: expected an object, got {shown(weights)}")
        _whole(weights, "num_bits", f"{path}.weights", at_most=32)
        _group_size(weights, "group_size", f"{path}.weights")
        if weights.get("type") not in (None, "int", "float"):
            raise ConfigError(f"{path}.weights.type: expected int or float, got {shown(weights['type'])}")
        if not isinstance(weights.get("symmetric", True), bool):
            raise ConfigError(f"{path}.weights.symmetric: expected true or false, got {shown(weights['symmetric'])}")


def _whole(section: Mapping[str, Any], name: str, path: str, at_most: int = 10**6) -> None:
    if section.get(name) is not None:
        whole({f"{path}.{name}": section[name]}, (f"{path}.{name}",), at_most=at_most)


def _group_size(section: Mapping[str, Any], name: str, path: str) -> None:
    """-1, and 0 in some files, mean one scale for a whole channel."""
    if _number(section.get(name)) not in (-1.0, 0.0):
        _whole(section, name, path)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _format(found: Mapping[str, Any]) -> dict[str, Any]:
    """format and bytes_per_weight; {} where the method is not known."""
    method = str(found.get("quant_method", "")).lower()
    bits = next((n for key in _BITS if (n := _number(found.get(key))) is not None), None)
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
    each = [_of_group(group) for group in groups.values() if group.get("weights") is not None]
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
