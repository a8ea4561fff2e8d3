"""Names of modules in a quantization_config -> the share of each part's weights that they mean.

The modules of the model are listed with their weights, and the names and patterns are matched with them. A name that
matches none of them, and is none of the modules that belong to no part (head, norms, vision), is told.
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rackcalc.quantities.record import record

PARTS = ("attention", "ffn", "experts")
_Layers = Sequence[int]


@record
class Module:
    """A matrix of a part. names: its spellings after the number of the layer, the most usual first.

    weights: of one layer. layers: those that may have it, of which `count` do. copies: experts that have one each.
    """

    part: str
    names: tuple[str, ...]
    weights: float
    layers: _Layers
    count: int
    copies: int = 1


@record
class Shares:
    """Share of each part that names mean. doubt: how much more it may be, for the names that were not understood."""

    share: Mapping[str, float]
    doubt: Mapping[str, float]
    unknown: tuple[str, ...]


def _under(parents: Iterable[str], *names: str) -> tuple[str, ...]:
    return tuple(f"{parent}.{name}" for name in names for parent in parents)


_ATTENTION = ("self_attn", "attn", "attention", "self_attention", "mixer")
_FUSED = ("qkv_proj", "c_attn", "query_key_value", "Wqkv", "W_pack", "wqkv", "qkv")
_OUTPUT = ("o_proj", "out_proj", "c_proj", "dense", "wo", "out_lin")
_DENSE = ("mlp", "feed_forward", "ffn", "mixer")
_EXPERTS = ("mlp.experts", "block_sparse_moe.experts", "feed_forward.experts", "moe.experts", "mixer.experts")
_SHARED = tuple(
    f"{parent}.{name}" for name in ("shared_experts", "shared_expert") for parent in ("mlp", "feed_forward", "mixer")
)
_ROUTER = ("mlp.gate", "block_sparse_moe.gate", "feed_forward.router", "mlp.router", "moe.gate", "mixer.gate")
_W_NAMES = ("mixtral", "phimoe", "minimax_m2")  # their experts are called block_sparse_moe.experts.N.w1
_GATED = (
    ("gate_proj", "w1", "gate_up_proj", "w13", "dense_h_to_4h"),
    ("up_proj", "w3", "gate_up_proj", "w13", "dense_h_to_4h"),
    ("down_proj", "w2", "c_proj", "dense_4h_to_h"),
)
_PLAIN = (
    ("up_proj", "c_fc", "fc1", "fc_in", "dense_h_to_4h", "lin1"),
    ("down_proj", "c_proj", "fc2", "fc_out", "dense_4h_to_h", "lin2"),
)


def modules(fields: Mapping[str, Any], kind: str, expert_layers: _Layers | None) -> tuple[list[Module], int]:
    """The matrices of a model, and the number of its layers or blocks. fields: those of spec.models.Model.

    expert_layers: which layers have experts, where that is known; None where only their number is.
    """
    blocks = fields["layers"]
    if kind == "nemotron_h":
        blocks += fields.get("ffn_layers", 0) + (fields["experts"]["layers"] if "experts" in fields else 0)
    every = range(blocks)
    groups = fields.get("groups") or {"": {**fields, "kind": "attention", "value_dim": fields["head_dim"]}}
    found = [
        Module("attention", names, weights, every, group["layers"])
        for group in groups.values()
        for names, weights in _mixer(group, fields["hidden"], fields.get("mla") or {})
    ]
    return found + list(_feed_forward(fields, kind, every, expert_layers)), blocks


def _mixer(group: Mapping[str, Any], hidden: int, mla: Mapping[str, int]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Names and weights of the matrices that mix tokens, in one layer."""
    heads, pairs, dim, value = (group[key] for key in ("heads", "kv_heads", "head_dim", "value_dim"))
    output = _under(_ATTENTION, *_OUTPUT)
    if group["kind"] == "delta-rule" and not group.get("decay_rank"):
        inputs = _under(("linear_attn",), "in_proj_qkv", "in_proj_qkvz")
        yield inputs, hidden * (2 * pairs * dim + heads * value)
        yield _under(("linear_attn",), "in_proj_z", "in_proj_qkvz"), hidden * heads * value
        yield _under(("linear_attn",), "in_proj_b", "in_proj_ba"), hidden * heads
        yield _under(("linear_attn",), "in_proj_a", "in_proj_ba"), hidden * heads
        yield _under(("linear_attn",), "out_proj"), hidden * heads * value
    elif group["kind"] == "mamba2":
        yield ("mixer.in_proj",), hidden * (2 * heads * value + 2 * pairs * dim + heads)
        yield ("mixer.out_proj",), hidden * heads * value
    elif group["kind"] in ("delta-rule", "compressed-attention"):  # their projections are not told apart
        yield ("self_attn", "attn", "linear_attn"), 4 * hidden * heads * value
    elif mla:
        rank, latent, rotated = (mla[key] for key in ("q_lora_rank", "kv_lora_rank", "qk_rope_head_dim"))
        if rank:
            yield _under(("self_attn",), "q_a_proj", "fused_qkv_a_proj_with_mqa"), hidden * rank
            yield ("self_attn.q_b_proj",), rank * heads * dim
        else:
            yield ("self_attn.q_proj",), hidden * heads * dim
        yield _under(("self_attn",), "kv_a_proj_with_mqa", "fused_qkv_a_proj_with_mqa"), hidden * (latent + rotated)
        yield ("self_attn.kv_b_proj",), latent * heads * (mla["qk_nope_head_dim"] + mla["v_head_dim"])
        yield output, hidden * heads * mla["v_head_dim"]
    else:
        query = _under(_ATTENTION, "q_proj", "query", "wq", *_FUSED)
        yield query, hidden * heads * (dim + group.get("output_gate", 0) * value)
        yield _under(_ATTENTION, "k_proj", "key", "wk", *_FUSED), hidden * pairs * dim
        if group.get("value_projection", 1):
            yield _under(_ATTENTION, "v_proj", "value", "wv", *_FUSED), hidden * pairs * value
        yield output, hidden * heads * value


