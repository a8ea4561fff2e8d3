"""rackcalc claims: verdicts by hand, what is refused, and the claims of the bundled racks."""

import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.changes import change
from rackcalc.quantities.figures import figure
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.units import UnitError
from rackcalc.questions.claims.expectation import parse_expectation
from rackcalc.questions.claims.judgement import VERDICTS, Judgement, failing_word, fails, judge_claims, verdict_of
from rackcalc.questions.rack_file import load, load_text
from rackcalc.replay.intervals import Draws

RACK = """\
name: rack
accelerators: {gpu: {part: h100-sxm, count: 8}}
model: bert-large
workload: {input: 128 token, precision: fp16}
serving: {split: gpu, runtime: tensorrt}
scenarios:
  long: {workload.input: 384 token}
  too-large: {model: llama-3.1-405b, workload.output: 8 token}
claims:
"""
P99 = float(estimate(load_text(RACK + "  []", "rack.yaml")).latency.p99.value)


def judged(*claims: str) -> list[Judgement]:
    return judge_claims(RACK + "".join(f"  - {claim}\n" for claim in claims), "rack.yaml")[1]


def verdict(expect: str, extra: str = "") -> str:
    return judged(f'{{says: x, expect: "{expect}"{extra}}}')[0].verdict


def run(*arguments: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rackcalc", "claims", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, cwd=cwd)


# --- verdicts ----------------------------------------------------------------------------------------

LATENCY, RATE, SIZE = "latency.p99", "throughput.capacity", "link.x.size"  # lower, higher, neither is better


@pytest.mark.parametrize(
    ("path", "operator", "expected", "verdict", "rack_is"),
    [
        # the figure is 100, its interval 30 .. 150, the tolerance 5
        (LATENCY, "=", 100, "holds", ""),
        (LATENCY, "=", 105, "holds", ""),
        (LATENCY, "=", 95, "holds", ""),
        (LATENCY, "=", 106, "not decidable", ""),
        (LATENCY, "=", 94, "not decidable", ""),
        (LATENCY, "=", 156, "claimed too high", "better"),  # promised slower than it is
        (LATENCY, "=", 51, "not decidable", ""),
        (LATENCY, "=", 50, "claimed too low", "worse"),  # a factor of two is not in doubt, though 30 is nearer
        (LATENCY, "=", 0, "claimed too low", "worse"),
        (LATENCY, "=", -100, "claimed too low", "worse"),
        (RATE, "=", 20, "claimed too low", "better"),
        (RATE, "=", 156, "claimed too high", "worse"),
        (SIZE, "=", 20, "claimed too low", ""),
        (SIZE, "=", 156, "claimed too high", ""),
        (LATENCY, "<=", 1000, "holds", ""),
        (LATENCY, "<=", 95, "holds", ""),
        (LATENCY, "<", 94, "not decidable", ""),
        (LATENCY, "<=", 50, "does not hold", "worse"),
        (LATENCY, ">=", 1, "holds", ""),
        (LATENCY, ">=", 106, "not decidable", ""),
        (LATENCY, ">=", 156, "does not hold", "better"),
        (RATE, ">", 201, "does not hold", "worse"),
        (SIZE, "<=", 20, "does not hold", "worse"),  # the claim says which side it means
        (SIZE, ">=", 156, "does not hold", "worse"),
    ],
)
def test_verdicts(path: str, operator: str, expected: float, verdict: str, rack_is: str) -> None:
    expectation = parse_expectation(f"{path} {operator} 1")
    found = verdict_of(expectation, 100.0, expected, 5.0, lambda: (30.0, 150.0), False)
    claim: Any = None
    judgement = Judgement(claim, claim, found, expectation=expectation)
    assert (found, judgement.rack_is) == (verdict, rack_is)
    assert judgement.falls_short == ((found.startswith("claimed") or found == "does not hold") and rack_is != "better")


def test_verdicts_where_there_is_no_number_or_no_end() -> None:
    expectation = parse_expectation("latency.p99 = 1 s")
    assert verdict_of(expectation, math.nan, 1.0, 0.1, lambda: (math.nan, math.nan), False) == "not decidable"
    assert verdict_of(expectation, math.inf, 1.0, 0.1, lambda: (math.inf, math.inf), False) == "claimed too low"
    assert verdict_of(expectation, math.inf, 1.0, 0.1, lambda: (0.5, math.inf), False) == "claimed too low"
    assert verdict_of(expectation, 0.0, 1.0, 0.1, lambda: (0.0, 0.0), False) == "claimed too high"


def test_no_factor_on_the_temperature_scale() -> None:
    """300 K over 573 K is no factor: what an interval reaches is in doubt, and what it does not reach is not."""
    expectation = parse_expectation("thermal.outlet = 1 degC")
    assert verdict_of(expectation, 573.0, 100.0, 3.0, lambda: (560.0, 580.0), True) == "claimed too low"
    assert verdict_of(expectation, 573.0, 200.0, 3.0, lambda: (190.0, 580.0), True) == "not decidable"


@pytest.mark.parametrize("within", [", within: 900 %", ", within: 1000 s"])
def test_no_tolerance_bridges_a_factor_of_two(within: str) -> None:
    for factor, wanted in ((9, "claimed too high"), (2.01, "claimed too high"), (0.49, "claimed too low")):
        assert verdict(f"latency.p99 = {P99 * factor:.12g} s", within) == wanted
        better = "holds" if factor > 1 else "does not hold"
        assert verdict(f"latency.p99 <= {P99 * factor:.12g} s", within) == better
    for factor in (1.99, 1, 0.51):
        assert verdict(f"latency.p99 = {P99 * factor:.12g} s", within) == "holds"
    (moved,) = judged('{says: x, expect: "delta(latency.p99) = 0 s", against: long}')
    assert moved.actual is not None and (now := float(moved.actual.value)) < 0
    assert verdict(f"delta(latency.p99) = {now / 9:.12g} s", f"{within}, against: long") == "claimed too high"
    assert verdict(f"delta(latency.p99) = {now / 1.9:.12g} s", f"{within}, against: long") == "holds"
    assert verdict("latency.p99 = 0 s", ", within: 1000 s") == "holds", "no factor leads to 0"


def test_no_tolerance_of_temperatures_is_a_factor() -> None:
    expectation = parse_expectation("thermal.outlet = 1 degC")
    assert verdict_of(expectation, 573.0, 200.0, 400.0, lambda: (560.0, 580.0), True) == "holds"


def test_rounding_is_no_change() -> None:
    """Both sides of a change are the same rack, so that it is 0 whatever the last digits are."""
    assert change(0.1 + 0.2, 0.3) == 0 and change(0.3, 0.1 + 0.2) == 0
    assert change(1 + 1e-11, 1) > 0 and change(1, 0) == 1 and change(0, 0) == 0
    assert change(math.inf, 1.0) == math.inf and math.isnan(change(math.inf, math.inf))


def test_a_change_of_the_other_sign_is_judged_by_its_interval() -> None:
    """ "At most 0 %" and "+1 %" have no factor between them."""
    expectation = parse_expectation("delta(latency.p99) <= 0 %")
    assert verdict_of(expectation, 0.01, 0.0, 0.0, lambda: (-0.05, 0.07), False) == "not decidable"
    assert verdict_of(expectation, 0.01, 0.0, 0.0, lambda: (0.005, 0.07), False) == "does not hold"
    twice = parse_expectation("delta(latency.p99) = -40 %")
    assert verdict_of(twice, -0.1, -0.4, 0.0, lambda: (-0.5, 0.07), False) == "claimed too low"


@given(
    st.sampled_from(["=", "<=", ">=", "<", ">"]),
    st.floats(1e-3, 1e3),
    st.floats(1e-3, 1e3),
    st.floats(0, 0.2),
    st.floats(1e-6, 1),
    st.floats(1, 1e6),
)
def test_what_is_off_by_two_never_holds_and_a_verdict_names_the_side(
    operator: str, value: float, expected: float, tolerance: float, below: float, above: float
) -> None:
    expectation = parse_expectation(f"latency.p99 {operator} 1 s")
    interval = (value * below, value * above)
    verdict = verdict_of(expectation, value, expected, tolerance * expected, lambda: interval, False)
    off = max(expected / value, value / expected)
    allowed = {"<": value <= expected * (1 + tolerance), ">": value >= expected * (1 - tolerance)}
    if allowed.get(operator[0], abs(value - expected) <= tolerance * expected):
        assert verdict == "holds"
    else:
        side = "claimed too high" if expected > value else "claimed too low"
        fails_as = side if operator == "=" else "does not hold"
        assert verdict == fails_as or (off < 2 and verdict == "not decidable")
        assert Judgement(None, None, fails_as, expectation=expectation).side == side  # type: ignore[arg-type]


def test_default_tolerance_is_a_tenth_and_none_for_inequalities() -> None:
    (one,) = judged(f'{{says: x, expect: "latency.p99 = {P99 * 1e3} ms"}}')
    assert one.tolerance == pytest.approx(P99 / 10) and one.verdict == "holds"
    (one,) = judged(f'{{says: x, expect: "latency.p99 <= {P99 * 1e3} ms"}}')
    assert one.tolerance == 0
    (one,) = judged('{says: x, expect: "thermal.outlet = 40 degC"}')
    assert one.tolerance == 3
    (one,) = judged('{says: x, expect: "latency.p99 = 1 ms", within: 0.2 ms}')
    assert one.tolerance == pytest.approx(0.2e-3)
    (one,) = judged('{says: x, expect: "latency.p99 = 1 ms", within: 3 percent}')
    assert one.tolerance == pytest.approx(0.03e-3)


def test_a_claim_that_only_the_interval_reaches_is_not_decidable() -> None:
    low, high = judged('{says: x, expect: "latency.p99 = 1 ms"}')[0].interval
    assert low < P99 < high
    (one,) = judged(f'{{says: x, expect: "latency.p99 = {high * 1e3:.12g} ms", within: 0.1 %}}')
    assert one.verdict == "not decidable" and "80 % interval" in one.reason


def test_scenarios_and_changes() -> None:
    long = figure(estimate(load_text(RACK + "  []", "rack.yaml", "long")), "latency.p99").value
    (one,) = judged(f'{{says: x, expect: "latency.p99 = {long * 1e3} ms", scenario: long}}')
    assert one.verdict == "holds" and one.actual is not None and one.actual.value == long
    share = float(long) / P99 - 1
    (one,) = judged(f'{{says: x, expect: "delta(latency.p99) = {share * 100} %", scenario: long}}')
    assert one.verdict == "holds" and one.actual is not None and one.actual.value == pytest.approx(share)
    (back,) = judged('{says: x, expect: "delta(latency.p99) = -1 ms", against: long}')
    assert back.actual is not None and back.actual.value == pytest.approx(P99 - float(long))
    assert back.interval[0] <= back.actual.value <= back.interval[1]


def test_a_change_is_surer_than_what_it_compares() -> None:
    """Both racks doubt the same leaves: the interval of their ratio is narrower than that of either."""
    (one,) = judged('{says: x, expect: "delta(latency.p99) = 10 %", scenario: long}')
    (alone,) = judged('{says: x, expect: "latency.p99 = 1 ms", scenario: long}')
    assert one.actual is not None and alone.actual is not None
    width = (one.interval[1] - one.interval[0]) / (1 + float(one.actual.value))
    assert width < (alone.interval[1] - alone.interval[0]) / float(alone.actual.value)


def test_what_is_impossible_has_the_reason() -> None:
    (one,) = judged('{says: x, expect: "memory.gpu.free >= 1 GB", scenario: too-large}')
    assert one.verdict == "impossible" and one.reason and one.falls_short


def test_the_file_itself_must_be_possible() -> None:
    text = RACK.replace("bert-large", "llama-3.1-405b").replace("128 token,", "128 token, output: 8 token,")
    with pytest.raises(InputError):
        judge_claims(text + '  - {says: x, expect: "latency.p99 = 1 s"}\n', "rack.yaml")


def test_a_claim_without_a_figure_is_not_decidable() -> None:
    silent, noted = judged("{says: x}", "{says: y, note: nobody knows}")
    assert (silent.verdict, silent.reason) == ("not decidable", "it names no figure")
    assert (noted.verdict, noted.reason) == ("not decidable", "nobody knows")


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ('{says: x, expect: "latency.p98 = 1 ms"}', "did you mean latency.p9"),
        ('{says: x, expect: "latency.p99 = 1 W"}', "expected a time"),
        ('{says: x, expect: "latency.p99 = 1"}', "the bare number 1"),
        ('{says: x, expect: "latency.p99 = nan s"}', "expected a time"),
        ('{says: x, expect: "latency.p99 1 ms"}', "expected PATH OP VALUE UNIT"),
        ('{says: x, expect: "latency.p99 != 1 ms"}', "expected PATH OP VALUE UNIT"),
        ('{says: x, expect: "latency.p99 => 1 ms"}', "expected PATH OP VALUE UNIT"),
        ('{says: x, expect: "delta(latency.p99) = 1 W"}', "expected a time"),
        ('{says: x, expect: "delta(thermal.outlet) = 1 %"}', "percentage of a temperature"),
        ('{says: x, expect: "thermal.outlet = 40 degC", within: 5 %}', "percentage of a temperature"),
        ('{says: x, expect: "latency.p99 = 1 ms", within: 5 W}', "expected a time"),
        ('{says: x, expect: "latency.p99 = 1 ms", within: -5 %}', "at least 0"),
        ('{says: x, expect: "latency.p99 = 1 ms", scenario: lng}', "did you mean long"),
        ('{says: x, expect: "latency.p99 = 1 ms", against: long}', "against is for delta"),
        ('{says: x, expect: "delta(latency.p99) = 1 ms", against: too-large}', "against: "),
        ('{expect: "latency.p99 = 1 ms"}', "says: is missing"),
        ('{says: x, expct: "latency.p99 = 1 ms"}', "did you mean expect"),
        ("{says: x, verdict: impossible}", "needs a note"),
        ('{says: x, expect: "latency.p99 = 1 ms", verdict: holds, note: y}', "this one is computed"),
        ("{says: x, verdict: wrong, note: y}", "expected one of holds"),
    ],
)
def test_refused_at_its_line(claim: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        judged("{says: fine}", claim)
    assert words in str(caught.value)
    assert all(problem.file == "rack.yaml" and problem.line == 11 for problem in caught.value.problems)


def test_all_problems_at_once() -> None:
    with pytest.raises(InputError) as caught:
        judged('{says: x, expect: "latency.p98 = 1 ms"}', '{says: x, expect: "latency.p99 = 1 W"}')
    assert len(caught.value.problems) == 2


def test_worse_is_every_claim_of_which_the_rack_falls_short() -> None:
    claim: Any = None

    def failing(path: str, *words: str) -> set[str]:
        possible = [one for one in VERDICTS if one != "does not hold"]  # that is for inequalities
        known = [Judgement(claim, claim, v, expectation=parse_expectation(f"{path} = 1")) for v in possible]
        return {one.verdict for one in known if fails(one, words)}

    assert failing(LATENCY, "worse") == {"claimed too low", "impossible"}
    assert failing(RATE, "worse") == {"claimed too high", "impossible"}
    assert failing(SIZE, "worse") == {"claimed too high", "claimed too low", "impossible"}
    assert failing(LATENCY, "claimed too high") == {"claimed too high"}
    broken = Judgement(claim, claim, "does not hold", expectation=parse_expectation("latency.p99 <= 1 s"))
    assert fails(broken, ["worse"]) and fails(broken, ["does not hold"]) and fails(broken, ["claimed too low"])
    assert not fails(broken, ["claimed too high"])
    assert not failing(LATENCY)


def test_words_of_fail_if() -> None:
    assert failing_word("claimed-too-high", "x") == failing_word("claimed too high", "x") == "claimed too high"
    assert failing_word("worse", "x") == "worse"
    for former in ("overstated", "understated", "refuted"):
        with pytest.raises(InputError, match="write worse"):
            failing_word(former, "x")


# --- the bundled racks -------------------------------------------------------------------------------


def bundled(name: str) -> dict[str, Judgement]:
    text = bundled_racks()[name].read_text(encoding="utf-8")
    return {one.claim.says: one for one in judge_claims(text, f"{name}.yaml")[1]}


@pytest.fixture(scope="module")
def article() -> dict[str, Judgement]:
    return bundled("rack-of-god")


@pytest.mark.parametrize(
    ("says", "verdict"),
    [
        # Each rests on a published value or on arithmetic, not on our own fits.
        ("one NVLink 5 link moves 900 GB/s", "claimed too high"),  # 18 links make 900 GB/s one way
        ("NVLink 5 joins 256 GPUs", "claimed too low"),  # 576
        ("NVLink 6 doubles the bandwidth", "holds"),  # 900 to 1800 GB/s
        ("half a beat faster than the NYSE", "does not hold"),  # no rack answers in 26 us over 24 layers
        ("... or its p99", "not decidable"),  # NYSE publishes none
        ("... or that of INET at SIX", "does not hold"),  # 78 us
        ("LPUs answer in nanoseconds", "does not hold"),
        ("the SRAM of four LPUs holds BERT-Large", "holds"),  # 670 MB in 920
        ("... and bit errors spoil results", "does not hold"),  # RS(544) leaves 1e-12 or less
        ("... and models of a hundred billion", "does not hold"),  # 120 GB over 230 MB
        ("... by the plate", "claimed too low"),  # 14.3 kW
        ("... and no air can", "does not hold"),  # contained air does 20 to 30 kW
        ("four LPUs cost $250k", "claimed too high"),  # 20,000 USD a card
        ("eight Blackwells cost $700k", "claimed too high"),  # 515,000 USD
        ("0.7 % a ms on a billion: $70M a year", "holds"),  # 0.7 % x 10.2 x 1e9
        ("it is paid back in three weeks", "claimed too high"),  # 950 / 71,400 years is 4.9 days
        ("... in a race for the first place", "claimed too high"),
        ("... of the rack", "claimed too high"),  # cooling of 14 kW beside a million of chips
        ("renting costs $100k a month", "claimed too high"),  # 48.24 USD an hour
        ("... and coherent memory", "impossible"),
        ("the licence of NVLink is free", "impossible"),
    ],
)
def test_the_article(says: str, verdict: str, article: dict[str, Judgement]) -> None:
    assert article[says].verdict == verdict


def test_the_articles_claims_by_hand(article: dict[str, Judgement]) -> None:
    known = {says: float(one.actual.value) for says, one in article.items() if one.actual is not None}
    assert known["one NVLink 5 link moves 900 GB/s"] == 50e9
    assert known["NVLink 6 doubles the bandwidth"] == 1.0
    assert known["eight Blackwells cost $700k"] == 515000
    # skin effect: loss goes with the root of resistivity, 0.386 %/K; 85 % of 28 dB is conductor loss
    ratio = (1 + 0.00386 * 30) ** 0.5
    assert known["heat attenuates the copper"] == pytest.approx(0.85 * ratio + 0.15 * 1.03 - 1, rel=0.02)
    assert known["renting costs $500k a year"] * 8760 * 3600 == pytest.approx(48.24 * 8760, rel=1e-3)


@pytest.mark.parametrize("name", ["rack-of-god", "vendor-quote"])
def test_every_computed_claim_has_a_formula_an_interval_and_a_line(name: str) -> None:
    data = json.loads(run(name, "--json").stdout, parse_constant=pytest.fail)
    assert data["schema"] == "rackcalc.claims/1" and sum(data["counts"].values()) == len(data["claims"])
    assert list(data["counts"]) == list(VERDICTS)
    lines = bundled_racks()[name].read_text(encoding="utf-8").splitlines()
    for claim in data["claims"]:
        assert claim["says"] in lines[claim["line"] - 1] and claim["file"] == f"{name}.yaml"
        if claim["actual"] is not None:
            assert claim["formula"] and claim["cite"] and claim["low"] <= claim["actual"] <= claim["high"]
        if claim["verdict"] in ("not decidable", "impossible"):
            assert claim["reason"]


def test_the_article_reads_in_one_screen() -> None:
    text = run("rack-of-god").stdout
    lines = text.splitlines()
    claims = load("rack-of-god").rack.claims
    assert len(lines) <= len(claims) + 6 <= 60 and max(map(len, lines)) <= 110
    assert all(sum(claim.says in line for line in lines) >= 1 for claim in claims)
    assert "NYSE Pillar publishes no p99 of its round trip" in text, "what nobody has published is said"
    assert len(run("rack-of-god", "--all").stdout.splitlines()) > 2 * len(lines)


def test_a_race_is_worth_nothing_to_who_is_a_thousand_times_too_late(article: dict[str, Judgement]) -> None:
    late = article["... in a race for the first place"]
    assert late.actual is not None and late.actual.value == 0


# --- the command -------------------------------------------------------------------------------------


def test_a_quote_is_a_gate(tmp_path: Path) -> None:
    assert run("vendor-quote").returncode == 0, "without --fail-if it only reports"
    assert run("vendor-quote", "--fail-if", "worse").returncode == 3
    assert run("vendor-quote", "--fail-if", "worse", "--exit-zero").returncode == 0
    assert run("vendor-quote", "--fail-if", "claimed-too-high").returncode == 0
    assert run("vendor-quote", "--fail-if", "not decidable").returncode == 3
    wrong = run("vendor-quote", "--fail-if", "imposible")
    assert wrong.returncode == 2 and "did you mean impossible" in wrong.stderr


def test_reports_and_annotations(tmp_path: Path) -> None:
    (tmp_path / "rack.yaml").write_text(RACK + '  - {says: "a | b", expect: latency.p99 <= 1 us}\n')
    options = ["-o", "c.md", "-o", "c.json", "-o", "c.txt", "--fail-if", "worse", "--error-format", "github"]
    done = run("rack.yaml", *options, cwd=tmp_path)
    assert done.returncode == 3 and done.stdout == (tmp_path / "c.txt").read_text()
    assert done.stderr.startswith("::error file=rack.yaml,line=10,col=5::does not hold, x ")
    page = (tmp_path / "c.md").read_text()
    assert re.search(r"\| does not hold, x [\d.,]+ \| worse \| a \\\| b \| \\<= 1 us \|", page)
    assert {row.replace("\\|", "").count("|") for row in page.splitlines() if row.startswith("|")} == {9}
    assert json.loads((tmp_path / "c.json").read_text())["claims"][0]["verdict"] == "does not hold"
    assert run("rack.yaml", "--markdown", cwd=tmp_path).stdout == page
    assert (
        run("-", "--markdown", stdin=(tmp_path / "rack.yaml").read_text()).stdout.replace("<stdin>", "rack.yaml")
        == page
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bert-8xb200"], "no claims: add"),
        (["rack-of-cod"], "did you mean rack-of-god"),
        (["rack-of-god", "--format", "junit"], 'no format "junit"'),
        (["rack-of-god", "--json", "--markdown"], "exclude each other"),
        (["rack-of-god", "-o", "x.xml"], "the ending names the format"),
        (["rack-of-god", "--set", "workload.batch=0"], "workload.batch"),
    ],
)
def test_refusals(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "") and words in done.stderr and "Traceback" not in done.stderr


