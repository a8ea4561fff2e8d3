"""rackcalc diff in real repositories: what cannot be judged never passes, and nobody is silenced by another."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import xmlschema
from program import run
from repositories import ALONE, GATES, Repository, escaped, other_rack, rack

from rackcalc.config.racks import bundled_racks
from rackcalc.schemas import schema_of

CHEAP, DEAR = 8, 16
CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "torch_dtype": "bfloat16",
}
LLM = """\
name: llm
accelerators: {gpu: {part: h100-sxm, count: 8}}
model: {hf_config: ../models/config.json}
workload: {input: 512 token, output: 128 token, precision: bf16, batch: 8}
serving: {split: gpu, runtime: vllm, tensor_parallel: 8}
gates: [{fail_if: delta(latency.service) > 20 %}]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Two racks on main."""
    return Repository(tmp_path / "repository", us=rack("us"), eu=rack("eu"))


def report(repository: Repository, *arguments: str) -> dict[str, Any]:
    """Racks of the JSON by file."""
    data = json.loads(repository.diff(*arguments, "--json")[1])
    return {found["file"]: found for found in data["racks"]}


# --- a doubled cost never passes ------------------------------------------------------------------------


@pytest.mark.parametrize("commits", ["main..HEAD", "main...HEAD", "main..change", "main..", "main...", "HEAD~1..HEAD"])
def test_a_doubled_cost_fails(repository: Repository, commits: str) -> None:
    repository.commit(us=rack("us", DEAR))
    code, said, talk = repository.diff(commits)
    assert code == 3 and not talk
    (line,) = (line for line in said.splitlines() if line.startswith("FAIL"))
    assert "racks/us.yaml: delta(cost.tco) = +100 %, limit 5 %" in line and line.endswith("racks/us.yaml:6")
    assert any(line.startswith("same    racks/eu.yaml: 1 gate") for line in said.splitlines())
    assert repository.diff(commits, "--exit-zero")[0] == 0


def renamed(repository: Repository) -> None:
    repository.git("mv", "racks/us.yaml", "racks/usa.yaml")
    repository.commit(usa=rack("us", DEAR))


def renamed_with_another_name(repository: Repository) -> None:
    repository.git("mv", "racks/us.yaml", "racks/usa.yaml")
    repository.commit(usa=rack("usa", DEAR))


def moved_away_and_rewritten(repository: Repository) -> None:
    repository.git("rm", "-q", "racks/us.yaml")
    text = rack("us", DEAR).replace("{", "{ ").replace(": ", ":  ")
    repository.commit({"elsewhere/new.yml": "# another comment\n" * 20 + text})


def without_its_gate(repository: Repository) -> None:
    repository.commit(us=rack("us", DEAR, gates=""))


def with_a_looser_gate(repository: Repository) -> None:
    repository.commit(us=rack("us", DEAR, gates=GATES.replace("5 %", "500 %")))


def with_a_gate_that_only_warns(repository: Repository) -> None:
    repository.commit(us=rack("us", DEAR, gates=GATES.replace("fail_if", "warn_if")))


def beside_a_rack_without_gates(repository: Repository) -> None:
    repository.commit(us=rack("us", DEAR), aa=rack("aa", gates=""))


def beside_added_and_removed_racks(repository: Repository) -> None:
    repository.git("rm", "-q", "racks/eu.yaml")
    repository.commit(
        {"x/ap.yaml": "\n" * 99 + rack("ap", 3).replace("h100-sxm", "a100-sxm-80gb")}, us=rack("us", DEAR)
    )


def renamed_with_an_escape_in_its_key(repository: Repository) -> None:
    repository.git("rm", "-q", "racks/us.yaml")
    repository.commit(usa=escaped(rack("us", DEAR)))


def elsewhere_with_every_escape(repository: Repository) -> None:
    repository.git("rm", "-q", "racks/us.yaml")
    key = '? "\\u0061ccel\\\n  er\\U00000061tors"\n:'
    repository.commit({"elsewhere/new.yml": "#\n" * 40 + rack("us", DEAR).replace("accelerators:", key)})


def with_an_escape_at_base(repository: Repository) -> None:
    repository.git("checkout", "-q", "main")
    repository.commit(us=escaped(rack("us")))
    repository.git("checkout", "-qB", "change")
    repository.git("mv", "racks/us.yaml", "racks/usa.yaml")
    repository.commit(usa=rack("us", DEAR))


def in_a_merge(repository: Repository) -> None:
    repository.commit(us=rack("us", DEAR))
    repository.git("checkout", "-q", "main")
    repository.commit({"README": "x"})
    repository.git("checkout", "-qb", "merged")
    repository.git("merge", "-q", "--no-edit", "change")


WAYS = (
    renamed, renamed_with_another_name, moved_away_and_rewritten, without_its_gate, with_a_looser_gate,
    with_a_gate_that_only_warns, beside_a_rack_without_gates, beside_added_and_removed_racks, in_a_merge,
    renamed_with_an_escape_in_its_key, elsewhere_with_every_escape, with_an_escape_at_base,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("commits", ["main..HEAD", "main..."])
def test_no_way_around_the_gate(repository: Repository, way: Any, commits: str) -> None:
    way(repository)
    code, said, _ = repository.diff(commits)
    assert code == 3, said
    (line,) = (line for line in said.splitlines() if line.startswith("FAIL"))
    assert "delta(cost.tco) = +100 %" in line


def test_a_path_of_the_old_place_follows_the_rack(repository: Repository) -> None:
    renamed(repository)
    repository.git("mv", "racks/usa.yaml", "usa.yaml")
    repository.commit()
    assert repository.diff("main..HEAD", "racks")[0] == 3
    assert repository.diff("main..HEAD", "racks/us.yaml")[0] == 3


def test_a_change_of_the_model_file_alone_is_seen(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", llm=LLM)
    made.git("checkout", "-q", "main")
    made.commit({"models/config.json": json.dumps(CONFIG)})
    made.git("checkout", "-qB", "change")
    made.commit({"models/config.json": json.dumps(CONFIG | {"num_hidden_layers": 64})})
    for commits in ("main..HEAD", "main.."):
        code, said, _ = made.diff(commits)
        assert code == 3 and "delta(latency.service) = +" in said
    (found,) = report(made, "main..HEAD").values()
    (gate,) = found["gates"]
    assert found["state"] == "changed" and 0.7 < gate["actual"] < 1.05, "twice the layers take nearly twice the time"
    made.git("checkout", "-q", "main")
    assert made.diff("change..HEAD")[0] == 0, "half the layers are faster"


def test_a_working_tree_is_head(repository: Repository) -> None:
    repository.write("racks/us.yaml", rack("us", DEAR))
    assert repository.diff("main..HEAD")[0] == 0
    assert repository.diff("main..")[0] == 3
    repository.git("checkout", "-q", "--", ".")
    repository.write("racks/untracked.yaml", rack("untracked", DEAR))
    code, said, _ = repository.diff("main..")
    assert code == 0 and "added racks/untracked.yaml: has no baseline; not judged: delta(cost.tco) > 5 %" in said


# --- what cannot be read is no pass ---------------------------------------------------------------------


def test_a_shallow_clone_says_how_to_get_the_base(repository: Repository, tmp_path: Path) -> None:
    repository.commit(us=rack("us", DEAR))
    address = f"file://{repository.folder}"
    repository.git("clone", "-q", "--depth", "1", "--branch", "change", address, str(tmp_path / "clone"))
    clone = Repository.__new__(Repository)
    clone.folder = tmp_path / "clone"
    for commits in ("origin/main..HEAD", "main..", "HEAD~1..HEAD", "origin/main...HEAD"):
        code, said, talk = clone.diff(commits)
        assert (code, said) == (2, "") and "shallow" in talk and "fetch-depth: 0" in talk
    clone.git("fetch", "-q", "--depth", "1", "origin", "main:refs/remotes/origin/main")
    code, said, talk = clone.diff("origin/main...HEAD")
    assert (code, said) == (2, "") and "no commit in common" in talk and "fetch-depth: 0" in talk
    assert clone.diff("origin/main..HEAD")[0] == 3
    clone.git("fetch", "-q", "--unshallow")
    assert clone.diff("origin/main...HEAD")[0] == 3


@pytest.mark.parametrize(
    ("commits", "words"),
    [
        ("mian..HEAD", "mian: this clone has no such commit; did you mean main?"),
        ("nowhere..", "nowhere: this clone has no such commit"),
        ("main..nowhere", "nowhere: this clone has no such commit"),
        ("..HEAD", "BASE is empty"),
        ("...HEAD", "BASE is empty"),
        ("main", "expected two commits as BASE..HEAD"),
        ("", "expected two commits as BASE..HEAD"),
        ("origin/..HEAD", "this clone has no such commit"),
        ("main:racks..HEAD", "this clone has no such commit"),
        ("0123456789012345678901234567890123456789..HEAD", "this clone has no such commit"),
    ],
)
def test_a_commit_that_is_not_there(repository: Repository, commits: str, words: str) -> None:
    repository.commit(us=rack("us", DEAR))
    code, said, talk = repository.diff(commits, "--exit-zero")
    assert (code, said) == (2, "") and words in talk, talk


def test_outside_of_a_repository_and_without_git(repository: Repository, tmp_path: Path) -> None:
    done = run("diff", "main..HEAD", cwd=tmp_path, GIT_CEILING_DIRECTORIES=str(tmp_path.parent), **ALONE)
    assert done.returncode == 2 and b"run it inside a git repository" in done.stderr
    code, _, talk = repository.diff("main..HEAD", PATH=str(tmp_path))
    assert code == 2 and "git is not installed" in talk
    bare = tmp_path / "bare.git"
    repository.git("clone", "-q", "--bare", ".", str(bare))
    done = run("diff", "main..change", cwd=bare, **ALONE)
    assert done.returncode == 2 and b"Traceback" not in done.stderr


BROKEN = {
    "no YAML": "name: us\naccelerators: {gpu: [\n",
    "an unknown key": rack("us").replace("workload", "wrokload"),
    "a part that does not exist": rack("us").replace("h100-sxm", "h999"),
    "a model file that is not there": rack("us", model="{hf_config: none.json}"),
    "no rack at all": "kind: Deployment\n",
    "not UTF-8": "name: \udce9\naccelerators: {}\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_base_that_cannot_be_read_is_an_error_that_says_how_to_accept_it(tmp_path: Path, text: str) -> None:
    made = Repository(tmp_path / "r", eu=rack("eu"))
    made.git("checkout", "-q", "main")
    (made.folder / "racks/us.yaml").write_bytes(text.encode(errors="surrogateescape"))
    made.commit()
    made.git("checkout", "-qB", "change")
    made.commit(us=rack("us", DEAR), eu=rack("eu", DEAR))
    code, said, talk = made.diff("main..HEAD")
    assert code == 2 and "--accept racks/us.yaml" in talk and "main:racks/us.yaml" in talk
    assert "FAIL" in said and "racks/eu.yaml: delta(cost.tco) = +100 %" in said, "the other rack is judged"
    assert any(line.startswith("ERROR") and "racks/us.yaml" in line for line in said.splitlines())
    code, said, talk = made.diff("main..HEAD", "--accept", "racks/us.yaml")
    assert code == 3 and "not judged: delta(cost.tco) > 5 %" in said and not talk
    code, said, _ = made.diff("main..HEAD", "racks/us.yaml", "--accept", "racks/us.yaml")
    assert code == 0 and "cannot be read at main, and is taken as new" in said
    assert made.diff("main..HEAD", "--accept", "racks/usa.yaml")[0] == 2, "a wrong --accept accepts nothing"


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("commits", ["main..HEAD", "main.."])
def test_a_head_that_cannot_be_read_is_an_error(repository: Repository, text: str, commits: str) -> None:
    (repository.folder / "racks/us.yaml").write_bytes(text.encode(errors="surrogateescape"))
    repository.commit(eu=rack("eu", DEAR))
    code, said, talk = repository.diff(commits, "--exit-zero")
    assert code == 2 and "racks/us.yaml" in talk
    assert "racks/eu.yaml: delta(cost.tco) = +100 %" in said


def test_a_base_whose_figure_is_unknown_has_to_be_accepted(tmp_path: Path) -> None:
    lpx = bundled_racks()["vr-nvl72-lpx-prefill-decode"].read_text(encoding="utf-8")  # nobody has published its price
    assert lpx.count("economics: {") == 1
    made = Repository(tmp_path / "r", lpx=lpx)
    made.commit(
        lpx=lpx.replace("economics: {", "economics: {price: {lpu: 20000 USD}, ").replace(
            "part: groq-3-lpu", "part: {from: groq-3-lpu, tdp: 310 W}"
        )
    )
    gate = ("--fail-if", "delta(cost.tco) > 5 %")
    code, said, talk = made.diff("main..HEAD", *gate)
    assert code == 2 and "the baseline has no number for cost.tco" in talk and "ERROR" in said
    code, said, _ = made.diff("main..HEAD", *gate, "--accept", "racks/lpx.yaml")
    assert code == 0 and "not judged: delta(cost.tco) > 5 %" in said
    code, said, _ = made.diff("HEAD..main", *gate)
    assert code == 3 and "FAIL" in said, "what becomes unknown is no pass"


def test_a_path_without_a_rack_is_an_error(repository: Repository) -> None:
    repository.commit({"README.md": "accelerators: 8\n", "empty/.keep": ""}, us=rack("us", DEAR))
    for path in ("rakcs", "racks/us.yml", "empty", "rack-of-god", "racks/u?.yml"):
        code, said, talk = repository.diff("main..HEAD", path)
        assert (code, said) == (2, "") and path in talk
    assert repository.diff("main..HEAD", "../elsewhere")[0] == 2
    assert repository.diff("main..HEAD", "/elsewhere")[0] == 2
    assert repository.diff("main..HEAD", "README.md")[0] == 2, "a file that is named counts as a rack"


def test_a_repository_without_racks_or_gates_is_an_error(tmp_path: Path) -> None:
    made = Repository(tmp_path / "none")
    made.commit({"a.yaml": "b: 1\n"})
    code, said, talk = made.diff("main..HEAD")
    assert (code, said) == (2, "") and "no rack" in talk
    made = Repository(tmp_path / "free", us=rack("us", gates=""))
    code, said, talk = made.diff("main..HEAD")
    assert (code, said) == (2, "") and "no gates" in talk
    assert made.diff("main..HEAD", "--fail-if", "delta(cost.tco) > 5 %")[0] == 0


# --- which rack is which --------------------------------------------------------------------------------


@pytest.mark.parametrize("accepted", [(), ("--accept", "racks/ap.yaml")])
def test_racks_that_come_and_go_are_listed_and_have_to_be_told_apart(
    repository: Repository, accepted: tuple[str, ...]
) -> None:
    repository.git("rm", "-q", "racks/eu.yaml")
    repository.git("mv", "racks/us.yaml", "racks/usa.yaml")
    repository.commit(ap=other_rack())
    for commits in ("main..HEAD", "main.."):
        found = report(repository, commits, *accepted)
        assert {file: (one["state"], one["before"]) for file, one in found.items()} == {
            "racks/ap.yaml": ("added", None),
            "racks/eu.yaml": ("removed", "racks/eu.yaml"),
            "racks/usa.yaml": ("renamed", "racks/us.yaml"),
        }
        code, said, talk = repository.diff(commits, *accepted)
        assert "removed racks/eu.yaml: is gone" in said and "renamed racks/usa.yaml: was racks/us.yaml" in said
        if accepted:
            assert code == 0 and not talk and "may be what became of racks/eu.yaml, and is taken as new" in said
            assert found["racks/ap.yaml"]["unjudged"] == ["delta(cost.tco) > 5 %"]
        else:
            assert code == 2 and "racks/eu.yaml" in talk and "--accept racks/ap.yaml takes it as new" in talk
            for path in ("racks/eu.yaml", "racks/ap.yaml"):
                assert repository.diff(commits, path)[0] == 2, "whichever of the two is asked for"


@pytest.mark.parametrize("change", ["removed", "added"])
def test_a_rack_that_only_comes_or_only_goes_is_listed_and_not_fatal(repository: Repository, change: str) -> None:
    if change == "removed":
        repository.git("rm", "-q", "racks/eu.yaml")
        repository.commit({"README.md": "one rack less\n", "values.yaml": "a: 1\n"})
    else:
        repository.commit(ap=other_rack())
    code, said, talk = repository.diff("main..HEAD")
    assert code == 0 and not talk and f"racks: 1 {change}" in said.replace("2 same, ", "").replace("1 same, ", "")


# Ways to take a rack away so that it cannot be judged. Each: what is written instead of racks/us.yaml.
PADDING = "".join(f"# line {number}\n" for number in range(4))
HIDDEN: dict[str, tuple[str, bytes]] = {
    "as text": ("racks/us.txt", rack("us", DEAR).encode()),
    "as JSON": ("racks/us.json", rack("us", DEAR).encode()),
    "as a template": ("charts/us.yaml.tpl", (PADDING + rack("us", DEAR)).encode()),
    "in Latin-1": ("racks/usa.yaml", rack("\xe9" * 4, DEAR).encode("latin-1")),
    "in Latin-1, at its place": ("racks/us.yaml", rack("\xe9" * 4, DEAR).encode("latin-1")),
    "in UTF-16": ("racks/usa.yaml", rack("us", DEAR).encode("utf-16")),
    "without a mark, in UTF-16": ("racks/usa.yaml", escaped(rack("us", DEAR)).replace("accel", "").encode("utf-16")),
    "in 5 MB": ("racks/usa.yaml", rack("us", DEAR).encode() + b"#" * 5_000_000),
    "with a line break in its name": ("racks/us\na.yaml", rack("us", DEAR).encode()),
    "broken, and with an escape": ("racks/usa.yaml", escaped(rack("usa", DEAR)).encode() + b"serving: [\n"),
}


@pytest.mark.parametrize("way", HIDDEN)
def test_a_rack_that_hides_is_no_rack_that_is_gone(repository: Repository, way: str) -> None:
    path, data = HIDDEN[way]
    (repository.folder / "racks/us.yaml").unlink()
    repository.write_bytes(path, data)
    if "line break" not in way:  # git is not asked for it in the working tree
        assert repository.diff("main..", "--exit-zero")[0] == 2, "git does not track it yet"
    repository.commit_all()
    code, said, talk = repository.diff("main..HEAD", "--exit-zero")
    shown = path.replace("\n", "\\n")
    assert code == 2 and shown in talk and "same    racks/eu.yaml" in said, talk
    if way.startswith("as "):
        assert f"racks/us.yaml: is gone, and {path} holds its text but is no rack" in talk
        code, said, talk = repository.diff("main..HEAD", "--accept", path)
        assert (code, talk) == (0, "") and "removed racks/us.yaml: is gone" in said
    assert repository.diff("main..HEAD", "racks/eu.yaml")[0] == 0


def test_a_rack_behind_a_link_that_leads_out_is_not_gone(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "out.yaml").write_text(rack("us", DEAR))
    repository.git("rm", "-q", "racks/us.yaml")
    (repository.folder / "racks/usa.yaml").symlink_to(tmp_path / "out.yaml")
    repository.commit()
    code, _, talk = repository.diff("main..HEAD")
    assert code == 2 and "racks/usa.yaml, which may be what became of it, cannot be read" in talk


def test_a_new_rack_that_cannot_be_read_is_an_error_and_another_file_is_none(repository: Repository) -> None:
    repository.write_bytes("notes.yaml", "a: \xe9  # accelerators\n".encode("latin-1"))
    repository.commit()
    assert repository.diff("main..HEAD")[0] == repository.diff("main..")[0] == 0
    repository.write_bytes("racks/ap.yaml", rack("\xe9").encode("latin-1"))
    repository.commit()
    for commits in ("main..HEAD", "main.."):
        code, _, talk = repository.diff(commits)
        assert code == 2 and "racks/ap.yaml:1:1: is not UTF-8 text" in talk and "notes" not in talk


@pytest.mark.parametrize("place", ["racks", "vendor"])
def test_a_rack_that_went_into_a_submodule_is_not_gone(repository: Repository, tmp_path: Path, place: str) -> None:
    inner = Repository(tmp_path / "inner")
    inner.commit({"us.yaml": rack("us", DEAR), "eu.yaml": rack("eu", DEAR)})
    repository.git("rm", "-rq", "racks")
    repository.git("submodule", "--quiet", "add", str(inner.folder), place)
    repository.commit(**({} if place == "racks" else {"ap": rack("ap")}))
    for commits in ("main..HEAD", "main.."):
        code, _, talk = repository.diff(commits)
        assert code == 2 and f"racks/us.yaml: is gone, and {place} is a submodule now" in talk
    if place == "racks":
        assert repository.diff("main..HEAD", "--accept", "racks")[0] == 0


def test_many_new_files_beside_a_rack_that_is_gone(repository: Repository) -> None:
    repository.git("mv", "racks/us.yaml", "racks/us.txt")
    repository.commit({f"many/{'x' * 150}/{number}.txt": f"{number}\n" for number in range(1200)})
    code, _, talk = repository.diff("main..HEAD")
    assert code == 2 and "racks/us.txt holds its text" in talk and "many" not in talk


def test_an_added_rack_has_to_keep_its_limits(repository: Repository) -> None:
    limit = 'gates: [{fail_if: "cost.capex > 1000 USD"}, {fail_if: "delta(cost.tco) > 5 %"}]\n'
    repository.commit(ap=rack("ap", gates=limit))
    code, said, _ = repository.diff("main..HEAD")
    assert code == 3 and "FAIL" in said and "racks/ap.yaml: cost.capex" in said


def test_racks_of_the_same_name_are_matched_by_path(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", a=rack("my rack", 8), b=rack("my rack", 16))
    made.commit(a=rack("my rack", 8), b=rack("my rack", 16), c=rack("my rack", 32))
    found = report(made, "main..HEAD")
    assert {file: one["state"] for file, one in found.items()} == {
        "racks/a.yaml": "same", "racks/b.yaml": "same", "racks/c.yaml": "added",
    }  # fmt: skip
    assert made.diff("main..HEAD")[0] == 0
    made.commit(a=rack("my rack", 16), b=rack("my rack", 16))
    assert made.diff("main..HEAD")[0] == 3


def test_a_name_that_several_had_is_no_way_to_tell(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", a=rack("my rack", 8), b=rack("my rack", 16))
    made.git("rm", "-q", "racks/a.yaml", "racks/b.yaml")
    rewritten = "# " + "nothing like it " * 200 + "\n" + rack("my rack", 32)
    made.commit({"c.yaml": rewritten})
    code, said, talk = made.diff("main..HEAD")
    assert code == 2 and "gone since main: racks/a.yaml, racks/b.yaml" in talk
    assert "--accept c.yaml" in talk and "removed racks/a.yaml" in said
    assert made.diff("main..HEAD", "--accept", "c.yaml")[0] == 0


def test_exchanged_files_are_compared_by_path(repository: Repository) -> None:
    repository.git("checkout", "-q", "main")
    repository.commit(us=rack("us", 8), eu=rack("eu", 16))
    repository.git("checkout", "-qB", "change")
    repository.commit(us=rack("eu", 16), eu=rack("us", 8))
    code, said, _ = repository.diff("main..HEAD")
    assert code == 3 and "racks/us.yaml: delta(cost.tco) = +100 %" in said


def test_other_yaml_files_are_no_racks(repository: Repository) -> None:
    repository.commit({
        "k8s.yaml": "a: 1\n---\nb: {nvidia.com/accelerators: 8}\n",
        "chart.yaml": "{{- if .Values.accelerators }}\na: [\n",
        "list.yaml": "- accelerators\n",
        "nested.yaml": "spec: {accelerators: 8}\n",
    })  # fmt: skip
    assert set(report(repository, "main..HEAD")) == {"racks/us.yaml", "racks/eu.yaml"}
    assert set(report(repository, "main..")) == {"racks/us.yaml", "racks/eu.yaml"}


def test_accepting_lets_a_rack_drop_a_gate(repository: Repository) -> None:
    with_a_looser_gate(repository)
    code, said, _ = repository.diff("main..HEAD")
    assert code == 3 and "a gate of main that is gone or changed; --accept racks/us.yaml drops it" in said
    assert repository.diff("main..HEAD", "--accept", "racks/us.yaml")[0] == 0
    assert repository.diff("main..HEAD", "--accept", "us.yaml", here="racks")[0] == 0
    repository.commit(us=rack("us", DEAR))
    assert repository.diff("main..HEAD", "--accept", "racks/us.yaml")[0] == 3, "its own gates stay"


# --- paths ----------------------------------------------------------------------------------------------


def test_paths_choose_racks_from_any_folder(repository: Repository) -> None:
    repository.commit({"other/ap.yaml": rack("ap")}, us=rack("us", DEAR))
    every = {"racks/us.yaml", "racks/eu.yaml", "other/ap.yaml"}
    assert set(report(repository, "main..HEAD")) == every
    assert set(report(repository, "main..HEAD", ".")) == every
    assert set(report(repository, "main..HEAD", "racks")) == set(report(repository, "main..HEAD", "racks/")) == {
        "racks/us.yaml", "racks/eu.yaml",
    }  # fmt: skip
    assert set(report(repository, "main..HEAD", "racks/u*.yaml", "other/ap.yaml")) == {"racks/us.yaml", "other/ap.yaml"}
    assert set(report(repository, "main..HEAD", str(repository.folder / "other"))) == {"other/ap.yaml"}
    assert repository.diff("main..HEAD", "racks/eu.yaml")[0] == 0
    assert repository.diff("main..HEAD", "us.yaml", here="racks")[0] == 3
    code, said, _ = repository.diff("main..", here="racks")
    assert code == 3 and "other/ap.yaml" in said and said == repository.diff("main..")[1]
    assert repository.diff("main..HEAD", ".", here="other")[0] == 0
    assert repository.diff("main..HEAD", "../racks", here="other")[0] == 3


@pytest.mark.parametrize(
    "name", ["ra ck.yaml", "räck é日.yaml", "a[b]*?.yaml", 'q"uo\\te.yaml', "-x.yaml", "a:b.yaml", "t\tab.yml"]
)
def test_strange_paths(tmp_path: Path, name: str) -> None:
    made = Repository(tmp_path / "r ä")
    made.git("checkout", "-q", "main")
    made.commit({f"dé p/{name}": rack("us"), "eu.yaml": rack("eu")})
    made.git("checkout", "-qB", "change")
    made.commit({f"dé p/{name}": rack("us", DEAR)})
    for commits in ("main..HEAD", "main.."):
        assert made.diff(commits)[0] == made.diff(commits, f"dé p/{name}")[0] == 3
    (made.folder / "new").mkdir()
    made.git("mv", f"dé p/{name}", f"new/{name}")
    made.commit({f"new/{name}": rack("us2", DEAR)})
    assert made.diff("main..HEAD")[0] == made.diff("main..")[0] == 3
    for format_ in ("json", "markdown", "junit"):
        assert made.diff("main..HEAD", "--format", format_)[0] == 3


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", eu=rack("eu"))
    made.git("checkout", "-q", "main")
    (made.folder / "b\udce9d.yaml").write_text(rack("us"))
    made.commit()
    made.git("checkout", "-qB", "change")
    (made.folder / "b\udce9d.yaml").write_text(rack("us", DEAR))
    made.commit()
    for format_ in ("table", "json", "markdown", "junit"):
        for commits in ("main..HEAD", "main.."):
            code, said, _ = made.diff(commits, "--format", format_)
            assert code == 3 and "\\351d.yaml" in said and "\\udc" not in said
    talk = made.diff("main..HEAD", "--set", "nothing=1")[2]
    assert "b\\351d.yaml" in talk and "\\udc" not in talk
    (made.folder / "line\nbreak.yaml").write_text(rack("us"))
    made.commit()
    assert made.diff("main..HEAD")[0] == 2
    assert made.diff("main..HEAD", "line\nbreak.yaml")[0] == 2


def test_links_are_followed_inside_the_repository_only(repository: Repository, tmp_path: Path) -> None:
    folder = repository.folder
    repository.git("checkout", "-q", "main")
    (tmp_path / "outside.yaml").write_text(rack("outside"))
    (folder / "latest.yaml").symlink_to("racks/us.yaml")
    (folder / "linked").symlink_to("racks")
    (folder / "nowhere.yaml").symlink_to("nothing")
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "outside.yaml").symlink_to(tmp_path / "outside.yaml")
    repository.commit()
    repository.git("checkout", "-qB", "change")
    repository.commit(us=rack("us", DEAR))
    for commits in ("main..HEAD", "main.."):
        code, said, _ = repository.diff(commits, "racks", "latest.yaml")
        assert code == 3 and "latest.yaml: delta(cost.tco) = +100 %" in said
        for path in ("nowhere.yaml", "loop.yaml", "outside.yaml"):
            code, said, talk = repository.diff(commits, path)
            assert code == 2 and path in talk
    code, said, talk = repository.diff("main..")
    assert code == 2 and "outside.yaml is a link that leads out" in talk.replace("main:outside.yaml: ", "outside.yaml ")
    assert repository.diff("main..HEAD")[0] == 3
    (folder / "racks/us.yaml").unlink()
    (folder / "racks/us.yaml").symlink_to("gone.yaml")
    repository.commit()
    assert repository.diff("main..HEAD")[0] == 2, "what was a rack and cannot be read is no removed rack"


def test_a_model_file_outside_the_repository_has_no_base(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    made = Repository(tmp_path / "r", llm=LLM.replace("../models/config.json", "../../config.json"))
    for commits in ("main..", "main..HEAD"):
        code, _, talk = made.diff(commits)
        assert code == 2 and "lies outside the repository, so nobody knows what it was at main" in talk
    made.commit({"models/config.json": json.dumps(CONFIG)}, llm=LLM.replace("..", str(made.folder), 1))
    made.git("branch", "-f", "main")
    made.commit({"models/config.json": json.dumps(CONFIG | {"num_hidden_layers": 64})})
    assert made.diff("main..HEAD")[0] == 3, "an absolute path is read at its own commit too"


def test_submodules_are_named(repository: Repository, tmp_path: Path) -> None:
    inner = Repository(tmp_path / "inner", us=rack("inner"))
    inner.git("checkout", "-q", "main")
    inner.commit({"config.json": json.dumps(CONFIG)})
    repository.git("checkout", "-q", "main")
    repository.git("submodule", "--quiet", "add", str(inner.folder), "sub")
    repository.commit()
    repository.git("checkout", "-qB", "change")
    repository.commit(us=rack("us", DEAR))
    for commits in ("main..HEAD", "main.."):
        code, said, _ = repository.diff(commits)
        assert code == 3 and "sub/" not in said
        for path in ("sub", "sub/racks", "sub/racks/us.yaml"):
            code, said, talk = repository.diff(commits, path)
            assert (code, said) == (2, "") and "lies in the submodule sub" in talk
    repository.commit(llm=LLM.replace("../models", "../sub"))
    code, said, talk = repository.diff("main..HEAD")
    assert code == 2 and "lies in the submodule sub" in talk and "FAIL" in said
    shutil.rmtree(repository.folder / "sub")
    assert repository.diff("main..")[0] == 2


def test_a_sparse_checkout_is_no_removal(repository: Repository) -> None:
    repository.commit(us=rack("us", DEAR), eu=rack("eu", DEAR))
    repository.git("sparse-checkout", "set", "--no-cone", "/racks/eu.yaml")
    code, said, talk = repository.diff("main..")
    assert code == 2 and "racks/us.yaml: is not checked out here" in talk and "FAIL" in said
    assert repository.diff("main..HEAD")[0] == 3


# --- reports --------------------------------------------------------------------------------------------


def test_every_report_from_one_run(repository: Repository) -> None:
    repository.commit(us=rack("us", DEAR), ap=rack("ap"), bad=rack("bad").replace("h100-sxm", "h999"))
    files = ["d.xml", "d.md", "d.json", "d.txt"]
    page = repository.folder / "page.md"
    options = [word for file in files for word in ("-o", file)]
    code, said, talk = repository.diff("main..HEAD", *options, "--summary", GITHUB_STEP_SUMMARY=str(page))
    texts = {file: (repository.folder / file).read_text(encoding="utf-8") for file in files}
    assert code == 2 and said == texts["d.txt"] and "h999" in talk
    xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd"))).validate(texts["d.xml"])
    assert texts["d.xml"].count("<failure") == texts["d.xml"].count("<error") == texts["d.xml"].count("<skipped") == 1
    assert texts["d.md"] == page.read_text(encoding="utf-8").removesuffix("\n")
    assert texts["d.md"].startswith("<!-- rackcalc diff -->\n") and texts["d.md"].count("<!--") == 1
    for words in ("| FAIL | racks/us.yaml |", "racks/bad.yaml | ", "h999", "| cost.tco |", "| added | racks/ap.yaml |"):
        assert words in texts["d.md"]
    data = json.loads(texts["d.json"])
    assert data["schema"] == "rackcalc.diff/1" and data["passed"] is False
    judge = jsonschema.Draft202012Validator(schema_of("diff"))
    judge.validate(data)
    assert not judge.is_valid(data | {"more": 1}) and not judge.is_valid(data | {"racks": [{}]})
    assert len(data["base"]["commit"]) == 40 and data["base"]["name"] == "main"
    by_file = {one["file"]: one for one in data["racks"]}
    (tco,) = (move for move in by_file["racks/us.yaml"]["moved"] if move["path"] == "cost.tco")
    assert tco["after"] == pytest.approx(2 * tco["before"]) and tco["share"] == pytest.approx(1)
    assert by_file["racks/bad.yaml"]["problems"] and not by_file["racks/us.yaml"]["problems"]


def test_the_comment_calls_nobody_and_links_to_nothing(repository: Repository) -> None:
    words = "@org/team http://evil/x.png www.evil.example a@b.example #12 org/repo!34 &#64;org <b> ~~x~~"
    named = f'"{words}"'
    repository.commit(us=rack(named, DEAR, gates=GATES.replace("no dearer", words)))
    claims = f'claims: [{{says: "{words}", expect: cost.tco = 1 USD}}]\n'
    repository.write("claims.yaml", rack(named) + claims)
    repository.write("@me.yaml", rack("us", gates=GATES.replace("no dearer", words)))
    reports = [
        ("diff", "main..HEAD"),
        ("diff", "main..", "--scenario", "@org"),
        ("check", "claims.yaml", "@me.yaml", "--fail-if", "cost.tco > 1 USD", "--baseline", "base.json"),
        ("claims", "claims.yaml"),
        ("compare", "claims.yaml", "@me.yaml"),
        ("estimate", "claims.yaml"),
    ]
    run("estimate", "@me.yaml", "--json", "-o", "base.json", cwd=repository.folder, **ALONE)
    for arguments in reports:
        done = run(*arguments, "--format", "markdown", cwd=repository.folder, **ALONE)
        said = done.stdout.decode()
        assert "org" in said or "me.yaml" in said, (arguments, done.stderr)
        found = re.search(r"(?i)@\w|://|www\.|[#!]\d|&#64|[^\\]~|<b>", said.replace("&#8203;", "\u200b"))
        assert found is None, (arguments, said[found.start() - 20 : found.end() + 20])


def test_every_line_names_its_file(repository: Repository) -> None:
    repository.commit(us=rack("us", DEAR), ap=rack("ap"))
    said = repository.diff("main..HEAD", "--fail-if", "cost.capex > 1 USD")[1].splitlines()
    assert all("racks/" in line for line in said[1:-1]) and len(said) > 6
    failing = [line for line in said if line.startswith("FAIL")]
    assert [line.split()[1] for line in failing] == [
        "racks/ap.yaml:", "racks/eu.yaml:", "racks/us.yaml:", "racks/us.yaml:",
    ]  # fmt: skip


def test_annotations_mark_the_file_of_the_rack(repository: Repository) -> None:
    repository.commit(us=rack("us", DEAR))
    talk = repository.diff("main..HEAD", "--error-format", "github", "--fail-if", "cost.capex > 1 USD", here="racks")[2]
    assert "::error file=racks/us.yaml,line=6,col=" in talk and "::error file=racks/eu.yaml::cost.capex" in talk
    without_its_gate(repository)
    talk = repository.diff("main..HEAD", "--error-format", "github")[2]
    assert talk.startswith("::error file=racks/us.yaml::delta(cost.tco)")


def test_scenarios_and_settings_hold_on_both_sides(repository: Repository) -> None:
    scenarios = "scenarios: {double: {accelerators.gpu.count: %d}}\n"
    repository.git("checkout", "-q", "main")
    repository.commit(us=rack("us") + scenarios % 16, eu=rack("eu") + scenarios % 16)
    repository.git("checkout", "-qB", "change")
    repository.commit(us=rack("us") + scenarios % 32)
    assert repository.diff("main..HEAD")[0] == 0
    code, said, _ = repository.diff("main..HEAD", "--scenario", "double")
    assert code == 3 and "racks/us.yaml [double]: delta(cost.tco) = +100 %" in said
    assert repository.diff("main..HEAD", "--scenario", "nowhere")[0] == 2
    assert repository.diff("main..HEAD", "--set", "accelerators.gpu.count=4")[0] == 0
    repository.commit(us=rack("us") + "scenarios: {other: {accelerators.gpu.count: 32}}\n")
    assert repository.diff("main..HEAD", "racks/us.yaml", "--scenario", "double")[0] == 2
    code, said, _ = repository.diff("main..HEAD", "racks/us.yaml", "--scenario", "other")
    assert code == 0 and "has no baseline" in said


def test_malformed_options_are_said_once(repository: Repository) -> None:
    code, said, talk = repository.diff("main..HEAD", "--fail-if", "latency.p99", "--warn-if", "")
    assert (code, said) == (2, "") and talk.count("expected PATH OP VALUE UNIT") == 2
    code, said, talk = repository.diff("main..HEAD", "--fail-if", "latency.tpot > 2 ms")
    assert code == 2 and 'racks/us.yaml: --fail-if "latency.tpot > 2 ms": no figure' in talk and "racks/eu.yaml" in talk
    assert repository.diff("main..HEAD", "-o", "x.pdf")[0] == 2


def test_the_same_commit_is_said_to_be_the_same(repository: Repository) -> None:
    code, said, _ = repository.diff("main..HEAD")
    assert code == 0 and "main and HEAD are the same commit, so nothing can have changed" in said


def test_a_hook_of_git_may_call_it(repository: Repository) -> None:
    repository.write("racks/us.yaml", rack("us", DEAR))
    code, said, _ = repository.diff("HEAD..", GIT_DIR=".git", GIT_INDEX_FILE=".git/index", GIT_LITERAL_PATHSPECS="1")
    assert code == 3 and "+100 %" in said
