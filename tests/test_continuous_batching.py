"""The law of an engine with continuous batching, against a simulator that shares no code with it, and limiting cases.

RACKCALC_LONG_SIMULATIONS=1 simulates ten times as many requests.
"""

import math
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators import engine_events as events

from rackcalc.formulas.queues import continuous_batching as law
from rackcalc.formulas.queues import length_distributions as lengths
from rackcalc.formulas.queues.engine_closed_loop import in_closed_loop
from rackcalc.formulas.queues.engine_latencies import TIMES, UnderLoad
from rackcalc.formulas.queues.engine_steps import Engine, companions
from rackcalc.formulas.queues.gamma_mixtures import (
    merged,
    mixture_mean,
    mixture_quantile,
    mixture_variance,
    part_tail,
    tidied,
)
from rackcalc.formulas.queues.largest_rate import largest_rate
from rackcalc.formulas.queues.router_arrivals import gap_scv_at_random, gap_scv_in_turn
from rackcalc.formulas.queues.sharing_station import node_numbers, number_present

LONG = 10 if os.environ.get("RACKCALC_LONG_SIMULATIONS") else 1
COUNT, WARM = 12_000 * LONG, 3_000

# ---- Engines drawn at random, and the same for the law and for the simulator ----


@dataclass(frozen=True)
class Case:
    """A step takes fixed + per_sequence (decoding) + per_cached (tokens) + per_prompt (tokens) + per_pair (met)."""

    fixed: float
    per_sequence: float
    per_cached: float
    per_prompt: float
    per_pair: float
    prompt: float
    output: float
    kind: str
    chunked: bool
    budget: int
    seats: int
    burstiness: float
    rate: float
    load: float
    seed: int

    def both(self, mean: float, cv: float, least: int) -> tuple[events.Lengths, lengths.Lengths]:
        """Lengths for the simulator and for the law."""
        if self.kind == "fixed":
            return events.fixed(round(mean)), lengths.fixed(round(mean))
        if self.kind == "uniform":
            return events.uniform(mean, 0.8), lengths.spread(mean, 0.8)
        if self.kind == "log-normal":
            return events.lognormal(mean, cv), lengths.lognormal(mean, cv)
        rng = np.random.default_rng(self.seed)  # a trace with many short ones and two humps
        drawn = np.concatenate([rng.gamma(0.8, 1.0, 1500), rng.gamma(5.0, 0.7, 700)])
        trace = np.maximum(np.rint(mean * drawn / drawn.mean()), least).astype(int)
        return events.traced(trace.tolist()), lengths.empirical(sorted(trace.tolist()))

    @property
    def prompts(self) -> tuple[events.Lengths, lengths.Lengths]:
        return self.both(self.prompt, 1.0, 1)

    @property
    def outputs(self) -> tuple[events.Lengths, lengths.Lengths]:
        return self.both(self.output, 0.8, 10)

    def work(self, tokens: float) -> float:
        return self.per_prompt * tokens + self.per_pair * tokens * tokens / 2

    @property
    def engine(self) -> Engine:
        context = law.mean_context(self.prompts[1], self.outputs[1])
        return Engine(
            step=lambda n: self.fixed + self.per_sequence * n + self.per_cached * context * n,
            base=self.fixed,
            work=self.work,
            seats=self.seats,
            budget=self.budget,
            chunked=self.chunked,
            per_cached=self.per_cached,
        )

    def answer(self) -> UnderLoad:
        return law.under_load(self.engine, self.prompts[1], self.outputs[1], self.rate, self.burstiness**2)

    def simulated(self, **arrivals: Any) -> events.Run:
        def step(decoding: int, cached: Any, prompt: int, attended: float) -> Any:
            decode = self.fixed + self.per_sequence * decoding + self.per_cached * cached
            return decode + self.per_prompt * prompt + self.per_pair * attended

        engine = events.Engine(
            step, max_num_seqs=self.seats, max_num_batched_tokens=self.budget, chunked=self.chunked
        )  # fmt: skip
        arrivals = arrivals or {"rate": self.rate, "burstiness": self.burstiness}
        return events.simulate(
            engine, self.prompts[0], self.outputs[0], count=COUNT, warm=WARM, seed=self.seed, **arrivals
        )


