"""A figure that got another name still answers to the former one wherever a name can be typed, and says the new one."""

import json
import warnings
from pathlib import Path

import pytest
from program import run

import rackcalc
from rackcalc.estimation.figure_meanings import MEANINGS, meaning_of
from rackcalc.quantities.former_names import RENAMED, FormerNameWarning, renamed

RACK, THEN, NOW = "air-limit", "thermal.throttle.gpu", "thermal.clock_share.gpu"
SAID = f"note: {THEN} is called {NOW} now\n".encode()
ALTITUDES = ("--vary", "site.altitude=0,2000 m")

TYPED = [
    ("estimate", RACK, "--get", THEN),
    ("estimate", RACK, "--get", f"{THEN}:%", "--labels"),
    ("estimate", RACK, "--format", "json", "--get", THEN),
    ("explain", RACK, THEN),
    ("check", RACK, "--fail-if", f"{THEN} < 0.5"),
    ("compare", RACK, "bert-a100", "--path", THEN),
    ("sweep", RACK, *ALTITUDES, "--get", THEN),
    ("sweep", RACK, *ALTITUDES, "--where", f"{THEN} > 0.5"),
    ("sweep", RACK, *ALTITUDES, "--by", f"-{THEN}"),
    ("sweep", RACK, *ALTITUDES, "--pareto", f"-{THEN},cost.tco"),
    ("solve", RACK, *ALTITUDES, "--so-that", f"{THEN} > 0.5", "--maximise", THEN),
    ("uncertainty", RACK, THEN, "--samples", "16"),
    ("figures", THEN),
]


@pytest.mark.parametrize("arguments", TYPED, ids=" ".join)
def test_the_former_name_answers_as_the_present_one_with_one_note(arguments: tuple[str, ...]) -> None:
    then = run(*arguments)
    now = run(*(word.replace(THEN, NOW) for word in arguments))
    assert (then.returncode, then.stdout) == (now.returncode, now.stdout)
    assert then.stderr.count(SAID) == 1 and SAID not in now.stderr


def test_gates_and_claims_of_a_file_may_use_it(tmp_path: Path) -> None:
    text = run("estimate", RACK, "--json").stdout  # a former estimate, as older releases wrote it
    document = json.loads(text)
    document["thermal"]["throttle"] = document["thermal"].pop("clock_share")
    (tmp_path / "former.json").write_text(json.dumps(document))
    rack = (Path(__file__).parent.parent / "configs" / f"{RACK}.yaml").read_text()
    assert NOW in rack
    claims = f"\nclaims:\n  - {{says: it throttles, expect: {THEN} < 1}}\n"
    (tmp_path / "rack.yaml").write_text(rack.replace(NOW, THEN) + claims)
    gates = run("check", "rack.yaml", "--fail-if", f"delta({THEN}) < -0.1", "--baseline", "former.json", cwd=tmp_path)
    assert SAID in gates.stderr and f"delta({NOW}) = 0".encode() in gates.stdout
    judged = run("claims", "rack.yaml", cwd=tmp_path)
    assert judged.returncode == 0 and SAID in judged.stderr and b"holds" in judged.stdout


def test_the_api_warns_and_answers() -> None:
    rack = rackcalc.estimate("rack-of-god")
    pool = next(iter(rack.thermal.clock_share))
    with pytest.warns(FormerNameWarning, match=r"thermal\.clock_share"):
        assert rack.thermal.throttle[pool].value == rack.thermal.clock_share[pool].value
    with pytest.warns(FormerNameWarning, match=r"value\.outside_range"):
        assert rack["value.excess"].value == rack.value.outside_range.value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rack.value.gain.value


def test_no_figure_has_a_former_name_and_every_present_one_has_a_meaning() -> None:
    assert not [known.pattern for known in MEANINGS if renamed(known.pattern) != known.pattern]
    for now in RENAMED.values():
        assert meaning_of(now) or meaning_of(f"{now}.gpu"), now
    assert not any(" " in known.pattern for known in MEANINGS)


CLOSED = ("llama70b-8xh100", "--set", "workload.concurrency=64")
CAPACITY, SERVED = "throughput.capacity", "throughput.at_concurrency"
SAME = f"note: {CAPACITY} is called {SERVED} where workload.concurrency is stated\n".encode()


