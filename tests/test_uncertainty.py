"""Draws, sensitivities, and the report, against other programs and against formulas."""

import json
import math
import re
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from SALib.analyze import sobol as salib
from scipy.stats import qmc
from typer.testing import CliRunner

from rackcalc.cli.typer_app import app
from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.combine import total
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import FORMULAS, Quantity, Source, formula
from rackcalc.questions.rack_file import load
from rackcalc.questions.uncertainty.analysis import Report, uncertain_rack, uncertainty
from rackcalc.questions.uncertainty.draws import draw_all
from rackcalc.render.uncertainty import as_text
from rackcalc.replay import sobol
from rackcalc.replay.distributions import leaf_range
from rackcalc.replay.intervals import intervals
from rackcalc.replay.sobol_indices import indices
from rackcalc.replay.uncertain_program import UncertainProgram

CONFIGS = Path(__file__).parent.parent / "configs"
Z90 = NormalDist().inv_cdf(0.9)


# --- Sobol points ----------------------------------------------------------------------------------------------------


def test_points_are_those_of_scipy() -> None:
    ours = sobol.points(256, sobol.most(), None)
    theirs = qmc.Sobol(sobol.most(), scramble=False, bits=sobol.BITS).random(256)
    gray = np.arange(256) ^ np.arange(256) >> 1  # scipy takes the same points in another order
    assert (ours[gray] == theirs).all()


def test_scrambled_points_fill_every_slice_once() -> None:
    found = sobol.points(512, sobol.most() + 3, 7)
    slices = np.sort(np.floor(found * 512).astype(int), axis=0)
    assert (slices == np.arange(512)[:, None]).all()
    assert (found > 0).all()
    assert (found < 1).all()


def test_pairs_of_scrambled_axes_are_filled_evenly() -> None:
    found = sobol.points(256, 2, 3)
    cells = np.floor(found * 16).astype(int)
    assert len({tuple(cell) for cell in cells.tolist()}) == 256


def test_a_seed_means_the_same_points_for_ever() -> None:
    assert (sobol.points(8, 3, 1) == sobol.points(8, 3, 1)).all()
    assert (sobol.points(8, 3, 1) != sobol.points(8, 3, 2)).any()


# --- sensitivities ---------------------------------------------------------------------------------------------------


def ishigami(x: Any, a: float = 7.0, b: float = 0.1) -> Any:
    """T. Ishigami and T. Homma, ISUMA 1990."""
    return np.sin(x[:, 0]) + a * np.sin(x[:, 1]) ** 2 + b * x[:, 2] ** 4 * np.sin(x[:, 0])


def crossed_ishigami(count: int) -> tuple[Any, Any, list[Any]]:
    cube = (sobol.points(count, 6, 1) * 2 - 1) * math.pi
    a, b = cube[:, :3], cube[:, 3:]
    mixed = []
    for variable in range(3):
        points = a.copy()
        points[:, variable] = b[:, variable]
        mixed.append(ishigami(points))
    return ishigami(a), ishigami(b), mixed


def test_ishigami_has_its_analytic_indices() -> None:
    a, b = 7.0, 0.1
    first = np.array([0.5 * (1 + b * math.pi**4 / 5) ** 2, a**2 / 8, 0.0])
    both = b**2 * math.pi**8 * 8 / 225
    whole = first.sum() + both
    wanted_total = first + np.array([both, 0.0, both])
    fa, fb, mixed = crossed_ishigami(1 << 14)
    found = np.array([indices(fa, fb, values) for values in mixed])
    assert found[:, 0] == pytest.approx(first / whole, abs=0.01)
    assert found[:, 1] == pytest.approx(wanted_total / whole, abs=0.01)


