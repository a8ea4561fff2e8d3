"""JSON Schemas of what check, compare and claims print."""

from typing import Any

from rackcalc.quantities.quantity import ALL_KINDS
from rackcalc.questions.claims.judgement import VERDICTS
from rackcalc.questions.rack_changes.judge import STATES
from rackcalc.render import check as checks
from rackcalc.render import claims, compare, diff
from rackcalc.schemas.estimates import PROBLEM, TEXT
from rackcalc.schemas.rack_file import DRAFT

NUMBER = {"type": "number"}
KNOWN = {"type": ["number", "null"], "description": "in canonical units; null when there is no finite number"}
COUNT = {"type": "integer", "minimum": 0}
FLAG = {"type": "boolean"}
MAYBE = {"type": ["string", "null"]}
PLACE = {"file": TEXT, "line": COUNT}


def _gate() -> dict[str, Any]:
    """The verdict on one gate."""
    return closed(
        gate=TEXT,
        level={"enum": ["error", "warn"]},
        status={"enum": list(checks.STATUSES)},
        path=TEXT,
        compared={"enum": ["figure", "share", "change"]},
        **dict.fromkeys(("actual", "low", "high"), KNOWN),
        limit=NUMBER,
        unit=TEXT,
        **dict.fromkeys(("difference", "margin"), KNOWN),
        straddles=FLAG,
        **dict.fromkeys(("figure", "baseline"), KNOWN),
        kind={"enum": list(ALL_KINDS)},
        **PLACE,
        why=TEXT,
    )


def check_schema() -> dict[str, Any]:
    """`check --json`: one report, or an array of them."""
    known = {"name": TEXT, "scenario": TEXT, "file": TEXT, "passed": FLAG}
    lists = {"gates": listed(_gate()), "notes": listed(TEXT), "problems": listed(PROBLEM)}
    report = whole(checks.SCHEMA, **known, **lists)
    one = {"$ref": "#/$defs/Check"}
    form = {"anyOf": [one, {"type": "array", "items": one}]}
    return {"$schema": DRAFT, "title": "rackcalc check", **form, "$defs": {"Check": report}}


def diff_schema() -> dict[str, Any]:
    """`diff --json`."""
    move = closed(path=TEXT, unit=TEXT, before=KNOWN, after=KNOWN, share=KNOWN)
    rack = closed(
        file=TEXT | {"description": "path from the root of the repository; of a removed rack, that at BASE"},
        before=MAYBE | {"description": "path at BASE; null for an added rack"},
        state={"enum": list(STATES)},
        name=TEXT,
        scenario=TEXT,
        gates=listed(_gate()),
        unjudged=listed(TEXT) | {"description": "gates on changes, where there is no baseline"},
        moved=listed(move),
        notes=listed(TEXT),
        problems=listed(PROBLEM) | {"description": "why the rack cannot be judged"},
    )
    base = closed(name=TEXT, commit=TEXT)
    head = closed(name=TEXT, commit=MAYBE | {"description": "null for the working tree"})
    form = whole(diff.SCHEMA, base=base, head=head, passed=FLAG, racks=listed(rack, 1), notes=listed(TEXT))
    return {"$schema": DRAFT, "title": "rackcalc diff", **form}


def compare_schema() -> dict[str, Any]:
    """`compare --json`. values, changes and shares are in the order of the columns."""
    column = closed(argument=TEXT, title=TEXT, scenario=TEXT, notes=listed(TEXT))
    figure = closed(
        path=TEXT,
        unit=TEXT,
        better={"enum": ["lower", "higher", None]},
        **dict.fromkeys(("values", "changes", "shares"), listed(KNOWN)),
        best=listed(COUNT),
    )
    inputs = {"type": ["array", "null"], "items": closed(path=TEXT, old=TEXT, new=TEXT)}
    part = closed(name=TEXT, contribution=KNOWN, share=KNOWN)
    numbers = dict.fromkeys(("old", "new", "change"), KNOWN)
    explanation = closed(path=TEXT, column=COUNT, unit=TEXT, **numbers, terms=listed(part), inputs=listed(part))
    decision = closed(
        column=COUNT | {"description": "that pays in another way than the baseline"},
        saving=KNOWN | {"description": "USD of today that it costs less than the baseline"},
        month=KNOWN | {"description": "from which on one has paid less in all; null where none or one always has"},
        utilization=KNOWN | {"description": "at which both cost the same; null where one is cheaper at any"},
        cheaper_above={"type": ["boolean", "null"], "description": "whether it is the cheaper above that"},
        term=TEXT | {"description": "of cost.per_hour_terms, that differs most"},
        amount=KNOWN | {"description": "USD/s by which that term is higher than in the baseline"},
    )
    form = whole(
        compare.SCHEMA,
        baseline=COUNT,
        columns=listed(column, 2),
        figures=listed(figure),
        inputs=listed(inputs | {"description": "null where they are not known"}),
        explanations=listed(explanation),
        decisions=listed(decision),
        waiting=listed(
            closed(
                column=COUNT | {"description": "of a later year than the baseline"},
                years=NUMBER,
                npv_now=KNOWN,
                npv_later=KNOWN | {"description": "in its own year"},
                worth=KNOWN | {"description": "of waiting, in USD of the baseline's year"},
            )
        ),
    )
    return {"$schema": DRAFT, "title": "rackcalc compare", **form}


def claims_schema() -> dict[str, Any]:
    """`claims --json`."""
    claim = closed(
        says=TEXT,
        verdict={"enum": list(VERDICTS)},
        rack_is={"enum": ["worse", "better", None], "description": "than claimed"},
        factor=KNOWN | {"description": "claimed over computed value"},
        **dict.fromkeys(("expect", "scenario", "against", "path"), MAYBE),
        **dict.fromkeys(("actual", "low", "high", "expected", "tolerance"), KNOWN),
        unit=MAYBE,
        kind={"enum": [*ALL_KINDS, None]},
        formula=MAYBE,
        cite=MAYBE,
        reason=TEXT,
        source=MAYBE,
        note=MAYBE,
        **PLACE,
    )
    counts = closed(**dict.fromkeys(VERDICTS, COUNT))
    form = whole(claims.SCHEMA, name=TEXT, counts=counts, claims=listed(claim, 1), notes=listed(TEXT))
    return {"$schema": DRAFT, "title": "rackcalc claims", **form}


def closed(**properties: Any) -> dict[str, Any]:
    """An object of exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def whole(known_as: str, /, **properties: Any) -> dict[str, Any]:
    """A document that says what it is."""
    return closed(schema={"const": known_as}, rackcalc=TEXT | {"description": "version of the program"}, **properties)


def listed(of: Any, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": of} | ({"minItems": least} if least else {})
