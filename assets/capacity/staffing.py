"""How many people each support team needs: by hour of the week for live work, by week ahead for the backlog. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from assets.capacity.erlang import Floats, agents_needed, service_level
from assets.warehouse.computed import computed_tables

HOURS = 168
#: Weeks of tickets that demand is told from, and the fewest that tell anything.
HISTORY_WEEKS = 12
FEWEST_WEEKS = 4
#: Weeks that the team's whole profile weighs in the rate of one hour of the week: few tickets fall into it.
PRIOR_WEEKS = 4.0
#: Jeffreys' half: an open hour in which no ticket of the team has ever come.
PSEUDO_TICKETS = 0.5
LOW, HIGH = 0.1, 0.9
METHOD = "seasonal_mean"


def staffing(
    frames: Mapping[str, pd.DataFrame],
    as_of: date,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Needs of every team with tickets.

    `frames`: `tickets` (team_id, ticket_kind, priority, opened_at, done_at, hours_per_ticket, agent_minutes; naive
    UTC), `teams` (team_id, calendar_id, headcount, ticket_hours_per_week), `shifts` (calendar_id, zone, weekday,
    opens, closes; those that hold on the as-of day), `targets` (target_id, team_id, work, ticket_kind, max_priority,
    respond_within_minutes, target_ratio, handling_minutes, backlog_age_days, within_weeks).

    Gives `staffing_needs`, columns as declared: `live` rows one an hour of the week (rates an hour), `deferred` rows
    one a week ahead, 0 the week of the as-of day (rates a week).
    """
    del seed  # nothing is drawn
    tickets = frames["tickets"]
    rows: list[pd.DataFrame] = []
    for team in frames["teams"].sort_values("team_id").to_dict("records"):
        own = tickets[tickets["team_id"] == team["team_id"]]
        targets = targets_of(frames["targets"], team["team_id"])
        if own.empty or targets.empty:
            continue
        zone, is_open = opening_hours(frames["shifts"], team["calendar_id"])
        rows += _team(team, own, targets, zone, is_open, as_of)
    needs = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
    return {"staffing_needs": needs.reindex(columns=list(computed_tables()["staffing_needs"].columns))}


def targets_of(targets: pd.DataFrame, team_id: str) -> pd.DataFrame:
    """Of each work and kind of ticket the team's own target, else the general one."""
    mine = targets[targets["team_id"].isna() | (targets["team_id"] == team_id)]
    ordered = mine.assign(is_general=mine["team_id"].isna()).sort_values(
        ["work", "ticket_kind", "is_general", "target_id"], kind="stable"
    )
    return ordered.drop_duplicates(["work", "ticket_kind"])


def opening_hours(shifts: pd.DataFrame, calendar_id: str | None) -> tuple[str, Floats]:
    """Zone of a calendar, and the open share of each hour of its local week from Monday on; without one, always."""
    own = shifts[shifts["calendar_id"] == calendar_id]
    if own.empty:
        return "UTC", np.ones(HOURS)
    minutes = np.zeros(HOURS * 60)
    for shift in own.itertuples():
        first = (int(str(shift.weekday)) - 1) * 1440 + _minute(str(shift.opens))
        length = (_minute(str(shift.closes)) - _minute(str(shift.opens))) % 1440 or 1440
        minutes[np.arange(first, first + length) % minutes.size] = 1.0
    return str(own["zone"].iloc[0]), minutes.reshape(HOURS, 60).mean(axis=1)


def _minute(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:5])


