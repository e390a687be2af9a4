"""How well effects of changes and causes of incidents are told on simulated estates, beside naive rules: `make bench`.

Prints the tables of docs/changes.md. Changes: one counts as shown when any of its tests shows an effect; it is right
when the simulation gave it one, or when it cannot be told apart from one that has. Beside it Welch's t-test of the
14 days after against the 14 before, plain and with the same control of false discoveries. Incidents: those called
likely, beside the rule "any CI of the service was saturated in the hour before". Effects: where the simulation tells
what a change moved, how often the interval holds it.
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


def shown_changes(found: pd.DataFrame) -> dict[str, set[str]]:
    """Changes that our tests show, each with those that it cannot be told apart from."""
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


def planted_effects(found: pd.DataFrame, marts: SimulatedMarts) -> pd.DataFrame:
    """Rows of `found` whose true effect is known, with `true_ratio` and `is_inside` (the interval holds it).

    Utilisation is idle + coefficient × load, so load times `factor` moves it by (1 − idle ÷ level before) ×
    (factor − 1), and a limit times `factor` by 1 ÷ factor − 1. Of cpu, whose limit is 1, and of resources whose limit
    was raised; CIs of one service alone.
    """
    truth = marts.truth.tables
    changes = truth["changes"].rename(columns={"reason": "cause", "resource": "raised"})
    rows = found[found["effect_ratio"].notna()].merge(
        changes[["change_id", "cause", "raised", "factor"]], on="change_id"
    )
    rows["resource"] = rows["metric"].str.removesuffix("_utilisation")
    idle = truth["coefficients"].rename(columns={"ci_id": "subject_id"})[["subject_id", "resource", "idle"]]
    rows = rows.merge(idle, on=["subject_id", "resource"], how="left")
    owners = marts.frame("select ci_id from members group by ci_id having count(distinct service_id) = 1")
    is_limit = rows["cause"] == "raise_limit"
    of_limit = np.where(rows["resource"] == rows["raised"], 1 / rows["factor"] - 1, 0.0)
    of_load = (1 - rows["idle"] / rows["before_value"]) * (rows["factor"] - 1)
    is_known = is_limit | ((rows["resource"] == "cpu") & rows["subject_id"].isin(owners["ci_id"]))
    rows["true_ratio"] = np.where(is_limit, of_limit, of_load)
    rows["is_inside"] = rows["true_ratio"].between(rows["effect_low"], rows["effect_high"])
    return rows[is_known]


def evaluate(seed: int, home: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """One estate: counts (rule, shown, right, found of true ones), judged incidents with their truth, known effects."""
    marts = SimulatedMarts(home, seed)
    frames = marts.change_frames()
    true = set(marts.truth.tables["changes"]["change_id"])
    found = impacts.change_impact(frames, marts.as_of, 1)[impacts.TABLE]
    ours = shown_changes(found)
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
    counts = pd.DataFrame(rows, columns=["what", "rule", "shown", "right", "found", "true"])
    return counts, incidents, planted_effects(found, marts)


def main(seeds: Sequence[int]) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        results = [evaluate(seed, Path(folder) / str(seed)) for seed in seeds]
    counts = pd.concat([found for found, _, _ in results])
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
    incidents = pd.concat([found for _, found, _ in results])
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
    effects = pd.concat([found for _, _, found in results])
    miss = (effects["effect_ratio"] - effects["true_ratio"]).abs().median()
    changed = effects[effects["true_ratio"] != 0].assign(
        is_sign=lambda rows: np.sign(rows["effect_ratio"]) == np.sign(rows["true_ratio"])
    )
    print(
        f"\nEffects known: {len(effects)} series; within the 95 % interval {effects['is_inside'].mean():.2f}, median"
        f" distance {miss:.3f}; sign right {changed['is_sign'].mean():.2f} of {len(changed)}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    main(parser.parse_args().seeds)
