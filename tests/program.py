"""Running rackcalc as a user does: in a process of its own, with a clean environment."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rackcalc.config.racks import bundled_racks

RACK = bundled_racks()["rack-of-god"]
SPOILERS = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
CLEAN = {name: value for name, value in os.environ.items() if name not in SPOILERS}


def run(
    *arguments: str, stdin: bytes = b"", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "rackcalc", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, timeout=60, check=False, cwd=cwd, env=CLEAN | environment
    )


@cache
def out(*arguments: str, stdin: bytes = b"", cwd: Path | None = None, **environment: str) -> str:
    """Standard output of a run that must be fine and have nothing to say beside it. The same run is not run again."""
    done = run(*arguments, stdin=stdin, cwd=cwd, **environment)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout.decode()


def strict(text: str) -> Any:
    """JSON as the standard has it: without NaN and Infinity."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
