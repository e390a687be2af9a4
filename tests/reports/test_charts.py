"""Charts must be reproducible, stand several in one page, and show gaps as gaps."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date, timedelta

from markupsafe import Markup

from reports import charts, marks
from reports.palette import MARK_COLOURS, PALETTE, TEXT_COLOURS
from reports.records.capacity import DemandDay, WeekHour
from reports.records.forecast import Forecast, ForecastPoint, Saturation
from reports.records.operation import IncidentCount
from tests.reports.test_wording import SATURATION

AS_OF = date(2026, 6, 30)


def history(missing: int | None = None) -> list[DemandDay]:
    days = [AS_OF - timedelta(days=n) for n in range(30, -1, -1)]
    return [DemandDay(d, 100.0 + n, 150.0, 1.0) for n, d in enumerate(days) if n != missing]


def forecast() -> Forecast:
    points = [
        ForecastPoint(AS_OF + timedelta(days=n), q, 130 + n + 10 * q)
        for n in range(1, 31)
        for q in (0.1, 0.5, 0.9)
    ]
    return Forecast("pool/p", "pool", AS_OF, "model", tuple(points))


def draw(chart_id: str = "a", missing: int | None = None, narrow: bool = False) -> Markup:
    saturation: Saturation = SATURATION
    return charts.fan(chart_id, "Demand", "1/s", history(missing), forecast(), saturation, AS_OF, narrow)


def test_equal_records_give_equal_bytes() -> None:
    assert draw() == draw()


def test_charts_do_not_depend_on_the_machines_time_zone() -> None:
    """Vega formats in local time unless told otherwise: days would shift west of Greenwich."""
    code = "from tests.reports.test_charts import draw; print(draw())"
    environment = {**os.environ, "TZ": "America/Los_Angeles"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == draw()


def test_ids_are_the_charts_own() -> None:
    """Two charts with equal ids in one page would clip each other."""
    first, second = (set(re.findall(r' id="([^"]+)"', draw(name))) for name in ("a", "b"))
    assert not first & second
    for name in ("a", "b"):
        for used in re.findall(r"url\(#([^)]+)\)", draw(name)):
            assert used in (first | second)


def test_charts_scale_and_have_a_text_for_screen_readers() -> None:
    for narrow, width in ((False, "880"), (True, "350")):
        head = draw(narrow=narrow).split(">")[0]
        assert f'viewBox="0 0 {width} ' in head
        assert 'role="img"' in head
        assert 'aria-label="Demand"' in head


def test_days_without_measurements_are_not_bridged() -> None:
    def lines(svg: str) -> int:
        return len(re.findall(r'stroke="#1d5c86" stroke-width="1.8"', svg))

    assert lines(draw(missing=15)) == lines(draw()) + 1


def test_names_from_outside_are_escaped_and_left_unchanged() -> None:
    rows = [charts.TimelineRow('<b>1.23456 id="x"</b>', SATURATION, AS_OF)]
    svg = charts.timeline("t", rows, AS_OF, AS_OF + timedelta(days=90), narrow=False)
    assert "&lt;b&gt;1.23456 id=" in svg
    assert "<b>" not in svg


def test_services_with_one_name_keep_their_own_rows() -> None:
    rows = [charts.TimelineRow("Mail", SATURATION, None)] * 3
    assert charts.timeline("t", rows, AS_OF, AS_OF + timedelta(days=90), narrow=True).count(">Mail<") == 3


def test_monthly_incidents_draw_every_month() -> None:
    counts = [IncidentCount(date(2026, m, 1), p, 5, 0, 0) for m in (4, 5, 6) for p in (1, 4, None)]
    svg = charts.incidents("i", "Incidents", counts)
    assert all(f">{name}<" in svg for name in ("Apr", "May", "Jun"))


def test_the_vessel_is_full_at_capacity_and_marks_where_it_ends_beyond() -> None:
    assert 'width="48.0"' in marks.vessel(0.5)
    assert "over" not in marks.vessel(0.0)
    assert 'class="over" x="48.0"' in marks.vessel(-1.0)
    assert marks.vessel(None) == ""


def test_sparklines_break_at_gaps_and_need_two_days() -> None:
    days = [(AS_OF - timedelta(days=n), 0.5) for n in (5, 4, 1, 0)]
    path = re.search(r'class="line" d="([^"]+)"', marks.sparkline(days, "x"))
    assert path is not None
    assert path[1].count("M") == 2
    assert marks.sparkline(days[:1], "x") == ""


def contrast(one: str, two: str) -> float:
    """Contrast ratio of WCAG 2.2 (relative luminance of sRGB colours)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_told_from_their_ground_in_both_schemes() -> None:
    """WCAG AA: 4.5:1 for text, 3:1 for marks."""
    for scheme in ("light", "dark"):
        for ground in ("paper", "wash"):
            back = getattr(PALETTE[ground], scheme)
            for names, least in ((TEXT_COLOURS, 4.5), (MARK_COLOURS, 3.0)):
                for name in names:
                    assert contrast(getattr(PALETTE[name], scheme), back) >= least, (scheme, ground, name)


def test_light_colours_are_unique_because_dark_ones_are_found_by_them() -> None:
    assert len({colour.light for colour in PALETTE.values()}) == len(PALETTE)


def test_a_full_hour_of_the_week_is_drawn_in_the_colour_of_the_limit() -> None:
    """Not only darker: whoever cannot tell two blues apart must see where room runs out."""
    hours = [WeekHour(1, 9, 6, 1.2), WeekHour(1, 10, 6, 0.5), WeekHour(2, 3, 0, None)]

    drawn = charts.week("w", "Week", hours, narrow=False)

    assert drawn.count(f'fill="{PALETTE["usable"].light}"') == 1
    assert drawn.count(f'fill="{PALETTE["demand"].light}"') == 1
