"""Costs and return of a rack: capital, running costs, cost per unit, net present value and payback.

Money is in USD, money per time in USD/s (shown per hour, month or year), prices per token and per request in
USD/token and USD/request (shown per million).
"""

from collections.abc import Mapping

from rackcalc.formulas.combine import total
from rackcalc.formulas.money import present_value
from rackcalc.formulas.money.costs import cost_per_request, cost_per_token, energy_cost, maintenance_cost, space_cost
from rackcalc.formulas.money.payback import discounted_payback, payback
from rackcalc.formulas.money.present_value import (
    annualised_cost,
    capital_recovery_factor,
    npv,
    present_cost,
    sinking_fund_factor,
)
from rackcalc.formulas.money.prices import resale_value
from rackcalc.formulas.money.rate_of_return import irr
from rackcalc.formulas.money.revenue import net_value, request_revenue, token_revenue
from rackcalc.quantities.quantity import Quantity, constant, renamed
from rackcalc.quantities.record import record
from rackcalc.spec.money import Economics


@record
class Cost:
    """What the rack costs. Terms add up to their sums; pools without any price are named, not counted.

    capex: USD paid at the start. opex: USD/s. tco: USD of today over the horizon. annualised, per_hour: USD/s, capital,
    resale and running cost as one level payment. per_million_*: USD/token and USD/request. lease_advantage: USD of
    today that renting saves over buying, when both prices are known.
    """

    capex: Quantity
    opex: Quantity
    resale: Quantity
    tco: Quantity
    annualised: Quantity
    per_hour: Quantity
    per_million_tokens: Quantity | None
    per_million_requests: Quantity | None
    lease_advantage: Quantity | None
    capex_terms: Mapping[str, Quantity]
    opex_terms: Mapping[str, Quantity]
    unpriced: tuple[str, ...]


@record
class Roi:
    """What the rack earns. value: USD/s before costs; net: after running cost; npv: USD; irr: 1/s; payback: s."""

    value: Quantity
    net: Quantity
    npv: Quantity
    irr: Quantity
    payback: Quantity
    discounted_payback: Quantity
    value_terms: Mapping[str, Quantity]


@record
class Money:
    """Cost of the rack, and its return when it earns anything."""

    cost: Cost
    roi: Roi | None


def economics(
    spec: Economics,
    *,
    purchases: Mapping[str, Quantity | None],
    rents: Mapping[str, Quantity | None],
    it_power: Quantity,
    facility_power: Quantity,
    tokens: Quantity | None = None,
    requests: Quantity | None = None,
    one_off: Mapping[str, Quantity] | None = None,
    running: Mapping[str, Quantity] | None = None,
    income: Mapping[str, Quantity] | None = None,
) -> Money:
    """Costs and return of one rack.

    purchases, rents: catalog price (USD) and rent (USD/s) of each whole pool, None if the catalog has none; prices of
    the price book replace them by name, and prices of the spec replace both. it_power: W for which space is rented.
    facility_power: average W. tokens, requests: token/s and request/s that the rack can deliver within its latency
    limit, None if they do not apply. one_off: further USD at the start without resale value (porting). running: further
    costs (USD/s). income: further income (USD/s; value of latency, sharing).
    """
    bought = _priced(purchases, spec.prices.purchase) | dict(spec.price)
    rented = _rented(spec, rents)
    purchase = _sum("purchase", "USD", bought)
    owning = _owning(spec, purchase, it_power, facility_power)
    renting = {name: owning[name] for name in ("energy", "space")} if rented and spec.rent_covers == "hardware" else {}
    capex = {"one-off": spec.one_off, **(one_off or {})}
    opex = {"staff": spec.staff, "software": spec.software, **(running or {})}
    if spec.acquisition == "purchase":
        capex, opex = {**bought, **capex}, {**owning, **opex}
        resale = resale_value(purchase=purchase, resale=_own(spec.resale, spec.prices.resale))
        unpriced = tuple(name for name in purchases if name not in bought)
    else:
        opex = {**{f"rent of {name}": rent for name, rent in rented.items()}, **renting, **opex}
        resale = constant(0.0, "USD", "resale", "given", note="rented hardware is not sold")
        unpriced = () if "rack" in rented else tuple(name for name in rents if name not in rented)
    spared = {name: cost for name, cost in owning.items() if name not in renting}
    comparable = bool(rented) and bool(bought) and all(name in bought for name in purchases)
    advantage = _lease_advantage(spec, purchase, spared, rented) if comparable else None
    cost = _cost(spec, capex, opex, resale, tokens, requests, advantage, unpriced)
    terms = _income(spec, tokens, requests, income or {})
    return Money(cost, _roi(spec, cost, terms) if terms else None)


def _own(own: Quantity | None, common: Quantity) -> Quantity:
    """The value of the rack file, or else that of the price book."""
    return common if own is None else own


def _rate(spec: Economics) -> Quantity:
    return _own(spec.discount_rate, spec.prices.discount_rate)


