"""online-boutique: Nezha's half day through a real Prometheus; each known flaw handled or quarantined, and counted."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.nezha_faults import cpu_limits, judged_faults
from examples.real import nezha
from tests.conftest import ROOT
from tests.real.estates import LandedEstate

pytestmark = [pytest.mark.real, pytest.mark.prometheus]

#: Series a metric; each has 721 minutes.
SERIES = {
    "http.server.request.error_ratio": 1,
    "k8s.pod.cpu.usage": 10,
    "k8s.pod.memory.usage": 10,
    "k8s.pod.network.io": 10,
    "rpc.server.duration.p95": 11,
    "rpc.server.rate": 11,
    "system.cpu.utilization": 8,
    "system.memory.utilization": 8,
    "system.network.io": 8,
}
MINUTES = 721


def test_every_minute_of_every_series_lands_or_is_quarantined(boutique_estate: LandedEstate) -> None:
    """None is invented by Prometheus' look-back, none falls between steps, none is seen twice."""
    received = {
        receipt.batch_id.split("/")[0]: receipt.rows_received
        for receipt in boutique_estate.receipts("metric_samples")
    }
    assert received == {metric: series * MINUTES for metric, series in SERIES.items()}
    assert boutique_estate.counts("metric_samples") == (55_517, 55_517 - 33, 33)


def test_values_are_those_of_the_source(boutique_estate: LandedEstate, sample_data: Path) -> None:
    """Read back bit for bit: CSV → OpenMetrics → blocks → HTTP → Parquet."""
    pod = "frontend-579b9bff58-t2dbm"
    with gzip.open(nezha.pod_files(sample_data)[pod], "rt", encoding="utf-8", newline="") as lines:
        wanted = [
            (nezha.epoch_seconds(row["Time"]).partition(".")[0], float(row["CpuUsage(m)"]))
            for row in csv.DictReader(lines)
        ]
    landed = boutique_estate.query(
        "metric_samples",
        "select cast(epoch(observed_at) as bigint), value from landed"
        f" where metric = 'k8s.pod.cpu.usage' and ci_id = '{pod}' order by 1",
    )
    # A step is stamped with its start: the sample of 11:59:28 stands at 11:59:00.
    assert landed == [(int(second) // 60 * 60, value) for second, value in wanted]


def test_percentiles_of_minutes_without_traffic_are_quarantined(boutique_estate: LandedEstate) -> None:
    rows = boutique_estate.quarantined("metric_samples")
    assert len(rows) == 33
    assert all("NaN" in row["reason"] and row["field"] == "value" for row in rows)


def test_times_are_utc_of_the_go_clock(boutique_estate: LandedEstate) -> None:
    first, last = boutique_estate.query(
        "metric_samples",
        "select strftime(min(observed_at), '%H:%M'), strftime(max(observed_at), '%H:%M') from landed",
    )[0]
    assert (first, last) == ("11:59", "23:59")


def test_a_go_time_without_its_suffix_or_zone_is_refused() -> None:
    assert nezha.epoch_seconds("2022-08-23 11:59:28.156628494 +0000 UTC m=+0.139064770") == "1661255968.156"
    assert nezha.epoch_seconds("2022-08-23 11:59:28.6 +0000 UTC m=+0.1") == "1661255968.600"
    with pytest.raises(ValueError, match="is not a Go time"):
        nezha.epoch_seconds("2022-08-23 11:59:28.156 +0200 CEST m=+0.1")


def test_the_meaningless_success_rate_is_left_out(sample_data: Path) -> None:
    """It is 0 in every one of 7,210 rows of this day; the front end's own rate is used instead."""
    names = {line.split("{")[0] for line in nezha.openmetrics(sample_data) if not line.startswith("#")}
    assert not [name for name in names if name.startswith("pod_success")]
    assert "front_success_percent" in names
    assert len(names) == len(nezha.POD_METRICS) + len(nezha.FRONT_METRICS)


def test_injected_faults_are_derived_incidents(boutique_estate: LandedEstate) -> None:
    assert boutique_estate.counts("incidents") == (32, 32, 0)
    rows = boutique_estate.query(
        "incidents",
        "select count(distinct incident_id), bool_and(is_derived), count(resolved_at), count(distinct ci_id),"
        " strftime(min(opened_at), '%H:%M:%S') from landed",
    )
    assert rows == [(32, True, 0, 10, "12:01:25")]
    kinds = dict(boutique_estate.query("incidents", "select category, count(*) from landed group by 1"))
    assert kinds == {"cpu_contention": 8, "cpu_consumed": 7, "network_delay": 9, "exception": 4, "return": 4}


def test_control_records_name_what_is_measured(boutique_estate: LandedEstate) -> None:
    """Every item and service with a sample is known; ten microservices and the shop."""
    items = {row["ci_id"] for row in boutique_estate.landed("configuration_items").to_pylist()}
    services = {row["service_id"] for row in boutique_estate.landed("services").to_pylist()}
    measured = {
        row[0] for row in boutique_estate.query("metric_samples", "select distinct ci_id from landed")
    }
    assert (len(items), len(services)) == (18, 11)
    assert measured == items | services


def test_the_call_graph_gives_the_microservices(boutique_estate: LandedEstate, sample_data: Path) -> None:
    graph = nezha.call_graph(sample_data)
    named = {name for edge in graph for name in edge if not name[0].isdigit()} - {"loadgenerator"}
    services = {row["service_id"] for row in boutique_estate.landed("services").to_pylist()}
    assert services == named | {nezha.SHOP}


def test_limits_are_those_that_the_source_measures_against(sample_data: Path) -> None:
    """control/resource_limits.csv is derived; this is the derivation."""
    path = ROOT / "examples" / "real" / "online-boutique" / "control" / "resource_limits.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        kept = [
            (row["ci_id"], row["resource"], float(row["limit_value"]), row["unit"])
            for row in csv.DictReader(lines)
        ]
    assert kept == nezha.derived_limits(sample_data)
    assert {row[2] for row in kept if row[1] == "cpu"} == {20.0, 30.0}
    assert {row[2] for row in kept if row[1] == "memory"} == {128.0, 300.0, 450.0, 512.0}


def test_faults_of_cpu_are_told_from_the_others(boutique_estate: LandedEstate, sample_data: Path) -> None:
    """Of 15 faults of cpu 9 brought their pod over 80 % of its limit; none of the 17 others is blamed on capacity.

    Floors of precision (1) and recall (0.6); the other 6 never saturate their pod, so more would be suspicious.
    """
    samples = pd.DataFrame(
        boutique_estate.query(
            "metric_samples",
            "select ci_id, observed_at, value from landed where metric = 'k8s.pod.cpu.usage' order by 1, 2",
        ),
        columns=["ci_id", "started_at", "value"],
    )
    injected = pd.DataFrame(
        boutique_estate.query(
            "incidents", "select incident_id, ci_id, category, opened_at from landed order by 1"
        ),
        columns=["incident_id", "ci_id", "category", "opened_at"],
    )
    judged = judged_faults(samples, injected, cpu_limits(sample_data))
    likely, true = judged["verdict"] == "capacity", judged["is_true"]
    assert true.sum() == 15
    assert (likely & ~true).sum() == 0
    assert (likely & true).sum() == (judged["is_named_over"] & true).sum() == 9


def test_a_second_run_lands_nothing(boutique_estate: LandedEstate) -> None:
    again = boutique_estate.land_again()
    assert sum(summary.batches_written for summary in again.values()) == 0
    assert all(summary.is_conserved and not summary.rejections for summary in again.values())
