"""What the doubt about one figure comes from: inputs of the calculation, and formulas that are not exact."""

from typing import NamedTuple

import numpy as np

from rackcalc.quantities.figures import figure
from rackcalc.quantities.quantity import Quantity, all_behind
from rackcalc.questions.uncertainty.analysis import UncertainRack
from rackcalc.questions.uncertainty.draws import normal_draws
from rackcalc.questions.uncertainty.effects import Effect, effects_on
from rackcalc.replay.distributions import error_name, place_of, uncertain
from rackcalc.replay.intervals import Draws
from rackcalc.replay.random_variables import Variable
from rackcalc.replay.uncertain_program import UncertainProgram

SAMPLES, SEED = 512, 1


class DoubtSource(NamedTuple):
    """One source of doubt. origin: the leaf, or a result of the formula that is in doubt. effect: on the figure."""

    origin: Quantity
    effect: Effect


class DoubtSources(NamedTuple):
    """What the doubt about a figure comes from, largest share first. interval: of the figure, 80 %."""

    figure: Quantity
    interval: tuple[float, float]
    found: list[DoubtSource]


def doubt_sources(about: UncertainRack, path: str) -> DoubtSources:
    """The sources of doubt about the figure at a path. InputError when there is no such figure."""
    target = figure(about.result, path)
    doubts = UncertainProgram([target, *about.work.quantities])
    first, second = np.split(normal_draws(SAMPLES, 2 * len(doubts.variables), SEED), 2, axis=1)
    with np.errstate(all="ignore"):
        effects = effects_on(doubts, [0], first, second, about.work, lambda _: None)[0]
    leaves, formulas = _origins(target)
    found = [DoubtSource(_origin(effect.doubt, leaves, formulas), effect) for effect in effects if effect.total > 0]
    found.sort(key=lambda one: -one.effect.total)
    return DoubtSources(target, Draws(about.result).interval(target), found)


def _origin(doubt: Variable, leaves: dict[str, Quantity], formulas: dict[str, Quantity]) -> Quantity:
    if doubt.key in formulas:
        return formulas[doubt.key]
    return leaves[doubt.place] if doubt.place in leaves else leaves[doubt.name]


def _origins(target: Quantity) -> tuple[dict[str, Quantity], dict[str, Quantity]]:
    """What a figure rests on: leaves in doubt, by place and by name, and results of inexact formulas, by their key."""
    leaves: dict[str, Quantity] = {}
    formulas: dict[str, Quantity] = {}
    for current in all_behind([target]):
        if current.formula is not None:
            formulas.setdefault(error_name(current.formula), current)
        elif uncertain(current):
            leaves.setdefault(current.name, current)
            leaves.setdefault(place_of(current) or current.name, current)
    return leaves, formulas
