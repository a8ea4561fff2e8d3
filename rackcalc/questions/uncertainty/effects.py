"""The effect of each doubt on a figure: how far it moves the figure alone, and its share of the figure's variance."""

from collections.abc import Callable, Sequence
from math import nan
from typing import Any, NamedTuple

import numpy as np

from rackcalc.questions.uncertainty.draws import pieces_of
from rackcalc.questions.uncertainty.odds import WorkConditions
from rackcalc.replay.program import Run
from rackcalc.replay.random_variables import Variable
from rackcalc.replay.sobol_indices import indices
from rackcalc.replay.uncertain_program import UncertainProgram

POINTS_OF_A_BOX = 1 << 15  # computed together: their arrays fit into the cache of a processor
FIRST, SECOND = -2, -1  # keys of unmixed draws, beside the numbers of variables
TAIL = 0.01  # share of the draws on either side that is clipped before variance is shared out


class Effect(NamedTuple):
    """The effect of one doubt. low, high: the figure with this doubt alone at its 10 % and 90 % quantile. first, total:
    first-order and total share of the variance, see replay/sobol_indices.py.
    """

    doubt: Variable
    low: float
    high: float
    first: float
    total: float

    @property
    def swing(self) -> float:
        """The distance between the two values."""
        distance = abs(self.high - self.low)
        return distance if distance == distance else 0.0


def effects_on(
    doubts: UncertainProgram,
    targets: Sequence[int],
    first: Any,
    second: Any,
    work: WorkConditions,
    on_progress: Callable[[int], Any],
) -> list[list[Effect]]:
    """The effects on the targets with these indices, largest swing first, without doubts that have no effect.

    first, second: two independent sets of draws. work: conditions under which the rack can work.
    """
    count = len(doubts.variables)
    if not count:
        return [[] for _ in targets]
    ends = np.concatenate([-np.eye(count), np.eye(count)])  # one doubt at an end, all others at their medians
    run = doubts.run(targets)
    extremes = [np.broadcast_to(x, 2 * count) for x in run(doubts.inputs(ends), ["ends"] * len(doubts.axes))]
    a, b, mixed = mixed_draws(doubts, targets, first, second, work, on_progress)
    found = []
    for number, column in enumerate(extremes):
        effects = []
        clip = outlier_clip(a[number], b[number])
        for variable, values in mixed.items():
            low, high = float(column[variable]), float(column[count + variable])
            shares = indices(clip(a[number]), clip(b[number]), clip(values[number]))
            effect = Effect(doubts.variables[variable], low, high, *shares)
            if effect.swing > 0 or effect.total > 0:
                effects.append(effect)
        found.append(sorted(effects, key=lambda effect: (-effect.swing, -effect.total)))
    return found


def outlier_clip(a: Any, b: Any) -> Callable[[Any], Any]:
    """A function that clips outliers: close to overload, figures grow without limit, and so would their variance."""
    known = np.concatenate([a, b])
    known = known[np.isfinite(known)]
    if not known.size:
        return lambda values: values
    low, high = np.quantile(known, (TAIL, 1 - TAIL), method="inverted_cdf")
    return lambda values: np.clip(values, low, high)


def mixed_draws(
    doubts: UncertainProgram,
    targets: Sequence[int],
    first: Any,
    second: Any,
    work: WorkConditions,
    on_progress: Callable[[int], Any],
) -> tuple[Any, Any, dict[int, Any]]:
    """The targets in the first draws, in the second, and in mixed draws, by number of the variable.

    For each variable that a target depends on, its mixed draws are the first draws with that variable taken from the
    second. A target is nan where the rack cannot work, because such figures have no meaning. Arrays (targets, draws).
    """
    count, size = len(doubts.slots), len(first)
    run = doubts.run([*targets, *range(count - work.columns, count)])
    moving = _variables_of(run, len(targets), doubts)
    found = {number: np.empty((len(targets), size)) for number in (FIRST, SECOND, *moving)}

    def keep(numbers: Sequence[int], piece: slice, values: Sequence[Any]) -> None:
        shape = (len(numbers), piece.stop - piece.start)
        able, _ = work.check([np.broadcast_to(x, shape) for x in values[len(targets) :]])
        for index, value in enumerate(values[: len(targets)]):
            for number, row in zip(numbers, np.where(able, value, nan), strict=True):
                found[number][index, piece] = row

    done = 0
    for piece in pieces_of(size):
        here, there = ([x[None, :] for x in doubts.inputs(draws[piece])] for draws in (first, second))
        base, keys_here = run.fork(), [("first", piece.start)] * len(here)
        keep([FIRST], piece, base(here, keys_here))
        keep([SECOND], piece, run.fork()(there, [("second", piece.start)] * len(here)))
        rows = max(1, POINTS_OF_A_BOX // (piece.stop - piece.start))
        for start in range(0, len(moving), rows):
            batch = moving[start : start + rows]
            values, keys = list(here), list(keys_here)
            for axis, (number, _) in enumerate(doubts.axes):
                if number in batch:
                    values[axis] = np.repeat(here[axis], len(batch), axis=0)
                    values[axis][batch.index(number)] = there[axis]
                    keys[axis] = ("mixed", start)
            keep(batch, piece, base.fork()(values, keys))
            done += len(batch) * (piece.stop - piece.start)
            on_progress(done)
    return found.pop(FIRST), found.pop(SECOND), found


def _variables_of(run: Run, targets: int, doubts: UncertainProgram) -> list[int]:
    """Numbers of the variables that the first `targets` targets of a run depend on."""
    used = 0
    for slot in run.targets[:targets]:
        used |= run.program.axes[slot]
    return sorted({number for axis, (number, _) in enumerate(doubts.axes) if used >> axis & 1})
