"""Waits against published values, an independent solution of the M/D/c chain, simulation, and the laws of queues."""

import math
import time

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.formulas.queues import approximate_waits, exponential_tails, mg1_waits, mmc_waits
from rackcalc.formulas.queues import latency_under_load as q
from rackcalc.formulas.queues import mdc_waits as mdc
from rackcalc.quantities.quantity import Quantity, Source

N = 4_000_000
P = (0.5, 0.9, 0.99, 0.999)


def given_(value: float, unit: str) -> Quantity:
    return Quantity(value, unit, source=Source("given"))


def lindley(service: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Waits at one server: W = S - running minimum of S."""
    walk = np.concatenate(([0.0], np.cumsum(service[:-1] - gaps[1:])))
    return walk - np.minimum.accumulate(walk)


def batch_means(waits: np.ndarray, statistic, batches: int = 80) -> tuple[float, float]:
    """Estimate and its standard error from batches, a first tenth dropped."""
    kept = waits[len(waits) // 10 :]
    values = [statistic(part) for part in np.array_split(kept, batches)]
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(batches))


@pytest.mark.parametrize(
    ("c", "rho", "mean", "p50", "p99", "p999"),
    [
        (1, 0.5, 0.5, 0.0, 3.3363, 5.1684),
        (1, 0.8, 2.0, 1.2759, 10.3559, 15.7003),
        (1, 0.9, 4.5, 3.0130, 21.8982, 33.0140),
        (2, 0.8, 0.903284, None, 5.0696, 7.7417),
        (4, 0.8, 0.386095, None, 2.4546, 3.7907),
        (8, 0.9, 0.449973, None, 2.6112, 4.0007),
    ],
)
def test_mdc_reference_table(c: int, rho: float, mean: float, p50: float | None, p99: float, p999: float) -> None:
    queue = {"service_time": 1.0, "servers": c, "arrival_rate": rho * c}
    assert mdc.mdc_wait_mean(**queue) == pytest.approx(mean, abs=1e-6)
    for probability, wanted in ((0.5, p50), (0.99, p99), (0.999, p999)):
        if wanted is not None:
            assert mdc.mdc_wait_quantile(probability=probability, **queue) == pytest.approx(wanted, abs=6e-5)


def franx_by_linear_algebra(x: float, c: int, rho: float, states: int = 400) -> float:
    """P(W <= x): the chain's stationary law by a linear solver, then Franx's formula term by term."""
    move = np.arange(states) - np.maximum(np.arange(states) - c, 0)[:, None]
    rows = np.where(move >= 0, scipy.stats.poisson.pmf(np.arange(states), rho * c)[np.maximum(move, 0)], 0)
    rows[:, -1] += 1 - rows.sum(axis=1)
    system = np.vstack([(rows.T - np.eye(states))[:-1], np.ones(states)])
    law = np.linalg.solve(system, np.eye(states)[-1])
    below = np.cumsum(law)
    k = math.floor(x) + 1
    return sum(scipy.stats.poisson.pmf(i, rho * c * (k - x)) * below[c + k * c - i - 1] for i in range(k * c))


@pytest.mark.parametrize(("c", "rho"), [(1, 0.3), (1, 0.9), (2, 0.8), (5, 0.85), (8, 0.5), (20, 0.9)])
def test_mdc_law_is_franx(c: int, rho: float) -> None:
    for x in (0.0, 0.3, 0.99, 1.5, 2.0, 4.7):
        tail = mdc.mdc_wait_tail(time=x, service_time=1.0, servers=c, arrival_rate=rho * c)
        assert tail == pytest.approx(1 - franx_by_linear_algebra(x, c, rho), abs=1e-10)


@pytest.mark.parametrize(("c", "rho"), [(1, 0.8), (4, 0.8)])
def test_mdc_simulated(c: int, rho: float) -> None:
    # With equal service times the line is served in turn: customer n goes to server n mod c.
    gaps = np.random.default_rng(7).exponential(1 / (rho * c), N)
    gaps = gaps.reshape(-1, c).sum(axis=1)
    waits = lindley(np.ones(len(gaps)), gaps)
    queue = {"service_time": 1.0, "servers": c, "arrival_rate": rho * c}
    mean, error = batch_means(waits, np.mean)
    assert abs(mean - mdc.mdc_wait_mean(**queue)) < 3 * error < 0.05 * mean
    share, error = batch_means(waits, lambda part: np.mean(part > mdc.mdc_wait_quantile(probability=0.99, **queue)))
    assert abs(share - 0.01) < 3 * error < 0.002


@pytest.mark.parametrize(("c", "rho"), [(1, 0.05), (1, 0.999999), (3, 0.7), (16, 0.97), (64, 0.5), (200, 0.95)])
@pytest.mark.parametrize("level", [1e-1, 1e-3, 1e-9, 1e-15])
def test_quantile_inverts_tail(c: int, rho: float, level: float) -> None:
    queue = {"service_time": 2.0, "servers": c, "arrival_rate": rho * c / 2}
    x = mdc.mdc_wait_quantile(probability=1 - level, **queue)
    tail = mdc.mdc_wait_tail(time=x, **queue)
    assert tail == pytest.approx(1 - (1 - level), rel=1e-6) if x > 0 else tail <= level


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 0.999))
def test_md1_mean_is_pollaczek_khinchine(rho: float) -> None:
    exact = mg1_waits.mg1_wait_mean(service_time=3.0, service_scv=0.0, arrival_rate=rho / 3)
    assert mdc.mdc_wait_mean(service_time=3.0, servers=1, arrival_rate=rho / 3) == pytest.approx(exact, rel=1e-10)


def test_quantiles_are_fast() -> None:
    seconds = []
    for c in (1, 4):
        for attempt in range(5):
            queue = {"service_time": 1.0, "servers": c, "arrival_rate": 0.9 * c + attempt / 1e6}
            start = time.perf_counter()
            for probability in P:
                mdc.mdc_wait_quantile(probability=probability, **queue)
            seconds.append((time.perf_counter() - start) / len(P))
    assert min(seconds) < 0.5e-3


def test_erlang_and_mm1_reference() -> None:
    assert mmc_waits.erlang_c(arrival_rate=8.0, service_time=1.0, servers=10) == pytest.approx(0.409180, abs=5e-7)
    mm1 = {"service_time": 1.0, "servers": 1, "arrival_rate": 0.8}
    assert mmc_waits.mmc_wait_mean(**mm1) == pytest.approx(4.0)
    assert mmc_waits.mmc_wait_quantile(probability=0.99, **mm1) == pytest.approx(21.9101, abs=5e-5)
    assert mmc_waits.mmc_wait_quantile(probability=0.999, **mm1) == pytest.approx(33.4231, abs=5e-5)
    assert mmc_waits.mmc_wait_quantile(probability=0.1, **mm1) == 0
    assert mmc_waits.erlang_c(arrival_rate=900.0, service_time=1.0, servers=1000) < 0.01  # no overflow


@pytest.mark.parametrize("c", [2, 4, 8])
@pytest.mark.parametrize("rho", [0.5, 0.7, 0.9])
def test_cosmetatos_accuracy(c: int, rho: float) -> None:
    queue = {"service_time": 1.0, "servers": c, "arrival_rate": rho * c}
    exact = mdc.mdc_wait_mean(**queue)
    exponential = mmc_waits.mmc_wait_mean(**queue)
    assert approximate_waits.cosmetatos_wait_mean(mmc_wait=exponential, **queue) == pytest.approx(exact, rel=0.008)
    if (c, rho) == (8, 0.5):
        assert exponential / 2 / exact == pytest.approx(0.79, abs=0.01)  # what "half of M/M/c" would give


def test_exponential_tail_at_p99() -> None:
    for rho, p99 in ((0.5, 3.3358), (0.8, 10.3559)):
        eta = exponential_tails.mdc_decay_rate(service_time=1.0, servers=1, arrival_rate=rho)
        alpha = exponential_tails.md1_tail_factor(service_time=1.0, arrival_rate=rho)
        found = exponential_tails.exponential_tail_quantile(probability=0.99, factor=alpha, decay_rate=eta)
        assert found == pytest.approx(p99, abs=6e-5)
    assert (eta, alpha) == (pytest.approx(0.43084, abs=5e-6), pytest.approx(0.86639, abs=5e-6))
    eta = exponential_tails.mdc_decay_rate(service_time=1.0, servers=4, arrival_rate=3.6)
    far = [mdc.mdc_wait_tail(time=x, service_time=1.0, servers=4, arrival_rate=3.6) for x in (20.0, 21.0)]
    assert math.log(far[0] / far[1]) == pytest.approx(eta, rel=1e-9)


SERVICE = {"fixed": 0.0, "variable": 1.0, "variable_scv": 1.0, "extra": 0.0, "extra_share": 0.0}


def test_inversion_on_mm1_and_md1() -> None:
    for t in (0.1, 1.0, 5.0, 30.0):
        tail = mg1_waits.mg1_wait_tail(time=t, arrival_rate=0.8, **SERVICE)
        assert tail == pytest.approx(0.8 * math.exp(-0.2 * t), abs=2e-8)
    fixed = SERVICE | {"fixed": 1.0, "variable": 0.0}
    for t, error in ((1.0, 1e-3), (5.5, 2.5e-6), (12.3, 2.5e-6)):
        franx = mdc.mdc_wait_tail(time=t, service_time=1.0, servers=1, arrival_rate=0.8)
        assert mg1_waits.mg1_wait_tail(time=t, arrival_rate=0.8, **fixed) == pytest.approx(franx, abs=error)


def test_mg1_mixture_simulated() -> None:
    mixture = {"fixed": 0.4, "variable": 0.3, "variable_scv": 0.5, "extra": 2.0, "extra_share": 0.1}
    rng = np.random.default_rng(3)
    service = 0.4 + rng.gamma(2.0, 0.15, N) + 2.0 * (rng.random(N) < 0.1)
    waits = lindley(service, rng.exponential(1 / 0.8, N))
    moments = {k: v for k, v in mixture.items() if k != "variable_scv"}
    scv = mg1_waits.mixed_service_scv(**mixture)
    exact = mg1_waits.mg1_wait_mean(
        service_time=mg1_waits.mixed_service_mean(**moments), service_scv=scv, arrival_rate=0.8
    )
    mean, error = batch_means(waits, np.mean)
    assert abs(mean - exact) < 3 * error < 0.05 * mean
    for found, times in ((mg1_waits.mg1_wait_quantile, waits), (mg1_waits.mg1_sojourn_quantile, waits + service)):
        limit = found(probability=0.99, arrival_rate=0.8, **mixture)
        share, error = batch_means(times, lambda part, limit=limit: np.mean(part > limit))
        assert abs(share - 0.01) < 3 * error < 0.002


@pytest.mark.parametrize("c", [1, 4])
def test_variable_sojourn_is_mmc(c: int) -> None:
    queue = {"service_time": 1.0, "servers": c, "arrival_rate": 0.85 * c}
    chance, rate = mmc_waits.erlang_c(**queue), c * 0.15

    def tail(t: float) -> float:
        both = (
            t * math.exp(-t) + math.exp(-t) if rate == 1 else (math.exp(-rate * t) - rate * math.exp(-t)) / (1 - rate)
        )
        return (1 - chance) * math.exp(-t) + chance * both

    exact = 0.5 + scipy.optimize.brentq(lambda t: tail(t) - 0.01, 0, 100)
    wait = mmc_waits.mmc_wait_mean(**queue)
    found = exponential_tails.variable_sojourn_quantile(
        probability=0.99, passage_time=1.5, service_time=1.0, service_scv=1.0, delay_probability=chance, wait_mean=wait
    )
    assert found == pytest.approx(exact, rel=1e-5)


def test_kimura_is_exact_for_one_server() -> None:
    mmc, md1 = (mg1_waits.mg1_wait_mean(service_time=1.0, service_scv=scv, arrival_rate=0.7) for scv in (1.0, 0.0))
    for scv in (0.0, 0.3, 1.0, 2.0):
        exact = mg1_waits.mg1_wait_mean(service_time=1.0, service_scv=scv, arrival_rate=0.7)
        assert approximate_waits.mgc_wait_mean(mmc_wait=mmc, mdc_wait=md1, service_scv=scv) == pytest.approx(exact)


def test_bursts_simulated() -> None:
    """Hyperexponential gaps with squared variation 4 at rho 0.9: heavy-traffic scaling within 15 %."""
    rng = np.random.default_rng(5)
    p = (1 + math.sqrt(3 / 5)) / 2  # balanced means
    gaps = np.where(rng.random(N) < p, rng.exponential(1 / (2 * p), N), rng.exponential(1 / (2 - 2 * p), N)) / 0.9
    waits = lindley(np.ones(N), gaps)
    assert np.var(gaps) / np.mean(gaps) ** 2 == pytest.approx(4, rel=0.02)
    kingman = approximate_waits.kingman_wait_mean(service_time=1.0, service_scv=0.0, arrival_rate=0.9, arrival_scv=4.0)
    assert kingman == pytest.approx(waits.mean(), rel=0.15)
    poisson = mdc.mdc_wait_quantile(probability=0.99, service_time=1.0, servers=1, arrival_rate=0.9)
    p99 = approximate_waits.bursty_wait(wait=poisson, arrival_scv=4.0, service_scv=0.0)
    assert p99 == pytest.approx(np.quantile(waits, 0.99), rel=0.15)


def test_burst_arrivals_simulated() -> None:
    rng = np.random.default_rng(6)
    size = rng.geometric(0.25, N // 4)  # mean 4, scv 0.75
    gaps = np.zeros(size.sum())
    gaps[np.cumsum(size) - size] = rng.exponential(4 / 0.7, len(size))
    mean, error = batch_means(lindley(np.ones(len(gaps)), gaps), np.mean)
    exact = mg1_waits.burst_wait_mean(service_time=1.0, arrival_rate=0.7, burst_mean=4.0, burst_scv=0.75)
    assert abs(mean - exact) < 3 * error < 0.05 * mean


def test_only_the_slowest_of_fixed_stages_queues() -> None:
    stages = (0.3, 1.0, 0.7, 1.0, 0.2)
    arrivals = at = np.cumsum(np.random.default_rng(8).exponential(1 / 0.8, 200_000))
    for stage in stages:
        index = np.arange(len(at)) * stage
        at = np.maximum.accumulate(at - index) + index + stage
    bottleneck = lindley(np.ones(len(arrivals)), np.diff(arrivals, prepend=0))
    np.testing.assert_allclose(at - arrivals, q.sojourn_time(sum(stages), bottleneck), atol=1e-7)


def a_load(servers: float, rate: float, **options: Quantity) -> q.Load:
    return q.load(given_(1.0, "s"), given_(servers, "1"), given_(rate, "request/s"), given_(1.5, "s"), **options)


def test_load_composes() -> None:
    result = a_load(1, 0.8)
    assert result.utilization.value == pytest.approx(0.8)
    assert result.capacity.value == 1.0
    assert result.p99.value == pytest.approx(1.5 + 10.3559, abs=6e-5)
    assert result.wait_p99.value == pytest.approx(10.3559, abs=6e-5)
    assert result.in_system.value == pytest.approx(0.8 * result.mean.value)  # Little
    bursty = a_load(1, 0.8, arrival_scv=given_(4.0, "1"))
    assert bursty.wait.value == pytest.approx(8.0)
    variable = a_load(1, 0.8, service_scv=given_(1.0, "1"))
    assert variable.p99.value == pytest.approx(0.5 + 5 * math.log(100), rel=1e-5)
    assert variable.wait_p999.value == pytest.approx(33.4231, abs=5e-5)


def test_overload_is_infinite_and_sweeps_survive() -> None:
    rates = np.array([0.0, 0.5, 1.0, 1.5])
    for options in ({}, {"arrival_scv": given_(2.0, "1")}, {"service_scv": given_(0.5, "1")}):
        result = a_load(1, rates, **options)
        for quantity in (result.mean, result.p50, result.p99, result.p999):
            assert list(np.isinf(quantity.value)) == [False, False, True, True]
        assert result.wait.value[0] == 0
        assert result.p50.value[1] > 0


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 0.97), st.integers(1, 12), st.sampled_from(P))
def test_laws(rho: float, c: int, probability: float) -> None:
    def wait(servers: int, load: float, service: float = 1.0) -> float:
        rate = load * servers / service
        return mdc.mdc_wait_quantile(probability=probability, service_time=service, servers=servers, arrival_rate=rate)

    assert wait(c, rho) <= wait(c, rho + 0.02)
    assert wait(c + 1, rho) <= wait(c, rho) + 1e-9
    fast = wait(1, rho, 1.0 / c)  # one server c times as fast, same arrivals
    assert wait(c, rho) <= fast + 1e-9
    if c > 1:
        assert 1.0 + wait(c, rho) >= fast + 1.0 / c  # but its requests leave sooner
    exponential = mmc_waits.mmc_wait_quantile(
        probability=probability, service_time=1.0, servers=c, arrival_rate=rho * c
    )
    assert wait(c, rho) <= exponential + 1e-9


def test_pasta() -> None:
    """Arrivals see time averages: P(wait > 0) at one server is its utilization."""
    for rho in (0.2, 0.7, 0.95):
        assert mdc.mdc_wait_tail(time=0.0, service_time=1.0, servers=1, arrival_rate=rho) == pytest.approx(rho)


@pytest.mark.parametrize("servers", [0.5, 2.5])
def test_outside_the_domain_is_not_a_number(servers: float) -> None:
    queue = {"service_time": 1.0, "servers": servers, "arrival_rate": 0.1 * servers}
    assert math.isnan(mdc.mdc_wait_mean(**queue))
    assert math.isnan(mdc.mdc_wait_quantile(probability=0.99, **queue))
    assert math.isnan(mmc_waits.erlang_c(**queue))


@pytest.mark.parametrize("rho", [0.9, 0.98])
def test_more_servers_than_the_exact_law_takes_are_bounded_from_above(
    rho: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rackcalc.formulas.queues import mdc_backlog as law

    exact = law.wait_in_service_times(0.99, 80.0, rho)
    mean = mdc.mdc_wait_mean(service_time=1.0, servers=80.0, arrival_rate=80 * rho)
    monkeypatch.setattr(law, "MAX_SERVERS", 64)
    assert exact <= law.wait_in_service_times(0.99, 80.0, rho) <= 1.2 * exact
    assert mean <= mdc.mdc_wait_mean(service_time=1.0, servers=80.0, arrival_rate=80 * rho) <= 1.5 * mean
