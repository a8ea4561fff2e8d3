"""Lengths as they are written in a rack file: which keys go together, and the reading of what they name."""

from rackcalc.config.document import Node
from rackcalc.config.traces import column_of, requests_in
from rackcalc.quantities.problems import Problem
from rackcalc.quantities.record import replace
from rackcalc.spec.fields import declarations
from rackcalc.spec.lengths import FORMS, Lengths, TraceFile

EXAMPLES = (
    "a number such as 1024 token; {mean: 1024 token, spread: 0.5}; {mean: 1024 token, cv: 1.2}; "
    "{p50: 800 token, p99: 6000 token}; or {trace: conversation.csv, column: ContextTokens}"
)


def wrong_form(node: Node, path: str) -> list[Problem]:
    """What is wrong with the keys of a distribution, unless an unknown one is among them, which the builder says."""
    assert isinstance(node.value, dict)
    written = [key for key, child in node.value.items() if child.value is not None]
    if not set(written) <= declarations(Lengths).keys():
        return []
    complete = [form for form in FORMS if set(written) == set(form)]
    if complete or written == ["trace"]:
        return []
    if not written:
        return [node.problem(path, f"is empty; expected {EXAMPLES}")]
    together = [form for form in FORMS if set(written) <= set(form)]
    if together:
        missing = " or ".join(dict.fromkeys(key for form in together for key in form if key not in written))
        extra = "; of lengths that are all alike, write the number itself" if written == ["mean"] else ""
        return [node.problem(path, f"{written[0]} needs {missing} beside it{extra}")]
    return [node.problem(path, f"{' and '.join(written)} do not go together; expected {EXAMPLES}")]


def column_read(lengths: Lengths, node: Node, path: str) -> Lengths:
    """The lengths with what their column holds. node: of the file's name. InputError where it cannot be read."""
    return replace(lengths, read=column_of(node, lengths, path, path.rpartition(".")[2]))


def trace_read(trace: TraceFile, node: Node, path: str) -> TraceFile:
    """The trace with what its file says. node: of the file's name."""
    return replace(trace, read=requests_in(node, trace, path))
