"""Odds: the share of the draws in which a rack can work and a gate or a claim holds."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rackcalc.feasibility.conditions import Chain
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.claims.expectation import Expectation
from rackcalc.questions.claims.judgement import Judgement, meets_claim
from rackcalc.questions.gates import Verdict
from rackcalc.questions.sweep.job import HOLDS


class Able(NamedTuple):
    """What must hold for a rack to work: chains of conditions, on so many columns one after the other."""

    chains: Sequence[Chain]

    @property
    def quantities(self) -> list[Quantity]:
        """What the conditions are about."""
        return [x for chain in self.chains for item in chain for x in item.quantities]

    @property
    def columns(self) -> int:
        """How many columns."""
        return len(self.quantities)

    def of(self, columns: Sequence[Any]) -> tuple[Any, Counter[str]]:
        """In which draws the rack can work, and how many are refused for what."""
        able: Any = np.ones(columns[0].shape if columns else 1, bool)
        refused, rest = Counter[str](), iter(columns)
        for chain in self.chains:
            for item in chain:
                held = np.asarray(item.holds(*[next(rest) for _ in item.quantities]))
                refused[item.reason] += int(np.count_nonzero(able & ~held))
                able = able & held
        return able, +refused


def of_gate(verdict: Verdict, column: Any, able: Any) -> float:
    """The share of the draws in which a gate holds; its condition says what must not happen."""
    broken = (column != column) | HOLDS[verdict.condition.operator](column, verdict.limit)
    return float(np.mean(able & ~broken))


def of_claims(
    claims: Sequence[Judgement], drawn: Callable[[Sequence[Quantity]], list[Any]]
) -> list[tuple[Judgement, float]]:
    """The odds of every claim that was compared with a figure. drawn: quantities in draws of all of them together."""
    compared = [one for one in claims if one.figure is not None]
    asked = [[x for x in (one.figure, one.before, *Able(one.chains).quantities) if x is not None] for one in compared]
    columns = iter(drawn([quantity for some in asked for quantity in some]) if compared else [])
    return [(one, of_claim(one, [next(columns) for _ in some])) for one, some in zip(compared, asked, strict=True)]


def of_claim(one: Judgement, columns: Sequence[Any]) -> float:
    """The odds of one. columns: its figure, what a change starts from, and all that must hold."""
    assert one.expectation is not None
    actual, rest = columns[0], columns[1:]
    if one.before is not None:
        actual, rest = moved(one.expectation, actual, rest[0]), rest[1:]
    able, _ = Able(one.chains).of(rest)
    met = meets_claim(one.expectation, actual - one.tolerance, actual + one.tolerance, one.expected)
    return float(np.mean(able & met))


def moved(expectation: Expectation, now: Any, before: Any) -> Any:
    """The change in every draw."""
    with np.errstate(all="ignore"):
        change = now - before
        return np.where(before != 0, change / abs(before), np.nan) if expectation.relative else change
