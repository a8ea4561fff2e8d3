"""JSON Schema of rack files, from the declarations: for editors, and for anyone who generates racks."""

from typing import Any

from rackcalc.config.catalog_files import part_names
from rackcalc.quantities import units
from rackcalc.quantities.quantity import KINDS
from rackcalc.spec.fields import (
    REQUIRED,
    Declared,
    Flag,
    Length,
    Listing,
    Number,
    Part,
    Section,
    Table,
    Text,
    declarations,
)
from rackcalc.spec.lengths import FORMS, Lengths
from rackcalc.spec.part_kinds import CATALOG, FILES

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def rack_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a rack file. Dimensions of values are checked by rackcalc itself, not here."""
    from rackcalc.spec.rack import Rack
    from rackcalc.spec.years import Year

    definitions: dict[str, Any] = {}
    root = _object(Rack, definitions)
    overrides = {"type": "object", "description": "dotted path -> value", "additionalProperties": True}
    root["properties"]["scenarios"] = {
        "type": ["object", "null"],
        "description": "named overrides: what-ifs",
        "additionalProperties": overrides,
    }
    year = _object(Year, definitions)
    year["properties"] = {"set": overrides, **year["properties"]}
    root["properties"]["years"] = {
        "type": ["object", "null"],
        "description": "the rack year by year: 2024, mid-2025; what a year sets holds in later years too",
        "additionalProperties": year,
    }
    return {
        "$schema": DRAFT,
        "title": "rackcalc rack file",
        **root,
        "$defs": definitions,
    }


def _object(cls: type, definitions: dict[str, Any], all_optional: bool = False) -> dict[str, Any]:
    declared = declarations(cls)
    required = [name for name, d in declared.items() if _required(d)]
    schema: dict[str, Any] = {
        "type": "object",
        "description": (cls.__doc__ or "").split("\n")[0],
        "properties": {name: _schema(d, definitions) for name, d in declared.items()},
        "additionalProperties": False,
    }
    if required and not all_optional:
        schema["required"] = required
    said = [(name, d.elsewhere) for name, d in declared.items() if isinstance(d, Length) and d.elsewhere]
    if said and not all_optional:
        schema["allOf"] = [{"anyOf": [{"required": [name]}, {"required": [other]}]} for name, other in said]
    return schema


def _required(declared: Declared) -> bool:
    if isinstance(declared, Number | Text | Part):
        return declared.default == REQUIRED and not getattr(declared, "elsewhere", False)
    return isinstance(declared, Section | Table) and declared.required


def _reference(cls: type, definitions: dict[str, Any], all_optional: bool = False) -> dict[str, Any]:
    name = cls.__name__ + ("Overrides" if all_optional else "")
    if name not in definitions:
        definitions[name] = {}  # stands in while its own fields are built
        definitions[name].update(_object(cls, definitions, all_optional))
        if all_optional:
            extra = {"from": {"type": "string", "description": "the part to start from"}}
            for key, described in (FILES[kind] for kind in FILES if CATALOG[kind] is cls):
                extra[key] = {"type": "string", "description": described}
            definitions[name]["properties"] = extra | definitions[name]["properties"]
    return {"$ref": f"#/$defs/{name}"}


def _schema(declared: Declared, definitions: dict[str, Any]) -> dict[str, Any]:
    match declared:
        case Length():
            return _length(declared, definitions)
        case Number():
            return _number(declared, definitions)
        case Text():
            names = declared.choices or (part_names(declared.catalog) if declared.catalog else ())
            return {"description": declared.doc} | ({"enum": list(names)} if names else {"type": "string"})
        case Flag():
            return {"type": "boolean", "description": declared.doc, "default": declared.default}
        case Section():
            whole = _reference(declared.type, definitions)
            if declared.short:
                return {
                    "description": declared.doc,
                    "anyOf": [_schema(declarations(declared.type)[declared.short], definitions), whole],
                }
            return whole | {"description": declared.doc}
        case Part():
            known = {"enum": list(part_names(declared.kind))}
            return {
                "description": declared.doc,
                "anyOf": [known, _reference(CATALOG[declared.kind], definitions, True)],
            }
        case Table():
            of = declared.of
            inner = _reference(of, definitions) if isinstance(of, type) else _schema(of, definitions)
            schema = {"type": "object", "description": declared.doc}
            if declared.choices:
                return schema | {"properties": dict.fromkeys(declared.choices, inner), "additionalProperties": False}
            return schema | {"additionalProperties": inner}
        case Listing():
            of = declared.of
            items = _reference(of, definitions) if isinstance(of, type) else _schema(of, definitions)
            ends = {} if declared.length is None else dict.fromkeys(("minItems", "maxItems"), declared.length)
            return {"type": "array", "description": declared.doc, "items": items} | ends


def _number(declared: Number, definitions: dict[str, Any]) -> dict[str, Any]:
    example = declared.example or units.DIMENSIONS.get(declared.unit, ("", f"1 {declared.unit}"))[1]
    name = "Number" if declared.unit == "1" else "Value"
    definitions.setdefault(name, _ranged({"type": ["string", "number"] if name == "Number" else "string"}))
    schema: dict[str, Any] = {"description": declared.doc, "examples": [example], "$ref": f"#/$defs/{name}"}
    if declared.default is not None and declared.default != REQUIRED:
        schema["default"] = declared.default
    return schema


def _length(declared: Length, definitions: dict[str, Any]) -> dict[str, Any]:
    """A number, or a distribution in one of its forms."""
    number = _number(declared, definitions)
    if "Lengths" not in definitions:
        distribution = _object(Lengths, definitions)
        distribution["oneOf"] = [{"required": list(form if form[0] != "trace" else form[:1])} for form in FORMS]
        definitions["Lengths"] = distribution
    return {
        "description": number.pop("description"),
        "examples": number.pop("examples"),
        "anyOf": [number, {"$ref": "#/$defs/Lengths"}],
    }


def _ranged(plain: dict[str, Any]) -> dict[str, Any]:
    """A number as it is, or with its range and source."""
    text = {"type": "string"}
    ranged = {
        "type": "object",
        "properties": {
            "value": plain,
            "low": plain,
            "high": plain,
            "kind": {"enum": list(KINDS)},
            "source": text,
            "note": text,
        },
        "required": ["value"],
        "additionalProperties": False,
    }
    return {"anyOf": [plain, ranged]}
