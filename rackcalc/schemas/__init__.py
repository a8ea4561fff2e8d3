"""Every JSON Schema there is, by name; beside this file as published. `make schemas` writes them anew."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

# name -> module and function; a new output is one line here
SCHEMAS = {
    "rack": ("rackcalc.schema", "rack_schema"),
    "estimate": ("rackcalc.output_schema", "estimate_schema"),
    "line": ("rackcalc.output_schema", "line_schema"),
    "check": ("rackcalc.report_schema", "check_schema"),
    "compare": ("rackcalc.report_schema", "compare_schema"),
    "claims": ("rackcalc.report_schema", "claims_schema"),
    "problems": ("rackcalc.output_schema", "problems_schema"),
    "explain": ("rackcalc.answer_schema", "explain_schema"),
    "link": ("rackcalc.answer_schema", "link_schema"),
    "validate": ("rackcalc.answer_schema", "validate_schema"),
    "sweep": ("rackcalc.planning_schema", "sweep_schema"),
    "solve": ("rackcalc.planning_schema", "solve_schema"),
    "uncertainty": ("rackcalc.planning_schema", "uncertainty_schema"),
}


def schema_of(name: str) -> dict[str, Any]:
    """The schema, from the declarations of today."""
    module, function = SCHEMAS[name]
    made: Callable[[], dict[str, Any]] = getattr(import_module(module), function)
    return made()


def write_all() -> None:
    """The published files."""
    from rackcalc.console import as_json

    for name in SCHEMAS:
        (Path(__file__).parent / f"{name}.json").write_text(as_json(schema_of(name)), encoding="utf-8")
