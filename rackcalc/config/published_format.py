"""workload.precision where the rack leaves it out: the format in which the model's weights are published."""

from rackcalc.config.catalog_files import part_names, part_node
from rackcalc.config.document import Node
from rackcalc.quantities.problems import InputError


def with_precision(root: Node) -> Node:
    """The tree of a rack, with workload.precision from its model where it is left out and the model says its format."""
    assert isinstance(root.value, dict)
    workload, model = root.value.get("workload"), root.value.get("model")
    if workload is None or model is None or not isinstance(workload.value, dict):
        return root
    stated = workload.value.get("precision")
    if stated is not None and stated.value is not None:
        return root
    try:
        published = _format(model)
    except InputError:
        published = Node("bf16", model.file, model.line, model.column)  # the builder says what is wrong in the file
    if published is None or not isinstance(published.value, str):
        return root
    precision = Node(published.value, model.file, model.line, model.column)
    workload = workload._replace(value=workload.value | {"precision": precision})
    return root._replace(value=root.value | {"workload": workload})


def _format(model: Node) -> Node | None:
    """The format that a model's part, file or mapping states; None where it states none or cannot be read."""
    if isinstance(model.value, str):
        return _of_part(model.value)
    if not isinstance(model.value, dict):
        return None
    if "format" in model.value:
        return model.value["format"]
    if "hf_config" in model.value:
        from rackcalc.config.hugging_face_file import model_node  # seldom needed

        described = model_node(model, "model").value
        return described.get("format") if isinstance(described, dict) else None
    base = model.value.get("from")
    return _of_part(base.value) if base is not None and isinstance(base.value, str) else None


def _of_part(name: str) -> Node | None:
    if name not in part_names("models"):
        return None
    fields = part_node("models", name).value
    return fields.get("format") if isinstance(fields, dict) else None
