"""Names as people type them: which known name is meant, and which ones to suggest when none is."""

import re
from collections.abc import Iterable, Mapping, Sequence

MOST_SHOWN = 12  # names in one suggestion, unless more begin with what was typed
_LONGEST = 30  # known names that are listed when none is near
_VERY_ALIKE, _ALIKE = 0.75, 0.65  # similarity from which a name surely is, and may be, a slip of the pen
MAKERS = ("nvidia", "geforce", "tesla")  # words before the name of a product


def folded(name: str) -> str:
    """A name without its case, spaces, hyphens and underscores: "H100 SXM" and "h100-sxm" are one name."""
    return "".join(name.casefold().replace("_", "").replace("-", "").split())


def meant(typed: str, names: Iterable[str]) -> str | None:
    """The one known name that the typed one is, letter by letter or else whatever its case and hyphens."""
    names = list(names)
    if typed in names:
        return typed
    word = folded(typed)
    same = [name for name in names if folded(name) == word]
    return same[0] if len(same) == 1 else None


def nearest(typed: str, names: Sequence[str], aliases: Mapping[str, str] | None = None) -> list[str]:
    """The known names to suggest: those that end in a step so called, those that begin with what was typed, then those
    that hold it, else the most similar.

    aliases: other spellings -> the names to suggest for them.
    """
    spellings = [(folded(name), name) for name in names]
    spellings += [(folded(alias), name) for alias, name in (aliases or {}).items()]
    word = _without_maker(typed)
    if not folded(word):
        return []
    last = [name for name in names if "." in name and folded(name.rpartition(".")[2]) == folded(word)]
    if last:  # p99 of latency.p99: the figure that is nearest to the root first
        return sorted(last, key=lambda name: name.count("."))[:MOST_SHOWN]
    begin = [name for spelling, name in spellings if spelling.startswith(folded(word))]
    hold = [name for spelling, name in spellings if folded(word) in spelling] if len(folded(word)) > 2 else []
    near = list(dict.fromkeys([*begin, *hold, *_with_its_words(word, names, aliases or {})]))
    if near:
        return near[: max(MOST_SHOWN, len(set(begin)))]
    return _beginning_of(word, names) or _alike(word, names, _VERY_ALIKE) or _sharing(word, names)


def _with_its_words(typed: str, names: Sequence[str], aliases: Mapping[str, str]) -> list[str]:
    """The names that hold, themselves or in an alias, every word that was typed: a100-sxm-80gb for A100 80GB."""
    words = _words(typed)
    spellings = [*((name, name) for name in names), *aliases.items()]
    return [name for text, name in spellings if words and words <= _words(text)]


def _beginning_of(typed: str, names: Sequence[str]) -> list[str]:
    """The longest name that what was typed begins with: h100-sxm for h100-sxm5-80gb."""
    rests = {name: folded(typed).removeprefix(folded(name)) for name in names if len(folded(name)) > 3}
    begins = [name for name, rest in rests.items() if rest != folded(typed) and not rest.startswith(".")]
    return [max(begins, key=len)] if begins else []


def _sharing(typed: str, names: Sequence[str]) -> list[str]:
    """The names that share the most words with what was typed: at least two, or the first; else the most similar."""
    shared = {name: len(_words(typed) & _words(name)) for name in names}
    most = max(shared.values(), default=0)
    if most > 1:
        return [name for name in names if shared[name] == most][:MOST_SHOWN]
    first = re.split(r"[\s_-]+", typed.casefold())[0]
    same = [name for name in names if re.split(r"[\s_-]+", name.casefold())[0] == first]
    return same[:MOST_SHOWN] or alike(typed, names)


def alike(word: str, names: Iterable[str]) -> list[str]:
    """The name that looks most like the word, if any does."""
    return _alike(word, names, _ALIKE)


def _alike(word: str, names: Iterable[str], least: float) -> list[str]:
    import difflib

    known = {folded(name): name for name in names}
    return [known[spelling] for spelling in difflib.get_close_matches(folded(word), known, 1, least)]


def _without_maker(typed: str) -> str:
    """What was typed without an owner ("meta-llama/...") and without a maker ("NVIDIA ...") before it."""
    words = typed.rpartition("/")[2].split()
    while len(words) > 1 and words[0].casefold() in MAKERS:
        words = words[1:]
    return " ".join(words)


def _words(name: str) -> set[str]:
    joined = re.sub(r"(\d) +(?=[gt]b\b)", r"\1", name.casefold())  # 80 GB is one word, 80gb
    return set(re.split(r"[\s_-]+", joined)) - {""}


def listed(names: Sequence[str]) -> str:
    """'a', 'a or b', 'a, b or c'."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def suggestion(typed: str, names: Iterable[str], aliases: Mapping[str, str] | None = None) -> str:
    """'; did you mean ...?' when known names are near, else the list of known names if it is short."""
    names = list(names)
    near = nearest(typed, names, aliases)
    if near:
        return f"; did you mean {listed(near)}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= _LONGEST else ""
