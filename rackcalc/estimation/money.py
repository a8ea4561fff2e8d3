"""Cost and return of a rack: the money it costs and earns, and what a second software stack adds to its latency."""

from typing import NamedTuple

from rackcalc.config.parts import load_part
from rackcalc.config.racks import Loaded
from rackcalc.estimation.facility import PowerSupply
from rackcalc.estimation.power_and_heat import pools_by_name
from rackcalc.estimation.prices import in_year, network_ports, port_price, purchase_price, rent_price
from rackcalc.estimation.result import Latency, Throughput
from rackcalc.estimation.tokens import delivered
from rackcalc.feasibility.prices import api_of
from rackcalc.formulas.heat.power import Power
from rackcalc.formulas.money.accounts import Money
from rackcalc.formulas.money.bills import Supply
from rackcalc.formulas.money.economics import economics
from rackcalc.formulas.money.latency_value import LatencyGain, latency_value
from rackcalc.formulas.queues.gpu_sharing import Shared
from rackcalc.formulas.serving.software_penalty import SoftwarePenalty, software_penalty
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.serving.service_model import ServiceModel
from rackcalc.spec.rack import Rack


class Powers(NamedTuple):
    """facility: mean power over all time [W]. peak: at full load."""

    facility: Quantity
    peak: Power


NO_CROSSING = constant(0.0, "B", "no crossing", "given", note="one pool")


def cost_and_return(
    loaded: Loaded,
    served: ServiceModel,
    powers: Powers,
    done: Throughput,
    gain: LatencyGain | None,
    penalty: SoftwarePenalty | None,
    shared: Shared | None,
    used: Quantity,
    around: tuple[dict[str, Quantity], dict[str, Quantity]] = ({}, {}),
    supply: PowerSupply | None = None,
) -> Money:
    """Cost and return of what the rack delivers. gain: of a shorter latency. penalty: of a second software stack.

    used: share of that which is used and paid: of the time in which a load runs; without one, of the capacity.
    around: costs of the equipment around the rack, at the start and while it runs. The premium of the cooling is for
    cooling equipment, so it is left out where the file names that.
    """
    rack = loaded.rack
    pools = pools_by_name(rack)
    prices = {name: purchase_price(pool, name, rack.economics.priced_at) for name, pool in pools.items()}
    age = in_year(rack.economics)
    equipment, upkeep = around
    if rack.economics.acquisition == "api":
        penalty = None  # whoever buys tokens ports no software
    porting = {} if penalty is None else {"porting": penalty.porting}
    software = {} if penalty is None else {"upkeep": penalty.upkeep}
    income = {}
    if gain is not None:
        income["latency"] = gain.gain
    if shared is not None:
        income["other_work"] = shared.income
    gpus = rack.accelerators.gpu
    hardware = Supply(
        purchases={name: age.price(price) for name, (price, _) in prices.items()},
        rents={name: age.rent(rent_price(pool)) for name, pool in pools.items()},
        it_power=powers.peak.it
        if supply is None
        else supply.reserved,  # space is rented by the power that the rack may draw
        facility_power=powers.facility,
        peak_power=powers.peak.facility,
        port_price=age.price(port_price(rack)),
        cooling_premium=rack.site.cooling.capex_premium if rack.site.plant is None else None,
        gpus=None if gpus is None else gpus.count,
        ports=network_ports(rack),
        racks=rack.site.racks,
        made_of={name: {part: age.known(one) for part, one in parts.items()} for name, (_, parts) in prices.items()},
        equipment=equipment,
        upkeep=upkeep,
    )
    return economics(
        rack.economics,
        supply=hardware,
        delivered=delivered(rack, served, done),
        one_off=porting,
        running=software,
        income=income,
        utilization=used,
        api=api_of(loaded),
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
