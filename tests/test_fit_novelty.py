"""Variances of what is new, from folds: they hold four fifths of errors that are as the law says."""

import random
from math import log
from pathlib import Path

import pytest

from rackcalc.formulas.gpu import novelty
from rackcalc.formulas.gpu.novelty import DECODE, PREFILL
from rackcalc.validation.fit_novelty import BESIDE, Fold, coverage, fitted, holding, put_in, what_is_new


def fold(new: str, spread: float, value: str, number: int = 400) -> Fold:
    chance = random.Random(f"{new} {value}")
    return Fold("decode", "x", value, new, tuple(abs(chance.gauss(0, spread)) for _ in range(number)))


def test_the_spread_that_holds_80_percent_is_found() -> None:
    assert holding(fold("", 0.2, "a", 20_000).off) ** 0.5 == pytest.approx(0.2, rel=0.03)


def test_known_variances_are_found_again() -> None:
    other = BESIDE["decode"] ** 2
    spreads = {"": (0.1**2 + other) ** 0.5, "GPU": (0.1**2 + other + 0.2**2) ** 0.5}
    spreads["layout"] = spreads["GPU"]
    found = [fold(new, spread, f"{i}", 2000) for new, spread in spreads.items() for i in range(3)]
    table = fitted(found, "decode")
    assert table["base"] == pytest.approx(0.1, rel=0.1)
    for word in ("GPU", "layout", "kernels"):  # of kernels there is no fold: what anything new has in common
        assert table[word] == pytest.approx(0.2, rel=0.1)
    assert coverage(fold("GPU", spreads["GPU"], "unseen", 20_000), table) == pytest.approx(0.8, abs=0.02)


def test_one_fold_that_is_far_off_is_believed_in_part() -> None:
    usual = [fold(word, 0.15, word) for word in ("", "GPU", "engine")]
    table = fitted([*usual, fold("layout", 0.6, "one")], "decode")
    assert table["GPU"] < table["layout"] < 0.6


def test_a_fold_says_what_is_new_in_it() -> None:
    kept = [("h100-sxm", "llama-3.1-70b"), ("h200-sxm", "deepseek-r1")]
    assert what_is_new("GPU", "h100-nvl", kept) == "GPU"
    assert what_is_new("GPU", "b200-sxm", kept) == "GPU family"
    assert what_is_new("model", "llama-3.1-8b", kept) == "model"
    assert what_is_new("model", "gpt-oss-120b", kept) is None, "the fold of its class has the same rows"
    assert what_is_new("source", "inferencex", kept) is None
    assert what_is_new("date", "after 2026-02", kept) == "version"


def test_the_tables_in_use_are_sane() -> None:
    for table in (DECODE, PREFILL):
        assert all(0.05 <= value < log(2) for value in table.values())
    assert all(DECODE[word] <= PREFILL[word] + 0.02 for word in DECODE), "first tokens are harder"


def test_written_tables_are_read_back() -> None:
    text = Path(novelty.__file__).read_text()
    wanted = {
        phase: {word: 0.01 * i + start for i, word in enumerate(table)}
        for phase, table, start in (("decode", DECODE, 0.11), ("prefill", PREFILL, 0.31))
    }
    found: dict[str, object] = {"__name__": "novelty_written"}
    exec(compile(put_in(text, wanted), "novelty.py", "exec"), found)
    for phase, table in wanted.items():
        assert found[phase.upper()] == pytest.approx(table)
    assert put_in(text, {"decode": DECODE, "prefill": PREFILL}) == text, "the same numbers: nothing else moves"


def test_a_word_that_is_in_no_table_is_not_dropped() -> None:
    with pytest.raises(ValueError, match="cooling"):
        put_in(Path(novelty.__file__).read_text(), {"decode": {"cooling": 0.1}})
