"""`rackcalc plot`: files that are what they say, the same each time, and clear words where there is no picture."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from program import CLEAN, RACK, out, run

from rackcalc.estimation.estimate import estimate
from rackcalc.questions.rack_file import load
from rackcalc.questions.roofline import kernels

FRONT = "--vary", "workload.batch=1..16", "--pareto", "latency.p99,-throughput.capacity"
PICTURES = {
    "load": ("llama70b-8xh100",),
    "roofline": ("llama70b-8xh100",),
    "waterfall": ("rack-of-god",),
    "cash-flow": ("llama70b-8xh100",),
    "front": ("bert-8xb200", *FRONT),
}


def words_of(file: Path) -> list[str]:
    """The text in a picture."""
    root = ElementTree.parse(file).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return ["".join(element.itertext()).strip() for element in root.iter("{http://www.w3.org/2000/svg}text")]


def draw(picture: str, file: Path, *arguments: str) -> None:
    rack, *options = arguments
    assert str(file) in out("plot", rack, picture, *options, "-o", str(file))


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_is_the_same_each_time_and_tells_its_numbers(picture: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    draw(picture, first, *PICTURES[picture])
    draw(picture, second, *PICTURES[picture])
    assert first.read_bytes() == second.read_bytes()
    said = words_of(first)
    report = estimate(load(PICTURES[picture][0], "", ()))
    if picture == "front":
        assert "latency.p99" in said and "throughput.capacity" in said
    else:
        assert report.title in said
    expected = {
        "load": ["p50", "p99", "now", "share of capacity in use"],
        "roofline": [f"{kernel.name}, {kernel.stage}" for kernel in kernels(report.stages)],
        "waterfall": ["Stage lpu: bound by schedule", "matrix", "together"],
        "cash-flow": ["Cash of every year: never paid back", "sum"],
    }
    assert set(expected.get(picture, ())) <= set(said)


def test_a_png_is_a_png(tmp_path: Path) -> None:
    draw("waterfall", tmp_path / "time.PNG", "bert-a100")
    assert (tmp_path / "time.PNG").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_without_a_name_the_file_is_called_after_the_picture(tmp_path: Path) -> None:
    done = run("plot", "bert-a100", "roofline", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [file.name for file in tmp_path.iterdir()] == ["roofline.svg"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bert-a100", "rooflin"), 'no picture "rooflin"; did you mean roofline?'),
        (("bert-a100", "roofline", "-o", "a.jpg"), "expected .svg or .png"),
        (("bert-a100", "load"), "no requests come at a rate"),
        (("groqrack-llama2-70b", "roofline"), "no kernel of this rack"),
        (("bert-a100", "front"), "front needs --pareto"),
        (("bert-a100", "front", "--pareto", "latency.p99,cost.tco"), "--vary"),
        (("bert-a100", "roofline", "--vary", "workload.batch=1,2"), "--vary: only with the picture front"),
        (("bert-a100", "waterfall", "--set", "workload.batch=x"), "workload.batch"),
    ],
)
def test_what_cannot_be_drawn_is_said_and_nothing_is_written(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = run("plot", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr.decode() and b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = run("plot", "bert-a100", "waterfall", "-o", "nowhere/time.svg", cwd=tmp_path)
    assert done.returncode == 1 and b"nowhere/time.svg" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_names_of_a_rack_file_are_text_and_nothing_else(tmp_path: Path) -> None:
    name = "$\\frac{1}{0}$ <b>&amp; 架"
    text = re.sub(r"(?m)^name: .*$", lambda _: f"name: '{name}'", RACK.read_text(encoding="utf-8"))
    (tmp_path / "rack.yaml").write_text(text, encoding="utf-8")
    draw("cash-flow", tmp_path / "cash.svg", str(tmp_path / "rack.yaml"))
    assert name in words_of(tmp_path / "cash.svg")


def in_python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=CLEAN)


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path) -> None:
    file = str(tmp_path / "a.svg")
    code = "import sys; sys.modules['matplotlib'] = None; from rackcalc.cli.main import main; "
    done = in_python(code + f"main(['plot', 'bert-a100', 'roofline', '-o', {file!r}])")
    assert done.returncode == 2 and "pip install 'rackcalc[plot]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_other_commands_do_not_read_matplotlib() -> None:
    code = "import sys; from rackcalc.cli.main import main\ntry: main(['estimate', 'bert-a100', '--format', 'html'])\n"
    done = in_python(code + "except SystemExit: pass\nassert 'matplotlib' not in sys.modules")
    assert done.returncode == 0, done.stderr
