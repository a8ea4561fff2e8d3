"""The command line as a user meets it: real processes, their exit codes, what they print, the files they leave."""

import csv
import importlib.metadata
import io
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from program import CLEAN, RACK, out, run, strict

from rackcalc.cli.command_names import COMMANDS
from rackcalc.config.catalog_files import sources
from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures
from rackcalc.questions.explain import as_data, source_of
from rackcalc.questions.rack_file import load
from rackcalc.render.json_data import json_text

ESCAPE = b"\x1b"
MODELINE = "# yaml-language-server: $schema=rack.schema.json\n"


# --- the commands ------------------------------------------------------------------------------------


def test_estimate_says_what_matters() -> None:
    text = out("estimate", "rack-of-god", "--format", "table")
    for section in ("Latency", "Throughput", "Links", "Memory", "Power", "Heat", "Cost", "Return"):
        assert any(line.startswith(section) for line in text.splitlines()), section
    assert "note: " in text and "latency.p99" in text


def test_estimate_by_name_by_path_and_by_pipe_agree(tmp_path: Path) -> None:
    by_name = out("estimate", "rack-of-god", "--json")
    assert out("estimate", str(RACK), "--json") == by_name
    assert out("estimate", "-", "--json", stdin=RACK.read_bytes()) == by_name


@pytest.mark.parametrize("arguments", [["estimate", "rack-of-god"], ["explain", "rack-of-god", "latency.p99"]])
@pytest.mark.parametrize("format_", [[], ["--json"]])
def test_the_same_input_gives_the_same_bytes(arguments: list[str], format_: list[str]) -> None:
    first = out(*arguments, *format_, PYTHONHASHSEED="1")
    assert first == out(*arguments, *format_, PYTHONHASHSEED="2")


def test_link() -> None:
    text = out("link", "nvlink5", "64 MiB")
    assert text.startswith("64 MiB over nvlink5\n") and "zero_copy" in text
    data = strict(out("link", "nvlink5", "64 MiB", "--json"))
    assert data["time"]["unit"] == "s" and data["time"]["value"] > 64 * 2**20 / 900e9, "no faster than 900 GB/s"
    busy = strict(out("link", "nvlink5", "64 MiB", "--other-load", "50 percent", "--hops", "2", "--json"))
    assert busy["time"]["value"] > data["time"]["value"]
    assert "source: " in out("link", "nvlink5", "64 MiB", "--explain")


def test_parts() -> None:
    assert "gpus: " in out("parts")
    assert any(line.startswith("b200-sxm ") for line in out("parts", "gpus").splitlines())
    part = out("parts", "gpus", "b200-sxm")
    assert "memory_bandwidth" in part and "https://" in part
    data = strict(out("parts", "gpus", "b200-sxm", "--json"))
    assert data["memory"]["unit"] == "B" and data["memory"]["source"] in sources()
    assert "b200-sxm" in strict(out("parts", "gpus", "--json"))


def test_schema() -> None:
    schema = strict(out("schema"))
    assert schema["$schema"].startswith("https://json-schema.org/") and "workload" in schema["properties"]


def test_racks_lists_those_that_come_with_the_program() -> None:
    assert set(strict(out("racks", "--json"))) == set(bundled_racks())
    lines = out("racks").splitlines()
    assert [line.split()[0] for line in lines] == sorted(bundled_racks()) and "8 x H100" in "".join(lines)


def test_init_writes_a_rack_that_works_and_never_over_another(tmp_path: Path) -> None:
    done = run("init", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"") and b"rackcalc estimate rack.yaml" in done.stderr
    text = (tmp_path / "rack.yaml").read_text()
    assert text.startswith(MODELINE) and text.count("\n") < 20
    assert strict((tmp_path / "rack.schema.json").read_text()) == strict(out("schema"))
    assert out("estimate", "rack.yaml", "--get", "latency.p99", cwd=tmp_path)
    assert run("init", cwd=tmp_path).returncode == 2
    other = out("init", "-", "--from", "llama70b-8xh100", cwd=tmp_path)
    assert other == MODELINE + bundled_racks()["llama70b-8xh100"].read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rack.schema.json", "rack.yaml"]


