"""Gates: the grammar, what fails and what warns, and that nothing passes which is not a number within its limit."""

import json
import math
import subprocess
import sys
from operator import eq, ge, gt, le, lt, ne
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import Quantity
from rackcalc.quantities.record import record
from rackcalc.quantities.unit_text import parse
from rackcalc.quantities.units import UnitError
from rackcalc.questions.gate_conditions import parse_condition
from rackcalc.questions.gate_conditions import rack_conditions as conditions
from rackcalc.questions.gates import Verdict, change_limit, evaluate, judge
from rackcalc.questions.rack_file import load_text
from rackcalc.render import check as checks
from rackcalc.spec.rack import Rack

TIME = Quantity(0.002, "s", "time")
RISE = Quantity(10.0, "K", "rise")
POINT = Quantity(300.15, "K", "point", absolute=True)


@record
class Result:
    """A small result to hold against gates."""

    name: str
    scenario: str
    time: Quantity
    rise: Quantity
    point: Quantity
    share: Quantity
    terms: dict[str, Quantity]
    notes: tuple[str, ...] = ()
    file: str = "rack.yaml"


RESULT = Result("rack", "", TIME, RISE, POINT, Quantity(0.0, "1", "share"), {"gpu-lpu": Quantity(math.nan, "W", "nan")})


def status(text: str, level: str = "error") -> str:
    return evaluate([parse_condition(text, level)], RESULT)[0].status


@pytest.mark.parametrize(
    ("operator", "under", "equal", "over"),
    [
        ("<", "fail", "pass", "pass"),
        ("<=", "fail", "fail", "pass"),
        (">", "pass", "pass", "fail"),
        (">=", "pass", "fail", "fail"),
        ("==", "pass", "fail", "pass"),
        ("!=", "fail", "pass", "fail"),
    ],
)
def test_operators_say_what_must_not_happen(operator: str, under: str, equal: str, over: str) -> None:
    assert status(f"time {operator} 3 ms") == under
    assert status(f"time {operator} 2 ms") == equal
    assert status(f"time {operator} 1 ms") == over


@pytest.mark.parametrize("text", ["time>1ms", "  time  >  1 ms  ", "time >1 ms", "time> 1000 us", "time > 1e-3 s"])
def test_spaces_and_spellings_do_not_matter(text: str) -> None:
    assert status(text) == "fail"


def test_levels() -> None:
    assert status("time > 1 ms", "error") == "fail"
    assert status("time > 1 ms", "warn") == "warn"
    assert status("time > 3 ms", "warn") == "pass"


def test_a_temperature_is_a_point_and_a_rise_is_a_difference() -> None:
    assert status("point > 26 degC") == "fail" and status("point > 28 degC") == "pass"  # 300.15 K is 27 degC
    assert status("rise > 9 degC") == "fail" and status("rise > 11 degC") == "pass"
    assert status("rise > 9 K") == "fail" and status("rise > 11 K") == "pass"


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
def test_nan_never_passes(operator: str) -> None:
    assert status(f"terms.gpu-lpu {operator} 5 W") == "fail"
    assert status(f"terms.gpu-lpu {operator} 5 W", "warn") == "warn"


@pytest.mark.parametrize(("value", "passing"), [(math.inf, "<"), (-math.inf, ">")])
def test_infinite_figures_are_compared(value: float, passing: str) -> None:
    for operator in "<>":
        verdict = judge(parse_condition(f"x {operator} 1"), Quantity(value, "1"), 1.0)
        assert verdict.status == ("pass" if operator == passing else "fail")


WRONG = [
    ("time", "expected PATH OP VALUE UNIT"),
    ("", "expected PATH OP VALUE UNIT"),
    ("> 1 ms", "expected PATH OP VALUE UNIT"),
    ("time >", "expected PATH OP VALUE UNIT"),
    ("time => 1 ms", "expected PATH OP VALUE UNIT"),
    ("1 ms < time", "expected PATH OP VALUE UNIT"),
    ("time > 1 ms\nshare > 1", "expected PATH OP VALUE UNIT"),
    ("time > " + "1" * 300, "expected PATH OP VALUE UNIT"),
    ("delta(time) > 5 %", "needs --baseline"),
    ("tme > 1 ms", 'no figure "tme"; did you mean time?'),
    ("terms > 1 W", 'no figure "terms"'),
    ("name > 1", 'no figure "name"'),
    ("time > 1 W", "which is a power"),
    ("time > 1", "the bare number 1"),
    ("time > nan", "expected a time"),
    ("time > nan ms", "expected a time"),
    ("time > inf s", "expected a time"),
    ("time > 1e400 s", "too large"),
    ("time > 1 ms and share > 1", "is not a unit"),
    ("time > > 1 ms", "expected a time"),
    ("time > point", "expected a time"),
    ("time > 1,5 ms", "without commas"),
    ("time > $5", "write USD"),
]


