"""Other work beside requests: against simulation, Cobham's formula, and the limits of no and of endless other work."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.formulas.queues import gpu_sharing as s
from rackcalc.formulas.queues import slice_lanes
from rackcalc.formulas.queues.latency_under_load import load
from rackcalc.formulas.queues.mdc_waits import mdc_wait_mean, mdc_wait_quantile
from rackcalc.formulas.queues.slice_lanes import behind_quantiles
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.spec.software import Sharing

COUNT = 400_000
BATCHES = 50


def leaf(value: float, unit: str) -> Quantity:
    return Quantity(value, unit, source=Source("given"))


OTHER = Sharing(
    policy="finish",
    share=leaf(0.1, "1"),
    slice=leaf(0.5, "s"),
    link_share=leaf(0.0, "1"),
    utilization=leaf(0.5, "1"),
    earns=leaf(2.0, "USD/s"),
)


def arrivals(rate: float, seed: int) -> list[float]:
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, COUNT)).tolist()


def beside_endless_slices(rate: float, slice_time: float, servers: int) -> np.ndarray:
    """Waits (service time 1) when every server without requests runs one slice after the other."""
    waits, free = [], [0.0] * servers
    for at in arrivals(rate, 1):
        ready = [t if t > at else t + slice_time * math.ceil((at - t) / slice_time) for t in free]
        start = min(ready)
        free[ready.index(start)] = start + 1.0
        waits.append(start - at)
    return np.array(waits)


def beside_low_priority(rate: float, other_rate: float, slice_time: float) -> np.ndarray:
    """Waits (service time 1) at one server with slices that arrive at random, wait for requests, and are finished."""
    others = iter(np.cumsum(np.random.default_rng(9).exponential(1 / other_rate, COUNT)).tolist())
    other, now, waits = next(others), 0.0, []
    for at in arrivals(rate, 2):
        while max(now, other) < at:
            now = max(now, other) + slice_time
            other = next(others, math.inf)
        now = max(now, at)
        waits.append(now - at)
        now += 1.0
    return np.array(waits)


def beside_stops(rate: float, chance: float, stop: float) -> np.ndarray:
    """Waits (service time 1) when a request that finds no other request has to stop other work, with some chance."""
    luck = np.random.default_rng(4).random(COUNT).tolist()
    now, waits = 0.0, []
    for at, draw in zip(arrivals(rate, 3), luck, strict=True):
        if at >= now:
            now = at + (stop if draw < chance else 0.0)
        waits.append(now - at)
        now += 1.0
    return np.array(waits)


def agrees(waits: np.ndarray, mean: float, p99: float) -> None:
    """Mean and share above p99 within three standard errors of batch means."""
    parts = waits[COUNT // 10 :].reshape(BATCHES, -1)
    for values, wanted in ((parts.mean(axis=1), mean), ((parts > p99).mean(axis=1), 0.01)):
        error = values.std(ddof=1) / math.sqrt(BATCHES)
        assert abs(values.mean() - wanted) < 3 * error
        assert error < 0.1 * wanted


QUEUE = {"service_time": 1.0, "servers": 1, "arrival_rate": 0.6}


def test_endless_slices_simulated() -> None:
    mean = mdc_wait_mean(**QUEUE) + s.slice_wait_mean(chance=1.0, slice=3.0)
    p99 = s.slice_wait_quantile(probability=0.99, chance=1.0, slice=3.0, **QUEUE)
    agrees(beside_endless_slices(0.6, 3.0, 1), mean, p99)


def test_low_priority_simulated() -> None:
    chance = s.slice_chance(share=0.2, utilization=0.6)
    mean = mdc_wait_mean(**QUEUE) + s.slice_wait_mean(chance=chance, slice=4.0)
    p99 = s.slice_wait_quantile(probability=0.99, chance=chance, slice=4.0, **QUEUE)
    agrees(beside_low_priority(0.6, 0.05, 4.0), mean, p99)


def test_stops_simulated() -> None:
    mean = mdc_wait_mean(**QUEUE) + s.stop_wait_mean(chance=0.7, stop_time=2.5, arrival_rate=0.6, servers=1)
    p99 = s.stop_wait_quantile(probability=0.99, chance=0.7, stop_time=2.5, **QUEUE)
    agrees(beside_stops(0.6, 0.7, 2.5), mean, p99)


def test_several_servers() -> None:
    """Never faster than alone; the estimate is too high, except when all slices run in step: then it is right."""
    queue = {"service_time": 1.0, "servers": 4, "arrival_rate": 2.4}
    alone = beside_endless_slices(2.4, 1e-9, 4).mean()  # same arrivals, so their luck cancels
    for slice_time in (0.47, 3.0):
        added = beside_endless_slices(2.4, slice_time, 4).mean() - alone
        assert 0 < added < s.slice_wait_mean(chance=1.0, slice=slice_time)
    bound = s.slice_wait_quantile(probability=0.99, chance=1.0, slice=3.0, **queue)
    assert 0.7 * bound < np.quantile(beside_endless_slices(2.4, 3.0, 4), 0.99) < bound
    in_step = beside_endless_slices(2.4, 0.5, 4).mean() - alone
    assert in_step == pytest.approx(s.slice_wait_mean(chance=1.0, slice=0.5), rel=0.01)


@pytest.mark.parametrize(("rate", "other_rate", "slice_time"), [(0.5, 0.1, 2.0), (0.8, 0.01, 10.0), (0.1, 2.0, 0.3)])
def test_cobham(rate: float, other_rate: float, slice_time: float) -> None:
    """High priority's mean wait: sum of lambda E[S^2] over 2 (1 - rho of the high priority)."""
    cobham = (rate + other_rate * slice_time**2) / 2 / (1 - rate)
    chance = s.slice_chance(share=other_rate * slice_time, utilization=rate)
    mean = mdc_wait_mean(service_time=1.0, servers=1, arrival_rate=rate) + s.slice_wait_mean(
        chance=chance, slice=slice_time
    )
    assert mean == pytest.approx(cobham)


