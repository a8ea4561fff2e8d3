"""Records of what stands around a rack: cooling equipment, electrical supply, carbon, and the exchange it trades at."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record


@record
class CoolingPlant:
    """Cooling equipment. Power and shares are means over the year; peak: at full load in the hottest hour.

    cdus: with the spare ones. cdu_approach: coolant above facility water with the spare units out of service.
    door_margin: heat that the rear door of a rack could take beyond what it must. By loop of water, air (of the room)
    and liquid (of CDUs and doors): free_cooling: share of the year's heat that leaves without a compressor; too_warm:
    where there is none, share of the year in which the water is warmer than it may be; supply_margin: how much warmer
    the hottest hour could be. wue: water over IT energy. Terms add up to their sums. room: building and cooling.
    share_of_...: the price of the cooling over those of the rack and of the room, and of the CDUs over the cooling.
    """

    cdus: Quantity | None
    cdu_load: Quantity | None
    cdu_approach: Quantity | None
    door_margin: Quantity | None
    pumps: Quantity
    fans: Quantity
    compressor: Quantity
    power: Quantity
    peak: Quantity
    free_cooling: Mapping[str, Quantity]
    too_warm: Mapping[str, Quantity]
    supply_margin: Mapping[str, Quantity]
    water: Quantity
    wue: Quantity
    capex_terms: Mapping[str, Quantity]
    capex: Quantity
    opex_terms: Mapping[str, Quantity]
    room: Quantity | None = None
    share_of_rack: Quantity | None = None
    share_of_room: Quantity | None = None
    cdu_share: Quantity | None = None


@record
class PowerSupply:
    """Electrical supply. reserved: W that the site keeps for the rack; margin: W by which the highest power is less.

    apparent, current: of the reserved power, with one feed carrying all. circuits: on each feed. breaker_use: of the
    current that may flow all the time. losses: mean, of which ups and distribution; peak_losses: at full load.
    """

    reserved: Quantity
    margin: Quantity
    apparent: Quantity
    current: Quantity
    circuits: Quantity
    breaker_use: Quantity
    shelves: Quantity | None
    ups: Quantity
    distribution: Quantity
    losses: Quantity
    peak_losses: Quantity
    capex: Quantity


@record
class Carbon:
    """Carbon dioxide equivalent of the energy, per time, request and generated token."""

    rate: Quantity
    per_request: Quantity
    per_token: Quantity | None


@record
class VenueReport:
    """A rack beside an exchange. tick_to_trade: s, from market data to an order, by percentile of the inference.

    published: s, what the exchange says of itself; unknown where it says nothing. times: the inference over it.
    """

    tick_to_trade: Mapping[str, Quantity]
    published: Mapping[str, Quantity]
    times: Mapping[str, Quantity]
