"""The calculation of a rack, in order. Start reading at compute(), which calls the other functions one after another.

These functions only call formulas, so every number of the result leads to its formula and sources.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rackcalc.config.parts import load_part
from rackcalc.config.racks import Loaded
from rackcalc.estimation.effects import conditions_of, note_on, without_effect
from rackcalc.estimation.equipment_costs import equipment_costs
from rackcalc.estimation.facility import CoolingPlant
from rackcalc.estimation.money import Powers, cost_and_return, latency_gain, second_stack_penalty
from rackcalc.estimation.nearest_run import nearest_run
from rackcalc.estimation.notes import notes
from rackcalc.estimation.plant import cooling_plant, with_shares
from rackcalc.estimation.power_and_heat import (
    NO_LOAD,
    in_busiest_hour,
    mean_utilization,
    pools_by_name,
    power_and_heat,
    power_report,
    slowed_down,
    throttled,
    with_known_power,
)
from rackcalc.estimation.result import Estimate, Latency, LinkReport, Throughput
from rackcalc.estimation.supply import by_equipment, carbon, power_supply
from rackcalc.estimation.tokens import tokens_of
from rackcalc.estimation.unseen import unseen
from rackcalc.estimation.venue import venue_report
from rackcalc.feasibility import requirements
from rackcalc.feasibility.conditions import Chain, Require, decidable, refuse
from rackcalc.formulas.combine import largest, smallest, total
from rackcalc.formulas.heat.power import Power
from rackcalc.formulas.heat.rack_cooling import Thermal
from rackcalc.formulas.links.link_reliability import link_reliability
from rackcalc.formulas.links.transfer import Transfer, bandwidth_per_link, transfer
from rackcalc.formulas.money.costs import mean_over_time
from rackcalc.formulas.queues.gpu_sharing import Shared, limit_beside, shared_load, slowed_time, slowed_tpot
from rackcalc.formulas.queues.latency_under_load import LEVELS, Load, load, sojourn_time
from rackcalc.formulas.queues.mdc_waits import rate_within_limit
from rackcalc.formulas.serving.request_rates import batch_rate, capacity, sequence_rate, share_of_capacity
from rackcalc.formulas.serving.token_rates import per_part, user_rate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.kept_results import results_kept
from rackcalc.quantities.problems import Problem
from rackcalc.quantities.quantity import Quantity, Source, calls_kept
from rackcalc.quantities.record import replace
from rackcalc.serving.lengths import with_lengths
from rackcalc.serving.pool_links import time_on_path
from rackcalc.serving.service_model import ONE, EngineLoad, ServiceModel
from rackcalc.serving.splits import serve, takes_what_comes
from rackcalc.spec.limits import Limits
from rackcalc.spec.links import Link
from rackcalc.spec.rack import Rack

REFERENCE = Quantity(
    298.15, "K", "reference temperature", absolute=True, source=Source("assumed", note="links are specified at 25 degC")
)
PLANNED = Quantity(
    0.6, "1", "economics.utilization", source=Source("assumed", note="default: share of the capacity that is used")
)
ONE_SEQUENCE = Quantity(
    1.0, "1", "workload.batch", exact=True, source=Source("assumed", note="default: sequences processed together")
)


def beside_other_work(rack: Rack, served: ServiceModel, shared: Shared) -> ServiceModel:
    """The service on GPUs that also do other work."""
    if rack.sharing is not None and rack.sharing.policy == "reserved":
        share = rack.sharing.share
        served = slowed_down(
            served,
            lambda time: slowed_time(time=time, share=share),
            lambda tpot: slowed_tpot(tpot=tpot, share=share),
        )
    return replace(served, passage=shared.passage_time, occupancy=shared.service_time)


def queue_at_load(rack: Rack, served: ServiceModel) -> tuple[Load | None, Shared | None]:
    """The queue at the arrival rate, and the GPUs' other work if there is any.

    None without an arrival rate, and for engines, whose requests share the steps (served.load).
    """
    rate = rack.workload.arrival_rate
    if rate is None or served.load is not None:
        return None, None
    queue = {
        "service_time": served.occupancy,
        "servers": served.servers,
        "arrival_rate": batch_rate(arrival_rate=rate, batch=served.batch),
        "passage_time": served.passage,
    }
    if rack.sharing is not None and rack.accelerators.gpu is not None:
        shared = shared_load(rack.sharing, **queue, gpus=rack.accelerators.gpu.count)
        return shared.load, shared
    return load(**queue), None


def latency_of(served: ServiceModel, queue: Load | None, links: Mapping[str, LinkReport]) -> Latency:
    """Latencies under the load, including replays of packets on links. Without a queue, those of the idle rack."""
    if served.load is not None:
        return latency_of_engine(served, served.load)
    replays = {name: report.reliability for name, report in links.items()}
    if queue is None:
        told = {} if served.closed is None else served.closed.levels
        base = {name: told.get(name, served.passage) for name in LEVELS}
        mean, wait = served.passage, None
    else:
        base = {name: getattr(queue, name) for name in LEVELS}
        mean, wait = queue.mean, queue.wait
    for name, tail in served.tails.items():  # requests that are slow by themselves, beside those that waited long
        slow = tail if wait is None else sojourn_time(passage_time=tail, wait=wait)
        base[name] = largest(waited=base[name], slow=slow)
    late = {f"replay_{name}": report.expected_delay for name, report in replays.items()}
    late99 = {f"replay_{name}": report.p99_delay for name, report in replays.items()}
    late999 = {f"replay_{name}": report.p999_delay for name, report in replays.items()}
    ttft, ttft_p99 = served.ttft, served.ttft if served.closed is None else None
    if ttft is not None and queue is not None:
        late_first = sojourn_time(passage_time=ttft, wait=queue.wait_p99)
        ttft = sojourn_time(passage_time=ttft, wait=queue.wait)
        ttft_p99 = largest(quantile=late_first, mean=ttft)
    times: dict[str, Quantity | None] = {f"itl_{level}": time for level, time in served.token_times.items()}
    times["ttft_p99"] = ttft_p99
    if served.closed is not None:
        times |= {name: time for name, time in served.closed.levels.items() if name not in LEVELS}
    mean = total(sojourn=mean, **late)
    # where fewer than one in a hundred waits at all, the mean wait is longer than that of the quantile, which is none
    p99 = largest(quantile=total(sojourn=base["p99"], **late99), mean=mean)
    p999 = largest(quantile=total(sojourn=base["p999"], **late999), p99=p99)
    return Latency(
        service=served.passage,
        wait=wait,
        mean=mean,
        p50=base["p50"],
        p90=base["p90"],
        p95=base["p95"],
        p99=p99,
        p999=p999,
        ttft=ttft,
        tpot=served.tpot,
        end_to_end=None if served.ttft is None else mean,
        **times,
    )


def latency_of_engine(served: ServiceModel, load: EngineLoad) -> Latency:
    """Latencies of a serving engine to which requests come at random."""
    times = {f"ttft_{level}": time for level, time in load.ttft_levels.items() if level != "p999"}
    times |= {f"tpot_{level}": time for level, time in load.tpot_levels.items() if level != "p999"}
    times |= {f"itl_{level}": time for level, time in load.itl_levels.items() if level != "p999"}
    return Latency(
        service=served.passage,
        wait=load.wait,
        mean=load.mean,
        ttft=load.ttft,
        tpot=load.tpot,
        end_to_end=load.mean,
        **load.levels,
        **times,
    )


def utilization_of(rack: Rack, served: ServiceModel, queue: Load | None) -> Quantity:
    """Share of the rack's capacity that its load takes; the planned one where no load is stated."""
    if queue is not None:
        return queue.utilization
    if rack.workload.arrival_rate is None or served.load is None:
        assert rack.economics.utilization is not None
        return rack.economics.utilization
    most = capacity(servers=served.servers, batch=served.batch, time=served.occupancy)
    return share_of_capacity(arrival_rate=rack.workload.arrival_rate, capacity=most)