@pytest.mark.parametrize(
    "arguments",
    [
        ("estimate", *CLOSED, "--get", CAPACITY, "--labels"),
        ("estimate", *CLOSED, "--get", CAPACITY, "--format", "csv"),
        ("estimate", *CLOSED, "--get", CAPACITY, "--format", "json", "--no-interval"),
        ("estimate", *CLOSED, "--get", CAPACITY, "--format", "env"),
        ("explain", *CLOSED, CAPACITY),
        ("check", *CLOSED, "--fail-if", f"{CAPACITY} < 1 request/s"),
        ("uncertainty", *CLOSED, CAPACITY, "--samples", "16"),
        ("compare", *CLOSED, "--scenario", "tp4", "--path", CAPACITY),
        ("sweep", CLOSED[0], "--vary", "workload.concurrency=16,64", "--by", f"-{CAPACITY}", "--get", CAPACITY),
        ("sweep", CLOSED[0], "--vary", "workload.concurrency=16,64", "--where", f"{CAPACITY} > 5 request/s"),
        ("solve", CLOSED[0], "--vary", "workload.concurrency=1..64", "--so-that", f"{CAPACITY} > 5 request/s"),
    ],
    ids=" ".join,
)
def test_the_capacity_of_clients_is_the_rate_that_they_bring_about(arguments: tuple[str, ...]) -> None:
    """In a closed loop the former name stood for the rate of the clients: the same number, told under its new name."""
    then, now = run(*arguments), run(*(word.replace(CAPACITY, SERVED) for word in arguments))
    assert (then.returncode, then.stdout) == (now.returncode, now.stdout) and now.returncode == 0
    assert then.stderr.count(SAME) == 1 and SAME not in now.stderr


def test_the_capacity_of_clients_in_claims_and_in_the_api(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "configs" / f"{CLOSED[0]}.yaml").read_text()
    claims = f"\nclaims:\n  - {{says: it is quick, expect: '{CAPACITY} > 5 request/s'}}\n"
    (tmp_path / "rack.yaml").write_text(text + claims)
    judged = run("claims", "rack.yaml", *CLOSED[1:], cwd=tmp_path)
    assert SAME in judged.stderr and b"holds" in judged.stdout
    rack = rackcalc.estimate(rackcalc.load(CLOSED[0], sets={"workload.concurrency": 64}))
    for asked in (lambda: rack[CAPACITY], lambda: rack.throughput.capacity):
        with pytest.warns(FormerNameWarning, match="at_concurrency"):
            assert asked().value == rack.throughput.at_concurrency.value


def test_a_rack_with_a_rate_keeps_its_capacity() -> None:
    done = run("estimate", "llama70b-8xh100", "--get", CAPACITY)
    assert done.returncode == 0 and not done.stderr
    wrong = run("estimate", "llama70b-8xh100", "--get", SERVED)
    assert wrong.returncode == 2


def test_what_all_tokens_earn_is_refused_where_it_is_another_quantity_than_what_answers_earn() -> None:
    rack, then = "llama70b-8xh100", "roi.value_terms.tokens"
    both = run("estimate", rack, "--get", then)
    assert both.returncode == 2 and b"it was what all tokens earn; write roi.value_terms.output_tokens" in both.stderr
    one = "--set", "economics.token_prices={output: 2 USD/Mtoken}"
    alone, now = (run("estimate", rack, *one, "--get", path) for path in (then, "roi.value_terms.output_tokens"))
    assert alone.returncode == 0 and alone.stdout == now.stdout and b"is called" in alone.stderr


def test_a_number_of_clients_has_a_rate_and_no_capacity() -> None:
    clients = ("llama70b-8xh100", "--set", "workload.concurrency=64")
    figures = json.loads(run("estimate", *clients, "--json", "--no-interval").stdout)
    assert "capacity" not in figures["throughput"]
    rate, time = (figures[a][b]["value"] for a, b in (("throughput", "at_concurrency"), ("latency", "mean")))
    assert rate * time == pytest.approx(64, rel=0.01)  # Little's law
    rates = json.loads(run("estimate", "llama70b-8xh100", "--json", "--no-interval").stdout)
    assert "at_concurrency" not in rates["throughput"] and rates["throughput"]["capacity"]["value"] > 0
