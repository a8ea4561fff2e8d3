"""JSON Schemas of what sweep, solve and uncertainty print."""

from typing import Any

from rackcalc.questions.claims.judgement import VERDICTS
from rackcalc.render import solve, sweep, uncertainty
from rackcalc.schemas.estimates import FIGURE, TEXT
from rackcalc.schemas.rack_file import DRAFT
from rackcalc.schemas.verdicts import COUNT, FLAG, closed

NUMBER = {"type": ["number", "null"], "description": "in the canonical unit; null when it is not finite"}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
VALUE = {"type": ["number", "string", "null"], "description": "in the canonical unit, or a word; null: not finite"}
PLACE = {"type": "string", "description": "file:line:column of the catalog or rack; empty without one"}


def by(values: Any, names: str) -> dict[str, Any]:
    """An object with any names."""
    return {"type": "object", "description": f"by {names}", "additionalProperties": values}


def several(items: Any) -> dict[str, Any]:
    """An array."""
    return {"type": "array", "items": items}


def whole(title: str, schema: str, optional: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """A document. optional: of the properties, those that are there only when asked for."""
    found = closed(schema={"const": schema}, rackcalc=TEXT, **properties)
    found["required"] = [name for name in found["required"] if name not in optional]
    return {"$schema": DRAFT, "title": title} | found


def sweep_schema() -> dict[str, Any]:
    """`sweep --json`."""
    points = several(by(VALUE, "path of an axis or figure"))
    optional = {"all": points, "top": points, "pareto": points}
    optional["stats"] = by(by(NUMBER, "name of the statistic"), "path of a figure")
    return whole(
        "rackcalc sweep",
        sweep.SCHEMA,
        tuple(optional),
        units=by(TEXT, "path of an axis or figure"),
        points=COUNT,
        matches=COUNT,
        outside=COUNT,
        refused=by(COUNT, "reason"),
        no_number=by(COUNT, "figure"),
        unknown=by(TEXT, "figure"),
        notes=several(TEXT),
        **optional,
    )


def solve_schema() -> dict[str, Any]:
    """`solve --json`."""
    criterion = closed(criterion=TEXT, actual=NUMBER, limit=NUMBER, unit=TEXT, holds=FLAG)
    refusal = {"type": ["string", "null"], "description": "why it cannot be computed"}
    point = {"at": by(VALUE, "variable"), "refusal": refusal, "criteria": several(criterion)}
    best = closed(**point, figures=by({"$ref": "#/$defs/Figure"}, "path"))
    found = whole(
        "rackcalc solve",
        solve.SCHEMA,
        ("answer", "closest"),
        found=FLAG,
        units=by(TEXT, "variable"),
        answer=best,
        closest=best,
        just_fails=several(closed(variable=TEXT, **point)),
        holds=several(closed(**{"from": VALUE, "to": VALUE}, unknown_before=FLAG, unknown_after=FLAG)),
        points=COUNT,
        computed=COUNT,
        holding=COUNT,
        refused=by(COUNT, "reason"),
        notes=several(TEXT),
    )
    one = [{"required": ["answer"]}, {"required": ["closest"]}]
    return found | {"oneOf": one, "$defs": {"Figure": FIGURE}}


def uncertainty_schema() -> dict[str, Any]:
    """`uncertainty --json`."""
    effect = {"doubt": TEXT, "place": PLACE, "at_p10": NUMBER, "at_p90": NUMBER}
    effect |= {"first_order": NUMBER, "total": NUMBER}
    level, status = {"enum": ["error", "warn"]}, {"enum": ["pass", "warn", "fail"]}
    claim = {"says": TEXT, "expect": TEXT, "scenario": TEXT, "verdict": {"enum": list(VERDICTS)}}
    return whole(
        "rackcalc uncertainty",
        uncertainty.SCHEMA,
        name=TEXT,
        scenario=TEXT,
        samples=COUNT,
        seed=COUNT,
        doubts=COUNT,
        figures=by(closed(value=NUMBER, unit=TEXT, p10=NUMBER, p50=NUMBER, p90=NUMBER, no_number=SHARE), "path"),
        gates=several(closed(gate=TEXT, level=level, status=status, holds=SHARE)),
        claims=several(closed(**claim, holds=SHARE)),
        cannot_work=by(SHARE, "reason"),
        effects=by(several(closed(**effect)), "path"),
    )
