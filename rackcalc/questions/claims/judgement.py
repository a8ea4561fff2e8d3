"""Claims about a rack, judged by what rackcalc computes. docs/gates.md defines the verdicts."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

from rackcalc.config.document import Node
from rackcalc.config.racks import Check, known_scenarios, load_text
from rackcalc.estimation.estimate import estimate_with_conditions
from rackcalc.feasibility.conditions import Chain
from rackcalc.quantities import changes, unit_text, units
from rackcalc.quantities.display import is_temperature
from rackcalc.quantities.figures import figures
from rackcalc.quantities.former_names import name_in
from rackcalc.quantities.problems import InputError, Problem, failure, suggest
from rackcalc.quantities.quantity import Quantity, calls_kept
from rackcalc.quantities.record import record, replace
from rackcalc.questions.better_side import better_side
from rackcalc.questions.claims.expectation import Expectation, malformed_claims, parse_expectation
from rackcalc.questions.gates import remarks_on
from rackcalc.replay.intervals import Draws, ends
from rackcalc.spec.rack import CLAIM_VERDICTS

VERDICTS = CLAIM_VERDICTS
HOLDS, TOO_HIGH, TOO_LOW, DOES_NOT_HOLD, IMPOSSIBLE, NOT_DECIDABLE = VERDICTS
WORSE = "worse"  # word of --fail-if: every claim of which the rack falls short
FAR_OFF = 2.0  # an estimate that is off by this factor decides, however wide its interval and the tolerance
TOLERANCE, TOLERANCE_KELVIN = 0.1, 3.0  # where the claim states none: as a share, and of temperatures


@record
class Judgement:
    """The result of one claim. node: where the claim is written. figure: as computed.

    reason: why the claim is impossible or not decidable. actual: what is compared, which is the figure or its change.
    drawn: makes the 80 % interval of actual, which takes as long as the rest, and a claim that comes to its value does
    not need. expected, tolerance: in the unit of actual. before: the figure that delta(...) starts from. point: whether
    actual is a point on the temperature scale. chains: conditions under which the racks of the claim work. notes: on
    the estimate of the claim's scenario.
    """

    claim: Any
    node: Node
    verdict: str
    reason: str = ""
    expectation: Expectation | None = None
    figure: Quantity | None = None
    before: Quantity | None = None
    actual: Quantity | None = None
    drawn: Callable[[], tuple[float, float]] = lambda: (math.nan, math.nan)
    expected: float = math.nan
    tolerance: float = 0.0
    point: bool = False
    chains: Sequence[Chain] = ()
    notes: Sequence[str] = ()

    @property
    def interval(self) -> tuple[float, float]:
        """80 % interval of the compared value."""
        return self.drawn()

    @property
    def rack_is(self) -> str:
        """ "worse" or "better" than claimed; "" where the claim holds, or neither side is better."""
        if self.verdict == IMPOSSIBLE:
            return WORSE
        side = side_of(self.expectation) if self.expectation is not None else ""
        if not self.side or not side:
            return ""
        return WORSE if (self.side == TOO_HIGH) == (side == "higher") else "better"

    @property
    def side(self) -> str:
        """Whether the claimed number is the higher or the lower one, where the claim fails; else ""."""
        if self.verdict == DOES_NOT_HOLD and self.expectation is not None:
            return {"<": TOO_LOW, ">": TOO_HIGH}.get(self.expectation.operator[0], "")
        return self.verdict if self.verdict in (TOO_HIGH, TOO_LOW) else ""

    @property
    def falls_short(self) -> bool:
        """Whether the rack is worse than claimed. Where neither side is better, it falls short on both."""
        return self.rack_is == WORSE or (self.verdict in (TOO_HIGH, TOO_LOW, DOES_NOT_HOLD) and self.rack_is == "")

    @property
    def factor(self) -> float:
        """Claimed value over computed one; nan where that says nothing: no number, a changed sign, a temperature."""
        if self.actual is None or self.point or math.isnan(self.expected):
            return math.nan
        value = float(self.actual.value)
        return self.expected / value if math.isfinite(value) and self.expected * value > 0 else math.nan


class Computed(NamedTuple):
    """A scenario that was computed. draws: makes the draws of its figures, once.

    chains: conditions under which it works. notes: on it.
    """

    figures: Mapping[str, Quantity]
    draws: Callable[[], Draws]
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
                raise InputError([one._replace(message=where + one.message) for one in error.problems]) from None
            try:
                result, chains = estimate_with_conditions(loaded)
                self.known[scenario] = Computed(
                    dict(figures(result)), cache(partial(Draws, result)), chains, result.notes
                )
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
    scenarios, known = _Scenarios(text, file, sets), known_scenarios(text, file)
    problems: list[Problem] = []
    judged: list[Judgement] = []
    with calls_kept():  # scenarios have most of their calls in common
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
        if claim.verdict is not None and claim.note is None:
            raise units.UnitError("verdict: needs a note that says why")
        return Judgement(claim, node, claim.verdict or NOT_DECIDABLE, claim.note or "it names no figure")
    if claim.verdict is not None:
        raise units.UnitError("verdict is for claims without expect: this one is computed; remove it")
    expectation = parse_expectation(claim.expect)
    if claim.against is not None and not expectation.delta:
        raise units.UnitError("against is for delta(...) only")
    now = scenarios.compute(claim.scenario or "")
    if isinstance(now, str):
        return Judgement(claim, node, IMPOSSIBLE, now, expectation)
    expectation = replace(expectation, path=name_in(now.figures, expectation.path))
    figure = _figure(expectation.path, now.figures)
    found = Judgement(
        claim,
        node,
        "",
        expectation=expectation,
        figure=figure,
        actual=figure,
        drawn=lambda: now.draws().interval(figure),
        chains=now.chains,
        notes=(*now.notes, *remarks_on((expectation.path,), now.figures)),
    )
    if not expectation.delta:
        return _with_verdict(found, unit_text.parse(expectation.value, figure.unit, absolute=is_temperature(figure)))
    base = scenarios.compute(claim.against or "")
    if isinstance(base, str):
        raise units.UnitError(f"against: {base}")
    before = _figure(expectation.path, base.figures)
    actual = _change(expectation, figure, before)
    value = float(actual.value)

    def drawn() -> tuple[float, float]:
        return _change_interval(expectation, now.draws().column(figure), base.draws().column(before), value)

    found = replace(found, before=before, actual=actual, drawn=cache(drawn), chains=[*now.chains, *base.chains])
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
    difference = changes.change(now, before)
    if not expectation.relative:
        return difference
    return difference / abs(before) if before else math.nan


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
    point = point and not expectation.delta
    verdict = verdict_of(expectation, value, expected, tolerance, found.drawn, point)
    reason = ""
    if verdict == NOT_DECIDABLE:
        in_doubt = "the estimate misses it, and its 80 % interval reaches it"
        reason = in_doubt if value == value else "; ".join(found.actual.unknowns) or "the figure is no number"
    return replace(found, verdict=verdict, reason=reason, expected=expected, tolerance=tolerance, point=point)


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


def comes_to_claim(expectation: Expectation, value: Any, expected: float, tolerance: float, point: bool) -> Any:
    """Whether a value is what is claimed, within the tolerance. Also for arrays.

    No tolerance bridges a factor of 2. point: on the temperature scale, where factors have no meaning.
    """
    exact = meets_claim(expectation, value, value, expected)
    close = meets_claim(expectation, value - tolerance, value + tolerance, expected)
    return exact | (close & (point or expected == 0 or _near(expectation, value, expected)))


def verdict_of(
    expectation: Expectation,
    value: float,
    expected: float,
    tolerance: float,
    drawn: Callable[[], tuple[float, float]],
    point: bool,
) -> str:
    """The verdict. All numbers are in one unit. point: on the temperature scale, where factors have no meaning.

    drawn: makes the 80 % interval of the value, where the verdict depends on it.
    """
    if math.isnan(value):
        return NOT_DECIDABLE
    if comes_to_claim(expectation, value, expected, tolerance, point):
        return HOLDS
    if point or _near(expectation, value, expected):
        low, high = (value if math.isnan(end) else end for end in drawn())
        if meets_claim(expectation, low - tolerance, high + tolerance, expected):
            return NOT_DECIDABLE
    if expectation.operator != "=":
        return DOES_NOT_HOLD
    return TOO_HIGH if expected > value else TOO_LOW


def _near(expectation: Expectation, value: Any, expected: float) -> Any:
    """Whether the estimate is off by less than a factor of 2; changes of different sign are near. Also for arrays."""
    near = (value * FAR_OFF - expected) * (expected * FAR_OFF - value) > 0
    return near | (expected * value <= 0) if expectation.delta else near


def side_of(expectation: Expectation) -> str:
    """The better side of what the claim is about; where neither is better, the one that <= or >= asks for."""
    return better_side(expectation.path) or {"<": "lower", ">": "higher"}.get(expectation.operator[0], "")


def failing_word(text: str, option: str) -> str:
    """What counts as a failure: a verdict, or "worse". InputError for another word. Hyphens may stand for spaces."""
    word = text.replace("-", " ")
    if word in (*VERDICTS, WORSE):
        return word
    former = "; write worse, or claimed-too-high, claimed-too-low, does-not-hold, impossible"
    hint = former if word in ("overstated", "understated", "refuted") else suggest(word, (*VERDICTS, WORSE))
    raise failure(f'no verdict "{text}"{hint}', option)


def fails(judgement: Judgement, words: Sequence[str]) -> bool:
    """Whether a claim fails with these words of --fail-if. Too high and too low mean inequalities that fail, too.

    A claim about a figure that is unknown or no number fails with any of them: it has not been shown to hold.
    """
    figure = judgement.figure
    if figure is not None and math.isnan(float(figure.value)):
        return bool(words)
    return bool({judgement.verdict, judgement.side} & set(words)) or (WORSE in words and judgement.falls_short)


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
