"""The ```console blocks of README.md and docs/: found, run, compared with what stands there, and written anew.

The commands of docs/tutorial.md and of the how-tos are run one after the other in an empty folder, as a reader types
them; those of other documents each for itself, in the root of the repository.

In a block, `$ ` starts a command, `> ` goes on with it, other lines are its output (both streams, as a terminal shows
them). A line `...` stands for any number of lines. `python tests/documents.py` (make docs) puts in the present output.

The ```python blocks of docs/python.md are run too, one after the other as in a notebook. What one prints stands in the
```text block directly below it. docs/example.ipynb is a notebook, kept with its outputs.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PYTHON = ROOT / "docs" / "python.md"  # whose blocks are run; those of other documents are pieces of files
TYPED = [document for document in DOCUMENTS if document.name.startswith(("tutorial", "how-to-"))]
FIGURES = ROOT / "docs" / "figures.md"  # written from the table of meanings
NOTEBOOK = ROOT / "docs" / "example.ipynb"
GAP = "..."
_COLUMNS = re.compile(r"(?<=\S) {2,}(?=\S)")  # blanks between the columns of a table


@dataclass(frozen=True)
class Example:
    """One command, or one block of Python, with the output the document shows.

    line: of the command, 1-based; lines: of the whole example, whose last ones are the output.
    """

    document: Path
    line: int
    lines: int
    command: str
    output: tuple[str, ...]

    @property
    def name(self) -> str:
        """For a test's id and for messages."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(text: str, language: str) -> Iterator[tuple[int, list[str]]]:
    """The fenced blocks in a language: 1-based line of their first line, and their lines.

    >>> list(blocks("a\\n```console\\n$ b\\nc\\n```\\n", "console"))
    [(3, ['$ b', 'c'])]
    """
    lines = text.splitlines()
    fences = [number for number, line in enumerate(lines) if line.startswith("```")]
    for opening, closing in zip(fences[::2], fences[1::2], strict=True):
        if lines[opening] == f"```{language}":
            yield opening + 2, lines[opening + 1 : closing]


def examples(document: Path) -> Iterator[Example]:
    """Every command of a document's console blocks."""
    for first, lines in blocks(document.read_text(encoding="utf-8"), "console"):
        starts = [index for index, line in enumerate(lines) if line.startswith("$ ")]
        assert starts[:1] == [0], f"{document.name}:{first}: a console block begins with a command"
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            said = lines[start:end]
            size = 1 + next((i for i, line in enumerate(said[1:]) if not line.startswith("> ")), len(said) - 1)
            command = "\n".join(line[2:] for line in said[:size])
            yield Example(document, first + start, end - start, command, tuple(said[size:]))


def python_examples(document: Path) -> Iterator[Example]:
    """Every Python block of a document, with the text block below it; without one it prints nothing."""
    text = document.read_text(encoding="utf-8")
    shown = dict(blocks(text, "text"))
    for first, lines in blocks(text, "python"):
        end = first + len(lines)  # the fence; the output begins two lines further, or three with a blank one between
        output = next((end + gap for gap in (2, 3) if end + gap in shown), None)
        said = [] if output is None else shown[output]
        size = len(lines) if output is None else output + len(said) - first
        yield Example(document, first, size, "\n".join(lines), tuple(said))


_EACH = """
import contextlib, io, json, sys
namespace, printed = {"__name__": "__main__"}, []
for code in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        exec(compile(code, "block", "exec"), namespace)
    printed.append(stream.getvalue())
json.dump(printed, sys.stdout)
"""


