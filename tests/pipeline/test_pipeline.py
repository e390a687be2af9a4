"""The main job end to end on a small simulated estate: from source files to published tables and report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from assets.home import Home
from assets.simulation.catalogue import CATALOGUE
from assets.simulation.truth import load_truth
from orchestration.cli import app
from orchestration.summary import summarise
from tests.pipeline.estate import SmallEstate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> SmallEstate:
    """An estate that has been run once."""
    estate = SmallEstate(tmp_path_factory.mktemp("estate"))
    outcome = estate.run()
    assert outcome.success, outcome.failures
    assert outcome.is_new
    return estate


@pytest.fixture
def marts(estate: SmallEstate) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(estate.home / "published/current/ullage.duckdb"), read_only=True) as connection:
        yield connection


def one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[object, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


def test_every_service_has_headroom_and_a_bottleneck(
    estate: SmallEstate, marts: duckdb.DuckDBPyConnection
) -> None:
    query = (
        "select count(*), count(headroom_ratio), count(bottleneck_pool_id) from marts.fct_service_capacity "
        f"where as_of_date = date '{estate.size.end_date}'"
    )
    assert one(marts, query) == (estate.size.services,) * 3


def test_capacity_is_of_all_four_kinds(marts: duckdb.DuckDBPyConnection) -> None:
    """Technical, human, information and financial resources are listed together, all with headroom."""
    rows = marts.execute(
        "select resource_kind, count(*) = count(headroom_ratio) from marts.fct_capacity group by 1 order by 1"
    ).fetchall()
    assert rows == [("financial", True), ("human", True), ("information", True), ("technical", True)]


def test_demand_of_licences_and_data_is_the_true_one(
    estate: SmallEstate, marts: duckdb.DuckDBPyConnection
) -> None:
    truth = load_truth(estate.home).saturation.set_index("series_id")
    rows = marts.execute(
        "select capacity_id, demand_value, usable_value from marts.fct_capacity where resource_kind = 'information'"
    ).fetchall()
    assert len(rows) == 2
    for series_id, demand, usable in rows:
        assert demand == pytest.approx(truth.loc[series_id, "highest_last_28"], rel=0.01)
        assert usable == pytest.approx(truth.loc[series_id, "usable_at_end"])


def test_agreed_shares_divide_what_is_usable(estate: SmallEstate, marts: duckdb.DuckDBPyConnection) -> None:
    """The shares of the CMDB reach the mart, and what they reserve adds up to the usable capacity."""
    agreed = pd.read_csv(estate.home / "sources/cmdb/service_cis.csv")
    agreed = agreed[(agreed["ci_id"] == "fra-lb-01") & agreed["valid_to"].isna()]
    rows = marts.execute(
        "select service_id, share_ratio, reserved_value, capacity.usable_value from marts.fct_resource_shares "
        "join marts.fct_resource_capacity as capacity using (ci_id, resource, as_of_date) where ci_id = 'fra-lb-01'"
    ).df()
    expected = dict(zip(agreed["service_id"], agreed["share_ratio"], strict=True))
    assert dict(zip(rows["service_id"], rows["share_ratio"], strict=True)) == pytest.approx(expected)
    assert rows["reserved_value"].sum() == pytest.approx(rows["usable_value"].iloc[0])


def test_use_of_a_shared_ci_is_the_true_one(marts: duckdb.DuckDBPyConnection) -> None:
    """A load balancer carries bytes: weights are the bytes of a request, which nothing but the simulation knows."""
    rows = marts.execute(
        "with hours as (select hour_at, row_number() over (order by demand_avg desc) as place, "
        "count(*) over () as hours "
        "from marts.fct_resource_utilisation_hourly where ci_id = 'fra-lb-01' and resource = 'network') "
        "select service_id, use_ratio, avg(throughput_per_second) as requests from marts.fct_shared_use "
        "join marts.fct_service_performance_hourly using (service_id) join hours using (hour_at) "
        "where ci_id = 'fra-lb-01' and place <= 0.05 * hours group by all"
    ).df()
    weights = {kind.service_id: kind.bytes_per_request for kind in CATALOGUE}
    parts = rows["requests"] * rows["service_id"].map(weights)
    assert rows["use_ratio"].to_numpy() == pytest.approx((parts / parts.sum()).to_numpy(), abs=0.05)


def test_apdex_is_that_of_the_delivered_histograms(
    estate: SmallEstate, marts: duckdb.DuckDBPyConnection
) -> None:
    """T of the web shop is a bucket bound, 4 T lies within a bucket."""
    day = estate.size.end_date
    files = (estate.home / "sources/monitoring").glob("metric_histograms_*.parquet")
    rows = pd.concat(pd.read_parquet(file) for file in files)
    rows = rows[(rows["entity"] == "web-shop") & (rows["time"].dt.date == day)]
    counts = rows.groupby("le")["count"].sum()
    tolerated = counts[0.1] + (counts[0.25] - counts[0.1]) * (0.2 - 0.1) / (0.25 - 0.1)
    query = (
        "select apdex_threshold_seconds, apdex_score from marts.fct_service_performance_daily "
        f"where service_id = 'web-shop' and observed_date = date '{day}'"
    )
    assert one(marts, query) == pytest.approx((0.05, (counts[0.05] + tolerated) / 2 / counts.max()))


def test_the_chain_of_bottlenecks_starts_with_the_bottleneck(marts: duckdb.DuckDBPyConnection) -> None:
    """Its gains add up to the distance between the first and the last pool."""
    query = (
        "select bool_and(abs(chain.gain - (chain.highest - capacity.headroom_ratio)) < 1e-9) from "
        "(select service_id, sum(gain_ratio) as gain, max(headroom_ratio) as highest "
        "from marts.fct_bottlenecks group by 1) as chain join marts.fct_service_capacity as capacity using (service_id)"
    )
    assert one(marts, query) == (True,)


def test_every_mart_holds_rows(estate: SmallEstate) -> None:
    """Three weeks of history are too short to back-test a size, to learn a forecast or make earlier ones again, or to
    tell how many people a team needs; nothing has been published to score. Every other mart has something to say.
    """
    manifest = json.loads((estate.home / "published/current/manifest.json").read_text())
    empty = [name for name, table in manifest["tables"].items() if table["rows"] == 0]
    assert empty == [
        "fct_forecast_importances",
        "fct_forecast_outcomes",
        "fct_forecast_track_record",
        "fct_rightsizing_backtest",
        "fct_saturation_reliability",
        "fct_saturation_scores",
        "fct_staffing",
    ]


def test_conservation_holds_from_source_rows_to_receipts_to_mart(
    estate: SmallEstate, marts: duckdb.DuckDBPyConnection
) -> None:
    received, landed, quarantined = one(
        marts,
        "select sum(rows_received), sum(rows_landed), sum(rows_quarantined) "
        "from marts.fct_extractions where is_current",
    )
    sidecars = (estate.home / "sources").rglob("*.sidecar.yaml")
    declared = sum(yaml.safe_load(sidecar.read_text())["control_totals"]["rows"] for sidecar in sidecars)
    control = sum(
        len(f.read_text().strip().splitlines()) - 1 for f in (estate.home / "control").glob("*.csv")
    )
    summary = summarise(Home(estate.home))
    assert received == landed + quarantined
    assert received == summary.rows_received == declared + control


def test_checks_of_every_stage_reach_the_manifest(estate: SmallEstate) -> None:
    checks = json.loads((estate.home / "published/current/manifest.json").read_text())["checks"]
    assert {check["stage"] for check in checks} >= {"landing", "dbt", "forecasts", "reconciliation"}
    assert [c for c in checks if c["blocking"] and not c["passed"]] == []


def test_forecasts_reach_the_horizon_with_ordered_quantiles(marts: duckdb.DuckDBPyConnection) -> None:
    horizon, disordered = one(
        marts,
        "select max(horizon_days), count(*) filter (where value < previous) from (select *, lag(value) over "
        "(partition by series_id, as_of_date, target_date order by quantile) as previous from marts.fct_forecasts)",
    )
    assert (horizon, disordered) == (30, 0)


def test_report_has_an_overview_and_a_page_a_service(estate: SmallEstate) -> None:
    pages = list((estate.home / "reports/current").rglob("*.html"))
    assert (estate.home / "reports/current/index.html") in pages
    assert len([p for p in pages if p.parent.name == "service"]) == estate.size.services


def test_what_if_without_a_change_is_what_was_published(
    estate: SmallEstate, marts: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Headroom, bottleneck, dates and probabilities to the last bit; services cost in sum what the bills say."""
    file = tmp_path / "same.yaml"
    file.write_text("steps: [{action: scale_demand, factor: 1.0}]")
    result = CliRunner().invoke(
        app, ["what-if", "--config", str(estate.config), "--file", str(file), "--json"]
    )
    assert result.exit_code == 0, result.output
    compared = json.loads(result.stdout)
    assert compared["pools"] == []
    published = marts.execute(
        "select c.service_id, c.headroom_ratio, c.bottleneck_pool_id, cast(s.p50_date as varchar), "
        "s.probability_within_horizon, s.probability_within_lead_time from marts.fct_service_capacity c "
        "join marts.fct_saturation s on s.level = 'service' and s.service_id = c.service_id order by 1"
    ).fetchall()
    names = ("headroom_ratio", "bottleneck_pool_id", "p50_date", "probability_within_horizon")
    for label in ("today", "scenario"):
        sides = [(s["service_id"], s[label]) for s in compared["services"]]
        rows = [
            (name, *(side[n] for n in (*names, "probability_within_lead_time")))
            for name, side in sorted(sides)
        ]
        assert rows == published
    costs = sum(s["today"]["monthly_cost"] for s in compared["services"])
    month, unallocated = one(
        marts,
        "select sum(effective_cost), sum(effective_cost) filter (where service_id = '(unallocated)') "
        "from marts.fct_service_cost where month_start_date = date '2026-06-01'",
    )
    assert costs == pytest.approx(float(str(month)) - float(str(unallocated or 0)), rel=1e-9)