@pytest.mark.parametrize(("text", "word"), WRONG, ids=[text[:20] for text, _ in WRONG])
def test_what_is_no_gate_is_refused(text: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        status(text)
    assert word in str(caught.value)


def test_all_wrong_gates_are_reported_at_once() -> None:
    gates = [parse_condition(text) for text in ("tme > 1 ms", "time > 1 W", "time > 1 ms")]
    with pytest.raises(InputError) as caught:
        evaluate(gates, RESULT)
    assert len(caught.value.problems) == 2


WORDS = "time rise terms.gpu-lpu share x.y . < <= > == = ! 1 1e9 nan - ms W % degC ( ) delta( é 9**9 and 0x1 1_0 $ inf"
PIECES = st.sampled_from([*WORDS.split(), " ", "  ", "\n", "\0"])
COMPARE = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=30))
def test_any_text_is_refused_or_judged_as_it_reads(text: str) -> None:
    """No text crashes, and what is judged passes only when the figure is a number on the right side of the limit."""
    try:
        condition = parse_condition(text)
        verdict = evaluate([condition], RESULT)[0]
    except InputError:
        return
    actual = {"time": 0.002, "rise": 10.0, "point": 300.15, "share": 0.0}.get(condition.path, math.nan)
    assert verdict.limit == parse(condition.limit, verdict.actual.unit, absolute=condition.path == "point")
    if verdict.status == "pass":
        assert not math.isnan(actual)
        near = math.isclose(actual, verdict.limit, rel_tol=1e-9)
        assert near or not COMPARE[condition.operator](actual, verdict.limit)


UNITS = {"time": "ms", "rise": "K", "point": "degC", "share": "%"}


@given(
    st.sampled_from(list(UNITS)),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.floats(-1e6, 1e6, allow_nan=False),
)
def test_a_gate_and_its_opposite_never_both_pass(path: str, operator: str, limit: float) -> None:
    opposite = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}[operator]
    pair = {status(f"{path} {op} {limit!r} {UNITS[path]}") for op in (operator, opposite)}
    assert pair == {"pass", "fail"}


def verdict(value: float, limit: float, unit: str = "s", absolute: bool = False) -> Verdict:
    condition = parse_condition("a.b > 1 s", file="rack.yaml", line=41, column=3, why="the SLO")
    return judge(condition, Quantity(value, unit, absolute=absolute), limit)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (verdict(0.00231, 0.002), "a.b = 2.31 ms, limit 2 ms (15.5 % over)"),
        (verdict(0.001, 0.002), "a.b = 1 ms, limit 2 ms (50 % under)"),
        (verdict(0.002, 0.002), "(at the limit)"),
        (verdict(-500.0, 0.0, "W"), "a.b = -500 W, limit 0 W (500 W under)"),
        (verdict(300.15, 333.15, "K", absolute=True), "a.b = 27 degC, limit 60 degC (33 K under)"),
        (verdict(10.0, 20.0, "K"), "a.b = 10 K, limit 20 K (50 % under)"),
        (verdict(math.nan, 1.0), "a.b = none, limit 1 s (no number)"),
        (verdict(math.inf, 1.0), "a.b = unbounded, limit 1 s (unbounded)"),
        (verdict(-2.0, -1.0), "(100 % under)"),
    ],
)
def test_margins(found: Verdict, words: str) -> None:
    line, count = checks.as_text(RESULT, [found]).splitlines()
    assert words in line and line.endswith("the SLO  rack.yaml:41")
    assert count.startswith("1 gate: ")
    data = json.loads(checks.all_as_json([(RESULT, [found])]), parse_constant=pytest.fail)["gates"][0]
    actual = float(found.actual.value)
    assert data["actual"] == (actual if math.isfinite(actual) else None)
    assert data["margin"] is None or data["margin"] == pytest.approx((actual - found.limit) / abs(found.limit))
    assert (data["margin"] is None) == (not math.isfinite(actual) or found.limit == 0)


