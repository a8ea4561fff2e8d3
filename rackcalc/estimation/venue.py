"""A rack's latency beside what an exchange publishes."""

from rackcalc.estimation.facility import VenueReport
from rackcalc.estimation.result import Latency
from rackcalc.formulas.trading.tick_to_trade import tick_to_trade, times_of
from rackcalc.quantities.quantity import Quantity, renamed, unknown
from rackcalc.spec.rack import Rack
from rackcalc.spec.venue import Venue

PUBLISHED = (
    *("round_trip_mean", "round_trip_p50", "round_trip_p99", "matching_p50", "matching_p99"),
    *("gateway_p50", "gateway_p99"),
)


def venue_report(rack: Rack, latency: Latency) -> VenueReport | None:
    """The rack beside its exchange; None where the file names none."""
    trading = rack.venue
    if trading is None:
        return None
    steps = {"feed": trading.feed, "features": trading.features, "risk": trading.risk, "order": trading.order}
    levels = {"mean": latency.mean, "p50": latency.p50, "p99": latency.p99}
    published = {name: _published(trading.exchange, name) for name in PUBLISHED}
    return VenueReport(
        tick_to_trade={name: tick_to_trade(inference=time, **steps) for name, time in levels.items()},
        published=published,
        times={name: times_of(time=levels[name.rpartition("_")[2]], other=known) for name, known in published.items()},
    )


def _published(exchange: Venue, name: str) -> Quantity:
    found: Quantity | None = getattr(exchange, name)
    if found is None:
        what, _, level = name.replace("_", " ").rpartition(" ")
        return unknown("s", name, f"{exchange.name} publishes no {level} of its {what}")
    return renamed(found, name)