def _horizon(spec: Economics) -> Quantity:
    return _own(spec.horizon, spec.prices.horizon)


def _sum(name: str, unit: str, terms: Mapping[str, Quantity]) -> Quantity:
    """The sum of terms under a name; 0 without terms."""
    return renamed(total(**terms), name) if terms else constant(0.0, unit, name, "given", note="no terms")


def _priced(catalog: Mapping[str, Quantity | None], book: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """Price of every pool that has one; the price book takes precedence over the catalog."""
    found = {name: book.get(name, price) for name, price in catalog.items()}
    return {name: price for name, price in found.items() if price is not None}


def _rented(spec: Economics, rents: Mapping[str, Quantity | None]) -> dict[str, Quantity]:
    """Rents by pool, or {"rack": ...} for the whole rack; empty if a pool has no rent and the rack is not rented."""
    whole = _own(spec.rent, spec.prices.rent["rack"]) if "rack" in spec.prices.rent else spec.rent
    if whole is not None:
        return {"rack": whole}
    found = _priced(rents, spec.prices.rent)
    return found if spec.acquisition == "rent" or len(found) == len(rents) else {}


def _owning(spec: Economics, purchase: Quantity, it_power: Quantity, facility_power: Quantity) -> dict[str, Quantity]:
    """Running costs of an owner."""
    book = spec.prices
    return {
        "energy": energy_cost(facility_power=facility_power, electricity=_own(spec.electricity, book.electricity)),
        "space": space_cost(it_power=it_power, space=_own(spec.space, book.space)),
        "maintenance": maintenance_cost(purchase=purchase, maintenance=_own(spec.maintenance, book.maintenance)),
    }


def _lease_advantage(
    spec: Economics, purchase: Quantity, spared: Mapping[str, Quantity], rented: Mapping[str, Quantity]
) -> Quantity:
    """Advantage of renting over buying. spared: running costs of an owner that the rent covers."""
    return present_value.lease_advantage(
        capex=purchase,
        resale_value=resale_value(purchase=purchase, resale=_own(spec.resale, spec.prices.resale)),
        owner_cost=_sum("owner_cost", "USD/s", spared),
        rent=_sum("rent", "USD/s", rented),
        discount_rate=_rate(spec),
        horizon=_horizon(spec),
        tax_rate=spec.tax_rate,
    )


def _cost(
    spec: Economics,
    capex_terms: Mapping[str, Quantity],
    opex_terms: Mapping[str, Quantity],
    resale: Quantity,
    tokens: Quantity | None,
    requests: Quantity | None,
    lease_advantage: Quantity | None,
    unpriced: tuple[str, ...],
) -> Cost:
    capex, opex = _sum("capex", "USD", capex_terms), _sum("opex", "USD/s", opex_terms)
    time = {"discount_rate": _rate(spec), "horizon": _horizon(spec)}
    annualised = annualised_cost(
        capex=capex,
        resale_value=resale,
        opex=opex,
        recovery=capital_recovery_factor(**time),
        sinking=sinking_fund_factor(**time),
    )
    use = {"cost": annualised, "utilization": spec.utilization}
    return Cost(
        capex=capex,
        opex=opex,
        resale=resale,
        tco=present_cost(capex=capex, resale_value=resale, opex=opex, **time),
        annualised=annualised,
        per_hour=renamed(annualised, "per_hour"),
        per_million_tokens=None if tokens is None else cost_per_token(tokens=tokens, **use),
        per_million_requests=None if requests is None else cost_per_request(requests=requests, **use),
        lease_advantage=lease_advantage,
        capex_terms=capex_terms,
        opex_terms=opex_terms,
        unpriced=unpriced,
    )


def _income(
    spec: Economics, tokens: Quantity | None, requests: Quantity | None, income: Mapping[str, Quantity]
) -> dict[str, Quantity]:
    """Income by name."""
    terms = dict(income)
    if spec.token_price is not None and tokens is not None:
        terms["tokens"] = token_revenue(price=spec.token_price, tokens=tokens, utilization=spec.utilization)
    if spec.request_price is not None and requests is not None:
        terms["requests"] = request_revenue(price=spec.request_price, requests=requests, utilization=spec.utilization)
    if spec.other_income is not None:
        terms["other"] = spec.other_income
    return terms


def _roi(spec: Economics, cost: Cost, terms: Mapping[str, Quantity]) -> Roi:
    value = _sum("value", "USD/s", terms)
    net = net_value(value=value, opex=cost.opex)
    flows = {"outlay": cost.capex, "net_value": net}
    return Roi(
        value=value,
        net=net,
        npv=npv(resale_value=cost.resale, discount_rate=_rate(spec), horizon=_horizon(spec), **flows),
        irr=irr(resale_value=cost.resale, horizon=_horizon(spec), **flows),
        payback=payback(**flows),
        discounted_payback=discounted_payback(discount_rate=_rate(spec), **flows),
        value_terms=terms,
    )
