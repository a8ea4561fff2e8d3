"""rackcalc between other programs: many racks on standard input, shell variables, figures chosen by path."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from program import CLEAN, RACK, out, run, strict

from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.result import Estimate

SMALL: dict[str, Any] = {
    "name": "small",
    "accelerators": {"gpu": {"part": "b200-sxm", "count": 8}},
    "model": "bert-large",
    "workload": {"input": "128 token", "batch": 1, "precision": "fp16"},
    "serving": {"split": "gpu", "runtime": "tensorrt"},
}
BRIEF = ("--format", "jsonl", "--get", "latency.p99", "--no-interval")


def stream(data: bytes | str, *options: str, cwd: Path | None = None) -> tuple[int, list[Any], list[str]]:
    """Exit code, the objects on standard output, and the lines on standard error, of racks on standard input."""
    data = data.encode() if isinstance(data, str) else data
    done = run("estimate", "-", *(options or BRIEF), stdin=data, cwd=cwd)
    return (
        done.returncode,
        [strict(line) for line in done.stdout.decode().splitlines()],
        done.stderr.decode().splitlines(),
    )


def line(**changes: Any) -> str:
    return json.dumps(SMALL | changes) + "\n"


# --- many racks --------------------------------------------------------------------------------------


def test_names_paths_and_objects_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(line(name="from a file"))
    text = "# racks\n\nbert-a100\n./mine.yaml\n  mine.yaml  \n" + line(name="an object") + "\nbert-8xb200"
    code, found, said = stream(text, cwd=tmp_path)
    names = ["1 x A100, BERT-Large", "from a file", "from a file", "an object", "8 x B200, BERT-Large"]
    assert (code, [report["name"] for report in found], said) == (0, names, [])


def test_what_one_line_says_is_what_the_rack_alone_says() -> None:
    together = out("estimate", "-", "--format", "jsonl", stdin=b"bert-a100\nrack-of-god\n")
    apart = [out("estimate", name, "--format", "jsonl") for name in ("bert-a100", "rack-of-god")]
    assert together == "".join(apart) == out("estimate", "bert-a100", "rack-of-god", "--format", "jsonl")
    assert strict(apart[0]) == strict(out("estimate", "bert-a100", "--json"))


def test_documents_with_their_places() -> None:
    text = "---\n# first\nname: small\n" + "\n".join(f"{key}: {json.dumps(value)}" for key, value in SMALL.items())
    good = text.replace("name: small\n", "", 1)
    bad = good.replace('"fp16"', '"fp17"').replace('name: "small"', 'name: "small"\nmodel: x')
    code, found, said = stream(f"{good}\n...\n{bad}\n---\n# nothing\n---\n{good}\n")
    assert code == 2 and [report.get("name") for report in found] == ["small", None, "small"]
    begin = len(good.splitlines()) + 1
    assert found[1]["rack"] == f"<stdin>:{begin + 1}" and found[1]["schema"] == "rackcalc.refused/1"
    places = [problem["line"] for problem in found[1]["problems"]]
    assert min(places) > begin and max(places) <= begin + len(bad.splitlines()) + 1
    again = next(words for words in said if "written twice" in words)
    first = int(again.rpartition("first on line ")[2])
    assert first == begin + 1 + bad.splitlines().index("model: x")
    assert said[-1] == f"{len(said) - 1} problems"


def test_one_document_on_standard_input_is_one_line() -> None:
    text = RACK.read_bytes()
    assert out("estimate", "-", "--format", "jsonl", stdin=text) == out("estimate", str(RACK), "--format", "jsonl")
    assert stream(json.dumps(SMALL, indent=1))[1][0]["name"] == "small", "JSON over several lines is one document"


def test_a_bad_rack_has_its_line_and_the_others_go_on(tmp_path: Path) -> None:
    text = line(name="a") + line(model="bert-huge") + "nowhere.yaml\n{\n-\n" + "\n" + line(name="b")
    code, found, said = stream(text, cwd=tmp_path)
    assert code == 2 and [report.get("name") for report in found] == ["a", None, None, None, None, "b"]
    assert [report["rack"] for report in found[1:5]] == ["<stdin>:2", "nowhere.yaml", "<stdin>:4", "-"]
    for number, report in enumerate(found[1:5], 2):
        assert report["problems"] and {problem["line"] for problem in report["problems"]} == {number}
        assert any(words.startswith(f"<stdin>:{number}:") for words in said)
    assert said[-1] == f"{len(said) - 1} problems"


def test_bytes_that_are_no_text_are_a_problem_of_their_line() -> None:
    long = b'{"name": "' + b"x" * 5_000_000 + b'"}\n'
    code, found, said = stream(b"\xef\xbb\xbfbert-a100\r\n" + b'{"name": "\xff"}\n' + long + b"bert-\0\nbert-a100")
    assert code == 2 and [report.get("name") is None for report in found] == [False, True, True, True, False]
    assert [words.split(":")[:2] for words in said[:3]] == [["<stdin>", str(number)] for number in (2, 3, 4)]
    assert "UTF-8" in said[0] and "over 4 MB" in said[1]


def test_racks_and_scenarios_give_a_line_each() -> None:
    options = ("--scenario", "gpu-only", "--scenario", "nvlink6", *BRIEF)
    code, found, _ = stream("rack-of-god\nnowhere\n", *options)
    assert code == 2 and [report["scenario"] for report in found] == ["gpu-only", "nvlink6"] * 2
    done = run("estimate", "rack-of-god", "nowhere", "bert-a100", *BRIEF)
    assert done.returncode == 2 and [strict(row).get("rack") for row in done.stdout.splitlines()] == [
        None,
        "nowhere",
        None,
    ]


def test_problems_of_a_stream_for_machines() -> None:
    text = line(model="bert-huge").encode() + b"nowhere\n" + line(name="good").encode()
    done = run("estimate", "-", *BRIEF, "--error-format", "json", stdin=text)
    assert [problem["line"] for problem in strict(done.stderr.decode())] == [1, 2]
    github = run("estimate", "-", *BRIEF, "--error-format", "github", stdin=text).stderr.decode()
    assert github.count("::error::<stdin>: ") == 2


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n---\n"])
def test_nothing_is_an_error(text: str) -> None:
    code, found, said = stream(text)
    assert (code, found) == (2, []) and said[0].startswith("<stdin>: is empty")


def test_a_line_comes_out_before_the_next_goes_in() -> None:
    command = [sys.executable, "-m", "rackcalc", "estimate", "-", *BRIEF]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=CLEAN) as process:
        assert process.stdin is not None and process.stdout is not None
        for name in ("one", "two"):
            process.stdin.write(line(name=name).encode())
            process.stdin.flush()
            assert strict(process.stdout.readline().decode())["name"] == name
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_who_listens_no_longer_is_not_written_to() -> None:
    script = f"set -o pipefail; yes bert-a100 | '{sys.executable}' -m rackcalc estimate - {' '.join(BRIEF)} | head -2"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, env=CLEAN, timeout=60)
    assert done.returncode == 141 and len(done.stdout.splitlines()) == 2 and done.stderr == b""


MEMORY = """
import resource
from rackcalc.cli.main import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_racks() -> None:
    def peak(count: int) -> int:
        text = "".join(
            line(name=f"rack {number}", workload=SMALL["workload"] | {"batch": number % 7 + 1})
            for number in range(count)
        )
        bad = line(model="bert-huge")
        command = [sys.executable, "-c", MEMORY, "estimate", "-", *BRIEF]
        done = subprocess.run(command, input=(text + bad).encode(), capture_output=True, check=False, env=CLEAN)
        lines = done.stdout.decode().splitlines()
        assert len(lines) == count + 2
        return int(lines[-1])

    few, many = peak(30), peak(330)
    unit = 1024 if sys.platform == "darwin" else 1
    assert (many - few) / unit < 1500, "kilobytes for 300 racks more"


