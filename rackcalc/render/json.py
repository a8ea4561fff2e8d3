"""Estimates as JSON: canonical units with the unit in the data, a schema version, never NaN."""

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from rackcalc import __version__
from rackcalc.quantity import Quantity
from rackcalc.tree import nested

SCHEMA = "rackcalc.estimate/1"


def leaf(quantity: Quantity) -> dict[str, Any]:
    """One figure: value, unit, kind; value null with the reason when it is not a finite number."""
    value = float(quantity.value)
    data: dict[str, Any] = {"value": value if isfinite(value) else None, "unit": quantity.unit, "kind": quantity.kind}
    if not isfinite(value):
        data["reason"] = "not a number" if value != value else "unbounded" if value > 0 else "unbounded below"
    return data


def document(estimate: Any) -> dict[str, Any]:
    """One estimate as plain data, figures under their dotted paths as nested mappings."""

    def convert(node: Any) -> Any:
        if isinstance(node, Quantity):
            return leaf(node)
        if isinstance(node, dict):
            return {name: convert(value) for name, value in node.items()}
        return node

    head = {"schema": SCHEMA, "rackcalc": __version__}
    return head | convert(nested(estimate)) | {"notes": list(estimate.notes)}


def render(reports: Sequence[Any]) -> str:
    """One object for one estimate, an array for several."""
    documents = [document(report) for report in reports]
    return json.dumps(documents[0] if len(documents) == 1 else documents, indent=2, ensure_ascii=False) + "\n"
