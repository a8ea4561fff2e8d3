"""Which rack of HEAD was which rack of BASE: by path, else by a name that only one has, else as git sees renames."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from rackcalc.config.document import parse
from rackcalc.config.git_files import Tree, mentioning, renames
from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.quantities.record import record

ENDINGS = (".yaml", ".yml")
MARK = "accelerators"  # every rack has this section, and hardly any other YAML file
_MARKED = re.compile(rf"^(?:\{{.*)?[\"']?{MARK}[\"']?\s*:", re.MULTILINE)


@record
class Pair:
    """One rack on both sides. before: its path at BASE, "" where HEAD adds it; after: "" where HEAD removes it.

    rivals: paths at BASE one of which it was, without a way to tell which.
    """

    before: str
    after: str
    rivals: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The path to show."""
        return self.after or self.before


def rack_name(text: str, file: str) -> str | None:
    """The name in a text that looks like a rack; "" for one without, or that cannot be parsed; None for others."""
    if MARK not in text:
        return None
    try:
        root = parse(text, file, [])
    except InputError:  # a rack that is broken is one nevertheless
        return "" if _MARKED.search(text) else None
    if not isinstance(root.value, dict) or MARK not in root.value:
        return None
    name = root.value.get("name")
    return name.value if name is not None and isinstance(name.value, str) else ""


def racks_in(tree: Tree, named: Iterable[str]) -> dict[str, str]:
    """Name by path of the racks of a tree. named: files that count as racks whatever is in them."""
    found: dict[str, str] = {}
    for path in sorted({*mentioning(tree, MARK, ENDINGS), *(path for path in named if tree.has(path))}):
        try:
            name = rack_name(tree.read(path), path)
        except InputError:
            name = "" if path in tree.absent else None
        if name is not None or path in named:
            found[path] = name or ""
    return found


def find_pairs(before: Tree, after: Tree, wanted: Sequence[str]) -> list[Pair]:
    """The racks below the wanted paths, which are from the root; all racks for (). InputError for a path without one.

    A rack that leaves the wanted paths is followed to where it went.
    """
    refuse_submodules(before, after, wanted)
    old, new = racks_in(before, wanted), racks_in(after, wanted)
    same = [path for path in sorted({*old, *new}) if before.has(path) and after.has(path)]
    pairs = [Pair(path, path) for path in same]
    removed = {path: name for path, name in old.items() if path not in same}
    added = {path: name for path, name in new.items() if path not in same}
    for former, path in (*by_name(old, new), *renames(before, after, removed, added).items()):
        if former in removed and path in added:
            pairs.append(Pair(former, path))
            del removed[former], added[path]
    for former, path in by_name(removed, added):
        pairs.append(Pair(former, path))
        del removed[former], added[path]
    pairs += [
        Pair("", path, tuple(old for old in removed if name and removed[old] == name)) for path, name in added.items()
    ]
    pairs += [Pair(path, "") for path in removed]
    if not pairs:
        raise failure(f"no rack at {before.name} or in {after.name}: no YAML file has a section {MARK}; name the files")
    missing = [path for path in wanted if not any(below(pair, path) for pair in pairs)]
    if missing:
        words = f"no rack of that path at {before.name} or in {after.name}"
        raise InputError([Problem(path, 0, 0, "", words) for path in missing])
    kept = [pair for pair in pairs if not wanted or any(below(pair, path) for path in wanted)]
    return sorted(kept, key=lambda pair: pair.file)


def refuse_submodules(before: Tree, after: Tree, wanted: Sequence[str]) -> None:
    """InputError for paths whose files another repository has."""
    found = [(path, folder) for path in wanted for tree in (before, after) if (folder := tree.submodule_of(path))]
    if found:
        words = "lies in the submodule {}; run rackcalc diff in it"
        raise InputError([Problem(path, 0, 0, "", words.format(folder)) for path, folder in found])


def by_name(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str]]:
    """Old and new path of the racks whose name nobody else has, on either side."""
    counts = [Counter(old.values()), Counter(new.values())]
    paths = {name: path for path, name in new.items()}
    return [(path, paths[name]) for path, name in old.items() if name and all(count[name] == 1 for count in counts)]


def below(pair: Pair, path: str) -> bool:
    """Whether a rack is at or below a path on one of the sides. The path may have *, ? and [], as git reads them."""
    return any(
        path in (".", side) or side.startswith(f"{path}/") or fnmatchcase(side, path)
        for side in (pair.before, pair.after)
        if side
    )