def throughput_of(rack: Rack, served: ServiceModel, queue: Load | None) -> Throughput:
    """Capacity, and the priced throughput: at the SLO, at the arrival rate, or at the planned utilization."""
    work = rack.workload
    most = capacity(servers=served.servers, batch=served.batch, time=served.occupancy)
    used = utilization_of(rack, served, queue)
    requests = most if work.arrival_rate is None else work.arrival_rate
    at_slo, goodput, offered = None, None, work.arrival_rate
    if served.load is not None:
        at_slo, goodput = served.load.at_slo, served.load.goodput
    elif served.closed is not None and served.closed.at_slo is not None:
        at_slo, goodput, offered = served.closed.at_slo, served.closed.goodput, most
    elif work.slo is not None:
        at_slo = rate_at_slo(rack, work.slo, served)
    if at_slo is not None:
        requests = at_slo if offered is None else smallest(offered=offered, at_slo=at_slo)
    tokens, prompts = tokens_of(rack, requests)
    pool = rack.accelerators.gpu if rack.accelerators.lpu is None else None
    per_gpu = None if tokens is None or pool is None else per_part(rate=tokens, parts=pool.count)
    per_user = None if served.tpot is None else user_rate(tpot=tpot_of(served))
    by_rate, by_clients = (most, None) if work.concurrency is None else (None, most)
    return Throughput(requests, tokens, prompts, used, by_rate, by_clients, at_slo, goodput, per_gpu, per_user)


