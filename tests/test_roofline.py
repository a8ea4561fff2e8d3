"""Kernels on the roofline: below it, at the intensity that the literature gives, and on the page."""

import pytest
from program import out

from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.estimate import estimate
from rackcalc.questions.rack_file import load
from rackcalc.questions.roofline import Kernel, kernels


def found(name: str, *sets: str) -> dict[tuple[str, str], Kernel]:
    return {(kernel.stage, kernel.name): kernel for kernel in kernels(estimate(load(name, "", sets)).stages)}


@pytest.mark.parametrize("name", sorted(bundled_racks()))
def test_no_kernel_is_faster_than_its_chip(name: str) -> None:
    """S. Williams et al., Roofline: a rate is at most the peak, and at most the intensity times the bandwidth."""
    for kernel in kernels(estimate(load(name, "", ())).stages):
        assert kernel.rate <= kernel.intensity * kernel.bandwidth * (1 + 1e-9), kernel
        assert kernel.peak == 0 or kernel.rate <= kernel.peak * (1 + 1e-9), kernel


def test_intensities_are_those_of_the_literature() -> None:
    """Of weights of one byte: 2 FLOP for each row. Of grouped attention: 2 x query over KV heads, by bytes.

    J. Ainslie et al., GQA, arXiv:2305.13245: all query heads of a group read the same keys and values.
    """
    shown = found("llama70b-8xh100")
    rows = float(estimate(load("llama70b-8xh100", "", ())).details["requests_under_way"].value)
    assert shown["decode", "ffn weights"].intensity == pytest.approx(2 * rows, rel=0.01)
    query_heads, kv_heads, cache_bytes = 64, 8, 1
    assert shown["decode", "attention"].intensity == pytest.approx(2 * query_heads / kv_heads / cache_bytes, rel=1e-6)


def test_a_square_product_has_the_intensity_of_its_shape() -> None:
    """BERT-Large's second feed-forward product: m x 1024 x 4096 in 16 bit, from its published shape."""
    m, n, k = 128, 1024, 4096
    kernel = found("bert-a100", "workload.batch=1", "workload.precision=fp16")["gpu", "ffn down"]
    assert kernel.flops == 2 * m * n * k
    assert kernel.intensity == pytest.approx(2 * m * n * k / (2 * (m * k + k * n + m * n)))


def test_racks_without_such_kernels_have_no_roofline() -> None:
    assert kernels(estimate(load("groqrack-llama2-70b", "", ())).stages) == []
    assert "Kernels on the roofline" not in out("estimate", "groqrack-llama2-70b", "--format", "html")


def test_the_page_lists_every_kernel() -> None:
    page = out("estimate", "llama70b-8xh100", "--format", "html")
    assert 'id="roofline"' in page
    for (stage, name), kernel in found("llama70b-8xh100").items():
        assert f"{name}<" in page and stage in page
        assert f"{kernel.rate / min(kernel.peak, kernel.intensity * kernel.bandwidth):.0%}" in page
