"""The wheel: it holds everything, and works from an empty folder without the checkout."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rackcalc import __version__

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, without the network."""
    source = tmp_path_factory.mktemp("source")
    for folder in ("rackcalc", "configs"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / file, source)
    built = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", built, source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the wheel and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def run(installed: Path, folder: Path, *arguments: str) -> str:
    """The output of the installed rackcalc, run in a folder with the installed package in front of the checkout."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    where = f"import rackcalc, sys; assert rackcalc.__file__.startswith({str(installed)!r}), rackcalc.__file__; "
    code = where + "from rackcalc.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_holds_all_code_and_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    files = [path for path in (ROOT / "rackcalc").rglob("*.*") if path.is_file() and path.suffix != ".pyc"]
    expected = {path.relative_to(ROOT).as_posix() for path in files}
    expected |= {f"rackcalc/racks/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    assert len(expected) > 150
    assert not expected - inside, "not in the wheel: name new packages and data in pyproject.toml"
    assert not [name for name in inside if name.startswith(("tests/", "configs/"))]
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in inside}


COMPILED = """
import sys
before = set(sys.modules)
import rackcalc
from rackcalc.config.compiled import compiled
from rackcalc.cli.main import main
for arguments in (["estimate", "rack-of-god", "--json"], ["claims", "vendor-quote"]):
    try:
        main(arguments)
    except SystemExit:
        pass
print(sorted({"yaml", "typer", "inspect", "pathlib", "urllib"} & set(sys.modules) - before), file=sys.stderr)
from pathlib import Path
from rackcalc.config.document import parse
files = sorted(Path(rackcalc.__file__).parent.glob("**/*.yaml"))
for path in files:
    text = path.read_text(encoding="utf-8")
    assert compiled(text, "name") == parse(text, "name"), path
    assert compiled(text + "# changed\\n", "name") is None
print(len(files), file=sys.stderr)
"""


def test_compiled_files_are_what_yaml_says_and_need_no_parser(installed: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", COMPILED],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, count = done.stderr.split("\n")[:2]
    assert first == "[]"
    assert int(count) == len([*(ROOT / "rackcalc").rglob("*.yaml"), *(ROOT / "configs").glob("*.yaml")])


def test_installed_program_works_anywhere(installed: Path, tmp_path: Path) -> None:
    report = json.loads(run(installed, tmp_path, "estimate", "rack-of-god", "--json"))
    assert report["name"].startswith("Rack of God")
    here = subprocess.run(
        [sys.executable, "-m", "rackcalc", "estimate", "configs/rack-of-god.yaml", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert report == json.loads(here.stdout), "the bundled rack is the one in configs/"
    assert "b200-sxm" in run(installed, tmp_path, "parts", "gpus")
    assert json.loads(run(installed, tmp_path, "schema"))["title"] == "rackcalc rack file"
    run(installed, tmp_path, "init")
    assert run(installed, tmp_path, "estimate", "rack.yaml", "--get", "latency.p99")


def test_installed_program_has_its_command_and_version(installed: Path, tmp_path: Path) -> None:
    assert (installed / "bin" / "rackcalc").exists()
    assert run(installed, tmp_path, "--version") == f"rackcalc {__version__}\n"
    (metadata,) = installed.glob("rackcalc-*.dist-info")
    assert metadata.name == f"rackcalc-{__version__}.dist-info"
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
