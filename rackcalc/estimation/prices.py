"""Catalog prices of a pool: what its GPUs or LPUs cost to buy and to rent."""

from rackcalc.config.parts import load_part
from rackcalc.formulas.combine import total
from rackcalc.formulas.heat.power import systems_needed
from rackcalc.formulas.money.prices import (
    chips_of_system,
    host_of_system,
    price_of,
    rent_of,
    share_of_server,
)
from rackcalc.quantities.quantity import Quantity
from rackcalc.spec.rack import GpuPool, LpuPool


def purchase_price(pool: GpuPool | LpuPool, name: str) -> tuple[Quantity | None, dict[str, Quantity]]:
    """Purchase price of a pool, of the systems that its chips come in, else of chips and servers; None if unknown.

    With what it is made of: the chips alone, and all that is around them, by name.
    """
    chips = None if pool.part.price is None else price_of(price=pool.part.price, count=pool.count)
    if pool.system is not None and pool.system.price is not None:
        systems = systems_needed(count=pool.count, per_system=pool.system.count)
        whole = price_of(price=pool.system.price, count=systems)
        if chips is None:
            return whole, {}
        alone = chips_of_system(system=whole, chips=chips)
        return whole, {f"{name}_chips": alone, f"{name}_host": host_of_system(system=whole, chips=alone)}
    if chips is None or isinstance(pool, LpuPool):
        return chips, {}
    server = load_part("servers", "gpu-server")
    around = share_of_server(price=server.price, gpus=server.gpus, count=pool.count)
    return total(chips=chips, servers=around), {f"{name}_chips": chips, f"{name}_host": around}


def rent_price(pool: GpuPool | LpuPool) -> Quantity | None:
    """Rent of a pool, as purchase_price."""
    if pool.system is not None and pool.system.rent is not None:
        systems = systems_needed(count=pool.count, per_system=pool.system.count)
        return rent_of(rent=pool.system.rent, count=systems)
    return None if pool.part.rent is None else rent_of(rent=pool.part.rent, count=pool.count)
