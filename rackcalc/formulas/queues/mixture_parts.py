"""What mixtures of simple laws are made of, and how exactly they are computed, for numbers and for lanes alike."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from rackcalc.quantities import elementwise as xp

Part = tuple[Any, Any, Any, Any]  # share, least value, mean, variance


class Stack(NamedTuple):
    """The parts of the mixtures of many lanes: arrays with the parts on the first axis, the lanes on the second."""

    share: Any
    least: Any
    mean: Any
    variance: Any


Parts = Sequence[Part] | Stack
MOST_PARTS = 28
ROUNDS = 120
PATIENCE = 8  # steps of Newton's rule; after them every other one halves
NEAR, SMALL = 1e-7, 1e-6  # logarithm of the tail, and step over the time, from which one more step is exact
LEAST_SCV = 1e-8
EXPONENTIAL = 1 - 1e-9  # squared variation from which a part is exponential; a little below 1, where sums may end
PLATEAU = 1e-7  # where strata make the tail level, a percentile is the time at which it becomes so, not any within
FAR = 6.0  # beyond which a normal density counts as nothing
ROOT_PI = math.sqrt(math.pi)


def group_limit(left: Any) -> Any:
    """The largest share of a group, where this share is not yet in a group. Equal sums do not exceed it."""
    return xp.maximum(left * 0.2, 3e-4) * (1 + 1e-9)


def in_order(mean: Any) -> Any:
    """The mean with 26 of its bits (T. J. Dekker, 1971), so that rounding does not decide the order of equal ones."""
    large = mean * 134217729.0
    return large - (large - mean)
