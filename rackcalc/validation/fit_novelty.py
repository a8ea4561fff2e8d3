"""`python -m rackcalc.validation.fit_novelty [--write]`: what is new about a run, as variances fitted to outer folds.

It takes a minute and a half of one core. For each phase: base, from runs of which nothing was left out; one variance
that anything new has in common; and for each thing that is new its own, shrunk towards the common one by the number of
its folds. A spread is the one that holds 80 % of the errors of its folds together; of every group equally many count.
Printed beside those in use (formulas/gpu/novelty.py), with the share of errors that both hold on folds that were not
used for the fit, which should lie between 75 and 85 % for all folds together. With --write, and only where it does, the
fitted ones take the place of those in use.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

from rackcalc.config.catalog_files import PACKAGE
from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu.novelty import DECODE, NORMAL_80, PREFILL, architecture
from rackcalc.validation import fit_engines, outer_folds
from rackcalc.validation.engine_parameters import names, start

PHASES = {"tpot_mean": "decode", "tpot_p50": "decode", "ttft_mean": "prefill"}
IN_USE: Mapping[str, Mapping[str, float]] = {"decode": DECODE, "prefill": PREFILL}
WANTED = (0.75, 0.85)  # share of the errors of unused folds that 80 % intervals should hold
BESIDE = {"decode": 0.05, "prefill": 0.20}  # spread that intervals have from parameters and forms, beside novelty
WORDS = {  # kind of fold -> what is new in it; the others are a matter of what stays
    "GPU family": "GPU family",
    "architecture": "architecture",
    "engine": "engine",
    "layout": "layout",
    "date": "version",
    "longer prompts": "longer prompts",
}
MOST = 20  # errors of a group that count
FEWEST = 5  # errors of a fold
LEAST = 0.05  # of any spread: measurements repeat no better
FOLDS = 2.0  # the common variance counts as much as so many folds


class Fold(NamedTuple):
    """Errors of what one fold left out. new: what is new about it; "" for nothing. off: sizes of log errors."""

    phase: str
    kind: str
    value: str
    new: str
    off: tuple[float, ...]


def what_is_new(kind: str, value: str, kept: Iterable[tuple[str, str]]) -> str | None:
    """What a fold's rows have new. kept: (GPU, model) of the rows that stay. None: nothing that a rack may lack."""
    if kind in WORDS:
        return WORDS[kind]
    pairs = list(kept)
    if kind == "GPU":
        families = {load_part("gpus", gpu).family for gpu, _ in pairs}
        return "GPU" if load_part("gpus", value).family in families else "GPU family"
    if kind == "model":
        classes = {architecture(load_part("models", model)) for _, model in pairs}
        return "model" if architecture(load_part("models", value)) in classes else None  # else the fold of its class
    return None


def folds() -> Iterator[Fold]:
    """Every outer fold with its errors, and the rows as fitted."""
    import numpy as np

    predictions = fit_engines.recorded()
    begun = {name: float(start(name).value) for name in names()}
    whole = fit_engines.fit(predictions, start=begun, rounds=4)
    everything = [np.ones(len(each.measured), bool) for each in predictions]
    yield from _errors(predictions, whole, everything, "nothing", "", "")
    for outcome, trial, left in outer_folds.protocol(predictions, whole):
        if not outcome:
            continue
        stays = {(x.part, x.model) for x, gone in zip(predictions, left, strict=True) if not gone.all()}
        kind, value = outcome[0].kind, outcome[0].left_out
        new = what_is_new(kind, value, stays)
        if new is not None:
            yield from _errors(predictions, trial, left, kind, value, new)


