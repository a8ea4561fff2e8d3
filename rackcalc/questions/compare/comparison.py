"""Racks and scenarios side by side: their figures, the inputs that differ, and the causes of each change."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from math import isfinite
from typing import Any

from rackcalc.config.racks import Loaded
from rackcalc.quantities import changes
from rackcalc.quantities.display import is_temperature
from rackcalc.quantities.figures import figures
from rackcalc.quantities.former_names import name_in
from rackcalc.quantities.problems import InputError, Problem, failure, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record, replace
from rackcalc.questions.better_side import better_side
from rackcalc.questions.compare import attribution, ways_to_pay
from rackcalc.questions.compare.input_differences import Difference, differences
from rackcalc.questions.compare.waiting import Waiting, waiting
from rackcalc.questions.compare.ways_to_pay import Decision
from rackcalc.questions.former_estimates import FormerEstimate

HEADLINES = (
    "latency.p99",
    "latency.ttft",
    "latency.tpot",
    "throughput.capacity",
    "throughput.at_concurrency",
    "power.it",
    "cost.capex",
    "cost.tco",
    "cost.per_million_output_tokens",
    "roi.value",
)
# The figures that add up to a figure. For former estimates, of which there is JSON but no graph of formulas.
MADE_OF = {
    "latency.*": ("stages.*.time", "latency.wait"),
    "stages.*.time": ("{}.terms.*",),
    "power.it": ("power.chips", "power.fans", "power.host"),
    "power.peak.it": ("power.peak.chips", "power.peak.fans", "power.peak.host"),
    "cost.capex": ("cost.capex_terms.*",),
    "cost.opex": ("cost.opex_terms.*",),
    "cost.per_hour": ("cost.per_hour_terms.*",),
    "roi.value": ("roi.value_terms.*",),
}
REST = "the rest"


@record
class Column:
    """One rack in one scenario. argument: its name on the command line. loaded: None for a former estimate."""

    argument: str
    title: str
    scenario: str
    figures: Mapping[str, Quantity]
    notes: tuple[str, ...]
    loaded: Loaded | None = None


@record
class Cell:
    """A figure of a column. change: from the baseline, in its unit; share: as a share of the baseline; nan without."""

    quantity: Quantity | None
    change: float
    share: float
    best: bool


@record
class Explanation:
    """Why a figure of a column differs from the baseline. terms, inputs: lists that each add up to the change."""

    path: str
    column: int
    old: Quantity
    new: Quantity
    change: float
    terms: tuple[attribution.Contribution, ...]
    inputs: tuple[attribution.Contribution, ...]


@record
class Comparison:
    """Everything found. baseline: index of its column. inputs: differences by column; None where inputs are unknown.

    decisions: on columns that pay for the same work in another way than the baseline. waiting: on columns of a later
    year.
    """

    columns: tuple[Column, ...]
    baseline: int
    cells: Mapping[str, tuple[Cell, ...]]
    inputs: tuple[tuple[Difference, ...] | None, ...]
    explanations: tuple[Explanation, ...]
    decisions: tuple[Decision, ...]
    waiting: tuple[Waiting, ...]

    @property
    def base(self) -> Column:
        """The column the others are compared with."""
        return self.columns[self.baseline]


def column_of(argument: str, loaded: Loaded, report: Any) -> Column:
    """The column of a rack that was computed now."""
    return Column(argument, report.title, report.scenario, dict(figures(report)), report.notes, loaded)


def former_column(argument: str, former: FormerEstimate) -> Column:
    """The column of a former estimate. Its figures in K are points on the temperature scale, except margins."""
    known = {
        path: replace(quantity, absolute=quantity.unit == "K" and not path.startswith("thermal.headroom."))
        for path, quantity in former.figures.items()
    }
    return Column(argument, former.title, former.scenario, known, former.notes)


def find_column(columns: Sequence[Column], wanted: str) -> int:
    """Index of the column with that argument, scenario or title; 0 for "". InputError for none or several."""
    if not wanted:
        return 0
    for attribute in ("argument", "scenario", "title"):
        found = [place for place, column in enumerate(columns) if getattr(column, attribute) == wanted]
        if len(found) == 1:
            return found[0]
    known = dict.fromkeys(word for c in columns for word in (c.argument, c.scenario, c.title) if word)
    raise failure(f'--baseline: not one of what is compared: "{wanted}"{suggest(wanted, known)}')


def compare(columns: Sequence[Column], baseline: int, paths: Sequence[str]) -> Comparison:
    """Compare the columns. baseline: index. paths: figures to explain; without any, the HEADLINES that changed."""
    known = dict.fromkeys(path for column in columns for path in column.figures)
    paths = [name_in(known, path) for path in paths]
    for path in paths:
        if path not in known:
            raise failure(f"no such figure{suggest(path, known)}", "--path", path=path)
    base = columns[baseline]
    _check_units(columns, known)
    cells = {path: _cells([column.figures.get(path) for column in columns], baseline, path) for path in known}
    others = [place for place in range(len(columns)) if place != baseline]
    explained = [
        _explanation(path, place, base, columns[place])
        for place in others
        for path in (paths or HEADLINES)
        if path in base.figures and path in columns[place].figures
    ]
    return Comparison(
        columns=tuple(columns),
        baseline=baseline,
        cells=cells,
        inputs=tuple(_inputs(base, column) for column in columns),
        explanations=tuple(found for found in explained if found.change or paths),
        decisions=_decisions(columns, baseline),
        waiting=_waiting(columns, baseline),
    )


def _waiting(columns: Sequence[Column], baseline: int) -> tuple[Waiting, ...]:
    """What it is worth to wait from the year of the baseline to those of the others."""
    base = columns[baseline]
    found = [
        waiting(place, base.loaded, column.loaded, (base.figures, column.figures))
        for place, column in enumerate(columns)
        if place != baseline and base.loaded is not None and column.loaded is not None
    ]
    return tuple(one for one in found if one is not None)


def _decisions(columns: Sequence[Column], baseline: int) -> tuple[Decision, ...]:
    """What decides between the way to pay of the baseline and those of the others."""
    base = columns[baseline].loaded
    found = [
        ways_to_pay.decision(place, base, column.loaded)
        for place, column in enumerate(columns)
        if place != baseline and base is not None and column.loaded is not None
    ]
    return tuple(one for one in found if one is not None)


def _check_units(columns: Sequence[Column], known: Iterable[str]) -> None:
    """Refuse figures whose unit differs between columns, as in a former estimate that was edited."""
    problems = []
    for path in known:
        units = {c.argument: c.figures[path].unit for c in columns if path in c.figures}
        if len(set(units.values())) > 1:
            words = ", ".join(f'"{unit}" in {argument}' for argument, unit in units.items())
            problems.append(Problem("", 0, 0, path, f"cannot be compared: {words}"))
    if problems:
        raise InputError(problems)


def _inputs(base: Column, column: Column) -> tuple[Difference, ...] | None:
    if base.loaded is None or column.loaded is None:
        return () if base is column else None
    return differences(base.loaded.rack, column.loaded.rack)


def _cells(found: Sequence[Quantity | None], baseline: int, path: str) -> tuple[Cell, ...]:
    """One figure in all columns. The best is marked where they differ and one side is better."""
    values = [float(quantity.value) if quantity is not None else float("nan") for quantity in found]
    side, known = better_side(path), {value for value in values if value == value}
    complete = all(quantity is None or quantity.known for quantity in found)  # an unknown one may be the best
    best = None if len(known) < 2 or not side or not complete else min(known) if side == "lower" else max(known)
    base = values[baseline]
    points = any(quantity is not None and is_temperature(quantity) for quantity in found)
    nan = float("nan")
    return tuple(
        Cell(quantity, moved, moved / abs(base) if base and not points else nan, value == best)
        for quantity, value in zip(found, values, strict=True)
        for moved in (changes.change(value, base),)
    )


def _explanation(path: str, place: int, base: Column, column: Column) -> Explanation:
    old, new = base.figures[path], column.figures[path]
    change = changes.change(float(new.value), float(old.value))
    if not isfinite(change):
        return Explanation(path, place, old, new, 0.0, (), ())
    if base.loaded is None or column.loaded is None:
        return Explanation(path, place, old, new, change, _by_figures(path, base, column), ())
    names: dict[int, str] = {}
    for known in (base.figures, column.figures):
        for name, quantity in known.items():
            names.setdefault(id(quantity), name)
    terms = attribution.by_terms(old, new, names)
    inputs = _grouped(attribution.by_inputs(old, new, names), _inputs(base, column) or ())
    return Explanation(path, place, old, new, change, tuple(terms), tuple(inputs))


def _grouped(
    parts: Sequence[attribution.Contribution], changed: Sequence[Difference]
) -> list[attribution.Contribution]:
    """Contributions of one changed input added up: a catalog part that was exchanged has many values."""
    found: dict[str, attribution.Contribution] = {}
    for part in parts:
        ends = [end for end in (part.old, part.new) if end is not None]
        is_leaf = all(end.formula is None for end in ends)
        whole = next((d.path for d in changed if is_leaf and part.name.startswith(f"{d.path}.")), part.name)
        before, alone = found.get(whole), whole == part.name
        moved = part.amount + (before.amount if before is not None else 0.0)
        found[whole] = attribution.Contribution(whole, moved, part.old if alone else None, part.new if alone else None)
    return sorted(found.values(), key=lambda part: -abs(part.amount))


def _by_figures(path: str, base: Column, column: Column) -> tuple[attribution.Contribution, ...]:
    """The change split over the figures that add up to this one, and the rest, so that it is complete too."""
    patterns = next((made for figure, made in MADE_OF.items() if fnmatchcase(path, figure)), ())
    wanted = [pattern.replace("{}", path.removesuffix(".time")) for pattern in patterns]
    names = dict.fromkeys(
        name
        for name in (*base.figures, *column.figures)
        if name != path and any(fnmatchcase(name, pattern) for pattern in wanted)
    )
    parts = []
    for name in names:
        old, new = base.figures.get(name), column.figures.get(name)
        moved = (0.0 if new is None else float(new.value)) - (0.0 if old is None else float(old.value))
        if isfinite(moved) and moved:
            parts.append(attribution.Contribution(name, moved, old, new))
    rest = float(column.figures[path].value) - float(base.figures[path].value) - sum(p.amount for p in parts)
    largest = max((abs(part.amount) for part in parts), default=0.0)
    if abs(rest) > 1e-9 * largest:
        parts.append(attribution.Contribution(REST, rest, None, None))
    return tuple(sorted(parts, key=lambda part: -abs(part.amount)))
