"""The checks on events and baselines fail on bad tables; on the small estate's good ones they pass (test_build)."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.dbt.dbt_project_runner import WAREHOUSE, DbtProjectRunner
from tests.dbt.landing_fixture import Row, landing_tables, load_duckdb
from tests.dbt.small_estate import AS_OF, at, estate_rows

pytestmark = pytest.mark.slow

MARTS = ("fct_events", "fct_event_detections", "fct_resource_baselines")


def bad_tables() -> dict[str, list[Row]]:
    """An exception without cause and peak, an event that closed before it opened, a forecast that stands beside the
    threshold event of its resource, a baseline without spread.
    """
    rows = estate_rows()
    exception, closed = (dict(row) for row in rows["capacity_events"])
    exception |= {"peak_value": 0.1, "cause_ci_id": None}
    closed |= {"last_seen_at": closed["opened_at"] - timedelta(hours=1)}
    threshold, forecast, anomaly = (dict(row) for row in rows["capacity_event_detections"])
    forecast |= {"event_id": "e2", "ci_id": threshold["ci_id"], "opened_at": at(AS_OF, 3)}
    (baseline, *_) = (dict(row) for row in rows["resource_baselines"])
    return rows | {
        "capacity_events": [exception, closed],
        "capacity_event_detections": [threshold | {"is_cause": False}, forecast, anomaly],
        "resource_baselines": [baseline | {"scale_value": 0.0}],
    }


def test_bad_events_and_baselines_stop_the_run(dbt_project: DbtProjectRunner, tmp_path: Path) -> None:
    """Each check names its own mistake."""
    warehouse = tmp_path / WAREHOUSE
    load_duckdb(warehouse, landing_tables(bad_tables()))
    selected = [f"+{name}" for name in MARTS]
    assert dbt_project.run(["run", "--select", *selected], warehouse).failed() == {}
    outcome = dbt_project.run(["test", "--select", *MARTS, "--exclude-resource-type", "unit_test"], warehouse)
    assert set(outcome.failed()) == {
        "events_open_before_they_close",
        "exceptions_have_passed_usable_capacity",
        "assert_events_have_one_cause",
        "baselines_have_a_scale",
    }
