from itertools import accumulate

import numpy as np
import numpy_financial as npf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize

from rackcalc.formulas.money import cash_flow, payback, present_value, rate_of_return

YEAR = 8760 * 3600.0
FLOWS = [
    [-100, 39, 59, 55, 20],
    [-150000, 15000, 25000, 35000, 45000, 60000],
    [-100, 0, 0, 74],
    [-100, 100, 0, 7],
    [-5, 10.5, 1, 1],
]
few = settings(max_examples=40, deadline=None)
money = st.floats(1e2, 1e8)
rates = st.floats(0.0, 0.5)
years = st.floats(0.5, 12)


def named(flows: list[float]) -> dict[str, float]:
    return {f"year{i}": float(flow) for i, flow in enumerate(flows)}


def npv(rate: float, flows: list[float], horizon: float = 0.0) -> float:
    end = (horizon or len(flows) - 1) * YEAR
    return present_value.npv_of_flows(discount_rate=rate / YEAR, horizon=end, **named(flows))


def irr(flows: list[float], horizon: float = 0.0) -> float:
    return YEAR * rate_of_return.irr_of_flows(horizon=(horizon or len(flows) - 1) * YEAR, **named(flows))


def test_published_discounting() -> None:
    assert npv(0.281, FLOWS[0]) == pytest.approx(-0.0084786, abs=1e-7)
    assert irr(FLOWS[0]) == pytest.approx(0.2809484, abs=1e-7)
    assert irr(FLOWS[1]) == pytest.approx(0.0524329, abs=1e-7)
    assert npv(0.1, [-1000, 400, 400, 400]) == pytest.approx(-5.2592, abs=1e-4)
    # a mortgage of 15 years at 7.5 % a year, paid monthly: a month stands for the year
    paid = present_value.level_payment(200_000.0, 0.075 / 12 / YEAR, 180 * YEAR, 0.0)
    assert YEAR * paid == pytest.approx(1854.0247, abs=1e-4)


@pytest.mark.parametrize("flows", FLOWS)
def test_flows_against_numpy_financial(flows: list[float]) -> None:
    assert irr(flows) == pytest.approx(npf.irr(flows), abs=1e-9)
    assert npv(0.07, flows) == pytest.approx(npf.npv(0.07, flows), rel=1e-12)
    ours = YEAR * rate_of_return.mirr_of_flows(finance_rate=0.1 / YEAR, reinvest_rate=0.12 / YEAR, **named(flows))
    assert ours == pytest.approx(npf.mirr(flows, 0.1, 0.12), rel=1e-9)


@pytest.mark.parametrize("flows", [[100, 20, 30], [-100, -20], [-100, 230, -132], [0, 0]])
def test_irr_without_a_single_change_of_sign_is_nan(flows: list[float]) -> None:
    assert np.isnan(irr(flows))


def test_irr_of_a_loan_is_its_interest() -> None:
    assert irr([100, -40, -40, -40]) == pytest.approx(npf.irr([100, -40, -40, -40]), abs=1e-9)


@pytest.mark.parametrize("n", [1, 4, 7])
@pytest.mark.parametrize("rate", [0.0, 1e-4, 0.08, 0.5])
def test_a_level_payment_is_the_loans(rate: float, n: int) -> None:
    ours = YEAR * present_value.level_payment(1000.0, rate / YEAR, n * YEAR, 0.0)
    assert ours == pytest.approx(-npf.pmt(rate, n, 1000.0), rel=1e-9)
    taxed = YEAR * present_value.level_payment(1000.0, rate / YEAR, n * YEAR, 0.25)
    assert taxed == pytest.approx(ours / 0.75, rel=1e-12)
    bound = YEAR * present_value.cost_of_capital(1000.0, 100.0, rate / YEAR, n * YEAR)
    assert bound == pytest.approx(-npf.pmt(rate, n, 1000.0, -100.0) - 900 / n, rel=1e-9, abs=1e-9)


@few
@given(st.lists(st.floats(1.0, 1e4), min_size=1, max_size=9), rates, years)
def test_flows_after_the_horizon_are_counted_at_it_and_zero_flows_do_not_matter(
    flows: list[float], rate: float, n: float
) -> None:
    by_hand = sum(flow * (1 + rate) ** -min(year, n) for year, flow in enumerate(flows))
    assert npv(rate, flows, n) == pytest.approx(by_hand, rel=1e-12)
    assert npv(rate, [*flows, 0.0, 0.0], n) == pytest.approx(by_hand, rel=1e-12)


@few
@given(money, st.floats(0.6, 3), st.integers(1, 9))
def test_npv_at_the_irr_is_zero(outlay: float, gain: float, n: int) -> None:
    flows = [-outlay] + [gain * outlay] * n
    assert npv(irr(flows), flows) == pytest.approx(0, abs=1e-8 * outlay)


