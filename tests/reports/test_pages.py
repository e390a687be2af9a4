"""Data quality, forecasts and provenance: sums and classes must be right."""

from __future__ import annotations

import re
from datetime import date
from types import MappingProxyType

from assets.warehouse.computed import computed_tables
from checks.results import CheckResult
from reports import queries
from reports.forecasts import forecast_page
from reports.overview import quality_of
from reports.provenance import FIGURES, checks_behind, traces
from reports.quality import check_lines
from reports.records.forecast import ForecastScore
from reports.records.version import Input, Manifest, TableInfo
from tests.reports.marts import COLUMNS, LANDING
from tests.reports.test_wording import SATURATION


def manifest(checks: tuple[CheckResult, ...] = (), inputs: tuple[Input, ...] = ()) -> Manifest:
    tables = {name: TableInfo(name, 10, "", tuple(LANDING.get(name, ()))) for name in COLUMNS}
    return Manifest("e", "v", date(2026, 6, 30), "c", "h", MappingProxyType(tables), checks, inputs)


def check(table: str, passed: bool = True, **values: object) -> CheckResult:
    return CheckResult("unique", table, "landing", passed, **values)  # type: ignore[arg-type]


def score(ratio: float | None, coverage: float = 0.8) -> ForecastScore:
    wql = None if ratio is None else ratio * 0.04
    better = None if ratio is None else ratio < 1
    return ForecastScore("s", "pool", "cpu", "a", "m", wql, 0.9, coverage, 0.04, 1.0, 4, better, None)


def test_rows_that_do_not_add_up_are_not_called_conserved() -> None:
    inputs = (Input("a", "t", 1, 10, 9, 1), Input("b", "t", 1, 10, 9, 0))
    quality = quality_of(manifest(inputs=inputs))
    assert (quality.received, quality.landed, quality.quarantined) == (20, 18, 1)
    assert not quality.is_conserved
    assert not quality.is_clean


def test_errors_and_warnings_are_counted_apart() -> None:
    quality = quality_of(manifest((check("a"), check("b", False), check("c", False, severity="warn"))))
    assert (quality.passed, quality.failed_errors, quality.failed_warnings) == (1, 1, 1)


def test_a_check_that_fails_on_one_batch_of_many_is_shown_as_failed_with_its_message() -> None:
    runs = [check("t", rows_checked=10), check("t", False, rows_checked=10, rows_failed=2, message="row 3")]
    (line,) = check_lines(runs)
    assert not line.passed
    assert (line.runs, line.failed_runs, line.rows_checked, line.rows_failed, line.message) == (
        2,
        1,
        20,
        2,
        "row 3",
    )


def test_every_figure_names_marts_that_exist_and_the_deliveries_behind_them() -> None:
    inputs = (Input("monitoring", "metric_samples", 3, 30, 29, 1), Input("itsm", "incidents", 1, 5, 5, 0))
    of_pages = {page: traces(manifest(inputs=inputs), page) for figure in FIGURES for page in figure.pages}
    found = {trace.figure.name: trace for page in of_pages.values() for trace in page}
    assert len(found) == len(FIGURES)
    assert all(rows is not None for trace in found.values() for _, rows in trace.marts)
    headroom = found["Headroom and bottleneck"]
    assert [i.table for i in headroom.inputs] == ["metric_samples"]
    assert "service_cis" in headroom.empty_landing
    assert "run_window" not in headroom.empty_landing


def test_tables_that_python_computes_are_named_as_such_and_never_as_missing_deliveries() -> None:
    """Every computed table, so that one added later needs no entry here."""
    tables = {
        "fct_improvements": TableInfo(
            "fct_improvements", 1, "", (*computed_tables(), "incidents", "run_window")
        )
    }
    version = Manifest("e", "v", date(2026, 6, 30), "c", "h", MappingProxyType(tables), (), ())
    (trace,) = (t for t in traces(version, "plan") if t.figure.name == "Improvements")
    assert {name for name, _ in trace.computed} == set(computed_tables())
    assert all(description for _, description in trace.computed)
    assert trace.empty_landing == ("incidents",)


def test_every_mart_that_the_report_reads_stands_behind_a_figure() -> None:
    """A new query without provenance would publish numbers that nobody can trace."""
    modules = [getattr(queries, name) for name in queries.__all__]
    statements = [text for module in modules for name, text in vars(module).items() if name.isupper()]
    read = {mart for text in statements for mart in re.findall(r"marts\.(fct_\w+)", text)}
    # What stands behind others: hourly and daily use behind headroom, ranks behind pools, receipts behind inputs.
    behind = {"fct_resource_utilisation_hourly", "fct_resource_utilisation_daily", "fct_bottlenecks",
              "fct_pool_members", "fct_extractions"}  # fmt: skip
    assert read
    assert read - behind - {mart for figure in FIGURES for mart in figure.marts} == set()


def test_checks_behind_a_page_leave_out_tables_that_it_does_not_use() -> None:
    checks = tuple(
        check(t) for t in ("metric_samples", "stg_incidents", "int_pools", "fct_changes", "costs", "dim_date")
    )
    assert [c.table for c in checks_behind(manifest(checks))] == [
        "metric_samples", "stg_incidents", "int_pools", "fct_changes"
    ]  # fmt: skip


def test_shares_and_medians_leave_out_series_without_a_backtest() -> None:
    page = forecast_page([score(0.5), score(0.7), score(1.2), score(None)], [SATURATION])
    assert (page.series, page.scored, page.better) == (4, 3, 2)
    assert page.median_ratio is not None
    assert round(page.median_ratio, 9) == 0.7
    assert page.first_checkable == date(2026, 8, 12)


def test_histograms_count_every_series_also_far_off_ones() -> None:
    page = forecast_page([score(r) for r in (0.1, 0.5, 9.0)], [])
    assert page.ratio_chart is not None
    assert "over 3 series" in page.ratio_chart
    bars = re.findall(r'<path d="M[^"]+" fill="#788d9e"', page.ratio_chart)
    assert len(bars) >= 3


def test_two_scores_are_too_few_for_a_distribution() -> None:
    assert forecast_page([score(0.5), score(0.7)], []).ratio_chart is None
