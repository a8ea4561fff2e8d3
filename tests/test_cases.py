"""Facts about the world that anybody may add: a YAML file in tests/cases/ with a rack, what to ask, and what is right.

tests/cases/README.md describes the files. Each case is run as a user would, through the command line.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from rackcalc.quantities.unit_text import parse

FOLDER = Path(__file__).parent / "cases"
CASES = sorted(FOLDER.glob("*.yaml"))
KEYS = {"title", "why", "source", "files", "rack", "asks"}
ASK_KEYS = {"set", "command", "input", "exit", "says", "figures"}
FIGURE_KEYS = {"right", "within", "at_least", "at_most", "same_as", "not_below", "or_in_interval"}
Figures = Mapping[str, Mapping[str, Any]]


class MalformedError(Exception):
    """A case that is malformed."""


def checked(keys: set[str], given: Mapping[str, Any], where: str) -> None:
    """A word that is misspelt must not make a case that cannot fail."""
    unknown = set(given) - keys
    if unknown:
        raise MalformedError(f"{where}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(keys))}")


def run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rackcalc", *arguments]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, check=False, timeout=120)


def flattened(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every figure of `estimate --json` with its path."""
    if isinstance(node, Mapping):
        if "value" in node and "unit" in node:
            yield path, node
        else:
            for key, child in node.items():
                yield from flattened(child, f"{path}.{key}" if path else key)


def asked(folder: Path, rack: str, ask: Mapping[str, Any]) -> tuple[Figures, str]:
    """Run one question. Its figures, and all that is said beside them."""
    sets = [word for one in ask.get("set", []) for word in ("--set", one)]
    command = ask.get("command") or ["estimate", rack, "--json", *sets]
    done = run(folder, *command, stdin=ask.get("input", ""))
    assert done.returncode == ask.get("exit", 0), f"exit {done.returncode}: {done.stderr}{done.stdout}"
    assert "Traceback" not in done.stderr
    if "--json" not in command or done.returncode:
        return {}, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    return dict(flattened(answer)), done.stderr + json.dumps(answer.get("notes", []))


def share(text: str) -> float:
    return parse(str(text), "1")


def judge(figure: Mapping[str, Any], wanted: Mapping[str, Any], other: float | None, path: str) -> None:
    """One figure against what is right. other: the figure of the rack that same_as or not_below describes."""
    checked(FIGURE_KEYS, wanted, path)
    value, unit = figure["value"], figure["unit"]
    assert value is not None, f"{path} is unknown"
    bounds = {key: parse(str(wanted[key]), unit) for key in ("at_least", "at_most") if key in wanted}
    if "not_below" in wanted:
        assert other is not None and value >= other, f"{path} = {value:g} {unit}, at least {other:g} is right"
        return
    right = other if other is not None else parse(str(wanted["right"]), unit) if "right" in wanted else None
    if right is None and not bounds:
        raise MalformedError(f"{path}: needs right and within, same_as and within, not_below, at_least or at_most")
    assert value >= bounds.get("at_least", value), f"{path} = {value:g} {unit}, at least {wanted['at_least']} is right"
    assert value <= bounds.get("at_most", value), f"{path} = {value:g} {unit}, at most {wanted['at_most']} is right"
    if right is None:
        return
    near = abs(value - right) <= share(wanted["within"]) * abs(right)
    inside = (
        wanted.get("or_in_interval", False) and figure["low"] is not None and figure["low"] <= right <= figure["high"]
    )
    assert near or inside, f"{path} = {value:g} {unit}, {right:g} is right, within {wanted['within']}"


@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_case(file: Path, tmp_path: Path) -> None:
    case = yaml.safe_load(file.read_text(encoding="utf-8"))
    checked(KEYS, case, file.name)
    if missing := {"title", "why", "source", "asks"} - set(case):
        raise MalformedError(f"{file.name}: {', '.join(sorted(missing))} is missing")
    for name, content in case.get("files", {}).items():
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text, encoding="utf-8")
    rack = case.get("rack", "")
    if isinstance(rack, Mapping):
        (tmp_path / "rack.yaml").write_text(json.dumps(rack), encoding="utf-8")
        rack = "rack.yaml"
    for number, ask in enumerate(case["asks"]):
        answer(ask, f"{file.name}: asks[{number}]", rack, tmp_path)


def answer(ask: Mapping[str, Any], where: str, rack: str, folder: Path) -> None:
    """Run one question and judge its answer."""
    checked(ASK_KEYS, ask, where)
    if not {"exit", "says", "figures"} & set(ask):
        raise MalformedError(f"{where}: asks for nothing; write exit, says or figures")
    figures, said = asked(folder, rack, ask)
    for path, wanted in ask.get("figures", {}).items():
        assert path in figures, f"{where}: no figure {path}"
        other = wanted.get("same_as", wanted.get("not_below"))
        value = None if other is None else asked(folder, rack, {"set": other})[0][path]["value"]
        judge(figures[path], wanted, value, f"{where}: {path}")
    for word in [ask["says"]] if isinstance(ask.get("says"), str) else ask.get("says", []):
        assert word.lower() in said.lower(), f'{where}: "{word}" is not said: {said[:500]}'


FIGURE = {"value": 100.0, "unit": "s", "low": 50.0, "high": 150.0}


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"right": "105 s", "within": "5 %"}, True),
        ({"right": "106 s", "within": "5 %"}, False),
        ({"right": "140 s", "within": "5 %", "or_in_interval": True}, True),
        ({"right": "151 s", "within": "5 %", "or_in_interval": True}, False),
        ({"at_least": "100 s"}, True),
        ({"at_least": "101 s"}, False),
        ({"at_most": "99 s"}, False),
        ({"at_least": "99 s", "at_most": "101 s"}, True),
    ],
)
def test_the_judge(wanted: dict[str, Any], passes: bool) -> None:
    if passes:
        judge(FIGURE, wanted, None, "x")
    else:
        with pytest.raises(AssertionError):
            judge(FIGURE, wanted, None, "x")


@pytest.mark.parametrize("wanted", [{}, {"rihgt": "1 s"}, {"within": "5 %"}])
def test_a_malformed_case_is_wrong(wanted: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        judge(FIGURE, wanted, None, "x")


def test_an_unknown_figure_is_never_right() -> None:
    with pytest.raises(AssertionError, match="unknown"):
        judge(FIGURE | {"value": None}, {"at_least": "0 s"}, None, "x")
