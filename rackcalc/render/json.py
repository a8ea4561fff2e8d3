"""Estimates as JSON: canonical units with the unit in the data, a schema version, never NaN."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from rackcalc.quantities.figures import nested, selected
from rackcalc.quantities.quantity import Quantity
from rackcalc.version import __version__

SCHEMA = "rackcalc.estimate/1"


def leaf(quantity: Quantity, ends: tuple[float, float] | None = None) -> dict[str, Any]:
    """One figure: value, unit, kind; null with the reason when it is not a finite number. ends: of its interval."""
    value = float(quantity.value)
    data: dict[str, Any] = {"value": value if isfinite(value) else None, "unit": quantity.unit, "kind": quantity.kind}
    if not isfinite(value):
        data["reason"] = "not a number" if value != value else "unbounded" if value > 0 else "unbounded below"
    if ends is not None:
        data["low"], data["high"] = (end if isfinite(end) else None for end in ends)
    return data


def document(estimate: Any, interval: bool = True, paths: Sequence[str] = ()) -> dict[str, Any]:
    """One estimate as plain data, figures under their dotted paths as nested mappings.

    interval: with low and high, the 80 % interval. paths: of the figures wanted; all without any.
    """
    wanted = selected(estimate, paths)
    known = intervals_of(estimate, wanted if paths else None) if interval else {}
    leaves = {path: leaf(quantity, known.get(path)) for path, quantity in wanted.items()}
    return {"schema": SCHEMA, "rackcalc": __version__} | placed(nested(estimate), leaves) | {"notes": [*estimate.notes]}


def placed(node: Any, leaves: Mapping[str, Any], path: str = "") -> Any:
    """Nested groups with the leaves at their paths; groups that have none are left out."""
    if isinstance(node, Quantity):
        return leaves.get(path)
    if not isinstance(node, dict):
        return node
    items = {name: placed(value, leaves, f"{path}.{name}" if path else name) for name, value in node.items()}
    kept = {name: value for name, value in items.items() if value is not None}
    return kept if not path or any(isinstance(value, dict) for value in kept.values()) else None


def intervals_of(estimate: Any, wanted: Mapping[str, Quantity] | None) -> dict[str, tuple[float, float]]:
    """80 % intervals by path, of all figures or those wanted; the module is read only when somebody asks."""
    from rackcalc.replay.intervals import intervals

    return intervals(estimate, wanted)


def render(reports: Sequence[Any], interval: bool = True, paths: Sequence[str] = ()) -> str:
    """One object for one estimate, an array for several."""
    documents = [document(report, interval, paths) for report in reports]
    return json.dumps(documents[0] if len(documents) == 1 else documents, indent=2) + "\n"
