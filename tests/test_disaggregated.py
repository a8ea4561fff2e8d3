"""Prompts on some GPUs, generation on others: limiting cases, conservation, and what is refused."""

import math
from functools import cache

import pytest
from simulators.prefill_passes import times_to_end_of_pass

from rackcalc.estimation.estimate import Estimate, estimate
from rackcalc.formulas.serving import disaggregated_prefill as formulas
from rackcalc.formulas.serving.concurrency import balanced
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.questions.explain import explain
from rackcalc.questions.rack_file import load

RACK = "llama70b-16xh100-disaggregated"
IDLE = "workload.arrival_rate="
COLD = "site.inlet=5 degC"
TOGETHER_IN_A_PASS = 2  # prompts of 4,096 tokens in a step of 8,192
TOGETHER = ("serving.split=gpu", "serving.prefill_gpus=")


def estimated(*sets: str) -> Estimate:
    return estimate(load(RACK, "", (COLD, *sets)))


@cache
def rack(*sets: str) -> dict[str, float]:
    """Every figure by its path."""
    return {path: float(quantity.value) for path, quantity in figures(estimated(*sets))}


def clients(number: int) -> tuple[str, ...]:
    return IDLE, f"workload.concurrency={number}"


@pytest.mark.parametrize("batch", [8, 32, 128])
def test_no_prompt_comes_between_the_tokens(batch: int) -> None:
    sets = IDLE, f"workload.batch={batch}"
    apart, together = rack(*sets), rack(*sets, *TOGETHER)
    assert apart["latency.tpot"] < together["latency.tpot"]
    more = [rack(*sets, f"workload.input={tokens} token")["latency.tpot"] for tokens in (1024, 8192)]
    held = [rack(*sets, *TOGETHER, f"workload.input={tokens} token")["latency.tpot"] for tokens in (1024, 8192)]
    assert more[1] - more[0] < held[1] - held[0]


def test_without_others_the_split_changes_nothing_but_the_crossing() -> None:
    sets = IDLE, "workload.batch=1"
    apart, together = rack(*sets), rack(*sets, *TOGETHER)
    assert apart["latency.tpot"] == pytest.approx(together["latency.tpot"], rel=0.002)
    crossing = apart["stages.kv_transfer.time"]
    assert apart["latency.ttft"] == pytest.approx(together["latency.ttft"] + crossing, rel=0.02)


def test_the_slower_pool_sets_the_capacity() -> None:
    for prefill in (4, 8, 12):
        found = rack(IDLE, f"serving.prefill_gpus={prefill}")
        prompts = found["details.prefill_capacity"]
        full = rack(*clients(9000), f"serving.prefill_gpus={prefill}")
        if full["details.prefill_load"] > 0.99:
            assert prompts == pytest.approx(prefill / 4 * TOGETHER_IN_A_PASS / full["stages.prefill.time"], rel=0.01)
        step = found["stages.decode.time"]
        held = found["stages.kv_transfer.time"] + step + 511 * found["latency.tpot"]
        places = (16 - prefill) / 4 * 64
        assert found["throughput.capacity"] == pytest.approx(min(prompts, places / held), rel=1e-6)


def test_prompts_longer_than_a_pass_wait_as_in_a_queue_of_fixed_service() -> None:
    one = ("serving.max_num_batched_tokens=4096 token",)  # a prompt fills the pass
    quiet, busy = rack("workload.arrival_rate=0.001 request/s", *one), rack("workload.arrival_rate=7 request/s", *one)
    prefill = busy["stages.prefill.time"]
    load_of = 7 / 2 * prefill
    wait = prefill * load_of / 2 / (1 - load_of)
    step = busy["stages.decode.time"] - quiet["stages.decode.time"]
    queued = busy["latency.wait"]
    assert busy["latency.ttft"] - quiet["latency.ttft"] == pytest.approx(wait + step + queued, rel=0.01)
    assert busy["details.prefill_load"] == pytest.approx(load_of)


@pytest.mark.parametrize(
    ("fixed", "each", "most"), [(0.05, 0.01, 1), (0.05, 0.02, 4), (0.05, 0.02, 16), (0.3, 0.01, 128)]
)
@pytest.mark.parametrize("load", [0.1, 0.5, 0.85])
def test_waits_for_passes_agree_with_a_simulation(fixed: float, each: float, most: int, load: float) -> None:
    def time_of(prompts: float) -> float:
        return fixed + each * prompts

    turn = time_of(most) / most
    rate = load / turn
    times = times_to_end_of_pass(rate, time_of, most, requests=150_000)
    number = balanced(rate=rate, alone=time_of(1), loaded=time_of(most), at=float(most), most=float(most))
    pace = {"time": time_of(number), "rate": rate, "engines": 1.0, "prompts": number, "most": float(most)}
    own, gathered = formulas.prompts_with_it(**pace), formulas.until_next_pass(**pace)
    law = formulas.separate_first_token(
        request_host=gathered + time_of(own) - turn, prefill=turn, rate=rate, engines=1.0, transfer=0.0, step=0.0
    )
    assert law == pytest.approx(sum(times) / len(times), rel=0.15)


@pytest.mark.parametrize("number", [1, 32, 96, 500])
def test_requests_in_flight_are_conserved(number: int) -> None:
    found = rack(*clients(number))
    rate = found["throughput.at_concurrency"]
    assert rate * (found["latency.ttft"] + found["latency.tpot"] * 512) == pytest.approx(number, rel=1e-6)
    assert rate <= found["details.prefill_capacity"] * (1 + 1e-9)


