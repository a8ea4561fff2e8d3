"""Refit the serving engines and GPU power from the bundled measurements: `python -m rackcalc.validation.fit`.

The rows of one Run are one array, and its prediction is recorded once; a trial re-evaluates the recorded formulas with
other values in the leaves that are fitted. So the model that is fitted is the model that answers.
"""

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import exp, inf
from typing import Any, NamedTuple

from rackcalc.config.catalog_files import PACKAGE
from rackcalc.config.parts import load_part
from rackcalc.formulas.serving.concurrency import Loop, at_rate
from rackcalc.formulas.serving.replicas import one_engine
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.units import resolve
from rackcalc.validation import runs, serving
from rackcalc.validation.read import Row, Unanswerable, bundled, read

PROGRAMS = ("vllm", "sglang", "tensorrt-llm")


class Prior(NamedTuple):
    """What is believed of a parameter before any serving run is seen: centre, width as a share of it, highest value."""

    centre: float
    width: float
    most: float = inf


# From kernel tables (shares), the number of launches (fixed times), and how engines and load generators are built.
SHARED = {
    "expert_overhead": Prior(60e-6, 0.3),
    "fp4_expert_overhead": Prior(30e-6, 0.5),
    "latent_overhead": Prior(40e-6, 0.3),
    "weight_share": Prior(0.92, 0.05, 0.95),
    "fp4_share": Prior(0.87, 0.1, 1.0),
    "expert_share": Prior(0.86, 0.1, 0.95),
    "kv_share": Prior(0.8, 0.15, 0.95),
    "decode_share": Prior(0.7, 0.15, 0.9),
    "sampling_time": Prior(0.2e-9, 1.0),
    "dispatch_time": Prior(16e-6, 0.5),
    "prefill_share.bf16": Prior(0.7, 0.1, 0.85),
    "prefill_share.fp8": Prior(0.6, 0.15, 0.8),
    "prefill_share.fp4": Prior(0.45, 0.2, 0.8),
    "expert_tile": Prior(128.0, 0.5),
    "attention_prefill_share": Prior(0.4, 0.3, 0.8),
    "eager_layers": Prior(8.0, 0.4),
    "wait_steps": Prior(1.0, 0.3),
    "burst": Prior(0.15, 0.5, 1.0),
    "lockstep": Prior(1.5, 0.4),
    "memory_use": Prior(0.85, 0.2, 0.95),
    "improvement": Prior(0.4 / 31557600, 0.5),
}
OWN = {
    "layer_overhead": Prior(50e-6, 0.3),
    "sequence_time": Prior(8e-6, 1.0),
    "token_time": Prior(60e-6, 0.5),
    "request_host": Prior(35e-3, 0.5),
}
# What differs between runtimes before any run is seen: the compiled engine of old versions; how KV cache is handed out.
SINGLE = {
    "tensorrt-llm:compiled_host": Prior(6e-3, 0.5),
    "tensorrt-llm:output_reserve": Prior(1.0, 0.05),
    "vllm:output_reserve": Prior(0.75, 0.1),
    "sglang:output_reserve": Prior(0.75, 0.1),
}
POWER = ("power_floor", "memory_energy", "compute_power")  # of a family; one value for all
STRENGTH = 0.007  # of the priors against a unit of log error, mean over groups
TTFT_WEIGHT, STEP_WEIGHT = 0.5, 0.6
LEAST = 0.05  # of a value: a parameter is not known better than this
TOGETHER = 0.5  # of the spread over fits: they trade one parameter for another, and a range stands for it alone


@dataclass(frozen=True, slots=True)
class Part:
    """One recorded prediction over an array of rows, with what was measured."""

    part: str
    model: str
    group: str
    metric: str
    quantity: Quantity
    measured: Any
    leaves: Mapping[int, str]
    fitted: bool = True  # else only scored


def parameter(name: str, program: str) -> Quantity:
    """The catalog's leaf of a fitted parameter."""
    runtime = load_part("runtimes", program)
    if name == "request_host":
        return runtime.request_host
    field, _, key = name.partition(".")
    value = getattr(runtime.engine, field)
    return value[key] if key else value


def names() -> list[str]:
    """Every fitted parameter: shared ones by field, the others by program and field."""
    return [*SHARED, *(f"{program}:{field}" for field in OWN for program in PROGRAMS), *SINGLE]


