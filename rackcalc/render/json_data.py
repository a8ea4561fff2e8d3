"""Data as JSON text: canonical units, and null for what is no finite number."""

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from rackcalc.quantities.problems import readable
from rackcalc.quantities.quantity import Quantity


def json_text(data: Any) -> str:
    """Data as indented JSON text. Names of files that are no UTF-8 stand as people read them: JSON is text."""
    text = json.dumps(data, indent=2)
    if "\\udc" in text:
        text = json.dumps(_readable(data), indent=2)
    return f"{text}\n"


def _readable(data: Any) -> Any:
    if isinstance(data, str):
        return readable(data)
    if isinstance(data, dict):
        return {key: _readable(value) for key, value in data.items()}
    return list(map(_readable, data)) if isinstance(data, list | tuple) else data


def json_number(value: float) -> float | None:
    """A number for JSON, which has neither nan nor inf: None for these."""
    return value if isfinite(value) else None


def json_value(value: float | str) -> float | str | None:
    """A number for JSON, or a word as it is."""
    return value if isinstance(value, str) else json_number(value)


def figure_data(
    quantity: Quantity, interval: tuple[float, float] | None = None, new: Sequence[str] = (), doubtful: bool = False
) -> dict[str, Any]:
    """One figure as {value, unit, kind}, and low and high with an interval. A reason says why value is null.

    new: what about it no measurement has. doubtful: it is not to be relied on.
    """
    value = float(quantity.value)
    data: dict[str, Any] = {"value": json_number(value), "unit": quantity.unit, "kind": quantity.kind}
    if not quantity.known:
        return data | {"reason": "; ".join(quantity.unknowns)}
    if not isfinite(value):
        data["reason"] = "not a number" if value != value else "unbounded" if value > 0 else "unbounded below"
    if interval is not None:
        data["low"], data["high"] = map(json_number, interval)
    return data | ({"novelty": [*new]} if new else {}) | ({"reliable": False} if doubtful else {})