def test_what_if_a_site_is_lost(estate: SmallEstate) -> None:
    """The scenario of the record and the option give the same figures."""
    call = ["what-if", "--config", str(estate.config), "--json"]
    by_option = json.loads(CliRunner().invoke(app, [*call, "--lose-site", "Amsterdam"]).stdout)
    by_record = json.loads(CliRunner().invoke(app, [*call, "--scenario", "lose-site"]).stdout)
    assert by_option["services"] == by_record["services"]
    assert all(
        pool["scenario"]["member_count"] < pool["today"]["member_count"] for pool in by_option["pools"]
    )


def test_improvements_have_a_stable_identity_and_done_ones_a_verdict(
    estate: SmallEstate, marts: duckdb.DuckDBPyConnection
) -> None:
    """Ids of the register, of its candidates and of the control record are the same hash of kind and subject."""
    rows = marts.execute(
        "select improvement_id, kind, subject, state, verdict, measured_benefit_value from marts.fct_improvements"
    ).fetchall()
    for improvement, kind, subject, *_ in rows:
        digest = hashlib.md5(f"{kind}|{subject}".encode(), usedforsecurity=False).hexdigest()
        assert improvement == f"imp-{digest[:12]}"
    assert len({row[0] for row in rows}) == len(rows)
    done = {row[2]: row[4:] for row in rows if row[3] == "done"}
    truth = load_truth(estate.home).tables["changes"]
    limits = truth[(truth["reason"] == "raise_limit") & (truth["service_id"] == "order-management")]
    assert len(limits) == 1
    verdict, measured = done["order-management/app/memory"]
    used = marts.execute(
        "select max(demand_value / usable_value) from marts.fct_pool_demand_daily "
        "where pool_id = 'order-management/app/memory' and observed_date < ?",
        [limits["effective_date"].iloc[0]],
    ).fetchone()
    assert used is not None
    # The limit rose by a known factor: what it is worth at the demand from before is known too.
    assert measured == pytest.approx(used[0] * (1 - 1 / limits["factor"].iloc[0]), rel=0.02)
    assert verdict in {"realised", "too_early"}


