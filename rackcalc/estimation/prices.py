"""Money of a rack: what it costs, what a second software stack adds, what it earns."""

from dataclasses import replace

from rackcalc.config.parts import load_part
from rackcalc.estimation.heat import pools_of
from rackcalc.estimation.result import Latency, Throughput
from rackcalc.formulas.combine import total
from rackcalc.formulas.heat.power import Power
from rackcalc.formulas.money.economics import Money, economics
from rackcalc.formulas.money.latency_value import LatencyGain, latency_value
from rackcalc.formulas.queues.sharing import Shared
from rackcalc.formulas.serving import service as formulas
from rackcalc.formulas.serving.second_stack import SoftwarePenalty, software_penalty
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.serving.service_model import ONE, ServiceModel
from rackcalc.spec.rack import GpuPool, LpuPool, Rack


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


def port_penalty(rack: Rack, served: ServiceModel) -> SoftwarePenalty | None:
    """What a second software stack may add to the LPUs' part: a range beside the latency, not in it."""
    use = rack.links.get("gpu-lpu")
    lpus = served.stages.get("lpu") or served.stages.get("decode")
    if rack.software is None or rack.accelerators.lpu is None or lpus is None:
        return None
    size = (
        served.crossing_size
        if served.crossing_size is not None
        else constant(0.0, "B", "no crossing", "given", note="one pool")
    )
    link = use.part if use is not None else load_part("links", rack.accelerators.lpu.part.chip_link)
    return software_penalty(rack.software, lpus.time, rack.model.layers, size, link.latency, link.bandwidth)
