"""The walls of the house: who may import what."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rackcalc"
FILES = sorted(PACKAGE.rglob("*.py"))

# Each room imports only from rooms before it. The first line of a room's __init__ says what may live there.
ROOMS = (
    *("version", "quantities", "spec", "formulas", "config", "serving", "feasibility", "estimation", "replay"),
    *("questions", "validation", "render", "schemas", "api", "cli"),
)
# Inside these rooms the same holds for what stands in them.
INSIDE = {
    "quantities": (
        *("record", "units_table", "units", "unit_hints", "unit_text", "elementwise", "scalars"),
        *("kept_results", "quantity", "spelling", "former_names", "csv_cells", "problems", "display", "figures"),
    ),
    "formulas": ("combine", "transformer", "links", "gpu", "lpu", "queues", "heat", "money", "serving"),
}
OUTSIDE = {  # packages that only some files may import
    "pint": ("quantities/units.py",),
    "yaml": ("config/document.py",),
    "typer": ("cli/",),
    "rich": ("render/", "api/"),
    "numpy": (
        "formulas/queues/mdc_lanes.py",
        "formulas/queues/slice_lanes.py",
        "formulas/queues/surfaces.py",
        *("quantities/elementwise.py", "formulas/queues/curves.py", "replay/", "questions/uncertainty/"),
        *("questions/sweep/", "questions/solve/", "validation/fit", "validation/refit.py"),
        *("validation/recorded_prediction.py", "validation/outer_folds.py", "api/"),
        *("formulas/queues/mixture_lanes.py", "formulas/serving/engine_grids.py", "formulas/serving/engine_curves.py"),
        "formulas/serving/hours_in_lanes.py",
    ),
}


def module_of(path: Path) -> str:
    """The dotted name of a file."""
    steps = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(steps[:-1] if steps[-1] == "__init__" else steps)


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Everything a file imports, wherever in it, by dotted name; `from package import module` names the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: write the whole name of what is imported"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)


ARROWS = {
    name: sorted({found for found in imports(path) if found in MODULES and found != name})
    for name, path in MODULES.items()
}


def below(names: tuple[str, ...], place: str, wanted: str) -> bool:
    """Whether what is wanted comes before the place that imports it, or is the same."""
    return names.index(wanted) <= names.index(place)


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"rackcalc", "rackcalc.__main__"}))
def test_every_file_imports_from_the_rooms_below(name: str) -> None:
    order = " < ".join(ROOMS)
    room, *inner = name.split(".")[1:]
    for found in ARROWS[name]:
        assert found != "rackcalc", f"{name}: the public API is for users; import from the room itself"
        other, *deeper = found.split(".")[1:]
        assert below(ROOMS, room, other), f"{name} imports {found}, which stands above it. The order is {order}"
        if other == room in INSIDE and inner and deeper:
            inside = INSIDE[room]
            message = f"{name} imports {found}. The order in {room} is {' < '.join(inside)}"
            assert below(inside, inner[0], deeper[0]), message


def test_no_file_imports_itself_over_others() -> None:
    seen: dict[str, str] = {}
    trail: list[str] = []

    def visit(name: str) -> None:
        if seen.get(name) == "done":
            return
        assert name not in trail, f"a circle of imports: {' -> '.join([*trail[trail.index(name) :], name])}"
        trail.append(name)
        for found in ARROWS[name]:
            visit(found)
        trail.pop()
        seen[name] = "done"

    for name in MODULES:
        visit(name)


@pytest.mark.parametrize("package", sorted(name for name, path in MODULES.items() if path.name == "__init__.py"))
def test_what_stands_in_one_package_has_an_order(package: str) -> None:
    """No circle among the files and folders of a package, each with all that is in it."""
    depth = package.count(".") + 2

    def unit(name: str) -> str:
        return ".".join(name.split(".")[:depth])

    inside = {name: found for name, found in ARROWS.items() if name.startswith(f"{package}.")}
    arrows: dict[str, set[str]] = {unit(name): set() for name in inside}
    for name, found in inside.items():
        arrows[unit(name)] |= {unit(other) for other in found if other in inside} - {unit(name)}
    while free := {name for name, found in arrows.items() if not found & arrows.keys()}:
        arrows = {name: found for name, found in arrows.items() if name not in free}
    assert not arrows, f"circles among {sorted(arrows)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_other_people_s_packages_stay_where_they_are_needed(path: Path) -> None:
    name = path.relative_to(PACKAGE).as_posix()
    tops = {module.partition(".")[0] for module in imports(path)}
    for package, places in OUTSIDE.items():
        assert package not in tops or name.startswith(places), f"{name} imports {package}"


def test_every_room_says_what_it_is_for() -> None:
    for path in FILES:
        if path.name == "__init__.py":
            assert len(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "") > 20, path


def test_one_estimate_starts_light() -> None:
    code = (
        "import sys; sys.argv = ['rackcalc', 'estimate', 'rack-of-god', '--json']\n"
        "from rackcalc.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "heavy = {'pint', 'numpy', 'rich', 'pydantic'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert '"latency"' in done.stdout
