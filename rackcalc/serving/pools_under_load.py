"""Separate pools of GPUs under a serving engine to which requests come at random: an open loop.

A request waits for an engine that prefills, is prefilled, sent, and decodes in an engine whose steps hold no prompts.
"""

from typing import Any

from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.serving import engine_load, pool_load, pool_point
from rackcalc.formulas.serving.disaggregated_prefill import held_beyond_work, load_of_pool
from rackcalc.formulas.serving.engine_point import STEPS, UNITS, node
from rackcalc.formulas.serving.kv_transfer import sending_time
from rackcalc.formulas.serving.prompt_passes import work_of_prompt
from rackcalc.formulas.serving.replicas import budget_of_groups, rate_per_copy, slots
from rackcalc.formulas.serving.request_rates import of_all_copies, seat_time, sustained_rate
from rackcalc.formulas.serving.request_time import left_over
from rackcalc.formulas.serving.sequence_lengths import twice_as_long
from rackcalc.formulas.transformer.counts import count
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.serving.closed_loop import sequences_that_fit
from rackcalc.serving.generation import GenerationTimes, decode_step, output_tokens, prefill_of, prefill_pass
from rackcalc.serving.gpu_deployment import GpuDeployment
from rackcalc.serving.gpu_pools import LINK, PrefillDecodePools, decode_tpot, service_of_pools
from rackcalc.serving.lengths import computed_prompt
from rackcalc.serving.open_loop import (
    LIMITED,
    arrivals,
    goodput_of,
    limits_on,
    percentiles,
    shares_in_time,
    spread_of_lengths,
)
from rackcalc.serving.service_model import ONE, EngineLoad, ServiceModel
from rackcalc.spec.rack import Rack

# A request that comes with its KV cache needs no more of a step than a token does.
ELSEWHERE = "prompts are computed by other engines"
NO_PROMPT = {
    name: constant(value, UNITS[name], name, "given", note=ELSEWHERE) for name, value in pool_point.NO_PROMPT.items()
}
# A limited time -> its formula of the share of requests that meet a limit: times in both pools, or in the second.
BY_BOTH: dict[str, Any] = {"": pool_load.share_by_request_time, "ttft": pool_load.share_by_first_token}
BY_DECODING = {time: LIMITED[time] for time in ("tpot", "itl")}


def open_pools_service(rack: Rack, both: PrefillDecodePools) -> ServiceModel:
    """The service at workload.arrival_rate; without one, at the planned utilization."""
    then, decode, work = both.decoding, both.decode, rack.workload
    seats, copies = sequences_that_fit(then, decode), both.decode.replicas
    about = decoding_engine(then, decode, seats)
    pools = about | prompts_of_pool(rack, both)
    decoded = of_all_copies(rate=engine_load.engine_capacity(**about), copies=copies)
    prompted = pool_load.prefill_capacity(**pools)
    most = smallest(prefill=prompted, decode=decoded)
    rate = work.arrival_rate
    if rate is None:
        assert rack.economics.utilization is not None
        rate = sustained_rate(capacity=most, utilization=rack.economics.utilization)
    loaded, under = about | {"rate": rate_per_copy(arrival_rate=rate, copies=copies)}, pools | {"rate": rate}
    working = engine_load.working_share(**loaded)
    together = engine_load.at_work(decoding=engine_load.sequences_decoding(**loaded), working=working)

    def from_arrival(formula: Any) -> dict[str, Quantity]:
        """Percentiles of a time that begins with the host."""
        return {name: total(engines=time, host=both.host) for name, time in percentiles(formula, under).items()}

    load = EngineLoad(
        rate=rate,
        wait=pool_load.mean_wait(**under),
        mean=total(host=both.host, engines=pool_load.request_time_mean(**under)),
        levels=from_arrival(pool_load.request_time_within),
        ttft=total(host=both.host, engines=pool_load.first_token_mean(**under)),
        ttft_levels=from_arrival(pool_load.first_token_within),
        tpot=engine_load.token_time_mean(**loaded),
        tpot_levels=percentiles(engine_load.token_time_within, loaded),
        itl_levels=percentiles(engine_load.token_gap_within, loaded),
        at_slo=None if work.slo is None else rate_at_slo(rack, both, about, pools, most),
        goodput=goodput_of(
            rate,
            shares_in_time(rack, BY_BOTH, under, both.host) | shares_in_time(rack, BY_DECODING, loaded, both.host),
        ),
    )
    passed, _ = both.prefill.engines.at(rate)
    alone = total(host=both.host, prefill=both.prefill.engines.alone.time, step=decode_step(then, decode, ONE).time)
    now = GenerationTimes(alone, about["step_0"], alone, together)
    places = slots(replicas=copies, batch=seats)
    return service_of_pools(
        both,
        places,
        now,
        seat_time(seats=places, capacity=most),
        seats,
        passed,
        decoded,
        load,
        working,
        prompted=prompted,
        prompt_load=load_of_pool(rate=rate, capacity=prompted),
    )


