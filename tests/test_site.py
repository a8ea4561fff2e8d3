"""The documentation site: built strictly, every link leads somewhere, nothing is loaded from elsewhere."""

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))


class Page(HTMLParser):
    """The ids of a page, its links, and what it loads by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = {"", "#"}
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.ids |= {known[name] for name in ("id", "name") if name in known}
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        elif tag in ("link", "script", "img", "iframe", "source"):
            self.loads += [known[name] for name in ("href", "src") if name in known]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: the documentation site is not built")
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return place


def test_every_document_is_a_page_that_the_first_page_leads_to(site: Path) -> None:
    first = Page((site / "index.html").read_text(encoding="utf-8"))
    for document in DOCUMENTS:
        assert (site / f"{document.stem}.html").is_file()
        assert f"{document.stem}.html" in {urlsplit(link).path for link in first.links}


def test_every_link_leads_somewhere_and_nothing_comes_from_elsewhere(site: Path) -> None:
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in site.glob("*.html") if file.name != "404.html"}
    assert len(pages) == len(DOCUMENTS)
    broken = []
    for file, page in pages.items():
        outside = [address for address in page.loads if urlsplit(address).netloc]
        assert outside == [], f"{file.name} loads {outside}"
        for address in (*page.links, *page.loads):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            known = pages.get(target)
            fragment = unquote(parts.fragment)
            if not target.exists() or (known is not None and fragment and fragment not in known.ids):
                broken.append(f"{file.name}: {address}")
    assert broken == []
