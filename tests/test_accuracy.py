"""The errors that README.md and docs/accuracy.md quote are those of a fresh validation."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rackcalc.validation import referee

ROOT = Path(__file__).parent.parent
CHEAP = ("gemm", "attention", "wall_power")
STALE = "`make accuracy` brings it up to date"
Table = dict[tuple[str, str], dict[str, str]]


def part(document: str, name: str) -> str:
    """What stands between the comments of a generated part."""
    text = (ROOT / document).read_text(encoding="utf-8")
    (found,) = re.findall(rf"<!-- {name}: [^>]*-->\n(.*?)<!-- {name} end -->", text, re.DOTALL)
    return found


def table(document: str, name: str = "accuracy") -> Table:
    """The lines of a generated table by their first two cells."""
    head, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part(document, name).splitlines()
        if line.startswith("|")
    ]
    return {(cells[0], cells[1]): dict(zip(head, cells, strict=True)) for cells in lines}


def share(cell: str) -> float | None:
    """A cell such as -3.2 % as a fraction."""
    return None if cell == "-" else float(cell.removesuffix(" %")) / 100


@pytest.fixture(scope="module")
def fresh() -> dict[str, Any]:
    """What the installed command says now to the kinds that are quick to validate."""
    kinds = [word for kind in CHEAP for word in ("--kind", kind)]
    command = [sys.executable, "-m", "rackcalc", "validate", "--json", *kinds]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)


@pytest.fixture(scope="module")
def parity() -> ModuleType:
    """The script, which is not installed."""
    spec = importlib.util.spec_from_file_location("parity", ROOT / "benchmarks" / "parity.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_a_fresh_validation(fresh: dict[str, Any]) -> None:
    shown = table("docs/accuracy.md")
    kinds = fresh["kinds"]
    assert {(one["kind"], one["subject"]) for one in kinds} == {key for key in shown if key[0] in CHEAP}, STALE
    for one in kinds:
        key = one["kind"], one["subject"]
        line = shown[key]
        assert (line["rows"], line["groups"]) == (f"{one['rows']}", f"{one['groups']}"), STALE
        worst = max(group["mape"] for group in fresh["groups"] if (group["kind"], group["subject"]) == key)
        assert share(line["error"]) == pytest.approx(one["mape"], abs=6e-4), STALE
        assert share(line["bias"]) == pytest.approx(one["bias"], abs=6e-4), STALE
        assert share(line["worst group"]) == pytest.approx(worst, abs=6e-4), STALE
        # draws, and so what is just inside, depend on what was computed before; a row of a small group is a tenth of it
        assert share(line["inside 80 %"]) == pytest.approx(one["coverage"], abs=0.1), STALE


def test_rows_not_answered_are_those_of_a_fresh_validation(fresh: dict[str, Any]) -> None:
    lines = [line.split(" | ") for line in part("docs/accuracy.md", "missing").splitlines() if line.startswith("| ")]
    shown = {(kind.strip("| "), int(count), reason.strip("| ")) for kind, count, reason in lines[2:]}
    now = {(one["kind"], one["rows"], one["reason"]) for one in fresh["unanswered"]}
    assert now, "the wall power of decoders is not answered"
    assert now == {one for one in shown if one[0] in CHEAP}, STALE


def outer_folds() -> list[dict[str, str]]:
    """The lines of the table of outer folds."""
    text = Path("docs/accuracy.md").read_text(encoding="utf-8")
    part = text[text.index("<!-- outer-folds:") : text.index("<!-- outer-folds end")]
    head, _, *lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return [dict(zip(head, line, strict=True)) for line in lines]


def test_the_readme_quotes_the_document() -> None:
    short, long, apart = table("README.md"), table("docs/accuracy.md"), table("docs/accuracy.md", "left-out")
    assert 5 <= len(short) <= 8
    assert {kind for kind, _ in short} >= {"serving", "encoder", "gemm", "attention", "wall_power"}
    for key, line in short.items():
        if key[0] == "serving":  # the mean over the outer folds, of all that the document has
            folds = [one for one in outer_folds() if (one["kind"], one["metric"]) == key]
            mean = sum(share(one["mean"]) for one in folds) / len(folds)
            assert share(line["left out, mean"]) == pytest.approx(mean, abs=1e-3), STALE
            assert share(line["worst"]) == pytest.approx(max(share(one["worst"]) for one in folds)), STALE
        else:
            assert line["left out, mean"] == apart[key]["part left out"], STALE
        assert (line["rows"], line["in sample"], line["peers"]) == tuple(
            long[key][name] for name in ("rows", "error", "peers")
        ), STALE


def test_the_left_out_errors_are_those_of_a_fresh_run() -> None:
    command = [sys.executable, "-m", "rackcalc", "validate", "--json", "--kind", "attention", "--leave-out", "part"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    (now,) = json.loads(done.stdout)["kinds"]
    line = table("docs/accuracy.md", "left-out")["attention", "latency"]
    assert share(line["part left out"]) == pytest.approx(now["mape"], abs=6e-4), STALE


def test_every_peer_has_an_error_and_a_source() -> None:
    peers = table("docs/accuracy.md", "peers")
    beside = {
        name for line in table("docs/accuracy.md").values() for name in re.findall(r"\b[A-Za-z]{4,}", line["peers"])
    }
    named = {name for name, _ in peers}
    assert beside & named and all("%" in line["error"] and line["where from"] for line in peers.values())
    assert beside - named <= {"operators"}


def test_the_plot_has_a_colour_for_every_kind(parity: ModuleType) -> None:
    from rackcalc.validation import KINDS

    assert len(set(parity.COLOURS)) >= len(KINDS)
    assert "<svg" in (ROOT / "docs" / "accuracy.svg").read_text(encoding="utf-8")


def test_thinning_keeps_every_group_and_few_points(parity: ModuleType) -> None:
    many = [parity.Point("gemm", "many", "s", 1.0, 1.0)] * 5000
    rare = [parity.Point("gemm", "rare", "s", 1.0, 2.0)]
    kept = parity.thinned(many + rare)
    assert {point.group for point in kept} == {"many", "rare"}
    assert parity.MOST / 2 - 1 <= len(kept) <= parity.MOST + 1


def test_a_generated_part_that_is_gone_is_an_error(parity: ModuleType) -> None:
    text = "a\n<!-- x: why -->\nold\n<!-- x end -->\nb"
    assert parity.replaced(text, "x", "new") == "a\n<!-- x: why -->\n\nnew\n\n<!-- x end -->\nb"
    with pytest.raises(SystemExit, match="0 places for y"):
        parity.replaced(text, "y", "new")


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks" / "peers").glob("*.csv")), ids=lambda file: file.stem)
def test_the_errors_of_other_tools_are_those_of_the_predictions_kept_here(file: Path) -> None:
    lines = [line.strip("| ").split(" | ") for line in part("docs/accuracy.md", "referee").splitlines()]
    shown = {cells[2]: cells for cells in lines if cells[0] == file.stem.replace("_", "-")}
    judged = [one for one in referee.judged(referee.read_predictions(str(file))) if one.answered]
    assert {one.subject for one in judged} == set(shown) and judged
    for one in judged:
        cells = shown[one.subject]
        assert cells[3] == f"{one.answered}", STALE
        assert share(cells[5]) == pytest.approx(one.by_group, abs=1e-3), STALE
        assert share(cells[6]) == pytest.approx(one.by_row, abs=1e-3), STALE
