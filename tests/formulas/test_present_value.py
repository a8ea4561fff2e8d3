import numpy as np
import numpy_financial as npf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from rackcalc.formulas.money import payback, present_value, rate_of_return

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


def test_published_discounting() -> None:
    assert YEAR * present_value.capital_recovery_factor(0.08 / YEAR, 4 * YEAR) == pytest.approx(0.3019208, abs=1e-7)
    assert present_value.npv_of_flows(discount_rate=0.281 / YEAR, **named(FLOWS[0])) == pytest.approx(
        -0.0084786, abs=1e-7
    )
    assert YEAR * rate_of_return.irr_of_flows(**named(FLOWS[0])) == pytest.approx(0.2809484, abs=1e-7)
    assert YEAR * rate_of_return.irr_of_flows(**named(FLOWS[1])) == pytest.approx(0.0524329, abs=1e-7)
    assert present_value.npv(1000.0, 400 / YEAR, 0.0, 0.1 / YEAR, 3 * YEAR) == pytest.approx(-5.2592, abs=1e-4)
    # a mortgage of 15 years at 7.5 % a year, paid monthly: a month stands for the year
    payment = 200_000 * YEAR * present_value.capital_recovery_factor(0.075 / 12 / YEAR, 180 * YEAR)
    assert payment == pytest.approx(1854.0247, abs=1e-4)


@pytest.mark.parametrize("flows", FLOWS)
def test_flows_against_numpy_financial(flows: list[float]) -> None:
    assert YEAR * rate_of_return.irr_of_flows(**named(flows)) == pytest.approx(npf.irr(flows), abs=1e-9)
    assert present_value.npv_of_flows(discount_rate=0.07 / YEAR, **named(flows)) == pytest.approx(
        npf.npv(0.07, flows), rel=1e-12
    )
    ours = YEAR * rate_of_return.mirr_of_flows(finance_rate=0.1 / YEAR, reinvest_rate=0.12 / YEAR, **named(flows))
    assert ours == pytest.approx(npf.mirr(flows, 0.1, 0.12), rel=1e-9)


@pytest.mark.parametrize("flows", [[100, 20, 30], [-100, -20], [-100, 230, -132], [0, 0]])
def test_irr_without_a_single_change_of_sign_is_nan(flows: list[float]) -> None:
    assert np.isnan(rate_of_return.irr_of_flows(**named(flows)))


def test_irr_of_a_loan_is_its_interest() -> None:
    loan = [100, -40, -40, -40]
    assert YEAR * rate_of_return.irr_of_flows(**named(loan)) == pytest.approx(npf.irr(loan), abs=1e-9)


@pytest.mark.parametrize("n", [1, 4, 7])
@pytest.mark.parametrize("rate", [0.0, 1e-4, 0.08, 0.5])
def test_closed_forms_are_the_sum_of_flows(rate: float, n: int) -> None:
    flows = [-1000.0] + [300.0] * (n - 1) + [350.0]
    ours = present_value.npv(1000.0, 300 / YEAR, 50.0, rate / YEAR, n * YEAR)
    assert ours == pytest.approx(npf.npv(rate, flows), rel=1e-9)
    cost = present_value.present_cost(1000.0, 50.0, -300 / YEAR, rate / YEAR, n * YEAR)
    assert cost == pytest.approx(-ours, rel=1e-12)
    assert YEAR * rate_of_return.irr(1000.0, 300 / YEAR, 50.0, n * YEAR) == pytest.approx(npf.irr(flows), abs=1e-9)
    assert YEAR * present_value.capital_recovery_factor(rate / YEAR, n * YEAR) == pytest.approx(
        -npf.pmt(rate, n, 1), rel=1e-9
    )
    assert YEAR * present_value.sinking_fund_factor(rate / YEAR, n * YEAR) == pytest.approx(
        -npf.pmt(rate, n, 0, 1), rel=1e-9
    )


