"""Everything that is in doubt about a result as independent variables, and the result as a program of them.

The laws are those of interval.py: leaves with a range, and formulas with an error, which is a further leaf that
multiplies what they give. Errors of formulas below such a formula are left out: its own contains them.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from rackcalc.formulas.combine import off_by
from rackcalc.quantities.quantity import Quantity
from rackcalc.replay.intervals import Families, Law, error_law, error_name, leaf_law, place_of, uncertain
from rackcalc.replay.program import Program, Run


class Doubt(NamedTuple):
    """One independent variable. law: of the leaf that was met first. place: in a file, "" without one."""

    name: str
    unit: str
    law: Law
    absolute: bool = False
    place: str = ""


class Doubts:
    """Targets as a program of independent normal variables whose 90 % quantile is 1."""

    def __init__(self, targets: Sequence[Quantity]) -> None:
        self.variables: list[Doubt] = []
        self.laws: list[tuple[int, Law]] = []  # of every axis of the program: its variable, and how it moves with it
        self._numbers: dict[Hashable, int] = {}
        self._leaves: dict[tuple[int, Law], Quantity] = {}
        self._done: dict[tuple[int, bool], Quantity] = {}
        self._families = Families()
        self.targets = [self._written(target) for target in targets]
        self._values = [leaf.value for leaf in self._leaves.values()]

    def run(self, places: Sequence[int] | None = None) -> Run:
        """A program of all targets, or of those at these places."""
        wanted = self.targets if places is None else [self.targets[place] for place in places]
        return Program(wanted, self._values).start()

    def inputs(self, draws: Any) -> list[Any]:
        """The values of every axis at draws of the variables, (draws, variables)."""
        return [np.array(law.at(draws[:, variable].tolist())) for variable, law in self.laws]

    def _written(self, target: Quantity) -> Quantity:
        """The target with a leaf for every doubt; what is shared stays shared."""
        stack = [(target, False)]
        while stack:
            node, bare = stack[-1]
            below = bare or (node.formula is not None and node.formula.error > 0)
            waiting = [(x, below) for x in node.inputs.values() if (id(x), below) not in self._done]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if (id(node), bare) not in self._done:
                self._done[id(node), bare] = self._rewritten(node, bare, below)
        return self._done[id(target), False]

    def _rewritten(self, node: Quantity, bare: bool, below: bool) -> Quantity:
        formula = node.formula
        if formula is None:
            return self._leaf(node)
        changed = {name: self._done[id(x), below] for name, x in node.inputs.items()}
        if any(changed[name] is not x for name, x in node.inputs.items()):
            node = replace(node, inputs=changed)
        if bare or not formula.error:
            return node
        law = error_law(formula.error, self._families.widening(node))
        doubt = Doubt(f"{formula.label}, error", "1", law)
        return replace(node, formula=off_by, inputs={"value": node, "factor": self._axis(error_name(formula), doubt)})

    def _leaf(self, leaf: Quantity) -> Quantity:
        if not uncertain(leaf):
            return leaf
        place, law = place_of(leaf), leaf_law(leaf)
        return self._axis(place or id(leaf), Doubt(leaf.name, leaf.unit, law, leaf.absolute, place))

    def _axis(self, key: Hashable, doubt: Doubt) -> Quantity:
        """The leaf that takes the place of what is in doubt; its value is an object of its own, to be known by."""
        if key not in self._numbers:
            self._numbers[key] = len(self.variables)
            self.variables.append(doubt)
        variable = self._numbers[key]
        if (variable, doubt.law) not in self._leaves:
            self._leaves[variable, doubt.law] = Quantity(np.array(doubt.law.median), doubt.unit, doubt.name)
            self.laws.append((variable, doubt.law))
        return self._leaves[variable, doubt.law]
