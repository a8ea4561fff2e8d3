"""Software penalties: what each adds, and the best partition against brute force."""

from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.builder import Builder
from rackcalc.config.document import Node
from rackcalc.formulas.serving import graph_partition, tile_alignment
from rackcalc.formulas.serving import software_penalty as software
from rackcalc.quantities.quantity import Quantity
from rackcalc.spec.software import Software

DEFAULTS = Builder().build(Software, Node({}, "", 1, 1))


def q(value: float, unit: str = "1") -> Quantity:
    return Quantity(float(value), unit)


def penalty(stack=DEFAULTS, hardware=1e-3, **options):
    return software.software_penalty(
        stack, q(hardware, "s"), q(24), q(262144, "B"), q(2e-6, "s"), q(50e9, "B/s"), **options
    )


PERFECT = replace(DEFAULTS, operator_coverage=q(1), cuts=q(0), maturity_start=q(1))


def test_alignment():
    assert tile_alignment.alignment_efficiency(1024.0, 320.0) == 0.8
    assert tile_alignment.matrix_alignment(1024.0, 1024.0, 320.0) == pytest.approx(0.64)
    assert tile_alignment.matrix_alignment(640.0, 3200.0, 320.0) == 1
    assert tile_alignment.misaligned_bandwidth(1.0, 128.0, 0.0, 128.0) == 1
    assert tile_alignment.misaligned_bandwidth(1.0, 128.0, 1.0, 128.0) == 0.5


def test_nothing_wrong_costs_nothing():
    found = penalty(PERFECT)
    assert found.time.value == 1e-3 and found.factor.value == found.factor_low.value == found.factor_high.value == 1


def test_one_more_cut_adds_exactly_its_cost():
    one, two = (penalty(replace(PERFECT, cuts=q(n))) for n in (1, 2))
    cost = 2 * 2e-6 + 262144 / 50e9 + 2 * 262144 / DEFAULTS.layout_bandwidth.value
    assert two.time.value - one.time.value == pytest.approx(cost)


def test_defaults_are_a_range_and_add_up():
    found = penalty()
    assert 1 < found.factor_low.value < found.factor.value < found.factor_high.value
    assert found.time.value == pytest.approx(1e-3 + sum(t.value for t in found.terms.values()))
    assert found.factor.kind == "assumed"
    assert found.porting.value == pytest.approx(120_000)
    assert found.upkeep.value * 8760 * 3600 == pytest.approx(24_000)


def test_maturity_decays_from_start_to_one():
    month = 730 * 3600.0
    ages = [software.maturity_factor(3.0, n * month, 9 * month) for n in (0, 6, 12, 1000)]
    assert ages[0] == 3 and ages == sorted(ages, reverse=True) and ages[-1] == pytest.approx(1)
    assert software.maturity_factor(2.0, 9 * month, 9 * month) == pytest.approx(1.367879, rel=1e-6)


def test_padding_counts_only_when_asked():
    padded = penalty(PERFECT, alignment=q(0.8))
    assert padded.time.value == pytest.approx(1e-3 / 0.8)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=12), st.data())
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("objective", ["bottleneck", "cuts"])
def test_partition_equals_brute_force(objective, times, data):
    size = len(times)
    cuts = data.draw(st.lists(st.integers(0, 50), min_size=size - 1, max_size=size - 1))
    stages = data.draw(st.integers(1, min(size, 5)))

    def cost(bounds):
        edges = [0, *bounds, size]
        if objective == "cuts":
            return sum(cuts[b - 1] for b in bounds)
        return max(sum(times[a:b]) + (cuts[b - 1] if b < size else 0) for a, b in pairwise(edges))

    best = min(cost(bounds) for bounds in combinations(range(1, size), stages - 1))
    found, bounds = graph_partition.partition_chain(times, cuts, stages, objective)
    assert found == best == cost(bounds)
    assert len(bounds) == stages - 1


def test_partition_refuses_more_stages_than_operators():
    with pytest.raises(ValueError, match="do not make 3 stages"):
        graph_partition.partition_chain([1.0, 1.0], [0.0], 3)
