"""Who is needed when: opening hours, rates by hour of the week, the backlog's path, and what is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assets.capacity.staffing import (
    handling_time,
    hourly_rates,
    opening_hours,
    staffing,
    targets_of,
    weekly_arrivals,
)

AS_OF = date(2026, 6, 28)  # a Sunday
END = pd.Timestamp(2026, 6, 29)
SHIFTS = pd.DataFrame(
    [("office", "Europe/Berlin", day, "09:00", "17:30") for day in range(1, 6)]
    + [("night", "UTC", 7, "22:00", "06:00"), ("whole", "UTC", 1, "00:00", "24:00")],
    columns=["calendar_id", "zone", "weekday", "opens", "closes"],
)
TARGETS = pd.DataFrame(
    [
        ("calls", None, "live", "incident", 1, 15.0, 0.9, np.nan, np.nan, np.nan),
        ("rest", None, "deferred", "incident", np.nan, np.nan, np.nan, np.nan, 7.0, 4.0),
    ],
    columns=[
        *("target_id", "team_id", "work", "ticket_kind", "max_priority", "respond_within_minutes"),
        *("target_ratio", "handling_minutes", "backlog_age_days", "within_weeks"),
    ],
)


def frames(tickets: list[dict[str, Any]], headcount: float | None = 2.0) -> dict[str, pd.DataFrame]:
    empty = {"team_id": "desk", "ticket_kind": "incident", "priority": 3, "hours_per_ticket": 2.0}
    rows = pd.DataFrame(
        [{**empty, "agent_minutes": np.nan, "done_at": pd.NaT, **ticket} for ticket in tickets]
    )
    team = {"team_id": "desk", "calendar_id": "office", "headcount": headcount, "ticket_hours_per_week": 20.0}
    return {
        "tickets": rows.astype({"opened_at": "datetime64[us]", "done_at": "datetime64[us]"}),
        "teams": pd.DataFrame([team]).astype({"headcount": float}),
        "shifts": SHIFTS,
        "targets": TARGETS,
    }


def a_week(weeks: int, per_week: int, **ticket: Any) -> list[dict[str, Any]]:
    """So many tickets each week at Tuesday 10 o'clock in Berlin (8 UTC), done an hour later."""
    opened = [
        END - pd.Timedelta(days=5, hours=16, weeks=week) for week in range(weeks) for _ in range(per_week)
    ]
    return [{"opened_at": at, "done_at": at + pd.Timedelta(hours=1), **ticket} for at in opened]


def test_opening_hours_are_local_shares_of_an_hour() -> None:
    """Half past five is half an hour; a shift over Sunday midnight ends on Monday; 24:00 is the end of the day."""
    zone, office = opening_hours(SHIFTS, "office")
    assert (zone, office.sum(), office[17], office[16]) == ("Europe/Berlin", 42.5, 0.5, 1.0)
    _, night = opening_hours(SHIFTS, "night")
    assert np.flatnonzero(night).tolist() == [0, 1, 2, 3, 4, 5, 166, 167]
    assert opening_hours(SHIFTS, "whole")[1].sum() == 24
    assert opening_hours(SHIFTS, None)[1].sum() == 168


def test_a_team_s_own_target_goes_first() -> None:
    own = TARGETS.assign(team_id="desk", target_id="own").query("work == 'live'")
    both = pd.concat([TARGETS, own])
    assert targets_of(both, "desk")["target_id"].tolist() == ["rest", "own"]
    assert targets_of(both, "other")["target_id"].tolist() == ["rest", "calls"]


def test_rates_keep_the_number_of_tickets() -> None:
    """Shrinking towards the team's profile moves tickets between hours, never their sum; an open hour has some."""
    live, every = np.array([9] * 12), np.array([9] * 60 + [10] * 60)
    opened = np.zeros(168)
    opened[9:12] = 1.0
    rate, low, high = hourly_rates(live, every, 12, opened)
    assert rate.sum() == pytest.approx(1.0)
    assert 0.5 < rate[9] < 1.0
    assert 0 < rate[11] < 0.01 < rate[10] < 0.2
    assert rate[12] == low[12] == high[12] == 0
    assert (low <= rate).all()
    assert (rate <= high).all()


def test_a_high_rate_is_at_least_what_is_expected() -> None:
    """Nine tenths of the distribution of a thousandth of a ticket lie below its mean."""
    rate, _, high = hourly_rates(np.array([9]), np.array([9] * 999 + [10]), 12, np.zeros(168))
    assert rate[10] > 0
    assert high[10] == rate[10]


def test_weekly_arrivals_vary_at_least_like_poisson_ones() -> None:
    """Weeks that were all alike still differ by chance; a week before the window does not count."""
    opened = pd.Series([END - pd.Timedelta(days=3, weeks=week) for week in range(13) for _ in range(16)])
    mean, low, high = weekly_arrivals(opened, 12, END)
    assert mean == 16
    assert high - 16 == pytest.approx(1.28155 * np.sqrt(16 * 13 / 12), rel=1e-4)
    assert 16 - low == pytest.approx(high - 16)


def test_handling_time_from_the_best_that_is_known() -> None:
    tickets = frames([{"opened_at": END, "done_at": END, "agent_minutes": 30.0}] * 2)["tickets"]
    assert handling_time(tickets, 45.0) == (45.0, "target")
    assert handling_time(tickets) == (120.0, "effort_standard")
    assert handling_time(tickets.assign(hours_per_ticket=np.nan)) == (30.0, "agent_work")
    assert handling_time(tickets.assign(hours_per_ticket=np.nan, agent_minutes=0.0))[1] is None


