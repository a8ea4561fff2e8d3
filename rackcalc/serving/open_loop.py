"""Decoders under a serving engine to which requests come at random: an open loop."""

from typing import Any

from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.serving_engine import at_age
from rackcalc.formulas.queues.latency_under_load import LEVELS
from rackcalc.formulas.serving import engine_load
from rackcalc.formulas.serving.concurrency import host_time, parts_of
from rackcalc.formulas.serving.engine_load import STEPS, node
from rackcalc.formulas.serving.front_end import SHARPNESS, paced, per_token_sent
from rackcalc.formulas.serving.replicas import rate_per_copy, slots
from rackcalc.formulas.serving.request_rates import of_all_copies, seat_time, sustained_rate
from rackcalc.formulas.serving.request_time import left_over, step_per_token
from rackcalc.formulas.serving.sequence_lengths import twice_as_long
from rackcalc.formulas.serving.time_to_first_token import looked_at
from rackcalc.formulas.transformer.counts import count
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.serving.closed_loop import engine_memory, sequences_that_fit
from rackcalc.serving.generation import (
    decode_step,
    generation_service,
    output_tokens,
    prefill_pass,
    serving_power_utilization,
)
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_stage
from rackcalc.serving.service_model import ONE, EngineLoad, ServiceModel
from rackcalc.spec.rack import Rack

MIXED = {
    mixed: constant(float(mixed), "1", "prompts share steps", "published", note="1 where they do, 0 where not")
    for mixed in (True, False)
}
POISSON = constant(1.0, "1", "burstiness", "given", note="default: requests arrive independently of each other")
ALIKE = constant(0.0, "1", "spread of lengths", "given", note="default: all requests have the same length")


def open_loop_service(rack: Rack, deployed: GpuDeployment, first: GpuPass) -> ServiceModel:
    """A decoder whose requests arrive at workload.arrival_rate; without one, at the planned utilization."""
    engine, work = deployed.runtime.engine, rack.workload
    assert engine is not None
    seats = sequences_that_fit(rack, deployed)
    about = engine_times(rack, deployed, first, seats)
    most = engine_load.engine_capacity(**about)
    copies = deployed.replicas
    rate = rack.workload.arrival_rate
    if rate is None:
        assert rack.economics.utilization is not None
        rate = of_all_copies(rate=sustained_rate(capacity=most, utilization=rack.economics.utilization), copies=copies)
    loaded = about | {"rate": rate_per_copy(arrival_rate=rate, copies=copies)}
    decoding = engine_load.sequences_decoding(**loaded)
    working = engine_load.working_share(**loaded)
    together = engine_load.at_work(decoding=decoding, working=working)
    step = decode_step(rack, deployed, together)
    before = before_the_engine(deployed, together, step_per_token(step=step.time))
    before_alone = before_the_engine(deployed, ONE, about["step_0"])
    ttft = total(engine=engine_load.first_token_mean(**loaded), before=before)
    tpot = engine_load.token_time_mean(**loaded)

    def levels(formula: Any, **more: Quantity) -> dict[str, Quantity]:
        """Percentiles of a time. more: terms that are added to each."""
        found = {name: formula(probability=level, **loaded) for name, level in LEVELS.items()}
        return {name: total(engine=time, **more) if more else time for name, time in found.items()}

    load = EngineLoad(
        wait=engine_load.seat_wait(**loaded),
        mean=total(engine=engine_load.request_time_mean(**loaded), before=before),
        levels=levels(engine_load.request_time_within, before=before),
        ttft=ttft,
        ttft_levels=levels(engine_load.first_token_within, before=before),
        tpot=tpot,
        tpot_levels=levels(engine_load.token_time_within),
        itl_levels=levels(engine_load.token_gap_within),
        rate=rate,
        at_slo=None if work.slo is None else rate_at_slo(work.slo, about, before, copies),
    )
    return generation_service(
        rack,
        slots(replicas=copies, batch=seats),
        total(prefill=first.time, before=before_alone),
        about["step_0"],
        seat_time(seats=seats, capacity=most),
        stages={"prefill": gpu_stage(first), "decode": gpu_stage(step)},
        memory={"gpu": engine_memory(rack, deployed, seats)},
        transfers={},
        busy={"gpu": working},
        activity={"gpu": serving_power_utilization(rack, deployed, first, step, together)},
        details={"requests_under_way": decoding, "room": seats},
        load=load,
    )


def before_the_engine(deployed: GpuDeployment, held: Quantity, step: Quantity) -> Quantity:
    """Time until the engine takes a request up [s], among so many held, while its steps take so long [s/token]."""
    engine = deployed.runtime.engine
    assert engine is not None
    host = host_time(engine, deployed.runtime.request_host, held)
    return engine_load.before_engine(
        request_host=at_age(time=host, improvement=engine.improvement, age=engine.age),
        looked=looked_at(wait=engine.wait_steps, interval=engine.poll_steps),
        step=step,
    )


def work_of(prefill: GpuPass) -> Quantity:
    """What a prompt adds to the steps that compute it [s], its launches included."""
    work, launches = parts_of(prefill)
    return total(work=work, launches=launches)


def rate_at_slo(limit: Quantity, about: dict[str, Quantity], before: Quantity, copies: Quantity) -> Quantity:
    """The largest arrival rate at all copies whose p99 meets the limit."""
    rate = engine_load.rate_within(limit=limit, probability=LEVELS["p99"], before=before, **about)
    return of_all_copies(rate=rate, copies=copies)


def engine_times(rack: Rack, deployed: GpuDeployment, first: GpuPass, seats: Quantity) -> dict[str, Quantity]:
    """What the law of the engine takes, but for the rate: times of steps and prompts, and limits."""
    engine, work = deployed.runtime.engine, rack.workload
    assert engine is not None
    front_end = per_token_sent(time=engine.token_time, interval=engine.stream_interval)

    def step_at(place: int) -> Quantity:
        number = node(seats=seats, place=count(float(place), "place"))
        step = step_per_token(step=decode_step(rack, deployed, number).time)
        return paced(tpot=step, decoding=number, front_end=front_end, sharpness=SHARPNESS)

    added, longer = work_of(first), work_of(prefill_pass(rack, deployed, twice_as_long(length=work.input)))
    return {
        "seats": seats,
        "base": left_over(whole=first.time, part=added),
        "work": added,
        "twice": longer,
        "budget": engine.chunk,
        "chunked": MIXED[engine.mixed],
        "prompt": work.input,
        "output": output_tokens(rack),
        "prompt_cv": ALIKE if work.input_cv is None else work.input_cv,
        "output_cv": ALIKE if work.output_cv is None else work.output_cv,
        "burstiness": POISSON if work.burstiness is None else work.burstiness,
        **{f"step_{place}": step_at(place) for place in range(STEPS)},
    }
