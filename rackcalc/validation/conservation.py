"""Runs that cannot be right as they are described: faster than the GPUs compute, or weights that do not fit.

A closed loop answers concurrency / (time to first token + answer x time per token) requests a second, and every
prompt token takes two operations per active weight, whatever the software does. A run beyond the peak rate skipped
work that its row does not tell of (cached prefixes), or its load is not what the row says. The rate of a GPU is taken
at its peak times the largest share that matrix products were measured to hold.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import groupby

from rackcalc.config.parts import load_part
from rackcalc.spec.formats import FORMATS
from rackcalc.validation.read import Row, Unanswerable, bundled, read

BEYOND = "cannot be: its prompts would take {share:.0%} of the time of the GPUs at their fastest matrix products"
TOO_LARGE = "cannot be: the weights alone take {share:.0%} of the memory of the GPUs"
NEEDED = ("concurrency", "input_tokens", "output_tokens", "parts")
TIMES = ("ttft_mean", "tpot_mean")


def refused(run: Iterable[Row]) -> str:
    """Why the rows of one run cannot be right; "" where they can."""
    rows = [row for row in run if row.kind == "serving" and row.mode == "agg"]
    times = {row.metric: row.value for row in rows}
    if not rows or not all(getattr(rows[0], name) for name in NEEDED):
        return ""
    try:
        return _weights(rows[0]) or (_rate(rows[0], times) if all(name in times for name in TIMES) else "")
    except Unanswerable:
        return ""


def _weights(row: Row) -> str:
    from rackcalc.validation.runs import run_of, stand

    on = stand(run_of(row))
    share = float(on.size.weights.value) / (float(on.gpu.memory.value) * float(row.parts))
    return TOO_LARGE.format(share=share) if share > 1 else ""


def _rate(row: Row, times: dict[str, float]) -> str:
    """Two operations for each weight and prompt token, and attention, at the rate of the largest matrix products."""
    from rackcalc.validation.runs import numbers_of, prompts, run_of, stand

    run, numbers = run_of(row), numbers_of(row)
    rate = float(row.concurrency) / (times["ttft_mean"] + float(numbers.output.value) * times["tpot_mean"])
    gpu = stand(run).gpu
    family = load_part("families", gpu.family)
    fastest = max(
        float(family.gemm[name].compute_share.value) * float(gpu.peak[name].value)
        for name in family.gemm
        if name in gpu.peak and FORMATS[name] >= min(FORMATS[run.precision], 2)
    )
    share = float(prompts(run, numbers).flops.value) * rate / (fastest * float(row.parts))
    return BEYOND.format(share=share) if share > 1 else ""


def checked(rows: Iterable[Row]) -> Iterator[tuple[Row, str]]:
    """Each row with the reason why its run cannot be right, "" where it can. Rows of a run stand together in a file."""
    key: Callable[[Row], tuple[str, str, str]] = lambda row: (row.file, row.kind, row.case)  # noqa: E731
    for (_, kind, case), found in groupby(rows, key):
        run = list(found) if kind == "serving" and case else None
        if run is None:
            yield from ((row, "") for row in found)
        else:
            reason = refused(run)
            yield from ((row, reason) for row in run)


@cache
def refused_cases() -> frozenset[str]:
    """Cases of the bundled serving runs that cannot be right."""
    rows = read(bundled()["serving"], lambda problem: None)
    return frozenset(row.case for row, reason in checked(rows) if reason)
