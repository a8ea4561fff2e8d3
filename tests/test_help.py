"""The examples at the end of the help of every command: they are shown, and they run."""

import json
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
from program import out, run
from repositories import Repository, rack

from rackcalc.cli.command_names import COMMANDS
from rackcalc.cli.examples import EXAMPLES, TASKS
from rackcalc.cli.option_groups import GROUP_OF, GROUPS, OTHERS

ALL = [(command, example) for command, (examples, _) in EXAMPLES.items() for example in examples]
ROOT = Path(__file__).parent.parent
MEASURED = ROOT / "rackcalc" / "validation" / "measured" / "gemm.csv"
CONFIG = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 5120, "num_hidden_layers": 64,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 25600,
    "vocab_size": 151936, "max_position_embeddings": 40960, "tie_word_embeddings": False, "hidden_act": "silu",
}  # fmt: skip


def names_of_options(command: str) -> set[str]:
    """The options of a command, as its function declares them."""
    function = getattr(import_module(f"rackcalc.cli.commands.{command}"), command)
    declared = [annotation.__metadata__[0] for name, annotation in function.__annotations__.items() if name != "return"]
    return {name for one in declared for whole in one.names for name in whole.split("/")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a change, a file of measurements, and the file of a model."""
    place = tmp_path_factory.mktemp("help") / "repository"
    repository = Repository(place, us=rack())
    repository.commit(us=rack(count=4))
    lines = MEASURED.read_text(encoding="utf-8").splitlines(keepends=True)
    (place / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
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


def test_the_help_of_the_program_answers_first_tasks() -> None:
    lines = [line.strip() for line in out("--help").splitlines()]
    for task, command in TASKS.items():
        (line,) = [line for line in lines if line.startswith(task)]
        assert line.endswith(command) and len(line) <= 78


@pytest.mark.parametrize("task", TASKS)
def test_the_command_for_a_first_task_runs(task: str, folder: Path) -> None:
    program, *arguments = shlex.split(TASKS[task].replace("RACK", "llama70b-8xh100"))
    if arguments[0] == "init":  # an example before it may have written that file
        (folder / arguments[1]).unlink(missing_ok=True)
    done = run(*arguments, cwd=folder)
    assert program == "rackcalc" and done.returncode in (0, 3) and (done.stdout or arguments[0] == "init"), done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_options_are_in_groups_and_none_is_lost(command: str) -> None:
    heading, listed, headings = "", {}, []
    for line in out(command, "--help").splitlines():
        if line[:1].isalpha() and line.endswith(":"):
            heading = line[:-1]
            headings.append(heading)
        elif (option := re.match(r"  ((?:-\w, )?--[a-z-]+)", line)) and heading:
            assert listed.setdefault(option[1], heading) == heading, "listed once"
    assert headings == sorted(headings, key=["Arguments", *GROUPS, OTHERS].index)
    shown = {name for names in listed for name in names.split(", ")}
    assert {name for name in names_of_options(command) if not name.startswith("--no-")} <= shown
    for names, heading in listed.items():
        assert heading == next((GROUP_OF[name] for name in names.split(", ") if name in GROUP_OF), OTHERS)


def test_every_grouped_option_is_one_of_a_command() -> None:
    declared = {name for command in COMMANDS for name in names_of_options(command)}
    assert set(GROUP_OF) <= declared
