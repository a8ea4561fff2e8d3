from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from rackcalc.config.parts import load_part
from rackcalc.formulas.money import accounts
from rackcalc.formulas.money import economics as eco
from rackcalc.formulas.money.bills import Supply
from rackcalc.quantities import unit_text
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.spec.fields import Number, Part, Section, Table, Text, declarations
from rackcalc.spec.money import Economics, PriceBook, TokenPrices

YEAR = 8760 * 3600.0
SUPPLY = {field.name for field in fields(Supply)}


def q(value: str, unit: str, name: str = "x") -> Quantity:
    return constant(unit_text.parse(value, unit), unit, name, "given")


def declared(cls: type, own: dict[str, Any]) -> Any:
    """An instance from texts, with the defaults of its declaration."""
    values = dict(own)
    for name, field in declarations(cls).items():
        if isinstance(field, Number):
            written = own.get(name, field.default)
            values[name] = None if written is None else q(written, field.unit, name)
        elif isinstance(field, Table):
            of = field.of
            values[name] = {
                key: q(text, of.unit, key) if isinstance(of, Number) else declared(of, text)
                for key, text in own.get(name, {}).items()
            }
        elif isinstance(field, Text):
            values.setdefault(name, field.default)
        elif isinstance(field, Section):
            values[name] = declared(field.type, own.get(name, {}))
        elif isinstance(field, Part) and field.default is None:
            values.setdefault(name, None)
    return cls(**values)


BOOK = {
    "name": "test", "electricity": "0.10 USD/kWh", "space": "0 USD/kW/month", "discount_rate": "8 percent/year",
    "maintenance": "5 percent/year", "horizon": "4 year", "resale": "0",
}  # fmt: skip


def spec(book: dict[str, Any] | None = None, **own: Any) -> Economics:
    return declared(Economics, {"prices": declared(PriceBook, BOOK | (book or {}))} | own)


def money(rack: Economics, **own: Any) -> accounts.Money:
    """8 B200 in one system: 450,000 USD, 14.3 kW, PUE 1.3."""
    given: dict[str, Any] = {
        "purchases": {"gpu": q("450000 USD", "USD")},
        "rents": {"gpu": q("40 USD/hour", "USD/s")},
        "it_power": q("14.3 kW", "W"),
        "facility_power": q("18.59 kW", "W"),
        "gpus": q("8", "1"),
        "tokens": q("163 token/s", "token/s"),
        "prompts": q("0 token/s", "token/s"),
        "prompt_share": q("0", "1"),
    }
    given |= own
    supply = Supply(**{name: given.pop(name) for name in list(given) if name in SUPPLY})
    sold = accounts.Delivered(
        requests=given.pop("requests", None),
        input=given.pop("prompts"),
        cached=given.pop("cached", None),
        output=given.pop("tokens"),
        prompt_share=given.pop("prompt_share"),
        gpus=q("8", "1"),
    )
    used = q("0.6", "1") if rack.utilization is None else rack.utilization
    return eco.economics(rack, supply=supply, delivered=sold, utilization=used, **given)


def price(value: float) -> Quantity:
    """A price of one token."""
    return constant(value, "USD/token", "price", "given")


def test_eight_b200() -> None:
    cost = money(spec()).cost
    assert cost.annualised.value * YEAR == pytest.approx(174.6e3, rel=5e-4)
    assert cost.per_hour.value == cost.annualised.value and cost.per_hour.unit == "USD/s"
    assert cost.opex_terms["energy"].value * YEAR == pytest.approx(16285, abs=1)
    assert cost.per_million_output_tokens is not None and cost.per_million_output_tokens.value * 1e6 == pytest.approx(
        56.6, abs=0.05
    )
    batch = money(spec(), tokens=q("5760 token/s", "token/s")).cost.per_million_output_tokens
    assert batch is not None and batch.value * 1e6 == pytest.approx(1.60, abs=0.005)


def test_rented_by_the_hour() -> None:
    cost = money(spec(acquisition="rent")).cost  # 5 USD per GPU and hour, hosting included
    assert cost.annualised.value * YEAR == pytest.approx(350.4e3) and cost.capex.value == 0
    leased = money(spec(acquisition="rent", rent_covers="hardware")).cost
    assert (leased.annualised.value - cost.annualised.value) * YEAR == pytest.approx(16285, abs=1)