def test_live_work_by_hour_and_backlog_by_week() -> None:
    """12 weeks: 1 urgent and 20 other tickets on Tuesdays at 10; 30 more wait. 40 hours a week for tickets."""
    tickets = a_week(12, 1, priority=1) + a_week(12, 20)
    tickets += [{"opened_at": END - pd.Timedelta(weeks=20)}] * 30
    needs = staffing(frames(tickets), AS_OF, 1)["staffing_needs"]
    live = needs[needs["work"] == "live"].set_index("interval_number")
    assert len(live) == 168
    assert live.loc[34, ["weekday", "local_hour", "is_open"]].tolist() == [2, 10, True]
    assert 0.9 < live.loc[34, "arrivals"] < 1.0
    assert live["arrivals"].sum() == pytest.approx(1.0)
    # Nearly 2 erlangs, 15 of 120 minutes: 1 − 0.1739·e^(−2/8) = 86.5 % with four agents, 95.9 % with five.
    assert live.loc[34, "agents_needed"] == 5
    assert live["agents_available"].max() == pytest.approx(40 / 42.5)
    assert live.loc[34, "shortage_agents"] == pytest.approx(5 - 40 / 42.5)
    assert live.loc[34, "service_level_ratio"] == 0
    assert live.loc[[32, 33, 35], "agents_needed"].tolist() == [
        0,
        1,
        1,
    ]  # somebody must be there while it is open
    later = needs[needs["work"] == "deferred"]
    assert later["week_start_date"].tolist()[:2] == [date(2026, 6, 22), date(2026, 6, 29)]
    # 20 tickets × 2 h come, 2 of 40 h are taken by live work; 60 h wait, 40 are to: 5 h a week more, for 4 weeks.
    assert later["agents_needed"].iloc[0] == pytest.approx(45 / 20)
    assert later["shortage_agents"].iloc[0] == pytest.approx((45 - 38) / 20)
    assert later["backlog_hours"].tolist() == pytest.approx([60, 62, 64, 66, 68])
    assert later["target_backlog_hours"].iloc[0] == pytest.approx(40)
    assert (later["backlog_hours_high"] >= later["backlog_hours"]).all()
    assert (needs["agents_needed_high"] >= needs["agents_needed"]).all()


def test_an_unknown_headcount_leaves_the_shortage_open() -> None:
    """What is needed is told, what is missing is not."""
    needs = staffing(frames(a_week(8, 1, priority=1) + a_week(8, 5), headcount=None), AS_OF, 1)[
        "staffing_needs"
    ]
    assert needs["agents_needed"].notna().all()
    assert needs["shortage_agents"].isna().all()


def test_nothing_is_told_from_three_weeks_or_without_teams() -> None:
    assert staffing(frames(a_week(3, 9, priority=1) + a_week(3, 9)), AS_OF, 1)["staffing_needs"].empty
    without = frames(a_week(9, 9)) | {"teams": frames(a_week(9, 9))["teams"].iloc[:0]}
    assert staffing(without, AS_OF, 1)["staffing_needs"].empty


def played_backlog(hours_a_week: float, weeks: int, waiting: int, runs: int) -> np.ndarray:
    """Hours of work left at the end of each week, shape (runs, weeks), ticket by ticket: 20 a week come at random, each
    takes two hours, the team works off the oldest first for so many hours a week.
    """
    draw = np.random.default_rng(11)
    left = np.empty((runs, weeks))
    for run in range(runs):
        come = np.cumsum(draw.exponential(1 / 20, 40 * weeks))
        free = waiting * 2.0 / hours_a_week  # when the team has worked off what waited
        ends = list(2.0 / hours_a_week * np.arange(1, waiting + 1))
        for at in come:
            free = max(free, at) + 2.0 / hours_a_week
            ends.append(free)
        came, over = np.concatenate([np.zeros(waiting), come]), np.array(ends)
        for week in range(1, weeks + 1):
            here = came <= week
            left[run, week - 1] = (np.clip(over[here] - week, 0, 2.0 / hours_a_week) * hours_a_week).sum()
    return left


def test_the_backlog_model_agrees_with_a_desk_that_is_played_through() -> None:
    """With the people there the backlog goes where the rows say, 90 % of runs stay below the high path, and with the
    people needed it is at its target in time: 2 h of 20 tickets a week come in, 38 h of work, 60 h wait.
    """
    tickets = a_week(12, 1, priority=1) + a_week(12, 20)
    tickets += [{"opened_at": END - pd.Timedelta(weeks=20)}] * 30
    needs = staffing(frames(tickets), AS_OF, 1)["staffing_needs"]
    told = needs[needs["work"] == "deferred"]
    weeks, runs = len(told) - 1, 1000
    as_is = played_backlog(20.0 * told["agents_available"].iloc[0], weeks, 30, runs)
    error = as_is.std(axis=0, ddof=1) / np.sqrt(runs)
    assert (np.abs(as_is.mean(axis=0) - told["backlog_hours"].to_numpy()[1:]) < 4 * error + 0.1).all()
    below = (as_is <= told["backlog_hours_high"].to_numpy()[1:]).mean(axis=0)
    assert ((below > 0.87) & (below < 0.95)).all()
    staffed = played_backlog(20.0 * told["agents_needed"].iloc[0], weeks, 30, runs)[:, -1]
    error = staffed.std(ddof=1) / np.sqrt(runs)
    assert abs(staffed.mean() - told["target_backlog_hours"].iloc[0]) < 4 * error + 0.1