@few
@given(money, rates, rates, st.floats(0, 1), years)
def test_a_level_payment_is_worth_what_it_pays_for(
    capex: float, rate: float, opex: float, resale: float, n: float
) -> None:
    """Also over years that are not whole."""
    whole = int(np.ceil(n))
    parts = [cash_flow.part_of_year(float(year), n * YEAR) for year in range(1, whole + 1)]
    assert sum(parts) == pytest.approx(n)
    costs = [capex, *(opex * capex * part for part in parts)]
    costs[-1] -= resale * capex
    level = YEAR * present_value.level_payment(npv(rate, costs, n), rate / YEAR, n * YEAR, 0.0)
    earned = [-capex, *((level - opex * capex) * part for part in parts)]
    earned[-1] += resale * capex
    assert npv(rate, earned, n) == pytest.approx(0, abs=1e-9 * capex)


@pytest.mark.parametrize(("life", "horizon"), [(3, 5), (5, 5), (7, 5), (2.5, 4), (4, 2.5)])
def test_straight_line_ends_at_the_resale_value_or_with_the_horizon(life: float, horizon: float) -> None:
    written = [
        cash_flow.straight_line(1000.0, 100.0, float(year), life * YEAR, horizon * YEAR) for year in range(1, 11)
    ]
    assert sum(written) == pytest.approx(900 * min(1, horizon / life))
    assert all(0 <= amount <= 900 / life + 1e-9 for amount in written)


def test_five_year_property_is_written_off_in_six_years() -> None:
    written = [cash_flow.macrs_5(1000.0, float(year), 1.0) for year in range(1, 9)]
    assert written == pytest.approx([200, 320, 192, 115.2, 115.2, 57.6, 0, 0])  # IRS Publication 946, table A-1
    assert sum(written) == pytest.approx(1000)


def test_tax_on_a_sale_is_on_what_it_brings_beyond_the_books() -> None:
    sold = {"year": 3.0, "horizon": 3 * YEAR, "tax_rate": 0.3}
    assert cash_flow.resale_in_year(100.0, 100.0, **sold) == 100  # at the book value
    assert cash_flow.resale_in_year(100.0, 0.0, **sold) == pytest.approx(70)
    assert cash_flow.resale_in_year(0.0, 100.0, **sold) == pytest.approx(30)  # a loss saves tax


# capital and yearly value in USD, days: the article's numbers and what else could have given "three weeks"
@pytest.mark.parametrize(
    ("capital", "value", "days"),
    [
        (950e3, 71.4e6, "4.86"),
        (950e3, 70e6, "4.95"),
        (250e3, 71.4e6, "1.3"),
        (950e3, 0.2 * 71.4e6, "24.3"),
        (950e3 + 500e3, 71.4e6, "7.4"),
        (950e3 + 1.2e6, 71.4e6, "11.0"),
        (950e3, 7e6, "49.5"),
        (250e3, 7e6, "13.0"),
    ],
)
def test_payback_of_the_article(capital: float, value: float, days: str) -> None:
    decimals = len(days.partition(".")[2])
    assert f"{payback.payback(capital, 4 * YEAR, **named([value] * 4)) / 86400:.{decimals}f}" == days


@pytest.mark.parametrize("net", [0.0, -1.0])
def test_no_income_never_pays_back(net: float) -> None:
    four = {"horizon": 4 * YEAR, **named([net] * 4)}
    assert payback.payback(1000.0, **four) == np.inf == payback.discounted_payback(1000.0, 0.1 / YEAR, **four)


def test_nothing_spent_is_paid_back_at_once() -> None:
    assert payback.payback(0.0, YEAR, a=1.0) == 0 == payback.discounted_payback(0.0, 0.1 / YEAR, YEAR, a=1.0)
    assert np.isnan(irr([0.0, 1.0]))


@few
@given(st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=8), st.floats(1.0, 5000.0))
def test_payback_is_where_the_running_sum_reaches_the_outlay(flows: list[float], capital: float) -> None:
    found = payback.payback(capital, len(flows) * YEAR, **named(flows)) / YEAR
    sums = [0.0, *accumulate(flows)]
    if sums[-1] < capital:
        assert found == np.inf
    else:
        assert np.interp(found, range(len(sums)), sums) == pytest.approx(capital, rel=1e-9)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4])
def test_discounted_payback_returns_the_outlay(rate: float) -> None:
    """Against the integral of what comes in, of years that differ."""
    flows = [300.0, 500.0, 700.0, 900.0]

    def worth(n: float) -> float:
        return float(integrate.quad(lambda t: flows[min(int(t), 3)] * (1 + rate) ** -t, 0, n, points=[1, 2, 3])[0])

    found = payback.discounted_payback(1000.0, rate / YEAR, 4 * YEAR, **named(flows)) / YEAR
    assert found == pytest.approx(optimize.brentq(lambda n: worth(n) - 1000, 0.1, 4), rel=1e-6)
    assert found * YEAR >= payback.payback(1000.0, 4 * YEAR, **named(flows))
    assert payback.discounted_payback(9000.0, 0.1 / YEAR, 4 * YEAR, **named(flows)) == np.inf
