"""The points with PyTorch: on a GPU, and without graphs and compiler on a CPU. Importing it needs torch."""

from collections.abc import Callable
from functools import partial
from itertools import cycle
from time import perf_counter

import torch  # type: ignore[import-not-found,unused-ignore]
from torch import nn  # type: ignore[import-not-found,unused-ignore]
from torch.nn import functional  # type: ignore[import-not-found,unused-ignore]

from measuring.points import Attend, Copy, Encode, Gemm, Launch, Point, Size, size_of
from measuring.power import NoMeter, device, smi
from measuring.timing import Once

Work = Callable[[], object]
TYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "tf32": torch.float32, "int8": torch.int8}
COLD = 256 << 20  # B of operands to go round, so that each comes from memory and not from a cache of up to 128 MB
SMALL = 16 << 20  # B: below it a kernel takes microseconds
MOST_COPIES = 128
LAUNCHES = 1000  # tiny kernels in a row


class Layer(nn.Module):  # type: ignore[misc,unused-ignore]
    """One encoder layer of BERT: attention, then two matrices, a norm after each."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.into, self.out = nn.Linear(size.hidden, 3 * size.hidden), nn.Linear(size.hidden, size.hidden)
        self.up, self.down = nn.Linear(size.hidden, size.ffn), nn.Linear(size.ffn, size.hidden)
        self.first, self.second = nn.LayerNorm(size.hidden), nn.LayerNorm(size.hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, tokens, hidden) to the same."""
        q, k, v = (one.unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in self.into(x).chunk(3, dim=-1))
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)
        x = self.first(x + self.out(mixed))
        return self.second(x + self.down(functional.gelu(self.up(x))))


