"""Parameters refitted without a part or a model, for cross-validation. Needs scipy.

Every prediction is recorded once, over all rows that differ in numbers only, and evaluated again with other leaves (see
fit.py). Parameters start at the catalog's values and stay within twice and half of them, or their stated range where
that is wider; one that nothing left in determines stays where it is.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.estimation import server_power
from rackcalc.quantities.quantity import Quantity
from rackcalc.validation import encoders, engine_parameters, fit_engines, fit_power, kernels, power, serving
from rackcalc.validation.groups import group_of
from rackcalc.validation.parameter_swaps import Swaps, moved
from rackcalc.validation.read import OTHER_MODELS, Row, Unanswerable, bundled, read
from rackcalc.validation.recorded_prediction import RecordedPrediction, stack

Leaves = Mapping[str, Sequence[Quantity]]  # fitted parameter -> its leaves (one value, several catalog files)


# Parameters in a fixed ratio to another. Arithmetic per joule goes by the power of the process, as foundries state it.
TIED = {"turing:per_watt": "ampere:per_watt"}
MOST = {"tensorrt:load_per_cycle": 5120 / 108}  # B: the L2 of an A100 gives 5120 a cycle to 108 SMs (white paper)


class Task(NamedTuple):
    """What is fitted to which rows."""

    kind: str
    wanted: Callable[[Row], bool]
    predict: Callable[[Row], Quantity]
    arrays: frozenset[str]  # columns that may hold arrays
    leaves: Callable[[], Leaves]


class Together(Row):
    """Rows that differ in some numbers only, as one row whose numbers are arrays."""

    rows: Sequence[Row]
    arrays: frozenset[str]

    @classmethod
    def of(cls, rows: Sequence[Row], arrays: frozenset[str]) -> "Together":
        """The rows as one."""
        made = cls(*rows[0])
        made.rows, made.arrays = rows, arrays
        return made

    def number(self, column: str, unit: str) -> Quantity:
        """A column of all rows."""
        if column not in self.arrays:
            return super().number(column, unit)
        return stack([row.number(column, unit) for row in self.rows])


def collective_leaves() -> Leaves:
    """Shares of the link rate and prices of algorithms; floors are known."""
    found: dict[str, list[Quantity]] = {}
    names = ("per_peer", "one_shot_share", "two_shot_cost", "two_shot_share", "in_switch_share")
    for program in engine_parameters.PROGRAMS:
        runtime = load_part("runtimes", program)
        found |= {f"{program}:{name}": [getattr(runtime, f"all_reduce_{name}")] for name in names}
    rings = [load_part("families", name).ring for name in part_names("families")]
    shared = ("low_latency_share", "setup", "share", "pair_factor", "in_switch_share")
    found |= {f"ring:{name}": [getattr(ring, name) for ring in rings] for name in shared}
    return {name: known for name, leaves in found.items() if (known := [leaf for leaf in leaves if leaf is not None])}


def encoder_leaves() -> Leaves:
    """Power cap, and what TensorRT and FasterTransformer do between kernels."""
    ampere, turing = (load_part("families", name) for name in ("ampere", "turing"))
    found: dict[str, list[Quantity]] = {
        "ampere:per_watt": [ampere.sustained_per_watt],
        "turing:per_watt": [turing.sustained_per_watt],
        "gain:8": [ampere.eight_bit_gain, turing.eight_bit_gain],
        "gain:tf32": [ampere.tf32_gain, turing.tf32_gain],
        "gain:fp32": [ampere.fp32_gain, turing.fp32_gain],
    }
    for program, names in (
        ("tensorrt", ("kernel_floor", "load_per_cycle", "ramp_share", "ramp_time")),
        ("fastertransformer", ("host",)),
        ("fastertransformer-int8-v1", ("host",)),
    ):
        law = load_part("runtimes", program).compiled
        found |= {f"{program}:{name}": [getattr(law, name)] for name in names}
        for table in ("kernels", "slowdown"):
            found |= {f"{program}:{table}.{key}": [leaf] for key, leaf in getattr(law, table).items()}
    return {name: leaves for name, leaves in found.items() if leaves[0].low is not None}


def wall_leaves() -> Leaves:
    """Host, boards, and what a busy GPU draws."""
    names = ("HOST", "IDLE_HOST", "EDGE_HOST", "IDLE_EDGE_HOST", "BUSY", "BOARD", "LIQUID_BOARD")
    found = {name: [getattr(server_power, name)] for name in names} | {"EFFICIENT": [power.EFFICIENT]}
    return found | {name: [leaf] for name, leaf in power.PEAKS.items()}


def mlperf_leaves() -> Leaves:
    """Lengths that stand for the data set, but for the published one, and shares of the offline rate."""
    names = ("SERVER_SHARE", "EXACT_SHARE", "EFFICIENT")
    lengths = {f"length:{name}": [leaf] for name, leaf in encoders.LENGTHS.items() if name != "latency_p99"}
    return lengths | {name: [getattr(encoders, name)] for name in names}


def power_leaves() -> Leaves:
    """Power of decoding GPUs: one value for all families."""
    families = [load_part("families", name) for name in part_names("families")]
    names = ("power_floor", "memory_energy", "compute_power")
    return {name: [getattr(family, name) for family in families] for name in names}


def _bert(row: Row) -> bool:
    return row.model == "bert-large"


def _busy(row: Row) -> bool:
    return row.metric == "power_mean" and row.case in fit_power.kept_busy()


TASKS = (
    Task("collective", lambda row: row.mode == "", kernels.collective, frozenset({"message_size"}), collective_leaves),
    Task(
        "encoder",
        lambda row: row.metric != "latency_p95" and "triton" not in row.runtime,  # of unknown lengths
        encoders.encoder,
        frozenset({"batch", "input_tokens"}),
        encoder_leaves,
    ),
    Task("wall_power", lambda row: row.metric.startswith("power"), power.wall_power, frozenset(), wall_leaves),
    Task("mlperf", _bert, encoders.mlperf, frozenset(), mlperf_leaves),
    Task("step_power", _busy, serving.step_power, frozenset(), power_leaves),
)


def gathered(task: Task) -> Iterator[list[Row]]:
    """Rows of a task that differ in array columns only."""
    found: dict[Row, list[Row]] = defaultdict(list)
    for row in read(bundled()[task.kind], lambda problem: None):
        if row.quality != "C" and task.wanted(row) and (task.kind == "wall_power" or row.model not in OTHER_MODELS):
            blank: dict[str, Any] = dict.fromkeys(task.arrays, "")
            words = [word for word in row.runtime.split() if not word[0].isdigit()]  # versions do not matter here
            key = row.described._replace(group=row.group, runtime=" ".join(words), **blank)
            found[key].append(row)
    yield from found.values()


@cache
def recorded(task: Task) -> list[RecordedPrediction]:
    """The predictions of a task's rows."""
    import numpy as np

    places = {id(leaf): name for name, leaves in task.leaves().items() for leaf in leaves}
    predictions = []
    for rows in gathered(task):
        first = rows[0]
        try:
            figure = task.predict(Together.of(rows, task.arrays) if task.arrays else first)
        except Unanswerable:
            continue
        measured = np.array([row.value for row in rows])
        predictions.append(
            RecordedPrediction(first.part, first.model, group_of(first), first.metric, figure, measured, places)
        )
    return predictions


