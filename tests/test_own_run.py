"""One measured run of one's own server corrects most of what is wrong about the others."""

import json
from collections import defaultdict
from math import exp, log
from pathlib import Path
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import out

from rackcalc.validation import validate
from rackcalc.validation.own_run import Compared, fixed_share, own_run
from rackcalc.validation.read import Row, bundled, read
from rackcalc.validation.runs import run_of

SHARES = st.floats(0.0, 1.0)
ERRORS = st.floats(0.3, 3.0)


@given(st.integers(1, 9), ERRORS)
def test_the_mean_is_shrunk_by_the_number_of_runs(number: int, off: float) -> None:
    """With half of the time fixed, what is in common alone counts: n / (n + 1) of the logarithm."""
    found = own_run([Compared(off, 1.0, 0.5)] * number)
    assert found.corrected(1.0, 0.5) == pytest.approx(exp(number / (number + 1) * log(off)))


@given(ERRORS, SHARES)
def test_a_correction_lies_between_what_was_predicted_and_measured(off: float, share: float) -> None:
    found = own_run([Compared(off, 1.0, share)])
    assert min(1.0, off) * 0.9999 <= found.corrected(1.0, share) <= max(1.0, off) * 1.0001


@given(st.lists(st.tuples(ERRORS, SHARES), max_size=8), SHARES)
def test_each_run_narrows_the_factors(runs: list[tuple[float, float]], share: float) -> None:
    found = own_run([Compared(off, 1.0, each) for off, each in runs])
    more = own_run([Compared(off, 1.0, each) for off, each in [*runs, (1.0, share)]])
    for before, after in ((found.fixed, more.fixed), (found.rates, more.rates)):
        assert before.low < before.value < before.high
        assert log(after.high / after.low) < log(before.high / before.low) * 1.0001
    if not runs:
        assert (found.fixed.value, found.rates.value) == (1, 1)


def test_many_runs_tell_fixed_times_from_rates() -> None:
    runs = [Compared(1.3**share / 0.8 ** (1 - share), 1.0, share) for share in (0.05, 0.3, 0.6, 0.95)] * 30
    found = own_run(runs)
    assert found.fixed.value == pytest.approx(1.3, rel=0.02) and found.rates.value == pytest.approx(0.8, rel=0.02)
    assert found.fixed.low < 1.3 < found.fixed.high


def servers() -> list[list[tuple[Row, Compared]]]:
    """Measured servers of many loads, every fourth."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in read(bundled()["serving"], pytest.fail):
        if row.metric == "tpot_mean" and row.mode == "agg" and row.concurrency and row.quality != "C":
            numbers = row.parts, row.tensor_parallel, row.data_parallel
            rows[f"{row.part} {row.model} {row.precision} {row.runtime} {numbers}"].append(row)
    found = []
    for each in [each for each in rows.values() if len(each) >= 5][::4]:
        made = [x for x in validate(each, 0) if x.predicted is not None]
        pairs = [(x.row, x.predicted) for x in made if x.predicted is not None]
        compared = [Compared(row.value, float(p.value), fixed_share(p, run_of(row))) for row, p in pairs]
        found.append([(row, one) for (row, _), one in zip(pairs, compared, strict=True)])
    return [each for each in found if len(each) >= 5]


def test_one_run_near_16_clients_corrects_the_rest() -> None:
    """What that run was is left out of both errors."""
    before, after = [], []
    for server in servers():
        one = min(server, key=lambda each: abs(log(float(each[0].concurrency) / 16)))
        own = own_run([one[1]])
        rest = [each for row, each in server if row is not one[0]]
        before.append(mean(abs(each.predicted / each.measured - 1) for each in rest))
        after.append(mean(abs(own.corrected(each.predicted, each.share) / each.measured - 1) for each in rest))
    assert len(before) > 20
    assert mean(after) < 0.9 * mean(before) and median(after) < 0.95 * median(before)


def test_validate_suggests_it_for_rows_of_one_s_own(tmp_path: Path) -> None:
    lines = Path(bundled()["serving"]).read_text(encoding="utf-8").splitlines()
    mine = [line for line in lines if "h100-sxm,4,llama-3.1-70b,bf16,trtllm 0.14.0" in line and "tpot_mean" in line]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join([lines[0], *mine]) + "\n", encoding="utf-8")
    assert "4 x h100-sxm, llama-3.1-70b, bf16, trtllm 0.14.0: fixed times x " in out("validate", str(file))
    (own,) = json.loads(out("validate", str(file), "--json"))["own_runs"]
    assert 0 < own["rows"] <= len(mine) and own["fixed"]["low"] < own["fixed"]["value"] < own["fixed"]["high"]
    assert "own_runs" not in json.loads(out("validate", "--kind", "lpu", "--json")), "the bundled rows are nobody's own"
