"""docs/ci and the README's block: each is run as far as it goes without the service, in a repository with a change."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import ROOT, blocks
from program import CLEAN, RACK

CI = ROOT / "docs" / "ci"
README = (ROOT / "README.md").read_text(encoding="utf-8")
# takes a comment as GitHub's program does, which has none to edit the first time
GH = """\
#!/bin/sh
[ "$1 $2 $3 $4" = "pr comment 7 --body-file" ] || exit 1
if [ "${6-}" = --edit-last ] && [ ! -e ../comment.md ]; then exit 1; fi
cp "$5" ../comment.md
"""
DEARER = ("lpu: 250000 USD", "lpu: 650000 USD")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone on a branch of its own, with the rack on main behind it, `rackcalc` and a `pip` that does nothing."""
    origin, clone, programs = tmp_path / "origin", tmp_path / "clone", tmp_path / "programs"
    for folder in (origin, programs):
        folder.mkdir()
    (programs / "rackcalc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rackcalc "$@"\n')
    (programs / "gh").write_text(GH)
    (programs / "pip").write_text('#!/bin/sh\n[ "$*" = "install rackcalc" ]\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    (origin / "rack.yaml").write_bytes(RACK.read_bytes())
    git = "git -c user.name=a -c user.email=a@example.com -c init.defaultBranch=main"
    done = run(f"{git} init -q && {git} add . && {git} commit -qm rack", origin)
    assert done.returncode == 0, done.stderr
    assert run(f"git clone -q {origin} {clone} && cd {clone} && git checkout -qb change", tmp_path).returncode == 0
    return clone


def run(script: str, folder: Path, shell: str = "bash -e -c", **environment: str) -> subprocess.CompletedProcess[str]:
    path = {"PATH": f"{folder.parent / 'programs'}{os.pathsep}{CLEAN['PATH']}"}
    return subprocess.run(
        [*shlex.split(shell), script],
        cwd=folder, env=CLEAN | path | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def change(folder: Path, old: str, new: str) -> None:
    """Change the rack, and commit it."""
    text = (folder / "rack.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / "rack.yaml").write_text(text.replace(old, new), encoding="utf-8")
    commit(folder)


def commit(folder: Path) -> None:
    done = run("git add rack.yaml && git -c user.name=a -c user.email=a@example.com commit -qm changed", folder)
    assert done.returncode == 0, done.stderr


def steps(workflow: Any) -> Iterator[str]:
    """The scripts of a GitHub workflow; the other steps must be actions with a version."""
    assert set(workflow) == {True, "jobs"} | ({"name", "permissions"} & set(workflow)), "YAML 1.1 reads `on` as true"
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert ("run" in step) != bool(re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", ""))), step
            if "run" in step:
                yield step["run"]


def outcome(scripts: Iterator[str] | list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """Code of the first step that fails, or 0, and what was said."""
    said = ""
    for script in scripts:
        done = run(script, folder, **environment)
        said += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, said
    return 0, said


def github(folder: Path) -> tuple[int, str]:
    page = folder.parent / "summary.md"
    workflow = yaml.safe_load((CI / "github.yml").read_text(encoding="utf-8"))
    assert workflow[True] == ["pull_request"]
    return outcome(steps(workflow), folder, GITHUB_BASE_REF="main", GITHUB_STEP_SUMMARY=str(page), NUMBER="7")


def gitlab(folder: Path) -> tuple[int, str]:
    (job,) = yaml.safe_load((CI / "gitlab.yml").read_text(encoding="utf-8")).values()
    assert set(job) == {"image", "variables", "rules", "script", "artifacts"}
    return outcome(job["script"], folder, CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main")


def script(folder: Path) -> tuple[int, str]:
    done = run(str(CI / "gates.sh") + " origin/main rack.yaml", folder, "sh -c")
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("service", [github, gitlab, script])
def test_a_job_passes_then_fails_with_reports(service: Any, checkout: Path) -> None:
    code, said = service(checkout)
    assert code == 0, said
    assert {"gates.xml", "gates.md"} <= {path.name for path in checkout.iterdir()}
    change(checkout, *DEARER)
    code, said = service(checkout)
    assert code == 3 and "delta(cost.tco)" in said, said
    assert "delta(cost.tco)" in (checkout / "gates.md").read_text(encoding="utf-8")
    assert "<failure" in (checkout / "gates.xml").read_text(encoding="utf-8")
    change(checkout, "batch: 1", "batch: -1")
    assert service(checkout)[0] == 2


@pytest.mark.parametrize("service", [github, gitlab, script])
def test_a_rack_that_is_new_is_listed(service: Any, checkout: Path) -> None:
    gone = "git rm -q rack.yaml && git -c user.name=a -c user.email=a@example.com commit -qm gone"
    done = run(f"git checkout -q main && {gone} && git checkout -qb other && git push -q origin other", checkout)
    assert done.returncode == 0, done.stderr
    done = run("git checkout -q other && git branch -qf main", checkout.parent / "origin")
    assert done.returncode == 0, done.stderr
    (checkout / "rack.yaml").write_bytes(RACK.read_bytes())
    commit(checkout)
    assert run("git fetch -q", checkout).returncode == 0
    code, said = service(checkout)
    assert code == 0 and "added rack.yaml: has no baseline; not judged: delta(cost.tco) > 5 %" in said, said


@pytest.mark.parametrize("service", [github, gitlab, script])
def test_a_base_that_cannot_be_read_is_no_pass(service: Any, checkout: Path, tmp_path: Path) -> None:
    """What each job did until a review: the new file took the place of the old one, and no change was ever seen."""
    change(checkout, *DEARER)
    done = run(f"git clone -q --depth 1 -b change file://{checkout} shallow", tmp_path)
    assert done.returncode == 0, done.stderr
    code, said = service(tmp_path / "shallow")
    assert code not in (0, 3) and "delta(cost.tco) = 0" not in said
    assert run("git update-ref -d refs/remotes/origin/main && git remote remove origin", checkout).returncode == 0
    code, said = service(checkout)
    assert code not in (0, 3) and "PASS" not in said


def test_the_comment_is_written_once_and_then_edited(checkout: Path) -> None:
    comment = checkout.parent / "comment.md"
    for _ in range(2):
        code, said = github(checkout)
        assert code == 0, said
        assert comment.read_text(encoding="utf-8") == (checkout / "gates.md").read_text(encoding="utf-8")
    assert comment.read_text(encoding="utf-8").startswith("<!-- rackcalc diff -->")


def test_the_summary_page_shows_the_gates(checkout: Path) -> None:
    change(checkout, "lpu: 250000 USD", "lpu: 250001 USD")
    assert github(checkout)[0] == 0
    assert "latency.p99" in (checkout.parent / "summary.md").read_text(encoding="utf-8")


def test_the_block_of_the_readme_is_a_gate(checkout: Path) -> None:
    (block,) = (lines for _, lines in blocks(README, "yaml") if lines[0].startswith("# .github/workflows/"))
    scripts = list(steps(yaml.safe_load("\n".join(block))))
    assert outcome(scripts, checkout)[0] == 0
    change(checkout, *DEARER)
    code, said = outcome(scripts, checkout)
    assert code == 3 and "FAIL cost.capex" in said, said
    change(checkout, "batch: 1", "batch: -1")
    code, said = outcome(scripts, checkout)
    assert code == 2 and re.search(r"^::error file=rack.yaml,line=\d+,col=\d+::workload.batch", said, re.MULTILINE), (
        said
    )


# --- pre-commit --------------------------------------------------------------------------------------

HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}


def hook(name: str, folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """A hook as pre-commit runs it: its entry, split as a shell would, and the files."""
    return run(shlex.join([*shlex.split(HOOKS[name]["entry"]), *files]), folder)


def test_hooks_are_whole_and_the_example_names_them() -> None:
    for found in HOOKS.values():
        assert {"id", "name", "entry", "language", "files"} <= set(found) and found["language"] == "python"
        assert re.search(found["files"], "racks/rack-a.yaml") and not re.search(found["files"], "notes.md")
    for name in ("rackcalc-estimate", "rackcalc-check"):
        found = HOOKS[name]["files"]
        assert all(re.search(found, path) for path in ("racks/us.yaml", "us-rack.yaml", "a/rack.yml", "racks/a/b.yaml"))
        assert not any(re.search(found, path) for path in ("notes.yaml", "racks/notes.md", "rack/notes.yaml"))
    (repository,) = yaml.safe_load((CI / "pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert {"repo", "rev", "hooks"} == set(repository)
    assert {used["id"] for used in repository["hooks"]} == set(HOOKS)


def test_hooks_judge_every_file(checkout: Path) -> None:
    (checkout / "rack-b.yaml").write_bytes(RACK.read_bytes())
    for name, described in HOOKS.items():
        files = () if described.get("pass_filenames") is False else ("rack.yaml", "rack-b.yaml")
        assert hook(name, checkout, *files).returncode == 0
    change(checkout, "latency.p99 > 2 ms", "latency.p99 > 1 ms")
    assert hook("rackcalc-estimate", checkout, "rack.yaml", "rack-b.yaml").returncode == 0
    done = hook("rackcalc-check", checkout, "rack.yaml", "rack-b.yaml")
    assert done.returncode == 3 and done.stdout.count("FAIL latency.p99") == 1
    change(checkout, "batch: 1", "batch: -1")
    for name in ("rackcalc-estimate", "rackcalc-check"):
        assert hook(name, checkout, "rack.yaml", "rack-b.yaml").returncode == 2
    assert hook("rackcalc-diff", checkout).returncode == 2


def test_the_hook_on_changes_sees_what_is_about_to_be_committed(checkout: Path) -> None:
    text = RACK.read_text(encoding="utf-8")
    (checkout / "rack.yaml").write_text(
        text.replace("gates:", "gates:\n  - {fail_if: delta(cost.tco) > 5 %}", 1), encoding="utf-8"
    )
    commit(checkout)
    assert hook("rackcalc-diff", checkout).returncode == 0
    old = (checkout / "rack.yaml").read_text(encoding="utf-8")
    (checkout / "rack.yaml").write_text(old.replace(*DEARER), encoding="utf-8")
    done = hook("rackcalc-diff", checkout)
    assert done.returncode == 3 and "FAIL rack.yaml: delta(cost.tco)" in done.stdout.replace("   ", "")
