"""What serving engines do beside batching: drafts, pipelines, adapters, KV caches fetched from elsewhere."""

import itertools
import math
import random
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from rackcalc.estimation.estimate import Estimate, estimate
from rackcalc.formulas.serving.pipeline_stages import nobody_served, overlap_in_full_ring, slower_steps
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.questions.explain import explain
from rackcalc.questions.rack_file import load

RACK = """
name: features
accelerators: {{gpu: {{part: {gpu}, count: {count}}}}}
model: {model}
workload: {{input: {prompt} token, output: {output} token, precision: {precision}}}
serving: {{split: gpu, runtime: {runtime}}}
"""
SMALL = {"gpu": "h100-sxm", "count": 1, "model": "llama-3.1-8b", "precision": "bf16", "runtime": "sglang"}
LARGE = {"gpu": "h100-sxm", "count": 8, "model": "llama-3.1-70b", "precision": "fp8", "runtime": "vllm"}
SPARSE = {"gpu": "b200-sxm", "count": 8, "model": "deepseek-v3", "precision": "fp8", "runtime": "vllm"}
LENGTHS = {"prompt": 512, "output": 256}


def estimated(rack: dict, *sets: str, scenario: str = "") -> Estimate:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rack.yaml"
        path.write_text(RACK.format(**{**LENGTHS, **rack}))
        return estimate(load(str(path), scenario, (*sets, "site.inlet=5 degC")))


@cache
def _rack(rack: tuple, *sets: str) -> dict[str, float]:
    return {path: float(quantity.value) for path, quantity in figures(estimated(dict(rack), *sets)) if quantity.known}


def rack(parts: dict, *sets: str) -> dict[str, float]:
    """Every figure by its path."""
    return _rack(tuple(parts.items()), *sets)


def refused(parts: dict, *sets: str) -> str:
    with pytest.raises(InputError) as caught:
        estimated(parts, *sets)
    return " ".join(f"{problem.path}: {problem.message}" for problem in caught.value.problems)


def drafts(kind: str, tokens: int, acceptance: float) -> tuple[str, ...]:
    path = "serving.speculation"
    return f"{path}.kind={kind}", f"{path}.tokens={tokens}", f"{path}.acceptance={acceptance}"


def most(found: dict[str, float]) -> float:
    """The highest rate of a rack whose requests come at a rate, or the rate of a stated number of clients."""
    return found.get("throughput.capacity", found.get("throughput.at_concurrency", math.nan))


def clients(number: int) -> str:
    return f"workload.concurrency={number}"


# Speculative decoding


def test_the_gain_of_eagle_is_the_published_one_alone_and_in_a_crowd() -> None:
    """EAGLE-3, arXiv:2503.01840, Llama 3.1 8B under SGLang on an H100: 158 to 373 token/s alone, 1.38 times at 64.

    Chains of three drafts, of which three of four are accepted, are our choice: what these runs accepted is not stated
    beside them, and the lone one drafts trees.
    """
    plan = drafts("eagle", 3, 0.75)
    plain, fast = (rack(SMALL, clients(1), *sets)["latency.tpot"] for sets in ((), plan))
    assert 1 / plain == pytest.approx(158, rel=0.15)
    assert plain / fast == pytest.approx(373 / 158, rel=0.2)
    plain, fast = (rack(SMALL, clients(64), *sets)["throughput.tokens"] for sets in ((), plan))
    assert fast / plain == pytest.approx(1.38, rel=0.2)


@pytest.mark.parametrize(("parts", "kind"), [(SMALL, "eagle"), (LARGE, "eagle"), (SMALL, "ngram")])
def test_the_gain_shrinks_with_the_batch(parts: dict, kind: str) -> None:
    """arXiv:2601.11580: verification takes compute that a large batch does not have to spare."""
    gains = []
    for batch in (1, 16, 64, 256):
        sets = "workload.kv_precision=fp8", f"workload.batch={batch}"
        plain, fast = rack(parts, *sets), rack(parts, *sets, *drafts(kind, 3, 0.7))
        gains.append(plain["latency.tpot"] / fast["latency.tpot"])
    assert gains[0] > 1.5
    assert gains == sorted(gains, reverse=True)
    assert gains[-1] < 0.8 * gains[0]


