"""Decoders on two pools of GPUs: one prefills, the other decodes, and KV caches are sent from one to the other."""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.serving.disaggregated_prefill import (
    generation_rate,
    separate_first_token,
)
from rackcalc.formulas.serving.replicas import shared_time, slots
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.serving.closed_loop import sequences_that_fit
from rackcalc.serving.generation import (
    GenerationTimes,
    decode_step,
    holding_time,
    output_tokens,
    times_at_load,
)
from rackcalc.serving.gpu_and_lpu import prefill_on_gpus_decode_on_lpus
from rackcalc.serving.gpu_pools import PrefillDecodePools, decode_tpot, prefill_decode_pools, service_of_pools
from rackcalc.serving.pools_loop import Decoders, pools_loop
from rackcalc.serving.pools_under_load import open_pools_service
from rackcalc.serving.service_model import ServiceModel, batch_of
from rackcalc.spec.rack import Rack

NO_RATE = constant(0.0, "request/s", "no other requests", "given", note="no arrival_rate")


def prefill_decode(rack: Rack) -> ServiceModel:
    """Prompts and generation apart: on two pools of GPUs, or on GPUs and LPUs."""
    return prefill_on_gpus_decode_on_lpus(rack) if rack.serving.prefill_gpus is None else prefill_decode_on_gpus(rack)


def prefill_decode_on_gpus(rack: Rack) -> ServiceModel:
    """Prompts on serving.prefill_gpus, their KV cache over links.prefill-decode, generation on the other GPUs."""
    both = prefill_decode_pools(rack)
    if rack.workload.concurrency is not None:
        return closed_loop_service(rack, both)
    if rack.workload.batch is None:
        return open_pools_service(rack, both)
    return open_loop_service(rack, both)


def open_loop_service(rack: Rack, both: PrefillDecodePools) -> ServiceModel:
    """The service at the arrival rate; without a rate, in a full batch whose prompts do not queue."""
    work, tpot_at, then = rack.workload, decode_tpot(both.decoding, both.decode), both.decoding
    rate = NO_RATE if work.arrival_rate is None else work.arrival_rate
    passed, beyond = both.prefill.engines.at(rate)
    exposed = both.exposed(passed)

    def times_at(number: Quantity) -> GenerationTimes:
        step = decode_step(then, both.decode, number).time
        ttft = separate_first_token(
            request_host=total(host=both.host, passes=beyond),
            prefill=both.prefill.engines.turn,
            rate=rate,
            engines=both.prefill.deployed.replicas,
            transfer=exposed,
            step=step,
        )
        return GenerationTimes(ttft, tpot_at(number), total(transfer=exposed, step=step), number)

    full, now = times_at_load(then, both.decode, times_at)
    places = slots(replicas=both.decode.replicas, batch=batch_of(rack))
    prompts = shared_time(time=both.prefill.engines.turn, users=places, servers=both.prefill.deployed.replicas)
    # a place is not taken again before the other GPUs have prefilled the next prompt
    held_for = largest(decoding=holding_time(rack, full), prefill=prompts)
    decoded = generation_rate(
        engines=both.decode.replicas, number=batch_of(rack), tpot=full.tpot, output=output_tokens(rack)
    )
    return service_of_pools(both, places, now, held_for, batch_of(rack), passed, decoded)


def closed_loop_service(rack: Rack, both: PrefillDecodePools) -> ServiceModel:
    """The service with workload.concurrency requests in flight, at the rate that prefills and decode steps allow."""
    requests, then, deployed = rack.workload.concurrency, both.decoding, both.decode
    assert requests is not None

    def before(passed: GpuPass, number: Quantity) -> Quantity:
        return total(host=both.host, transfer=both.exposed(passed), step=decode_step(then, deployed, number).time)

    room = sequences_that_fit(then, deployed)
    decoders = Decoders(deployed.replicas, room, decode_tpot(then, deployed), output_tokens(rack))
    loop = pools_loop(requests, both.prefill.engines, decoders, before)
    now = GenerationTimes(loop.ttft, loop.tpot, loop.ttft, loop.number)
    return service_of_pools(both, requests, now, loop.cycle, loop.number, loop.passed, loop.decoded)
