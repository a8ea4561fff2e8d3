"""rackcalc check: changes since a baseline, doubt, and the reports that CI systems read."""

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from program import out, run
from repositories import NO_NETWORK

from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import Quantity
from rackcalc.questions import gate_conditions, gates
from rackcalc.questions.former_estimates import choose_by_scenario, parse_former_estimates
from rackcalc.questions.rack_file import load_text
from rackcalc.render import check as checks
from rackcalc.render import estimate_json
from rackcalc.replay.intervals import Draws

RACK = """\
name: rack
accelerators: {gpu: {part: h100-sxm, count: 8}}
model: bert-large
workload: {input: 128 token, precision: fp16}
serving: {split: gpu, runtime: tensorrt}
gates:
  - {fail_if: delta(latency.p99) > 5 %, why: "no slower | than before"}
  - {warn_if: delta(power.peak.it) > 200 W}
scenarios:
  long: {workload.input: 384 token}
"""
NOW = estimate(load_text(RACK, "rack.yaml"))
FORMER_TEXT = estimate_json.render([NOW])
FORMER = parse_former_estimates(FORMER_TEXT, "old.json")[0]


def former(change: Callable[[Any], None]) -> str:
    """The text of the baseline with something changed in it."""
    data = json.loads(FORMER_TEXT)
    change(data)
    return json.dumps(data)


def scaled(**factors: float) -> str:
    """The baseline with p99, power or outlet times a factor."""
    places = {"p99": ("latency", "p99"), "power": ("power", "it"), "outlet": ("thermal", "outlet")}

    def change(data: Any) -> None:
        for name, factor in factors.items():
            section, key = places[name]
            data[section][key]["value"] *= factor

    return former(change)


def judged(gate: str, baseline: str = FORMER_TEXT, confident: bool = False, level: str = "error") -> gates.Verdict:
    found = choose_by_scenario(parse_former_estimates(baseline, "old.json"), "")
    return gates.evaluate([gate_conditions.parse_condition(gate, level)], NOW, found, confident)[0]


def check(folder: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "rack.yaml").write_text(RACK)
    if not (folder / "old.json").exists():
        (folder / "old.json").write_text(FORMER_TEXT)
    command = [sys.executable, "-m", "rackcalc", "check", "rack.yaml", *arguments]
    clean = {key: value for key, value in os.environ.items() if key != "GITHUB_STEP_SUMMARY"}
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, cwd=folder, env=clean | environment
    )


# --- changes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "factor", "status"),
    [
        ("delta(latency.p99) > 5 %", 0.96, "pass"),  # 4.2 % slower now
        ("delta(latency.p99) > 5 %", 0.95, "fail"),  # 5.3 %
        ("delta(latency.p99) > 5 percent", 0.95, "fail"),
        ("delta(latency.p99) < -5 %", 1.05, "pass"),  # -4.8 %
        ("delta(latency.p99) < -5 %", 1.06, "fail"),
        (" delta ( latency.p99 )>0 % ", 1.0, "pass"),
        ("delta(latency.p99) >= 0 %", 1.0, "fail"),
    ],
)
def test_a_change_is_a_share_of_the_baseline(gate: str, factor: float, status: str) -> None:
    assert judged(gate, scaled(p99=factor)).status == status


def test_a_change_in_units() -> None:
    power = float(NOW.power.it.value)
    assert judged("delta(power.it) > 200 W", scaled(power=(power - 199) / power)).status == "pass"
    found = judged("delta(power.it) > 0.2 kW", scaled(power=(power - 201) / power))
    assert found.status == "fail" and found.actual.value == pytest.approx(201) and found.limit == 200
    outlet = float(NOW.thermal.outlet.value)
    warmer = judged("delta(thermal.outlet) > 1 K", scaled(outlet=(outlet - 2) / outlet))
    assert warmer.status == "fail" and warmer.actual.value == pytest.approx(2)


@pytest.mark.parametrize("factor", [1 + 1e-13, 1 - 1e-13])
def test_rounding_is_no_change(factor: float) -> None:
    for gate in ("delta(latency.p99) != 0 ms", "delta(latency.p99) > 0 %", "delta(latency.p99) < 0 %"):
        found = judged(gate, scaled(p99=factor))
        assert (found.status, float(found.actual.value)) == ("pass", 0)
        assert judged("delta(latency.p99) != 0 ms", scaled(p99=1 + 1e3 * (factor - 1))).status == "fail"


