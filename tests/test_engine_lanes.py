"""The law of a serving engine on arrays: every lane has the answer of its own numbers, whatever the other lanes are."""

import itertools
import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rackcalc.formulas.queues import continuous_batching as law
from rackcalc.formulas.queues import length_distributions as lengths
from rackcalc.formulas.queues.curves import for_points
from rackcalc.formulas.queues.engine_latencies import UnderLoad
from rackcalc.formulas.queues.gamma_mixtures import merged, mixture_mean, mixture_quantile, mixture_tail, tidied
from rackcalc.formulas.queues.mixture_lanes import normal_tail
from rackcalc.formulas.serving import engine_curves, engine_grids, engine_load
from rackcalc.formulas.serving.engine_point import ALONE, STEPS, STRATA

QUICK = (Phase.explicit, Phase.generate)  # a failure is shown as drawn: making it smaller takes minutes
EXACT = 1e-8  # of percentiles; sums of logarithms in another order move the rarest by some 1e-10
FIGURES = {
    "capacity": engine_load.engine_capacity,
    "decoding": engine_load.sequences_decoding,
    "working": engine_load.working_share,
    "wait": engine_load.seat_wait,
    "ttft": engine_load.first_token_mean,
    "tpot": engine_load.token_time_mean,
    "time": engine_load.request_time_mean,
    **{f"ttft {level}": partial(engine_load.first_token_within, level) for level in (0.5, 0.99)},
    **{f"tpot {level}": partial(engine_load.token_time_within, level) for level in (0.5, 0.99)},
    **{f"itl {level}": partial(engine_load.token_gap_within, level) for level in (0.5, 0.99)},
    **{f"time {level}": partial(engine_load.request_time_within, level) for level in (0.5, 0.99)},
    "share": partial(engine_load.share_by_first_token, 0.5, 0.0),
    "preempted": partial(
        engine_load.preempted_requests, room=4e9, prompt_cache=5e7, whole_cache=7e7, answer=100.0, limit=256.0
    ),
}


def close(found: Any, wanted: Any, what: str, exact: float = EXACT) -> None:
    np.testing.assert_allclose(found, wanted, rtol=exact, atol=1e-13, err_msg=what)


@st.composite
def engines(draw: Any) -> dict[str, float]:
    """An engine at a load of any share of its capacity, or above; its lengths of any kind."""

    def between(low: float, high: float) -> float:
        return math.exp(draw(st.floats(math.log(low), math.log(high))))

    fixed, each, work = between(1e-3, 3e-2), between(1e-6, 1e-3), between(1e-4, 0.5)
    seats = draw(st.sampled_from([1.0, 2.0, 7.5, 64.0, 256.0, 1000.0]))
    engine = {
        "seats": seats, "base": fixed * draw(st.sampled_from([1.0, 0.7])), "work": work,
        "twice": work * draw(st.sampled_from([2.0, 2.5])), "budget": draw(st.sampled_from([512.0, 2048.0, 8192.0])),
        "chunked": draw(st.sampled_from([0.0, 1.0])), "prompt": between(20, 8000), "output": between(20, 1500),
        "gap_scv": draw(st.sampled_from([1.0, 4.0, 0.25])), "evenness": draw(st.sampled_from([1.0, 0.25])),
    }  # fmt: skip
    for place in range(STEPS):
        number = max(math.floor(seats), 1.0) ** (place / (STEPS - 1))
        engine[f"step_{place}"] = fixed + each * number
    for name in ("prompt", "output"):
        engine[f"{name}_cv"] = engine[f"{name}_even"] = math.nan
        engine |= {f"{name}_{place}": math.nan for place in range(STRATA)}
        kind = draw(st.sampled_from(["fixed", "even", "log-normal", "trace"]))
        if kind != "fixed":
            engine[f"{name}_cv"] = draw(st.floats(0.05, 0.55 if kind == "even" else 1.5))
        if kind == "even":
            engine[f"{name}_even"] = 1.0
        if kind == "trace":
            told = lengths.lognormal(1.0, 0.8).strata
            engine |= {f"{name}_{place}": part.mean for place, part in enumerate(told)}
    share = draw(st.sampled_from([1e-6, 0.1, 0.5, 0.8, 0.95, 1.2]))
    return engine | {"rate": share * engine_load.engine_capacity(**engine)}


def stacked(cases: list[dict[str, float]]) -> dict[str, Any]:
    return {name: np.array([case[name] for case in cases]) for name in cases[0]}