def test_nothing_accepted_costs_the_drafts_and_gains_nothing() -> None:
    plain = rack(SMALL, clients(1))
    for kind in ("eagle", "ngram"):
        found = rack(SMALL, clients(1), *drafts(kind, 3, 0.0))
        assert found["details.tokens_per_step"] == 1
        assert plain["latency.tpot"] < found["latency.tpot"]
    assert rack(SMALL, clients(1), *drafts("eagle", 3, 0.999))["details.tokens_per_step"] == pytest.approx(4, rel=0.01)


def test_a_step_that_verifies_reads_weights_once_and_more_experts() -> None:
    """At batch 1 a verifying step reads dense weights once; of 256 experts it reads up to four times as many."""
    sets = ("workload.batch=1",)
    dense = [rack(LARGE, *sets, *more)["stages.decode.terms.ffn_weights"] for more in ((), drafts("ngram", 3, 0.7))]
    assert dense[1] == pytest.approx(dense[0], rel=0.02)
    experts = [rack(SPARSE, *sets, *more)["stages.decode.terms.experts"] for more in ((), drafts("mtp", 3, 0.7))]
    assert 2.5 < experts[1] / experts[0] < 4.1


def test_drafters_hold_memory_by_their_kind() -> None:
    """A head of one of 32 layers holds as much of weights and cache, but for the ends; ngram holds nothing."""
    sets = ("workload.batch=4",)
    plain = rack(SMALL, *sets)
    by_kind = {kind: rack(SMALL, *sets, *drafts(kind, 3, 0.7)) for kind in ("eagle", "ngram")}
    assert by_kind["ngram"]["memory.gpu.weights"] == plain["memory.gpu.weights"]
    layer = 218.1e6 * 2 + 2 * 4096 * 4096 * 2
    assert by_kind["eagle"]["memory.gpu.weights"] - plain["memory.gpu.weights"] == pytest.approx(layer, rel=0.01)
    assert by_kind["eagle"]["memory.gpu.kv_cache"] / plain["memory.gpu.kv_cache"] == pytest.approx(33 / 32)
    small = rack(LARGE, *sets, "serving.speculation.model=llama-3.1-8b")
    more = small["memory.gpu.weights"] - rack(LARGE, *sets)["memory.gpu.weights"]
    ends = 2 * 128256 * 4096  # embedding and output matrix stay in 16 bit
    assert more == pytest.approx((8.03e9 + ends) / 8, rel=0.01)


def test_a_drafting_model_costs_its_own_steps() -> None:
    """Four tokens of an 8B model cost about four of its steps on the same GPUs."""
    sets = ("workload.batch=1",)
    found = rack(LARGE, *sets, "serving.speculation.model=llama-3.1-8b", "serving.speculation.tokens=4")
    alone = rack(LARGE | {"model": "llama-3.1-8b"}, *sets)
    assert found["stages.decode.terms.draft"] == pytest.approx(4 * alone["stages.decode.time"], rel=0.15)


@pytest.mark.parametrize("load_of", ["workload.arrival_rate=2 request/s", "workload.concurrency=16"])
def test_requests_in_flight_are_conserved_where_steps_yield_several_tokens(load_of: str) -> None:
    found = rack(SMALL, load_of, *drafts("eagle", 3, 0.7))
    time = found["latency.ttft"] + found["latency.tpot"] * 255
    assert found["latency.end_to_end"] == pytest.approx(time, rel=0.02)
    if "concurrency" in load_of:
        assert found["throughput.at_concurrency"] * found["latency.end_to_end"] == pytest.approx(16, rel=0.015)


def test_capacity_of_an_engine_grows_by_its_gain_at_a_full_batch() -> None:
    sets = ("workload.arrival_rate=1 request/s", "serving.max_num_seqs=32")
    plain, fast = rack(SMALL, *sets), rack(SMALL, *sets, *drafts("eagle", 3, 0.7))
    gain = fast["throughput.capacity"] / plain["throughput.capacity"]
    assert 1.2 < gain < fast["details.tokens_per_step"]


