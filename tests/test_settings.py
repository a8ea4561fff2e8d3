"""Every setting has an effect, or is refused, or is named in a note: each key of the spec on every bundled rack."""

import random
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from every_setting import settings as every_setting

from rackcalc.estimation.effects import conditions_of, reached_by
from rackcalc.estimation.estimate import estimate_with_conditions
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.questions.rack_file import load
from rackcalc.serving.pool_memory import kv_format

RACKS = (
    *("air-limit", "bert-8xb200", "bert-a100", "gb200-nvl72-deepseek-v3", "groqrack-llama2-70b"),
    *("llama70b-16xh100-disaggregated", "llama70b-8xh100", "rack-of-god", "rack-of-god-corrected", "vendor-quote"),
    *("vr-nvl72-lpx-attention-ffn", "vr-nvl72-lpx-prefill-decode"),
)
LOADS = {
    "as written": (),
    "rate": ("workload.arrival_rate=0.5 request/s", "workload.concurrency="),
    "loop": ("workload.concurrency=8", "workload.arrival_rate=", "sharing="),
    "batch": ("workload.batch=4",),
}
# Words that are read where a value decides whether they matter, so that nothing can tell that they do not here.
MAY_BE_WITHOUT_EFFECT = (
    *("serving.runtime.library_all_reduce", "accelerators.gpu.part.family"),
    "accelerators.lpu.part.measured",  # by which only ranges are wider
    *("serving.runtime.engine.mixed", "serving.runtime.engine.large_gpus.not_family", "serving.cuda_graphs"),
)


def outcome(rack: str, sets: tuple[str, ...]) -> tuple[Any, list[str], set[str]] | str:
    """What an estimate says: its figures, its notes, and the places that figures and conditions rest on."""
    try:
        result, chains = estimate_with_conditions(load(rack, sets=sets))
    except InputError as error:
        return " ".join(problem.message for problem in error.problems)
    known = dict(figures(result))
    reached = reached_by([*known.values(), *conditions_of(chains)])
    said = {path: (repr(quantity.value), quantity.kind) for path, quantity in known.items()}
    bound = {name: str(stage.bound_by) for name, stage in result.stages.items()}
    return (said, bound), list(result.notes), {path for _, path in reached.places}


@cache
def settings_of(rack: str, load_name: str) -> list[tuple[str, list[str]]]:
    try:
        return list(every_setting(load(rack, sets=LOADS[load_name]).rack))
    except InputError:
        return []


def faults_of_pairs(seed: int, count: int) -> Iterator[str]:
    """Pairs of settings, drawn at random, after which an estimate crashes or speaks of inf or nan."""
    draw = random.Random(seed)
    for _ in range(count):
        rack, load_name = draw.choice(RACKS), draw.choice(list(LOADS))
        known = [(path, texts) for path, texts in settings_of(rack, load_name) if texts]
        if not known:
            continue
        chosen = [(path, draw.choice(texts)) for path, texts in draw.sample(known, 2)]
        sets = (*LOADS[load_name], *(f"{path}={text}" for path, text in chosen))
        try:
            said = outcome(rack, sets)
        except Exception as error:  # whatever it is, it is a fault
            yield f"{rack} {' '.join(sets)}: {type(error).__name__}: {error}"
            continue
        if isinstance(said, str) and re.search(r"\b(inf|nan)\b", said):
            yield f"{rack} {' '.join(sets)}: {said}"


@cache
def base(rack: str, load_name: str) -> Any:
    return outcome(rack, LOADS[load_name])


def named(path: str, notes: list[str]) -> bool:
    """Whether a note names the key, or the section that it is in."""
    steps = path.split(".")
    ends = [".".join(steps[:end]) for end in range(1, len(steps) + 1)]
    listed = [note for note in notes if note.startswith("no figure depends on ")]
    if any(re.search(rf"(?<![\w.]){re.escape(end)}(?![\w.])", note) for note in listed for end in ends):
        return True
    return any(re.search(rf"(?<![\w.]){re.escape(end)}(?![\w.])", note) for note in notes for end in ends[1:])


def without_answer(rack: str, load_name: str) -> Iterator[str]:
    """The settings that move nothing, are not refused, and that no note names; and whatever is said of inf and nan."""
    before = base(rack, load_name)
    if isinstance(before, str):
        return
    known = load(rack, sets=LOADS[load_name]).rack
    for path, words in every_setting(known):
        if path.endswith(".name") or path in MAY_BE_WITHOUT_EFFECT:
            continue
        same = kv_format(known) if path == "workload.kv_precision" else ""  # what it is by default is no other value
        texts = [text for text in words if text != same]
        silent = False
        for text in texts:
            after = outcome(rack, (*LOADS[load_name], f"{path}={text}"))
            if isinstance(after, str):
                if re.search(r"\b(inf|nan)\b", after):
                    yield f"{path}={text}: {after}"
                continue
            moved = after[0] != before[0]
            # what figures rest on may be hidden behind something slower, whatever its value
            rests = any(place == path or place.startswith(f"{path}.") for place in after[2])
            if moved or rests or named(path, after[1]):
                silent = False
                break
            silent = True
        if silent:
            yield f"{path}: one of {texts} is accepted in silence"


# All racks as written, and some under every load; `make fuzz` walks over all of them.
CASES = [
    (rack, load_name) for rack in RACKS for load_name in LOADS if load_name == "as written" or rack in RACKS[6:10:3]
]


@pytest.mark.parametrize(("rack", "load_name"), CASES)
def test_every_setting_has_an_effect_or_is_refused_or_named(rack: str, load_name: str) -> None:
    assert list(without_answer(rack, load_name)) == []


def test_pairs_of_settings_end_in_an_answer_or_a_refusal() -> None:
    assert list(faults_of_pairs(seed=1, count=400)) == []
