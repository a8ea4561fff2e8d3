"""THE calculation, in order. Start reading at estimate(), at the end: it is the summary page; the rest are its lines.

Every function here calls formulas and nothing else, so every number of the result leads to its formula and sources.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from rackcalc import feasible
from rackcalc.formulas import service as formulas
from rackcalc.formulas import thermal
from rackcalc.formulas.combine import largest, smallest, total
from rackcalc.formulas.economics import Cost, Money, Roi, economics
from rackcalc.formulas.latency_value import LatencyGain, latency_value
from rackcalc.formulas.link import Transfer, transfer
from rackcalc.formulas.power import Power, energy_per_request, energy_per_token
from rackcalc.formulas.queueing import LEVELS, Load, load, sojourn_time
from rackcalc.formulas.reliability import LinkReliability, link_reliability
from rackcalc.formulas.sharing import Shared, shared_load, slowed_time
from rackcalc.formulas.software import SoftwarePenalty, software_penalty
from rackcalc.formulas.thermal import Thermal
from rackcalc.load import Loaded, load_part
from rackcalc.quantity import Quantity, Source, constant
from rackcalc.record import record
from rackcalc.remarks import notes
from rackcalc.serving import serve
from rackcalc.serving.pools import ONE, Memory, Service, Stage, on_path
from rackcalc.spec.rack import GpuPool, LpuPool, Rack


@record
class Latency:
    """Seconds of one request (of one batch, when clients send batches). service: idle rack; p50 to p999: under load.

    ttft, tpot, end_to_end: generation; ttft includes the mean wait, ttft_p99 the p99 wait.
    """

    service: Quantity
    wait: Quantity | None
    mean: Quantity
    p50: Quantity
    p90: Quantity
    p99: Quantity
    p999: Quantity
    ttft: Quantity | None = None
    ttft_p99: Quantity | None = None
    tpot: Quantity | None = None
    end_to_end: Quantity | None = None


@record
class Throughput:
    """capacity: of the saturated rack. at_slo: largest rate whose p99 meets workload.slo. requests, tokens: priced."""

    requests: Quantity
    tokens: Quantity | None
    utilization: Quantity
    capacity: Quantity
    at_slo: Quantity | None = None


@record
class LinkReport:
    """One crossing of a link: the four ways to make it, and what heat does to its errors."""

    time: Quantity
    bandwidth: Quantity
    efficiency: Quantity
    size: Quantity | None
    transfer: Transfer
    temperature: Quantity
    reliability: LinkReliability


@record
class PowerReport:
    """W, mean under the load; peak: every chip at full load, which is what cooling and supply are built for."""

    chips: Quantity
    fans: Quantity
    host: Quantity
    it: Quantity
    facility: Quantity
    energy_per_request: Quantity | None
    energy_per_token: Quantity | None
    peak: Power


@record
class Estimate:
    """Everything about one rack. notes: what a reader must know before quoting a figure."""

    name: str
    scenario: str
    subject: str
    latency: Latency
    throughput: Throughput
    stages: Mapping[str, Stage]
    details: Mapping[str, Quantity]
    link: Mapping[str, LinkReport]
    memory: Mapping[str, Memory]
    software: SoftwarePenalty | None
    sharing: Shared | None
    power: PowerReport
    thermal: Thermal
    cost: Cost
    value: LatencyGain | None
    roi: Roi | None
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """Name and scenario, for headings."""
        return f"{self.name} [{self.scenario}]" if self.scenario else self.name


SERVER_POWER = Quantity(
    595.0,
    "W",
    "two-socket server",
    source=Source("measured", "mlperf-power", note="fit to MLPerf power runs"),
    low=389.0,
    high=597.0,
)
BOARD_SHARE = Quantity(
    0.194,
    "1",
    "switches and conversion",
    source=Source("measured", "mlperf-power", note="share of the chips' TDP"),
    low=0.11,
    high=0.20,
)
SERVER_SIZE = constant(8.0, "1", "chips per server", "assumed", note="where the file names no system")
FAN_SHARE = Quantity(0.10, "1", "fans", source=Source("press", "sow-fans", note="dense servers"), low=0.05, high=0.20)
UNKNOWN_LEAKAGE = Quantity(
    0.1, "1", "leakage share", source=Source("assumed", note="LPUs publish none"), low=0.05, high=0.2
)
NO_LOAD = constant(0.0, "1", "idle", "given", note="none, where nothing is said")
REFERENCE = Quantity(
    298.15, "K", "reference temperature", absolute=True, source=Source("assumed", note="links are specified at 25 degC")
)
P99 = LEVELS["p99"]


def pools_of(rack: Rack) -> dict[str, GpuPool | LpuPool]:
    """The pools by name."""
    both: dict[str, GpuPool | LpuPool | None] = {"gpu": rack.accelerators.gpu, "lpu": rack.accelerators.lpu}
    return {name: pool for name, pool in both.items() if pool is not None}


def host_power(pool: GpuPool | LpuPool) -> Quantity:
    """Everything but chips and fans: of the system it comes in, else the fit to measured servers."""
    per = SERVER_SIZE if pool.system is None else pool.system.count
    systems = formulas.systems_needed(count=pool.count, per_system=per)
    if pool.system is not None and pool.system.host_power is not None:
        return formulas.power_of(power=pool.system.host_power, count=systems)
    return formulas.fitted_host_power(
        servers=systems, per_server=SERVER_POWER, chips=pool.count, tdp=feasible.tdp(pool), board_share=BOARD_SHARE
    )


def thermal_pool(rack: Rack, pool: GpuPool | LpuPool, utilization: Quantity) -> thermal.Pool:
    """A pool as the thermal formulas need it."""
    leakage = UNKNOWN_LEAKAGE
    if isinstance(pool, GpuPool):
        leakage = load_part("families", pool.part.family).leakage_share
    return thermal.Pool(
        count=pool.count,
        tdp=feasible.tdp(pool),
        idle_power=feasible.idle_power(pool),
        utilization=utilization,
        leakage_share=leakage,
        temperature_limit=pool.part.temperature_limit,
        resistance=thermal.resistance_of(pool.part, rack.site.cooling),
    )


def cooled(rack: Rack, utilization: Mapping[str, Quantity]) -> tuple[Power, Thermal]:
    """Power and heat of the rack with its chips at these power utilizations."""
    pools = pools_of(rack)
    systems = [pool.system for pool in pools.values() if pool.system is not None]
    built = {f"system_{i}": system.liquid_share for i, system in enumerate(systems)}
    fans = {f"system_{i}": system.fan_share for i, system in enumerate(systems)}
    return thermal.cool(
        {name: thermal_pool(rack, pool, utilization[name]) for name, pool in pools.items()},
        rack.site.cooling,
        host_power=total(**{name: host_power(pool) for name, pool in pools.items()}),
        fan_share=largest(**fans) if fans else FAN_SHARE,
        altitude=rack.site.altitude,
        inlet=rack.site.inlet,
        airflow=rack.site.airflow,
        built_liquid_share=smallest(**built) if built else NO_LOAD,
        racks=rack.site.racks,
    )


def throttled(served: Service, heat: Thermal) -> Service:
    """The service with the clocks that the temperatures allow."""
    clock = smallest(**heat.throttle)

    def slow(time: Quantity) -> Quantity:
        return formulas.throttled_time(time=time, clock=clock)

    return replace(
        slowed(served, slow, lambda tpot: formulas.throttled_tpot(tpot=tpot, clock=clock)),
        passage=slow(served.passage),
        occupancy=slow(served.occupancy),
    )


def beside_other_work(rack: Rack, served: Service, shared: Shared) -> Service:
    """The service on GPUs of which other work takes its part."""
    if rack.sharing is not None and rack.sharing.policy == "reserved":
        share = rack.sharing.share
        served = slowed(
            served,
            lambda time: slowed_time(time=time, share=share),
            lambda tpot: formulas.slowed_tpot(tpot=tpot, share=share),
        )
    return replace(served, passage=shared.passage_time, occupancy=shared.service_time)


def slowed(served: Service, slow: Callable[[Quantity], Quantity], slow_tpot: Callable[[Quantity], Quantity]) -> Service:
    """The service with its stages and token times slowed down; passage and occupancy are the caller's."""
    return replace(
        served,
        stages={
            name: replace(stage, time=slow(stage.time), terms={term: slow(time) for term, time in stage.terms.items()})
            for name, stage in served.stages.items()
        },
        ttft=None if served.ttft is None else slow(served.ttft),
        tpot=None if served.tpot is None else slow_tpot(served.tpot),
    )