def test_times_between_tokens_are_said_to_be_of_steps() -> None:
    result = estimated(SMALL, clients(8), "workload.output_cv=0.5", *drafts("eagle", 3, 0.7))
    assert any("times between steps" in note for note in result.notes)
    assert float(result.latency.itl_p50.value) > 1.5 * float(result.latency.tpot.value)  # type: ignore[union-attr]
    assert "2211.17192" in explain(result, "latency.tpot")


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (("serving.speculation.kind=draft-model",), "name the model that drafts"),
        (("serving.speculation.kind=mtp", "serving.speculation.model=llama-3.1-8b"), "mtp needs none"),
        (("serving.speculation.model=bert-large",), "is no decoder"),
        (("serving.speculation.kind=mtp", "serving.runtime=pytorch-eager"), "under a serving engine"),
        (("serving.speculation.kind=medusa",), "eagle"),
    ],
)
def test_plans_that_cannot_be_are_refused(sets: tuple[str, ...], words: str) -> None:
    assert words in refused(SMALL, "workload.batch=1", *sets)


# Pipelines

DEEP = LARGE | {"count": 16}
STAGES = "serving.pipeline_parallel=4", "serving.tensor_parallel=4"


def ring(stages: int, step: float, prompt: float, rate: float, count: int = 2000) -> tuple[float, float]:
    """Micro-batches in a ring of stages, played one by one: mean time to a prompt's end, and mean round of a batch.

    step: of a round without prompts. A batch takes one waiting prompt at a time, which takes `prompt` in all stages.
    """
    draw = random.Random(1)
    arrivals = list(itertools.accumulate(draw.expovariate(rate) for _ in range(count)))
    done = [[0.0] * stages for _ in range(stages)]  # of the last `stages` passes, when each left each stage
    served, waited, rounds, turns = 0, 0.0, 0.0, 0
    while served < count:
        start = max(done[0][-1], done[-1][0])
        holds = arrivals[served] <= start
        each = (step + (prompt if holds else 0.0)) / stages
        left, ready = [], start
        for stage in range(stages):
            ready = max(ready, done[-1][stage]) + each
            left.append(ready)
        if holds:
            waited += ready - arrivals[served]
            served += 1
        rounds, turns = rounds + ready - done[0][-1], turns + 1
        done = [*done[1:], left]
    return waited / count, rounds / turns


@pytest.mark.parametrize("load_of", [0.1, 0.3, 0.5, 0.7, 0.85])
@pytest.mark.parametrize("stages", [2, 4, 8])
def test_prompts_delay_the_ring_as_when_it_is_played(stages: int, load_of: float) -> None:
    step, prompt = 0.02, 0.2
    rate = load_of * stages / (step + prompt)
    _, turn = ring(stages, step, prompt, rate)
    shape = {"chunks": 1.0, "stages": float(stages)}
    factor = slower_steps(rate=rate, step=step, work=prompt, **shape)
    assert step * factor / (1 - rate * prompt * overlap_in_full_ring(**shape)) == pytest.approx(turn, rel=0.25)


@pytest.mark.parametrize("servers", [1, 2, 3, 8])
def test_rings_are_empty_as_often_as_queues(servers: int) -> None:
    """Erlang's exact formula for M/M/c."""
    for used in (0.05, 0.2, 0.4, 0.6, 0.8, 0.95):
        load_of = used * servers
        terms = [load_of**k / math.factorial(k) for k in range(servers)]
        exact = 1 / (sum(terms) + load_of**servers / math.factorial(servers) / (1 - used))
        assert nobody_served(load_of, float(servers)) == pytest.approx(exact, abs=0.025)


@pytest.mark.parametrize("rate", [2.0, 4.0, 6.5])
def test_first_tokens_come_as_when_the_ring_is_played(rate: float) -> None:
    """Prompts of one chunk on four stages, and hardly any answer; less than half of a step comes before the engine."""
    sets = (*STAGES, "workload.input=8000 token", "workload.output=4 token")
    found = rack(DEEP, *sets, f"workload.arrival_rate={rate} request/s")
    idle = rack(DEEP, *sets, "workload.arrival_rate=0.001 request/s")
    prompt, step = found["stages.prefill.time"], idle["latency.tpot"]
    first, _ = ring(4, step, prompt, rate)
    assert found["latency.ttft"] == pytest.approx(idle["latency.ttft"] + first - prompt - step, rel=0.2)


