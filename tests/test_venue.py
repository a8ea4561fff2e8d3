"""A rack beside an exchange: what is published, what is not, and the way from a tick to an order."""

from typing import Any

import pytest

from rackcalc.config.catalog_files import part_names, sources
from rackcalc.config.parts import load_part
from rackcalc.config.racks import load_text
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures

RACK = """
name: A rack at an exchange
accelerators: {gpu: {part: b200-sxm, count: 8}}
model: bert-large
workload: {input: 128 token, batch: 1, arrival_rate: 200 request/s, precision: fp16}
serving: {split: gpu, runtime: tensorrt}
venue: {exchange: nyse-pillar}
"""


def computed(*sets: str) -> Any:
    return estimate(load_text(RACK, "rack.yaml", sets=sets))


def test_the_steps_from_tick_to_order_add_up() -> None:
    found = computed("venue={exchange: nyse-pillar, feed: 2 us, features: 3 us, risk: 4 us, order: 5 us}")
    for level in ("mean", "p50", "p99"):
        inference = getattr(found.latency, level).value
        assert found.venue.tick_to_trade[level].value == pytest.approx(inference + 14e-6)


def test_percentiles_stand_against_those_of_the_exchange() -> None:
    found = computed("venue.exchange=six-inet")
    assert found.venue.times["round_trip_p99"].value == pytest.approx(found.latency.p99.value / 78e-6)
    assert found.venue.times["round_trip_mean"].value == pytest.approx(found.latency.mean.value / 37e-6)


def test_what_an_exchange_does_not_publish_is_unknown_and_says_so() -> None:
    venue = computed().venue
    assert venue.times["round_trip_mean"].value == pytest.approx(computed().latency.mean.value / 26e-6)
    for name in ("round_trip_p50", "round_trip_p99", "matching_p99", "gateway_p50"):
        assert not venue.times[name].known
        (why,) = venue.times[name].unknowns
        assert why.startswith("NYSE Pillar publishes no p")


@pytest.mark.parametrize("name", part_names("venues"))
def test_every_published_latency_has_a_dated_source_and_is_in_order(name: str) -> None:
    venue = load_part("venues", name)
    known = dict(figures(venue))
    assert known, "an exchange of which nothing is published is no part"
    for quantity in known.values():
        assert sources()[quantity.source.reference]["date"] != "unknown" and 1e-6 < quantity.value < 1e-3
    for what in ("round_trip", "matching", "gateway"):
        median, tail = getattr(venue, f"{what}_p50"), getattr(venue, f"{what}_p99")
        assert median is None or tail is None or median.value < tail.value


@pytest.mark.parametrize("name", part_names("regions"))
def test_every_grid_has_a_year(name: str) -> None:
    region = load_part("regions", name)
    assert "20" in region.name and 0 < region.carbon.value * 3.6e6 < 1