class Bert(nn.Module):  # type: ignore[misc,unused-ignore]
    """BERT with random weights: tokens to the hidden states of the last layer. All sequences are of full length."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(size.vocabulary, size.hidden), nn.Embedding(size.positions, size.hidden)
        self.kinds, self.norm = nn.Embedding(2, size.hidden), nn.LayerNorm(size.hidden)
        self.layers = nn.ModuleList(Layer(size) for _ in range(size.layers))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, tokens) to (batch, tokens, hidden)."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.norm(self.words(tokens) + self.places(places) + self.kinds(torch.zeros_like(tokens)))
        for layer in self.layers:
            x = layer(x)
        return x


def rounds(size: int) -> tuple[int, int]:
    """(sets of operands of this many bytes, kernels in one loop): cold operands, and a loop that hides its start."""
    copies = min(MOST_COPIES, max(1, -(-COLD // max(size, 1))))
    return copies, max(copies, 256 if size < SMALL else 16)


class Backend:
    """What measure_gpu.py needs of a machine. where: cuda or cpu."""

    program = "torch"

    def __init__(self, where: str = "cuda") -> None:
        if where == "cuda" and not torch.cuda.is_available():
            raise NoMeter("torch finds no GPU here; --device cpu --tiny tries the script without one")
        torch.manual_seed(0)
        torch.set_grad_enabled(False)
        self.where, self.gpu = where, where == "cuda"
        self.version = torch.__version__
        self.launches: tuple[str, ...] = ("eager", "compile", "cuda_graph") if self.gpu else ("eager",)
        self.precisions: tuple[str, ...] = ("fp16", "bf16", "tf32", "int8")
        if self.gpu:
            torch.set_float32_matmul_precision("high")  # tf32
            torch.backends.cuda.preferred_blas_library("cublaslt")
            if torch.cuda.get_device_capability() >= (8, 9):
                self.precisions += ("fp8",)

    def name(self) -> str:
        """What the machine calls itself."""
        return str(torch.cuda.get_device_name()) if self.gpu else "CPU"

    def details(self) -> tuple[str, ...]:
        """Driver, clocks and libraries, for the source of a row."""
        if not self.gpu:
            return ("a trial on a CPU",)
        try:
            driver, clock, memory, limit = smi("driver_version,clocks.max.sm,clocks.max.mem,power.limit", device())
        except (NoMeter, ValueError):
            return "driver and clocks not told", f"CUDA {torch.version.cuda}"
        clocks = f"SM clock at most {clock} MHz, memory clock {memory} MHz, power limit {limit} W"
        return f"driver {driver}", clocks, f"CUDA {torch.version.cuda}"

    def once(self, point: Point) -> Once:
        """A function that takes one sample of a point: seconds per run."""
        match point:
            case Encode():
                return self.seconds(self.encoder(point), 1)
            case Launch():
                return self.seconds(self.launches_of(point), LAUNCHES)
        run, loop = self.kernels(point)

        def together() -> None:
            for _ in range(loop):
                run()

        return self.seconds(captured(together) if self.gpu else together, loop)

    def work(self, point: Point) -> Work:
        """The work of a point, waited for: a load for the power meter."""
        return self.once(point)

    def seconds(self, run: Work, count: int) -> Once:
        """Times run(), which does something so many times."""
        return partial(event_seconds, run, count) if self.gpu else partial(clock_seconds, run, count)

    def some(self, *shape: int, kind: torch.dtype) -> torch.Tensor:
        """Random numbers: zeros would draw less power and clock higher."""
        if kind == torch.int8:
            return torch.randint(-100, 100, shape, dtype=kind, device=self.where)
        return torch.randn(shape, device=self.where).to(kind)

    def encoder(self, point: Encode) -> Work:
        """A pass as it is launched."""
        size = size_of(point.model)
        with torch.device(self.where):
            model = Bert(size).to(TYPES[point.precision]).eval()
            tokens = torch.randint(size.vocabulary, (point.batch, point.tokens))
        if point.launch == "compile":
            torch.compiler.reset()  # each shape has a program of its own, as in a server for one shape
            model = torch.compile(model, dynamic=False)
        run = partial(model, tokens)
        return captured(run) if point.launch == "cuda_graph" else run

    def launches_of(self, point: Launch) -> Work:
        """Many tiny kernels, one after the other. The empty one is torch's spin of no cycles."""
        one = torch.zeros(1, device=self.where)
        tiny: Work = partial(one.add_, 1.0)
        if point.what == "empty" and self.gpu:
            tiny = partial(torch.cuda._sleep, 0)

        def together() -> None:
            for _ in range(LAUNCHES):
                tiny()

        return captured(together) if point.launch == "cuda_graph" else together

    def kernels(self, point: Gemm | Attend | Copy) -> tuple[Work, int]:
        """The next kernel in a round of equal ones over different operands, and how many make a loop."""
        match point:
            case Gemm():
                copies, loop = rounds(point.n * point.k * (4 if point.precision == "tf32" else 2))
                work = self.products(point, copies if self.gpu else 1)
            case Attend():
                size = 4 * point.batch * point.kv_heads * point.tokens * point.head_dim
                copies, loop = rounds(size)
                work = self.attentions(point, copies if self.gpu else 1)
            case Copy():
                loop = 4
                here, there = (torch.empty(point.size, dtype=torch.uint8, device=self.where) for _ in "ab")
                work = [partial(there.copy_, here)]
        turns = cycle(work)

        def run() -> object:
            return next(turns)()

        return run, loop if self.gpu else 1

    def products(self, point: Gemm, copies: int) -> list[Work]:
        """One activation times many weights, which lie as in a linear layer: (n x k), transposed."""
        if point.precision == "fp8":
            kind, one = torch.float8_e4m3fn, torch.ones((), device=self.where)
            a = self.some(point.m, point.k, kind=torch.bfloat16).to(kind)
            made = (self.some(point.n, point.k, kind=torch.bfloat16).to(kind).t() for _ in range(copies))
            scaled = partial(torch._scaled_mm, a, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
            return [partial(scaled, b) for b in made]
        multiply = torch._int_mm if point.precision == "int8" else torch.mm
        a = self.some(point.m, point.k, kind=TYPES[point.precision])
        return [
            partial(multiply, a, self.some(point.n, point.k, kind=TYPES[point.precision]).t()) for _ in range(copies)
        ]

    def attentions(self, point: Attend, copies: int) -> list[Work]:
        """Attention over many caches."""
        kind, causal = TYPES[point.precision], point.phase == "context"
        queries = point.tokens if causal else 1
        q = self.some(point.batch, point.heads, queries, point.head_dim, kind=kind)
        shape = (point.batch, point.kv_heads, point.tokens, point.head_dim)
        same = {"is_causal": causal, "enable_gqa": point.heads != point.kv_heads}
        attend = partial(functional.scaled_dot_product_attention, **same)
        return [partial(attend, q, self.some(*shape, kind=kind), self.some(*shape, kind=kind)) for _ in range(copies)]


def captured(run: Work) -> Work:
    """run() as a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    replay: Work = graph.replay
    return lambda: (replay(), run)  # the graph uses the operands that run holds: keep them


def event_seconds(run: Work, count: int) -> float:
    """Seconds per run on an idle GPU, by its own events."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    begin.record()
    run()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1e3 / count


def clock_seconds(run: Work, count: int) -> float:
    """Seconds per run on a CPU."""
    start = perf_counter()
    run()
    return max(perf_counter() - start, 1e-9) / count
