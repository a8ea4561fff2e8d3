"""The service of a decoder under an engine whose clients keep a given number of requests in flight."""

from rackcalc.formulas.gpu.forward_pass import GpuPass
from rackcalc.formulas.serving.replicas import per_engine
from rackcalc.serving.closed_loop import engine_loop, engine_memory
from rackcalc.serving.closed_loop_spread import closed_load, first_time, whole_time
from rackcalc.serving.drafting import engine_details, per_token
from rackcalc.serving.generation import decode_step, each_prompt, generation_service, serving_power_utilization
from rackcalc.serving.gpu_deployment import GpuDeployment, gpu_stage
from rackcalc.serving.kv_offload import fetch_stage
from rackcalc.serving.service_model import ONE, ServiceModel
from rackcalc.spec.rack import Rack


def closed_loop_service(rack: Rack, deployed: GpuDeployment, first: GpuPass) -> ServiceModel:
    """A decoder with workload.concurrency requests in flight, spread evenly over the engines."""
    requests = rack.workload.concurrency
    assert requests is not None
    clients = per_engine(requests=requests, engines=deployed.replicas)
    now = engine_loop(rack, deployed, first, clients)
    step = decode_step(rack, deployed, now.decoding)
    return generation_service(
        rack,
        requests,
        first_time(rack, now, clients),
        per_token(rack, now.tpot),
        whole_time(rack, now, clients),
        stages=fetch_stage(rack) | {"prefill": gpu_stage(first), "decode": gpu_stage(step)},
        memory={"gpu": engine_memory(rack, deployed, now.held)},
        transfers={},
        busy={"gpu": ONE},
        activity={"gpu": serving_power_utilization(rack, deployed, first, step, now.decoding)},
        each_prompt=each_prompt(rack, deployed, first),
        slots={"gpu": now.held},
        details={"requests_under_way": now.held, "decoding_together": now.decoding, "room": now.room}
        | engine_details(rack),
        closed=closed_load(rack, deployed, first, clients, now),
    )
