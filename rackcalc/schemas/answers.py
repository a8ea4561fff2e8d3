"""JSON Schemas of what explain, link and validate print."""

from typing import Any

from rackcalc.quantities.quantity import ALL_KINDS
from rackcalc.schemas.estimates import FIGURE, TEXT
from rackcalc.schemas.rack_file import DRAFT
from rackcalc.schemas.verdicts import COUNT, KNOWN, NUMBER, closed, listed, whole

LEFT_OUT = {"enum": ["part", "model"]}


def explain_schema() -> dict[str, Any]:
    """`explain --json`: a graph of a figure and what it was made of, every quantity once."""
    number = COUNT | {"description": "id of a node: its place in nodes"}
    node = {
        "type": "object",
        "properties": {
            "id": number,
            "value": KNOWN,
            "unit": TEXT,
            "kind": {"enum": list(ALL_KINDS)},
            "formula": TEXT | {"description": "key of formulas, of a computed value"},
            "inputs": {"type": "object", "additionalProperties": number},
            **dict.fromkeys(("name", "source", "file", "note"), TEXT),
            "line": COUNT,
        },
        "required": ["id", "value", "unit", "kind"],
        "additionalProperties": False,
    }
    return {"$schema": DRAFT, "title": "rackcalc explain"} | closed(
        figure=TEXT | {"description": "the path that was asked for: node 0"},
        nodes=listed(node, 1),
        formulas={"type": "object", "additionalProperties": closed(code=TEXT, cite=TEXT)},
        sources={"type": "object", "additionalProperties": TEXT, "description": "titles by reference"},
    )


def link_schema() -> dict[str, Any]:
    """`link --json`: figures by name, some in groups."""
    group = {"type": "object", "additionalProperties": {"anyOf": [FIGURE, {"$ref": "#/$defs/Group"}]}}
    return {"$schema": DRAFT, "title": "rackcalc link", "$ref": "#/$defs/Group", "$defs": {"Group": group}}


def validate_schema() -> dict[str, Any]:
    """`validate --json`: errors as fractions."""
    errors = dict.fromkeys(("mape", "median_ape", "bias", "worst", "coverage"), KNOWN)
    group = closed(kind=TEXT, group=TEXT, metric=TEXT, subject=TEXT, rows=COUNT, **errors)
    kind = closed(kind=TEXT, subject=TEXT, groups=COUNT, rows=COUNT, **errors)
    words = ("case", "kind", "group", "part", "parts", "model", "metric", "subject", "unit", "reason", "file")
    numbers = ("measured", "predicted", "low", "high", "error")
    row = closed(**dict.fromkeys(words, TEXT), **dict.fromkeys(numbers, KNOWN), line=COUNT)
    form = whole(
        "rackcalc.validate/1",
        rows=COUNT,
        answered=COUNT,
        groups=listed(group),
        kinds=listed(kind),
        unanswered=listed(closed(kind=TEXT, reason=TEXT, rows=COUNT)),
        worst=listed(row),
    )
    row_moved = closed(kind=TEXT, group=TEXT, case=TEXT, metric=TEXT, before=KNOWN, now=KNOWN)
    against = closed(
        worse=listed(closed(kind=TEXT, group=TEXT, subject=TEXT, rows=COUNT, before=KNOWN, now=KNOWN)),
        moved=listed(row_moved),
        gone=listed(closed(kind=TEXT, group=TEXT, case=TEXT, metric=TEXT, reason=TEXT)),
        newly_answered=COUNT,
    )
    form["properties"] |= {"baseline": against | {"description": "what is another than there; errors are fractions"}}
    factor = closed(value=NUMBER, low=NUMBER, high=NUMBER)
    own = closed(server=TEXT, rows=COUNT, fixed=factor, rates=factor)
    said = "for other loads of the same server: factors on fixed times and on rates; of one's own rows only"
    form["properties"] |= {"own_runs": listed(own) | {"description": said}}
    form["properties"] |= {"left_out": LEFT_OUT, "refitted": {"type": "object", "additionalProperties": TEXT}}
    return {"$schema": DRAFT, "title": "rackcalc validate", **form}
