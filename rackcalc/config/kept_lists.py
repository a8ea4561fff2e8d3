"""The lists of a quantization_config that say which modules are not quantized -> what stays in 16 bit of each part."""

from collections.abc import Mapping, Sequence
from typing import Any

from rackcalc.config.config_values import ConfigError, shown
from rackcalc.config.kept_modules import PARTS, Module, shares

_LISTS = (
    "modules_to_not_convert",
    "ignore",
    "ignored_layers",
    "exclude_modules",
    "llm_int8_skip_modules",
    "exclude",
)
_ONLY = "modules_in_block_to_quantize"  # lists of names, of GPTQ
_CLASSES = ("Linear", "LinearBase", "FusedMoE", "MoE")  # targets that mean every matrix
_SAID = {"attention": "attention", "ffn": "feed-forward layers", "experts": "routed experts"}
_BESIDE = "routers, shared experts and dense feed-forward layers"  # the part "ffn" of a model with experts


def kept(found: Mapping[str, Any], listed: Sequence[Module], layers: int) -> dict[str, Any]:
    """kept_16_bit and notes of spec.models.Model; a range where a name was not understood. {} where nothing stays."""
    left = [name for key in _LISTS for name in _names(found, key)] + _exceptions(found)
    ignored = shares(left, listed, layers)
    share, doubt, unknown = dict(ignored.share), dict(ignored.doubt), [*ignored.unknown]
    targets = _targets(found)
    if targets:
        chosen = shares(targets, listed, layers)
        for part, converted in chosen.share.items():
            share[part] = min(1.0, share[part] + 1 - converted)
        unknown += chosen.unknown
        low = {part: max(0.0, share[part] - more) for part, more in chosen.doubt.items()}
    else:
        low = {}
    fields: dict[str, Any] = {}
    for part in PARTS:
        least, most = low.get(part, share.get(part, 0.0)), min(1.0, share.get(part, 0.0) + doubt.get(part, 0.0))
        if most > least:
            note = "names of modules that were not understood: " + _some(unknown)
            fields[part] = {"value": share[part], "low": least, "high": most, "kind": "assumed", "note": note}
        elif most:
            fields[part] = most
    words = _SAID | ({"ffn": _BESIDE} if "experts" in share else {})
    said = [f"{_percent(share[part])} of the {words[part]}" for part in PARTS if share.get(part)]
    notes = [f"in the model's file, lists of modules keep in 16 bit: {', '.join(said)}"] if said else []
    if unknown:
        stated = "state model.kept_16_bit" if fields else "they are taken to be none of the layers' matrices"
        notes.append(
            f"{len(unknown)} names in its lists of modules that are not quantized were not understood "
            f"({_some(unknown)}): {stated}"
        )
    return ({"kept_16_bit": fields} if fields else {}) | ({"notes": notes} if notes else {})


def _percent(share: float) -> str:
    return "all" if share >= 1 else f"{100 * share:.2g}%"


def _some(names: Sequence[str]) -> str:
    quoted = [ascii(name[:60])[1:-1] for name in names[:2]]
    return ", ".join(quoted) + (", ..." if len(names) > 2 else "")


def _names(found: Mapping[str, Any], key: str) -> list[str]:
    value = found.get(key)
    if value is None or value is False:
        return []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"{key}: expected a list of names of modules, got {shown(value)}")
    return value


def _exceptions(found: Mapping[str, Any]) -> list[str]:
    """Modules with a setting of their own: of GPTQModel (dynamic) and AutoRound (extra_config)."""
    names = []
    for key in ("dynamic", "extra_config"):
        section = found.get(key)
        if section is None or section is False:
            continue
        if not isinstance(section, Mapping):
            raise ConfigError(f"{key}: expected an object, got {shown(section)}")
        for name, own in section.items():
            bits = own.get("bits", found.get("bits")) if isinstance(own, Mapping) else None
            if name.startswith("-:") or (isinstance(bits, int | float) and bits >= 16):
                names.append(name)
            elif bits != found.get("bits"):
                raise ConfigError(f"{key}: {shown(name)} has other bits than the rest; such a checkpoint has no field")
    return names


def _targets(found: Mapping[str, Any]) -> list[str]:
    """Names of the only modules that are quantized; [] where all are."""
    only = found.get(_ONLY)
    if only is not None:
        if not isinstance(only, list) or not all(isinstance(names, list) for names in only):
            raise ConfigError(f"{_ONLY}: expected lists of names of modules, got {shown(only)}")
        return [name for names in only for name in names if isinstance(name, str)]
    groups = found.get("config_groups")
    named = [
        name
        for group in (groups.values() if isinstance(groups, Mapping) else ())
        if isinstance(group, Mapping) and group.get("weights") is not None
        for name in _names(group, "targets")
    ]
    return [] if set(named) & set(_CLASSES) else named
