"""How sure the figures are: scrambled Sobol draws of everything in doubt, and which doubt matters.

The laws of what is in doubt are those of the 80 % intervals (interval.py); there are more draws here, so less noise,
and probabilities, effects and sensitivities besides.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import nan
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from rackcalc.config.racks import Loaded
from rackcalc.estimation.estimate import estimate_with_conditions
from rackcalc.estimation.result import Estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError, Problem, suggest
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions import gate_conditions, gates
from rackcalc.questions.claims.judgement import Judgement
from rackcalc.questions.gates import Verdict
from rackcalc.questions.uncertainty import odds
from rackcalc.questions.uncertainty.odds import Able
from rackcalc.replay import sobol
from rackcalc.replay.random_variables import Variable
from rackcalc.replay.sobol_indices import indices
from rackcalc.replay.uncertain_program import UncertainProgram

HEADLINES = ("latency.p99", "throughput.capacity", "power.facility", "cost.tco")  # explained unless others are named
MOST = 1 << 16  # draws held in memory
TOGETHER = 1 << 12  # draws computed together
BOX = 1 << 15  # points computed together: their arrays stay in the processor's cache
TAIL = 0.01  # of the draws on either side, whose figures count as the figure there when variance is shared out
QUANTILES = (0.1, 0.5, 0.9)
_LAW = NormalDist(sigma=1 / NormalDist().inv_cdf(0.9))  # whose 90 % quantile is 1


class Spread(NamedTuple):
    """A figure and its quantiles over the draws in which it is a number; lost: share of the others."""

    figure: Quantity
    low: float
    median: float
    high: float
    lost: float


class Effect(NamedTuple):
    """What one doubt does to a figure: its value with that doubt alone at its 10 % and its 90 % quantile, and the
    shares of variance (sensitivity.py)."""

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


class Report(NamedTuple):
    """Everything found. refused: share of the draws in which the rack cannot work, by reason; holds: by verdict, the
    share of all draws in which the gate holds (a draw that cannot work, or without a number, does not hold); claims:
    the same of what is claimed, in draws of the racks that each claim is about."""

    result: Estimate
    samples: int
    seed: int
    doubts: int
    spreads: Mapping[str, Spread]
    effects: Mapping[str, Sequence[Effect]]
    refused: Mapping[str, float]
    holds: Sequence[tuple[Verdict, float]]
    claims: Sequence[tuple[Judgement, float]]


class Subject(NamedTuple):
    """A rack with everything that must hold of it."""

    loaded: Loaded
    result: Estimate
    able: Able

    @property
    def figures(self) -> dict[str, Quantity]:
        """Its figures by path."""
        return dict(figures(self.result))


def subject(loaded: Loaded) -> Subject:
    """The rack computed, with its conditions. InputError when it cannot be answered as it stands."""
    result, chains = estimate_with_conditions(loaded)
    return Subject(loaded, result, Able(chains))


def wrong(about: Subject, paths: Sequence[str], samples: int, seed: int) -> list[Problem]:
    """What is wrong with the options."""
    known = about.figures
    found = [
        Problem("", 0, 0, path, f"no such figure{suggest(path, known)}")
        for path in dict.fromkeys(paths)
        if path not in known
    ]
    if not 2 <= samples <= MOST or samples & (samples - 1):
        message = f"expected a power of two up to {MOST:,}, which fills the space evenly, got {samples}"
        found.append(Problem("--samples", 0, 0, "", message))
    if not 0 <= seed < 1 << 32:
        found.append(Problem("--seed", 0, 0, "", f"expected a number from 0 to {(1 << 32) - 1}, got {seed}"))
    return found


def judged(about: Subject, paths: Sequence[str], samples: int, seed: int, fail_if: Sequence[str]) -> list[Verdict]:
    """The gates of the file and further ones. InputError with what is wrong with them or with the options."""
    problems = wrong(about, paths, samples, seed)
    verdicts: list[Verdict] = []
    try:
        verdicts = gates.evaluate(gate_conditions.rack_conditions(about.loaded, fail_if, ()), about.result)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return verdicts


def explained(about: Subject, paths: Sequence[str]) -> list[str]:
    """The figures whose doubts are weighed."""
    return list(dict.fromkeys(paths)) or [path for path in HEADLINES if path in about.figures]


def uncertainty(
    about: Subject,
    paths: Sequence[str] = (),
    samples: int = 1024,
    seed: int = 1,
    verdicts: Sequence[Verdict] = (),
    claims: Sequence[Judgement] = (),
    watch: Callable[[int], Any] = lambda done: None,
) -> Report:
    """Everything about one rack. paths: figures to explain, () for the headlines. watch: told the points done."""
    problems = wrong(about, paths, samples, seed)
    if problems:
        raise InputError(problems)
    known = about.figures
    doubts = UncertainProgram([*known.values(), *about.able.quantities])
    chosen = explained(about, paths)
    first, second = np.split(normal(samples, 2 * len(doubts.variables), seed), 2, axis=1)
    with np.errstate(all="ignore"):
        drawn = everything(doubts, first)
        columns = dict(zip(known, drawn, strict=False))
        able, refused = about.able.of(drawn[len(known) :])
        places = [list(known).index(path) for path in chosen]
        effects = effects_on(doubts, places, first, second, about.able, watch)
    spreads = {path: spread(known[path], columns[path]) for path in (paths or known)}
    holds = [(verdict, odds.of_gate(verdict, columns[verdict.condition.path], able)) for verdict in verdicts]
    shares = {reason: count / samples for reason, count in refused.most_common()}
    by_path = dict(zip(chosen, effects, strict=True))
    stated = odds.of_claims(claims, lambda targets: alone(targets, samples, seed))
    return Report(about.result, samples, seed, len(doubts.variables), spreads, by_path, shares, holds, stated)


def normal(samples: int, variables: int, seed: int) -> Any:
    """Draws of independent variables whose 90 % quantile is 1, (samples, variables)."""
    cube = sobol.points(samples, max(variables, 1), seed)[:, :variables]
    return np.array(list(map(_LAW.inv_cdf, cube.ravel().tolist()))).reshape(cube.shape)


def alone(targets: Sequence[Quantity], samples: int, seed: int) -> list[Any]:
    """Targets in draws of their own, of all racks that they are from together: what has one place is one doubt."""
    doubts = UncertainProgram(targets)
    with np.errstate(all="ignore"):
        return everything(doubts, normal(samples, len(doubts.variables), seed))


def work(about: Subject, samples: int) -> int:
    """The most points there can be to compute, for a progress bar."""
    return samples * len(UncertainProgram(list(about.figures.values())).variables)


def slices(count: int) -> Iterator[slice]:
    """The draws in pieces."""
    for start in range(0, count, TOGETHER):
        yield slice(start, min(start + TOGETHER, count))


def everything(doubts: UncertainProgram, draws: Any) -> list[Any]:
    """All targets in all draws."""
    run, parts = doubts.run(), []
    for piece in slices(len(draws)):
        found = run(doubts.inputs(draws[piece]), [piece.start] * len(doubts.axes))
        parts.append([np.broadcast_to(x, piece.stop - piece.start) for x in found])
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def spread(figure: Quantity, column: Any) -> Spread:
    """The quantiles of a figure."""
    known = column[column == column]
    low, median, high = np.quantile(known, QUANTILES, method="inverted_cdf").tolist() if known.size else [nan] * 3
    return Spread(figure, low, median, high, 1 - known.size / column.size)


def effects_on(
    doubts: UncertainProgram, places: Sequence[int], first: Any, second: Any, able: Able, watch: Callable[[int], Any]
) -> list[list[Effect]]:
    """The effects on every chosen target, the largest swing first; doubts that it does not rest on are left out."""
    count = len(doubts.variables)
    if not count:
        return [[] for _ in places]
    ends = np.concatenate([-np.eye(count), np.eye(count)])  # one doubt at one end, all others at their medians
    run = doubts.run(places)
    pushed = [np.broadcast_to(x, 2 * count) for x in run(doubts.inputs(ends), ["ends"] * len(doubts.axes))]
    a, b, mixed = crossed(doubts, places, first, second, able, watch)
    found = []
    for number, column in enumerate(pushed):
        effects = []
        clip = within(a[number], b[number])
        for variable, values in mixed.items():
            low, high = float(column[variable]), float(column[count + variable])
            shares = indices(clip(a[number]), clip(b[number]), clip(values[number]))
            effect = Effect(doubts.variables[variable], low, high, *shares)
            if effect.swing > 0 or effect.total > 0:
                effects.append(effect)
        found.append(sorted(effects, key=lambda effect: (-effect.swing, -effect.total)))
    return found


def within(a: Any, b: Any) -> Callable[[Any], Any]:
    """Outliers brought to the ends of what TAIL leaves: just below overload a figure has no variance to speak of."""
    known = np.concatenate([a, b])
    known = known[np.isfinite(known)]
    if not known.size:
        return lambda values: values
    low, high = np.quantile(known, (TAIL, 1 - TAIL), method="inverted_cdf")
    return lambda values: np.clip(values, low, high)


def crossed(
    doubts: UncertainProgram, places: Sequence[int], first: Any, second: Any, able: Able, watch: Callable[[int], Any]
) -> tuple[Any, Any, dict[int, Any]]:
    """The targets in the first draws, in the second, and in the first with one variable taken from the second, for
    each variable that a target rests on. nan where the rack cannot work: figures of such draws mean nothing."""
    count, size = len(doubts.slots), len(first)
    run = doubts.run([*places, *range(count - able.columns, count)])
    used = 0
    for slot in run.targets[: len(places)]:
        used |= run.program.axes[slot]
    moving = sorted({number for axis, (number, _) in enumerate(doubts.axes) if used >> axis & 1})
    found = {number: np.empty((len(places), size)) for number in (-2, -1, *moving)}

    def keep(numbers: Sequence[int], piece: slice, targets: Sequence[Any]) -> None:
        shape = (len(numbers), piece.stop - piece.start)
        good = able.of([np.broadcast_to(x, shape) for x in targets[len(places) :]])[0]
        for place, target in enumerate(targets[: len(places)]):
            for number, row in zip(numbers, np.where(good, target, nan), strict=True):
                found[number][place, piece] = row

    done = 0
    for piece in slices(size):
        here, there = ([x[None, :] for x in doubts.inputs(draws[piece])] for draws in (first, second))
        base, still = run.fork(), [("first", piece.start)] * len(here)
        keep([-2], piece, base(here, still))
        keep([-1], piece, run.fork()(there, [("second", piece.start)] * len(here)))
        rows = max(1, BOX // (piece.stop - piece.start))
        for start in range(0, len(moving), rows):
            batch = moving[start : start + rows]
            values, keys = list(here), list(still)
            for axis, (number, _) in enumerate(doubts.axes):
                if number in batch:
                    values[axis] = np.repeat(here[axis], len(batch), axis=0)
                    values[axis][batch.index(number)] = there[axis]
                    keys[axis] = ("mixed", start)
            keep(batch, piece, base.fork()(values, keys))
            done += len(batch) * (piece.stop - piece.start)
            watch(done)
    return found.pop(-2), found.pop(-1), found
