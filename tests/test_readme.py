"""The documents: commands run as printed, outputs are the real ones, tables name what exists."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import (
    DOCUMENTS,
    NOTEBOOK,
    PYTHON,
    ROOT,
    TYPED,
    Example,
    blocks,
    examples,
    executed,
    matches,
    outputs,
    python_examples,
    run,
    run_in_order,
    run_python,
)

from rackcalc.config.racks import bundled_racks
from rackcalc.quantities.quantity import FORMULAS, KINDS

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = [example for document in DOCUMENTS if document not in TYPED for example in examples(document)]
YAML = [
    pytest.param("\n".join(lines) + "\n", id=f"{document.name}:{line}")
    for document in DOCUMENTS
    for line, lines in blocks(document.read_text(encoding="utf-8"), "yaml")
    if lines[0].startswith("name:")  # a rack; parts begin with the place they belong to
]


def rackcalc(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """One run of the installed command."""
    program = Path(sys.executable).parent / "rackcalc"
    return subprocess.run([program, *arguments], input=text, capture_output=True, text=True, check=False, cwd=ROOT)


def section(title: str) -> str:
    """The README's text below a heading."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_command_prints_what_the_document_shows(example: Example) -> None:
    real = run(example.command)
    assert matches(example.output, real), "\n".join([f"{example.name}: `make docs` brings it up to date", *real])


@pytest.mark.parametrize("document", TYPED, ids=lambda document: document.name)
def test_who_types_a_document_sees_what_it_shows(document: Path) -> None:
    shown = list(examples(document))
    assert shown
    for example, real in zip(shown, run_in_order(shown), strict=True):
        assert matches(example.output, real), "\n".join([f"{example.name}: `make docs` brings it up to date", *real])


def test_python_prints_what_the_document_shows() -> None:
    shown = list(python_examples(PYTHON))
    assert len([example for example in shown if example.output]) >= 10
    for example, real in zip(shown, run_python(shown), strict=True):
        assert matches(example.output, real), "\n".join([f"{example.name}: `make docs` brings it up to date", *real])


@pytest.mark.filterwarnings("default")  # of the programs that run notebooks
def test_notebook_has_the_outputs_it_shows() -> None:
    import nbformat

    shown = outputs(nbformat.read(NOTEBOOK, as_version=4))
    assert len([cell for cell in shown if cell]) >= 8, "`make docs` writes them"
    assert outputs(executed(NOTEBOOK)) == shown, "`make docs` brings them up to date"


def test_the_readme_has_commands_to_check() -> None:
    assert len([example for example in EXAMPLES if example.document.name == "README.md"]) >= 8


@pytest.mark.parametrize("text", YAML)
def test_rack_in_a_document_can_be_computed(text: str) -> None:
    scenarios = re.findall(r"^  ([\w-]+): ", text.partition("\nscenarios:")[2], re.MULTILINE)
    for options in ([], *(["--scenario", name] for name in scenarios)):
        done = rackcalc("estimate", "-", "--json", *options, text=text)
        assert done.returncode == 0, (options, done.stderr)


def test_first_screen() -> None:
    screen = README.splitlines()[:50]
    text = "\n".join(screen)
    prose = re.sub(r"```console.*?```", "", text, flags=re.DOTALL)
    assert max(map(len, prose.splitlines())) <= 100
    commands = [line for _, lines in blocks(README, "sh") for line in lines]
    assert [line.split("#")[0].strip() for line in commands[:2]] == ["make run", "make test"]
    assert text.index("make run") < text.index("$ rackcalc estimate") < text.index("first token")
    assert len(list(blocks(text, "console"))) == 1, "the answer ends on the first screen"


