"""What estimate prints is what validate scores: percentiles, and the power of servers."""

from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

import rackcalc
from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.estimate import Estimate, estimate
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import Formula, Quantity
from rackcalc.questions.rack_file import load
from rackcalc.spec.rack import Rack
from rackcalc.validation.power import wall_power
from rackcalc.validation.read import Row

QUIET = ("workload.arrival_rate=", "workload.slo=", "site.inlet=15 degC", "site.altitude=0 m")


def estimated(name: str, *sets: str) -> tuple[Rack, Estimate]:
    """A bundled rack with other values, and its estimate."""
    loaded = load(name, "", sets)
    return loaded.rack, estimate(loaded)


@pytest.mark.parametrize(
    "name",
    [
        *("bert-8xb200", "bert-a100", "llama70b-8xh100", "llama70b-16xh100-disaggregated", "rack-of-god-corrected"),
        *("gb200-nvl72-deepseek-v3", "groqrack-llama2-70b", "vr-nvl72-lpx-prefill-decode"),
    ],
)
def test_percentiles_are_in_order_and_the_mean_is_below_the_99th(name: str) -> None:
    cool = ("workload.slo=", "site.inlet=15 degC")
    if name == "gb200-nvl72-deepseek-v3":  # its batch is for offline work
        cool = (*cool, "workload.batch=")
    most = estimated(name, *cool, "workload.arrival_rate=", "sharing=")[1].throughput.capacity.value
    for share in (0.01, 0.21, 0.4, 0.6, 0.8, 0.95):
        found = estimated(name, *cool, f"workload.arrival_rate={0.97 * share * most!r} request/s")[1].latency
        levels = [found.service, found.p50, found.p90, found.p95, found.p99, found.p999]
        values = [float(level.value) for level in levels]
        assert values == sorted(values), share
        assert found.mean.value <= found.p99.value
        if found.ttft is not None:
            assert found.ttft.value <= found.ttft_p99.value
        for time in ("ttft", "tpot", "itl"):
            between = [getattr(found, f"{time}_{level}") for level in ("p50", "p90", "p95", "p99")]
            if between[0] is not None:
                times = [float(level.value) for level in between]
                assert times == sorted(times), (share, time)


@pytest.mark.parametrize("name", ["llama70b-8xh100", "vendor-quote", "air-limit"])
@pytest.mark.parametrize("requests", [1, 3, 16, 64, 500])
def test_times_between_tokens_are_in_order(name: str, requests: int) -> None:
    found = estimated(name, *QUIET, "workload.batch=", f"workload.concurrency={requests}", "workload.output_cv=0.5")[
        1
    ].latency
    times = [found.itl_p50.value, found.itl_p90.value, found.itl_p95.value, found.itl_p99.value]
    assert times == sorted(times) and times[0] > 0


@pytest.mark.parametrize(
    ("part", "system"), [("h100-sxm", "dgx-h100"), ("b200-sxm", "dgx-b200"), ("a100-sxm-80gb", "")]
)
@pytest.mark.parametrize("utilization", [0.0001, 0.9])
def test_a_server_draws_what_validate_says(part: str, system: str, utilization: float) -> None:
    """Idle and busy, at sea level; naming the product changes nothing but its rating."""
    sets = (f"accelerators.gpu.part={part}", f"accelerators.gpu.system={system}", "site.cooling=air-contained")
    sets = (*sets, "workload.precision=bf16")
    _, found = estimated("llama70b-8xh100", *QUIET, *sets, f"economics.utilization={utilization}")
    row = Row("", "wall_power", part, "power_min" if utilization < 0.5 else "power_mean", 1.0, "W", parts="8")
    scored = float(wall_power(row).value)
    power = found.power.it if utilization < 0.5 else found.power.peak.it
    assert float(power.value) == pytest.approx(scored, rel=0.01)
    assert (found.power.rated is None) == (not system)


CALLED: dict[str, str] = {
    # formulas that validation calls by itself, and why no estimate needs them
    "copy_rate": "benchmarks of copies",
    "copy_time": "benchmarks of copies",
    "message_time": "benchmarks of MPI",
    "stream_rate": "benchmarks of memory",
    "lanes": "adapters of a benchmark's nodes",
    "between_nodes": "collectives over nodes as benchmarks state them",
    "kept_tokens": "padding in benchmarks",
    "pipelined_share": "pipelines of benchmarks",
    "share_of_rate": "rates of MLPerf scenarios",
    "rate_at_power": "MLPerf's efficiency mode",
    "share_of_power": "samples of a wall meter",
    "user_rate": "the inverse of a time per token",
    "rate_of_run": "a benchmark with an end",
    "static_rate": "a static batch",
    "per_part": "a rate per GPU",
    "token_rate": "another unit of a rate",
    "all_engines": "another unit of a rate",
    "one_engine": "another unit of a rate",
    "batch_rate": "a benchmark at a stated number of sequences",
    "mean_stall": "a benchmark at a stated number of sequences",
    "diluted": "a benchmark at a stated number of sequences",
    "with_prefills": "a benchmark at a stated number of sequences",
    "one_token": "another unit of an energy",
    "lived_context": "data sets of many lengths",
    "lived_share": "data sets of many lengths",
    "shortened": "lengths that a benchmark draws",
    "at_limit": "MLPerf's limits of latency",
    "of_limits": "MLPerf's limits of latency",
    "usual_number": "MLPerf's limits of latency",
    "rate_of_prompts": "MLPerf's limits of latency",
    "kept_rate": "MLPerf's load",
    "request_time": "MLPerf's load",
    "one_step": "MLPerf's load",
}


def formulas_of(quantity: Quantity, seen: set[int], names: set[str]) -> None:
    """Names of all formulas behind a quantity."""
    stack = [quantity]
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if one.formula is not None:
            names.add(one.formula.__name__)
        stack.extend(one.inputs.values())


def test_estimate_obtains_its_figures_by_the_formulas_that_validate_scores() -> None:
    """A formula that validation calls is behind some figure of some rack, or says here why no estimate needs it."""
    called = set()
    for file in sorted((Path(rackcalc.__file__).parent / "validation").glob("*.py")):
        module = import_module(f"rackcalc.validation.{file.stem}")
        called |= {value.__name__ for value in vars(module).values() if isinstance(value, Formula)}
    used: set[str] = set()
    seen: set[int] = set()
    kept: list[Estimate] = []
    idle = ("workload.arrival_rate=", "workload.slo=", "sharing=")
    engine = (*idle, "serving.runtime=sglang", "workload.batch=", "workload.concurrency=64")
    varied = (*engine, "workload.output_cv=0.5")
    apart = (*engine, "serving.tensor_parallel=1", "serving.data_parallel=8")
    mixed = (*apart, "serving.runtime=vllm")
    drafted = (*engine, *(f"serving.speculation.{each}" for each in ("kind=ngram", "tokens=3", "acceptance=0.6")))
    for name in bundled_racks():
        for sets in ((), idle, apart, mixed, drafted, engine, varied):
            with suppress(InputError):
                kept.append(estimated(name, *sets)[1])  # while they live, an id is one quantity
                for _, quantity in figures(kept[-1]):
                    formulas_of(quantity, seen, used)
    assert called - used - set(CALLED) == set(), "validate scores what estimate obtains otherwise"
    assert set(CALLED) <= called, "no longer called"
    assert {"wall_power", "idle_wall_power", "tail_latency", "itl_quantile", "typical_stall"} <= used
