"""Racks side by side from Python."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rackcalc.api.answers import Answer
from rackcalc.api.errors import DOCUMENT, in_python, unknown
from rackcalc.api.formers import formers_of, is_former
from rackcalc.api.racks import TEXT, Rack, Source, load, rack_of, texts
from rackcalc.quantities.problems import failure
from rackcalc.questions.compare.comparison import Column, column_of, find_column, former_column
from rackcalc.questions.compare.comparison import compare as compared
from rackcalc.render import compare as shown


@dataclass(frozen=True)
class Side:
    """One of what is compared. argument: as it was given. title: name and scenario."""

    argument: str
    title: str
    scenario: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One figure on all sides, in the canonical `unit`; None where a side has none.

    better: "lower", "higher", or None where neither is. values: one for each side. changes: to the baseline's; shares:
    the same as a share of the baseline's. best: the sides that are best.
    """

    path: str
    unit: str
    better: str | None
    values: tuple[float | None, ...]
    changes: tuple[float | None, ...]
    shares: tuple[float | None, ...]
    best: tuple[int, ...]


@dataclass(frozen=True)
class InputChange:
    """An input that is not the same in two racks, as text; "-" where one has none."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Part:
    """What one thing contributes to a change, in the figure's unit and as a share of the change."""

    name: str
    contribution: float | None
    share: float | None


@dataclass(frozen=True)
class Reason:
    """Why a figure of one side is not the baseline's.

    column: the place of the side. terms, inputs: parts, each of which add up to the change.
    """

    path: str
    column: int
    unit: str
    old: float | None
    new: float | None
    change: float | None
    terms: tuple[Part, ...]
    inputs: tuple[Part, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Answer):
    """Racks side by side; `comparison["latency.p99"]` is the Change of a figure.

    sides: what is compared; baseline: the place of the one that changes are from. figures: every figure, by path.
    inputs: for each side, the inputs that differ from the baseline's; None for a former estimate, which has none.
    reasons: why the headlines, or the figures asked for, moved.
    """

    sides: tuple[Side, ...]
    baseline: int
    figures: Mapping[str, Change]
    inputs: tuple[tuple[InputChange, ...] | None, ...]
    reasons: tuple[Reason, ...]

    def __getitem__(self, path: str) -> Change:
        if path not in self.figures:
            raise unknown(path, self.figures)
        return self.figures[path]

    def __repr__(self) -> str:
        return f"<Comparison of {' and '.join(repr(side.title) for side in self.sides)}>"


def compare(
    *racks: Source | Mapping[str, Any],
    scenarios: str | Iterable[str] = (),
    baseline: int | str = 0,
    paths: str | Iterable[str] = (),
) -> Comparison:
    """Racks, scenarios and former estimates side by side: what differs in them, what moved, and why.

    racks: whatever `load` takes, and former estimates: what `Result.to_dict` gave, or a JSON file of one. scenarios:
    further sides, each rack in each of them; a single rack is also compared as it is. baseline: what the changes are
    from, by its place, scenario or title. paths: figures to explain; without, the headlines that moved.

    InputError when there are not two sides, or when one of them cannot be computed.

    >>> found = compare("rack-of-god", scenarios="gpu-only")
    >>> change = found["latency.p99"]
    >>> round(change.shares[1], 3), change.best, found.inputs[1][0].path
    (-0.455, (1,), 'accelerators.lpu')
    """
    with in_python():
        columns = _columns(racks, texts(scenarios, "scenarios"))
        if len(columns) < 2:
            raise failure("nothing to compare with: give two racks, or one and scenarios=", "compare")
        place = find_column(columns, baseline) if isinstance(baseline, str) else baseline
        if not 0 <= place < len(columns):
            raise failure(f"expected a place from 0 to {len(columns) - 1}, got {place}", "baseline")
        found = compared(columns, place, texts(paths, "paths"))
        data = shown.document(found)
        return Comparison(
            data,
            shown.as_text(found),
            tuple(Side(**side | {"notes": tuple(side["notes"])}) for side in data["columns"]),
            place,
            {item["path"]: _change(item) for item in data["figures"]},
            tuple(None if some is None else tuple(InputChange(**item) for item in some) for some in data["inputs"]),
            tuple(_reason(item) for item in data["explanations"]),
        )


def _columns(given: Sequence[Any], scenarios: tuple[str, ...]) -> list[Column]:
    """The sides that everything given makes, in that order."""
    sides: list[Rack | Column] = []
    for one in given:
        if is_former(one):
            name = DOCUMENT if isinstance(one, Mapping) else os.fspath(one)
            sides += [former_column(name, former) for former in formers_of(one)]
            continue
        rack = rack_of(one)
        wanted = dict.fromkeys([rack.scenario, *scenarios] if len(given) == 1 or not scenarios else scenarios)
        sides += [rack if scenario == rack.scenario else load(rack, scenario) for scenario in wanted]
    racks = [side for side in sides if isinstance(side, Rack)]
    labels = iter(_labels(racks))
    return [column_of(next(labels), side.loaded, side.estimated) if isinstance(side, Rack) else side for side in sides]


def _labels(racks: Sequence[Rack]) -> list[str]:
    """What each rack is called: as it was given, with what was set where that differs; a number where all is one."""
    found: list[str] = []
    seen: Counter[tuple[str, str]] = Counter()
    for rack in racks:
        label = rack.name if rack.file in (DOCUMENT, TEXT) else rack.argument
        if len({other.sets for other in racks if other.argument == rack.argument}) > 1 and rack.sets:
            label += f" with {', '.join(rack.sets)}"
        seen[label, rack.scenario] += 1
        count = seen[label, rack.scenario]
        found.append(label if count == 1 else f"{label} ({count})")
    return found


def _change(item: Mapping[str, Any]) -> Change:
    rows: dict[str, Any] = {key: tuple(value) for key, value in item.items() if isinstance(value, list)}
    return Change(**{**item, **rows})


def _reason(item: Mapping[str, Any]) -> Reason:
    parts = {key: tuple(Part(**part) for part in item[key]) for key in ("terms", "inputs")}
    return Reason(**{**item, **parts})