def test_second_run_with_nothing_new_changes_nothing(
    estate: SmallEstate, caplog: pytest.LogCaptureFixture
) -> None:
    before = estate.bytes_of("landing", "published", "reports", "computed", "quarantine")
    outcome = estate.run()
    assert "emitted no result" not in caplog.text, "skipped steps are no news"
    assert outcome.success
    assert not outcome.is_new
    assert estate.bytes_of("landing", "published", "reports", "computed", "quarantine") == before


def test_same_inputs_give_the_same_bytes_elsewhere(estate: SmallEstate, tmp_path: Path) -> None:
    twin = SmallEstate(tmp_path)
    assert twin.run().success
    tables = {n: b for n, b in estate.bytes_of("published").items() if n.endswith(".parquet")}
    twins = {n: b for n, b in twin.bytes_of("published").items() if n.endswith(".parquet")}
    assert {Path(n).name: b for n, b in tables.items()} == {Path(n).name: b for n, b in twins.items()}
    pages = {Path(n).name: b for n, b in estate.bytes_of("reports").items()}
    assert pages == {Path(n).name: b for n, b in twin.bytes_of("reports").items()}


def test_running_day_after_day_equals_running_the_range_at_once(estate: SmallEstate, tmp_path: Path) -> None:
    """Incremental models must not depend on how the days were cut into runs."""
    twin = SmallEstate(tmp_path)
    last = twin.size.end_date
    assert twin.run(as_of=last - timedelta(days=2)).success
    assert twin.run(as_of=last - timedelta(days=1)).success
    assert twin.run(as_of=last).success
    for table in (
        "fct_resource_utilisation_hourly",
        "fct_pool_demand_daily",
        "fct_service_performance_daily",
        "fct_incidents",
        "fct_incident_sla",
        "fct_backlog_daily",
    ):
        name = f"published/current/parquet/{table}.parquet"
        assert (twin.home / name).read_bytes() == (estate.home / name).read_bytes(), table


