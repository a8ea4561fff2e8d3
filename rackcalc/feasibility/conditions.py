"""Conditions on the values of a rack. Where one does not hold, an estimate is refused; a sweep leaves the point out.

A condition on an unknown value cannot be judged, and refuses nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.problems import InputError, Problem
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record


@record
class Condition:
    """A condition on some quantities of a rack.

    holds: takes their values, numbers or arrays. problem: the refusal of this rack, with its numbers. reason: the
    refusal in words that fit many racks, for counting.
    """

    reason: str
    quantities: tuple[Quantity, ...]
    holds: Callable[..., Any]
    problem: Callable[[], Problem]

    @property
    def known(self) -> bool:
        """Whether it can be judged: none of its quantities is unknown."""
        return all(quantity.known for quantity in self.quantities)


Chain = Sequence[Condition]  # in order: once a condition fails, those after it in its chain have no meaning
Require = Callable[[Sequence[Chain], Sequence[Problem]], None]  # decides what happens where conditions do not hold


def decidable(chains: Sequence[Chain]) -> list[Chain]:
    """The chains without the conditions that cannot be judged."""
    return [[condition for condition in chain if condition.known] for chain in chains]


def refuse(chains: Sequence[Chain], problems: Sequence[Problem] = ()) -> None:
    """Raise InputError with the given problems and the first condition that fails of every chain, if there are any."""
    found = list(problems)
    for chain in decidable(chains):
        for condition in chain:
            if not condition.holds(*[quantity.value for quantity in condition.quantities]):
                found.append(condition.problem())
                break
    if found:
        raise InputError(found)


def at_most(reason: str, value: Quantity, limit: Quantity, problem: Callable[[], Problem]) -> Condition:
    """The condition that a value does not exceed another."""
    return Condition(reason, (value, limit), lambda x, most: x <= most, problem)


def finite(reason: str, value: Quantity, problem: Callable[[], Problem]) -> Condition:
    """The condition that a value is finite."""
    return Condition(reason, (value,), xp.isfinite, problem)
