"""Pages: well-formed, closed in themselves, safe whatever a rack file says, small, and true to the estimate."""

import html
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from program import out, run

from rackcalc.config.racks import bundled_racks
from rackcalc.estimation.estimate import estimate
from rackcalc.estimation.figure_meanings import meaning_of
from rackcalc.quantities.figures import figure, figures
from rackcalc.questions.rack_file import load
from rackcalc.render.estimate_summary import Figures, summary
from rackcalc.render.html.estimate_page import render
from rackcalc.render.html.explanation import explanations
from rackcalc.render.html.load_curves import curves
from rackcalc.render.html.reasons import Reasons
from rackcalc.render.html.style import STYLE
from rackcalc.render.html.view import leaves_of

RACKS = sorted(bundled_racks())
VOID = {"wbr", "meta", "br", "hr", "img", "input", "link"}
MOST = 500_000  # bytes of the page of one rack


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed where it belongs."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        opened = self.open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.text.append(data)


def read(page: str) -> Reader:
    """A page, after the checks that hold for every page."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id stands twice"
    assert all(ids) and not any(re.search(r"\s", str(each)) for each in ids)
    for tag, attributes in reader.tags:
        assert tag not in ("script", "iframe", "object", "embed", "base", "form", "img", "link"), tag
        assert not [
            name for name in attributes if name.startswith("on") or name in ("src", "srcset", "style", "action")
        ]
        for name in ("href", "xlink:href"):
            if name in attributes:
                target = str(attributes[name])
                assert target.startswith("#") and target[1:] in ids, f"{target} leads nowhere"
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in ids
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes.get("aria-labelledby"), (
                "a picture without a title"
            )
    assert "url(" not in STYLE and "@import" not in STYLE
    return reader


@cache
def page_of(name: str) -> str:
    return out("estimate", name, "--format", "html")


@pytest.mark.parametrize("name", RACKS)
def test_every_bundled_rack_has_a_page(name: str) -> None:
    page = page_of(name)
    reader = read(page)
    assert len(page.encode()) < MOST
    text = "".join(reader.text)
    report = estimate(load(name, "", ()))
    for line in summary(Figures(report, True)):
        for piece in (line.label, *line.pieces):
            assert piece in text, f"{line.label}: {piece} is not on the page"
    for note in report.notes:
        assert note in text
    assert not re.search(r"\b(nan|inf)\b|\d e[+-]\d", text.partition("Explanations")[0])


def test_a_page_is_the_same_in_a_file(tmp_path: Path) -> None:
    out("estimate", "bert-a100", "-o", str(tmp_path / "report.html"))
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page_of("bert-a100")


def test_several_racks_share_a_page() -> None:
    page = out("estimate", "bert-a100", "bert-8xb200", "--format", "html")
    reader = read(page)
    assert sum(tag == "h1" for tag, _ in reader.tags) == 2


def test_the_gates_of_the_file_are_judged() -> None:
    text = "".join(read(page_of("bert-8xb200")).text)
    assert "latency.p99 > 2 ms" in text and "pass" in text
    failing = out("estimate", "bert-8xb200", "--set", "gates=[{fail_if: latency.p99 > 1 us}]", "--format", "html")
    read(failing)
    assert 'class="is-fail">fail<' in failing


def test_limits_on_percentiles_stand_in_the_chart() -> None:
    """Those of the gates of the file and those of workload.slo; of both the lower."""
    assert page_of("bert-8xb200").count("limit on p99") == 1  # its gate: latency.p99 > 2 ms
    assert "limit on p" not in page_of("vr-nvl72-lpx-mixture")
    stated = out("estimate", "llama70b-8xh100", "--set", "workload.slo={ttft_p99: 300 ms}", "--format", "html")
    assert stated.count("limit on p99") == 1


HOSTILE = "</title><script>alert(1)</script>\" onload='x' <b>&amp;"


def test_names_of_a_rack_file_are_text_and_nothing_else(tmp_path: Path) -> None:
    rack = bundled_racks()["rack-of-god"]
    text = re.sub(r"(?m)^name: .*$", lambda _: "name: |-\n  " + HOSTILE, rack.read_text(encoding="utf-8"))
    (tmp_path / "rack.yaml").write_text(text, encoding="utf-8")
    done = run("estimate", str(tmp_path / "rack.yaml"), "--format", "html")
    assert done.returncode == 0, done.stderr.decode()
    page = done.stdout.decode()
    read(page)
    assert "<script" not in page and "<b>&amp;" not in page
    assert html.escape("<script>alert(1)</script>") in page


def test_curves_over_the_load_are_what_other_arrival_rates_give() -> None:
    """The replay is held against estimates of the rack with that arrival rate."""
    for name in ("llama70b-8xh100", "rack-of-god", "bert-8xb200"):
        report = estimate(load(name, "", ()))
        table = dict(figures(report))
        paths = ["latency.p50", "latency.p99", "latency.ttft_p99"]
        found = curves(table, leaves_of(table.values()), paths)
        assert found is not None and found.now in found.rates and not found.closed
        for place in (1, 5, 9):
            rate = found.rates[place]
            other = estimate(load(name, "", [f"workload.arrival_rate={rate!r} request/s"]))
            assert found.places[place] == pytest.approx(other.throughput.utilization.value, rel=1e-6)
            for path, column in found.values.items():
                assert column[place] == pytest.approx(float(figure(other, path).value), rel=1e-6), (name, path, rate)


@pytest.mark.parametrize("spread", ["", "workload.output_cv=0.5"])
@pytest.mark.parametrize("now", [1, 100])
def test_curves_over_the_clients_are_what_other_numbers_of_clients_give(spread: str, now: int) -> None:
    sets = [f"workload.concurrency={now}", *filter(None, [spread])]
    table = dict(figures(estimate(load("llama70b-8xh100", "", sets))))
    paths = [f"latency.{group}{level}" for group in ("", "ttft_", "tpot_") for level in ("p50", "p99")]
    found = curves(table, leaves_of(table.values()), paths)
    assert found is not None and found.closed and found.now == now and found.loads[-1] >= 2 * now
    for place in {0, 3, found.at_now, len(found.loads) - 1}:
        clients = found.loads[place]
        other = dict(figures(estimate(load("llama70b-8xh100", "", [*sets, f"workload.concurrency={clients:g}"]))))
        assert found.rates[place] == pytest.approx(other["throughput.at_concurrency"].value, rel=1e-6)
        for path, column in found.values.items():
            assert column[place] == pytest.approx(float(other[path].value), rel=1e-6), (path, clients)
    told = [*found.of("ttft_", ("p50", "p99"))]
    assert told == (["p50", "p99"] if spread else ["mean"]), "a mean where percentiles cannot be told"


def test_the_chart_of_clients_marks_the_stated_number() -> None:
    page = out("estimate", "llama70b-8xh100", "--set", "workload.concurrency=100", "--format", "html")
    chart = page.partition('<section id="load">')[2].partition("</section>")[0]
    assert ">now 100</text>" in chart and "clients, each waiting for its answer" in chart
    assert chart.count("<svg") == 3 and "mean now" in chart


def test_no_curve_without_an_arrival_rate() -> None:
    assert "Latency against load" not in page_of("bert-a100")
    assert "Latency against load" in page_of("bert-8xb200")


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_has_the_contrast_that_wcag_asks_for() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 for text; 1.4.11: 3 to 1 for what a picture is made of."""
    dark = dict(re.findall(r"--(\w+):(#\w+)", STYLE.split("prefers-color-scheme:dark")[1].split("}}")[0]))
    light = dict(re.findall(r"--(\w+):(#\w+)", STYLE.split("}")[0]))
    assert light.keys() == dark.keys() and len(light) > 15
    for colours in (light, dark):
        for name in ("text", "soft", "link", "one", "two", "three", "four", "bad", "good", "warn"):
            for back in ("back", "card"):
                low, high = sorted((luminance(colours[name]), luminance(colours[back])))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (name, colours[name], colours[back])
        for name in ("h1", "h2", "h3", "h4", "h5"):
            low, high = sorted((luminance(colours[name]), luminance(colours["card"])))
            assert (high + 0.05) / (low + 0.05) >= 3, (name, colours[name])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "rack-of-god", "rack-of-god-corrected", "--path", "cost.tco"), "Why cost.tco moved"),
        (("claims", "rack-of-god"), "claimed too high"),
        (("sweep", "rack-of-god", "--vary", "accelerators.lpu.count=4,5", "--stats"), "latency.p99"),
        (("uncertainty", "bert-a100", "latency.p99", "--samples", "256"), "one value alone"),
    ],
)
def test_other_commands_have_pages(arguments: tuple[str, ...], said: str) -> None:
    page = out(*arguments, "--format", "html")
    assert said in "".join(read(page).text)
    assert len(page.encode()) < MOST


