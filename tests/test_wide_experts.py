"""Experts spread over many GPUs, and pools of different widths: published throughputs, limiting cases, refusals."""

from functools import cache

import pytest
import yaml

from rackcalc.config.racks import load_text
from rackcalc.estimation.estimate import Estimate, estimate
from rackcalc.formulas.links import expert_exchange as exchange
from rackcalc.formulas.transformer.expert_routing import expert_imbalance, experts_held
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError

COLD = {"cooling": "liquid-direct", "inlet": "20 degC"}


def pools(part: str, gpus: int, prefill_gpus: int, prefill: int, decode: int, link: str, **work: object) -> dict:
    """A rack whose engines are single GPUs with data-parallel attention, so many to an engine."""
    workload = {"input": "2000 token", "output": "100 token", "precision": "fp8", **work}
    serving = {"split": "prefill-decode", "runtime": "sglang", "prefill_gpus": prefill_gpus, "tensor_parallel": 1}
    serving |= {"prefill": {"data_parallel": prefill}, "decode": {"data_parallel": decode}}
    serving["max_num_batched_tokens"] = "16384 token"
    return {
        "name": "pools",
        "accelerators": {"gpu": {"part": part, "count": gpus}},
        "model": "deepseek-v3",
        "workload": workload,
        "serving": serving,
        "links": {"prefill-decode": {"part": link}},
        "site": {"racks": 4},
    }


H100 = pools("h100-sxm", 104, 32, 32, 72, "infiniband-ndr", concurrency=256 * 72)
GB200 = pools("gb200", 72, 24, 4, 48, "nvlink5", concurrency=1408 * 48)


def estimated(rack: dict, *sets: str) -> Estimate:
    return estimate(load_text(yaml.safe_dump(rack), "rack.yaml", "", sets, 0))


@cache
def _found(text: str, sets: tuple[str, ...]) -> dict[str, float]:
    made = estimate(load_text(text, "rack.yaml", "", sets, 0))
    return {path: float(quantity.value) for path, quantity in figures(made)}


def found(rack: dict, *sets: str) -> dict[str, float]:
    """Every figure by its path."""
    return _found(yaml.safe_dump(rack), sets)


OVERLAP = "serving.two_batch_overlap=true"


# https://lmsys.org/blog/2025-05-05-large-scale-ep/: 4 nodes of 8 H100 prefill 54,543 token/s each (52.3k with all 12),
# 9 nodes decode 22,282 each, 256 sequences a GPU, with two-batch overlap in both.
# https://lmsys.org/blog/2025-09-25-gb200-part-2/: 18,471 and 9,087 token/s
# a GPU with bf16 attention and fp8, 26,156 and 13,386 with fp8 and fp4, 4 and 48 GPUs, 1408 sequences a GPU.
@pytest.mark.parametrize(
    ("rack", "sets", "prompts", "tokens"),
    [
        (H100, (OVERLAP,), 4 * 52_300 / 2000, 9 * 22_282 / 100),
        (GB200, ("workload.kv_precision=bf16",), 24 * 18_471 / 2000, 48 * 9_087 / 100),
        (GB200, ("workload.precision=fp4",), 24 * 26_156 / 2000, 48 * 13_386 / 100),
    ],
)
def test_published_rates_of_pools(rack: dict, sets: tuple[str, ...], prompts: float, tokens: float) -> None:
    """Each pool by itself, as they were measured; nothing is fitted to them."""
    each, within = found(rack, *sets), 0.4 if "workload.precision=fp4" in sets else 0.3
    assert each["details.prefill_capacity"] == pytest.approx(prompts, rel=within)
    assert each["details.decode_capacity"] == pytest.approx(tokens, rel=within)


# DeepEP docs/legacy.md, low-latency kernels on H800, 128 tokens, 8 experts: dispatch and combine, us.
@pytest.mark.parametrize(("gpus", "both"), [(16, 118 + 195), (32, 155 + 273), (64, 173 + 314), (128, 192 + 369)])
def test_published_times_of_an_exchange(gpus: int, both: float) -> None:
    away = exchange.copies_beyond(active=8.0, devices=float(gpus), domain=8.0)
    sent = exchange.sending_time(
        rows=128.0, copies=away, hidden=7168.0, element=3.0, imbalance=1.0,
        share=float(exchange.NETWORK_SHARE.value), bandwidth=50e9,
    )  # fmt: skip
    time = exchange.exchange_time(fixed=float(exchange.NETWORK_START.value), sending=sent)
    assert 1e6 * time == pytest.approx(both, rel=0.12)


