"""What is measured: one record per point, and the grids of them."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple, Protocol

from rackcalc.config.parts import load_part

STREAM = "stream_copy:hbm"


class Size(NamedTuple):
    """The constants of an encoder, as they were published."""

    layers: int
    hidden: int
    heads: int
    ffn: int
    vocabulary: int
    positions: int


class Encode(NamedTuple):
    """A whole pass of an encoder with random weights. launch: eager, compile or cuda_graph."""

    model: str
    precision: str
    batch: int
    tokens: int
    launch: str


class Gemm(NamedTuple):
    """(m x k) times (k x n)."""

    precision: str
    m: int
    n: int
    k: int


class Attend(NamedTuple):
    """One attention kernel. phase: context is causal over whole sequences, generation is one query a sequence."""

    phase: str
    precision: str
    batch: int
    tokens: int  # keys per sequence
    heads: int
    kv_heads: int
    head_dim: int


class Launch(NamedTuple):
    """A kernel with next to no work. what: empty, elementwise; launch: eager, cuda_graph."""

    what: str
    launch: str


class Copy(NamedTuple):
    """A copy from memory to the same memory."""

    size: int  # bytes


Point = Encode | Gemm | Attend | Launch | Copy
KINDS: dict[type, str] = {
    Encode: "encoder",
    Gemm: "gemm",
    Attend: "attention",
    Launch: "point_to_point",
    Copy: "point_to_point",
}


class Grid(NamedTuple):
    """The values that points combine."""

    model: str
    precisions: tuple[str, ...]
    batches: tuple[int, ...]
    tokens: tuple[int, ...]
    compiled: tuple[tuple[int, int], ...]  # (batch, tokens): compiling each takes up to a minute
    gemm_precisions: tuple[str, ...]
    rows: tuple[int, ...]
    weights: tuple[tuple[int, int], ...]  # (n, k)
    contexts: tuple[tuple[int, int], ...]  # (batch, tokens)
    generations: tuple[tuple[int, int], ...]
    heads: tuple[tuple[int, int, int], ...]  # query heads, KV heads, size
    copies: tuple[int, ...]


FULL = Grid(
    model="bert-large",
    precisions=("fp16", "bf16"),
    batches=(1, 2, 4, 8, 16, 32, 64, 128),
    tokens=(32, 128, 256, 384, 512),
    compiled=tuple(product((1, 8, 32, 128), (128, 384))),
    gemm_precisions=("bf16", "fp16", "tf32", "fp8", "int8"),
    rows=(1, 8, 32, 128, 512, 2048, 8192),
    weights=(
        *((1024, 1024), (3072, 1024), (4096, 1024), (1024, 4096)),  # BERT-Large
        *((4096, 4096), (14336, 4096), (8192, 8192), (28672, 8192), (8192, 28672)),  # Llama 8B and 70B
    ),
    contexts=(*product((1, 8, 32), (128, 512, 2048)), (1, 8192), (1, 32768)),
    generations=(*product((1, 8, 32, 128), (128, 1024, 4096, 16384)), (1, 131072)),
    heads=((16, 16, 64), (32, 8, 128), (64, 8, 128), (8, 1, 128)),
    copies=(1 << 28, 1 << 30, 1 << 32),  # all larger than any last-level cache
)
TINY = Grid(
    model="bert-tiny",
    precisions=("fp16",),
    batches=(1, 2),
    tokens=(8,),
    compiled=((1, 8),),
    gemm_precisions=("bf16",),
    rows=(1, 16),
    weights=((32, 16),),
    contexts=((1, 8),),
    generations=((2, 16),),
    heads=((4, 2, 8),),
    copies=(1 << 12,),
)


class Able(Protocol):
    """What a machine can run."""

    launches: tuple[str, ...]
    precisions: tuple[str, ...]


def size_of(model: str) -> Size:
    """The constants of an encoder of the catalog."""
    found = load_part("models", model)
    names = ("layers", "hidden", "heads", "ffn", "vocabulary", "max_context")
    return Size(*(int(getattr(found, name).value) for name in names))


def points(grid: Grid, kind: str, able: Able) -> Iterator[Point]:
    """Every point of a kind that the machine can run."""
    if kind == "encoder":
        yield from encodes(grid, able)
    elif kind == "gemm":
        for precision, (n, k), m in product(grid.gemm_precisions, grid.weights, grid.rows):
            if precision in able.precisions:
                yield Gemm(precision, m, n, k)
    elif kind == "attention":
        for (phase, shapes), heads in product(
            (("context", grid.contexts), ("generation", grid.generations)), grid.heads
        ):
            yield from (Attend(phase, "bf16", *shape, *heads) for shape in shapes if "bf16" in able.precisions)
    elif kind == "point_to_point":
        ways = [way for way in ("eager", "cuda_graph") if way in able.launches]
        yield from (Launch(what, way) for what, way in product(("empty", "elementwise"), ways))
        yield from map(Copy, grid.copies)


def encodes(grid: Grid, able: Able) -> Iterator[Encode]:
    """Passes; graphs and eager at every shape, compiled at a few."""
    for precision, launch in product(grid.precisions, able.launches):
        shapes = grid.compiled if launch == "compile" else product(grid.batches, grid.tokens)
        if precision in able.precisions:
            yield from (Encode(grid.model, precision, batch, tokens, launch) for batch, tokens in shapes)
