"""Where chips are installed: the systems and servers that hold them, and the ways to cool them."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import Number, number, table, text


@record
class System:
    """A product that holds accelerators: server, tray or rack."""

    name: str = text("full name")
    accelerator: str = text("part it holds")
    count: Quantity = number("1", "accelerators in it", above=0, whole=True)
    power: Quantity | None = number("W", "maximum electrical power", above=0, default=None)
    host_power: Quantity | None = number(
        "W",
        "everything but accelerators and fans: CPUs, NICs, switches, drives, conversion loss",
        at_least=0,
        default=None,
    )
    fan_share: Quantity = number(
        "1", "share of system power that its own fans take at full load", at_least=0, at_most=1
    )
    liquid_share: Quantity = number("1", "share of heat that goes to liquid", at_least=0, at_most=1, default="0")
    height: Quantity | None = number("1", "rack units", above=0, default=None)
    nvlink_domain: Quantity | None = number(
        "1",
        "accelerators that NVLink joins: 8 in a server, 72 in an NVL72 rack",
        above=0,
        whole=True,
        default=None,
        example="8",
    )
    network: Mapping[str, Quantity] = table(
        Number("B/s", "what one accelerator can send, all its ports together", above=0, example="50 GB/s"),
        "network ports of one accelerator, by the link they attach to (infiniband-ndr, ethernet-400g, ...)",
    )
    price: Quantity | None = number(
        "USD", "street price, as it is sold, accelerators included", at_least=0, default=None
    )
    list_price: Quantity | None = number(
        "USD", "price in a maker's or seller's list, accelerators included", at_least=0, default=None
    )
    rent: Quantity | None = number("USD/s", "rent, accelerators included", at_least=0, default=None)


@record
class Server:
    """An ordinary server for GPU cards or a board of GPUs, without them: chassis, CPUs, memory, network cards."""

    name: str = text("full name")
    gpus: Quantity = number("1", "GPUs it holds", above=0, whole=True, example="8")
    price: Quantity | None = number(
        "USD", "purchase price without the GPUs", at_least=0, default=None, example="45000 USD"
    )


@record
class Cooling:
    """A way to take heat out of a rack."""

    name: str = text("full name")
    method: str = text("what carries the heat", choices=("air", "rear-door", "direct-liquid", "immersion"))
    liquid_share: Quantity = number("1", "share of the heat that goes to liquid at the rack", at_least=0, at_most=1)
    rack_limit: Quantity = number("W", "most heat one rack can lose this way", above=0)
    air_supply: Quantity = number("K", "design temperature of the air at the rack's inlet", absolute=True, above=0)
    air_rise: Quantity = number("K", "design temperature rise of the air through the rack", above=0)
    fan_margin: Quantity = number(
        "1",
        "most air that the servers' fans can move, over what they move at full load at sea level",
        at_least=1,
        default="1.1",
    )
    chip_resistance: Quantity = number(
        "K/W", "junction to inlet air or mean coolant, for chips that do not say", above=0, example="0.05 K/W"
    )
    recirculation: Quantity = number(
        "1", "share of the inlet air that is the rack's own hot exhaust", at_least=0, at_most=0.9, default="0"
    )
    coolant_supply: Quantity | None = number(
        "K", "design temperature of the coolant at the rack's inlet", absolute=True, above=0, default=None
    )
    coolant_rise: Quantity | None = number(
        "K", "design temperature rise of the coolant through the rack", above=0, default=None
    )
    coolant_density: Quantity | None = number(
        "kg/m^3", "density of the coolant", above=0, default=None, example="1020 kg/m^3"
    )
    coolant_heat_capacity: Quantity | None = number(
        "J/kg/K", "specific heat of the coolant", above=0, default=None, example="3900 J/kg/K"
    )
    approach: Quantity = number("K", "heat-exchanger approach between loops", at_least=0)
    pue: Quantity = number("1", "power usage effectiveness of the facility", at_least=1)
    capex_premium: Quantity = number(
        "1", "price over plain air, as a share of the cooled equipment's price", at_least=-1
    )
    pump_share: Quantity = number("1", "pump power as a share of heat moved", at_least=0, at_most=1)
    plate_price: Quantity | None = number(
        "USD",
        "cold plate and hoses of one chip, of servers not built for liquid (with site.plant)",
        at_least=0,
        default=None,
        example="400 USD",
    )
    manifold_price: Quantity | None = number(
        "USD", "manifolds of one rack, of servers not built for liquid (with site.plant)", at_least=0, default=None
    )
