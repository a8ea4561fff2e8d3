"""Runs that cannot be right as they are described: faster than the GPUs compute, or weights that do not fit.

A closed loop answers concurrency / (time to first token + answer x time per token) requests a second, and every
prompt token takes two operations per active weight, whatever the software does. A run beyond the peak rate skipped
work that its row does not tell of (cached prefixes), or its load is not what the row says. The rate of a GPU is taken
at its peak times the largest share that matrix products were measured to hold. No sequence gets a token sooner than
the weights that the token uses are read, and no matrix product is faster than the peak rate.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import groupby

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.spec.formats import FORMATS
from rackcalc.validation.read import Row, Unanswerable, bundled, read

BEYOND = "cannot be: its prompts would take {share:.0%} of the time of the GPUs at their fastest matrix products"
TOO_LARGE = "cannot be: the weights alone take {share:.0%} of the memory of the GPUs"
TOO_FAST = "cannot be: reading the weights of one token alone would take {share:.0%} of its time at full bandwidth"
ABOVE_PEAK = "cannot be: its arithmetic would take {share:.0%} of its time at the peak rate of the GPU"
NEEDED = ("concurrency", "input_tokens", "output_tokens", "parts")
TIMES = ("ttft_mean", "tpot_mean")
SERVERS = ("serving", "throughput", "step_power")
CLOCK = 1.06  # a GPU may run so much above the clock that its peak is stated for, where it stays cool
DRAFTS = 4.0  # tokens that one step yields at most where drafts are checked


def refused(run: Iterable[Row]) -> str:
    """Why the rows of one run cannot be right; "" where they can."""
    rows = list(run)
    for row in rows:
        if row.kind == "gemm" and (reason := _arithmetic(row)):
            return reason
    rows = [row for row in rows if row.kind in SERVERS and row.mode != "disagg"]
    if not rows or not (rows[0].parts or rows[0].tensor_parallel):
        return ""
    times = {row.metric: row.value for row in rows}
    try:
        reason = _weights(rows[0]) or _reading(rows[0], times)
        loaded = rows[0].mode == "agg" and all(getattr(rows[0], name) for name in NEEDED)
        return reason or (_rate(rows[0], times) if loaded and all(name in times for name in TIMES) else "")
    except Unanswerable:
        return ""


def _gpus(row: Row) -> float:
    """GPUs that hold the model: all of a row, or those of an engine where it says no more."""
    return float(row.parts or row.tensor_parallel)


def _arithmetic(row: Row) -> str:
    """A matrix product faster than the peak of its format."""
    gpu = load_part("gpus", row.part) if row.part in part_names("gpus") else None
    if gpu is None or row.precision not in gpu.peak or not row.metric.startswith("latency"):
        return ""
    work = 2 * float(row.m) * float(row.n) * float(row.k) * float(row.batch or 1)
    share = work / (CLOCK * float(gpu.peak[row.precision].value)) / row.value
    return ABOVE_PEAK.format(share=share) if share > 1 else ""


def _reading(row: Row, times: dict[str, float]) -> str:
    """Each token of a sequence needs every weight that it uses, from the memory of the GPUs."""
    from rackcalc.validation.runs import run_of, stand

    fastest = min((times[name] for name in times if name in ("tpot_mean", "tpot_p50")), default=None)
    if fastest is None:
        return ""
    run = run_of(row)
    on = stand(run)
    used = float(on.size.read_parameters.value) * FORMATS[run.precision]
    seconds = used / (float(on.gpu.memory_bandwidth.value) * _gpus(row))
    share = seconds / (fastest * (DRAFTS if "mtp" in run.words else 1.0))
    return TOO_FAST.format(share=share) if share > 1 else ""


def _weights(row: Row) -> str:
    from rackcalc.validation.runs import run_of, stand

    on = stand(run_of(row))
    share = float(on.size.weights.value) / (float(on.gpu.memory.value) * _gpus(row))
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
        run = list(found) if (kind in SERVERS or kind == "gemm") and case else None
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
