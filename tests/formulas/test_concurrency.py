"""Continuous batching: its limits, Little's law, and what must grow with what."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.parts import load_part
from rackcalc.formulas.serving import concurrency as formulas
from rackcalc.formulas.serving import disaggregated_prefill, speculative_decoding
from rackcalc.formulas.serving.time_to_first_token import prefills_first
from rackcalc.quantities.quantity import Quantity, constant
from rackcalc.validation import runs
from rackcalc.validation.runs import Numbers, Run

RUN = Run("h100-sxm", "llama-3.1-8b", "bf16", "vllm", "", (), False, False, False, True)


def given_(value: float, unit: str) -> Quantity:
    return constant(value, unit, "given", "given")


def numbers(prompt: float = 1024.0, output: float = 256.0, devices: float = 1.0, groups: float = 1.0) -> Numbers:
    lengths = {"prompt": given_(prompt, "token"), "output": given_(output, "token")}
    return Numbers(given_(devices, "1"), given_(groups, "1"), **lengths)


def loop(concurrency: float, run: Run = RUN, **lengths: float) -> formulas.Loop:
    return runs.loop(run, numbers(**lengths), given_(concurrency, "1"))


@pytest.mark.parametrize("program", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize("devices", [1.0, 8.0])
def test_one_request_is_the_idle_engine(program: str, devices: float) -> None:
    run = RUN._replace(program=program)
    alone, step = loop(1.0, run, devices=devices), runs.step(run, numbers(devices=devices), given_(1.0, "1"))
    prefill = runs.prompts(run, numbers(devices=devices))
    assert alone.stall.value == 0 and alone.ahead.value == 0
    assert alone.tpot.value == pytest.approx(step.time.value, rel=0.01)
    assert alone.ttft.value > prefill.time.value


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("concurrency", [1.0, 3.0, 32.0, 500.0, 5000.0])
def test_requests_are_conserved(concurrency: float, equal: bool) -> None:
    """Little's law inside and outside, and each request is prefilled once while another is served."""
    found = loop(concurrency, RUN._replace(equal_lengths=equal))
    assert found.rate.value * found.time.value == pytest.approx(concurrency)
    assert found.held.value == min(concurrency, found.room.value)
    inside = found.first.value + 255 * found.tpot.value
    assert found.decoding.value == pytest.approx(found.held.value * 255 * found.tpot.value / inside, rel=0.05)
    assert found.rate.value * inside == pytest.approx(found.held.value, rel=1e-6)
    assert found.ahead.value <= max(found.held.value - 1, 0) / 2


def test_prompts_that_wait_share_steps_but_never_their_own_work() -> None:
    """A prompt that fills a step shares nothing; the shorter it is, the less of the fixed times it takes."""
    times = {"each": given_(0.05, "s"), "work": given_(0.03, "s"), "groups": given_(1.0, "1")}
    times |= {"number": given_(100.0, "1"), "chunk": given_(8192.0, "token")}
    lengths = (1, 512, 4096, 8192, 32768)
    filled = [prefills_first(prompt=given_(float(prompt), "token"), **times).value / 100 for prompt in lengths]
    assert filled == sorted(filled) and filled[0] == pytest.approx(0.03, rel=1e-2)
    assert filled[-2:] == pytest.approx([0.05, 0.05])


def test_a_smaller_token_budget_makes_waiting_prompts_slower_and_a_lone_one_as_fast() -> None:
    run = RUN._replace(program="trtllm", equal_lengths=True)  # its prefills are launched kernel by kernel
    small = run._replace(options=(("chunk", 1024.0),))
    assert loop(1.0, small, prompt=512.0).ttft.value == pytest.approx(loop(1.0, run, prompt=512.0).ttft.value)
    assert loop(64.0, small, prompt=512.0).ttft.value > loop(64.0, run, prompt=512.0).ttft.value


@pytest.mark.parametrize("program", ["vllm", "sglang", "trtllm"])
def test_a_host_tokenizes_prompts_as_fast_as_tokenizers_are_known_to(program: str) -> None:
    """Tokenizers in one thread take 1 to 10 MB of text a second, of 4 bytes a token; token ids need none of it."""
    run = RUN._replace(program=program)
    longer = loop(1.0, run, prompt=9000.0).host.value - loop(1.0, run, prompt=1000.0).host.value
    assert 8000 * 4 / 10e6 < longer < 8000 * 4 / 1e6
    in_process = run._replace(served=False)
    assert loop(1.0, in_process, prompt=9000.0).host.value == loop(1.0, in_process, prompt=1000.0).host.value