def busiest_hour_details(served: ServiceModel) -> dict[str, Quantity]:
    """Figures of the busiest hour, where the hours of a day differ."""
    peak = None if served.load is None else served.load.peak
    if peak is None:
        return {}
    return {"peak_hour": peak.hour, "peak_rate": peak.rate} | {f"peak_{name}": t for name, t in peak.times.items()}


def tpot_of(served: ServiceModel) -> Quantity:
    """Mean time per output token under the load."""
    tpot = served.tpot if served.load is None else served.load.tpot
    assert tpot is not None
    return tpot


def rate_at_slo(rack: Rack, slo: Limits, served: ServiceModel) -> Quantity:
    """The largest arrival rate at which all limits on whole requests are met, of a rack whose requests wait in line."""
    rates = {}
    for level, limit in slo.stated("").items():
        batches = rate_within_limit(
            limit=limit if rack.sharing is None else limit_beside(limit=limit, slice=rack.sharing.slice),
            service_time=served.occupancy,
            servers=served.servers,
            passage_time=served.passage,
            probability=LEVELS[level],
        )
        rates[level] = sequence_rate(batches=batches, batch=served.batch)
    return next(iter(rates.values())) if len(rates) == 1 else smallest(**rates)


def link_reports(rack: Rack, served: ServiceModel, heat: Thermal) -> dict[str, LinkReport]:
    """The transfers between pools, and the errors of their links at the temperature of the cable."""
    reports = {}
    for name, moved in served.transfers.items():
        use = rack.links[name]
        warm = heat.outlet if use.temperature is None else use.temperature
        size = served.crossing_size
        assert size is not None
        reports[name] = LinkReport(
            time=time_on_path(moved, use),
            bandwidth=moved.bandwidth,
            efficiency=moved.efficiency,
            size=size,
            transfer=moved,
            temperature=warm,
            reliability=link_reliability(use.part, size, warm, REFERENCE),
            nominal=use.part.bandwidth,
            per_link=per_link(use.part),
            domain=use.part.domain,
        )
    return reports


def per_link(link: Link) -> Quantity | None:
    """Rate of one of the links that a chip bundles; None where their number is unknown."""
    return None if link.bundle is None else bandwidth_per_link(bandwidth=link.bandwidth, bundle=link.bundle)


def summary_line(rack: Rack) -> str:
    """What was computed, in one line: chips, software, model, split."""
    chips = " + ".join(f"{pool.count.value:g} x {pool.part.name}" for pool in pools_by_name(rack).values())
    software = "" if rack.serving.runtime is None else f" under {rack.serving.runtime.name}"
    return f"{chips}{software}; {rack.model.name}, {rack.workload.precision}; split {rack.serving.split}"


