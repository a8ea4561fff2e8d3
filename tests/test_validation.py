"""Measurements: what is read, what is refused, how errors are scored, and how far off the figures are."""

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from math import isnan
from pathlib import Path

import pytest

from rackcalc.quantities.problems import Problem
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.validation import KINDS, Result, validate
from rackcalc.validation.groups import group_of, subject
from rackcalc.validation.read import NEEDED, Row, Unanswerable, bundled, read
from rackcalc.validation.score import Score, Tally, summaries

HEADER = "case,kind,part,precision,runtime,m,n,k,metric,value,unit"
GOOD = "g1,gemm,h100-sxm,bf16,trtllm,4096,4096,4096,latency_mean,200,us"


def problems_of(text: str | bytes, path: Path) -> tuple[list[Row], list[Problem]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    found: list[Problem] = []
    return list(read(str(path), found.append)), found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "m.csv"


def rackcalc(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rackcalc", "validate", *arguments]
    return subprocess.run(command, check=False, input=stdin, capture_output=True, text=True)


def test_a_value_is_read_in_canonical_units(file: Path) -> None:
    (row,), found = problems_of(f"{HEADER}\n{GOOD}\n", file)
    assert not found
    assert row.value == pytest.approx(200e-6)
    assert (row.line, row.m, row.batch) == (2, "4096", "")
    assert row.number("m", "1").value == 4096
    with pytest.raises(Unanswerable, match="batch is not stated"):
        row.number("batch", "1")


@pytest.mark.parametrize(
    ("line", "cell", "said"),
    [
        (GOOD.replace("h100-sxm", "h100-smx"), "part", "did you mean h100-sxm"),
        (GOOD.replace("gemm", "gem"), "kind", "did you mean gemm"),
        (GOOD.replace(",us", ",W"), "unit", "does not fit latency_mean"),
        (GOOD.replace(",us", ",furlong/fortnight/s"), "unit", "does not fit"),
        (GOOD.replace("latency_mean", "lateness"), "metric", "no metric"),
        (GOOD.replace(",200,", ",-1,"), "value", "more than 0"),
        (GOOD.replace(",200,", ",nan,"), "value", "more than 0"),
        (GOOD.replace(",200,", ",fast,"), "value", "expected a number"),
        (GOOD.replace("4096,4096,4096", "4096,wide,4096"), "n", "expected a number"),
        (GOOD + ",more", "", "12 cells under a header of 11"),
        ("", "", "has a header and no rows"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_the_good_ones_are_kept(
    file: Path, line: str, cell: str, said: str
) -> None:
    rows, found = problems_of(f"{HEADER}\n{GOOD}\n{line}\n" if line else f"{HEADER}\n", file)
    assert len(rows) == (1 if line else 0)
    (problem,) = found
    assert (problem.path, problem.line) == (cell, 3 if line else 1)
    assert said in problem.message


def test_unknown_model(file: Path) -> None:
    text = f"{HEADER},model\n{GOOD},bert-lagre\n{GOOD.replace('g1', 'g2')},resnet-50\n"
    rows, (problem,) = problems_of(text, file)
    assert problem.path == "model" and "bert-large" in problem.message and problem.line == 2
    assert [row.model for row in rows] == ["resnet-50"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("kind,part\n", "the column is missing"),
        (HEADER.replace(",k,", ",") + "\n" + "g,gemm,t4,fp16,x,1,1,latency_mean,1,s\n", "gemm rows need it"),
        (HEADER.replace("precision", "presicion") + "\n", "did you mean precision"),
        (f"{HEADER},m\n", "appears twice"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is not UTF-8 text"),
        (b"PK\x03\x04\x00\x00,a\n", "is binary"),
        (f'{HEADER}\n"unclosed\n', "is not CSV"),
    ],
)
def test_a_bad_file(file: Path, text: str | bytes, said: str) -> None:
    rows, found = problems_of(text, file)
    assert not rows
    assert any(said in f"{problem}" for problem in found), found


def test_missing_file(tmp_path: Path) -> None:
    done = rackcalc(str(tmp_path / "none.csv"))
    assert done.returncode == 2 and "no such file" in done.stderr and "Traceback" not in done.stderr


def test_rows_that_contradict_each_other(file: Path) -> None:
    rows, found = problems_of(f"{HEADER}\n{GOOD}\n{GOOD}\n{GOOD.replace(',200,', ',300,')}\n", file)
    assert len(rows) == 2, "the same number twice is no contradiction"
    assert [(problem.line, problem.message[:18]) for problem in found] == [(4, "contradicts line 2")]
    rows, found = problems_of(f"{HEADER}\n{GOOD}\n{GOOD.replace('h100-sxm', 't4')}\n", file)
    assert len(rows) == 1 and "another part" in found[0].message


def test_many_bad_rows_are_counted_not_listed(file: Path) -> None:
    bad = "\n".join(GOOD.replace("h100-sxm", f"gpu{i}") for i in range(300))
    _, found = problems_of(f"{HEADER}\n{bad}\n", file)
    assert len(found) == 101 and "and more" in found[-1].message


def test_rows_stream(file: Path) -> None:
    """20000 rows take no more than a share of a million's memory: nothing but a few numbers per row is kept."""
    with file.open("w") as stream:
        stream.write(HEADER + "\n")
        for i in range(20000):
            stream.write(GOOD.replace("g1", f"g{i}") + "\n")
    tally = Tally(worst=3)
    tracemalloc.start()
    for result in validate(read(str(file), lambda problem: pytest.fail(str(problem)))):
        tally.add(result)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert tally.count == 20000 and len(tally.worst) == 3
    assert peak / 20000 < 600


def made(measured: float, predicted: float | None, group: str = "a|b", **columns: str) -> Result:
    row = Row("c", columns.pop("kind", "gemm"), "t4", columns.pop("metric", "latency_mean"), measured, "s", group=group)
    quantity = None if predicted is None else Quantity(predicted, "s", "x", source=Source("given"))
    return Result(row._replace(**columns), quantity, "" if predicted is not None else "why", 0.5, 1.5)


def test_scores_by_hand() -> None:
    tally = Tally(worst=2)
    for result in (made(1, 1.1), made(1, 0.7), made(2, 2.0), made(1, None), made(1, 3.0, group="a|c")):
        tally.add(result)
    first, second = tally.scores()
    assert (first.group, first.rows, second.group, second.rows) == ("a|b", 3, "a|c", 1)
    assert first.mape == pytest.approx((0.1 + 0.3 + 0) / 3)
    assert first.median_ape == pytest.approx(0.1)
    assert first.bias == pytest.approx((0.1 - 0.3) / 3)
    assert first.worst == pytest.approx(-0.3)
    assert first.coverage == pytest.approx(2 / 3), "0.5 to 1.5 holds 1 and 1 and not 2"
    (summary,) = summaries([first, second])
    assert summary.mape == pytest.approx((first.mape + 2) / 2) and (summary.groups, summary.rows) == (2, 4)
    assert summary.worst == pytest.approx(2.0)
    assert dict(tally.unanswered) == {("gemm", "why"): 1}
    assert [round(result.error, 6) for result in tally.worst] == [2.0, -0.3]


def test_no_interval_is_no_coverage() -> None:
    tally = Tally()
    tally.add(made(1, 1)._replace(low=float("nan"), high=float("nan")))
    assert isnan(tally.scores()[0].coverage)


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"kind": "serving", "metric": "tpot_mean"}, "tpot"),
        ({"kind": "step_power", "metric": "tpot_p50"}, "tpot"),
        ({"kind": "step_power", "metric": "tpot_p99"}, "tpot_p99"),
        ({"kind": "serving", "metric": "output_token_rate"}, "rate"),
        ({"kind": "wall_power", "metric": "power_mean"}, "power"),
        ({"kind": "mlperf", "metric": "sample_rate", "scenario": "offline"}, "rate"),
        ({"kind": "mlperf", "metric": "sample_rate", "scenario": "server"}, "server_rate"),
        ({"kind": "collective", "launch": "cuda_graph"}, "latency"),
        ({"kind": "collective", "launch": "eager"}, "eager_latency"),
    ],
)
def test_subjects(columns: dict[str, str], word: str) -> None:
    assert subject(made(1, 1, **columns).row) == word


def test_groups_fall_back_to_what_is_stated() -> None:
    assert group_of(Row("c", "gemm", "t4", "latency_mean", 1.0, "s", precision="fp16")) == "t4|fp16"


def test_every_kind_is_known_to_both_reader_and_predictors() -> None:
    assert set(KINDS) == set(NEEDED) == set(bundled())


@pytest.mark.parametrize("kind", KINDS)
def test_bundled_files_read_without_a_problem(kind: str) -> None:
    found: list[Problem] = []
    rows = list(read(bundled()[kind], found.append))
    with open(bundled()[kind], encoding="utf-8") as stream:
        assert len(rows) == sum(1 for _ in stream) - 1
    assert not found
    assert {row.kind for row in rows} == {kind}


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    """All kinds whose figures are single kernels, passes or powers; servers have tests of their own."""
    tally = Tally()
    for kind in ("gemm", "attention", "collective", "point_to_point", "encoder", "wall_power", "lpu"):
        for result in validate(read(bundled()[kind], lambda problem: pytest.fail(str(problem))), most=0):
            tally.add(result)
    tally_rows: Iterator[Row] = read(bundled()["mlperf"], lambda problem: pytest.fail(str(problem)))
    for result in validate((row for row in tally_rows if row.model == "bert-large"), most=0):
        tally.add(result)
    return tally.scores()


# Median over groups of the mean absolute error, as measured when the bar was set; the bar leaves a little room.
@pytest.mark.parametrize(
    ("kind", "word", "part", "measured", "bar"),
    [
        ("gemm", "latency", "", 0.066, 0.072),
        ("attention", "latency", "", 0.075, 0.080),
        ("collective", "latency", "", 0.073, 0.080),
        ("collective", "eager_latency", "", 0.070, 0.076),
        ("collective", "nccl_latency", "", 0.097, 0.103),
        ("encoder", "latency", "", 0.066, 0.072),
        ("encoder", "latency", "a30", 0.025, 0.030),  # TensorRT alone
        ("encoder", "latency", "a100-sxm-40gb", 0.036, 0.040),  # TensorRT alone
        ("encoder", "latency_p99", "", 0.065, 0.070),
        ("mlperf", "latency", "", 0.063, 0.070),
        ("mlperf", "rate", "", 0.093, 0.105),
        ("wall_power", "power", "", 0.081, 0.088),
        ("point_to_point", "bandwidth", "", 0.032, 0.036),
        ("lpu", "rate", "", 0.141, 0.155),
        ("lpu", "latency", "", 0.117, 0.14),
    ],
)
def test_errors_do_not_grow(scores: list[Score], kind: str, word: str, part: str, measured: float, bar: float) -> None:
    wanted = [s for s in scores if (s.kind, s.subject) == (kind, word) and s.group.startswith(part)]
    (summary,) = summaries(wanted)
    assert measured / 3 < summary.mape <= bar


def test_command_scores_and_gates(file: Path) -> None:
    file.write_text(f"{HEADER}\n{GOOD}\n{GOOD.replace('g1', 'g2').replace('h100', 'b200')}\n")
    done = rackcalc(str(file), "--json", "--worst", "1")
    data = json.loads(done.stdout)
    assert done.returncode == 0 and data["rows"] == data["answered"] == 2
    (group,) = [g for g in data["groups"] if g["group"] == "h100-sxm|bf16"]
    assert set(group) >= {"kind", "group", "metric", "rows", "mape", "median_ape", "bias", "worst", "coverage"}
    assert data["kinds"][0]["groups"] == 2 and len(data["worst"]) == 1
    failed = rackcalc(str(file), "--fail-if", "gemm.latency.mape > 0.001 %")
    assert failed.returncode == 3 and "FAIL" in failed.stderr
    assert rackcalc(str(file), "--fail-if", "gemm.latency.mape > 900 %").returncode == 0
    unknown = rackcalc(str(file), "--fail-if", "gemm.latncy.mape > 1 %")
    assert unknown.returncode == 2 and "gemm.latency.mape" in unknown.stderr


def test_command_explains_and_lists(file: Path) -> None:
    file.write_text(f"{HEADER}\n{GOOD}\n")
    explained = rackcalc(str(file), "--explain", "g1")
    assert "kernels.gemm_time" in explained.stdout and "200 us measured" in explained.stdout
    missing = rackcalc(str(file), "--explain", "g7")
    assert missing.returncode == 2 and 'no case "g7"' in missing.stderr
    listed = rackcalc("-", "--csv", stdin=f"{HEADER}\n{GOOD}\n").stdout.splitlines()
    assert (
        listed[0].startswith("case,kind,group") and listed[1].startswith("g1,gemm,h100-sxm|bf16") and len(listed) == 2
    )


def test_command_stops_at_bad_rows_unless_told_otherwise(file: Path) -> None:
    file.write_text(f"{HEADER}\n{GOOD}\n{GOOD.replace('h100-sxm', 'x100')}\n")
    stopped = rackcalc(str(file))
    assert stopped.returncode == 2 and not stopped.stdout and f"{file}:3:" in stopped.stderr
    going = rackcalc(str(file), "--keep-going")
    assert going.returncode == 2 and "h100-sxm|bf16" in going.stdout and f"{file}:3:" in going.stderr


def test_unanswered_rows_are_counted_with_a_reason(file: Path) -> None:
    lines = [f"{GOOD},resnet-50,A", f"{GOOD.replace('g1', 'g2')},,C"]
    file.write_text(f"{HEADER},model,quality\n" + "\n".join(lines) + "\n")
    data = json.loads(rackcalc(str(file), "--json").stdout)
    assert [entry["rows"] for entry in data["unanswered"]] == [1, 1]
    assert any("convolutional" in entry["reason"] for entry in data["unanswered"])


def test_unknown_kind() -> None:
    done = rackcalc("--kind", "gem")
    assert done.returncode == 2 and "did you mean gemm" in done.stderr
