"""How well effects of changes and causes of incidents are told on simulated estates, beside naive rules: `make bench`.

Prints the tables of docs/changes.md. Changes: one counts as shown when any of its tests shows an effect; it is right
when the simulation gave it one, or when it cannot be told apart from one that has. Beside it Welch's t-test of the
14 days after against the 14 before, plain and with the same control of false discoveries. Incidents: those called
likely, beside the rule "any CI of the service was saturated in the hour before".
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, ttest_ind

from assets.capacity import capacity_incidents as causes
from assets.capacity import change_impact as impacts
from assets.capacity import change_panel
from benchmarks.simulated_marts import SimulatedMarts

SEEDS = (1, 2, 3, 4, 5, 6)
#: Confidence bins of the calibration.
BINS = (0.0, 0.05, 0.3, 0.5, 0.8, 0.9, 1.0)


def shown_changes(frames: Mapping[str, pd.DataFrame], marts: SimulatedMarts) -> dict[str, set[str]]:
    """Changes that our tests show, each with those that it cannot be told apart from."""
    found = impacts.change_impact(frames, marts.as_of, 1)[impacts.TABLE]
    found = found[found["verdict"].isin(["raised", "lowered"])]
    prefix = "cannot be told apart from "
    others = found["reason"].fillna("").str.removeprefix(prefix).str.split(", ")
    shown: dict[str, set[str]] = {}
    for change, same in zip(found["change_id"], others, strict=True):
        shown.setdefault(change, {change}).update(same)
    return shown


def naive_changes(frames: Mapping[str, pd.DataFrame], marts: SimulatedMarts) -> tuple[set[str], set[str]]:
    """Changes with any significant t-test (5 %), plain and with false discoveries controlled."""
    panel = change_panel.daily_panel(frames["series"], frames["hours"], frames["holidays"], marts.as_of)
    tests = change_panel.touched_series(frames["changes"], frames["members"], panel)
    days = change_panel.PRE_DAYS
    tests = tests[(tests["first"] >= days) & (tests["last"] + days < panel.day_count)]
    span = np.arange(days)[None, :]
    series = tests["series"].to_numpy()[:, None]
    before = panel.days[series, tests["first"].to_numpy()[:, None] - days + span]
    after = panel.days[series, tests["last"].to_numpy()[:, None] + 1 + span]
    p_values = np.nan_to_num(
        ttest_ind(after, before, axis=1, equal_var=False, nan_policy="omit").pvalue, nan=1.0
    )
    plain = set(tests.loc[p_values < 0.05, "change_id"])
    return plain, set(tests.loc[false_discovery_control(p_values) < 0.05, "change_id"])


def evaluate(seed: int, home: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts of one estate: rule, shown, right, found of true ones; and judged incidents with their truth."""
    marts = SimulatedMarts(home, seed)
    frames = marts.change_frames()
    true = set(marts.truth.tables["changes"]["change_id"])
    ours = shown_changes(frames, marts)
    plain, controlled = naive_changes(frames, marts)
    rows = [
        (
            "changes",
            "Ullage",
            len(ours),
            sum(bool(same & true) for same in ours.values()),
            len(true & set(ours)),
            len(true),
        )
    ]
    for name, shown in (
        ("t-test before and after", plain),
        ("t-test, false discoveries controlled", controlled),
    ):
        rows.append(("changes", name, len(shown), len(shown & true), len(shown & true), len(true)))
    judged = causes.capacity_incidents(marts.incident_frames(), marts.as_of, 1)
    incidents = judged[causes.INCIDENTS]
    truth = set(marts.truth.tables["capacity_incidents"]["incident_id"])
    incidents = incidents.assign(is_true=incidents["incident_id"].isin(truth))
    evidence = judged[causes.EVIDENCE].merge(incidents[["incident_id", "opened_at"]], on="incident_id")
    hour = evidence[evidence["ended_at"] > evidence["opened_at"] - pd.Timedelta(hours=1)]
    likely = set(incidents.loc[incidents["verdict"] == "capacity", "incident_id"])
    for name, called in (
        ("Ullage, likely", likely),
        ("any saturation in the hour before", set(hour["incident_id"])),
    ):
        right = len(called & truth)
        rows.append(("incidents", name, len(called), right, right, len(truth)))
    return pd.DataFrame(rows, columns=["what", "rule", "shown", "right", "found", "true"]), incidents


def main(seeds: Sequence[int]) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        results = [evaluate(seed, Path(folder) / str(seed)) for seed in seeds]
    counts = pd.concat([found for found, _ in results])
    total = counts.groupby(["what", "rule"], sort=False)[["shown", "right", "found", "true"]].sum()
    print(
        f"{len(seeds)} simulated estates\n\n"
        "| of | rule | shown | right | precision | recall |\n|---|---|---|---|---|---|"
    )
    for (what, rule), row in total.iterrows():
        precision = row["right"] / max(row["shown"], 1)
        print(
            f"| {what} | {rule} | {row['shown']} | {row['right']} | {precision:.2f}"
            f" | {row['found'] / row['true']:.2f} |"
        )
    incidents = pd.concat([found for _, found in results])
    incidents = incidents[incidents["confidence_ratio"] > 0]
    bins = pd.cut(incidents["confidence_ratio"], BINS)
    table = incidents.groupby(bins, observed=True).agg(
        count=("is_true", "size"), mean=("confidence_ratio", "mean"), true=("is_true", "mean")
    )
    print("\n| confidence | incidents | mean confidence | caused by capacity |\n|---|---|---|---|")
    for interval, row in table.iterrows():
        print(
            f"| {interval.left:g} to {interval.right:g} | {row['count']:.0f} | {row['mean']:.2f} | {row['true']:.2f} |"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    main(parser.parse_args().seeds)
