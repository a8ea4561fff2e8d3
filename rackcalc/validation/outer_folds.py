"""The protocol by which laws of serving engines are chosen: `python -m rackcalc.validation.outer_folds`.

Each outer fold leaves something out that a reader's own rack may not have in common with the measurements: a family of
GPUs, a class of architectures, an engine, everything after a date, prompts over twice the longest that is kept, a
layout, a source, a GPU with a model. Every parameter is fitted to the rest, and what was left out is predicted. Errors
are capped at 100 %, and groups of fewer than five rows are one group. What is reported is the mean over the folds and
the worst of them, never the best.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import mean, median
from typing import Any, NamedTuple

from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu.novelty import architecture
from rackcalc.validation import fit_engines
from rackcalc.validation.read import Row
from rackcalc.validation.recorded_prediction import RecordedPrediction
from rackcalc.validation.runs import PROGRAMS

LAST_MONTH = "2026-02"  # what was measured later is left out together
LONGEST_KEPT = 2048.0  # tokens of a prompt; those over twice as long are left out together
FEW = 5  # rows: smaller groups are pooled
CAP = 1.0
FOLD_ROUNDS = 8  # of a fit that starts from the one to all rows, with its slopes


class Outcome(NamedTuple):
    """What one fold says of one metric. median_group: median over groups of the mean error; median_row: over rows."""

    kind: str
    left_out: str
    metric: str
    rows: int
    groups: int
    sources: int
    median_group: float
    median_row: float


def source_of(row: Row) -> str:
    """Who measured a row."""
    if row.scenario in ("inferencex", "nvidia-silicon-run"):
        return row.scenario
    return "mlenergy" if row.kind == "step_power" else "tables"


def layout_of(row: Row) -> str:
    """How a row's GPUs share the work."""
    if row.data_parallel not in ("", "1"):
        return "data parallel"
    gpus = float(row.parts or row.tensor_parallel or 1)
    return "one GPU" if gpus == 1 else "eight GPUs" if gpus >= 8 else "two to four GPUs"


def month_of(row: Row) -> str:
    """The month a row was measured in, "" where it is not stated."""
    return next((word[3:] for word in row.runtime.split() if word.startswith("at-")), "")


def _family(row: Row) -> str:
    return str(load_part("gpus", row.part).family)


def _architecture(row: Row) -> str:
    return architecture(load_part("models", row.model))


ONE_BY_ONE: Mapping[str, Callable[[Row], str]] = {
    "GPU family": _family,
    "GPU": lambda row: row.part,
    "architecture": _architecture,
    "model": lambda row: row.model,
    "engine": lambda row: PROGRAMS[row.runtime.split()[0]],
    "layout": layout_of,
    "source": source_of,
}
PAIRS: Mapping[str, Callable[[Row], str]] = {"GPU and model": lambda row: f"{row.part} with {row.model}"}
TOGETHER: Mapping[str, tuple[str, Callable[[Row], bool]]] = {
    "date": (f"after {LAST_MONTH}", lambda row: month_of(row) > LAST_MONTH),
    "longer prompts": (
        f"over {2 * LONGEST_KEPT:g} tokens",
        lambda row: float(row.input_tokens or 0) > 2 * LONGEST_KEPT,
    ),
}


def folds(predictions: Sequence[RecordedPrediction], pairs: bool = False) -> Iterator[tuple[str, str, list[Any]]]:
    """(kind, what is left out, which rows of each prediction that is)."""
    import numpy as np

    for kind, of in {**ONE_BY_ONE, **(PAIRS if pairs else {})}.items():
        words = [np.array([of(row) for row in prediction.rows]) for prediction in predictions]
        every = sorted({str(word) for found in words for word in found})
        if len(every) > 1:
            for value in every:
                yield kind, value, [found == value for found in words]
    for kind, (value, belongs) in TOGETHER.items():
        yield kind, value, [np.array([belongs(row) for row in x.rows]) for x in predictions]


