"""A rack with arrays in its leaves: at every point the figures of its estimate, and refused where that is refused."""

import math
import random
from typing import Any

import numpy as np
import pytest

from rackcalc.config.racks import bundled_racks, find_rack
from rackcalc.config.vary import Axis
from rackcalc.estimation.estimate import compute, estimate
from rackcalc.quantities import elementwise as xp
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions.rack_file import load, load_text
from rackcalc.replay import design_space
from rackcalc.replay.design_space import DesignSpace, VariedRack

# leaves that reach every part of the calculation, with the factors they are varied by
FACTORS = {
    "accelerators.gpu.count": (1.0, 2.0, 4.0),
    "accelerators.gpu.part.memory_bandwidth": (0.6, 1.0, 1.3),
    "accelerators.gpu.part.tdp": (0.7, 1.0, 2.5),
    "accelerators.lpu.count": (1.0, 2.0, 3.0),
    "accelerators.lpu.part.clock": (0.8, 1.0, 1.2),
    "links.gpu-lpu.part.bandwidth": (0.01, 1.0, 2.0),
    "model.layers": (1.0, 2.0, 3.0),
    "workload.arrival_rate": (0.1, 0.9, 3.0),
    "workload.concurrency": (1.0, 2.0, 8.0),
    "workload.batch": (1.0, 2.0, 16.0),
    "workload.input": (1.0, 2.0, 4.0),
    "workload.output": (1.0, 2.0, 3.0),
    "site.altitude": (1.0, 1.5, 2.0),
    "site.cooling.air_supply": (0.97, 1.0, 1.06),
    "economics.utilization": (0.5, 0.9, 1.0),
    "economics.prices.electricity": (0.5, 1.0, 2.0),
    "latency_value.rate": (0.5, 1.0, 2.0),
}
EXACT = 1e-12


def question(rack: str, *dimensions: tuple[Axis, ...]) -> VariedRack:
    return VariedRack(*find_rack(rack), "", (), dimensions)


def leaf(rack: Any, path: str) -> Quantity | None:
    """The number at a dotted path of a rack, if there is one."""
    for name in path.split("."):
        rack = rack.get(name) if isinstance(rack, dict) else getattr(rack, name, None)
    return rack if isinstance(rack, Quantity) else None


def axes_of(rack: str) -> list[Axis]:
    """Three values of every leaf that the rack has."""
    found = []
    for path, factors in FACTORS.items():
        quantity = leaf(load(rack).rack, path)
        if quantity is not None:
            values = tuple(quantity.value * factor for factor in factors)
            found.append(Axis(path, values, quantity.unit, quantity.absolute))
    return found


def at(asked: VariedRack, places: tuple[int, ...]) -> dict[str, float] | None:
    """The figures of `rackcalc estimate --set ...` at a point; None where it is refused."""
    sets = [
        f"{axis.path}={axis.text(place)}" for axes, place in zip(asked.dimensions, places, strict=True) for axis in axes
    ]
    try:
        return {path: float(x.value) for path, x in figures(estimate(load_text(asked.text, asked.file, "", sets)))}
    except InputError:
        return None


@pytest.mark.parametrize("rack", bundled_racks())
def test_a_point_has_the_figures_of_its_estimate(rack: str) -> None:
    draw = random.Random(rack)
    axes = axes_of(rack)
    assert len(axes) >= 5
    paths = [path for path, _ in figures(estimate(load(rack)))]
    for _ in range(4):
        asked = question(rack, *[(axis,) for axis in draw.sample(axes, 3)])
        block = DesignSpace(asked, paths).block([(0, 3)] * 3)
        good = np.broadcast_to(block.good, (3, 3, 3))
        assert good.size - np.count_nonzero(good) == sum(block.refused.values())
        for _ in range(5):
            places = (draw.randrange(3), draw.randrange(3), draw.randrange(3))
            wanted = at(asked, places)
            assert (wanted is not None) == good[places], (asked.axes, places, block.refused)
            for path in set(paths) & set(wanted or ()):
                found, value = float(np.broadcast_to(block.columns[path], good.shape)[places]), wanted[path]
                assert math.isclose(found, value, rel_tol=EXACT) or (found != found and value != value), (path, places)


