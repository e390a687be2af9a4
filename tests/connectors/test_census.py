"""The census: rows missed are fetched, deleted ones become tombstones, and a lost right is no deletion."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.connectors import census
from assets.connectors.base import Window
from assets.connectors.census import Census, Held, Landed
from assets.connectors.remote import RetryPolicy
from assets.connectors.servicenow import ServiceNowConnector, ServiceNowSource
from tests.connectors.landing import land_all, landed_rows
from tests.connectors.simulators import servicenow
from tests.connectors.simulators.servicenow import ServiceNow, change

DAY = date(2026, 3, 28)


def run(desk: ServiceNow, home: Path, day: date, **changes: Any) -> list[str]:
    """Land one day with a census, and say what was refused."""
    source = ServiceNowSource.model_validate(
        {
            "type": "servicenow",
            "name": "desk",
            "url": desk.url,
            "user": "ullage",
            "password_env": "SNOW_PASSWORD",
            "page_rows": 4,
            "lookback_days": 0,
            "census_every_days": 1,
            "tables": {"changes": {}},
            **changes,
        }
    )
    connector = ServiceNowConnector(source, spool=home / "spool", retries=RetryPolicy(sleep=lambda _: None))
    summaries = land_all(connector, home, Window(day, day), hour=6 + (day - DAY).days)
    return [text for summary in summaries for text in summary.rejections]


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOW_PASSWORD", servicenow.PASSWORD)


def landed_changes(home: Path) -> set[str]:
    return {row["change_id"] for row in landed_rows(home, "desk", "changes")}


def tombstones(home: Path) -> dict[str, date]:
    rows = landed_rows(home, "desk", "tombstones")
    assert all(row["record_table"] == "changes" and row["source"] == "desk" for row in rows)
    return {row["record_key"]: row["deleted_known_date"] for row in rows}


def test_what_is_deleted_becomes_a_tombstone_and_what_was_missed_is_fetched(tmp_path: Path) -> None:
    """With the day on which that was known first; a record that comes back is no longer gone."""
    with ServiceNow(9) as desk:
        assert run(desk, tmp_path, DAY) == []
        assert tombstones(tmp_path) == {}
        deleted, restored = desk.rows[2], desk.rows[5]
        desk.rows.remove(deleted)
        desk.rows.remove(restored)
        # Written with an old time of change, as imports and scripts do: no later window sees it.
        desk.rows.append(change("f" * 32, "CHG-LATE", servicenow.START))
        assert run(desk, tmp_path, DAY + timedelta(days=1)) == []
        known = DAY + timedelta(days=1)
        assert tombstones(tmp_path) == {deleted["number"]: known, restored["number"]: known}
        assert "CHG-LATE" in landed_changes(tmp_path)
        desk.rows.append(restored)
        assert run(desk, tmp_path, DAY + timedelta(days=2)) == []
        assert tombstones(tmp_path) == {deleted["number"]: known}
        assert {row["number"] for row in desk.rows} <= landed_changes(tmp_path)
        assert not list((tmp_path / "spool").rglob("*.page"))


def test_a_census_is_taken_when_it_is_due(tmp_path: Path) -> None:
    with ServiceNow(3) as desk:
        asked = []
        for number in range(4):
            desk.questions.clear()
            run(desk, tmp_path, DAY + timedelta(days=number), census_every_days=3)
            asked.append(sum("sys_updated_on" not in one.params["sysparm_query"] for one in desk.questions))
    assert asked == [1, 0, 0, 1]


def test_rows_hidden_from_the_account_are_not_taken_for_deleted(tmp_path: Path) -> None:
    with ServiceNow(9) as desk:
        run(desk, tmp_path, DAY)
        desk.hide(3)
        (message,) = run(desk, tmp_path, DAY + timedelta(days=1))
        assert "the census gave 6 of 9 records" in message
        assert run(desk, tmp_path, DAY + timedelta(days=2), accept_hidden_rows=True) == []
    assert tombstones(tmp_path) == {}


def test_a_table_that_is_suddenly_almost_empty_is_not_believed(tmp_path: Path) -> None:
    with ServiceNow(20) as desk:
        run(desk, tmp_path, DAY)
        del desk.rows[3:]
        (message,) = run(desk, tmp_path, DAY + timedelta(days=1))
        assert "17 of 20 landed records are gone from the source at once" in message
    assert tombstones(tmp_path) == {}


KEYS = st.sampled_from("abcdef")
DAYS = st.integers(0, 5).map(lambda number: DAY + timedelta(days=number))


@given(st.dictionaries(KEYS, DAYS), st.dictionaries(KEYS, DAYS), st.dictionaries(KEYS, DAYS), st.sets(DAYS))
def test_every_key_is_held_or_gone_and_every_row_missed_is_read_again(
    newest: dict[str, date], there: dict[str, date], earlier: dict[str, date], days: set[date]
) -> None:
    known, before = Landed(newest, frozenset(days)), Census(DAY, 0, earlier)
    held = [Held(key, None, updated) for key, updated in there.items()]
    today = DAY + timedelta(days=9)
    gone = census.gone(before, known, held, today)
    assert set(gone) == (set(newest) | set(earlier)) - set(there)
    assert all(gone[key] == earlier.get(key, today) for key in gone)
    missed = census.missed_days(known, held, by_history=False)
    assert set(missed) == {
        updated for key, updated in there.items() if updated in days and newest.get(key, date.min) < updated
    }
    assert [
        day for window in census.windows(missed) for day in census._each_day(window.start, window.end)
    ] == missed


def test_a_record_with_history_is_read_for_all_days_of_its_life() -> None:
    days = frozenset(DAY + timedelta(days=number) for number in range(5))
    held = [
        Held("INC1", DAY - timedelta(days=1), DAY + timedelta(days=1)),
        Held("INC2", DAY, DAY + timedelta(days=3)),
    ]
    known = Landed({"INC2": DAY}, days)
    assert census.missed_days(known, held, by_history=True) == [DAY, DAY + timedelta(days=1)]