def test_stages_shorten_long_prompts_as_published() -> None:
    """LMSYS, 15 January 2026: DeepSeek-V3.1 on H20, chunks of 12K: lone prompts 3.31 times as fast on four stages."""
    parts = {"gpu": "h200-sxm", "count": 32, "model": "deepseek-v3", "precision": "fp8", "runtime": "sglang"}
    sets = ("workload.input=120000 token", "workload.batch=1", "serving.max_num_batched_tokens=12288 token")
    width = "serving.tensor_parallel=8"
    plain, deep = (rack(parts, *sets, width, *more) for more in ((), ("serving.pipeline_parallel=4",)))
    assert plain["stages.prefill.time"] / deep["stages.prefill.time"] == pytest.approx(3.31, rel=0.15)


def test_a_lone_sequence_passes_all_stages_and_gains_nothing() -> None:
    plain = rack(DEEP, "workload.batch=1", "serving.tensor_parallel=4")
    deep = rack(DEEP, "workload.batch=1", *STAGES)
    hops = deep["stages.decode.terms.hops"]
    assert hops > 4 * 1e-6
    assert deep["latency.tpot"] == pytest.approx(plain["latency.tpot"] + hops, rel=1e-6)
    one = rack(DEEP, "workload.batch=1", "serving.tensor_parallel=4", "serving.pipeline_parallel=1")
    assert one["latency.tpot"] == pytest.approx(plain["latency.tpot"], rel=0.01)


def test_a_step_of_four_batches_takes_as_long_as_one_of_a_quarter() -> None:
    """While one micro-batch is in a stage the others are in the other stages: four times the sequences in one pass."""
    quarter = rack(DEEP, "workload.batch=64", "serving.tensor_parallel=4")["stages.decode.time"]
    deep = rack(DEEP, "workload.batch=256", *STAGES)
    own = deep["stages.decode.time"] - deep["stages.decode.terms.hops"] - deep["stages.decode.terms.other_batches"]
    assert own == pytest.approx(quarter, rel=1e-6)
    assert deep["stages.decode.terms.other_batches"] < 0.2 * quarter


def test_layers_are_divided_over_the_stages() -> None:
    plain = rack(DEEP, "workload.batch=16", "serving.tensor_parallel=4")
    deep = rack(DEEP, "workload.batch=16", *STAGES)
    ends = 128256 * 8192 * 2 / 4  # embedding on the first stage, output matrix on the last
    body = plain["memory.gpu.weights"] - 2 * ends
    assert deep["memory.gpu.weights"] == pytest.approx(body / 4 + ends, rel=1e-6)
    assert deep["memory.gpu.kv_cache"] == pytest.approx(plain["memory.gpu.kv_cache"] / 4, rel=1e-6)
    uneven = rack(DEEP, "workload.batch=16", "serving.pipeline_parallel=3", "serving.tensor_parallel=4")
    assert uneven["memory.gpu.kv_cache"] == pytest.approx(plain["memory.gpu.kv_cache"] * 27 / 80, rel=1e-6)


def test_stages_beyond_one_server_cross_its_network() -> None:
    near = estimated(DEEP, "workload.batch=1", "serving.pipeline_parallel=2", "serving.tensor_parallel=4")
    far = estimated(DEEP, "workload.batch=1", *STAGES)
    hops = [float(each.stages["decode"].terms["hops"].value) / n for each, n in ((near, 2), (far, 4))]
    assert hops[0] < hops[1]
    assert not any("stages" in note for note in near.notes)
    assert any("4 stages" in note and "infiniband" in note for note in far.notes)


@pytest.mark.parametrize("number", [1, 64, 512])
def test_a_pipeline_conserves_its_requests(number: int) -> None:
    found = rack(DEEP, clients(number), *STAGES)
    time = found["latency.ttft"] + found["latency.tpot"] * 256
    assert found["throughput.at_concurrency"] * time == pytest.approx(number, rel=0.01)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (("serving.pipeline_parallel=5",), "do not divide the 16 GPUs"),
        (("serving.pipeline_parallel=2", "accelerators.gpu.count=1"), "do not divide the 1 GPUs"),
        (("serving.pipeline_parallel=5", "serving.tensor_parallel=4"), "5 stages of 4 are 20 GPUs"),
        (("serving.pipeline_parallel=2", "serving.data_parallel=2"), "together with serving.pipeline_parallel"),
        (("serving.pipeline_parallel=2", *drafts("ngram", 3, 0.7)), "together with serving.pipeline_parallel"),
        (("serving.pipeline_parallel=2", "serving.runtime=cuda-graph"), "under a serving engine"),
        (("serving.pipeline_parallel=128", "accelerators.gpu.count=128"), "more than the 80 layers"),
    ],
)
def test_pipelines_that_cannot_be_are_refused(sets: tuple[str, ...], words: str) -> None:
    assert words in refused(DEEP, "workload.batch=1", *sets)