def outcomes(
    predictions: Sequence[RecordedPrediction], trial: Mapping[str, float], left: Sequence[Any], kind: str, value: str
) -> Iterator[Outcome]:
    """Errors of what was left out, by metric."""
    import numpy as np

    groups: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    sources: dict[str, set[str]] = defaultdict(set)
    for prediction, mask in zip(predictions, left, strict=True):
        if mask.any():
            errors = np.abs(prediction(trial) / prediction.measured - 1)[mask]
            groups[prediction.metric][prediction.group].append(np.minimum(errors, CAP))
            out = [row for row, gone in zip(prediction.rows, mask, strict=True) if gone]
            sources[prediction.metric] |= {source_of(row) for row in out}
    for metric, found in groups.items():
        whole = [np.concatenate(errors) for errors in found.values()]
        pooled = [x for x in whole if len(x) < FEW]
        whole = [x for x in whole if len(x) >= FEW] + ([np.concatenate(pooled)] if pooled else [])
        rows = np.concatenate(whole)
        by_group = median(float(x.mean()) for x in whole)
        yield Outcome(
            kind, value, metric, len(rows), len(whole), len(sources[metric]), by_group, float(np.median(rows))
        )


def protocol(
    predictions: Sequence[RecordedPrediction], start: Mapping[str, float], pairs: bool = False
) -> Iterator[tuple[list[Outcome], Mapping[str, float], list[Any]]]:
    """Every outer fold: its outcomes, the parameters fitted without it, and which rows it left out."""
    slopes = fit_engines.slopes_at(predictions, start)
    for kind, value, left in folds(predictions, pairs):
        trial = fit_engines.fit(predictions, [~mask for mask in left], start, rounds=FOLD_ROUNDS, slopes=slopes)
        yield list(outcomes(predictions, trial, left, kind, value)), trial, left


class Line(NamedTuple):
    """All folds of a kind and metric: means and worst, over folds."""

    kind: str
    metric: str
    folds: int
    rows: int
    sources: int
    mean_group: float
    mean_row: float
    worst: float
    worst_of: str


def lines(found: Iterable[Outcome]) -> list[Line]:
    """One line for each kind of fold and metric."""
    by: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in found:
        by[outcome.kind, outcome.metric].append(outcome)
    made = []
    for (kind, metric), all_of in by.items():
        worst = max(all_of, key=lambda outcome: outcome.median_group)
        made.append(
            Line(
                kind,
                metric,
                len(all_of),
                sum(x.rows for x in all_of),
                max(x.sources for x in all_of),
                mean(x.median_group for x in all_of),
                mean(x.median_row for x in all_of),
                worst.median_group,
                worst.left_out,
            )
        )
    return made


def main(arguments: Sequence[str]) -> None:
    """Print every fold and the lines. --pairs: each pair of GPU and model too. --spread: what novelty adds."""
    import numpy as np

    predictions = fit_engines.recorded()
    whole = fit_engines.fit(predictions)
    found: list[Outcome] = []
    errors: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def note(kind: str, trial: Mapping[str, float], left: Sequence[Any]) -> None:
        """The log errors of a fold, as many of each group."""
        for prediction, mask in zip(predictions, left, strict=True):
            if mask.any():
                off = np.abs(np.log(prediction(trial) / prediction.measured))[mask]
                errors[kind, prediction.metric].append(np.sort(off)[:: max(1, len(off) // 20)])

    note("nothing", whole, [np.ones(len(x.measured), bool) for x in predictions])
    for outcome, trial, left in protocol(predictions, whole, "--pairs" in arguments):
        for one in outcome:
            print(
                f"{one.kind:16} {one.left_out:32} {one.metric:10} rows {one.rows:5} groups {one.groups:3} "
                f"group {100 * one.median_group:5.1f} % row {100 * one.median_row:5.1f} %",
                flush=True,
            )
            note(one.kind, trial, left)
        found += outcome
    for line in lines(found):
        print(
            f"{line.kind:16} {line.metric:10} folds {line.folds:3} group {100 * line.mean_group:5.1f} % "
            f"row {100 * line.mean_row:5.1f} % worst {100 * line.worst:5.1f} % ({line.worst_of})"
        )
    if "--spread" in arguments:
        for (kind, metric), parts in errors.items():
            eighty = float(np.quantile(np.concatenate(parts), 0.8)) / 1.2816
            print(f"{kind:16} {metric:10} standard deviation that holds 80 %: {eighty:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