def limit(case: dict[str, Any], work: float, seats: int) -> float:
    """A rough largest rate, by hand: all seats taken, and prompts that fill steps."""
    step = case["fixed"] + seats * (case["per_sequence"] + case["per_cached"] * (case["prompt"] + case["output"]))
    pass_time = 0 if case["chunked"] else case["fixed"] / 2
    decoding = seats / (step * case["output"] + seats * (work + pass_time))
    alone = work + step * case["prompt"] / case["budget"] if case["chunked"] else work + case["fixed"]
    return min(decoding, 1 / alone)


def drawn(kind: str, chunked: bool, seed: int, seats_bind: bool = False) -> Case:
    """A case with its load between 10 % and 85 % of what the engine can do."""
    rng = np.random.default_rng([seed, chunked, len(kind), seats_bind])

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(math.log(low), math.log(high))))

    case: dict[str, Any] = {
        "fixed": between(5e-3, 2e-2), "per_sequence": between(1e-5, 3e-4), "per_cached": between(2e-9, 4e-8),
        "per_prompt": between(1e-5, 1e-4), "per_pair": between(1e-10, 5e-9), "prompt": between(100, 5000),
        "output": between(60, 800), "kind": kind, "chunked": chunked,
        "budget": int(rng.choice([2048, 4096, 8192])) if chunked else 16384,
    }  # fmt: skip
    work = case["per_prompt"] * case["prompt"] + case["per_pair"] * case["prompt"] ** 2
    load = float(rng.uniform(0.1, 0.85))
    rate = load * limit(case, work, 256)
    seats = 512
    if seats_bind:
        seats = next(n for n in range(8, 512) if rate <= 0.8 * limit(case, work, n))
    return Case(**case, seats=seats, burstiness=1.0 + seed % 2, rate=rate, load=load, seed=seed)


MEASURES = {
    "mean TTFT": (lambda answer: answer.mean("ttft"), lambda run: (run.ttft, np.mean)),
    "p99 TTFT": (lambda answer: answer.quantile("ttft", 0.99), lambda run: (run.ttft, p99)),
    "mean TPOT": (lambda answer: answer.mean("tpot"), lambda run: (run.tpot, np.mean)),
    "p99 TPOT": (lambda answer: answer.quantile("tpot", 0.99), lambda run: (run.tpot, p99)),
    "mean request": (lambda answer: answer.mean("time"), lambda run: (run.time, np.mean)),
    "p99 request": (lambda answer: answer.quantile("time", 0.99), lambda run: (run.time, p99)),
}


def p99(values: Any) -> float:
    return float(np.quantile(values, 0.99))


def compared(case: Case, answer: UnderLoad, run: events.Run) -> dict[str, tuple[float, float]]:
    """Relative error and relative standard error of the simulation, of each measure."""
    errors = {}
    for name, (told, measured) in MEASURES.items():
        value, error = events.batched(*measured(run))
        errors[name] = (told(answer) / value - 1, error / value)
    return errors


@lru_cache
def errors_of(case: Case) -> dict[str, tuple[float, float]]:
    return compared(case, case.answer(), case.simulated())