def _team(
    team: Mapping[Any, Any],
    tickets: pd.DataFrame,
    targets: pd.DataFrame,
    zone: str,
    is_open: Floats,
    as_of: date,
) -> list[pd.DataFrame]:
    end = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    weeks = min(HISTORY_WEEKS, int((end - tickets["opened_at"].min()).days // 7))
    hours = float(team["ticket_hours_per_week"]) * float(team["headcount"])  # nan when nobody recorded them
    is_live = np.zeros(len(tickets), dtype=bool)
    frames: list[pd.DataFrame] = []
    live_hours = 0.0
    for target in targets[targets["work"] == "live"].to_dict("records"):
        here = _is_live(tickets, target)
        is_live |= here
        frame, used = _live(tickets, here, target, weeks, (zone, is_open), hours, end)
        frames.append(frame)
        live_hours += used
    deferred = targets[targets["work"] == "deferred"]
    if not deferred.empty:
        left = max(hours - live_hours, 0.0) if hours == hours else np.nan  # nan is not equal to itself
        frames.append(_deferred(team, tickets[~is_live], deferred, weeks, left, end))
    return [frame.assign(team_id=team["team_id"], as_of_date=as_of) for frame in frames if not frame.empty]


def _is_live(tickets: pd.DataFrame, target: Mapping[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    here = (tickets["ticket_kind"] == target["ticket_kind"]).to_numpy()
    if pd.notna(target["max_priority"]):
        here = here & (tickets["priority"] <= target["max_priority"]).to_numpy(dtype=bool, na_value=False)
    return np.asarray(here, dtype=bool)


def handling_time(tickets: pd.DataFrame, agreed_minutes: float | None = None) -> tuple[float, str | None]:
    """Minutes of work that a ticket takes, and how that is known.

    The target's own figure, else the mean of the agreed effort standards, else the mean time for which tickets were
    in progress; nan and None when nothing is known.
    """
    if agreed_minutes is not None and pd.notna(agreed_minutes):
        return float(agreed_minutes), "target"
    if tickets["hours_per_ticket"].notna().any():
        return float(tickets["hours_per_ticket"].mean()) * 60.0, "effort_standard"
    worked = tickets.loc[tickets["done_at"].notna(), "agent_minutes"].dropna()
    worked = worked[worked > 0]
    return (float(worked.mean()), "agent_work") if len(worked) else (np.nan, None)


def _hour_of_week(opened: pd.Series, zone: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    local = opened.dt.tz_localize("UTC").dt.tz_convert(zone)
    return np.asarray(local.dt.day_of_week * 24 + local.dt.hour, dtype=np.int64)


def hourly_rates(
    live_hours: Any, all_hours: Any, weeks: int, is_open: Floats
) -> tuple[Floats, Floats, Floats]:
    """Arrivals in each hour of the week: expected, low (10 %), high (90 %, at least what is expected).

    A Gamma prior worth `PRIOR_WEEKS` of the `weeks` of history spreads the week's live tickets like all tickets of the
    team over its hours, each open one with `PSEUDO_TICKETS` more: what has not come yet may come (conjugate to Poisson
    counts: the posterior is Gamma(n + weeks₀·m, weeks + weeks₀)).
    """
    live = np.bincount(live_hours, minlength=HOURS).astype(np.float64)
    profile = np.bincount(all_hours, minlength=HOURS) + PSEUDO_TICKETS * is_open
    expected = live.sum() / weeks * profile / profile.sum()
    shape, rate = live + PRIOR_WEEKS * expected, weeks + PRIOR_WEEKS
    low, high = (
        np.where(shape > 0, stats.gamma.ppf(q, np.maximum(shape, 1e-12)) / rate, 0.0) for q in (LOW, HIGH)
    )
    # Of very few tickets the mean lies above nine tenths of the distribution.
    return shape / rate, low, np.maximum(high, shape / rate)


def _live(
    tickets: pd.DataFrame,
    here: Any,
    target: Mapping[Any, Any],
    weeks: int,
    calendar: tuple[str, Floats],
    hours: float,
    end: pd.Timestamp,
) -> tuple[pd.DataFrame, float]:
    """Rows of live work, and the hours a week that it takes."""
    zone, is_open = calendar
    if weeks < FEWEST_WEEKS:
        return pd.DataFrame(), 0.0
    recent = (tickets["opened_at"] >= end - pd.Timedelta(weeks=weeks)).to_numpy()
    if not (here & recent).any():
        return pd.DataFrame(), 0.0
    minutes, basis = handling_time(tickets[here], target["handling_minutes"])
    at = _hour_of_week(tickets["opened_at"], zone)
    rate, low, high = hourly_rates(at[here & recent], at[recent], weeks, is_open)
    opened = is_open > 0
    available = opened * (hours / is_open.sum())
    frame = pd.DataFrame({"interval_number": np.arange(HOURS)}).assign(
        work="live",
        weekday=np.arange(HOURS) // 24 + 1,
        local_hour=np.arange(HOURS) % 24,
        zone=zone,
        is_open=opened,
        arrivals=rate,
        arrivals_low=low,
        arrivals_high=high,
        handling_minutes=minutes,
        handling_basis=basis,
        respond_within_minutes=target["respond_within_minutes"],
        target_ratio=target["target_ratio"],
        load_erlangs=rate * minutes / 60.0,
        agents_available=available,
        method=METHOD,
        reason=None if basis else "nobody knows how long a ticket takes",
    )
    if basis is None:
        return frame, 0.0
    within, ratio = target["respond_within_minutes"], target["target_ratio"]
    for column, arrivals in (("agents_needed", rate), ("agents_needed_high", high)):
        frame[column] = np.where(opened, agents_needed(arrivals, minutes, within, ratio), 0)
    frame["shortage_agents"] = frame["agents_needed"] - available
    frame["shortage_agents_high"] = frame["agents_needed_high"] - available
    if hours == hours:
        level = service_level(rate, minutes, np.floor(available + 1e-9).astype(np.int64), within)
        frame["service_level_ratio"] = np.where(opened & (rate > 0), level, np.nan)
    return frame, float(rate.sum()) * minutes / 60.0


def weekly_arrivals(opened: pd.Series, weeks: int, end: pd.Timestamp) -> tuple[float, float, float]:
    """Mean tickets a week with the 10 % and 90 % quantiles of a coming week, by the last `weeks`.

    Counts vary at least like Poisson ones, more when the weeks did (quasi-Poisson); the mean is itself uncertain by
    1 ÷ weeks of that. Normal quantiles, not below 0.
    """
    week = ((end - opened).dt.total_seconds() // (7 * 86_400)).to_numpy(dtype=np.int64)
    counts = np.bincount(week[(week >= 0) & (week < weeks)], minlength=weeks).astype(np.float64)
    mean = float(counts.mean())
    spread = float(np.sqrt(max(mean, float(counts.var(ddof=1))) * (1.0 + 1.0 / weeks)))
    low, high = (max(mean + float(stats.norm.ppf(q)) * spread, 0.0) for q in (LOW, HIGH))
    return mean, low, high


def _deferred(
    team: Mapping[Any, Any],
    tickets: pd.DataFrame,
    targets: pd.DataFrame,
    weeks: int,
    left: float,
    end: pd.Timestamp,
) -> pd.DataFrame:
    """Rows of deferred work: hours that come, hours that wait, and who is needed to bring these to their target.

    `left`: hours a week that live work leaves, nan when unknown. Target backlog by Little's law: arrivals × target age.
    """
    kinds = [_kind(tickets, target, weeks, end) for target in targets.to_dict("records")]
    work = pd.DataFrame([kind for kind in kinds if kind is not None])
    if weeks < FEWEST_WEEKS or work.empty:
        return pd.DataFrame()
    hours = work["minutes"] / 60.0
    inflow, backlog = float((work["mean"] * hours).sum()), float((work["open"] * hours).sum())
    wanted = float((work["mean"] / 7.0 * work["age_days"] * hours).sum())
    # Kinds vary independently: distances from the mean add up in squares, also those of coming weeks.
    fewer, more = (float(np.sqrt((work[column] ** 2).sum())) for column in ("fewer", "more"))
    more_hours = float(np.sqrt(((work["more"] * hours) ** 2).sum()))
    within = int(work["within_weeks"].max())
    ahead = np.arange(within + 1)
    post, arrivals = float(team["ticket_hours_per_week"]), float(work["mean"].sum())
    needed = max(inflow + (backlog - wanted) / within, 0.0)
    needed_high = max(inflow + more_hours + (backlog - wanted) / within, 0.0)
    last_day = end - pd.Timedelta(days=1)
    monday = last_day - pd.Timedelta(days=last_day.weekday())
    rising = backlog + (inflow - left) * ahead
    return pd.DataFrame(
        {
            "work": "deferred",
            "interval_number": ahead,
            "week_start_date": [(monday + pd.Timedelta(weeks=int(week))).date() for week in ahead],
            "arrivals": arrivals,
            "arrivals_low": max(arrivals - fewer, 0.0),
            "arrivals_high": arrivals + more,
            "handling_minutes": 60.0 * inflow / arrivals if arrivals else float(work["minutes"].mean()),
            "handling_basis": "+".join(sorted(set(work["basis"]))),
            "agents_needed": needed / post,
            "agents_needed_high": needed_high / post,
            "agents_available": left / post,
            "shortage_agents": (needed - left) / post,
            "shortage_agents_high": (needed_high - left) / post,
            "backlog_hours": np.where(
                np.isnan(rising), np.where(ahead == 0, backlog, np.nan), np.maximum(rising, 0.0)
            ),
            "backlog_hours_high": np.maximum(rising + more_hours * np.sqrt(ahead), 0.0),
            "target_backlog_hours": wanted,
            "method": METHOD,
        }
    )


def _kind(
    tickets: pd.DataFrame, target: Mapping[Any, Any], weeks: int, end: pd.Timestamp
) -> dict[str, Any] | None:
    """Demand of one kind of deferred ticket; None without tickets or without a handling time."""
    own = tickets[tickets["ticket_kind"] == target["ticket_kind"]]
    if own.empty or weeks < FEWEST_WEEKS:
        return None
    minutes, basis = handling_time(own, target["handling_minutes"])
    if basis is None:
        return None
    mean, low, high = weekly_arrivals(own["opened_at"], weeks, end)
    return {
        "mean": mean,
        "fewer": mean - low,
        "more": high - mean,
        "minutes": minutes,
        "basis": basis,
        "open": int(own["done_at"].isna().sum()),
        "age_days": float(target["backlog_age_days"]),
        "within_weeks": int(target["within_weeks"]),
    }
