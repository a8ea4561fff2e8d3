"""Language models under load: servers, static batches, decoding with power."""

from functools import lru_cache

from rackcalc.config.parts import load_part
from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.heat.chip_power import busy_gpu_power
from rackcalc.formulas.heat.chip_utilization import diluted, with_prefills
from rackcalc.formulas.heat.power import energy_per_token, one_token, pool_power
from rackcalc.formulas.queues.latency_under_load import LEVELS
from rackcalc.formulas.serving.closed_loop_spread import spread_per_token, token_gap_spread
from rackcalc.formulas.serving.concurrency import Loop, at_rate
from rackcalc.formulas.serving.front_end import SHARPNESS, paced
from rackcalc.formulas.serving.inter_token_latency import mean_stall
from rackcalc.formulas.serving.replicas import all_engines, one_engine
from rackcalc.formulas.serving.request_rates import rate_of_run
from rackcalc.formulas.serving.token_rates import batch_rate, per_part, static_rate, token_rate, user_rate
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import replace
from rackcalc.serving.pools_loop import PoolsLoop
from rackcalc.validation.engine_law import engine_law
from rackcalc.validation.pools import WAITS, disaggregated
from rackcalc.validation.read import Row, Unanswerable
from rackcalc.validation.runs import (
    Numbers,
    Run,
    fits,
    loop,
    numbers_of,
    per_token,
    prefill_of,
    prompts,
    run_of,
    stand,
    step,
)

LARGEST = Quantity(
    2048.0,
    "1",
    "sequences per step at most",
    source=Source("assumed", note="default of the runtime"),
    low=1024.0,
    high=4096.0,
)
RUN = Quantity(
    500.0, "1", "requests of a run", low=250.0, high=1000.0,
    source=Source("assumed", "serving-runs", note="500 in the tables of TensorRT-LLM, else not stated"),
)  # fmt: skip
OVERLOAD = "the rate is beyond the computed capacity: the line grows as long as the run, which is not stated"


@lru_cache(maxsize=2)  # the rows of one case follow one another; each keeps a whole graph
def loaded(run: Run, key: Row) -> Loop:
    """The engine of a row under its load."""
    numbers = numbers_of(key)
    if key.concurrency:
        return loop(run, numbers, key.number("concurrency", "1"))
    if key.request_rate in ("", "inf"):
        raise Unanswerable(
            "all requests at once, and how many is not stated" if key.request_rate else "load not stated"
        )
    gpus = key.number("parts", "1")
    rate = one_engine(rate=key.number("request_rate", "request/s"), gpus=gpus, devices=numbers.devices)
    found = at_rate(lambda number: loop(run, numbers, number, rate), rate, fits(run, numbers))
    if found.rate.value < 0.95 * rate.value:
        raise Unanswerable(OVERLOAD)
    return found


def _key(row: Row) -> Row:
    """What the metrics of one case share."""
    return row._replace(metric="", operation="", mode="")


def serving(row: Row) -> Quantity:
    """Server under load: times and rates, means."""
    if row.mode == "disagg":
        return apart(row)
    run, numbers = run_of(row), numbers_of(row)
    if row.mode == "static":
        return static(row, run, numbers)
    found = loaded(run, _key(row))
    if row.metric == "tpot_mean":
        return found.tpot
    if row.metric == "ttft_mean":
        return found.ttft
    if row.metric == "token_rate_per_user":
        return user_rate(tpot=found.tpot)
    gpus = row.number("parts", "1") if row.parts else numbers.devices
    rate = all_engines(rate=found.rate, gpus=gpus, devices=numbers.devices)
    if not row.concurrency:
        rate = rate_of_run(rate=row.number("request_rate", "request/s"), time=found.time, requests=RUN)
    return rate_of(row.metric, rate, numbers)


@lru_cache(maxsize=2)  # the rows of one case follow one another; each keeps a whole graph
def pools_under_load(key: Row) -> PoolsLoop:
    """Separate pools of a row under its load."""
    return disaggregated(key)


def apart(row: Row) -> Quantity:
    """Some GPUs prefill and the others decode."""
    if row.metric == "ttft_mean":
        raise Unanswerable(WAITS)
    found = pools_under_load(_key(row))
    if row.metric == "tpot_mean":
        return found.tpot
    if row.metric == "token_rate_per_user":
        return user_rate(tpot=found.tpot)
    return rate_of(row.metric, found.rate, numbers_of(row))


def rate_of(metric: str, rate: Quantity, numbers: Numbers) -> Quantity:
    """A rate in the unit of a metric."""
    if metric in ("request_rate", "sample_rate"):
        return rate
    if metric == "output_token_rate":
        return token_rate(rate=rate, tokens=numbers.output)
    if metric == "total_token_rate":
        return token_rate(rate=rate, tokens=total(prompt=numbers.prompt, output=numbers.output))
    raise Unanswerable(f"{metric} of a server")