@given(st.lists(engines(), min_size=2, max_size=12))
@settings(max_examples=40, deadline=None, phases=QUICK)
def test_lanes_are_engines_one_by_one(cases: list[dict[str, float]]) -> None:
    """Engines of any kind beside one another: fixed and spread lengths, chunked or not, saturated ones."""
    together = stacked(cases)
    for name, figure in FIGURES.items():
        close(figure(**together), [figure(**case) for case in cases], name)


@given(st.lists(engines(), min_size=3, max_size=8), st.randoms())
@settings(max_examples=10, deadline=None, phases=QUICK)
def test_the_order_of_lanes_and_equal_lanes_do_not_matter(cases: list[dict[str, float]], random: Any) -> None:
    order = [*range(len(cases)), 0, 0]
    random.shuffle(order)
    together, shuffled = stacked(cases), stacked([cases[place] for place in order])
    for name, figure in FIGURES.items():
        close(figure(**shuffled), np.asarray(figure(**together))[order], name, 1e-12)


def test_a_lane_without_a_number_is_no_number_and_leaves_the_others_alone() -> None:
    together = ALONE | {"rate": np.array([1.0, math.nan, 1.0, math.inf]), "work": np.array([0.03, 0.03, -1.0, 0.03])}
    for name, figure in FIGURES.items():
        found = np.broadcast_to(figure(**together), 4)
        close(found[0], figure(**ALONE | {"rate": 1.0}), name)
        if name != "capacity":
            assert np.isnan(found[1:]).all(), name


def test_saturated_lanes_among_others() -> None:
    rates = np.array([1.0, 1e3, 10.0, 22.0])
    found = engine_load.request_time_within(probability=0.99, **ALONE | {"rate": rates})
    assert np.isinf(found[[1, 3]]).all() and np.isfinite(found[[0, 2]]).all()
    assert (engine_load.working_share(**ALONE | {"rate": rates})[[1, 3]] == 1).all()


def test_one_output_token_beside_several() -> None:
    outputs = np.array([1.0, 101.0, 1.0])
    engine = ALONE | {"rate": 2.0}
    for name, figure in FIGURES.items():
        close(
            figure(**engine | {"output": outputs}), [figure(**engine | {"output": n}) for n in outputs.tolist()], name
        )
    gaps = engine_load.token_gap_within(probability=0.99, **engine | {"output": outputs})
    assert gaps[0] == engine["step_5"]  # no second token: that of a step


def test_limits_and_largest_rates_on_arrays() -> None:
    limits = np.array([0.5, 1.2, 3.0, 1e6])
    for time in ("time", "ttft"):
        more = {"before": 0.0, "most": 20.0} | ALONE
        wanted = [engine_load.rate_within(**more | {f"limit_{time}_p99": limit}) for limit in limits.tolist()]
        close(engine_load.rate_within(**more | {f"limit_{time}_p99": limits}), wanted, time)
    shares = engine_load.share_by_request_time(limit=limits, before=0.0, **ALONE | {"rate": 15.0})
    assert (np.diff(shares) >= 0).all() and shares[-1] == 1


WITHIN = {"ttft_p99": "ttft 0.99", "tpot_p50": "tpot 0.5", "time_p99": "time 0.99"}


@given(st.lists(st.tuples(engines(), st.sampled_from([*WITHIN]), st.floats(0.2, 0.9)), min_size=2, max_size=5))
@settings(max_examples=10, deadline=None, phases=QUICK)
def test_largest_rates_in_lanes_are_those_one_by_one_and_meet_their_limit(cases: list[Any]) -> None:
    """A limit is what some load of the engine brings about; at the largest rate it holds, and a little above not."""
    for limited in sorted({limited for _, limited, _ in cases}):
        points, figure = [], FIGURES[WITHIN[limited]]
        for engine, _, load in (case for case in cases if case[1] == limited):
            most = engine_load.engine_capacity(**engine)
            limit = 1.001 * figure(**engine | {"rate": load * most})
            points.append(engine | {"most": most, "before": 0.0, f"limit_{limited}": limit})
        one_by_one = [engine_load.rate_within(**point) for point in points]
        np.testing.assert_allclose(engine_load.rate_within(**stacked(points)), one_by_one, rtol=2.1e-4)
        for point, rate in zip(points, one_by_one, strict=True):
            limit, engine = point[f"limit_{limited}"], {name: point[name] for name in cases[0][0]}
            met = figure(**engine | {"rate": rate or 1e-9 * point["most"]}) <= limit * (1 + 1e-9)
            assert rate == point["most"] or met == (rate > 0), "0 where one request alone misses it"


