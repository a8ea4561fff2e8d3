"""Laws that hold whatever the rack: memory, bandwidth, power, heat, percentiles. Each over a grid of racks."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.estimation.estimate import estimate, transfer_over
from rackcalc.formulas.gpu.memory_fit import memory_fit
from rackcalc.formulas.transformer.counts import count
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.quantities.figures import figures
from rackcalc.quantities.problems import InputError
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.questions.rack_file import load, load_text

RACK = """
name: a rack
accelerators: {{gpu: {{part: {gpu}, count: {count}}}}}
model: {model}
workload: {{input: {input} token, {output}precision: {precision}, {load}}}
serving: {{split: gpu, runtime: {runtime}}}
"""


@cache
def computed(sets: tuple[str, ...] = (), **words: Any) -> dict[str, float] | str:
    """The figures of a rack by path, or why it is refused."""
    known = {
        "count": 1,
        "input": 1000,
        "output": "output: 200 token, ",
        "precision": "bf16",
        "load": "concurrency: 4",
        "runtime": "vllm",
    }
    try:
        result = estimate(load_text(RACK.format(**known | words), "rack.yaml", sets=sets))
    except InputError as error:
        return error.problems[0].message
    return {path: float(quantity.value) for path, quantity in figures(result)}


def answered(sets: Sequence[str] = (), **words: Any) -> dict[str, float]:
    found = computed(tuple(sets), **words)
    assert isinstance(found, dict), found
    return found


def read_by_a_token(model: str, context: float) -> float:
    """Bytes that a token of a dense model needs: half of the weights, to leave out embeddings, and its KV cache."""
    part = load_part("models", model)
    size = model_size(part, "bf16", "bf16")
    return float(size.weights.value) / 2 + float(size.kv_per_layer.value * context * part.layers.value)


@pytest.mark.parametrize("runtime", ["vllm", "sglang", "tensorrt-llm"])
@pytest.mark.parametrize("gpu", ["h100-sxm", "a100-sxm-80gb", "b200-sxm", "h200-sxm"])
@pytest.mark.parametrize("load", ["concurrency: 1", "concurrency: 7", "batch: 3", "arrival_rate: 0.05 request/s"])
@pytest.mark.parametrize("context", [200, 20_000, 120_000])
def test_no_token_is_faster_than_the_memory_can_be_read(runtime: str, gpu: str, load: str, context: int) -> None:
    found = computed(gpu=gpu, model="llama-3.1-8b", input=context, runtime=runtime, load=load)
    if isinstance(found, str):
        assert "fit" in found or "overload" in found
        return
    bandwidth = float(load_part("gpus", gpu).memory_bandwidth.value)
    assert found["latency.tpot"] >= read_by_a_token("llama-3.1-8b", context) / bandwidth


@pytest.mark.parametrize("load", ["concurrency: 1", "concurrency: 5", "batch: 2"])
@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-30b-a3b"])
def test_longer_contexts_are_never_faster(load: str, model: str) -> None:
    times = [answered(gpu="h200-sxm", model=model, input=n, load=load) for n in (100, 500, 2000, 8000, 30_000)]
    for path in ("latency.tpot", "latency.ttft"):
        values = [found[path] for found in times]
        assert values == sorted(values), path


MODELS = ["llama-3.1-8b", "llama-3.1-70b", "deepseek-v3", "qwen3-30b-a3b"]


def fit(model: str, batch: float, context: float, devices: float, groups: float, **changes: Any) -> Any:
    part = load_part("models", model)
    for name, value in changes.items():
        part = type(part)(**{**part.__dict__, name: value})
    size = model_size(part, "fp8", "bf16")
    numbers = (constant(float(n), unit, "n", "given") for n, unit in ((batch, "1"), (context, "token"), (devices, "1")))
    return memory_fit(
        load_part("gpus", "h200-sxm"),
        load_part("runtimes", "vllm"),
        part,
        size,
        *numbers,
        count(float(groups), "groups"),
    )


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.integers(1, 500),
    st.integers(1, 100_000),
    st.sampled_from([(1, 1), (4, 1), (8, 1), (8, 2), (8, 8)]),
    st.floats(1.0, 3.0),
)
def test_memory_never_decreases(model: str, batch: int, context: int, layout: tuple[int, int], factor: float) -> None:
    def used(found: Any) -> float:
        return float(found.capacity.value - found.free.value)

    devices, groups = layout
    here = used(fit(model, batch, context, devices, groups))
    assert used(fit(model, math.ceil(batch * factor), context, devices, groups)) >= here
    assert used(fit(model, batch, math.ceil(context * factor), devices, groups)) >= here
    layers = load_part("models", model).layers
    more = Quantity(math.ceil(layers.value * factor), "1", "layers", source=layers.source)
    assert used(fit(model, batch, context, devices, groups, layers=more)) >= here


@settings(max_examples=60, deadline=None)
@given(st.integers(500, 60_000), st.sampled_from([2, 4, 8]))
def test_groups_hold_as_many_times_the_sequences_of_latent_attention(context: int, groups: int) -> None:
    """Every GPU of a tensor-parallel group keeps the whole latent cache; a data-parallel group only its own."""
    together, apart = (fit("deepseek-v3", 1, context, 8, n) for n in (1, groups))
    assert apart.weights.value > together.weights.value
    room = [float(found.free.value + found.kv_cache.value) for found in (together, apart)]
    per_sequence = float(together.kv_cache.value)
    assert together.max_batch.value == max(math.floor(room[0] / per_sequence), 0)
    assert apart.max_batch.value == groups * max(math.floor(room[1] / per_sequence), 0)
    assert apart.max_batch.value % groups == 0


@pytest.mark.parametrize("load", ["batch: 64", "concurrency: 64"])
def test_the_largest_batch_fits_and_one_more_does_not(load: str) -> None:
    words: dict[str, Any] = {"gpu": "h100-sxm", "model": "llama-3.1-8b", "input": 4000, "output": "output: 1 token, "}
    most = int(answered(load="batch: 1", **words)["memory.gpu.max_batch"])
    assert isinstance(computed(load=f"batch: {most}", **words), dict)
    assert "does not fit" in str(computed(load=f"batch: {most + 1}", **words))
    room = answered(load="concurrency: 2000", **words)["details.room"]
    assert room == pytest.approx(most, abs=1)  # the same account; the reserve for one output token moves it by one


@pytest.mark.parametrize("gpu", [name for name in part_names("gpus") if "gb" not in name and "gh" not in name])
def test_idle_chips_draw_their_idle_power(gpu: str) -> None:
    part = load_part("gpus", gpu)
    precision = "bf16" if "bf16" in part.peak else "fp16"
    words = {"gpu": gpu, "model": "llama-3.2-1b" if "llama-3.2-1b" in part_names("models") else "llama-3.1-8b"}
    found = computed(load="arrival_rate: 0.000001 request/s", precision=precision, runtime="cuda-graph", **words)
    if isinstance(found, str):
        assert "fit" in found
        return
    assert part.idle_power.value <= found["power.chips"] <= part.tdp.value


BUSES = [name for name in part_names("links") if name.startswith("pcie")]


@pytest.mark.parametrize("link", BUSES)
@pytest.mark.parametrize("size", [1e3, 1e6, 64 * 2.0**20, 1e9])
def test_a_bounce_is_no_faster_than_the_bus(link: str, size: float) -> None:
    moved = transfer_over(link, constant(size, "B", "size", "given"), constant(0.0, "1", "none", "given"))
    once = size / float(load_part("links", link).bandwidth.value)
    assert moved.pipelined_bounce.value >= once
    assert moved.bounce.value >= 2 * once
    assert moved.time.value >= once


@pytest.mark.parametrize("rack", ["air-limit", "bert-8xb200", "llama70b-8xh100", "bert-a100"])
@pytest.mark.parametrize("cooling", ["air", "air-contained", "rear-door"])
@pytest.mark.parametrize("used", ["0.05", "0.6", "1.0"])
def test_thin_air_does_not_cool_better(rack: str, cooling: str, used: str) -> None:
    found = []
    for height in (0, 500, 1000, 2000, 4000):
        sets = (f"site.altitude={height} m", f"site.cooling={cooling}", f"economics.utilization={used}")
        try:
            heat = estimate(load(rack, sets=sets)).thermal
        except InputError:
            found.append((math.inf, 0.0))
            continue
        found.append((float(heat.junction["gpu"].value), float(heat.clock_share["gpu"].value)))
    hot = [junction if clock == 1 else 1e3 - clock for junction, clock in found]  # throttled: the clock falls
    for lower, higher in pairwise(hot):
        assert higher >= lower - 1e-6


@pytest.mark.parametrize("rack", ["bert-8xb200", "bert-a100", "llama70b-8xh100", "rack-of-god", "vendor-quote"])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 0.9, 0.97])
def test_percentiles_are_in_order(rack: str, share: float) -> None:
    plain = estimate(load(rack, sets=("workload.arrival_rate=", "workload.concurrency=", "sharing=")))
    rate = share * float(plain.throughput.capacity.value)
    sets = ("workload.concurrency=", "sharing=", f"workload.arrival_rate={rate!r} request/s")
    try:
        late = estimate(load(rack, sets=sets)).latency
    except InputError as error:  # hot chips are slower under the load
        assert share > 0.7 and "overload" in error.problems[0].message
        return
    assert late.p50.value <= late.p90.value <= late.p99.value <= late.p999.value
    # where fewer than 1 % wait and all requests are alike, the mean is above the p99 by the wait of those few
    assert late.mean.value <= late.p99.value * 1.001


@pytest.mark.parametrize("gpu", part_names("gpus"))
def test_every_gpu_of_the_catalog_works_alone(gpu: str) -> None:
    part = load_part("gpus", gpu)
    precision = "fp16" if "fp16" in part.peak else "bf16"
    found = answered(
        gpu=gpu, model="bert-large", precision=precision, runtime="tensorrt", load="batch: 8", input=128, output=""
    )
    assert found["latency.service"] > 0 and found["cost.capex"] > 0


def test_more_gpus_than_nvlink_joins_are_refused_or_slower() -> None:
    words: dict[str, Any] = {"gpu": "h100-sxm", "model": "llama-3.1-70b", "precision": "fp8", "load": "batch: 1"}
    refused = computed(("serving.tensor_parallel=16",), count=16, **words)
    assert "NVLink joins 8" in str(refused) and "links" in str(refused)
    over = ("serving.tensor_parallel=16", "links={gpu-gpu: {part: infiniband-ndr}}")
    near = ("serving.tensor_parallel=8",)
    assert answered(over, count=16, **words)["latency.tpot"] > answered(near, count=16, **words)["latency.tpot"]
    named = ("serving.tensor_parallel=16", "links={gpu-gpu: {part: nvlink4}}")
    assert "NVLink joins 8" in str(computed(named, count=16, **words))
