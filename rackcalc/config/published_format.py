"""workload.precision where the rack leaves it out: the format in which the model's weights are published."""

from collections.abc import Mapping

from rackcalc.config.catalog_files import part_names, part_node
from rackcalc.config.document import Node
from rackcalc.quantities.problems import InputError, Problem

_PLACEHOLDER = "bf16"  # where a problem is already known: a second one, that precision is missing, would mislead


def with_precision(root: Node, problems: list[Problem]) -> Node:
    """The tree of a rack, with workload.precision from its model where it is left out and the model says its format.

    problems: gets the one that the model's file names a quantization whose format is not known.
    """
    assert isinstance(root.value, dict)
    workload, model = root.value.get("workload"), root.value.get("model")
    if workload is None or model is None or not isinstance(workload.value, dict):
        return root
    stated = workload.value.get("precision")
    if stated is not None and stated.value is not None:
        return root
    try:
        described = _described(model)
    except InputError:
        word = _PLACEHOLDER  # the builder says what is wrong in the model's file
    else:
        published, method = described.get("format"), described.get("quantization")
        if published is not None and isinstance(published.value, str):
            word = published.value
        elif published is None and method is not None:
            message = (
                f"is missing, and the model's file says {method.value}, which is not read as a format: write the "
                "format in which it is computed (bf16 for weights that are expanded before use), and model.weights, "
                "the size of the checkpoint, such as 24 GB"
            )
            problems.append(workload.key_problem("workload.precision", message))
            word = _PLACEHOLDER
        else:
            return root
    precision = Node(word, model.file, model.line, model.column)
    workload = workload._replace(value=workload.value | {"precision": precision})
    return root._replace(value=root.value | {"workload": workload})


def _described(model: Node) -> Mapping[str, Node]:
    """What a model's part, file or mapping states; nothing where it is none of them."""
    if isinstance(model.value, str):
        return _of_part(model.value)
    if not isinstance(model.value, dict):
        return {}
    if "format" in model.value:
        return model.value
    if "hf_config" in model.value:
        from rackcalc.config.hugging_face_file import model_node  # seldom needed

        described = model_node(model, "model").value
        return described if isinstance(described, dict) else {}
    base = model.value.get("from")
    return _of_part(base.value) if base is not None and isinstance(base.value, str) else {}


def _of_part(name: str) -> Mapping[str, Node]:
    if name not in part_names("models"):
        return {}
    fields = part_node("models", name).value
    return fields if isinstance(fields, dict) else {}
