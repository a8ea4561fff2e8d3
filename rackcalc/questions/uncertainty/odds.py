"""Odds of gates and claims: the share of the draws in which the rack can work and the gate or claim holds."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rackcalc.feasibility.conditions import Chain
from rackcalc.quantities.changes import NOISE
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.claims.expectation import Expectation
from rackcalc.questions.claims.judgement import Judgement, comes_to_claim
from rackcalc.questions.gates import Verdict
from rackcalc.questions.sweep.job import HOLDS


class WorkConditions(NamedTuple):
    """The conditions under which a rack can work."""

    chains: Sequence[Chain]

    @property
    def quantities(self) -> list[Quantity]:
        """The quantities that the conditions check, one after another."""
        return [x for chain in self.chains for item in chain for x in item.quantities]

    @property
    def columns(self) -> int:
        """Number of these quantities."""
        return len(self.quantities)

    def check(self, columns: Sequence[Any]) -> tuple[Any, Counter[str]]:
        """In which draws the rack can work, and the number of draws in which it cannot, by reason.

        columns: the values of the quantities in every draw.
        """
        able: Any = np.ones(columns[0].shape if columns else 1, bool)
        refused, rest = Counter[str](), iter(columns)
        for chain in self.chains:
            for item in chain:
                held = np.asarray(item.holds(*[next(rest) for _ in item.quantities]))
                refused[item.reason] += int(np.count_nonzero(able & ~held))
                able = able & held
        return able, +refused


def gate_odds(verdict: Verdict, column: Any, able: Any) -> float:
    """The share of the draws in which the rack can work and the gate holds. Its condition says what must not happen."""
    broken = (column != column) | HOLDS[verdict.condition.operator](column, verdict.limit)
    return float(np.mean(able & ~broken))


def claim_odds(
    claims: Sequence[Judgement], drawn: Callable[[Sequence[Quantity]], list[Any]]
) -> list[tuple[Judgement, float]]:
    """The odds of every claim that was compared with a figure. drawn: the values of some quantities in common draws."""
    compared = [claim for claim in claims if claim.figure is not None]
    needed = [
        [x for x in (claim.figure, claim.before, *WorkConditions(claim.chains).quantities) if x is not None]
        for claim in compared
    ]
    columns = iter(drawn([quantity for group in needed for quantity in group]) if compared else [])
    return [
        (claim, odds_of_claim(claim, [next(columns) for _ in group]))
        for claim, group in zip(compared, needed, strict=True)
    ]


def odds_of_claim(claim: Judgement, columns: Sequence[Any]) -> float:
    """The odds of one claim. columns: its figure, the figure that a change starts from, and its work conditions."""
    assert claim.expectation is not None
    actual, rest = columns[0], columns[1:]
    if claim.before is not None:
        actual, rest = change_in_draws(claim.expectation, actual, rest[0]), rest[1:]
    able, _ = WorkConditions(claim.chains).check(rest)
    met = comes_to_claim(claim.expectation, actual, claim.expected, claim.tolerance, claim.point)
    return float(np.mean(able & met))


def change_in_draws(expectation: Expectation, now: Any, before: Any) -> Any:
    """The change in every draw; as a share where the claim says so."""
    with np.errstate(all="ignore"):
        change = now - before
        change = np.where(abs(change) < NOISE * np.maximum(abs(now), abs(before)), 0.0, change)
        return np.where(before != 0, change / abs(before), np.nan) if expectation.relative else change
