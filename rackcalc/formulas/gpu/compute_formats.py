"""Number formats in which the matrix units of a GPU compute."""

from typing import Any

from rackcalc.formulas.gpu.chip import Chip

# For weights stored in a format: the formats in which a matrix unit may compute, best first.
COMPUTE = {
    "fp32": ("fp32", "tf32", "bf16", "fp16"),
    "tf32": ("tf32", "bf16", "fp16"),
    "bf16": ("bf16", "fp16"),
    "fp16": ("fp16", "bf16"),
    "fp8": ("fp8", "bf16", "fp16"),
    "int8": ("int8", "bf16", "fp16"),
    "fp4": ("fp4", "fp8", "bf16", "fp16"),
    "mxfp4": ("fp8", "bf16", "fp16"),
    "int4": ("bf16", "fp16"),
}
SIXTEEN_BIT = {"fp16": "bf16", "bf16": "fp16", "tf32": "bf16", "fp32": "bf16"}


def compute_format(chip: Chip, weight_format: str) -> str:
    """Format in which the matrix unit computes. It widens weights in a format it lacks. ValueError when none fits."""
    for name in COMPUTE[weight_format]:
        sixteen = {"fp16", "bf16"} & chip.family.gemm.keys() if name in SIXTEEN_BIT else ()
        if name in chip.gpu.peak and (name in chip.family.gemm or sixteen):
            return name
    raise ValueError(f"{chip.gpu.name} computes in none of {', '.join(COMPUTE[weight_format])}")


def by_format(table: Any, name: str) -> Any:
    """The entry of a format, or else of the other 16-bit format, or else the first entry."""
    for key in (name, SIXTEEN_BIT.get(name)):
        if key in table:
            return table[key]
    return next(iter(table.values()))
