"""Every command reads at every width of a terminal: nothing is longer than a line, no word or number is broken."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import CLEAN, out

from rackcalc.render.aligned_text import aligned, fitted

COMMANDS = {
    "estimate": ["estimate", "bert-a100"],
    "pictures": ["estimate", "llama70b-8xh100", "--pictures"],
    "table": ["estimate", "bert-a100", "--all"],
    "compare": ["compare", "bert-a100", "bert-8xb200"],
    "check": ["check", "llama70b-8xh100"],
    "claims": ["claims", "vendor-quote"],
    "sweep": ["sweep", "bert-a100", "--vary", "workload.batch=1,8"],
    "solve": ["solve", "bert-a100", "--vary", "workload.batch=1..32", "--so-that", "latency.p99 < 5 ms"],
    "uncertainty": ["uncertainty", "bert-a100", "--samples", "64"],
    "explain": ["explain", "bert-a100", "power.it"],
    "parts": ["parts", "gpus", "a100-sxm-40gb"],
    "link": ["link", "nvlink5", "1 MB"],
    "racks": ["racks"],
    "figures": ["figures", "latency.*"],
    "validate": ["validate", "--kind", "encoder"],
    "two racks": ["estimate", "bert-a100", "bert-8xb200"],
    "scenarios": ["compare", "llama70b-8xh100", "--scenario", "buy", "--scenario", "rent"],
    "help": ["--help"],
    "help of estimate": ["estimate", "--help"],
    "an error": ["estimate", "bert-a100", "--set", "workload.batches=3", "--set", "site.inlet=30 kg"],
}
NUMBER = re.compile(r"\d[\d,.]*\d|\d")


def on_terminal(width: int, *arguments: str) -> list[str]:
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    command = [sys.executable, "-m", "rackcalc", *arguments]
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=CLEAN | {"TERM": "dumb"})
    os.close(side)
    shown = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    assert process.wait(timeout=60) in (0, 2, 3)
    return shown.decode().replace("\r", "").splitlines()


@pytest.mark.parametrize("name", COMMANDS)
def test_lines_are_as_long_as_the_terminal_is_wide(name: str) -> None:
    wide = NUMBER.findall(" ".join(on_terminal(200, *COMMANDS[name])).replace("80 % interval", ""))
    for width in (40, 60, 80, 120):
        lines = on_terminal(width, *COMMANDS[name])
        for line in lines:
            typed = name.startswith("help") and "rackcalc " in line  # commands to copy stay in one piece
            assert len(line) <= width or " " not in line.strip() or typed, f"at {width}: {line}"
        assert set(NUMBER.findall(" ".join(lines))) >= set(wide), f"a number is cut at {width}"
        apart = [line for line in lines if re.match(r"\s+(%|\.\.|(ms|us|kW|GB|USD|request/s|degC)\b)", line)]
        assert not apart, "a unit has lost its number"


def test_a_pipe_has_full_width() -> None:
    assert max(map(len, out(*COMMANDS["compare"]).splitlines())) > 80


@given(st.text(alphabet=" abc.,1%|\n", max_size=300), st.integers(10, 120))
def test_folded_text_keeps_its_words(text: str, width: int) -> None:
    folded = fitted(text, width)
    assert folded.split() == text.split()
    for line in folded.splitlines():
        assert len(line) <= width or len(line.split()) == 1 or line in text.splitlines()


@given(
    st.lists(
        st.lists(st.text(alphabet="abc1", min_size=1, max_size=9), min_size=3, max_size=3), min_size=2, max_size=6
    ),
    st.integers(5, 60),
)
def test_a_table_that_does_not_fit_becomes_a_list_of_the_same_cells(rows: list[list[str]], width: int) -> None:
    lines = list(aligned(rows, width=width, headed=True))
    cells = sorted(word for line in lines for word in line.split())
    if max(map(len, aligned(rows))) <= width:
        assert lines == list(aligned(rows))
    else:
        head, *others = rows
        assert cells == sorted(
            word for row in others for name, cell in zip(head, row, strict=True) for word in (name, cell)
        )