def test_copies_of_a_token_go_inside_a_domain_or_beyond_it() -> None:
    for devices in (8.0, 16.0, 72.0, 144.0):
        spread = {"active": 8.0, "devices": devices, "domain": 8.0}
        own = 8.0 / devices
        assert exchange.copies_inside(**spread) + exchange.copies_beyond(**spread) + own == pytest.approx(8.0)
    assert exchange.copies_beyond(active=8.0, devices=8.0, domain=72.0) == 0


def test_the_network_sets_the_pace_only_beyond_a_domain() -> None:
    part, sent = "accelerators.gpu.part=h200-sxm", "stages.decode.terms.dispatch"
    narrow, wide = (found(H100, part, f"serving.decode.data_parallel={groups}") for groups in (8, 16))
    fast = found(H100, part, "serving.decode.data_parallel=16", "links.gpu-gpu={part: nvlink4, hypothetical: true}")
    assert wide[sent] > 1.5 * narrow[sent] and wide[sent] > 1.5 * fast[sent]
    assert wide["details.decode_capacity"] / 64 < 0.9 * narrow["details.decode_capacity"] / 72
    assert fast["details.decode_capacity"] > 1.1 * wide["details.decode_capacity"]


def test_experts_are_less_balanced_the_fewer_a_gpu_holds() -> None:
    each = [
        expert_imbalance(spread=0.2, held=experts_held(experts=256.0, redundant=32.0, devices=n), devices=n)
        for n in (1.0, 8.0, 32.0, 72.0, 144.0)
    ]
    assert each[0] == 1 and each == sorted(each)
    even, uneven = (found(H100, f"serving.expert_imbalance={factor}") for factor in (1, 2))
    for pool in ("prefill", "decode"):
        slower = even[f"details.{pool}_capacity"] / uneven[f"details.{pool}_capacity"]
        assert 1.3 < slower < 2, "experts and their exchange, which are most of the time, take twice as long"


def test_copies_of_experts_take_memory_and_even_out_the_load() -> None:
    none, some = found(H100), found(H100, "serving.decode.redundant_experts=32")
    expert = 3 * 7168 * 2048  # bytes in fp8
    added = some["memory.decode.weights"] - none["memory.decode.weights"]
    assert added == pytest.approx(32 * 58 * expert / 72, rel=0.05)
    assert some["details.decode_capacity"] > none["details.decode_capacity"]
    assert some["memory.prefill.weights"] == none["memory.prefill.weights"]


def test_each_data_parallel_group_has_a_scheduler() -> None:
    """Twice as many groups with twice as many sequences: the same host work in a step."""
    one = found(GB200, "workload.concurrency=100")
    two = found(GB200, "workload.concurrency=100", "serving.decode.data_parallel=24")
    assert two["details.requests_under_way"] < one["details.requests_under_way"]
    full = found(GB200)
    assert full["stages.decode.terms.sequences"] < 0.1 * full["stages.decode.time"]


@pytest.mark.parametrize("number", [1, 64, 4096, 67_584])
def test_requests_in_flight_are_conserved(number: int) -> None:
    each = found(GB200, f"workload.concurrency={number}")
    rate = each["throughput.at_concurrency"]
    assert rate * (each["latency.ttft"] + each["latency.tpot"] * 100) == pytest.approx(number, rel=1e-6)
    assert rate <= each["details.prefill_capacity"] * (1 + 1e-9)
    assert each["details.requests_under_way"] <= each["memory.decode.max_batch"]


def test_at_a_light_load_both_kinds_of_load_agree() -> None:
    open_, closed = "workload.arrival_rate=20 request/s", "workload.concurrency=1"
    each = found(GB200, "workload.concurrency=", open_), found(GB200, closed)
    assert each[0]["latency.tpot"] == pytest.approx(each[1]["latency.tpot"], rel=0.1)
    assert each[0]["latency.ttft"] < 2.5 * each[1]["latency.ttft"]
    assert each[0]["latency.ttft_p50"] < each[0]["latency.ttft"] * 1.05 < each[0]["latency.ttft_p99"]


def test_percentiles_rise_and_the_default_load_is_the_planned_one() -> None:
    rack = H100 | {"workload": {key: value for key, value in H100["workload"].items() if key != "concurrency"}}
    each = found(rack)
    most = min(each["details.prefill_capacity"], each["details.decode_capacity"])
    assert each["throughput.capacity"] == pytest.approx(most, rel=1e-6)
    for time in ("latency.ttft", "latency.tpot"):
        levels = [each[f"{time}_{level}"] for level in ("p50", "p90", "p95", "p99")]
        assert levels == sorted(levels)
    assert each["latency.p50"] < each["latency.p99"] < each["latency.p999"]