def test_bad_input_blocks_publishing_and_the_last_version_stays_served(
    estate: SmallEstate, tmp_path: Path
) -> None:
    estate = estate.copy(tmp_path)
    served = (estate.home / "published/current").resolve()
    plan = estate.home / "control" / "targets.csv"
    text = plan.read_text().splitlines()
    plan.write_text(
        "\n".join([text[0], *(line.replace("<=", "??").replace(">=", "??") for line in text[1:])]) + "\n"
    )
    outcome = estate.run()
    assert not outcome.success
    assert (estate.home / "published/current").resolve() == served
    # Extraction has nothing new the second time, and must still remember that the check failed.
    assert not estate.run().success
    assert (estate.home / "published/current").resolve() == served


def test_failed_dbt_test_blocks_publishing(estate: SmallEstate, tmp_path: Path) -> None:
    """A service map that names a service nobody offers breaks a relationship test of the models."""
    estate = estate.copy(tmp_path)
    served = (estate.home / "published/current").resolve()
    for source in (estate.home / "control").glob("services.csv"):
        lines = source.read_text().splitlines()
        source.write_text("\n".join(lines[:-1]) + "\n")
    outcome = estate.run()
    assert not outcome.success
    assert outcome.failures[0].startswith("models")
    assert (estate.home / "published/current").resolve() == served
