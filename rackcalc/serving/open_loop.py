"""Decoders under a serving engine to which requests come at random: an open loop."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rackcalc.formulas.combine import slowed, smallest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.queues.latency_under_load import LEVELS
from rackcalc.formulas.queues.router_arrivals import evenness_by_load, gap_scv, gap_scv_at_random, gap_scv_in_turn
from rackcalc.formulas.serving import engine_load
from rackcalc.formulas.serving.concurrency import host_time
from rackcalc.formulas.serving.day_profile import busiest_hour, busiest_rate, mean_rate, over_busiest
from rackcalc.formulas.serving.kv_offload import path_wait, rate_of_path
from rackcalc.formulas.serving.percentiles_and_limits import PER_TOKEN
from rackcalc.formulas.serving.pipeline_stages import (
    overlap_in_full_ring,
    shortened_time,
    slower_steps,
)
from rackcalc.formulas.serving.replicas import rate_per_copy, slots
from rackcalc.formulas.serving.request_rates import goodput, of_all_copies, seat_time, sustained_rate
from rackcalc.formulas.serving.request_time import left_over, step_per_token, step_where_one_token
from rackcalc.formulas.serving.sequence_lengths import twice_as_long
from rackcalc.formulas.serving.time_to_first_token import looked_at
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.quantities.record import replace
from rackcalc.serving.closed_loop import engine_memory, sequences_that_fit
from rackcalc.serving.drafting import answer_steps, engine_details, limit_of_step, per_token
from rackcalc.serving.generation import (
    decode_step,
    each_prompt,
    generation_service,
    prefill_of,
    prefill_pass,
    serving_power_utilization,
)
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_stage
from rackcalc.serving.kv_offload import fetch_stage, fetching
from rackcalc.serving.lengths import computed_prompt
from rackcalc.serving.pipeline import chunks_of, engine_in_rounds, overlap
from rackcalc.serving.preemption import preempted
from rackcalc.serving.service_model import ONE, BusiestHour, EngineLoad, ServiceModel
from rackcalc.serving.timed_engine import timed_engine
from rackcalc.spec.rack import Rack

# A limited time -> its formula of the share of requests that meet a limit.
LIMITED: dict[str, Any] = {
    "": engine_load.share_by_request_time,
    "ttft": engine_load.share_by_first_token,
    "tpot": engine_load.share_by_token_time,
    "itl": None,
}
HOST_ROUNDS = 2  # more, in which the time before the engine takes a request up settles to a few parts in a thousand
SETTLING = 3  # rounds in which the rate of a pipeline, and how much its ring is slower at that rate, settle
POISSON = constant(1.0, "1", "burstiness", "given", note="default: requests arrive independently of each other")
EVENNESS = constant(1.0, "1", "evenness", "given", note="the router does not look at the load of the copies")


def open_loop_service(rack: Rack, deployed: GpuDeployment, first: GpuPass) -> ServiceModel:
    """A decoder whose requests arrive at workload.arrival_rate; without one, at the planned utilization."""
    engine, work = deployed.runtime.engine, rack.workload
    assert engine is not None
    seats = sequences_that_fit(rack, deployed)
    about = engine_times(rack, deployed, first, seats)
    most, fetch = capacity_of_one(rack, deployed, about), fetching(rack)
    limits = {} if fetch is None else {"path": rate_of_path(fetch=fetch)}
    if limits:
        most = smallest(engine=most, **limits)
    copies = deployed.replicas
    rate = rate_of_copies(rack, most, copies)
    hours = {f"hour_{hour}": share for hour, share in enumerate(work.hours)}
    peak = busiest_rate(rate=rate, **hours) if hours else rate
    day = {name: over_busiest(hour=share, **hours) for name, share in hours.items()}
    rate_of_one = rate_per_copy(arrival_rate=peak, copies=copies)
    idle = about
    about = in_the_ring(rack, deployed, about, rate_of_one)
    loaded = about | day | {"rate": rate_of_one}
    decoding = engine_load.sequences_decoding(**loaded)
    working = engine_load.working_share(**loaded)
    together = engine_load.at_work(decoding=decoding, working=working)
    step = decode_step(rack, deployed, together)
    before = taken_up(rack, deployed, idle, about, together, step, rate_of_one)
    before_alone = before_the_engine(rack, deployed, ONE, about["step_0"])
    if fetch is not None:
        before_alone = total(before=before_alone, fetch=fetch)

    def before_at(rate: Quantity, now: dict[str, Quantity]) -> Quantity:
        """What passes at another rate until the engine takes a request up."""
        there = now | {"rate": rate}
        number = engine_load.sequences_decoding(**there)
        number = engine_load.at_work(decoding=number, working=engine_load.working_share(**there))
        return taken_up(rack, deployed, idle, now, number, decode_step(rack, deployed, number), rate)

    ttft = total(engine=engine_load.first_token_mean(**loaded), before=before)
    of_step = step_per_token(step=step.time)
    assert work.output is not None
    output = work.output

    def spaced(time: Quantity) -> Quantity:
        """A time between tokens. Answers of one token have none; in a sweep, some of the answers may."""
        if isinstance(output.value, float) and output.value > 1:
            return time
        return step_where_one_token(per_token=time, step=of_step, output=output)

    tpot = per_token(rack, spaced(engine_load.token_time_mean(**loaded)))

    def later(times: dict[str, Quantity]) -> dict[str, Quantity]:
        """With what passes before the engine takes a request up."""
        return {name: total(engine=time, before=before) for name, time in times.items()}

    token_times = percentiles(engine_load.token_time_within, loaded)
    load = EngineLoad(
        wait=engine_load.seat_wait(**loaded),
        mean=total(engine=engine_load.request_time_mean(**loaded), before=before),
        levels=later(percentiles(engine_load.request_time_within, loaded)),
        ttft=ttft,
        ttft_levels=later(percentiles(engine_load.first_token_within, loaded)),
        tpot=tpot,
        tpot_levels={name: per_token(rack, spaced(time)) for name, time in token_times.items()},
        itl_levels={name: spaced(time) for name, time in percentiles(engine_load.token_gap_within, loaded).items()},
        rate=rate,
        at_slo=None
        if work.slo is None
        else rate_at_slo(rack, deployed, idle | day, most, before_alone, limits, before_at),
        goodput=goodput_of(rate, shares_in_time(rack, LIMITED, loaded, before)),
    )
    if hours:
        steady = about | {"rate": rate_of_one}
        load = replace(load, peak=in_busiest_hour(rack, deployed, first, steady, busiest_hour(**hours), peak))
        if load.at_slo is not None:
            load = replace(load, at_slo=mean_rate(busiest=load.at_slo, **hours))
    return generation_service(
        rack,
        slots(replicas=copies, batch=seats),
        total(prefill=first.time, before=before_alone),
        per_token(rack, about["step_0"]),
        seat_time(seats=seats, capacity=most),
        stages=fetch_stage(rack) | {"prefill": gpu_stage(first), "decode": gpu_stage(step)},
        memory={"gpu": engine_memory(rack, deployed, seats)},
        transfers={},
        busy={"gpu": working},
        activity={"gpu": serving_power_utilization(rack, deployed, first, step, together)},
        each_prompt=each_prompt(rack, deployed, first),
        details={"requests_under_way": decoding, "room": seats}
        | preempted(rack, deployed, loaded)
        | engine_details(rack),
        load=load,
    )


def rate_of_copies(rack: Rack, most: Quantity, copies: Quantity) -> Quantity:
    """Requests per second at all copies: those that arrive, or the planned share of what they can do, `most` each."""
    if rack.workload.arrival_rate is not None:
        return rack.workload.arrival_rate
    assert rack.economics.utilization is not None
    return of_all_copies(rate=sustained_rate(capacity=most, utilization=rack.economics.utilization), copies=copies)


def percentiles(formula: Any, loaded: dict[str, Quantity]) -> dict[str, Quantity]:
    """What the shares of LEVELS of the requests stay within, by a formula that takes such a share as probability."""
    return {name: formula(probability=level, **loaded) for name, level in LEVELS.items()}


def in_busiest_hour(
    rack: Rack, deployed: GpuDeployment, first: GpuPass, loaded: dict[str, Quantity], hour: Quantity, rate: Quantity
) -> BusiestHour:
    """What holds in the busiest hour of a day. rate: at all copies; loaded: of one of them."""
    working = engine_load.working_share(**loaded)
    together = engine_load.at_work(decoding=engine_load.sequences_decoding(**loaded), working=working)
    step = decode_step(rack, deployed, together)
    before = before_the_engine(rack, deployed, together, step_per_token(step=step.time))
    late = {"probability": LEVELS["p99"]}
    return BusiestHour(
        hour=hour,
        rate=rate,
        times={
            "ttft_p99": total(engine=engine_load.first_token_within(**late, **loaded), before=before),
            "tpot_p99": per_token(rack, engine_load.token_time_within(**late, **loaded)),
        },
        busy=working,
        activity=serving_power_utilization(rack, deployed, first, step, together),
    )


def in_stages(about: dict[str, Quantity], share: Quantity) -> dict[str, Quantity]:
    """What the law takes, with prompts that delay the others by a share of their time in the stages of a pipeline."""
    return about | {name: shortened_time(time=about[name], share=share) for name in ("work", "twice")}


def in_the_ring(rack: Rack, deployed: GpuDeployment, about: dict[str, Quantity], rate: Quantity) -> dict[str, Quantity]:
    """What the law takes at a rate of requests: prompts follow each other through the stages, and slow the others."""
    if deployed.stages is None:
        return about
    ring = {"chunks": chunks_of(rack, deployed), "stages": deployed.stages}
    factor = slower_steps(rate=rate, step=about["step_0"], work=about["work"], **ring)
    slower = {name: slowed(time=about[name], factor=factor) for name in about if name.startswith("step_")}
    return in_stages(about, overlap_in_full_ring(**ring)) | slower


def capacity_of_one(rack: Rack, deployed: GpuDeployment, about: dict[str, Quantity]) -> Quantity:
    """Requests per second through one engine when all of its seats are taken."""
    share = overlap(rack, deployed, about["seats"])
    rate = engine_load.engine_capacity(**(about if share is None else in_stages(about, share)))
    for _ in range(SETTLING if deployed.stages is not None else 0):  # at that rate the ring itself is slower
        rate = engine_load.engine_capacity(**in_the_ring(rack, deployed, about, rate))
    return rate


def before_the_engine(rack: Rack, deployed: GpuDeployment, held: Quantity, step: Quantity) -> Quantity:
    """Time until the engine takes a request up [s], among so many held, while its steps take so long [s/token]."""
    engine = deployed.runtime.engine
    assert engine is not None
    return engine_load.before_engine(
        request_host=host_time(engine, deployed.runtime.request_host, held, rack.workload.input),
        looked=looked_at(wait=engine.wait_steps, interval=engine.poll_steps),
        step=step,
    )


def taken_up(
    rack: Rack, deployed: GpuDeployment, idle: dict[str, Quantity], about: dict[str, Quantity],
    together: Quantity, step: GpuPass, rate: Quantity,
) -> Quantity:  # fmt: skip
    """Time until an engine takes a request up [s], at a rate at which it has so many `together` in such a step.

    idle, about: the engine with nothing in its pipeline, and at this load.
    """
    fetch = fetching(rack)
    before = before_the_engine(rack, deployed, together, step_per_token(step=step.time))
    if deployed.stages is not None:  # the request's own prompt takes all of its time
        before = total(before=before, prompt=left_over(whole=idle["work"], part=about["work"]))
    if fetch is not None:
        before = total(before=before, fetch=fetch, wait=path_wait(rate=rate, fetch=fetch))
    return before


def rate_at_slo(
    rack: Rack,
    deployed: GpuDeployment,
    about: dict[str, Quantity],
    most: Quantity,
    before: Quantity,
    others: dict[str, Quantity],
    before_at: Callable[[Quantity, dict[str, Quantity]], Quantity] | None = None,
) -> Quantity:
    """The largest arrival rate at all copies at which all limits are met.

    most: capacity of one copy. before: what passes until an engine takes up a request by itself; before_at: that at a
    rate of one copy, with the engine as it is at that rate. others: rates that something beside the engine does not let
    it exceed.
    """
    limits, rate = limits_on(rack, LIMITED), most
    rounds = SETTLING if deployed.stages is not None else 1
    again = before_at is not None and not all(name.split("_")[1] in PER_TOKEN for name in limits)
    for done in range(rounds + (HOST_ROUNDS if again else 0)):
        now = in_the_ring(rack, deployed, about, rate)
        if done and again and before_at is not None:
            before = before_at(rate, now)
        rate = smallest(engine=most, **others) if others else most
        rate = engine_load.rate_within(most=rate, before=before, **limits, **now)
    return of_all_copies(rate=rate, copies=deployed.replicas)


def limits_in_steps(rack: Rack, time: str) -> dict[str, Quantity]:
    """The limits that a rack states on a time, by level; on times per token as those of a step, which the law tells."""
    assert rack.workload.slo is not None
    stated = rack.workload.slo.stated(time)
    return {level: limit_of_step(rack, limit) for level, limit in stated.items()} if time == "tpot" else stated


def limits_on(rack: Rack, times: Iterable[str]) -> dict[str, Quantity]:
    """The limits that a rack states on these times, by the names that rate_within() of formulas has for them."""
    return {
        f"limit_{time or 'time'}_{level}": limit
        for time in times
        for level, limit in limits_in_steps(rack, time).items()
    }


def shares_in_time(
    rack: Rack, laws: Mapping[str, Any], loaded: dict[str, Quantity], before: Quantity
) -> dict[str, Quantity]:
    """Shares of requests that meet the limits, each taken at its highest percentile, by the times that they are on.

    laws: as LIMITED. before: time before the engine takes a request up.
    """
    shares: dict[str, Quantity] = {}
    if rack.workload.slo is None:
        return shares
    for time, share_by in laws.items():
        limits = limits_in_steps(rack, time)
        if limits and share_by is not None:
            more = {} if time == "tpot" else {"before": before}
            shares[time or "request"] = share_by(limit=list(limits.values())[-1], **more, **loaded)
    return shares


def goodput_of(rate: Quantity, shares: dict[str, Quantity]) -> Quantity | None:
    """Requests per second that meet the limits; None without limits, or with limits on gaps of tokens alone."""
    return goodput(rate=rate, **shares) if shares else None


def engine_times(rack: Rack, deployed: GpuDeployment, first: GpuPass, seats: Quantity) -> dict[str, Quantity]:
    """What the law of the engine takes, but for the rate."""
    return engine_itself(rack, deployed, first, seats) | arrivals(rack, deployed.replicas)


def engine_itself(rack: Rack, deployed: GpuDeployment, first: GpuPass, seats: Quantity) -> dict[str, Quantity]:
    """What the law of the engine takes, but for arrivals: times of steps and prompts, limits, and lengths."""
    double = twice_as_long(length=rack.workload.input)
    longer = prefill_of(rack, deployed, prefill_pass(rack, deployed, double), double)
    timed = timed_engine(
        engine_in_rounds(rack, deployed),
        seats,
        prefill_of(rack, deployed, first),
        longer,
        computed_prompt(rack),
        answer_steps(rack),
        lambda number: step_per_token(step=decode_step(rack, deployed, number).time),
    )
    return timed | {"prompt": computed_prompt(rack), "output": answer_steps(rack)} | spread_of_lengths(rack)


def arrivals(rack: Rack, copies: Quantity) -> dict[str, Quantity]:
    """How requests come to one of the copies of the model behind the router."""
    burstiness = POISSON if rack.workload.burstiness is None else rack.workload.burstiness
    gaps = gap_scv(burstiness=burstiness)
    if isinstance(copies.value, float) and copies.value <= 1:  # no router: what a file says of one has no effect
        return {"gap_scv": gaps, "evenness": EVENNESS}
    router = rack.serving.router
    if router == "round-robin":
        return {"gap_scv": gap_scv_in_turn(gap_scv=gaps, replicas=copies), "evenness": EVENNESS}
    split = gap_scv_at_random(gap_scv=gaps, replicas=copies)
    return {"gap_scv": split, "evenness": evenness_by_load(replicas=copies) if router == "least-loaded" else EVENNESS}


def spread_of_lengths(rack: Rack) -> dict[str, Quantity]:
    """Variation of the lengths of prompts and outputs, where the rack states one."""
    found: dict[str, Quantity | None] = {}
    for ours, name in (("prompt", "input"), ("output", "output")):
        found |= {f"{ours}_{how}": getattr(rack.workload, f"{name}_{how}") for how in ("cv", "even")}
        strata = getattr(rack.workload, f"{name}_strata") or ()
        found |= {f"{ours}_{place}": value for place, value in enumerate(strata)}
    return {name: value for name, value in found.items() if value is not None}
