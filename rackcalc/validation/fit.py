"""Refit the serving engines and GPU power from the bundled measurements: `python -m rackcalc.validation.fit`.

The rows of one Run are one array, and its prediction is recorded once; a trial re-evaluates the recorded formulas with
other values in the leaves that are fitted. So the model that is fitted is the model that answers.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rackcalc.config.catalog_files import PACKAGE
from rackcalc.config.parts import load_part
from rackcalc.validation.catalog_values import written
from rackcalc.validation.engine_parameters import PROGRAMS, names, start
from rackcalc.validation.fit_engines import fit, recorded
from rackcalc.validation.fit_power import POWER, fit_power, power_predictions
from rackcalc.validation.recorded_prediction import RecordedPrediction


def table(
    predictions: Sequence[RecordedPrediction], trials: Sequence[Mapping[str, float]]
) -> dict[str, dict[str, tuple[float, float]]]:
    """metric -> group -> (mean, median) absolute error; a trial for each prediction."""
    import numpy as np

    found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for prediction, trial in zip(predictions, trials, strict=True):
        found[prediction.metric][prediction.group].append(np.abs(prediction(trial) / prediction.measured - 1))
    return {
        metric: {g: (float(np.mean(e)), float(np.median(e))) for g, x in groups.items() for e in [np.concatenate(x)]}
        for metric, groups in found.items()
    }


def left_out(
    predictions: Sequence[RecordedPrediction],
    by: str,
    fit: Callable[[Sequence[RecordedPrediction]], dict[str, float]] = fit,
) -> list[Mapping[str, float]]:
    """For each prediction, the fit without any row of its part or model."""
    trials = {
        value: fit([prediction for prediction in predictions if getattr(prediction, by) != value])
        for value in sorted({getattr(prediction, by) for prediction in predictions})
    }
    return [trials[getattr(prediction, by)] for prediction in predictions]


def spread(trials: Iterable[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each parameter."""
    found: dict[str, list[float]] = defaultdict(list)
    for trial in trials:
        for name, value in trial.items():
            found[name].append(value)
    return {name: (min(values), max(values)) for name, values in found.items()}


def show(title: str, found: Mapping[str, Mapping[str, tuple[float, float]]], whole: bool) -> None:
    """Print errors by metric, and by group when asked."""
    import statistics

    for metric, groups in found.items():
        if whole:
            for group, (mean, median) in sorted(groups.items()):
                print(f"  {metric:10} {group:42} mean {100 * mean:6.1f} %  median {100 * median:6.1f} %")
        mean, median = (statistics.median(x[i] for x in groups.values()) for i in (0, 1))
        print(f"{title:14} {metric:10} median over groups: mean {100 * mean:.1f} %, median {100 * median:.1f} %")


def power(arguments: Sequence[str]) -> None:
    """As main, for the power of GPUs."""
    predictions = power_predictions()
    now = {name: float(getattr(load_part("families", "hopper"), name).value) for name in POWER}
    best = fit_power(predictions)
    print("; ".join(f"{name} {now[name]:.4g} -> {value:.4g}" for name, value in best.items()))
    trials: dict[str, list[Mapping[str, float]]] = {
        "catalog": [now] * len(predictions),
        "refitted": [best] * len(predictions),
    }
    if "--left-out" in arguments:
        trials |= {f"{by} left out": left_out(predictions, by, fit_power) for by in ("part", "model")}
    for title, found in trials.items():
        show(title, table(predictions, found), title.endswith("left out"))
    if "--write" in arguments:
        for path in sorted((Path(PACKAGE) / "catalog" / "families").glob("*.yaml")):
            path.write_text(written(path.read_text(), best, ""))


def main(arguments: Sequence[str]) -> None:
    """Refit and say what moved. --left-out: also cross-validate. --write: put the values into the catalog.

    With both, the range of a parameter is what the fits without each part and model give.
    """
    power(arguments)
    predictions = recorded()
    now = {name: float(start(name).value) for name in names()}
    show("catalog", table(predictions, [now] * len(predictions)), False)
    best = fit(predictions)
    for name, value in best.items():
        old = now[name]
        print(f"  {name:34} {old:12.5g} -> {value:12.5g}  {100 * (value / old - 1) if old else 0:+6.1f} %")
    show("refitted", table(predictions, [best] * len(predictions)), True)
    others = []
    if "--left-out" in arguments:
        for by in ("part", "model"):
            others += (found := left_out(predictions, by))
            show(f"{by} left out", table(predictions, found), True)
    if "--write" in arguments:
        for program in PROGRAMS:
            path = Path(PACKAGE) / "catalog" / "runtimes" / f"{program}.yaml"
            path.write_text(written(path.read_text(), best, program, spread(others)))


if __name__ == "__main__":
    main(sys.argv[1:])