@pytest.mark.parametrize(
    "options",
    [
        ["--gpu", "h100-sxm", "--count", "8", "--model", "qwen3-32b", "--engine", "vllm", "--concurrency", "64"],
        ["--gpu", "h100-sxm", "--count", "8", "--model", "qwen3-32b", "--rate", "8 request/s"],
        ["--gpu", "a100-sxm-80gb", "--count", "4", "--model", "llama-3.1-70b", "--engine", "sglang"],
        [
            "--gpu",
            "b200-sxm",
            "--count",
            "8",
            "--model",
            "deepseek-v3",
            "--engine",
            "tensorrt-llm",
            "--rate",
            "2 request/s",
        ],
    ],
)
def test_init_writes_the_rack_that_is_asked_for(options: list[str], tmp_path: Path) -> None:
    assert run("init", *options, cwd=tmp_path).returncode == 0
    found = strict(out("estimate", "rack.yaml", "--json", cwd=tmp_path))
    assert found["memory"]["gpu"]["free"]["value"] > 0 and found["latency"]["ttft"]["value"] > 0
    count = options[options.index("--count") + 1]
    assert found["subject"].startswith(f"{count} x ")


@pytest.mark.parametrize("load", [["--rate", "8 request/s"], ["--concurrency", "64"]])
def test_a_first_rack_with_room_keeps_its_own_limits(load: list[str], tmp_path: Path) -> None:
    asked = "--gpu", "h100-sxm", "--count", "8", "--model", "qwen3-32b", *load
    assert run("init", *asked, cwd=tmp_path).returncode == 0
    assert run("check", "rack.yaml", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--gpu", "h10000"], b'no GPU is called "h10000"'),
        (["--model", "llama-3.1-405b"], b"does not fit"),
        (["--concurrency", "4", "--rate", "1/s"], b"two loads"),
        (["--input", "many"], b"expected"),
    ],
)
def test_init_refuses_what_cannot_be_computed(options: list[str], said: bytes, tmp_path: Path) -> None:
    done = run("init", *options, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and not list(tmp_path.iterdir())


def test_init_without_a_schema_and_beside_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "rack.schema.json").write_text("mine")
    assert run("init", "a.yaml", cwd=tmp_path).returncode == 0
    text = (tmp_path / "a.yaml").read_text()
    assert (tmp_path / "rack.schema.json").read_text() == "mine"
    (tmp_path / "b").mkdir()
    assert run("init", "b/rack.yaml", "--no-schema", cwd=tmp_path).returncode == 0
    assert (tmp_path / "b" / "rack.yaml").read_text() == text.removeprefix(MODELINE)
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["rack.yaml"]


def test_version_is_that_of_the_installed_package() -> None:
    assert out("--version") == f"rackcalc {importlib.metadata.version('rackcalc')}\n"


def commands() -> list[str]:
    return list(COMMANDS)


@pytest.mark.parametrize("command", commands())
def test_help_of_every_command(command: str) -> None:
    text = out(command, "--help")
    assert text.startswith(f"Usage: python -m rackcalc {command}") and "-h, --help" in text
    assert text == out(command, "-h")


def test_help_names_every_command() -> None:
    text = out("--help")
    assert all(f"  {command} " in text for command in commands())


# --- exit codes --------------------------------------------------------------------------------------


def test_a_failing_gate_is_3_and_a_usage_error_2() -> None:
    assert run("check", "rack-of-god", "--fail-if", "latency.p99 > 1 ns").returncode == 3
    assert run("check", "rack-of-god", "--fail-if", "latency.p99 > 1 ns", "--exit-zero").returncode == 0
    assert run("estimate", "no-such-rack").returncode == 2
    assert run("nonsense").returncode == 2
    assert run().returncode == 2


