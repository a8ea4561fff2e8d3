"""Costs and return of a rack: capital, running costs, cash flow by year, and what follows from it.

Money is in USD, money per time in USD/s (shown per hour, month or year), prices per token and per request in
USD/token and USD/request (shown per million).
"""

from collections.abc import Mapping
from functools import cache
from math import ceil
from typing import NamedTuple

from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.money import bills
from rackcalc.formulas.money.bills import Bill, Supply
from rackcalc.formulas.money.cash_flow import (
    amount_in_year,
    book_value,
    macrs_5,
    money_out,
    net_in_year,
    outlay,
    paid_in_year,
    part_of_year,
    resale_in_year,
    straight_line,
)
from rackcalc.formulas.money.costs import cost_per_request
from rackcalc.formulas.money.payback import discounted_payback, payback
from rackcalc.formulas.money.present_value import (
    cost_of_capital,
    lease_advantage,
    level_payment,
    npv_of_flows,
    per_time,
)
from rackcalc.formulas.money.present_value import other_part as rest_of
from rackcalc.formulas.money.prices import per_gpu
from rackcalc.formulas.money.rate_of_return import irr_of_flows
from rackcalc.formulas.money.revenue import net_value, request_revenue, token_revenue
from rackcalc.formulas.money.tokens import cost_of_tokens, cost_ratio, other_share, share_of_tokens
from rackcalc.quantities.quantity import Quantity, constant, renamed
from rackcalc.quantities.record import record
from rackcalc.spec.money import Api, Economics

YEAR = 8760 * 3600.0  # seconds
ONE = constant(1.0, "1", "all", "given", note="all of it")
NO_SHARE = constant(0.0, "1", "share", "given", note="economics.token_split puts all cost on the output")


@record
class Delivered:
    """What the rack delivers per time: request/s, token/s of prompts, of prompts that a cache holds, and of answers.

    prompt_share: of the chips' time that prompts take; None where that cannot be told. gpus: how many GPUs, None beside
    other chips.
    """

    requests: Quantity | None = None
    input: Quantity | None = None
    cached: Quantity | None = None
    output: Quantity | None = None
    prompt_share: Quantity | None = None
    gpus: Quantity | None = None

    @property
    def prompts(self) -> dict[str, Quantity]:
        """Tokens of prompts by name, those that a cache holds among them."""
        named = {"input": self.input, "cached": self.cached}
        return {name: rate for name, rate in named.items() if rate is not None}

    @property
    def tokens(self) -> dict[str, Quantity]:
        """Tokens of all kinds by name."""
        return self.prompts if self.output is None else {**self.prompts, "output": self.output}


@record
class CostSums:
    """Sums of what the rack costs.

    capex: USD paid at the start. opex: USD/s. resale: USD at the end. tco: USD of today over the horizon. annualised,
    per_hour: USD/s, the level income at which nothing is earned or lost; per_gpu_hour: the same for each GPU.
    per_million_*: USD/token and USD/request. Of tokens: total is all cost over all tokens; input and output split it as
    economics.token_split says, by default by the time that prompts and answers take on the chips. per_million_tokens is
    all cost over the generated tokens alone, as if prompts were free.
    """

    capex: Quantity
    opex: Quantity
    resale: Quantity
    tco: Quantity
    annualised: Quantity
    per_hour: Quantity
    per_gpu_hour: Quantity | None
    per_million_tokens: Quantity | None
    per_million_input_tokens: Quantity | None
    per_million_output_tokens: Quantity | None
    per_million_total_tokens: Quantity | None
    per_million_requests: Quantity | None


@record
class Cost(CostSums):
    """What the rack costs. Terms add up to their sums; where a term is unknown, so are the sums that it belongs to.

    lease_advantage: USD of today that renting saves over buying, when both prices are known. per_hour_terms: what
    per_hour is made of: purchases spread evenly over the horizon, the cost of the capital in them, and running costs.
    payments, depreciation: USD in each year. api: USD/s that the same tokens cost at the list prices of public APIs, by
    provider; api_ratio: per_hour over the cheapest of them. unpriced: pools without a price. known: the same sums over
    the known terms alone, so the least that the rack costs; None where all is known.
    """

    lease_advantage: Quantity | None
    capex_terms: Mapping[str, Quantity]
    opex_terms: Mapping[str, Quantity]
    per_hour_terms: Mapping[str, Quantity]
    payments: Mapping[str, Quantity]
    depreciation: Mapping[str, Quantity]
    api: Mapping[str, Quantity]
    api_ratio: Quantity | None
    unpriced: tuple[str, ...]
    known: CostSums | None


