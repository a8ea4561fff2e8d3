"""Git repositories that tests make: racks that a change touches."""

import os
import subprocess
from pathlib import Path

from program import CLEAN, run

WHO = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
WHO += ("-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always")
ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
RACK = """\
name: {name}
accelerators: {{gpu: {{part: h100-sxm, count: {count}}}}}
model: {model}
workload: {{input: 128 token, precision: fp16}}
serving: {{split: gpu, runtime: tensorrt}}
"""
NO_NETWORK = "economics: {equipment: {price_per_port: 0 USD}}  # so that twice the GPUs are twice the cost\n"
GATES = 'gates: [{fail_if: delta(cost.tco) > 5 %, why: "no dearer"}]\n'


def other_rack(name: str = "ap", gates: str = GATES) -> str:
    """The text of a rack that git sees as no other."""
    return "# " + "another rack altogether " * 40 + "\n" + rack(name, 4, gates).replace("h100-sxm", "a100-sxm-80gb")


def escaped(text: str) -> str:
    """The same rack for YAML, without the word by which a search finds it."""
    return text.replace("accelerators:", '"accel\\x65rators":')


def rack(name: str = "us", count: int = 8, gates: str = GATES, model: str = "bert-large") -> str:
    """The text of a rack."""
    return RACK.format(name=name, count=count, model=model) + gates + NO_NETWORK


class Repository:
    """A repository with racks on main, and a branch `change` on which a test goes on."""

    def __init__(self, folder: Path, **files: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q")
        self.commit(**files)
        self.git("checkout", "-qb", "change")

    def git(self, *arguments: str) -> str:
        command = ["git", *WHO, *arguments]
        done = subprocess.run(command, cwd=self.folder, env=CLEAN | ALONE, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def write_bytes(self, path: str, data: bytes) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(data)

    def commit(self, files: dict[str, str] | None = None, /, **more: str) -> None:
        """Write the files, and commit everything. us="..." is the file racks/us.yaml."""
        for path, text in {**(files or {}), **{f"racks/{name}.yaml": text for name, text in more.items()}}.items():
            self.write(path, text)
        self.commit_all()

    def commit_all(self) -> None:
        """Commit what is in the working tree."""
        self.git("add", "-A")
        self.git("commit", "-qm", "racks", "--allow-empty")

    def diff(self, *arguments: str, here: str = ".", **environment: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of `rackcalc diff`; never a traceback."""
        done = run("diff", *arguments, cwd=self.folder / here, **ALONE, **environment)
        said, talk = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in talk, talk
        assert done.returncode in (0, 2, 3), (done.returncode, talk)
        return done.returncode, said, talk