def test_a_file_that_cannot_be_written_is_1_and_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "taken.json").mkdir()
    for name in ("no/such/folder/report.json", "taken.json", "x" * 300 + ".json"):
        done = run("estimate", "rack-of-god", "--get", "latency.p99", "-o", name, cwd=tmp_path)
        assert done.returncode == 1 and done.stderr.startswith(f"{name}: ".encode()), done.stderr
        assert b"Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["taken.json"]
    assert list((tmp_path / "taken.json").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is hard to find elsewhere")
def test_a_full_disk_is_1() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rackcalc", "estimate", "rack-of-god"],
            stdout=full, stderr=subprocess.PIPE, check=False, env=CLEAN,
        )  # fmt: skip
    assert done.returncode == 1 and done.stderr == b"output: no space left on device\n"


@pytest.mark.parametrize("arguments", [["schema"], ["estimate", "rack-of-god", "--json"], ["parts"]])
def test_a_closed_pipe_ends_quietly_with_141(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "rackcalc", *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, env=CLEAN)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_head_gets_its_line_and_no_complaint() -> None:
    line = f"set -o pipefail; '{sys.executable}' -m rackcalc schema | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False, env=CLEAN)
    assert done.stdout == b"{\n" and done.stderr == b"" and done.returncode in (0, 141)


def test_ctrl_c_is_130_without_a_traceback() -> None:
    command = [sys.executable, "-m", "rackcalc", "estimate", "-"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN
    )
    wait_until_it_reads(process.pid)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130 and stdout == b"" and b"Traceback" not in stderr


def wait_until_it_reads(pid: int) -> None:
    """Until the process sleeps in a read of its standard input; a second is enough where that cannot be seen."""
    for _ in range(200):
        time.sleep(0.05)
        try:
            if Path(f"/proc/{pid}/wchan").read_text() in ("pipe_read", "anon_pipe_read"):
                return
        except OSError:
            break
    time.sleep(1)


def test_closed_streams() -> None:
    python = f"'{sys.executable}' -m rackcalc"
    for line, code in (
        (f"{python} estimate rack-of-god >&-", 1),
        (f"{python} estimate - <&-", 2),
        (f"{python} estimate no-such-rack 2>&-", 2),
        (f"{python} estimate rack-of-god --get latency.p99 2>&-", 0),
        (f"{python} estimate no-such-rack 2>/dev/full", 2),
    ):
        done = subprocess.run(["bash", "-c", line], capture_output=True, check=False, env=CLEAN)
        assert done.returncode == code and b"Traceback" not in done.stderr, line
        assert bool(done.stdout) == (code == 0)


# --- problems for machines ---------------------------------------------------------------------------

BROKEN = "name: broken\nwrkload: {}\nmodel: bert-larg\naccelerators: {gpu: {part: b200-sxm, count: -8}}\n"


def refused(directory: Path, *arguments: str) -> str:
    (directory / "100%, a:b.yaml").write_text(BROKEN)
    done = run("estimate", "100%, a:b.yaml", *arguments, cwd=directory)
    assert (done.returncode, done.stdout) == (2, b"")
    return done.stderr.decode()


def test_problems_as_text_end_with_their_number(tmp_path: Path) -> None:
    lines = refused(tmp_path).splitlines()
    assert lines[-1] == f"{len(lines) - 1} problems"
    assert lines[0].startswith("100%, a:b.yaml:1:1: ")


def test_problems_as_json(tmp_path: Path) -> None:
    found = strict(refused(tmp_path, "--error-format", "json"))
    assert len(found) == len(refused(tmp_path).splitlines()) - 1
    unknown = next(problem for problem in found if problem["path"] == "wrkload")
    assert unknown["message"] == "unknown key; did you mean workload?"
    assert (unknown["file"], unknown["line"], unknown["column"]) == ("100%, a:b.yaml", 2, 1)


def test_problems_as_github_annotations(tmp_path: Path) -> None:
    lines = refused(tmp_path, "--error-format", "github").splitlines()
    expected = "::error file=100%25%2C a%3Ab.yaml,line=2,col=1::wrkload: unknown key; did you mean workload?"
    assert expected in lines
    option = run("estimate", "rack-of-god", "--set", "x", "--error-format", "github").stderr.decode()
    assert option.startswith("::error::--set: expected PATH=VALUE")