def test_more_requests_make_each_slower_and_all_together_faster() -> None:
    found = [loop(float(c)) for c in (1, 2, 4, 8, 16, 32, 64, 128)]
    for name in ("ttft", "tpot", "rate"):
        values = [getattr(f, name).value for f in found]
        assert values == sorted(values), name


def test_beyond_the_room_requests_only_wait() -> None:
    lengths = {"prompt": 8192.0, "output": 1024.0}
    room = loop(1.0, **lengths).room.value
    full, double = loop(room, **lengths), loop(2 * room, **lengths)
    assert 10 < room < 100
    assert double.tpot.value == pytest.approx(full.tpot.value)
    assert double.rate.value == pytest.approx(full.rate.value, rel=1e-6)
    assert double.ttft.value == pytest.approx(full.ttft.value + full.time.value)


def test_memory_that_weights_fill_leaves_one_sequence() -> None:
    run = RUN._replace(model="llama-3.1-70b")
    assert runs.fits(run, numbers()).value == 1
    assert runs.fits(run, numbers(devices=8.0)).value > 100


def test_equal_lengths_keep_requests_in_lockstep() -> None:
    """Where prefills take whole steps, a wave of equal requests waits for half of itself."""
    whole = loop(32.0, RUN._replace(program="sglang", equal_lengths=True))
    mixed = loop(32.0, RUN._replace(equal_lengths=True))
    spread = loop(32.0)
    assert whole.ahead.value == pytest.approx(15.5)
    assert spread.ahead.value < mixed.ahead.value < whole.ahead.value


def test_groups_of_attention_trade_the_all_reduce_for_copies() -> None:
    run = RUN._replace(model="deepseek-r1", precision="fp8", part="h200-sxm")
    grouped = run._replace(grouped=True)
    few, many = given_(8.0, "1"), given_(512.0, "1")
    together, apart = numbers(devices=8.0), numbers(devices=8.0, groups=8.0)
    assert runs.step(grouped, apart, few).time.value > runs.step(run, together, few).time.value
    assert runs.step(grouped, apart, many).time.value < runs.step(run, together, many).time.value
    assert "dispatch" in runs.step(grouped, apart, few).terms
    assert runs.fits(grouped, apart).value > 2 * runs.fits(run, together).value  # the latent cache is not copied


def test_newer_versions_have_shorter_fixed_times() -> None:
    old, new = (loop(8.0, RUN._replace(version=version)).tpot.value for version in ("0.11.2", "0.19.0"))
    assert new < old
    assert loop(8.0, RUN._replace(version="0.12.9")).tpot.value == loop(8.0, RUN._replace(version="0.12")).tpot.value


@settings(max_examples=25, deadline=None)
@given(rate=st.floats(0.05, 30.0))
def test_an_offered_rate_is_met_or_the_engine_is_full(rate: float) -> None:
    most = given_(128.0, "1")
    found = formulas.at_rate(lambda number: runs.loop(RUN, numbers(), number), given_(rate, "request/s"), most)
    if found.rate.value < 0.98 * rate:
        assert found.held.value > 0.9 * 128 or found.held.value == 1
    else:
        assert found.held.value == 1 or found.rate.value == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize(("drafted", "chance"), [(1.0, 0.5), (3.0, 0.7), (5.0, 0.9)])
def test_tokens_per_step_is_the_expected_run(drafted: float, chance: float) -> None:
    """Sum of the probabilities that at least so many tokens are kept."""
    expected = sum(chance**i for i in range(int(drafted) + 1))
    assert speculative_decoding.tokens_per_step(drafted=drafted, acceptance=chance) == pytest.approx(expected)


def test_speculation_pays_at_small_batches() -> None:
    run = RUN._replace(words=("mtp",))
    assert loop(1.0, run).tpot.value < loop(1.0).tpot.value
    gain = [loop(c).tpot.value / loop(c, run).tpot.value for c in (1.0, 256.0)]
    assert gain[1] < gain[0]


def test_own_gpus_for_prompts_remove_the_stall() -> None:
    """A prefill pool queues as M/D/1 (half of the M/M/1 wait); too slow a pool never answers."""
    times = {"request_host": 0.0, "prefill": 0.1, "engines": 1.0, "transfer": 0.0, "step": 0.0}
    assert disaggregated_prefill.separate_first_token(rate=8.0, **times) == pytest.approx(0.1 + 0.1 * 0.8 / 0.2 / 2)
    assert disaggregated_prefill.separate_first_token(rate=11.0, **times) == float("inf")


def test_front_end_bounds_the_token_rate() -> None:
    token_time = load_part("runtimes", "tensorrt-llm").engine.token_time.value
    run = RUN._replace(program="trtllm", precision="fp8", part="b200-sxm")
    found = loop(1000.0, run, prompt=32.0)
    assert 256 * found.rate.value < 1 / token_time
