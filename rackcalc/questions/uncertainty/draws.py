"""Draws of everything that is in doubt: scrambled Sobol points, the figures in each of them, and their quantiles."""

from collections.abc import Iterator, Sequence
from math import nan
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from rackcalc.quantities.quantity import Quantity
from rackcalc.replay import sobol
from rackcalc.replay.uncertain_program import UncertainProgram

DRAWS_TOGETHER = 1 << 12  # computed together
QUANTILES = (0.1, 0.5, 0.9)
_NORMAL = NormalDist(sigma=1 / NormalDist().inv_cdf(0.9))  # its 90 % quantile is 1


class Spread(NamedTuple):
    """A figure and its quantiles over the draws in which it is a number. lost: share of the other draws."""

    figure: Quantity
    low: float
    median: float
    high: float
    lost: float


def normal_draws(samples: int, variables: int, seed: int) -> Any:
    """Draws of independent normal variables whose 90 % quantile is 1; (samples, variables)."""
    cube = sobol.points(samples, max(variables, 1), seed)[:, :variables]
    return np.array(list(map(_NORMAL.inv_cdf, cube.ravel().tolist()))).reshape(cube.shape)


def draw_separately(targets: Sequence[Quantity], samples: int, seed: int) -> list[Any]:
    """The targets in draws of their own. Leaves of one place are one doubt, also where they are of different racks."""
    doubts = UncertainProgram(targets)
    with np.errstate(all="ignore"):
        return draw_all(doubts, normal_draws(samples, len(doubts.variables), seed))


def pieces_of(count: int) -> Iterator[slice]:
    """Slices of at most DRAWS_TOGETHER draws that cover all of them."""
    for start in range(0, count, DRAWS_TOGETHER):
        yield slice(start, min(start + DRAWS_TOGETHER, count))


def draw_all(doubts: UncertainProgram, draws: Any) -> list[Any]:
    """All targets in all draws, an array (samples,) for each. draws: (samples, variables)."""
    run, parts = doubts.run(), []
    for piece in pieces_of(len(draws)):
        found = run(doubts.inputs(draws[piece]), [piece.start] * len(doubts.axes))
        parts.append([np.broadcast_to(x, piece.stop - piece.start) for x in found])
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def spread(figure: Quantity, column: Any) -> Spread:
    """The spread of a figure. column: its value in every draw."""
    known = column[column == column]
    low, median, high = np.quantile(known, QUANTILES, method="inverted_cdf").tolist() if known.size else [nan] * 3
    return Spread(figure, low, median, high, 1 - known.size / column.size)
