"""Rows that cannot be right are refused by validate, with the reason; every bundled row but two can be."""

from pathlib import Path

import pytest
from program import out

from rackcalc.validation.conservation import checked, refused
from rackcalc.validation.read import Row, bundled, read

HEADER = "case,kind,part,parts,model,precision,runtime,mode,tensor_parallel,batch,scenario,m,n,k,metric,value,unit"
SERVED = (
    "{case},{kind},h100-sxm,{gpus},llama-3.1-70b,{precision},vllm 0.12,{mode},{gpus},{batch},,,,,tpot_mean,{value},s"
)


def line(
    kind: str = "serving", gpus: int = 8, precision: str = "fp8", value: float = 0.01, mode: str = "static"
) -> str:
    batch = "" if kind == "serving" else "8"
    return SERVED.format(case="mine", kind=kind, gpus=gpus, precision=precision, value=value, mode=mode, batch=batch)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (line(gpus=1, precision="bf16", value=0.1), "the weights alone take 16"),
        (line("step_power", gpus=1, precision="bf16", value=0.1), "the weights alone take 16"),
        (line(value=1e-3), "reading the weights of one token alone would take"),
        (
            "mine,gemm,h100-sxm,1,,bf16,,,,,,8192,8192,8192,latency_mean,0.5,ms",
            "its arithmetic would take 21",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(row: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(f"{HEADER}\n{row}\n", encoding="utf-8")
    said = out("validate", str(file))
    assert "not answered: 1 of 1 rows" in said and f"cannot be: {reason}" in said


def test_drafts_yield_several_tokens_for_one_reading() -> None:
    one = Row("c", "serving", "h100-sxm", "tpot_mean", 2e-3, "s", parts="8", model="llama-3.1-70b", precision="fp8")
    plain, drafted = one._replace(runtime="vllm 0.12"), one._replace(runtime="vllm 0.12 mtp")
    assert "weights of one token" in refused([plain]) and not refused([drafted])


def test_the_bundled_rows_can_be_right() -> None:
    for kind in ("gemm", "throughput", "step_power"):
        assert not [row.case for row, wrong in checked(read(bundled()[kind], pytest.fail)) if wrong]
