"""The electrical supply of a rack: reserved power, breakers, shelves, losses; PUE from equipment; carbon."""

from rackcalc.estimation.facility import Carbon, CoolingPlant, PowerSupply
from rackcalc.estimation.power_and_heat import rated_power
from rackcalc.estimation.result import Throughput
from rackcalc.formulas.combine import total
from rackcalc.formulas.heat.power import Power, pue
from rackcalc.formulas.plant import power_chain
from rackcalc.formulas.plant.carbon import carbon_per_request, carbon_per_token, carbon_rate
from rackcalc.formulas.plant.prices import price_of_feeds
from rackcalc.formulas.serving.request_rates import sustained_rate
from rackcalc.formulas.serving.token_rates import tokens_per_second
from rackcalc.quantities.quantity import Quantity, Source, renamed, unknown
from rackcalc.quantities.record import replace
from rackcalc.spec.rack import Rack
from rackcalc.spec.supply import Supply

PROFILED = Quantity(
    0.82, "1", "highest power over the plate", low=0.76, high=0.9,
    source=Source("published", "latif-abstract", note="8.4 of 10.2 kW on H100 in training; low: arXiv 2506.14551"),
)  # fmt: skip


def power_supply(rack: Rack, mean: Power, peak: Power) -> PowerSupply | None:
    """The electrical supply; None where the file names none."""
    supply = rack.site.supply
    if supply is None:
        return None
    chain, reserved = supply.chain, reserved_power(rack, supply)
    apparent = power_chain.apparent_power(power=reserved, power_factor=chain.power_factor)
    current = power_chain.line_current(apparent=apparent, voltage=supply.voltage)
    breaker = {"breaker": supply.breaker, "derating": supply.derating}
    circuits = power_chain.circuits_needed(current=current, **breaker)
    shelves = None
    if supply.shelf is not None:
        shelves = power_chain.shelves_needed(power=peak.it, shelf=supply.shelf, spare=supply.spare_shelves)
    ups, distribution = _losses(supply, mean.it, reserved)
    price = chain.price
    if price is None:
        price = unknown("USD/W", "price", f"no price for {chain.name}")
    return PowerSupply(
        reserved=reserved,
        margin=power_chain.reserved_margin(reserved=reserved, drawn=peak.it),
        apparent=apparent,
        current=current,
        circuits=circuits,
        breaker_use=power_chain.breaker_use(current=current, circuits=circuits, **breaker),
        shelves=shelves,
        ups=ups,
        distribution=distribution,
        losses=total(ups=ups, distribution=distribution),
        peak_losses=total(**dict(zip(("ups", "distribution"), _losses(supply, peak.it, reserved), strict=True))),
        capex=price_of_feeds(price=price, power=reserved, feeds=supply.feeds),
    )


def _losses(supply: Supply, load: Quantity, rating: Quantity) -> tuple[Quantity, Quantity]:
    """Losses of the UPS and of the distribution at a load."""
    chain = supply.chain
    distribution = power_chain.distribution_loss(load=load, share=chain.distribution_loss)
    ups = power_chain.ups_loss(
        load=total(servers=load, distribution=distribution),
        rating=rating,
        feeds=supply.feeds,
        idle=chain.ups_idle_loss,
        linear=chain.ups_linear_loss,
        square=chain.ups_square_loss,
    )
    return ups, distribution


def reserved_power(rack: Rack, supply: Supply) -> Quantity:
    """Power that the site keeps for the rack: by the plates, by a measured share of them, or by the meter."""
    if supply.provisioning == "metered":
        assert supply.metered is not None  # see feasibility/equipment.py
        return renamed(supply.metered, "reserved")
    plate = rated_power(rack)
    if plate is None:
        why = (
            "no plate: a pool has no system, or one that states no power; site.supply.provisioning: metered needs none"
        )
        plate = unknown("W", "plate", why)
    if supply.provisioning == "plate":
        return renamed(plate, "reserved")
    return power_chain.profiled_power(
        plate=plate, share=PROFILED if supply.profiled_share is None else supply.profiled_share
    )


def facility(power: Power, cooling: Quantity, losses: Quantity) -> tuple[Power, Quantity]:
    """The power with what its equipment draws in place of the PUE that the way of cooling states; and the PUE."""
    whole = renamed(total(it=power.it, cooling=cooling, losses=losses), "facility")
    return replace(power, facility=whole), pue(it=power.it, cooling=cooling, losses=losses)


def by_equipment(
    plant: CoolingPlant | None, supply: PowerSupply | None, mean: Power, peak: Power
) -> tuple[Power, Power, Quantity | None]:
    """Mean and peak power, and the PUE, by the equipment where both its parts are stated; else unchanged, and None."""
    if plant is None or supply is None:
        return mean, peak, None
    mean, own = facility(mean, plant.power, supply.losses)
    return mean, facility(peak, plant.peak, supply.peak_losses)[0], own


def carbon(rack: Rack, facility: Quantity, done: Throughput, running: Quantity | None) -> Carbon | None:
    """Carbon of the energy; None where the file names no region.

    facility: W, over all time. running: share of time in which the load runs; None: always.
    """
    region = rack.site.region
    if region is None:
        return None
    rate = carbon_rate(power=facility, carbon=region.carbon)
    requests, tokens = delivered(rack, done, running)
    return Carbon(
        rate,
        carbon_per_request(carbon=rate, requests=requests),
        None if tokens is None else carbon_per_token(carbon=rate, tokens=tokens),
    )


def delivered(rack: Rack, done: Throughput, running: Quantity | None) -> tuple[Quantity, Quantity | None]:
    """Requests and tokens that the rack really delivers, over all time."""
    requests = rack.workload.arrival_rate
    if requests is None:
        requests = sustained_rate(capacity=done.most, utilization=done.utilization)
    if running is not None:
        requests = sustained_rate(capacity=requests, utilization=running)
    if rack.workload.output is None:
        return requests, None
    return requests, tokens_per_second(requests=requests, tokens=rack.workload.output)
