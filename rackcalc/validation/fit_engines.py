"""Serving engines fitted to serving runs and decoding steps."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import exp
from typing import Any

from rackcalc.formulas.serving.concurrency import Loop, at_rate
from rackcalc.formulas.serving.replicas import one_engine
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.token_times import token_times
from rackcalc.validation import runs, serving
from rackcalc.validation.engine_parameters import OWN, SHARED, SINGLE, leaves, names
from rackcalc.validation.read import Row, Unanswerable, bundled, read
from rackcalc.validation.recorded_prediction import RecordedPrediction, errors, stack

STRENGTH = 0.007  # of the priors against a unit of log error, mean over groups


TTFT_WEIGHT, STEP_WEIGHT = 0.5, 0.6


def arrays(numbers: Sequence[runs.Numbers]) -> runs.Numbers:
    """Numbers of several rows as one, with arrays."""
    return runs.Numbers(**{name: stack([getattr(n, name) for n in numbers]) for name in vars(numbers[0])})


def gathered(kinds: Iterable[str], report: Callable[[Any], None]) -> Iterator[tuple[runs.Run, str, list[Row]]]:
    """Rows of one Run and metric, those that can be fitted."""
    rows: dict[tuple[runs.Run, str, bool], list[Row]] = defaultdict(list)
    for kind in kinds:
        for row in read(bundled()[kind], report):
            fitted = row.metric in ("tpot_mean", "ttft_mean") if kind == "serving" else row.metric == "tpot_p50"
            loaded = row.mode == "agg" and row.scenario not in ("image-chat", "video-chat") and answered(row)
            stalled = row.metric == "ttft_mean" and row.runtime == "sglang" and row.value > 5  # at the start of a run
            if row.quality != "C" and fitted and loaded and not stalled:
                rows[runs.run_of(row), row.metric, not row.concurrency].append(row)
    for (run, metric, _), found in rows.items():
        yield run, metric, found


def answered(row: Row) -> bool:
    """Whether the row states a load that the engine keeps up with."""
    if row.concurrency:
        return True
    try:
        serving.serving(row)
    except Unanswerable:
        return False
    return True


def recorded() -> list[RecordedPrediction]:
    """Every Run's prediction, recorded over all its rows."""
    import numpy as np

    known, parts = leaves(), []
    for run, metric, rows in gathered(("serving", "step_power"), print):
        if run.sampled:
            numbers = arrays([runs.numbers_of(row._replace(input_tokens="1")) for row in rows])
            prompt = stack([serving.PROMPTS[row.scenario] for row in rows])
            numbers = runs.Numbers(**{**vars(numbers), "prompt": prompt})
            quantity = usual_token_time(run, numbers, stack([row.number("batch", "1") for row in rows]))
        else:
            numbers = arrays([runs.numbers_of(row) for row in rows])
            loop = run_loop(run, numbers, rows)
            quantity = loop.tpot if metric == "tpot_mean" else loop.ttft
        group = f"{run.part}|{run.model}|{'steps' if run.sampled else run.program}"
        measured = np.array([row.value for row in rows])
        parts.append(RecordedPrediction(run.part, run.model, group, metric, quantity, measured, known))
    return parts


def usual_token_time(run: runs.Run, numbers: runs.Numbers, batch: Quantity) -> Quantity:
    """The median time between two tokens of a sequence among `batch`, in closed form for all rows at once."""
    alone = runs.per_token(run, numbers, batch)
    return token_times(runs.stand(run).engine, runs.prompts(run, numbers), alone, batch, numbers.output)["p50"]


def run_loop(run: runs.Run, numbers: runs.Numbers, rows: Sequence[Row]) -> Loop:
    """The engine of rows of one Run under their loads."""
    if rows[0].concurrency:
        return runs.loop(run, numbers, stack([row.number("concurrency", "1") for row in rows]))
    gpus = stack([row.number("parts", "1") for row in rows])
    offered = stack([row.number("request_rate", "request/s") for row in rows])
    rate = one_engine(rate=offered, gpus=gpus, devices=numbers.devices)
    return at_rate(lambda number: runs.loop(run, numbers, number, rate), rate, runs.fits(run, numbers))


def fit(predictions: Sequence[RecordedPrediction]) -> dict[str, float]:
    """Least squares, groups equally heavy, large errors damped, priors around the catalog's values."""
    import numpy as np
    from scipy.optimize import least_squares

    priors = {name: SINGLE.get(name) or {**SHARED, **OWN}[name.rpartition(":")[2]] for name in names()}
    rows: dict[tuple[str, str], int] = defaultdict(int)
    for prediction in predictions:
        rows[prediction.group, prediction.metric] += len(prediction.measured)
    groups = {metric: len({g for g, m in rows if m == metric}) for metric in ("tpot_mean", "ttft_mean", "tpot_p50")}
    kinds = {"tpot_mean": 1.0, "ttft_mean": TTFT_WEIGHT, "tpot_p50": STEP_WEIGHT}
    weight = [kinds[t.metric] / (rows[t.group, t.metric] * groups[t.metric]) ** 0.5 for t in predictions]

    def trial_of(logs: Any) -> dict[str, float]:
        return {name: prior.centre * exp(x) for (name, prior), x in zip(priors.items(), logs, strict=True)}

    def residuals(logs: Any) -> Any:
        trial = trial_of(logs)
        found = []
        for prediction, w, e in zip(predictions, weight, errors(predictions, trial), strict=True):
            damped = 0.5 * np.arctan(e / 0.5) * 0.5 if prediction.metric == "ttft_mean" else e
            found.append(w * np.nan_to_num(damped, nan=1.0, posinf=1.0, neginf=-1.0))
        # all are positive, so all is done in logs; a wide prior lets its parameter go to (almost) nothing
        pulls = [
            STRENGTH * float(np.expm1(x) if prior.width >= 1 else x) / prior.width
            for prior, x in zip(priors.values(), logs, strict=True)
        ]
        return np.concatenate([*found, np.array(pulls)])

    low = np.array([-4.0 if prior.width >= 1 else -4 * prior.width for prior in priors.values()])
    high = np.array([min(2.5, float(np.log(prior.most / prior.centre))) for prior in priors.values()])
    solved = least_squares(
        residuals, np.zeros(len(priors)), bounds=(low, high), loss="soft_l1", f_scale=0.02, max_nfev=25
    )
    return trial_of(solved.x)
