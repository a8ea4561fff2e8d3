"""Decoders under a serving engine whose clients keep a given number of requests in flight: a closed loop."""

from typing import Any

from rackcalc.formulas.combine import smallest
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.serving.concurrency import Loop, closed_loop
from rackcalc.formulas.serving.replicas import per_engine, slots
from rackcalc.formulas.serving.request_time import step_per_token
from rackcalc.formulas.serving.sequence_lengths import reserved_context
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.context_parallel import share_of_prompt
from rackcalc.serving.drafting import answer_steps
from rackcalc.serving.generation import decode_step, output_tokens, prefill_of
from rackcalc.serving.gpu_deployment import GpuDeployment
from rackcalc.serving.kv_offload import fetching
from rackcalc.serving.lengths import computed_prompt
from rackcalc.serving.pipeline import engine_in_rounds, overlap, ring
from rackcalc.serving.pool_memory import gpu_memory
from rackcalc.serving.service_model import ONE, Memory
from rackcalc.spec.rack import Rack


def sequences_that_fit(rack: Rack, deployed: GpuDeployment) -> Quantity:
    """Sequences that decode together in one engine: those whose KV cache fits, within the engine's own limit."""
    held = engine_memory(rack, deployed, ONE).max_batch
    assert held is not None
    room = per_engine(requests=held, engines=ONE)  # at least one: a rack without room for it is refused
    engine = deployed.runtime.engine
    assert engine is not None
    limit = engine.max_num_seqs
    if rack.serving.data_parallel is not None:  # each group has a scheduler of its own
        limit = slots(replicas=rack.serving.data_parallel, batch=limit)
    return smallest(room=room, limit=limit)


def engine_memory(rack: Rack, deployed: GpuDeployment, sequences: Quantity) -> Memory:
    """Memory of one GPU while `sequences` run, each with the KV cache that the engine reserves for it."""
    engine = deployed.runtime.engine
    assert engine is not None
    lengths = {"prompt": share_of_prompt(deployed, rack.workload.input), "output": output_tokens(rack)}
    return gpu_memory(rack, deployed, sequences, reserved_context(**lengths, share=engine.output_reserve))


def engine_loop(rack: Rack, deployed: GpuDeployment, first: GpuPass, requests: Quantity) -> Loop:
    """The loop of one engine with `requests` in flight, in steps. first: the prefill of one prompt."""
    engine = engine_in_rounds(rack, deployed)

    def tpot_at(batch: Quantity) -> Quantity:
        return step_per_token(step=decode_step(rack, deployed, batch).time)

    host = deployed.runtime.request_host
    fits, lengths = sequences_that_fit(rack, deployed), (computed_prompt(rack), answer_steps(rack))
    inside = smallest(requests=requests, fits=fits)
    more: dict[str, Any] = {
        "overlap": overlap(rack, deployed, inside),
        "ring": ring(rack, deployed),
        "fetch": fetching(rack),
        "sent": rack.workload.input,
    }
    prefill = prefill_of(rack, deployed, first)
    return closed_loop(engine, host, requests, fits, prefill, tpot_at, *lengths, **more)
