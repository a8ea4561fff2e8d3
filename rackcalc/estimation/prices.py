"""Catalog prices of a pool: what its GPUs or LPUs cost to buy and to rent."""

from rackcalc.config.parts import load_part
from rackcalc.estimation.power_and_heat import pools_by_name
from rackcalc.formulas.combine import total
from rackcalc.formulas.heat.power import systems_needed
from rackcalc.formulas.money.prices import (
    chips_of_system,
    host_of_system,
    price_in_year,
    price_of,
    rent_in_year,
    rent_of,
    share_of_server,
)
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.quantity import Quantity, unknown
from rackcalc.quantities.record import record
from rackcalc.serving.pool_links import chips_of_server, network_link
from rackcalc.spec.chips import GPU, LPU
from rackcalc.spec.links import Link
from rackcalc.spec.money import Economics
from rackcalc.spec.rack import GpuPool, LpuPool, Rack
from rackcalc.spec.site import System

NO_PORT_PRICE = "no price for network ports"


def price_paid(part: GPU | LPU | System, basis: str) -> Quantity | None:
    """The price of a part that is paid: street or list, and the other where there is no such price."""
    both = (part.list_price, part.price) if basis == "list" else (part.price, part.list_price)
    return next((price for price in both if price is not None), None)


def purchase_price(
    pool: GpuPool | LpuPool, name: str, basis: str = "street"
) -> tuple[Quantity | None, dict[str, Quantity]]:
    """Purchase price of a pool, of the systems that its chips come in, else of chips and servers; None if unknown.

    With what it is made of: the chips alone, and all that is around them, by name.
    """
    one = price_paid(pool.part, basis)
    chips = None if one is None else price_of(price=one, count=pool.count)
    system = None if pool.system is None else price_paid(pool.system, basis)
    if pool.system is not None and system is not None:
        systems = systems_needed(count=pool.count, per_system=pool.system.count)
        whole = price_of(price=system, count=systems)
        if chips is None:
            return whole, {}
        alone = chips_of_system(system=whole, chips=chips)
        return whole, {f"{name}_chips": alone, f"{name}_host": host_of_system(system=whole, chips=alone)}
    if chips is None or isinstance(pool, LpuPool):
        return chips, {}
    server = load_part("servers", "gpu-server")
    around = share_of_server(price=server.price, gpus=server.gpus, count=pool.count)
    return total(chips=chips, servers=around), {f"{name}_chips": chips, f"{name}_host": around}


def port_price(rack: Rack) -> Quantity | None:
    """Price of a port of the network between servers: None for one server, unknown where no price is published."""
    if not any(map(are_several, pools_by_name(rack).values())):
        return None
    pool = rack.accelerators.gpu
    name = None if pool is None else network_link(pool)
    price = None
    if name is not None:
        part: Link = load_part("links", name)
        named = [use.part.price for use in rack.links.values() if use.part.name == part.name]
        price = next((one for one in named if one is not None), part.price)
    return unknown("USD", "price of a network port", NO_PORT_PRICE) if price is None else price


def network_ports(rack: Rack) -> Quantity | None:
    """Ports of that network: one for each GPU; None with several servers of LPUs, whose ports nobody has published."""
    pools = rack.accelerators
    if pools.gpu is None or (pools.lpu is not None and are_several(pools.lpu)):
        return None
    return pools.gpu.count


def are_several(pool: GpuPool | LpuPool) -> bool:
    """Whether a pool is more than one server, or more than one of the systems that the file names."""
    return xp.decided(pool.count.value > chips_of_server(pool))


def rent_price(pool: GpuPool | LpuPool) -> Quantity | None:
    """Rent of a pool, as purchase_price."""
    if pool.system is not None and pool.system.rent is not None:
        systems = systems_needed(count=pool.count, per_system=pool.system.count)
        return rent_of(rent=pool.system.rent, count=systems)
    return None if pool.part.rent is None else rent_of(rent=pool.part.rent, count=pool.count)


@record
class InYear:
    """Moves prices of the catalog to the year of the file. when: decline, year and priced_in; None: they stay."""

    when: dict[str, Quantity] | None

    def price(self, price: Quantity | None) -> Quantity | None:
        """A price in that year; None where it is unknown."""
        return None if price is None else self.known(price)

    def known(self, price: Quantity) -> Quantity:
        """A price that is known, in that year."""
        return price if self.when is None else price_in_year(price=price, **self.when)

    def rent(self, rent: Quantity | None) -> Quantity | None:
        """A rent in that year; None where it is unknown."""
        return rent if rent is None or self.when is None else rent_in_year(rent=rent, **self.when)


def in_year(spec: Economics) -> InYear:
    """How prices move from the catalog's year to that of the file."""
    if spec.price_decline is None:
        return InYear(None)
    year = spec.priced_in if spec.year is None else spec.year
    return InYear({"decline": spec.price_decline, "year": year, "priced_in": spec.priced_in})