def test_a_negative_baseline_counts_by_its_size() -> None:
    """-2 to -1 is up by half the former size, not down."""
    condition = gate_conditions.parse_condition("delta(x) > 49 %")
    assert gates.change(condition, Quantity(-1.0, "USD"), -2.0).value == 0.5


def test_doubt_that_both_share_leaves_a_share_of_the_baseline_certain() -> None:
    share = judged("delta(latency.p99) > 5 %", scaled(p99=0.96))
    assert share.interval[0] == share.interval[1] and not share.limit_in_interval
    watts = judged("delta(power.peak.it) > 1 W", former(lambda data: data["power"]["peak"]["it"].update(value=100.0)))
    low, high = watts.interval
    assert low < watts.actual.value < high


REFUSED: list[tuple[str, str, str]] = [
    ("no JSON", "{", "not valid JSON"),
    ("empty", "", "not valid JSON"),
    ("an array of nothing", "[]", "holds no estimate"),
    ("a number", "5", "names no schema"),
    ("nothing", "null", "names no schema"),
    ("another tool's", '{"version": "0.2", "totalMonthlyCost": "5"}', "names no schema"),
    ("a schema that is no text", '{"schema": 1}', "names no schema"),
    ("of a check", '{"schema": "rackcalc.check/1"}', 'the schema "rackcalc.check/1"'),
    ("of another version", FORMER_TEXT.replace("estimate/1", "estimate/2"), "expected rackcalc.estimate/1"),
    ("without a name", former(lambda data: data.pop("name")), "no name"),
    ("NaN", FORMER_TEXT.replace('"value": ', '"value": NaN, "was": ', 1), "NaN"),
    ("Infinity", FORMER_TEXT.replace('"value": ', '"value": -Infinity, "was": ', 1), "-Infinity"),
    ("a key twice", FORMER_TEXT.replace('"name":', '"name": "a", "name":', 1), "a key twice"),
    ("two documents", FORMER_TEXT * 2, "more than one JSON document"),
    ("nested", "[" * 100_000, "nested too deeply"),
    ("digits", FORMER_TEXT.replace('"value": ', f'"value": {"9" * 6000}, "was": ', 1), "number without end"),
    ("null", former(lambda data: data["latency"]["p99"].update(value=None)), "no number for latency.p99"),
    ("too large", FORMER_TEXT.replace(repr(float(NOW.latency.p99.value)), "1e999"), "no number for latency.p99"),
    ("whole but large", former(lambda data: data["latency"]["p99"].update(value=10**400)), "no number for latency.p99"),
    ("zero", former(lambda data: data["latency"]["p99"].update(value=0)), "the baseline is 0"),
    ("text", former(lambda data: data["latency"]["p99"].update(value="0.002")), "is no figure of rackcalc"),
    ("true", former(lambda data: data["latency"]["p99"].update(value=True)), "is no figure of rackcalc"),
    ("unit", former(lambda data: data["latency"]["p99"].update(unit="ms")), 'in "ms", expected "s"'),
    ("no unit", former(lambda data: data["latency"]["p99"].pop("unit")), "no figure latency.p99"),
    ("no value", former(lambda data: data["latency"]["p99"].pop("value")), "is no figure of rackcalc"),
    ("kind", former(lambda data: data["latency"]["p99"].update(kind="rumour")), "is no figure of rackcalc"),
    ("no such figure", former(lambda data: data["latency"].pop("p99")), "no figure latency.p99"),
    ("no section", former(lambda data: data.pop("latency")), "no figure latency.p99"),
]