@record
class Roi:
    """What the rack earns. value: USD/s before costs; net: after running cost; npv: USD; irr: 1/s; payback: s.

    cash_flow: USD in each year, after tax; npv, irr and payback follow from it.
    """

    value: Quantity
    net: Quantity
    npv: Quantity
    irr: Quantity
    payback: Quantity
    discounted_payback: Quantity
    value_terms: Mapping[str, Quantity]
    cash_flow: Mapping[str, Quantity]


@record
class Money:
    """Cost of the rack, and its return when it earns anything."""

    cost: Cost
    roi: Roi | None


class Year(NamedTuple):
    """A year of the horizon, the first being 1. part: how much of it lies within. shown: not all beyond the horizon."""

    number: Quantity
    part: Quantity
    shown: bool

    @property
    def name(self) -> str:
        """What the year is called in a result."""
        return f"year_{self.number.value:g}"


class Payments(NamedTuple):
    """What is paid over the years. running: by year, after tax; resale: by year; depreciation: by year."""

    running: dict[str, Quantity]
    resale: dict[str, Quantity]
    depreciation: dict[str, Quantity]


@cache
def _year(number: int) -> Quantity:
    return constant(float(number), "1", "year", "given", note="years are counted from the purchase")


def years_of(horizon: Quantity) -> tuple[Year, ...]:
    """The years of a horizon, and of the longest that it may be, if it is in doubt."""
    middle = float(horizon.value) / YEAR
    high = middle if horizon.high is None else horizon.high / YEAR
    doubtful = horizon.low is None and horizon.kind in ("assumed", "estimate", "press")
    most = middle * max(high / middle, 1.25 if doubtful else 1.0) ** 2.5  # drawn far beyond its range now and then
    numbers = [_year(number) for number in range(1, ceil(most - 1e-9) + 1)]
    return tuple(
        Year(number, part_of_year(year=number, horizon=horizon), float(number.value) < middle + 1 - 1e-9)
        for number in numbers
    )


def economics(
    spec: Economics,
    *,
    supply: Supply,
    delivered: Delivered,
    one_off: Mapping[str, Quantity] | None = None,
    running: Mapping[str, Quantity] | None = None,
    income: Mapping[str, Quantity] | None = None,
    utilization: Quantity = ONE,
    api: Api | None = None,
) -> Money:
    """Costs and return of one rack.

    supply: prices of the hardware, and its power. delivered: what is sold. one_off: further USD at the start without
    resale value (porting). running: further costs (USD/s). income: further income (USD/s; value of latency, sharing).
    utilization: share of what is delivered that is used and paid. api: list prices for the same tokens.
    """
    offers = _api_costs(api, delivered, utilization)
    extras = bills.Extras(
        {"one-off": spec.one_off, **(one_off or {})},
        {"staff": spec.staff, "software": spec.software, **bills.licences(spec), **(running or {})},
    )
    bought, rented = bills.purchases(spec, supply), bills.rents(spec, supply, utilization)
    paid_api = _api_paid(spec, offers) if spec.acquisition == "api" else {}

    def bill(bought: Mapping[str, Quantity], rented: Mapping[str, Quantity]) -> Bill:
        if spec.acquisition == "api":
            return bills.api_bill(paid_api, extras)
        if spec.acquisition == "rent":
            return bills.rent_bill(spec, rented, supply, extras)
        return bills.purchase_bill(spec, bought, supply, extras)

    years = years_of(horizon_of(spec))
    whole = bill(bought, rented)
    sums, payments = _sums(spec, whole, years, delivered, utilization, listed=True)
    priced = {"purchase": bought, "rent": rented, "api": {}}[spec.acquisition]
    certain = bills.known_terms(bill(bills.known(bought), bills.known(rented)))
    unpriced = tuple(name for name, price in priced.items() if not price.known)
    cheapest = smallest(**offers) if offers else None
    cost = Cost(
        **sums.__dict__,
        lease_advantage=_lease_advantage(spec, sums, bought, rented, supply, extras, years),
        capex_terms=whole.capex,
        opex_terms=whole.opex,
        per_hour_terms=_per_hour_terms(spec, whole, sums, supply),
        payments={"year_0": sums.capex, **_shown(years, _money_out(payments))},
        depreciation=_shown(years, payments.depreciation),
        api=offers,
        api_ratio=None if cheapest is None else cost_ratio(cost=sums.annualised, other=cheapest),
        unpriced=unpriced,
        known=None if sums.tco.known else _sums(spec, certain, years, delivered, utilization)[0],
    )
    terms = _income(spec, delivered, utilization, income or {})
    return Money(cost, _roi(spec, cost, payments, years, terms) if terms else None)


