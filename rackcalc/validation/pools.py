"""Language models on separate pools of GPUs, some of which prefill while the others decode: a closed network.

The time to first token of such runs is not computed: their rows have waits that nothing in them explains, of seconds
where both pools are nearly idle.
"""

import re
from typing import NamedTuple

from rackcalc.config.parts import load_part
from rackcalc.formulas.combine import total
from rackcalc.formulas.gpu import forward_pass as passes
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.gpu.serving_engine import per_scheduler
from rackcalc.formulas.serving.front_end import SHARPNESS, paced, per_token_sent
from rackcalc.formulas.serving.prompt_passes import prompts_per_pass, time_per_prompt
from rackcalc.formulas.transformer.counts import ONE
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.serving.pools_loop import Decoders, PoolsLoop, Prefills, pools_loop
from rackcalc.validation.read import Row, Unanswerable
from rackcalc.validation.runs import Numbers, Run, fits, numbers_of, per_token, run_of, stand, step

WORKERS = re.compile(r"prefill (\d+|\?)xtp(\d+)dp(\d+)ep\d+ decode (\d+|\?)xtp(\d+)dp(\d+)ep\d+")
WAITS = "first token of separate pools: it has waits of seconds that the row does not explain"


class Workers(NamedTuple):
    """Engines of one pool: copies, GPUs of a tensor-parallel group, data-parallel groups."""

    copies: float
    width: float
    groups: float

    @property
    def gpus(self) -> float:
        """GPUs of all copies."""
        return self.copies * self.width * self.groups


def workers_of(row: Row) -> tuple[Workers, Workers]:
    """The engines that prefill and those that decode; a number of copies that is not stated follows from the GPUs."""
    found = WORKERS.search(row.runtime)
    if found is None:
        raise Unanswerable("the engines of the pools are not stated")
    first, then = found.groups()[:3], found.groups()[3:]
    if "?" in (first[0], then[0]):
        if first[0] == then[0] or not row.parts:
            raise Unanswerable("the number of engines of the pools is not stated")
        known = Workers(*map(float, then if first[0] == "?" else first))
        width, groups = map(float, (first if first[0] == "?" else then)[1:])
        copies = (float(row.parts) - known.gpus) / (width * groups)
        other = Workers(copies, width, groups)
        if copies < 1 or copies % 1:
            raise Unanswerable("the GPUs of the row are not those of its pools")
        return (other, known) if first[0] == "?" else (known, other)
    pools = Workers(*map(float, first)), Workers(*map(float, then))
    if row.parts and float(row.parts) != pools[0].gpus + pools[1].gpus:
        raise Unanswerable("the GPUs of the row are not those of its pools")
    return pools


def engine_of(row: Row, workers: Workers) -> tuple[Run, Numbers]:
    """The engines of one pool as those of a row of their own."""
    width, groups, parts = (f"{size:g}" for size in (workers.width, workers.groups, workers.gpus))
    row = row._replace(tensor_parallel=width, data_parallel=groups, parts=parts)
    return run_of(row), numbers_of(row)


def given(row: Row, number: float, name: str) -> Quantity:
    """A number that the row states."""
    return Quantity(number, "1", name, source=Source("given", file=row.file, line=row.line))


def disaggregated(row: Row) -> PoolsLoop:
    """The pools of a row under its load."""
    if not row.concurrency:
        raise Unanswerable("separate pools are computed for a number of requests in flight")
    first, then = workers_of(row)
    return pools_loop(
        row.number("concurrency", "1"), prefills_of(row, first), decoders_of(row, then), lambda *_: before(row, then)
    )


def prefills_of(row: Row, workers: Workers) -> Prefills:
    """The engines that prefill."""
    run, numbers = engine_of(row, workers)
    on = stand(run)
    most = prompts_per_pass(chunk=on.engine.chunk, prompt=numbers.prompt, groups=numbers.groups)

    def pass_of(prompts: Quantity) -> GpuPass:
        chips = on.gpu, load_part("families", on.gpu.family), on.runtime
        return passes.prefill(
            *chips,
            on.model,
            run.precision,
            on.kv,
            prompts,
            numbers.prompt,
            numbers.devices,
            on.link,
            None,
            numbers.groups if run.grouped else None,
        )

    engines, alone, full = given(row, workers.copies, "engines that prefill"), pass_of(ONE), pass_of(most)
    return Prefills(engines, pass_of, alone, full, most, turn=time_per_prompt(time=full.time, prompts=most))


def decoders_of(row: Row, workers: Workers) -> Decoders:
    """The engines that decode; each data-parallel group has a front end of its own."""
    run, numbers = engine_of(row, workers)
    engine = stand(run).engine
    sent = per_scheduler(time=engine.token_time, groups=numbers.groups)
    front_end = per_token_sent(time=sent, interval=engine.stream_interval)

    def tpot_at(number: Quantity) -> Quantity:
        alone = per_token(run, numbers, number, only_decodes=True)
        return paced(tpot=alone, decoding=number, front_end=front_end, sharpness=SHARPNESS)

    return Decoders(given(row, workers.copies, "engines that decode"), fits(run, numbers), tpot_at, numbers.output)


def before(row: Row, workers: Workers) -> Quantity:
    """Time to first token but for the prefill: host, and a step; KV caches are sent layer by layer over NVLink."""
    run, numbers = engine_of(row, workers)
    return total(host=stand(run).runtime.request_host, step=step(run, numbers, ONE, only_decodes=True).time)
