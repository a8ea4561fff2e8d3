"""JSON Schemas of what rackcalc prints, from the records of a result: for whoever reads it in a program."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from rackcalc.estimation.figure_meanings import meaning_of
from rackcalc.quantities.quantity import ALL_KINDS, Quantity
from rackcalc.render import estimate_json as report
from rackcalc.render import estimate_jsonl as jsonl
from rackcalc.render.problems import PROBLEM_KEYS
from rackcalc.schemas.rack_file import DRAFT

TEXT = {"type": "string"}
END = {"type": ["number", "null"], "description": "end of the 80 % interval; null when it is not finite"}
FIGURE = {
    "type": "object",
    "description": "one figure in its canonical unit",
    "properties": {
        "value": {"type": ["number", "null"], "description": "null when it is not finite; then there is a reason"},
        "unit": TEXT,
        "kind": {"enum": list(ALL_KINDS), "description": "the weakest kind of source behind it"},
        "reason": TEXT
        | {"description": "not a number, unbounded, unbounded below; or, of kind unknown, what is not known"},
        "low": END,
        "high": END,
        "novelty": {
            "type": "array",
            "items": TEXT,
            "minItems": 1,
            "description": "what about it no measurement has; left out where nothing is new",
        },
        "reliable": {
            "const": False,
            "description": "not to be relied on: its 80 % interval is wider than a factor of two; else left out",
        },
    },
    "required": ["value", "unit", "kind"],
    "dependentRequired": {"low": ["high"], "high": ["low"]},
    "if": {"properties": {"value": {"type": "null"}}},
    "then": {"required": ["reason"]},
    "additionalProperties": False,
}
PROBLEM = {
    "type": "object",
    "properties": {name: {"type": "integer" if kind is int else "string"} for name, kind in PROBLEM_KEYS.items()},
    "required": list(PROBLEM_KEYS),
    "additionalProperties": False,
}


def estimate_schema() -> dict[str, Any]:
    """`estimate --json`: one report, or an array of them."""
    definitions = _reports()
    one = {"$ref": "#/$defs/Estimate"}
    form = {"anyOf": [one, {"type": "array", "items": one}]}
    return {"$schema": DRAFT, "title": "rackcalc estimate", **form, "$defs": definitions}


def line_schema() -> dict[str, Any]:
    """A line of `estimate --format jsonl`: a report, or why there is none."""
    refused: dict[str, Any] = {
        "type": "object",
        "description": "a rack that cannot be computed",
        "properties": {
            "schema": {"const": jsonl.REFUSED},
            "rackcalc": TEXT,
            "rack": TEXT,
            "scenario": TEXT,
            "problems": {"type": "array", "items": {"$ref": "#/$defs/Problem"}, "minItems": 1},
        },
        "additionalProperties": False,
    }
    refused["required"] = list(refused["properties"])
    form = {"anyOf": [{"$ref": "#/$defs/Estimate"}, {"$ref": "#/$defs/Refused"}]}
    definitions = _reports() | {"Refused": refused, "Problem": PROBLEM}
    return {"$schema": DRAFT, "title": "rackcalc estimate, one line", **form, "$defs": definitions}


def problems_schema() -> dict[str, Any]:
    """What --error-format json writes to standard error."""
    return {"$schema": DRAFT, "title": "rackcalc problems", "type": "array", "items": PROBLEM}


def _reports() -> dict[str, Any]:
    """Definitions of a report and of all that is in it."""
    from rackcalc.estimation.result import Estimate

    definitions: dict[str, Any] = {"Figure": FIGURE}
    _form(Estimate, definitions, "")
    whole = definitions["Estimate"]
    head = {"schema": {"const": report.SCHEMA}, "rackcalc": TEXT | {"description": "version of the program"}}
    whole["properties"] = head | whole["properties"]
    whole["required"] = [*head, "name", "scenario", "subject", "notes"]  # --get leaves the others out
    return definitions


def _form(kind: Any, definitions: dict[str, Any], path: str) -> dict[str, Any]:
    """The schema of a type; records become definitions. path: where it stands in a result, with `*` for any name."""
    if get_origin(kind) is UnionType:
        (kind,) = (part for part in get_args(kind) if part is not NoneType)  # what is None is left out
    if kind is Quantity:
        known = meaning_of(path)
        said = {} if known is None else {"description": f"{known.meaning} Unit: {known.unit}."}
        return {"$ref": "#/$defs/Figure"} | said
    if kind is str:
        return TEXT
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _form(get_args(kind)[0], definitions, path)}
    if get_origin(kind) in (Mapping, dict):
        return {"type": "object", "additionalProperties": _form(get_args(kind)[1], definitions, f"{path}.*")}
    if not is_dataclass(kind):
        raise TypeError(f"no JSON form for {kind}")
    return _record(kind, definitions, path)


def _record(cls: Any, definitions: dict[str, Any], path: str) -> dict[str, Any]:
    if cls.__name__ not in definitions:
        hints = get_type_hints(cls)
        definitions[cls.__name__] = {
            "type": "object",
            "description": " ".join((cls.__doc__ or "").split()),
            "properties": {
                item.name: _form(hints[item.name], definitions, f"{path}.{item.name}".lstrip("."))
                for item in fields(cls)
            },
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{cls.__name__}"}