@pytest.mark.parametrize(
    ("rent", "count", "yearly"),
    [("6.03 USD/hour", 8, 422_582), ("2.95 USD/hour", 8, 206_736), ("100 kUSD/month", 1, 1.2e6)],
)
def test_rents_in_a_year(rent: str, count: int, yearly: float) -> None:
    whole = constant(unit_text.parse(rent, "USD/s") * count, "USD/s", "rent", "given")
    assert money(replace(spec(acquisition="rent"), rent=whole)).cost.opex.value * YEAR == pytest.approx(
        yearly, rel=3e-6
    )


@pytest.mark.parametrize(("space", "yearly"), [("184.06 USD/kW/month", 30_922), ("1000 USD/kW/month", 168_000)])
def test_space_of_14_kilowatts(space: str, yearly: float) -> None:
    cost = money(spec(space=space), it_power=q("14 kW", "W")).cost
    assert cost.opex_terms["space"].value * YEAR == pytest.approx(yearly, rel=1e-4)


def test_terms_add_up_and_cover_everything_paid() -> None:
    own = {"staff": "100 kUSD/year", "software": "5 kUSD/year", "one_off": "7000 USD", "price": {"cabinet": "3000 USD"}}
    cost = money(
        spec(**own), one_off={"porting": q("120000 USD", "USD")}, running={"upkeep": q("9 kUSD/year", "USD/s")}
    ).cost
    assert set(cost.capex_terms) == {"gpu", "cabinet", "one-off", "porting"}
    assert cost.capex.value == pytest.approx(450_000 + 3000 + 7000 + 120_000)
    assert set(cost.opex_terms) == {"energy", "space", "maintenance", "staff", "software", "upkeep"}
    assert cost.opex.value * YEAR == pytest.approx(18.59 * 8760 * 0.1 + 0.05 * 453_000 + 114e3)
    assert cost.tco.value == pytest.approx(580_000 + cost.opex.value * YEAR * (1 - 1.08**-4) / 0.08)


def test_only_hardware_is_sold_again() -> None:
    cost = money(spec(resale="0.2", one_off="50000 USD")).cost
    assert cost.resale.value == pytest.approx(90_000)
    assert money(spec(resale="0.2", acquisition="rent")).cost.resale.value == 0


def test_prices_of_the_spec_come_before_the_book_and_the_catalog() -> None:
    book = {"purchase": {"gpu": "700000 USD", "lpu": "250000 USD"}}
    assert money(spec()).cost.capex.value == 450_000
    assert money(spec(book)).cost.capex.value == 700_000  # the rack has no LPU
    both: dict[str, Any] = {"gpu": q("450000 USD", "USD"), "lpu": None}
    assert money(spec(book), purchases=both).cost.capex.value == 950_000
    assert money(spec(book, price={"gpu": "600000 USD"}), purchases=both).cost.capex.value == 850_000


def test_parts_without_a_price_are_named() -> None:
    cost = money(spec(), purchases={"gpu": q("450000 USD", "USD"), "lpu": None}).cost
    assert cost.unpriced == ("lpu",) and cost.lease_advantage is None
    assert money(spec(acquisition="rent"), rents={"gpu": None}).cost.unpriced == ("gpu",)
    nothing = money(spec(), purchases={"gpu": None}).cost
    assert not nothing.capex.known and nothing.unpriced == ("gpu",)


def test_an_unknown_price_makes_every_sum_unknown_and_leaves_a_lower_bound() -> None:
    prices: dict[str, Any] = {"gpu": q("450000 USD", "USD"), "lpu": None}
    tokens = q("1000 token/s", "token/s")
    whole = money(spec(token_prices={"output": "5 USD/Mtoken"}), purchases=prices, tokens=tokens)
    for name in ("capex", "opex", "resale", "tco", "annualised", "per_hour", "per_million_output_tokens"):
        assert getattr(whole.cost, name).unknowns == ("no price for lpu",), name
    assert whole.roi is not None
    for name in ("net", "npv", "irr", "payback", "discounted_payback"):
        assert getattr(whole.roi, name).unknowns == ("no price for lpu",), name
    assert whole.cost.known is not None
    for price in (0.0, 1e3, 1e6):
        full = money(spec(), purchases=prices | {"lpu": constant(price, "USD", "price", "given")}, tokens=tokens).cost
        assert full.known is None
        for name in ("capex", "opex", "tco", "annualised", "per_million_output_tokens"):
            assert getattr(whole.cost.known, name).value <= getattr(full, name).value * (1 + 1e-12), name
    assert whole.cost.known.capex.value == pytest.approx(450_000)


def test_lease_advantage_changes_sign_at_the_cost_of_owning() -> None:
    owning = money(spec(resale="0.1")).cost.annualised.value
    advantages = []
    for factor in (0.99, 1.0, 1.01):
        rent = constant(owning * factor, "USD/s", "rent", "given")
        advantage = money(replace(spec(resale="0.1"), rent=rent)).cost.lease_advantage
        assert advantage is not None
        advantages.append(advantage.value)
    assert advantages[0] > 0 > advantages[2] and advantages[1] == pytest.approx(0, abs=1e-6)


