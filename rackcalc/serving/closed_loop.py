"""GPUs under a serving engine with a given number of requests kept in flight: a closed loop."""

from rackcalc.formulas.combine import smallest
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.serving.concurrency import Loop, closed_loop
from rackcalc.formulas.serving.kv_capacity import room
from rackcalc.formulas.serving.replicas import per_engine
from rackcalc.formulas.serving.request_time import step_per_token
from rackcalc.formulas.serving.sequence_lengths import reserved_context
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.quantities.quantity import Quantity
from rackcalc.serving.generation import generation, output_of, serving_activity, step_at
from rackcalc.serving.pools import ONE, Memory, Service, Side, gpu_memory, gpu_stage, kv_format
from rackcalc.spec.rack import Rack


def fits(rack: Rack, side: Side) -> Quantity:
    """Sequences of one engine whose KV cache fits; never more than its memory is shown to hold."""
    engine = side.runtime.engine
    assert engine is not None
    size = model_size(rack.model, rack.workload.precision, kv_format(rack))
    lengths = rack.workload.input, output_of(rack)
    admitted = room(side.gpu, engine, rack.model, size, *lengths, side.devices, rack.serving.data_parallel)
    held = memory_of(rack, side, ONE).max_batch
    assert held is not None
    return smallest(admitted=admitted, held=per_engine(requests=held, engines=ONE))


def memory_of(rack: Rack, side: Side, together: Quantity) -> Memory:
    """What one GPU holds when so many sequences run, each with the cache that the engine sets aside for it."""
    engine = side.runtime.engine
    assert engine is not None
    lengths = {"prompt": rack.workload.input, "output": output_of(rack)}
    return gpu_memory(rack, side, together, reserved_context(**lengths, share=engine.output_reserve))


def loop(rack: Rack, side: Side, first: GpuPass, requests: Quantity) -> Loop:
    """One engine with so many requests in flight. first: one prompt's prefill."""
    engine = side.runtime.engine
    assert engine is not None

    def tpot_at(batch: Quantity) -> Quantity:
        return step_per_token(step=step_at(rack, side, batch).time)

    host = side.runtime.request_host
    return closed_loop(engine, host, requests, fits(rack, side), first, tpot_at, output_of(rack))


def kept_in_flight(rack: Rack, side: Side, first: GpuPass) -> Service:
    """A decoder whose clients keep workload.concurrency requests in flight, spread evenly over the engines."""
    requests = rack.workload.concurrency
    assert requests is not None
    now = loop(rack, side, first, per_engine(requests=requests, engines=side.replicas))
    step = step_at(rack, side, now.decoding)
    return generation(
        rack,
        requests,
        now.ttft,
        now.tpot,
        now.time,
        stages={"prefill": gpu_stage(first), "decode": gpu_stage(step)},
        memory={"gpu": memory_of(rack, side, now.held)},
        transfers={},
        busy={"gpu": ONE},
        activity={"gpu": serving_activity(rack, side, first, step, now.decoding)},
        together={"gpu": now.held},
        details={"requests_under_way": now.held, "decoding_together": now.decoding, "room": now.room},
    )
