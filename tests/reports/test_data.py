"""Reading a published version: only its own day, nothing invented, and errors that name the fix."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from reports.data import PublishedReader
from reports.manifest import PublishedVersionError, read_manifest
from reports.settings import ReportSettings
from tests.reports import fixture
from tests.reports.marts import AS_OF, Rows, publish

EARLIER = date(2026, 6, 29)


def capacity(rows: Rows, day: date, headroom: float) -> None:
    rows.add("fct_service_capacity", service_id="a", as_of_date=day, headroom_ratio=headroom, pool_count=1)


def saturation(rows: Rows, pool: str, day: date, **values: object) -> None:
    same = {"level": "pool", "service_id": "a", "pool_id": pool, "as_of_date": day, "horizon_days": 90}
    rows.add("fct_saturation", series_id=f"pool/{pool}", **same | values)


def test_headroom_is_that_of_the_versions_day(tmp_path: Path) -> None:
    """As-of marts keep one set of rows for every day: yesterday's must not show."""
    rows = Rows()
    fixture.service(rows, "a", "A")
    capacity(rows, EARLIER, 0.9)
    capacity(rows, AS_OF, 0.1)
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        assert reader.estate().capacities["a"].headroom_ratio == 0.1


def test_numbers_that_are_not_numbers_are_missing(tmp_path: Path) -> None:
    rows = Rows()
    fixture.service(rows, "a", "A")
    capacity(rows, AS_OF, float("nan"))
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        assert reader.estate().capacities["a"].headroom_ratio is None


def test_the_newest_forecast_of_a_series_counts(tmp_path: Path) -> None:
    rows = Rows()
    saturation(rows, "p", EARLIER, p50_date=date(2026, 7, 1))
    saturation(rows, "p", AS_OF, p50_date=date(2026, 8, 1))
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        assert reader.estate().first_pools["a"].p50_date == date(2026, 8, 1)


def test_the_pool_that_runs_out_first_is_found_by_date_not_by_headroom(tmp_path: Path) -> None:
    rows = Rows()
    rows.add("fct_service_capacity", service_id="a", as_of_date=AS_OF, bottleneck_pool_id="late")
    saturation(rows, "late", AS_OF, p50_date=date(2026, 9, 1))
    saturation(rows, "early", AS_OF, p50_date=date(2026, 8, 1))
    saturation(rows, "never", AS_OF)
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        assert reader.estate().first_pools["a"].pool_id == "early"


def test_of_pools_that_run_out_together_the_tightest_is_named(tmp_path: Path) -> None:
    rows = Rows()
    rows.add("fct_service_capacity", service_id="a", as_of_date=AS_OF, bottleneck_pool_id="z")
    for pool in ("m", "z"):
        saturation(rows, pool, AS_OF, p50_date=date(2026, 8, 1))
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        assert reader.estate().first_pools["a"].pool_id == "z"


def test_the_pool_to_decide_on_first_is_found_by_its_own_lead_time(tmp_path: Path) -> None:
    rows = Rows()
    saturation(rows, "soon", AS_OF, p50_date=date(2026, 8, 1), decision_date=date(2026, 7, 25))
    saturation(rows, "long", AS_OF, p50_date=date(2026, 9, 1), decision_date=date(2026, 7, 3))
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        estate = reader.estate()
    assert (estate.first_pools["a"].pool_id, estate.decisions["a"].pool_id) == ("soon", "long")


def test_a_pool_without_forecast_takes_that_of_its_deciding_item(tmp_path: Path) -> None:
    rows = Rows()
    pool = {"service_id": "a", "redundancy_group": "g", "resource": "memory", "unit": "By"}
    rows.add("fct_pool_capacity", pool_id="p", as_of_date=AS_OF, deciding_ci_id="h1", **pool)
    rows.add(
        "fct_forecasts",
        series_id="ci/h1/memory",
        as_of_date=AS_OF,
        target_date=AS_OF,
        quantile=0.5,
        value=1.0,
    )
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        found = reader.service("a", ["p"], ReportSettings()).forecasts["p"]
    assert (found.series_id, found.level) == ("ci/h1/memory", "resource")


def test_evidence_counts_the_samples_of_the_bottleneck_within_its_window(tmp_path: Path) -> None:
    rows = Rows()
    pool = {"service_id": "a", "redundancy_group": "g", "resource": "cpu", "unit": "1"}
    rows.add("fct_service_capacity", service_id="a", as_of_date=AS_OF, bottleneck_pool_id="p")
    rows.add("fct_pool_capacity", pool_id="p", as_of_date=AS_OF, **pool)
    for ci_id in ("h1", "h2"):
        rows.add("bridge_service_ci", service_id="a", ci_id=ci_id, redundancy_group="g", valid_from=EARLIER)
        rows.add(
            "fct_resource_capacity",
            ci_id=ci_id,
            resource="cpu",
            as_of_date=AS_OF,
            demand_window_start_date=EARLIER,
        )
        for day in (date(2026, 6, 28), EARLIER, AS_OF):
            rows.add(
                "fct_resource_utilisation_daily",
                ci_id=ci_id,
                resource="cpu",
                observed_date=day,
                sample_count=96,
            )
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        evidence = reader.service("a", [], ReportSettings()).evidence
    assert evidence is not None
    assert (evidence.sample_count, evidence.ci_count, evidence.first_date) == (4 * 96, 2, EARLIER)


def test_a_folder_that_is_no_version_is_refused_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(PublishedVersionError, match=r"manifest\.json is missing: name the folder"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(PublishedVersionError, match="is not JSON"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"estate": "x"}', encoding="utf-8")
    with pytest.raises(PublishedVersionError, match="has no field 'version'"):
        read_manifest(tmp_path)
    with (
        pytest.raises(PublishedVersionError, match=r"ullage\.duckdb is missing"),
        PublishedReader(tmp_path, AS_OF),
    ):
        pass


def test_settings_refuse_thresholds_in_the_wrong_order() -> None:
    with pytest.raises(
        ValidationError, match=r"headroom_critical \(0\.3\) must be less than headroom_warning"
    ):
        ReportSettings(headroom_critical=0.3)
    with pytest.raises(ValidationError, match="currency"):
        ReportSettings(currency="euro")
