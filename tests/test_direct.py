"""Command lines read without typer: the same values as typer's, on any line that is read so at all."""

import subprocess
import sys
from functools import wraps
from importlib import import_module
from inspect import signature
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.cli import typer_app
from rackcalc.cli.command_names import COMMANDS
from rackcalc.cli.direct import direct
from rackcalc.cli.parameters import Option

ODD = [
    "",
    "-",
    "--",
    "a",
    "b=c",
    "--json",
    "--no-such-option",
    "-o",
    "--set",
    "--set=",
    "=",
    "-h",
    "--help",
    "7",
    "--top",
]


def function_of(name: str) -> Any:
    """The function of a command."""
    return getattr(import_module(f"rackcalc.cli.commands.{name}"), name)


def typers(name: str, words: list[str]) -> dict[str, Any] | None:
    """What typer calls the function of a command with; None where it refuses the words or shows its help."""
    seen: list[dict[str, Any]] = []
    module = import_module(f"rackcalc.cli.commands.{name}")
    function = getattr(module, name)

    @wraps(function)
    def record(**values: Any) -> None:
        seen.append(values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, record)
        command = typer_app.alone(name)
    try:
        command(words, standalone_mode=False)
    except Exception as refused:
        assert "typer" in type(refused).__module__, refused
    return seen[0] if seen else None


def with_defaults(name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {key: given.get(key, one.default) for key, one in signature(function_of(name)).parameters.items()}


@st.composite
def lines(draw: Any) -> tuple[str, list[str]]:
    """A command with words of its own table, and others."""
    name = draw(st.sampled_from(list(COMMANDS)))
    names = [
        word
        for annotation in function_of(name).__annotations__.values()
        if annotation is not None and isinstance(annotation.__metadata__[0], Option)
        for written in annotation.__metadata__[0].names
        for word in written.split("/")
    ]
    word = st.one_of(
        st.sampled_from(["rack", "x.yaml", "latency.p99", "a=b", "2"]),
        st.sampled_from(names or ["a"]),
        st.builds("{}={}".format, st.sampled_from(names or ["a"]), st.sampled_from(["", "v", "a=b", "-1", "3"])),
        st.tuples(st.sampled_from(names or ["a"]), st.sampled_from(["v", "w x", "a=b"])),
        st.sampled_from(ODD),
    )
    found = draw(st.lists(word, max_size=6))
    return name, [part for each in found for part in ([each] if isinstance(each, str) else each)]


@given(lines())
@settings(max_examples=400, deadline=None)
def test_what_is_read_without_typer_is_what_typer_reads(line: tuple[str, list[str]]) -> None:
    name, words = line
    plain = direct(function_of(name), words)
    if plain is not None:
        assert with_defaults(name, plain) == typers(name, words)


PLAIN = [
    "estimate rack-of-god",
    "estimate a b --json",
    "estimate rack-of-god --get latency.p99 --get cost.tco:kUSD --no-interval",
    "estimate rack-of-god --set workload.batch=8 --scenario=fast --no-color",
    "check rack-of-god",
    "check a b --fail-if latency.p99>2 --exit-zero",
    "claims rack-of-god --all --markdown",
    "explain rack-of-god latency.p99 --sources",
    "compare a b --path latency.p99",
    "sweep a --vary workload.batch=1,2 --by latency.p99",
    "check a -o gates.md",
]


@pytest.mark.parametrize("line", PLAIN)
def test_the_commonest_lines_need_no_typer(line: str) -> None:
    name, *words = line.split()
    plain = direct(function_of(name), words)
    assert plain is not None
    assert with_defaults(name, plain) == typers(name, words)


@pytest.mark.parametrize(
    "words",
    ["--help", "a -h", "", "a --jso", "a --set", "a --set -x", "a --json=1", "a --max-novelty 3", "-- a"],
)
def test_all_others_are_left_to_typer(words: str) -> None:
    assert direct(function_of("estimate"), words.split()) is None


LIGHT = ["estimate bert-a100 --get latency.p99", "check rack-of-god", "estimate bert-a100", "claims rack-of-god"]
HEAVY = {"typer", "inspect", "dataclasses", "shutil", "csv", "numpy", "rich", "pint"}


@pytest.mark.parametrize("line", LIGHT)
def test_plain_lines_import_little(line: str) -> None:
    """Each of these takes milliseconds to import, and none is needed."""
    code = "import sys\nbefore = set(sys.modules)\nfrom rackcalc.cli.main import main\ntry: main(sys.argv[1:])\n"
    code += "except SystemExit: pass\nprint(*set(sys.modules) - before, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *line.split()], capture_output=True, text=True, check=True)
    assert done.stdout and not HEAVY & set(done.stderr.split())
