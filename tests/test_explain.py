"""rackcalc explain: a sentence first, three levels by default, formulas as people write them, nothing renamed twice."""

import re

import pytest
from program import out, run, strict

from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.estimate import estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.quantity import FORMULAS, constant, formula
from rackcalc.quantities.units import Seconds
from rackcalc.questions.explain import DEPTH, explain, source_of, steps
from rackcalc.questions.formula_text import body, code_of, helpers
from rackcalc.questions.rack_file import load


@pytest.mark.parametrize("label", FORMULAS)
def test_formulas_read_without_our_notation(label: str) -> None:
    text = "\n".join([body(FORMULAS[label]), *helpers(FORMULAS[label])])
    assert not re.search(r"\bxp\.|\.function\(|[*/] (SECOND|TOKEN|REQUEST|WATT|BYTE|USD)\b(?! \*\*)", text), text


def _example(a: float, b: float) -> float:
    from rackcalc.quantities import elementwise as xp
    from rackcalc.quantities.units import SECOND

    return xp.where(a > b, xp.divide(a, b + 1), xp.maximum(xp.pure(a * SECOND), 0 * b))


def test_code_as_people_write_it_computes_the_same() -> None:
    text = code_of(_example).splitlines()[-1].removeprefix("return ")
    assert text == "a / (b + 1) if a > b else max(a, 0)"
    for a, b in ((1.0, 2.0), (3.0, 2.0)):
        assert eval(text, {}, {"a": a, "b": b}) == _example(a, b)


def test_three_levels_by_default_and_how_to_see_the_rest() -> None:
    short = out("explain", "llama70b-8xh100", "latency.p99")
    whole = out("explain", "llama70b-8xh100", "latency.p99", "--depth", "99")
    assert short == out("explain", "llama70b-8xh100", "latency.p99", "--depth", str(DEPTH))
    left = int(re.search(r"^([\d,]+) more lines below: --depth 4", short, re.MULTILINE)[1].replace(",", ""))  # type: ignore[index]
    assert len(short.splitlines()) - 2 + left == len(whole.splitlines())
    assert len(short.splitlines()) < 200


def test_the_first_line_says_what_it_is_made_of() -> None:
    first = out("explain", "bert-a100", "power.it").splitlines()[0]
    assert re.fullmatch(r"power\.it is [\d.]+ W: host [\d.]+ W \+ chips [\d.]+ W \+ fans [\d.]+ W", first)
    given = out("explain", "llama70b-8xh100", "throughput.requests").splitlines()[0]
    assert given.startswith("throughput.requests is 1.5 request/s: given; llama70b-8xh100.yaml:6")


@pytest.mark.parametrize("rack", sorted(bundled_racks()))
def test_no_step_only_renames_another(rack: str) -> None:
    found = dict(figures(estimate(load(rack))))
    for path in ("latency.p99", "cost.tco", "power.it"):
        if found[path].known:
            assert all(source_of(step.quantity) is step.quantity for step in steps(found[path], path))


def test_money_in_units_that_people_use() -> None:
    text = out("explain", "llama70b-8xh100", "cost.tco", "--depth", "2")
    assert "discount_rate = 10 %/year" in text and "e-09" not in text


@formula(cite="definition: for this test")
def kept(a: Seconds, b: Seconds) -> Seconds:
    """A sum.

    >>> kept(a=1.0, b=2.0)
    3.0
    """
    return a + b


FORMULAS.pop(kept.label)  # other tests go through all formulas


def test_what_is_computed_is_not_skipped() -> None:
    zero, one = constant(0.0, "s", "zero", "given"), constant(1.0, "s", "one", "given")
    both = kept(a=zero, b=one)
    assert source_of(both) is both, "a term that is nothing today is still a term"
    assert "a = 0 s" in explain({"x": both}, "x")


@pytest.mark.parametrize(("rack", "path"), [("air-limit", "thermal.outlet"), ("rack-of-god", "cost.tco")])
def test_sources_are_those_that_matter_most(rack: str, path: str) -> None:
    """The shares are those of `uncertainty`, which draws all figures together, but for the noise of the draws."""
    text = out("explain", rack, path, "--sources", "--top", "3")
    shares = [float(share) for share in re.findall(r"^ +([\d.]+) %  ", text, re.MULTILINE)]
    assert len(shares) == 3 and shares == sorted(shares, reverse=True)
    effects = strict(out("uncertainty", rack, path, "--samples", "1024", "--json"))["effects"]
    totals = sorted((100 * one["total"] for one in effects[path]), reverse=True)
    assert shares[0] == pytest.approx(totals[0], abs=12)
    assert re.search(r"(assumed|estimate|measured|published|press); catalog/[\w./-]+\.yaml:\d+", text)
    assert f"{len(totals) - 3} more" in text or re.search(r"\d+ more, each [\d.]+ % or less: --top \d+", text)


def test_a_figure_without_doubt_has_no_sources() -> None:
    assert "no source of it is in doubt" in out("explain", "llama70b-8xh100", "throughput.requests", "--sources")
    assert run("explain", "bert-a100", "latency.p99", "--sources", "--json").returncode == 2
    assert run("explain", "bert-a100", "latency.p98", "--sources").returncode == 2


@pytest.mark.parametrize(
    ("rack", "path", "words"),
    [
        ("gb200-nvl72-deepseek-v3", "throughput.capacity", r"servers [\d,]+ \* batch 1 / time [\d.]+ s"),
        ("llama70b-8xh100", "cost.tco", r"total cost of ownership .*; from year 0 [\d,]+ USD, year 1 "),
        ("llama70b-8xh100", "latency.end_to_end", r"engine [\d.]+ s \+ before [\d.]+ ms; \d+% of each decode step is "),
        ("rack-of-god", "latency.p99", r"the largest of quantile [\d.]+ ms, mean [\d.]+ ms$"),
        ("rack-of-god", "value.gain", r"saved [\d.]+ ms \* rate 0\.7 %/ms/year \* capital "),
        ("air-limit", "thermal.clock_share.gpu", r"share of the full clock that the cooling allows"),
    ],
)
def test_the_first_line_is_a_sentence_in_words(rack: str, path: str, words: str) -> None:
    first = out("explain", rack, path).splitlines()[0]
    assert first.startswith(f"{path} is ") and re.search(words, first), first
    assert not re.search(r"\bxp\.|_|e[-+]\d", first.removeprefix(f"{path} is ")), first


def test_ranges_of_temperatures_are_temperatures() -> None:
    text = out("explain", "air-limit", "thermal.clock_share.gpu", "--depth", "99")
    assert re.search(r"= \d+ degC +\[.*range \d+ degC to \d+ degC\]", text)