def test_cost_per_token_scales_as_one_over_use() -> None:
    cost = [money(spec(utilization=u)).cost.per_million_output_tokens for u in ("0.2", "0.8")]
    assert cost[0] is not None and cost[1] is not None and cost[0].value == pytest.approx(4 * cost[1].value)
    idle = money(spec(), tokens=q("0 token/s", "token/s"), requests=q("20 request/s", "request/s")).cost
    assert idle.per_million_output_tokens is not None and idle.per_million_output_tokens.value == np.inf
    assert idle.per_million_requests is not None
    assert idle.per_million_requests.value == pytest.approx(idle.annualised.value / 12)
    assert money(spec(), tokens=None).cost.per_million_output_tokens is None


def test_price_at_cost_earns_nothing() -> None:
    cost = money(spec()).cost.per_million_output_tokens
    assert cost is not None
    roi = money(replace(spec(), token_prices=TokenPrices(input=None, cached=None, output=price(cost.value)))).roi
    assert roi is not None
    assert roi.npv.value == pytest.approx(0, abs=1e-6) and roi.irr.value * YEAR == pytest.approx(0.08)


def test_article_pays_back_in_days_net_of_running_cost() -> None:
    book = {"purchase": {"gpu": "700000 USD", "lpu": "250000 USD"}}
    pools: dict[str, Any] = {"gpu": None, "lpu": None}
    earned = {"latency": q("71.4e6 USD/year", "USD/s")}
    roi = money(spec(book), purchases=pools, income=earned).roi
    assert roi is not None
    assert roi.payback.value / 86400 == pytest.approx(950e3 / (71.4e6 - 16285 - 47500) * 365, rel=1e-6)
    assert roi.payback.value / 86400 == pytest.approx(4.86, abs=0.01)
    assert roi.discounted_payback.value >= roi.payback.value
    assert roi.irr.value * YEAR == pytest.approx(71.336 / 0.95, rel=1e-3)  # so steep that only the first year counts


def test_income_has_names_and_no_income_has_no_return() -> None:
    assert money(spec()).roi is None
    own = {"token_prices": {"output": "1 USD/Mtoken"}, "request_price": "9 USD/Mrequest", "other_income": "1 kUSD/year"}
    roi = money(spec(**own), requests=q("20 request/s", "request/s"), income={"sharing": q("2 kUSD/year", "USD/s")}).roi
    assert roi is not None and set(roi.value_terms) == {"output_tokens", "requests", "other", "sharing"}
    assert roi.value.value == pytest.approx(0.6 * 163e-6 + 0.6 * 20 * 9e-6 + 3000 / YEAR)
    assert roi.net.value < 0 and roi.payback.value == np.inf and roi.npv.value < -450_000


def test_arrays_pass_through() -> None:
    rates = Quantity(np.linspace(0, 0.3, 7) / YEAR, "1/s", "discount_rate")
    result = money(replace(spec(token_prices={"output": "500 USD/Mtoken"}), discount_rate=rates))
    assert result.roi is not None and (np.diff(result.roi.npv.value) < 0).all()
    assert (np.diff(result.cost.annualised.value) > 0).all()


@pytest.mark.parametrize("name", ["us-industrial-2026", "us-commercial-nj", "nyse-colocation", "article"])
def test_running_cost_is_noise_beside_the_chips(name: str) -> None:
    cost = money(declared(Economics, {"prices": load_part("prices", name)}), it_power=q("14 kW", "W")).cost
    assert 0.005 < cost.opex_terms["energy"].value * YEAR / cost.capex.value < 0.1


def test_article_prices() -> None:
    book = load_part("prices", "article")
    assert book.purchase["gpu"].value + book.purchase["lpu"].value == 950_000
    assert book.rent["rack"].high / book.rent["rack"].low == pytest.approx(2.4)


def test_a_tenant_buys_nothing_and_an_owner_pays_no_rent() -> None:
    own, rented = money(spec(one_off="7000 USD")).cost, money(spec(one_off="7000 USD", acquisition="rent")).cost
    assert own.capex.value == pytest.approx(457_000) and rented.capex.value == pytest.approx(7000)
    assert "rent_gpu" in rented.opex_terms and "rent_gpu" not in own.opex_terms
    assert "maintenance" in own.opex_terms and "maintenance" not in rented.opex_terms
    assert rented.opex.value == pytest.approx(40 / 3600)
