"""The options that a serving engine is started with: a runtime as the rack's serving section changes it."""

from typing import Any

from rackcalc.formulas.serving.engine_limits import budget_by_memory, seats_by_memory
from rackcalc.formulas.serving.speculative_decoding import steps_between_messages
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import replace
from rackcalc.spec.chips import GPU
from rackcalc.spec.rack import Serving
from rackcalc.spec.runtimes import Runtime


def as_started(runtime: Runtime, gpu: GPU) -> Runtime:
    """The runtime with the limits that its engine starts with on this GPU."""
    engine = runtime.engine
    if engine is None or engine.large_gpus is None or gpu.family == engine.large_gpus.not_family:
        return runtime
    large = engine.large_gpus
    held = {"memory": gpu.memory, "least": large.memory}
    seats = seats_by_memory(**held, large=large.max_num_seqs, usual=engine.max_num_seqs)
    budget = budget_by_memory(**held, large=large.chunk, usual=engine.chunk)
    return replace(runtime, engine=replace(engine, max_num_seqs=seats, chunk=budget))


def with_options(runtime: Runtime, serving: Serving, gpu: GPU) -> Runtime:
    """The runtime with the limits that it starts with on this GPU, and those that the file states instead."""
    runtime = as_started(runtime, gpu)
    engine = runtime.engine
    if engine is None:
        return runtime
    changes: dict[str, Any] = {}
    if serving.max_num_seqs is not None:
        changes["max_num_seqs"] = serving.max_num_seqs
    if serving.max_num_batched_tokens is not None:
        changes["chunk"] = serving.max_num_batched_tokens
    if not serving.cuda_graphs:  # nothing is captured or compiled, prompts neither
        changes |= {"cuda_graphs": False, "eager_prefill": ONE}
    if changes:
        runtime = replace(runtime, engine=replace(engine, **changes))
    if serving.gpu_memory_utilization is not None:
        runtime = replace(runtime, memory_share=serving.gpu_memory_utilization)
    return runtime


def sending_steps(runtime: Runtime, tokens: Quantity | None) -> Runtime:
    """The runtime with its stream interval in steps, each of which yields so many tokens; None: one."""
    engine = runtime.engine
    if engine is None or tokens is None:
        return runtime
    interval = steps_between_messages(interval=engine.stream_interval, tokens=tokens)
    return replace(runtime, engine=replace(engine, stream_interval=interval))