def test_reports_in_files_beside_a_stream(tmp_path: Path) -> None:
    done = run("estimate", "-", *BRIEF, "-o", "a.csv", "-o", "-", stdin=b"bert-a100\nbert-8xb200\n", cwd=tmp_path)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2
    assert len({row["rack"] for row in csv.DictReader((tmp_path / "a.csv").read_text().splitlines())}) == 2
    assert run("estimate", "-", *BRIEF, "-o", "b.csv", stdin=b"bert-a100\nnowhere\n", cwd=tmp_path).returncode == 2
    assert not (tmp_path / "b.csv").exists(), "a report that lacks a rack is none"


# --- figures by path ---------------------------------------------------------------------------------


def test_chosen_figures_in_every_data_format() -> None:
    get = ("--get", "power.it", "--get", "latency.p99")
    data = strict(out("estimate", "bert-a100", "--json", *get))
    whole = strict(out("estimate", "bert-a100", "--json"))
    assert data["latency"] == {"p99": whole["latency"]["p99"]} and data["power"] == {"it": whole["power"]["it"]}
    assert {key for key, value in data.items() if isinstance(value, dict)} == {"latency", "power"}
    assert strict(out("estimate", "bert-a100", "--format", "jsonl", *get)) == data
    rows = list(csv.DictReader(io.StringIO(out("estimate", "bert-a100", "--format", "csv", *get))))
    assert [row["path"] for row in rows] == ["power.it", "latency.p99"]