def _errors(
    predictions: Sequence[Any], trial: Mapping[str, float], left: Sequence[Any], kind: str, value: str, new: str
) -> Iterator[Fold]:
    """What was left out, as a fold of each phase; of every group equally many errors."""
    import numpy as np

    errors: dict[str, list[Any]] = defaultdict(list)
    for prediction, gone in zip(predictions, left, strict=True):
        if gone.any():
            off = np.sort(np.abs(np.log(prediction(trial) / prediction.measured))[gone])
            errors[PHASES[prediction.metric]].append(off[:: max(1, len(off) // MOST)])
    for phase, found in errors.items():
        yield Fold(phase, kind, value, new, tuple(map(float, np.concatenate(found))))


def holding(errors: Sequence[float]) -> float:
    """The variance of the normal law whose 80 % interval holds 80 % of the errors."""
    ordered = sorted(errors)
    place = 0.8 * (len(ordered) - 1)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    return float(((low + (high - low) * (place - int(place))) / NORMAL_80) ** 2)


def fitted(found: Sequence[Fold], phase: str) -> dict[str, float]:
    """Standard deviations for one phase: base, and each thing that is new."""
    own = [fold for fold in found if fold.phase == phase and len(fold.off) >= FEWEST]
    words = dict.fromkeys(fold.new for fold in own)
    variances = {
        word: holding([off for fold in own if fold.new == word for off in fold.off]) - BESIDE[phase] ** 2
        for word in words
    }
    base = max(variances.pop("", 0.0), LEAST**2)
    new = {word: max(variance - base, 0.0) for word, variance in variances.items()}
    common = _mean(list(new.values()))
    table = {"base": sqrt(base)}
    for word in IN_USE[phase]:
        if word != "base":
            count = sum(fold.new == word for fold in own)
            table[word] = max(sqrt((count * new.get(word, 0.0) + FOLDS * common) / (count + FOLDS)), LEAST)
    if "LPU" in table:
        table["LPU"] = table["GPU family"]  # no fold leaves another kind of chip out
    return table


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def coverage(fold: Fold, table: Mapping[str, float]) -> float:
    """The share of a fold's errors in the 80 % intervals that a table gives."""
    variance = BESIDE[fold.phase] ** 2 + table["base"] ** 2 + (table[fold.new] ** 2 if fold.new else 0.0)
    return sum(off <= NORMAL_80 * sqrt(variance) for off in fold.off) / len(fold.off)


def put_in(text: str, tables: Mapping[str, Mapping[str, float]]) -> str:
    """The source of novelty.py with other numbers in its tables, rounded to two decimals; everything else stays."""
    for phase, table in tables.items():
        for word, value in table.items():
            line = rf'(?s)(\n{phase.upper()}: .*?"{re.escape(word)}": )[\d.]+'
            text, count = re.subn(line, rf"\g<1>{value:.2f}", text, count=1)
            if not count:
                raise ValueError(f'no "{word}" in the table of {phase}')
    return text


def judged_on_others(found: Sequence[Fold], phase: str) -> dict[str, list[tuple[float, float]]]:
    """For each thing that is new, what each of its folds has in intervals fitted to all others, and in those in use."""
    judged: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for fold in found:
        if fold.phase == phase and fold.new and len(fold.off) >= FEWEST:
            others = [each for each in found if (each.kind, each.value) != (fold.kind, fold.value)]
            judged[fold.new].append((coverage(fold, fitted(others, phase)), coverage(fold, IN_USE[phase])))
    return judged


def main(arguments: Sequence[str]) -> int:
    """Print the variances, and what they hold on folds that were left out of their fit. --write: use them."""
    found, tables, good = list(folds()), {}, True
    for phase, used in IN_USE.items():
        tables[phase] = fitted(found, phase)
        for name, value in tables[phase].items():
            print(f"{phase:8} {name:16} fitted {value:.3f} in use {used[name]:.3f}")
        judged = judged_on_others(found, phase)
        every = [pair for pairs in judged.values() for pair in pairs]
        for name, pairs in [*judged.items(), ("all", every)]:
            mean = [_mean([pair[i] for pair in pairs]) for i in (0, 1)]
            inside = WANTED[0] <= mean[0] <= WANTED[1]
            good &= inside or name != "all"
            held = f"held by fitted {100 * mean[0]:4.1f} % by those in use {100 * mean[1]:4.1f} %"
            print(f"{phase:8} {name:16} folds {len(pairs):3} {held}{'' if inside else '  not 75 to 85 %'}")
    if "--write" not in arguments:
        return 0
    if not good:
        print("not written: the intervals of all folds together do not hold 75 to 85 %", file=sys.stderr)
        return 1
    path = Path(PACKAGE) / "formulas" / "gpu" / "novelty.py"
    path.write_text(put_in(path.read_text(), tables))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