@given(engines(), st.lists(st.sampled_from([0.0, 1.0, 3.0, 4.0]), min_size=24, max_size=24).filter(any))
@settings(max_examples=15, deadline=None, phases=QUICK)
def test_a_day_is_its_hours_one_rate_at_a_time(engine: dict[str, float], hours: list[float]) -> None:
    """Of a day all hours are computed together; the mean of their requests is the mean over the hours one by one."""
    day = engine | {f"hour_{hour}": share / max(hours) for hour, share in enumerate(hours)}
    one_by_one = [engine | {"rate": engine["rate"] * share / max(hours)} for share in hours if share]
    rates = np.array([hour["rate"] for hour in one_by_one])
    for name in ("ttft", "tpot", "time"):
        wanted = float(np.dot(rates, [FIGURES[name](**hour) for hour in one_by_one]) / rates.sum())
        close(FIGURES[name](**day), wanted, name)
    share = [engine_load.share_by_first_token(limit=0.5, before=0.0, **hour) for hour in one_by_one]
    if engine["rate"] < engine_load.engine_capacity(**engine):
        found = engine_load.share_by_first_token(limit=0.5, before=0.0, **day)
        assert found == pytest.approx(float(np.dot(rates, share) / rates.sum()), abs=1e-8)


@pytest.mark.parametrize("spread", [{}, {"prompt_cv": 0.8, "output_cv": 1.0}])
def test_a_curve_over_the_rate_is_the_law_to_a_millionth(spread: dict[str, float]) -> None:
    """So many rates that curves are used: compared with the law itself at some of them."""
    engine = ALONE | {f"step_{place}": 0.01 * (1 + place / 5) for place in range(STEPS)} | spread
    capacity = engine_load.engine_capacity(**engine)
    rates = np.linspace(0.001, 1.05, 20_000) * capacity
    some = np.arange(7, len(rates), 397)
    for name, figure in FIGURES.items():
        found = np.broadcast_to(figure(**engine | {"rate": rates}), rates.shape)[some]
        wanted = [figure(**engine | {"rate": rate}) for rate in rates[some].tolist()]
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9, err_msg=name)


def test_a_part_of_a_grid_has_the_values_of_the_whole() -> None:
    """Sweeps compute grids in parts, which say of how many rates they are a part."""
    engine = ALONE | {"gap_scv": 4.0, "prompt": np.array([[500.0], [1000.0], [1500.0]])}
    rates = np.linspace(0.1, 20.0, 3000)
    with for_points(len(rates)):
        whole = engine_load.request_time_within(probability=0.99, **engine | {"rate": rates})
        parts = [
            engine_load.request_time_within(probability=0.99, **engine | {"rate": rates[at : at + 500]})
            for at in range(0, len(rates), 500)
        ]
    assert whole.shape == (3, 3000)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-7)


