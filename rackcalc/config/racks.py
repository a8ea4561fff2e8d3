"""Rack files: finding, reading and building them."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rackcalc.config.builder import Builder
from rackcalc.config.catalog_files import PACKAGE
from rackcalc.config.compiled import compiled
from rackcalc.config.document import Node, parse
from rackcalc.config.kept_trees import keep, kept
from rackcalc.config.overrides import WAYS_TO_PAY, apply_scenario, apply_set
from rackcalc.config.published_format import with_precision
from rackcalc.config.text_files import read_text
from rackcalc.config.years import apply_year, joined, split, year_labels
from rackcalc.quantities.problems import InputError, Problem, failure, suggest
from rackcalc.quantities.record import field, record
from rackcalc.quantities.spelling import meant
from rackcalc.spec.rack import Rack

STDIN = "<stdin>"  # what standard input is called in messages

if TYPE_CHECKING:
    from pathlib import Path


@record
class Loaded:
    """A rack with the node of every value in it. nodes: by dotted path. scenario: "" for the file without one;
    NAME@YEAR or @YEAR in a year of the file.

    words_read: paths of the words that the user wrote and that a calculation has read; a calculation clears it first.
    remarks: what the file says about the year that is asked for.
    """

    rack: Any
    file: str
    nodes: Mapping[str, Node]
    scenario: str = ""
    words_read: set[str] = field(default_factory=set)
    remarks: tuple[str, ...] = ()

    def problem(self, path: str, message: str) -> Problem:
        """A Problem at the place where the path, or the nearest section around it, is written."""
        if path in self.nodes:
            return self.nodes[path].problem(path, message)
        at = path
        while at and at not in self.nodes:
            at = at.rpartition(".")[0]
        node = self.nodes.get(at)
        return node.key_problem(path, message) if node else Problem(self.file, 0, 0, path, message)


def bundled_racks() -> Mapping[str, "Path"]:
    """Name -> file of the racks that come with rackcalc: in the package when installed, in configs/ in a checkout."""
    from pathlib import Path

    return {name: Path(file) for name, file in _bundled().items()}


def is_bundled(name: str) -> bool:
    """Whether a rack of that name comes with the program."""
    return name in _bundled()


def _bundled() -> Mapping[str, str]:
    for folder in (f"{PACKAGE}/racks", f"{os.path.dirname(PACKAGE)}/configs"):
        if os.path.isdir(folder):
            files = sorted(file for file in os.listdir(folder) if file.endswith(".yaml"))
            return {file.removesuffix(".yaml"): f"{folder}/{file}" for file in files}
    return {}


def find_rack(name: str) -> tuple[str, str]:
    """The text of a rack, and the name to show for it. name: a path, "-" or a bundled rack. InputError without one."""
    if name == "-":
        return read_text("-"), STDIN
    if "/" not in name and not os.path.exists(name):  # unlike Path.exists, os.path.exists never raises
        bundled = _bundled()
        known = meant(name, bundled)
        if known is not None:
            return read_text(bundled[known]), f"{known}.yaml"
        raise failure(f"no such file, and no bundled rack of that name{suggest(name, bundled)}", name)
    return read_text(name), name


# A check of the nodes of a rack, by dotted path, beyond what the fields declare.
Check = Callable[[Mapping[str, Node]], Iterable[Problem]]


def load_text(
    text: str,
    file: str,
    scenario: str = "",
    sets: Iterable[str] = (),
    line_offset: int = 0,
    checks: Iterable[Check] = (),
) -> Loaded:
    """Build a rack from YAML text. InputError with every problem.

    sets: PATH=VALUE overrides, applied after the scenario. line_offset: lines of the file before the text.
    checks: further checks, whose problems are reported together with all others.
    """
    builder = Builder()
    root, problems = _tree(text, file, line_offset)
    builder.problems += problems
    if not isinstance(root.value, dict):
        builder.fail(root, "", f"expected a rack: a mapping with name, accelerators, ..., got {root.kind}")
        raise InputError(builder.problems)
    scenarios = root.value.get("scenarios")
    years = root.value.get("years")
    root = root._replace(value={k: v for k, v in root.value.items() if k not in ("scenarios", "years")})
    name, year = split(scenario)
    root, remarks = apply_year(root, years, year, builder)
    root = apply_scenario(root, scenarios, name, builder)
    for assignment in sets:
        root = apply_set(root, assignment, builder)
    rack = builder.build(Rack, with_precision(root, builder.problems))
    for check in checks:
        builder.problems += check(builder.nodes)
    if builder.problems:
        raise InputError(builder.problems)
    return Loaded(rack, file, builder.nodes, scenario, builder.words_read, remarks)


@lru_cache(maxsize=16)
def _tree(text: str, file: str, line_offset: int = 0) -> tuple[Node, tuple[Problem, ...]]:
    """The nodes of a rack file, read once for all of its scenarios, and mistakes after which reading can go on."""
    of_a_file = not line_offset and file != STDIN  # a stream of racks would fill the directory of kept trees
    known = None if line_offset else compiled(text, file)
    if known is None and of_a_file:
        known = kept(text, file)
    if known is not None:
        return known, ()
    problems: list[Problem] = []
    root = parse(text, file, problems, line_offset)
    if of_a_file and not problems:
        keep(text, root)
    return root, tuple(problems)


def _checked_tree(text: str, file: str) -> Node:
    root, problems = _tree(text, file)
    if problems:
        raise InputError(list(problems))
    return root


def scenario_names(text: str, file: str) -> tuple[str, ...]:
    """The names of the scenarios in a rack file, and of its years as "@2026"."""
    root = _checked_tree(text, file)
    known = root.value if isinstance(root.value, dict) else {}
    node = known.get("scenarios")
    named = tuple(node.value) if node is not None and isinstance(node.value, dict) else ()
    return (*named, *(joined("", label) for label in year_labels(known.get("years"))))


def known_scenarios(text: str, file: str) -> tuple[str, ...]:
    """What may stand for a scenario: those of the file, its years, and the ways to pay that every rack has."""
    return tuple(dict.fromkeys((*scenario_names(text, file), *WAYS_TO_PAY)))


def years_in(text: str, file: str) -> tuple[str, ...]:
    """The years of a rack file, earliest first."""
    root = _checked_tree(text, file)
    return year_labels(root.value.get("years")) if isinstance(root.value, dict) else ()
