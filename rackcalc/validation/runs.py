"""What a row of serving measurements says about its engine and load.

A row becomes a Run (what the engine is) and Numbers (how it is loaded); Numbers may hold arrays, so a fit computes all
rows of one Run at once.
"""

from functools import cache
from typing import NamedTuple

from rackcalc.config.parts import load_part
from rackcalc.formulas.combine import smallest
from rackcalc.formulas.gpu import forward_pass as passes
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.memory_fit import memory_fit
from rackcalc.formulas.gpu.serving_engine import per_scheduler
from rackcalc.formulas.serving.concurrency import Loop, Prefill, closed_loop, one_prompt
from rackcalc.formulas.serving.replicas import budget_of_groups, gpus_of, per_engine
from rackcalc.formulas.serving.request_time import step_per_token
from rackcalc.formulas.serving.sequence_lengths import lived_context, lived_share, reserved_context, shortened
from rackcalc.formulas.serving.speculative_decoding import (
    of_one_token,
    steps_between_messages,
    steps_of_answer,
    tokens_checked,
    tokens_per_step,
)
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.formulas.transformer.model_size import ModelSize, model_size
from rackcalc.quantities.quantity import Quantity, Source, constant
from rackcalc.quantities.record import record, replace
from rackcalc.serving.engine_options import as_started
from rackcalc.serving.engine_versions import at_version
from rackcalc.serving.pool_links import own_link
from rackcalc.spec.chips import GPU
from rackcalc.spec.formats import FORMATS
from rackcalc.spec.links import Link
from rackcalc.spec.models import Model
from rackcalc.spec.runtimes import Engine, Runtime
from rackcalc.validation.kernels import gpu, runtime_named
from rackcalc.validation.launch import Options, kv_format, launched, options
from rackcalc.validation.read import Row, Unanswerable

LOOSE = constant(1e-9, "s", "front end", "assumed", note="a benchmark inside the process: nothing is sent")
READ = constant(0.0, "s/token", "host time of a prompt", "assumed", note="the benchmark hands over tokens, not text")
UNSTATED = Source("assumed", note="not stated by the run")
DRAFTED = Quantity(3.0, "1", "drafted tokens", source=UNSTATED, low=1.0, high=4.0)
ACCEPTANCE = Quantity(0.6, "1", "acceptance of drafted tokens", source=UNSTATED, low=0.4, high=0.85)
MIXED_LENGTHS = constant(0.9, "1", "length over the stated", "published", "aic-data", "80 to 100 % of it, uniform")
CHUNKED = constant(0.0, "1", "share of launches outside graphs", "assumed", note="prompts ride on the steps of others")
YEAR = 31557600.0
COMPILED = "0"  # NVIDIA NIM ran compiled engines
PROGRAMS = {"trtllm": "trtllm", "nim": "trtllm", "vllm": "vllm", "sglang": "sglang"}


def _round(years: float) -> Quantity:
    source = Source("published", "mlperf-llm", note="when results were due, after November 2025, to two months")
    low, high = (years - 0.15) * YEAR, (years + 0.15) * YEAR
    return Quantity(years * YEAR, "s", "age of the round", source=source, low=low, high=high)


ROUNDS = {
    "v3.1": _round(-2.3),
    "v4.0": _round(-1.75),
    "v4.1": _round(-1.3),
    "v5.0": _round(-0.75),
    "v5.1": _round(-0.3),
    "v6.0": _round(0.25),
}


class Run(NamedTuple):
    """What a row says about the engine, beside numbers. words: of the runtime, after program and version."""

    part: str
    model: str
    precision: str
    program: str
    version: str
    words: tuple[str, ...]
    grouped: bool  # data-parallel attention
    sampled: bool
    equal_lengths: bool
    served: bool  # over HTTP; else a benchmark inside the process
    round: str = ""  # of MLPerf, whose submitters tune the engine to the data set
    kv: str = "bf16"  # format of the KV cache
    options: Options = ()  # of the server's start