@pytest.mark.parametrize("rack", bundled_racks())
def test_many_points_have_the_figures_of_their_estimates_too(rack: str) -> None:
    """So many that exact waits come from curves. A wait near zero, and rates at a limit, are less exact relatively."""
    draw = random.Random(f"{rack}, many")
    axes = []
    for axis in axes_of(rack):
        if not axis.path.endswith(("count", "layers", "batch", "input", "output", "concurrency")):
            low, _, high = axis.values
            axes.append(axis._replace(values=tuple(low + (high - low) * i / 12 for i in range(13))))
    asked = question(rack, *[(axis,) for axis in draw.sample(axes, 3)])
    paths = [path for path, _ in figures(estimate(load(rack)))]
    block = DesignSpace(asked, paths).block([(0, 13)] * 3)
    good = np.broadcast_to(block.good, (13, 13, 13))
    for _ in range(6):
        places = (draw.randrange(13), draw.randrange(13), draw.randrange(13))
        wanted = at(asked, places)
        assert (wanted is not None) == good[places]
        for path, value in (wanted or {}).items():
            found = float(np.broadcast_to(block.columns[path], good.shape)[places])
            exact = 1e-9 if "wait" in path or "at_slo" in path else 1e-11
            assert math.isclose(found, value, rel_tol=exact, abs_tol=1e-25) or (found != found and value != value), path


@pytest.mark.parametrize("rack", ["llama70b-16xh100-disaggregated", "vr-nvl72-lpx-mixture", "bert-8xb200"])
def test_layers_and_batches_and_rates_are_recorded_once(rack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"workload.batch": range(1, 30), "model.layers": range(1, 30), "workload.arrival_rate": range(1, 5)}
    asked = question(rack, *((Axis(path, tuple(map(float, some)), "1", False),) for path, some in numbers.items()))
    space = DesignSpace(asked, ("latency.p99",))
    estimates: list[object] = []
    monkeypatch.setattr(design_space, "compute", lambda *given: estimates.append(given) or compute(*given))
    space.block([(0, 29), (0, 29), (0, 4)])
    assert len(estimates) <= 2


@pytest.mark.parametrize("counts", [tuple(range(1, 101)), (64, 16, 12, 9, 8, 2, 1), (8, 1, 16, 2, 12)])
def test_counts_are_recorded_once_for_each_side_of_a_limit(
    counts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    axis = Axis("accelerators.gpu.count", tuple(map(float, counts)), "1")
    asked = question("rack-of-god", (axis,))
    paths = ["latency.p99", "cost.capex", "power.it"]
    space = DesignSpace(asked, paths)
    estimates: list[object] = []
    monkeypatch.setattr(design_space, "compute", lambda *given: estimates.append(given) or compute(*given))
    block = space.block([(0, len(counts))])
    assert len(estimates) < 4 + 12 * math.log2(len(counts))
    assert space.order() == (0,)
    columns = space.columns_at([(place,) for place in range(len(counts))])
    for place in {0, 1, len(counts) // 2, len(counts) - 1}:
        wanted = at(asked, (place,))
        assert wanted is not None
        for path in paths:
            assert math.isclose(np.broadcast_to(block.columns[path], len(counts))[place], wanted[path], rel_tol=EXACT)
            assert math.isclose(columns[path][place], wanted[path], rel_tol=EXACT)


def test_a_condition_is_decided_where_all_elements_agree() -> None:
    assert xp.decided(True) and not xp.decided(False)
    assert xp.decided(np.array([1.0, 2.0]) < 3) and not xp.decided(np.array([1.0, 2.0]) > 3)
    with pytest.raises(xp.DecisionError):
        xp.decided(np.array([1.0, 2.0]) > 1)
