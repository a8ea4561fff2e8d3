"""What must hold of a rack's values. One estimate is refused where it does not, a sweep leaves those points out.

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
    """What must hold of a rack's values.

    holds: on the values of the quantities, numbers or arrays. problem: the refusal of the rack at hand, with its
    numbers. reason: the same for many racks at once.
    """

    reason: str
    quantities: tuple[Quantity, ...]
    holds: Callable[..., Any]
    problem: Callable[[], Problem]

    @property
    def known(self) -> bool:
        """Whether it can be judged: none of its quantities is unknown."""
        return all(quantity.known for quantity in self.quantities)


Chain = Sequence[Condition]  # one thing after the other: once a condition fails, the rest of its chain means nothing
Require = Callable[[Sequence[Chain], Sequence[Problem]], None]


def decidable(chains: Sequence[Chain]) -> list[Chain]:
    """The chains without the conditions that cannot be judged."""
    return [[condition for condition in chain if condition.known] for chain in chains]


def refuse(chains: Sequence[Chain], problems: Sequence[Problem] = ()) -> None:
    """InputError with the given problems and, of every chain, the first condition that fails."""
    found = list(problems)
    for chain in decidable(chains):
        for condition in chain:
            if not condition.holds(*[quantity.value for quantity in condition.quantities]):
                found.append(condition.problem())
                break
    if found:
        raise InputError(found)


def at_most(reason: str, value: Quantity, limit: Quantity, problem: Callable[[], Problem]) -> Condition:
    """A value that must not exceed another."""
    return Condition(reason, (value, limit), lambda x, most: x <= most, problem)


def finite(reason: str, value: Quantity, problem: Callable[[], Problem]) -> Condition:
    """A value that must have an end."""
    return Condition(reason, (value,), xp.isfinite, problem)