@few
@given(money, st.floats(0.6, 3), rates, years)
def test_npv_at_the_irr_is_zero(outlay: float, gain: float, resale: float, n: float) -> None:
    rate = rate_of_return.irr(outlay, gain * outlay / YEAR, resale * outlay, n * YEAR)
    assert present_value.npv(outlay, gain * outlay / YEAR, resale * outlay, rate, n * YEAR) == pytest.approx(
        0, abs=1e-8 * outlay
    )


@few
@given(money, st.floats(0.05, 3), rates, years)
def test_npv_falls_with_the_rate(outlay: float, gain: float, resale: float, n: float) -> None:
    grid = np.linspace(0, 2, 9) / YEAR
    assert (np.diff(present_value.npv(outlay, gain * outlay / YEAR, resale * outlay, grid, n * YEAR)) < 0).all()


@few
@given(money, rates, rates, st.floats(0, 1), years)
def test_annualised_cost_is_the_level_payment_of_the_present_cost(
    capex: float, rate: float, opex: float, resale: float, n: float
) -> None:
    recovery = present_value.capital_recovery_factor(rate / YEAR, n * YEAR)
    sinking = present_value.sinking_fund_factor(rate / YEAR, n * YEAR)
    level = present_value.annualised_cost(capex, resale * capex, opex * capex / YEAR, recovery, sinking)
    present = present_value.present_cost(capex, resale * capex, opex * capex / YEAR, rate / YEAR, n * YEAR)
    assert level == pytest.approx(present * recovery, rel=1e-9)


@few
@given(money, rates, rates, st.floats(0, 0.9), years)
def test_rent_equals_purchase_at_the_crossing(capex: float, rate: float, owner: float, resale: float, n: float) -> None:
    recovery = present_value.capital_recovery_factor(rate / YEAR, n * YEAR)
    sinking = present_value.sinking_fund_factor(rate / YEAR, n * YEAR)
    crossing = present_value.annualised_cost(capex, resale * capex, owner * capex / YEAR, recovery, sinking)
    terms = {"discount_rate": rate / YEAR, "horizon": n * YEAR, "tax_rate": 0.0, "owner_cost": owner * capex / YEAR}
    same, dearer = (
        present_value.lease_advantage(capex=capex, resale_value=resale * capex, rent=crossing * f, **terms)
        for f in (1, 1.1)
    )
    assert same == pytest.approx(0, abs=1e-9 * capex) and dearer < 0


def test_lease_with_tax_against_flows_written_out() -> None:
    rate, tax, rent, upkeep = 0.1, 0.3, 400.0, 50.0
    owner = [1000.0] + [upkeep * (1 - tax) - tax * 900 / 3] * 2 + [upkeep * (1 - tax) - tax * 900 / 3 - 100]
    tenant = [0.0] + [rent * (1 - tax)] * 3
    expected = npf.npv(rate * (1 - tax), owner) - npf.npv(rate * (1 - tax), tenant)
    assert present_value.lease_advantage(
        1000.0, 100.0, upkeep / YEAR, rent / YEAR, rate / YEAR, 3 * YEAR, tax
    ) == pytest.approx(expected, rel=1e-12)


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
    assert f"{payback.payback(capital, value / YEAR) / 86400:.{decimals}f}" == days


@pytest.mark.parametrize("net", [0.0, -1.0])
def test_no_income_never_pays_back(net: float) -> None:
    assert payback.payback(1000.0, net) == np.inf == payback.discounted_payback(1000.0, net, 0.1 / YEAR)


def test_nothing_spent_is_paid_back_at_once() -> None:
    assert payback.payback(0.0, 1.0) == 0 == payback.discounted_payback(0.0, 1.0, 0.1 / YEAR)
    assert np.isnan(rate_of_return.irr(0.0, 1.0, 0.0, YEAR))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4])
def test_discounted_payback_returns_the_outlay(rate: float) -> None:
    n = payback.discounted_payback(1000.0, 500 / YEAR, rate / YEAR) / YEAR
    assert integrate.quad(lambda t: 500 * (1 + rate) ** -t, 0, n)[0] == pytest.approx(1000, rel=1e-9)
    assert n * YEAR >= payback.payback(1000.0, 500 / YEAR)
    assert payback.discounted_payback(1000.0, 50 / YEAR, 0.1 / YEAR) == np.inf
