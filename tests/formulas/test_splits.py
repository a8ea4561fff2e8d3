"""Splits between GPUs and LPUs against FastAFD's tables and event simulations."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.formulas.lpu.encoder import LpuPass
from rackcalc.formulas.serving import (
    attention_ffn_speedup,
    attention_ffn_split,
    draft_verify_split,
    encoder_split,
    kv_transfer,
    prefill_decode_split,
    speculative_decoding,
)
from rackcalc.quantities.quantity import Quantity

times = st.floats(1e-6, 1e-3)


def q(value: float, unit: str = "1") -> Quantity:
    return Quantity(float(value), unit)


@pytest.mark.parametrize(
    ("attention", "dense", "moved", "all_moved", "devices", "measured"),
    [
        (0.434, 0.162, 1.68, 2.31, 17, 1.45),
        (0.482, 0.153, 1.57, 2.07, 17, 1.38),
        (0.414, 0.157, 1.75, 2.42, 7, 1.40),
        (0.424, 0.160, 1.71, 2.36, 11, 1.44),
    ],
)
def test_fastafd_tables(attention, dense, moved, all_moved, devices, measured):
    assert attention_ffn_speedup.offload_limit(remaining_share=attention + dense) == pytest.approx(moved, abs=0.01)
    assert attention_ffn_speedup.offload_limit(remaining_share=attention) == pytest.approx(all_moved, abs=0.01)
    predicted = attention_ffn_speedup.fastafd_prediction(1.5, 2.0, attention, dense, devices, 1.0)
    assert predicted == pytest.approx(measured, abs=0.01)
    identity = attention_ffn_speedup.afd_speedup(1.5, 1.0, 1.5 * attention + 2 * dense, devices, 1.0)
    assert identity == pytest.approx(predicted)


def simulate_ping_pong(attention, feed_forward, forth, back, microbatches, layers):
    """Events of jobs that alternate between two first-come-first-served stations."""
    free = {"attention": 0.0, "feed_forward": 0.0}
    ready = [0.0] * microbatches
    for _ in range(layers):
        for station, work, hop in (("attention", attention, forth), ("feed_forward", feed_forward, back)):
            for job in range(microbatches):
                free[station] = max(free[station], ready[job]) + work
                ready[job] = free[station] + hop
    return max(ready)


@given(times, times, times, times, st.integers(1, 5), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_ping_pong_is_what_a_simulation_gives(attention, feed_forward, forth, back, microbatches, layers):
    args = (attention, feed_forward, forth, back)
    found = attention_ffn_split.ping_pong_step(*args, float(microbatches), float(layers))
    assert found == pytest.approx(simulate_ping_pong(*args, microbatches, layers), rel=1e-9)


@given(times, times, st.floats(1e-7, 1e-3), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_megascale_holds_exactly_where_its_condition_does(attention, feed_forward, crossing, microbatches):
    valid = attention_ffn_split.hops_hidden(attention, feed_forward, crossing, float(microbatches))
    published = attention_ffn_split.megascale_step(attention, feed_forward, crossing, float(microbatches), 80.0)
    exact = attention_ffn_split.ping_pong_step(attention, feed_forward, crossing, crossing, float(microbatches), 80.0)
    assert published <= exact * (1 + 1e-12)
    if valid:
        assert published == pytest.approx(exact, rel=1e-12)
        assert microbatches >= attention_ffn_split.microbatches_needed(attention, feed_forward, crossing)
    if microbatches == 1:
        assert not valid


def test_limits():
    step = attention_ffn_split.megascale_step(120e-6, 100e-6, 40e-6, 2.0, 94.0)
    assert step == pytest.approx(22.74e-3, rel=1e-12)
    assert attention_ffn_split.hops_hidden(120e-6, 100e-6, 40e-6, 2.0) == 0  # so that figure is a lower bound
    many = attention_ffn_split.ping_pong_step(120e-6, 100e-6, 0.0, 0.0, 1e6, 94.0)
    assert many == pytest.approx(1e6 * 94 * 120e-6, rel=1e-6)
    assert math.isnan(attention_ffn_split.conservative_step(1.0, 1.0, 0.1, 0.1, 1.0, 8.0))
    assert math.isnan(attention_ffn_split.optimistic_step(1.0, 1.0, 0.1, 0.1, 2.0, 8.0))
    assert attention_ffn_split.optimistic_step(1.0, 1.0, 0.1, 0.1, 3.0, 8.0) < attention_ffn_split.conservative_step(
        1.0, 1.0, 0.1, 0.1, 3.0, 8.0
    )


@pytest.mark.parametrize(("hop", "milliseconds"), [(2e-6, 4.25), (5e-6, 4.73), (10e-6, 5.53)])
def test_llama_70b_batch_one(hop, milliseconds):
    found = attention_ffn_split.attention_ffn(
        q(37.3e-6, "s"), q(9.2e-6, "s"), q(hop, "s"), q(hop, "s"), q(80), q(1), q(205e-6, "s")
    )
    assert found.tpot.value * 1e3 == pytest.approx(milliseconds, abs=0.01)
    assert found.step.value == pytest.approx(found.serial.value)
    assert found.hidden.value == 0
    assert sum(t.value for t in found.terms.values()) == pytest.approx(found.tpot.value)


@given(times, times, times)
@settings(max_examples=20, deadline=None)
def test_break_even_hop_breaks_even(attention, here, there):
    hop = attention_ffn_speedup.break_even_hop(here, there)
    assert attention_ffn_split.round_trip(attention, there, hop, hop) == pytest.approx(attention + here)


def simulate_layerwise(kv, bandwidth, prefill, layers):
    done = 0.0
    for layer in range(layers):
        done = max(done, prefill * (layer + 1) / layers) + kv / layers / bandwidth
    return done - prefill


@given(st.floats(1e6, 1e10), st.floats(1e9, 1e12), st.floats(1e-3, 1.0), st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_layerwise_transfer_is_what_a_simulation_gives(kv, bandwidth, prefill, layers):
    found = kv_transfer.layerwise_exposed(0.0, kv, bandwidth, prefill, float(layers))
    assert found == pytest.approx(simulate_layerwise(kv, bandwidth, prefill, layers), rel=1e-6, abs=1e-12)
    assert found <= kv_transfer.bulk_exposed(0.0, kv, bandwidth) * (1 + 1e-12)


@pytest.mark.parametrize(("bandwidth", "milliseconds"), [(800e9, 3.4), (48e9, 56)])
def test_kv_cache_of_8k_tokens(bandwidth, milliseconds):
    found = prefill_decode_split.prefill_decode(
        q(0.2, "s"), q(2.684e9, "B"), q(80), q(5e-6, "s"), q(bandwidth, "B/s"), q(4e-3, "s"), q(4e-3, "s/token"), "bulk"
    )
    assert found.exposed.value * 1e3 == pytest.approx(milliseconds, rel=0.02)
    assert found.ttft.value == pytest.approx(0.2 + found.exposed.value + 4e-3)
    args = (q(0.2, "s"), q(2.684e9, "B"), q(80), q(5e-6, "s"), q(bandwidth, "B/s"), q(4e-3, "s"), q(4e-3, "s/token"))
    assert prefill_decode_split.prefill_decode(*args, "layer-wise").ttft.value < found.ttft.value


@given(st.floats(0, 0.99), st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_tokens_per_step_is_the_geometric_sum(acceptance, drafted):
    expected = sum(acceptance**i for i in range(drafted + 1))
    assert speculative_decoding.tokens_per_step(float(drafted), acceptance) == pytest.approx(expected)


def test_draft_verify():
    assert speculative_decoding.tokens_per_step(4.0, 1.0) == 5
    nothing = draft_verify_split.draft_verify(q(1e-4, "s"), q(6e-3, "s"), q(0), q(4), q(0, "s"), q(0, "s"))
    assert nothing.tpot.value == pytest.approx(6.4e-3)  # nothing accepted: drafting is pure loss
    good = draft_verify_split.draft_verify(q(1e-4, "s"), q(6e-3, "s"), q(0.8), q(4), q(5e-6, "s"), q(5e-6, "s"))
    assert good.tpot.value < 6e-3 / 3
    assert sum(t.value for t in good.terms.values()) == pytest.approx(good.step.value)


def test_encoder_pipeline_adds_up_and_its_slowest_part_limits():
    lpu = LpuPass(q(1.2e-3, "s"), q(0.3e-3, "s"), q(0, "s"), q(1), {}, q(4))
    found = encoder_split.encoder_pipeline(q(0.4e-3, "s"), lpu, q(2e-6, "s"), q(2e-6, "s"))
    assert found.time.value == pytest.approx(1.604e-3)
    assert found.bottleneck.value == 0.4e-3