def judged(cases: list[Case], worst: dict[str, float], usual: float, most: float) -> None:
    """No error above `worst`, the mean above `usual`, or fewer than `most` within 10 %; beyond the simulation's own."""
    table = [(case, errors_of(case)) for case in cases]
    for name, bound in worst.items():
        beyond = [max(abs(errors[name][0]) - 2 * errors[name][1], 0.0) for _, errors in table]
        for (case, errors), over in zip(table, beyond, strict=True):
            assert over <= bound, (
                f"{name} is off by {errors[name][0]:+.1%} (simulation: {errors[name][1]:.1%}) in {case}"
            )
        assert np.mean(beyond) <= usual, f"{name}: mean error {np.mean(beyond):.1%}"
        assert np.mean([over <= 0.10 for over in beyond]) >= most, f"{name}: within 10 %: {beyond}"


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("kind", ["fixed", "uniform", "log-normal", "traced"])
def test_latencies_of_poisson_arrivals_are_those_of_the_simulator(kind: str, chunked: bool) -> None:
    """32 engines at loads of 10 % to 85 %."""
    cases = [drawn(kind, chunked, seed) for seed in range(0, 8, 2)]
    worst = {
        "mean TTFT": 0.06, "p99 TTFT": 0.10, "mean TPOT": 0.04, "p99 TPOT": 0.10, "mean request": 0.04,
        "p99 request": 0.13,
    }  # fmt: skip
    judged(cases, worst, usual=0.05, most=0.75)


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("kind", ["fixed", "uniform", "log-normal", "traced"])
def test_latencies_of_bursts_are_near_those_of_the_simulator(kind: str, chunked: bool) -> None:
    """32 engines with gaps that vary twice as much as a Poisson process's."""
    cases = [drawn(kind, chunked, seed) for seed in range(1, 8, 2)]
    worst = {
        "mean TTFT": 0.20, "p99 TTFT": 0.30, "mean TPOT": 0.12, "p99 TPOT": 0.25, "mean request": 0.10,
        "p99 request": 0.25,
    }  # fmt: skip
    judged(cases, worst, usual=0.12, most=0.5)


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("kind", ["fixed", "uniform", "log-normal", "traced"])
def test_waits_for_a_seat_are_near_those_of_the_simulator(kind: str, chunked: bool) -> None:
    """32 engines of which seats run out. Waits for seats are long and rare, so neither side knows them well."""
    cases = [drawn(kind, chunked, seed, seats_bind=True) for seed in range(4)]
    worst = {"mean TPOT": 0.15, "p99 TPOT": 0.30, "mean request": 0.15, "p99 request": 0.20}
    judged(cases, worst, usual=0.15, most=0.25)
    judged(cases, {"mean TTFT": 0.35}, usual=0.15, most=0.5)


@pytest.mark.parametrize("seed", range(6))
def test_a_closed_loop_is_that_of_the_simulator(seed: int) -> None:
    case = drawn(["uniform", "log-normal", "traced"][seed % 3], seed % 2 == 0, 100 + seed)
    concurrency = [2, 8, 24, 64, 160, 300][seed]
    answer = in_closed_loop(case.engine, case.prompts[1], case.outputs[1], concurrency)
    run = case.simulated(concurrency=concurrency)
    assert answer.rate == pytest.approx(run.rate, rel=0.03)
    assert answer.present == pytest.approx(concurrency, rel=0.01)
    errors = compared(case, answer, run)
    for name, bound in {"mean TTFT": 0.15, "mean TPOT": 0.03, "p99 TPOT": 0.2, "mean request": 0.03}.items():
        assert abs(errors[name][0]) <= bound + 2 * errors[name][1], (name, errors[name])


# ---- Little's law, insensitivity, and cases that are known exactly ----


@pytest.mark.parametrize("seed", range(4))
def test_little_s_law(seed: int) -> None:
    """Mean number = rate x mean time: within the answer, and against the number that the simulator counts."""
    case = drawn("uniform", seed < 2, 40 + seed)
    answer, run = case.answer(), case.simulated()
    assert answer.present == pytest.approx(answer.rate * answer.mean("time"), rel=0.01)
    assert run.present == pytest.approx(run.rate * run.time.mean(), rel=0.02)  # of the simulator itself
    noise = events.batched(run.time, np.mean)[1] / run.time.mean()
    assert answer.present == pytest.approx(run.present * case.rate / run.rate, rel=0.08 + 3 * noise)


def light(step: Any, seats: int = 2000, work: float = 1e-9) -> Engine:
    """An engine whose prompts cost nothing."""
    return Engine(step=step, base=1e-9, work=lambda tokens: work * tokens, seats=seats, budget=1e9)


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.8])
def test_a_step_in_proportion_to_its_sequences_is_processor_sharing(rho: float) -> None:
    """M/M/1-PS: the mean time of a request is its time alone over 1 - rho (L. Kleinrock, 1967), for any lengths."""
    alone = 1e-4 * 200
    for outputs in (lengths.fixed(201), lengths.lognormal(201, 1.5), lengths.spread(201, 0.9)):
        answer = law.under_load(light(lambda n: 1e-4 * n), lengths.fixed(1), outputs, rho / alone)
        assert answer.mean("time") == pytest.approx(alone / (1 - rho), rel=0.01)
        assert answer.decoding == pytest.approx(rho / (1 - rho), rel=0.01)


