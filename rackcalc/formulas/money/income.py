"""What the same tokens cost at public APIs, and what a rack earns."""

from collections.abc import Mapping

from rackcalc.formulas.combine import smallest, total
from rackcalc.formulas.money.accounts import Delivered
from rackcalc.formulas.money.bills import own
from rackcalc.formulas.money.revenue import request_revenue, token_revenue
from rackcalc.quantities.quantity import Quantity
from rackcalc.spec.money import Api, Economics


def api_costs(api: Api | None, delivered: Delivered, utilization: Quantity) -> dict[str, Quantity]:
    """What the tokens cost at each provider [USD/s]."""
    if api is None or delivered.output is None or not delivered.prompts:
        return {}
    found = {}
    for provider, offer in api.offers.items():
        prices = {"input": offer.input, "cached": own(offer.cached, offer.input), "output": offer.output}
        bills_of = {
            name: token_revenue(price=prices[name], tokens=rate, utilization=utilization)
            for name, rate in delivered.tokens.items()
        }
        found[provider] = total(**bills_of)
    return found


def api_paid(spec: Economics, offers: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """What is paid to the provider that the file names, else to the cheapest."""
    if spec.provider is not None:
        return {"api": offers[spec.provider]}
    return {"api": smallest(**offers)}


def income_terms(
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
