"""An editor with a YAML language server finds the schema through the first line of a file that `init` wrote.

Skipped without the server: `npm install -g yaml-language-server`.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SERVER = shutil.which("yaml-language-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="yaml-language-server is not on the PATH")


class Editor:
    """Just enough of the language server protocol to open a file, and to ask what could be typed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.last = folder, 0
        self.server = subprocess.Popen(
            [str(SERVER), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.ask("initialize", processId=os.getpid(), rootUri=folder.as_uri(), capabilities={})
        self.send(method="initialized", params={})

    def send(self, **message: Any) -> None:
        assert self.server.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.server.stdin.flush()

    def receive(self) -> Any:
        stream = self.server.stdout
        assert stream is not None
        size = 0
        while line := stream.readline().strip():
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        message = json.loads(stream.read(size))
        if "method" in message and "id" in message:  # the server asks for settings
            settings = [{} for _ in message["params"].get("items", [])] if "params" in message else None
            self.send(id=message["id"], result=settings)
        return message

    def ask(self, method: str, **params: Any) -> Any:
        self.last += 1
        self.send(id=self.last, method=method, params=params)
        while (answer := self.receive()).get("id") != self.last or "method" in answer:
            pass
        return answer["result"]

    def document(self, name: str) -> dict[str, str]:
        return {"uri": (self.folder / name).as_uri()}

    def diagnostics(self, name: str) -> list[str]:
        """What is marked in a file."""
        text = (self.folder / name).read_text(encoding="utf-8")
        document = self.document(name) | {"languageId": "yaml", "version": 1, "text": text}
        self.send(method="textDocument/didOpen", params={"textDocument": document})
        while (message := self.receive()).get("method") != "textDocument/publishDiagnostics":
            pass
        return [found["message"] for found in message["params"]["diagnostics"]]

    def completions(self, name: str, line: int, character: int) -> list[str]:
        """What could be typed at a place."""
        place = {"line": line, "character": character}
        found = self.ask("textDocument/completion", textDocument=self.document(name), position=place)
        return [item["label"] for item in found["items"]]


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    """An editor in a folder with a first rack file."""
    done = subprocess.run([sys.executable, "-m", "rackcalc", "init"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    opened = Editor(tmp_path)
    yield opened
    opened.server.kill()
    opened.server.communicate()


def test_the_first_rack_file_is_fine_in_an_editor(editor: Editor) -> None:
    assert editor.diagnostics("rack.yaml") == []


def test_an_editor_marks_mistakes_and_offers_words(editor: Editor) -> None:
    text = (editor.folder / "rack.yaml").read_text(encoding="utf-8")
    wrong = text.replace("\nsite:", "\nsight:").replace("part: b200-sxm", "part: b2000-sxm")
    assert wrong != text
    (editor.folder / "wrong.yaml").write_text(wrong + "\n", encoding="utf-8")
    marked = editor.diagnostics("wrong.yaml")
    assert any("sight" in message for message in marked), marked
    assert any("b200-sxm" in message for message in marked), marked
    offered = editor.completions("wrong.yaml", len(wrong.splitlines()), 0)
    assert "site" in offered and "economics" not in offered, offered