def _feed_forward(
    fields: Mapping[str, Any], kind: str, every: _Layers, expert_layers: _Layers | None
) -> Iterator[Module]:
    hidden, experts = fields["hidden"], fields.get("experts")
    matrices: tuple[tuple[str, ...], ...] = _GATED if fields["ffn_matrices"] == 3 else _PLAIN
    if kind in _W_NAMES:
        matrices = tuple((names[1], *names) for names in matrices)
    sparse = expert_layers if expert_layers is not None else every
    number = experts["layers"] if experts else 0
    dense = fields.get("ffn_layers", fields["layers"] - number)
    if fields["ffn"] and dense:
        where = [i for i in every if i not in set(sparse)] if experts and expert_layers is not None else every
        for names in matrices:
            spelled = _under(_DENSE, *names) + tuple(name for name in names if name.startswith("fc"))
            yield Module("ffn", spelled, hidden * fields["ffn"], where, dense)
    if not experts:
        return
    wide = experts.get("shared_ffn", experts["shared"] * experts["ffn"])
    seen = experts.get("latent", hidden)
    usual = ("block_sparse_moe.experts", *_EXPERTS) if kind in _W_NAMES else _EXPERTS
    for names in matrices:
        yield Module("experts", _under(usual, *names), seen * experts["ffn"], sparse, number, experts["experts"])
        if wide:
            yield Module("ffn", _under(_SHARED, *names), hidden * wide, sparse, number)
    router = ("block_sparse_moe.gate", *_ROUTER) if kind in _W_NAMES else _ROUTER
    yield Module("ffn", router, hidden * experts["experts"], sparse, number)


# Modules outside of the parts: ends, norms, other models in the same file, and what has few weights
_OTHER = re.compile(
    r"vision|visual|image|audio|speech|whisper|resampler|projector|merger|vpm|apm|connector|aligner|mm_|talker|token2wav|"
    r"embed|lm_head|(^|\.)head|output_layer|norm|ln_|wte|wpe|score|classifier|pooler|mtp|eagle|draft|conv1d|a_log|dt_bias|"
    r"rotary|indexer|router|shared_expert_gate|(^|\.)gate$|bias|nextn|sinks",
    re.IGNORECASE,
)
_ROOTS = ("model", "language_model", "transformer", "text_model", "decoder", "base_model", "llm", "thinker", "backbone")
_STACKS = ("layers", "h", "blocks", "layer")
_PREFIXES = ("model.layers.", "model.language_model.layers.", "language_model.model.layers.", "transformer.h.")
_MOST_TRIALS = 500_000  # about a second
_SLOW = re.compile(r"\)[*+{]")  # a group that repeats may take a time that is exponential in the length of a name


