"""Number formats of weights, activations and KV caches."""

# Name -> bytes per element, block scales included.
FORMATS = {
    "fp32": 4.0,
    "tf32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "fp4": 0.5625,  # NVFP4: 4 bit + one fp8 scale per 16
    "mxfp4": 0.53125,  # 4 bit + one 8-bit scale per 32
    "int4": 0.5625,
}

# What frameworks call them, whatever the case and hyphens.
OTHER_NAMES = {
    "float32": "fp32",
    "bfloat16": "bf16",
    "float16": "fp16",
    "half": "fp16",
    "float8": "fp8",
    "fp8-e4m3": "fp8",
    "fp8-e5m2": "fp8",
    "nvfp4": "fp4",
}
