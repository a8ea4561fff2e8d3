"""Power of decoding GPUs fitted to measured steps."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from rackcalc.config.parts import load_part
from rackcalc.validation import serving
from rackcalc.validation.read import bundled, read
from rackcalc.validation.recorded_prediction import RecordedPrediction, errors

POWER = ("power_floor", "memory_energy", "compute_power")  # of a family; one value for all


@cache
def kept_busy() -> frozenset[str]:
    """Cases whose engine is less than twice as slow as computed; in the others the GPUs wait for the host."""
    rates = [row for row in read(bundled()["step_power"], print) if row.metric == "output_token_rate"]
    return frozenset(row.case for row in rates if float(serving.step_power(row).value) < 2 * row.value)


def power_predictions() -> list[RecordedPrediction]:
    """Power of decoding GPUs. Those that wait for the host are only scored."""
    import numpy as np

    families = [load_part("families", name) for name in ("hopper", "blackwell")]
    known = {id(getattr(family, field)): field for family in families for field in POWER}
    predictions = []
    for row in read(bundled()["step_power"], print):
        if row.metric == "power_mean":
            watts, measured = serving.step_power(row), np.array([row.value])
            fitted = row.case in kept_busy()
            predictions.append(
                RecordedPrediction(row.part, row.model, row.group, "power", watts, measured, known, fitted)
            )
    return predictions


def fit_power(predictions: Sequence[RecordedPrediction]) -> dict[str, float]:
    """Least squares of the logs, groups equally heavy, large errors damped. No priors."""
    import numpy as np
    from scipy.optimize import least_squares

    kept = [prediction for prediction in predictions if prediction.fitted]
    sizes = Counter(prediction.group for prediction in kept)
    weights = np.array([sizes[prediction.group] ** -0.5 for prediction in kept])
    centre = {name: float(getattr(load_part("families", "hopper"), name).value) for name in POWER}

    def trial_of(scales: Any) -> dict[str, float]:
        return {name: centre[name] * float(x) for name, x in zip(POWER, scales, strict=True)}

    def residuals(scales: Any) -> Any:
        return weights * np.concatenate(errors(kept, trial_of(scales)))

    solved = least_squares(residuals, np.ones(len(POWER)), bounds=(0, np.inf), loss="soft_l1", f_scale=0.05)
    return trial_of(solved.x)
