"""Cost and return of a rack: the money it costs and earns, and what a second software stack adds to its latency."""

from rackcalc.config.parts import load_part
from rackcalc.estimation.equipment_costs import equipment_costs
from rackcalc.estimation.facility import CoolingPlant, PowerSupply
from rackcalc.estimation.power_and_heat import pools_by_name
from rackcalc.estimation.prices import purchase_price, rent_price
from rackcalc.estimation.result import Latency, Throughput
from rackcalc.formulas.heat.power import Power
from rackcalc.formulas.money.economics import Money, economics
from rackcalc.formulas.money.latency_value import LatencyGain, latency_value
from rackcalc.formulas.queues.gpu_sharing import Shared
from rackcalc.formulas.serving.software_penalty import SoftwarePenalty, software_penalty
from rackcalc.quantities.quantity import constant
from rackcalc.quantities.record import replace
from rackcalc.serving.service_model import ONE, ServiceModel
from rackcalc.spec.rack import Rack

NO_CROSSING = constant(0.0, "B", "no crossing", "given", note="one pool")


def cost_and_return(
    rack: Rack,
    power: Power,
    peak: Power,
    done: Throughput,
    gain: LatencyGain | None,
    penalty: SoftwarePenalty | None,
    shared: Shared | None,
    plant: CoolingPlant | None = None,
    supply: PowerSupply | None = None,
) -> Money:
    """Cost and return of what the rack delivers at the arrival rate; without a rate, of the planned utilization.

    power, peak: mean under the load, and at full load. gain: of a shorter latency. penalty: of a second software stack.
    plant, supply: equipment around the rack, whose prices replace the premium of the cooling.
    """
    spec = rack.economics
    if rack.workload.arrival_rate is not None:
        spec = replace(spec, utilization=ONE)
    pools = pools_by_name(rack)
    purchases = {name: purchase_price(pool) for name, pool in pools.items()}
    rents = {name: rent_price(pool) for name, pool in pools.items()}
    equipment, upkeep = equipment_costs(plant, supply)
    one_off = ({} if penalty is None else {"porting": penalty.porting}) | equipment
    income = {}
    if gain is not None:
        income["latency"] = gain.value
    if shared is not None:
        income["other_work"] = shared.income
    return economics(
        spec,
        purchases=purchases,
        rents=rents,
        it_power=peak.it if supply is None else supply.reserved,  # space is rented by the power that the rack may draw
        facility_power=power.facility,
        tokens=done.tokens,
        requests=done.requests,
        cooling_premium=rack.site.cooling.capex_premium if plant is None else None,
        one_off=one_off,
        running=({} if penalty is None else {"upkeep": penalty.upkeep}) | upkeep,
        income=income,
    )


def latency_gain(rack: Rack, latency: Latency) -> LatencyGain | None:
    """What the latency earns; None where the file does not value latency."""
    spec = rack.latency_value
    if spec is None:
        return None
    return latency_value(spec, getattr(latency, spec.quantile), distribution=(latency.p50, latency.p99))


def second_stack_penalty(rack: Rack, served: ServiceModel) -> SoftwarePenalty | None:
    """What a second software stack may add to the time on the LPUs: a range that is shown beside the latency."""
    use = rack.links.get("gpu-lpu")
    lpus = served.stages.get("lpu") or served.stages.get("decode")
    if rack.software is None or rack.accelerators.lpu is None or lpus is None:
        return None
    size = NO_CROSSING if served.crossing_size is None else served.crossing_size
    link = use.part if use is not None else load_part("links", rack.accelerators.lpu.part.chip_link)
    return software_penalty(rack.software, lpus.time, rack.model.layers, size, link.latency, link.bandwidth)