def test_tsv_has_the_cells_of_the_csv_and_numbers_stand_before_free_text() -> None:
    named = ("--set", "name=a, b", "--get", "latency.p99")
    comma = list(csv.DictReader(io.StringIO(out("estimate", "bert-a100", "--format", "csv", *named))))
    tab = list(csv.DictReader(io.StringIO(out("estimate", "bert-a100", "--format", "tsv", *named)), delimiter="\t"))
    assert comma == tab and comma[0]["rack"] == "a, b"
    row = out("estimate", "bert-a100", "--format", "csv", *named).splitlines()[1]
    assert row.split(",")[1] == comma[0]["value"], "a comma in a name moves no number"


def test_a_number_in_its_own_unit_and_with_its_label() -> None:
    get = ("--get", "latency.p99:ms", "--get", "cost.per_hour", "--get", "power.it:kW")
    data = strict(out("estimate", "bert-a100", "--json"))
    latency, money, power = (line.split("\t") for line in out("estimate", "bert-a100", *get, "--labels").splitlines())
    assert latency[::2] == ["latency.p99", "ms"] and money[::2] == ["cost.per_hour", "USD/hour"]
    assert power[::2] == ["power.it", "kW"]
    assert float(latency[1]) == pytest.approx(data["latency"]["p99"]["value"] * 1e3)
    assert float(power[1]) == pytest.approx(data["power"]["it"]["value"] / 1e3)
    assert out("estimate", "bert-a100", *get).split() == [latency[1], money[1], power[1]]
    two = out("estimate", "bert-a100", "bert-8xb200", "--get", "latency.p99:ms", "--labels").splitlines()
    assert [line.split("\t")[1] for line in two] == ["latency.p99"] * 2 and len(
        {line.split("\t")[0] for line in two}
    ) == 2
    env = out("estimate", "bert-a100", "--format", "env", "--get", "latency.p99:ms", "--get", "power.it:kW")
    assert "RACKCALC_LATENCY_P99_UNIT=ms\n" in env and "RACKCALC_POWER_IT_UNIT=kW\n" in env


@pytest.mark.parametrize("format_", ["csv", "tsv"])
def test_cells_in_the_unit_asked_for_are_those_in_canonical_units(format_: str) -> None:
    between = {"csv": ",", "tsv": "\t"}[format_]

    def row(*options: str) -> list[str]:
        return out("estimate", "bert-a100", *options, "--format", format_).splitlines()[1].split(between)

    plain = row("--get", "latency.p99")
    for options in (["--get", "latency.p99:ms"], ["--get", "latency.p99", "--unit", "ms"]):
        shown = row(*options)
        assert (plain[2], shown[2]) == ("s", "ms") and plain[3] == shown[3]
        for canonical, value in zip((plain[1], *plain[4:6]), (shown[1], *shown[4:6]), strict=True):
            assert float(value) == pytest.approx(1000 * float(canonical), rel=1e-12)