def test_ishigami_has_the_indices_that_salib_finds() -> None:
    fa, fb, mixed = crossed_ishigami(1024)
    rows = np.column_stack([fa, *mixed, fb]).ravel()  # the order in which SALib wants them
    problem = {"num_vars": 3, "names": ["x1", "x2", "x3"], "bounds": [[-math.pi, math.pi]] * 3}
    theirs = salib.analyze(problem, rows, calc_second_order=False, seed=1)
    ours = np.array([indices(fa, fb, values) for values in mixed])
    assert ours[:, 0] == pytest.approx(theirs["S1"], abs=1e-5)  # SALib subtracts the mean of all three sets
    assert ours[:, 1] == pytest.approx(theirs["ST"], rel=1e-9)


def test_draws_without_a_number_do_not_count() -> None:
    fa, fb, mixed = crossed_ishigami(1024)
    broken = fa.copy()
    broken[::50] = np.nan
    kept = np.arange(1024) % 50 != 0
    assert indices(broken, fb, mixed[0]) == indices(fa[kept], fb[kept], mixed[0][kept])
    assert indices(np.ones(8), np.ones(8), np.ones(8)) == (0.0, 0.0)
    assert math.isnan(indices(np.full(8, np.nan), np.ones(8), np.ones(8))[0])


# --- doubts ----------------------------------------------------------------------------------------------------------


def leaf(value: float, low: float, high: float, path: str = "") -> Quantity:
    return Quantity(value, "s", "leaf", source=Source("estimate", file="f", path=path), low=low, high=high)


def test_a_leaf_is_drawn_by_the_law_of_the_intervals() -> None:
    doubts = UncertainProgram([leaf(2.0, 1.0, 3.0)])
    (column,) = draw_all(doubts, np.array([[-1.0], [0.0], [1.0]]))
    assert column == pytest.approx([1.0, 2.0, 3.0])


def test_leaves_of_one_place_are_one_doubt() -> None:
    assert len(UncertainProgram([total(a=leaf(2.0, 1.0, 3.0, "x.y"), b=leaf(2.0, 1.0, 3.0, "x.y"))]).variables) == 1
    assert len(UncertainProgram([total(a=leaf(2.0, 1.0, 3.0), b=leaf(2.0, 1.0, 3.0))]).variables) == 2


def test_the_error_of_a_whole_contains_those_of_its_parts() -> None:
    before = dict(FORMULAS)

    @formula(cite="test", error=0.2)
    def part(x: Any) -> Any:
        return x

    @formula(cite="test", error=0.1)
    def whole(x: Any) -> Any:
        return 2 * x

    FORMULAS.clear()
    FORMULAS.update(before)
    sure = Quantity(1.0, "s", "sure", source=Source("given"))
    inner = part(x=sure)
    doubts = UncertainProgram([whole(x=inner), inner])
    assert [doubt.name for doubt in doubts.variables] == [
        "test_uncertainty.whole, error",
        "test_uncertainty.part, error",
    ]
    outer, alone = draw_all(doubts, np.array([[1.0, 1.0]]))
    assert outer[0] == pytest.approx(2 * math.exp(0.1 * 1.2816 / 0.7979))
    assert alone[0] == pytest.approx(math.exp(0.2 * 1.2816 / 0.7979))


def test_the_median_draw_is_the_estimate() -> None:
    for rack in ("rack-of-god", "llama70b-8xh100", "vendor-quote"):
        found = dict(figures(estimate(load(rack))))
        doubts = UncertainProgram(list(found.values()))
        columns = draw_all(doubts, np.zeros((1, len(doubts.variables))))
        for quantity, column in zip(found.values(), columns, strict=True):
            assert math.isclose(column[0], quantity.value, rel_tol=1e-12) or quantity.value != quantity.value


# --- reports ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report() -> Report:
    return uncertainty(uncertain_rack(load("rack-of-god-corrected")), samples=1024)


