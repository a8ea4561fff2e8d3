"""Pages in headless Chromium: no complaint, nothing leaves the file, every link leads somewhere, nothing is cut off.

Driven by playwright, with the Chromium that the machine has. Without one these tests are left out.
"""

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from program import out

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: pages are not shown in a browser")
PAGES = {
    "an LLM server": ("estimate", "llama70b-8xh100"),
    "two pools": ("estimate", "vr-nvl72-lpx-attention-ffn"),
    "many chips": ("estimate", "vr-nvl72-lpx-mixture"),
    "the article": ("estimate", "rack-of-god"),
    "clients": ("estimate", "vendor-quote"),
    "two encoders": ("estimate", "bert-a100", "bert-8xb200"),
    "a comparison": ("compare", "bert-a100", "bert-8xb200", "--path", "latency.p99"),
    "claims": ("claims", "rack-of-god"),
    "a front": (
        "sweep",
        "llama70b-8xh100",
        "--vary",
        "workload.arrival_rate=1..9 request/s:1",
        "--pareto",
        "latency.p99,cost.per_million_output_tokens",
    ),
    "doubts": ("uncertainty", "bert-a100", "latency.p99", "--samples", "256"),
}
PHONE, DESK = 320, 1280  # the narrowest that WCAG 2.2, 1.4.10, asks for

# text of pictures that is outside the picture, or that lies on other text of it
CUT = """() => [...document.querySelectorAll('svg:not(.bar)')].flatMap(svg => {
    const frame = svg.getBoundingClientRect()
    const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])
    const outside = texts.filter(([, at]) => at.left < frame.left - 1 || at.right > frame.right + 1
        || at.top < frame.top - 1 || at.bottom > frame.bottom + 1).map(([said]) => 'cut off: ' + said)
    const meets = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.45 * Math.min(a.height, b.height)
    const over = texts.flatMap(([said, at], i) => texts.slice(i + 1).filter(([, other]) => meets(at, other))
        .map(([other]) => `one on the other: ${said}, ${other}`))
    return [...outside, ...over]
})"""
NOWHERE = """() => [...document.querySelectorAll('a')].map(link => link.getAttribute('href'))
    .filter(href => !href.startsWith('#') || !document.getElementById(href.slice(1)))"""


@cache
def page_of(name: str) -> str:
    return out(*PAGES[name], "--format", "html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


def opened(browser: Any, file: Path, said: list[str], width: int, scheme: str = "light") -> Any:
    """The page in a window of that width. said: is filled with what the page loads, and with complaints."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("name", PAGES)
def test_a_browser_shows_the_page_without_complaint(name: str, browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_of(name), encoding="utf-8")
    for width in (PHONE, DESK):
        said: list[str] = []
        page = opened(browser, file, said, width)
        assert said == [file.as_uri()], "it loads itself and says nothing"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "no wider than the window"
        assert page.evaluate(NOWHERE) == []
        assert page.evaluate(CUT) == []
        page.close()


def test_dark_pages_are_dark_and_paper_is_white(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_of("an LLM server"), encoding="utf-8")
    colour = "getComputedStyle(document.body).backgroundColor"
    page = opened(browser, file, [], DESK, "dark")
    dark = page.evaluate(colour)
    page.emulate_media(media="print")
    assert dark != page.evaluate(colour) == "rgb(255, 255, 255)"
    page.close()


VISIBLE = "element => element.checkVisibility({contentVisibilityAuto: true})"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("hand", ["mouse", "keyboard"])
def test_a_figure_leads_to_its_explanation_and_opens_it(name: str, hand: str, browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_of(name), encoding="utf-8")
    page = opened(browser, file, [], DESK)
    for link in page.locator("a[href*='why-']:visible").all()[:3]:
        told = page.locator(str(link.get_attribute("href")))
        if not told.locator(":scope > :not(summary)").count():
            continue  # one of many racks: a sentence only
        inside = told.locator(":scope > :not(summary)").first
        assert not inside.evaluate(VISIBLE)
        if hand == "mouse":
            link.click()
        else:
            link.focus()
            page.keyboard.press("Enter")
        assert inside.evaluate(VISIBLE)
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_paper_has_the_answer_and_nothing_that_is_closed(name: str, browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_of(name), encoding="utf-8")
    page = opened(browser, file, [], 688)  # A4 between its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    assert page.locator("h1").first.evaluate(VISIBLE)
    assert not any(one.evaluate(VISIBLE) for one in page.locator("details:not([open]), nav, #why > h2").all()[:50])
    assert page.evaluate(CUT) == []
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()


def test_the_keyboard_reaches_the_answer_and_the_explanations(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_of("an LLM server"), encoding="utf-8")
    page = opened(browser, file, [], DESK)
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.textContent"), page.evaluate("document.activeElement.hash")
    assert focused == ("Skip to the answer", "#main")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
    assert {"A", "SUMMARY"} <= reached
    page.close()
