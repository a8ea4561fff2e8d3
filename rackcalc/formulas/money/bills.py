"""What an owner, a tenant and a customer of an API pay, by name: at the start, while it runs, and at the end."""

from collections.abc import Mapping
from typing import NamedTuple

from rackcalc.formulas.combine import total
from rackcalc.formulas.money.costs import demand_cost, energy_cost, maintenance_cost, space_cost
from rackcalc.formulas.money.prices import premium, price_of, rent_of_gpus, rent_of_use, resale_value
from rackcalc.quantities.quantity import Quantity, constant, renamed, unknown
from rackcalc.quantities.record import field, record, replace
from rackcalc.spec.money import Economics

NOT_SOLD = constant(0.0, "USD", "resale", "given", note="what is not bought is not sold")
NO_PORTS = "no number of network ports"


@record
class Supply:
    """The hardware as the catalog prices it, and its power.

    purchases, rents: price (USD) and rent (USD/s) of each whole pool, None if the catalog has none. made_of: what a
    pool's price is made of, by name. it_power: W for which space is rented. facility_power: average W; peak_power: the
    highest. port_price: of one network port, where the rack has such a network. cooling_premium: what the cooling adds
    to the price of the hardware [1]. gpus, ports, racks: how many; None without GPUs. equipment, upkeep: price (USD)
    and running cost (USD/s) of what stands around the rack, by name: of every owner, and of a tenant of the hardware
    alone.
    """

    purchases: Mapping[str, Quantity | None]
    rents: Mapping[str, Quantity | None]
    it_power: Quantity
    facility_power: Quantity
    peak_power: Quantity | None = None
    port_price: Quantity | None = None
    cooling_premium: Quantity | None = None
    gpus: Quantity | None = None
    ports: Quantity | None = None
    racks: Quantity | None = None
    made_of: Mapping[str, Mapping[str, Quantity]] = field(default_factory=dict)
    equipment: Mapping[str, Quantity] = field(default_factory=dict)
    upkeep: Mapping[str, Quantity] = field(default_factory=dict)


@record
class Bill:
    """What is paid, by name: at the start [USD] and while it runs [USD/s], and what the hardware is sold for [USD]."""

    capex: Mapping[str, Quantity]
    opex: Mapping[str, Quantity]
    resale: Quantity


class Extras(NamedTuple):
    """Further payments, whoever owns the hardware: at the start [USD], and while it runs [USD/s]."""

    capex: Mapping[str, Quantity]
    opex: Mapping[str, Quantity]


def own(stated: Quantity | None, common: Quantity) -> Quantity:
    """The value of the rack file, or else the common one."""
    return common if stated is None else stated


def sum_of(name: str, unit: str, terms: Mapping[str, Quantity]) -> Quantity:
    """The sum of terms under a name; 0 without terms."""
    return renamed(total(**terms), name) if terms else constant(0.0, unit, name, "given", note="no terms")