# Adapters


ADAPTERS = "serving.lora.rank=16"


def test_adapters_hold_what_trainers_print() -> None:
    """Llama 3 8B with rank 16 on all linear layers: 41,943,040 trainable parameters, as PEFT counts them."""
    plain = rack(SMALL, "workload.batch=1")["memory.gpu.weights"]
    for number in (1, 8):
        held = rack(SMALL, "workload.batch=1", ADAPTERS, f"serving.lora.adapters={number}")["memory.gpu.weights"]
        assert held - plain == pytest.approx(number * 41_943_040 * 2, rel=1e-6)
    twice = rack(SMALL, "workload.batch=1", "serving.lora.rank=32")["memory.gpu.weights"]
    assert twice - plain == pytest.approx(2 * 41_943_040 * 2, rel=1e-6)


@pytest.mark.parametrize("load_of", [clients(16), "workload.arrival_rate=2 request/s", "workload.batch=16"])
def test_adapters_slow_steps_and_prompts_by_their_factor(load_of: str) -> None:
    plain = rack(SMALL, load_of)
    found = rack(SMALL, load_of, ADAPTERS, "serving.lora.slowdown=1.5")
    assert found["stages.prefill.time"] == pytest.approx(1.5 * plain["stages.prefill.time"], rel=1e-6)
    assert 1.3 < found["latency.tpot"] / plain["latency.tpot"] < 1.7
    assert most(found) < 0.8 * most(plain)
    free = rack(SMALL, load_of, ADAPTERS, "serving.lora.slowdown=1")
    assert free["latency.tpot"] == pytest.approx(plain["latency.tpot"], rel=1e-3)


def test_the_factor_has_a_range_that_figures_show() -> None:
    result = estimated(SMALL, clients(8), ADAPTERS)
    assert "from 1.05 to 1.6" in explain(result, "latency.tpot") or "1.05" in explain(result, "latency.tpot")


# KV caches from elsewhere


def path(rate: str, hits: float) -> tuple[str, ...]:
    return f"serving.kv_offload.bandwidth={rate}", f"serving.kv_offload.hits={hits}"


LONG = "workload.input=8192 token"


def test_what_is_found_is_not_computed_but_attended_to() -> None:
    """Half of a prompt found: half of the products remain, and three quarters of the causal attention."""
    plain, half = (rack(SMALL, "workload.batch=1", LONG, *more) for more in ((), path("1e6 GB/s", 0.5)))
    terms = "stages.prefill.terms"
    assert half[f"{terms}.ffn_weights"] == pytest.approx(plain[f"{terms}.ffn_weights"] / 2, rel=1e-6)
    assert half[f"{terms}.attention"] == pytest.approx(plain[f"{terms}.attention"] * 3 / 4, rel=1e-3)
    nothing = rack(SMALL, "workload.batch=1", LONG, *path("1e6 GB/s", 1e-9))
    assert nothing["latency.ttft"] == pytest.approx(plain["latency.ttft"], rel=1e-4)


@pytest.mark.parametrize("load_of", [clients(1), "workload.arrival_rate=0.01 request/s", "workload.batch=1"])
def test_the_first_token_waits_for_the_path(load_of: str) -> None:
    """Llama 3.1 8B caches 128 KiB per token in 16 bit; a share of 8,192 token over 1 GB/s."""
    slow, fast = (rack(SMALL, load_of, LONG, *path(rate, 0.25))["latency.ttft"] for rate in ("1 GB/s", "1e6 GB/s"))
    assert slow - fast == pytest.approx(0.25 * 8192 * 131072 / 1e9, rel=0.02)