def test_a_name_cannot_forge_a_message_or_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "rack.yaml").write_text('name: "a\\nb"\n"\\e[31mkey\\n::error::forged": 1\n')
    for format_ in ("text", "github"):
        done = run("estimate", "rack.yaml", "--error-format", format_, cwd=tmp_path)
        assert done.returncode == 2 and ESCAPE not in done.stderr
        assert not any(line.startswith(b"::error::forged") for line in done.stderr.splitlines())


# --- formats -----------------------------------------------------------------------------------------


def leaves(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "unit" in node:
            yield node
        for child in node.values():
            yield from leaves(child)
    elif isinstance(node, list):
        for child in node:
            yield from leaves(child)


def test_json() -> None:
    data = strict(out("estimate", "rack-of-god", "--json"))
    assert data["schema"] == "rackcalc.estimate/1" and data["name"].startswith("Rack of God")
    assert data["latency"]["p99"]["unit"] == "s" and data["latency"]["p99"]["kind"] == "hypothetical"
    found = list(leaves(data))
    assert len(found) > 80
    for leaf in found:
        assert isinstance(leaf["value"], float) or (leaf["value"] is None and leaf["reason"])
    assert out("estimate", "rack-of-god", "--format", "json") == out("estimate", "rack-of-god", "--json")


def test_what_never_ends_is_null_in_json_with_a_reason() -> None:
    worthless = ["--set", "latency_value.baseline=1 us"]
    data = strict(out("estimate", "rack-of-god", "--json", *worthless))
    assert data["roi"]["payback"]["value"] is None and data["roi"]["payback"]["reason"] == "unbounded"
    assert data["roi"]["irr"]["value"] is None and data["roi"]["irr"]["reason"] == "not a number"
    assert out("estimate", "rack-of-god", "--get", "roi.payback", *worthless) == "inf\n"
    done = run("check", "rack-of-god", "--json", "--fail-if", "roi.payback > 1 year", *worthless)
    gate = strict(done.stdout.decode())["gates"][-1]
    assert done.returncode == 3 and gate["status"] == "fail" and gate["actual"] is None


def test_several_racks_and_scenarios() -> None:
    assert len(strict(out("estimate", "rack-of-god", "llama70b-8xh100", "--json"))) == 2
    lines = out("estimate", "rack-of-god", "llama70b-8xh100", "--format", "jsonl").splitlines()
    assert [strict(line)["name"] for line in lines] == [
        strict(out("estimate", name, "--json"))["name"] for name in ("rack-of-god", "llama70b-8xh100")
    ]
    options = ["--scenario", "gpu-only", "--scenario", "nvlink6"]
    piped = strict(out("estimate", "-", "--json", *options, stdin=RACK.read_bytes()))
    assert [report["scenario"] for report in piped] == ["gpu-only", "nvlink6"], "standard input is read once for both"
    table = out("estimate", "rack-of-god", *options)
    assert "gpu-only" in table and "nvlink6" in table


def test_csv_has_every_figure_of_the_json() -> None:
    rows = list(csv.DictReader(io.StringIO(out("estimate", "rack-of-god", "--format", "csv"))))
    assert {row["rack"] for row in rows} == {strict(out("estimate", "rack-of-god", "--json"))["name"]}
    data = strict(out("estimate", "rack-of-god", "--json"))
    for row in rows:
        leaf: Any = data
        for step in split(row["path"], data):
            leaf = leaf[step]
        assert (leaf["unit"], leaf["kind"]) == (row["unit"], row["kind"])
        assert leaf["value"] is None or leaf["value"] == float(row["value"])
    assert len(rows) == len(list(leaves(data)))


def split(path: str, data: Any) -> list[str]:
    """The steps of a dotted path through nested mappings whose keys may hold dots."""
    if not path:
        return []
    for key in data:
        if path == key or path.startswith(key + "."):
            return [key, *split(path[len(key) + 1 :], data[key])]
    pytest.fail(f"no {path}")


def test_markdown_tables_are_well_formed() -> None:
    text = out("estimate", "rack-of-god", "llama70b-8xh100", "--format", "markdown", "--set", "name=a|b")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) > 30
    for line in tables:
        assert line.endswith("|") and line.replace("\\|", "").count("|") == 5
    assert "a\\|b" in text


