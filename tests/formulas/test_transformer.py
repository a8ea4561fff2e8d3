"""Sizes of models against their published counts; routing against combinatorics."""

import math

import numpy as np
import pytest

from rackcalc.config.parts import load_part
from rackcalc.formulas.transformer import expert_routing, kv_cache, sliding_window
from rackcalc.formulas.transformer import model_size as transformer

# Totals and totals passed through per token, as counted from the published configurations.
TOTALS = {
    "bert-base": 109_482_240,
    "bert-large": 335_141_888,
    "gpt2": 124_439_808,
    "gpt2-xl": 1_557_611_200,
    "llama-2-70b": 68_976_648_192,
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.1-70b": 70_553_706_496,
    "llama-3.1-405b": 405_853_388_800,
    "mixtral-8x7b": 46_702_792_704,
    "qwen3-235b-a22b": 235_093_634_560,
    "gpt-oss-20b": 20_914_757_184,
    "gpt-oss-120b": 116_829_156_672,
    "deepseek-v3": 671_026_419_200,
    "deepseek-r1": 671_026_419_200,
    "kimi-k2": 1_026_408_232_448,
}
ACTIVE = {
    "mixtral-8x7b": 12_879_925_248,
    "qwen3-235b-a22b": 22_190_763_520,
    "gpt-oss-120b": 5_711_982_912,
    "deepseek-v3": 37_552_297_472,
    "kimi-k2": 32_861_500_928,
}
KV = {  # bytes per token at 16 bit
    "llama-2-7b": 524_288,
    "llama-3.1-70b": 327_680,
    "mixtral-8x7b": 131_072,
    "gpt-oss-120b": 73_728,
    "deepseek-v3": 70_272,
    "kimi-k2": 70_272,
}


def size(name: str, weights: str = "bf16", kv: str = "bf16") -> transformer.ModelSize:
    return transformer.model_size(load_part("models", name), weights, kv)


@pytest.mark.parametrize(("name", "published"), TOTALS.items())
def test_parameters(name: str, published: int) -> None:
    exact = load_part("models", name).experts is None
    assert size(name).parameters.value == pytest.approx(published, rel=1e-12 if exact else 1e-3)


@pytest.mark.parametrize(("name", "published"), ACTIVE.items())
def test_active_parameters(name: str, published: int) -> None:
    assert size(name).active_parameters.value == pytest.approx(published, rel=1e-3)


@pytest.mark.parametrize(("name", "published"), KV.items())
def test_kv_cache_per_token(name: str, published: int) -> None:
    assert size(name).kv_per_token.value == published
    assert size(name, kv="fp8").kv_per_token.value == published / 2


def test_parts_of_known_models() -> None:
    bert, llama = size("bert-large"), size("llama-3.1-70b")
    layer = bert.attention_parameters.value + bert.ffn_parameters.value
    assert 24 * layer == 302_309_376
    assert bert.embedding_parameters.value == 31_782_912
    assert llama.attention_parameters.value + llama.ffn_parameters.value == 855_638_016 + 2 * 8192
    assert llama.read_parameters.value == pytest.approx(69.50e9, rel=1e-4)
    assert llama.weights.value == 2 * 70_553_706_496


def test_formats_keep_what_is_published_wide() -> None:
    """4-bit mixtures of experts keep attention at 16 bit; heads and embeddings always do."""
    r1 = size("deepseek-r1", "fp4", "fp8")
    assert r1.attention_weights.value == 2 * r1.attention_parameters.value
    assert r1.expert_weights.value == 0.5625 * r1.expert_parameters.value
    llama = size("llama-3.1-70b", "fp8", "fp8")
    assert llama.weights.value == pytest.approx(68_452_352_000 + 2 * (2 * 128256 * 8192 + 8192))


def test_kv_cache_of_8k_context() -> None:
    llama = size("llama-3.1-70b")
    cache = kv_cache.kv_cache(8192.0, llama.kv_per_layer.value, 80.0, 80.0, 131072.0)
    assert cache == pytest.approx(2.68e9, rel=2e-3)


def test_windows_cap_the_cache() -> None:
    def cache(context: float) -> float:
        return kv_cache.kv_cache(context, 2048.0, 36.0, 18.0, 128.0)

    assert cache(128.0) == 2048 * 36 * 128
    assert cache(1128.0) - cache(128.0) == 2048 * 18 * 1000
    brute = np.mean([[min(i + 1, w) for i in range(1000)] for w in (128, 10**6)]) / np.mean(np.arange(1, 1001))
    assert sliding_window.attended_share(1000.0, 36.0, 18.0, 128.0) == pytest.approx(brute, rel=2e-3)


@pytest.mark.parametrize(("rows", "hit"), [(1, 8), (32, 163.3), (64, 222.4), (256, 255.9)])
def test_experts_hit(rows: int, hit: float) -> None:
    assert expert_routing.experts_hit(256.0, 8.0, float(rows)) == pytest.approx(hit, abs=0.06)


def test_node_coverage_is_hypergeometric() -> None:
    for nodes in (2, 4, 8, 16):
        exact = 1 - math.comb(256 - 256 // nodes, 8) / math.comb(256, 8)
        assert expert_routing.node_coverage(256.0, 8.0, float(nodes)) == pytest.approx(exact, rel=1e-12)
    assert expert_routing.node_coverage(256.0, 8.0, 8.0) == pytest.approx(0.6618, abs=5e-5)
    assert 8 * expert_routing.node_coverage(256.0, 8.0, 8.0) == pytest.approx(5.29, abs=0.005)


@pytest.mark.parametrize("hit", [8, 32, 128])
def test_busiest_experts_against_simulation(hit: int) -> None:
    generator = np.random.default_rng(1)
    busiest = [np.bincount(generator.permutation(256)[:hit] // 32, minlength=8).max() for _ in range(4000)]
    assert expert_routing.busiest_experts(float(hit), 256.0, 8.0) == pytest.approx(np.mean(busiest), rel=0.05)


def test_busiest_experts_limits() -> None:
    assert expert_routing.busiest_experts(256.0, 256.0, 8.0) == 32
    assert expert_routing.busiest_experts(8.0, 256.0, 1.0) == pytest.approx(8)