def test_set_applies_to_every_scenario() -> None:
    def second(*options: str) -> Any:
        return json.loads(run("rack-of-god", "--json", *options).stdout)["claims"][2]["actual"]

    assert second("--set", "workload.input=64 token") != second()


def test_an_estimate_does_not_judge_but_checks_the_form() -> None:
    with pytest.raises(InputError, match="expected PATH OP VALUE UNIT"):
        load_text(RACK + '  - {says: x, expect: "latency"}\n', "rack.yaml")
    assert load("rack-of-god").rack.claims


def test_a_malformed_expectation_is_a_unit_error() -> None:
    for text in ("", "=", "a = ", "= 1", "a = 1\nb = 2", "a" * 300 + " = 1"):
        with pytest.raises(UnitError):
            parse_expectation(text)


def test_any_expectation_is_refused_or_judged_as_it_reads() -> None:
    """Hundreds of texts: no crash, and what holds is as claimed."""
    chance = random.Random(2)
    words = ["latency.p99", "power.it", "thermal.outlet", "delta(latency.p99)", "x", "", "delta("]
    operators, limits = (
        ["=", "==", "<=", ">=", "<", ">", "!=", ""],
        ["1 ms", "5 %", "40 degC", "1 kW", "nan", "-3 s", ""],
    )
    seen = dict.fromkeys(VERDICTS, 0)
    for _ in range(12):
        claims = [f"{chance.choice(words)} {chance.choice(operators)} {chance.choice(limits)}" for _ in range(25)]
        good = []
        for claim in claims:
            try:
                judged(f'{{says: x, expect: "{claim}"}}')
                good.append(claim)
            except InputError as error:
                assert all(str(problem).isprintable() for problem in error.problems)
        for one in judged(*(f'{{says: x, expect: "{claim}"}}' for claim in good)) if good else []:
            seen[one.verdict] += 1
            assert one.actual is not None and one.expectation is not None
            low, high = one.actual.value - one.tolerance, one.actual.value + one.tolerance
            meets_claim = {"<": low <= one.expected, ">": high >= one.expected}
            inside = meets_claim.get(one.expectation.operator[0], low <= one.expected <= high)
            assert inside == (one.verdict == "holds"), one.claim.expect
    assert seen["holds"] > 3 and seen["does not hold"] > 3


def test_a_claim_that_comes_to_its_value_is_judged_without_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    from rackcalc.questions.claims import judgement

    drawn: list[object] = []
    monkeypatch.setattr(judgement, "Draws", lambda result: drawn.append(result) or Draws(result))
    text = bundled_racks()["bert-a100"].read_text(encoding="utf-8").partition("\nclaims:")[0]
    claim = "\nclaims:\n  - {says: x, expect: latency.p99 %s}\n"
    _, held = judge_claims(text + claim % "< 1 s", "x.yaml")
    _, far = judge_claims(text + claim % "= 1 s", "x.yaml")
    assert [one.verdict for one in (*held, *far)] == ["holds", "claimed too high"] and not drawn
    low, high = held[0].interval
    assert low < high and len(drawn) == 1
