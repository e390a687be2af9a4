"""What the forecasts page says of forecasts that have been overtaken by the days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from reports import charts
from reports.records.forecast import PastMedian, ReliabilityBin, TrackRecord
from reports.track_record import LISTED, record_page
from tests.reports.test_charts import AS_OF, forecast, history
from tests.reports.test_wording import SATURATION

GOOD = TrackRecord(
    series_id="pool/a",
    level="pool",
    service_id="shop",
    resource="cpu",
    horizon_band="all",
    forecast_count=3,
    replayed_count=2,
    day_count=63,
    mase=0.8,
    wql=0.6,
    coverage_80_ratio=0.82,
    bias_ratio=0.1,
    naive_wql=1.2,
    own_wql=0.6,
    own_naive_wql=1.2,
    is_worse_than_naive=False,
    is_fallback_due=False,
    is_drifting=None,
)
BIN = ReliabilityBin("pool", 30, 12, 0.31, 0.25, 0.1, 0.5)


def page(*records: TrackRecord, **more: Any) -> Any:
    given: dict[str, Any] = {"bins": [], "dates": [], "pools": [], "names": {}, "as_of": AS_OF} | more
    return record_page(list(records), **given)


def test_the_record_counts_series_once_and_bands_apart() -> None:
    near = replace(GOOD, horizon_band="1-7", wql=0.3)
    bad = replace(
        GOOD, series_id="pool/b", wql=1.5, own_wql=1.5, is_worse_than_naive=True, is_fallback_due=True
    )
    found = page(GOOD, near, bad)
    assert [(band.name, band.series, band.better) for band in found.bands] == [
        ("1 to 7 days", 1, 1),
        ("all", 2, 1),
    ]
    assert (found.worse_count, found.fallback_count, found.drift_count) == (1, 1, 0)
    assert (found.published_count, found.replayed_count, found.day_count) == (1, 2, 63)


def test_the_worst_series_stand_first_and_the_list_ends() -> None:
    many = [
        replace(GOOD, series_id=f"pool/{n:02d}", own_wql=1.3 + n, is_worse_than_naive=True)
        for n in range(LISTED + 5)
    ]
    found = page(*many)
    assert found.worse[0].series_id == f"pool/{LISTED + 4:02d}"
    assert (len(found.worse), found.worse_count) == (LISTED, LISTED + 5)


def test_few_forecasts_of_one_probability_are_not_drawn() -> None:
    """A dot at 100 % from one forecast would look like a finding."""
    assert page(bins=[replace(BIN, forecast_count=4), replace(BIN, level="service")]).reliability is None
    drawn = page(bins=[BIN, replace(BIN, within_days=60)]).reliability
    assert drawn is not None
    assert "over 24 forecasts" in drawn


def test_the_calendar_holds_what_may_run_out_the_soonest_first() -> None:
    never = replace(SATURATION, series_id="pool/never", p10_date=None, p50_date=None, p90_date=None)
    late = replace(SATURATION, series_id="pool/late", p50_date=date(2026, 9, 1))
    unlikely = replace(SATURATION, series_id="pool/unlikely", p50_date=None, p90_date=None)
    calendar = page(
        pools=[unlikely, never, late, SATURATION], names={SATURATION.service_id or "": "Shop"}
    ).calendar
    order = [row.saturation.series_id for row in calendar.rows]
    assert order == [SATURATION.series_id, "pool/late", "pool/unlikely"]
    assert calendar.rows[0].name.startswith("Shop: ")
    assert "When pools run out of room" in calendar.wide
    assert page(pools=[never]).calendar is None


def test_a_new_estate_has_no_record() -> None:
    found = page()
    assert (found.bands, found.worse, found.reliability, found.calendar) == ((), (), None, None)


def test_earlier_forecasts_lie_behind_the_demand_that_came() -> None:
    plain = forecast()
    past = tuple(PastMedian(date(2026, 6, 2), date(2026, 6, day), 118.0) for day in (3, 4, 5))
    with_past = replace(plain, past=past)
    before, after = (
        charts.fan("a", "Demand", "1/s", history(), found, None, AS_OF, False) for found in (plain, with_past)
    )
    assert after.count("<path") > before.count("<path")
