"""Serving engines fitted to serving runs and decoding steps."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from rackcalc.formulas.serving.concurrency import Loop, at_rate
from rackcalc.formulas.serving.replicas import one_engine
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.token_times import token_times
from rackcalc.validation import conservation, runs, serving
from rackcalc.validation.engine_parameters import leaves, names, prior
from rackcalc.validation.read import Row, Unanswerable, bundled, read
from rackcalc.validation.recorded_prediction import RecordedPrediction, stack

STRENGTH = 0.02  # of the priors against a unit of log error, mean over groups: what outer folds are predicted best with
WEIGHT = {"tpot_mean": 1.0, "ttft_mean": 0.5, "tpot_p50": 0.6}
DAMPED = {"tpot_mean": 0.15, "ttft_mean": 0.35, "tpot_p50": 0.15}  # log error from which on sizes count, not squares
STEP = 1e-3  # of a logarithm, in differences


def arrays(numbers: Sequence[runs.Numbers]) -> runs.Numbers:
    """Numbers of several rows as one, with arrays."""
    return runs.Numbers(**{name: stack([getattr(n, name) for n in numbers]) for name in vars(numbers[0])})


def gathered(kinds: Iterable[str], report: Callable[[Any], None]) -> Iterator[tuple[runs.Run, str, list[Row]]]:
    """Rows of one Run and metric, those that can be fitted."""
    rows: dict[tuple[runs.Run, str, bool], list[Row]] = defaultdict(list)
    waits = waiting_for_host()
    for kind in kinds:
        for row in read(bundled()[kind], report):
            fitted = row.metric in ("tpot_mean", "ttft_mean") if kind == "serving" else row.metric == "tpot_p50"
            loaded = row.mode == "agg" and row.scenario not in ("image-chat", "video-chat") and answered(row)
            late_2025 = row.runtime == "sglang" or row.runtime.startswith("sglang at-2025")  # no version is stated
            stalled = row.metric == "ttft_mean" and late_2025 and row.value > 5  # at the start of a run
            if row.quality != "C" and fitted and loaded and not stalled and row.case not in waits:
                rows[runs.run_of(row), row.metric, not row.concurrency].append(row)
    for (run, metric, _), found in rows.items():
        yield run, metric, found


@cache
def waiting_for_host() -> frozenset[str]:
    """Cases of decode steps that take more than twice as long as steps of the same server at no smaller batch."""
    found: dict[Row, list[Row]] = defaultdict(list)
    for row in read(bundled()["step_power"], lambda problem: None):
        if row.metric == "tpot_p50":
            blank: dict[str, Any] = {
                "batch": "",
                "concurrency": "",
                "scenario": "",
                "output_tokens": "",
                "input_tokens": "",
            }
            found[row.described._replace(**blank)].append(row)
    return frozenset(
        row.case
        for rows in found.values()
        for row in rows
        if any(row.value > 2 * x.value and float(x.batch) > 0.9 * float(row.batch) for x in rows)
    )


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
    cannot_be = conservation.refused_cases()
    for run, metric, found in gathered(("serving", "step_power"), print):
        rows = [row for row in found if row.case not in cannot_be]
        if not rows:
            continue
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
        parts.append(RecordedPrediction(run.part, run.model, group, metric, quantity, measured, known, rows=rows))
    return parts


def usual_token_time(run: runs.Run, numbers: runs.Numbers, batch: Quantity) -> Quantity:
    """The median time between two tokens of a sequence among `batch`, in closed form for all rows at once."""
    alone = runs.per_token(run, numbers, batch)
    return token_times(runs.stand(run).engine, runs.prefill_of(run, numbers), alone, batch, numbers.output)["p50"]


def run_loop(run: runs.Run, numbers: runs.Numbers, rows: Sequence[Row]) -> Loop:
    """The engine of rows of one Run under their loads."""
    if rows[0].concurrency:
        return runs.loop(run, numbers, stack([row.number("concurrency", "1") for row in rows]))
    gpus = stack([row.number("parts", "1") for row in rows])
    offered = stack([row.number("request_rate", "request/s") for row in rows])
    rate = one_engine(rate=offered, gpus=gpus, devices=numbers.devices)
    return at_rate(lambda number: runs.loop(run, numbers, number, rate), rate, runs.fits(run, numbers))


class Belief(NamedTuple):
    """Priors as arrays over the fitted parameters. All are positive, so all is done in logs of value over centre."""

    names: Sequence[str]
    centre: Any
    width: Any
    most: Any

    @classmethod
    def of(cls, names: Sequence[str]) -> "Belief":
        """The priors of parameters."""
        import numpy as np

        priors = [prior(name) for name in names]
        return cls(
            names,
            np.array([x.centre for x in priors]),
            np.array([x.width for x in priors]),
            np.array([np.log(min(x.most / x.centre, 1e9)) for x in priors]),
        )


def fit(
    predictions: Sequence[RecordedPrediction],
    kept: Sequence[Any] | None = None,
    start: Mapping[str, float] | None = None,
    rounds: int = 12,
    slopes: Sequence[Any] | None = None,
) -> dict[str, float]:
    """Least squares, groups equally heavy, large errors damped, priors around the centres of the parameters.

    kept: for each prediction, which of its rows count (arrays of truth values); default all. start: values to start
    from, such as those of a fit to more rows. slopes: of the predictions at the start, which then stay in use; so near
    to a solution they hardly change, and a fit takes a tenth of the time. The method is Gauss and Newton's with
    Levenberg's damping; a parameter that no row depends on ends at its centre.
    """
    import numpy as np

    kept = [np.ones(len(x.measured), bool) for x in predictions] if kept is None else kept
    every, used = names(), {name for x in predictions for name in x.parameters}
    belief = Belief.of([name for name in every if name in used])
    place = {name: i for i, name in enumerate(belief.names)}
    trial = {name: prior(name).centre for name in every} | dict(start or {})
    logs = np.minimum(np.log(np.array([trial[name] for name in belief.names]) / belief.centre), belief.most)
    weights, counted = _weights(predictions, kept), [i for i, mask in enumerate(kept) if mask.any()]

    def errors_at(values: Mapping[str, float]) -> list[Any]:
        return [np.log(np.maximum(predictions[i](values), 1e-9) / predictions[i].measured)[kept[i]] for i in counted]

    def cost_of(errors: Sequence[Any], logs: Any) -> float:
        pulls = float((np.square(STRENGTH * logs / belief.width)).sum())
        return pulls + sum(
            _loss(weights[i], e, DAMPED[predictions[i].metric]) for i, e in zip(counted, errors, strict=True)
        )

    errors, damping = errors_at(trial), 1e-3
    cost = cost_of(errors, logs)
    for _ in range(rounds):
        changes = slopes_at(predictions, trial, counted) if slopes is None else slopes
        curve, slope = _normal_equations(predictions, kept, counted, weights, changes, errors, place)
        curve += np.diag(np.square(STRENGTH / belief.width))
        slope -= np.square(STRENGTH / belief.width) * logs
        before = cost
        for _ in range(6):
            step = np.linalg.solve(curve + damping * np.diag(np.diag(curve)), slope)
            logs_then = np.minimum(logs + np.clip(step, -0.5, 0.5), belief.most)
            trial_then = trial | dict(zip(belief.names, (belief.centre * np.exp(logs_then)).tolist(), strict=True))
            errors_then = errors_at(trial_then)
            cost_then = cost_of(errors_then, logs_then)
            if np.isfinite(cost_then) and cost_then < cost:
                logs, trial, errors, cost = logs_then, trial_then, errors_then, cost_then
                damping = max(damping / 8, 1e-4)
                break
            damping *= 8
        if before - cost < 2e-4 * before:
            break
    return trial


def _weights(predictions: Sequence[RecordedPrediction], kept: Sequence[Any]) -> list[float]:
    """The weight of each row of a prediction: groups of a metric are equally heavy."""
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    for prediction, mask in zip(predictions, kept, strict=True):
        sizes[prediction.group, prediction.metric] += int(mask.sum())
    groups = Counter(metric for (_, metric), size in sizes.items() if size)
    return [
        WEIGHT[x.metric] / (max(sizes[x.group, x.metric], 1) * max(groups[x.metric], 1)) ** 0.5 for x in predictions
    ]


def _loss(weight: float, errors: Any, damped: float) -> float:
    """Squares of small errors, sizes of large ones."""
    import numpy as np

    return float(weight**2 * (2 * damped**2 * (np.sqrt(1 + np.square(errors / damped)) - 1)).sum())


def slopes_at(
    predictions: Sequence[RecordedPrediction], trial: Mapping[str, float], counted: Iterable[int] | None = None
) -> list[Any]:
    """For each prediction, change of the logs of all its rows by that of each of its parameters, from differences.

    counted: places of those that matter; the others are empty.
    """
    import numpy as np

    found: list[Any] = [np.zeros((0, len(each.measured))) for each in predictions]
    for i in range(len(predictions)) if counted is None else counted:
        prediction = predictions[i]
        at = np.log(np.maximum(prediction(trial), 1e-9))
        moved = [
            np.log(np.maximum(prediction({**trial, name: trial[name] * float(np.exp(STEP))}), 1e-9))
            for name in prediction.parameters
        ]
        if moved:
            found[i] = np.nan_to_num((np.stack(moved) - at) / STEP)
    return found


def _normal_equations(
    predictions: Sequence[RecordedPrediction],
    kept: Sequence[Any],
    counted: Sequence[int],
    weights: Sequence[float],
    slopes: Sequence[Any],
    errors: Sequence[Any],
    place: Mapping[str, int],
) -> tuple[Any, Any]:
    """Curvature and slope of the loss; each prediction moves with its own parameters only."""
    import numpy as np

    curve, slope = np.zeros((len(place), len(place))), np.zeros(len(place))
    for i, at in zip(counted, errors, strict=True):
        prediction, damped = predictions[i], DAMPED[predictions[i].metric]
        heavy = weights[i] ** 2 / np.sqrt(1 + np.square(at / damped))
        change = slopes[i][:, kept[i]]
        found = [place[name] for name in prediction.parameters]
        curve[np.ix_(found, found)] += (change * heavy) @ change.T
        slope[found] -= change @ (heavy * at)
    return curve, slope
