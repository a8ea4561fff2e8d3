"""Prices of a place and year, what a rack costs and earns, and the value of a shorter latency."""

from collections.abc import Mapping

from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.spec.fields import Number, catalog_part, number, section, table, text

ACQUISITIONS = ("purchase", "rent", "api")


@record
class PriceBook:
    """Prices that depend on place and year, not on a part."""

    name: str = text("full name")
    electricity: Quantity = number("USD/J", "energy price", at_least=0, example="0.0929 USD/kWh")
    space: Quantity = number("USD/J", "colocation rent per kW of IT power and month, energy excluded", at_least=0)
    discount_rate: Quantity = number("1/s", "cost of capital", at_least=0, example="10 percent/year")
    demand_charge: Quantity | None = number(
        "USD/J",
        "demand charge per kW of the highest power drawn and month (default: none beside the energy price)",
        at_least=0,
        default=None,
        example="12 USD/kW/month",
    )
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
class ApiOffer:
    """What one provider asks for the tokens of a model."""

    input: Quantity = number("USD/token", "price of a token of the prompt", at_least=0, example="0.15 USD/Mtoken")
    cached: Quantity | None = number(
        "USD/token",
        "of a token of the prompt that the provider has cached (default: as input)",
        at_least=0,
        default=None,
    )
    output: Quantity = number("USD/token", "price of a generated token", at_least=0, example="0.60 USD/Mtoken")


@record
class Api:
    """List prices of a model behind public APIs."""

    name: str = text("the model's name")
    date: str = text("when the prices were read", example="2026-11")
    offers: Mapping[str, ApiOffer] = table(ApiOffer, "offers by provider", required=True)


@record
class TokenPrices:
    """What the rack's tokens are sold at. Tokens without a price earn nothing."""

    input: Quantity | None = number(
        "USD/token", "price of a token of the prompt", at_least=0, default=None, example="0.15 USD/Mtoken"
    )
    cached: Quantity | None = number(
        "USD/token", "of a token of the prompt that is found in a cache (default: as input)", at_least=0, default=None
    )
    output: Quantity | None = number(
        "USD/token", "price of a generated token", at_least=0, default=None, example="0.60 USD/Mtoken"
    )


@record
class Equipment:
    """What is bought beside the chips and their systems. What is not stated is not in the cost."""

    ports: Quantity | None = number(
        "1", "network ports in use (default: one for each GPU)", at_least=0, whole=True, default=None
    )
    price_per_port: Quantity | None = number(
        "USD",
        "switch port, optics and cable of one network port (default, where there are several systems: that of the "
        "network they have in the catalog)",
        at_least=0,
        default=None,
        example="1500 USD",
    )
    storage: Quantity | None = number("USD", "storage", at_least=0, default=None)
    rack: Quantity | None = number("USD", "one rack: cabinet, power distribution", at_least=0, default=None)
    cooling: Quantity | None = number(
        "USD", "cooling equipment (default: the premium of the way of cooling)", at_least=0, default=None
    )
    installation: Quantity | None = number(
        "1", "building it up, as a share of the hardware's price", at_least=0, default=None, example="3 percent"
    )
    spares: Quantity | None = number(
        "1", "spare parts on the shelf, as a share of the hardware's price", at_least=0, default=None
    )


@record
class Licence:
    """What a software licence costs, and on what condition."""

    price: Quantity = number("USD/s", "licence fee", at_least=0, example="0 USD/year")
    condition: str | None = text("on what condition that is the price", default=None)


