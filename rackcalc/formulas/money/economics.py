"""Costs and return of a rack: capital, running costs, cash flow by year, and what follows from it.

Money is in USD, money per time in USD/s (shown per hour, month or year), prices per token and per request in
USD/token and USD/request (shown per million).
"""

from collections.abc import Mapping

from rackcalc.formulas.combine import total
from rackcalc.formulas.money import bills
from rackcalc.formulas.money.accounts import Cost, CostSums, Delivered, Money, Roi
from rackcalc.formulas.money.bills import Bill, Supply
from rackcalc.formulas.money.cash_flow import amount_in_year, net_in_year, outlay
from rackcalc.formulas.money.costs import cost_per_request
from rackcalc.formulas.money.income import api_costs, api_paid, income_terms
from rackcalc.formulas.money.payback import discounted_payback, payback
from rackcalc.formulas.money.payments import (
    Payments,
    Year,
    amounts_out,
    horizon_of,
    payments_of,
    rate_of,
    shown,
    years_of,
)
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
from rackcalc.formulas.money.revenue import net_value
from rackcalc.formulas.money.tokens import cost_of_tokens, cost_ratio, other_share, share_of_tokens
from rackcalc.quantities.quantity import Quantity, constant, renamed
from rackcalc.spec.money import Api, Economics

ONE = constant(1.0, "1", "all", "given", note="all of it")
NO_SHARE = constant(0.0, "1", "share", "given", note="economics.token_split puts all cost on the output")


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
    offers = api_costs(api, delivered, utilization)
    extras = bills.Extras(
        {"one-off": spec.one_off, **(one_off or {})},
        {"staff": spec.staff, "software": spec.software, **bills.licences(spec), **(running or {})},
    )
    bought, rented = bills.purchases(spec, supply), bills.rents(spec, supply, utilization)
    network = bills.network(spec, supply)
    paid_api = api_paid(spec, offers) if spec.acquisition == "api" else {}

    def bill(bought: Mapping[str, Quantity], rented: Mapping[str, Quantity], network: Mapping[str, Quantity]) -> Bill:
        if spec.acquisition == "api":
            return bills.api_bill(paid_api, extras)
        if spec.acquisition == "rent":
            return bills.rent_bill(spec, rented, supply, extras)
        return bills.purchase_bill(spec, bought, network, supply, extras)

    years = years_of(horizon_of(spec))
    whole = bill(bought, rented, network)
    sums, payments = _sums(spec, whole, years, delivered, utilization, listed=True)
    priced = {"purchase": bought, "rent": rented, "api": {}}[spec.acquisition]
    certain = bills.known_terms(bill(*map(bills.known, (bought, rented, network))))
    unpriced = tuple(name for name, price in priced.items() if not price.known)
    other = next(iter(api_paid(spec, offers).values())) if offers else None
    cost = Cost(
        **sums.__dict__,
        lease_advantage=_lease_advantage(spec, sums, bought, rented, network, supply, extras, years),
        capex_terms=whole.capex,
        opex_terms=whole.opex,
        per_hour_terms=_per_hour_terms(spec, whole, sums, supply),
        payments={"year_0": sums.capex, **shown(years, amounts_out(payments))},
        depreciation=shown(years, payments.depreciation),
        api=offers,
        api_ratio=None if other is None else cost_ratio(cost=sums.annualised, other=other),
        unpriced=unpriced,
        known=None if sums.tco.known else _sums(spec, certain, years, delivered, utilization)[0],
    )
    terms = income_terms(spec, delivered, utilization, income or {})
    return Money(cost, _roi(spec, cost, payments, years, terms) if terms else None)


def _sums(
    spec: Economics,
    bill: Bill,
    years: tuple[Year, ...],
    delivered: Delivered,
    utilization: Quantity,
    listed: bool = False,
) -> tuple[CostSums, Payments]:
    capex, opex = bills.sum_of("capex", "USD", bill.capex), bills.sum_of("opex", "USD/s", bill.opex)
    payments = payments_of(spec, capex, opex, bill.resale, years, listed)
    time = {"discount_rate": rate_of(spec), "horizon": horizon_of(spec)}
    tco = renamed(npv_of_flows(**time, year_0=capex, **amounts_out(payments)), "tco")
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
    network: Mapping[str, Quantity],
    supply: Supply,
    extras: bills.Extras,
    years: tuple[Year, ...],
) -> Quantity | None:
    """Advantage of renting over buying; None where a price or a rent is unknown, and for tokens from an API."""
    known = all(term.known for term in (*bought.values(), *rented.values(), *network.values()))
    if spec.acquisition == "api" or not bought or not rented or not known:
        return None
    renting = spec.acquisition == "rent"
    if renting:
        other = bills.purchase_bill(spec, bought, network, supply, extras)
    else:
        other = bills.rent_bill(spec, rented, supply, extras)
    there = _sums(spec, other, years, Delivered(), ONE)[0].tco
    here = sums.tco
    return lease_advantage(owning=there if renting else here, renting=here if renting else there)


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
        cash_flow={"year_0": first, **shown(years, flows)},
    )