def known(terms: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """The terms that are known."""
    return {name: term for name, term in terms.items() if term.known}


def known_terms(bill: Bill) -> Bill:
    """The bill without what is unknown."""
    return replace(bill, capex=known(bill.capex), opex=known(bill.opex))


def licences(spec: Economics) -> dict[str, Quantity]:
    """Licences by name, those at no cost too."""
    return {f"licence_{name}": licence.price for name, licence in spec.licences.items()}


def purchases(spec: Economics, supply: Supply) -> dict[str, Quantity]:
    """Price of every pool and further item: of the file, else of the price book, else of the catalog."""
    return _priced(supply.purchases, spec.prices.purchase, "USD", "price") | dict(spec.price)


def rents(spec: Economics, supply: Supply, utilization: Quantity) -> dict[str, Quantity]:
    """Rents by pool, or {"rack": ...} for the whole rack; on demand, of the hours of use."""
    whole = own(spec.rent, spec.prices.rent["rack"]) if "rack" in spec.prices.rent else spec.rent
    found = _priced(supply.rents, spec.prices.rent, "USD/s", "rent") if whole is None else {"rack": whole}
    if spec.rent_per_gpu is not None and supply.gpus is not None and whole is None:
        found["gpu"] = rent_of_gpus(rent=spec.rent_per_gpu, count=supply.gpus)
    if all(rent.known for rent in found.values()) and spec.rent_for == "hours of use":
        found = {name: rent_of_use(rent=rent, utilization=utilization) for name, rent in found.items()}
    return found


def _priced(
    catalog: Mapping[str, Quantity | None], book: Mapping[str, Quantity], unit: str, noun: str
) -> dict[str, Quantity]:
    """Price of every pool; the price book takes precedence over the catalog. Unknown where neither has one."""
    found = {name: book.get(name, price) for name, price in catalog.items()}
    return {
        name: unknown(unit, noun, f"no {noun} for {name}") if price is None else price for name, price in found.items()
    }


def network(spec: Economics, supply: Supply) -> dict[str, Quantity]:
    """Price of the network between the servers, as a term of the hardware; none where nothing asks for one."""
    equipment = spec.equipment
    ports = supply.ports if equipment.ports is None else equipment.ports
    price = supply.port_price if equipment.price_per_port is None else equipment.price_per_port
    if price is None:
        return {}
    if ports is None:  # one reason is enough
        ports = unknown("1", "number of network ports", NO_PORTS if price.known else price.unknowns[0])
    return {"network": price_of(price=price, count=ports)}


def purchase_bill(
    spec: Economics,
    bought: Mapping[str, Quantity],
    network: Mapping[str, Quantity],
    supply: Supply,
    extras: Extras,
) -> Bill:
    """The bill of an owner."""
    hardware = {**bought, **network}
    equipment = spec.equipment
    if equipment.storage is not None:
        hardware["storage"] = equipment.storage
    if equipment.rack is not None and supply.racks is not None:
        hardware["rack"] = price_of(price=equipment.rack, count=supply.racks)
    purchase = sum_of("purchase", "USD", hardware)
    built = {}
    if equipment.cooling is not None:
        built["cooling"] = equipment.cooling
    elif bought and supply.cooling_premium is not None:
        built["cooling"] = premium(price=total(**bought), premium=supply.cooling_premium)
    for name, share in (("installation", equipment.installation), ("spares", equipment.spares)):
        if share is not None:
            built[name] = premium(price=purchase, premium=share)
    resale = resale_value(purchase=purchase, resale=own(spec.resale, spec.prices.resale))
    maintained = own(spec.maintenance, spec.prices.maintenance)
    owning = {**_place(spec, supply), "maintenance": maintenance_cost(purchase=purchase, maintenance=maintained)}
    return Bill({**hardware, **built, **supply.equipment, **extras.capex}, {**owning, **extras.opex}, resale)


def rent_bill(spec: Economics, rented: Mapping[str, Quantity], supply: Supply, extras: Extras) -> Bill:
    """The bill of a tenant."""
    paid = {f"rent_{name}": rent for name, rent in rented.items()}
    if spec.rent_covers == "everything":
        return Bill(extras.capex, {**paid, **extras.opex}, NOT_SOLD)
    return Bill({**supply.equipment, **extras.capex}, {**paid, **_place(spec, supply), **extras.opex}, NOT_SOLD)


def api_bill(paid: Mapping[str, Quantity], extras: Extras) -> Bill:
    """The bill of who buys the tokens elsewhere."""
    return Bill(extras.capex, {**paid, **extras.opex}, NOT_SOLD)


def _place(spec: Economics, supply: Supply) -> dict[str, Quantity]:
    """Running costs of the place where hardware stands: of every owner, and of a tenant of the hardware alone."""
    book = spec.prices
    charge = book.demand_charge if spec.demand_charge is None else spec.demand_charge
    demand = {}
    if charge is not None and supply.peak_power is not None:
        demand["demand"] = demand_cost(peak_power=supply.peak_power, demand_charge=charge)
    return {
        "energy": energy_cost(
            facility_power=supply.facility_power, electricity=own(spec.electricity, book.electricity)
        ),
        **demand,
        "space": space_cost(it_power=supply.it_power, space=own(spec.space, book.space)),
        **supply.upkeep,
    }