def under_load(rack: Rack, served: Service) -> tuple[Load | None, Shared | None]:
    """Queueing behind the servers, beside the GPUs' other work if any. None without an arrival rate."""
    rate = rack.workload.arrival_rate
    if rate is None:
        return None, None
    queue = {
        "service_time": served.occupancy,
        "servers": served.servers,
        "arrival_rate": formulas.batch_rate(arrival_rate=rate, batch=served.batch),
        "passage_time": served.passage,
    }
    if rack.sharing is not None and rack.accelerators.gpu is not None:
        shared = shared_load(rack.sharing, **queue, gpus=rack.accelerators.gpu.count)
        return shared.load, shared
    return load(**queue), None


def latency_of(served: Service, queue: Load | None, links: Mapping[str, LinkReport]) -> Latency:
    """Latencies under the load, with the replays of hot links in the tail."""
    replays = {name: report.reliability for name, report in links.items()}
    if queue is None:
        base = dict.fromkeys(LEVELS, served.passage)
        mean, wait = served.passage, None
    else:
        base = {name: getattr(queue, name) for name in LEVELS}
        mean, wait = queue.mean, queue.wait
    late = {f"replay_{name}": report.expected_delay for name, report in replays.items()}
    late99 = {f"replay_{name}": report.p99_delay for name, report in replays.items()}
    late999 = {f"replay_{name}": report.p999_delay for name, report in replays.items()}
    ttft, ttft_p99 = served.ttft, served.ttft
    if ttft is not None and queue is not None:
        ttft_p99 = sojourn_time(passage_time=ttft, wait=queue.wait_p99)
        ttft = sojourn_time(passage_time=ttft, wait=queue.wait)
    return Latency(
        service=served.passage,
        wait=wait,
        mean=total(sojourn=mean, **late),
        p50=base["p50"],
        p90=base["p90"],
        p99=total(sojourn=base["p99"], **late99),
        p999=total(sojourn=base["p999"], **late999),
        ttft=ttft,
        ttft_p99=ttft_p99,
        tpot=served.tpot,
        end_to_end=None if served.ttft is None else mean,
    )


