"""Plain data as JSON text."""

from math import isfinite
from typing import Any


def as_json(data: Any) -> str:
    """Data as indented JSON text."""
    import json

    return json.dumps(data, indent=2) + "\n"


def number(value: float) -> float | None:
    """A number for JSON, which knows no nan and no inf."""
    return value if isfinite(value) else None
