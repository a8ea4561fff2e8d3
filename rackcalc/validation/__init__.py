"""Measurements against rackcalc's own figures: read rows, predict each, score the errors."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from importlib import import_module
from math import nan
from typing import NamedTuple

from rackcalc.formulas.serving.closed_loop_spread import forget
from rackcalc.quantities.quantity import Quantity
from rackcalc.replay.intervals import Draws
from rackcalc.validation.read import OTHER_MODELS, Row, Unanswerable

# Kind of measurement -> where its predictor lives: predict(row) -> Quantity, or Unanswerable.
KINDS = {
    "gemm": "kernels.gemm",
    "attention": "kernels.attention",
    "collective": "kernels.collective",
    "point_to_point": "copies.point_to_point",
    "encoder": "encoders.encoder",
    "lpu": "encoders.lpu",
    "serving": "serving.serving",
    "throughput": "serving.throughput",
    "step_power": "serving.step_power",
    "mlperf": "encoders.mlperf",
    "wall_power": "power.wall_power",
    "facility": "power.facility",
}
SHARED = 64  # predictions that share draws: what they have in common is drawn once
MOST_HELD = 5_000  # quantities behind predictions, with all that they were computed from
SAMPLE = 20  # rows of a group whose intervals are computed, and as many of each doubling
CLAIM = "quality C: a claim, or a run not fully known; not scored"


Change = Callable[[Quantity], Quantity]


class Result(NamedTuple):
    """One row and what rackcalc says to it. predicted None: no answer, for the reason given.

    low, high: 80 % interval of the prediction in canonical units; nan where none was asked for.
    """

    row: Row
    predicted: Quantity | None
    reason: str = ""
    low: float = nan
    high: float = nan

    @property
    def error(self) -> float:
        """Predicted over measured, less 1."""
        assert self.predicted is not None
        return float(self.predicted.value) / self.row.value - 1


@cache
def predictor_at(place: str) -> Callable[[Row], Quantity]:
    """The predictor MODULE.NAME of this package."""
    module, _, name = place.partition(".")
    try:
        found: Callable[[Row], Quantity] = getattr(import_module(f"rackcalc.validation.{module}"), name)
    except ModuleNotFoundError as error:
        raise Unanswerable(f"no predictor {place} yet") from error
    return found


class _Bounds:
    """Draws that are shared by a number of predictions, then forgotten."""

    def __init__(self) -> None:
        self.draws, self.used = Draws(), 0

    def of(self, predicted: Quantity) -> tuple[float, float]:
        """The 80 % interval of a prediction."""
        self.used += 1
        if self.used % SHARED == 0:
            self.draws = Draws()
            forget()
        found = self.draws.interval(predicted)
        if self.draws.size > MOST_HELD:
            self.draws.release()
        return found


_bounds = _Bounds()


def unchanged(figure: Quantity) -> Quantity:
    """The figure itself."""
    return figure


@lru_cache(maxsize=16)  # each keeps the whole graph of its prediction
def _answer(described: Row, bounds: bool, change: Change = unchanged) -> tuple[Quantity | None, str, float, float]:
    try:
        if described.model in OTHER_MODELS and described.kind != "wall_power":
            raise Unanswerable(f"{described.model} is {OTHER_MODELS[described.model]}; rackcalc models transformers")
        predicted = change(predictor_at(KINDS[described.kind])(described))
    except Unanswerable as reason:
        return None, str(reason), nan, nan
    except (ArithmeticError, LookupError, ValueError) as error:  # numbers and words that no formula is made for
        return None, f"cannot be computed from these values ({type(error).__name__}: {error})", nan, nan
    return predicted, "", *(_bounds.of(predicted) if bounds else (nan, nan))


def validate(
    rows: Iterable[Row],
    most: int = SAMPLE,
    change: Change = unchanged,
    seen: Counter[tuple[str, str, str]] | None = None,
) -> Iterator[Result]:
    """Each row with its prediction, in order; the same configuration is computed once.

    most: intervals, which take ten times as long as the figures, are computed for about so many rows of each kind,
    group and metric, evenly spread. change: makes the prediction from what the catalog predicts.
    seen: rows so far, where several calls share the sample.
    """
    from rackcalc.validation.conservation import checked

    seen = Counter() if seen is None else seen
    for row, wrong in checked(rows):
        if row.quality == "C" or wrong:
            yield Result(row, None, CLAIM if row.quality == "C" else wrong)
            continue
        key = row.kind, row.group, row.metric
        wanted = seen[key] % (seen[key] // most + 1) == 0 if most else False
        seen[key] += 1
        yield Result(row, *_answer(row.described, wanted, change))