def test_intervals_agree_with_those_of_the_table(report: Report) -> None:
    """interval.py has 45 draws and with them noise, this has 1024."""
    wide = intervals(report.result)
    ratios = []
    for path, found in report.spreads.items():
        low, high = wide[path]
        if high - low > 0.02 * abs(high) and math.isfinite(high - low) and "reliability" not in path:
            ratios.append((found.high - found.low) / (high - low))
    assert len(ratios) > 60
    assert np.median(ratios) == pytest.approx(1.0, abs=0.05)
    assert np.quantile(ratios, [0.1, 0.9]) == pytest.approx([1.0, 1.0], abs=0.3)


def test_a_figure_of_one_doubt_has_the_range_of_its_leaf(report: Report) -> None:
    quantity = load("rack-of-god-corrected").rack.economics.prices.resale
    assert leaf_range(quantity)[0] == 0.0
    found = report.spreads["thermal.pue"]
    low, high = leaf_range(load("rack-of-god-corrected").rack.site.cooling.pue)
    assert (found.low, found.median, found.high) == pytest.approx((low, found.figure.value, high), rel=0.01)


def test_effects_are_what_the_estimate_says_of_one_changed_leaf(report: Report) -> None:
    effect = next(e for e in report.effects["cost.tco"] if e.doubt.name == "economics.prices.maintenance")
    low, high = leaf_range(load("rack-of-god-corrected").rack.economics.prices.maintenance)
    for rate, wanted in ((low, effect.low), (high, effect.high)):
        changed = load("rack-of-god-corrected", "", [f"economics.prices.maintenance={rate!r} 1/s"])
        assert estimate(changed).cost.tco.value == pytest.approx(wanted, rel=1e-9)


def test_effects_come_with_the_largest_swing_first(report: Report) -> None:
    for effects in report.effects.values():
        swings = [effect.swing for effect in effects]
        assert swings == sorted(swings, reverse=True)
        assert 0.5 < sum(effect.first for effect in effects) < 1.15


def test_totals_are_not_below_first_orders_but_for_noise(report: Report) -> None:
    for effect in report.effects["cost.tco"]:
        assert effect.total > effect.first - 0.05


def test_more_draws_by_another_seed_say_the_same(report: Report) -> None:
    other = uncertainty(uncertain_rack(load("rack-of-god-corrected")), ["cost.tco"], 4096, 9)
    here, there = report.spreads["cost.tco"], other.spreads["cost.tco"]
    for name in ("low", "median", "high"):
        assert getattr(here, name) == pytest.approx(getattr(there, name), rel=0.03)
    mine, theirs = report.effects["cost.tco"][0], other.effects["cost.tco"][0]
    assert mine.doubt.name == theirs.doubt.name
    assert mine.first == pytest.approx(theirs.first, abs=0.06)


def test_many_draws_in_pieces_are_those_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    about = uncertain_rack(load("bert-a100"))
    whole = uncertainty(about, ["latency.p99"], 512)
    monkeypatch.setattr("rackcalc.questions.uncertainty.draws.DRAWS_TOGETHER", 128)
    monkeypatch.setattr("rackcalc.questions.uncertainty.effects.POINTS_OF_A_BOX", 400)
    pieces = uncertainty(about, ["latency.p99"], 512)
    assert whole.spreads["latency.p99"][1:] == pytest.approx(pieces.spreads["latency.p99"][1:], rel=1e-12)
    for one, other in zip(whole.effects["latency.p99"], pieces.effects["latency.p99"], strict=True):
        assert one.first == pytest.approx(other.first, abs=1e-9)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["uncertainty", *arguments])


def half_of_those_that_work(data: Any) -> float:
    """A draw in which the rack cannot work passes no gate and holds no claim."""
    return float(1 - sum(data["cannot_work"].values())) / 2


def test_odds_of_a_gate_are_the_share_of_the_draws_beyond_it() -> None:
    done = run("bert-a100", "latency.p99", "--samples", "256", "--json", "--fail-if", "latency.p99 > 1 ns")
    data = json.loads(done.output)
    assert data["gates"][-1]["holds"] == 0
    median = data["figures"]["latency.p99"]["p50"]
    done = run("bert-a100", "latency.p99", "--samples", "256", "--json", "--fail-if", f"latency.p99 > {median!r} s")
    assert json.loads(done.output)["gates"][-1]["holds"] == pytest.approx(half_of_those_that_work(data), abs=0.01)
    assert data["seed"] == 1
    assert data["effects"]["latency.p99"][0]["place"]


