"""Errors against those of an earlier version, and anybody's predictions scored by the same rules."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from program import out, run

from rackcalc.validation.former import Worse as Group
from rackcalc.validation.former import is_worse, read_former
from rackcalc.validation.referee import judged, pooled, read_predictions

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "benchmarks" / "accuracy_record.csv"


@pytest.fixture(scope="module")
def now() -> list[dict[str, str]]:
    """What the command says to the rows of LPUs."""
    return list(csv.DictReader(out("validate", "--kind", "lpu", "--csv").splitlines()))


def written(path: Path, rows: list[dict[str, str]]) -> str:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def changed(rows: list[dict[str, str]], row: dict[str, str], **cells: str) -> list[dict[str, str]]:
    return [each | cells if each is row else each for each in rows]


def test_nothing_moved_against_itself(now: list[dict[str, str]], tmp_path: Path) -> None:
    said = out("validate", "--kind", "lpu", "--baseline", written(tmp_path / "former.csv", now))
    assert "0 rows moved; 0 rows newly answered" in said and "0 rows no longer answered" in said


def test_rows_that_moved_and_groups_that_worsened_are_listed(now: list[dict[str, str]], tmp_path: Path) -> None:
    one = next(row for row in now if row["error"])
    better = changed(now, one, error="0.0")
    data = json.loads(out("validate", "--kind", "lpu", "--json", "--baseline", written(tmp_path / "x.csv", better)))
    (row,) = data["baseline"]["moved"]
    assert (row["case"], row["before"]) == (one["case"], 0) and row["now"] == pytest.approx(float(one["error"]))
    assert [group["group"] for group in data["baseline"]["worse"]] == [one["group"]]
    unanswered = changed(now, one, error="")
    said = out("validate", "--kind", "lpu", "--baseline", written(tmp_path / "y.csv", unanswered))
    assert "1 row newly answered" in said


def test_a_row_that_is_no_longer_answered_is_a_failure(now: list[dict[str, str]], tmp_path: Path) -> None:
    silent = next(row for row in now if not row["error"])
    done = run(
        "validate", "--kind", "lpu", "--baseline", written(tmp_path / "x.csv", changed(now, silent, error="0.1"))
    )
    assert done.returncode == 3 and f"FAIL lpu {silent['case']}".encode() in done.stdout
    gone = [*now, {**silent, "case": "lpu-gone", "error": "0.1"}]
    done = run("validate", "--kind", "lpu", "--baseline", written(tmp_path / "y.csv", gone))
    assert done.returncode == 3 and b"not among the measurements any more" in done.stdout


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [(0.10, 0.121, True), (0.10, 0.109, False), (0.05, 0.056, True), (0.01, 0.0115, False), (0.3, 0.2, False)],
)
def test_two_points_or_a_tenth_is_worse(before: float, after: float, worse: bool) -> None:
    assert is_worse(Group("serving", "g", "tpot", 9, before, after)) is worse


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "has no column kind, case, metric, error"),
        ("kind,case,metric,error\ngemm,x,latency_mean,much\n", 'expected a number, got "much"'),
    ],
)
def test_a_wrong_baseline_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text, encoding="utf-8")
    done = run("validate", "--kind", "lpu", "--baseline", str(file))
    assert done.returncode == 2 and message.encode() in done.stderr and str(file).encode() in done.stderr
    assert run("validate", "--kind", "lpu", "--baseline", str(tmp_path / "none.csv")).returncode == 2


def test_the_record_is_of_every_row_and_small() -> None:
    found = read_former(str(RECORD))
    measured = sum(
        len(path.read_text(encoding="utf-8").splitlines()) - 1
        for path in (ROOT / "rackcalc" / "validation" / "measured").glob("*.csv")
    )
    assert len(found) == measured
    assert RECORD.stat().st_size < 1.5e6


def test_the_record_is_that_of_a_fresh_validation() -> None:
    """Of the kinds that are quick to validate; `make accuracy` brings it up to date."""
    kinds = [word for kind in ("attention", "wall_power", "lpu") for word in ("--kind", kind)]
    data = json.loads(out("validate", *kinds, "--json", "--baseline", str(RECORD)))
    assert not data["baseline"]["moved"] and not data["baseline"]["gone"]


def scored(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rackcalc.validation.score", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_example_of_the_document_runs(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    commands = re.findall(r"^(?:rackcalc|python -m rackcalc\.validation\.score)[^\n]*predictions\.csv", text, re.M)
    first, second = (line.partition("#")[0].split() for line in commands)
    assert first[-2:] == [">", "predictions.csv"]
    (tmp_path / "predictions.csv").write_text(out(*first[1:-2]), encoding="utf-8")
    done = scored(tmp_path / second[-1])
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.splitlines()[0].split()[:4] == ["kind", "metric", "rows", "unanswered"]


def test_a_tool_that_is_right_has_no_error_and_one_that_is_silent_is_counted(tmp_path: Path) -> None:
    measured = ROOT / "rackcalc" / "validation" / "measured" / "wall_power.csv"
    lines = csv.DictReader(measured.read_text(encoding="utf-8").splitlines())
    rows = [row for row in lines if row["metric"] == "power_mean"]
    said = [{"kind": r["kind"], "case": r["case"], "metric": r["metric"], "predicted": r["value"]} for r in rows]
    (right,) = [x for x in judged(read_predictions(written(tmp_path / "a.csv", said))) if x.subject == "power"]
    assert (right.by_group, right.by_row, right.rows - right.answered) == (0, 0, 0)
    wild = [row | {"predicted": str(9 * float(row["predicted"]))} for row in said]
    (off,) = [x for x in judged(read_predictions(written(tmp_path / "b.csv", wild))) if x.subject == "power"]
    assert (off.by_group, off.worst_group) == (1, 1), "errors of rows are capped"
    (half,) = [x for x in judged(read_predictions(written(tmp_path / "c.csv", said[:7]))) if x.subject == "power"]
    assert (half.rows, half.answered) == (right.rows, 7)
    none = [row | {"predicted": word} for row, word in zip(said, ["nan", "inf"] * len(said), strict=False)]
    (nothing,) = [x for x in judged(read_predictions(written(tmp_path / "e.csv", none))) if x.subject == "power"]
    assert (nothing.rows, nothing.answered) == (right.rows, 0), "what is no number is no answer"
    silent = [x for x in judged(read_predictions(written(tmp_path / "d.csv", said))) if x.subject == "power_max"]
    assert [(x.answered, x.groups) for x in silent] == [(0, 0)]


def test_small_groups_are_pooled() -> None:
    groups = {"a": [0.1] * 5, "b": [0.2] * 4, "c": [0.3]}
    assert sorted(map(len, pooled(groups))) == [5, 5]


def test_predictions_of_no_row_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("kind,case,metric,predicted\nlpu,nobody,latency_mean,1\n", encoding="utf-8")
    done = scored(file)
    assert done.returncode == 2 and "lpu nobody latency_mean" in done.stderr
    assert "1 predictions are of no measured row, or of one that the file has before" in done.stderr
    file.write_text("kind,case,metric,predicted\nwarp,nobody,latency_mean,1\n", encoding="utf-8")
    assert 'no kind "warp"' in scored(file).stderr