def heat_at_load(rack: Rack, ideal: ServiceModel) -> Thermal | None:
    """Temperatures under the load at full clocks, of the pools whose power is known; None where there are none.

    They decide how far chips throttle.
    """
    known = with_known_power(rack)
    if not pools_by_name(known):
        return None
    queue, shared = queue_at_load(rack, ideal)
    used = utilization_of(rack, ideal, queue)
    return power_and_heat(known, mean_utilization(rack, in_busiest_hour(ideal), used, shared))[1]


def without_arrivals(loaded: Loaded) -> Loaded:
    """The rack of a closed loop: it has no arrival rate, and always works. Other racks are returned unchanged."""
    rack = loaded.rack
    if rack.workload.concurrency is None:
        return loaded
    workload, economics = replace(rack.workload, arrival_rate=None), replace(rack.economics, utilization=ONE)
    return replace(loaded, rack=replace(rack, workload=workload, economics=economics))


def with_batch(loaded: Loaded) -> Loaded:
    """The rack with a batch of one where it states none. Engines to which requests come at random take what comes."""
    rack = loaded.rack
    if rack.workload.batch is not None or takes_what_comes(rack):
        return loaded
    return replace(loaded, rack=replace(rack, workload=replace(rack.workload, batch=ONE_SEQUENCE)))


def with_utilization(loaded: Loaded) -> Loaded:
    """The rack with the planned utilization where the file states none."""
    rack = loaded.rack
    if rack.economics.utilization is not None:
        return loaded
    return replace(loaded, rack=replace(rack, economics=replace(rack.economics, utilization=PLANNED)))


class Idle(NamedTuple):
    """The rack while it has no load: its power, and the cooling equipment where the file names some."""

    power: Power
    plant: CoolingPlant | None


def without_load(rack: Rack, full: Thermal, peak: Power) -> Idle:
    """The rack while it has no load. full, peak: heat and power at full load, for which its equipment is sized."""
    power, heat = power_and_heat(rack, dict.fromkeys(pools_by_name(rack), NO_LOAD))
    plant, supply = cooling_plant(rack, heat, full, power.it), power_supply(rack, power, peak)
    return Idle(by_equipment(plant, supply, power, peak)[0], plant)


def compute(loaded: Loaded, require: Require) -> Estimate:
    """Every figure of one rack, without subject and notes. Values may be arrays.

    require: called with the conditions and problems found at each step; decides what happens where they do not hold.
    """
    with results_kept():
        return _compute(loaded, require)


