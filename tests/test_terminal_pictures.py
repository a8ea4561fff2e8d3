"""Bars on a terminal: as long as their numbers, within every width, plain without Unicode, off in pipes."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import out, run
from test_widths import on_terminal

from rackcalc.render.terminal_bars import BLOCKS, PLAIN, bar_width, both_ways, stacked

RACK = "llama70b-8xh100"
HEADINGS = ("Where the time goes", "Latency against load", "Power against limits", "Cash by year")
BARS = re.compile(r"[█▓▒░┃▶│▏▎▍▌▋▊▉]")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.integers(8, 60), st.sampled_from([BLOCKS, PLAIN]))
def test_a_bar_is_as_long_as_the_sum_of_its_parts(parts: list[float], width: int, drawn: object) -> None:
    bar = stacked(parts, width, drawn)
    whole = sum(parts)
    assert len(bar) <= width
    if whole <= 1:
        assert abs(len(bar) - whole * width) <= 1
    else:
        assert len(bar) == width and bar[-1] == drawn.beyond


@given(st.floats(0, 0.95), st.floats(0, 1), st.integers(8, 60))
def test_the_mark_of_a_limit_stands_at_the_limit(part: float, limit: float, width: int) -> None:
    bar = stacked([part], width, PLAIN, limit)
    assert bar.count("|") == 1 and abs(bar.index("|") - limit * width) <= 1


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=12), st.integers(8, 60))
def test_gains_and_losses_start_at_the_same_axis(flows: list[float], width: int) -> None:
    low, high = min(0.0, *flows), max(0.0, *flows)
    bars = [both_ways(flow, low, high, width, PLAIN) for flow in flows]
    assert len({bar.index("|") for bar in bars}) == 1
    for bar, flow in zip(bars, flows, strict=True):
        assert len(bar) <= width
        left, right = bar.split("|")
        assert ("#" in left, "#" in right) == (flow < 0, flow > 0)


def test_a_bar_that_would_be_too_short_gets_its_own_line() -> None:
    assert bar_width(["x" * 20], ["y" * 20], 44) == 0 and bar_width(["x"], ["y"], 200) == 48


def test_a_pipe_has_pictures_only_when_asked() -> None:
    assert not BARS.search(out("estimate", RACK))
    drawn = out("estimate", RACK, "--pictures", PYTHONIOENCODING="utf-8")
    assert BARS.search(drawn) and all(heading in drawn for heading in HEADINGS)


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_other_encodings_have_plain_characters(environment: dict[str, str]) -> None:
    shown = out("estimate", RACK, "--pictures", **environment)
    assert shown.isascii() and "####" in shown and "\\u" not in shown


def test_a_dumb_terminal_has_one_plain_bar_and_no_bar_when_refused() -> None:
    lines = on_terminal(80, "estimate", RACK)  # TERM is dumb there
    assert sum("###" in line for line in lines) == 1 and "".join(lines).isascii()
    assert not any("###" in line for line in on_terminal(80, "estimate", RACK, "--no-pictures"))


def test_a_section_has_its_own_picture() -> None:
    found = {
        section: out("estimate", RACK, "--section", section, "--pictures")
        for section in ("stages", "latency", "power", "roi", "memory")
    }
    shown = {section: [heading for heading in HEADINGS if heading in text] for section, text in found.items()}
    assert shown == {**{name: [one] for name, one in zip(found, HEADINGS, strict=False)}, "memory": []}


def test_what_is_drawn_is_what_is_computed() -> None:
    data = json.loads(out("estimate", RACK, "--json", "--no-interval"))
    text = out("estimate", RACK, "--pictures", "--no-interval")
    now = next(line for line in text.splitlines() if line.startswith("  now"))
    p50, p99 = (1e3 * data["latency"][f"ttft_{level}"]["value"] for level in ("p50", "p99"))
    assert float(now.split()[-2]) == pytest.approx(p99, rel=0.01)
    whole = len(BARS.findall(now))
    assert now.count("█") / whole == pytest.approx(p50 / p99, abs=1.5 / whole)
    flows = [line for line in text.splitlines() if line.startswith("  year")]
    assert len(flows) == len(data["roi"]["cash_flow"])
    sums = sum(one["value"] for one in data["roi"]["cash_flow"].values())
    assert float(flows[-1].split()[-2].replace(",", "")) == pytest.approx(sums, rel=0.01)


def test_latency_is_drawn_against_the_number_of_clients() -> None:
    clients = ("estimate", RACK, "--set", "workload.concurrency=100", "--no-interval")
    for more, told in (((), "mean"), (("--set", "workload.output_cv=0.5"), "p50 and beyond it p99")):
        data = json.loads(out(*clients, *more, "--json"))
        text = out(*clients, *more, "--section", "latency", "--pictures", PYTHONIOENCODING="utf-8")
        head, *rows = text.partition("Latency against number of clients: ")[2].splitlines()
        assert head == f"first token, {told}"
        now = next(row for row in rows if row.startswith("  now 100 "))
        shown = data["latency"]["ttft" if told == "mean" else "ttft_p99"]["value"]
        assert float(now.split()[-4]) == pytest.approx(1e3 * shown, rel=0.01)
        assert float(now.split()[-2]) == pytest.approx(data["throughput"]["at_concurrency"]["value"], rel=0.01)
        lengths = [len(BARS.findall(row)) for row in rows if BARS.search(row)]
        assert lengths == sorted(lengths) and len(lengths) >= 5, "more clients wait longer"


def test_formats_with_pictures_of_their_own_refuse_the_option() -> None:
    wrong = run("estimate", RACK, "--format", "json", "--pictures")
    assert wrong.returncode == 2 and b"--pictures" in wrong.stderr


def test_the_limit_of_a_rack_that_is_too_hot_is_passed() -> None:
    lines = out("estimate", "rack-of-god", "--section", "power", "--pictures", PYTHONIOENCODING="ascii").splitlines()
    heat = next(line for line in lines if line.lstrip().startswith("heat per rack"))
    assert re.search(r"#\|#", heat)
