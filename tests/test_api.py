"""The public Python API: every answer is that of the command line, every mistake is named, and the types are true."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields, is_dataclass
from math import isclose, isfinite
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import yaml
from api_answers import LLAMA, RACKS, cli, result_of
from hypothesis import given, settings
from hypothesis import strategies as st
from program import run, strict

import rackcalc
from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.result import Estimate
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.units_table import TABLE


def problems_of(*arguments: str) -> list[dict[str, Any]]:
    """The problems that a command reports, which all name an option or a file."""
    done = run(*arguments, "--error-format", "json")
    assert done.returncode == 2
    found: list[dict[str, Any]] = strict(done.stderr.decode())
    return found


def follow(result: Any, path: str) -> Any:
    """The figure at a path by attributes alone."""
    for step in path.split("."):
        result = getattr(result, step)
    return result


# estimate


@pytest.mark.parametrize("name", RACKS)
def test_estimate_is_that_of_the_command_line(name: str) -> None:
    printed, result = cli("estimate", name), result_of(name)
    assert result.to_dict() == printed
    assert (result.name, result.scenario, list(result.notes)) == (printed["name"], "", printed["notes"])
    assert list(result) == list(result.figures()) and len(result) == len(list(result)) > 60
    for path, figure in result.items():
        leaf: Any = printed
        for step in path.split("."):
            leaf = leaf[step]
        assert (figure.unit, figure.kind, figure.path) == (leaf["unit"], leaf["kind"], path)
        numbers = (number if isfinite(number) else None for number in (figure.value, *figure.interval))
        assert tuple(numbers) == (leaf["value"], leaf.get("low"), leaf.get("high"))


def test_estimate_of_a_scenario_with_changes() -> None:
    rack = rackcalc.load("rack-of-god", scenario="gpu-only", sets={"workload.batch": 2, "site.inlet": "22 degC"})
    options = "--scenario", "gpu-only", "--set", "workload.batch=2", "--set", "site.inlet=22 degC"
    assert rackcalc.estimate(rack).to_dict() == cli("estimate", "rack-of-god", *options)
    assert rackcalc.estimate(rack).to_dict(interval=False) == cli("estimate", "rack-of-god", "--no-interval", *options)


@pytest.mark.parametrize("path", ["latency.p99", "link.gpu-lpu.time", "roi.payback"])
@pytest.mark.parametrize("depth", [0, 2, 99])
def test_explain_is_that_of_the_command_line(path: str, depth: int) -> None:
    printed = run("explain", "rack-of-god", path, "--depth", str(depth)).stdout.decode()
    assert result_of("rack-of-god")[path].explain(depth=depth) + "\n" == printed


def test_a_printed_result_is_the_table_of_the_command_line() -> None:
    assert f"{result_of('rack-of-god')}\n" == run("estimate", "rack-of-god").stdout.decode()


def test_figures_are_read_as_the_table_shows_them() -> None:
    result = result_of("rack-of-god")
    table = run("estimate", "rack-of-god", "--format", "table").stdout.decode()
    for path in ("latency.p99", "thermal.airflow", "roi.irr", "thermal.outlet"):
        assert f"  {path} " in table
        line = next(line for line in table.splitlines() if line.startswith(f"  {path} "))
        assert str(result[path]) in line and result[path].between() in line


# figures


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_path_an_attribute_and_a_round_trip(data: st.DataObject) -> None:
    result = result_of(data.draw(st.sampled_from(RACKS)))
    path = data.draw(st.sampled_from(list(result)))
    figure = result[path]
    found = follow(result, path)
    assert (found.path, repr(found.value), found.unit) == (path, repr(figure.value), figure.unit)
    assert repr(found.interval) == repr(figure.interval)
    unit = data.draw(st.sampled_from([text for text, (canonical, *_) in TABLE.items() if canonical == figure.unit]))
    _, factor, offset = TABLE[unit]
    points = ("inlet", "outlet", "exhaust", "supply", "junction", "temperature")  # on the scale; else differences
    shift = offset if any(word in path for word in points) else 0.0
    back = figure.to(unit) * factor + shift
    assert isclose(back, figure.value, rel_tol=1e-12) or repr(back) == repr(figure.value)
    low, high = figure.interval_in(unit)
    assert not (low < high) or low <= figure.to(unit) <= high


def test_a_figure_in_an_f_string() -> None:
    p99 = rackcalc.estimate("rack-of-god").latency.p99
    value = p99.value
    assert str(p99) == f"{p99}" == format(p99, "") and str(p99).endswith(" ms")
    assert f"{p99:>20}" == str(p99).rjust(20) and f"{p99:*^20}" == str(p99).center(20, "*")
    assert f"{p99:.3e}" == f"{value:.3e}" and f"{p99:+.6f}" == f"{value:+.6f}"
    assert f"{p99:.2f ms}" == f"{value * 1e3:.2f} ms" and f"{p99:,.0f ns}" == f"{value * 1e9:,.0f} ns"
    assert f"{p99:us}".endswith(" us") and abs(float(f"{p99:us}"[:-3].replace(",", "")) / (value * 1e6) - 1) < 1e-3
    assert float(p99) == value and repr(p99) == f"<Figure latency.p99 = {p99}, hypothetical>"
    assert f"{rackcalc.estimate('rack-of-god').thermal.outlet:.1f degC}".endswith(" degC")
    with pytest.raises(rackcalc.InputError, match="cannot show a time"):
        p99.to("W")
    with pytest.raises(rackcalc.InputError, match="is not a unit"):
        format(p99, "zz")


def test_groups_and_mappings() -> None:
    result = result_of("rack-of-god")
    assert result.link["gpu-lpu"].time.value == result["link.gpu-lpu.time"].value
    assert list(result.stages) == ["request", "gpu", "forth", "lpu", "back"] == list(result.stages.keys())
    assert sum(float(term) for term in result.stages["lpu"].terms.values()) > 0
    assert result.stages.gpu.bound_by == result_of("rack-of-god").to_dict()["stages"]["gpu"]["bound_by"]
    assert result.power.peak.it.value > result.power.it.value
    assert {"p99", "service"} <= set(dir(result.latency)) and "gpu" in dir(result.stages)
    assert "latency.p99" in repr(result.latency) and "gpu" in repr(result.stages)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda result: result["latency.p9"], 'no figure "latency.p9"; did you mean latency.p90, latency.p95'),
        (lambda result: result.latency.p9, 'no figure "latency.p9"; did you mean latency.p90, latency.p95'),
        (lambda result: result.latncy, 'no figure "latncy"; did you mean latency?'),
        (lambda result: result.stages["gpx"], 'no figure "stages.gpx"; did you mean stages.gpu?'),
        (lambda result: result.stages.gpx, 'no figure "stages.gpx"; did you mean stages.gpu?'),
        (
            lambda result: result["power.peak"],
            '"power.peak" is a group; choose one of power.peak.chips, power.peak.fan',
        ),
        (lambda result: result.sharing, 'no figure "sharing"'),
    ],
)
def test_an_unknown_path_names_the_nearest(ask: Any, message: str) -> None:
    with pytest.raises(rackcalc.UnknownFigureError) as caught:
        ask(result_of("rack-of-god"))
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, KeyError) and isinstance(caught.value, AttributeError)


def test_what_is_not_there_is_said_to_python_too() -> None:
    result = result_of("rack-of-god")
    assert "latency.ttft" not in result and "latency" not in result and 3 not in result
    assert result.get("latency.ttft") is None and not hasattr(result.latency, "ttft")
    assert getattr(result, "sharing", None) is None and result.stages.get("prefill") is None


def declared(group: Any, of: Any) -> None:
    """The class of a group declares exactly the fields of a record, at every depth."""
    written = {item.name: get_type_hints(of)[item.name] for item in fields(of)}
    if group is rackcalc.Result:
        for name in ("name", "scenario", "subject", "notes", "file", "novelty", "nearest_measured"):
            assert hasattr(rackcalc.Result, name) and written.pop(name)
    annotations: dict[str, Any] = {}
    for base in reversed(group.__mro__):
        if base is group or base.__module__ == "rackcalc.api.sections":
            annotations |= vars(base).get("__annotations__", {})
    assert list(annotations) == list(written), group
    for name, kind in written.items():
        told = annotations[name]
        inside = [item for item in (kind, *get_args(kind)) if is_dataclass(item)]
        if get_origin(told) is not None and told != tuple[str, ...]:
            assert len(get_args(kind)) == 2, f"{name} is declared a mapping"
            (told,) = get_args(told)
        if inside == [Quantity]:
            assert told is rackcalc.Figure, (group, name)
        elif inside:
            declared(told, inside[0])
        else:
            assert told == kind, (group, name)


def test_the_groups_declare_what_an_estimate_has() -> None:
    declared(rackcalc.Result, Estimate)


def test_intervals_are_drawn_once_for_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    from rackcalc.replay import intervals

    made = []
    drawn = intervals.Draws
    monkeypatch.setattr(intervals, "Draws", lambda *given: made.append(given) or drawn(*given))
    result = rackcalc.estimate("bert-a100")
    assert float(result.latency.p99) and not made, "not before they are asked for"
    assert result.latency.p99.interval == result["latency.p99"].interval
    assert result.cost.tco.interval[0] < result.cost.tco.value
    assert len(made) == 1


def test_a_rack_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from rackcalc.api import racks

    made = []
    computed = racks.estimate
    monkeypatch.setattr(racks, "estimate", lambda loaded: made.append(loaded) or computed(loaded))
    rack = rackcalc.load("rack-of-god-corrected")
    assert not made
    first, second = rackcalc.estimate(rack), rackcalc.estimate(rack)
    assert first.latency.p99.value == second.latency.p99.value
    assert rackcalc.check(rack) and rackcalc.check(first) and len(made) == 1


# load


def test_every_way_to_give_a_rack(tmp_path: Path) -> None:
    file = bundled_racks()["bert-a100"]
    text = file.read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    (tmp_path / "rack.yaml").write_text(text, encoding="utf-8")
    ways: list[Any] = ["bert-a100", str(file), file, tmp_path / "rack.yaml", text, document]
    ways += [rackcalc.load("bert-a100"), result_of("bert-a100")]
    expected = result_of("bert-a100").to_dict()
    assert all(rackcalc.estimate(way).to_dict() == expected for way in ways)
    document["workload"]["batch"] = np.int64(8)
    eight = rackcalc.estimate(document).latency.p99.value
    assert eight == rackcalc.estimate(rackcalc.load("bert-a100", sets="workload.batch=8")).latency.p99.value
    assert eight == rackcalc.estimate(rackcalc.load(text, sets={"workload.batch": np.float64(8)})).latency.p99.value


def test_a_loaded_rack() -> None:
    rack = rackcalc.load("rack-of-god", scenario="gpu-only")
    further = rackcalc.load(rack, sets=["workload.batch=2"])
    again = rackcalc.load(further, scenario="", sets={"workload.batch": 3})
    assert (further.scenario, further.sets) == ("gpu-only", ("workload.batch=2",))
    assert (again.scenario, again.sets) == ("", ("workload.batch=2", "workload.batch=3"))
    assert rackcalc.load(rackcalc.estimate(further)).sets == further.sets
    assert rack.name.startswith("Rack of God") and rack.scenarios[:2] == ("eager", "gpu-only")
    assert rack.text == bundled_racks()["rack-of-god"].read_text(encoding="utf-8")
    with pytest.raises(FrozenInstanceError):
        rack.scenario = ""  # type: ignore[misc]


def test_values_of_every_kind_can_be_set() -> None:
    sets = {"serving": {"split": "gpu", "runtime": "vllm", "tensor_parallel": 4}, "economics.token_prices.output": None}
    rack = rackcalc.load(LLAMA, sets=sets)
    assert float(rack.loaded.rack.serving.tensor_parallel.value) == 4
    assert rack.loaded.rack.economics.token_prices.output is None
    assert rackcalc.load(LLAMA).loaded.rack.economics.token_prices.output is not None


def test_the_problems_of_a_file_are_those_of_the_command_line(tmp_path: Path) -> None:
    text = bundled_racks()["bert-a100"].read_text(encoding="utf-8").replace("batch: 1", "bach: 1", 1)
    (tmp_path / "rack.yaml").write_text(f"{text}nonsense: 1\n", encoding="utf-8")
    file = str(tmp_path / "rack.yaml")
    with pytest.raises(rackcalc.InputError) as caught:
        rackcalc.load(file)
    keys = "file", "line", "column", "path", "message"
    found = [{key: getattr(problem, key) for key in keys} for problem in caught.value.problems]
    assert found == problems_of("estimate", file) and len(found) >= 2
    with pytest.raises(rackcalc.InputError) as caught:
        rackcalc.load(f"{text}nonsense: 1\n")
    assert {(p.file, p.line) for p in caught.value.problems} == {("<text>", item["line"]) for item in found}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("bert-a10", "did you mean bert-a100"),
        ("-", "standard input on the command line only"),
        (Path("no/such/rack.yaml"), "no such file"),
        ("name: x\n", "accelerators: is missing"),
        ("a: \ud800\n", "lone surrogate"),
        ("a\0b\n", "binary file"),
        ({"name": {1, 2}}, "<dict>: cannot be written as JSON"),
        ({"name": "x", 3: 4}, "<dict>: 3: unknown key"),
    ],
)
def test_a_rack_that_cannot_be_read(source: Any, message: str) -> None:
    with pytest.raises(rackcalc.InputError) as caught:
        rackcalc.load(source)
    assert message in str(caught.value)
    if isinstance(source, dict):
        assert all((problem.line, problem.column) == (0, 0) for problem in caught.value.problems)


@pytest.mark.parametrize("source", [3, None, b"bert-a100", ["bert-a100"]])
def test_what_is_no_rack_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match="a rack is a path"):
        rackcalc.estimate(source)


@pytest.mark.parametrize(
    ("sets", "error", "message"),
    [
        ({"site.inlet": 22}, rackcalc.InputError, 'got the bare number 22: add a unit, as in "22 degC"'),
        ({"workload.bach": 8}, rackcalc.InputError, "did you mean batch?"),
        ({"workload.batch": float("nan")}, rackcalc.InputError, 'got "NaN"'),
        ({"workload.batch": object()}, rackcalc.InputError, "cannot be written as JSON"),
        ("workload.batch", rackcalc.InputError, "expected PATH=VALUE"),
        ([("workload.batch", 8)], TypeError, "sets: expected text, or a list of texts"),
    ],
)
def test_wrong_changes(sets: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        rackcalc.load("bert-a100", sets=sets)
    assert message in str(caught.value) and "--set" not in str(caught.value)


def test_what_a_rack_cannot_do_is_an_input_error() -> None:
    rack = rackcalc.load(LLAMA, sets={"workload.arrival_rate": "900 request/s"})
    with pytest.raises(rackcalc.InputError, match="overload"):
        rackcalc.estimate(rack)
    document = yaml.safe_load(rack.text) | {"name": "no place"}
    document["workload"]["arrival_rate"] = "900 request/s"
    with pytest.raises(rackcalc.InputError) as caught:
        rackcalc.estimate(document)
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [("<dict>", 0)]


# the package


def test_import_is_light() -> None:
    code = (
        "import sys, rackcalc\n"
        "heavy = {'numpy', 'pint', 'rich', 'yaml', 'typer', 'pandas', 'polars', 'json'}\n"
        "print(sorted(heavy & set(sys.modules)), [name for name in sys.modules if name.startswith('rackcalc.')])\n"
        "result = rackcalc.estimate('rack-of-god')\n"
        "assert result.latency.p99.interval and result.latency.p99.to('ms') and str(result.latency.p99)\n"
        "print(sorted((heavy - {'yaml', 'json'}) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[] ['rackcalc.version']", "[]"]


def test_public_names() -> None:
    assert set(rackcalc.__all__) <= set(dir(rackcalc)) and list(rackcalc.__all__) == sorted(rackcalc.__all__)
    listed = [name for names in rackcalc._MODULES.values() for name in names]
    assert sorted([*listed, "__version__"]) == rackcalc.__all__
    for name in listed:
        assert len(getattr(rackcalc, name).__doc__) > 40, name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        rackcalc.nonsense  # noqa: B018


USER_FILE = """
import rackcalc

