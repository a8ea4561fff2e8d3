"""The examples at the end of the help of every command: they are shown, and they run."""

import shlex
from pathlib import Path

import pytest
from program import out, run
from repositories import Repository, rack

from rackcalc.cli.examples import EXAMPLES
from rackcalc.cli.main import COMMANDS

ALL = [(command, example) for command, (examples, _) in EXAMPLES.items() for example in examples]
ROOT = Path(__file__).parent.parent
MEASURED = ROOT / "rackcalc" / "validation" / "measured" / "gemm.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a change, and a file of measurements."""
    place = tmp_path_factory.mktemp("help") / "repository"
    repository = Repository(place, us=rack())
    repository.commit(us=rack(count=4))
    lines = MEASURED.read_text(encoding="utf-8").splitlines(keepends=True)
    (place / "measured.csv").write_text("".join(lines[:20]), encoding="utf-8")
    return place


def test_every_command_has_two_or_three_examples_and_a_page() -> None:
    assert list(EXAMPLES) == list(COMMANDS)
    for examples, page in EXAMPLES.values():
        assert 2 <= len(examples) <= 3 and (ROOT / page).is_file()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_the_examples_as_they_are_typed(command: str) -> None:
    lines = [line.strip() for line in out(command, "--help").splitlines()]
    examples, page = EXAMPLES[command]
    assert all(example in lines for example in examples)
    assert any(page in line for line in lines[lines.index(examples[-1]) :])


@pytest.mark.parametrize(("command", "example"), ALL, ids=[example[9:60] for _, example in ALL])
def test_an_example_runs(command: str, example: str, folder: Path) -> None:
    program, *arguments = shlex.split(example)
    assert program == "rackcalc" and arguments[0] == command
    done = run(*arguments, cwd=folder)
    answers = (0, 3) if command in ("check", "diff", "solve") else (0,)  # 3: a gate fails, or nothing was found
    assert done.returncode in answers and (done.stdout or command == "init"), done.stderr