def static(row: Row, run: Run, numbers: Numbers) -> Quantity:
    """One fixed batch: prefilled together, then generating together."""
    batch = row.number("batch", "1")
    if row.metric == "ttft_mean":
        return prompts(run, numbers, batch).time
    tpot = per_token(run, numbers, batch)
    if row.metric == "tpot_mean":
        return tpot
    if row.metric == "token_rate_per_user":
        return user_rate(tpot=tpot)
    filled = prompts(run, numbers, batch).time
    return static_rate(batch=batch, output=numbers.output, prefill=filled, tpot=tpot)


def throughput(row: Row) -> Quantity:
    """Tables of a runtime's makers: first token at batch 1, static batches, all requests at once."""
    run = run_of(row)
    if row.metric == "ttft_mean":
        numbers = numbers_of(row._replace(output_tokens=row.output_tokens or "1"))
        return prompts(run, numbers, row.number("batch", "1")).time
    numbers = numbers_of(row)
    if row.scenario == "max-load":
        found = loop(run, numbers, most(run, numbers))
        rate = all_engines(rate=found.rate, gpus=row.number("parts", "1"), devices=numbers.devices)
        return rate_of(row.metric, rate, numbers)
    rate = static(row._replace(metric="output_token_rate"), run, numbers)
    if row.metric == "output_token_rate_per_part":
        return per_part(rate=rate, parts=row.number("parts", "1"))
    return rate


def most(run: Run, numbers: Numbers) -> Quantity:
    """Requests an engine can have in flight."""
    return smallest(room=fits(run, numbers), limit=LARGEST)


# Prompts of the ML.ENERGY tasks are not in its tables: usual lengths of such prompts.


def _prompt(tokens: float, what: str) -> Quantity:
    source = Source("assumed", "mlenergy", note="half to twice as long")
    return Quantity(tokens, "token", f"prompt {what}", source=source, low=tokens / 2, high=tokens * 2)


PROMPTS = {
    "lm-arena-chat": _prompt(250.0, "of a chat"),
    "gpqa": _prompt(250.0, "of a question"),
    "sourcegraph-fim": _prompt(600.0, "of code to fill in"),
    "image-chat": _prompt(1200.0, "with an image"),
    "video-chat": _prompt(4000.0, "with a video"),
}


PROMPT_CV = Quantity(
    1.5, "1", "spread of the prompts' lengths", low=0.7, high=3.0,
    source=Source("assumed", "mlenergy", note="people's questions: not in its tables"),
)  # fmt: skip
OUTPUT_CV = Quantity(
    0.8, "1", "spread of the answers' lengths", low=0.4, high=1.5,
    source=Source("assumed", "mlenergy", note="answers of chats: not in its tables"),
)  # fmt: skip


def token_gap(run: Run, numbers: Numbers, batch: Quantity, level: str, mean: Quantity) -> Quantity:
    """A percentile of the time between two tokens of a sequence, `batch` of which decode at all times."""
    law = engine_law(run, numbers, batch, PROMPT_CV, OUTPUT_CV)
    spread = token_gap_spread(probability=LEVELS[level], clients=batch, **law)
    return spread_per_token(mean=mean, spread=spread)


def step_power(row: Row) -> Quantity:
    """Decoding at a given mean batch: times between tokens, rate, power of the GPUs."""
    prompt = PROMPTS.get(row.scenario)
    if prompt is None and not row.input_tokens:
        raise Unanswerable(f"length of the prompts of {row.scenario} is not stated")
    run, batch = run_of(row), row.number("batch", "1")
    numbers = numbers_of(row._replace(input_tokens=row.input_tokens or "1"))
    if prompt is not None and not row.input_tokens:
        numbers = replace(numbers, prompt=prompt)
    on, load = stand(run), {"decoding": batch, "output": numbers.output}
    alone = per_token(run, numbers, batch)
    first = prefill_of(run, numbers)
    pace = {"decoding": batch, "front_end": on.engine.token_time, "sharpness": SHARPNESS}
    stall = mean_stall(prefill=first.work, **load)
    mean = paced(tpot=total(step=alone, stall=stall), **pace)
    if row.metric.startswith("tpot_p"):
        return token_gap(run, numbers, batch, row.metric.removeprefix("tpot_"), mean)
    rate = batch_rate(decoding=batch, tpot=mean)
    if row.metric == "tpot_mean":
        return mean
    if row.metric == "output_token_rate":
        return rate
    passed = step(run, numbers, batch)
    memory = diluted(utilization=passed.memory_utilization, step=alone, interval=mean)
    compute = with_prefills(
        steps=diluted(utilization=passed.utilization, step=alone, interval=mean),
        prefill=first.full.utilization,
        stall=stall,
        interval=mean,
    )
    power = busy_gpu_power(on.gpu, load_part("families", on.gpu.family), memory, compute)
    power = pool_power(count=numbers.devices, power=power)
    if row.metric == "power_mean":
        return power
    if row.metric == "energy_per_token":
        return one_token(energy=energy_per_token(power=power, throughput=rate))
    raise Unanswerable(f"{row.metric} of a decoding GPU")
