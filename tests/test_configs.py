"""Every bundled rack and scenario: runs, is finite, says where each number comes from, and its gates evaluate."""

import math
from functools import cache

import pytest

from rackcalc.config.catalog_files import part_names, sources
from rackcalc.config.parts import load_part
from rackcalc.config.racks import Loaded, bundled_racks, scenario_names
from rackcalc.estimation.estimate import Estimate, estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import ALL_KINDS
from rackcalc.questions import gate_conditions, gates
from rackcalc.questions.rack_file import load

RACKS = bundled_racks()
CASES = [
    (name, scenario)
    for name, path in RACKS.items()
    for scenario in ("", *scenario_names(path.read_text(encoding="utf-8"), path.name))
]
every_case = pytest.mark.parametrize(("name", "scenario"), CASES, ids=["-".join(filter(None, case)) for case in CASES])

# A return that never comes is inf, a rate that does not exist nan; every other figure must be a number.
LPX = "Groq 3 LPU"  # nobody has published what it draws and costs
NEVER = {"roi.irr", "roi.payback", "roi.discounted_payback", "details.microbatches_needed"}


@cache
def computed(name: str, scenario: str) -> tuple[Loaded, Estimate]:
    loaded = load(name, scenario)
    return loaded, estimate(loaded)


def test_there_are_racks_and_scenarios() -> None:
    assert {"rack-of-god", "rack-of-god-corrected"} <= set(RACKS)
    assert ("rack-of-god", "poc-2024") in CASES


@every_case
def test_figures_are_finite_and_positive(name: str, scenario: str) -> None:
    _, report = computed(name, scenario)
    found = dict(figures(report))
    for path, quantity in found.items():
        value = float(quantity.value)
        assert math.isfinite(value) or path in NEVER or not quantity.known, path
        if path.startswith("venue.") and not quantity.known:
            assert all(" publishes no p" in reason for reason in quantity.unknowns), path
        elif path == "details.preempted" and not quantity.known:
            assert all(reason.startswith("no share of preempted requests: ") for reason in quantity.unknowns)
        elif not quantity.known:
            assert set(quantity.unknowns) <= {
                "no price for lpu",
                "no TDP for lpu",
                "no price for network ports",
            }, path
            assert path.startswith(("cost.", "roi.", "power.", "thermal."))
    for path in ("latency.service", "latency.p50", "latency.p99", "throughput.requests"):
        assert found[path].value > 0, path
    (most,) = (path for path in ("throughput.capacity", "throughput.at_concurrency") if path in found)
    assert found[most].value > 0, most
    for path in ("power.chips", "power.it", "power.facility", "power.energy_per_request", "power.peak.it"):
        assert found[path].value > 0 or not found[path].known, path
    for path in ("cost.capex", "cost.opex", "cost.tco", "cost.annualised", "cost.per_million_requests"):
        assert found[path].value >= 0 or not found[path].known, path
        assert found[path].known or found[path.replace("cost.", "cost.known.")].value > 0


@every_case
def test_every_leaf_says_where_it_comes_from(name: str, scenario: str) -> None:
    _, report = computed(name, scenario)
    seen: set[int] = set()
    for path, quantity in figures(report):
        assert quantity.formula is not None or quantity.source is not None, path
        for leaf in quantity.leaves:
            if id(leaf) in seen:
                continue
            seen.add(id(leaf))
            assert leaf.source is not None, f"{path}: {leaf.name}"
            assert leaf.source.kind in ALL_KINDS, f"{path}: {leaf.name}"
            assert not leaf.source.reference or leaf.source.reference in sources(), f"{path}: {leaf.name}"
            if leaf.source.kind == "assumed":
                assert leaf.source.note, f"{path}: {leaf.name} is assumed without a reason"


def power_and_heat_add_up(report: Estimate) -> None:
    for power in (report.power, report.power.peak):
        assert power.it.value == pytest.approx(power.chips.value + power.fans.value + power.host.value, rel=1e-12)
    if report.plant is not None and report.supply is not None:
        around = report.plant.power.value + report.supply.losses.value
        assert report.power.facility.value == pytest.approx(report.power.it.value + around, rel=1e-12)
    else:
        for power in (report.power, report.power.peak):
            assert power.facility.value == pytest.approx(power.it.value * report.thermal.pue.value, rel=1e-12)
    assert report.power.it.value <= report.power.peak.it.value * (1 + 1e-9)
    removed = report.thermal.heat_to_air.value + report.thermal.heat_to_liquid.value
    assert removed == pytest.approx(report.power.peak.it.value, rel=1e-9), "every watt in comes out as heat"