def test_get_says_what_it_cannot_do() -> None:
    for options, words in (
        (
            ["--get", "latency.p98", "--get", "power.watt", "--json"],
            ["latency.p98: no such figure", "power.watt: no such"],
        ),
        (["--get", "latency.p99", "--format", "markdown"], ["--get goes with json"]),
        (["--get", "latency.p99", "--json", "--unit", "ms"], ["--unit goes with"]),
        (["--get", "latency.p99", "--unit", "W"], ["--unit: "]),
        (["--unit", "ms"], ["--unit goes with"]),
        (["--get", "latency.p99:ms", "--json"], ["PATH:UNIT is for bare numbers"]),
        (["--get", "latency.p99:W"], ["latency.p99", "W"]),
        (["--get", "latency.p99:"], ["latency.p99", "unit"]),
        (["--labels"], ["--labels goes with --get"]),
        (["--labels", "--get", "latency.p99", "--json"], ["--labels goes with --get"]),
        (["--prefix", "X_"], ["--prefix goes with"]),
    ):
        done = run("estimate", "bert-a100", *options)
        assert (done.returncode, done.stdout) == (2, b"")
        assert all(word in done.stderr.decode() for word in words), done.stderr


def test_every_figure_has_its_interval_unless_it_is_not_wanted() -> None:
    data = strict(out("estimate", "bert-a100", "--json"))
    plain = strict(out("estimate", "bert-a100", "--json", "--no-interval"))
    figure, bare = data["latency"]["p99"], plain["latency"]["p99"]
    assert figure["low"] < figure["value"] < figure["high"]
    assert bare == {key: figure[key] for key in ("value", "unit", "kind")}
    assert "low" not in json.dumps(plain["power"]) and '"low"' in json.dumps(data["power"])
    assert strict(out("estimate", "bert-a100", "--json", "--interval")) == data
    header = out("estimate", "bert-a100", "--format", "csv").splitlines()[0]
    assert header == "path,value,unit,kind,low,high,rack,scenario"
    assert "low" not in out("estimate", "bert-a100", "--format", "csv", "--no-interval").splitlines()[0]
    assert "80 % interval" in out("estimate", "bert-a100", "--format", "markdown")
    assert "80 % interval" not in out("estimate", "bert-a100", "--format", "markdown", "--no-interval")


@pytest.mark.parametrize("format_", ["json", "jsonl", "csv", "env", "markdown"])
def test_the_same_input_gives_the_same_bytes_in_the_same_order(format_: str) -> None:
    first = out("estimate", "rack-of-god", "--format", format_, PYTHONHASHSEED="1")
    assert first == out("estimate", "rack-of-god", "--format", format_, PYTHONHASHSEED="2")


def test_keys_stand_in_the_order_of_the_definition() -> None:
    order = ["schema", "rackcalc", *(item.name for item in fields(Estimate))]
    for row in out("estimate", *bundled_racks(), "--format", "jsonl", "--no-interval").splitlines():
        keys = list(strict(row))
        assert keys == [key for key in order if key in keys] and len(keys) > 10


# --- shell variables ---------------------------------------------------------------------------------

SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh") if shutil.which(shell)]


def shell(name: str, script: str) -> list[str]:
    """The lines a script prints in a real shell, where `rackcalc` is this one."""
    define = f'rackcalc() {{ "{sys.executable}" -m rackcalc "$@"; }}\n'
    done = subprocess.run([name, "-c", "set -eu\n" + define + script], capture_output=True, check=True, env=CLEAN)
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize("name", SHELLS)
def test_variables_in_a_real_shell(name: str) -> None:
    script = """
        eval "$(rackcalc estimate rack-of-god --format env)"
        echo "$RACKCALC_NAME"; echo "$RACKCALC_LATENCY_P99 $RACKCALC_LATENCY_P99_UNIT"
        eval "$(rackcalc estimate rack-of-god --format env --get latency.p99 --unit ms --prefix MS_)"
        echo "$MS_LATENCY_P99 $MS_LATENCY_P99_UNIT $MS_LATENCY_P99_LOW $MS_LATENCY_P99_HIGH"
    """
    title, seconds, milliseconds = shell(name, script)
    report = strict(out("estimate", "rack-of-god", "--json"))
    figure = report["latency"]["p99"]
    assert title == report["name"]
    assert (float(seconds.split()[0]), seconds.split()[1]) == (pytest.approx(figure["value"]), "s")
    value, unit, low, high = milliseconds.split()
    assert unit == "ms"
    numbers = [float(value), float(low), float(high)]
    assert numbers == pytest.approx([1e3 * figure[key] for key in ("value", "low", "high")])


