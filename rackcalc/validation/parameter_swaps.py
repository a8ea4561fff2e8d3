"""Other values for parameters of the catalog: in its records; of predictions, see replay.program.with_leaves."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from rackcalc.quantities.quantity import Quantity

Swaps = Mapping[int, Quantity]  # id of a leaf -> the leaf in its place


def moved(leaf: Quantity, value: float) -> Quantity:
    """The leaf at another value; its range is widened where the value lies outside."""
    low = leaf.low if leaf.low is None else min(leaf.low, value)
    high = leaf.high if leaf.high is None else max(leaf.high, value)
    return replace(leaf, value=value, low=low, high=high)


def swapped(part: Any, swaps: Swaps) -> Any:
    """A record with other leaves; itself where none of its leaves is concerned."""
    if isinstance(part, Quantity):
        return swaps.get(id(part), part)
    if isinstance(part, Mapping):
        changed = {key: swapped(value, swaps) for key, value in part.items()}
        return changed if any(changed[key] is not value for key, value in part.items()) else part
    if is_dataclass(part) and not isinstance(part, type):
        found = {item.name: getattr(part, item.name) for item in fields(part)}
        new = {name: swapped(value, swaps) for name, value in found.items()}
        return replace(part, **new) if any(new[name] is not value for name, value in found.items()) else part
    return part