def throughput_of(rack: Rack, served: Service, queue: Load | None) -> Throughput:
    """What the rack can do, and what of it is priced: at the SLO, the offered load, or the planned utilization."""
    work = rack.workload
    most = formulas.capacity(servers=served.servers, batch=served.batch, time=served.occupancy)
    used = rack.economics.utilization if queue is None else queue.utilization
    requests = most if work.arrival_rate is None else work.arrival_rate
    at_slo = None
    if work.slo is not None:
        batches = formulas.rate_within_limit(
            limit=work.slo if rack.sharing is None else formulas.limit_beside(limit=work.slo, slice=rack.sharing.slice),
            service_time=served.occupancy,
            servers=served.servers,
            passage_time=served.passage,
            probability=P99,
        )
        at_slo = formulas.sequence_rate(batches=batches, batch=served.batch)
        requests = at_slo if work.arrival_rate is None else smallest(offered=work.arrival_rate, at_slo=at_slo)
    tokens = None if work.output is None else formulas.tokens_per_second(requests=requests, tokens=work.output)
    return Throughput(requests, tokens, used, most, at_slo)


def link_reports(rack: Rack, served: Service, heat: Thermal) -> dict[str, LinkReport]:
    """The crossing between the pools at the temperature of its cable."""
    reports = {}
    for name, moved in served.transfers.items():
        use = rack.links[name]
        warm = heat.outlet if use.temperature is None else use.temperature
        size = served.crossing
        assert size is not None
        reports[name] = LinkReport(
            time=on_path(moved, use),
            bandwidth=moved.bandwidth,
            efficiency=moved.efficiency,
            size=size,
            transfer=moved,
            temperature=warm,
            reliability=link_reliability(use.part, size, warm, REFERENCE),
        )
    return reports


