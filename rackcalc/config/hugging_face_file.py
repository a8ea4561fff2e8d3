"""A model in a rack file that names a Hugging Face config.json: the file is read, and becomes the model's node tree."""

import json
from typing import Any

from rackcalc.config.config_values import ConfigError, shown
from rackcalc.config.document import Node, node_of_data
from rackcalc.config.hugging_face import model_from_config
from rackcalc.config.text_files import beside, read_text
from rackcalc.quantities.problems import InputError, failure


def model_node(node: Node, path: str) -> Node:
    """The node tree of a model {hf_config: FILE, ...}; the other keys of the mapping override those of the file.

    FILE is relative to the rack file. InputError, at the line that names FILE, when it cannot be used.
    """
    assert isinstance(node.value, dict)
    reference = node.value["hf_config"]
    overrides = {key: child for key, child in node.value.items() if key != "hf_config"}
    if not isinstance(reference.value, str):
        raise InputError([reference.problem(path, f"expected the path of a config.json, got {reference.kind}")])
    target = beside(reference.file, reference.value)
    try:
        fields = model_from_config(json.loads(read_text(target, "a model file"), object_pairs_hook=_object))
    except json.JSONDecodeError as error:
        raise failure(f"not valid JSON: {error.msg}", target, error.lineno, error.colno) from None
    except (InputError, ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, InputError) else f"{target}: {error}"
        if not isinstance(error, InputError | ConfigError):
            reason = f"{target}: JSON with numbers without end, or nested too deeply"
        raise InputError([reference.problem(f"{path}.hf_config", reason)]) from None
    described = node_of_data(fields, Node(None, target, 1, 1))
    assert isinstance(described.value, dict)
    return reference._replace(value=described.value | overrides)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the file; a key that occurs twice is refused, because readers differ in which of them they take."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            both = f"{shown(found[key])} and {shown(value)}"
            raise ConfigError(f"{shown(key)[1:-1]} occurs twice in an object, as {both}; leave one")
        found[key] = value
    return found