class Remembered:
    """Log errors of a prediction, computed again only where one of its own leaves has moved: a derivative moves one."""

    def __init__(self, prediction: RecordedPrediction, weight: float) -> None:
        self.prediction, self.weight = prediction, weight
        self.known: dict[tuple[float, ...], Any] = {}

    def __call__(self, trial: Mapping[str, float]) -> Any:
        import numpy as np

        key = tuple(trial[name] for name in self.prediction.parameters)
        if key not in self.known:
            if len(self.known) > 64:
                self.known.clear()
            self.known[key] = self.weight * np.log(self.prediction(trial) / self.prediction.measured)
        return self.known[key]


def fitted(predictions: Sequence[RecordedPrediction], leaves: Leaves) -> dict[str, float]:
    """Least squares of the log of the errors, groups equally heavy, of the parameters that the rows depend on."""
    import numpy as np
    from scipy.optimize import least_squares

    now = {name: float(found[0].value) for name, found in leaves.items()}
    used = {name for prediction in predictions for name in prediction.parameters}
    tied = {name: of for name, of in TIED.items() if name in now}
    used |= {of for name, of in tied.items() if name in used}
    free = [name for name in now if name in used and now[name] > 0 and name not in tied]
    if not free:
        return {}
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    for prediction in predictions:
        sizes[prediction.group, prediction.metric] += len(prediction.measured)
    errors = [
        Remembered(prediction, (1 / sizes[prediction.group, prediction.metric]) ** 0.5) for prediction in predictions
    ]

    def trial_of(logs: Any) -> dict[str, float]:
        moved = now | {name: now[name] * float(np.exp(x)) for name, x in zip(free, logs, strict=True)}
        return moved | {name: now[name] * moved[of] / now[of] for name, of in tied.items()}

    def residuals(logs: Any) -> Any:
        trial = trial_of(logs)
        return np.concatenate([error(trial) for error in errors])

    limits = np.log([_limits(leaves[name][0], MOST.get(name)) for name in free])
    solved = least_squares(
        residuals, np.zeros(len(free)), bounds=(limits[:, 0], limits[:, 1]), loss="soft_l1", f_scale=0.05,
        diff_step=1e-3, max_nfev=15,
    )  # fmt: skip
    best = trial_of(np.where(np.abs(solved.jac).max(axis=0) > 0, solved.x, 0.0))  # the rest is not determined
    return {name: best[name] for name in (*free, *tied)}


