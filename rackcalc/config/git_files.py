"""The files of a git repository: at a commit, or as they are in its working tree. Only git is asked, without a shell.

Paths are from the root of the repository, with slashes, as `git diff` shows them.
"""

import os
import posixpath
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from rackcalc.config.text_files import MAX_BYTES, RACK, bytes_from_disk, decode
from rackcalc.quantities.problems import InputError, failure, suggest
from rackcalc.quantities.record import record

SUBMODULE, LINK = "160000", "120000"  # modes of entries that are no files
MOST_PATHS = 200  # on one command line of git, each of at most 4,096 bytes
_NOT_CHECKED_OUT = "S"  # the tag of `git ls-files -t` in a sparse checkout
_UNTRACKED = "?"
_OBJECT = re.compile(rb"([0-9a-f]{40,64}) (\w+) (\d+)\n")
_RANGE = re.compile(r"(?!\.)(.+?)(\.\.\.?)(?!\.)(.*)", re.DOTALL)


@record
class Repository:
    """A repository with a working tree. root: its folder. here: the current folder from the root, "" or "racks/"."""

    root: str
    here: str

    def run(self, *arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Run git in the root, and say how it ended."""
        return _run(arguments, self.root, stdin)

    def ask(self, *arguments: str) -> bytes:
        """What git answers. InputError, with its own words, when it cannot."""
        done = self.run(*arguments)
        if done.returncode:
            raise failure(f"git {arguments[0]}: {_said(done)}")
        return done.stdout

    def names(self) -> list[str]:
        """Branches, also those of remotes, and tags."""
        listed = self.run("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
        return listed.stdout.decode(errors="replace").splitlines()

    def inside(self, path: str) -> str:
        """A path of the user, relative to the current folder or absolute, from the root. InputError outside of it."""
        if os.path.isabs(path):
            folder, name = os.path.split(os.path.normpath(path))
            path = os.path.relpath(os.path.join(os.path.realpath(folder), name), os.path.realpath(self.root))
        else:
            path = self.here + path
        found = posixpath.normpath(path)
        if found == ".." or found.startswith("../"):
            raise failure("lies outside the repository", path)
        return found


@record
class Tree:
    """All files at a commit, or of the working tree, whose id is "". files: mode by path.

    absent: not checked out. untracked: in the working tree only, and unknown to git.
    """

    repository: Repository
    name: str
    id: str
    files: Mapping[str, str]
    absent: frozenset[str] = frozenset()
    untracked: frozenset[str] = frozenset()

    def label(self, path: str) -> str:
        """A file of this tree as messages name it: main:racks/us.yaml, as git writes it, or racks/us.yaml."""
        return f"{self.name}:{path}" if self.id else path

    def has(self, path: str) -> bool:
        """Whether there is an entry of that path that is no submodule; in the working tree, also one git ignores."""
        if path in self.files:
            return self.files[path] != SUBMODULE
        on_disk = not self.id and not self.submodule_of(path)
        return on_disk and os.path.isfile(os.path.join(self.repository.root, path))

    def submodule_of(self, path: str) -> str:
        """The submodule in which a path lies, or ""."""
        steps = path.split("/")
        above = ("/".join(steps[:count]) for count in range(1, len(steps) + 1))
        return next((folder for folder in above if self.files.get(folder) == SUBMODULE), "")

    def read(self, path: str) -> str:
        """The text of a file as it is in this tree. InputError when it cannot be read."""
        return decode(self.read_bytes(path), path)

    def read_bytes(self, path: str, what: str = RACK, most: int = MAX_BYTES) -> bytes:
        """The bytes of a file as it is in this tree. InputError when it cannot be read, or is larger than `most`."""
        if os.path.isabs(path):
            path = os.path.relpath(path, self.repository.root)  # what leads out of the repository is refused below
        plain = posixpath.normpath(path)
        submodule = self.submodule_of(plain)
        if submodule:
            raise failure(f"lies in the submodule {submodule}; its files are not those of this repository", path)
        if not self.id:
            if plain in self.absent:
                raise failure("is not checked out here (sparse checkout); write BASE..HEAD to read the commit", path)
            return bytes_from_disk(os.path.join(self.repository.root, path), path, what, most)
        return self._bytes_at_commit(path, plain, what, most)

    def _bytes_at_commit(self, path: str, plain: str, what: str, most: int) -> bytes:
        if plain == ".." or plain.startswith("../"):
            raise failure(f"lies outside the repository, so nobody knows what it was at {self.name}", path)
        if "\n" in path:
            raise failure("has a line break in its name, which git cannot be asked for", path)
        asked = os.fsencode(f"{self.id}:{path}\n")
        done = self.repository.run("cat-file", "--batch-check", "--follow-symlinks", stdin=asked)
        if done.returncode:
            raise failure(f"cannot be read at {self.name}: {_said(done)}", path)
        found = _OBJECT.fullmatch(done.stdout)
        if found is None:
            word = done.stdout.split(b" ", 1)[0]
            if word == b"symlink":
                raise failure(f"is a link that leads out of the repository at {self.name}", path)
            if word in (b"dangling", b"loop"):
                raise failure(f"is a link that leads nowhere at {self.name}", path)
            raise failure(f"no such file at {self.name}", path)
        blob, kind, size = found.groups()
        if kind != b"blob":
            raise failure("is a directory; name a YAML file in it", path)
        if int(size) > most:
            raise failure(f"is {int(size) / 1e6:.0f} MB; {what} has at most {most / 1e6:.0f} MB", path)
        return self.repository.ask("cat-file", "blob", blob.decode())


def _run(arguments: Iterable[str], folder: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    spoilers = ("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS")
    environment = {name: value for name, value in os.environ.items() if name not in spoilers}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        return subprocess.run(
            ["git", *arguments], cwd=folder, env=environment, input=stdin, capture_output=True, check=False
        )
    except FileNotFoundError:
        raise failure("git is not installed; `rackcalc diff` asks it for the files of a commit") from None


def _said(done: "subprocess.CompletedProcess[bytes]") -> str:
    """What git said when it failed, on one line."""
    words = " ".join(done.stderr.decode(errors="replace").split())
    return words.removeprefix("fatal: ").removeprefix("error: ") or f"ended with code {done.returncode}"


def _words(answer: bytes) -> list[str]:
    """The words of an answer that ends each of them with a NUL."""
    return [os.fsdecode(word) for word in answer.split(b"\0") if word]


def find_repository() -> Repository:
    """The repository of the current folder. InputError where there is none, or one without a working tree."""
    answers = []
    for what in ("--show-toplevel", "--show-prefix"):
        done = _run(("rev-parse", what), os.curdir)
        if done.returncode:
            raise failure(f"{_said(done)}; run it inside a git repository")
        answers.append(os.fsdecode(done.stdout.removesuffix(b"\n")))
    return Repository(*answers)


def trees(repository: Repository, asked: str) -> tuple[Tree, Tree]:
    """Both sides of BASE..HEAD; of BASE...HEAD from where HEAD left BASE; without HEAD the working tree."""
    found = _RANGE.fullmatch(asked)
    if found is None or found[1].startswith("-"):
        example = "origin/main...HEAD, or origin/main... for the working tree"
        problem = "BASE is empty" if asked.startswith("..") else "expected two commits as BASE..HEAD"
        raise failure(f"{problem}; write it as in {example}", asked)
    base, dots, head = found.groups()
    base_id = commit_id(repository, base)
    head_id = commit_id(repository, head) if head else ""
    if dots == "...":
        base_id = _left_at(repository, base, base_id, head or "HEAD", head_id or commit_id(repository, "HEAD"))
    before = _commit_tree(repository, base, base_id)
    return before, _commit_tree(repository, head, head_id) if head else _working_tree(repository)


def commit_id(repository: Repository, name: str) -> str:
    """The commit of that name. InputError, with how to get it, where the clone has none."""
    done = None if name.startswith("-") else repository.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if done is None or done.returncode:
        raise failure(f"this clone has no such commit{_how_to_get(repository, name)}", name)
    return done.stdout.decode().strip()


def _how_to_get(repository: Repository, name: str = "") -> str:
    if repository.run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        return (
            "; the clone is shallow: fetch all of it (fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab, "
            "or git fetch --unshallow)"
        )
    known = repository.names()
    same = [ref for ref in known if name and ref.endswith(f"/{name}")]
    near = f"; did you mean {same[0]}?" if same else suggest(name, known) if name else ""
    return f"{near}; `git fetch` gets what is missing"


def _left_at(repository: Repository, base: str, base_id: str, head: str, head_id: str) -> str:
    """The commit at which two histories part."""
    done = repository.run("merge-base", base_id, head_id)
    if done.returncode:
        raise failure(f"has no commit in common with {head}{_how_to_get(repository)}", base)
    return done.stdout.decode().split()[0]


def _commit_tree(repository: Repository, name: str, commit: str) -> Tree:
    files = {}
    for entry in _words(repository.ask("ls-tree", "-r", "-z", "--full-tree", commit)):
        about, _, path = entry.partition("\t")
        files[path] = about.split(" ", 1)[0]
    return Tree(repository, name, commit, files)


def _working_tree(repository: Repository) -> Tree:
    """Tracked files that are there, and others that git does not ignore."""
    modes = {}
    for entry in _words(repository.ask("ls-files", "-z", "-s")):
        about, _, path = entry.partition("\t")
        modes[path] = about.split(" ", 1)[0]
    files, absent, untracked = {}, set(), set()
    for entry in _words(repository.ask("ls-files", "-z", "-t", "-c", "-o", "--exclude-standard")):
        tag, _, path = entry.partition(" ")
        place = os.path.join(repository.root, path)
        if os.path.lexists(place):
            nested = path.endswith("/")  # another repository
            mode = SUBMODULE if nested else LINK if os.path.islink(place) else modes.get(path, "100644")
            files[path.rstrip("/")] = mode
            if tag == _UNTRACKED and not nested:
                untracked.add(path)
        elif tag == _NOT_CHECKED_OUT:
            files[path] = modes[path]
            absent.add(path)
    return Tree(repository, "the working tree", "", files, frozenset(absent), frozenset(untracked))


def mentioning(tree: Tree, words: Iterable[str], endings: tuple[str, ...]) -> set[str]:
    """The files of these endings that hold one of the words. In a working tree all files, which are there to be read.

    Links too, because only reading them shows what they lead to.
    """
    paths = {path for path, mode in tree.files.items() if path.lower().endswith(endings) and mode != SUBMODULE}
    if not tree.id:
        return paths
    found = _grep(tree, ["-F", *(part for word in words for part in ("-e", word))], _patterns(endings))
    return {path for path in paths if path in found or tree.files[path] == LINK}


def has_line(tree: Tree, path: str, pattern: str) -> bool:
    """Whether a line of a file matches, however large the file is and however it is written. pattern: of git grep."""
    if tree.files.get(path) in (None, LINK, SUBMODULE):
        return False
    return path in _grep(tree, ["-E", "-e", pattern], [f":(top,literal){path}"])


def _patterns(endings: Iterable[str]) -> list[str]:
    return [f":(top,icase)*{ending}" for ending in endings]


def _grep(tree: Tree, what: Sequence[str], where: Sequence[str]) -> set[str]:
    """The files that `git grep` finds; of the working tree, also those that git does not track."""
    options = ("-l", "-z", "-a", "--full-name", "--no-recurse-submodules", *what, tree.id or "--untracked")
    done = tree.repository.run("grep", *options, "--", *where)
    if done.returncode > 1:  # 1: no file holds it
        raise failure(f"git grep: {_said(done)}")
    found = _words(done.stdout)
    return {entry.partition(":")[2] for entry in found} if tree.id else set(found)


def changed(before: Tree, after: Tree) -> set[str]:
    """The paths that are new, gone, or not the same on both sides; of a working tree perhaps some more."""
    found = _words(before.repository.ask(*_difference(before, after), "--name-only", "--no-renames"))
    return {*found, *(before.files.keys() ^ after.files.keys())}


def renames(before: Tree, after: Tree, removed: Iterable[str], added: Iterable[str]) -> dict[str, str]:
    """Old path -> new path of the files that git sees as the same file under another name."""
    return dict(_likenesses(before, after, removed, added, "R"))


def heirs(before: Tree, after: Tree, removed: Iterable[str], added: Iterable[str]) -> set[tuple[str, str]]:
    """Old and new path of files that are the same file, or a copy of it, as git sees it. Any number of files.

    Of a file that git does not track: that hold half of the lines.
    """
    old, new = set(removed), set(added)
    found: set[tuple[str, str]] = set()
    for some in batched(new - after.untracked, MOST_PATHS):
        found |= set(_likenesses(before, after, old, some, "RC"))
    texts = {path: _lines(before, path) for path in old}
    for path in new & after.untracked if old else ():
        lines = _lines(after, path)
        found |= {(former, path) for former, known in texts.items() if 2 * (known & lines).total() > known.total()}
    return found


def _lines(tree: Tree, path: str) -> "Counter[bytes]":
    """The lines of a file that have any text; none of a file that cannot be read."""
    try:
        return Counter(line.strip() for line in tree.read_bytes(path).splitlines() if line.strip())
    except InputError:
        return Counter()


def batched(paths: Iterable[str], most: int) -> Iterator[list[str]]:
    """The paths in groups that fit on a command line."""
    rest = iter(sorted(paths))
    while group := list(islice(rest, most)):
        yield group


def _likenesses(
    before: Tree, after: Tree, removed: Iterable[str], added: Iterable[str], kinds: str
) -> Iterator[tuple[str, str]]:
    sides = list(removed), list(added)
    if not all(sides):
        return
    paths = [f":(top,literal){path}" for side in sides for path in side]
    command = (*_difference(before, after), "-M", "-l0", "--name-status", "--", *paths)
    words = iter(_words(before.repository.ask(*command)))
    for status in words:
        old = next(words, "")
        if status.startswith(("R", "C")):
            new = next(words, "")
            if status[0] in kinds:
                yield old, new


def _difference(before: Tree, after: Tree) -> tuple[str, ...]:
    """The command that says what differs between two trees."""
    options = ("-r", "-z", "--ignore-submodules", "--no-ext-diff")
    return ("diff-tree", *options, before.id, after.id) if after.id else ("diff-index", *options, before.id)
