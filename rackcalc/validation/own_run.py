"""What a few runs of one's own server say about all others of it: a factor on fixed times and one on rates.

log(measured / predicted) of a run is w * a + (1 - w) * b + noise, where w is the share of its time per token that does
not depend on rates of the GPU (launches, the host). Before any run, a and b are believed to be near 0: what they have
in common as uncertain as a run is noisy, which shrinks the mean of n runs by n / (n + 1), their difference half as
uncertain. Least squares (G. E. P. Box and G. C. Tiao, Bayesian Inference in Statistical Analysis, 1973, 2.7).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import exp, log, sqrt
from typing import NamedTuple

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.replay.program import with_leaves
from rackcalc.validation import Result
from rackcalc.validation.read import Row, Unanswerable
from rackcalc.validation.runs import Run, run_of, stand

NOISE = 0.10  # standard deviation of the log of a run's error when all about its server is known
DIFFERENCE = 0.5  # of the belief in common: that fixed times and rates are off by other factors
NORMAL_80 = 1.2816
TIMES = ("layer_overhead", "latent_overhead", "sequence_time", "sampling_time", "token_time", "dispatch_time")
KINDS = ("serving", "step_power", "throughput")
STEP = 1.01  # of the fixed times, in the difference that gives their share


class Factor(NamedTuple):
    """A factor, with the 80 % interval of it."""

    value: float
    low: float
    high: float


class OwnRun(NamedTuple):
    """What the runs of one server say. fixed: factor on its fixed times; rates: on what its GPUs do in a second."""

    rows: int
    fixed: Factor
    rates: Factor

    def corrected(self, predicted: float, share: float) -> float:
        """A time of this server, from the predicted one and the share of fixed times in it."""
        return predicted * self.fixed.value**share / self.rates.value ** (1 - share)


class Compared(NamedTuple):
    """One run. share: of fixed times in what was predicted."""

    measured: float
    predicted: float
    share: float


def own_run(runs: Sequence[Compared]) -> OwnRun:
    """The factors that runs of one server suggest: posterior of two unknowns under normal errors.

    >>> own_run([Compared(1.1, 1.0, 0.5)]).corrected(1.0, 0.5) < 1.1
    True
    """
    common, apart = NOISE**2, (DIFFERENCE * NOISE) ** 2
    # normal equations for c (in common) and d (half of the difference): a = c + d, b = c - d
    s_cc, s_cd, s_dd, t_c, t_d = 1 / common, 0.0, 1 / apart, 0.0, 0.0
    for run in runs:
        tilt = 2 * run.share - 1
        off = log(run.measured / run.predicted)
        s_cc += 1 / NOISE**2
        s_cd += tilt / NOISE**2
        s_dd += tilt * tilt / NOISE**2
        t_c += off / NOISE**2
        t_d += tilt * off / NOISE**2
    size = s_cc * s_dd - s_cd * s_cd
    c, d = (s_dd * t_c - s_cd * t_d) / size, (s_cc * t_d - s_cd * t_c) / size
    spread = [sqrt((s_dd + s_cc - sign * 2 * s_cd) / size) for sign in (1, -1)]
    return OwnRun(len(runs), _factor(c + d, spread[0]), _factor(d - c, spread[1]))


def _factor(mean: float, spread: float) -> Factor:
    wide = NORMAL_80 * spread
    return Factor(exp(mean), exp(mean - wide), exp(mean + wide))


def fixed_share(predicted: Quantity, run: Run) -> float:
    """The share of fixed times in a predicted time: what it grows by when they do."""
    engine = stand(run).engine
    leaves = [getattr(engine, name) for name in TIMES] + list(engine.expert_overhead.values())
    known = [leaf for leaf in leaves if isinstance(leaf, Quantity)]
    longer = {id(leaf): replace(leaf, value=STEP * float(leaf.value), low=None, high=None) for leaf in known}
    changed = float(with_leaves(predicted, longer).value) / float(predicted.value)
    return min(max(log(changed) / log(STEP), 0.0), 1.0)


class OwnRuns:
    """Collects the times per token of each server among some results."""

    def __init__(self) -> None:
        self.runs: dict[tuple[Run, str], list[Compared]] = defaultdict(list)
        self.described: dict[tuple[Run, str], str] = {}

    def add(self, result: Result) -> None:
        """Take one result in."""
        row, predicted = result.row, result.predicted
        if predicted is None or row.kind not in KINDS or row.metric not in ("tpot_mean", "tpot_p50"):
            return
        try:
            run = run_of(row)
        except Unanswerable:
            return
        server = run._replace(options=()), f"{row.parts or row.tensor_parallel}x{row.data_parallel}"
        self.described.setdefault(server, described(row))
        self.runs[server].append(Compared(row.value, float(predicted.value), fixed_share(predicted, run)))

    def suggestions(self) -> Iterable[tuple[str, OwnRun]]:
        """Each server in words, with its factors."""
        for server, found in self.runs.items():
            yield self.described[server], own_run(found)


def described(row: Row) -> str:
    """The server of a row in words."""
    gpus = row.parts or row.tensor_parallel or "1"
    return f"{gpus} x {row.part}, {row.model}, {row.precision}, {row.runtime}"
