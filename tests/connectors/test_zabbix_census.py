"""The census of Zabbix: values are counted at the server, and days that lack some are read again.

What all sources of metrics guarantee of it: test_guarantees_census.py.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.connectors.base import Window
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.zabbix import ZabbixConnector, ZabbixSource
from assets.landing.summary import LandingSummary
from tests.connectors.landing import land_all, landed_rows
from tests.connectors.simulators.zabbix import KEY, START, VARIABLE, Zabbix

DAY = date(2026, 3, 28)


def counted(zabbix: Zabbix, home: Path, number: int, query: dict[str, Any] | None = None) -> LandingSummary:
    """Land a day with a census; days are counted from `DAY`."""
    settings = {
        "type": "zabbix",
        "name": "zabbix",
        "url": zabbix.url,
        "token_env": VARIABLE,
        "lookback_days": 0,
        "page_rows": 6,
        "census_every_days": 1,
        "queries": [{"metric": "system.cpu.utilization", "item_key": KEY, **(query or {})}],
    }
    source = ZabbixSource.model_validate(settings)
    one = ZabbixConnector(source, spool=home / "spool", retries=RetryPolicy(sleep=lambda _seconds: None))
    window = Window(DAY + timedelta(days=number), DAY + timedelta(days=number))
    (summary,) = land_all(one, home, window, hour=6 + number)
    return summary


def test_an_item_without_numbers_is_not_counted_as_a_value(zabbix: Zabbix, tmp_path: Path) -> None:
    """Its row of quarantine stands beside the values of the day: a late value must not hide behind it."""
    zabbix.item("web1", "cpu[text]", value_type="4")
    zabbix.item("web2", "cpu[busy]", value_type="3")
    zabbix.value(zabbix.items[-1], START, "1")
    query = {"item_key": "cpu[*]", "ci": "{host}"}
    assert counted(zabbix, tmp_path, 0, query).rows_received == 2
    zabbix.value(zabbix.items[-1], START + timedelta(minutes=1), "2")
    assert counted(zabbix, tmp_path, 1, query).batches_written == 2
    assert [row["value"] for row in landed_rows(tmp_path, "zabbix", "metric_samples")] == [1.0, 2.0]
    floats = {"history": 0, "itemids": ["105"]}
    asked = [one.body["params"] for one in zabbix.questions if one.body["method"] == "history.get"]
    assert asked
    assert not [params for params in asked if params.items() >= floats.items()]


def test_a_day_of_trends_is_read_again_when_history_comes(zabbix: Zabbix, tmp_path: Path) -> None:
    """As when a proxy that was away for days sends what it kept: history is finer than what stood in for it."""
    zabbix.trend(zabbix.items[0], START, "1", "2", "9")
    counted(zabbix, tmp_path, 0)
    for minute in range(2):
        zabbix.value(zabbix.items[0], START + timedelta(minutes=minute), "5")
    counted(zabbix, tmp_path, 1)
    assert [row["value"] for row in landed_rows(tmp_path, "zabbix", "metric_samples")] == [5.0, 5.0]


def test_days_that_another_query_read_are_not_counted(zabbix: Zabbix, tmp_path: Path) -> None:
    """They stay as that one read them."""
    zabbix.value(zabbix.items[0], START, "1")
    counted(zabbix, tmp_path, 0)
    zabbix.value(zabbix.items[0], START + timedelta(minutes=1), "2")
    assert counted(zabbix, tmp_path, 1, {"ci_map": {"web1": "shop"}}).batches_written == 1
    assert [row["ci_id"] for row in landed_rows(tmp_path, "zabbix", "metric_samples")] == ["web1"]


def test_a_server_that_does_not_count_is_an_error_that_says_what_to_set(
    zabbix: Zabbix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """History in Elasticsearch: the frontend lists the values whatever it is asked."""
    zabbix.value(zabbix.items[0], START, "1")
    counted(zabbix, tmp_path, 0)
    answer = zabbix._history_get
    monkeypatch.setattr(
        zabbix, "_history_get", lambda params: [] if "countOutput" in params else answer(params)
    )
    with pytest.raises(SourceError, match="gave no number") as caught:
        counted(zabbix, tmp_path, 1)
    assert "census_every_days: null" in caught.value.fix
