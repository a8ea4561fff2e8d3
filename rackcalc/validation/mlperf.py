"""MLPerf's language models: the engine a submitter would choose, and the rate it keeps in each scenario."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from rackcalc.config.parts import load_part
from rackcalc.formulas.combine import largest, slowed, smallest
from rackcalc.formulas.serving.concurrency import NO_TIME, Loop, at_rate, first_token
from rackcalc.formulas.serving.latency_limits import at_limit, of_limits, rate_of_prompts, usual_number
from rackcalc.formulas.serving.replicas import all_engines, slots
from rackcalc.formulas.serving.request_rates import kept_rate
from rackcalc.formulas.serving.request_time import one_step, request_time
from rackcalc.formulas.transformer.counts import NONE, ONE
from rackcalc.quantities.quantity import Quantity, Source, constant
from rackcalc.quantities.record import replace
from rackcalc.validation.kernels import gpu
from rackcalc.validation.read import Row, Unanswerable
from rackcalc.validation.runs import ROUNDS, Numbers, Run, fits, loop, prefill_of, run_of, stand
from rackcalc.validation.serving import LARGEST, rate_of

SIZES = (1, 2, 4, 8)  # GPUs that share a layer, and stages of a pipeline, that submitters choose from
# Round 4.1 ran Llama 2 70B on H100 by tensor parallelism alone; NVIDIA then showed 1.2 times the rate with a pipeline
# (developer blog on NVLink Switch and Llama 3.1 405B, October 2024).
WITHOUT_PIPELINES = ("v3.1", "v4.0", "v4.1")
WORTH = 1.05  # gain that makes submitters take more GPUs per engine
SEARCHES = 3
SPARE = Quantity(
    0.02, "1", "share of its capacity that an engine keeps free", low=0.005, high=0.05,
    source=Source("assumed", note="random arrivals never fill an engine; chosen with the times in view"),
)  # fmt: skip
P99 = constant(2.3263, "1", "normal quantile of 99 %", "published")
FULLNESS = Quantity(
    1.0, "1", "times at the load of a run over those at the most that keeps its limits", low=0.75, high=1.3,
    source=Source("assumed", note="how full the engines of a run are is not stated"),
)  # fmt: skip
TAIL = constant(0.01, "1", "share of requests over the limit", "published", "mlperf-llm")


class DataSet(NamedTuple):
    """What a benchmark asks. prompt, output: mean tokens; spread: mean square of the outputs over their squared mean.

    beams: sequences per request. limits: scenario -> 99th percentile of time to first token [s] and per token [s].
    """

    prompt: float
    output: float
    spread: float
    limits: dict[str, tuple[float, float]]
    beams: int = 1


# Spreads are those of the published latencies, whose times per token hardly differ. Limits: MLCommons.
DATA_SETS = {
    "llama2-70b": DataSet(294.0, 282.0, 1.35, {"server": (2.0, 0.2), "interactive": (0.45, 0.04)}),
    "llama3.1-8b": DataSet(778.0, 128.6, 1.0, {"server": (2.0, 0.1), "interactive": (0.5, 0.03)}),
    "llama3.1-405b": DataSet(9400.0, 684.7, 1.5, {"server": (6.0, 0.175), "interactive": (4.5, 0.08)}),
    "mixtral-8x7b": DataSet(400.0, 145.9, 1.5, {"server": (2.0, 0.2)}),
    "deepseek-r1": DataSet(800.0, 3714.0, 2.7, {"server": (2.0, 0.08), "interactive": (1.5, 0.015)}),
    "gptj": DataSet(924.0, 69.0, 1.2, {}, beams=4),
}


class Chosen(NamedTuple):
    """An engine for a scenario. rate: of all GPUs; most: requests in flight it is meant for."""

    run: Run
    numbers: Numbers
    rate: Quantity
    most: Quantity


def mlperf(row: Row) -> Quantity:
    """MLPerf language models: offline, server and interactive rates, times at the stated load."""
    if "maxq" in row.mode.split():
        raise Unanswerable("a language model under a power cap")
    best = best_engine(row._replace(metric="", request_rate=""))
    if row.metric in ("sample_rate", "output_token_rate"):
        return rate_of(row.metric, best.rate, best.numbers)
    if row.metric not in ("ttft_mean", "tpot_mean", "latency_mean") or not row.request_rate:
        raise Unanswerable(f"{row.metric}: percentiles over a data set of many lengths")
    # the stated load is the highest that a valid run kept up with: the engine was as full as it may be, which near
    # capacity says far more about the requests in flight than the ratio of that load to a computed capacity
    found = running(best.run, best.numbers, best.most)
    times = {"ttft_mean": found.ttft, "tpot_mean": found.tpot, "latency_mean": found.time}
    return slowed(time=times[row.metric], factor=FULLNESS)


def running(run: Run, numbers: Numbers, number: Quantity) -> Loop:
    """An engine with so many requests in flight, whose prompts ride on the steps of the others.

    All that have come since the last step start with the next, so nobody queues; the first token comes with that step.
    """
    found, on = loop(run, numbers, number), stand(run)
    host = on.engine.compiled_host  # the load generator calls compiled programs directly
    ttft = first_token(
        request_host=on.runtime.request_host if host is None else host,
        looked=on.engine.wait_steps,
        back=NONE,
        step=found.tpot,
        prefill=largest(prefill=found.prefill, step=one_step(tpot=found.tpot)),
        others=NO_TIME,
    )
    return replace(found, ttft=ttft, time=request_time(ttft=ttft, tpot=found.tpot, output=numbers.output))


def data_set(row: Row) -> DataSet:
    """What the benchmark of a row asks."""
    found = DATA_SETS.get(row.operation.removesuffix(".9").removesuffix("-99"))
    if found is None:
        raise Unanswerable(f"the lengths of MLPerf's {row.operation} data set are not known here")
    if found.beams != 1:
        raise Unanswerable("beam search: several sequences per request")
    return found


def _about(tokens: float, what: str) -> Quantity:
    source = Source("estimate", "mlperf-llm", note="means of published data sets; outputs as results divide to")
    return Quantity(tokens, "token", what, source=source, low=0.9 * tokens, high=1.1 * tokens)


@lru_cache(maxsize=32)
def best_engine(row: Row) -> Chosen:
    """The engine with the highest rate a scenario allows, as a submitter would choose it."""
    asked, gpus = data_set(row), row.number("parts", "1")
    best: Chosen | None = None
    for run, numbers in engines_of(row, asked):
        most = smallest(room=fits(run, numbers), limit=slots(replicas=numbers.groups, batch=LARGEST))
        if row.scenario != "offline":
            if row.scenario not in asked.limits:
                raise Unanswerable(f"the limits of MLPerf's {row.operation} {row.scenario} are not known here")
            limits = asked.limits[row.scenario]
            most = spared(run, numbers, within(run, numbers, most, *limits), limits[0])
        rate = all_engines(rate=loop(run, numbers, most).rate, gpus=gpus, devices=numbers.devices)
        if best is None or rate.value > WORTH * best.rate.value:
            best = Chosen(run, numbers, rate, most)
    assert best is not None
    return best


def spared(run: Run, numbers: Numbers, most: Quantity, ttft: float) -> Quantity:
    """Requests in flight, mean, of an engine a little below its capacity with `most`, where they are far fewer.

    ttft: limit [s] of the 99th percentile, which prompts also keep that come while others are computed.
    """
    in_time = rate_of_prompts(
        work=prefill_of(run, numbers).parts[0],
        stages=numbers.stages,
        groups=numbers.groups,
        ttft=running(run, numbers, ONE).ttft,
        most_ttft=most_first(ttft),
        tail=TAIL,
    )
    rate = smallest(kept=kept_rate(rate=loop(run, numbers, most).rate, spare=SPARE), in_time=in_time)
    return at_rate(lambda number: loop(run, numbers, number), rate, most).held


def engines_of(row: Row, asked: DataSet) -> Iterator[tuple[Run, Numbers]]:
    """The engines to choose from: widths, pipelines, and for experts groups with the attention of their sequences."""
    words, gpus = row.runtime.split(), float(row.number("parts", "1").value)
    peaks = gpu(row).peak
    stored = "fp4" if "fp4" in peaks else "fp8" if "fp8" in peaks else "fp16"
    stated = row._replace(
        runtime="vllm" if "vllm" in words else "trtllm",
        precision=row.precision or stored,
    )
    edition = next((word for word in words if word in ROUNDS), "v5.1")
    tuned = run_of(stated)._replace(round=edition)
    lengths = {
        "prompt": _about(asked.prompt, "mean prompt of the data set"),
        "output": _about(asked.output, "mean output of the data set"),
        "spread": constant(asked.spread, "1", "spread of the outputs", "estimate", "mlperf-llm"),
    }
    apart = load_part("models", row.model).experts is not None
    for width, stages in product(SIZES, SIZES[:1] if edition in WITHOUT_PIPELINES else SIZES):
        if width * stages <= min(gpus, SIZES[-1]):
            size, depth = _choice(width, "GPUs per engine or stage"), _choice(stages, "stages")
            yield tuned, Numbers(size, ONE, **lengths, stages=depth)
            if apart and width > 1 and stages == 1:
                yield tuned._replace(grouped=True), Numbers(size, size, **lengths)


def _choice(number: int, what: str) -> Quantity:
    return constant(float(number), "1", what, "assumed", note="the best for the scenario")


def most_first(seconds: float) -> Quantity:
    """The limit of the time to first token."""
    return constant(seconds, "s", "limit of the time to first token", "published", "mlperf-llm")


def within(run: Run, numbers: Numbers, most: Quantity, ttft: float, tpot: float) -> Quantity:
    """Requests in flight, mean, of which the 99th percentile finds room and keeps both limits."""
    limits = {
        "most_ttft": most_first(ttft),
        "most_tpot": constant(tpot, "s/token", "limit of the time per token", "published", "mlperf-llm"),
    }

    def used(number: Quantity) -> Quantity:
        found = running(run, numbers, number)
        return of_limits(ttft=found.ttft, tpot=found.tpot, **limits)

    alone, peak = used(ONE), most
    for _ in range(SEARCHES):
        peak = at_limit(alone=alone, loaded=used(peak), at=peak, most=most)
    return usual_number(peak=peak, z=P99)
