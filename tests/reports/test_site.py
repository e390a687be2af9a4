"""The rendered site: complete, linked, self-contained, reproducible, and honest about what is missing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from reports.settings import ReportSettings
from reports.site import environment, render, service_slugs
from tests.reports import fixture
from tests.reports.conftest import HOSTILE
from tests.reports.marts import COLUMNS

VOID = {"meta", "link", "br", "input", "rect", "path", "circle", "line"}


class Page(HTMLParser):
    """Text, links and structure of a page; unbalanced tags raise."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self._open, f"{path.name}: not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "xlink:href", "action"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "script"):
            self.text += data


def pages(site: Path) -> dict[str, Page]:
    return {path.relative_to(site).as_posix(): Page(path) for path in sorted(site.rglob("*.html"))}


def words(site: Path, name: str) -> str:
    return " ".join(Page(site / name).text.replace("\u202f", " ").split())


def test_every_service_has_a_page_and_every_link_leads_somewhere(full_site: Path) -> None:
    found = pages(full_site)
    assert len([name for name in found if name.startswith("service/")]) == 6
    for name, page in found.items():
        for link in page.links:
            if link.startswith("#"):
                assert link[1:] in page.ids, f"{name} → {link}"
            elif link != "data:,":
                target = ((full_site / name).parent / link).resolve()
                assert target.is_relative_to(full_site.resolve()), f"{name} → {link}"
                assert target.is_file(), f"{name} → {link}"


def test_ids_are_unique_within_a_page(full_site: Path) -> None:
    for name, page in pages(full_site).items():
        assert len(page.ids) == len(set(page.ids)), name


def test_pages_ask_the_network_for_nothing(full_site: Path, hostile_site: Path) -> None:
    for site in (full_site, hostile_site):
        for path in site.rglob("*"):
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                assert path.suffix == ".html"
                assert not re.search(r"""(?:src|href|action)\s*=\s*["']?(?:[a-z]+:)?//""", text), path.name
                assert not re.search(
                    r"@import|url\((?!#)|<(?:img|iframe|object|embed|audio|video|base)\b", text
                ), path.name
                assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_the_security_policy_allows_exactly_our_script(full_site: Path) -> None:
    text = (full_site / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode("utf-8")).digest()).decode("ascii")
    assert f"script-src 'sha256-{digest}'" in text


def test_the_same_version_gives_the_same_bytes(tmp_path: Path, full_site: Path) -> None:
    published = fixture.full_estate(tmp_path / "published")
    files = render(published, tmp_path / "site", settings=ReportSettings())
    for path in files:
        assert path.read_bytes() == (full_site / path.relative_to(tmp_path / "site")).read_bytes(), path.name


def test_the_overview_answers_first_and_lists_by_urgency(full_site: Path) -> None:
    text = words(full_site, "index.html")
    assert "2 of 6 services are expected to run out of room by 28 Sep 2026; first Web shop" in text
    assert f"1 check of {len(COLUMNS) + 5} failed (0 errors, 1 warning)" in text
    assert "9,129,787 rows received = 9,129,772 landed + 15 quarantined" in text
    listed = re.findall(
        r'<a href="service/([a-z-]+)\.html">', (full_site / "index.html").read_text(encoding="utf-8")
    )
    assert listed == ["web-shop", "payments", "search", "order-management", "warehouse", "identity"]


def test_a_service_page_shows_every_section_with_figures(full_site: Path) -> None:
    text = words(full_site, "service/payments.html")
    assert "Payments has 5.0 % room left; CPU runs out first, about 31 Jul 2026" in text
    for part in (
        "358 connections",
        "survives the loss of 1",
        "95 % of priority 1 incidents resolved within 4 h",
        "Service review board15 Jan 2026",
        "3 open incidents",
        "late9 h 20 min of 8 h",
        "7 changes in 180 days",
        "✕backed out",
        "Forecast by gradient boosting",
        "samples of 4 configuration items",
        "8,294,400 rows received = 8,294,388 landed + 12 quarantined",
    ):
        assert part in text, part


def test_low_coverage_is_flagged_at_the_figure(full_site: Path) -> None:
    assert "▲only 71 % of samples present" in words(full_site, "service/identity.html")
    assert "1 service with gaps in the measurements" in words(full_site, "index.html")


def test_an_estate_of_incidents_only_says_why_the_rest_is_empty(tmp_path: Path) -> None:
    render(fixture.incidents_only(tmp_path / "p"), tmp_path / "s", settings=ReportSettings())
    text = words(tmp_path / "s", "service/desk.html")
    for part in (
        "It is not known how much room Service desk has left: none of its resources has been measured.",
        "There is no demand to draw",
        "Neither latency nor throughput, errors or availability of this service is measured",
        "No service level target is agreed",
        "3 open incidents",
    ):
        assert part in text, part
    overview = words(tmp_path / "s", "index.html")
    assert "How much room is left is not known" in overview
    assert "No forecast is published for this day" in overview
    assert "1 name no service" in overview
    assert "There is nothing to score yet" in words(tmp_path / "s", "forecasts.html")


def test_a_single_day_is_given_in_words_not_drawn(tmp_path: Path) -> None:
    render(fixture.one_day(tmp_path / "p"), tmp_path / "s", settings=ReportSettings())
    text = words(tmp_path / "s", "service/payments.html")
    assert "1 day of demand on record, too few to draw" in text
    assert "When it runs out is not forecast yet" in text
    assert "▲only 66 % of samples present" in text
    assert "p95 last" in text
    assert 'class="chart' not in (tmp_path / "s" / "service" / "payments.html").read_text(encoding="utf-8")


def test_an_empty_version_renders(tmp_path: Path) -> None:
    files = render(fixture.nothing(tmp_path / "p"), tmp_path / "s", settings=ReportSettings())
    assert {path.name for path in files} == {
        "index.html",
        "quality.html",
        "forecasts.html",
        "events.html",
        "what-if.html",
    }
    assert "No service is on record for this day." in words(tmp_path / "s", "index.html")
    assert "No check is on record for this version." in words(tmp_path / "s", "quality.html")


def test_hostile_names_are_text_and_nothing_else(hostile_site: Path) -> None:
    found = pages(hostile_site)
    assert len(found) == 5 + len(HOSTILE)
    for name, page in found.items():
        assert page.tags.count("script") == 1, name
        assert not page.handlers, name
        assert "alert(1)" not in " ".join(page.links), name
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08]", page.text), name
    assert "<script>alert(1)</script>" in found["index.html"].text
    assert "{{ 7 * 7 }}" in found["index.html"].text


def test_hostile_identifiers_stay_inside_the_output_folder(hostile_site: Path) -> None:
    for path in (hostile_site / "service").iterdir():
        assert re.fullmatch(r"[a-z0-9-]{1,80}\.html", path.name)
    assert {p.name for p in hostile_site.iterdir()} == {
        "index.html",
        "events.html",
        "what-if.html",
        "quality.html",
        "forecasts.html",
        "service",
    }


def test_a_service_named_like_anothers_slug_gets_its_own_page() -> None:
    slugs = service_slugs(["A", next(iter(service_slugs(["A"]).values()))])
    assert len(set(slugs.values())) == 2


def test_a_name_that_a_template_does_not_know_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ no_such_name }}").render()