RACK = """\
name: rack
accelerators: {gpu: {part: h100-sxm, count: 8}}
model: bert-large
workload: {input: 128 token, precision: fp16}
serving: {split: gpu, runtime: tensorrt}
gates:
  - {fail_if: latency.p99 > 2 us, why: impossible}
  - {warn_if: latency.p99 > 1 us}
  - {fail_if: latency.p99 > 1 year, warn_if: latency.p99 > 1 month}
"""


def test_gates_of_the_file_and_of_the_flags_in_that_order() -> None:
    loaded = load_text(RACK, "rack.yaml")
    assert isinstance(loaded.rack, Rack)
    found = conditions(loaded, ["power.it > 1 W"], ["power.it > 2 W"])
    assert [(gate.text, gate.level, gate.file, gate.line, gate.column) for gate in found] == [
        ("latency.p99 > 2 us", "error", "rack.yaml", 7, 15),
        ("latency.p99 > 1 us", "warn", "rack.yaml", 8, 15),
        ("latency.p99 > 1 year", "error", "rack.yaml", 9, 15),
        ("latency.p99 > 1 month", "warn", "rack.yaml", 9, 46),
        ("power.it > 1 W", "error", "--fail-if", 0, 0),
        ("power.it > 2 W", "warn", "--warn-if", 0, 0),
    ]
    assert found[0].why == "impossible"


def check(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (directory / "rack.yaml").write_text(RACK)
    command = [sys.executable, "-m", "rackcalc", "check", "rack.yaml", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=directory)


def test_exit_codes(tmp_path: Path) -> None:
    failed = check(tmp_path)
    assert failed.returncode == 3 and not failed.stderr
    lines = [line for line in failed.stdout.splitlines() if not line.startswith("note: ")]
    assert [line.split()[0] for line in lines] == ["FAIL", "WARN", "PASS", "PASS", "4"]
    assert lines[-1] == "4 gates: 2 pass, 1 warn, 1 fail"
    assert "impossible  rack.yaml:7" in lines[0]
    assert check(tmp_path, "--exit-zero").returncode == 0
    fine = ["--set", "gates=[{warn_if: latency.p99 > 1 us}]"]
    assert check(tmp_path, *fine).returncode == 0, "a warning is no failure"
    assert check(tmp_path, *fine, "--fail-if", "latency.p99 < 1 year").returncode == 3


def test_json(tmp_path: Path) -> None:
    done = check(tmp_path, "--json")
    data = json.loads(done.stdout)
    assert done.returncode == 3 and data["passed"] is False and data["schema"] == "rackcalc.check/1"
    assert [gate["status"] for gate in data["gates"]] == ["fail", "warn", "pass", "pass"]
    assert data["gates"][0]["limit"] == 2e-6 and data["gates"][0]["unit"] == "s" and data["gates"][0]["line"] == 7


def test_no_change_is_a_percentage_of_nothing() -> None:
    """A baseline of 0 takes a limit with a unit; any other baseline, however small, takes a percentage."""
    share, time = parse_condition("delta(time) > 5 %", "error", ""), parse_condition("delta(time) > 1 ms", "error", "")
    with pytest.raises(UnitError, match="the baseline is 0"):
        change_limit(share, TIME, 0.0)
    assert change_limit(share, TIME, 1e-300) == 0.05
    assert change_limit(time, TIME, 0.0) == 0.001


@pytest.mark.parametrize(
    ("interval", "certain"),
    [((1.0, 2.0), True), ((1.0, 3.0), False), ((3.0, 4.0), False), ((3.0000001, 4.0), True), ((2.0, 4.0), False)],
)
def test_a_limit_at_the_end_of_an_interval_lies_in_it(interval: tuple[float, float], certain: bool) -> None:
    found = judge(parse_condition("time > 3 s", "error", ""), Quantity(2.0, "s", "time"), 3.0, interval)
    assert found.certain is certain


def test_a_limit_on_a_mean_power_is_told_the_peak() -> None:
    """A limit on what a rack may draw is on power.peak; the mean of a rack that is idle most of the time passes it."""
    done = subprocess.run(
        [sys.executable, "-m", "rackcalc", "check", "rack-of-god", "--fail-if", "power.facility > 1 MW", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    notes = json.loads(done.stdout)["notes"]
    assert [note for note in notes if "power.facility is the mean" in note and "power.peak.facility is" in note]
    assert not [note for note in notes if "power.peak.it is the mean" in note]