@record
class Economics:
    """Money: what the rack costs and what it earns. tax_rate: of all figures alike; they are before tax without it."""

    prices: PriceBook = catalog_part("prices", "prices of the place and year", default="us-industrial-2026")
    acquisition: str = text(
        "buy the hardware, rent it, or buy the same tokens from an API", choices=ACQUISITIONS, default="purchase"
    )
    price: Mapping[str, Quantity] = table(
        Number("USD", "purchase price of the whole pool", at_least=0),
        "prices by pool (gpu, lpu, or any further item) that replace those of the parts",
    )
    rent: Quantity | None = number(
        "USD/s", "rent of the whole rack; replaces the rents of the parts", at_least=0, default=None
    )
    rent_per_gpu: Quantity | None = number(
        "USD/GPU/s",
        "rent of one GPU; replaces the rents of the parts of the GPU pool",
        at_least=0,
        default=None,
        example="2.95 USD/GPU/hour",
    )
    year: Quantity | None = number(
        "1",
        "when the hardware is bought or rented: price_decline moves the prices of the catalog to that year (default: "
        "priced_in); years sets it",
        at_least=1990,
        at_most=2100,
        absolute=True,
        default=None,
        example="2026.5",
    )
    priced_at: str = text(
        "which price of the catalog is paid where a part has both: street, as it is sold, or list; a part that has one "
        "has that price",
        choices=("street", "list"),
        default="street",
    )
    priced_in: Quantity = number(
        "1", "the year whose prices the catalog has", at_least=1990, at_most=2100, absolute=True, default="2026"
    )
    price_decline: Quantity | None = number(
        "1/s",
        "how much less the same hardware costs to buy or rent every year (default: prices stay)",
        at_most=0.99 / (8760 * 3600),
        default=None,
        example="20 percent/year",
    )
    rent_for: str = text(
        "every hour, as under a lease or a reservation, or the hours of use, as on demand: the share utilization",
        choices=("every hour", "hours of use"),
        default="every hour",
    )
    rent_covers: str = text(
        "everything: energy, space and maintenance are in the rent (cloud); hardware: they are not (lease)",
        choices=("everything", "hardware"),
        default="everything",
    )
    horizon: Quantity | None = number(
        "s", "years over which money is counted (default: the price book's)", above=0, default=None, example="4 year"
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
    demand_charge: Quantity | None = number(
        "USD/J",
        "demand charge per peak power and time (default: the price book's)",
        at_least=0,
        default=None,
        example="12 USD/kW/month",
    )
    space: Quantity | None = number(
        "USD/J",
        "space per IT power and time (default: the price book's)",
        at_least=0,
        default=None,
        example="184 USD/kW/month",
    )
    staff: Quantity = number("USD/s", "people who run it", at_least=0, default="0 USD/year")
    software: Quantity = number("USD/s", "software, beside licences", at_least=0, default="0 USD/year")
    licences: Mapping[str, Licence] = table(Licence, "licences by name, those at no cost too, with their condition")
    equipment: Equipment = section(Equipment, "what is bought beside chips and systems")
    one_off: Quantity = number("USD", "further cost at the start without resale value", at_least=0, default="0 USD")
    utilization: Quantity | None = number(
        "1",
        "without a load: share of the capacity that is used and paid (default: 0.6); with arrival_rate or concurrency: "
        "share of the time in which that load runs (default: 1, always)",
        above=0,
        at_most=1,
        default=None,
        example="0.6",
    )
    token_prices: TokenPrices = section(TokenPrices, "prices that tokens are sold at")
    token_split: str = text(
        "how the cost is split over tokens of prompts and of answers: by the share of the chips' time that each takes, "
        "all on the output, or evenly on all tokens",
        choices=("gpu-time", "output", "tokens"),
        default="gpu-time",
    )
    api: Api | None = catalog_part(
        "apis", "list prices to compare with, or to buy at (default: those of the model)", default=None
    )
    provider: str | None = text("whose API it is (default: the cheapest for this load)", default=None)
    request_price: Quantity | None = number(
        "USD/request", "price a request is sold at", at_least=0, default=None, example="20 USD/Mrequest"
    )
    other_income: Quantity | None = number("USD/s", "further income", at_least=0, default=None)
    tax_rate: Quantity = number(
        "1",
        "tax on income after costs and depreciation, in every figure; losses are taken to save as much elsewhere, and "
        "discount_rate is after tax",
        at_least=0,
        at_most=0.99,
        default="0",
    )
    depreciation: str = text(
        "how the purchase is written off: in equal parts down to the resale value, or by the IRS's five-year table",
        choices=("straight-line", "macrs-5"),
        default="straight-line",
    )
    depreciation_life: Quantity | None = number(
        "s", "straight-line: time over which it is written off (default: the horizon)", above=0, default=None
    )
