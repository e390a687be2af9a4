"""A small estate that touches every model: four days, three services, every kind of metric, a clock change.

Values are sums of decimal fractions on purpose: engines must agree on them to 1e-9, not only on powers of two.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from tests.dbt.landing_fixture import Row, run_rows
from tests.dbt.small_estate.agreements import agreements
from tests.dbt.small_estate.analyses import changed, rightsizing, scalability, staffing
from tests.dbt.small_estate.changes import changes
from tests.dbt.small_estate.control import estate, measurement
from tests.dbt.small_estate.events import events
from tests.dbt.small_estate.finance import finance
from tests.dbt.small_estate.forecasts import forecasts
from tests.dbt.small_estate.moments import AS_OF, DAYS, at
from tests.dbt.small_estate.planning import planning
from tests.dbt.small_estate.samples import histograms, samples
from tests.dbt.small_estate.service_desk import incidents, requests_and_problems

__all__ = ["AS_OF", "DAYS", "at", "estate_rows"]


def estate_rows(
    days: Sequence[date] = DAYS, as_of: date = AS_OF, *, without: date | None = None
) -> dict[str, list[Row]]:
    """Landing rows of a run as of `as_of` that rebuilds `days`.

    Metric tables hold those days and the day before each, as in production; `without` names a day whose metrics were
    withdrawn.
    """
    wanted = {day - timedelta(days=back) for day in days for back in (0, 1)}
    loaded = [day for day in DAYS if day in wanted and day != without]
    rows: dict[str, list[Row]] = dict(run_rows(as_of, days, history_days=4))
    rows["metric_samples"] = [row for day in loaded for row in samples(day)]
    rows["metric_histograms"] = [row for day in loaded for row in histograms(day)]
    rows |= estate() | measurement() | agreements() | finance()
    rows |= incidents() | requests_and_problems() | changes() | events()
    rows |= forecasts() | rightsizing() | staffing() | changed() | scalability() | planning(as_of)
    return rows | {"receipts": _receipts()}


def _receipts() -> list[Row]:
    common = {
        "source": "files",
        "table_name": "metric_samples",
        "batch_id": "b",
        "extracted_at": at(AS_OF, 23),
    }
    counts = {"rows_received": 10, "rows_landed": 9, "rows_quarantined": 1, "input_path": "a.csv"}
    return [
        {**common, **counts, "receipt_id": f"b.v000{version}", "version": version, "is_current": version == 2}
        for version in (1, 2)
    ]
