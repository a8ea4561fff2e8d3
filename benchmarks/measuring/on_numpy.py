"""The points on a CPU with numpy: slow, single precision, and enough to try the script without torch or a GPU."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from measuring.points import Attend, Copy, Encode, Gemm, Launch, Point, size_of
from measuring.timing import Once

Array = np.ndarray[Any, np.dtype[np.float32]]


class Backend:
    """What measure_gpu.py needs of a machine."""

    program = "numpy"
    version = np.__version__
    launches: tuple[str, ...] = ("eager",)
    precisions: tuple[str, ...] = ("fp16", "bf16")  # of the rows; numpy computes in fp32

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)

    def name(self) -> str:
        """What the machine calls itself."""
        return "CPU"

    def details(self) -> tuple[str, ...]:
        """Driver, clocks and libraries, for the source of a row."""
        return ("a trial on a CPU",)

    def once(self, point: Point) -> Once:
        """A function that takes one sample of a point: seconds per run."""
        run = self.work(point)

        def timed() -> float:
            start = perf_counter()
            run()
            return max(perf_counter() - start, 1e-9)

        return timed

    def work(self, point: Point) -> Callable[[], object]:
        """The work of a point."""
        match point:
            case Encode():
                return self.encoder(point)
            case Gemm():
                a, b = self.some(point.m, point.k), self.some(point.k, point.n)
                return lambda: a @ b
            case Attend():
                return self.attention(point)
            case Launch():
                one = self.some(1)
                return lambda: np.add(one, 1.0, out=one)
            case Copy():
                here, there = self.some(point.size // 4), self.some(point.size // 4)
                return lambda: np.copyto(there, here)

    def some(self, *shape: int) -> Array:
        """Random numbers, small enough to stay finite through layers."""
        return self.random.normal(0.0, 0.02, shape).astype(np.float32)

    def attention(self, point: Attend) -> Callable[[], object]:
        """Attention of one layer."""
        queries = 1 if point.phase == "generation" else point.tokens
        q = self.some(point.batch, point.heads, queries, point.head_dim)
        k, v = (self.some(point.batch, point.kv_heads, point.tokens, point.head_dim) for _ in "kv")
        k, v = (np.repeat(one, point.heads // point.kv_heads, axis=1) for one in (k, v))
        return lambda: attended(q, k, v, causal=point.phase == "context")

    def encoder(self, point: Encode) -> Callable[[], Array]:
        """A pass of the encoder."""
        size = size_of(point.model)
        wide = size.hidden
        layers = [
            (self.some(wide, 3 * wide), self.some(wide, wide), self.some(wide, size.ffn), self.some(size.ffn, wide))
            for _ in range(size.layers)
        ]
        start = self.some(point.batch, point.tokens, wide)
        shape = (point.batch, point.tokens, size.heads, wide // size.heads)

        def run() -> Array:
            x = start
            for into, out, up, down in layers:
                q, k, v = (one.reshape(shape).swapaxes(1, 2) for one in np.split(x @ into, 3, axis=-1))
                x = normed(x + attended(q, k, v).swapaxes(1, 2).reshape(x.shape) @ out)
                h = x @ up
                x = normed(x + (h * 0.5 * (1 + np.tanh(0.79788456 * (h + 0.044715 * h**3)))) @ down)
            return x

        return run


def attended(q: Array, k: Array, v: Array, causal: bool = False) -> Array:
    """Softmax of the scaled scores, times the values."""
    scores = q @ k.swapaxes(-1, -2) / np.float32(q.shape[-1] ** 0.5)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, np.float32(-np.inf))
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: Array = weights / weights.sum(axis=-1, keepdims=True)
    return shares @ v


def normed(x: Array) -> Array:
    """Layer norm without weights."""
    middle = x - x.mean(axis=-1, keepdims=True)
    return middle / np.sqrt((middle**2).mean(axis=-1, keepdims=True) + np.float32(1e-12))
