"""Speculative decoding on GPUs: the model that drafts, what it holds, and how many tokens a step yields."""

from rackcalc.formulas.combine import total
from rackcalc.formulas.serving.speculative_decoding import of_all_tokens, of_one_token, steps_of_answer, tokens_per_step
from rackcalc.formulas.transformer.counts import ONE, TWO
from rackcalc.formulas.transformer.memory_traffic import expert_traffic, layers_bytes
from rackcalc.formulas.transformer.model_size import ModelSize
from rackcalc.formulas.transformer.parameters import times
from rackcalc.formulas.transformer.weights import weight_bytes, width
from rackcalc.quantities.quantity import Quantity, Source
from rackcalc.quantities.record import replace
from rackcalc.spec.models import LayerGroup, Model
from rackcalc.spec.rack import Rack, Speculation

DRAFT_HOST = Quantity(
    0.15e-3,
    "s",
    "host time per drafted token",
    source=Source("assumed", note="inputs of the next draft are made, its token chosen; engines capture part of it"),
    low=0.03e-3,
    high=0.6e-3,
)
LOOKUP = Quantity(
    15e-6,
    "s",
    "host time to look up drafts in one sequence",
    source=Source("assumed", note="a search for the last few tokens in some thousand, compiled"),
    low=3e-6,
    high=60e-6,
)
RECURRENT = ("delta-rule", "mamba2")


def speculation_on_gpus(rack: Rack) -> Speculation | None:
    """The plan of a rack whose GPUs draft and verify in the same engine."""
    return rack.serving.speculation if rack.serving.split == "gpu" else None


def drafting_model(rack: Rack) -> Model | None:
    """What drafts on the GPUs: a model of its own, or a head as a model of one layer. None where nothing computes."""
    plan = speculation_on_gpus(rack)
    if plan is None or plan.kind == "ngram":
        return None
    if plan.kind == "draft-model":
        return plan.model
    return _head_of(rack.model, like_the_model=plan.kind == "mtp")


def _head_of(model: Model, like_the_model: bool) -> Model:
    """A model of one layer and the output matrix: a layer like the model's last ones, or a dense one."""
    experts, ffn = model.experts, model.ffn
    if experts is not None and not like_the_model and float(ffn.value) == 0:
        ffn = times(parameters=experts.ffn, copies=experts.active)  # as wide as what a token passes through
    groups = {}
    if model.groups:
        name, group = _attending(model)
        groups = {name: replace(group, layers=ONE)}
    return replace(
        model,
        layers=ONE,
        ffn=ffn,
        experts=replace(experts, layers=ONE) if experts is not None and like_the_model else None,
        groups=groups,
        ffn_layers=None,
        full_attention_layers=None,
        sliding_window=None,
        weights=None,
    )


def _attending(model: Model) -> tuple[str, LayerGroup]:
    """The group of layers that a head is like: one that attends, where there is one."""
    attending = [item for item in model.groups.items() if item[1].kind not in RECURRENT]
    return (attending or list(model.groups.items()))[0]


def drafter_weights(plan: Speculation, model: Model, size: ModelSize) -> Quantity:
    """Weights of what drafts [B]. A head shares embedding and output matrix with the model it drafts for."""
    if plan.kind == "draft-model":
        return size.weights
    layer = {"attention": size.attention_weights, "ffn": layers_bytes(size=size.ffn_weights, layers=size.dense_layers)}
    if model.experts is not None:
        layer["experts"] = expert_traffic(weights=size.expert_weights, hit=model.experts.experts)
        layer["shared"] = size.shared_weights
    joined = times(parameters=times(parameters=model.hidden, copies=model.hidden), copies=TWO)  # two vectors into one
    return total(**layer, joining=weight_bytes(parameters=joined, width=width("bf16")))


def tokens_of_step(rack: Rack) -> Quantity | None:
    """Tokens that a step yields per sequence; None without speculation, where it is one."""
    plan = speculation_on_gpus(rack)
    return None if plan is None else tokens_per_step(drafted=plan.tokens, acceptance=plan.acceptance)


def answer_steps(rack: Rack) -> Quantity:
    """Steps that generate the answer of a request, as tokens: one a step without speculation."""
    output, tokens = rack.workload.output, tokens_of_step(rack)
    assert output is not None
    return output if tokens is None else steps_of_answer(output=output, tokens=tokens)


def per_token(rack: Rack, step: Quantity) -> Quantity:
    """Time per output token [s/token] from that of a step, written as if it yielded one token."""
    tokens = tokens_of_step(rack)
    return step if tokens is None else of_one_token(step=step, tokens=tokens)


def limit_of_step(rack: Rack, limit: Quantity) -> Quantity:
    """Limit on the time of a step, written as if it yielded one token, from that on the time per output token."""
    tokens = tokens_of_step(rack)
    return limit if tokens is None else of_all_tokens(limit=limit, tokens=tokens)


def engine_details(rack: Rack) -> dict[str, Quantity]:
    """Figures that show how an engine drafts."""
    tokens = tokens_of_step(rack)
    return {} if tokens is None else {"tokens_per_step": tokens}
