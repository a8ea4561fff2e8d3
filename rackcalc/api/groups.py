"""Groups of figures, `result.latency` and the like: how names lead to figures. sections.py says what each holds."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin

from rackcalc.api.errors import unknown
from rackcalc.api.figures import Book
from rackcalc.quantities.former_names import name_in
from rackcalc.quantities.quantity import Quantity

Member = TypeVar("Member")


def member(node: Any, name: str, path: str, kind: Any, book: Book) -> Any:
    """What stands under a name in a node of the estimate: a figure, a group, or plain text.

    path: of the node, "" for the whole. kind: the class declared for it. UnknownFigureError when there is none.
    """
    names = node if isinstance(node, Mapping) else {item.name: getattr(node, item.name) for item in fields(node)}
    found, below = names.get(name), f"{path}.{name}" if path else name
    if found is None:
        steps = (accumulate(known.split("."), "{}.{}".format) for known in book.known)
        raise unknown(below, dict.fromkeys(word for words in steps for word in words))
    if isinstance(found, Quantity):
        return book.figure(below)
    if isinstance(found, str | tuple):
        return found
    return (get_origin(kind) or kind)(found, below, book, *get_args(kind))


def present(path: str, name: str, book: Book) -> str:
    """The present name of what stands under a name in the node at a path, where the name is a former one."""
    return name_in(book.known, f"{path}.{name}").removeprefix(f"{path}.")


def declared_in(group: type, name: str) -> Any:
    """What a group, or a group that it extends, declares under a name."""
    found = (vars(base).get("__annotations__", {}) for base in group.__mro__)
    return next((declared[name] for declared in found if name in declared), Group)


class Group:
    """Figures under one name. `group.name` is a figure or a group within."""

    def __init__(self, node: Any, path: str, book: Book) -> None:
        self._node, self._path, self._book = node, path, book

    if not TYPE_CHECKING:  # so that a type checker finds names that there are not

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            name = present(self._path, name, self._book)
            return member(self._node, name, self._path, declared_in(type(self), name), self._book)

    def __dir__(self) -> list[str]:
        begun = f"{self._path}."
        inside = [path.removeprefix(begun).partition(".")[0] for path in self._book.known if path.startswith(begun)]
        return [*super().__dir__(), *dict.fromkeys(inside)]

    def __repr__(self) -> str:
        begun = f"{self._path}."
        lines = [f"  {path} = {self._book.figure(path)}" for path in self._book.known if path.startswith(begun)]
        return "\n".join([f"<{type(self).__name__} {self._path}>", *lines])


class Named(Mapping[str, Member], Generic[Member]):
    """Figures or groups under names that depend on the rack: stages, pools, links, terms of a sum.

    A mapping; names that are words of Python are attributes too: `result.stages["gpu"]`, `result.stages.gpu`.
    """

    def __init__(self, node: Mapping[str, Any], path: str, book: Book, kind: Any = Group) -> None:
        self._node, self._path, self._book, self._kind = node, path, book, kind

    def __getitem__(self, name: str) -> Member:
        found: Member = member(self._node, present(self._path, name, self._book), self._path, self._kind, self._book)
        return found

    def __getattr__(self, name: str) -> Member:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._node)

    def __len__(self) -> int:
        return len(self._node)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._node]

    def __repr__(self) -> str:
        return f"<{self._path}: {', '.join(self._node) or 'nothing'}>"