def test_more_clients_do_more_and_wait_longer_until_a_pool_is_full() -> None:
    found = [rack(*clients(number)) for number in (1, 8, 64, 512, 4000)]
    rates, firsts = [f["throughput.at_concurrency"] for f in found], [f["latency.ttft"] for f in found]
    assert rates == sorted(rates) and firsts == sorted(firsts)
    assert rates[-1] == pytest.approx(2 * TOGETHER_IN_A_PASS / found[-1]["stages.prefill.time"], rel=0.01)
    one = found[0]
    assert one["latency.ttft"] < 1.1 * rack(IDLE, "workload.batch=1")["latency.ttft"]


def test_kv_room_bounds_the_generating_pool() -> None:
    found = rack(*clients(4000), "serving.prefill_gpus=12", "workload.output=8192 token")
    assert found["details.prefill_load"] < 1
    assert found["memory.decode.free"] > 0
    assert found["details.requests_under_way"] <= found["memory.decode.max_batch"]


def test_a_slow_link_holds_prompts_up() -> None:
    slow, fast = (
        rack(IDLE, f"links.prefill-decode.other_load={share}", "serving.kv_transfer=bulk") for share in (0.99, 0)
    )
    assert slow["latency.ttft"] > fast["latency.ttft"]
    assert slow["stages.kv_transfer.time"] > 1.5 * fast["stages.kv_transfer.time"]
    assert slow["throughput.capacity"] <= fast["throughput.capacity"]


def test_each_gpu_sends_its_part() -> None:
    two, four = (rack(IDLE, f"serving.tensor_parallel={width}")["link.prefill-decode.size"] for width in (2, 4))
    assert two == pytest.approx(2 * four)
    whole = rack(IDLE)["memory.prefill.kv_cache"]
    assert four == pytest.approx(whole)


def test_power_is_that_of_all_gpus() -> None:
    for sets in ((), (IDLE,), clients(96)):
        found = rack(*sets)
        assert 16 * 60 < found["power.chips"] < 16 * 700
    assert rack("workload.arrival_rate=6 request/s")["power.chips"] > rack()["power.chips"]


def test_first_token_can_be_explained() -> None:
    text = explain(estimated(), "latency.ttft")
    for word in ("separate_first_token", "layerwise_exposed", "DistServe"):
        assert word in text


def test_a_closed_queue_is_empty_for_one_and_full_for_many() -> None:
    times = {"engines": 1.0, "prefill": 1.0, "elsewhere": 9.0}
    assert formulas.prompts_at_engine(requests=1.0, **times) == pytest.approx(0.1)
    assert formulas.prompts_at_engine(requests=1e4, **times) == pytest.approx(1e4 - 9.0, rel=1e-3)
    queued = formulas.prompts_at_engine(requests=7.0, **times)
    rate = formulas.rate_elsewhere(requests=7.0, engines=1.0, queued=queued, elsewhere=9.0)
    assert queued == pytest.approx(rate * (1 + queued * 6 / 7)), "mean value analysis: others found in line"
    assert math.isclose(rate * formulas.cycle_time(requests=7.0, rate=rate), 7.0)


@pytest.mark.parametrize(
    ("sets", "place", "words"),
    [
        (("serving.prefill_gpus=16",), "serving.prefill_gpus", "leaves none of the 16 GPUs to decode"),
        (("serving.prefill_gpus=2",), "serving.prefill_gpus", "2 GPUs that prefill are no engine of 4"),
        (("serving.prefill_gpus=14",), "serving.prefill_gpus", "2 GPUs that decode are no engine of 4"),
        (("serving.split=gpu",), "serving.prefill_gpus", "is for split prefill-decode"),
        (("links=",), "links.prefill-decode", "is missing"),
        (("serving.prefill_gpus=",), "accelerators.lpu", "or say serving.prefill_gpus"),
        (("links.prefill-decode.part=nvlink5",), "links.prefill-decode.part", "no port for"),
        (("workload.batch=900",), "workload.batch", "does not fit"),
        (("workload.arrival_rate=30 request/s",), "workload.arrival_rate", "overload"),
        (("serving.runtime=eager", IDLE, "workload.concurrency=8"), "workload.concurrency", "needs a decoder"),
    ],
)
def test_refusals_name_place_and_mend(sets: tuple[str, ...], place: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        estimated(*sets)
    assert any(problem.path == place and words in problem.message for problem in refused.value.problems)


def test_gpus_left_over_are_said() -> None:
    assert any("4 of 16 GPUs have no work" in note for note in estimated("serving.prefill_gpus=6").notes)
    halves = "serving.prefill_gpus=6", "accelerators.gpu.count=12", "serving.decode={tensor_parallel: 2}"
    assert any("2 of 12 GPUs have no work: 4 or 2 share" in note for note in estimated(*halves).notes)


def test_a_prefix_cache_spares_the_pool_that_prefills() -> None:
    """Tokens that are found are not computed: first tokens come sooner. All of the KV cache still crosses the link."""
    all_computed, a_fifth = rack(), rack("workload.cached=80 %")
    assert a_fifth["stages.prefill.time"] < 0.5 * all_computed["stages.prefill.time"]
    assert a_fifth["latency.ttft"] < all_computed["latency.ttft"]
    assert a_fifth["link.prefill-decode.size"] == all_computed["link.prefill-decode.size"]
