"""Anomalies: runs of unusual hours in local time, the same whichever run finds them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from assets.capacity.anomalies import find_anomalies

START = datetime(2026, 2, 16, tzinfo=UTC)  # a Monday, six weeks before clocks go forward in Berlin
DAYS = 56
AS_OF = (START + timedelta(days=DAYS - 1)).date()
NO_HOLIDAYS = pd.DataFrame({"zone": [], "holiday_date": []})


def hours(zone: str = "Europe/Berlin", days: int = DAYS) -> pd.DataFrame:
    """Office load in local time, three per cent noise."""
    moments = [START + timedelta(hours=n) for n in range(days * 24)]
    local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    busy = [100.0 if 8 <= at.hour < 18 and at.weekday() < 5 else 20.0 for at in local]
    noise = np.random.default_rng(1).normal(1, 0.03, len(busy))
    first = int(START.timestamp()) // 3600
    return pd.DataFrame({"series": 0, "hour": first + np.arange(len(busy)), "value": np.array(busy) * noise})


def series(zone: str = "Europe/Berlin") -> pd.DataFrame:
    return pd.DataFrame(
        {"series": [0], "ci_id": ["web-1"], "resource": ["cpu"], "unit": ["1"], "zone": [zone]}
    )


def usable(value: float | None = 200.0) -> pd.DataFrame:
    days = int(START.timestamp()) // 86400 + np.arange(DAYS)
    return pd.DataFrame({"series": 0, "day": days, "usable_value": value})


def at(day: int, hour: int) -> int:
    return day * 24 + hour


def found(rows: pd.DataFrame, as_of: date = AS_OF, **more: pd.DataFrame) -> pd.DataFrame:
    room = more.get("room", usable())
    return find_anomalies(rows, more.get("names", series()), room, more.get("holidays", NO_HOLIDAYS), as_of)[
        0
    ]


def test_a_clock_change_is_no_anomaly() -> None:
    """Hours are local: the office opens an hour earlier in UTC from 29 March on. In UTC all would be unusual."""
    assert found(hours()).empty
    assert not found(hours(), names=series("UTC")).empty


def test_one_run_of_hours_is_one_anomaly_with_its_peak() -> None:
    rows = hours()
    rows.loc[at(44, 10) : at(44, 14), "value"] += [60, 70, 90, 70, 60]
    (anomaly,) = found(rows).to_dict("records")
    assert (anomaly["opened_at"], anomaly["ended_at"]) == (
        pd.Timestamp("2026-04-01 10:00"),
        pd.Timestamp("2026-04-01 15:00"),
    )
    assert (anomaly["direction"], anomaly["hour_count"], anomaly["is_open"]) == ("up", 5, False)
    assert anomaly["score"] > 10
    assert abs(anomaly["expected_value"] - 100) < 10


def test_a_gap_in_the_data_does_not_split_and_is_not_unusual() -> None:
    rows = hours()
    rows.loc[at(44, 9) : at(44, 15), "value"] = 5
    whole = rows.drop(range(at(44, 11), at(44, 13)))
    (anomaly,) = found(whole).to_dict("records")
    assert (anomaly["direction"], anomaly["hour_count"]) == ("down", 5)


def test_what_is_small_beside_capacity_is_of_no_interest() -> None:
    rows = hours()
    rows.loc[at(44, 10), "value"] += 60
    assert len(found(rows, room=usable(1000))) == 1
    assert found(rows, room=usable(1500)).empty
    assert len(found(rows, room=usable(None).dropna())) == 1


def test_an_earlier_run_finds_the_same_up_to_its_day() -> None:
    """The state may differ (it goes on, it has ended), the opening never does."""
    rows = hours()
    rows.loc[at(44, 10) : at(44, 14), "value"] += 60
    rows.loc[at(50, 9) : at(52, 20), "value"] += 60
    late = found(rows)
    for day in (44, 45, 50, 51):
        as_of = (START + timedelta(days=day)).date()
        early = found(rows[: (day + 1) * 24], as_of)
        known = late[late["opened_at"] < pd.Timestamp(as_of) + timedelta(days=1)]
        assert early["opened_at"].tolist() == known["opened_at"].tolist()
    first = found(rows[: 45 * 24], (START + timedelta(days=44)).date())
    assert first["is_open"].tolist() == [True]


def test_a_holiday_of_the_zone_is_a_day_off() -> None:
    rows = hours()
    good_friday = (date(2026, 4, 3) - START.date()).days
    rows.loc[at(good_friday, 0) : at(good_friday, 23), "value"] = 20
    assert len(found(rows)) == 1
    holidays = pd.DataFrame({"zone": ["Europe/Berlin"], "holiday_date": pd.to_datetime(["2026-04-03"])})
    assert found(rows, holidays=holidays).empty


def test_the_week_ahead_has_every_local_hour() -> None:
    baselines = find_anomalies(hours(), series(), usable(), NO_HOLIDAYS, AS_OF)[1]
    assert len(baselines) == 7 * 24
    tuesday = baselines[baselines["weekday"] == 2].set_index("hour")["expected_value"]
    assert tuesday[12] > 90
    assert tuesday[20] < 30


def test_nothing_gives_nothing() -> None:
    nothing = hours()[:0]
    anomalies, baselines = find_anomalies(nothing, series()[:0], usable()[:0], NO_HOLIDAYS, AS_OF)
    assert len(anomalies) == len(baselines) == 0
    assert "ci_id" in anomalies