def test_a_step_that_does_not_depend_on_its_sequences_is_an_infinite_server() -> None:
    """M/G/inf: the number present is Poisson, and every token takes a step."""
    numbers = node_numbers(400)
    station = number_present(numbers, [n / 3.0 for n in numbers[1:]], 10.0)
    assert station is not None
    assert station.mean == pytest.approx(30.0, rel=1e-4) and station.variance == pytest.approx(30.0, rel=1e-2)
    exact = scipy.stats.poisson(30.0)
    for n in range(12):  # nodes one apart
        assert station.shares[n] == pytest.approx(exact.pmf(n), rel=0.02, abs=1e-9)
    answer = law.under_load(light(lambda n: 0.01), lengths.fixed(1), lengths.lognormal(300, 1.0), 10.0)
    assert answer.quantile("tpot", 0.99) == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize(("servers", "rho"), [(1, 0.7), (5, 0.6), (50, 0.9)])
def test_seats_alone_are_a_queue_with_so_many_servers(servers: int, rho: float) -> None:
    """M/M/c: the chance to wait is Erlang's C, and the queue is that times rho / (1 - rho)."""
    numbers = list(range(servers + 1))
    station = number_present(numbers, [float(n) for n in numbers[1:]], rho * servers)
    assert station is not None
    load = rho * servers
    last = load**servers / math.factorial(servers) / (1 - rho)
    erlang = last / (last + sum(load**n / math.factorial(n) for n in range(servers)))
    assert station.crowded == pytest.approx(erlang, rel=1e-6)
    assert station.waiting == pytest.approx(erlang * rho / (1 - rho), rel=1e-6)


@pytest.mark.parametrize("peakedness", [2.0, 6.0])
def test_bursts_at_an_infinite_server_are_negative_binomial(peakedness: float) -> None:
    numbers = list(range(600))
    station = number_present(numbers, [float(n) for n in numbers[1:]], 8.0, peakedness)
    assert station is not None
    exact = scipy.stats.nbinom(8.0 / (peakedness - 1), 1 / peakedness)
    np.testing.assert_allclose(station.shares[:60], exact.pmf(np.arange(60)), rtol=1e-6)


def test_insensitivity_in_the_simulator_and_in_the_law() -> None:
    """Kelly 1979: with Poisson arrivals the mean number depends on lengths through their mean only."""
    engine = events.Engine(lambda n, cached, prompt, attended: 0.004 + 2e-4 * n + 0 * cached, max_num_seqs=4000)
    ours = light(lambda n: 0.004 + 2e-4 * n, seats=1000)
    rate, told = 18.0, []
    for simulated, outputs in (
        (events.fixed(201), lengths.fixed(201)),
        (events.uniform(201, 0.9), lengths.spread(201, 0.9)),
        (events.lognormal(201, 2.0), lengths.lognormal(201, 2.0)),
        (lambda rng, size: rng.geometric(1 / 201, size), lengths.lognormal(201, 1.0)),
    ):
        run = events.simulate(engine, events.fixed(1), simulated, rate=rate, count=2 * COUNT, warm=WARM, seed=5)
        told.append(law.under_load(ours, lengths.fixed(1), outputs, rate).decoding)
        time, error = events.batched(run.time, np.mean)
        assert told[-1] == pytest.approx(rate * time, rel=0.02 + 3 * error / time)
    assert max(told) == pytest.approx(min(told), rel=0.01)