def test_every_command_is_in_the_readme() -> None:
    listed = re.findall(r"^  (\w+)  ", rackcalc("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    described = re.findall(r"^\| `rackcalc (\w+)", section("Commands"), re.MULTILINE)
    assert listed and sorted(listed) == sorted(described)


def test_every_bundled_rack_is_in_the_readme() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section("The rack file"), re.MULTILINE)
    assert sorted(re.findall(r"`([\w-]+)`", " ".join(rows))) == sorted(bundled_racks())


def test_every_kind_is_in_the_readme_in_order() -> None:
    assert re.findall(r"^\| (\w+) \|", section("Where the numbers come from"), re.MULTILINE)[1:] == list(KINDS)


def leads_somewhere(document: Path, file: str, heading: str = "") -> bool:
    """Whether a link names a file that is there, and a heading of it, as code hosts and mkdocs write them."""
    target = document.parent / file if file else document
    if not heading or not target.exists():
        return target.exists()
    titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_paths_and_formulas_in_a_document_exist(document: Path) -> None:
    prose = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\((?!http)(.+?)\)", prose)
    missing = [link for link in links if not leads_somewhere(document, *link.split("#", 1))]
    words = set(re.findall(r"`([^`\s]+)`", prose))
    missing += [
        word
        for word in words
        if re.match(r"(rackcalc|configs|tests|docs)/[^A-Z]*$", word) and not (ROOT / word).exists()
    ]
    files = {name.rpartition(".")[0] for name in FORMULAS}
    missing += [word for word in words if word.rpartition(".")[0] in files and word not in FORMULAS]
    assert not missing


def published_bert() -> list[tuple[str, str, float]]:
    """Precision, batch and published ms, from the comment in configs/bert-a100.yaml (NVIDIA/TensorRT, demo/BERT)."""
    text = (ROOT / "configs" / "bert-a100.yaml").read_text(encoding="utf-8")
    rows = re.findall(r"^#   (\w+) +([\d. ]+)$", text, re.MULTILINE)
    batches = ("1", "8", "32", "128")
    return [(name, batch, float(ms)) for name, row in rows for batch, ms in zip(batches, row.split(), strict=True)]


def test_bert_on_a100_is_as_close_as_the_readme_says() -> None:
    trust = section("How far to trust it")
    percent = re.search(r"within (\d+) %", trust)
    published = published_bert()
    assert percent and len(published) == 8
    assert all(f"{ms:g}" in trust for name, _, ms in published if name == "fp16")
    errors = []
    for precision, batch, ms in published:
        sets = "--set", f"workload.precision={precision}", "--set", f"workload.batch={batch}"
        computed = rackcalc("estimate", "bert-a100", "--get", "stages.gpu.time", "--unit", "ms", *sets)
        errors.append(abs(float(computed.stdout) / ms - 1) * 100)
    assert max(errors) <= float(percent[1])


def test_the_readme_says_which_rows_are_weak() -> None:
    """As docs/accuracy.md has them, in the column of the error and in that of the rows inside the interval."""
    said = re.search(r"off by (\d+) to (\d+) %", section("How far to trust it"))
    assert said
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    weak = "mlperf | server_latency", "mlperf | server_ttft", "mlperf | server_tpot", "step_power | tpot_p99"
    for row in weak:
        found = re.search(rf"^\| {re.escape(row)} \| \d+ \| \d+ \| ([\d.]+) % \|.*?\| ([\d.]+) % \|  \|$", text, re.M)
        assert found, row
        assert int(said[1]) <= float(found[1]) <= int(said[2]) and float(found[2]) < 80, row


def test_the_readme_says_what_the_referee_says() -> None:
    said = re.search(
        r"On (\d+) measured runs .*? is ([\d.]+) %\s+off on time per token and ([\d.]+) % "
        r".*?its fit, ([\d.]+) and ([\d.]+) %",
        section("How far to trust it"),
        re.S,
    )
    assert said
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    rows = {}
    for metric in ("tpot", "ttft"):
        (line,) = re.findall(rf"^\| aiconfigurator \| serving \| {metric} \| (.*) \|$", text, re.M)
        rows[metric] = [cell.removesuffix(" %") for cell in line.split(" | ")]
    tpot, ttft = rows["tpot"], rows["ttft"]
    assert said.groups() == (tpot[0], tpot[2], ttft[2], tpot[6], ttft[6])


def in_a_terminal(columns: int, *arguments: str) -> list[str]:
    """What a terminal of that width is sent, without colour."""
    main, other = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}
    program = Path(sys.executable).parent / "rackcalc"
    with subprocess.Popen([program, *arguments], stdout=other, env=environment, cwd=ROOT) as process:
        os.close(other)
        chunks = []
        while True:
            try:
                chunk = os.read(main, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not chunk:
                break
            chunks.append(chunk)
    os.close(main)
    assert process.returncode == 0
    return b"".join(chunks).decode().replace("\r", "").splitlines()


@pytest.mark.parametrize("racks", [["rack-of-god"], ["rack-of-god", "bert-8xb200"]], ids=len)
def test_table_fits_a_terminal_of_80_columns(racks: list[str]) -> None:
    piped = rackcalc("estimate", *racks, "--format", "table").stdout
    lines = in_a_terminal(80, "estimate", *racks, "--format", "table")
    assert max(map(len, lines)) <= 80
    names = re.findall(r"^  ([\w.-]+\.[\w -]*?)  ", piped, re.MULTILINE)
    text = "\n".join(lines)
    assert len(names) > 50
    for name in names:  # whole, or broken after a dot and never inside a word
        pieces = r"(?:  .*\n    )?".join(re.escape(step) for step in re.findall(r"[^.]+\.?", name))
        assert re.search(rf"^  {pieces}(?:\s|$)", text, re.MULTILINE), name
    cells = set(re.findall(r"(?<=  )-?[\d,.]+(?:e-?\d+)?(?= )", piped))
    assert cells and all(cell in text for cell in cells), "no number is cut"
