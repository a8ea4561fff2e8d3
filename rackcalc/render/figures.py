"""A small result (one transfer, say) as aligned lines and as data."""

from typing import Any

from rackcalc.quantities.display import show_value
from rackcalc.quantities.figures import figures, nested
from rackcalc.render.json import leaf, placed


def as_text(result: Any, title: str) -> str:
    """One figure a line, aligned."""
    pairs = [(path, show_value(quantity)) for path, quantity in figures(result)]
    width = max(len(path) for path, _ in pairs)
    return "\n".join([title, *(f"  {path:{width}}  {value}" for path, value in pairs)]) + "\n"


def as_data(result: Any) -> Any:
    """The result as nested mappings of {value, unit, kind}."""
    return placed(nested(result), {path: leaf(quantity) for path, quantity in figures(result)})
