"""In a real browser: no overflow on phone, laptop or paper, no console error, and the tables sort and filter."""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.chromium

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--virtual-time-budget=20000",
)
# A4 less the margins that the stylesheet sets, in CSS pixels.
PAPER = 688


def probe(
    chromium: str, site: Path, profile: Path, sizes: list[tuple[str, int]], script: str
) -> list[object]:
    """Open (page, width) side by side in frames; `script` is a function of a frame's document and window."""
    frames = "".join(
        f'<iframe src="{name}" style="width:{width}px;height:900px;border:0"></iframe>'
        for name, width in sizes
    )
    wrapper = site / "_probe.html"
    wrapper.write_text(
        f"<!doctype html><body>{frames}<script>addEventListener('load', () => {{"
        f"const look = {script};"
        "const found = [...document.querySelectorAll('iframe')].map(f => look(f.contentDocument, f.contentWindow));"
        "const out = document.createElement('pre'); out.id = 'found'; out.textContent = JSON.stringify(found);"
        "document.body.replaceChildren(out); })</script>",
        encoding="utf-8",
    )
    try:
        done = subprocess.run(
            [chromium, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", wrapper.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    finally:
        wrapper.unlink()
    assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert match is not None, done.stderr
    found: list[object] = json.loads(html.unescape(match[1]))
    return found


def names_of(site: Path) -> list[str]:
    return [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]


WIDTH = "(d) => d.documentElement.scrollWidth"


@pytest.mark.parametrize("which", ["full_site", "hostile_site"])
def test_no_page_is_wider_than_its_window(
    which: str, chromium: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Phone, tablet and laptop; only tables marked so may scroll, within themselves."""
    site: Path = request.getfixturevalue(which)
    names = names_of(site)
    sizes = [(name, width) for width in (390, 768, 1440) for name in names]
    widths = probe(chromium, site, tmp_path, sizes, WIDTH)
    assert {size: found for size, found in zip(sizes, widths, strict=True) if found != size[1]} == {}


@pytest.mark.parametrize("which", ["full_site", "hostile_site"])
def test_nothing_is_cut_off_on_paper(
    which: str, chromium: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The print stylesheet applied on screen at the width of A4: tables must fit without scrolling."""
    site: Path = request.getfixturevalue(which)
    paper = tmp_path / "paper"
    for name in names_of(site):
        text = (site / name).read_text(encoding="utf-8")
        text = text.replace("@media screen and", "@media (max-width: 1px) and").replace(
            "@media print", "@media all"
        )
        (paper / name).parent.mkdir(parents=True, exist_ok=True)
        (paper / name).write_text(text.replace("(max-width: 700px)", "(max-width: 1px)"), encoding="utf-8")
    wide = """(d, w) => [...d.querySelectorAll('table, svg, p, dl, ul')].filter(e =>
        e.getBoundingClientRect().right > w.innerWidth + 1).map(e => e.outerHTML.slice(0, 160))"""
    names = names_of(paper)
    found = probe(chromium, paper, tmp_path / "profile", [(name, PAPER) for name in names], wide)
    assert {name: elements for name, elements in zip(names, found, strict=True) if elements} == {}


def test_text_in_charts_stays_readable_on_a_phone(chromium: str, full_site: Path, tmp_path: Path) -> None:
    smallest = """(d) => Math.min(...[...d.querySelectorAll('svg.chart')].filter(s => s.clientWidth > 0).map(s =>
        Math.min(...[...s.querySelectorAll('text')].map(t => parseFloat(getComputedStyle(t).fontSize)))
        * s.clientWidth / s.viewBox.baseVal.width))"""
    found = probe(
        chromium, full_site, tmp_path, [("index.html", 390), ("service/payments.html", 390)], smallest
    )
    assert all(isinstance(size, int | float) and size >= 9.5 for size in found), found


def test_tables_sort_by_heading_and_filter_by_text(chromium: str, full_site: Path, tmp_path: Path) -> None:
    script = """(d, w) => {
      const rows = () => [...d.querySelectorAll('#service-table tbody tr')];
      const names = () => rows().filter(r => !r.hidden).map(r => r.querySelector('a').textContent);
      const heading = [...d.querySelectorAll('#service-table th')].find(h => h.textContent === 'Headroom');
      heading.querySelector('button').click();
      const sorted = names();
      heading.querySelector('button').click();
      const reversed = names();
      const field = d.querySelector('#find');
      field.value = 'PAYMENTS'; field.dispatchEvent(new w.Event('input'));
      return {sorted, reversed, filtered: names(), sort: heading.getAttribute('aria-sort')};
    }"""
    (found,) = probe(chromium, full_site, tmp_path, [("index.html", 1440)], script)
    assert isinstance(found, dict)
    assert found["sorted"][0] == "Web shop"
    assert found["reversed"] == found["sorted"][::-1]
    assert found["filtered"] == ["Payments"]
    assert found["sort"] == "descending"


def test_the_dark_scheme_recolours_charts(chromium: str, full_site: Path, tmp_path: Path) -> None:
    """Charts are drawn in the light colours: the stylesheet must map every one of them."""
    script = """(d, w) => {
      const line = d.querySelector('svg.chart.wide [stroke="#1d5c86"]');
      d.documentElement.style.setProperty('--demand', 'rgb(1, 2, 3)');
      return w.getComputedStyle(line).stroke;
    }"""
    assert probe(chromium, full_site, tmp_path, [("service/payments.html", 1440)], script) == ["rgb(1, 2, 3)"]