def start(name: str) -> Quantity:
    """The catalog's value of a fitted parameter."""
    program, _, field = name.rpartition(":")
    return parameter(field, program or "vllm")


def leaves() -> dict[int, str]:
    """id of a catalog leaf -> fitted parameter."""
    found = {id(parameter(field, program)): field for field in SHARED for program in PROGRAMS if field != "lockstep"}
    found |= {id(parameter("lockstep", program)): "lockstep" for program in PROGRAMS if program != "sglang"}
    found |= {id(parameter(*reversed(name.split(":")))): name for name in SINGLE}
    return found | {id(parameter(f, program)): f"{program}:{f}" for f in OWN for program in PROGRAMS}


def arrays(numbers: Sequence[runs.Numbers]) -> runs.Numbers:
    """Numbers of several rows as one, with arrays."""
    return runs.Numbers(**{name: stack([getattr(n, name) for n in numbers]) for name in vars(numbers[0])})


def stack(quantities: Sequence[Quantity]) -> Quantity:
    """One Quantity with an array of values."""
    import numpy as np

    first = quantities[0]
    return Quantity(np.array([float(q.value) for q in quantities]), first.unit, first.name, source=first.source)


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


def recorded() -> list[Part]:
    """Every Run's prediction, recorded over all its rows."""
    import numpy as np

    known, parts = leaves(), []
    for run, metric, rows in gathered(("serving", "step_power"), print):
        if run.sampled:
            numbers = arrays([runs.numbers_of(row._replace(input_tokens="1")) for row in rows])
            prompt = stack([serving.PROMPTS[row.scenario] for row in rows])
            numbers = runs.Numbers(**{**vars(numbers), "prompt": prompt})
            quantity = serving.median_step(run, numbers, stack([row.number("batch", "1") for row in rows]))
        else:
            numbers = arrays([runs.numbers_of(row) for row in rows])
            loop = run_loop(run, numbers, rows)
            quantity = loop.tpot if metric == "tpot_mean" else loop.ttft
        group = f"{run.part}|{run.model}|{'steps' if run.sampled else run.program}"
        measured = np.array([row.value for row in rows])
        parts.append(Part(run.part, run.model, group, metric, quantity, measured, known))
    return parts


def run_loop(run: runs.Run, numbers: runs.Numbers, rows: Sequence[Row]) -> Loop:
    """The engine of rows of one Run under their loads."""
    if rows[0].concurrency:
        return runs.loop(run, numbers, stack([row.number("concurrency", "1") for row in rows]))
    gpus = stack([row.number("parts", "1") for row in rows])
    offered = stack([row.number("request_rate", "request/s") for row in rows])
    rate = one_engine(rate=offered, gpus=gpus, devices=numbers.devices)
    return at_rate(lambda number: runs.loop(run, numbers, number, rate), rate, runs.fits(run, numbers))


