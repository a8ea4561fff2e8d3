"""A day whose hours differ in their rate of requests: against its definition, its limits, and a simulated day."""

import random
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators import engine_events as events

from rackcalc.config.racks import load_text
from rackcalc.estimation.estimate import estimate
from rackcalc.formulas.queues import continuous_batching as law
from rackcalc.formulas.queues import length_distributions as lengths
from rackcalc.formulas.queues.day_of_hours import day_of
from rackcalc.formulas.queues.engine_steps import Engine
from rackcalc.formulas.serving import engine_load, engine_point
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError

RACK = """
name: chat
accelerators: {{gpu: {{part: h100-sxm, count: 8}}}}
model: llama-3.1-70b
serving: {{split: gpu, runtime: vllm}}
workload:
  input: 1000 token
  output: {{mean: 200 token, cv: 1}}
  precision: fp8
{more}
"""
DAY = (2, 1, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 9, 10, 12, 10, 9, 8, 8, 7, 6, 5, 4, 3)
SLO = "slo: {ttft_p99: 1 s, tpot_p99: 30 ms/token}"


@lru_cache(maxsize=64)
def told(rate: float, hours: tuple[float, ...] = (), sets: tuple[str, ...] = ()) -> tuple[dict[str, float], str]:
    """Figures by path, and all notes, of a rack with limits."""
    said = [f"arrival_rate: {rate} request/s", SLO, *([f"hours: {list(hours)}"] if hours else [])]
    text = RACK.format(more="\n".join(f"  {line}" for line in said))
    result = estimate(load_text(text, "rack.yaml", "", sets))
    known = {path: float(one.value) for path, one in figures(result) if one.known}
    return known, " ".join(result.notes)


TIMES = [f"latency.{time}_{level}" for time in ("ttft", "tpot", "itl") for level in ("p50", "p90", "p95", "p99")]
TIMES += [f"latency.{name}" for name in ("p50", "p90", "p95", "p99", "p999", "ttft", "tpot", "mean")]


def test_a_flat_profile_is_none() -> None:
    flat, plain = told(4.0, (7,) * 24)[0], told(4.0)[0]
    for path, value in plain.items():
        assert flat[path] == pytest.approx(value, rel=1e-9, abs=1e-15), path


def test_the_day_lies_between_its_quietest_and_its_busiest_hour() -> None:
    day, _ = told(4.0, DAY)
    factor = 24 * 4.0 / sum(DAY)
    quiet, busy = told(min(DAY) * factor)[0], told(max(DAY) * factor)[0]
    for path in TIMES:
        assert quiet[path] * (1 - 1e-9) <= day[path] <= busy[path] * (1 + 1e-9), path
    assert quiet["latency.ttft_p99"] < day["latency.ttft_p99"] < busy["latency.ttft_p99"]
    assert quiet["power.facility"] < day["power.facility"] < busy["power.facility"]
    assert day["throughput.capacity"] == quiet["throughput.capacity"] == busy["throughput.capacity"]
    assert day["throughput.utilization"] == pytest.approx(4.0 / day["throughput.capacity"])
    assert day["details.peak_rate"] == pytest.approx(12 * factor)
    assert day["details.peak_ttft_p99"] == pytest.approx(busy["latency.ttft_p99"], rel=1e-9)
    assert day["details.peak_tpot_p99"] == pytest.approx(busy["latency.tpot_p99"], rel=1e-9)


def test_the_order_of_hours_and_their_unit_change_only_the_name_of_the_peak() -> None:
    mixed = [3.0 * hour for hour in DAY]
    random.Random(4).shuffle(mixed)
    one, other = told(4.0, DAY), told(4.0, tuple(mixed))
    assert one[0]["details.peak_hour"] == 14
    assert other[0]["details.peak_hour"] == mixed.index(36.0) != 14
    for path, value in one[0].items():
        if path != "details.peak_hour":
            assert other[0][path] == pytest.approx(value, rel=1e-9, abs=1e-15), path
    assert "peak in hour 14: 8.229 request/s, ttft_p99 " in one[1]


def test_limits_hold_over_all_requests_of_the_day() -> None:
    """At the largest rate the day meets its limits just so, and its busiest hour alone would break them."""
    most = told(4.0, DAY)[0]["throughput.at_slo"]
    assert told(most, DAY)[0]["throughput.at_slo"] == pytest.approx(most, rel=1e-3)
    at, busy = told(most, DAY)[0], told(most * 24 * max(DAY) / sum(DAY))[0]
    used = max(at["latency.ttft_p99"] / 1.0, at["latency.tpot_p99"] / 0.03)
    assert used == pytest.approx(1.0, rel=0.01)
    assert max(busy["latency.ttft_p99"] / 1.0, busy["latency.tpot_p99"] / 0.03) > 1.01
    assert most < told(4.0)[0]["throughput.at_slo"]


