"""rackcalc compare: changes, the best, inputs that differ, and break-downs that add up."""

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rackcalc.config.racks import bundled_racks, scenario_names
from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.combine import total
from rackcalc.formulas.transformer import expert_routing
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import FORMULAS, Quantity, formula
from rackcalc.quantities.units import Ratio
from rackcalc.questions.better_side import better_side
from rackcalc.questions.compare import attribution, comparison
from rackcalc.questions.compare.comparison import HEADLINES, Comparison, column_of, compare, find_column, former_column
from rackcalc.questions.compare.input_differences import Difference, differences
from rackcalc.questions.former_estimates import parse_former_estimates
from rackcalc.questions.rack_file import load
from rackcalc.render import compare as shown
from rackcalc.render import estimate_json


def column(name: str, scenario: str = "", *sets: str) -> Any:
    loaded = load(name, scenario, sets)
    return column_of(name, loaded, estimate(loaded))


def pair(name: str, *sets: str, scenario: str = "", paths: tuple[str, ...] = ()) -> Comparison:
    return compare([column(name), column(name, scenario, *sets)], 0, paths)


def run(*arguments: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rackcalc", "compare", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, cwd=cwd)


# --- break-downs -------------------------------------------------------------------------------------


@formula(cite="test: a product")
def product_for_test(a: Ratio, b: Ratio, c: Ratio) -> Ratio:
    """Product.

    >>> product_for_test(1.0, 2.0, 3.0)
    6.0
    """
    return a * b * c


@formula(cite="test: no number between 1 and 3")
def gap_for_test(a: Ratio, b: Ratio) -> Ratio:
    """A quotient.

    >>> gap_for_test(1.0, 4.0)
    0.25
    """
    return a / b if b != 2 or a == 2 else 1 / 0


for name in ("product_for_test", "gap_for_test"):
    FORMULAS.pop(f"test_compare.{name}")  # those of the program are counted elsewhere


def leaf(value: float, name: str) -> Quantity:
    return Quantity(value, "1", name)


def split(old: Quantity, new: Quantity) -> dict[str, float]:
    return {part.name: part.amount for part in attribution.by_inputs(old, new, {id(new): "x"})}


def test_a_product_is_split_by_hand() -> None:
    """2 x 3 x 5 = 30 becomes 4 x 3 x 7 = 84: b gives nothing; a 2 x 3 x mean(5, 7) = 36, c 3 x mean(2, 4) x 2 = 18."""
    old = product_for_test(a=leaf(2, "r.a"), b=leaf(3, "r.b"), c=leaf(5, "r.c"))
    new = product_for_test(a=leaf(4, "r.a"), b=leaf(3, "r.b"), c=leaf(7, "r.c"))
    assert split(old, new) == {"r.a": pytest.approx(36), "r.c": pytest.approx(18)}


def test_a_sum_is_split_by_its_terms_and_what_only_one_has_counts_whole() -> None:
    old = total(a=leaf(1, "r.a"), gone=total(x=leaf(2, "x"), y=leaf(3, "y")))
    new = total(a=leaf(5, "r.a"), come=leaf(7, "come"))
    assert split(old, new) == {"r.a": 4, "x.come": 7, "x.gone.x": -2, "x.gone.y": -3}


def test_an_input_used_twice_counts_once_with_all_it_moves() -> None:
    a, b = leaf(1, "r.a"), leaf(3, "r.a")
    old = total(one=a, two=product_for_test(a=a, b=leaf(2, "r.b"), c=leaf(1, "r.c")))
    new = total(one=b, two=product_for_test(a=b, b=leaf(2, "r.b"), c=leaf(1, "r.c")))
    assert split(old, new) == {"r.a": pytest.approx(6)}


def test_a_quantity_that_is_two_figures_has_the_name_of_the_first() -> None:
    """The whole model has 12 ms of which 12 ms are one stage: as figures both are the same quantity."""
    shared = [replace(column("rack-of-god"), figures={"first": q, "second": q}) for q in (leaf(1, "q"), leaf(3, "q"))]
    assert [part.name for part in compare(shared, 0, ("second",)).explanations[0].terms] == ["first"]


def test_the_inputs_of_an_exchanged_part_are_told_from_a_formula_that_changed() -> None:
    """Only what is a leaf in both is an input of the part; a formula of the same path keeps its own line."""
    changed = [Difference("r.part", "a", "b")]
    formed = total(x=leaf(2, "x"), y=leaf(3, "y"))
    parts = [
        attribution.Contribution("r.part.price", 2.0, leaf(1, "r.part.price"), leaf(3, "r.part.price")),
        attribution.Contribution("r.part.power", 1.0, leaf(1, "r.part.power"), None),
        attribution.Contribution("r.part.time", 5.0, leaf(0, "r.part.time"), formed),
    ]
    grouped = {part.name: part.amount for part in comparison._grouped(parts, changed)}
    assert grouped == {"r.part": 3.0, "r.part.time": 5.0}


def test_where_no_number_lies_between_the_formula_is_the_part() -> None:
    inner = [gap_for_test(a=leaf(a, "r.a"), b=leaf(b, "r.b")) for a, b in ((1, 1), (2, 2))]
    assert inner[0].value == inner[1].value == 1
    other = [gap_for_test(a=leaf(a, "r.a"), b=leaf(b, "r.b")) for a, b in ((1, 1), (2, 2.5))]
    assert split(*other) == {"r.a": pytest.approx(0.7), "r.b": pytest.approx(-0.9)}
    torn = [gap_for_test(a=leaf(a, "r.a"), b=leaf(b, "r.b")) for a, b in ((1, 1), (2, 2.0))]
    old, new = total(t=torn[0], u=leaf(1, "r.u")), total(t=torn[1], u=leaf(2, "r.u"))
    assert split(old, new) == {"r.u": 1}


def test_a_way_out_of_all_proportion_ends_the_walk() -> None:
    """(1 - 8/128)^2000 experts are not hit; on the way to it 1 expert, 8 chosen, would be 7^2000 times too many."""
    dense = expert_routing.experts_hit(experts=leaf(1, "r.e"), active=leaf(1, "r.a"), rows=leaf(20, "r.n"))
    mixture = expert_routing.experts_hit(experts=leaf(128, "r.e"), active=leaf(8, "r.a"), rows=leaf(20, "r.n"))
    old, new = total(t=dense, u=leaf(1, "r.u")), total(t=mixture, u=leaf(2, "r.u"))
    found = split(old, new)
    assert sum(found.values()) == pytest.approx(float(new.value) - float(old.value), rel=1e-12)
    assert set(found) == {"x.t", "r.u"}


def test_a_dense_model_against_a_mixture_adds_up() -> None:
    old = column("llama70b-8xh100")
    new = column(
        "llama70b-8xh100", "", "model=qwen3-30b-a3b", "serving.tensor_parallel=4", "workload.arrival_rate=1 request/s"
    )
    found = compare([old, new], 0, tuple(path for path in old.figures if path in new.figures))
    for explanation in found.explanations:
        for parts in (explanation.terms, explanation.inputs):
            moved = [part.amount for part in parts]
            slack = 1e-9 * max(map(abs, moved), default=0) + 1e-12 * abs(float(explanation.old.value))
            assert not parts or sum(moved) == pytest.approx(explanation.change, rel=1e-6, abs=slack), explanation.path


RACKS = bundled_racks()
CASES = [
    (name, scenario)
    for name, path in RACKS.items()
    for scenario in scenario_names(path.read_text(encoding="utf-8"), path.name)
]


@pytest.mark.parametrize(("name", "scenario"), CASES, ids=["-".join(case) for case in CASES])
def test_break_downs_add_up_for_every_bundled_scenario(name: str, scenario: str) -> None:
    old, new = column(name), column(name, scenario)
    found = compare([old, new], 0, tuple(path for path in old.figures if path in new.figures))
    moved_ones = [explanation for explanation in found.explanations if explanation.change]
    assert moved_ones
    for explanation in moved_ones:
        assert explanation.change == float(explanation.new.value) - float(explanation.old.value)
        for parts in (explanation.terms, explanation.inputs):
            moved = [part.amount for part in parts]
            slack = 1e-9 * max(map(abs, moved), default=0) + 1e-12 * abs(float(explanation.old.value))
            assert sum(moved) == pytest.approx(explanation.change, rel=1e-6, abs=slack), explanation.path


@pytest.mark.parametrize(("name", "scenario"), CASES, ids=["-".join(case) for case in CASES])
def test_break_downs_of_former_estimates_add_up(name: str, scenario: str) -> None:
    old = former_column("old.json", parse_former_estimates(estimate_json.render([estimate(load(name))]), "old.json")[0])
    found = compare([old, column(name, scenario)], 0, ())
    for explanation in found.explanations:
        assert not explanation.inputs and explanation.terms
        assert sum(part.amount for part in explanation.terms) == pytest.approx(explanation.change, rel=1e-9)
    assert found.inputs == ((), None), "inputs of a former estimate are not known, which is not: none differ"


def test_one_changed_input_explains_the_whole_change() -> None:
    found = pair("llama70b-8xh100", "economics.electricity=0.30 USD/kWh", paths=("cost.tco",))
    (explanation,) = found.explanations
    assert [part.name for part in explanation.inputs] == ["economics.electricity"] or {
        part.name for part in explanation.inputs
    } <= {"economics.electricity", "economics.prices.electricity"}
    assert explanation.change > 0


def test_two_independent_inputs_explain_what_each_moves_alone() -> None:
    price, staff = "economics.price={gpu: 300000 USD}", "economics.staff=10000 USD/year"
    both = pair("llama70b-8xh100", price, staff, paths=("cost.opex",)).explanations[0]
    alone = pair("llama70b-8xh100", staff, paths=("cost.opex",)).explanations[0]
    known = {part.name: part.amount for part in both.inputs}
    assert known["economics.staff"] == pytest.approx(alone.change, rel=1e-9)


# --- inputs, directions, columns ---------------------------------------------------------------------


def test_inputs_that_differ() -> None:
    old, new = load("rack-of-god").rack, load("rack-of-god", "gpu-only").rack
    assert not differences(old, old) and not differences(old, load("rack-of-god").rack)
    found = {item.path: (item.old, item.new) for item in differences(old, new)}
    assert found["serving.split"] == ("encoder-pipeline", "gpu")
    assert found["accelerators.lpu"] == ("4 x Groq LPU v1 (GroqChip 1, TSP)", "-")
    assert found["economics.price.lpu"] == ("250,000 USD", "-")
    assert set(found) == {"serving.split", "accelerators.lpu", "economics.price.lpu", "links.gpu-lpu"}


def test_an_exchanged_part_is_one_difference_and_an_overridden_value_another() -> None:
    old = load("llama70b-8xh100").rack
    sets = ["accelerators.gpu.part=h200-sxm", "accelerators.gpu.system=dgx-h200"]
    assert [item.path for item in differences(old, load("llama70b-8xh100", "", sets).rack)] == [
        "accelerators.gpu.part",
        "accelerators.gpu.system",
    ]
    (one,) = differences(old, load("llama70b-8xh100", "", ["accelerators.gpu.part.tdp=600 W"]).rack)
    assert (one.path, one.old, one.new) == ("accelerators.gpu.part.tdp", "700 W", "600 W")


@pytest.mark.parametrize("name", sorted(RACKS))
def test_every_direction_is_a_side_and_the_headlines_have_one(name: str) -> None:
    known = dict(figures(estimate(load(name))))
    assert {better_side(path) for path in known} <= {"lower", "higher", ""}
    assert all(better_side(path) for path in HEADLINES)


def test_the_best_is_marked_where_one_side_is_better() -> None:
    cells = compare([column("rack-of-god"), column("rack-of-god", "gpu-only")], 0, ()).cells
    assert [cell.best for cell in cells["latency.p99"]] == [False, True]
    assert [cell.best for cell in cells["throughput.capacity"]] == [False, True]
    assert [cell.best for cell in cells["throughput.utilization"]] == [False, False]
    assert [cell.best for cell in cells["memory.lpu.free"]] == [False, False], "one alone is not the best"
    assert [cell.best for cell in cells["memory.gpu.capacity"]] == [False, False], "both are the same"
    assert math.isnan(cells["thermal.outlet"][1].share), "no percentage of a temperature"


def test_the_baseline_is_found_by_name_scenario_or_title() -> None:
    columns = [column("rack-of-god"), column("rack-of-god", "eager"), column("bert-8xb200")]
    assert find_column(columns, "") == 0
    assert find_column(columns, "eager") == 1
    assert find_column(columns, "bert-8xb200") == 2
    assert find_column(columns, "Rack of God, as the article tells it [eager]") == 1
    for wrong in ("rack-of-god", "nonsense"):
        with pytest.raises(InputError):
            find_column(columns, wrong)


# --- the command -------------------------------------------------------------------------------------


def test_a_file_and_its_scenario() -> None:
    done = run("rack-of-god", "--scenario", "gpu-only")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["as", "described", "gpu-only", "change"]
    p99 = next(line for line in lines if line.startswith("latency.p99 "))
    assert p99.endswith("%") and "*" in p99
    assert "what moved them most, and its share of the change" in lines
    whole = run("rack-of-god", "--scenario", "gpu-only", "--all").stdout.splitlines()
    assert any(line.startswith("Why latency.p99 moved in gpu-only: ") for line in whole)
    assert "gpu-only: inputs that differ" in lines


def test_two_racks_three_columns_and_json(tmp_path: Path) -> None:
    racks = ("rack-of-god", "bert-8xb200", "rack-of-god-corrected")
    done = run(*racks, "--baseline", "bert-8xb200", "--json", "-o", "x.md", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout, parse_constant=pytest.fail)
    assert data["schema"] == "rackcalc.compare/1" and data["baseline"] == 1
    assert [c["argument"] for c in data["columns"]] == ["rack-of-god", "bert-8xb200", "rack-of-god-corrected"]
    p99 = next(figure for figure in data["figures"] if figure["path"] == "latency.p99")
    assert p99["best"] == [p99["values"].index(min(p99["values"]))] and p99["shares"][1] == 0
    assert p99["changes"][0] == pytest.approx(p99["values"][0] - p99["values"][1])
    assert data["inputs"][1] == [] and data["inputs"][0]
    assert {explanation["column"] for explanation in data["explanations"]} == {0, 2}
    assert (tmp_path / "x.md").read_text().startswith("### rackcalc: rack-of-god and bert-8xb200 and ")


def test_old_json_and_new_yaml_for_a_pull_request(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(estimate_json.render([estimate(load("rack-of-god"))]))
    new = RACKS["rack-of-god"].read_text(encoding="utf-8").replace("batch: 1,", "batch: 2,")
    (tmp_path / "new.yaml").write_text(new)
    done = run("old.json", "new.yaml", "--format", "markdown", "--path", "latency.p99", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "unknown: a former estimate holds results, not inputs" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    widths = {
        line.replace("\\|", "").count("|") for line in rows[: rows.index("| by term | change | share | was and is |")]
    }
    assert widths == {5}, "every row has a cell for a name, two values, two changes"
    assert "<details><summary>Why latency.p99 moved in new.yaml: " in done.stdout
    piped = run("-", "new.yaml", "--json", stdin=(tmp_path / "old.json").read_text(), cwd=tmp_path)
    assert piped.returncode == 0 and json.loads(piped.stdout)["inputs"] == [[], None]


def test_a_figure_that_did_not_move_is_said_to_be_the_same() -> None:
    text = run("rack-of-god", "--scenario", "nvlink6", "--path", "power.peak.it").stdout
    assert "power.peak.it is the same in nvlink6: 14.35 kW" in text and "Why" not in text
    endless = run("rack-of-god", "rack-of-god-corrected", "--path", "roi.payback").stdout
    assert "roi.payback is not split, having no number on one side, in rack-of-god-corrected: never" in endless


def test_figures_of_two_units_are_not_compared(tmp_path: Path) -> None:
    data = json.loads(estimate_json.render([estimate(load("rack-of-god"))]))
    data["latency"]["p99"]["unit"] = "ms"
    (tmp_path / "old.json").write_text(json.dumps(data))
    done = run("old.json", "rack-of-god", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'latency.p99: cannot be compared: "ms" in old.json, "s" in rack-of-god\n'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rack-of-god"], "nothing to compare with"),
        (["rack-of-god", "rack-of-cod"], "did you mean"),
        (["rack-of-god", "none.json"], "no such file"),
        (["-", "-"], "read once only"),
        (["rack-of-god", "--scenario", "gpu-onl"], 'no scenario "gpu-onl"'),
        (["rack-of-god", "--scenario", "eager", "--path", "latency.p98"], "did you mean latency.p9"),
        (["rack-of-god", "--scenario", "eager", "--baseline", "egaer"], "did you mean eager"),
        (["rack-of-god", "--scenario", "eager", "--format", "xml"], 'no format "xml"'),
        (["rack-of-god", "--scenario", "eager", "-o", "x.xml"], "the ending names the format"),
    ],
)
def test_refusals(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "") and words in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_same_input_gives_the_same_bytes() -> None:
    both = [column("rack-of-god"), column("rack-of-god", "eager")]
    for render in (shown.as_text, shown.as_markdown, shown.as_json):
        assert render(compare(both, 0, ())) == render(compare([column("rack-of-god"), both[1]], 0, ()))


def test_a_value_can_be_set_in_one_of_the_racks() -> None:
    """By the place of the rack, so that it can stand beside itself, or by its name; both sides without either."""
    data = json.loads(run("bert-a100", "bert-a100", "--set", "2:workload.batch=8", "--json").stdout)
    p99 = next(figure["values"] for figure in data["figures"] if figure["path"] == "latency.p99")
    assert p99 == [estimate(load("bert-a100", "", sets)).latency.p99.value for sets in ((), ["workload.batch=8"])]
    assert data["inputs"][1] == [{"path": "workload.batch", "old": "1", "new": "8"}]
    assert [column["argument"] for column in data["columns"]] == ["bert-a100", "bert-a100 with workload.batch=8"]
    named = json.loads(run("bert-a100", "bert-8xb200", "--set", "bert-8xb200:workload.batch=8", "--json").stdout)
    p99 = next(figure["values"] for figure in named["figures"] if figure["path"] == "latency.p99")
    assert p99[0] == estimate(load("bert-a100")).latency.p99.value
    assert p99[1] == estimate(load("bert-8xb200", "", ["workload.batch=8"])).latency.p99.value
    both = json.loads(run("bert-a100", "bert-8xb200", "--set", "workload.batch=8", "--json").stdout)
    assert not [change for change in both["inputs"][1] if change["path"] == "workload.batch"]


def test_a_value_for_a_rack_that_is_not_compared_is_refused() -> None:
    wrong = run("bert-a100", "bert-8xb200", "--set", "bert-a10:workload.batch=8")
    assert wrong.returncode == 2 and '"bert-a10" is none of the racks; did you mean bert-a100?' in wrong.stderr
    alone = run("bert-a100", "--set", "workload.batch=8")
    assert alone.returncode == 2 and "RACK RACK --set 2:PATH=VALUE" in alone.stderr


def test_a_comparison_leads_with_figures_and_says_what_it_leaves_out() -> None:
    short, whole = (run("llama70b-8xh100", "rack-of-god", *more).stdout for more in ((), ("--all",)))
    lines = short.splitlines()
    assert lines[1].startswith("latency.p99") and len(lines) < 45 < len(whole.splitlines())
    inputs = json.loads(run("llama70b-8xh100", "rack-of-god", "--json").stdout)["inputs"][1]
    assert f"  {len(inputs) - 8} more: --all" in lines
    notes = [line for line in whole.splitlines() if line.startswith("note: ")]
    assert sum(line.startswith("note: ") for line in lines) == 3 and f"{len(notes) - 3} more notes: --all" in lines


def test_a_change_of_sign_is_no_percentage() -> None:
    """From a small gain to a large loss: thousands of percent below zero say nothing."""
    sets = ("2:economics.token_prices={output: 0.01 USD/Mtoken}", "1:economics.token_prices={output: 6.2 USD/Mtoken}")
    said = run(
        "llama70b-8xh100", "llama70b-8xh100", *(word for each in sets for word in ("--set", each)), "--all"
    ).stdout
    assert not re.search(r"-\d,?\d{3,}(\.\d+)? %", said)
