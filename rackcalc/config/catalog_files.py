"""The YAML files of the catalog: the names of its parts, their node trees, and the sources they cite."""

from collections.abc import Mapping
from functools import cache

from rackcalc.config.compiled import PACKAGE, tree_of
from rackcalc.config.document import Node

__all__ = ["PACKAGE", "part_names", "part_node", "sources"]


@cache
def part_names(kind: str) -> tuple[str, ...]:
    """The names of all catalog parts of a kind, sorted."""
    return tuple(sorted(path.stem for path in (PACKAGE / "catalog" / kind).glob("*.yaml")))


@cache
def part_node(kind: str, name: str) -> Node:
    """The node tree of one catalog file; its places read catalog/KIND/NAME.yaml:line."""
    text = (PACKAGE / "catalog" / kind / f"{name}.yaml").read_text(encoding="utf-8")
    return tree_of(text, f"catalog/{kind}/{name}.yaml")


@cache
def sources() -> Mapping[str, Mapping[str, str]]:
    """Source id -> title, url, date, read, maker."""
    root = tree_of((PACKAGE / "catalog" / "sources.yaml").read_text(encoding="utf-8"), "catalog/sources.yaml")
    assert isinstance(root.value, dict)
    return {
        name: {key: str(value.value or "") for key, value in node.value.items()}
        for name, node in root.value.items()
        if isinstance(node.value, dict)
    }
