"""The options that a serving engine is started with: a runtime as the rack's serving section changes it."""

from typing import Any

from rackcalc.formulas.transformer.counts import ONE
from rackcalc.quantities.record import replace
from rackcalc.spec.rack import Serving
from rackcalc.spec.runtimes import Runtime


def with_options(runtime: Runtime, serving: Serving) -> Runtime:
    """The runtime with the limits and switches that the file states; as it is without any."""
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
