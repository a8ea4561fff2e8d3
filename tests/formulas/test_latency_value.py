import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from rackcalc.formulas.money import latency_value as lv
from rackcalc.quantities import unit_text
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.spec.fields import Number, declarations
from rackcalc.spec.money import LatencyValue

YEAR = 8760 * 3600.0


def latency(text: str) -> Quantity:
    return constant(unit_text.parse(text, "s"), "s", "latency", "given")


def spec(kind: str, baseline: str = "12 ms", **own: str) -> LatencyValue:
    """A spec from texts, with the defaults of its declaration."""
    values: dict[str, Any] = {"kind": kind, "quantile": "p99"}
    for name, field in declarations(LatencyValue).items():
        if isinstance(field, Number):
            written = own.get(name, baseline if name == "baseline" else field.default)
            values[name] = (
                None if written is None else constant(unit_text.parse(written, field.unit), field.unit, name, "given")
            )
    return LatencyValue(**values)


def article(**own: str) -> LatencyValue:
    return spec("linear", **{"rate": "0.7 percent/ms/year", "capital": "1e9 USD"} | own)


# baseline, latency, million USD a year
@pytest.mark.parametrize(
    ("baseline", "now", "millions", "tolerance"),
    [("12 ms", "1.8 ms", 71.4, 1e-9), ("0.72 ms", "1.37 ms", -4.6, 0.02), ("0.72 ms", "0.56 ms", 1.1, 0.02)],
)
def test_straight_line(baseline: str, now: str, millions: float, tolerance: float) -> None:
    gain = lv.latency_value(article(baseline=baseline), latency(now))
    assert gain.gain.value * YEAR / 1e6 == pytest.approx(millions, rel=tolerance)


def test_article_lies_far_outside_the_straight_line() -> None:
    gain = lv.latency_value(article(), latency("1.8 ms"))
    assert gain.outside_range is not None and gain.outside_range.value == pytest.approx(9.2e-3)
    assert gain.prize_share is not None and gain.prize_share.value == pytest.approx(
        0.014, abs=5e-4
    )  # 1.4 % of the world
    near = lv.latency_value(article(), latency("11.5 ms"))
    assert near.outside_range is not None and near.outside_range.value < 0


def test_fee_and_maximum() -> None:
    fee = lv.latency_value(article(share_kept="0.2"), latency("1.8 ms"))
    assert fee.gain.value * YEAR == pytest.approx(14.28e6) and fee.gross.value * YEAR == pytest.approx(71.4e6)
    for now in ("1.8 ms", "30 ms"):
        capped = lv.latency_value(article(maximum="5e6 USD/year"), latency(now))
        assert abs(capped.gain.value) * YEAR == pytest.approx(5e6)


def test_saturating() -> None:
    saved = np.linspace(-5e-3, 20e-3, 51)
    value = lv.saturating_value(saved, 1e-3, 2.0)
    assert (np.diff(value) > 0).all() and abs(value).max() <= 2
    np.testing.assert_allclose(value, -lv.saturating_value(-saved, 1e-3, 2.0))
    assert lv.saturating_value(1e-9, 1e-3, 2.0) == pytest.approx(2.0 * 1e-6, rel=1e-5)  # starts along a line
    gain = lv.latency_value(spec("saturating", tau="1 ms", maximum="5e6 USD/year"), latency("1.8 ms"))
    assert gain.gain.value * YEAR == pytest.approx(5e6 * (1 - math.exp(-10.2)))


def test_win_probability_is_that_of_arrivals_with_gumbel_scatter() -> None:
    rng = np.random.default_rng(7)
    arrivals = np.array([38.0, 45.0, 45.0, 45.0]) - 10 * rng.gumbel(size=(200_000, 4))
    measured = (arrivals.argmin(axis=1) == 0).mean()
    ours = lv.win_probability(38e-6, 45e-6, 3.0, 10e-6)
    assert ours == pytest.approx(measured, abs=4 * math.sqrt(0.25 / 200_000))


def test_win_probabilities_of_two_add_up_and_have_limits() -> None:
    ahead, behind = lv.win_probability(30e-6, 42e-6, 1.0, 5e-6), lv.win_probability(42e-6, 30e-6, 1.0, 5e-6)
    assert ahead + behind == pytest.approx(1)
    assert lv.win_probability(0.0, 1e-3, 5.0, 5e-6) == pytest.approx(1)
    assert lv.win_probability(1.0, 0.0, 5.0, 5e-6) == 0  # overflow of the exponential is a sure loss
    falling = lv.win_probability(np.linspace(0, 2e-4, 30), 42e-6, 5.0, 5e-6)
    assert (np.diff(falling) < 0).all()


def test_milliseconds_earn_nothing_in_a_race_of_microseconds() -> None:
    late = lv.latency_value(spec("race", prize="5e9 USD/year", rival_latency="40 us"), latency("1.8 ms"))
    assert 0 <= late.gain.value * YEAR < 1
    level = lv.latency_value(spec("race", prize="75e6 USD/year", rival_latency="40 us"), latency("40 us"))
    assert level.gain.value * YEAR == pytest.approx(75e6 / 6)


