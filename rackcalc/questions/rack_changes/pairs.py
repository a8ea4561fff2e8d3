"""Which rack of HEAD was which rack of BASE: by path, else by a name that only one has, else as git sees renames."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from rackcalc.config.document import parse
from rackcalc.config.git_files import SUBMODULE, Tree, changed, has_line, heirs, mentioning, renames
from rackcalc.config.text_files import decode
from rackcalc.quantities.problems import InputError, Problem, failure
from rackcalc.quantities.record import record

ENDINGS = (".yaml", ".yml")
MARK = "accelerators"  # every rack has this section, and hardly any other YAML file
_MARKED = re.compile(rf"^(?:\{{.*)?[\"']?{MARK}[\"']?\s*:", re.MULTILINE)
_MARKED_IN_GREP = rf"^(\{{.*)?[\"']?{MARK}[\"']?[[:space:]]*:"
_ESCAPED = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U000([0-9a-fA-F]{5})|\r?\n[ \t]*)"
)  # in quotes, by YAML


@record
class Pair:
    """One rack on both sides. before: its path at BASE, "" where HEAD adds it; after: "" where HEAD removes it.

    rivals: what it may be on the other side, without a way to tell. Of an added rack, racks that are gone; of a removed
    one, new files that are no racks or cannot be read, and submodules.
    """

    before: str
    after: str
    rivals: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The path to show."""
        return self.after or self.before


@record
class Racks:
    """The racks of a tree: name by path. unread: other YAML files that cannot be read, so that nobody knows."""

    names: Mapping[str, str]
    unread: frozenset[str]


def rack_name(text: str, file: str) -> str | None:
    """The name in a text that looks like a rack; "" for one without, or that cannot be parsed; None for others."""
    plain = unescaped(text)
    if MARK not in plain:
        return None
    try:
        root = parse(text, file, [])
    except InputError:  # a rack that is broken is one nevertheless
        return "" if _MARKED.search(plain) else None
    if not isinstance(root.value, dict) or MARK not in root.value:
        return None
    name = root.value.get("name")
    return name.value if name is not None and isinstance(name.value, str) else ""


def unescaped(text: str) -> str:
    """Text with the letters that YAML may write as \\x65, \\u0065 or \\U00000065, and without escaped line breaks."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(min(int(code, 16), 0x10FFFF)) if (code := _code(found)) else "", text)


def _code(found: "re.Match[str]") -> str:
    return found[1] or found[2] or found[3] or ""


def racks_in(tree: Tree, named: Iterable[str], touched: Iterable[str] = ()) -> Racks:
    """The racks of a tree. named: files that count as racks whatever is in them. touched: files to read in any case.

    A file that cannot be read but has the mark of a rack is one.
    """
    found: dict[str, str] = {}
    unread = set()
    paths = mentioning(tree, (MARK, "\\"), ENDINGS)
    paths |= {
        path for path in touched if path.lower().endswith(ENDINGS) and tree.files.get(path, SUBMODULE) != SUBMODULE
    }
    for path in sorted({*paths, *(path for path in named if tree.has(path))}):
        data = b""
        try:
            data = tree.read_bytes(path)
            name = rack_name(decode(data, path), path)
        except InputError:
            name = "" if path in tree.absent or marked(tree, path, data) else None
            if name is None:
                unread.add(path)
        if name is not None or path in named:
            found[path] = name or ""
    return Racks(found, frozenset(unread))


def marked(tree: Tree, path: str, data: bytes) -> bool:
    """Whether a file that is no text looks like a rack. data: what it holds; b"" where that is not known."""
    if not data:
        return has_line(tree, path, _MARKED_IN_GREP)
    return _MARKED.search(unescaped(data.replace(b"\0", b"").decode("latin-1"))) is not None


def find_pairs(before: Tree, after: Tree, wanted: Sequence[str]) -> list[Pair]:
    """The racks below the wanted paths, which are from the root; all racks for (). InputError for a path without one.

    A rack that leaves the wanted paths is followed to where it went.
    """
    refuse_submodules(before, after, wanted)
    touched = changed(before, after)
    olds, news = racks_in(before, wanted, touched), racks_in(after, wanted, touched)
    old, new = olds.names, news.names
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
    for path, name in added.items():
        of_that_name = [former for former in removed if name and removed[former] == name]
        pairs.append(Pair("", path, tuple(of_that_name or removed)))
    if removed:
        places = hiding_places(before, after, removed, news, touched)
        pairs += [Pair(path, "", places[path]) for path in removed]
    if not pairs:
        raise failure(f"no rack at {before.name} or in {after.name}: no YAML file has a section {MARK}; name the files")
    missing = [path for path in wanted if not any(below(pair, path) for pair in pairs)]
    if missing:
        words = f"no rack of that path at {before.name} or in {after.name}"
        raise InputError([Problem(path, 0, 0, "", words) for path in missing])
    kept = [pair for pair in pairs if not wanted or any(below(pair, path) for path in wanted)]
    return sorted(kept, key=lambda pair: pair.file)


def hiding_places(
    before: Tree, after: Tree, removed: Iterable[str], news: Racks, touched: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Where each of the removed racks may have gone without being a rack any more: files of HEAD, and submodules."""
    fresh = after.files.keys() - before.files.keys()
    unread = {path for path in touched if path in news.unread}
    modules = {path for path, mode in after.files.items() if mode == SUBMODULE != before.files.get(path)}
    alike = heirs(before, after, removed, (path for path in fresh - news.names.keys() if after.has(path)))
    return {path: tuple(sorted({*unread, *modules, *(new for old, new in alike if old == path)})) for path in removed}


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
    """Whether a rack is at or below a path on a side, or may be. The path may have *, ? and [], as git reads them."""
    return any(
        path in (".", side) or side.startswith(f"{path}/") or fnmatchcase(side, path)
        for side in (pair.before, pair.after, *pair.rivals)
        if side
    )