@record
class Numbers:
    """How a Run is loaded. Counts are of one engine, lengths in tokens; groups: of data-parallel attention.

    spread [1]: mean square of the answers' lengths over the square of their mean. stages [1]: a pipeline, each stage
    with `devices` of its own and a share of the layers; as many batches are under way, and counts are of one.
    """

    devices: Quantity
    groups: Quantity
    prompt: Quantity
    output: Quantity
    spread: Quantity = ONE
    stages: Quantity = ONE


@record
class Stand:
    """The parts of the catalog that a Run names."""

    gpu: GPU
    model: Model
    runtime: Runtime
    engine: Engine
    link: Link
    kv: str
    size: ModelSize


def run_of(row: Row) -> Run:
    """The engine of a row. Unanswerable where the row does not say enough."""
    program, *words = row.runtime.split() or [""]
    if program not in PROGRAMS:
        raise Unanswerable(f'no serving engine "{program}" in the catalog')
    if row.precision not in FORMATS:
        raise Unanswerable("the format of the weights is not stated")
    if row.pipeline_parallel not in ("", "1"):
        raise Unanswerable("a pipeline over GPUs: engines here share layers, not depth")
    month = next((word for word in words if word.startswith("at-")), "")
    version = next((word for word in words if word[0].isdigit() and "xtp" not in word), month)
    nightly = any(word.startswith("nightly") for word in words)
    version = "nightly" if nightly else COMPILED if program == "nim" else version
    return Run(
        part=row.part,
        model=row.model,
        precision=row.precision,
        program=PROGRAMS[program],
        version=version,
        words=tuple(word for word in words if word in ("mtp", "kv-fp8")),
        grouped=row.data_parallel not in ("", "1"),
        sampled=row.kind == "step_power",
        equal_lengths=row.scenario == "nvidia-silicon-run",
        served=row.kind in ("serving", "step_power", "mlperf"),
        kv=kv_format(row, PROGRAMS[program], version),
        options=options(row, PROGRAMS[program], version),
    )


@cache
def stand(run: Run) -> Stand:
    """The parts of the catalog that a Run names."""
    part, model = gpu(Row("", "", run.part, "", 0.0, "")), load_part("models", run.model)
    if model.family != "decoder":
        raise Unanswerable(f"{run.model} is an encoder; this kind is about generation")
    runtime = as_started(at_version(runtime_named(run.program), run.version), part)
    assert runtime.engine is not None
    engine = runtime.engine if run.served else replace(runtime.engine, token_time=LOOSE, prompt_host=READ)
    engine = launched(engine, run.options)
    if run.round:
        engine = replace(engine, age=ROUNDS[run.round], eager_prefill=CHUNKED, prompt_host=READ)
    runtime = replace(runtime, engine=engine)
    link = own_link(part.ports)
    return Stand(part, model, runtime, engine, link, run.kv, model_size(model, run.precision, run.kv))


def prompts(run: Run, numbers: Numbers, together: Quantity = ONE) -> GpuPass:
    """The prefill of `together` prompts."""
    on = stand(run)
    return passes.prefill(
        on.gpu,
        load_part("families", on.gpu.family),
        on.runtime,
        on.model,
        run.precision,
        on.kv,
        together,
        numbers.prompt,
        numbers.devices,
        on.link,
        None,
        numbers.groups if run.grouped else None,
    )


def prefill_of(run: Run, numbers: Numbers) -> Prefill:
    """How the engine computes prompts: data-parallel groups do so side by side."""
    first = prompts(run, numbers)
    return Prefill(first, prompts(run, numbers, numbers.groups), numbers.groups) if run.grouped else one_prompt(first)