def test_square_root_is_concave_up_to_where_it_ends() -> None:
    end = optimize.minimize_scalar(lambda x: x * math.log(2 * math.pi * x), bounds=(1e-3, 0.15), method="bounded").x
    share = lv.latency_cost_share(np.linspace(0, 0.999 * end, 60), 1.0)
    assert share[0] == 0 and (np.diff(share) > 0).all() and (np.diff(share, 2) < 0).all()
    assert math.isnan(lv.latency_cost_share(1.001 * end, 1.0))
    assert lv.square_root_range_excess(end, 0.0, 1.0) == pytest.approx(0, abs=1e-6)
    # times 100 in latency: ten times the square root, less the logarithm
    ratio = lv.latency_cost_share(1e-6, 1.0) / lv.latency_cost_share(1e-8, 1.0)
    assert ratio == pytest.approx(10 * math.sqrt(math.log(2e-6 * math.pi) / math.log(2e-8 * math.pi)))


def test_square_root_values_both_ways() -> None:
    money = spec("square-root", spread_cost="1e6 USD/year", spread_time="2 s")
    better, same, worse = (lv.latency_value(money, latency(t)) for t in ("1.8 ms", "12 ms", "20 ms"))
    assert better.gain.value > 0 == same.gain.value > worse.gain.value
    assert better.gain.value * YEAR < 1e6
    assert better.outside_range is not None and better.outside_range.value < 0


@pytest.mark.parametrize("kind", lv.NEEDS)
def test_missing_fields_are_named(kind: str) -> None:
    with pytest.raises(ValueError, match=lv.NEEDS[kind][0]):
        lv.latency_value(spec(kind), latency("1 ms"))


@pytest.mark.parametrize("kind", lv.NEEDS)
def test_arrays_pass_through(kind: str) -> None:
    own = {"rate": "1 percent/ms/year", "capital": "1e9 USD", "tau": "1 ms", "maximum": "1e6 USD/year"}
    own |= {"prize": "1e6 USD/year", "rival_latency": "1 ms", "spread_cost": "1e6 USD/year", "spread_time": "2 s"}
    axis = Quantity(np.array([1e-3, 5e-3, 13e-3]), "s", "latency")
    value = lv.latency_value(spec(kind, **own), axis).gain.value
    assert value.shape == (3,) and (np.diff(value) <= 0).all()


@pytest.mark.parametrize("behind", [0.3, 1.0, 1.5, 4.0])
@pytest.mark.parametrize(("own", "theirs"), [(0.5, 0.5), (0.1, 0.7), (0.7, 0.2), (0.0, 0.4)])
@pytest.mark.parametrize("rivals", [1.0, 5.0])
def test_first_place_agrees_with_an_integral(behind: float, own: float, theirs: float, rivals: float) -> None:
    rival = stats.lognorm(theirs, scale=10e-6)

    def won(z: float) -> float:
        chance = rival.sf(behind * 10e-6 * math.exp(own * z)) ** rivals
        return float(chance * math.exp(-z * z / 2) / math.sqrt(2 * math.pi))

    wanted = integrate.quad(won, -8, 8, limit=200)[0]
    assert lv.first_place(behind * 10e-6, own, 10e-6, theirs, rivals) == pytest.approx(wanted, rel=1e-4, abs=1e-9)


@settings(max_examples=40)
@given(st.floats(1e-6, 1e-2), st.floats(1.01, 3), st.floats(0, 1), st.floats(0.05, 1), st.integers(1, 20))
def test_later_wins_less_often(now: float, later: float, own: float, theirs: float, rivals: int) -> None:
    early = lv.first_place(now, own, 10e-6, theirs, float(rivals))
    late = lv.first_place(now * later, own, 10e-6, theirs, float(rivals))
    assert 0 <= late <= early <= 1


def test_log_spread_gives_the_percentile_back() -> None:
    spread = lv.log_spread(10e-6, 50e-6)
    assert stats.lognorm(spread, scale=10e-6).ppf(0.99) == pytest.approx(50e-6)
    assert lv.log_spread(10e-6, 10e-6) == lv.log_spread(10e-6, 5e-6) == 0


def test_less_than_one_race_a_year_is_none() -> None:
    late = spec("race", prize="5e9 USD/year", rival_latency="10 us", rival_p99="50 us")
    gain = lv.latency_value(late, latency("1.8 ms"), distribution=(latency("1.8 ms"), latency("2.3 ms")))
    assert gain.gain.value == 0 and gain.probability is not None and gain.probability.value == 0
    level = lv.latency_value(late, latency("10 us"), distribution=(latency("10 us"), latency("50 us")))
    assert level.probability is not None and level.probability.value == pytest.approx(1 / 6, rel=1e-6)
    rare = spec("race", prize="5e9 USD/year", rival_latency="10 us", rival_p99="50 us", races="1 1/year")
    none = lv.latency_value(rare, latency("10 us"), distribution=(latency("10 us"), latency("50 us")))
    assert none.gain.value == 0  # a sixth of a race a year
