"""Catalog prices of a pool: what its GPUs or LPUs cost to buy and to rent."""

from rackcalc.config.parts import load_part
from rackcalc.formulas.combine import total
from rackcalc.formulas.heat.power import systems_needed
from rackcalc.formulas.money.prices import price_of, rent_of, share_of_server
from rackcalc.quantities.quantity import Quantity
from rackcalc.spec.rack import GpuPool, LpuPool


def purchase_price(pool: GpuPool | LpuPool) -> Quantity | None:
    """Purchase price of a pool: of the systems that its chips come in, else of chips and servers. None if unknown."""
    if pool.system is not None and pool.system.price is not None:
        systems = systems_needed(count=pool.count, per_system=pool.system.count)
        return price_of(price=pool.system.price, count=systems)
    if pool.part.price is None:
        return None
    chips = price_of(price=pool.part.price, count=pool.count)
    if isinstance(pool, LpuPool):
        return chips
    server = load_part("servers", "gpu-server")
    return total(chips=chips, servers=share_of_server(price=server.price, gpus=server.gpus, count=pool.count))


def rent_price(pool: GpuPool | LpuPool) -> Quantity | None:
    """Rent of a pool, as purchase_price."""
    if pool.system is not None and pool.system.rent is not None:
        systems = systems_needed(count=pool.count, per_system=pool.system.count)
        return rent_of(rent=pool.system.rent, count=systems)
    return None if pool.part.rent is None else rent_of(rent=pool.part.rent, count=pool.count)
