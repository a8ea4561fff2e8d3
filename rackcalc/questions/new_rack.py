"""The text of a first rack file: a language model on GPUs under a serving engine, in a dozen commented lines."""

from collections.abc import Iterator
from typing import NamedTuple

from rackcalc.quantities.problems import InputError, failure
from rackcalc.questions.rack_file import load_text

GPU, MODEL = "l40s", "llama-3.1-8b"
RATE = "1 request/s"
FORMATS = ("fp8", "bf16")  # those that are tried, in this order
NAME = "<new rack>"  # of the text in messages


class Load(NamedTuple):
    """What is asked: tokens of a prompt and an answer, and clients or a rate; without either a usual rate."""

    input: str
    output: str
    concurrency: int | None = None
    rate: str | None = None


def text(gpu: str, count: int, model: str, engine: str, load: Load) -> str:
    """The rack file, with the smallest tensor_parallel and the first of FORMATS with which it can be computed.

    InputError, with what is wrong with the last attempt, where there is none.
    """
    from rackcalc.estimation.estimate import estimate

    problems: InputError | None = None
    for precision, width in _attempts(count):
        written = _written(gpu, count, model, engine, load, precision, width)
        try:
            estimate(load_text(written, NAME))
        except InputError as error:
            problems = error
            continue
        return written
    assert problems is not None
    raise failure("; ".join(dict.fromkeys(problem.message for problem in problems.problems)))


def _attempts(count: int) -> Iterator[tuple[str, int]]:
    """Formats and widths to try. The width of a copy divides the number of GPUs."""
    widths = [width for width in range(1, count + 1) if count % width == 0]
    yield from ((precision, width) for precision in FORMATS for width in widths)


def _written(gpu: str, count: int, model: str, engine: str, load: Load, precision: str, width: int) -> str:
    is_file = model.endswith(".json") or "/" in model
    load_line = (
        f"  concurrency: {load.concurrency}  # clients that wait for their answer; or arrival_rate: {RATE}"
        if load.concurrency is not None
        else f"  arrival_rate: {load.rate or RATE}  # requests that come; or concurrency: 64 clients that wait"
    )
    # at a rate, the engine may fill the memory with as many requests as fit: what is free then says nothing
    room = (
        "memory.gpu.free < 1 GB, why: room for longer prompts"
        if load.concurrency is not None
        else "throughput.utilization > 0.8, why: room for busy hours"
    )
    return f"""\
# {count} x {gpu} with {model}: a first rack, to change from here. Every number may be {{value, low, high, note}}.
name: {count} x {gpu}, {model.rpartition("/")[2]}
accelerators:
  gpu: {{part: {gpu}, count: {count}}}  # names: rackcalc parts gpus; price: accelerators.gpu.part.price
model: {f"{{hf_config: {model}}}" if is_file else model}  # names: rackcalc parts models; or {{hf_config: config.json}}
workload:
  input: {load.input} token  # of a prompt
  output: {load.output} token  # of an answer
{load_line}
  precision: {precision}  # of weights and arithmetic
serving: {{split: gpu, runtime: {engine}, tensor_parallel: {width}}}  # GPUs that share one copy of the model
economics: {{electricity: 0.10 USD/kWh, token_prices: {{input: 0.20 USD/Mtoken, output: 0.60 USD/Mtoken}}}}
gates:  # rackcalc check exits with 3 when one fails
  - {{fail_if: latency.tpot > 50 ms/token, why: reading speed}}
  - {{fail_if: {room}}}
"""
