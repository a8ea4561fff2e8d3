"""The YAML files of the catalog: the names of its parts, their node trees, and the sources they cite."""

import os
from collections.abc import Mapping
from functools import cache

from rackcalc.config.compiled import PACKAGE, tree_of
from rackcalc.config.document import Node

__all__ = ["PACKAGE", "catalog_tree", "part_names", "part_node", "sources"]


@cache
def part_names(kind: str) -> tuple[str, ...]:
    """The names of all catalog parts of a kind, sorted."""
    try:
        files = os.listdir(f"{PACKAGE}/catalog/{kind}")
    except FileNotFoundError:
        return ()
    return tuple(sorted(file.removesuffix(".yaml") for file in files if file.endswith(".yaml")))


@cache
def part_node(kind: str, name: str) -> Node:
    """The node tree of one catalog file; its places read catalog/KIND/NAME.yaml:line."""
    return catalog_tree(f"catalog/{kind}/{name}.yaml")


def catalog_tree(file: str) -> Node:
    """The node tree of a file of the catalog, by its name in messages, which is its path in the package."""
    with open(f"{PACKAGE}/{file}", encoding="utf-8") as stream:
        return tree_of(stream.read(), file)


@cache
def sources() -> Mapping[str, Mapping[str, str]]:
    """Source id -> title, url, date, read, maker."""
    root = catalog_tree("catalog/sources.yaml")
    assert isinstance(root.value, dict)
    return {
        name: {key: str(value.value or "") for key, value in node.value.items()}
        for name, node in root.value.items()
        if isinstance(node.value, dict)
    }
