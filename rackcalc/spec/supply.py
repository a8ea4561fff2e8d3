"""Electrical supply as equipment: UPS, PDU, breakers and power shelves; and the carbon of the energy by region."""

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import catalog_part, number, text


@record
class PowerChain:
    """What stands between the mains and a rack."""

    name: str = text("full name")
    ups_idle_loss: Quantity = number("1", "UPS: loss without load, over its rating", at_least=0, at_most=0.5)
    ups_linear_loss: Quantity = number(
        "1", "UPS: loss in proportion to the load, over the load", at_least=0, at_most=0.5
    )
    ups_square_loss: Quantity = number(
        "1", "UPS: loss with the square of the load, over the rating at full load", at_least=0, at_most=0.5
    )
    distribution_loss: Quantity = number(
        "1", "PDU, transformer and cables: loss over the load", at_least=0, at_most=0.5
    )
    power_factor: Quantity = number("1", "power of the servers over their apparent power", above=0, at_most=1)
    price: Quantity | None = number(
        "USD/W", "purchase price of UPS and distribution per provisioned power and feed", at_least=0, default=None
    )


@record
class Supply:
    """The electrical supply of the rack. With site.plant it gives the PUE, in place of that of the cooling."""

    chain: PowerChain = catalog_part("power_chains", "UPS and distribution", default="double-conversion")
    provisioning: str = text(
        "the power that is reserved: the plates of the systems, a share of the plates that was measured, or a metered "
        "power",
        default="plate",
        choices=("plate", "profiled", "metered"),
    )
    profiled_share: Quantity | None = number(
        "1",
        "profiled: highest power over the plate (default: 0.82, a measured DGX H100)",
        above=0,
        at_most=1,
        default=None,
    )
    metered: Quantity | None = number("W", "metered: the highest power that a meter showed", above=0, default=None)
    feeds: Quantity = number(
        "1", "feeds, each of which can carry the rack alone: 2 is A and B", above=0, at_most=4, whole=True, default="2"
    )
    voltage: Quantity = number("V", "between two phases", above=0, default="415 V")
    breaker: Quantity = number("A", "rating of the breaker of one three-phase circuit", above=0, default="60 A")
    derating: Quantity = number(
        "1",
        "share of the breaker's rating that may flow all the time (NEC 210.20: 80 %)",
        above=0,
        at_most=1,
        default="0.8",
    )
    shelf: Quantity | None = number(
        "W", "power that one power shelf of the rack delivers", above=0, default=None, example="33 kW"
    )
    spare_shelves: Quantity = number("1", "shelves beyond those needed: 1 is N+1", at_least=0, whole=True, default="1")


@record
class Region:
    """Where the energy comes from, and what it costs to build there."""

    name: str = text("full name, with the year of the figures")
    carbon: Quantity = number("kg/J", "carbon dioxide equivalent of the energy", at_least=0, example="0.35 kg/kWh")
    building: Quantity | None = number(
        "USD/W", "construction of a data center per IT power, its cooling included", at_least=0, default=None
    )
    cooling_share: Quantity | None = number(
        "1", "share of the construction that is cooling", at_least=0, at_most=0.9, default=None
    )
    water: Quantity | None = number("USD/m^3", "price of water", at_least=0, default=None)
