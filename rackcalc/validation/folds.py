"""Validation of what was left out: each part, or each model, is predicted with parameters that never saw it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part, with_parts
from rackcalc.formulas.gpu.novelty import architecture, shape
from rackcalc.quantities.problems import failure
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.replay.program import with_leaves
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.runtimes import Runtime
from rackcalc.validation import Result, kernels, mlperf, runs, serving, validate
from rackcalc.validation.leave_out import Measured, inherited
from rackcalc.validation.parameter_swaps import Swaps, moved, swapped
from rackcalc.validation.read import Row

# The GPU whose kernel tables a family was fitted to. Other GPUs of the family know nothing of these tables.
MEASURED_ON = {"ampere": "a100-sxm-80gb", "hopper": "h100-sxm", "blackwell": "b200-sxm"}
# Fitted to tables too, but no other family inherits from it: its attention kernels are of a generation before.
ALONE = {"ada": "l40s"}
# Families that BERT engines were measured on with other cards too (A30, A100 40 GB). These show the product of the
# family's launch and the engine's floor, so the product stays when the launch is inherited.
ENGINES_ON = {"ampere": "tensorrt"}
SERVED = (  # models of the serving runs
    *("deepseek-r1", "gpt-oss-120b", "llama-3.1-70b", "llama-3.1-8b", "llama-3.3-70b", "minimax-m2.5"),
    *("qwen3-235b-a22b", "qwen3-32b", "gemma-3-27b", "qwen3-30b-a3b"),
)
ENGINE_KINDS = frozenset(("serving", "throughput", "step_power", "mlperf"))
# Tasks of refit.py that a kind's predictions depend on.
NEEDS = {
    "collective": ("collective",),
    "encoder": ("encoder", "collective"),
    "wall_power": ("wall_power", "encoder", "mlperf"),
    "mlperf": ("encoder", "mlperf"),
    "step_power": ("step_power",),
}
NOTES = {
    "part": {
        "gemm": "kernels of the part's family inherited from the others",
        "attention": "kernels of the part's family inherited from the others",
        "collective": "shares and prices refitted; floors of the family, per library, known; steps between nodes kept",
        "encoder": "power cap (one for all, by process) and engines refitted, kernels inherited",
        "wall_power": "host, boards and shares of TDP refitted",
        "mlperf": "lengths, shares, power cap and engines refitted, kernels inherited",
        "serving": "engines refitted",
        "throughput": "engines refitted (to the serving and step_power rows)",
        "step_power": "engines and power of decoding refitted",
        "point_to_point": "nothing refitted: shares of links are one for all parts",
        "lpu": "nothing refitted: one part, priors only",
        "facility": "nothing refitted",
    },
    "model": {
        "gemm": "nothing refitted: no parameter is keyed on a model",
        "attention": "nothing refitted: no parameter is keyed on a model",
        "collective": "nothing refitted: no parameter is keyed on a model",
        "encoder": "power cap and engines refitted",
        "wall_power": "host, boards and shares of TDP refitted",
        "mlperf": "engines refitted; lengths of BERT kept: no other model has them",
        "serving": "engines refitted",
        "throughput": "engines refitted (to the serving and step_power rows)",
        "step_power": "engines and power of decoding refitted",
        "point_to_point": "nothing refitted: no parameter is keyed on a model",
        "lpu": "nothing refitted: priors only",
        "facility": "nothing refitted",
    },
}


class Fold(NamedTuple):
    """What is known when something is left out. changed: catalog parts; swaps: leaves, in the code too."""

    changed: Mapping[tuple[str, str], Any]
    swaps: Swaps


def need_scipy() -> None:
    """InputError, naming the extra, where scipy is not installed."""
    try:
        import scipy  # noqa: F401
    except ModuleNotFoundError as error:
        raise failure('needs scipy to refit: pip install "rackcalc[test]"', path="--leave-out") from error


def refitted(kinds: Iterable[str], by: str, value: str) -> Swaps:
    """Every leaf that the kinds' fits give another value without the part or model."""
    from rackcalc.validation import refit

    kinds = set(kinds)
    names = {name for kind in kinds for name in NEEDS.get(kind, ())}
    if by == "model":
        names -= {"collective", "mlperf"}
    if names or kinds & ENGINE_KINDS:
        need_scipy()
    swaps: dict[int, Quantity] = {}
    for task in refit.TASKS:
        if task.kind in names:
            swaps |= refit.without(task, by, value)
    if kinds & ENGINE_KINDS:
        swaps |= refit.engines_without(by, value)
    return swaps


