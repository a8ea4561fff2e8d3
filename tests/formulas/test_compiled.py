"""Encoders inside compiled engines: what the power cap does to them."""

from dataclasses import replace
from typing import Any

import pytest

from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu import compiled
from rackcalc.formulas.gpu import forward_pass as gpu
from rackcalc.quantities.quantity import constant


def time(part: str, batch: float, tokens: float = 128.0, stored: str = "fp16", **changes: Any) -> float:
    card = load_part("gpus", part)
    family, runtime = load_part("families", card.family), load_part("runtimes", "tensorrt")
    card = replace(card, **{name: replace(getattr(card, name), value=value) for name, value in changes.items()})
    shape = constant(batch, "1", "batch", "given"), constant(tokens, "token", "tokens", "given")
    done = gpu.encoder(card, family, runtime, load_part("models", "bert-large"), stored, *shape)
    return float(done.time.value)


def test_a_cap_slows_large_batches_in_proportion_and_small_ones_little() -> None:
    slower = [time("t4", batch, tdp=35.0) / time("t4", batch) for batch in (1.0, 128.0)]
    assert 1.0 < slower[0] < slower[1] < 2.0
    assert slower[1] > 1.8, "arithmetic is all that matters at batch 128"


def test_a_card_below_its_cap_does_not_care_for_its_power() -> None:
    assert time("a100-sxm-80gb", 128.0, tdp=800.0) == pytest.approx(time("a100-sxm-80gb", 128.0, tdp=1000.0))


def test_no_launch_is_shorter_than_at_full_clock() -> None:
    free = compiled.kernel_floor.function(launch=4e-6, floor=1.0, sustained=0.8, full=0.8)
    capped = compiled.kernel_floor.function(launch=4e-6, floor=1.0, sustained=0.2, full=0.8)
    assert (free, capped) == pytest.approx((4e-6, 8e-6))


# Published by NVIDIA for these cards, TensorRT 8.5 and 10, 128 tokens; see measured/encoder.csv.
@pytest.mark.parametrize(
    ("part", "batch", "stored", "seconds"),
    [
        ("a30", 128.0, "fp16", 104.96e-3),
        ("t4", 128.0, "int8", 240.74e-3),
        ("a100-sxm-40gb", 128.0, "int8", 24.99e-3),
        ("a100-sxm-40gb", 1.0, "int8", 1.23e-3),
    ],
)
def test_published_latencies(part: str, batch: float, stored: str, seconds: float) -> None:
    assert time(part, batch, stored=stored) == pytest.approx(seconds, rel=0.1)
