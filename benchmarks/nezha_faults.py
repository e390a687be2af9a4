"""Which of Nezha's injected faults capacity caused, by `capacity_incidents` and by plain rules: `make bench`.

A fault counts as reported `REPORTED_AFTER_MINUTES` after it was injected. Truth: faults of cpu take capacity away, all
others (network delay, exception, wrong return) do not. Not every fault of cpu brings its pod over usable capacity.
"""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import pandas as pd

from assets.capacity import capacity_incidents as causes
from examples.real import nezha

REPORTED_AFTER_MINUTES = 5
CAPACITY_FAULTS = frozenset({"cpu_contention", "cpu_consumed"})
#: The agreed part of a pod's cpu limit that is usable, as in examples/real/online-boutique/control/targets.csv.
USABLE_RATIO = 0.8


def cpu_samples(data: Path) -> pd.DataFrame:
    """Minutes of all pods: ci_id, started_at, value (millicores)."""
    rows = []
    for pod, path in nezha.pod_files(data).items():
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            rows += [
                (pod, float(nezha.epoch_seconds(row["Time"])) // 60 * 60, float(row["CpuUsage(m)"]))
                for row in csv.DictReader(lines)
            ]
    frame = pd.DataFrame(rows, columns=["ci_id", "started_at", "value"])
    return frame.assign(started_at=pd.to_datetime(frame["started_at"], unit="s"))


def faults(data: Path) -> pd.DataFrame:
    """Injected faults: incident_id, ci_id, category, opened_at (the injection)."""
    rows = pd.DataFrame(nezha.fault_rows(data))[["incident_id", "ci_id", "category", "opened_at"]]
    return rows.assign(opened_at=pd.to_datetime(rows["opened_at"]).dt.tz_localize(None))


def cpu_limits(data: Path) -> pd.Series:
    """Limit of each pod in millicores."""
    limits = [(pod, limit) for pod, resource, limit, _ in nezha.derived_limits(data) if resource == "cpu"]
    return pd.DataFrame(limits, columns=["ci_id", "limit_value"]).set_index("ci_id")["limit_value"]


def judged_faults(samples: pd.DataFrame, injected: pd.DataFrame, limits: pd.Series) -> pd.DataFrame:
    """`injected` with verdict, confidence_ratio, is_true, and what plain rules say.

    `is_named_over`: the named pod was over usable capacity in the minutes from injection to report; `is_any_over`: any
    pod was. Each pod is a service of its own.
    """
    # A minute is a spell of its own: minutes that follow each other do not overlap.
    used = samples.assign(peak_usage_ratio=samples["value"] / (USABLE_RATIO * samples["ci_id"].map(limits)))
    spells = used[used["peak_usage_ratio"] >= 1].assign(
        resource="cpu", ended_at=lambda rows: rows["started_at"] + pd.Timedelta(minutes=1)
    )
    reported = injected.assign(
        service_id=injected["ci_id"],
        opened_at=injected["opened_at"] + pd.Timedelta(minutes=REPORTED_AFTER_MINUTES),
    )
    pods, day = sorted(samples["ci_id"].unique()), samples["started_at"].min().date()
    found = causes.capacity_incidents(
        {
            "incidents": reported,
            "spells": spells,
            "members": pd.DataFrame({"service_id": pods, "ci_id": pods, "valid_from": day, "valid_to": None}),
            "measured": pd.DataFrame({"ci_id": pods, "first_date": day, "last_date": day}),
        },
        day,
        1,
        window_minutes=REPORTED_AFTER_MINUTES,
    )[causes.INCIDENTS][["incident_id", "verdict", "confidence_ratio"]]
    pairs = reported.merge(spells[["ci_id", "started_at", "ended_at"]], how="cross", suffixes=("", "_spell"))
    before = pairs["opened_at"] - pd.Timedelta(minutes=REPORTED_AFTER_MINUTES)
    near = pairs[(pairs["ended_at"] > before) & (pairs["started_at"] < pairs["opened_at"])]
    named = set(near.loc[near["ci_id"] == near["ci_id_spell"], "incident_id"])
    return injected.merge(found, on="incident_id").assign(
        is_true=lambda rows: rows["category"].isin(CAPACITY_FAULTS),
        is_named_over=lambda rows: rows["incident_id"].isin(named),
        is_any_over=lambda rows: rows["incident_id"].isin(set(near["incident_id"])),
    )


def main(data: Path) -> None:
    """Print the table."""
    judged = judged_faults(cpu_samples(data), faults(data), cpu_limits(data))
    true = judged["is_true"]
    print(f"Nezha: {len(judged)} faults, {true.sum()} of cpu\n")
    print("| rule | shown | right | precision | recall |\n|---|---|---|---|---|")
    for rule, called in (
        ("Ullage, likely", judged["verdict"] == "capacity"),
        ("the named pod over usable capacity", judged["is_named_over"]),
        ("any pod over usable capacity", judged["is_any_over"]),
    ):
        right = int((called & true).sum())
        print(
            f"| {rule} | {called.sum()} | {right} | {right / max(called.sum(), 1):.2f} | {right / true.sum():.2f} |"
        )


if __name__ == "__main__":
    main(Path(os.environ.get("ULLAGE_SAMPLE_DATA", "../shared/data")))
