"""How unlike anything measured a pass of a serving engine is, and how far that may put its time off.

The spread of a time is spread^2 = base^2 + the sum of a variance for everything about the query that no measurement
has: its GPU, its family of GPUs, the class of its architecture or, of a known class, the size of its model, the kernels
of its format, its version, its layout, longer prompts. The variances are fitted to the errors of predictions of
measurements that the fit of the engines had left out (python -m rackcalc.validation.fit_novelty); for kernels there is
no such fold, and they have what anything new has in common.
"""

from collections.abc import Mapping
from functools import lru_cache
from math import exp, sqrt

from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.transformer.forward_pass import Job
from rackcalc.quantities.quantity import Quantity, Source, formula
from rackcalc.quantities.units import Ratio, Seconds
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Engine

YEAR = 31557600.0
NORMAL_80 = 1.2816  # half the width that holds 80 % of a normal law, in standard deviations
LONGER = 1.25  # times the longest measured prompt, from which on a prompt is longer than any

# Standard deviation of the log of a time, by what is new: what rackcalc/validation/fit_novelty.py printed, rounded.
DECODE: Mapping[str, float] = {
    "base": 0.13,
    "GPU": 0.06,
    "GPU family": 0.11,
    "architecture": 0.10,
    "model": 0.06,
    "kernels": 0.07,
    "version": 0.06,
    "layout": 0.05,
    "longer prompts": 0.06,
    "engine": 0.08,
    "LPU": 0.11,  # as a family of GPUs: no fold leaves another kind of chip out
}
PREFILL: Mapping[str, float] = {
    "base": 0.27,
    "GPU": 0.14,
    "GPU family": 0.17,
    "architecture": 0.18,
    "model": 0.06,
    "kernels": 0.12,
    "version": 0.10,
    "layout": 0.07,
    "longer prompts": 0.10,
    "engine": 0.11,
    "LPU": 0.17,
}


def architecture(model: Model) -> str:
    """The class of a model's architecture, by what its layers are made of."""
    kinds = {group.kind for group in model.groups.values()}
    mixed = sorted(kinds - {"attention", "latent-attention"})
    attention = "latent attention" if model.mla is not None else "attention"
    if model.indexer is not None:
        attention = f"sparse {attention}"
    if mixed:
        attention = " and ".join([*mixed, attention])
    elif model.sliding_window is not None:
        attention = "linear attention" if float(model.sliding_window.value) == 0 else "windowed attention"
    return f"{attention}, {'dense' if model.experts is None else 'experts'}"


def shape(model: Model) -> str:
    """The sizes by which models of a class are told apart: DeepSeek-V3 and DeepSeek-R1 are one.

    A model whose sizes are varied in an array counts as none that was measured.
    """
    hidden, layers = model.hidden.value, model.layers.value
    if hasattr(hidden, "shape") or hasattr(layers, "shape"):
        return "varied"
    return f"{float(hidden):g} x {float(layers):g}"


def what_is_new(chip: Chip, engine: Engine, model: Model, stored: str, job: Job) -> tuple[str, ...]:
    """Everything about a pass that no measurement of a serving engine has."""
    seen = engine.measured
    if seen is None:
        return ("engine",)
    part, family = chip.gpu.name, chip.gpu.family
    found = []
    if family not in seen.families:
        found.append("GPU family")
    elif part not in seen.gpus:
        found.append("GPU")
    if architecture(model) not in seen.architectures:
        found.append("architecture")
    elif shape(model) not in seen.shapes:
        found.append("model")
    if f"{family} {stored}" not in engine.fixed_factors and not _like(engine, stored):
        found.append("kernels")
    if not float(seen.oldest.value) <= float(engine.age.value) <= float(seen.newest.value):
        found.append("version")
    groups = 1.0 if job.data_parallel is None else float(_largest(job.data_parallel))
    if float(_largest(job.devices)) > float(seen.widest.value) or groups > float(seen.groups.value):
        found.append("layout")
    if float(_largest(job.context if job.phase == "decode" else job.tokens)) > LONGER * float(seen.longest.value):
        found.append("longer prompts")
    return tuple(found)


def _like(engine: Engine, stored: str) -> bool:
    """Whether an engine was measured with weights of this width, on any family."""
    return any(FORMATS[stored] == FORMATS.get(key.rpartition(" ")[2]) for key in engine.fixed_factors)


def _largest(quantity: Quantity) -> float:
    value = quantity.value
    return float(value.max()) if hasattr(value, "max") else float(value)


def spread(phase: str, new: tuple[str, ...]) -> float:
    """Standard deviation of the log of a time."""
    table = DECODE if phase == "decode" else PREFILL
    return sqrt(sum(table[name] ** 2 for name in ("base", *new)))


@lru_cache(maxsize=256)
def novelty(phase: str, new: tuple[str, ...]) -> Quantity:
    """The factor by which the time of a pass may be off: 1, with the range that what is new about it gives."""
    width = exp(NORMAL_80 * spread(phase, new))
    said = f"not in the measurements: {', '.join(new)}" if new else "everything about it has been measured"
    source = Source("estimate", "serving-runs", file="novelty", path=phase, note=said)
    return Quantity(1.0, "1", f"doubt of a {phase} pass", source=source, low=1 / width, high=width)


@formula(
    cite="assumption: errors are log-normal, and what is new adds variances; their sizes are fitted to errors "
    "of runs (rackcalc/validation/measured/serving.csv) that a fit had left out (rackcalc/validation/fit_novelty.py)"
)
def as_novel(time: Seconds, novelty: Ratio) -> Seconds:
    """A time with the doubt about what is new in it.

    >>> as_novel(time=0.02, novelty=1.0)
    0.02
    """
    return time * novelty