@every_case
def test_power_and_heat_and_money_add_up(name: str, scenario: str) -> None:
    loaded, report = computed(name, scenario)
    if report.power.it.known:
        power_and_heat_add_up(report)
    else:
        assert LPX in loaded.rack.accelerators.lpu.part.name
    cost = report.cost
    if not cost.tco.known:
        assert cost.known is not None
        known = sum(term.value for term in cost.capex_terms.values() if term.known)
        assert cost.known.capex.value >= known  # with the share of cooling that belongs to what is known
        return
    assert cost.capex.value == pytest.approx(sum(term.value for term in cost.capex_terms.values()), rel=1e-12)
    assert cost.opex.value == pytest.approx(sum(term.value for term in cost.opex_terms.values()), rel=1e-12)
    if report.roi is not None:
        assert report.roi.value.value == pytest.approx(sum(term.value for term in report.roi.value_terms.values()))
        assert report.roi.net.value == pytest.approx(report.roi.value.value - cost.opex.value)
    work = loaded.rack.workload
    stated = work.arrival_rate is not None or work.concurrency is not None
    used = loaded.rack.economics.utilization
    priced = used.value if used is not None else 1.0 if stated else 0.6
    sold = cost.per_million_requests.value * report.throughput.requests.value * priced
    assert sold == pytest.approx(cost.annualised.value, rel=1e-12), "what is sold pays for the rack"


@every_case
def test_latency_is_in_order(name: str, scenario: str) -> None:
    loaded, report = computed(name, scenario)
    late = report.latency
    assert late.service.value <= late.p50.value * (1 + 1e-12)
    assert late.p50.value <= late.p90.value <= late.p99.value <= late.p999.value
    if late.tpot is None:
        assert loaded.rack.workload.output is None
        return
    output = loaded.rack.workload.output.value
    assert late.end_to_end.value == pytest.approx(late.ttft.value + late.tpot.value * (output - 1), rel=1e-9)
    if late.ttft_p99 is None:  # requests of a closed loop that are all alike
        assert loaded.rack.workload.concurrency is not None
        return
    assert late.ttft_p99.value >= late.ttft.value - (late.wait.value if late.wait is not None else 0.0)


@every_case
def test_terms_are_the_whole_of_their_stage(name: str, scenario: str) -> None:
    _, report = computed(name, scenario)
    for stage, found in report.stages.items():
        assert all(term.value >= 0 for term in found.terms.values()), stage
        if found.terms:
            whole = sum(term.value for term in found.terms.values())
            assert whole == pytest.approx(found.time.value, rel=1e-9), stage


@every_case
def test_a_prices_consequences_never_depend_on_unknown_prices_in_silence(name: str, scenario: str) -> None:
    _, report = computed(name, scenario)
    for pool in report.cost.unpriced:
        assert any(f"no price for {pool}" in note for note in report.notes)


@every_case
def test_hypothetical_links_are_marked(name: str, scenario: str) -> None:
    loaded, report = computed(name, scenario)
    invented = [use for use in loaded.rack.links.values() if use.hypothetical]
    said = [note for note in report.notes if "hypothetical" in note]
    assert bool(invented) == bool(said)
    if not invented:
        assert not [path for path, quantity in figures(report) if quantity.kind == "hypothetical"]
    elif loaded.rack.serving.split != "gpu":
        for path, quantity in figures(report.latency, "latency"):
            assert quantity.kind == "hypothetical", path


@every_case
def test_gates_evaluate(name: str, scenario: str) -> None:
    loaded, report = computed(name, scenario)
    conditions = gate_conditions.rack_conditions(loaded, (), ())
    assert len(conditions) == sum(bool(gate.fail_if) + bool(gate.warn_if) for gate in loaded.rack.gates)
    for verdict in gates.evaluate(conditions, report):
        assert verdict.status in ("pass", "warn", "fail")
        finite = math.isfinite(float(verdict.actual.value))
        assert finite or not verdict.actual.known or verdict.condition.path in NEVER


@every_case
def test_host_bound_runtimes_say_so(name: str, scenario: str) -> None:
    loaded, report = computed(name, scenario)
    eager = loaded.rack.serving.runtime is not None and loaded.rack.serving.runtime.name == "PyTorch eager"
    assert any("host bound" in note for note in report.notes) == eager


@pytest.mark.parametrize("name", part_names("systems"))
def test_a_systems_parts_add_up_to_its_power(name: str) -> None:
    """host_power is derived from the published power; the two must not drift apart."""
    system = load_part("systems", name)
    if system.accelerator in part_names("gpus"):
        chip = load_part("gpus", system.accelerator)
    elif system.accelerator in part_names("lpus"):
        chip = load_part("lpus", system.accelerator)
    else:
        pytest.skip(f"the catalog has no {system.accelerator}")
    if system.power is None:
        assert chip.tdp is None and system.host_power is None and LPX in chip.name, "what nobody has published"
        return
    parts = (system.count.value * chip.tdp.value + system.host_power.value) / (1 - system.fan_share.value)
    assert parts == pytest.approx(system.power.value, rel=0.01)
