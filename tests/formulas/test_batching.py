"""Batch servers against simulation and the queues they become in the limits."""

import math

import numpy as np
import pytest

from rackcalc.formulas.queues import batching as b
from rackcalc.formulas.queues.mdc_waits import mdc_wait_mean, mdc_wait_quantile
from rackcalc.formulas.queues.mmc_waits import mmc_wait_mean


def greedy(rate: float, batch: int, count: int) -> np.ndarray:
    """Waits at a server that takes all that wait, at most `batch`, for a time of 1."""
    arrivals = np.cumsum(np.random.default_rng(1).exponential(1 / rate, count))
    waits, i, now = np.empty(count), 0, 0.0
    times = arrivals.tolist()
    while i < count:
        now = max(now, times[i])
        j = i
        while j < count and j - i < batch and times[j] <= now:
            j += 1
        waits[i:j] = now - arrivals[i:j]
        now += 1.0
        i = j
    return waits


@pytest.mark.parametrize(("rate", "batch"), [(6.0, 8), (1.8, 2)])
def test_greedy_batches_simulated(rate: float, batch: int) -> None:
    waits = greedy(rate, batch, 1_000_000)
    parts = waits[100_000:].reshape(60, -1)
    mean, error = parts.mean(), parts.mean(axis=1).std(ddof=1) / math.sqrt(60)
    inputs = {"service_time": 1.0, "batch": batch, "arrival_rate": rate}
    assert abs(mean - b.greedy_batch_wait_mean(**inputs)) < 3 * error < 0.1 * mean
    shares = (parts > b.greedy_batch_wait_quantile(probability=0.99, **inputs)).mean(axis=1)
    assert abs(shares.mean() - 0.01) < 3 * shares.std(ddof=1) / math.sqrt(60) < 0.006


def test_greedy_batch_reference() -> None:
    """Reference simulation of rate 6, batches of 8: sojourn 1.600 mean, 2.564 p99, good to about 1 %."""
    inputs = {"service_time": 1.0, "batch": 8, "arrival_rate": 6.0}
    assert 1 + b.greedy_batch_wait_mean(**inputs) == pytest.approx(1.600, rel=0.01)
    assert 1 + b.greedy_batch_wait_quantile(probability=0.99, **inputs) == pytest.approx(2.564, rel=0.01)


@pytest.mark.parametrize("rho", [0.1, 0.8, 0.97])
def test_batch_of_one_is_md1(rho: float) -> None:
    exact = mdc_wait_mean(service_time=2.0, servers=1, arrival_rate=rho / 2)
    assert b.greedy_batch_wait_mean(service_time=2.0, batch=1, arrival_rate=rho / 2) == pytest.approx(exact, rel=1e-9)
    for p in (0.5, 0.99, 0.9999):
        exact = mdc_wait_quantile(probability=p, service_time=2.0, servers=1, arrival_rate=rho / 2)
        found = b.greedy_batch_wait_quantile(probability=p, service_time=2.0, batch=1, arrival_rate=rho / 2)
        assert found == pytest.approx(exact, rel=1e-8, abs=1e-9)


def test_unlimited_batch_waits_at_most_one_service() -> None:
    inputs = {"service_time": 1.0, "batch": 200, "arrival_rate": 20.0}
    assert b.greedy_batch_wait_mean(**inputs) == pytest.approx(0.5, rel=1e-6)  # always busy: half a service
    assert b.greedy_batch_wait_quantile(probability=0.999, **inputs) == pytest.approx(0.999, abs=1e-6)
    assert b.greedy_batch_wait_mean(service_time=1.0, batch=8, arrival_rate=8.0) == math.inf


@pytest.mark.parametrize(("timeout", "batch", "rate"), [(0.5, 8, 6.0), (2.0, 8, 6.0), (0.1, 3, 1.0)])
def test_timeout_batches_simulated(timeout: float, batch: int, rate: float) -> None:
    rng = np.random.default_rng(2)
    times = np.hstack([np.zeros((200_000, 1)), rng.exponential(1 / rate, (200_000, batch - 1)).cumsum(axis=1)])
    closes = np.minimum(times[:, -1:], timeout)
    inside = times <= closes
    sizes, waits = inside.sum(axis=1), np.where(inside, closes - times, 0).sum(axis=1)
    assert b.timeout_batch_size(timeout=timeout, batch=batch, arrival_rate=rate) == pytest.approx(
        sizes.mean(), rel=0.005
    )
    wait = b.timeout_batch_wait_mean(timeout=timeout, batch=batch, arrival_rate=rate)
    assert wait == pytest.approx(waits.sum() / sizes.sum(), rel=0.005)


@pytest.mark.parametrize("slots", [1, 4, 64, 500])
def test_continuous_batching_limits(slots: int) -> None:
    # Steps of fixed time: every slot is a server of its own (M/M/c).
    rate = 0.9 * slots
    found = b.continuous_batch_sojourn_mean(
        arrival_rate=rate, output=100.0, step_fixed=0.01, step_per_sequence=0.0, slots=slots
    )
    assert found == pytest.approx(1.0 + mmc_wait_mean(service_time=1.0, servers=slots, arrival_rate=rate), rel=1e-9)
    # Steps in proportion to the sequences: one shared server, whatever the slots (M/M/1).
    found = b.continuous_batch_sojourn_mean(
        arrival_rate=0.9, output=100.0, step_fixed=0.0, step_per_sequence=0.01, slots=slots
    )
    assert found == pytest.approx(10.0, rel=1e-9)


def test_continuous_batching_overload_and_rest() -> None:
    inputs = {"output": 100.0, "step_fixed": 0.01, "step_per_sequence": 0.001, "slots": 8}
    alone = b.continuous_batch_sojourn_mean(arrival_rate=0.0, **inputs)
    assert alone == pytest.approx(1.1)
    full = 8 / (100 * (0.01 + 8 * 0.001))
    assert b.continuous_batch_sojourn_mean(arrival_rate=1.001 * full, **inputs) == math.inf
    assert b.continuous_batch_sojourn_mean(arrival_rate=0.99 * full, **inputs) > 5 * alone