def test_an_hour_beyond_capacity_is_refused_by_its_name() -> None:
    most = told(4.0, DAY)[0]["throughput.capacity"]
    with pytest.raises(InputError, match=r"workload\.hours: overload in hour 14: .* lower workload\.arrival_rate"):
        told(1.01 * most * sum(DAY) / 24 / max(DAY), DAY)
    assert told(0.99 * most * sum(DAY) / 24 / max(DAY), DAY)[0]["latency.ttft_p99"] < float("inf")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("workload.hours=[1, 2, 3]", "it has 3, not 24"),
        ("workload.hours=7", "expected a list of 24 numbers"),
        (f"workload.hours={[0] * 24}", "no request comes at any hour"),
        (f"workload.hours={[-1] + [1] * 23}", "must be at least 0"),
        (f"workload.hours={['3 request/s'] + [1] * 23}", "hours"),
        ("workload.batch=4", "workload.batch"),
        ("workload.concurrency=16", "workload.hours: is for decoders on GPUs under a serving engine"),
        ("serving.pipeline_parallel=2", "workload.hours: is not computed beside serving.pipeline_parallel"),
    ],
)
def test_what_is_not_computed_is_refused(change: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        told(4.0, DAY, (change,))
    assert said in str(caught.value)


def test_separate_pools_refuse_hours() -> None:
    change = (
        "serving.split=prefill-decode",
        "serving.prefill_gpus=4",
        "workload.slo=",
        "workload.input=1000 token",
    )
    with pytest.raises(InputError, match=r"workload\.hours: is not computed where GPUs that prefill are apart"):
        told(4.0, DAY, change)


# ---- The law itself ----

LENGTHS = {"prompt_cv": 1.0, "output_cv": 1.0}


def engine(rate: Any, hours: tuple[float, ...] = ()) -> dict[str, Any]:
    named = {f"hour_{number}": value for number, value in enumerate(hours)}
    return engine_point.ALONE | LENGTHS | named | {"rate": rate}


@given(st.lists(st.floats(0.0, 1.0), min_size=23, max_size=23), st.floats(0.5, 20.0))
@settings(max_examples=25, deadline=None)
def test_means_of_the_day(others: list[float], rate: float) -> None:
    """Numbers and shares are means over time; times are means over requests; Little's law holds over the day."""
    hours = (1.0, *others)
    alone = [engine(rate * max(hour, 1e-9)) for hour in hours]
    for name in ("sequences_decoding", "working_share"):
        formula = getattr(engine_load, name)
        each = [float(formula(**one)) for one in alone]
        assert float(formula(**engine(rate, hours))) == pytest.approx(np.mean(each), rel=1e-6, abs=1e-9)
    for name in ("first_token_mean", "token_time_mean", "request_time_mean", "seat_wait"):
        formula = getattr(engine_load, name)
        each = np.average([float(formula(**one)) for one in alone], weights=hours)
        assert float(formula(**engine(rate, hours))) == pytest.approx(each, rel=1e-6, abs=1e-9)
    within = [float(engine_load.share_by_first_token(limit=0.1, before=0.0, **one)) for one in alone]
    day = float(engine_load.share_by_first_token(limit=0.1, before=0.0, **engine(rate, hours)))
    assert day == pytest.approx(np.average(within, weights=hours), abs=2e-3)  # parts of an hour alone are merged
    found = engine_load._law(*map(float, engine_point.point_of(engine(rate, hours))))
    everything = getattr(found, "all", found)
    assert everything.present == pytest.approx(everything.rate * everything.mean("time"), rel=0.01)
    for time in ("ttft", "tpot", "itl", "time"):
        levels = [float(np.ravel(everything.quantile(time, level))[0]) for level in (0.5, 0.9, 0.95, 0.99, 0.999)]
        assert levels == pytest.approx(sorted(levels), rel=1e-9)


def test_arrays_are_as_numbers() -> None:
    hours = tuple(hour / 12 for hour in DAY)
    rates = np.linspace(1.0, 30.0, 7)
    found = engine_load.first_token_within(probability=0.99, **engine(rates, hours))
    each = [float(engine_load.first_token_within(probability=0.99, **engine(float(rate), hours))) for rate in rates]
    assert np.isinf(each[-1])
    assert found == pytest.approx(each, rel=1e-9)
    many = np.linspace(1.0, 21.0, 300)
    found = engine_load.token_time_within(probability=0.99, **engine(many, hours))
    one = float(engine_load.token_time_within(probability=0.99, **engine(float(many[77]), hours)))
    assert float(found[77]) == pytest.approx(one, rel=1e-6)


def test_a_simulated_day() -> None:
    """Requests in hours of a minute each, of which every one is long beside a request's time of two seconds."""
    fixed, each, work, prompt, output, seats = 0.012, 1e-4, 3e-5, 600, 100, 64
    simulated = events.Engine(
        step=lambda decoding, cached, tokens, _: fixed + each * decoding + 0 * cached + work * tokens,
        max_num_seqs=seats,
    )
    ours = Engine(
        step=lambda n: fixed + each * n,
        base=fixed,
        work=lambda tokens: work * tokens,
        seats=seats,
        budget=2048,
        chunked=True,
    )
    mean, length = 8.0, 75.0
    rates = [mean * 24 * hour / sum(DAY) for hour in DAY]
    rng = np.random.default_rng(7)
    arrival: list[float] = []
    for day in range(2):
        for hour, rate in enumerate(rates):
            start = (day * 24 + hour) * length
            arrival += sorted((start + length * rng.random(rng.poisson(rate * length))).tolist())
    count = len(arrival)
    drawn = [events.lognormal(mean, 0.8)(rng, count + 1).tolist() for mean in (prompt, output)]
    run = events.Events(simulated, *drawn, [*arrival, float("inf")], False).run(0, count - 100)
    law_of_day = day_of(
        law.under_load(ours, lengths.lognormal(prompt, 0.8), lengths.lognormal(output, 0.8), np.array(rates)),
        [1 / 24] * 24,
    ).all
    for time, values in (("ttft", run.ttft), ("tpot", run.tpot), ("time", run.time)):
        assert float(np.ravel(law_of_day.mean(time))[0]) == pytest.approx(np.nanmean(values), rel=0.10), time
        late = float(np.ravel(law_of_day.quantile(time, 0.99))[0])
        assert late == pytest.approx(np.nanquantile(values, 0.99), rel=0.12), time


def traced_days(file: Path, begin: datetime, days: int, seed: int, numbers: bool = False) -> list[float]:
    """A trace from a moment on, with Poisson arrivals at rates of DAY; the moments of its requests, in s."""
    rng, moments = random.Random(seed), []
    for hour in range(24 * days + 24):
        place = begin.replace(hour=0, minute=0, second=0) + timedelta(hours=hour)
        at = 0.0
        while (at := at + rng.expovariate(DAY[hour % 24] / 60)) < 3600:
            if begin <= (moment := place + timedelta(seconds=at)) < begin + timedelta(days=days, hours=2):
                moments.append((moment - datetime(1970, 1, 1)).total_seconds())
    lines = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    for moment in moments:
        text = f"{moment:.6f}" if numbers else str(datetime(1970, 1, 1) + timedelta(seconds=moment))
        lines.append(f"{text},1000,200")
    file.write_text("\n".join(lines) + "\n")
    return moments


@pytest.mark.parametrize("numbers", [False, True])
def test_hours_are_counted_in_a_trace_over_the_time_that_it_has_of_each(tmp_path: Path, numbers: bool) -> None:
    """It begins at half past six and ends two hours later on the third day; so six o'clock is there 1.5 + 1 h."""
    begin = datetime(2024, 5, 1, 6, 30)
    moments = traced_days(tmp_path / "days.csv", begin, 2, 1, numbers)
    work = load_text(
        RACK.format(more=f"  trace: {{file: {tmp_path}/days.csv, hours: true}}"), "rack.yaml"
    ).rack.workload
    counts, first = [0] * 24, (begin - datetime(1970, 1, 1)).total_seconds()
    for moment in moments:
        counts[int(moment // 3600) % 24] += 1
    there = [2.0] * 24
    there[6], there[7], there[8] = 2.5, 3.0, 2.5
    found = [float(hour.value) for hour in work.trace.read.hours]
    assert found == pytest.approx([count / (3600 * time) for count, time in zip(counts, there, strict=True)], rel=0.02)
    assert float(work.trace.read.arrival_rate.value) == pytest.approx(sum(found) / 24)
    assert float(work.trace.read.gap_cv.value) == pytest.approx(1.0, abs=0.03)  # over the day it is 1.4
    assert moments[0] - first < 600


def test_a_rack_with_hours_of_a_trace_is_that_with_the_hours_written_down(tmp_path: Path) -> None:
    traced_days(tmp_path / "days.csv", datetime(2024, 5, 1, 6, 30), 2, 1)
    text = RACK.format(more=f"  trace: {{file: {tmp_path}/days.csv, hours: true}}")
    by_trace = estimate(load_text(text, "rack.yaml"))
    read = load_text(text, "rack.yaml").rack.workload.trace.read
    said = f"  arrival_rate: {float(read.arrival_rate.value)!r} request/s\n"
    said += f"  hours: {[float(hour.value) for hour in read.hours]}\n"
    said += f"  burstiness: {max(float(read.gap_cv.value), 1.0)!r}"
    written = estimate(load_text(RACK.format(more=said), "rack.yaml"))
    assert float(by_trace.details["peak_hour"].value) == 14
    assert {p: q.value for p, q in figures(by_trace)} == pytest.approx(
        {p: q.value for p, q in figures(written)}, rel=1e-9
    )


@pytest.mark.parametrize(("days", "text"), [(0, "and the load of all hours of a day"), (2, "pipeline_parallel")])
def test_hours_that_a_trace_cannot_say_are_refused(tmp_path: Path, days: int, text: str) -> None:
    traced_days(tmp_path / "days.csv", datetime(2024, 5, 1, 6, 30), days, 1)
    rack = RACK.format(more=f"  trace: {{file: {tmp_path}/days.csv, hours: true}}")
    with pytest.raises(InputError) as refused:
        estimate(load_text(rack, "rack.yaml", "", ("serving.pipeline_parallel=2",)))
    assert any(p.path == "workload.trace.hours" and text in p.message for p in refused.value.problems)
