"""What all splits of decoders share: requests hold a place while they generate, and prefills delay decode steps."""

from collections.abc import Callable
from functools import partial
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
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_power_utilization
from rackcalc.serving.pool_memory import context_lengths, kv_format
from rackcalc.serving.service_model import ONE, ServiceModel, batch_of
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


def output_tokens(rack: Rack) -> Quantity:
    """Tokens generated per request."""
    assert rack.workload.output is not None
    return rack.workload.output


def prefill_pass(rack: Rack, deployed: GpuDeployment, tokens: Quantity | None = None) -> gpu.GpuPass:
    """The prefill of one prompt, of workload.input or of so many tokens."""
    return _on_gpus(gpu.prefill, rack, deployed)(ONE, rack.workload.input if tokens is None else tokens)


def prefill_together(rack: Rack, deployed: GpuDeployment, prompts: Quantity) -> gpu.GpuPass:
    """The prefill of several prompts in one pass, each computed by one data-parallel group."""
    return _on_gpus(gpu.prefill, rack, deployed)(prompts, rack.workload.input, apart=True)


def decode_step(rack: Rack, deployed: GpuDeployment, batch: Quantity) -> gpu.GpuPass:
    """A decode step of `batch` sequences."""
    mean, _ = context_lengths(rack)
    return _on_gpus(gpu.decode, rack, deployed)(batch, mean, sampled=rack.workload.sampling == "nucleus")


def _on_gpus(compute: Callable[..., gpu.GpuPass], rack: Rack, deployed: GpuDeployment) -> Callable[..., gpu.GpuPass]:
    """A pass of the rack's model on the GPUs of a deployment, which still wants its batch and length."""
    chips = deployed.gpu, deployed.family, deployed.runtime
    group: dict[str, Any] = {"devices": deployed.devices, "link": deployed.link}
    group |= {"expert_parallel": rack.model.experts is not None, "data_parallel": rack.serving.data_parallel}
    group["placement"] = deployed.placement
    return partial(compute, *chips, rack.model, rack.workload.precision, kv_format(rack), **group)


def generation_service(
    rack: Rack, servers: Quantity, ttft: Quantity, tpot: Quantity, occupancy: Quantity, **parts: Any
) -> ServiceModel:
    """The service of requests that generate. servers: sequences that can be in flight.

    ttft, tpot: as the client sees them. occupancy: how long a request holds its place when all places are taken.
    """
    passage = generation_time(ttft=ttft, tpot=tpot, output=output_tokens(rack))
    return ServiceModel(passage=passage, occupancy=occupancy, servers=servers, batch=ONE, ttft=ttft, tpot=tpot, **parts)


@record
class GenerationTimes:
    """Times of a request among others [s]; tpot in s/token.

    entry: from the arrival at the engine to the first token. ttft: entry and the time before the engine. under_way:
    requests in one copy of the model.
    """

    ttft: Quantity
    tpot: Quantity
    entry: Quantity
    under_way: Quantity


def prefill_work(first: gpu.GpuPass) -> Quantity:
    """The time that a prefill adds to a decode step [s]: both share the fixed times of the layers."""
    return largest(work=parts_of(first)[0], host=first.host_time)


def times_among_prefills(
    rack: Rack, deployed: GpuDeployment, first: gpu.GpuPass, tpot_at: Callable[[Quantity], Quantity], number: Quantity
) -> GenerationTimes:
    """Times with `number` requests under way, whose prefills come between the decode steps.

    tpot_at: from the number of sequences in a step to its time per token [s/token], without prefills.
    """
    engine, host = deployed.runtime.engine, deployed.runtime.request_host
    if engine is not None:
        loop = closed_loop(engine, host, number, number, first, tpot_at, rack.workload.input, output_tokens(rack))
        return GenerationTimes(loop.first, loop.tpot, left_over(whole=loop.first, part=loop.host), number)
    load = {"prefill": prefill_work(first), "batch": number, "output": output_tokens(rack)}
    tpot = tpot_at(number)
    entry = total(prefill=first.time, wait=prompt_wait(tpot=tpot, burst=BURST, **load))
    return GenerationTimes(
        ttft=total(entry=entry, request_host=host),
        tpot=total(step=tpot, prefill_interference=prefill_interference(**load)),
        entry=entry,
        under_way=number,
    )


def holding_time(rack: Rack, times: GenerationTimes) -> Quantity:
    """How long a request holds its place [s]."""
    return generation_time(ttft=times.entry, tpot=times.tpot, output=output_tokens(rack))


def times_at_load(
    rack: Rack, deployed: GpuDeployment, times_at: Callable[[Quantity], GenerationTimes]
) -> tuple[GenerationTimes, GenerationTimes]:
    """Times in a full batch, and times at the arrival rate, with the number of requests under way that it causes."""
    most = batch_of(rack)
    full = times_at(most)
    if rack.workload.arrival_rate is None:
        return full, full
    rate = rate_per_copy(arrival_rate=rack.workload.arrival_rate, copies=deployed.replicas)
    alone, number, loaded = holding_time(rack, times_at(ONE)), most, holding_time(rack, full)
    for _ in range(ROUNDS):
        number = balanced(rate=rate, alone=alone, loaded=loaded, at=number, most=most)
        now = times_at(number)
        loaded = holding_time(rack, now)
    return full, now


def serving_power_utilization(
    rack: Rack, deployed: GpuDeployment, first: gpu.GpuPass, step: gpu.GpuPass, number: Quantity
) -> Quantity:
    """Power utilization of a GPU that serves `number` requests with decode steps and prefills."""
    load = {"batch": number, "output": output_tokens(rack)}
    times = {"step_time": step.time, "prefill_time": first.time, "prefill_work": prefill_work(first)}
    return gpu_power_utilization(
        deployed,
        serving_utilization(step=step.memory_utilization, prefill=NOTHING, **times, **load),
        serving_utilization(step=step.utilization, prefill=first.utilization, **times, **load),
    )
