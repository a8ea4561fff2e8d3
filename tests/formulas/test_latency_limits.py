"""Load within limits: against the Poisson law itself, and renewal theory by counting."""

import math

import numpy as np
import pytest

from rackcalc.formulas.serving import latency_limits, sequence_lengths


def poisson_cdf(mean: float, most: int) -> float:
    return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(most + 1))


@pytest.mark.parametrize("peak", [20, 100, 1000])
def test_one_in_a_hundred_requests_meets_a_full_engine(peak: int) -> None:
    mean = latency_limits.usual_number(peak=float(peak), z=2.3263)
    assert poisson_cdf(mean, peak) == pytest.approx(0.99, abs=0.005)


def test_sequences_under_way_are_the_long_ones() -> None:
    lengths = np.array([100.0, 100.0, 700.0])  # one engine generates these answers in turn, a token per step
    so_far = np.concatenate([np.arange(length) + 0.5 for length in lengths])
    spread = float((lengths**2).mean() / lengths.mean() ** 2)
    found = sequence_lengths.lived_context(prompt=50.0, output=float(lengths.mean()), spread=spread)
    assert found == pytest.approx(50.0 + so_far.mean())
    assert sequence_lengths.lived_share(spread=spread) == pytest.approx(so_far.mean() / lengths.mean())


def test_equal_lengths_are_met_half_way() -> None:
    assert sequence_lengths.lived_context(prompt=100.0, output=50.0, spread=1.0) == 125.0


def test_the_tighter_limit_counts() -> None:
    times = {"ttft": 1.0, "tpot": 0.02}
    assert latency_limits.of_limits(**times, most_ttft=0.5, most_tpot=0.04) == 2.0
    assert latency_limits.of_limits(**times, most_ttft=2.0, most_tpot=0.01) == 2.0


def test_limit_of_a_line_is_where_it_crosses_and_stays_in_range() -> None:
    used = np.array([0.3, 0.9, 2.0])
    found = latency_limits.at_limit(alone=0.2, loaded=used, at=11.0, most=50.0)
    assert found[1:] == pytest.approx(1 + 10 * 0.8 / (used[1:] - 0.2))
    assert found[0] == 50.0
    assert latency_limits.at_limit(alone=1.5, loaded=3.0, at=11.0, most=50.0) == 1.0  # kept by nobody
    assert latency_limits.at_limit(alone=0.2, loaded=0.1, at=11.0, most=50.0) == 50.0  # no load brings it there
