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
                path, _, place = link.partition("#")
                target = ((full_site / name).parent / path).resolve()
                assert target.is_relative_to(full_site.resolve()), f"{name} → {link}"
                assert target.is_file(), f"{name} → {link}"
                assert not place or place in found[target.relative_to(full_site.resolve()).as_posix()].ids, (
                    link
                )


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
    source = (full_site / "index.html").read_text(encoding="utf-8")
    table = source[source.index('id="service-table"') : source.index('id="business"')]
    listed = re.findall(r'<a href="service/([a-z-]+)\.html">', table)
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


def test_the_plan_says_what_to_do_by_when_and_what_it_brings(full_site: Path) -> None:
    text = words(full_site, "plan.html")
    for part in (
        "12 improvements are proposed; for 6 the day to decide has passed. "
        "Of 6 benefits measured afterwards 6 came true.",
        "Extend CPU of payments-hosts by 2 members",
        "demand exceeds usable capacity, since 2 Jun 2026",
        "20 Jun 2026▲has passed",
        "34 points of headroom11 to 34 points",
        "4,000 EUR once784 EUR a month",
        "Meet the target: 95 % of priority 1 incidents resolved within 4 h",
        "12 points more within the target",
        "24 items are larger than needed (3,360 EUR a month would be saved)",
        "6 items are too small (330 EUR a month more); 6 keep their size.",
        "demand would have crossed them in 0 of 312 weeks since then, and 10,192 EUR would have been saved",
        "6 other cheaper sizes held what was known that day and are not proposed; 6 were crossed later.",
        "payments-hosts4 items: payments-host-1",
        "gp-8x32 → gp-4x16",
        "560 EUR less504 at what is paid",
        "0 of 13 weeks95 %: up to 25 % of them",
        "▲now crossed in 3 of 13 weeks",
        "db-6x600: connections crossed in 1 of 17 weeks",
        "✓came true110 % of what was expected",
        "Kept for the yearly campaign",
    ):
        assert part in text, part


def test_the_page_of_resources_has_all_four_kinds(full_site: Path) -> None:
    text = words(full_site, "resources.html")
    for part in (
        "1 of 1 team had more work than hours in its busiest week; none of 6 licences and data sets are beyond what "
        "may be used; 6 of 6 budgets will not last to their end if spending goes on as so far.",
        "93 h33 h in the last seven days",
        "6 h of work",
        "Payments licenceslicence seats",
        "354 seats",
        "42,260 EUR14,125 EUR spent so far",
        "3 Jan 2027",
        "payments-host-1CPU",
    ):
        assert part in text, part


def test_the_page_of_the_service_desk_tells_backlog_people_and_what_came_back(full_site: Path) -> None:
    text = words(full_site, "service-desk.html")
    for part in (
        "49 tickets are open, 28 tickets more than 28 days ago. 1 team of 1 cannot bring the backlog to its target "
        "with the people there; Platform operations lacks 1.2 posts. 1 team of 1 cannot take up live work in time in "
        "some hours of the week.",
        "112 came, 84 done",  # of 40 days only the last 28 count
        "49+28, mean 35.5 16828 reopened, 28 passed on 14084 done, 56 passed on 7.1",
        "Platform operationsEurope/Berlin 90 % within 15 min",
        "■7of 70 open hours",
        "3.2at most 4 2 ■1.2 missing",
        "100 hwait after 4 weeks, at most 118 h",
        "Nobody can payINC77",
        "12 min 18 minafter that 1 h 35 min 2 h 20 min 2",
        "Sessions are lostPRB1",
        "5 → 2in 19 d each ■2",
        "resolved after 1 h instead of 5 h",
        "Access 3 1 10 h 10 h 30 h",
        "Opened again after it was closed for good ■impossible 1 1 INC3",
        "1 known error",
    ):
        assert part in text, part


