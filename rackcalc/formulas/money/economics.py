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
from rackcalc.formulas.money.prices import premium, resale_value
from rackcalc.formulas.money.rate_of_return import irr
from rackcalc.formulas.money.revenue import net_value, request_revenue, token_revenue
from rackcalc.quantities.quantity import Quantity, constant, renamed, unknown
from rackcalc.quantities.record import record, replace
from rackcalc.spec.money import Economics

NOT_SOLD = constant(0.0, "USD", "resale", "given", note="rented hardware is not sold")


@record
class CostSums:
    """Sums of what the rack costs.

    capex: USD paid at the start. opex: USD/s. resale: USD at the end. tco: USD of today over the horizon. annualised,
    per_hour: USD/s, capital, resale and running cost as one level payment. per_million_*: USD/token and USD/request.
    """

    capex: Quantity
    opex: Quantity
    resale: Quantity
    tco: Quantity
    annualised: Quantity
    per_hour: Quantity
    per_million_tokens: Quantity | None
    per_million_requests: Quantity | None


@record
class Cost(CostSums):
    """What the rack costs. Terms add up to their sums; where a term is unknown, so are the sums that it belongs to.

    lease_advantage: USD of today that renting saves over buying, when both prices are known. unpriced: pools without a
    price. known: the same sums over the known terms alone, so the least that the rack costs; None where all is known.
    """

    lease_advantage: Quantity | None
    capex_terms: Mapping[str, Quantity]
    opex_terms: Mapping[str, Quantity]
    unpriced: tuple[str, ...]
    known: CostSums | None


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


@record
class _Bill:
    """What is paid, by name: at the start [USD] and while it runs [USD/s], and what the hardware is sold for [USD]."""

    capex: Mapping[str, Quantity]
    opex: Mapping[str, Quantity]
    resale: Quantity


def economics(
    spec: Economics,
    *,
    purchases: Mapping[str, Quantity | None],
    rents: Mapping[str, Quantity | None],
    it_power: Quantity,
    facility_power: Quantity,
    tokens: Quantity | None = None,
    requests: Quantity | None = None,
    cooling_premium: Quantity | None = None,
    one_off: Mapping[str, Quantity] | None = None,
    running: Mapping[str, Quantity] | None = None,
    income: Mapping[str, Quantity] | None = None,
) -> Money:
    """Costs and return of one rack.

    purchases, rents: catalog price (USD) and rent (USD/s) of each whole pool, None if the catalog has none; prices of
    the price book replace them by name, and prices of the spec replace both. A pool that still has none makes the sums
    unknown. it_power: W for which space is rented. facility_power: average W. tokens, requests: token/s and request/s
    that the rack can deliver within its latency limit, None if they do not apply. cooling_premium: what the cooling
    adds to the price of the hardware [1]. one_off: further USD at the start without resale value (porting). running:
    further costs (USD/s). income: further income (USD/s; value of latency, sharing).
    """
    bought = _priced(purchases, spec.prices.purchase, "USD", "price") | dict(spec.price)
    rented = _rented(spec, rents)
    power = {"it_power": it_power, "facility_power": facility_power}
    extra_capex = {"one-off": spec.one_off, **(one_off or {})}
    extra_opex = {"staff": spec.staff, "software": spec.software, **(running or {})}

    def bill(bought: Mapping[str, Quantity], rented: Mapping[str, Quantity]) -> _Bill:
        if spec.acquisition == "rent":
            return _rent_bill(spec, rented, power, extra_capex, extra_opex)
        return _purchase_bill(spec, bought, power, cooling_premium, extra_capex, extra_opex)

    whole = bill(bought, rented)
    sums = _sums(spec, whole, tokens, requests)
    priced = rented if spec.acquisition == "rent" else bought
    certain = _known_terms(bill(_known(bought), _known(rented)))
    cost = Cost(
        **sums.__dict__,
        lease_advantage=_lease_advantage(spec, bought, rented, power),
        capex_terms=whole.capex,
        opex_terms=whole.opex,
        unpriced=tuple(name for name, price in priced.items() if not price.known),
        known=None if sums.tco.known else _sums(spec, certain, tokens, requests),
    )
    terms = _income(spec, tokens, requests, income or {})
    return Money(cost, _roi(spec, cost, terms) if terms else None)


