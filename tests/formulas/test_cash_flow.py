"""Cash flow by year: what follows from it, against numpy-financial and against flows written out by hand."""

from typing import Any

import numpy_financial as npf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_economics import YEAR, money, price, q, spec

from rackcalc.formulas.money.accounts import Money
from rackcalc.quantities.record import replace
from rackcalc.spec.money import Economics, TokenPrices

SOLD = {"tokens": q("2000 token/s", "token/s"), "prompts": q("6000 token/s", "token/s"), "prompt_share": q("0.3", "1")}
PRICES = {"input": "0.5 USD/Mtoken", "output": "2 USD/Mtoken"}
few = settings(max_examples=25, deadline=None)
taxes = st.sampled_from(["0", "0.21", "0.35"])


def values(terms: Any) -> list[float]:
    return [float(term.value) for term in terms.values()]


def paying(**own: Any) -> Money:
    return money(spec(**{"token_prices": PRICES, "resale": "0.1", **own}), **SOLD)


@few
@given(
    taxes,
    st.sampled_from(["straight-line", "macrs-5"]),
    st.sampled_from(["1 year", "3 year", "5 year", "2.5 year"]),
    st.sampled_from(["purchase", "rent"]),
)
def test_all_figures_follow_from_the_flows(tax: str, written_off: str, horizon: str, acquisition: str) -> None:
    found = paying(tax_rate=tax, depreciation=written_off, horizon=horizon, acquisition=acquisition)
    cost, roi = found.cost, found.roi
    assert roi is not None
    flows, paid = values(roi.cash_flow), values(cost.payments)
    assert len(flows) == len(paid) == len(cost.depreciation) + 1
    income = roi.value.value * YEAR * (1 - float(tax))
    length = float(horizon.partition(" ")[0])
    lasting = [min(1.0, length - year) for year in range(len(flows) - 1)]
    assert [a + b for a, b in zip(flows[1:], paid[1:], strict=True)] == pytest.approx(
        [income * part for part in lasting]
    )
    if length == int(length):
        assert roi.npv.value == pytest.approx(npf.npv(0.08, flows), rel=1e-9, abs=1e-6)
        assert cost.tco.value == pytest.approx(npf.npv(0.08, paid), rel=1e-9)
        if acquisition == "purchase":
            assert roi.irr.value * YEAR == pytest.approx(npf.irr(flows), abs=1e-6)
    assert sum(values(cost.per_hour_terms)) == pytest.approx(cost.per_hour.value, rel=1e-9)
    assert sum(values(cost.capex_terms)) == pytest.approx(cost.capex.value)
    assert sum(values(cost.opex_terms)) == pytest.approx(cost.opex.value)


def test_a_taxed_purchase_written_out() -> None:
    """450,000 USD, sold for a tenth after four years, written off in equal parts; a quarter of the profit is tax."""
    found = paying(tax_rate="0.25", space="0 USD/kW/month")
    assert found.roi is not None
    opex = 18.59 * 8760 * 0.10 + 0.05 * 450_000
    earned = (6000 * 0.5e-6 + 2000 * 2e-6) * 0.6 * YEAR
    off = 0.9 * 450_000 / 4
    left = earned - opex - 0.25 * (earned - opex - off)
    assert values(found.roi.cash_flow) == pytest.approx([-450_000, left, left, left, left + 45_000])
    assert values(found.cost.depreciation) == pytest.approx([off] * 4)
    assert found.cost.per_hour_terms["tax"].value > 0


def at_cost(rack: Economics, **own: Any) -> Money:
    """The rack with its tokens sold at what they cost."""
    cost = money(rack, **SOLD | own).cost
    assert cost.per_million_input_tokens is not None and cost.per_million_output_tokens is not None
    prices = TokenPrices(
        input=price(cost.per_million_input_tokens.value),
        cached=None,
        output=price(cost.per_million_output_tokens.value),
    )
    return money(replace(rack, token_prices=prices), **SOLD | own)


@few
@given(taxes, st.sampled_from(["gpu-time", "output", "tokens"]), st.sampled_from(["2.5 year", "4 year"]))
def test_tokens_sold_at_their_cost_earn_nothing_however_it_is_split(tax: str, split: str, horizon: str) -> None:
    found = at_cost(spec(tax_rate=tax, token_split=split, horizon=horizon, resale="0.2"))
    assert found.roi is not None and found.roi.npv.value == pytest.approx(0, abs=1e-5)
    cached = at_cost(spec(tax_rate=tax, token_split=split), cached=q("3000 token/s", "token/s"))
    assert cached.roi is not None and cached.roi.npv.value == pytest.approx(0, abs=1e-5)