def step(run: Run, numbers: Numbers, batch: Quantity, only_decodes: bool = False) -> GpuPass:
    """A decode step of a batch; with speculation, each sequence has its drafted tokens checked too.

    only_decodes: of an engine that has no prompts.
    """
    on = stand(run)
    context = lived_context(prompt=numbers.prompt, output=numbers.output, spread=numbers.spread)
    checked = tokens_checked(drafted=DRAFTED) if "mtp" in run.words else None
    return passes.decode(
        on.gpu,
        load_part("families", on.gpu.family),
        on.runtime,
        on.model,
        run.precision,
        on.kv,
        batch,
        context,
        numbers.devices,
        on.link,
        None,
        numbers.groups if run.grouped else None,
        run.sampled,
        checked,
        only_decodes=only_decodes,
    )


def tokens_of_step(run: Run) -> Quantity | None:
    """Tokens that a step yields per sequence; None without speculation, where it is one."""
    return tokens_per_step(drafted=DRAFTED, acceptance=ACCEPTANCE) if "mtp" in run.words else None


def per_step(run: Run, numbers: Numbers, batch: Quantity) -> Quantity:
    """Time of a step without prefills, written as if it yielded one token [s/token]."""
    return step_per_token(step=step(run, numbers, batch).time)


def per_token(run: Run, numbers: Numbers, batch: Quantity, only_decodes: bool = False) -> Quantity:
    """Time per output token of a step without prefills."""
    time, tokens = step_per_token(step=step(run, numbers, batch, only_decodes).time), tokens_of_step(run)
    return time if tokens is None else of_one_token(step=time, tokens=tokens)


def fits(run: Run, numbers: Numbers) -> Quantity:
    """Sequences whose KV cache fits."""
    on = stand(run)
    # nothing is kept free for what a sequence may yet generate where one may be put back when memory runs out
    engine = replace(on.engine, output_reserve=lived_share(spread=numbers.spread)) if run.round else on.engine
    lengths = {"prompt": numbers.prompt, "output": numbers.output}
    devices = gpus_of(groups=numbers.stages, width=numbers.devices)
    context = reserved_context(**lengths, share=engine.output_reserve)
    runtime = replace(on.runtime, engine=engine)
    held = memory_fit(on.gpu, runtime, on.model, on.size, ONE, context, devices, numbers.groups).max_batch
    return per_engine(requests=held, engines=numbers.stages)


def loop(run: Run, numbers: Numbers, concurrency: Quantity, arrivals: Quantity | None = None) -> Loop:
    """One engine with so many requests in flight. arrivals: they come at random at this rate."""
    on = stand(run)
    engine = on.engine
    if run.grouped:  # each data-parallel group has a front end and a scheduler of its own
        engine = replace(
            engine,
            token_time=per_scheduler(time=engine.token_time, groups=numbers.groups),
            chunk=budget_of_groups(chunk=engine.chunk, groups=numbers.groups),
        )
    tokens, output = tokens_of_step(run), numbers.output
    if tokens is not None:
        interval = steps_between_messages(interval=engine.stream_interval, tokens=tokens)
        engine, output = replace(engine, stream_interval=interval), steps_of_answer(output=output, tokens=tokens)
    found = closed_loop(
        engine,
        on.runtime.request_host,
        concurrency,
        fits(run, numbers),
        prefill_of(run, numbers),
        lambda batch: per_step(run, numbers, batch),
        numbers.prompt,
        output,
        run.equal_lengths,
        arrivals,
    )
    return found if tokens is None else replace(found, tpot=of_one_token(step=found.tpot, tokens=tokens))


def numbers_of(row: Row) -> Numbers:
    """The numbers of a row's engine."""
    parts = row.number("parts", "1") if row.parts else row.number("tensor_parallel", "1")
    groups = row.number("data_parallel", "1") if row.data_parallel else ONE
    devices = parts
    if row.tensor_parallel:
        devices = smallest(parts=parts, engine=gpus_of(groups=groups, width=row.number("tensor_parallel", "1")))
    lengths = {"prompt": row.number("input_tokens", "token"), "output": row.number("output_tokens", "token")}
    if row.scenario == "inferencex":
        lengths = {name: shortened(length=length, share=MIXED_LENGTHS) for name, length in lengths.items()}
    return Numbers(devices, groups, **lengths)
