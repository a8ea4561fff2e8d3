"""Single kernels, collectives and copies, as the rows of measurement tables describe them."""

import re
from functools import cache

from rackcalc.config.catalog_files import part_names
from rackcalc.config.parts import load_part
from rackcalc.formulas.gpu import kernels
from rackcalc.formulas.gpu.attention import decode_attention, prefill_attention
from rackcalc.formulas.gpu.chip import Chip
from rackcalc.formulas.links.all_reduce import NET_SHARE, NET_STEP, all_reduce, library_collective
from rackcalc.formulas.links.collective import between_nodes, lanes
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.serving.pool_links import own_link
from rackcalc.spec.chips import GPU
from rackcalc.spec.gpu_families import Family
from rackcalc.spec.links import Link
from rackcalc.spec.runtimes import Runtime
from rackcalc.validation.read import Row, Unanswerable

# The first word of a row's runtime -> the catalog's runtime.
RUNTIMES = {"trtllm": "tensorrt-llm", "torch": "eager", "pytorch": "eager"}
SYMMETRIC = "trtllm"  # takes NCCL's symmetric kernels and its own for equals: its table of choices holds both


def gpu(row: Row) -> GPU:
    """The GPU of a row."""
    if row.part not in part_names("gpus"):
        raise Unanswerable(f"{row.part or 'no part'}: not a GPU")
    part: GPU = load_part("gpus", row.part)
    return part


@cache
def runtime_named(word: str) -> Runtime:
    """The catalog's runtime by the word that measurements use."""
    name = RUNTIMES.get(word, word)
    if name not in part_names("runtimes"):
        raise Unanswerable(f'no runtime "{word}" in the catalog')
    part: Runtime = load_part("runtimes", name)
    return part


def word(row: Row) -> str:
    """The program a row was measured with, without its version."""
    return row.runtime.partition(" ")[0]


def eager(row: Row) -> Chip:
    """The GPU of a row, kernels launched one by one."""
    part = gpu(row)
    return Chip(part, load_part("families", part.family), load_part("runtimes", "eager"))


def gemm(row: Row) -> Quantity:
    """Matrix product in a steady loop. cublaslt multiplies operands that already are in their format."""
    m, n, k = (row.number(name, "1") for name in ("m", "n", "k"))
    return kernels.gemm(
        eager(row), m, n, k, ONE, weight_format=row.precision, plain=word(row) == "cublaslt", looped=True
    )


def kv_format(row: Row) -> str:
    """Format of the KV cache: fp8 where the run says so, else like the weights or queries."""
    return "fp8" if "kv-fp8" in row.runtime.split() else row.precision


def attention(row: Row) -> Quantity:
    """One attention kernel of one layer: causal over whole sequences (context), or one new token (generation)."""
    chip = eager(row)
    names = {"batch": "batch", "heads": "query_heads", "kv_heads": "kv_heads", "head_dim": "head_dim"}
    shape = {name: row.number(column, "1") for name, column in names.items()}
    if row.operation == "generation":
        return decode_attention(chip, kv_format(row), context=row.number("kv_tokens", "token"), **shape, looped=True)
    if row.operation != "context":
        raise Unanswerable(f'no attention phase "{row.operation}"; known: context, generation')
    if row.kv_tokens not in ("", row.input_tokens):
        raise Unanswerable("a prompt behind a cached prefix: the kernel form is for whole prompts")
    tokens = row.number("input_tokens", "token")
    return prefill_attention(chip, row.precision, tokens=tokens, causal=ONE, pairs=ONE, **shape)


def collective(row: Row) -> Quantity:
    """One collective among the GPUs of a node, or of a few nodes."""
    part = gpu(row)
    family, link, program = load_part("families", part.family), own_link(part.ports), word(row)
    size, devices = row.number("message_size", "B"), row.number("parts", "1")
    if row.operation not in ("all_reduce", "all_gather", "reduce_scatter"):
        raise Unanswerable(f'no collective "{row.operation}"; known: all_reduce, all_gather, reduce_scatter')
    if program == "nccl":
        return over_nodes(row, size, devices, link, part, family)
    if row.operation != "all_reduce":
        raise Unanswerable(f"{row.operation} of {program}: only its all_reduce has kernels of its own")
    launch = {"cuda_graph": "graph"}.get(row.launch, row.launch) or None
    return all_reduce(size, devices, link, part, family, runtime_named(program), launch).time


def over_nodes(row: Row, size: Quantity, devices: Quantity, link: Link, part: GPU, family: Family) -> Quantity:
    """A collective of the general library; mode "2-node ib-hdr-x4": on two nodes with four HDR adapters each.

    "symmetric" in the runtime: buffers that all GPUs map, where the library starts kernels like the runtimes' own.
    """
    operation = row.operation
    if "symmetric" in row.runtime.split() and operation == "all_reduce" and not row.mode:
        return all_reduce(size, devices, link, part, family, runtime_named(SYMMETRIC), "graph").time
    if not row.mode:
        return library_collective(operation, size, devices, link, part, family)
    found = re.fullmatch(r"(\d+)-node ib-(\w+)-x(\d+)", row.mode)
    if found is None or operation != "all_reduce":
        raise Unanswerable(f'no form for {operation} in mode "{row.mode}"')
    source = Source("given", file=row.file, line=row.line)
    nodes, adapters = (Quantity(float(text), "1", "mode", source=source) for text in found.group(1, 3))
    name = f"infiniband-{found[2]}"
    if name not in part_names("links"):
        raise Unanswerable(f'no link "{name}" in the catalog')
    rate = lanes(bandwidth=load_part("links", name).bandwidth, count=adapters)
    inside = library_collective(operation, size, devices, link, part, family, nodes)
    return between_nodes(
        inside=inside, size=size, devices=devices, nodes=nodes, step=NET_STEP, rate=rate, share=NET_SHARE
    )