def test_the_three_splits() -> None:
    whole = money(spec(), **SOLD).cost
    assert whole.per_million_total_tokens is not None
    assert whole.per_million_total_tokens.value == pytest.approx(whole.annualised.value / 8000 / 0.6)
    for split, share in (("gpu-time", 0.3), ("output", 0.0), ("tokens", 0.75)):
        cost = money(spec(token_split=split), **SOLD).cost
        assert cost.per_million_input_tokens is not None and cost.per_million_output_tokens is not None
        assert cost.per_million_input_tokens.value == pytest.approx(share * cost.annualised.value / 6000 / 0.6)
        assert cost.per_million_output_tokens.value == pytest.approx((1 - share) * cost.annualised.value / 2000 / 0.6)
    even = money(spec(token_split="tokens"), **SOLD).cost
    assert even.per_million_input_tokens is not None and even.per_million_output_tokens is not None
    assert even.per_million_input_tokens.value == pytest.approx(even.per_million_output_tokens.value)


def test_twice_the_price_is_twice_the_revenue() -> None:
    once, twice = paying().roi, paying(token_prices={"input": "1 USD/Mtoken", "output": "4 USD/Mtoken"}).roi
    assert once is not None and twice is not None
    assert twice.value.value == pytest.approx(2 * once.value.value)
    assert set(once.value_terms) == {"input_tokens", "output_tokens"}


def test_cached_tokens_have_a_price_of_their_own_or_that_of_input() -> None:
    sold = SOLD | {"cached": q("4000 token/s", "token/s")}
    same, cheap = (money(spec(token_prices=PRICES | more), **sold).roi for more in ({}, {"cached": "0.05 USD/Mtoken"}))
    assert same is not None and cheap is not None
    assert same.value_terms["cached_tokens"].value == pytest.approx(4000 * 0.5e-6 * 0.6)
    assert cheap.value_terms["cached_tokens"].value == pytest.approx(4000 * 0.05e-6 * 0.6)


def test_equipment_is_bought_with_the_hardware_and_licences_are_named() -> None:
    equipment = {
        "price_per_port": "1500 USD", "storage": "20000 USD", "rack": "5000 USD", "cooling": "30000 USD",
        "installation": "3 percent", "spares": "2 percent",
    }  # fmt: skip
    licences = {"nvlink": {"price": "0 USD/year", "condition": "with the GPU"}, "os": {"price": "1 kUSD/year"}}
    rack = spec(equipment=equipment, licences=licences, resale="0.1", demand_charge="12 USD/kW/month")
    more = {"ports": q("8", "1"), "racks": q("2", "1"), "cooling_premium": q("0.1", "1"), "peak_power": q("20 kW", "W")}
    cost = money(rack, **SOLD, **more).cost
    hardware = 450_000 + 12_000 + 20_000 + 10_000
    assert cost.capex_terms["network"].value == pytest.approx(12_000)
    assert cost.capex_terms["cooling"].value == pytest.approx(30_000)  # in place of the premium
    assert cost.capex.value == pytest.approx(hardware * 1.05 + 30_000)
    assert cost.resale.value == pytest.approx(0.1 * hardware)
    assert cost.opex_terms["maintenance"].value * YEAR == pytest.approx(0.05 * hardware)
    assert cost.opex_terms["demand"].value * YEAR == pytest.approx(2880)
    assert cost.opex_terms["licence_nvlink"].value == 0
    assert cost.opex_terms["licence_os"].value * YEAR == pytest.approx(1000)


def test_rent_by_the_gpu_hour_and_on_demand() -> None:
    by_gpu = money(spec(acquisition="rent", rent_per_gpu="2.5 USD/GPU/hour"), **SOLD).cost
    assert by_gpu.per_hour.value * 3600 == pytest.approx(20)
    assert by_gpu.per_gpu_hour is not None and by_gpu.per_gpu_hour.value * 3600 == pytest.approx(2.5)
    used = [
        money(spec(acquisition="rent", rent_for="hours of use", utilization=share), **SOLD).cost
        for share in ("0.2", "0.8")
    ]
    assert used[1].opex.value == pytest.approx(4 * used[0].opex.value)
    per_token = [cost.per_million_output_tokens for cost in used]
    assert per_token[0] is not None and per_token[1] is not None
    assert per_token[0].value == pytest.approx(per_token[1].value)  # an hour not used costs nothing


def test_what_renting_saves_is_the_difference_of_both_costs_with_tax_too() -> None:
    for tax in ("0", "0.3"):
        own = money(spec(tax_rate=tax, resale="0.1"), **SOLD).cost
        rented = money(spec(tax_rate=tax, resale="0.1", acquisition="rent"), **SOLD).cost
        assert own.lease_advantage is not None and rented.lease_advantage is not None
        assert own.lease_advantage.value == pytest.approx(own.tco.value - rented.tco.value)
        assert rented.lease_advantage.value == pytest.approx(own.lease_advantage.value)
