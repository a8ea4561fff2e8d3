"""The first screen: what `rackcalc estimate` answers, at any width."""

import re
from typing import Any

import pytest
from program import out, run

from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.estimate import estimate
from rackcalc.questions.rack_file import load
from rackcalc.render import estimate_summary

WIDTHS = (40, 60, 80, 120, 200)
NUMBER = re.compile(r"\d[\d,.]*\d|\d")


def shown(rack: str, width: int, monkeypatch: pytest.MonkeyPatch, *changes: str) -> list[str]:
    monkeypatch.setattr(estimate_summary, "line_width", lambda: width)
    return estimate_summary.render([estimate(load(rack, sets=changes))], colour=False, interval=False).splitlines()


@pytest.mark.parametrize("rack", sorted(bundled_racks()))
def test_it_fits_every_width_with_every_number_whole(rack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = " ".join(shown(rack, 10_000, monkeypatch))
    for width in WIDTHS:
        lines = shown(rack, width, monkeypatch)
        longest = max(lines, key=len)
        assert len(longest) <= width or " " not in longest.strip(), longest
        assert sorted(NUMBER.findall(" ".join(lines))) == sorted(NUMBER.findall(wide)), f"a number is cut at {width}"


@pytest.mark.parametrize("rack", sorted(bundled_racks()))
def test_it_is_one_screen_and_says_what_matters(rack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 8 <= len(shown(rack, 10_000, monkeypatch)) <= 14
    lines = shown(rack, 80, monkeypatch)
    own = [line for line in lines if not line.startswith(("!", "  "))]
    assert len(own) <= 14 and len(lines) <= 22, "a screen has 24 lines, and a prompt"
    labels = {line[: estimate_summary.LABEL].strip() for line in own}
    assert {"bound by", "load", "power", "cost"} <= labels
    assert "heat" in " ".join(lines)
    assert {"first token", "per token", "request"} <= labels or "latency" in labels
    assert "--all" in lines[-1] or "--all" in lines[-2]


@pytest.mark.parametrize("rack", sorted(bundled_racks()))
def test_no_number_is_written_as_only_programs_read_it(rack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(shown(rack, 200, monkeypatch))
    assert not re.search(r"\b(nan|inf)\b|\de[-+]\d", text), text


def test_words_for_what_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    lossy = shown("llama70b-8xh100", 80, monkeypatch, "economics.token_prices={output: 0.0001 USD/Mtoken}")
    assert any("never paid back" in line for line in lossy)
    rented = shown(
        "llama70b-8xh100", 80, monkeypatch, "economics.acquisition=rent", "economics.rent=20 USD/hour",
        "economics.price=", "economics.token_prices={output: 20 USD/Mtoken}",
    )  # fmt: skip
    assert any("no outlay" in line for line in rented)
    unknown = shown("vr-nvl72-lpx-mixture", 80, monkeypatch)
    assert any(line.startswith("cost") and "unknown" in line for line in unknown)


def test_alarms_come_before_remarks() -> None:
    """What changes a decision stands before how a figure was computed."""
    notes = estimate(load("rack-of-god")).notes
    places = {
        word: next(i for i, note in enumerate(notes) if word in note)
        for word in ("than its cooling removes", "a clean port")
    }
    assert places["than its cooling removes"] < places["a clean port"]


def test_sections_and_all_figures_on_demand() -> None:
    cost = out("estimate", "llama70b-8xh100", "--section", "cost,thermal")
    assert "cost.capex" in cost and "thermal.outlet" in cost and "latency." not in cost
    everything = out("estimate", "llama70b-8xh100", "--all")
    assert "thermal.outlet" in everything and "latency.p999" in everything
    done = run("estimate", "llama70b-8xh100", "--section", "cots")
    assert done.returncode == 2 and b"did you mean cost?" in done.stderr


def test_several_racks_follow_one_another() -> None:
    both = out("estimate", "llama70b-8xh100", "bert-a100")
    assert both == out("estimate", "llama70b-8xh100") + "\n" + out("estimate", "bert-a100")


def test_the_summary_has_the_figures_of_the_json() -> None:
    import json

    data: Any = json.loads(out("estimate", "llama70b-8xh100", "--json"))
    text = out("estimate", "llama70b-8xh100")
    assert f"{data['throughput']['utilization']['value']:.0%} of" in text
    assert f"{1e3 * data['latency']['ttft']['value']:.2g} ms" in text


def test_the_command_that_it_names_runs() -> None:
    """Of a bundled rack by its name, of a file by its path."""
    for rack in ("llama70b-8xh100", "configs/llama70b-8xh100.yaml"):
        named = out("estimate", rack).splitlines()[-1].partition("why: rackcalc ")[2]
        assert named == f"explain {rack} latency.ttft"
        assert out(*named.split(), "--depth", "0").startswith("latency.ttft is ")


ODD = {
    "llama70b-8xh100": (
        "workload.concurrency=1",
        "workload.arrival_rate=0.0001 request/s",
        "economics.token_prices={output: 0.000001 USD/Mtoken}",
        "economics.price.gpu=0 USD",
    ),
    "rack-of-god": ("workload.arrival_rate=0.001 request/s", "economics.horizon=30 year"),
    "bert-a100": ("economics.utilization=0.0001",),
}
NO_NUMBER = re.compile(r"(?<![\w./-])-?(nan|inf)(?![\w-])")
STRANGE = re.compile(NO_NUMBER.pattern + r"|\de[-+]\d\d\d|\de\+|\de-(1[6-9]|[2-9]\d)|-\d{1,3},?\d{3} %")


@pytest.mark.parametrize("rack", ODD)
def test_odd_but_sensible_settings_give_numbers_that_people_read(rack: str) -> None:
    """In summary, table and page. In csv every number is whole, small ones too. JSON has null, and the reason."""
    for change in ODD[rack]:
        for more in ((), ("--all",), ("--format", "csv"), ("--format", "html")):
            text = out("estimate", rack, "--set", change, *more)
            shown = re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL)
            found = (NO_NUMBER if "csv" in more else STRANGE).search(shown)
            assert not found, f"{change} {more}: {shown[max(0, found.start() - 60) : found.end()]}"


def test_a_return_that_nobody_should_believe_says_so_beside_it() -> None:
    """A payback of days stood alone, with its note among those that are left out."""
    line = next(line for line in out("estimate", "rack-of-god").splitlines() if line.startswith("return"))
    assert "paid back in 5." in line and line.endswith("by a value of latency that is not credible")
    assert "not credible" not in out("estimate", "rack-of-god", "--set", "latency_value.capital=1e6 USD")