class Tape:
    """A recorded prediction as a list of formula calls, to be run again with other leaves."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.values: list[Any] = []
        self.calls: list[tuple[int, Any, dict[str, int]]] = []
        self.inputs: dict[str, list[int]] = defaultdict(list)
        places: dict[int, int] = {}
        stack_ = [(part.quantity, False)]
        while stack_:
            node, ready = stack_.pop()
            if id(node) in places:
                continue
            if not ready and node.formula is not None:
                stack_.append((node, True))
                stack_.extend((child, False) for child in node.inputs.values())
                continue
            places[id(node)] = place = len(self.values)
            self.values.append(node.value)
            if node.formula is not None:
                self.calls.append((place, node.formula.function, {k: places[id(v)] for k, v in node.inputs.items()}))
            elif id(node) in part.leaves:
                self.inputs[part.leaves[id(node)]].append(place)
        self.keep = self._needed()

    def _needed(self) -> list[tuple[int, Any, dict[str, int]]]:
        """Only the calls that a fitted leaf reaches; the others keep their values."""
        reached = {place for places in self.inputs.values() for place in places}
        kept = []
        for place, function, inputs in self.calls:
            if reached.intersection(inputs.values()):
                reached.add(place)
                kept.append((place, function, inputs))
        return kept

    def __call__(self, trial: Mapping[str, float]) -> Any:
        values = list(self.values)
        for name, places in self.inputs.items():
            for place in places:
                values[place] = trial[name]
        for place, function, inputs in self.keep:
            values[place] = function(**{name: values[index] for name, index in inputs.items()})
        return values[-1]


def errors(tapes: Sequence[Tape], trial: Mapping[str, float]) -> list[Any]:
    """Log of predicted over measured, by tape."""
    import numpy as np

    return [np.log(tape(trial) / tape.part.measured) for tape in tapes]


def fit(tapes: Sequence[Tape]) -> dict[str, float]:
    """Least squares, groups equally heavy, large errors damped, priors around the catalog's values."""
    import numpy as np
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    priors = {name: SINGLE.get(name) or {**SHARED, **OWN}[name.rpartition(":")[2]] for name in names()}
    rows: dict[tuple[str, str], int] = defaultdict(int)
    for tape in tapes:
        rows[tape.part.group, tape.part.metric] += len(tape.part.measured)
    groups = {metric: len({g for g, m in rows if m == metric}) for metric in ("tpot_mean", "ttft_mean", "tpot_p50")}
    kinds = {"tpot_mean": 1.0, "ttft_mean": TTFT_WEIGHT, "tpot_p50": STEP_WEIGHT}
    weight = [kinds[t.part.metric] / (rows[t.part.group, t.part.metric] * groups[t.part.metric]) ** 0.5 for t in tapes]

    def trial_of(logs: Any) -> dict[str, float]:
        return {name: prior.centre * exp(x) for (name, prior), x in zip(priors.items(), logs, strict=True)}

    def residuals(logs: Any) -> Any:
        trial = trial_of(logs)
        found = []
        for tape, w, e in zip(tapes, weight, errors(tapes, trial), strict=True):
            damped = 0.5 * np.arctan(e / 0.5) * 0.5 if tape.part.metric == "ttft_mean" else e
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


def table(tapes: Sequence[Tape], trials: Sequence[Mapping[str, float]]) -> dict[str, dict[str, tuple[float, float]]]:
    """metric -> group -> (mean, median) absolute error; a trial for each tape."""
    import numpy as np

    found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for tape, trial in zip(tapes, trials, strict=True):
        found[tape.part.metric][tape.part.group].append(np.abs(tape(trial) / tape.part.measured - 1))
    return {
        metric: {g: (float(np.mean(e)), float(np.median(e))) for g, x in groups.items() for e in [np.concatenate(x)]}
        for metric, groups in found.items()
    }


def left_out(
    tapes: Sequence[Tape], by: str, fit: Callable[[Sequence[Tape]], dict[str, float]] = fit
) -> list[Mapping[str, float]]:
    """For each tape, the fit without any row of its part or model."""
    trials = {
        value: fit([tape for tape in tapes if getattr(tape.part, by) != value])
        for value in sorted({getattr(tape.part, by) for tape in tapes})
    }
    return [trials[getattr(tape.part, by)] for tape in tapes]


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


def written(
    text: str, best: Mapping[str, float], program: str, ranges: Mapping[str, tuple[float, float]] | None = None
) -> str:
    """The catalog file of a program with the fitted values in it, in the units it uses.

    ranges: what other fits gave; without them the ranges stay, and are widened where needed.
    """
    for name, value in best.items():
        owner, _, field = name.rpartition(":")
        if owner in ("", program) and not (field == "lockstep" and program == "sglang"):
            key = re.escape(field.rpartition(".")[2])
            line = rf"(?m)^(\s*{key}: {{value: )([\d.e+-]+)( ?[^,]*), low: ([\d.e+-]+)[^,]*, high: ([\d.e+-]+)[^,}}]*"
            text = re.sub(line, partial(_numbers, value=value, ends=(ranges or {}).get(name)), text)
    return text


def _numbers(found: "re.Match[str]", value: float, ends: tuple[float, float] | None) -> str:
    head, _, unit, low, high = found.groups()
    scale = resolve(unit)[1]
    shown = value / scale
    known = (float(low), float(high))
    if ends is not None:
        known = (shown + TOGETHER * (ends[0] / scale - shown), shown + TOGETHER * (ends[1] / scale - shown))
    least, most = min(known[0], (1 - LEAST) * shown), max(known[1], (1 + LEAST) * shown)
    if unit == "":
        most = min(most, max(1.0, shown)) if shown <= 1 and float(high) <= 1 else most
    return f"{head}{shown:.3g}{unit}, low: {least:.3g}{unit}, high: {most:.3g}{unit}"