@pytest.mark.parametrize("chunked", [True, False])
def test_an_idle_engine_serves_a_request_as_if_it_were_alone(chunked: bool) -> None:
    engine = Engine(
        step=lambda n: 0.01 + 1e-4 * n, base=0.01, work=lambda tokens: 5e-5 * tokens, seats=64, budget=8192,
        chunked=chunked,
    )  # fmt: skip
    answer = law.under_load(engine, lengths.fixed(1000), lengths.fixed(101), 1e-6)
    assert answer.mean("ttft") == pytest.approx(0.01 + 0.05, rel=1e-3)
    assert answer.mean("tpot") == pytest.approx(0.0101, rel=1e-3)
    assert answer.mean("time") == pytest.approx(0.06 + 100 * 0.0101, rel=1e-3)
    assert answer.quantile("tpot", 0.99) == pytest.approx(0.0101, rel=1e-2)
    assert answer.waits < 1e-6 and answer.present == pytest.approx(1e-6 * answer.mean("time"), rel=0.01)


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("kind", ["fixed", "log-normal"])
def test_more_load_is_never_quicker(kind: str, chunked: bool) -> None:
    case = drawn(kind, chunked, 2, seats_bind=True)
    capacity = case.answer().capacity
    rates = [capacity * share for share in np.linspace(0.02, 0.98, 25)]
    answers = [
        law.under_load(case.engine, case.prompts[1], case.outputs[1], rate, case.burstiness**2) for rate in rates
    ]  # fmt: skip
    for time in ("ttft", "tpot", "time"):
        means = [answer.mean(time) for answer in answers]
        assert all(b >= a * 0.995 for a, b in pairwise(means)), (time, means)
    over = law.under_load(case.engine, case.prompts[1], case.outputs[1], capacity * 1.01)
    assert math.isinf(over.mean("ttft")) and math.isinf(over.quantile("time", 0.5))


def test_percentiles_rise_and_gaps_have_the_mean_of_decoding() -> None:
    for seed in range(12):
        case = drawn(["fixed", "uniform", "log-normal", "traced"][seed % 4], seed % 3 > 0, seed)
        answer = case.answer()
        for time in TIMES:
            values = [answer.quantile(time, p) for p in (0.1, 0.5, 0.9, 0.95, 0.99, 0.999)]
            assert values == sorted(values) and values[0] > 0, (time, case)
        run = case.simulated()
        gaps = float((run.gaps * run.gap_counts).sum() / run.gap_counts.sum())
        assert answer.mean("itl") == pytest.approx(gaps, rel=0.1), case


def test_the_largest_rate_within_limits() -> None:
    case = drawn("log-normal", True, 3)
    full = case.answer().capacity

    asked = []

    def margin(rate: float) -> float:
        asked.append(rate)
        answer = law.under_load(case.engine, case.prompts[1], case.outputs[1], rate)
        return min(1.0 / answer.quantile("ttft", 0.99), 0.04 / answer.mean("tpot"))

    best = largest_rate(margin, full)
    assert len(asked) <= 16
    assert 0 < best < full and margin(best) >= 1 > margin(best * 1.0002)
    assert largest_rate(lambda rate: 0.5, full) == 0.0
    assert largest_rate(lambda rate: 2.0, full) == full


@given(st.floats(0.01, 0.9999), st.floats(0.2, 8), st.booleans())
def test_the_largest_rate_is_found_for_any_course_of_a_time(at: float, power: float, jumps: bool) -> None:
    """A limit that holds up to a share of the capacity, over a time that may jump there; few looks suffice."""
    asked = []

    def margin(rate: float) -> float:
        asked.append(rate)
        if jumps:
            return 1.5 if rate <= at else 0.2
        return ((1 - rate) / (1 - at)) ** power

    best = largest_rate(margin, 1.0)
    assert best <= at * (1 + 1e-12)
    assert at - best <= 1.01e-4 * at
    assert len(asked) < 40


# ---- Replicas ----


@pytest.mark.parametrize("replicas", [2, 4, 16])
def test_routers_change_the_gaps_at_a_replica_as_drawn_gaps_show(replicas: int) -> None:
    rng = np.random.default_rng(replicas)
    gaps = rng.gamma(0.25, 4.0, 2_000_000)  # scv 4
    times = np.cumsum(gaps)

    def scv(at: Any) -> float:
        between = np.diff(at)
        return float(between.var() / between.mean() ** 2)

    assert scv(times[::replicas]) == pytest.approx(gap_scv_in_turn(gap_scv=4.0, replicas=float(replicas)), rel=0.03)
    picked = times[rng.integers(0, replicas, len(times)) == 0]
    assert scv(picked) == pytest.approx(gap_scv_at_random(gap_scv=4.0, replicas=float(replicas)), rel=0.03)


