"""Rack files that were read before are read without a parser, with the same result, and never a stale one."""

import os
import sys
from pathlib import Path

import pytest

from rackcalc.config import kept_trees, racks
from rackcalc.config.document import parse
from rackcalc.config.racks import bundled_racks
from rackcalc.quantities.problems import InputError

RACK = """\
name: mine
model: bert-large
workload: {input: 128 token, batch: 1, precision: fp16, arrival_rate: 100 request/s}
accelerators: {gpu: {part: a100-sxm-80gb, count: 1}}
serving: {split: gpu, runtime: tensorrt}
site: {cooling: air, inlet: 27 degC}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    racks._tree.cache_clear()
    return tmp_path / "rackcalc" / "trees"


@pytest.mark.parametrize("rack", bundled_racks())
def test_a_kept_tree_is_the_parsed_one(rack: str) -> None:
    text = bundled_racks()[rack].read_text(encoding="utf-8")
    tree = parse(text, "here.yaml")
    assert kept_trees.kept(text, "here.yaml") is None
    kept_trees.keep(text, tree)
    assert kept_trees.kept(text, "here.yaml") == tree
    assert kept_trees.kept(text.replace("name", "nama", 1), "here.yaml") is None


def test_a_file_is_parsed_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def counted(text: str, *rest: object) -> object:
        parsed.append(text)
        return parse(text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(racks, "parse", counted)
    first = racks.load_text(RACK, "mine.yaml")
    racks._tree.cache_clear()  # as in another process
    second = racks.load_text(RACK, "mine.yaml")
    assert parsed == [RACK] and second.nodes == first.nodes and len(list(cache.iterdir())) == 1
    racks._tree.cache_clear()
    racks.load_text(RACK + "# a remark\n", "mine.yaml")
    assert len(parsed) == 2


@pytest.mark.parametrize("wrong", [RACK.replace("bert-large", "bert-largo"), RACK.replace("batch: 1", "batch: -1")])
def test_mistakes_have_the_same_places(wrong: str) -> None:
    problems = []
    for _ in range(2):
        racks._tree.cache_clear()
        with pytest.raises(InputError) as error:
            racks.load_text(wrong, "mine.yaml")
        problems.append(error.value.problems)
    assert problems[0] == problems[1] and problems[0][0].line > 1 and problems[0][0].column > 1


def test_a_file_with_mistakes_in_its_yaml_is_not_kept(cache: Path) -> None:
    with pytest.raises(InputError):
        racks.load_text(RACK + "name: again\n", "mine.yaml")
    assert not cache.exists()


def test_standard_input_is_not_kept(cache: Path) -> None:
    racks.load_text(RACK, racks.STDIN)
    assert not cache.exists()


def test_what_another_version_wrote_or_is_broken_is_not_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = parse(RACK, "mine.yaml")
    kept_trees.keep(RACK, tree)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    for broken in (b"", b"nonsense", whole[: len(whole) // 2]):
        path.write_bytes(broken)
        assert kept_trees.kept(RACK, "mine.yaml") is None
    path.write_bytes(whole)
    assert kept_trees.kept(RACK, "mine.yaml") == tree
    monkeypatch.setattr(kept_trees, "__version__", "another")
    assert kept_trees.kept(RACK, "mine.yaml") is None


def test_what_is_kept_is_the_users_own(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that only its owner may read stays so; a relative XDG_CACHE_HOME counts as none, as its makers say."""
    kept_trees.keep(RACK, parse(RACK, "mine.yaml"))
    assert cache.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(cache.parent))
    assert kept_trees.folder() == str(cache.parent / ".cache" / "rackcalc" / "trees")


def test_nothing_is_written_where_nothing_can_be_or_may_be(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.parent.mkdir(exist_ok=True)
    cache.parent.write_text("no directory")
    assert racks.load_text(RACK, "mine.yaml").rack.name == "mine"
    os.remove(cache.parent)
    racks._tree.cache_clear()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    racks.load_text(RACK, "mine.yaml")
    assert not cache.exists()


def test_the_newest_files_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_trees, "MOST", 3)
    for number in range(5):
        text = RACK + f"# {number}\n"
        kept_trees.keep(text, parse(text, "mine.yaml"))
        os.utime(kept_trees._file(text), (number, number))
    assert kept_trees.kept(RACK + "# 4\n", "mine.yaml") is not None and len(list(cache.iterdir())) == 3
