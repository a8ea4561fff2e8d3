"""What every split of a decoder shares: requests that hold a place while they generate, and prompts among the steps."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu import forward_pass as gpu
from rackcalc.formulas.heat.chip_utilization import serving_utilization
from rackcalc.formulas.serving.concurrency import ROUNDS, balanced, closed_loop, parts_of
from rackcalc.formulas.serving.inter_token_latency import prefill_interference
from rackcalc.formulas.serving.replicas import rate_per_copy
from rackcalc.formulas.serving.request_time import generation_time, left_over
from rackcalc.formulas.serving.time_to_first_token import prompt_wait
from rackcalc.formulas.transformer.counts import count
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import record
from rackcalc.serving.pools import ONE, Service, Side, context_of, gpu_activity, kv_format
from rackcalc.spec.rack import Rack

BURST = Quantity(
    0.2,
    "1",
    "prompts that arrive at the same moment",
    source=Source("measured", "serving-runs", note="0.15 to 0.22 in serving engines under steady load"),
    low=0.1,
    high=1.2,
)
NOTHING = count(0.0, "nothing")


def output_of(rack: Rack) -> Quantity:
    """Tokens generated per request."""
    assert rack.workload.output is not None
    return rack.workload.output


def gpu_passes(rack: Rack, side: Side) -> tuple[gpu.GpuPass, gpu.GpuPass]:
    """One prompt's prefill, and a decode step of the whole batch."""
    work, kv = rack.workload, kv_format(rack)
    mean, _ = context_of(rack)
    group: dict[str, Any] = {"devices": side.devices, "link": side.link}
    group |= {"expert_parallel": rack.model.experts is not None, "data_parallel": rack.serving.data_parallel}
    common = side.gpu, side.family, side.runtime, rack.model, work.precision, kv
    first = gpu.prefill(*common, ONE, work.input, **group)
    return first, gpu.decode(*common, work.batch, mean, **group, sampled=work.sampling == "nucleus")


def generation(
    rack: Rack, servers: Quantity, ttft: Quantity, tpot: Quantity, occupancy: Quantity, **parts: Any
) -> Service:
    """A Service of requests that generate; servers are the sequences that can be in flight.

    ttft, tpot: as the client sees them. occupancy: how long a request holds its place when all are taken.
    """
    passage = generation_time(ttft=ttft, tpot=tpot, output=output_of(rack))
    return Service(passage=passage, occupancy=occupancy, servers=servers, batch=ONE, ttft=ttft, tpot=tpot, **parts)


@record
class Shared:
    """Prompts among the decode steps of other requests, on the same GPUs. Seconds; tpot: s/token.

    entry: from the engine to the first token. ttft: with what the request spends before the engine. under_way: requests
    in one copy of the model.
    """

    ttft: Quantity
    tpot: Quantity
    entry: Quantity
    under_way: Quantity


def step_at(rack: Rack, side: Side, batch: Quantity) -> gpu.GpuPass:
    """A decode step of so many sequences."""
    return gpu_passes(replace(rack, workload=replace(rack.workload, batch=batch)), side)[1]


def prefill_work(first: gpu.GpuPass) -> Quantity:
    """What the other sequences wait for: a prompt shares the fixed times of the layers with the step it is part of."""
    return largest(work=parts_of(first)[0], host=first.host_time)


def shared_steps(
    rack: Rack, side: Side, first: gpu.GpuPass, tpot_at: Callable[[Quantity], Quantity], number: Quantity
) -> Shared:
    """Times with the prefills of the other requests between the steps, `number` requests under way in all.

    tpot_at: s/token of a step that so many sequences share, without prefills.
    """
    engine, host = side.runtime.engine, side.runtime.request_host
    if engine is not None:
        loop = closed_loop(engine, host, number, number, first, tpot_at, output_of(rack))
        return Shared(loop.first, loop.tpot, left_over(whole=loop.first, part=host), number)
    load = {"prefill": prefill_work(first), "batch": number, "output": output_of(rack)}
    tpot = tpot_at(number)
    entry = total(prefill=first.time, wait=prompt_wait(tpot=tpot, burst=BURST, **load))
    return Shared(
        ttft=total(entry=entry, request_host=host),
        tpot=total(step=tpot, prefill_interference=prefill_interference(**load)),
        entry=entry,
        under_way=number,
    )


def time_of(rack: Rack, times: Shared) -> Quantity:
    """How long a request holds its place."""
    return generation_time(ttft=times.entry, tpot=times.tpot, output=output_of(rack))


def at_load(rack: Rack, side: Side, shared_at: Callable[[Quantity], Shared]) -> tuple[Shared, Shared]:
    """Times in a full batch, and at the arrival rate: with as many requests under way as it keeps there."""
    most = rack.workload.batch
    full = shared_at(most)
    if rack.workload.arrival_rate is None:
        return full, full
    rate = rate_per_copy(arrival_rate=rack.workload.arrival_rate, copies=side.replicas)
    alone, number, loaded = time_of(rack, shared_at(ONE)), most, time_of(rack, full)
    for _ in range(ROUNDS):
        number = balanced(rate=rate, alone=alone, loaded=loaded, at=number, most=most)
        now = shared_at(number)
        loaded = time_of(rack, now)
    return full, now


def serving_activity(rack: Rack, side: Side, first: gpu.GpuPass, step: gpu.GpuPass, number: Quantity) -> Quantity:
    """Power utilization of a GPU that serves `number` requests: decode steps, and the prefills in between."""
    load = {"batch": number, "output": output_of(rack)}
    times = {"step_time": step.time, "prefill_time": first.time, "prefill_work": prefill_work(first)}
    return gpu_activity(
        side,
        serving_utilization(step=step.memory_utilization, prefill=NOTHING, **times, **load),
        serving_utilization(step=step.utilization, prefill=first.utilization, **times, **load),
    )
