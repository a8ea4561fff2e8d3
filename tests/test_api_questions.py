"""Questions from Python: sweep, check, claims, compare, solve, uncertainty, parts, against the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_answers import LLAMA, cli, result_of
from program import run

import rackcalc

# sweep


SWEEPS: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    (
        "bert-a100",
        {"workload.batch": [1, 2, 4], "site.inlet": "15..30 degC:5"},
        {},
        ["--vary", "workload.batch=1,2,4", "--vary", "site.inlet=15..30 degC:5"],
    ),
    (
        "rack-of-god",
        {"scenario": ["eager", "gpu-only"], "workload.batch": np.array([1, 2])},
        {"get": ["latency.p99"], "where": "latency.p99 < 10 ms"},
        [
            *("--vary", "scenario=eager,gpu-only", "--vary", "workload.batch=1,2"),
            *("--get", "latency.p99", "--where", "latency.p99 < 10 ms"),
        ],
    ),
    (
        LLAMA,
        {"workload.arrival_rate": "1..8 request/s:0.1", "serving.tensor_parallel": [2, 4, 8]},
        {"by": "-cost.tco", "top": 3, "get": "latency.ttft"},
        [
            *("--vary", "workload.arrival_rate=1..8 request/s:0.1", "--vary", "serving.tensor_parallel=2,4,8"),
            *("--by", "-cost.tco", "--top", "3", "--get", "latency.ttft"),
        ],
    ),
    (
        "rack-of-god-corrected",
        {"accelerators.lpu.count": range(4, 17), "workload.arrival_rate": ["200 request/s", "400 request/s"]},
        {"pareto": ["latency.p99", "cost.tco"]},
        [
            *("--vary", "accelerators.lpu.count=4..16", "--vary", "workload.arrival_rate=200,400 request/s"),
            *("--pareto", "latency.p99,cost.tco"),
        ],
    ),
    (
        "bert-a100",
        {"workload.batch": [1, 8], "workload.precision": ["fp16", "int8"]},
        {"zipped": True},
        ["--vary", "workload.batch=1,8", "--vary", "workload.precision=fp16,int8", "--zip"],
    ),
    ("bert-a100", {"workload.batch": "1..8"}, {"top": 2}, ["--vary", "workload.batch=1..8", "--top", "2"]),
]


@pytest.mark.parametrize(
    ("rack", "vary", "more", "options"), SWEEPS, ids=["all", "words", "by", "pareto", "zipped", "top"]
)
def test_sweep_is_that_of_the_command_line(rack: str, vary: Any, more: Any, options: list[str]) -> None:
    printed, table = cli("sweep", rack, *options), rackcalc.sweep(rack, vary, **more)
    assert table.to_dict() == printed
    (rows,) = (printed[name] for name in ("all", "top", "pareto") if name in printed)
    assert len(table) == len(rows) > 0 and list(table.columns) == list(rows[0]) == list(table)
    for path in table.columns:
        assert table[path].shape == (len(table),) and table[path].tolist() == [row[path] for row in rows]
    counts = table.points, table.matches, table.outside, table.refused
    assert counts == tuple(printed[key] for key in ("points", "matches", "outside", "refused"))
    assert table.units == printed["units"]
    assert table.columns[0] in str(table) and str(len(table)) in repr(table)


def test_a_table_has_all_points_however_many() -> None:
    table = rackcalc.sweep("bert-a100", {"workload.batch": range(1, 101)}, get="latency.p99")
    assert table["workload.batch"].tolist() == list(range(1, 101))
    alone = rackcalc.estimate(rackcalc.load("bert-a100", sets={"workload.batch": 77})).latency.p99.value
    assert table["latency.p99"][76] == pytest.approx(alone, rel=1e-12)
    assert str(table).startswith("the first 50 of 100 points") and "the first 50 of 100" in table._repr_html_()


def test_columns_are_arrays_that_nobody_writes_to() -> None:
    table = rackcalc.sweep("bert-a100", {"site.inlet": ["15 degC", "25 degC"]}, get="latency.p99")
    assert table.to("site.inlet", "degC") == pytest.approx([15, 25]) and table.units["site.inlet"] == "K"
    assert table.to("latency.p99", "us") == pytest.approx(table["latency.p99"] * 1e6)
    assert "latency.p99" in table and "latency.p50" not in table
    with pytest.raises(ValueError, match="read-only"):
        table["site.inlet"][0] = 0
    with pytest.raises(rackcalc.UnknownFigureError, match="no column"):
        table["latency.p9"]
    with pytest.raises(rackcalc.InputError, match="cannot show"):
        table.to("latency.p99", "W")


@pytest.mark.parametrize(
    ("vary", "more", "message"),
    [
        ({}, {}, "vary: is missing"),
        ({"site.inlet": [22, 24]}, {}, "vary: site.inlet: expected a temperature"),
        ({"site.inlet": [22, "24 degC"]}, {}, "mixes numbers and text"),
        ({"workload.batch": []}, {}, "expected PATH=RANGE"),
        ({"workload.bach": [1]}, {}, "did you mean batch?"),
        ({"workload.batch": [1, 2], "site.inlet": ["20 degC"]}, {"zipped": True}, "zipped: all axes need the same"),
        ({"workload.batch": [1]}, {"get": "latency.p9"}, "latency.p9: no such figure; did you mean latency.p90"),
        ({"workload.batch": [1]}, {"where": "latency.p99 < 1 W"}, "where: latency.p99 < 1 W: expected a time"),
        ({"workload.batch": [1]}, {"where": "latency.p99 < 1 ns"}, "no point is left; the smallest latency.p99 is"),
        ({"workload.batch": [1]}, {"top": 0}, "top: expected 1 or more"),
        ({"workload.batch": [1]}, {"pareto": "cost.tco"}, "pareto: expected two figures or more"),
        ({"workload.batch": [1]}, {"pareto": "cost.tco,power.it", "top": 3}, "pareto: and by or top give two tables"),
    ],
)
def test_wrong_sweeps(vary: Any, more: Any, message: str) -> None:
    with pytest.raises(rackcalc.InputError) as caught:
        rackcalc.sweep("bert-a100", vary, **more)
    assert message in str(caught.value) and "--" not in str(caught.value)


def test_more_points_than_memory_should_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    from rackcalc.api import sweeps

    monkeypatch.setattr(sweeps, "MOST", 10)
    vary = {"workload.batch": range(1, 12)}
    with pytest.raises(rackcalc.InputError, match="more than 10 points to keep; ask for the best"):
        rackcalc.sweep("bert-a100", vary)
    assert len(rackcalc.sweep("bert-a100", vary, where="workload.batch < 5")) == 4
    assert len(rackcalc.sweep("bert-a100", vary, by="cost.tco", top=11)) == 11


# check, claims


def test_check_is_that_of_the_command_line() -> None:
    gate = "cost.capex > 500000 USD"
    printed = cli("check", "rack-of-god-corrected", "--fail-if", gate, "--confident")
    found = rackcalc.check("rack-of-god-corrected", fail_if=gate, confident=True)
    assert found.to_dict() == printed
    assert found.passed is bool(found) is False and [one.gate for one in found.failed][-1] == gate
    assert [vars(one) for one in found.gates] == printed["gates"]
    assert f"{found}\n" == run("check", "rack-of-god-corrected", "--fail-if", gate, "--confident").stdout.decode()
    assert "2 fail" in repr(found) and rackcalc.check("rack-of-god-corrected")


def test_a_baseline_of_every_kind(tmp_path: Path) -> None:
    former = rackcalc.estimate("rack-of-god")
    file = tmp_path / "before.json"
    file.write_text(json.dumps(former.to_dict()), encoding="utf-8")
    gates = ["delta(cost.tco) > 5 %", "delta(latency.p99) > 1 us"]
    options = [word for gate in gates for word in ("--fail-if", gate)]
    printed = cli("check", "rack-of-god-corrected", "--baseline", str(file), *options)
    for baseline in (former, former.to_dict(), [former.to_dict()], file, str(file)):
        found = rackcalc.check("rack-of-god-corrected", fail_if=gates, baseline=baseline)
        assert found.to_dict() == printed
        assert found.notes == ("the baseline is of Rack of God, as the article tells it",)
    assert not rackcalc.check(former, fail_if=gates, baseline=former).notes


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({}, rackcalc.InputError, "no gates: add a gates section to the file, or fail_if"),
        ({"fail_if": "x > 1"}, rackcalc.InputError, 'fail_if: x > 1: no figure "x"'),
        ({"warn_if": ["latency.p99 > 1 W"]}, rackcalc.InputError, "warn_if: latency.p99 > 1 W: expected a time"),
        ({"fail_if": "delta(cost.tco) > 5 %"}, rackcalc.InputError, "delta(...) needs baseline"),
        ({"fail_if": "cost.tco > 5 USD", "baseline": {"a": 1}}, rackcalc.InputError, "is no estimate of rackcalc"),
        ({"fail_if": "cost.tco > 5 USD", "baseline": "-"}, rackcalc.InputError, "on the command line only"),
        ({"fail_if": "cost.tco > 5 USD", "baseline": 3}, TypeError, "a baseline is a Result"),
        ({"fail_if": [3]}, TypeError, "fail_if: expected text"),
    ],
)
def test_wrong_checks(more: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        rackcalc.check("bert-a100", **more)
    assert message in str(caught.value)


def test_claims_are_those_of_the_command_line() -> None:
    printed = cli("claims", "rack-of-god", "--set", "workload.batch=2")
    found = rackcalc.claims(rackcalc.load("rack-of-god", sets={"workload.batch": 2}))
    assert found.to_dict() == printed and found.passed
    assert [vars(claim) for claim in found.claims] == printed["claims"] and found.counts == printed["counts"]
    assert {claim.verdict for claim in found.of("claimed too low")} == {"claimed too low"}
    assert f"{found}\n" == run("claims", "rack-of-god", "--set", "workload.batch=2").stdout.decode()


def test_claims_as_a_gate() -> None:
    counts = rackcalc.claims("vendor-quote").counts
    assert counts["does not hold"] > 0
    for verdict, count in counts.items():
        if verdict.startswith("claimed too"):  # such a gate takes in what does not hold
            continue
        code = run("claims", "vendor-quote", "--fail-if", verdict).returncode
        found = rackcalc.claims("vendor-quote", fail_if=verdict)
        assert bool(found) is found.passed is (count == 0) is (code == 0)
    assert not rackcalc.claims("rack-of-god", fail_if="worse")


@pytest.mark.parametrize(
    ("rack", "fail_if", "message"),
    [
        (lambda: "bert-a100", (), "no claims: add a claims section"),
        (lambda: "rack-of-god", "refuted", 'fail_if: no verdict "refuted"; write worse'),
        (lambda: rackcalc.load("rack-of-god", "eager"), (), 'load the rack without "eager"'),
    ],
)
def test_wrong_claims(rack: Any, fail_if: Any, message: str) -> None:
    with pytest.raises(rackcalc.InputError) as caught:
        rackcalc.claims(rack(), fail_if=fail_if)
    assert message in str(caught.value)


# compare, solve, uncertainty, parts


def test_compare_is_that_of_the_command_line(tmp_path: Path) -> None:
    printed = cli("compare", "rack-of-god", "--scenario", "gpu-only", "--path", "latency.service")
    found = rackcalc.compare("rack-of-god", scenarios="gpu-only", paths="latency.service")
    assert found.to_dict() == printed
    pair = rackcalc.load("rack-of-god"), rackcalc.load("rack-of-god", scenario="gpu-only")
    assert rackcalc.compare(*pair, paths=["latency.service"]).to_dict() == printed
    change = found["latency.p99"]
    assert change.values == tuple(
        result_of("rack-of-god")["latency.p99"].value
        if not side.scenario
        else rackcalc.estimate(pair[1]).latency.p99.value
        for side in found.sides
    )
    assert change.better == "lower" and change.best == (1,) and change.shares[1] < 0
    (reason,) = found.reasons
    assert sum(part.contribution for part in reason.terms) == pytest.approx(reason.change)
    assert found.inputs[0] == () and found.inputs[1][0].path == "accelerators.lpu"
    shown = run("compare", "rack-of-god", "--scenario", "gpu-only", "--path", "latency.service").stdout.decode()
    assert f"{found}\n" == shown and "gpu-only" in repr(found)


def test_compare_several_racks_and_a_former_estimate(tmp_path: Path) -> None:
    file = tmp_path / "before.json"
    file.write_text(json.dumps(result_of("bert-a100").to_dict()), encoding="utf-8")
    printed = cli("compare", "bert-8xb200", "rack-of-god", str(file), "--baseline", "rack-of-god")
    for baseline in ("rack-of-god", 1):
        found = rackcalc.compare("bert-8xb200", "rack-of-god", file, baseline=baseline)
        assert found.to_dict() == printed and found.baseline == 1
    assert found.inputs[2] is None and found.inputs[1] == ()
    of_dict = rackcalc.compare("bert-8xb200", result_of("bert-a100").to_dict())
    assert [side.argument for side in of_dict.sides] == ["bert-8xb200", "<dict>"]
    assert of_dict["latency.p99"].values[1] == result_of("bert-a100").latency.p99.value


def test_racks_of_one_name_can_be_told_apart() -> None:
    two = rackcalc.load(LLAMA, sets={"serving.tensor_parallel": 2})
    text = two.text.replace("output: 512 token", "output: 256 token")
    assert text != two.text
    found = rackcalc.compare(LLAMA, two, two.text, text)
    names = [side.argument for side in found.sides]
    assert names == [LLAMA, f"{LLAMA} with serving.tensor_parallel=2", two.name, f"{two.name} (2)"]
    assert all(name in str(found) for name in names)


@pytest.mark.parametrize(
    ("racks", "more", "message"),
    [
        (["bert-a100"], {}, "nothing to compare with"),
        (["bert-a100", "bert-8xb200"], {"baseline": "x"}, 'baseline: not one of what is compared: "x"'),
        (["bert-a100", "bert-8xb200"], {"baseline": 2}, "baseline: expected a place from 0 to 1, got 2"),
        (["bert-a100", "bert-8xb200"], {"paths": "latency.p9"}, "paths: latency.p9: no such figure"),
    ],
)
def test_wrong_comparisons(racks: Any, more: Any, message: str) -> None:
    with pytest.raises(rackcalc.InputError) as caught:
        rackcalc.compare(*racks, **more)
    assert message in str(caught.value)


def test_solve_is_that_of_the_command_line() -> None:
    options = ["--vary", "workload.arrival_rate=0.5..10 request/s:0.5", "--so-that", "latency.ttft_p99 < 120 ms"]
    options += ["--minimise", "cost.per_million_output_tokens", "--get", "power.it"]
    printed = cli("solve", LLAMA, *options)
    found = rackcalc.solve(
        LLAMA,
        {"workload.arrival_rate": "0.5..10 request/s:0.5"},
        "latency.ttft_p99 < 120 ms",
        minimise="cost.per_million_output_tokens",
        get="power.it",
    )
    assert found.to_dict() == printed and found.found is bool(found) is True
    assert (found.at, found.units) == (printed["answer"]["at"], printed["units"])
    assert [vars(one) for one in found.criteria] == printed["answer"]["criteria"]
    rate = found.at["workload.arrival_rate"]
    there = rackcalc.estimate(rackcalc.load(LLAMA, sets={"workload.arrival_rate": f"{rate} request/s"}))
    assert list(found.figures) == ["cost.per_million_output_tokens", "power.it"]
    for path, figure in found.figures.items():
        assert (figure.value, figure.interval) == (there[path].value, there[path].interval)
        assert figure.explain(depth=1) == there[path].explain(depth=1)
    (beside,) = found.just_fails
    assert beside.at["workload.arrival_rate"] > rate and not beside.criteria[0].holds
    (stretch,) = found.holds
    assert (stretch.start, stretch.stop) == (printed["holds"][0]["from"], printed["holds"][0]["to"])
    assert (found.points, found.computed, found.holding) == tuple(printed[k] for k in ("points", "computed", "holding"))
    assert f"{found}\n" == run("solve", LLAMA, *options).stdout.decode()


def test_solve_that_finds_nothing() -> None:
    options = ["--vary", "workload.batch=1..4", "--so-that", "latency.p99 < 1 ns", "--so-that", "power.it > 1 W"]
    found = rackcalc.solve("bert-a100", {"workload.batch": "1..4"}, ["latency.p99 < 1 ns", "power.it > 1 W"])
    assert found.to_dict() == cli("solve", "bert-a100", *options)
    assert not found and not found.holds and [one.holds for one in found.criteria] == [False, True]
    assert "not found" in repr(found)


def test_wrong_searches() -> None:
    with pytest.raises(rackcalc.InputError) as caught:
        rackcalc.solve("bert-a100", {}, (), minimise="cost.tco", maximise="power.it")
    said = str(caught.value)
    assert "vary: is missing" in said and "so_that: is missing" in said and "minimise: and maximise exclude" in said
    assert "--" not in said


def test_uncertainty_is_that_of_the_command_line() -> None:
    gate = "latency.p99 > 2 ms"
    options = ["latency.p99", "cost.tco", "--samples", "128", "--seed", "7", "--fail-if", gate]
    printed = cli("uncertainty", "rack-of-god", *options)
    found = rackcalc.uncertainty("rack-of-god", ["latency.p99", "cost.tco"], samples=128, seed=7, fail_if=gate)
    assert found.to_dict() == printed
    assert (found.samples, found.seed, found.doubts) == (128, 7, printed["doubts"])
    assert {path: vars(spread) for path, spread in found.figures.items()} == printed["figures"]
    assert {path: [vars(one) for one in some] for path, some in found.effects.items()} == printed["effects"]
    assert [vars(one) for one in found.gates] == printed["gates"] and found.gates[-1].gate == gate
    assert [vars(one) for one in found.claims] == printed["claims"] and len(found.claims) > 20
    assert found["cost.tco"].p10 < found["cost.tco"].p90 and found.cannot_work == printed["cannot_work"]
    assert f"{found}\n" == run("uncertainty", "rack-of-god", *options).stdout.decode()
    with pytest.raises(rackcalc.UnknownFigureError, match=r"did you mean .*latency\.p99"):
        found["latency.p9"]


def test_wrong_uncertainties() -> None:
    with pytest.raises(rackcalc.InputError) as caught:
        rackcalc.uncertainty("bert-a100", "latency.p9", samples=3, seed=-1, fail_if="x > 1")
    said = str(caught.value)
    assert all(word in said for word in ("latency.p9: no such figure", "samples: expected", "seed: exp", "fail_if: x"))


def test_parts_are_those_of_the_command_line() -> None:
    assert rackcalc.parts() == cli("parts")
    assert rackcalc.parts("gpus") == cli("parts", "gpus")
    assert rackcalc.parts("gpus", "h100-sxm") == cli("parts", "gpus", "h100-sxm")
    with pytest.raises(rackcalc.InputError, match="did you mean gpus"):
        rackcalc.parts("gpu")
