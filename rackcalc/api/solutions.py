"""Goal seek and break-even from Python."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rackcalc.api.answers import Answer
from rackcalc.api.errors import in_python
from rackcalc.api.figures import Book, Figure
from rackcalc.api.racks import Source, rack_of, texts
from rackcalc.api.sweeps import Vary, ranges
from rackcalc.questions.solve.options import SolveOptions, solve_goal_of_text
from rackcalc.questions.solve.search import solve as solved
from rackcalc.questions.space_options import SpaceOptions
from rackcalc.render import solve as shown


@dataclass(frozen=True)
class Criterion:
    """A condition at one point, in the canonical `unit`; None where there is no number."""

    criterion: str
    actual: float | None
    limit: float | None
    unit: str
    holds: bool


@dataclass(frozen=True)
class Neighbour:
    """The point beside the answer along `variable`, which just fails: where it is, and what fails there.

    at: the values in canonical units, or words. refusal: why the rack cannot be computed there; None where it can.
    """

    variable: str
    at: Mapping[str, float | str]
    refusal: str | None
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Stretch:
    """Values of the first variable, from `start` to `stop`, at which everything holds.

    unknown_before, unknown_after: whether the rack cannot be computed before and after them.
    """

    start: float | str
    stop: float | str
    unknown_before: bool
    unknown_after: bool


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Answer):
    """The answer of a search. found: whether there is one; `if solution:` asks the same.

    at: the value of every variable at the answer, in canonical units (`units`), or its word; where there is no answer,
    at the point that comes closest. criteria: what holds there. refusal: why the rack cannot be computed even there.
    figures: those asked for, by path, at that point. just_fails: the points beside it that fail. holds: where along the
    first variable everything holds. points, computed, holding: how many were looked at, could be computed, and hold;
    refused: how many could not be computed, by reason.
    """

    found: bool
    at: Mapping[str, float | str]
    units: Mapping[str, str]
    criteria: tuple[Criterion, ...]
    refusal: str | None
    figures: Mapping[str, Figure]
    just_fails: tuple[Neighbour, ...]
    holds: tuple[Stretch, ...]
    points: int
    computed: int
    holding: int
    refused: Mapping[str, int]

    def __bool__(self) -> bool:
        return self.found

    def __repr__(self) -> str:
        where = ", ".join(f"{path} = {value}" for path, value in self.at.items())
        return f"<Solution {'at' if self.found else 'not found; closest at'} {where}>"


def solve(
    rack: Source,
    vary: Vary,
    so_that: str | Iterable[str],
    *,
    minimise: str = "",
    maximise: str = "",
    get: str | Iterable[str] = (),
    zipped: bool = False,
) -> Solution:
    """The first point of a range at which something holds, or the best of all at which it does.

    rack: whatever `load` takes. vary: the variables, as for `sweep`. so_that: what must hold: a limit, "latency.p99 < 2
    ms"; another figure, "stages.gpu.time < stages.lpu.time"; or the same of a scenario, "cost.tco < cost.tco in
    gpu-only". minimise, maximise: the figure that is to be smallest or largest; without, the first point of the range
    counts. get: further figures of the answer. zipped: the values side by side instead of every combination.

    Between the values of a continuous variable the search goes on, to five digits. A search that finds nothing is no
    error: `found` is False, and `at` comes closest. InputError when a value, a path or a condition is wrong.

    >>> found = solve("bert-a100", {"workload.batch": "1..64"}, "latency.p99 < 5 ms", maximise="throughput.capacity")
    >>> found.found, found.at["workload.batch"], found.figures["throughput.capacity"].unit
    (True, 9.0, 'request/s')
    """
    with in_python():
        held = rack_of(rack)
        options = SolveOptions(
            SpaceOptions(held.argument, held.scenario, held.sets, ranges(vary), zipped),
            so_that=texts(so_that, "so_that"),
            minimise=minimise,
            maximise=maximise,
            get=texts(get, "get"),
        )
        answer = solved(*solve_goal_of_text(options, held.text, held.file))
        data = shown.document(answer)
    point = data["answer" if answer.found else "closest"]
    book = Book(answer.best.figures)
    return Solution(
        data,
        shown.as_text(answer),
        found=answer.found,
        at=dict(point["at"]),
        units=dict(data["units"]),
        criteria=_criteria(point),
        refusal=point["refusal"],
        figures={path: book.figure(path) for path in point["figures"]},
        just_fails=tuple(
            Neighbour(one["variable"], dict(one["at"]), one["refusal"], _criteria(one)) for one in data["just_fails"]
        ),
        holds=tuple(
            Stretch(one["from"], one["to"], one["unknown_before"], one["unknown_after"]) for one in data["holds"]
        ),
        points=answer.points,
        computed=answer.computable,
        holding=answer.holding,
        refused=dict(data["refused"]),
    )


def _criteria(point: Mapping[str, Any]) -> tuple[Criterion, ...]:
    return tuple(Criterion(**item) for item in point["criteria"])
