"""Events: one cause is one event, and an event keeps its identity whatever comes later."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.capacity.analyses import EVENTS
from assets.capacity.detections import COLUMNS, detections
from assets.capacity.events import describe, detections_of, find_events, group, locate
from assets.warehouse.computed import as_arrow

DAY = pd.Timestamp("2026-06-01")
AS_OF = date(2026, 6, 30)
MEMBERS = pd.DataFrame(
    [
        ("shop", "web-1", "web"),
        ("shop", "web-2", "web"),
        ("shop", "db-1", "db"),
        ("mail", "mail-1", "mail-1"),
        ("wiki", "db-1", "db"),
    ],
    columns=["service_id", "ci_id", "redundancy_group"],
).assign(valid_from=date(2020, 1, 1), valid_to=None)
SERVICES = pd.DataFrame({"service_id": ["shop", "mail", "wiki"], "criticality": [1, 2, 3]})


def detection(source: str, ci: str | None, opened: float, hours: float = 5, **more: Any) -> dict[str, Any]:
    """A detection that opens `opened` hours after DAY and lasts `hours`."""
    start = DAY + timedelta(hours=opened)
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {
        "source": source,
        "ci_id": ci,
        "resource": "cpu",
        "unit": "1",
        "direction": "up",
        "category": "warning",
    }
    row |= {
        "opened_at": start,
        "ended_at": start + timedelta(hours=hours),
        "exception_at": pd.NaT,
        "is_open": False,
    }
    row |= {"quiet_until_at": start + timedelta(hours=hours + 24), "peak_value": 0.9, "threshold_value": 1.0}
    row |= {"category": "informational"} if source == "baseline" else {}
    return row | more


def events_of(*rows: dict[str, Any]) -> pd.DataFrame:
    found = pd.DataFrame(list(rows), columns=COLUMNS).sort_values(
        "opened_at", kind="stable", ignore_index=True
    )
    places = locate(found, MEMBERS)
    grouped = group(found, places)
    return describe(detections_of(grouped, found, places), grouped, places, SERVICES)


def test_members_of_a_pool_that_cross_one_after_another_are_one_event() -> None:
    events = events_of(
        detection("threshold", "web-1", 0, 200),
        detection("threshold", "web-2", 150, 50, exception_at=DAY, category="exception"),
    )
    (event,) = events.to_dict("records")
    assert (event["category"], event["severity"], event["cause_ci_id"]) == ("exception", "critical", "web-1")
    assert (event["ci_ids"], event["peak_ci_id"], event["detection_count"]) == ("web-1, web-2", "web-2", 2)


def test_an_outage_of_one_service_is_one_event_and_its_cause_is_the_ci_that_most_depend_on() -> None:
    down = {"direction": "down"}
    events = events_of(
        detection("baseline", "web-1", 0, **down),
        detection("baseline", "db-1", 0, resource="memory", **down),
        detection("baseline", "web-2", 2, **down),
        detection("baseline", "mail-1", 0, **down),
    )
    assert sorted(events["service_ids"]) == ["mail", "shop, wiki"]
    shop = events[events["service_ids"] == "shop, wiki"].iloc[0]
    assert (shop["cause_ci_id"], shop["ci_count"], shop["service_count"]) == ("db-1", 3, 2)


def test_later_trouble_on_the_same_service_is_another_event() -> None:
    assert len(events_of(detection("baseline", "web-1", 0, 2), detection("baseline", "db-1", 9, 2))) == 2


def test_what_is_unusual_on_a_resource_short_for_weeks_is_something_new() -> None:
    assert len(events_of(detection("threshold", "web-1", 0, 500), detection("baseline", "web-1", 300))) == 2


def test_a_shift_of_demand_that_leads_over_the_threshold_is_one_event() -> None:
    events = events_of(detection("baseline", "web-1", 0, 60), detection("threshold", "web-1", 30, 100))
    assert events[["source", "sources", "category"]].to_numpy().tolist() == [
        ["baseline", "baseline, threshold", "warning"]
    ]


def test_a_forecast_of_a_pool_joins_the_threshold_event_of_its_member() -> None:
    forecast = detection("forecast", None, 24, pool_id="shop/web/cpu", decision_date=date(2026, 7, 9))
    events = events_of(
        detection("threshold", "web-2", 0, 200),
        forecast | {"probability_within_lead_time": 0.7, "peak_value": None},
    )
    (event,) = events.to_dict("records")
    assert (event["sources"], event["decision_date"]) == ("forecast, threshold", date(2026, 7, 9))
    assert (event["ci_count"], event["peak_value"]) == (2, 0.9)


def test_a_forecast_alone_names_a_ci_of_its_pool() -> None:
    (event,) = events_of(detection("forecast", None, 24, pool_id="shop/web/cpu", peak_value=None)).to_dict(
        "records"
    )
    assert (event["cause_ci_id"], event["source"]) == ("web-1", "forecast")


def test_a_ci_of_no_service_has_events_too() -> None:
    events = events_of(detection("threshold", "spare", 0, 90), detection("threshold", "spare", 50, 20))
    assert events[["ci_ids", "service_count", "detection_count"]].to_numpy().tolist() == [["spare", 0, 2]]


def test_an_event_is_open_while_one_of_its_detections_is() -> None:
    events = events_of(
        detection("threshold", "web-1", 0, 50), detection("threshold", "web-2", 20, 90, is_open=True)
    )
    assert events["is_open"].tolist() == [True]
    assert events["closed_at"].isna().all()


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["threshold", "baseline"]),
            st.sampled_from(["web-1", "web-2", "db-1", "mail-1"]),
            st.integers(0, 60),
            st.integers(1, 40),
        ),
        min_size=1,
        max_size=12,
        unique_by=lambda row: row[:3],
    ),
    st.integers(0, 70),
)
def test_what_comes_later_changes_neither_event_nor_identity(
    rows: list[tuple[str, str, int, int]], now: int
) -> None:
    """A run as of an earlier moment gives the same events, each with the detections that had opened by then."""
    everything = [detection(*row) for row in sorted(rows, key=lambda row: (row[2], row[0], row[1]))]
    until = [row for row in everything if row["opened_at"] <= DAY + timedelta(hours=now)]
    early, late = events_of(*until), events_of(*everything)
    known = late[late["opened_at"] <= DAY + timedelta(hours=now)]
    assert early["event_id"].tolist() == known["event_id"].tolist()
    assert late["event_id"].is_unique


def forecasts(*days: tuple[int, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"pool_id": "shop/web/cpu", "ci_id": None, "resource": "cpu", "unit": "1", "usable_value": 1.6}
            | {"as_of_date": date(2026, 6, day), "probability_within_lead_time": p, "decision_date": None}
            for day, p in days
        ]
    )


def drifts(*days: tuple[int, bool]) -> pd.DataFrame:
    """Records of the pool shop/web/cpu: (day of June, drifting or not)."""
    columns = ["as_of_date", "pool_id", "ci_id", "resource", "recent_wql", "promised_wql", "is_drifting"]
    return pd.DataFrame(
        [
            (pd.Timestamp(2026, 6, day), "shop/web/cpu", "web-1", "cpu", 0.9 + day, 0.4, drifting)
            for day, drifting in days
        ],
        columns=columns,
    )


def test_drift_is_an_event_of_its_own_that_closes_when_forecasts_keep_their_promise() -> None:
    """A pool whose forecast is bad may run short as well: what to do about the two is different."""
    nothing = pd.DataFrame(columns=[*COLUMNS, "hour_count", "usable_value", "expected_value"])
    short = forecasts((2, 0.6), (3, 0.6))
    drifting = drifts((1, False), (2, True), (3, True), (4, False), (5, True))
    found = detections(nothing, nothing, short, drifting, AS_OF)
    drifted = found[found["source"] == "drift"]
    assert drifted["opened_at"].dt.day.tolist() == [3, 6]
    assert drifted["is_open"].tolist() == [False, True]
    assert drifted["peak_value"].tolist() == [3.9, 5.9]
    places = locate(found, MEMBERS)
    events = describe(*_described(found, places), places, SERVICES)
    assert sorted(events["source"]) == ["drift", "drift", "forecast"]
    assert set(events.loc[events["source"] == "drift", "severity"]) == {"info"}


def _described(found: pd.DataFrame, places: list[Any]) -> tuple[pd.DataFrame, list[Any]]:
    grouped = group(found, places)
    return detections_of(grouped, found, places), grouped


def test_a_forecast_opens_high_and_closes_low() -> None:
    """Between 50 % and 25 % it neither opens nor closes."""
    nothing = pd.DataFrame(columns=[*COLUMNS, "hour_count", "usable_value", "expected_value"])
    found = detections(
        nothing,
        nothing,
        forecasts((1, 0.4), (2, 0.6), (3, 0.3), (4, 0.2), (5, 0.4), (6, 0.5)),
        drifts(),
        AS_OF,
    )
    assert found["opened_at"].dt.day.tolist() == [3, 7]
    assert found["is_open"].tolist() == [False, True]
    assert found["ended_at"].dt.day.tolist() == [5, 7]


def test_an_estate_without_anything_has_empty_tables() -> None:
    """The first run of a new estate must not fail on what is not there yet."""
    columns = {
        "hours": ["series", "hour", "value"],
        "series": ["series", "ci_id", "resource", "unit", "zone"],
        "usable": ["series", "day", "usable_value"],
        "holidays": ["zone", "holiday_date"],
        "episodes": [*COLUMNS, "usable_value"],
        "forecasts": ["pool_id", "as_of_date", "probability_within_lead_time"],
        "drifts": list(drifts()),
        "members": list(MEMBERS),
        "services": list(SERVICES),
    }
    tables = find_events({name: pd.DataFrame(columns=names) for name, names in columns.items()}, AS_OF, 1)
    assert {name: as_arrow(name, frame).num_rows for name, frame in tables.items()} == dict.fromkeys(
        tables, 0
    )
    assert set(tables) == set(EVENTS.tables)
