"""`rackcalc solve`: the solution as lines for people and as JSON."""

from collections.abc import Iterator
from typing import Any

from rackcalc.quantities import unit_text
from rackcalc.quantities.problems import printable
from rackcalc.questions.solve.holding_ranges import HoldingRange
from rackcalc.questions.solve.point_check import CheckedPoint, CriterionResult
from rackcalc.questions.solve.refinement import DIGITS, is_continuous
from rackcalc.questions.solve.search import Solution
from rackcalc.questions.space_options import Dimensions
from rackcalc.render.cells import cell
from rackcalc.render.check import distance
from rackcalc.render.json_data import figure_data, json_number, json_text
from rackcalc.version import __version__

SCHEMA = "rackcalc.solve/1"


def as_text(result: Solution) -> str:
    """The solution, then how many points were searched."""
    notes = (f"note: {note}" for note in result.best.notes)
    lines = found_lines(result) if result.found else missed_lines(result)
    return "".join(f"{printable(line)}\n" for line in (*lines, *notes, *search_lines(result)))


def found_lines(result: Solution) -> Iterator[str]:
    """The best point with its margins, the neighbours that fail, and the ranges in which the criteria hold."""
    best, goal = result.best, result.goal
    yield point_text(best.point)
    yield from (f"  {margin(fact)}" for fact in best.results)
    for path in dict.fromkeys(path for path in (goal.objective.path, *goal.shown) if path in best.figures):
        yield f"  {path} = {cell(path, best.figures[path])}"
    for _, beside in result.neighbours:
        yield f"just fails: {point_text(beside.point)}"
        yield from (f"  {reason}" for reason in reasons(beside))
    if not result.neighbours:
        yield "the values next to this one hold too: it lies at the end of its range, or between others that hold"
    parts = [range_text(part) for part in result.holding_ranges]
    path = best.point[0][0].path
    if len(parts) > 1:
        yield f"holds in {len(parts)} ranges of {path}: {'; '.join(parts)}"
    elif parts:
        yield f"holds for {path} {parts[0]}"
    else:
        yield "holds only between the values of the range"


def missed_lines(result: Solution) -> Iterator[str]:
    """The closest point, where nothing holds."""
    if result.best.refusal:
        yield f"no answer, because nothing can be computed: {result.best.refusal}"
        return
    yield f"no answer: no value in the range holds; the closest is {point_text(result.best.point)}"
    yield from (f"  {margin(fact)}" for fact in result.best.results)


def search_lines(result: Solution) -> Iterator[str]:
    """How many points hold, fail and cannot be computed, and how finely the search was refined."""
    yield f"{result.points:,} points, {result.holding:,} hold, {result.points - result.computable:,} cannot be computed"
    for reason, count in sorted(result.refused.items(), key=lambda entry: -entry[1]):
        yield f"  {count:,}: {reason}"
    if any(is_continuous(axes) for axes in result.goal.question.dimensions):
        yield f"values between those of the range were searched too, to {DIGITS} digits"


def point_text(point: Dimensions) -> str:
    """Every variable with its value."""
    return ", ".join(f"{axis.path} = {axis.shown(0)}" for axes in point for axis in axes)


def range_text(found: HoldingRange) -> str:
    """A range in which the criteria hold, and on which sides of it they cannot be computed."""
    first, last = found.first.shown(0), found.last.shown(0)
    ends = first if first == last else f"{first} .. {last}"
    sides = " and ".join(side for side, unknown in zip(("below", "above"), found.unknown, strict=True) if unknown)
    return f"{ends} (the values {sides} cannot be computed)" if sides else ends


def margin(fact: CriterionResult) -> str:
    """A criterion with its two sides and the distance between them."""
    item = fact.criterion
    actual, limit = (unit_text.show(x, item.unit, absolute=item.absolute) for x in (fact.actual, fact.limit))
    if actual == limit:
        actual, limit = (
            unit_text.show(x, item.unit, absolute=item.absolute, digits=9) for x in (fact.actual, fact.limit)
        )
    apart = distance(fact.actual, fact.limit, item.unit, item.absolute)
    return f"{item.left} = {actual}, limit {limit} ({apart})"


def reasons(point: CheckedPoint) -> list[str]:
    """Why a point does not hold: its refusal, or the criteria that fail."""
    return [point.refusal] if point.refusal else [margin(fact) for fact in point.results if not fact.holds]


def values(point: Dimensions) -> dict[str, Any]:
    """Every variable with its value in canonical units, or with its word."""
    return {axis.path: axis.values[0] for axes in point for axis in axes}


def point_data(point: CheckedPoint) -> dict[str, Any]:
    """A point with the results of its criteria, or with the reason why it cannot be computed."""
    criteria = [
        {
            "criterion": fact.criterion.text,
            "actual": json_number(fact.actual),
            "limit": json_number(fact.limit),
            "unit": fact.criterion.unit,
            "holds": fact.holds,
        }
        for fact in point.results
    ]
    return {"at": values(point.point), "refusal": point.refusal or None, "criteria": criteria}


def as_json(result: Solution) -> str:
    """The whole solution in canonical units."""
    return json_text(document(result))


def document(result: Solution) -> dict[str, Any]:
    """The whole solution as plain data."""
    best, goal = result.best, result.goal
    wanted = dict.fromkeys(path for path in (goal.objective.path, *goal.shown) if path in best.figures)
    data: dict[str, Any] = {"schema": SCHEMA, "rackcalc": __version__, "found": result.found}
    data["units"] = {axis.path: axis.unit for axis in goal.question.axes if axis.unit is not None}
    data["answer" if result.found else "closest"] = point_data(best) | {
        "figures": {path: figure_data(best.figures[path]) for path in wanted}
    }
    data["just_fails"] = [{"variable": name} | point_data(beside) for name, beside in result.neighbours]
    data["holds"] = [
        {
            "from": part.first.values[0],
            "to": part.last.values[0],
            **dict(zip(("unknown_before", "unknown_after"), map(bool, part.unknown), strict=True)),
        }
        for part in result.holding_ranges
    ]
    data |= {"points": result.points, "computed": result.computable, "holding": result.holding}
    return data | {"refused": dict(result.refused), "notes": [*best.notes]}