CLAIMED = """
  hot: {site: {inlet: {value: 40 degC, low: 40 degC, high: 90 degC}}}
claims:
  - {says: as computed, expect: "latency.p50 >= MEDIAN s"}
  - {says: int8 is faster, expect: "delta(stages.gpu.time) < 0 %", scenario: int8}
  - {says: int8 takes what fp16 takes, expect: "delta(stages.gpu.time) >= 0 %", scenario: int8}
  - {says: too hot to work, expect: "latency.p50 > 0 s", scenario: hot}
  - {says: nobody can tell}
"""


def test_odds_of_claims_are_those_of_their_racks_drawn_together(tmp_path: Path) -> None:
    rack = (CONFIGS / "bert-a100.yaml").read_text(encoding="utf-8").rstrip()
    median = json.loads(run("bert-a100", "--samples", "256", "--json").output)["figures"]["latency.p50"]["p50"]
    file = tmp_path / "claimed.yaml"
    file.write_text(rack + CLAIMED.replace("MEDIAN", repr(median)), encoding="utf-8")
    done = run(str(file), "latency.p50", "--samples", "256", "--json")
    data = json.loads(done.output)
    odds = {claim["says"]: claim["holds"] for claim in data["claims"]}
    assert odds.pop("as computed") == pytest.approx(half_of_those_that_work(data), abs=0.04)
    assert odds.pop("too hot to work") < 0.95  # in those draws there are figures, but no rack
    assert odds.pop("int8 is faster") > 0.95  # drawn apart, it would be about 0.9
    assert odds == {"int8 takes what fp16 takes": 0.0}
    assert re.search(
        r"holds in 9\d\.\d % of the draws: delta\(stages\.gpu\.time\) < 0 % \[int8\]", run(str(file)).output
    )


def test_the_same_seed_gives_the_same_output() -> None:
    first, second = (run("bert-a100", "latency.p99", "--samples", "64", "--seed", "5").output for _ in range(2))
    assert first == second
    assert "seed 5" in first
    assert "#" in first
    assert max(map(len, first.splitlines())) <= 100


@pytest.mark.parametrize("rack", ["air-limit", "gb200-nvl72-deepseek-v3"])
def test_tables_fit_a_narrow_terminal_and_lose_nothing(rack: str) -> None:
    found = uncertainty(uncertain_rack(load(rack)), samples=64)
    narrow, wide = (as_text(found, 5, True, width).split("passes in")[0] for width in (80, 10_000))
    assert max(map(len, narrow.splitlines())) <= 80 < max(map(len, wide.splitlines()))
    assert narrow.split() == wide.split()
    tornado = as_text(found, 5, True, 80).partition("what its uncertainty comes from")[2]
    assert max(map(len, tornado.splitlines())) <= 80


def test_a_certain_figure_says_so() -> None:
    assert "it is certain" in run("bert-a100", "memory.gpu.weights", "--samples", "2").output


def test_csv_has_a_row_for_every_figure() -> None:
    lines = run("bert-a100", "--samples", "16", "--format", "csv").output.splitlines()
    assert lines[0] == "path,unit,value,p10,p50,p90"
    assert len(lines) == 1 + len(list(figures(estimate(load("bert-a100")))))


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        uncertainty(uncertain_rack(load("bert-a100")), ["latency.p9"], 1000, -1)
    assert len(caught.value.problems) == 3
    assert "did you mean latency.p90, latency.p95, latency.p99 or" in str(caught.value)
    done = run("bert-a100", "latency.p9", "--samples", "3", "--fail-if", "latency.p99 > 2 W")
    assert done.exit_code != 0
    assert len(done.exception.problems) == 3
