"""What the command line says and writes: data to standard output or files, talk and problems to standard error."""

import contextlib
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from rackcalc.quantities.problems import Problem, failure
from rackcalc.render.problems import as_data, github_annotation

if TYPE_CHECKING:
    from pathlib import Path

_error_format = "text"


def use_error_format(name: str) -> None:
    """Remember how problems are to be written."""
    global _error_format  # noqa: PLW0603
    if name not in ("text", "json", "github"):
        raise failure(f'--error-format: expected text, json or github, got "{name}"')
    _error_format = name


def emit(text: str) -> None:
    """Data to standard output."""
    sys.stdout.write(text)
    sys.stdout.flush()


def show(text: str) -> None:
    """Text for people to standard output, within the width of the terminal."""
    from rackcalc.render.aligned_text import fitted, line_width

    emit(fitted(text, line_width()))


def note(text: str, folded: bool = True) -> None:
    """Talk to standard error, where there is one. folded: between words, where it is a terminal."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # nobody listens: the exit code still says it
            if folded and sys.stderr.isatty():
                from rackcalc.render.aligned_text import fitted, terminal_width

                text = fitted(text, terminal_width()).removesuffix("\n")
            print(text, file=sys.stderr, flush=True)


def write(file: str, content: str | bytes) -> None:
    """A whole file or none: written beside its place and moved there. OSError, naming the file, when that fails."""
    if file == "-" and isinstance(content, str):
        emit(content)
        return
    from pathlib import Path

    data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    try:
        target = Path(os.path.realpath(file))  # behind a link, the file it leads to is replaced, not the link
        if target.exists() and not target.is_file():  # a pipe or a device cannot be replaced
            target.write_bytes(data)
        else:
            replace_file(target, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, file) from None


def append(file: str, text: str) -> None:
    """Text at the end of a file that others write too."""
    with open(file, "a", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(text)


def replace_file(target: "Path", data: bytes) -> None:
    """The file with these bytes, never half of it."""
    import tempfile
    from pathlib import Path

    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Report:
    """Problems on standard error, in the chosen format, as they come; JSON, which is one array, at the end."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[Problem] = []

    def add(self, problems: Iterable[Problem]) -> None:
        """Say some more."""
        for problem in problems:
            self.count += 1
            if _error_format == "json":
                self._kept.append(problem)
            else:
                github = _error_format == "github"
                note(github_annotation(problem) if github else str(problem), folded=not github)

    def close(self) -> None:
        """The array, or a count line."""
        if _error_format == "json":
            from rackcalc.render.json_data import json_text

            note(json_text([as_data(problem) for problem in self._kept]).rstrip(), folded=False)
        elif self.count > 1:
            note(f"{self.count} problems")


def report_problems(problems: Iterable[Problem]) -> None:
    """Every problem on standard error, in the chosen format, with a count line."""
    report = Report()
    report.add(problems)
    report.close()


def report_annotations(found: Iterable[tuple[str, Problem]]) -> None:
    """What a code host shall mark, by level, where its format was asked for. It reads standard error too."""
    if _error_format == "github":
        for level, problem in found:
            note(github_annotation(problem, level), folded=False)


def leave(code: int) -> NoReturn:
    """Exit with the code, even when what was said cannot be written: the interpreter's last flush would make it 120."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(code)