def _known(terms: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {name: term for name, term in terms.items() if term.known}


def _known_terms(bill: _Bill) -> _Bill:
    """The bill without what is unknown."""
    return replace(bill, capex=_known(bill.capex), opex=_known(bill.opex))


def _purchase_bill(
    spec: Economics,
    bought: Mapping[str, Quantity],
    power: Mapping[str, Quantity],
    cooling_premium: Quantity | None,
    extra_capex: Mapping[str, Quantity],
    extra_opex: Mapping[str, Quantity],
) -> _Bill:
    """The bill of an owner."""
    purchase = _sum("purchase", "USD", bought)
    cooling = {}
    if bought and cooling_premium is not None:
        cooling["cooling"] = premium(price=total(**bought), premium=cooling_premium)
    resale = resale_value(purchase=purchase, resale=_own(spec.resale, spec.prices.resale))
    owning = _owning(spec, purchase, power)
    return _Bill({**bought, **extra_capex, **cooling}, {**owning, **extra_opex}, resale)


def _rent_bill(
    spec: Economics,
    rented: Mapping[str, Quantity],
    power: Mapping[str, Quantity],
    extra_capex: Mapping[str, Quantity],
    extra_opex: Mapping[str, Quantity],
) -> _Bill:
    """The bill of a tenant."""
    rents = {f"rent of {name}": rent for name, rent in rented.items()}
    paid = _tenant_pays(spec, power) if spec.rent_covers == "hardware" else {}
    return _Bill(extra_capex, {**rents, **paid, **extra_opex}, NOT_SOLD)


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


def _priced(
    catalog: Mapping[str, Quantity | None], book: Mapping[str, Quantity], unit: str, noun: str
) -> dict[str, Quantity]:
    """Price of every pool; the price book takes precedence over the catalog. Unknown where neither has one."""
    found = {name: book.get(name, price) for name, price in catalog.items()}
    return {
        name: unknown(unit, noun, f"no {noun} for {name}") if price is None else price for name, price in found.items()
    }


def _rented(spec: Economics, rents: Mapping[str, Quantity | None]) -> dict[str, Quantity]:
    """Rents by pool, or {"rack": ...} for the whole rack."""
    whole = _own(spec.rent, spec.prices.rent["rack"]) if "rack" in spec.prices.rent else spec.rent
    return _priced(rents, spec.prices.rent, "USD/s", "rent") if whole is None else {"rack": whole}


def _tenant_pays(spec: Economics, power: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """Running costs of a tenant whose rent covers the hardware alone, and of every owner."""
    book = spec.prices
    return {
        "energy": energy_cost(
            facility_power=power["facility_power"], electricity=_own(spec.electricity, book.electricity)
        ),
        "space": space_cost(it_power=power["it_power"], space=_own(spec.space, book.space)),
    }


def _owning(spec: Economics, purchase: Quantity, power: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """Running costs of an owner."""
    share = _own(spec.maintenance, spec.prices.maintenance)
    return {**_tenant_pays(spec, power), "maintenance": maintenance_cost(purchase=purchase, maintenance=share)}


def _lease_advantage(
    spec: Economics, bought: Mapping[str, Quantity], rented: Mapping[str, Quantity], power: Mapping[str, Quantity]
) -> Quantity | None:
    """Advantage of renting over buying; None where a price or a rent is unknown."""
    purchase, rent = _sum("purchase", "USD", bought), _sum("rent", "USD/s", rented)
    if not bought or not rented or not purchase.known or not rent.known:
        return None
    spared = _owning(spec, purchase, power)
    if spec.acquisition == "rent" and spec.rent_covers == "hardware":
        spared = {"maintenance": spared["maintenance"]}
    return present_value.lease_advantage(
        capex=purchase,
        resale_value=resale_value(purchase=purchase, resale=_own(spec.resale, spec.prices.resale)),
        owner_cost=_sum("owner_cost", "USD/s", spared),
        rent=rent,
        discount_rate=_rate(spec),
        horizon=_horizon(spec),
        tax_rate=spec.tax_rate,
    )


def _sums(spec: Economics, bill: _Bill, tokens: Quantity | None, requests: Quantity | None) -> CostSums:
    capex, opex = _sum("capex", "USD", bill.capex), _sum("opex", "USD/s", bill.opex)
    time = {"discount_rate": _rate(spec), "horizon": _horizon(spec)}
    annualised = annualised_cost(
        capex=capex,
        resale_value=bill.resale,
        opex=opex,
        recovery=capital_recovery_factor(**time),
        sinking=sinking_fund_factor(**time),
    )
    use = {"cost": annualised, "utilization": spec.utilization}
    return CostSums(
        capex=capex,
        opex=opex,
        resale=bill.resale,
        tco=present_cost(capex=capex, resale_value=bill.resale, opex=opex, **time),
        annualised=annualised,
        per_hour=renamed(annualised, "per_hour"),
        per_million_tokens=None if tokens is None else cost_per_token(tokens=tokens, **use),
        per_million_requests=None if requests is None else cost_per_request(requests=requests, **use),
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
