"""A quarter of a year of history in a real Prometheus: what was written lands, day by day, value by value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.connectors.base import Window
from assets.connectors.prometheus import PrometheusConnector, PrometheusSource
from tests.connectors.landing import land_all, landed_rows, quarantined_rows

#: From winter to summer: the clocks change in America on 13 March, in Europe on 27 March.
FIRST = date(2022, 1, 20)
DAYS = 92
STEP = 3_600
HOSTS = ("web-1", "web-2", "db-1")
#: Their names in the estate; db-1 has the same.
ITEMS = {"web-1": "ci-web-one", "web-2": "ci-web-two"}
BOUNDS = {"0.1": 1, "0.5": 3, "+Inf": 4}

Row = tuple[str, datetime]


def moments(number: int) -> Iterator[tuple[int, datetime]]:
    """(hour since the first, its moment) of a day; day 40 lacks six hours, day 41 all of them."""
    for hour in range(24):
        is_gap = number == 41 or (number == 40 and hour >= 18)
        if not is_gap:
            start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
            yield number * 24 + hour, start + timedelta(hours=number * 24 + hour)


def load(host: int, hour: int) -> float:
    return (hour * 7 + host * 13) % 100 / 8


def total(host: int, hour: int) -> int:
    """A counter that restarts every 10 days, 5 hours later on each host."""
    return 1 + (hour + 5 * host) % 240 * 11


def requests(hour: int) -> int:
    """What the buckets count: from zero again every 30 days."""
    return 2 + hour % 720


def written() -> str:
    """OpenMetrics text of all days."""
    lines: dict[str, list[str]] = {"load": [], "work": [], "wait": []}
    for number in range(DAYS):
        for hour, moment in moments(number):
            at = int(moment.timestamp())
            for host, name in enumerate(HOSTS):
                lines["load"].append(f'load{{host="{name}"}} {load(host, hour)} {at}')
                lines["work"].append(f'work_total{{host="{name}"}} {total(host, hour)} {at}')
            for bound, share in BOUNDS.items():
                lines["wait"].append(f'wait_bucket{{svc="shop",le="{bound}"}} {requests(hour) * share} {at}')
    kinds = {"load": "gauge", "work": "counter", "wait": "histogram"}
    text = [line for name, kind in kinds.items() for line in (f"# TYPE {name} {kind}", *lines[name])]
    return "\n".join([*text, "# EOF", ""])


def growth() -> dict[tuple[datetime, float], float]:
    """What each hour should count, a bucket: nothing of the first hour and of the one after a gap."""
    found = {}
    hours = {hour for number in range(DAYS) for hour, _ in moments(number)}
    for number in range(DAYS):
        for hour, moment in moments(number):
            if hour - 1 in hours:
                now, before = requests(hour), requests(hour - 1)
                for bound, share in BOUNDS.items():
                    count = (now - before if now >= before else now) * share
                    found[moment, float(bound)] = float(count)
    return found


@pytest.fixture(scope="module")
def home(start_prometheus: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of it landed in one go."""
    item = {"ci_label": "host", "ci_map": ITEMS}
    given = {
        "type": "prometheus",
        "name": "prom",
        "url": start_prometheus({"history.om": written()}, 24 * 30),
        "step_seconds": STEP,
        "queries": [
            {"metric": "load", "query": "load", "unit": "1", "kind": "gauge", **item},
            {"metric": "work", "query": "work_total", "unit": "1", "kind": "counter", **item},
            {"metric": "wait", "query": "wait_bucket", "unit": "s", "kind": "histogram", "ci_label": "svc"},
        ],
    }
    folder = tmp_path_factory.mktemp("history")
    connector = PrometheusConnector(PrometheusSource.model_validate(given), spool=folder / "spool")
    summaries = land_all(connector, folder, Window(FIRST, FIRST + timedelta(days=DAYS - 1)))
    assert all(summary.is_conserved for summary in summaries)
    return folder


def by_day(rows: list[dict[str, Any]], metric: str) -> dict[date, dict[Row, float]]:
    found: dict[date, dict[Row, float]] = defaultdict(dict)
    for row in rows:
        if row["metric"] == metric:
            key = (row["ci_id"], row["observed_at"].replace(tzinfo=UTC))
            assert key not in found[key[1].date()]
            found[key[1].date()][key] = row["value"]
    return found


@pytest.mark.prometheus
def test_months_of_gauges_and_counters_land_as_they_were_written(home: Path) -> None:
    """Every day has its hours, those on which clocks change too; counters come raw, their restarts included."""
    rows = landed_rows(home, "prom", "metric_samples")
    for metric, value in (("load", load), ("work", total)):
        wanted = {
            FIRST + timedelta(days=number): {
                (ITEMS.get(name, name), moment): float(value(host, hour))
                for hour, moment in moments(number)
                for host, name in enumerate(HOSTS)
            }
            for number in range(DAYS)
            if number != 41
        }
        assert by_day(rows, metric) == wanted
    assert quarantined_rows(home, "prom", "metric_samples") == []


@pytest.mark.prometheus
def test_months_of_histograms_land_as_growth_across_days_and_restarts(home: Path) -> None:
    """Midnight costs nothing: the sample before a day counts for its first hour."""
    found = {
        (row["observed_at"].replace(tzinfo=UTC), row["upper_bound"]): row["count"]
        for row in landed_rows(home, "prom", "metric_histograms")
    }
    assert found == growth()
