"""Texts of ranges, good and bad."""

import pytest

from rackcalc.config.vary import parse_axes
from rackcalc.quantities.problems import Problem


def values(text: str) -> tuple[object, ...]:
    problems: list[Problem] = []
    (axis,) = parse_axes([text], ["eager", "gpu-only"], problems)
    assert not problems
    return axis.values


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("workload.batch=1,2,4..64", (1, 2, 4, 8, 16, 32, 64)),
        ("workload.batch=2,4..9", (2, 4, 6, 8)),
        ("workload.batch=1..4,8", (1, 2, 3, 4, 8)),
        ("workload.batch=16..64:16", (16, 32, 48, 64)),
        ("workload.batch=3,9..100", (3, 9, 15, 21, 27, 33, 39, 45, 51, 57, 63, 69, 75, 81, 87, 93, 99)),
        ("workload.batch=geom(1, 64, 7)", (1, 2, 4, 8, 16, 32, 64)),
        ("workload.batch=5", (5,)),
        ("links.gpu-lpu.part.bandwidth=400..600 GB/s:50", (4e11, 4.5e11, 5e11, 5.5e11, 6e11)),
        ("links.gpu-lpu.part.bandwidth=400..500 GB/s:100000 MB/s", (4e11, 5e11)),
        ("links.gpu-lpu.part.bandwidth=64, 128 GB/s, 1 TB/s", (6.4e10, 1.28e11, 1e12)),
        ("workload.slo=lin(1, 3 ms, 3)", (1e-3, 2e-3, 3e-3)),
        ("site.inlet=20..30 degC:5", (293.15, 298.15, 303.15)),
        ("accelerators.gpu.part=b200-sxm,h100-sxm", ("b200-sxm", "h100-sxm")),
        ("scenario=eager, gpu-only", ("eager", "gpu-only")),
        ("links.gpu-lpu.hypothetical=true,false", ("true", "false")),
    ],
)
def test_values(text: str, wanted: tuple[object, ...]) -> None:
    found = values(text)
    assert found == wanted if isinstance(wanted[0], str) else found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workload.batch", "expected PATH=RANGE"),
        ("workload.batch=", "expected PATH=RANGE"),
        ("workload.batch=1..8 GB", "which is an amount of memory"),
        ("workload.batch=1.5,2", "a whole number"),
        ("workload.batch=lin(1, 4, 3)", "holds 2.5"),
        ("workload.batch=8..1", "runs backwards"),
        ("workload.batch=1..8:0", "more than zero"),
        ("workload.batch=1..8:-1", "more than zero"),
        ("workload.batch=lin(1, 8, 0)", "a number of values of 1 or more"),
        ("workload.batch=1,2,5..64", "neither by a step nor by a factor"),
        ("workload.batch=1..1e18", "at most 1,000,000 values"),
        ("workload.batch=0,1", "must be more than 0"),
        ("economics.utilization=0.1..0.9", "say the step"),
        ("economics.utilization=0.5..1.5:0.5", "at most 1"),
        ("workload.slo=geom(0 ms, 1 ms, 3)", "more than 0 s"),
        ("workload.arrival_rate=100..200:10", "add a unit"),
        ("workload.btach=1,2", "did you mean batch?"),
        ("economics=1,2", "is a group"),
        ("accelerators.gpu.part=b200-sxm,b9000", "no GPU is called"),
        ("scenario=eager,late", 'no scenario "late"'),
        ("workload.precision=fp8,fp9", "expected one of"),
    ],
)
def test_bad_ranges_say_what_is_wrong(text: str, said: str) -> None:
    problems: list[Problem] = []
    assert parse_axes([text], ["eager"], problems) == []
    assert said in "\n".join(map(str, problems)), problems
    assert all(problem.file == "--vary" for problem in problems)


def test_a_path_is_varied_once() -> None:
    problems: list[Problem] = []
    parse_axes(["workload.batch=1", "workload.batch=2"], [], problems)
    assert "varied twice" in str(problems[0])
