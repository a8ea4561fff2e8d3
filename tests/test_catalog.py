"""The catalog: every part loads, every value says where it comes from."""

import pytest

from rackcalc.config.catalog_files import part_names, sources
from rackcalc.config.parts import load_part
from rackcalc.quantities.figures import figures
from rackcalc.spec.part_kinds import CATALOG

PARTS = [(kind, name) for kind in CATALOG for name in part_names(kind)]


@pytest.mark.parametrize(("kind", "name"), PARTS, ids=["/".join(part) for part in PARTS])
def test_part_loads_and_every_value_has_a_source(kind: str, name: str) -> None:
    for path, quantity in figures(load_part(kind, name)):
        source = quantity.source
        assert source is not None, path
        if source.kind == "assumed":
            assert source.note, f"{path}: an assumption says why"
        else:
            assert source.kind != "given", f"{path}: no kind"
            assert source.reference in sources(), f"{path}: no source {source.reference!r}"
        assert not (source.reference and source.reference not in sources()), path
        if quantity.low is not None and quantity.high is not None:
            assert quantity.low <= quantity.value <= quantity.high, path


@pytest.mark.parametrize("name", part_names("gpus"))
def test_gpu_rates_are_dense_and_per_direction(name: str) -> None:
    gpu = load_part("gpus", name)
    rates = {key: quantity.value for key, quantity in gpu.peak.items()}
    if "bf16" in rates and "fp8" in rates:  # 2:4 sparse headline rates would show as a factor of 4
        assert rates["fp8"] / rates["bf16"] < 5 and rates["fp8"] >= rates["bf16"]
    assert gpu.idle_power.value < gpu.tdp.value
    assert all(port.value <= 1800e9 for port in gpu.ports.values()), "bidirectional headline?"


def test_every_source_is_complete() -> None:
    for name, entry in sources().items():
        assert all(entry.get(key) for key in ("title", "url", "date", "read")), name
