"""Claims: what somebody says about a rack, held against what rackcalc computes. The verdicts are in docs/gates.md."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rackcalc.config.document import Node
from rackcalc.config.racks import Check, load_text, scenario_names
from rackcalc.feasibility.conditions import Chain
from rackcalc.quantities import unit_text, units
from rackcalc.quantities.display import is_temperature
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.questions.claims.expectation import Expectation, malformed_claims, parse_expectation

VERDICTS = ("holds", "understated", "overstated", "refuted", "cannot be computed")
FAR = 2.0  # a claim that is off by more than this factor is refuted
WITHIN, WITHIN_KELVIN = 0.1, 3.0


@record
class Judgement:
    """What became of one claim. actual: what is compared; ends: its 80 % interval; expected, tolerance in its unit.

    figure: as computed; before: where delta(...) starts. agrees: whether the figure itself is within tolerance, or only
    its interval. reason: where there is no figure. chains: what must hold for the racks it is about to work.
    """

    claim: Any
    place: Node
    verdict: str
    reason: str = ""
    expectation: Expectation | None = None
    figure: Quantity | None = None
    before: Quantity | None = None
    actual: Quantity | None = None
    ends: tuple[float, float] = (math.nan, math.nan)
    expected: float = math.nan
    tolerance: float = 0.0
    agrees: bool = False
    chains: Sequence[Chain] = ()


Known = tuple[Mapping[str, Quantity], Any, Sequence[Chain]]  # of one rack: figures, draws, what must hold


class _Racks:
    """The file in its scenarios, each computed once. Where one cannot be, why."""

    def __init__(self, text: str, file: str, sets: Sequence[str]) -> None:
        self.text, self.file, self.sets = text, file, sets
        self.known: dict[str, Known | str] = {}

    def of(self, scenario: str) -> Known | str:
        """All about a scenario, or what stands against it. The file as it is must be computable."""
        from rackcalc.estimation.estimate import estimate_with_conditions
        from rackcalc.replay.intervals import Draws

        if scenario not in self.known:
            loaded = load_text(self.text, self.file, scenario, self.sets)
            try:
                result, chains = estimate_with_conditions(loaded)
                self.known[scenario] = dict(figures(result)), Draws(result), chains
            except InputError as error:
                if not scenario:
                    raise
                self.known[scenario] = error.problems[0].text
        return self.known[scenario]


def judge_claims(
    text: str, file: str, sets: Sequence[str] = (), checks: Sequence[Check] = (malformed_claims,)
) -> tuple[Any, list[Judgement]]:
    """The rack as loaded, and every claim of its file judged. InputError with every claim that names what is not."""
    loaded = load_text(text, file, "", sets, checks=checks)
    racks, known = _Racks(text, file, sets), scenario_names(text, file)
    problems: list[Problem] = []
    judged: list[Judgement] = []
    for index, claim in enumerate(loaded.rack.claims):
        path = f"claims[{index}]"
        try:
            _check_scenarios(claim, known)
            judged.append(_judged(claim, loaded.nodes[path], racks))
        except units.UnitError as error:
            place = f"{path}.expect" if f"{path}.expect" in loaded.nodes else path
            problems.append(loaded.nodes[place].problem(place, str(error)))
    if problems:
        raise InputError(problems)
    return loaded, judged


def _check_scenarios(claim: Any, known: Sequence[str]) -> None:
    from rackcalc.quantities.problems import suggest

    for name in (claim.scenario, claim.against):
        if name and name not in known:
            raise units.UnitError(f'no scenario "{name}"{suggest(name, known)}')


def _judged(claim: Any, place: Node, racks: _Racks) -> Judgement:
    if claim.expect is None:
        return Judgement(claim, place, VERDICTS[-1], claim.note or "it names no figure")
    expectation = parse_expectation(claim.expect)
    if claim.against is not None and not expectation.delta:
        raise units.UnitError("against is for delta(...) only")
    now = racks.of(claim.scenario or "")
    if isinstance(now, str):
        return Judgement(claim, place, "refuted", f"impossible: {now}", expectation)
    figure = _figure(expectation.path, now[0])
    one = Judgement(claim, place, "", "", expectation, figure, None, figure, now[1].interval(figure), chains=now[2])
    if not expectation.delta:
        return _held(one, unit_text.parse(expectation.value, figure.unit, absolute=is_temperature(figure)))
    base = racks.of(claim.against or "")
    if isinstance(base, str):
        raise units.UnitError(f"against: {base}")
    before = _figure(expectation.path, base[0])
    actual = _change(expectation, figure, before)
    ends = _change_interval(expectation, now[1].column(figure), base[1].column(before), float(actual.value))
    one = replace(one, before=before, actual=actual, ends=ends, chains=[*now[2], *base[2]])
    return _held(one, unit_text.parse(expectation.value, actual.unit, absolute=False))


def _figure(path: str, known: Mapping[str, Quantity]) -> Quantity:
    from rackcalc.quantities.problems import suggest

    if path not in known:
        raise units.UnitError(f'no figure "{path}"{suggest(path, known)}')
    return known[path]


def _change(expectation: Expectation, figure: Quantity, before: Quantity) -> Quantity:
    if expectation.relative and is_temperature(figure):
        raise units.UnitError("a percentage of a temperature means nothing; write a value in K")
    value = _moved(expectation, float(figure.value), float(before.value))
    return Quantity(value, "1" if expectation.relative else figure.unit, weakest=max(figure.weakest, before.weakest))


def _moved(expectation: Expectation, now: float, before: float) -> float:
    if not expectation.relative:
        return now - before
    return (now - before) / abs(before) if before else math.nan


def _change_interval(expectation: Expectation, now: Any, before: Any, value: float) -> tuple[float, float]:
    """Of two racks drawn together: what both doubt in the same way does not count."""
    from rackcalc.replay.intervals import ends

    draws = max((len(column) for column in (now, before) if isinstance(column, list)), default=0)
    if not draws:
        return value, value
    columns = [column if isinstance(column, list) else [column] * draws for column in (now, before)]
    return ends([_moved(expectation, *pair) for pair in zip(*columns, strict=True)], value)


def _held(one: Judgement, expected: float) -> Judgement:
    """The claim with its verdict, once figure, actual and interval are known."""
    assert one.expectation is not None and one.figure is not None and one.actual is not None
    value, point = float(one.actual.value), is_temperature(one.figure)
    tolerance = _tolerance(one.claim, one.expectation, one.actual, expected, point)
    verdict = verdict_of(one.expectation, value, expected, tolerance, one.ends, point and not one.expectation.delta)
    agrees = verdict_of(one.expectation, value, expected, tolerance, (value, value), False) == "holds"
    reason = "the figure is no number" if verdict == VERDICTS[-1] else ""
    return replace(one, verdict=verdict, reason=reason, expected=expected, tolerance=tolerance, agrees=agrees)


def _tolerance(claim: Any, expectation: Expectation, actual: Quantity, expected: float, point: bool) -> float:
    """How far off a claim may be, in the unit of what is compared."""
    if claim.within is None:
        if expectation.operator != "=":
            return 0.0
        return WITHIN_KELVIN if point else WITHIN * abs(expected)
    share = re.search(r"(%|percent)\s*$", claim.within) is not None
    if share and point:
        raise units.UnitError("within: a percentage of a temperature means nothing; write a value in K")
    found = unit_text.parse(claim.within, "1" if share else actual.unit, absolute=False)
    if found < 0:
        raise units.UnitError("within: must be at least 0")
    return found * abs(expected) if share else found


def reaches(expectation: Expectation, low: Any, high: Any, expected: float) -> Any:
    """Whether something between low and high meets the claim. Arrays too."""
    below, above = low <= expected, high >= expected
    return {"<": below, ">": above}.get(expectation.operator[0], below & above)


def verdict_of(
    expectation: Expectation,
    value: float,
    expected: float,
    tolerance: float,
    ends: tuple[float, float],
    point: bool,
) -> str:
    """The verdict, all in one unit. point: on the temperature scale, where no factor has a meaning."""
    if math.isnan(value):
        return VERDICTS[-1]
    low, high = (value if math.isnan(end) else end for end in ends)
    low, high = low - tolerance, high + tolerance
    if reaches(expectation, low, high, expected):
        return "holds"
    above = expected > high
    nearest = high if above else low
    far = not point and (expected * nearest <= 0 or not 1 / FAR <= expected / nearest <= FAR)
    if not expectation.side:
        return "refuted" if far else "overstated" if above else "understated"
    if above != (expectation.side == "higher"):
        return "understated"
    return "refuted" if far else "overstated"


def failing(words: Sequence[str]) -> frozenset[str]:
    """The verdicts that --fail-if asks for: who minds an overstatement minds a refutation too."""
    return frozenset(words) | (frozenset({"refuted"}) if "overstated" in words else frozenset())


def decider(one: Judgement) -> Quantity | None:
    """What the figure, or its change, rests on most: through sums and extremes to the formula or leaf that decides."""
    figure, before = one.figure, one.before
    while figure is not None and figure.formula is not None and figure.formula.label.startswith("combine."):
        old: Mapping[str, Quantity] = before.inputs if before is not None else {}

        def moved(name: str, now: Mapping[str, Quantity] = figure.inputs, old: Mapping[str, Quantity] = old) -> float:
            return abs(float(now[name].value) - (float(old[name].value) if name in old else 0.0))

        name = max(figure.inputs, key=moved)
        figure, before = figure.inputs[name], old.get(name)
    return figure