def port_penalty(rack: Rack, served: Service) -> SoftwarePenalty | None:
    """What a second software stack may add to the LPUs' part: a range beside the latency, not in it."""
    use = rack.links.get("gpu-lpu")
    lpus = served.stages.get("lpu") or served.stages.get("decode")
    if rack.software is None or rack.accelerators.lpu is None or lpus is None:
        return None
    size = (
        served.crossing if served.crossing is not None else constant(0.0, "B", "no crossing", "given", note="one pool")
    )
    link = use.part if use is not None else load_part("links", rack.accelerators.lpu.part.chip_link)
    return software_penalty(rack.software, lpus.time, rack.model.layers, size, link.latency, link.bandwidth)


def mean_utilization(rack: Rack, served: Service, used: Quantity, shared: Shared | None) -> dict[str, Quantity]:
    """Power utilization of each pool, mean over time."""
    result = {}
    for name in pools_of(rack):
        busy, activity, in_use = served.busy.get(name, NO_LOAD), served.activity.get(name, ONE), used
        if rack.workload.arrival_rate is not None and name in served.together:
            in_use = formulas.share_in_use(utilization=used, slots=served.together[name])
        if name == "gpu" and shared is not None:
            in_use = shared.power_utilization
        result[name] = formulas.chip_utilization(utilization=in_use, busy=busy, activity=activity)
    return result


def power_report(rack: Rack, mean: Power, peak: Power, done: Throughput) -> PowerReport:
    """Power and energy per unit of work."""
    delivered = rack.workload.arrival_rate
    if delivered is None:
        delivered = formulas.sustained_rate(capacity=done.capacity, utilization=done.utilization)
    tokens = None
    if rack.workload.output is not None:
        rate = formulas.tokens_per_second(requests=delivered, tokens=rack.workload.output)
        tokens = energy_per_token(power=mean.facility, throughput=rate)
    return PowerReport(
        mean.chips,
        mean.fans,
        mean.host,
        mean.it,
        mean.facility,
        energy_per_request(power=mean.facility, throughput=delivered),
        tokens,
        peak,
    )


def money(
    rack: Rack,
    power: Power,
    peak: Power,
    done: Throughput,
    gain: LatencyGain | None,
    port: SoftwarePenalty | None,
    shared: Shared | None,
) -> Money:
    """Cost and return. At a given load what is delivered is priced; without one, the planned share of the capacity."""
    spec = rack.economics
    if rack.workload.arrival_rate is not None:
        spec = replace(spec, utilization=ONE)
    pools = pools_of(rack)
    purchases = {name: purchase(pool) for name, pool in pools.items()}
    rents = {name: rent(pool) for name, pool in pools.items()}
    one_off = {} if port is None else {"porting": port.porting}
    booked = {name: spec.prices.purchase.get(name, price) for name, price in purchases.items()}
    known = {name: price for name, price in {**booked, **spec.price}.items() if price is not None}
    if known and spec.acquisition == "purchase":
        hardware = total(**known)
        one_off["cooling"] = formulas.premium(price=hardware, premium=rack.site.cooling.capex_premium)
    income = {}
    if gain is not None:
        income["latency"] = gain.value
    if shared is not None:
        income["other_work"] = shared.income
    return economics(
        spec,
        purchases=purchases,
        rents=rents,
        it_power=peak.it,  # space is rented by what may be drawn
        facility_power=power.facility,
        tokens=done.tokens,
        requests=done.requests,
        one_off=one_off,
        running={} if port is None else {"upkeep": port.upkeep},
        income=income,
    )