def decoding_engine(rack: Rack, deployed: GpuDeployment, seats: Quantity) -> dict[str, Quantity]:
    """What the law of an engine takes, but for the rate, of one whose requests come with their KV cache."""
    tpot_at = decode_tpot(rack, deployed)
    steps = {f"step_{place}": tpot_at(node(seats=seats, place=count(float(place), "place"))) for place in range(STEPS)}
    lengths = {name: value for name, value in spread_of_lengths(rack).items() if name.startswith("output")}
    return {
        "seats": seats,
        "base": decode_step(rack, deployed, ONE).time,
        **NO_PROMPT,
        "output": output_tokens(rack),
        **steps,
        **arrivals(rack, deployed.replicas),
        **lengths,
    }


def prompts_of_pool(rack: Rack, both: PrefillDecodePools) -> dict[str, Quantity]:
    """What the law of both pools takes of the engines that prefill, and of sending KV caches."""
    pool, prefills, link = both.prefill, both.prefill.engines, rack.links[LINK].part
    first, engine, groups = pool.rack, pool.deployed.runtime.engine, pool.rack.serving.data_parallel
    assert engine is not None
    double = twice_as_long(length=rack.workload.input)
    one = prefill_of(first, pool.deployed, prefills.alone)
    longer = prefill_of(first, pool.deployed, prefill_pass(first, pool.deployed, double), double)
    work = work_of_prompt(alone=prefills.alone.time, full=prefills.full.time, most=prefills.most, work=one.work)
    base = left_over(whole=prefills.alone.time, part=work)
    prompt = computed_prompt(first)
    budget = engine.chunk if groups is None else budget_of_groups(chunk=engine.chunk, groups=groups)
    lengths = {name: value for name, value in spread_of_lengths(rack).items() if name.startswith("prompt")}
    return {
        "base": base,
        "work": work,
        "twice": longer.work,
        "prompt": prompt,
        "budget": budget,
        "held": held_beyond_work(turn=prefills.turn, base=base, work=work, prompt=prompt, budget=budget),
        "latency": link.latency,
        "sending": sending_time(kv_cache=both.shard, bandwidth=both.moved.bandwidth),
        "pieces": ONE if rack.serving.kv_transfer == "bulk" else rack.model.layers,
        "prefill_engines": prefills.engines,
        "decode_engines": both.decode.replicas,
        "prefill_balanced": prefills.engines if rack.serving.router == "least-loaded" else ONE,
        "prefill_gap_scv": arrivals(rack, prefills.engines)["gap_scv"],
        **lengths,
    }


def rate_at_slo(
    rack: Rack, both: PrefillDecodePools, about: dict[str, Quantity], pools: dict[str, Quantity], most: Quantity
) -> Quantity:
    """The largest arrival rate at which all limits are met."""
    copies, rate = both.decode.replicas, most
    if limits := limits_on(rack, BY_BOTH):
        rate = pool_load.rate_within(most=rate, before=both.host, **limits, **pools)
    if limits := limits_on(rack, BY_DECODING):
        each = rate_per_copy(arrival_rate=rate, copies=copies)
        each = engine_load.rate_within(most=each, before=both.host, **limits, **about)
        rate = of_all_copies(rate=each, copies=copies)
    return rate
