"""Claims about a rack, judged by what rackcalc computes. docs/gates.md defines the verdicts."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from rackcalc.config.document import Node
from rackcalc.config.racks import Check, load_text, scenario_names
from rackcalc.estimation.estimate import estimate_with_conditions
from rackcalc.feasibility.conditions import Chain
from rackcalc.quantities import unit_text, units
from rackcalc.quantities.display import is_temperature
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, Problem, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.questions.better_side import better_side
from rackcalc.questions.claims.expectation import Expectation, malformed_claims, parse_expectation
from rackcalc.replay.intervals import Draws, ends

VERDICTS = ("holds", "understated", "overstated", "refuted", "cannot be computed")
CANNOT_BE_COMPUTED = VERDICTS[-1]
REFUTED_BEYOND = 2.0  # a claim that is off by more than this factor is refuted
TOLERANCE, TOLERANCE_KELVIN = 0.1, 3.0  # where the claim states none: as a share, and of temperatures


@record
class Judgement:
    """The result of one claim. node: where the claim is written. figure: as computed. reason: why there is no figure.

    actual: what is compared, which is the figure or its change. interval: 80 % interval of actual. expected, tolerance:
    in the unit of actual. before: the figure that delta(...) starts from. agrees: whether actual itself is within the
    tolerance, and not only its interval. chains: conditions under which the racks of the claim work. notes: on the
    estimate of the claim's scenario.
    """

    claim: Any
    node: Node
    verdict: str
    reason: str = ""
    expectation: Expectation | None = None
    figure: Quantity | None = None
    before: Quantity | None = None
    actual: Quantity | None = None
    interval: tuple[float, float] = (math.nan, math.nan)
    expected: float = math.nan
    tolerance: float = 0.0
    agrees: bool = False
    chains: Sequence[Chain] = ()
    notes: Sequence[str] = ()


class Computed(NamedTuple):
    """A scenario that was computed. draws: of its figures. chains: conditions under which it works. notes: on it."""

    figures: Mapping[str, Quantity]
    draws: Draws
    chains: Sequence[Chain]
    notes: Sequence[str]


class _Scenarios:
    """The scenarios of a rack file, each computed once."""

    def __init__(self, text: str, file: str, sets: Sequence[str]) -> None:
        self.text, self.file, self.sets = text, file, sets
        self.known: dict[str, Computed | str] = {}

    def compute(self, scenario: str) -> Computed | str:
        """A scenario, or the reason why it cannot be computed. InputError when that is the file without a scenario."""
        if scenario not in self.known:
            try:
                loaded = load_text(self.text, self.file, scenario, self.sets)
            except InputError as error:
                if not scenario:
                    raise
                where = f"in scenario {scenario}: "
                raise InputError([replace(one, message=where + one.message) for one in error.problems]) from None
            try:
                result, chains = estimate_with_conditions(loaded)
                self.known[scenario] = Computed(dict(figures(result)), Draws(result), chains, result.notes)
            except InputError as error:
                if not scenario:
                    raise
                self.known[scenario] = error.problems[0].text
        return self.known[scenario]


def judge_claims(
    text: str, file: str, sets: Sequence[str] = (), checks: Sequence[Check] = (malformed_claims,)
) -> tuple[Any, list[Judgement]]:
    """Judge every claim of a rack file. Also the rack itself. InputError with every claim that names unknown things."""
    loaded = load_text(text, file, "", sets, checks=checks)
    scenarios, known = _Scenarios(text, file, sets), scenario_names(text, file)
    problems: list[Problem] = []
    judged: list[Judgement] = []
    for index, claim in enumerate(loaded.rack.claims):
        path = f"claims[{index}]"
        try:
            _check_scenarios(claim, known)
            judged.append(_judge(claim, loaded.nodes[path], scenarios))
        except units.UnitError as error:
            at = f"{path}.expect" if f"{path}.expect" in loaded.nodes else path
            problems.append(loaded.nodes[at].problem(at, str(error)))
    if problems:
        raise InputError(problems)
    return loaded, judged


def _check_scenarios(claim: Any, known: Sequence[str]) -> None:
    for name in (claim.scenario, claim.against):
        if name and name not in known:
            raise units.UnitError(f'no scenario "{name}"{suggest(name, known)}')


def _judge(claim: Any, node: Node, scenarios: _Scenarios) -> Judgement:
    if claim.expect is None:
        return Judgement(claim, node, CANNOT_BE_COMPUTED, claim.note or "it names no figure")
    expectation = parse_expectation(claim.expect)
    if claim.against is not None and not expectation.delta:
        raise units.UnitError("against is for delta(...) only")
    now = scenarios.compute(claim.scenario or "")
    if isinstance(now, str):
        return Judgement(claim, node, "refuted", f"impossible: {now}", expectation)
    figure = _figure(expectation.path, now.figures)
    found = Judgement(
        claim,
        node,
        "",
        expectation=expectation,
        figure=figure,
        actual=figure,
        interval=now.draws.interval(figure),
        chains=now.chains,
        notes=now.notes,
    )
    if not expectation.delta:
        return _with_verdict(found, unit_text.parse(expectation.value, figure.unit, absolute=is_temperature(figure)))
    base = scenarios.compute(claim.against or "")
    if isinstance(base, str):
        raise units.UnitError(f"against: {base}")
    before = _figure(expectation.path, base.figures)
    actual = _change(expectation, figure, before)
    interval = _change_interval(expectation, now.draws.column(figure), base.draws.column(before), float(actual.value))
    found = replace(found, before=before, actual=actual, interval=interval, chains=[*now.chains, *base.chains])
    return _with_verdict(found, unit_text.parse(expectation.value, actual.unit, absolute=False))


def _figure(path: str, known: Mapping[str, Quantity]) -> Quantity:
    if path not in known:
        raise units.UnitError(f'no figure "{path}"{suggest(path, known)}')
    return known[path]


def _change(expectation: Expectation, figure: Quantity, before: Quantity) -> Quantity:
    if expectation.relative and is_temperature(figure):
        raise units.UnitError("a percentage of a temperature means nothing; write a value in K")
    unit = "1" if expectation.relative else figure.unit
    for side in (figure, before):
        if not side.known:
            return replace(side, unit=unit)
    value = _change_value(expectation, float(figure.value), float(before.value))
    return Quantity(value, unit, weakest=max(figure.weakest, before.weakest))


def _change_value(expectation: Expectation, now: float, before: float) -> float:
    if not expectation.relative:
        return now - before
    return (now - before) / abs(before) if before else math.nan


def _change_interval(expectation: Expectation, now: Any, before: Any, value: float) -> tuple[float, float]:
    """80 % interval of a change. Both racks are drawn together, so doubts that they share cancel."""
    draws = max((len(column) for column in (now, before) if isinstance(column, list)), default=0)
    if not draws:
        return value, value
    columns = [column if isinstance(column, list) else [column] * draws for column in (now, before)]
    return ends([_change_value(expectation, *pair) for pair in zip(*columns, strict=True)], value)


def _with_verdict(found: Judgement, expected: float) -> Judgement:
    """The judgement with its verdict, once figure, actual and interval are known."""
    expectation = found.expectation
    assert expectation is not None and found.figure is not None and found.actual is not None
    value, point = float(found.actual.value), is_temperature(found.figure)
    tolerance = _tolerance(found.claim, expectation, found.actual, expected, point)
    verdict = verdict_of(expectation, value, expected, tolerance, found.interval, point and not expectation.delta)
    agrees = verdict_of(expectation, value, expected, tolerance, (value, value), False) == "holds"
    why = "; ".join(found.actual.unknowns) or "the figure is no number"
    reason = why if verdict == CANNOT_BE_COMPUTED else ""
    return replace(found, verdict=verdict, reason=reason, expected=expected, tolerance=tolerance, agrees=agrees)


def _tolerance(claim: Any, expectation: Expectation, actual: Quantity, expected: float, point: bool) -> float:
    """How far off a claim may be, in the unit of actual. point: a point on the temperature scale."""
    if claim.within is None:
        if expectation.operator != "=":
            return 0.0
        return TOLERANCE_KELVIN if point else TOLERANCE * abs(expected)
    share = re.search(r"(%|percent)\s*$", claim.within) is not None
    if share and point:
        raise units.UnitError("within: a percentage of a temperature means nothing; write a value in K")
    found = unit_text.parse(claim.within, "1" if share else actual.unit, absolute=False)
    if found < 0:
        raise units.UnitError("within: must be at least 0")
    return found * abs(expected) if share else found


def meets_claim(expectation: Expectation, low: Any, high: Any, expected: float) -> Any:
    """Whether some value from low to high meets the claim. Also for arrays."""
    below, above = low <= expected, high >= expected
    return {"<": below, ">": above}.get(expectation.operator[0], below & above)


def verdict_of(
    expectation: Expectation,
    value: float,
    expected: float,
    tolerance: float,
    interval: tuple[float, float],
    point: bool,
) -> str:
    """The verdict. All numbers are in one unit. point: on the temperature scale, where factors have no meaning."""
    if math.isnan(value):
        return CANNOT_BE_COMPUTED
    low, high = (value if math.isnan(end) else end for end in interval)
    low, high = low - tolerance, high + tolerance
    if meets_claim(expectation, low, high, expected):
        return "holds"
    above = expected > high
    nearest = high if above else low
    most = REFUTED_BEYOND
    far = not point and (expected * nearest <= 0 or not 1 / most <= expected / nearest <= most)
    side = claimed_side(expectation)
    if not side:
        return "refuted" if far else "overstated" if above else "understated"
    if above != (side == "higher"):
        return "understated"
    return "refuted" if far else "overstated"


def claimed_side(expectation: Expectation) -> str:
    """The side that is better for whoever makes the claim: for <= and >= the one they ask for, else the figure's."""
    return {"<": "lower", ">": "higher"}.get(expectation.operator[0], "") or better_side(expectation.path)


def fails(judgement: Judgement, words: Sequence[str]) -> bool:
    """Whether a claim fails with these words of --fail-if. "overstated" includes "refuted".

    A claim about a figure that is unknown or no number fails with any of them: it has not been shown to hold.
    """
    if judgement.verdict == CANNOT_BE_COMPUTED and judgement.figure is not None:
        return bool(words)
    return judgement.verdict in words or (judgement.verdict == "refuted" and "overstated" in words)


def deciding_quantity(judgement: Judgement) -> Quantity | None:
    """The formula or leaf that decides the figure, or its change: of sums and extremes the largest term is followed."""
    figure, before = judgement.figure, judgement.before
    while figure is not None and figure.formula is not None and figure.formula.label.startswith("combine."):
        old: Mapping[str, Quantity] = before.inputs if before is not None else {}

        def change(name: str, now: Mapping[str, Quantity] = figure.inputs, old: Mapping[str, Quantity] = old) -> float:
            return abs(float(now[name].value) - (float(old[name].value) if name in old else 0.0))

        name = max(figure.inputs, key=change)
        figure, before = figure.inputs[name], old.get(name)
    return figure
