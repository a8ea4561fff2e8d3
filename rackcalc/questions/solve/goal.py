"""What solve looks for: a point of a design space at which criteria hold, the first one or the best."""

from math import prod
from typing import NamedTuple

from rackcalc.questions.solve.criteria import Criterion
from rackcalc.replay.design_space import VariedRack


class Objective(NamedTuple):
    """With a path, the point with the smallest sign * value is wanted; without one, the first at which the
    criteria begin or cease to hold, of several variables the first at which they hold."""

    path: str = ""
    sign: float = 1.0


class Goal(NamedTuple):
    """A design space, what must hold, and the objective. shown: further figures of the solution."""

    question: VariedRack
    criteria: tuple[Criterion, ...]
    objective: Objective
    shown: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """Number of points of the grid."""
        return prod(self.question.shape)
