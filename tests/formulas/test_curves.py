"""Curves against the algorithms they are made from."""

import math
from typing import Any

import numpy as np
import pytest

from rackcalc.formulas.queues import curves, mdc_backlog, mdc_curves, mdc_lanes, surfaces
from rackcalc.formulas.queues.curves import Curve, for_points, mapped, worth
from rackcalc.formulas.queues.mdc_waits import mdc_wait_mean, mdc_wait_quantile, rate_within_limit

RANDOM = np.random.default_rng(5)
LOADS = np.concatenate([[0.0, 1.0, 1.5, math.nan], RANDOM.uniform(0, 1, 400), 1 - np.logspace(-2, -9, 20)])
# close to full load the algorithm itself loses digits: it takes the logarithm of a number close to 1
LOST = 4e-16 / np.maximum(np.abs(1 - LOADS), 1e-16)


def assert_close(found: Any, wanted: Any, relative: float, absolute: float) -> None:
    number = np.isfinite(wanted)
    np.testing.assert_array_equal(found[~number], wanted[~number])
    allowed = (relative + LOST[number]) * np.abs(wanted[number]) + absolute
    assert (np.abs(found[number] - wanted[number]) <= allowed).all()


@pytest.mark.parametrize("servers", [1.0, 2.0, 8.0, 33.0])
@pytest.mark.parametrize("probability", [0.5, 0.99, 0.999])
def test_quantiles_of_arrays_are_those_of_the_algorithm(servers: float, probability: float) -> None:
    found = mdc_curves.quantile_curve(probability, servers)(LOADS)
    wanted = np.array([mdc_backlog.wait_in_service_times(probability, servers, rho) for rho in LOADS.tolist()])
    assert_close(found, wanted, 2e-12, 1e-14)


@pytest.mark.parametrize("servers", [1.0, 2.0, 8.0, 33.0])
def test_means_of_arrays_are_those_of_the_algorithm(servers: float) -> None:
    found = mdc_curves.mean_curve(servers)(LOADS)
    wanted = np.array([mdc_backlog.mean_in_service_times(servers, rho) for rho in LOADS.tolist()])
    assert_close(found, wanted, 1e-11, 2 * mdc_curves.FORGOTTEN)


@pytest.mark.parametrize("servers", [1.0, 8.0])
def test_the_load_within_a_limit_is_the_one_whose_quantile_is_the_limit(servers: float) -> None:
    rooms = np.concatenate([[0.0, -1.0, math.inf], np.logspace(-2, 3, 200)])
    loads = mdc_curves.within_curve(0.99, servers)(rooms)
    assert loads[:3].tolist() == [0.0, 0.0, 1.0]
    back = [mdc_backlog.wait_in_service_times(0.99, servers, rho) for rho in loads[3:].tolist()]
    np.testing.assert_allclose(back, rooms[3:], rtol=1e-9)
    inputs = {"limit": rooms + 1.0, "service_time": 1.0, "servers": servers, "passage_time": 1.0, "probability": 0.99}
    with for_points(curves.MANY):
        many = rate_within_limit(**inputs)
    np.testing.assert_allclose(many, rate_within_limit(**inputs), rtol=1e-8)


def test_servers_that_vary_have_curves_of_their_own() -> None:
    queue = {"probability": 0.9, "service_time": 1.0, "servers": np.array([[1.0], [2.0], [1.5], [20.0]])}
    rates = np.linspace(0.01, 0.99, 50) * queue["servers"]
    few = mdc_wait_quantile(arrival_rate=rates, **queue)
    with for_points(curves.MANY):
        many = mdc_wait_quantile(arrival_rate=rates, **queue)
    np.testing.assert_allclose(many, few, rtol=1e-11, atol=1e-14)
    assert np.isnan(few[2]).all()


def test_an_element_has_one_value_in_every_array() -> None:
    curve = Curve(np.tanh, [-3.0, 0.5, 4.0])
    x = np.random.default_rng(3).uniform(-3, 4, 500)
    whole = curve(x)
    np.testing.assert_allclose(whole, np.tanh(x), rtol=1e-12, atol=1e-14)
    assert whole.tolist() == [curve(np.array([value]))[0] for value in x.tolist()]
    assert curve(x.reshape(5, 100)).shape == (5, 100)


