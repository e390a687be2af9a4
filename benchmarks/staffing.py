"""How well coming weeks of tickets are told: the seasonal mean of `fct_staffing` beside the pipeline's own forecast.

Prints the table of docs/service-desk.md. Series are the tickets of a team by day: of the real servicedesk set (teams
with at least 50 incidents) and of simulated desks. Each origin tells the tickets of the next week and of the next four
weeks; scored by the mean absolute error over the mean, and by how often the 80 % interval of one week holds the truth.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from assets.capacity.staffing import FEWEST_WEEKS, HISTORY_WEEKS, weekly_arrivals
from assets.forecasting.forecast import forecast
from assets.simulation import SimulationSettings, simulate

SEEDS = (1, 2, 3)
ORIGINS = 4
HORIZON_WEEKS = 4
MIN_TICKETS = 50


def real_tickets(data: Path) -> pd.DataFrame:
    """Incidents of the servicedesk set in their main months: team, opened_at. The team is the last that had it."""
    path = data / "uci_incidents" / "incident_event_log.csv.gz"
    log = pd.read_csv(path, usecols=["number", "opened_at", "assignment_group"], na_values="?")
    last = log.groupby("number", sort=True).last().dropna()
    opened = pd.to_datetime(last["opened_at"], format="%d/%m/%Y %H:%M")
    rows = pd.DataFrame({"team": last["assignment_group"], "opened_at": opened})
    return rows[opened < pd.Timestamp(2016, 6, 1)]


def simulated_tickets(seed: int, home: Path) -> pd.DataFrame:
    """Incidents of a simulated desk: team, opened_at."""
    simulate(SimulationSettings(seed=seed), home)
    files = sorted((home / "sources" / "itsm").glob("incidents_*.csv"))
    log = pd.concat([pd.read_csv(file, usecols=["Number", "Opened", "Assignment group"]) for file in files])
    last = log.groupby("Number", sort=True).last().dropna()
    opened = pd.to_datetime(last["Opened"], format="%d.%m.%Y %H:%M:%S")
    return pd.DataFrame({"team": last["Assignment group"] + f" {seed}", "opened_at": opened})


def scores(tickets: pd.DataFrame) -> pd.DataFrame:
    """A row a team and origin: errors of both methods over one and four weeks, and whether the interval held."""
    end = tickets["opened_at"].max().normalize()
    rows = []
    for back in range(ORIGINS):
        origin = end - pd.Timedelta(weeks=HORIZON_WEEKS + back)
        past = tickets[tickets["opened_at"] < origin]
        weeks = int((origin - past["opened_at"].min()).days // 7)
        if weeks < FEWEST_WEEKS:
            continue
        daily = _daily(past, origin)
        made = forecast(daily, 7 * HORIZON_WEEKS, "D", seed=1)
        ahead = made[[name for name in made if name.startswith("q0")]].mean(axis=1)
        told = ahead.groupby([made["unique_id"], made.groupby("unique_id").cumcount() // 7]).sum().unstack()
        for team, own in past.groupby("team"):
            if len(own) < MIN_TICKETS or team not in told.index:
                continue
            mean, low, high = weekly_arrivals(own["opened_at"], min(weeks, HISTORY_WEEKS), origin)
            later = tickets.loc[tickets["team"] == team, "opened_at"]
            week = ((later - origin).dt.days // 7).to_numpy()
            true = np.array([(week == number).sum() for number in range(HORIZON_WEEKS)])
            rows.append(
                {
                    "week": true[0],
                    "weeks": true.sum(),
                    "mean_week": abs(mean - true[0]),
                    "mean_weeks": abs(mean * HORIZON_WEEKS - true.sum()),
                    "forecast_week": abs(told.loc[team, 0] - true[0]),
                    "forecast_weeks": abs(told.loc[team].sum() - true.sum()),
                    "is_inside": low <= true[0] <= high,
                }
            )
    return pd.DataFrame(rows)


def _daily(tickets: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """Tickets by team and day, with the days on which none came."""
    days = pd.date_range(tickets["opened_at"].min().normalize(), end - pd.Timedelta(days=1), freq="D")
    counts = tickets.groupby(["team", tickets["opened_at"].dt.normalize()]).size().unstack(0)
    counts = counts.reindex(days).fillna(0.0)
    counts = counts.loc[:, counts.sum() >= MIN_TICKETS]
    long = counts.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")
    return long.assign(lower=0.0)


def main(data: Path) -> None:
    """Print the table."""
    found = {"real servicedesk set": scores(real_tickets(data))}
    with tempfile.TemporaryDirectory() as folder:
        desks = [scores(simulated_tickets(seed, Path(folder) / str(seed))) for seed in SEEDS]
    found[f"{len(SEEDS)} simulated desks"] = pd.concat(desks)
    print("| tickets of | team weeks | method | error of a week | of four weeks | 80 % interval holds |")
    print("|---|---|---|---|---|---|")
    for name, rows in found.items():
        for method, words in (("mean", "seasonal mean"), ("forecast", "forecast of daily demand")):
            week = rows[f"{method}_week"].sum() / rows["week"].sum()
            weeks = rows[f"{method}_weeks"].sum() / rows["weeks"].sum()
            held = f"{rows['is_inside'].mean():.2f}" if method == "mean" else ""
            print(f"| {name} | {len(rows)} | {words} | {week:.3f} | {weeks:.3f} | {held} |")


if __name__ == "__main__":
    main(Path(os.environ.get("ULLAGE_SAMPLE_DATA", "../shared/data")))