def families_without(part: str, swaps: Swaps) -> dict[tuple[str, str], Any]:
    """Families with the refitted leaves; the one that was measured on the part inherits from the others."""
    known = {name: swapped(load_part("families", name), swaps) for name in part_names("families")}
    measured = {name: Measured(known[name], load_part("gpus", gpu).clock.value) for name, gpu in MEASURED_ON.items()}
    # an mma.sync part when no other is measured: what BERT engines load per cycle on T4, A30 and the A100 of 40 GB; no
    # kernel table is of one of these, so this leaf never saw what is left out and is not refitted
    rule = load_part("runtimes", "tensorrt").compiled.load_per_cycle
    for name, gpu in {**MEASURED_ON, **ALONE}.items():
        if gpu == part:
            clock = measured[name].clock if name in measured else load_part("gpus", gpu).clock.value
            known[name] = inherited(name, known[name], clock, measured, rule)
    return {("families", name): family for name, family in known.items()}


def fold(kinds: Iterable[str], by: str, value: str) -> Fold:
    """What is known without the part or model."""
    swaps = dict(refitted(kinds, by, value))
    changed: dict[tuple[str, str], Any] = families_without(value if by == "part" else "", swaps)
    for name, program in ENGINES_ON.items():
        floor = load_part("runtimes", program).compiled.kernel_floor
        longer = launch_of(load_part("families", name)) / launch_of(changed["families", name])
        swaps[id(floor)] = moved(floor, swaps.get(id(floor), floor).value * longer)
    for name in part_names("runtimes"):
        changed["runtimes", name] = unseen(swapped(load_part("runtimes", name), swaps), by, value)
    return Fold(changed, swaps)


def unseen(runtime: Runtime, by: str, value: str) -> Runtime:
    """The runtime as if its engine had never been measured on a part, or with a model."""
    engine = runtime.engine
    if engine is None or engine.measured is None or not value:
        return runtime
    measured, factors = engine.measured, engine.fixed_factors
    if by == "part" and value in part_names("gpus"):
        gone = load_part("gpus", value)
        gpus = tuple(name for name in measured.gpus if name != gone.name)
        kept = {load_part("gpus", name).family for name in part_names("gpus") if load_part("gpus", name).name in gpus}
        measured = replace(measured, gpus=gpus, families=tuple(name for name in measured.families if name in kept))
        factors = {key: factor for key, factor in factors.items() if key.partition(" ")[0] in kept}
    elif by == "model" and value in part_names("models"):
        gone, stay = load_part("models", value), [load_part("models", name) for name in SERVED if name != value]
        if architecture(gone) not in map(architecture, stay):
            kinds = tuple(name for name in measured.architectures if name != architecture(gone))
            measured = replace(measured, architectures=kinds)
        if shape(gone) not in map(shape, stay):
            measured = replace(measured, shapes=tuple(name for name in measured.shapes if name != shape(gone)))
    return replace(runtime, engine=replace(engine, measured=measured, fixed_factors=factors))


def launch_of(family: Family) -> float:
    """Fixed time [s] of a family's matrix products."""
    return float(family.gemm["bf16"].launch.value)


@contextmanager
def inside(known: Fold) -> Iterator[None]:
    """Predictions from what a fold knows; nothing of it is remembered outside."""
    caches = (kernels.runtime_named, runs.stand, serving.loaded, mlperf.best_engine)
    for cached in caches:
        cached.cache_clear()
    try:
        with with_parts(known.changed):
            yield
    finally:
        for cached in caches:
            cached.cache_clear()


def left_out(rows: Iterable[Row], by: str, most: int) -> Iterator[Result]:
    """Every row, predicted without its part or model; all rows are held in memory, fold after fold."""
    folds: dict[str, list[Row]] = {}
    for row in rows:
        folds.setdefault(getattr(row, by), []).append(row)
    seen: Counter[tuple[str, str, str]] = Counter()
    for value, found in folds.items():
        known = fold({row.kind for row in found}, by, value)
        with inside(known):
            yield from validate(found, most, partial(with_leaves, instead=known.swaps), seen)


def notes(kinds: Sequence[str], by: str) -> dict[str, str]:
    """Kind -> what leaving out meant for it."""
    return {kind: NOTES[by][kind] for kind in kinds if kind in NOTES[by]}
