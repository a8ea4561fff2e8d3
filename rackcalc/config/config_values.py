"""Values of a config.json, checked: a ConfigError names the key that lacks or has a wrong value."""

from collections.abc import Mapping
from typing import Any

_LARGEST = 10**12
MOST_LAYERS = 10_000  # no model has a tenth of it


class ConfigError(ValueError):
    """The configuration lacks a key, has one of the wrong type, or describes what rackcalc cannot express."""


def whole(
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
            raise ConfigError(f"{key}: expected a whole number of at least {at_least}{upper}, got {shown(value)}")
        return int(value)
    if default is None:
        raise ConfigError(f"{keys[0]} is missing" + (f" (also looked for {', '.join(keys[1:])})" if keys[1:] else ""))
    return default


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