result = rackcalc.estimate("bert-a100")
reveal_type(result.latency.p99.value)
reveal_type(result["latency.p99"].interval)
reveal_type(result.link["gpu-lpu"].transfer.time)
reveal_type(result.stages["gpu"].terms["qkv"].to("ms"))
reveal_type(rackcalc.check("bert-a100", fail_if=["latency.p99 > 2 ms"]).gates[0].status)
reveal_type(rackcalc.load({"name": "x"}, sets={"workload.batch": 8}).name)
reveal_type(rackcalc.compare(result, result)["latency.p99"].values)
reveal_type(rackcalc.solve(result, {}, "").figures)
reveal_type(rackcalc.parts("gpus"))
rackcalc.nonsense
result.latency.p9
rackcalc.load(3)
"""
REVEALED = [
    "float",
    "tuple[float, float]",
    "rackcalc.api.figures.Figure",
    "float",
    "str",
    "str",
    "tuple[float | None, ...]",
    "typing.Mapping[str, rackcalc.api.figures.Figure]",
    "dict[str, str]",
]


def test_a_type_checker_knows_the_api(tmp_path: Path) -> None:
    file = tmp_path / "user.py"
    file.write_text(USER_FILE, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    lines = [line for line in done.stdout.splitlines() if line.startswith(str(file))]
    types = [line.partition('is "')[2].rstrip('"').replace("builtins.", "") for line in lines if "Revealed" in line]
    assert [text.replace("Union[float, None]", "float | None") for text in types] == REVEALED
    errors = [line for line in lines if ": error: " in line]
    wanted = ['has no attribute "nonsense"', '"Latency" has no attribute "p9"', 'incompatible type "int"']
    assert len(errors) == 3 and all(word in line for word, line in zip(wanted, errors, strict=True)), errors


def test_racks_and_results_travel() -> None:
    result = rackcalc.estimate(rackcalc.load("rack-of-god", scenario="gpu-only", sets={"workload.batch": 2}))
    p99 = result.latency.p99.value
    for there in (pickle.loads(pickle.dumps(result)), copy.copy(result), copy.deepcopy(result)):
        assert (there.latency.p99.value, there.scenario) == (p99, "gpu-only")
    assert pickle.loads(pickle.dumps(result.rack)).sets == ("workload.batch=2",)
    assert result != rackcalc.estimate(result) and len({result, result}) == 1


def test_threads_get_the_same_figures() -> None:
    result = rackcalc.estimate("rack-of-god")
    expected = rackcalc.estimate("rack-of-god").cost.tco.interval
    vary = {"workload.batch": range(1, 65)}

    def ask(number: int) -> Any:
        found = rackcalc.solve("bert-a100", vary, "latency.p99 < 5 ms", maximise="throughput.capacity")
        return result.cost.tco.interval, found.at["workload.batch"], rackcalc.sweep("bert-a100", vary)["cost.tco"].sum()

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(ask, range(8)))
    assert len(answers) == 1 and next(iter(answers))[0] == expected