def _limits(leaf: Quantity, most: float | None) -> tuple[float, float]:
    """Lowest and highest value over the present one."""
    value = float(leaf.value)
    low = min(0.5, (leaf.low or value) / value)
    high = max(2.0, (leaf.high or value) / value) if most is None else most / value
    return low, min(high, max(1 / value, 1.0001)) if leaf.unit == "1" and value <= 1 else high


def without(task: Task, by: str, value: str) -> Swaps:
    """The leaves of a task fitted without a part or a model."""
    predictions = recorded(task)
    rest = [prediction for prediction in predictions if getattr(prediction, by) != value]
    if len(rest) == len(predictions):
        return {}
    leaves = task.leaves()
    best = fitted(rest, leaves)
    return {id(leaf): moved(leaf, best[name]) for name, found in leaves.items() if name in best for leaf in found}


@cache
def serving_predictions() -> list[RecordedPrediction]:
    """The recorded predictions of the serving fit."""
    return fit_engines.recorded()


@cache
def engines_without(by: str, value: str) -> Swaps:
    """The leaves of the serving engines fitted without a part or a model."""
    predictions = serving_predictions()
    rest = [prediction for prediction in predictions if getattr(prediction, by) != value]
    if len(rest) == len(predictions) or not rest:
        return {}
    now = {name: float(engine_parameters.start(name).value) for name in engine_parameters.names()}
    best = fit_engines.fit(rest, start=now, rounds=4)
    swaps = {}
    for name, new in best.items():
        program, _, field = name.rpartition(":")
        for owner in [program] if program else engine_parameters.PROGRAMS:
            if not (field == "lockstep" and owner == "sglang"):
                leaf = engine_parameters.parameter(field, owner)
                swaps[id(leaf)] = moved(leaf, new)
    return swaps