def purchase(pool: GpuPool | LpuPool) -> Quantity | None:
    """Catalog price of a pool: of the systems it comes in, else of the chips."""
    if pool.system is not None and pool.system.price is not None:
        systems = formulas.systems_needed(count=pool.count, per_system=pool.system.count)
        return formulas.price_of(price=pool.system.price, count=systems)
    return None if pool.part.price is None else formulas.price_of(price=pool.part.price, count=pool.count)


def rent(pool: GpuPool | LpuPool) -> Quantity | None:
    """Catalog rent of a pool."""
    if pool.system is not None and pool.system.rent is not None:
        systems = formulas.systems_needed(count=pool.count, per_system=pool.system.count)
        return formulas.rent_of(rent=pool.system.rent, count=systems)
    return None if pool.part.rent is None else formulas.rent_of(rent=pool.part.rent, count=pool.count)


def gain_of(rack: Rack, latency: Latency) -> LatencyGain | None:
    """What the latency earns, where the file says how."""
    spec = rack.latency_value
    return None if spec is None else latency_value(spec, getattr(latency, spec.quantile))


def subject(rack: Rack) -> str:
    """What was computed, in a line: chips, software, model, split."""
    chips = " + ".join(f"{pool.count.value:g} x {pool.part.name}" for pool in pools_of(rack).values())
    software = "" if rack.serving.runtime is None else f" under {rack.serving.runtime.name}"
    return f"{chips}{software}; {rack.model.name}, {rack.workload.precision}; split {rack.serving.split}"


def usual_heat(rack: Rack, ideal: Service) -> Thermal:
    """Temperatures at the load as it would be at full clocks; they decide the clocks."""
    queue, shared = under_load(rack, ideal)
    used = rack.economics.utilization if queue is None else queue.utilization
    return cooled(rack, mean_utilization(rack, ideal, used, shared))[1]


def closed_loop(loaded: Loaded) -> Loaded:
    """Requests kept in flight are the whole load: no arrival rate beside them, and the rack always has work."""
    rack = loaded.rack
    if rack.workload.concurrency is None:
        return loaded
    workload, economics = replace(rack.workload, arrival_rate=None), replace(rack.economics, utilization=ONE)
    return replace(loaded, rack=replace(rack, workload=workload, economics=economics))


def estimate(loaded: Loaded) -> Estimate:
    """Everything about one rack. InputError when it cannot be answered: no room, no port, overload, ..."""
    feasible.check_structure(loaded)
    loaded = closed_loop(loaded)
    rack = loaded.rack
    ideal = serve(rack)
    peak, heat = cooled(rack, dict.fromkeys(pools_of(rack), ONE))
    served = throttled(ideal, usual_heat(rack, ideal))
    queue, shared = under_load(rack, served)
    if shared is not None:
        served = beside_other_work(rack, served, shared)
    feasible.check_values(loaded, served, queue, heat)
    links = link_reports(rack, served, heat)
    latency = latency_of(served, queue, links)
    done = throughput_of(rack, served, queue)
    mean, _ = cooled(rack, mean_utilization(rack, served, done.utilization, shared))
    port = port_penalty(rack, served)
    gain = gain_of(rack, latency)
    account = money(rack, mean, peak, done, gain, port, shared)
    result = Estimate(
        name=rack.name,
        scenario=loaded.scenario,
        subject=subject(rack),
        latency=latency,
        throughput=done,
        stages=served.stages,
        details=served.details,
        link=links,
        memory=served.memory,
        software=port,
        sharing=shared,
        power=power_report(rack, mean, peak, done),
        thermal=heat,
        cost=account.cost,
        value=gain,
        roi=account.roi,
        notes=notes(loaded, served, queue, heat, account, gain),
    )
    feasible.check_result(loaded, result)
    return result


def transfer_over(link: str, size: Quantity, other_load: Quantity, hops: Quantity | None = None) -> Transfer:
    """One message over a catalog link whose chips are no bottleneck. size [B], other_load [1], hops [1]."""
    part = load_part("links", link)
    if hops is not None:
        part = replace(part, hops=hops)
    return transfer(part, size, part.bandwidth, part.bandwidth, other_load, load_part("hosts", "cpu-path"))
