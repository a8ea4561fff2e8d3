"""A result as a program of everything in doubt about it: independent normal variables whose 90 % quantile is 1."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rackcalc.quantities.quantity import Quantity
from rackcalc.replay.distributions import Law
from rackcalc.replay.program import Program, Run
from rackcalc.replay.random_variables import RandomVariables, Variable


class UncertainProgram:
    """Figures as a program of random variables.

    variables: what is in doubt. axes: of the program, the number of the variable and the law by which it follows it.
    slots: of the targets. The laws are those of the 80 % intervals.
    """

    def __init__(self, targets: Sequence[Quantity]) -> None:
        random = RandomVariables()
        self.program = Program(random.axis_of, random.error_axis_of)
        self.slots = [self.program.add(target) for target in targets]
        self.variables: list[Variable] = random.variables
        self.axes: list[tuple[int, Law]] = random.axes

    def run(self, places: Sequence[int] | None = None) -> Run:
        """A run that computes all targets, or those at these places."""
        return self.program.start(self.slots if places is None else [self.slots[place] for place in places])

    def inputs(self, draws: Any) -> list[Any]:
        """The values of every axis at draws of the variables, (draws, variables)."""
        return [np.array(law.at(draws[:, number].tolist())) for number, law in self.axes]
