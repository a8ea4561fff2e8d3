"""The reference of figures: it knows every figure of every rack, says each thing once, and is what docs/ shows."""

import json
from functools import cache

import pytest
from documents import FIGURES, figures_page
from program import out, run

from rackcalc.config.racks import bundled_racks, load_text, scenario_names
from rackcalc.estimation.estimate import estimate
from rackcalc.estimation.figure_meanings import MEANINGS, fits, meaning_of
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError


@cache
def known_figures() -> dict[str, set[str]]:
    """Path -> units, of every figure of every bundled rack in every scenario and year."""
    found: dict[str, set[str]] = {}
    for path in bundled_racks().values():
        text = path.read_text(encoding="utf-8")
        for scenario in ("", *scenario_names(text, str(path))):
            try:
                report = estimate(load_text(text, str(path), scenario))
            except InputError:
                continue  # a scenario that shows a refusal
            for name, quantity in figures(report):
                found.setdefault(name, set()).add(quantity.unit)
    return found


def test_every_figure_has_exactly_one_meaning_with_its_unit() -> None:
    for path, units in known_figures().items():
        fitting = [known for known in MEANINGS if fits(known.pattern, path)]
        assert [known.pattern for known in fitting] and len(fitting) == 1, (path, [one.pattern for one in fitting])
        assert {fitting[0].unit} == units, path


def test_every_pattern_is_used_or_rare() -> None:
    paths = list(known_figures())
    for known in MEANINGS:
        used = any(fits(known.pattern, path) for path in paths)
        assert used != known.rare, f"{known.pattern}: used {used}, rare {known.rare}"


def test_a_path_needs_no_quotes_in_a_shell() -> None:
    assert not [path for path in known_figures() if set(path) & set(" ,'\"")]


def test_a_former_name_answers_with_the_present_one() -> None:
    done = run("estimate", "rack-of-god", "--scenario", "air-equipment", "--get", "plant.capex_terms.air handlers")
    assert done.returncode == 0 and b"is called plant.capex_terms.air_handlers now" in done.stderr


def test_a_meaning_is_one_sentence_and_no_pattern_stands_twice() -> None:
    patterns = [known.pattern for known in MEANINGS]
    assert len(set(patterns)) == len(patterns)
    for known in MEANINGS:
        assert known.meaning.endswith(".") and ". " not in known.meaning and len(known.meaning) < 150, known
        assert known.better in ("lower", "higher", "")


def test_the_document_is_what_the_command_knows() -> None:
    assert FIGURES.read_text(encoding="utf-8") == figures_page()
    told = json.loads(out("figures", "--json"))
    assert [one["path"] for one in told] == [known.pattern for known in MEANINGS]
    for one in told:
        assert f"| `{one['path']}` | {one['meaning']} | {one['unit']} | {one['better'] or ''} |" in figures_page()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("latency.p99", ["latency.p99"]),
        ("link.gpu-lpu.time", ["link.*.time"]),
        ("carbon.*", ["carbon.rate", "carbon.per_request", "carbon.per_token"]),
        ("tokens_per", [f"throughput.tokens_per_{of}" for of in ("gpu", "user")] + ["details.tokens_per_round"]),
    ],
)
def test_figures_are_found_by_path_pattern_and_part_of_a_name(asked: str, expected: list[str]) -> None:
    told = [one["path"] for one in json.loads(out("figures", asked, "--json"))]
    assert told[: len(expected)] == expected
    assert expected[0] in out("figures", asked)


def test_cost_per_token_says_of_which_tokens() -> None:
    for name, word in (("input", "prompts"), ("output", "answers"), ("total", "all tokens")):
        known = meaning_of(f"cost.per_million_{name}_tokens")
        assert known is not None and word in known.meaning


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "bert-a100", "p99"),
        ("estimate", "bert-a100", "--get", "p99"),
        ("check", "bert-a100", "--fail-if", "p99 > 2 ms"),
        ("compare", "bert-a100", "bert-8xb200", "--path", "p99"),
    ],
)
def test_an_unknown_figure_is_suggested_by_its_last_name(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2 and b"did you mean latency.p99" in done.stderr, done.stderr


def test_an_unknown_figure_is_an_error() -> None:
    done = run("figures", "latencyy.p99")
    assert done.returncode == 2 and b"latency.p99" in done.stderr and b"Traceback" not in done.stderr


def test_the_schema_says_what_a_figure_means() -> None:
    schema = json.loads(out("schema", "estimate"))
    assert "99 % of the requests" in schema["$defs"]["Latency"]["properties"]["p99"]["description"]
