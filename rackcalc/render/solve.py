"""What was found, as lines for people and as JSON."""

import json
from collections.abc import Iterator
from typing import Any

from rackcalc.quantities import unit_text
from rackcalc.quantities.problems import printable
from rackcalc.questions.solve.holding_ranges import HoldingRange
from rackcalc.questions.solve.point_check import CheckedPoint, CriterionResult
from rackcalc.questions.solve.refinement import DIGITS, is_continuous
from rackcalc.questions.solve.search import Solution
from rackcalc.questions.space_options import Dimensions
from rackcalc.render.checks import distance
from rackcalc.render.data import number
from rackcalc.render.json import leaf
from rackcalc.render.rows import cell
from rackcalc.version import __version__

SCHEMA = "rackcalc.solve/1"


def as_text(answer: Solution) -> str:
    """The answer first, then what it rests on."""
    lines = found_lines(answer) if answer.found else missed_lines(answer)
    return "".join(f"{printable(line)}\n" for line in (*lines, *fate(answer)))


def found_lines(answer: Solution) -> Iterator[str]:
    """The point, the margins, the neighbours that fail, and where else it holds."""
    best, goal = answer.best, answer.goal
    yield place(best.point)
    yield from (f"  {margin(fact)}" for fact in best.results)
    for path in dict.fromkeys(path for path in (goal.objective.path, *goal.shown) if path in best.figures):
        yield f"  {path} = {cell(path, best.figures[path])}"
    for _, beside in answer.neighbours:
        yield f"just fails: {place(beside.point)}"
        yield from (f"  {reason}" for reason in reasons(beside))
    if not answer.neighbours:
        yield "no neighbour fails: the range ends here, or the best lies within"
    parts = [between(stretch) for stretch in answer.holding_ranges]
    path = best.point[0][0].path
    if len(parts) > 1:
        yield f"holds in {len(parts)} stretches of {path}: {'; '.join(parts)}"
    elif parts:
        yield f"holds for {path} {parts[0]}"
    else:
        yield "holds only between the values of the range"


def missed_lines(answer: Solution) -> Iterator[str]:
    """How close it came."""
    if answer.best.refusal:
        yield f"no answer: nothing can be compared: {answer.best.refusal}"
        return
    yield f"no answer: nothing in the range holds; closest: {place(answer.best.point)}"
    yield from (f"  {margin(fact)}" for fact in answer.best.results)


def fate(answer: Solution) -> Iterator[str]:
    """What became of the points, and how finely it was searched."""
    yield f"{answer.points:,} points, {answer.holding:,} hold, {answer.points - answer.computable:,} cannot be computed"
    for reason, count in sorted(answer.refused.items(), key=lambda entry: -entry[1]):
        yield f"  {count:,}: {reason}"
    if any(is_continuous(axes) for axes in answer.goal.question.dimensions):
        yield f"between the values of the range it was searched to {DIGITS} digits"


def place(point: Dimensions) -> str:
    """Every variable with its value."""
    return ", ".join(f"{axis.path} = {axis.shown(0)}" for axes in point for axis in axes)


def between(stretch: HoldingRange) -> str:
    """From where to where."""
    first, last = stretch.first.shown(0), stretch.last.shown(0)
    ends = first if first == last else f"{first} .. {last}"
    sides = " and ".join(side for side, here in zip(("before", "beyond"), stretch.unknown, strict=True) if here)
    return f"{ends} ({sides} it cannot be computed)" if sides else ends


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
    """Why a point does not count."""
    return [point.refusal] if point.refusal else [margin(fact) for fact in point.results if not fact.holds]


def values(point: Dimensions) -> dict[str, Any]:
    """Every variable with its value, in canonical units, or its word."""
    return {axis.path: axis.values[0] for axes in point for axis in axes}


def facts(point: CheckedPoint) -> dict[str, Any]:
    """A point, what holds there, or why it cannot be computed."""
    criteria = [
        {
            "criterion": fact.criterion.text,
            "actual": number(fact.actual),
            "limit": number(fact.limit),
            "unit": fact.criterion.unit,
            "holds": fact.holds,
        }
        for fact in point.results
    ]
    return {"at": values(point.point), "refusal": point.refusal or None, "criteria": criteria}


def as_json(answer: Solution) -> str:
    """Everything, in canonical units."""
    return json.dumps(document(answer), indent=2) + "\n"


def document(answer: Solution) -> dict[str, Any]:
    """The same as plain data."""
    best, goal = answer.best, answer.goal
    wanted = dict.fromkeys(path for path in (goal.objective.path, *goal.shown) if path in best.figures)
    data: dict[str, Any] = {"schema": SCHEMA, "rackcalc": __version__, "found": answer.found}
    data["units"] = {axis.path: axis.unit for axis in goal.question.axes if axis.unit is not None}
    data["answer" if answer.found else "closest"] = facts(best) | {
        "figures": {path: leaf(best.figures[path]) for path in wanted}
    }
    data["just_fails"] = [{"variable": name} | facts(beside) for name, beside in answer.neighbours]
    data["holds"] = [
        {
            "from": part.first.values[0],
            "to": part.last.values[0],
            **dict(zip(("unknown_before", "unknown_after"), map(bool, part.unknown), strict=True)),
        }
        for part in answer.holding_ranges
    ]
    data |= {"points": answer.points, "computed": answer.computable, "holding": answer.holding}
    data["refused"] = dict(answer.refused)
    return data
