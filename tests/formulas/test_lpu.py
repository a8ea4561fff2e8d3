"""LPU passes against published and hand-computed times, and the laws they must obey."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackcalc.config.parts import load_part
from rackcalc.formulas.lpu import decode as lpu_decode
from rackcalc.formulas.lpu import encoder, execution_time, feed_forward, matrix_cycles, memory_fit
from rackcalc.formulas.transformer.model_size import model_size
from rackcalc.quantities.quantity import Quantity

V1, GROQ3 = load_part("lpus", "groq-lpu-v1"), load_part("lpus", "groq-3-lpu")
BERT = load_part("models", "bert-large")
LLAMA2, LLAMA3 = load_part("models", "llama-2-70b"), load_part("models", "llama-3.1-70b")


def q(value: float, unit: str = "1") -> Quantity:
    return Quantity(float(value), unit)


def encode(chip=V1, chips=4, precision="fp16", tokens=128, batch=1, **options):
    link = {"latency": q(0.722e-6, "s"), "bandwidth": q(12.5e9 / 1.025, "B/s")}  # one 4 x 25 Gb/s link, 2.5 % framing
    return encoder.encoder(chip, BERT, q(chips), precision, q(batch), q(tokens, "token"), **link, **options)


def decode(chip, model, chips, precision, batch=1, context=700, bandwidth=14e9):
    latency = q(0.72e-6 if chip.name == V1.name else 0.35e-6, "s")
    length = q(context, "token")
    return lpu_decode.decode(
        chip, model, q(chips), precision, precision, q(batch), length, latency, q(bandwidth, "B/s")
    )


@pytest.mark.parametrize(
    ("term", "microseconds"), [("matrix", 546), ("attention", 109), ("vector", 218.5), ("hops", 67)]
)
def test_bert_large_terms(term, microseconds):
    assert encode().terms[term].value * 1e6 == pytest.approx(microseconds, abs=0.5)


@pytest.mark.parametrize(
    ("chip", "chips", "precision", "tokens", "milliseconds"),
    [
        (V1, 4, "fp16", 128, 0.96),
        (V1, 4, "fp16", 384, 3.58),
        (V1, 4, "int8", 128, 0.44),
        (V1, 4, "int8", 384, 1.76),
        (GROQ3, 1, "fp8", 128, 0.26),
    ],
)
def test_bert_large_structural(chip, chips, precision, tokens, milliseconds):
    found = encode(chip, chips, precision, tokens).structural.value
    assert found * 1e3 == pytest.approx(milliseconds, rel=0.03 if chip is GROQ3 else 0.01)


def test_bert_large_meets_the_published_mean():
    assert encode().time.value == pytest.approx(1225e-6, rel=0.03)
    assert encode().bottleneck.value == pytest.approx(1225e-6 / 4, rel=0.03)


def test_small_bert_is_within_its_measured_range():
    tiny = replace(BERT, layers=q(2), hidden=q(128), heads=q(2), kv_heads=q(2), head_dim=q(64), ffn=q(512))
    link = {"latency": q(0.0, "s"), "bandwidth": q(1e9, "B/s")}
    low, high = V1.compiler_factor_encoder.low, V1.compiler_factor_encoder.high
    chip = encoder.encoder(V1, tiny, q(1), "fp16", q(1), q(128, "token"), **link)
    structural = (chip.time.value - V1.host_io.value) / chip.compiler_factor.value
    for measured in (26.6e-6, 30.9e-6, 42.7e-6):  # on-chip time of three sample runs at ALCF
        assert low <= measured / structural <= high * 1.01


@pytest.mark.parametrize(("size", "padded"), [(1024, 0.80), (4096, 0.985), (8192, 0.985), (28672, 0.996)])
def test_padding_to_tiles(size, padded):
    cycles = matrix_cycles.matrix_cycles(1e6, size, 320.0, 1.0, 1.0, 1.0, 320.0, 40.0, 1.0, 1.0)
    assert size / (cycles / 1e6 * 320) == pytest.approx(padded, abs=5e-4)


def test_matrix_vector_product_is_bound_by_installing():
    time = execution_time.cycle_time(
        matrix_cycles.matrix_cycles(1.0, 8000.0, 32000.0, 1.0, 1.0, 4.0, 320.0, 40.0, 1.0, 1.0), 0.9e9
    )
    assert 8000 * 32000 / time == pytest.approx(9.216e12)


@pytest.mark.parametrize(
    ("weights", "kv", "sram", "usable", "chips"),
    [
        (70.55e9, 8192 * 163840, 230e6, 0.85, 368),
        (70.55e9, 8192 * 163840, 500e6, 0.85, 170),
        (2 * 70.55e9, 2 * 8192 * 163840, 230e6, 0.85, 736),
        (8.03e9, 0, 230e6, 1, 35),
        (8.03e9, 0, 500e6, 1, 17),
        (405.85e9, 0, 230e6, 1, 1765),
        (405.85e9, 0, 500e6, 1, 812),
    ],
)
def test_fewest_chips(weights, kv, sram, usable, chips):
    chip = replace(V1, sram=q(sram, "B"), usable_sram=q(usable))
    found = memory_fit.capacity(chip, q(chips), q(weights, "B"), q(kv, "B"), q(0, "B"))
    assert found.chips.value == chips and found.free.value >= 0 and found.spilled.value == 0
    short = memory_fit.capacity(chip, q(chips - 1), q(weights, "B"), q(kv, "B"), q(0, "B"))
    assert short.free.value < 0 and short.spilled.value == -short.free.value


@pytest.mark.parametrize(
    ("model", "v1_chips", "groq3_chips"),
    [("bert-large", 2, 1), ("llama-3.1-8b", 35, 17), ("llama-3.1-70b", 307, 142), ("deepseek-v3", 2918, 1343)],
)
def test_fewest_chips_for_bare_weights(model, v1_chips, groq3_chips):
    parameters = model_size(load_part("models", model), "int8", "int8").parameters.value
    for sram, chips in ((230e6, v1_chips), (500e6, groq3_chips)):
        assert memory_fit.chips_needed(needed=parameters, sram=sram, usable=1.0) == chips
    if model == "bert-large":
        assert memory_fit.chips_needed(needed=2 * parameters, sram=230e6, usable=1.0) == 3


def test_llama_2_70b_on_576_chips():
    step = decode(V1, LLAMA2, 576, "int8")
    waits = 2 * 80 * V1.block_wait.value
    assert step.structural.value - waits == pytest.approx(1.89e-3, rel=0.02)
    assert 250 <= 1 / step.tpot.value <= 300
    assert step.group.value == 8 and step.stages.value == 72


@pytest.mark.parametrize(
    ("model", "low", "high"), [("llama-2-7b", 675, 825), ("llama-3.1-8b", 675, 860), ("mixtral-8x7b", 430, 530)]
)
def test_small_and_mixture_models_run_at_their_public_rates(model, low, high):
    """750, 750 to 780 and 480 tokens/s per user, on an unknown number of chips."""
    assert low <= 1 / decode(V1, load_part("models", model), 576, "int8").tpot.value <= high


def test_groq_3_decodes_within_the_estimated_range():
    step = decode(GROQ3, LLAMA3, 256, "fp8", context=8192, bandwidth=1116e9)
    assert 0.65e-3 <= step.time.value <= 1.24e-3
    block = feed_forward.feed_forward(GROQ3, LLAMA3, q(256), "fp8", q(1), q(1116e9, "B/s"))
    assert block.structural.value * 1.9 == pytest.approx(9.2e-6, rel=0.05)
    assert block.time.value == pytest.approx(step.feed_forward.value)


@given(st.sampled_from([1, 4, 24]), st.sampled_from([1, 8]), st.sampled_from([64, 128, 200]))
@settings(max_examples=10, deadline=None)
def test_encoder_laws(chips, batch, tokens):
    found = encode(chips=chips, batch=batch, tokens=tokens)
    faster = encode(chip=replace(V1, clock=q(2 * V1.clock.value, "1/s")), chips=chips, batch=batch, tokens=tokens)
    for term in ("matrix", "attention", "vector", "fill"):
        assert faster.terms[term].value == pytest.approx(found.terms[term].value / 2)
    assert found.bottleneck.value * found.stages.value >= found.time.value - V1.host_io.value - 1e-12
    assert (found.terms["hops"].value == 0) == (chips == 1)
    assert encode(chips=chips, batch=batch, tokens=tokens + 1).time.value > found.time.value


@pytest.mark.parametrize(
    ("name", "chips"), [("deepseek-v3", 2048), ("mixtral-8x7b", 128), ("llama-3.1-8b", 32), ("gpt-oss-120b", 400)]
)
def test_every_kind_of_decoder(name, chips):
    model = load_part("models", name)
    times = [decode(GROQ3, model, chips, "fp8", b, 4096, 1e12) for b in (1, 8, 64)]
    assert all(a.time.value < b.time.value for a, b in pairwise(times))
    assert all(a.throughput.value < b.throughput.value for a, b in pairwise(times))
    longer = decode(GROQ3, model, chips, "fp8", 8, 65536, 1e12)
    assert longer.time.value > times[1].time.value
    assert longer.feed_forward.value == times[1].feed_forward.value


def test_the_chosen_group_is_the_fastest():
    best = decode(V1, LLAMA2, 576, "int8")
    for size in (1, 2, 4, 8):
        other = replace(V1, group=q(size))
        assert decode(other, LLAMA2, 576, "int8").time.value >= best.time.value
    one = decode(V1, LLAMA2, 1, "int8")
    assert one.group.value == 1 and one.hops.value == 0 and one.all_reduce.value == 0
    assert one.bottleneck.value == pytest.approx(one.time.value)


def test_a_longer_prompt_takes_longer_and_chunks_overlap():
    def read(tokens):
        args = (V1, LLAMA2, q(576), "int8", "int8", q(1), q(tokens, "token"), q(0.72e-6, "s"), q(14e9, "B/s"))
        return lpu_decode.prefill(*args).value

    assert read(128) < read(1024) < read(2048)
    assert read(256) < read(512) < 2 * read(256)  # a second chunk waits for a stage, not for the whole pipeline


def test_unknown_format_is_refused():
    with pytest.raises(ValueError, match="does not compute in fp4"):
        encode(precision="fp4")


def test_spill_dwarfs_the_pass():
    assert memory_fit.spill_time(spilled=1e9, bandwidth=25e9) == 0.04
    assert memory_fit.spill_time(spilled=0.0, bandwidth=25e9) == 0


@pytest.mark.parametrize(("name", "share"), [("llama-3.1-70b", 0.799), ("deepseek-v3", 0.979)])
def test_feed_forward_blocks_are_most_of_a_model(name, share):
    model = load_part("models", name)
    size = model_size(model, "bf16", "bf16")
    published = {"llama-3.1-70b": 70.55e9, "deepseek-v3": 671e9}[name]
    assert memory_fit.feed_forward_memory(model, size).value / (2 * published) == pytest.approx(share, abs=0.005)
