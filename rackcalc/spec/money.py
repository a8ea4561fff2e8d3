"""Prices of a place and year, what a rack costs and earns, and the value of a shorter latency."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import Number, catalog_part, number, table, text


@record
class PriceBook:
    """Prices that depend on place and year, not on a part."""

    name: str = text("full name")
    electricity: Quantity = number("USD/J", "energy price", at_least=0, example="0.0929 USD/kWh")
    space: Quantity = number("USD/J", "colocation rent per kW of IT power and month, energy excluded", at_least=0)
    discount_rate: Quantity = number("1/s", "cost of capital", at_least=0, example="10 percent/year")
    maintenance: Quantity = number("1/s", "yearly maintenance as a share of purchase price", at_least=0)
    horizon: Quantity = number("s", "years over which the purchase is written off", above=0)
    resale: Quantity = number("1", "share of the price got back at the end", at_least=0, at_most=1)
    purchase: Mapping[str, Quantity] = table(
        Number("USD", "purchase price of the whole pool", at_least=0),
        "prices by pool (gpu, lpu, ...) that replace those of the parts",
    )
    rent: Mapping[str, Quantity] = table(
        Number("USD/s", "rent of the whole pool", at_least=0),
        "rents by pool (gpu, lpu, ... or rack for all of it) that replace those of the parts",
    )


@record
class LatencyValue:
    """What a shorter latency earns. It rests on the user's own numbers: no value per millisecond holds in general."""

    kind: str = text("how value grows with time saved", choices=("linear", "saturating", "race", "square-root"))
    baseline: Quantity = number("s", "latency of what is used today", above=0, example="12 ms")
    quantile: str = text("which latency counts", choices=("mean", "p50", "p90", "p99", "p999"), default="p99")
    share_kept: Quantity = number(
        "1", "share of the gain that is yours (a performance fee)", at_least=0, at_most=1, default="1"
    )
    maximum: Quantity | None = number(
        "USD/s",
        "most that any saving can earn or lose; required by saturating",
        above=0,
        default=None,
        example="10e6 USD/year",
    )
    rate: Quantity | None = number(
        "1/s^2", "linear: yearly return on capital per time saved", above=0, default=None, example="0.7 percent/ms/year"
    )
    capital: Quantity | None = number(
        "USD", "linear: capital the return is earned on", above=0, default=None, example="1e9 USD"
    )
    cap: Quantity = number(
        "s", "linear: largest change for which a straight line is believed (assumed)", above=0, default="1 ms"
    )
    tau: Quantity | None = number("s", "saturating: saving that earns 63 % of the maximum", above=0, default=None)
    prize: Quantity | None = number(
        "USD/s", "race: what all winners earn together", above=0, default=None, example="75e6 USD/year"
    )
    rivals: Quantity = number(
        "1",
        "race: rivals (6 firms take over 80 % of the races of Aquilina, Budish and O'Neill)",
        above=0,
        whole=True,
        default="5",
    )
    rival_latency: Quantity | None = number(
        "s", "race: median latency of a rival", above=0, default=None, example="40 us"
    )
    rival_p99: Quantity | None = number(
        "s",
        "race: 99th percentile of a rival's latency; with it rivals and rack are log-normal, by p50 and p99",
        above=0,
        default=None,
        example="120 us",
    )
    races: Quantity = number(
        "1/s",
        "race: races a year; less than one won in a year is none (one a minute and stock in 100 stocks, as Aquilina, "
        "Budish and O'Neill counted)",
        above=0,
        default="13e6 1/year",
    )
    window: Quantity = number(
        "s",
        "race without rival_p99: scale of the scatter of arrivals (the modal race lasts 5 to 10 us: Aquilina, Budish "
        "and O'Neill)",
        above=0,
        default="10 us",
    )
    spread_cost: Quantity | None = number(
        "USD/s", "square-root: bid-offer spreads paid per year", above=0, default=None
    )
    spread_time: Quantity | None = number(
        "s",
        "square-root: time in which the price diffuses by one spread, (spread / volatility)^2",
        above=0,
        default=None,
    )


@record
class Economics:
    """Money: what the rack costs and what it earns. Before tax, except for lease_advantage."""

    prices: PriceBook = catalog_part("prices", "prices of the place and year", default="us-industrial-2026")
    acquisition: str = text("buy the hardware or rent it", choices=("purchase", "rent"), default="purchase")
    price: Mapping[str, Quantity] = table(
        Number("USD", "purchase price of the whole pool", at_least=0),
        "prices by pool (gpu, lpu, or any further item) that replace those of the parts",
    )
    rent: Quantity | None = number(
        "USD/s", "rent of the whole rack; replaces the rents of the parts", at_least=0, default=None
    )
    rent_covers: str = text(
        "everything: energy, space and maintenance are in the rent (cloud); hardware: they are not (lease)",
        choices=("everything", "hardware"),
        default="everything",
    )
    horizon: Quantity | None = number(
        "s", "years the money is reckoned over (default: the price book's)", above=0, default=None, example="4 year"
    )
    discount_rate: Quantity | None = number(
        "1/s", "cost of capital (default: the price book's)", at_least=0, default=None, example="10 percent/year"
    )
    resale: Quantity | None = number(
        "1", "share of the price got back (default: the price book's)", at_least=0, at_most=1, default=None
    )
    maintenance: Quantity | None = number(
        "1/s",
        "yearly maintenance as a share of purchase price (default: the price book's)",
        at_least=0,
        default=None,
        example="5 percent/year",
    )
    electricity: Quantity | None = number(
        "USD/J", "energy price (default: the price book's)", at_least=0, default=None, example="0.10 USD/kWh"
    )
    space: Quantity | None = number(
        "USD/J",
        "space per IT power and time (default: the price book's)",
        at_least=0,
        default=None,
        example="184 USD/kW/month",
    )
    staff: Quantity = number("USD/s", "people who run it", at_least=0, default="0 USD/year")
    software: Quantity = number("USD/s", "licences", at_least=0, default="0 USD/year")
    one_off: Quantity = number("USD", "further cost at the start without resale value", at_least=0, default="0 USD")
    utilization: Quantity = number(
        "1", "share of the capacity that is used and paid (assumed)", above=0, at_most=1, default="0.6"
    )
    token_price: Quantity | None = number(
        "USD/token", "price a token is sold at", at_least=0, default=None, example="0.60 USD/Mtoken"
    )
    request_price: Quantity | None = number(
        "USD/request", "price a request is sold at", at_least=0, default=None, example="20 USD/Mrequest"
    )
    other_income: Quantity | None = number("USD/s", "further income", at_least=0, default=None)
    tax_rate: Quantity = number("1", "tax rate, in lease_advantage only", at_least=0, at_most=0.99, default="0")