@pytest.mark.parametrize(("text", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_no_change_passes_an_unusable_baseline(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        judged("delta(latency.p99) > 1000 %", text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ("delta(latency.p99) > 5 W", "expected a time"),
        ("delta(latency.p99) > 5", "the bare number 5"),
        ("delta(latency.p98) > 5 %", "did you mean latency.p9"),
        ("delta(latency) > 5 %", 'no figure "latency"'),
        ("delta(thermal.outlet) > 5 %", "percentage of a temperature"),
        ("delta(latency.p99) > five %", "expected"),
        ("delta(delta(latency.p99)) > 5 %", "expected PATH OP VALUE UNIT"),
        ("delta(latency.p99 > 5 %", "expected PATH OP VALUE UNIT"),
        ("delta() > 5 %", "expected PATH OP VALUE UNIT"),
        ("gamma(latency.p99) > 5 %", "expected PATH OP VALUE UNIT"),
    ],
)
def test_what_is_no_change_is_refused(gate: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        judged(gate)
    assert words in str(caught.value)


def test_a_share_of_a_share_is_relative_and_points_are_a_bare_number() -> None:
    changed = former(lambda data: data["throughput"]["utilization"].update(value=0.5))
    now = float(NOW.throughput.utilization.value)
    assert judged("delta(throughput.utilization) > 1 %", changed).actual.value == pytest.approx((now - 0.5) / 0.5)
    assert judged("delta(throughput.utilization) > 0.01", changed).actual.value == pytest.approx(now - 0.5)


def test_a_figure_that_is_no_number_now_fails() -> None:
    condition = gate_conditions.parse_condition("delta(latency.p99) < 1000 %")
    verdict = gates.judge(condition, gates.change(condition, Quantity(math.nan, "s"), 1.0), 10.0)
    assert verdict.status == "fail"


def test_the_baseline_of_the_scenario_is_taken() -> None:
    long = estimate(load_text(RACK, "rack.yaml", "long"))
    both = parse_former_estimates(estimate_json.render([NOW, long]), "old.json")
    assert choose_by_scenario(both, "long").scenario == "long" and choose_by_scenario(both, "").scenario == ""
    with pytest.raises(InputError, match="has 2 estimates, of which 0 are of scenario"):
        choose_by_scenario(both, "short")


# --- doubt -------------------------------------------------------------------------------------------


def test_who_wants_to_be_confident_fails_what_is_not_certain() -> None:
    p99 = float(NOW.latency.p99.value)
    near, far = f"latency.p99 > {p99 * 1.01!r} s", f"latency.p99 > {p99 * 100!r} s"
    assert judged(near).status == "pass" and judged(near).limit_in_interval
    assert judged(near, confident=True).status == "fail"
    assert judged(near, confident=True, level="warn").status == "warn"
    assert judged(far, confident=True).status == "pass" and not judged(far).limit_in_interval
    assert "not certain, inside the 80 % interval" in checks.line(judged(near, confident=True))
    broken = judged(f"latency.p99 > {p99 * 0.99!r} s", confident=True)
    assert broken.status == "fail" and "not certain" not in checks.line(broken)


def test_an_interval_that_is_not_known_is_not_certain() -> None:
    condition = gate_conditions.parse_condition("x > 2")
    assert gates.judge(condition, Quantity(1.0, "1"), 2.0).status == "pass"
    assert gates.judge(condition, Quantity(1.0, "1"), 2.0, confident=True).status == "fail"
    assert gates.judge(condition, Quantity(1.0, "1"), 2.0, (1.0, 1.0), confident=True).status == "pass"


def test_every_gate_says_its_interval() -> None:
    for gate in ("latency.p99 > 1 year", "latency.p99 > 1 ns", f"latency.p99 > {float(NOW.latency.p99.value)!r} s"):
        assert "80 % interval" in checks.line(judged(gate))


# --- the command -------------------------------------------------------------------------------------


def test_every_operator_from_the_command_line(tmp_path: Path) -> None:
    p99 = f"{float(NOW.latency.p99.value)!r} s"
    half, double = (f"{float(NOW.latency.p99.value) * factor!r} s" for factor in (0.5, 2.0))
    broken = [f"< {double}", f"<= {p99}", f"> {half}", f">= {p99}", f"== {p99}", f"!= {half}"]
    kept = [f"< {p99}", f"<= {half}", f"> {p99}", f">= {double}", f"== {half}", f"!= {p99}"]
    options = [word for limit in broken + kept for word in ("--fail-if", f"latency.p99 {limit}")]
    done = check(tmp_path, "--set", "gates=[]", *options, "--json")
    assert done.returncode == 3
    assert [gate["status"] for gate in json.loads(done.stdout)["gates"]] == ["fail"] * 6 + ["pass"] * 6
    warned = check(tmp_path, "--set", "gates=[]", *[w for x in broken for w in ("--warn-if", f"latency.p99 {x}")])
    assert warned.returncode == 0 and warned.stdout.count("WARN") == 6 and not warned.stderr


def test_a_line_names_figure_limit_margin_reason_and_place(tmp_path: Path) -> None:
    p99 = float(NOW.latency.p99.value)
    (tmp_path / "rack.yaml").write_text(RACK)
    text = RACK.replace("delta(latency.p99) > 5 %", f"latency.p99 > {p99 / 1.25 * 1e6!r} us").replace(
        "  - {warn_if", "  # {"
    )
    done = subprocess.run(
        [sys.executable, "-m", "rackcalc", "check", "-"], input=text, capture_output=True, text=True, check=False
    )
    line = done.stdout.splitlines()[0]
    assert done.returncode == 3 and line.startswith("FAIL latency.p99 = ") and "(25 % over)" in line
    assert line.endswith("  no slower | than before  <stdin>:7")


def test_malformed_input_never_exits_0(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    for arguments in (["empty.yaml"], ["rack.yaml", "--fail-if", "latency.p99"], ["rack.yaml", "--fail-if", ""]):
        command = [sys.executable, "-m", "rackcalc", "check", *arguments, "--exit-zero"]
        (tmp_path / "rack.yaml").write_text(RACK)
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr


ALL = {
    "check": ["check", "rack-of-god"],
    "compare": ["compare", "rack-of-god", "--scenario", "eager"],
    "claims": ["claims", "vendor-quote"],
}


@pytest.mark.parametrize("arguments", ALL.values(), ids=ALL)
def test_the_same_input_gives_the_same_bytes(arguments: list[str]) -> None:
    for options in ([], ["--json"], ["--format", "markdown"]):
        runs = {
            subprocess.run(
                [sys.executable, "-m", "rackcalc", *arguments, *options],
                capture_output=True, check=False, env=os.environ | {"PYTHONHASHSEED": seed},
            ).stdout
            for seed in ("1", "2")
        }  # fmt: skip
        assert len(runs) == 1 and runs != {b""}


@pytest.mark.parametrize("arguments", ALL.values(), ids=ALL)
def test_what_is_slow_to_import_is_not_imported(arguments: list[str]) -> None:
    code = (
        "import sys; from rackcalc.cli.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(*(set(sys.modules) & {'numpy', 'rich', 'pint', 'pydantic', 'xml.etree'}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.stdout and done.stderr == "\n"


@pytest.mark.parametrize("arguments", ALL.values(), ids=ALL)
def test_a_closed_pipe_ends_quietly(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "rackcalc", *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("command", ALL)
def test_help(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rackcalc", command, "-h"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.startswith(f"Usage: python -m rackcalc {command}")


def test_exit_codes(tmp_path: Path) -> None:
    assert check(tmp_path).returncode == 2, "delta without a baseline"
    assert "rack.yaml:7:15: delta(latency.p99) > 5 %: delta(...) needs --baseline" in check(tmp_path).stderr
    assert check(tmp_path, "--baseline", "old.json").returncode == 0
    assert check(tmp_path, "--baseline", "none.json").returncode == 2
    (tmp_path / "old.json").write_text(scaled(p99=0.9))
    failed = check(tmp_path, "--baseline", "old.json")
    assert failed.returncode == 3 and not failed.stderr
    assert failed.stdout.startswith("FAIL delta(latency.p99) = +11.11 %, limit 5 % (6.11 points over)")
    assert check(tmp_path, "--baseline", "old.json", "--exit-zero").returncode == 0
    assert check(tmp_path, "--baseline", "-", stdin=scaled(p99=0.9)).returncode == 3
    assert check(tmp_path, "--baseline", "-", stdin=FORMER_TEXT).returncode == 0
    assert check(tmp_path, "--baseline", "-", stdin=FORMER_TEXT.replace("estimate/1", "estimate/9")).returncode == 2


def test_a_baseline_of_another_rack_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(FORMER_TEXT.replace('"name": "rack"', '"name": "shelf"'))
    assert check(tmp_path, "--baseline", "old.json").stderr == "note: the baseline is of shelf\n"
    (tmp_path / "old.json").write_text(former(lambda data: data.update(rackcalc="0.0.1")))
    assert "by rackcalc 0.0.1, this is" in check(tmp_path, "--baseline", "old.json").stderr


def test_standard_input_is_read_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rackcalc", "check", "-", "--baseline", "-"]
    done = subprocess.run(command, input=RACK, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "read once only" in done.stderr


def test_every_report_from_one_run(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(scaled(p99=0.9))
    files = ["gates.xml", "gates.md", "gates.json", "gates.txt"]
    options = [word for file in files for word in ("-o", file)]
    done = check(tmp_path, "--baseline", "old.json", *options)
    assert done.returncode == 3 and done.stdout == (tmp_path / "gates.txt").read_text()
    data = json.loads((tmp_path / "gates.json").read_text())
    assert data["schema"] == "rackcalc.check/1" and data["passed"] is False
    assert [gate["status"] for gate in data["gates"]] == ["fail", "pass"]
    assert data["gates"][0]["compared"] == "share" and data["gates"][0]["actual"] == pytest.approx(1 / 0.9 - 1)
    page = (tmp_path / "gates.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert rows[2].startswith("| **FAIL** | delta(latency.p99) \\> 5 % | +11.11 % | 5 % |")
    assert "no slower \\| than before" in rows[2], "a bar would end the cell"
    for name, format_ in (("gates.xml", "junit"), ("gates.md", "markdown"), ("gates.json", "json")):
        shown = check(tmp_path, "--baseline", "old.json", "--format", format_).stdout
        assert shown == (tmp_path / name).read_text()


@pytest.mark.parametrize("why", ['a & b < c > \\"d\\"', "bell \\a\\0", "]]> <!-- é 日", "x" * 3000])
def test_junit_is_valid(why: str) -> None:
    text = RACK.replace("no slower | than before", "because") + "\n"
    loaded = load_text(text, "rack\udce9.yaml")
    found = [*gate_conditions.rack_conditions(loaded, ["latency.p99 > 1 ns"], ["latency.p99 > 1 ns"])]
    known = [
        gates.replace(condition, why=json.loads(f'"{why}"') if "\\0" not in why else "bell\a\0") for condition in found
    ]
    verdicts = gates.evaluate(known, NOW, FORMER)
    report = checks.FORMATS["junit"][0]([(NOW, verdicts)])
    xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd"))).validate(report)
    suite = xmlschema.to_dict(report, str(Path(__file__).with_name("junit.xsd")))["testsuite"][0]
    assert (suite["@tests"], suite["@failures"]) == (4, 1)
    assert [("failure" in case, case.get("system-out", "")[:4]) for case in suite["testcase"]] == [
        (False, "PASS"), (False, "PASS"), (True, ""), (False, "WARN"),
    ]  # fmt: skip


def test_a_report_that_cannot_be_written_is_no_success(tmp_path: Path) -> None:
    assert check(tmp_path, "--baseline", "old.json", "-o", "no/such/gates.xml").returncode == 1
    assert check(tmp_path, "--baseline", "old.json", "-o", "gates.pdf").returncode == 2


def test_the_step_summary_grows(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    for _ in range(2):
        assert check(tmp_path, "--baseline", "old.json", "--summary", GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    text = summary.read_text()
    assert text.startswith("before\n### rack: 2 gates") and text.count("### rack") == 2
    unset = check(tmp_path, "--baseline", "old.json", "--summary")
    assert unset.returncode == 2 and "GITHUB_STEP_SUMMARY is not set" in unset.stderr and not unset.stdout
    nowhere = check(tmp_path, "--baseline", "old.json", "--summary", GITHUB_STEP_SUMMARY=str(tmp_path / "no" / "file"))
    assert nowhere.returncode == 1


def test_annotations_point_at_the_gate(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(scaled(p99=0.9))
    options = ["--baseline", "old.json", "--error-format", "github", "--warn-if", "latency.p99 > 1 ns"]
    done = check(tmp_path, *options, "--json")
    said = done.stderr.splitlines()
    assert said[0].startswith("::error file=rack.yaml,line=7,col=15::delta(latency.p99) = +11.11 %25, limit 5 %25")
    assert said[1].startswith("::warning::--warn-if: latency.p99 = ") and len(said) == 2
    assert json.loads(done.stdout)["passed"] is False, "data on standard output stays data"


# --- ten thousand gates and baselines ----------------------------------------------------------------

PATHS = ["latency.p99", "power.it", "thermal.outlet", "roi.payback", "latency", "nan", "cost.tco", "x", "delta", ""]
LIMITS = [
    "5 %",
    "-5 %",
    "1 ms",
    "0 s",
    "2 kW",
    "200 W",
    "30 degC",
    "1 K",
    "1e400 s",
    "nan",
    "5",
    "1 USD",
    "% 5",
    "",
    "inf %",
]
FITTING = {
    "latency.p99": ["5 %", "-5 %", "1 ms", "0 s", "1 us"],
    "power.it": ["5 %", "2 kW", "200 W", "-1 MW"],
    "thermal.outlet": ["30 degC", "1 K", "50 degC"],
    "cost.tco": ["0 %", "1 USD", "1 MUSD"],
}
OPERATORS = ["<", "<=", ">", ">=", "==", "!=", "=", "=>", "", "is"]
HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: math.isclose(a, b, rel_tol=1e-9), "!=": lambda a, b: not math.isclose(a, b, rel_tol=1e-9),
}  # fmt: skip
NUMBERS: list[Any] = [0, 0.0, -1, 1e308, 5e-324, None, True, "1", [], {}, 10**400, 0.002, 300.0]


def some_gate(chance: random.Random) -> str:
    path, limits = chance.choice(PATHS), LIMITS
    if path in FITTING and chance.random() < 0.7:
        limits = FITTING[path]
    operators = OPERATORS if chance.random() < 0.3 else list(HOLDS)
    subject = f"delta({path})" if chance.random() < 0.5 else path
    text = f"{subject} {chance.choice(operators)} {chance.choice(limits)}"
    if chance.random() < 0.2:
        place = chance.randrange(len(text) + 1)
        text = text[:place] + chance.choice(["(", ")", "%", "\0", "é", " ", "\n", "delta(", "."]) + text[place:]
    return text


def some_baseline(chance: random.Random) -> str:
    data = json.loads(FORMER_TEXT)
    for section, key in (("latency", "p99"), ("power", "it"), ("thermal", "outlet"), ("cost", "tco")):
        spoil = chance.randrange(6)
        if spoil == 0:
            data[section][key]["value"] = chance.choice(NUMBERS)
        elif spoil == 1:
            data[section][key]["unit"] = chance.choice(["s", "W", "1", "", 5, None])
        elif spoil == 2:
            data[section][key] = chance.choice(NUMBERS)
    if chance.random() < 0.1:
        data[chance.choice(["schema", "name", "scenario", "notes", "latency"])] = chance.choice(NUMBERS)
    text = json.dumps(data)
    return text[: chance.randrange(len(text))] if chance.random() < 0.05 else text


def test_ten_thousand_gates_and_baselines_pass_nothing_they_should_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """No text crashes; what passes has a number now, one in the baseline of the same unit, and is within the limit."""
    draws = Draws(NOW)
    monkeypatch.setattr(
        "rackcalc.replay.intervals.Draws", lambda _: draws
    )  # it is the same estimate ten thousand times
    chance, once = random.Random(1), cache(lambda text: parse_former_estimates(text, "old.json"))
    known = dict(figures(NOW))
    passed = 0
    text = ""
    for turn in range(10_000):
        if turn % 20 == 0:
            text = some_baseline(chance)
        gate = some_gate(chance)
        try:
            condition = gate_conditions.parse_condition(gate)
            verdict = gates.evaluate([condition], NOW, once(text)[0])[0]
        except InputError as error:
            assert all(str(problem).isprintable() for problem in error.problems)
            continue
        if verdict.status != "pass":
            continue
        passed += 1
        value = float(known[condition.path].value)
        if condition.delta:
            section, key = condition.path.split(".")
            before = json.loads(text)[section][key]
            assert before["unit"] == known[condition.path].unit and type(before["value"]) in (int, float)
            value -= before["value"]
            if condition.limit.endswith("%"):
                assert before["value"] != 0
                value /= abs(before["value"])
        assert not math.isnan(value) and not HOLDS[condition.operator](value, verdict.limit), gate
    assert passed > 500, "the test must see gates that pass"


# --- several racks -----------------------------------------------------------------------------------


def several(*arguments: str, code: int) -> str:
    done = run("check", "bert-a100", "bert-8xb200", *arguments)
    assert done.returncode == code, done.stderr
    return done.stdout.decode()


def test_several_racks_are_one_run_with_the_worst_code(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("g.xml", "g.json", "g.md")]
    told = several("--fail-if", "latency.p99 > 1 ms", *(word for file in files for word in ("-o", str(file))), code=3)
    assert (told.count("FAIL latency.p99"), told.count("PASS latency.p99")) == (1, 2), (
        "bert-8xb200 has a gate of its own"
    )
    both = json.loads(files[1].read_text())
    assert [one["passed"] for one in both] == [False, True] and all(
        f"{one['name']} ({one['file']})\n" in told for one in both
    )
    assert files[0].read_text().count("<testsuite ") == files[2].read_text().count("\n### ") + 1 == 2
    xmlschema.XMLSchema(str(Path(__file__).parent / "junit.xsd")).validate(str(files[0]))
    assert several("--fail-if", "latency.p99 > 1 ms", "nowhere", code=2).startswith(told), "the others are judged"


def test_several_racks_are_held_against_the_estimate_of_their_name(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text(out("estimate", "bert-8xb200", "bert-a100", "--json"), encoding="utf-8")
    arguments = ("--baseline", str(file), "--fail-if", "delta(cost.tco) != 0 %")
    assert several(*arguments, code=0).count("PASS delta(cost.tco) = 0 %") == 2
    file.write_text(out("estimate", "bert-8xb200", "--json"), encoding="utf-8")
    told = several(*arguments, code=0)
    assert "not in " in told and "note: not judged: delta(cost.tco) != 0 %" in told, "a rack that is new has no change"
    file.write_text(out("estimate", "rack-of-god", "--json"), encoding="utf-8")
    assert several(*arguments, code=2) == ""


RACKS = {"us": 8, "eu": 16}


def folder_of_racks(folder: Path, names: dict[str, int], same_name: bool = True) -> list[str]:
    """Racks that differ by their number of GPUs, and the arguments that name them."""
    (folder / "racks").mkdir(exist_ok=True)
    for name, count in names.items():
        text = (
            (RACK + NO_NETWORK)
            .replace("count: 8", f"count: {count}")
            .replace("name: rack", "name: rack" if same_name else f"name: {name}")
        )
        (folder / f"racks/{name}.yaml").write_text(text.replace("delta(latency.p99) > 5 %", "delta(cost.tco) > 5 %"))
    return [f"racks/{name}.yaml" for name in names]


def held(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = run("check", *arguments, "--baseline", "base.json", cwd=folder)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_racks_of_one_name_are_held_against_the_estimate_of_their_file(tmp_path: Path) -> None:
    files = folder_of_racks(tmp_path, RACKS)
    assert run("estimate", *files, "--json", "-o", "base.json", cwd=tmp_path).returncode == 0
    assert held(tmp_path, *files)[0] == held(tmp_path, *[f"./{file}" for file in files])[0] == 0
    assert held(tmp_path, files[0])[0] == held(tmp_path, files[1])[0] == 0, "one of them alone, too"
    folder_of_racks(tmp_path, {"us": 16})
    code, said, _ = held(tmp_path, *files)
    assert code == 3 and said.count("FAIL delta(cost.tco) = +100 %") == 1 and "racks/us.yaml:7" in said


def test_racks_that_are_new_renamed_or_gone_are_listed(tmp_path: Path) -> None:
    files = folder_of_racks(tmp_path, RACKS, same_name=False)
    assert run("estimate", *files, "--json", "-o", "base.json", cwd=tmp_path).returncode == 0
    (tmp_path / "racks/us.yaml").rename(tmp_path / "racks/usa.yaml")
    (new,) = folder_of_racks(tmp_path, {"ap": 32}, same_name=False)
    code, said, talk = held(tmp_path, "racks/usa.yaml", new)
    assert code == 0 and "racks/usa.yaml was racks/us.yaml in the baseline" in talk
    assert "the baseline also has racks/eu.yaml, which is not among these racks" in talk
    assert "note: not judged: delta(cost.tco) > 5 %" in said
    assert held(tmp_path, new)[0] == 2, "a single rack needs its own baseline"


def test_a_name_that_several_had_is_no_baseline(tmp_path: Path) -> None:
    files = folder_of_racks(tmp_path, RACKS)
    assert run("estimate", *files, "--json", "-o", "base.json", cwd=tmp_path).returncode == 0
    (tmp_path / "racks").rename(tmp_path / "moved")
    code, said, talk = held(tmp_path, "moved/us.yaml", "moved/eu.yaml")
    assert (code, said) == (2, "") and "has 2 estimates" in talk


def test_no_rack_silences_another(tmp_path: Path) -> None:
    files = folder_of_racks(tmp_path, RACKS, same_name=False)
    (tmp_path / "racks/none.yaml").write_text(RACK[: RACK.index("gates:")])
    (tmp_path / "racks/bad.yaml").write_text(RACK.replace("h100-sxm", "h999"))
    assert run("estimate", *files, "racks/none.yaml", "--json", "-o", "base.json", cwd=tmp_path).returncode == 0
    folder_of_racks(tmp_path, {"us": 16}, same_name=False)
    code, said, _ = held(tmp_path, *files, "racks/none.yaml")
    assert code == 3 and "note: no gates" in said and "FAIL delta(cost.tco)" in said
    outputs = [word for file in ("g.xml", "g.md", "g.json") for word in ("-o", file)]
    code, said, talk = held(tmp_path, *files, "racks/bad.yaml", *outputs, "--exit-zero")
    assert code == 2 and "FAIL delta(cost.tco)" in said and "ERROR racks/bad.yaml:2" in said and "h999" in talk
    report = (tmp_path / "g.xml").read_text()
    assert report.count("<failure") == report.count("<error") == 1
    xmlschema.XMLSchema(str(Path(__file__).parent / "junit.xsd")).validate(str(tmp_path / "g.xml"))
    assert "**ERROR** racks/bad.yaml:2" in (tmp_path / "g.md").read_text()
    by_file = {one["file"]: one for one in json.loads((tmp_path / "g.json").read_text())}
    assert not by_file["racks/bad.yaml"]["passed"] and by_file["racks/bad.yaml"]["problems"]
    assert by_file["racks/eu.yaml"]["passed"]
    done = run("check", *files, "--set", "gates=[]", cwd=tmp_path)
    assert done.returncode == 2 and b"no gates" in done.stderr


def test_a_gate_of_an_option_names_the_rack_it_does_not_fit(tmp_path: Path) -> None:
    files = folder_of_racks(tmp_path, RACKS)
    done = run("check", *files, "--set", "gates=[]", "--fail-if", "latency.tpot > 2 ms", cwd=tmp_path)
    assert done.returncode == 2 and all(
        f'{file}: --fail-if "latency.tpot > 2 ms"'.encode() in done.stderr for file in files
    )
    done = run("check", *files, "--set", "gates=[]", "--fail-if", "cost.tco > 1 USD", cwd=tmp_path)
    lines = [line for line in done.stdout.decode().splitlines() if line.startswith("FAIL")]
    assert done.returncode == 3 and [line.rsplit(None, 1)[1] for line in lines] == files


@pytest.mark.parametrize("command", [["check", "rack-of-god-corrected"], ["claims", "vendor-quote"]])
def test_a_dash_is_standard_output_which_has_the_report_anyway(command: list[str]) -> None:
    assert out(*command, "-o", "-") == out(*command)


def test_what_fails_comes_first() -> None:
    """In the lines for people; other formats keep the order of the gates."""
    options = "--warn-if", "latency.p99 > 1 us", "--fail-if", "cost.tco > 1 USD"
    done = run("check", "bert-8xb200", *options, "--exit-zero")
    words = [line[:4] for line in done.stdout.decode().splitlines() if line[:4] in ("PASS", "WARN", "FAIL")]
    assert words == sorted(words, key=["FAIL", "WARN", "PASS"].index) and set(words) == {"PASS", "WARN", "FAIL"}
