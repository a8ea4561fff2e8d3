"""`rackcalc link`: the figures of one transfer as aligned lines and as data."""

from typing import Any

from rackcalc.quantities.display import show_value
from rackcalc.quantities.figures import figures, nested
from rackcalc.render.estimate_json import placed
from rackcalc.render.json_data import figure_data


def as_text(result: Any, title: str) -> str:
    """A line for every figure, aligned."""
    pairs = [(path, show_value(quantity)) for path, quantity in figures(result)]
    width = max(len(path) for path, _ in pairs)
    return "\n".join([title, *(f"  {path:{width}}  {value}" for path, value in pairs)]) + "\n"


def as_data(result: Any) -> Any:
    """The figures as nested mappings of {value, unit, kind}."""
    return placed(nested(result), {path: figure_data(quantity) for path, quantity in figures(result)})