OTHERS = {
    "compare": ("compare", "bert-a100", "bert-8xb200"),
    "compare --all": ("compare", "rack-of-god", "vr-nvl72-lpx-mixture", "llama70b-16xh100-disaggregated", "--all"),
    "claims": ("claims", "rack-of-god"),
    "sweep": ("sweep", "rack-of-god", "--vary", "accelerators.lpu.count=4,5", "--get", "cost.tco"),
    "sweep --stats": ("sweep", "rack-of-god", "--vary", "accelerators.lpu.count=4,5", "--stats"),
    "uncertainty": ("uncertainty", "bert-a100", "--samples", "64"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_figures_of_every_command_lead_to_formula_values_and_source(name: str) -> None:
    page = out(*OTHERS[name], "--format", "html")
    read(page)
    assert len(page.encode()) < MOST
    asked, _, reasons = page.partition('id="why"')
    links = re.findall(r'href="#(why-\d+)"', asked)
    assert len(set(links)) >= 2
    told = {one: reasons.partition(f'id="{one}"')[2].partition("</details>")[0] for one in links}
    assert all(told.values()), "a link without an explanation"
    assert any("Formula <code>" in text and "; source: " in text and "<pre>= " in text for text in told.values())
    assert "datasheet" in reasons or "given" in reasons


def test_a_point_of_a_sweep_is_explained_with_its_own_values() -> None:
    page = out(*OTHERS["sweep"], "--format", "html")
    for count in (4, 5):
        value = estimate(load("rack-of-god", "", [f"accelerators.lpu.count={count}"])).cost.tco.value
        said = re.search(rf"of the point accelerators.lpu.count={count} is ([\d,]+) USD", page)
        assert said and float(said[1].replace(",", "")) == pytest.approx(value, rel=1e-3)


def test_a_former_estimate_has_no_formulas_to_lead_to(tmp_path: Path) -> None:
    (tmp_path / "then.json").write_text(out("estimate", "bert-a100", "--json"))
    page = out("compare", str(tmp_path / "then.json"), "bert-8xb200", "--format", "html")
    read(page)
    assert "of bert-8xb200 is" in page and "then.json is" not in page


def test_explanations_have_fewer_levels_where_there_are_many() -> None:
    reasons = Reasons()
    for path, quantity in figures(estimate(load("rack-of-god", "", ()))):
        reasons.link(path, quantity, path)
    sizes = [len(explanations(reasons, most).encode()) for most in (10_000_000, 200_000, 150_000, 0)]
    assert sizes == sorted(set(sizes), reverse=True)
    assert sizes[1] <= 200_000 and sizes[2] <= 150_000
    assert explanations(reasons, 0).count("<p id=") == len(reasons.asked), "a sentence each is always there"


def test_a_figure_says_what_it_means_on_hover() -> None:
    meaning = meaning_of("cost.tco")
    assert meaning is not None
    for page in (page_of("bert-a100"), out("compare", "bert-a100", "bert-8xb200", "--format", "html")):
        assert re.search(f'title="(cost.tco: )?{re.escape(html.escape(meaning.meaning))}">cost.tco<', page)


def test_a_page_of_a_comparison_is_written_to_a_file(tmp_path: Path) -> None:
    out("compare", "bert-a100", "bert-8xb200", "-o", str(tmp_path / "both.html"))
    read((tmp_path / "both.html").read_text(encoding="utf-8"))


def test_pages_without_intervals() -> None:
    report = estimate(load("bert-a100", "", ()))
    read(render([report], interval=False))


def test_a_front_is_drawn_from_its_points() -> None:
    """Two figures: one picture. Three: one for the first with each of the others. Every point is there."""
    vary = "sweep", "bert-8xb200", "--vary", "workload.batch=1..16"
    for figures_of_front, pictures in (
        ("latency.p99,-throughput.capacity", 1),
        ("latency.p99,-throughput.capacity,power.it", 2),
    ):
        page = out(*vary, "--pareto", figures_of_front, "--format", "html")
        reader = read(page)
        assert sum(tag == "svg" for tag, _ in reader.tags) == pictures
        data = json.loads(out(*vary, "--pareto", figures_of_front, "--json"))
        drawn = sum(tag == "circle" for tag, _ in reader.tags)
        assert drawn == pictures * len(data["pareto"]) if len(data["pareto"]) > 1 else drawn == 0


def test_a_long_list_of_points_is_cut_and_says_so() -> None:
    page = out(
        "sweep",
        "bert-8xb200",
        "--vary",
        "workload.batch=1..700",
        "--top",
        "600",
        "--by",
        "cost.tco",
        "--format",
        "html",
    )
    read(page)
    assert "100 more points: --format csv" in page and len(page.encode()) < MOST