def horizon_of(spec: Economics) -> Quantity:
    """Time over which the money is reckoned."""
    return bills.own(spec.horizon, spec.prices.horizon)


def rate_of(spec: Economics) -> Quantity:
    """Cost of capital."""
    return bills.own(spec.discount_rate, spec.prices.discount_rate)


def _shown(years: tuple[Year, ...], amounts: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {year.name: amounts[year.name] for year in years if year.shown}


def _money_out(payments: Payments) -> dict[str, Quantity]:
    return {name: money_out(paid=paid, resale=payments.resale[name]) for name, paid in payments.running.items()}


def _payments(
    spec: Economics, capex: Quantity, opex: Quantity, resale: Quantity, years: tuple[Year, ...], listed: bool
) -> Payments:
    """What is paid in each year. capex: USD at the start, opex: USD/s, resale: USD at the end.

    listed: whether depreciation is a figure by itself; else only tax depends on it.
    """
    horizon, tax = horizon_of(spec), spec.tax_rate
    matters = capex.known and (listed or float(tax.value) > 0)
    if matters and spec.depreciation == "macrs-5":
        off = {year.name: macrs_5(capex=capex, year=year.number, part=year.part) for year in years}
    else:
        life = horizon if spec.depreciation_life is None else spec.depreciation_life
        lasting = {"capex": capex, "resale": resale, "life": life, "horizon": horizon}
        off = {year.name: straight_line(year=year.number, **lasting) for year in years}
    running = {year.name: amount_in_year(rate=opex, part=year.part) for year in years}
    book = resale
    if float(tax.value) > 0:
        running = {
            name: paid_in_year(costs=costs, depreciation=off[name], tax_rate=tax) for name, costs in running.items()
        }
        book = book_value(capex=capex, **off)
    sold = {
        year.name: resale_in_year(resale=resale, book=book, tax_rate=tax, year=year.number, horizon=horizon)
        for year in years
    }
    return Payments(running, sold, off)


def _sums(
    spec: Economics,
    bill: Bill,
    years: tuple[Year, ...],
    delivered: Delivered,
    utilization: Quantity,
    listed: bool = False,
) -> tuple[CostSums, Payments]:
    capex, opex = bills.sum_of("capex", "USD", bill.capex), bills.sum_of("opex", "USD/s", bill.opex)
    payments = _payments(spec, capex, opex, bill.resale, years, listed)
    time = {"discount_rate": rate_of(spec), "horizon": horizon_of(spec)}
    tco = renamed(npv_of_flows(**time, year_0=capex, **_money_out(payments)), "tco")
    annualised = renamed(level_payment(present_cost=tco, tax_rate=spec.tax_rate, **time), "annualised")
    requests = delivered.requests
    use = {"cost": annualised, "utilization": utilization}
    sums = CostSums(
        capex=capex,
        opex=opex,
        resale=bill.resale,
        tco=tco,
        annualised=annualised,
        per_hour=renamed(annualised, "per_hour"),
        per_gpu_hour=None
        if delivered.gpus is None or spec.acquisition == "api"
        else per_gpu(cost=annualised, count=delivered.gpus),
        per_million_requests=None if requests is None else cost_per_request(requests=requests, **use),
        **_per_token(spec, delivered, use),
    )
    return sums, payments


def _per_token(spec: Economics, delivered: Delivered, use: Mapping[str, Quantity]) -> dict[str, Quantity | None]:
    """Cost of one token of each kind, by the split that the file states."""
    prompts, output = delivered.prompts, delivered.output
    found: dict[str, Quantity | None] = dict.fromkeys(
        ("per_million_tokens", "per_million_input_tokens", "per_million_output_tokens", "per_million_total_tokens")
    )
    if not prompts:
        return found
    read = total(**prompts)
    every = read if output is None else total(input=read, output=output)
    found["per_million_total_tokens"] = cost_of_tokens(tokens=every, share=ONE, **use)
    if output is None:
        found["per_million_input_tokens"] = found["per_million_total_tokens"]
        return found
    found["per_million_tokens"] = cost_of_tokens(tokens=output, share=ONE, **use)
    share = {
        "gpu-time": delivered.prompt_share,
        "output": NO_SHARE,
        "tokens": share_of_tokens(tokens=read, all_tokens=every),
    }[spec.token_split]
    if share is not None:
        found["per_million_input_tokens"] = cost_of_tokens(tokens=read, share=share, **use)
        found["per_million_output_tokens"] = cost_of_tokens(tokens=output, share=other_share(share=share), **use)
    return found


def _per_hour_terms(spec: Economics, bill: Bill, sums: CostSums, supply: Supply) -> dict[str, Quantity]:
    """What the level cost is made of."""
    horizon, found = horizon_of(spec), {}
    for name, amount in bill.capex.items():
        made_of = supply.made_of.get(name, {}) if amount is supply.purchases.get(name) else {}
        for part, price in (made_of or {name: amount}).items():
            found[part] = per_time(amount=price, horizon=horizon)
    if bill.resale is not bills.NOT_SOLD:
        found["resale"] = per_time(amount=outlay(capex=bill.resale), horizon=horizon)
    if bill.capex:
        found["financing"] = cost_of_capital(
            capex=sums.capex, resale=bill.resale, discount_rate=rate_of(spec), horizon=horizon
        )
    found |= bill.opex
    if float(spec.tax_rate.value) > 0:
        found["tax"] = rest_of(whole=sums.annualised, part=total(**found))
    return found


def _lease_advantage(
    spec: Economics,
    sums: CostSums,
    bought: Mapping[str, Quantity],
    rented: Mapping[str, Quantity],
    supply: Supply,
    extras: bills.Extras,
    years: tuple[Year, ...],
) -> Quantity | None:
    """Advantage of renting over buying; None where a price or a rent is unknown, and for tokens from an API."""
    known = all(term.known for term in (*bought.values(), *rented.values()))
    if spec.acquisition == "api" or not bought or not rented or not known:
        return None
    renting = spec.acquisition == "rent"
    other = (
        bills.purchase_bill(spec, bought, supply, extras) if renting else bills.rent_bill(spec, rented, supply, extras)
    )
    there = _sums(spec, other, years, Delivered(), ONE)[0].tco
    here = sums.tco
    return lease_advantage(owning=there if renting else here, renting=here if renting else there)


def _api_costs(api: Api | None, delivered: Delivered, utilization: Quantity) -> dict[str, Quantity]:
    """What the tokens cost at each provider [USD/s]."""
    if api is None or delivered.output is None or not delivered.prompts:
        return {}
    found = {}
    for provider, offer in api.offers.items():
        prices = {"input": offer.input, "cached": bills.own(offer.cached, offer.input), "output": offer.output}
        bills_of = {
            name: token_revenue(price=prices[name], tokens=rate, utilization=utilization)
            for name, rate in delivered.tokens.items()
        }
        found[provider] = total(**bills_of)
    return found


def _api_paid(spec: Economics, offers: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """What is paid to the provider that the file names, else to the cheapest."""
    if spec.provider is not None:
        return {"api": offers[spec.provider]}
    return {"api": smallest(**offers)}


def _income(
    spec: Economics, delivered: Delivered, utilization: Quantity, income: Mapping[str, Quantity]
) -> dict[str, Quantity]:
    """Income by name."""
    terms = dict(income)
    prices = {
        "input": spec.token_prices.input,
        "cached": spec.token_prices.input if spec.token_prices.cached is None else spec.token_prices.cached,
        "output": spec.token_prices.output,
    }
    for name, rate in delivered.tokens.items():
        price = prices[name]
        if price is not None:
            terms[f"{name}_tokens"] = token_revenue(price=price, tokens=rate, utilization=utilization)
    if spec.request_price is not None and delivered.requests is not None:
        terms["requests"] = request_revenue(
            price=spec.request_price, requests=delivered.requests, utilization=utilization
        )
    if spec.other_income is not None:
        terms["other"] = spec.other_income
    return terms


def _roi(
    spec: Economics, cost: Cost, payments: Payments, years: tuple[Year, ...], terms: Mapping[str, Quantity]
) -> Roi:
    value = bills.sum_of("value", "USD/s", terms)
    earned = {year.name: amount_in_year(rate=value, part=year.part) for year in years}
    net = {
        name: net_in_year(income=income, paid=payments.running[name], tax_rate=spec.tax_rate)
        for name, income in earned.items()
    }
    first = outlay(capex=cost.capex)
    flows = {name: total(net=left, resale=payments.resale[name]) for name, left in net.items()}
    horizon, rate = horizon_of(spec), rate_of(spec)
    return Roi(
        value=value,
        net=net_value(value=value, opex=cost.opex),
        npv=renamed(npv_of_flows(discount_rate=rate, horizon=horizon, year_0=first, **flows), "npv"),
        irr=renamed(irr_of_flows(horizon=horizon, year_0=first, **flows), "irr"),
        payback=payback(capex=cost.capex, horizon=horizon, **net),
        discounted_payback=discounted_payback(capex=cost.capex, discount_rate=rate, horizon=horizon, **net),
        value_terms=terms,
        cash_flow={"year_0": first, **_shown(years, flows)},
    )