class _Counted:
    """Shares of modules by layer, as names are matched with them."""

    def __init__(self, listed: Sequence[Module]) -> None:
        self.listed = listed
        self.hit: list[dict[int, set[int] | None]] = [{} for _ in listed]  # layer -> numbers of experts; None: all
        self.trials = 0
        self.index: dict[str, set[int]] = {}  # every run of steps of a name: it means all that is below it
        for i, module in enumerate(listed):
            for name in module.names:
                path = name.split(".")
                for first in range(len(path)):
                    for last in range(first + 1, len(path) + 1):
                        self.index.setdefault(".".join(path[first:last]), set()).add(i)

    def add(self, i: int, layers: Iterable[int], expert: int | None) -> None:
        for layer in layers:
            if expert is None:
                self.hit[i][layer] = None
            elif self.hit[i].get(layer, ()) is not None:
                held = self.hit[i].setdefault(layer, set())
                assert held is not None
                held.add(expert)

    def plain(self, name: str) -> bool:
        """Add what a plain name means; whether it is understood."""
        layer, rest, expert = _read(name)
        found = set(range(len(self.listed))) if not rest else self.index.get(rest, set())
        for i in found:
            module = self.listed[i]
            layers = module.layers if layer is None else [layer] if layer in module.layers else []
            self.add(i, layers, expert if module.part == "experts" else None)
        return bool(found)

    def pattern(self, expression: str, everything: bool) -> bool:
        """Add what a regular expression means, from the beginning of a name on; whether it matches anything.

        everything: unusual names are tried too, where the usual ones do not match.
        """
        compiled = re.compile(expression)
        slow = 10 ** max(_stars(expression) - 2, 0)
        for usual in (True, False) if everything else (True,):
            any_found = False
            spellings = sum(len(m.layers) * (1 if usual else len(m.names)) for m in self.listed)
            self.trials += slow * len(_PREFIXES) * spellings
            if self.trials > _MOST_TRIALS:
                return False
            for i, module in enumerate(self.listed):
                names = module.names[:1] if usual else module.names
                if module.part == "experts":
                    names = tuple(n.replace("experts.", f"experts.{k}", 1) for n in names for k in ("", "0."))
                found = [
                    layer
                    for layer in module.layers
                    if any(compiled.match(f"{root}{layer}.{name}") for root in _PREFIXES for name in names)
                ]
                any_found |= bool(found)
                self.add(i, found, None)
            if any_found:
                return True
        return False

    def shares(self) -> dict[str, float]:
        kept, total = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)
        for module, hit in zip(self.listed, self.hit, strict=True):
            layers = sum(1.0 if found is None else len(found) / module.copies for found in hit.values())
            total[module.part] += module.weights * module.count * module.copies
            kept[module.part] += module.weights * min(layers, module.count) * module.copies
        return {part: kept[part] / total[part] for part in PARTS if total[part]}


def _read(name: str) -> tuple[int | None, str, int | None]:
    """The number of the layer, the module within the layer, and the number of the expert."""
    path = [step for step in name.strip("*").split(".") if step]
    while path and path[0] in _ROOTS:
        path = path[1:]
    layer = None
    if len(path) > 1 and path[0] in _STACKS and path[1].isdecimal() and len(path[1]) < 6:
        layer, path = int(path[1]), path[2:]
    expert = None
    for i in range(1, len(path)):
        if path[i - 1] == "experts" and path[i].isdecimal() and len(path[i]) < 6:
            expert, path = int(path[i]), path[:i] + path[i + 1 :]
            break
    if path and path[-1] in ("weight", "linear"):
        path = path[:-1]
    return layer, ".".join(path), expert


def shares(names: Sequence[str], listed: Sequence[Module], layers: int) -> Shares:
    """The share of each part's weights that the names mean. layers: of the model, or its blocks."""
    counted, unknown = _Counted(listed), []
    for name in dict.fromkeys(names):
        expression = _expression(name)
        if expression is None:
            layer, rest, _ = _read(name)
            beyond = layer is not None and layer >= layers  # layers that predict further tokens
            understood = beyond or ((layer is not None or bool(rest)) and counted.plain(name))
        else:
            understood = _safe(expression) and counted.pattern(expression, not _outside(name))
        if not understood and not _outside(name):
            unknown.append(name)
    found = counted.shares()
    return Shares(found, _doubt(unknown, found, layers), tuple(unknown))


def _expression(name: str) -> str | None:
    """The regular expression that a name is, or None for a plain name."""
    for mark in ("re:", "-:", "+:"):
        if name.startswith(mark):
            return name[len(mark) :]
    if "*" in name.strip("*") or "?" in name or "[" in name:
        return fnmatch.translate(name)
    if any(sign in name for sign in "\\^$()|+"):
        return name
    return None


def _outside(name: str) -> bool:
    """Whether a name is that of a module outside of the parts."""
    return bool(_OTHER.search(name.replace("\\", "").rstrip("$")))


def _stars(expression: str) -> int:
    return sum(expression.count(sign) for sign in "*+{")


def _safe(expression: str) -> bool:
    """Whether an expression is one, and takes little time."""
    if len(expression) > 300 or _SLOW.search(expression) or _stars(expression) > 4:
        return False
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _doubt(unknown: Sequence[str], found: Mapping[str, float], layers: int) -> dict[str, float]:
    """How much more of each part names mean at most: a layer each, or all where they name none."""
    doubt = dict.fromkeys(found, 0.0)
    for name in unknown:
        layer = None if _expression(name) is not None else _read(name)[0]
        for part in _may_mean(name) & set(found):
            doubt[part] += 1.0 if layer is None else 1 / layers
    return {part: min(value, 1 - found[part]) for part, value in doubt.items() if value and found[part] < 1}


def _may_mean(name: str) -> set[str]:
    lower = name.lower()
    if re.search(r"attn|attention|[qkvo]_proj|kv_[ab]_", lower):
        return {"attention"}
    if "shared" in lower:
        return {"ffn"}
    if "experts" in lower:
        return {"experts"}
    return {"ffn", "experts"} if re.search(r"mlp|ffn|feed_forward|moe", lower) else set(PARTS)
