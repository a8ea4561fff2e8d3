"""How often requests lose their place in the KV cache of a serving engine."""

from rackcalc.formulas.gpu.memory_fit import room_of_cache
from rackcalc.formulas.serving.closed_loop_spread import preempted_in_loop
from rackcalc.formulas.serving.engine_load import preempted_requests
from rackcalc.formulas.serving.sequence_lengths import longest_context
from rackcalc.quantities.quantity import Quantity, constant, unknown
from rackcalc.serving.closed_loop import engine_memory
from rackcalc.serving.generation import output_tokens
from rackcalc.serving.gpu_deployment import GpuDeployment
from rackcalc.serving.pool_memory import gpu_memory
from rackcalc.serving.service_model import ONE
from rackcalc.spec.rack import Rack

NEVER = constant(0.0, "1", "preempted", "given", note="room for the whole answer is set aside before a request starts")


ESTIMATED = "the engine sets aside an estimate of each answer; how often that falls short is not modeled"
GROUPED = "the KV cache of each data-parallel group fills by itself, which is not modeled"
ALIKE = "requests are all alike, and depend on how the clients start"


def preempted(
    rack: Rack, deployed: GpuDeployment, loaded: dict[str, Quantity], clients: Quantity | None = None
) -> dict[str, Quantity]:
    """The share of requests that are preempted, as a detail; unknown where it cannot be told.

    loaded: the engine, and its load where requests come at random; else clients [1] have one in flight each, whose
    lengths vary, and {} says that they do not.
    """
    engine = deployed.runtime.engine
    assert engine is not None
    if engine.kv_admission == "answer":
        return {"preempted": NEVER}
    grouped = rack.serving.data_parallel is not None
    if not loaded or engine.kv_admission == "share" or grouped:
        why = ESTIMATED if engine.kv_admission == "share" else GROUPED if grouped else ALIKE
        return {"preempted": unknown("1", "preempted", f"no share of preempted requests: {why}")}
    prompt, answer = rack.workload.input, output_tokens(rack)
    memory, at_first, at_last = (
        engine_memory(rack, deployed, ONE),
        gpu_memory(rack, deployed, ONE, prompt),
        gpu_memory(rack, deployed, ONE, longest_context(prompt=prompt, output=answer)),
    )
    assert memory.kv_cache is not None and at_first.kv_cache is not None and at_last.kv_cache is not None
    cache = {
        "room": room_of_cache(free=memory.free, kv_cache=memory.kv_cache),
        "prompt_cache": at_first.kv_cache,
        "whole_cache": at_last.kv_cache,
        "answer": answer,
        "limit": engine.max_num_seqs,
    }
    if clients is None:
        return {"preempted": preempted_requests(**cache, **loaded)}
    return {"preempted": preempted_in_loop(clients=clients, **cache, **loaded)}
