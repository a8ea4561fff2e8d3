"""Exchanges: how fast they answer, as far as they publish it; and the way from a tick to an order."""

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import catalog_part, number, text


@record
class Venue:
    """An exchange. Round trip: from an order at its edge to the acknowledgment. What it does not publish is absent."""

    name: str = text("full name")
    round_trip_mean: Quantity | None = number(
        "s", "mean round trip of an order", above=0, default=None, example="40 us"
    )
    round_trip_p50: Quantity | None = number("s", "median round trip of an order", above=0, default=None)
    round_trip_p99: Quantity | None = number("s", "99th percentile of the round trip", above=0, default=None)
    matching_p50: Quantity | None = number("s", "median time in the matching engine alone", above=0, default=None)
    matching_p99: Quantity | None = number("s", "99th percentile in the matching engine alone", above=0, default=None)
    gateway_p50: Quantity | None = number("s", "median time from edge to matching engine", above=0, default=None)
    gateway_p99: Quantity | None = number("s", "99th percentile from edge to matching engine", above=0, default=None)


@record
class Trading:
    """The exchange that the rack trades at, and what else takes time between a tick and an order."""

    exchange: Venue = catalog_part("venues", "the exchange")
    feed: Quantity = number("s", "receiving and decoding the market data", at_least=0, default="1 us")
    features: Quantity = number("s", "computing the model's input from it", at_least=0, default="5 us")
    risk: Quantity = number("s", "the check of risk before an order leaves", at_least=0, default="1 us")
    order: Quantity = number("s", "encoding and sending the order", at_least=0, default="1 us")