def test_a_service_page_has_its_own_plan_drivers_kinds_and_shared_items(full_site: Path) -> None:
    text = words(full_site, "service/payments.html")
    for part in (
        "Extend CPU of payments-hosts by 2 members",
        "Room for 4,020 more a day (90 %: 2,020 to 6,020); what decides is CPU of payments-hosts.",
        "Room for 8,430 more until connections of payments-database-1 is full (90 %: 6,430 or more).",
        "A busy day has 81,000, the mean day of the last four weeks 66,000, 10 % more than in the four before. "
        "Cost: 31 EUR per 1,000 (Jun 2026).",
        "Not told for ",
        "on unseen days the driver told demand no better than last week.",
        "Platform operations",
        "60 %agreed 82 %90 %: 80 % to 84 % 6.0 % ▲more than its share",
        "○not toldrequests explain 41% of unseen days",
    ):
        assert part in text, part


def test_the_overview_begins_with_what_to_do_and_ends_with_room_in_business_terms(full_site: Path) -> None:
    text = words(full_site, "index.html")
    assert "12 open6 to decide within 30 days" in text
    assert "The first 5 of 12: see Plan." in text
    assert "How many more a day than on a busy day, with the least room for a busy day first." in text
    assert "Orders Web shop ■37,400 too many90 %: 35,400 to 39,400 −46 %of 81,000 CPUweb-shop-hosts" in text
    assert "31 EUR per 1,000Jun 2026" in text
    assert text.index("37,400 too many") < text.index("Room for 4,020 more")


def test_the_page_of_kpis_tells_each_node(full_site: Path) -> None:
    """Values, targets, trend, owner, formula and what adds up; met and missed are words; the overview counts them."""
    text = words(full_site, "kpis.html")
    for part in (
        "1 of 2 KPIs met their target this month; 1 could not be judged.",
        "Requirement to deploy",
        "at least 90",
        "missed",
        "not judged",
        "answered for by Bo",
        "worse, 80",
        "good / all: 19 / 20, from fct_changes",
        "Does not add up: 1 of 3 KPIs under it are not judged",
    ):
        assert part in text, part
    assert "KPIs met, " in words(full_site, "index.html")


def test_the_page_of_service_levels_has_every_part(full_site: Path) -> None:
    text = words(full_site, "levels.html")
    assert (
        "2 of 6 services met every target of service quality in Jun 2026; of these, users of Payments were not"
        in text
    )
    assert "Payments Jun 2026to date ✕5 users gave 2.2 of 5 on average less than 3 5 targets met" in text
    assert (
        "✕The slowest hundredth of the requests took 2.5 s or more more than 1.6 s 95 % of requests" in text
    )
    assert (
        "Payments▲users not well served 0 ✓met99.91 % ✓met96.3 % of 2,880 ✓met0.1 % ✓met2 of 2 met –" in text
    )
    assert "Availability at least 99.9 % 86 % 6.2 min 16.5 2.75 0.7 – ■page1 hour of page" in text
    assert (
        "99.17 %▲50 % checked 720 h2 h maintenance 6 h5 h measured5 h 40 min recorded 3 238 h 2 h 240 h"
        in text
    )
    assert "99.90 %records only" in text
    assert "The source counts all time, not agreed time 6 25 %" in text
    own = words(full_site, "service/payments.html")
    assert (
        "Green outside, red inside: Jun 2026: 5 users gave 2.2 of 5 on average; Week of 15 Jun 2026: The slow"
        in own
    )
    assert "Error budgets, Jun 2026 to date" in own
    assert "Green outside" not in words(full_site, "service/identity.html")


def test_time_with_suppliers_tells_what_came_by_assignment_and_what_by_contract(full_site: Path) -> None:
    """Of services, of the configuration items below them, and month by month on the page of a service."""
    of_service = "30 min25 min assigned18 min by contractserviceability 99.93 %"
    meaning = "With suppliers: downtime that a supplier answers for on one of two grounds or both, each moment once."
    levels = words(full_site, "levels.html")
    services, _, items = levels.partition("Configuration items that were down")
    assert services.count(of_service) == 5
    assert "240 h none" in services
    assert items.count("20 min0 min assigned20 min by contractserviceability 99.95 %") == 6
    assert levels.count(meaning) == 1
    own = words(full_site, "service/payments.html")
    assert own.count(of_service) == 4
    assert own.count(meaning) == 1
    assert meaning not in words(full_site, "service/identity.html")