@pytest.mark.parametrize("servers", [1, 2, 7, 33, 128])
def test_lanes_of_loads_are_what_the_algorithm_gives_for_each(servers: int) -> None:
    near = 1 - np.array([2.0, 1.0, 0.3, 0.1, 0.02]) / math.sqrt(servers + 4)
    loads = np.concatenate([[0.0, 0.02, 0.3, 1.0, 1.5, math.nan], near])
    for probability in (0.5, 0.99, 0.999):
        wanted = [mdc_backlog.wait_in_service_times(probability, servers, rho) for rho in loads.tolist()]
        np.testing.assert_allclose(mdc_lanes.quantiles(probability, servers, loads), wanted, rtol=3e-11, atol=1e-14)
    wanted = [mdc_backlog.mean_in_service_times(servers, rho) for rho in loads.tolist()]
    np.testing.assert_allclose(mdc_lanes.means(servers, loads), wanted, rtol=3e-11, atol=1e-35)
    waits = np.array([0.0, 0.5, 1.0, 2.7, 11.0])
    tails = [
        mdc_backlog.wait_tail(x, servers, rho)
        for x, rho in zip(waits.tolist(), mdc_lanes.load_with_tail(0.01, servers, waits).tolist(), strict=True)
    ]
    np.testing.assert_allclose(tails, 0.01, rtol=1e-9)


def test_a_curve_of_many_servers_takes_few_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes: list[int] = []
    plain = mdc_lanes.Backlogs.__init__

    def counted(self: Any, servers: int, rho: Any) -> None:
        lanes.append(len(rho))
        plain(self, servers, rho)

    monkeypatch.setattr(mdc_lanes.Backlogs, "__init__", counted)
    for servers in (3.0, 65.0, 257.0):
        lanes.clear()
        mdc_curves._quantile_curve.__wrapped__(0.985, int(servers), False)(np.linspace(0, 1, 4000))
        assert sum(lanes) < 700 and len(lanes) < 25


def test_a_surface_takes_few_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes: list[int] = []
    plain = mdc_lanes.quantiles

    def counted(probability: float, servers: float, rho: Any) -> Any:
        lanes.append(len(rho))
        return plain(probability, servers, rho)

    monkeypatch.setattr(mdc_lanes, "quantiles", counted)
    mdc_curves._quantile_surface.__wrapped__(0.985, 32, 128)
    assert len(lanes) <= 2 * surfaces.BANDS[32, 128] and sum(lanes) < 200 * surfaces.BANDS[32, 128]


@pytest.mark.parametrize("servers", [1, 2, 3, 8, 33, 128])
@pytest.mark.parametrize("level", [0.5, 0.1, 0.015, 0.001, 1e-6])
def test_the_load_with_waits_is_the_one_at_which_so_many_wait(servers: int, level: float) -> None:
    load = mdc_lanes.load_with_waits(level, servers)
    assert math.isclose(mdc_backlog.wait_tail(0.0, servers, load), level, rel_tol=1e-10)


@pytest.mark.parametrize("servers", [33.0, 47.0, 97.0, 128.0, 211.0, 803.0])
def test_a_surface_over_servers_is_what_the_algorithm_gives(servers: float) -> None:
    queue = {"service_time": 1.0, "servers": servers}
    rates = servers * np.concatenate([[0.2, 0.5, 0.8], 1 - np.array([1.5, 0.7, 0.3, 0.1, 0.03]) / math.sqrt(servers)])
    with for_points(500, 100):
        assert curves.worth_surface()
        quantiles = mdc_wait_quantile(probability=0.99, arrival_rate=rates, **queue)
        means = mdc_wait_mean(arrival_rate=rates, **queue)
    wanted = [mdc_wait_quantile(probability=0.99, arrival_rate=rate, **queue) for rate in rates.tolist()]
    np.testing.assert_allclose(quantiles, wanted, rtol=1e-9, atol=1e-12)
    wanted = [mdc_wait_mean(arrival_rate=rate, **queue) for rate in rates.tolist()]
    np.testing.assert_allclose(means, wanted, rtol=1e-9, atol=2 * mdc_curves.FORGOTTEN)


def test_pieces_are_made_when_they_are_asked_for() -> None:
    asked: list[float] = []

    def square(x: Any) -> Any:
        asked.extend(x.tolist())
        return x * x

    curve = Curve(square, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(curve(np.array([0.2, 0.7])), [0.04, 0.49])
    assert max(asked) < 1.0


def test_few_points_are_not_worth_a_curve() -> None:
    assert not worth(np.zeros(curves.MANY - 1)) and worth(np.zeros(curves.MANY))
    with for_points(curves.MANY):
        assert worth(np.zeros(3))


def test_keys_that_are_no_numbers_are_keys_all_the_same() -> None:
    keys = np.array([1.0, math.nan])
    found = mapped(lambda key: lambda x: x * 0 + (-1.0 if key != key else key), keys, x=np.array([5.0, 6.0]))
    assert found.tolist() == [1.0, -1.0]