def test_reports_in_files_by_their_endings(tmp_path: Path) -> None:
    names = ["a.json", "b.CSV", "c.md", "d.jsonl", "e.txt"]
    table = out("estimate", "rack-of-god", *(word for name in names for word in ("-o", name)), cwd=tmp_path)
    assert table == out("estimate", "rack-of-god")
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert (tmp_path / "a.json").read_text() == out("estimate", "rack-of-god", "--json")
    assert (tmp_path / "b.CSV").read_text() == out("estimate", "rack-of-god", "--format", "csv")
    assert (tmp_path / "c.md").read_text() == out("estimate", "rack-of-god", "--format", "markdown")
    assert (tmp_path / "d.jsonl").read_text() == out("estimate", "rack-of-god", "--format", "jsonl")
    assert (tmp_path / "e.txt").read_text().startswith("Rack of God")


def test_a_report_replaces_a_file_but_not_a_link_or_its_permissions(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    link.symlink_to(real)
    previous = os.umask(0o027)
    try:
        out("estimate", "rack-of-god", "-o", str(link), "--get", "latency.p99")
    finally:
        os.umask(previous)
    assert link.is_symlink() and strict(real.read_text())["name"]
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_report_goes_through_a_named_pipe(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.json"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE)
    out("estimate", "rack-of-god", "-o", str(fifo), "--get", "latency.p99")
    assert strict(reader.communicate(timeout=30)[0].decode())["name"] and fifo.is_fifo()


def test_a_refused_rack_leaves_the_old_report(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old")
    done = run("estimate", "rack-of-god", "--set", "workload.batch=0", "-o", "report.json", cwd=tmp_path)
    assert done.returncode == 2 and (tmp_path / "report.json").read_text() == "old"


def test_get_is_a_bare_number_in_the_unit_asked_for() -> None:
    seconds = float(out("estimate", "rack-of-god", "--get", "latency.p99"))
    assert float(out("estimate", "rack-of-god", "--get", "latency.p99", "--unit", "us")) == pytest.approx(seconds * 1e6)
    both = out("estimate", "rack-of-god", "--get", "latency.p99", "--get", "latency.p50").splitlines()
    assert float(both[0]) == seconds and len(both) == 2
    celsius = float(out("estimate", "rack-of-god", "--get", "thermal.outlet"))
    assert float(out("estimate", "rack-of-god", "--get", "thermal.outlet", "--unit", "K")) == pytest.approx(
        celsius + 273.15
    )
    rise = out("estimate", "rack-of-god", "--get", "thermal.headroom.gpu")
    assert out("estimate", "rack-of-god", "--get", "thermal.headroom.gpu", "--unit", "degC") == rise, "a difference"
    assert len(out("estimate", "rack-of-god", "llama70b-8xh100", "--get", "latency.p99").splitlines()) == 2


def test_get_answers_in_the_unit_that_the_name_says() -> None:
    """By hand from the canonical values: 1e6 token, 3600 s, 273.15 K, a year of 365.25 days."""
    wanted = (
        "cost.per_million_output_tokens",
        "cost.per_hour",
        "thermal.outlet",
        "roi.irr",
        "cost.opex",
        "latency.tpot",
    )
    asked = [word for path in wanted for word in ("--get", path)]
    million, hour, outlet, irr, opex, tpot = map(float, out("estimate", "llama70b-8xh100", *asked).split())
    figures = strict(out("estimate", "llama70b-8xh100", "--json"))
    year = 365.25 * 86400
    assert million == pytest.approx(figures["cost"]["per_million_output_tokens"]["value"] * 1e6)
    assert hour == pytest.approx(figures["cost"]["per_hour"]["value"] * 3600)
    assert outlet == pytest.approx(figures["thermal"]["outlet"]["value"] - 273.15)
    assert irr == pytest.approx(figures["roi"]["irr"]["value"] * year * 100, rel=2e-3)
    assert opex == pytest.approx(figures["cost"]["opex"]["value"] * year, rel=2e-3)
    assert tpot == pytest.approx(figures["latency"]["tpot"]["value"])


def test_only_times_may_leave_out_what_they_are_per() -> None:
    """USD for a price per token would be off by a million, beside the number without --unit."""
    done = run("estimate", "llama70b-8xh100", "--get", "cost.per_million_output_tokens", "--unit", "USD")
    assert done.returncode == 2 and b"price per token" in done.stderr


def test_a_unit_for_each_dimension() -> None:
    asked = ["--get", "latency.ttft", "--get", "latency.tpot", "--get", "cost.tco"]
    seconds, token, dollars = map(float, out("estimate", "llama70b-8xh100", *asked).split())
    converted = out("estimate", "llama70b-8xh100", *asked, "--unit", "ms", "--unit", "kUSD").split()
    assert list(map(float, converted)) == pytest.approx([seconds * 1e3, token * 1e3, dollars / 1e3])
    for unit in ("ms", "nonsense", "USD/Mtoken"):
        for form in ("table", "env"):
            done = run("estimate", "llama70b-8xh100", *asked, "--unit", unit, "--format", form)
            assert done.returncode == 2 and not done.stdout and b"--unit: " in done.stderr


# --- terminals ---------------------------------------------------------------------------------------


def test_no_colour_and_no_cut_when_piped() -> None:
    wide = out("estimate", "rack-of-god", "--all")
    assert "\x1b" not in wide and "…" not in wide
    assert out("estimate", "rack-of-god", "--all", COLUMNS="40", TERM="xterm-256color") == wide


def test_who_wants_colour_gets_it_and_who_does_not_does_not() -> None:
    plain = out("estimate", "rack-of-god")
    for done in (out("estimate", "rack-of-god", FORCE_COLOR="1"), out("estimate", "rack-of-god", "--color")):
        assert "\x1b[1m" in done
        assert [line.rstrip() for line in without_escapes(done).splitlines()] == plain.splitlines()
    assert out("estimate", "rack-of-god", FORCE_COLOR="1", NO_COLOR="1") == plain
    assert out("estimate", "rack-of-god", "--no-color", FORCE_COLOR="1") == plain
    assert "\x1b" not in out("estimate", "rack-of-god", "--json", FORCE_COLOR="1")


def without_escapes(text: str) -> str:
    parts = text.split("\x1b[")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])


def on_terminal(*arguments: str, **environment: str) -> bytes:
    """What a terminal of 80 columns shows."""
    main, side = pty.openpty()
    command = [sys.executable, "-m", "rackcalc", *arguments]
    process = subprocess.Popen(
        command, stdin=side, stdout=side, stderr=side, env=CLEAN | {"COLUMNS": "80"} | environment
    )
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
    assert process.wait(timeout=30) == 0
    return shown


def test_claims_read_in_a_narrow_terminal() -> None:
    lines = on_terminal("claims", "rack-of-god", TERM="dumb").decode().splitlines()
    assert max(map(len, lines)) <= 80 and any(line.startswith("claimed too ") for line in lines)
    assert len(lines) < 50, "one screen of 80 by 50, with the prompt"
    assert max(map(len, out("claims", "rack-of-god", "--all").splitlines())) > 120, "a pipe has full width"


def test_a_terminal_gets_colour_unless_it_is_dumb_or_the_user_objects() -> None:
    assert ESCAPE in on_terminal("estimate", "rack-of-god", TERM="xterm")
    assert ESCAPE not in on_terminal("estimate", "rack-of-god", TERM="dumb")
    assert ESCAPE not in on_terminal("estimate", "rack-of-god", TERM="xterm", NO_COLOR="1")
    assert ESCAPE not in on_terminal("estimate", "rack-of-god", "--json", TERM="xterm")


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_terminal_that_is_not_utf8(environment: dict[str, str], tmp_path: Path) -> None:
    text = RACK.read_text(encoding="utf-8").replace("name: Rack of God", "name: Gestell für µs, Rack of God")
    (tmp_path / "rack.yaml").write_text(text, encoding="utf-8")
    assert out("estimate", "rack.yaml", cwd=tmp_path, **environment).startswith("Gestell f\\xfcr \\xb5s")
    assert strict(out("estimate", "rack.yaml", "--json", cwd=tmp_path, **environment))["name"].startswith(
        "Gestell für µ"
    )
    (tmp_path / "rack.yaml").write_text(text.replace("128 token", "1 µ€"), encoding="utf-8")
    wrong = run("estimate", "rack.yaml", cwd=tmp_path, **environment)
    assert wrong.returncode == 2 and b"write USD" in wrong.stderr and b"Traceback" not in wrong.stderr


def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.yaml")
    try:
        (tmp_path / name).write_bytes(RACK.read_bytes())
    except OSError:
        pytest.skip("this file system knows UTF-8 names only")
    assert out("estimate", name, "--get", "latency.p99", cwd=tmp_path)
    (tmp_path / name).write_text("name: x\n")
    done = run("estimate", name, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith(b"caf\\351.yaml:1:1: ")


# --- explanations ------------------------------------------------------------------------------------

EXPLAINED = [
    ("rack-of-god", "latency.p99"),
    ("rack-of-god", "cost.per_million_requests"),
    ("rack-of-god", "thermal.outlet"),
    ("rack-of-god", "roi.payback"),
    ("llama70b-8xh100", "cost.per_million_output_tokens"),
]


@pytest.mark.parametrize(("rack", "path"), EXPLAINED)
def test_an_explanation_leads_to_sources_without_a_gap(rack: str, path: str) -> None:
    data = strict(out("explain", rack, path, "--json"))
    nodes = data["nodes"]
    assert [node["id"] for node in nodes] == list(range(len(nodes)))
    inputs = {number for node in nodes for number in node.get("inputs", {}).values()}
    assert inputs == set(range(1, len(nodes))), "every node but the figure is an input of some node"
    leaves = [node for node in nodes if "formula" not in node]
    assert len(leaves) > 20
    for node in nodes:
        assert node["kind"]
        if "formula" in node:
            assert data["formulas"][node["formula"]]["cite"]
        elif "source" in node:
            assert data["sources"][node["source"]], f"{node['name']}: no such source as {node['source']}"
        else:
            assert "note" in node or "line" in node or node["file"] == "--set", f"{node['name']} has no source"
    figure = float(out("estimate", rack, "--get", path, "--unit", nodes[0]["unit"]))
    assert figure == pytest.approx(nodes[0]["value"], rel=1e-11)


@pytest.mark.parametrize("rack", sorted(bundled_racks()))
def test_an_explanation_as_json_has_every_quantity_once(rack: str) -> None:
    report = estimate(load(rack))
    for path in ("latency.p99", "cost.per_hour", "roi.npv"):
        if path not in dict(figures(report)):
            continue
        data = as_data(report, path)
        assert len(json_text(data)) < 1_000_000
        seen: set[int] = set()
        waiting = [source_of(dict(figures(report))[path])]
        while waiting:
            quantity = waiting.pop()
            if id(quantity) not in seen:
                seen.add(id(quantity))
                waiting += map(source_of, quantity.inputs.values())
        assert len(data["nodes"]) == len(seen)


@pytest.mark.parametrize(("rack", "path"), EXPLAINED)
def test_an_explanation_in_words(rack: str, path: str) -> None:
    text = out("explain", rack, path)
    assert text.startswith(f"{path} is ") and f"\n{path} = " in text and "source: " in text
    assert "[no source]" not in text and " = nan" not in text
    short = out("explain", rack, path, "--depth", "1")
    assert len(short) < len(text) and text.startswith(short.splitlines()[0])


def test_an_explanation_names_the_option_that_set_a_value() -> None:
    assert "[given; --set]" in out(
        "explain", "rack-of-god", "power.it", "--depth", "99", "--set", "accelerators.gpu.part.tdp=700 W"
    )