def test_every_new_section_says_why_it_is_empty(tmp_path: Path) -> None:
    render(fixture.incidents_only(tmp_path / "p"), tmp_path / "s", settings=ReportSettings())
    plan = words(tmp_path / "s", "plan.html")
    assert "The figures of this day propose no improvement, and none is on record." in plan
    assert "No configuration item has a size ladder" in plan
    kinds = words(tmp_path / "s", "resources.html")
    for part in (
        "Neither teams nor licences, data sets or budgets have a known limit on 30 Jun 2026.",
        "No team is on record with tickets in the demand window.",
        "No licence, quota or data set is measured",
        "No budget runs on this day.",
        "No resource of a configuration item is measured on this day.",
    ):
        assert part in kinds, part
    levels = words(tmp_path / "s", "levels.html")
    for part in (
        "No target was judged in Jun 2026.",
        "No week or month of the last three months with all targets met is contradicted",
        "No target of availability, latency or errors allows anything to be bad.",
        "Neither checks nor outage records tell of any service.",
        "No source judges clocks of its own.",
    ):
        assert part in levels, part
    assert "No business driver is on record." in words(tmp_path / "s", "index.html")
    desk = words(tmp_path / "s", "service-desk.html")
    for part in (
        "No ticket has been delivered up to this day.",
        "Four weeks of tickets of a known team are needed",
        "No incident was declared major since 2 Apr 2026.",
        "No problem is on record.",
        "No service request has been delivered.",
        "agree with one another.",
    ):
        assert part in desk, part
    assert "Nothing is proposed for this service" in words(tmp_path / "s", "service/desk.html")


def test_the_forecasts_page_names_the_model_and_what_it_leans_on(full_site: Path) -> None:
    """Trained on what, how good, the artefact by its hash, the first ten features, and the whole card."""
    text = words(full_site, "forecasts.html")
    assert "trained on 18,342 pairs of series and day ahead from 571 series" in text
    assert "the loss is 0.71 times that of seasonal naive, and 81 % of days" in text.replace("\u202f", " ")
    assert "9f" * 32 + ".skops" in text
    assert "The first 10 of 14 features" in text
    assert "feature 9" in text
    assert "feature 11" not in text
    assert '"scikit-learn": "1.7"' in text


def test_the_page_of_changes_has_every_part(full_site: Path) -> None:
    text = words(full_site, "changes.html")
    for part in (
        "6 of 42 changes failed or were backed out: 14 % (95 % interval 6.7 % to 28 %).",
        "capacity likely caused 1.",
        "and 1 other −42 % (−50 % to −32 %)from 61 % to 35 %, without the change 60 %",
        "▲ Error ratio of Payments +2 points",
        "Cannot be told apart from CHG9",
        "How sure this is: 3 tests made, 1 not possible",
        "Too few controls: fewer than 3",
        "Payments time out",
        "✕likelyconfidence 93 %",
        "over usable capacity for 55 of the 120 minutes before, at most 120 % of it",
        "4 % at the same hour of other weeks",
        "the same service",
        "▲ahead",
        "Wilson's 95 % interval",
    ):
        assert part in text, part
    own = words(full_site, "service/payments.html")
    assert "Changes that moved load or capacity" in own
    assert "Of 2 incidents in 120 days" in own
    assert "Changes that moved load" not in words(full_site, "service/identity.html")
    assert "Changes that failed14 %6.7 % to 28 %, of 42" in words(full_site, "index.html")


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
        "kpis.html",
        "plan.html",
        "resources.html",
        "levels.html",
        "service-desk.html",
        "changes.html",
        "quality.html",
        "forecasts.html",
        "events.html",
        "what-if.html",
    }
    assert "No change with a known outcome is on record." in words(tmp_path / "s", "changes.html")
    assert "No service is on record for this day." in words(tmp_path / "s", "index.html")
    assert "No check is on record for this version." in words(tmp_path / "s", "quality.html")


def test_hostile_names_are_text_and_nothing_else(hostile_site: Path) -> None:
    found = pages(hostile_site)
    assert len(found) == 11 + len(HOSTILE)
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
        "kpis.html",
        "plan.html",
        "resources.html",
        "levels.html",
        "service-desk.html",
        "changes.html",
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
