"""The checks on past forecasts, events of the business and overrides fail on bad tables."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.dbt.dbt_project_runner import WAREHOUSE, DbtOutcome, DbtProjectRunner, damaged
from tests.dbt.landing_fixture import Row, landing_tables, load_duckdb
from tests.dbt.small_estate import estate_rows

pytestmark = pytest.mark.slow

CHECKED = ("fct_forecast_outcomes", "stg_business_events", "stg_forecast_overrides")


def bad_tables() -> dict[str, list[Row]]:
    """Forecasts that had seen their day, an event that ends before it begins, an override that says two things."""
    rows = estate_rows()
    seen = [dict(row, target_date=row["as_of_date"]) for row in rows["past_forecasts"]]
    (event,), (override,) = rows["business_events"], rows["forecast_overrides"]
    return rows | {
        "past_forecasts": seen,
        "business_events": [dict(event, last_date=event["first_date"] - timedelta(days=1))],
        "forecast_overrides": [dict(override, value=3.0)],
    }


def test_bad_forecasts_events_and_overrides_are_found(dbt_project: DbtProjectRunner, tmp_path: Path) -> None:
    """Each check names its own mistake; an event of the wrong dates is a warning, its factor is merely never used."""
    warehouse = tmp_path / WAREHOUSE
    load_duckdb(warehouse, landing_tables(bad_tables()))
    selected = [f"+{name}" for name in CHECKED]
    assert dbt_project.run(["run", "--select", *selected, "stg_services"], warehouse).failed() == {}
    outcome = dbt_project.run(
        ["test", "--select", *CHECKED, "--exclude-resource-type", "unit_test"], warehouse
    )
    assert outcome.statuses["outcomes_come_after_forecasts"] == "fail"
    assert outcome.statuses["overrides_say_one_thing"] == "fail"
    assert outcome.statuses["business_events_end_after_they_begin"] == "warn"


# Each check of a mart on forecasts, and a row that it must not let pass.
TAMPERED = {
    "records_are_scores": "update marts.fct_forecast_track_record set wql = -0.1",
    "saturation_scores_add_up": "update marts.fct_saturation_scores set saturated_days = known_days + 1",
    "reliability_is_of_its_bin": "insert into marts.fct_saturation_reliability by name select 'pool' as level, "
    "30 as within_days, 0.2 as bin_low_ratio, 0.3 as bin_high_ratio, 40 as forecast_count, 0.31 as expected_ratio, "
    "0.25 as came_ratio, 0.1 as brier_score",
    "a_learned_model_is_kept": "update marts.fct_forecast_models set artefact_sha256 = null",
}


def test_records_that_cannot_be_are_found(
    built: tuple[Path, DbtOutcome], dbt_project: DbtProjectRunner, tmp_path: Path
) -> None:
    """A negative loss, a saturation after what is known, a probability outside its bin, a model that was not kept."""
    warehouse = damaged(built[0], tmp_path, *TAMPERED.values())
    outcome = dbt_project.run(["test", "--select", *TAMPERED], warehouse)
    assert outcome.statuses == dict.fromkeys(TAMPERED, "fail")