@pytest.mark.parametrize(
    ("sets", "place", "words"),
    [
        (("serving.prefill.data_parallel=40",), "serving.prefill_gpus", "lower serving.prefill.tensor_parallel or"),
        (
            ("serving.prefill=", "serving.decode=", "serving.data_parallel=72"),
            "serving.prefill_gpus",
            "lower serving.tensor_parallel or serving.data_parallel, or state serving.prefill",
        ),
        (("serving.decode.data_parallel=80",), "serving.prefill_gpus", "72 GPUs that decode are no engine of 80"),
        (("serving.split=gpu", "serving.prefill_gpus="), "serving.prefill", "say serving.prefill_gpus"),
        (("serving.decode.tensor_parallel=3",), "serving.tensor_parallel", "cannot share the 128 attention heads"),
        (("workload.concurrency=", f"workload.hours={[1.0] * 24}"), "workload.hours", "is not computed where"),
        (("serving.expert_imbalance=0.5",), "serving.expert_imbalance", "at least 1"),
    ],
)
def test_refusals_name_place_and_mend(sets: tuple[str, ...], place: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        estimated(H100, *sets)
    problems = refused.value.problems
    assert any(problem.path == place and words in problem.message for problem in problems), problems


def test_the_network_between_domains_is_said() -> None:
    notes = estimated(H100).notes
    assert any("the 72 that share a copy" in note and "infiniband-ndr" in note for note in notes)
    assert any(
        "8 of 104 GPUs have no work" in note for note in estimated(H100, "serving.decode.data_parallel=64").notes
    )


ONE_ENGINE = {
    "name": "one engine of 32 groups",
    "accelerators": {"gpu": {"part": "h100-sxm", "count": 32}},
    "model": "deepseek-v3",
    "workload": {"input": "2000 token", "output": "8 token", "concurrency": 1024, "precision": "fp8"},
    "serving": {"split": "gpu", "runtime": "sglang", "tensor_parallel": 1, "data_parallel": 32},
}


def test_data_parallel_groups_of_one_engine_compute_their_prompts_side_by_side() -> None:
    """Published: 52,300 input token/s of 8 H100, with experts over 32 GPUs, and the exchange hidden by a second batch.

    Answers of 8 tokens leave it to prompts.
    """
    assert found(ONE_ENGINE, OVERLAP)["throughput.input_tokens"] / 4 == pytest.approx(52_300, rel=0.3)


def test_an_engine_of_many_groups_prefills_as_many_prompts_as_a_pool_of_them() -> None:
    """Passes are full where prompts are all there is, whether they come at random or from a fixed number of clients."""
    pool = found(H100, "serving.max_num_batched_tokens=8192 token")["details.prefill_capacity"]
    closed = found(ONE_ENGINE, "workload.output=1 token")["throughput.at_concurrency"]
    rate = "workload.arrival_rate=1 request/s"
    open_ = found(ONE_ENGINE, "workload.output=1 token", "workload.concurrency=", rate)["throughput.capacity"]
    assert open_ == pytest.approx(pool, rel=0.03)
    assert closed == pytest.approx(open_, rel=0.01)
    alone = found(ONE_ENGINE, "workload.output=1 token", "workload.concurrency=1")["latency.ttft"]
    assert alone > found(ONE_ENGINE)["stages.prefill.time"] > 10 / pool, "one prompt has one of the 32 GPUs"


GROUPS = {
    "name": "32 groups",
    "accelerators": {"gpu": {"part": "h100-sxm", "count": 32, "system": "dgx-h100"}},
    "model": "deepseek-v3",
    "workload": {"input": "2048 token", "output": "512 token"},
    "serving": {"split": "gpu", "runtime": "vllm", "tensor_parallel": 1, "data_parallel": 32},
    "links": {"gpu-gpu": {"part": "infiniband-ndr"}},
}


def test_first_tokens_of_groups_that_wait_for_one_another_are_never_sooner_than_of_one_request() -> None:
    """A prompt in one group holds up all, beside decoding too; clients and arrivals tell about the same of one load."""
    last = found(GROUPS, "workload.concurrency=1")["latency.ttft"]
    for clients in (8, 64, 256):
        loop = found(GROUPS, f"workload.concurrency={clients}")
        rate = f"workload.arrival_rate={loop['throughput.at_concurrency']} request/s"
        first = found(GROUPS, "workload.concurrency=", rate)["latency.ttft"]
        assert first > 0.9 * last and first == pytest.approx(loop["latency.ttft"], rel=0.7), clients
        last = first
