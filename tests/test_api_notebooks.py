"""Answers in data frames and in notebooks."""

import sys
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml
from api_answers import result_of

import rackcalc
from rackcalc.config.racks import bundled_racks

# frames and notebooks


def test_frame_of_a_result() -> None:
    pandas = pytest.importorskip("pandas")
    result = result_of("rack-of-god")
    frame = result.to_frame()
    assert isinstance(frame, pandas.DataFrame) and list(frame) == ["path", "value", "unit", "kind", "low", "high"]
    assert frame["path"].tolist() == list(result)
    row = frame.set_index("path").loc["latency.p99"]
    p99 = result.latency.p99
    assert (row["value"], row["unit"], row["kind"]) == (p99.value, "s", "hypothetical")
    assert (row["low"], row["high"]) == p99.interval


def test_frame_of_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    table = rackcalc.sweep("bert-a100", {"workload.batch": [1, 2], "workload.precision": ["fp16", "int8"]})
    frame = table.to_frame("pandas")
    assert isinstance(frame, pandas.DataFrame) and tuple(frame) == table.columns and len(frame) == 4
    assert frame["workload.precision"].tolist() == ["fp16", "int8"] * 2
    assert frame["latency.p99"].tolist() == table["latency.p99"].tolist()


def test_frames_of_polars() -> None:
    polars = pytest.importorskip("polars")
    result = result_of("bert-a100")
    frame = result.to_frame("polars")
    assert isinstance(frame, polars.DataFrame) and frame["value"].to_list() == [float(one) for one in result.values()]
    table = rackcalc.sweep("bert-a100", {"workload.precision": ["fp16", "int8"]}, get="latency.p99")
    assert table.to_frame("polars")["workload.precision"].to_list() == ["fp16", "int8"]


def test_frames_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match="needs pandas or polars: pip install pandas, or pip install polars"):
        result_of("bert-a100").to_frame()
    with pytest.raises(ImportError, match="needs polars"):
        result_of("bert-a100").to_frame("polars")
    with pytest.raises(ValueError, match='expected "pandas" or "polars"'):
        result_of("bert-a100").to_frame("arrow")


class Tags(HTMLParser):
    """Tags that are open, all that were seen, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.cells: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def test_a_result_in_a_notebook() -> None:
    result = result_of("rack-of-god")
    shown = Tags(result._repr_html_())
    assert not shown.open and shown.seen <= {"table", "caption", "b", "thead", "tbody", "tfoot", "tr", "th", "td", "br"}
    said = [cell.strip() for cell in shown.cells if cell.strip()]
    figures = [line.split()[0] for line in str(result).splitlines() if line.startswith("  ")]
    assert [cell for cell in said if cell in figures] == [path for path in figures if path in result], "as in the table"
    assert {str(result.latency.p99), result.latency.p99.between(), "Latency", "Heat at full load"} <= set(said)
    assert f"note: {result.notes[0]}" in said


def test_nothing_in_a_rack_is_markup() -> None:
    evil = "<script>alert('x')</script> & \"</td>"
    document = yaml.safe_load(bundled_racks()["rack-of-god-corrected"].read_text(encoding="utf-8"))
    document |= {"name": evil, "gates": [{"fail_if": "latency.p99 > 1 s", "why": evil}]}
    document["claims"] = [{"says": evil, "expect": "latency.p99 < 1 s"}]
    rack = rackcalc.load(document)
    shown: list[Any] = [rackcalc.estimate(rack), rackcalc.check(rack), rackcalc.claims(rack)]
    shown += [rackcalc.compare(rack, "bert-a100"), rackcalc.sweep(rack, {"workload.batch": [1]})]
    shown += [rackcalc.uncertainty(rack, "latency.p99", samples=2)]
    shown += [rackcalc.solve(rack, {"workload.batch": "1..2"}, "latency.p99 < 1 s")]
    for one in shown:
        page = Tags(one._repr_html_())
        assert not page.open and "script" not in page.seen
    assert evil in "".join(Tags(shown[0]._repr_html_()).cells)


def test_a_table_in_a_notebook() -> None:
    table = rackcalc.sweep("bert-a100", {"site.inlet": ["15 degC"], "workload.precision": ["int8"]}, get="latency.p99")
    cells = Tags(table._repr_html_()).cells
    assert {"site.inlet", "15 degC", "int8", "1 points, 1 match"} <= set(cells)
