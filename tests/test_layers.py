"""The walls of the house: who may import what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rackcalc"
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Top-level names of everything a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


WITH_ARRAYS = {
    "xp.py",
    "space.py",
    "doubts.py",
    "odds.py",
    "sensitivity.py",
    "sobol.py",
    "uncertainty.py",
    "formulas/curves.py",
    "validation/fit.py",
    "validation/refit.py",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_layers(path: Path) -> None:
    name = path.relative_to(PACKAGE).as_posix()
    tops = {module.partition(".")[0] for module in imports(path)}
    own = {module for module in imports(path) if module.startswith("rackcalc")}
    assert "pint" not in tops or name == "units.py"
    assert "numpy" not in tops or name in WITH_ARRAYS or name.startswith(("sweep/", "solve/"))
    assert "typer" not in tops or name == "cli.py" or name.startswith("commands/")
    assert "rich" not in tops or name.startswith("render/")
    assert "yaml" not in tops or name == "document.py"
    if name.startswith("formulas/"):
        allowed = tuple(f"rackcalc.{name}" for name in ("formulas", "quantity", "record", "spec", "units", "xp"))
        assert all(module == "rackcalc" or module.startswith(allowed) for module in own)


def test_one_estimate_starts_light() -> None:
    code = (
        "import sys; sys.argv = ['rackcalc', 'estimate', 'rack-of-god', '--json']\n"
        "from rackcalc.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "heavy = {'pint', 'numpy', 'rich', 'pydantic'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert '"latency"' in done.stdout