def shared(sharing: Sharing, rate: float = 0.6, servers: int = 1) -> s.Shared:
    return s.shared_load(
        sharing, leaf(1.0, "s"), leaf(servers, "1"), leaf(rate, "request/s"), leaf(1.5, "s"), leaf(8.0, "1")
    )


@pytest.mark.parametrize("policy", ["finish", "preempt", "reserved"])
@pytest.mark.parametrize("nothing", [{"share": leaf(0.0, "1")}, {"slice": leaf(0.0, "s"), "share": leaf(0.0, "1")}])
def test_no_other_work_changes_nothing(policy: str, nothing: dict[str, Quantity]) -> None:
    alone = load(leaf(1.0, "s"), leaf(2.0, "1"), leaf(1.6, "request/s"), leaf(1.5, "s"))
    beside = shared(replace(OTHER, policy=policy, **nothing), 1.6, 2)
    for name in ("wait", "mean", "p50", "p99", "p999", "wait_p90", "in_system", "capacity", "utilization"):
        assert getattr(beside.load, name).value == pytest.approx(getattr(alone, name).value, rel=1e-9)
    assert beside.share.value == beside.income.value == beside.wait_added.value == 0
    assert beside.power_utilization.value == pytest.approx(0.8)


@pytest.mark.parametrize("policy", ["finish", "preempt", "reserved"])
def test_more_other_work_costs_latency_and_earns(policy: str) -> None:
    results = [shared(replace(OTHER, policy=policy, share=leaf(share, "1"))) for share in (0.0, 0.1, 0.2, 0.3)]
    for name in ("mean", "p99", "p999"):
        values = [getattr(result.load, name).value for result in results]
        assert values == sorted(values) and values[0] < values[-1]
    incomes = [result.income.value for result in results]
    assert incomes == sorted(incomes) and incomes[-1] > 0


def test_what_it_takes_and_earns() -> None:
    beside = shared(OTHER)
    assert beside.share.value == pytest.approx(0.1)
    assert beside.blocked.value == pytest.approx(0.25)
    assert beside.wait_added.value == pytest.approx(0.25 * 0.25)
    assert beside.power_utilization.value == pytest.approx(0.65)
    assert beside.income.value == pytest.approx(2.0 * 8 * 0.1)
    greedy = shared(replace(OTHER, share=leaf(1.0, "1")))
    assert greedy.share.value == pytest.approx(0.4)  # yields to requests
    assert greedy.load.mean.value - beside.load.mean.value == pytest.approx(0.75 * 0.25)
    reserved = shared(replace(OTHER, policy="reserved", slice=leaf(0.0, "s")))
    slower = load(leaf(1 / 0.9, "s"), leaf(1.0, "1"), leaf(0.6, "request/s"), leaf(1.5 / 0.9, "s"))
    assert reserved.load.p99.value == pytest.approx(slower.p99.value)
    assert reserved.power_utilization.value == pytest.approx(0.65)
    assert shared(replace(OTHER, policy="reserved", share=leaf(0.5, "1"))).load.p99.value == math.inf