def run_python(examples: Sequence[Example]) -> list[list[str]]:
    """The lines that each block prints, all run in one process in the root of the repository."""
    codes = json.dumps([example.command for example in examples])
    command = [sys.executable, "-W", "error", "-c", _EACH]
    done = subprocess.run(command, cwd=ROOT, input=codes, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [[line.rstrip() for line in text.splitlines()] for text in json.loads(done.stdout)]


AUTHOR = {f"GIT_{who}_{what}": "reader@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def run_in_order(examples: Sequence[Example]) -> list[list[str]]:
    """The lines that each command of a document prints, all typed one after the other in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        return [run(example.command, Path(folder)) for example in examples]


def run(command: str, folder: Path = ROOT) -> list[str]:
    """The lines a command prints, run by sh in the root of the repository with this Python's rackcalc."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    plain = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "COLUMNS")}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=plain | AUTHOR | {"PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return [line.rstrip() for line in done.stdout.splitlines()]


def matches(shown: Sequence[str], real: Sequence[str]) -> bool:
    """Whether the real output is what the document shows; how far apart columns stand is no matter.

    >>> matches(["a", "...", "d"], ["a", "b", "c", "d"]), matches(["a", "d"], ["a", "b", "d"]), matches(["..."], [])
    (True, False, True)
    >>> matches(["a  b"], ["a     b"]), matches(["a b"], ["a  b"])
    (True, False)
    """
    parts = [r"(?:.*\n)*?" if line == GAP else re.escape(_COLUMNS.sub("  ", line)) + r"\n" for line in shown]
    return re.fullmatch("".join(parts), "".join(_COLUMNS.sub("  ", line) + "\n" for line in real)) is not None


def narrowed(lines: Sequence[str], width: int = 80) -> list[str]:
    """The lines of a table with fewer blanks after the first column, where that makes them fit the width.

    >>> narrowed(["ab      1", "c      22"], 7), narrowed(["too  wide", "b    2"], 7)
    (['ab    1', 'c    22'], ['too  wide', 'b    2'])
    """
    gaps = {line: found for line in lines if (found := _COLUMNS.search(line))}
    excess = max(map(len, gaps), default=0) - width
    if excess <= 0 or any(len(found[0]) < excess + 2 for found in gaps.values()):
        return list(lines)
    return [_COLUMNS.sub(lambda gap: gap[0][excess:], line, count=1) for line in lines]


def key(line: str) -> str:
    """What a line of output is about: its words up to the first value.

    >>> key("  latency.p99        1.619 ms"), key("PASS latency.p99 = 1.619 ms, limit 2 ms"), key("note: no port")
    ('latency.p99', 'PASS latency.p99', 'note: no port')
    """
    return re.split(r"\s{2,}| = ", line.strip())[0]


def refreshed(shown: Sequence[str], real: Sequence[str]) -> list[str]:
    """The output to show now: all of the real one, or, where the document leaves lines out, the same choice of lines.

    >>> refreshed(["...", "b  1", "..."], ["a  7", "b  2", "c  9"])
    ['...', 'b  2', '...']
    """
    if GAP not in shown:
        return list(real)
    result, position = [], 0
    for line in shown:
        if line == GAP:
            result.append(line)
            continue
        found = next((i for i in range(position, len(real)) if key(real[i]) == key(line)), None)
        if found is None:
            raise ValueError(f"no line about {key(line)!r} any more; mend the block by hand")
        result.append(real[found])
        position = found + 1
    return narrowed(result)


def rewrite(document: Path) -> int:
    """Put the present output into a document's examples; how many have changed."""
    lines = document.read_text(encoding="utf-8").splitlines()
    changed = 0
    found = list(examples(document))
    outputs_of = run_in_order(found) if document in TYPED else [run(example.command) for example in found]
    known = list(zip(found, outputs_of, strict=True))
    if document == PYTHON:
        blocks_of = list(python_examples(document))
        known += [pair for pair in zip(blocks_of, run_python(blocks_of), strict=True) if pair[0].output]
    for example, real in sorted(known, key=lambda pair: -pair[0].line):
        if matches(example.output, real):
            continue
        try:
            output = refreshed(example.output, real)
        except ValueError as error:
            raise SystemExit(f"{example.name}: {error}") from None
        end = example.line - 1 + example.lines
        lines[end - len(example.output) : end] = output
        changed += 1
    document.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return changed


def executed(notebook: Path) -> Any:
    """The notebook, run from its folder, with its new outputs and nothing that depends on the machine."""
    import nbformat
    from nbclient import NotebookClient

    found = nbformat.read(notebook, as_version=4)
    metadata = {"metadata": {"path": str(notebook.parent)}}
    NotebookClient(found, timeout=120, kernel_name="python3", record_timing=False, resources=metadata).execute()
    found.metadata["language_info"] = {"name": "python"}
    return found


def outputs(notebook: Any) -> list[list[dict[str, str]]]:
    """What stands below every cell of code: for each output, the text by its kind.

    A kernel may send what a cell prints in several pieces, which are put together.
    """
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        shown: list[dict[str, str]] = []
        for output in cell.outputs:
            if "data" in output:
                shown.append(dict(output.data))
            elif shown and output.name in shown[-1]:
                shown[-1][output.name] += output.text
            else:
                shown.append({output.name: output.text})
        found.append(shown)
    return found


def rewrite_notebook(notebook: Path) -> bool:
    """Put the present outputs into a notebook; whether any has changed."""
    import nbformat

    new = executed(notebook)
    changed = outputs(new) != outputs(nbformat.read(notebook, as_version=4))
    if changed:
        nbformat.write(new, notebook)
    return changed


def figures_page() -> str:
    """docs/figures.md, from the table that `rackcalc figures` prints."""
    from rackcalc.render.figure_reference import as_markdown

    return as_markdown()


if __name__ == "__main__":
    FIGURES.write_text(figures_page(), encoding="utf-8")
    for path in DOCUMENTS:
        print(f"{path.relative_to(ROOT)}: {rewrite(path)} examples changed")
    print(f"{NOTEBOOK.relative_to(ROOT)}: {'changed' if rewrite_notebook(NOTEBOOK) else 'as it was'}")
