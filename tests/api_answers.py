"""What the tests of the Python API share: answers of the command line, and estimates that several of them look at."""

from functools import cache
from typing import Any

from program import run, strict

import rackcalc

RACKS = ("bert-a100", "rack-of-god", "llama70b-16xh100-disaggregated", "vr-nvl72-lpx-attention-ffn")
LLAMA = "llama70b-8xh100"


@cache
def cli(*arguments: str) -> Any:
    """What a command prints with --json; a gate may fail, and a search find nothing."""
    done = run(*arguments, "--json")
    assert done.returncode in (0, 3), done.stderr.decode()
    return strict(done.stdout.decode())


@cache
def result_of(name: str) -> rackcalc.Result:
    return rackcalc.estimate(name)
