"""The command line: its exit codes, and who reads it. Each command is a file in commands/.

Exit codes: 0 fine, 1 unexpected failure, 2 usage or input error, 3 a gate failed or solve found no answer, 130 Ctrl-C,
141 closed pipe.
"""

import atexit
import gc
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from rackcalc.cli.command_names import COMMANDS
from rackcalc.cli.console import leave, note, report_problems
from rackcalc.cli.direct import direct
from rackcalc.quantities.problems import InputError


def _tell(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning, such as that of a former name, as a note; each only once."""
    text = f"note: {message}"
    if text not in _told:
        _told.add(text)
        note(text)


_told: set[str] = set()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    gc.set_threshold(100_000)  # an estimate keeps what it makes: searching it for garbage takes a tenth of the time
    atexit.register(gc.freeze)  # nor is it searched at the end
    if "_RACKCALC_COMPLETE" in os.environ:  # a shell asks what may follow
        from typer._completion_classes import completion_init

        completion_init()
    warnings.showwarning = _tell
    if sys.stdout is None:  # closed by the caller
        note("output: standard output is closed")
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 must not crash
    try:
        run(sys.argv[1:] if arguments is None else arguments)
    except InputError as error:
        report_problems(error.problems)
        leave(2)
    except BrokenPipeError:
        leave_closed_pipe()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer makes 1 of it
            leave_closed_pipe()
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        note(f"{error.filename or 'output'}: {(error.strerror or str(error)).lower()}")
        leave(1)


def run(words: Sequence[str]) -> NoReturn:
    """Run the command that the words call. Plain words are read without typer; all others, and mistakes, by typer."""
    if words and words[0] in COMMANDS and "_RACKCALC_COMPLETE" not in os.environ:
        command = getattr(import_module(f"rackcalc.cli.commands.{words[0]}"), words[0])
        given = direct(command, words[1:])
        if given is not None:
            command(**given)
            sys.exit(0)
    from rackcalc.cli.typer_app import app

    app(args=list(words))
    sys.exit(0)


def leave_closed_pipe() -> NoReturn:
    """Exit as a program whose reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(141)


if __name__ == "__main__":
    main()