HOSTILE = 'it\'s $(touch oops) `touch oops`; \\ "x" & | > oops # !!'


@pytest.mark.parametrize("name", SHELLS)
def test_a_name_cannot_run_anything(name: str, tmp_path: Path) -> None:
    (tmp_path / "rack.yaml").write_text(line(name=HOSTILE))
    script = f'cd "{tmp_path}"; eval "$(rackcalc estimate rack.yaml --format env)"; printf %s "$RACKCALC_NAME"'
    assert "\n".join(shell(name, script)) == HOSTILE
    assert [path.name for path in tmp_path.iterdir()] == ["rack.yaml"]


def test_variables_are_every_figure_of_the_json() -> None:
    lines = out("estimate", "rack-of-god", "--format", "env", "--no-interval").splitlines()
    paths = [row["path"] for row in csv.DictReader(io.StringIO(out("estimate", "rack-of-god", "--format", "csv")))]
    assert len(lines) == 2 + 2 * len(paths)
    assert all(row.partition("=")[0].replace("_", "").isalnum() and row.startswith("RACKCALC_") for row in lines)
    names = [row.partition("=")[0] for row in lines]
    assert len(set(names)) == len(names)


def test_what_variables_cannot_say() -> None:
    several = run("estimate", "bert-a100", "bert-8xb200", "--format", "env")
    assert several.returncode == 2 and b"--prefix" in several.stderr
    assert run("estimate", "bert-a100", "--format", "env", "--prefix", "1; rm").returncode == 2
    price = "economics.price={a-b: 5 USD, a_b: 5 USD}"
    twice = run("estimate", "bert-a100", "--format", "env", "--set", price)
    assert twice.returncode == 2 and b"would both be RACKCALC_" in twice.stderr
    endless = out(
        "estimate", "rack-of-god", "--format", "env", "--get", "roi.payback", "--set", "latency_value.baseline=1 us"
    )
    assert endless.splitlines()[0] == "RACKCALC_ROI_PAYBACK=inf"


def test_variables_in_a_file_by_its_ending(tmp_path: Path) -> None:
    out("estimate", "bert-a100", "--get", "latency.p99", "-o", "rack.env", cwd=tmp_path)
    assert (tmp_path / "rack.env").read_text() == out("estimate", "bert-a100", "--format", "env")


# --- standard input and output by name ---------------------------------------------------------------


def test_a_dash_is_standard_input_or_output_wherever_a_file_may_stand(tmp_path: Path) -> None:
    data = RACK.read_bytes()
    named = out("estimate", "rack-of-god").replace("explain rack-of-god ", "explain RACK ")
    assert out("estimate", "-", "-o", "-", stdin=data, cwd=tmp_path) == named
    assert out("explain", "-", "latency.p99", stdin=data).startswith("latency.p99 is ")
    assert run("check", "-", "--fail-if", "latency.p99 > 1 ns", stdin=data).returncode == 3
    measured = "\n".join(Path("rackcalc/validation/measured/encoder.csv").read_text().splitlines()[:40]) + "\n"
    assert "encoder" in out("validate", "-", stdin=measured.encode())
    assert out("init", "-", "--from", "rack-of-god", cwd=tmp_path).endswith(data.decode())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["estimate", "-"],
        ["estimate", "-", "--format", "jsonl"],
        ["check", "-"],
        ["explain", "-", "latency.p99"],
    ],
    ids=" ".join,
)
def test_standard_input_has_a_name_in_messages(arguments: list[str]) -> None:
    done = run(*arguments, stdin=b"name: x\n\tsite: {}\n")
    assert done.returncode == 2 and done.stderr.startswith(b"<stdin>:2:1: not valid YAML: a tab")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rack-of-god"],
        ["explain", "rack-of-god", "latency.p99"],
        ["link", "nvlink5", "64 MiB"],
        ["init", "-"],
        ["validate", "--kind", "lpu"],
        ["--help"],
        ["--version"],
        ["--show-completion", "bash"],
    ],
    ids=" ".join,
)
def test_a_closed_pipe_ends_every_command_quietly(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "rackcalc", *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, env=CLEAN)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
