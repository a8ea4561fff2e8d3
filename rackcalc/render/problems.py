"""Problems with the input as plain data, and as annotations for a code host."""

from typing import Any

from rackcalc.quantities.problems import Problem, printable

PROBLEM_KEYS = {"file": str, "line": int, "column": int, "path": str, "message": str}


def as_data(problem: Problem) -> dict[str, Any]:
    """A problem as plain data."""
    return {key: getattr(problem, key) for key in PROBLEM_KEYS}


def github_annotation(problem: Problem, level: str = "error") -> str:
    """A problem as a GitHub workflow command, which marks its line in a pull request."""
    message, place = problem.text, ""
    if problem.file.startswith(("-", "<")):  # an option or standard input, which is no file
        message = f"{problem.file}: {message}"
    elif problem.file:
        name = printable(problem.file)
        for character, code in (("%", "%25"), (":", "%3A"), (",", "%2C")):
            name = name.replace(character, code)
        place = f" file={name}" + (f",line={problem.line},col={problem.column}" if problem.line else "")
    return f"::{level}{place}::{printable(message).replace('%', '%25')}"