def test_round_robin_is_told_by_the_gaps() -> None:
    case = drawn("log-normal", True, 6)
    answer = law.under_load(case.engine, case.prompts[1], case.outputs[1], case.rate, gap_scv=1 / 8)
    errors = compared(case, answer, case.simulated(rate=case.rate, burstiness=8**-0.5))
    for name in ("mean TTFT", "mean TPOT", "p99 TPOT", "p99 request"):
        assert abs(errors[name][0]) <= 0.12 + 2 * errors[name][1], (name, errors[name])


# ---- Parts ----


def test_companions_are_the_renewal_function_of_gamma_gaps() -> None:
    for scv in (2.0, 4.0, 9.0):
        for expected in (0.01, 0.1, 1.0, 10.0):
            count = np.arange(1, 3000)
            exact = scipy.stats.gamma(count / scv).cdf(expected / scv).sum() - expected
            assert companions(expected, scv) == pytest.approx(exact, abs=0.1 * (scv - 1) / 2)


def test_lengths_have_the_moments_of_their_definition() -> None:
    rng = np.random.default_rng(1)
    drawn_lengths = {
        "spread": (lengths.spread(1000, 0.5), rng.uniform(500, 1500, 1_000_000)),
        "log-normal": (lengths.lognormal_between(500, 4000), None),
        "trace": (lengths.empirical(sorted(rng.gamma(0.7, 900, 5000).tolist())), None),
    }
    for name, (told, values) in drawn_lengths.items():
        assert sum(part.share for part in told.strata) == pytest.approx(1.0), name
        assert sum(part.share * part.mean for part in told.strata) == pytest.approx(told.mean, rel=1e-6), name
        square = sum(part.share * (part.mean**2 + part.variance) for part in told.strata)
        assert square == pytest.approx(told.mean_square, rel=1e-6), name
        if values is not None:
            assert told.mean == pytest.approx(values.mean(), rel=0.01)
            assert told.scv == pytest.approx(values.var() / values.mean() ** 2, rel=0.02)
            pairs = np.minimum(values, rng.permutation(values)).mean() / values.mean()
            assert told.concentration == pytest.approx(pairs, rel=0.01)
            assert told.quantile(0.9) == pytest.approx(np.quantile(values, 0.9), rel=0.01)
    bell = drawn_lengths["log-normal"][0]
    exact = scipy.stats.lognorm(math.log(8) / scipy.stats.norm.ppf(0.99), scale=500)
    assert bell.mean == pytest.approx(exact.mean()) and bell.scv == pytest.approx(exact.var() / exact.mean() ** 2)
    assert bell.quantile(0.5) == pytest.approx(500) and bell.quantile(0.99) == pytest.approx(4000)


def test_seats_are_what_the_cache_holds_or_the_engine_allows() -> None:
    prompts, outputs = lengths.fixed(1000), lengths.fixed(201)  # mean context 1100
    assert law.mean_context(prompts, outputs) == pytest.approx(1100)
    assert law.seats_of(256, 500 + 1100 * 20, prompts, outputs) == 20
    assert law.seats_of(16, 1e9, prompts, outputs) == 16


@pytest.mark.parametrize("trace", [[], [3.0, 2.0]])
def test_a_trace_must_be_sorted_and_not_empty(trace: list[float]) -> None:
    with pytest.raises(ValueError, match="sorted"):
        lengths.empirical(trace)


@given(st.floats(1.05, 200), st.floats(0.001, 0.999))
@settings(max_examples=60, deadline=None)
def test_the_gamma_tail_is_near_the_exact_one(shape: float, probability: float) -> None:
    time = float(scipy.stats.gamma(shape).ppf(probability))
    assert part_tail(2.0 + time, 2.0, 2.0 + shape, shape) == pytest.approx(1 - probability, abs=0.013)


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 5), st.floats(0.1, 50), st.floats(0.001, 3)), min_size=1))
@settings(max_examples=60, deadline=None)
def test_merged_mixtures_keep_their_moments_and_quantiles_are_where_the_tail_says(parts: list[Any]) -> None:
    total = sum(share for share, *_ in parts)
    mixture = [(share / total, least, least + above, (above * cv) ** 2) for share, least, above, cv in parts]
    fewer = merged(tidied(mixture))
    assert mixture_mean(fewer) == pytest.approx(mixture_mean(mixture))
    assert mixture_variance(fewer) == pytest.approx(mixture_variance(mixture), rel=1e-6, abs=1e-9)
    for probability in (0.5, 0.99):
        at = mixture_quantile(probability, mixture)
        assert (
            sum(s * part_tail(at * (1 + 1e-6) + 1e-9, low, m, v) for s, low, m, v in mixture) <= 1 - probability + 1e-4
        )
        assert (
            sum(s * part_tail(at * (1 - 1e-6) - 1e-9, low, m, v) for s, low, m, v in mixture) >= 1 - probability - 1e-4
        )