@pytest.mark.parametrize("load_of", [clients(200), "workload.arrival_rate=0.05 request/s", "workload.batch=32"])
def test_the_path_limits_the_rate(load_of: str) -> None:
    found = rack(SMALL, load_of, LONG, *path("0.5 GB/s", 0.5))
    assert most(found) == pytest.approx(1 / (0.5 * 8192 * 131072 / 0.5e9), rel=1e-6)
    free = rack(SMALL, load_of, LONG, *path("100 GB/s", 0.5))
    assert most(free) > most(rack(SMALL, load_of, LONG))


def test_more_requests_than_the_path_takes_are_an_overload() -> None:
    words = refused(SMALL, "workload.arrival_rate=2 request/s", LONG, *path("0.5 GB/s", 0.5))
    assert "overload" in words


# Weights in formats that a GPU lacks

OLD = SMALL | {"gpu": "a100-sxm-80gb"}


@pytest.mark.parametrize("precision", ["fp8", "int4", "mxfp4"])
def test_narrow_weights_are_read_narrow_and_computed_wide(precision: str) -> None:
    """Half or a quarter of the bytes at the same rate; arithmetic as of 16 bit."""
    wide = rack(OLD, "workload.batch=1")
    result = estimated(OLD | {"precision": precision}, "workload.batch=1")
    assert any("weight-only" in note and "bf16" in note for note in result.notes)
    narrow = rack(OLD | {"precision": precision}, "workload.batch=1")
    bytes_of = {"fp8": 1.0, "int4": 0.5625, "mxfp4": 0.53125}[precision]
    share = narrow["stages.decode.terms.ffn_weights"] / wide["stages.decode.terms.ffn_weights"]
    assert bytes_of / 2 * 0.95 < share < bytes_of / 2 * 1.25
    assert narrow["stages.prefill.terms.ffn_weights"] == pytest.approx(
        wide["stages.prefill.terms.ffn_weights"], rel=1e-6
    )
    assert narrow["memory.gpu.kv_cache"] == pytest.approx(wide["memory.gpu.kv_cache"])


def test_formats_that_a_gpu_has_are_no_weight_only_formats() -> None:
    for parts in (SMALL | {"precision": "fp8"}, OLD | {"precision": "int8"}):
        assert not any("weight-only" in note for note in estimated(parts, "workload.batch=1").notes)
    assert any("weight-only" in note for note in estimated(SMALL | {"precision": "int4"}, "workload.batch=1").notes)


@pytest.mark.parametrize(
    ("parts", "sets", "words"),
    [
        (SMALL, ("serving.lora.rank=16", "serving.runtime=cuda-graph"), "serving engine"),
        (SMALL, (*path("1 GB/s", 0.5), "serving.runtime=cuda-graph"), "serving engine"),
        (SMALL, ("serving.kv_offload.hits=0.5",), "serving.kv_offload.bandwidth: is missing"),
        (SPARSE, ("serving.lora.rank=16",), "latent attention"),
        (DEEP, (*STAGES, *path("1 GB/s", 0.5)), "together with serving.pipeline_parallel"),
        (SMALL, ("serving.context_parallel_size=2",), "write serving.context_parallel"),
        (SMALL, ("serving.enable_expert_parallel=true",), "serving.expert_parallel: true"),
        (SMALL, ("serving.cpu_offload_gb=10",), "weights in host memory are not modelled"),
        (SMALL, ("serving.hicache_ratio=2",), "write serving.kv_offload"),
    ],
)
def test_what_is_not_modelled_is_refused_by_name(parts: dict, sets: tuple[str, ...], words: str) -> None:
    assert words in refused(parts, "workload.batch=1", *sets)


def test_an_answer_that_takes_fewer_steps_carries_less_of_the_cost() -> None:
    """Money is divided as the chips' time is: a prompt's prefill, and the steps of its answer, which others share."""
    found = rack(LARGE, clients(64), *drafts("ngram", 3, 0.5))
    prompts = found["cost.per_million_input_tokens"] * found["throughput.input_tokens"]
    answers = found["cost.per_million_output_tokens"] * found["throughput.tokens"]
    steps = LENGTHS["output"] / found["details.tokens_per_step"] * found["stages.decode.time"]
    expected = found["stages.prefill.time"] * found["details.decoding_together"] / steps
    assert prompts / answers == pytest.approx(expected)
