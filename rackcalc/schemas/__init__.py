"""Every JSON Schema there is, by name; beside this file as published. `make schemas` writes them anew."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

# name -> module and function; a new output is one line here
SCHEMAS = {
    "rack": ("rackcalc.schemas.rack_file", "rack_schema"),
    "estimate": ("rackcalc.schemas.estimates", "estimate_schema"),
    "line": ("rackcalc.schemas.estimates", "line_schema"),
    "check": ("rackcalc.schemas.verdicts", "check_schema"),
    "diff": ("rackcalc.schemas.verdicts", "diff_schema"),
    "compare": ("rackcalc.schemas.verdicts", "compare_schema"),
    "claims": ("rackcalc.schemas.verdicts", "claims_schema"),
    "problems": ("rackcalc.schemas.estimates", "problems_schema"),
    "explain": ("rackcalc.schemas.answers", "explain_schema"),
    "link": ("rackcalc.schemas.answers", "link_schema"),
    "validate": ("rackcalc.schemas.answers", "validate_schema"),
    "sweep": ("rackcalc.schemas.planning", "sweep_schema"),
    "solve": ("rackcalc.schemas.planning", "solve_schema"),
    "uncertainty": ("rackcalc.schemas.planning", "uncertainty_schema"),
}


def schema_of(name: str) -> dict[str, Any]:
    """The schema, from the declarations of today."""
    module, function = SCHEMAS[name]
    made: Callable[[], dict[str, Any]] = getattr(import_module(module), function)
    return made()


def write_all() -> None:
    """The published files."""
    from rackcalc.render.json_data import json_text

    for name in SCHEMAS:
        (Path(__file__).parent / f"{name}.json").write_text(json_text(schema_of(name)), encoding="utf-8")