def test_one_answer_takes_a_few_milliseconds() -> None:
    import time

    case = drawn("log-normal", True, 5)
    engine, prompts, outputs = case.engine, case.prompts[1], case.outputs[1]
    best = math.inf
    for _ in range(20):
        start = time.perf_counter()
        law.under_load(engine, prompts, outputs, case.rate)
        best = min(best, time.perf_counter() - start)
    assert best < 0.005


@given(st.floats(1.0, 4.0), st.floats(0.05, 0.95), st.floats(1e-3, 0.1), st.floats(1e-6, 1e-3), st.booleans())
@settings(max_examples=120, deadline=None)
def test_any_burstiness_has_percentiles_in_order(
    burstiness: float, load: float, step: float, work: float, chunked: bool
) -> None:
    """Every time is a number, and its percentiles rise."""
    engine = Engine(lambda n: step * (1 + n / 100), step, lambda tokens: work * tokens, 256, 2048.0, chunked)
    alone = law.under_load(engine, lengths.fixed(1024.0), lengths.fixed(200.0), 1e-9)
    found = law.under_load(engine, lengths.fixed(1024.0), lengths.fixed(200.0), load * alone.capacity, burstiness**2)
    if found.wait == math.inf:
        return
    for time in ("ttft", "tpot", "itl", "time"):
        levels = [found.quantile(time, level) for level in (0.5, 0.9, 0.95, 0.99, 0.999)]
        assert all(low <= high * (1 + 1e-6) for low, high in pairwise(levels))
        assert levels[0] > 0 and math.isfinite(levels[-1])
        if time != "itl":  # a gap that holds a prompt may be rarer than one in a thousand
            assert found.mean(time) <= levels[-1] * (1 + 1e-6)


@pytest.mark.parametrize("output", [2, 3, 5, 12])
def test_short_answers_take_no_longer_per_token_than_the_longest_step(output: int) -> None:
    """Times per token of answers of a few tokens, near capacity too: at least a step, at most a full one."""
    case = Case(
        fixed=9e-3, per_sequence=3e-5, per_cached=0.0, per_prompt=3e-5, per_pair=0.0, prompt=1000, output=output,
        kind="fixed", chunked=True, budget=8000, seats=1000, burstiness=1.0, rate=1.0, load=0.0, seed=1,
    )  # fmt: skip
    prompts, outputs = lengths.fixed(1000), lengths.fixed(output)
    capacity = law.capacity_of(case.engine, prompts, outputs)
    for share in (0.05, 0.3, 0.6, 0.85, 0.95, 0.99):
        answer = law.under_load(case.engine, prompts, outputs, share * capacity)
        # eight prompts of 30 ms fill a step, beside 1,000 sequences
        assert answer.mean("tpot") >= 9e-3 and answer.quantile("tpot", 0.999) <= 9e-3 + 0.03 + 8 * 0.03 + 1e-9
        assert answer.decoding > 0
        assert answer.share_within("tpot", 0.3) == 1
    for share, within in ((0.3, 0.10), (0.6, 0.15)):
        loaded = replace(case, rate=share * capacity)
        run = loaded.simulated()
        answer = law.under_load(loaded.engine, prompts, outputs, loaded.rate)
        assert answer.mean("tpot") == pytest.approx(float(np.mean(run.tpot)), rel=within)
        assert answer.mean("ttft") == pytest.approx(float(np.mean(run.ttft)), rel=0.05)