@cache
def kept_busy() -> frozenset[str]:
    """Cases whose engine is less than twice as slow as computed; in the others the GPUs wait for the host."""
    rates = [row for row in read(bundled()["step_power"], print) if row.metric == "output_token_rate"]
    return frozenset(row.case for row in rates if float(serving.step_power(row).value) < 2 * row.value)


def power_tapes() -> list[Tape]:
    """Power of decoding GPUs. Those that wait for the host are only scored."""
    import numpy as np

    families = [load_part("families", name) for name in ("hopper", "blackwell")]
    known = {id(getattr(family, field)): field for family in families for field in POWER}
    tapes = []
    for row in read(bundled()["step_power"], print):
        if row.metric == "power_mean":
            watts, measured = serving.step_power(row), np.array([row.value])
            fitted = row.case in kept_busy()
            tapes.append(Tape(Part(row.part, row.model, row.group, "power", watts, measured, known, fitted)))
    return tapes


def fit_power(tapes: Sequence[Tape]) -> dict[str, float]:
    """Least squares of the logs, groups equally heavy, large errors damped. No priors."""
    import numpy as np
    from scipy.optimize import least_squares

    kept = [tape for tape in tapes if tape.part.fitted]
    sizes = Counter(tape.part.group for tape in kept)
    weights = np.array([sizes[tape.part.group] ** -0.5 for tape in kept])
    centre = {name: float(getattr(load_part("families", "hopper"), name).value) for name in POWER}

    def trial_of(scales: Any) -> dict[str, float]:
        return {name: centre[name] * float(x) for name, x in zip(POWER, scales, strict=True)}

    def residuals(scales: Any) -> Any:
        return weights * np.concatenate(errors(kept, trial_of(scales)))

    solved = least_squares(residuals, np.ones(len(POWER)), bounds=(0, np.inf), loss="soft_l1", f_scale=0.05)
    return trial_of(solved.x)


def power(arguments: Sequence[str]) -> None:
    """As main, for the power of GPUs."""
    tapes = power_tapes()
    now = {name: float(getattr(load_part("families", "hopper"), name).value) for name in POWER}
    best = fit_power(tapes)
    print("; ".join(f"{name} {now[name]:.4g} -> {value:.4g}" for name, value in best.items()))
    trials: dict[str, list[Mapping[str, float]]] = {"catalog": [now] * len(tapes), "refitted": [best] * len(tapes)}
    if "--left-out" in arguments:
        trials |= {f"{by} left out": left_out(tapes, by, fit_power) for by in ("part", "model")}
    for title, found in trials.items():
        show(title, table(tapes, found), title.endswith("left out"))
    if "--write" in arguments:
        for path in sorted((PACKAGE / "catalog" / "families").glob("*.yaml")):
            path.write_text(written(path.read_text(), best, ""))


def main(arguments: Sequence[str]) -> None:
    """Refit and say what moved. --left-out: also cross-validate. --write: put the values into the catalog.

    With both, the range of a parameter is what the fits without each part and model give.
    """
    power(arguments)
    tapes = [Tape(part) for part in recorded()]
    now = {name: float(start(name).value) for name in names()}
    show("catalog", table(tapes, [now] * len(tapes)), False)
    best = fit(tapes)
    for name, value in best.items():
        old = now[name]
        print(f"  {name:34} {old:12.5g} -> {value:12.5g}  {100 * (value / old - 1) if old else 0:+6.1f} %")
    show("refitted", table(tapes, [best] * len(tapes)), True)
    others = []
    if "--left-out" in arguments:
        for by in ("part", "model"):
            others += (found := left_out(tapes, by))
            show(f"{by} left out", table(tapes, found), True)
    if "--write" in arguments:
        for program in PROGRAMS:
            path = PACKAGE / "catalog" / "runtimes" / f"{program}.yaml"
            path.write_text(written(path.read_text(), best, program, spread(others)))


if __name__ == "__main__":
    main(sys.argv[1:])