def test_a_lone_request_meets_a_slice() -> None:
    lone = shared(replace(OTHER, share=leaf(0.2, "1")), rate=0.0)
    assert lone.load.wait_p50.value == 0
    assert lone.load.wait_p90.value == pytest.approx(0.5 * (1 - 0.1 / 0.2))
    assert lone.load.wait_p999.value <= 0.5
    stopped = shared(replace(OTHER, policy="preempt", share=leaf(0.2, "1")), rate=0.0)
    assert stopped.load.wait_p90.value == 0.5


@settings(max_examples=80, deadline=None)
@given(
    st.floats(1e-5, 0.99),
    st.sampled_from([1, 2, 5, 16]),
    st.floats(0.01, 1.0),
    st.floats(1e-3, 30.0),
    st.floats(0.1, 0.9999),
)
def test_other_work_adds_at_most_its_slice(rho: float, c: int, chance: float, piece: float, p: float) -> None:
    queue = {"service_time": 1.0, "servers": c, "arrival_rate": rho * c, "probability": p}
    alone = mdc_wait_quantile(**queue)
    rest = s.slice_wait_quantile(chance=chance, slice=piece, **queue)
    whole = s.stop_wait_quantile(chance=chance, stop_time=piece, **queue)
    assert alone - 1e-7 <= rest <= alone + piece + 1e-7
    assert alone - 1e-7 <= whole <= alone + piece + 1e-7


def test_stopping_eats_into_other_work() -> None:
    queue = {"chance": 1.0, "utilization": 0.5, "arrival_rate": 0.5, "servers": 1}
    assert s.share_after_stops(stop_time=0.0, **queue) == 0.5
    assert s.share_after_stops(stop_time=1.0, **queue) == pytest.approx(0.5 / 1.5)


def test_sweep_over_share_and_overload() -> None:
    shares = leaf(np.array([0.0, 0.2, 0.5, 1.0]), "1")
    swept = shared(replace(OTHER, share=shares), rate=0.6)
    assert swept.load.p99.value.shape == (4,)
    assert swept.load.p99.value[1] == pytest.approx(
        shared(replace(OTHER, share=leaf(0.2, "1"))).load.p99.value, rel=1e-9
    )
    full = shared(OTHER, rate=1.2)
    assert full.load.p50.value == full.load.mean.value == math.inf
    assert full.share.value == 0


@pytest.mark.parametrize("servers", [1.0, 2.0, 8.0, 40.0])
def test_lanes_beside_slices_are_what_each_is_alone(servers: float) -> None:
    draw = np.random.default_rng(int(servers))
    count = 200
    loads = draw.choice([1e-6, 1e-3, 0.01, 0.1, 0.3, 0.6, 0.9, 0.97, 0.999], count) * draw.uniform(0.9, 1, count)
    pieces = draw.choice([0, 1e-3, 0.1, 1, 3, 20], count) * draw.uniform(0.5, 1, count)
    whole = draw.choice([0, 0, 0.22, 0.47], count)
    part = draw.choice([0, 0.3, 0.9, 1], count) * (1 - whole)
    lanes = (draw.choice([0.4, 0.9, 0.99, 0.999], count), servers, loads, whole, part, pieces)
    found = behind_quantiles(s._behind_quantile, *lanes)
    wanted = [s._behind_quantile(*map(float, lane)) for lane in np.broadcast(*lanes)]
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_lanes_beside_slices_take_few_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated: list[int] = []
    plain = slice_lanes._tail
    monkeypatch.setattr(slice_lanes, "_tail", lambda *given: evaluated.append(len(given[2])) or plain(*given))
    loads, pieces = np.linspace(0, 0.9, 200)[:, None], np.linspace(0.01, 3, 30)
    behind_quantiles(s._behind_quantile, 0.99, 8.0, loads, 0.0, 0.5, pieces)
    assert sum(evaluated) < 6 * 200 * 30