def test_curves_compute_the_law_for_few_of_the_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a sweep over the rate does not grow with its points."""
    counted = []
    lanes = engine_grids.Grids.several
    monkeypatch.setattr(
        engine_grids.Grids,
        "several",
        lambda self, whats, columns: counted.append(engine_grids.len_of(columns)) or lanes(self, whats, columns),
    )
    engine = ALONE | {"rate": np.linspace(0.1, 21.0, 200_000), "gap_scv": 1.5}
    engine_load.request_time_mean(**engine)
    assert sum(counted) < 4000


# ---- Parts ----


def test_a_series_of_nodes_is_the_function_between_them() -> None:
    loads = np.linspace(0.0, 1.0, 2001)[1:-1]
    curves = engine_curves.Curves([engine_curves.Pieces(), engine_curves.Pieces()])
    functions = [lambda x: 1 / (1.01 - x), lambda x: np.where(x < 0.3, 1.0, 2.0)]

    def at_nodes(owner: Any, low: Any, high: Any, places: Any) -> Any:
        return np.stack([functions[one](place) for one, place in zip(owner, places, strict=True)])

    which = np.repeat([0, 1], len(loads))
    both = np.tile(loads, 2)
    curves.make(which, both, 100.0, at_nodes)
    found, rough = curves(which, both)
    assert not rough[: len(loads)].any()
    np.testing.assert_allclose(found[: len(loads)], functions[0](loads), rtol=1e-8)
    jump = rough[len(loads) :]
    assert (abs(loads[jump] - 0.3) < 0.001).all()  # where the law itself is computed
    np.testing.assert_allclose(found[len(loads) :][~jump], functions[1](loads[~jump]))


def test_the_normal_tail_of_arrays() -> None:
    z = np.linspace(-8, 8, 4001)
    tail, density = normal_tail(z)
    np.testing.assert_allclose(tail, [math.erfc(x) / 2 for x in z], rtol=1e-12, atol=1e-19)
    np.testing.assert_allclose(density, np.exp(-z * z) / math.sqrt(math.pi), rtol=1e-12, atol=1e-18)
    assert np.isnan(normal_tail(np.array([math.nan]))[0]).all()


PART = st.tuples(st.floats(0.01, 1), st.floats(0.01, 5), st.floats(0.1, 50), st.floats(0.001, 3))


@given(st.lists(st.lists(PART, min_size=40, max_size=40), min_size=2, max_size=5))
@settings(max_examples=30, deadline=None, phases=QUICK)
def test_mixtures_in_lanes_are_mixtures_one_by_one(lanes: list[Any]) -> None:
    def mixture(parts: Any) -> list[Any]:
        total = sum(share for share, *_ in parts)
        return [(share / total, least, least + above, (above * cv) ** 2) for share, least, above, cv in parts]

    one_by_one = [merged(tidied(mixture(parts))) for parts in lanes]
    columns = np.array([mixture(parts) for parts in lanes]).transpose(1, 2, 0)
    together = merged(tidied([tuple(part) for part in columns]))
    close(mixture_mean(together), [mixture_mean(parts) for parts in one_by_one], "mean", 1e-12)
    for level in (0.1, 0.5, 0.99, 0.999):
        found = mixture_quantile(level, together)
        close(found, [mixture_quantile(level, parts) for parts in one_by_one], f"{level}")
        assert (mixture_tail(found * (1 + 1e-9), together) <= (1 - level) * (1 + 1e-3)).all()
        assert (mixture_tail(found * (1 - 1e-9), together) >= (1 - level) * (1 - 1e-3)).all()  # jumps at an atom


def test_several_lanes_of_the_law_itself() -> None:
    """Without the formulas: lengths and engines of arrays."""
    prompts, steps = np.array([100.0, 700.0, 3000.0]), np.array([1.0, 2.0, 0.5])

    def engine(step: Any) -> law.Engine:
        return law.Engine(lambda n: step * (0.01 + 1e-4 * n), 0.01 * step, lambda tokens: 5e-5 * tokens, 64, 2048.0)

    def answer(step: Any, prompt: Any) -> UnderLoad:
        return law.under_load(engine(step), lengths.lognormal(prompt, 1.0), lengths.fixed(200.0), 2.0)

    together = answer(steps, prompts)
    for place, (step, prompt) in enumerate(zip(steps.tolist(), prompts.tolist(), strict=True)):
        alone = answer(step, prompt)
        assert together.decoding[place] == pytest.approx(alone.decoding, rel=1e-12)
        assert together.quantile("ttft", 0.99)[place] == pytest.approx(alone.quantile("ttft", 0.99), rel=1e-9)


# Data-parallel attention over experts: with few sequences few experts are read, so a step grows faster than they do.
TWO_MODES = {
    "seats": 4296.0, "base": 0.18084, "work": 0.05684, "twice": 0.11837, "budget": 9014.0, "chunked": 0.0,
    "step_0": 0.013573, "step_1": 0.015714, "step_2": 0.024492, "step_3": 0.038161, "step_4": 0.05232,
    "step_5": 0.132884, "prompt": 2000.0, "prompt_cv": 0.28868, "prompt_even": 1.0, "output": 500.0, "output_cv": 0.7,
}  # fmt: skip


def test_only_numbers_that_are_never_reached_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few and very many sequences are both likely, a rough first look must not miss the second."""
    engine = ALONE | TWO_MODES
    rates = [*np.linspace(1, 8, 15).tolist(), 6.17, 6.171428571428571, 6.18]
    with monkeypatch.context() as all_nodes:
        all_nodes.setattr(law, "MANY", math.inf)
        wanted = [engine_load._law(*engine_load.point_of(engine | {"rate": rate})).decoding for rate in rates]
    found = [engine_load._law(*engine_load.point_of(engine | {"rate": rate})).decoding for rate in rates]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize("chunked", [0.0, 1.0])
@pytest.mark.parametrize("rate", [0.0, 1e-300, 1e-20, 1e-15, 1e-10])
def test_the_rarest_requests_find_an_idle_engine(rate: float, chunked: float) -> None:
    for scv, output in itertools.product((1.0, 4.0, 0.25), (1.0, 101.0)):
        engine = ALONE | {"chunked": chunked, "gap_scv": scv, "output": output, "prompt_cv": 0.5}
        for figure in ("ttft", "time", "ttft 0.99", "time 0.99"):
            idle = FIGURES[figure](**engine | {"rate": 1e-8})
            assert FIGURES[figure](**engine | {"rate": rate}) == pytest.approx(idle, rel=1e-3), (figure, scv, output)
