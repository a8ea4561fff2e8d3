"""TAB in real shells: commands, options, racks, scenarios, figures, parts. Shells that are missing are skipped."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from program import CLEAN, out, run

from rackcalc.cli.command_names import COMMANDS
from rackcalc.config.catalog_files import part_names
from rackcalc.config.racks import bundled_racks

PROGRAM = Path(sys.executable).parent / "rackcalc"
HERE = CLEAN | {"PATH": f"{PROGRAM.parent}{os.pathsep}{CLEAN['PATH']}"}
MINE = "name: mine\nscenarios: {summer: {}, winter: {}}\n"


def in_bash(words: str, folder: Path) -> list[str]:
    """What bash has in COMPREPLY after the completion function it was given."""
    script = """
        eval "$(rackcalc --show-completion bash)"
        read -ra COMP_WORDS <<< "$1"; [[ $1 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
        function=$(complete -p rackcalc | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        "$function" rackcalc; printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", words], cwd=folder, env=HERE, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def in_fish(words: str, folder: Path) -> list[str]:
    """What fish offers."""
    script = f'rackcalc --show-completion fish | source; complete -C "{words}"'
    environment = HERE | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return [row.partition("\t")[0] for row in done.stdout.splitlines()]


def in_zsh(words: str, folder: Path) -> list[str]:
    """What an interactive zsh lists when TAB is pressed."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], HERE | {"TERM": "dumb", "COLUMNS": "200", "ZDOTDIR": str(folder)})
    start = (
        "PROMPT='> '; setopt no_auto_menu no_always_last_prompt; autoload -Uz compinit; compinit -u -D;"
        " zstyle ':completion:*' list-prompt ''; LISTMAX=9999; bindkey '^I' list-choices;"
        ' eval "$(rackcalc --show-completion zsh)"; print re""ady\n'
    )
    _said(terminal, start, "\r\nready")
    listed = _said(terminal, words + "\t", "never said")
    os.close(terminal)
    os.waitpid(child, 0)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", listed.replace(words, "", 1)).split()


def _said(terminal: int, text: str, until: str, most: float = 20) -> str:
    """What the terminal shows after the text: up to a word, or until nothing more comes."""
    os.write(terminal, text.encode())
    shown, end, quiet = "", time.monotonic() + most, 3.0
    while until not in shown and time.monotonic() < end:
        if not select.select([terminal], [], [], quiet if len(shown) > len(text) + 2 else most)[0]:
            break
        shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


def missing(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


SHELLS = [
    pytest.param(in_bash, id="bash", marks=missing("bash")),
    pytest.param(in_zsh, id="zsh", marks=missing("zsh")),
    pytest.param(in_fish, id="fish", marks=missing("fish")),
]
OFFERED = {
    "rackcalc ": set(COMMANDS),
    "rackcalc ex": {"explain"},
    "rackcalc estimate --no-i": {"--no-interval"},
    "rackcalc estimate ": {*bundled_racks(), "mine.yaml"},
    "rackcalc estimate rack-of-god --format j": {"json", "jsonl"},
    "rackcalc estimate mine.yaml --scenario ": {"summer", "winter", "buy", "rent", "api"},
    "rackcalc estimate rack-of-god --get latency.p9": {"latency.p90", "latency.p95", "latency.p99", "latency.p999"},
    "rackcalc explain llama70b-8xh100 latency.tpot_p9": {"latency.tpot_p90", "latency.tpot_p95", "latency.tpot_p99"},
    "rackcalc parts gpus b2": {name for name in part_names("gpus") if name.startswith("b2")},
    "rackcalc link nvl": {name for name in part_names("links") if name.startswith("nvl")},
    "rackcalc schema p": {"problems"},
}


@pytest.mark.parametrize("words", OFFERED)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(shell: Callable[[str, Path], list[str]], words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    (tmp_path / "other.txt").write_text("")
    offered = set(shell(words, tmp_path))
    if shell is in_zsh:  # among the descriptions it lists, and a single match it puts in
        assert OFFERED[words] <= offered and "other.txt" not in offered
    else:
        assert offered == OFFERED[words]


@pytest.mark.parametrize("words", ["estimate nowhere --get x", "estimate - --scenario ", "estimate mine.yaml --get "])
def test_what_cannot_be_known_is_an_empty_list(words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    assert in_bash(f"rackcalc {words}", tmp_path) == []


def test_the_script_is_for_the_shell_that_was_named() -> None:
    assert "COMPREPLY" in out("--show-completion", "bash")
    assert out("--show-completion", "zsh").startswith("#compdef rackcalc")
    assert out("--show-completion", "fish").startswith("complete --command rackcalc")
    refused = run("--show-completion", "tcsh")
    assert refused.returncode == 2 and b"bash, zsh, fish" in refused.stderr


def test_names_of_commands_are_offered_without_reading_any() -> None:
    environment = HERE | {"_RACKCALC_COMPLETE": "complete_bash", "COMP_WORDS": "rackcalc c", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [name for name in COMMANDS if name.startswith("c")]
    assert "rackcalc.cli.main" in done.stderr and "rackcalc.cli.commands" not in done.stderr