def _compute(loaded: Loaded, require: Require) -> Estimate:
    loaded.words_read.clear()
    loaded = replace(loaded, rack=with_lengths(loaded.rack))
    stated, work = loaded.rack.economics.utilization, loaded.rack.workload
    has_load = work.arrival_rate is not None or work.concurrency is not None
    loaded = with_utilization(with_batch(loaded))
    require(*requirements.input_requirements(loaded))
    loaded = without_arrivals(loaded)
    rack = loaded.rack
    ideal = serve(rack)
    peak, heat = power_and_heat(rack, dict.fromkeys(pools_by_name(rack), ONE))
    known_heat = heat_at_load(rack, ideal)
    served = throttled(ideal, known_heat)
    queue, shared = queue_at_load(rack, served)
    if shared is not None:
        served = beside_other_work(rack, served, shared)
    heats = [heat] if known_heat is None else [heat, known_heat]
    require(requirements.rack_requirements(loaded, served, heats), ())
    if rack.workload.arrival_rate is not None or served.load is not None:
        used = utilization_of(rack, served, queue)
        most = capacity(servers=served.servers, batch=served.batch, time=served.occupancy)
        time = served.occupancy if served.load is None else served.load.mean
        busiest = None if served.load is None else served.load.peak
        if busiest is not None:
            used = share_of_capacity(arrival_rate=busiest.rate, capacity=most)
        require(requirements.load_requirements(loaded, used, most, time, busiest), ())
    links = link_reports(rack, served, heat if known_heat is None or heat.outlet.known else known_heat)
    latency = latency_of(served, queue, links)
    done = throughput_of(rack, served, queue)
    mean, mild = power_and_heat(rack, mean_utilization(rack, served, done.utilization, shared))
    plant, supply = cooling_plant(rack, mild, heat, mean.it), power_supply(rack, mean, peak)
    running = stated if has_load else None  # share of time in which the load runs; None: always
    idle = None if running is None else without_load(rack, heat, peak)
    mean, peak, pue = by_equipment(plant, supply, mean, peak)
    facility = mean.facility
    if idle is not None and running is not None:
        facility = mean_over_time(working=facility, idle=idle.power.facility, utilization=running)
    penalty = second_stack_penalty(rack, served)
    gain = latency_gain(rack, latency)
    paid = rack.economics.utilization if not has_load else ONE if stated is None else stated
    around = equipment_costs(plant, supply, None if idle is None else idle.plant, running)
    powers = Powers(facility, peak)
    account = cost_and_return(loaded, served, powers, done, gain, penalty, shared, paid, around, supply)
    if plant is not None:
        bought = account.cost.capex if rack.economics.acquisition == "purchase" else None
        plant = with_shares(plant, rack, bought, peak.it if supply is None else supply.reserved)
    result = Estimate(
        name=rack.name,
        scenario=loaded.scenario,
        subject="",
        latency=latency,
        throughput=done,
        stages=served.stages,
        details=served.details | busiest_hour_details(served),
        link=links,
        memory=served.memory,
        software=penalty,
        sharing=shared,
        power=power_report(rack, mean, peak, done),
        thermal=heat if pue is None else replace(heat, pue=pue),
        plant=plant,
        supply=supply,
        carbon=carbon(rack, facility, done, running),
        cost=account.cost,
        venue=venue_report(rack, latency),
        value=gain,
        roi=account.roi,
        notes=(),
        file=loaded.file,
    )
    require(requirements.link_requirements(loaded, result) + requirements.supply_requirements(loaded, result), ())
    return result


def estimate_with_conditions(loaded: Loaded) -> tuple[Estimate, list[Chain]]:
    """As estimate(), and the conditions that the rack had to fulfil."""
    with calls_kept():
        return _estimate_with_conditions(loaded)


def _estimate_with_conditions(loaded: Loaded) -> tuple[Estimate, list[Chain]]:
    chains: list[Chain] = []

    def require(found: Sequence[Chain], problems: Sequence[Problem]) -> None:
        refuse(found, problems)
        chains.extend(decidable(found))

    result = compute(loaded, require)
    found = dict(figures(result))
    requirements.check_figures(loaded, found)
    unused = without_effect(loaded, [*found.values(), *conditions_of(chains)])
    loaded = with_utilization(without_arrivals(replace(loaded, rack=with_lengths(loaded.rack))))
    new = unseen((result.latency.ttft, result.latency.tpot))
    said = (*notes(loaded, result, new), *([note_on(unused)] if unused else ()))
    near = nearest_run(loaded.rack)
    described = "" if near is None else near.described
    about = {"subject": summary_line(loaded.rack), "notes": said, "novelty": new.new, "nearest_measured": described}
    return replace(result, **about), chains


def estimate(loaded: Loaded) -> Estimate:
    """Everything about one rack. InputError when it cannot be computed: no room, no port, overload, ..."""
    return estimate_with_conditions(loaded)[0]


def transfer_over(link: str, size: Quantity, other_load: Quantity, hops: Quantity | None = None) -> Transfer:
    """One message over a catalog link between chips that do not limit it. size [B], other_load [1], hops [1]."""
    part = load_part("links", link)
    if hops is not None:
        part = replace(part, hops=hops)
    bus = part.bandwidth if any(port.startswith("pcie") for port in part.ports) else None
    return transfer(part, size, part.bandwidth, part.bandwidth, other_load, load_part("hosts", "cpu-path"), bus)
