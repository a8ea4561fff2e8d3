"""Extending, acted out: the blocks of docs/adding-a-part.md in a copy of the program, run from there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks

PAGE = (ROOT / "docs" / "adding-a-part.md").read_text(encoding="utf-8")


def block(place: str) -> str:
    """The block of the page that begins with a comment naming this place."""
    found = [lines for language in ("yaml", "python") for _, lines in blocks(PAGE, language)]
    (lines,) = [lines for lines in found if lines[0] == f"# {place}"]
    return "\n".join(lines[1:]) + "\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the program that may be changed."""
    for folder in ("rackcalc", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def python(copy: Path, *arguments: str, text: str = "") -> str:
    """The output of Python with the copy's rackcalc."""
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=copy, env=environment, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_chip_is_one_yaml(copy: Path) -> None:
    place = "rackcalc/catalog/gpus/x1.yaml"
    (copy / place).write_text(block(place), encoding="utf-8")
    sources = "rackcalc/catalog/sources.yaml"
    with (copy / sources).open("a", encoding="utf-8") as stream:
        stream.write(block(sources))
    assert re.search(r"^x1 +Example X1$", python(copy, "-m", "rackcalc", "parts", "gpus"), re.MULTILINE)
    part = python(copy, "-m", "rackcalc", "parts", "gpus", "x1")
    assert re.search(r"memory_bandwidth +4 TB/s +datasheet; .*x1\.yaml:\d+; Example X1 data sheet", part)
    used = "--set", "accelerators.gpu.part=x1", "--set", "accelerators.gpu.system="
    report = json.loads(python(copy, "-m", "rackcalc", "estimate", "llama70b-8xh100", "--json", *used))
    assert "Example X1" in report["subject"]
    assert report["latency"]["tpot"]["value"] > 0
    schema = json.loads(python(copy, "-m", "rackcalc", "schema"))
    assert "x1" in json.dumps(schema["$defs"]["GpuPool"]["properties"]["part"])


def test_the_page_s_chip_keeps_the_rules_of_the_catalog(copy: Path) -> None:
    """The catalog's own tests, on the copy with the new part."""
    place, sources = "rackcalc/catalog/gpus/x1.yaml", "rackcalc/catalog/sources.yaml"
    (copy / place).write_text(block(place), encoding="utf-8")
    command = "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "x1", "test_catalog.py"
    shutil.copy(ROOT / "tests" / "test_catalog.py", copy)
    with pytest.raises(AssertionError):
        python(copy, *command)  # its source has no entry yet
    with (copy / sources).open("a", encoding="utf-8") as stream:
        stream.write(block(sources))
    assert re.search(r"[1-9]\d* passed", python(copy, *command))


def test_a_new_output_format_is_one_file_and_one_line(copy: Path) -> None:
    place, table = "rackcalc/render/estimate_tsv.py", "rackcalc/render/__init__.py"
    line = block(table)
    assert line.count("\n") == 1
    (copy / place).write_text(block(place), encoding="utf-8")
    before = (copy / table).read_text(encoding="utf-8")
    after = re.sub(r"(?m)^(FORMATS: .* = \{\n)", lambda match: match[0] + line, before)
    assert after != before
    (copy / table).write_text(after, encoding="utf-8")
    shown = python(copy, "-m", "rackcalc", "estimate", "rack-of-god", "--format", "tsv")
    python(copy, "-m", "rackcalc", "estimate", "rack-of-god", "-o", "report.tsv")
    assert (copy / "report.tsv").read_text(encoding="utf-8") == shown
    value = python(copy, "-m", "rackcalc", "estimate", "rack-of-god", "--get", "latency.p99")
    path, number, unit = next(line.split("\t") for line in shown.splitlines() if line.startswith("latency.p99\t"))
    assert (path, unit) == ("latency.p99", "s") and float(number) == pytest.approx(float(value), rel=1e-9)


def test_a_new_formula_is_one_function(copy: Path) -> None:
    place = "rackcalc/formulas/example.py"
    (copy / place).write_text(block(place), encoding="utf-8")
    program = """
from rackcalc.questions.explain import explain
from rackcalc.formulas.example import streaming_time
from rackcalc.config.parts import load_part
part = load_part("gpus", "b200-sxm")
print(explain({"weights": {"time": streaming_time(size=part.memory, bandwidth=part.memory_bandwidth)}}, "weights.time"))
"""
    told = python(copy, "-c", program)
    assert re.search(r"^weights.time = [\d.]+ ms   <- example.streaming_time$", told, re.MULTILINE)
    for part in ("Time to stream bytes", "size / bandwidth", "R. Hockney", "bandwidth = 7.7 TB/s", "b200-sxm.yaml:"):
        assert part in told
    command = "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules", place
    assert "1 passed" in python(copy, *command)
