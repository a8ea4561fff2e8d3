"""The analysis of a rack: intervals of its figures, odds of its gates and claims, and the effects of the doubts.

What is in doubt, and how it is distributed, is as for the 80 % intervals of an estimate (replay/distributions.py). Here
there are more draws, hence less noise.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rackcalc.config.racks import Loaded
from rackcalc.estimation.estimate import estimate_with_conditions
from rackcalc.estimation.result import Estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.former_names import name_in
from rackcalc.quantities.problems import InputError, Problem, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions import gate_conditions, gates
from rackcalc.questions.claims.judgement import Judgement
from rackcalc.questions.gates import Verdict
from rackcalc.questions.headlines import HEADLINES
from rackcalc.questions.uncertainty import odds
from rackcalc.questions.uncertainty.draws import Spread, draw_all, draw_separately, normal_draws, spread
from rackcalc.questions.uncertainty.effects import Effect, effects_on
from rackcalc.questions.uncertainty.odds import WorkConditions
from rackcalc.replay.uncertain_program import UncertainProgram

MOST_DRAWS = 1 << 16  # held in memory


class Report(NamedTuple):
    """Everything found. spreads, effects: by path. refused: share of draws in which the rack cannot work, by reason.

    holds: the share of all draws in which each gate holds. It does not hold where the rack cannot work or the figure is
    no number. claims: the same for each claim, in draws of the racks that it is about.
    """

    result: Estimate
    samples: int
    seed: int
    doubts: int
    spreads: Mapping[str, Spread]
    effects: Mapping[str, Sequence[Effect]]
    refused: Mapping[str, float]
    holds: Sequence[tuple[Verdict, float]]
    claims: Sequence[tuple[Judgement, float]]


class UncertainRack(NamedTuple):
    """A rack with its estimate and the conditions under which it can work."""

    loaded: Loaded
    result: Estimate
    work: WorkConditions

    @property
    def figures(self) -> dict[str, Quantity]:
        """The figures of the estimate by path."""
        return dict(figures(self.result))


def uncertain_rack(loaded: Loaded) -> UncertainRack:
    """Estimate a rack. InputError when it cannot be computed with its values as given."""
    result, chains = estimate_with_conditions(loaded)
    return UncertainRack(loaded, result, WorkConditions(chains))


def option_problems(about: UncertainRack, paths: Sequence[str], samples: int, seed: int) -> list[Problem]:
    """The mistakes in the options."""
    known = about.figures
    found = [
        Problem("", 0, 0, path, f"no such figure{suggest(path, known)}")
        for path in dict.fromkeys(name_in(known, path) for path in paths)
        if path not in known
    ]
    if not 2 <= samples <= MOST_DRAWS or samples & (samples - 1):
        message = f"expected a power of two up to {MOST_DRAWS:,}, which fills the space evenly, got {samples}"
        found.append(Problem("--samples", 0, 0, "", message))
    if not 0 <= seed < 1 << 32:
        found.append(Problem("--seed", 0, 0, "", f"expected a number from 0 to {(1 << 32) - 1}, got {seed}"))
    return found


def judged_gates(
    about: UncertainRack, paths: Sequence[str], samples: int, seed: int, fail_if: Sequence[str]
) -> list[Verdict]:
    """Judge the gates of the file and further ones. InputError with all mistakes in them and in the options."""
    problems = option_problems(about, paths, samples, seed)
    verdicts: list[Verdict] = []
    try:
        verdicts = gates.evaluate(gate_conditions.rack_conditions(about.loaded, fail_if, ()), about.result)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return verdicts


def chosen_paths(about: UncertainRack, paths: Sequence[str]) -> list[str]:
    """The figures whose doubts are analysed: those named, else the headlines."""
    return list(dict.fromkeys(name_in(about.figures, path) for path in paths)) or [
        path for path in HEADLINES if path in about.figures
    ]


def uncertainty(
    about: UncertainRack,
    paths: Sequence[str] = (),
    samples: int = 1024,
    seed: int = 1,
    verdicts: Sequence[Verdict] = (),
    claims: Sequence[Judgement] = (),
    on_progress: Callable[[int], Any] = lambda points: None,
) -> Report:
    """Analyse one rack. paths: figures to explain, () for the headlines. on_progress: called with the points done."""
    problems = option_problems(about, paths, samples, seed)
    if problems:
        raise InputError(problems)
    known = about.figures
    doubts = UncertainProgram([*known.values(), *about.work.quantities])
    chosen = chosen_paths(about, paths)
    first, second = np.split(normal_draws(samples, 2 * len(doubts.variables), seed), 2, axis=1)
    with np.errstate(all="ignore"):
        drawn = draw_all(doubts, first)
        columns = dict(zip(known, drawn, strict=False))
        able, refused = about.work.check(drawn[len(known) :])
        targets = [list(known).index(path) for path in chosen]
        effects = effects_on(doubts, targets, first, second, about.work, on_progress)
    spreads = {path: spread(known[path], columns[path]) for path in (chosen if paths else known)}
    holds = [(verdict, odds.gate_odds(verdict, columns[verdict.condition.path], able)) for verdict in verdicts]
    shares = {reason: count / samples for reason, count in refused.most_common()}
    by_path = dict(zip(chosen, effects, strict=True))
    stated = odds.claim_odds(claims, lambda targets: draw_separately(targets, samples, seed))
    return Report(about.result, samples, seed, len(doubts.variables), spreads, by_path, shares, holds, stated)


def most_points(about: UncertainRack, samples: int) -> int:
    """The largest number of points that there can be to compute, for a progress bar."""
    return samples * len(UncertainProgram(list(about.figures.values())).variables)
