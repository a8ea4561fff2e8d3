"""What is in doubt about a result as independent random variables, which are the axes of a program."""

from collections.abc import Hashable
from typing import NamedTuple

from rackcalc.quantities.quantity import Quantity
from rackcalc.replay.distributions import Law, error_law, error_name, leaf_law, place_of, uncertain
from rackcalc.replay.inherited_parameters import InheritedParameters
from rackcalc.replay.program import Axis


class Variable(NamedTuple):
    """One independent variable. law: of the leaf that was met first. place: in a file, "" without one.

    key: tells it from all others of the same result; the same in another result that has the same leaf.
    """

    name: str
    unit: str
    law: Law
    key: str
    absolute: bool = False
    place: str = ""


class RandomVariables:
    """The variables met so far. axes: of a program, the number of the variable and the law by which it follows it.

    Leaves of one place in a file are one variable; where their ranges differ, they follow it by laws of their own.
    """

    def __init__(self) -> None:
        self.variables: list[Variable] = []
        self.axes: list[tuple[int, Law]] = []
        self._numbers: dict[Hashable, int] = {}
        self._axes: dict[tuple[int, Law], Axis] = {}
        self._names: dict[str, int] = {}
        self._inherited = InheritedParameters()
        self._apart: list[Quantity] = []  # leaves that are known by their identity, which is theirs while they live

    def release(self) -> None:
        """Know the quantities met so far no longer, only their variables."""
        self._inherited = InheritedParameters()

    def axis_of(self, leaf: Quantity) -> Axis | None:
        """The axis of a leaf; None where it is certain."""
        if not uncertain(leaf):
            return None
        place, law = place_of(leaf), leaf_law(leaf)
        known: Hashable = place or id(leaf)
        if known not in self._numbers:
            key = place or self._numbered(leaf.name)
            if not place:
                self._apart.append(leaf)
            self._add(known, Variable(leaf.name, leaf.unit, law, key, leaf.absolute, place))
        return self._axis(known, law)

    def error_axis_of(self, computed: Quantity) -> Axis:
        """The axis of the factor by which the formula of a quantity is off."""
        formula = computed.formula
        assert formula is not None
        law, key = error_law(formula.error, self._inherited.widening(computed)), error_name(formula)
        if key not in self._numbers:
            self._add(key, Variable(f"{formula.label}, error", "1", law, key))
        return self._axis(key, law)

    def _add(self, known: Hashable, variable: Variable) -> None:
        self._numbers[known] = len(self.variables)
        self.variables.append(variable)

    def _axis(self, known: Hashable, law: Law) -> Axis:
        number = self._numbers[known]
        if (number, law) not in self._axes:
            self._axes[number, law] = len(self.axes)
            self.axes.append((number, law))
        return self._axes[number, law]

    def _numbered(self, name: str) -> str:
        """The name made unique: leaves without a place are different leaves, even of one name."""
        count = self._names[name] = self._names.get(name, 0) + 1
        return f"{name}#{count}"
