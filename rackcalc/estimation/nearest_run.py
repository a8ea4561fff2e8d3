"""The measured run that is most like a rack, and how far off its time per token was computed.

measured_runs.csv has a line for every server that the bundled measurements tell of, with the median of the errors of
its rows; `make accuracy` writes it.
"""

import os
from collections.abc import Iterable
from functools import cache, lru_cache
from math import inf, log2
from typing import NamedTuple

from rackcalc.formulas.gpu.novelty import DECODE, architecture
from rackcalc.serving.engine_versions import YEAR, at_newest, at_version
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.rack import Rack

FILE = os.path.join(os.path.dirname(__file__), "measured_runs.csv")
OTHER_MODEL = 0.05  # as the spread in novelty.py: of another model of the same class
A_DOUBLING = 0.04  # of the GPUs, or of the length of the prompts


class MeasuredRun(NamedTuple):
    """A server as it was measured. years: age of the version, from the reference. error: predicted / measured - 1."""

    gpu: str
    family: str
    model: str
    architecture: str
    runtime: str
    version: str
    years: float
    precision: str
    gpus: float
    prompt: float
    rows: int = 0
    error: float = 0.0

    @property
    def described(self) -> str:
        """The run in words, with its error."""
        gpu = self.gpu.removeprefix("NVIDIA ").partition(" (")[0]
        version = f"{self.runtime} {self.version.removeprefix('of ')}".strip()
        return f"{self.gpus:g} x {gpu}, {self.model} {self.precision}, {version}: {100 * self.error:+.0f} % off"


@cache
def measured_runs() -> tuple[MeasuredRun, ...]:
    """Every run of the file."""
    import csv  # only a rack with a serving engine is like any of them

    with open(FILE, encoding="utf-8", newline="") as stream:
        return tuple(_read(line) for line in csv.DictReader(stream))


def _read(line: dict[str, str]) -> MeasuredRun:
    numbers = {name: float(line[name]) for name in ("years", "gpus", "prompt", "error")}
    words = {name: line[name] for name in ("gpu", "family", "model", "architecture", "runtime", "version", "precision")}
    return MeasuredRun(**words, **numbers, rows=int(line["rows"]))  # type: ignore[arg-type]


def written(runs: Iterable[MeasuredRun]) -> str:
    """Runs as the text of the file."""
    lines = [",".join(MeasuredRun._fields)]
    for run in runs:
        cells = run._replace(years=round(run.years, 2), error=round(run.error, 3))
        lines.append(
            ",".join(f"{x:g}" if isinstance(x, float) else f'"{x}"' if "," in str(x) else str(x) for x in cells)
        )
    return "\n".join(lines) + "\n"


def nearest_run(rack: Rack) -> MeasuredRun | None:
    """The run most like a rack, by what novelty.py says each difference is worth; None without a serving engine."""
    pool, runtime = rack.accelerators.gpu, rack.serving.runtime
    if pool is None or runtime is None or runtime.engine is None or rack.model.family == "encoder":
        return None
    runtime = at_version(runtime, rack.serving.version) if rack.serving.version else at_newest(runtime)
    assert runtime.engine is not None
    sizes = rack.serving.tensor_parallel, rack.serving.data_parallel
    gpus = 1.0
    for size in sizes:
        gpus *= 1.0 if size is None else float(size.value)
    if rack.serving.tensor_parallel is None:
        gpus = float(pool.count.value)
    asked = MeasuredRun(
        gpu=pool.part.name,
        family=pool.part.family,
        model=rack.model.name,
        architecture=architecture(rack.model),
        runtime=runtime.name,
        version="",
        years=float(runtime.engine.age.value) / YEAR,
        precision=rack.workload.precision,
        gpus=gpus,
        prompt=float(rack.workload.input.value),
    )
    return nearest(asked)


@lru_cache(maxsize=256)
def nearest(asked: MeasuredRun) -> MeasuredRun | None:
    """The run most like what is asked, the first of several that are equally like it; None where there are no runs.

    Runs that differ in the same words are as far away at least as these words, so most of them are not looked at.
    """
    nearby = sorted((sum(map(_square, _of_words(asked, alike[0][1]))), alike) for alike in _alike())
    best, found = inf, None
    for least, alike in nearby:
        if least > best:
            break
        apart, number, run = min((distance(asked, run), number, run) for number, run in alike)
        if found is None or (apart, number) < (best, found[0]):
            best, found = apart, (number, run)
    return None if found is None else found[1]


@cache
def _alike() -> list[list[tuple[int, MeasuredRun]]]:
    """The runs with their number in the file, those together that have the same words."""
    groups: dict[tuple[str, ...], list[tuple[int, MeasuredRun]]] = {}
    for number, run in enumerate(measured_runs()):
        words = (run.gpu, run.family, run.model, run.architecture, run.runtime, run.precision)
        groups.setdefault(words, []).append((number, run))
    return [*groups.values()]


def distance(one: MeasuredRun, other: MeasuredRun) -> float:
    """How unlike two runs are: a variance, as that of novelty."""
    gpus = A_DOUBLING * log2(max(one.gpus, 1) / max(other.gpus, 1))
    prompt = A_DOUBLING * log2(max(one.prompt, 1) / max(other.prompt, 1))
    version = DECODE["version"] * min(abs(one.years - other.years), 1.0)
    return sum(map(_square, _of_words(one, other))) + (_square(gpus) + _square(prompt) + _square(version))


def _of_words(one: MeasuredRun, other: MeasuredRun) -> list[float]:
    """What the differences of two runs in words are worth."""
    parts = []
    if one.family != other.family:
        parts.append(DECODE["GPU family"])
    elif one.gpu != other.gpu:
        parts.append(DECODE["GPU"])
    if one.architecture != other.architecture:
        parts.append(DECODE["architecture"])
    elif one.model != other.model:
        parts.append(OTHER_MODEL)
    if FORMATS.get(one.precision) != FORMATS.get(other.precision):
        parts.append(DECODE["kernels"])
    if one.runtime != other.runtime:
        parts.append(DECODE["engine"])
    return parts


def _square(part: float) -> float:
    return part * part
