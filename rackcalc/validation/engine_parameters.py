"""The parameters of serving engines that are fitted, and what is believed of them before any run is seen."""

from math import inf
from typing import NamedTuple

from rackcalc.config.parts import load_part
from rackcalc.formulas.transformer.expert_routing import SPREAD_CHOICES
from rackcalc.quantities.quantity import Quantity

PROGRAMS = ("vllm", "sglang", "tensorrt-llm")


class Prior(NamedTuple):
    """What is believed of a parameter before any serving run is seen: centre, width as a share of it, highest value."""

    centre: float
    width: float
    most: float = inf


# From kernel tables (shares), the number of launches (fixed times), and how engines and load generators are built.
SHARED = {
    "expert_overhead.16-bit": Prior(50e-6, 0.3),
    "expert_overhead.8-bit": Prior(60e-6, 0.3),
    "expert_overhead.4-bit": Prior(30e-6, 0.3),
    "expert_overhead.widened": Prior(50e-6, 0.3),
    "routed_passes": Prior(12.0, 0.4),
    "latent_launches": Prior(20.0, 0.3),
    "spread_choices": Prior(0.8, 0.2, 1.0),
    "latent_overhead": Prior(40e-6, 0.3),
    "weight_share": Prior(0.92, 0.05, 0.95),
    "fp4_share": Prior(0.87, 0.1, 1.0),
    "expert_share.16-bit": Prior(0.86, 0.1, 0.95),
    "expert_share.8-bit": Prior(0.8, 0.1, 0.95),
    "expert_share.4-bit": Prior(0.8, 0.1, 0.95),
    "expert_share.widened": Prior(0.8, 0.1, 0.95),
    "kv_share": Prior(0.8, 0.15, 0.95),
    "decode_share": Prior(0.7, 0.15, 0.9),
    "sampling_time": Prior(0.2e-9, 1.0),
    "dispatch_time": Prior(16e-6, 0.5),
    "prefill_share.bf16": Prior(0.7, 0.1, 0.85),
    "prefill_share.fp8": Prior(0.6, 0.15, 0.8),
    "prefill_share.fp4": Prior(0.45, 0.2, 0.8),
    "expert_prefill_share.16-bit": Prior(0.5, 0.3, 1.0),
    "expert_prefill_share.8-bit": Prior(0.5, 0.3, 1.0),
    "expert_prefill_share.4-bit": Prior(0.5, 0.3, 1.0),
    "expert_prefill_share.widened": Prior(0.4, 0.3, 1.0),
    "expert_tile": Prior(128.0, 0.5),
    "attention_prefill_share": Prior(0.8, 0.3, 1.2),
    "eager_launch": Prior(30e-6, 0.4),
    "prompt_host": Prior(2e-6, 0.7),  # 2 MB of text a second, in one thread
    "wait_steps": Prior(1.0, 0.3),
    "burst": Prior(0.15, 0.5, 1.0),
    "lockstep": Prior(1.5, 0.4),
}


OWN = {
    "layer_overhead": Prior(50e-6, 0.3),
    "sequence_time": Prior(8e-6, 1.0),
    "token_time": Prior(60e-6, 0.5),
    "request_host": Prior(35e-3, 0.5),
    "improvement": Prior(0.4 / 31557600, 0.5),
}
FACTOR = Prior(1.0, 0.15)  # on fixed times, by engine, GPU family and format: what is believed before any row


# What differs between runtimes before any run is seen: the compiled engine of old versions; how KV cache is handed out.
# TensorRT-LLM's scheduler is C++, and its MLPerf runs decode thousands of sequences on a GPU at once.
SINGLE = {
    "tensorrt-llm:sequence_time": Prior(0.3e-6, 0.5),
    "tensorrt-llm:token_time": Prior(50e-6, 0.15),
    "tensorrt-llm:compiled_host": Prior(6e-3, 0.5),
    "tensorrt-llm:output_reserve": Prior(1.0, 0.05),
    "vllm:output_reserve": Prior(0.75, 0.1),
    "sglang:output_reserve": Prior(0.75, 0.1),
}


def factors(program: str) -> list[str]:
    """The factors on fixed times that a program has: "fixed_factors.hopper fp8" and so on."""
    return [f"fixed_factors.{key}" for key in load_part("runtimes", program).engine.fixed_factors]


def prior(name: str) -> Prior:
    """What is believed of a fitted parameter."""
    field = name.rpartition(":")[2]
    return FACTOR if field.startswith("fixed_factors.") else SINGLE.get(name) or {**SHARED, **OWN}[field]


def parameter(name: str, program: str) -> Quantity:
    """The catalog's leaf of a fitted parameter."""
    if name == "spread_choices":
        return SPREAD_CHOICES
    runtime = load_part("runtimes", program)
    if name == "request_host":
        return runtime.request_host
    field, _, key = name.partition(".")
    value = getattr(runtime.engine, field)
    return value[key] if key else value


def names() -> list[str]:
    """Every fitted parameter: shared ones by field, the others by program and field."""
    own = [f"{program}:{field}" for field in OWN for program in PROGRAMS]
    tables = [f"{program}:{field}" for program in PROGRAMS for field in factors(program)]
    return list(dict.fromkeys([*SHARED, *own, *SINGLE, *tables]))


def start(name: str) -> Quantity:
    """The catalog's value of a fitted parameter."""
    program, _, field = name.rpartition(":")
    return parameter(field, program or "vllm")


def leaves() -> dict[int, str]:
    """id of a catalog leaf -> fitted parameter."""
    found = {id(parameter(field, program)): field for field in SHARED for program in PROGRAMS if field != "lockstep"}
    found |= {id(parameter("lockstep", program)): "lockstep" for program in PROGRAMS if program != "sglang"}
    found |= {id(parameter(*reversed(name.split(":")))): name for name in SINGLE}
    own = [(f, program) for program in PROGRAMS for f in (*OWN, *factors(program))]
    return found | {id(parameter(f, program)): f"{program}:{f}" for f, program in own}
