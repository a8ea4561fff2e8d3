"""The service of a decoder under an engine whose clients keep a given number of requests in flight."""

from rackcalc.formulas.combine import largest, total
from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.serving.kv_offload import path_cycle
from rackcalc.formulas.serving.replicas import per_engine
from rackcalc.formulas.serving.request_time import left_over
from rackcalc.serving.closed_loop import engine_loop, engine_memory
from rackcalc.serving.closed_loop_spread import closed_load, whole_time
from rackcalc.serving.drafting import engine_details, per_token
from rackcalc.serving.generation import decode_step, generation_service, serving_power_utilization
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_stage
from rackcalc.serving.kv_offload import fetch_stage, fetching
from rackcalc.serving.service_model import ONE, ServiceModel
from rackcalc.spec.rack import Rack


def closed_loop_service(rack: Rack, deployed: GpuDeployment, first: GpuPass) -> ServiceModel:
    """A decoder with workload.concurrency requests in flight, spread evenly over the engines."""
    requests = rack.workload.concurrency
    assert requests is not None
    clients = per_engine(requests=requests, engines=deployed.replicas)
    now = engine_loop(rack, deployed, first, clients)
    ttft, time, fetch = now.ttft, whole_time(rack, now), fetching(rack)
    if fetch is not None:  # the path may be slower than the engine: then requests wait for it
        engine, time = time, largest(engine=time, path=path_cycle(requests=clients, fetch=fetch))
        ttft = total(engine=ttft, path=left_over(whole=time, part=engine))
    step = decode_step(rack, deployed, now.decoding)
    return generation_service(
        rack,
        requests,
        ttft,
        per_token(rack, now.tpot),
        time,
        stages=fetch_stage(rack) | {"prefill": gpu_stage(first), "decode": gpu_stage(step)},
        memory={"gpu": engine_memory(rack, deployed, now.held)},
        transfers={},
        busy={"gpu": ONE},
        activity={"gpu": serving_power_utilization(rack, deployed, first, step, now.decoding)},
        slots={"gpu": now.held},
        details={"requests_under_way": now.held, "decoding_together": now.decoding, "room": now.room}
        | engine_details(rack),
        closed=closed_load(rack, deployed, first, clients, now),
    )
