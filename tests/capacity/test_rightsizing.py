"""Proposed sizes hold what fools such proposals: spikes, rare peaks, start-ups, growth, a second resource."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.capacity.rightsizing import BACKTEST, SIZES, breach_interval, rightsize
from assets.simulation import SimulationSettings, simulate

AS_OF = date(2026, 6, 30)
DAYS = 17 * 7
#: Size → (cpus, memory, cost).
LADDER = {
    "xs": (1, 4, 40.0),
    "s": (2, 8, 70.0),
    "s-mem": (2, 16, 90.0),
    "m": (4, 16, 130.0),
    "l": (8, 32, 250.0),
}


def demand(
    ci_id: str = "a",
    resource: str = "cpu",
    values: Any = 1.0,
    statistic: str = "busy_hour",
    as_of: date = AS_OF,
    **more: Any,
) -> pd.DataFrame:
    """One row a day, the last one on `as_of`; a single value stands for 17 weeks."""
    values = np.full(DAYS, values) if np.isscalar(values) else np.asarray(values, dtype=float)
    days = [as_of - timedelta(days=back) for back in range(len(values) - 1, -1, -1)]
    frame = pd.DataFrame({"observed_date": days, "required_value": values}).assign(
        ci_id=ci_id, resource=resource, statistic=statistic, is_cut_off=False, **more
    )
    return frame.dropna(subset="required_value")


def candidates(present: str | None = "m", ci_id: str = "a", **more: Any) -> pd.DataFrame:
    """The whole ladder for one CI."""
    rows = [
        {"size_name": name, "resource": resource, "limit_value": float(limit), "monthly_cost": cost}
        for name, (cpus, memory, cost) in LADDER.items()
        for resource, limit in (("cpu", cpus), ("memory", memory))
    ]
    frame = pd.DataFrame(rows).assign(
        ci_id=ci_id, ladder_id="hosts", currency="EUR", lead_time_days=14, agrees_with_limits=True
    )
    return frame.assign(is_present=frame["size_name"] == present, **more)


def sized(
    *frames: pd.DataFrame, present: str | None = "m", as_of: date = AS_OF, **more: Any
) -> dict[str, Any]:
    """The proposal for one CI."""
    given_frames = {"demand": pd.concat(frames), "candidates": candidates(present, **more)}
    result = rightsize(given_frames, as_of, 1)[SIZES]
    assert len(result) == 1
    return {name: None if pd.isna(value) else value for name, value in result.iloc[0].items()}


def spiked(base: float, peak: float, *days_before_end: int) -> np.ndarray:
    values = np.full(DAYS, base)
    for back in days_before_end:
        values[-1 - back] = peak
    return values


def test_a_cheaper_size_is_proposed_when_it_held_all_along() -> None:
    """Smallest size that both resources fit; the saving, the interval and the resource that decides are told."""
    found = sized(demand(values=0.9), demand(resource="memory", values=6.0, statistic="maximum"))
    assert (found["verdict"], found["direction"], found["proposed_size"]) == ("proposed", "down", "s")
    assert (found["deciding_resource"], found["required_value"], found["size_limit_value"]) == (
        "memory",
        6.0,
        8.0,
    )
    assert (found["tested_weeks"], found["breached_weeks"]) == (13, 0)
    assert found["breach_high_ratio"] == pytest.approx(0.2471, abs=1e-4)
    assert found["proposed_monthly_cost"] == 70.0


def test_a_second_resource_chooses_the_shape() -> None:
    """Little cpu but much memory: not the small size, but the one with more memory."""
    found = sized(demand(values=0.9), demand(resource="memory", values=12.0, statistic="maximum"))
    assert (found["proposed_size"], found["deciding_resource"]) == ("s-mem", "memory")


def test_a_memory_spike_before_the_window_rejects_the_size() -> None:
    """The last 28 days know nothing of it; the back-test does, names it, and tries the next larger size."""
    memory = demand(resource="memory", values=spiked(6.0, 9.0, 50), statistic="maximum")
    found = sized(demand(values=0.9), memory)
    assert (found["proposed_size"], found["rejected_sizes"]) == ("s-mem", 1)
    assert "s: memory crossed in 1 of 17 weeks" in found["reason"]


def test_a_rare_peak_that_a_percentile_forgets_rejects_the_size() -> None:
    """A job on one day of 28: the 95th percentile of the window does not see it, the weeks do."""
    found = sized(demand(values=spiked(0.9, 1.5, 3, 31, 59, 87)), demand(resource="memory", values=3.0))
    assert found["proposed_size"] == "s"
    assert "xs: cpu crossed in 4 of 17 weeks" in found["reason"]


def test_growth_that_will_cross_a_size_rejects_it() -> None:
    """Holds today, was never crossed, and would be too small within a quarter."""
    growing = 1.45 * 1.08 ** (np.arange(-DAYS + 1, 1) / 28)
    found = sized(demand(values=growing), demand(resource="memory", values=3.0))
    assert found["verdict"] == "proposed"
    assert found["proposed_size"] == "s"
    faster = 1.7 * 1.08 ** (np.arange(-DAYS + 1, 1) / 28)
    kept = sized(demand(values=faster), demand(resource="memory", values=3.0))
    assert (kept["verdict"], kept["proposed_size"]) == ("keep", None)
    assert "s: cpu will need" in kept["reason"]


def test_too_small_gets_the_next_size_that_holds() -> None:
    """And says so when demand was cut off, or when the ladder ends."""
    short = demand(values=5.0).assign(is_cut_off=True)
    found = sized(short, demand(resource="memory", values=6.0))
    assert (found["direction"], found["verdict"], found["proposed_size"]) == ("up", "proposed", "l")
    assert found["present_breached_weeks"] == 13
    assert "cut off on 28 of 28 days" in found["reason"]
    off = sized(demand(values=9.0), demand(resource="memory", values=6.0))
    assert (off["direction"], off["verdict"], off["proposed_size"]) == ("up", "no_size_fits", None)


def test_one_crossed_week_is_no_proof_that_a_size_is_too_small() -> None:
    """Down needs no crossing at all, up needs proof: 1 week of 13 may be 1 of 500."""
    found = sized(demand(values=spiked(3.0, 4.5, 60)), demand(resource="memory", values=12.0))
    assert (found["verdict"], found["present_breached_weeks"]) == ("keep", 1)
    often = sized(demand(values=spiked(3.0, 4.5, 60, 67, 74, 81)), demand(resource="memory", values=12.0))
    assert (often["direction"], often["proposed_size"]) == ("up", "l")


@pytest.mark.parametrize(
    ("present", "days", "more", "reason"),
    [
        (None, DAYS, {}, "its size is not known"),
        ("m", 11 * 7, {}, "7 weeks to test on; at least 8 are needed"),
        ("m", DAYS, {"agrees_with_limits": False}, "its recorded limits are not those of m"),
    ],
)
def test_nothing_is_proposed_without_grounds(
    present: str | None, days: int, more: dict[str, Any], reason: str
) -> None:
    frames = (demand(values=np.full(days, 0.5)), demand(resource="memory", values=np.full(days, 1.0)))
    found = sized(*frames, present=present, **more)
    assert (found["verdict"], found["proposed_size"], found["reason"]) == ("not_assessed", None, reason)


def test_a_ci_that_nobody_measures_is_not_assessed() -> None:
    empty = demand().iloc[:0]
    result = rightsize({"demand": empty, "candidates": candidates()}, AS_OF, 1)
    assert result[SIZES]["verdict"].tolist() == ["not_assessed"]
    nobody = rightsize({"demand": empty, "candidates": candidates().iloc[:0]}, AS_OF, 1)
    assert nobody[SIZES].empty
    assert nobody[BACKTEST].empty


def test_what_is_not_measured_does_not_shrink() -> None:
    """Without figures of memory only sizes with as much memory come into question."""
    assert sized(demand(values=0.5))["proposed_size"] == "s-mem"


def test_a_gap_is_neither_held_nor_crossed() -> None:
    """Weeks with fewer than four measured days are not counted as tested."""
    values = np.full(DAYS, 0.9)
    values[60:72] = np.nan
    found = sized(demand(values=values), demand(resource="memory", values=values))
    assert (found["tested_weeks"], found["proposed_size"]) == (12, "xs")


def test_the_backtest_tells_each_decision_date() -> None:
    """Before the spike was known the size would have been taken, and crossed; since, it would not."""
    memory = demand(resource="memory", values=spiked(6.0, 9.0, 50), statistic="maximum")
    frames = {"demand": pd.concat([demand(values=0.9), memory]), "candidates": candidates()}
    rows = rightsize(frames, AS_OF, 1)[BACKTEST]
    small = rows[rows["size_name"] == "s"].set_index("decision_date")
    assert len(small) == 13
    first, last = AS_OF - timedelta(days=91), AS_OF - timedelta(days=7)
    assert small.loc[first, ["held_then", "tested_weeks", "breached_weeks"]].tolist() == [True, 13, 1]
    assert small.loc[last, ["held_then", "tested_weeks", "breached_weeks"]].tolist() == [True, 1, 0]
    just_after = AS_OF - timedelta(days=49)
    assert small.loc[just_after, ["held_then", "breached_weeks"]].tolist() == [False, 0]
    assert small.loc[first, "saved_cost"] == pytest.approx(60.0 * 91 / (365.25 / 12))
    assert "crossed" in small.loc[first, "reason"]
    assert set(rows.loc[rows["is_present"], "saved_cost"]) == {0.0}


def test_intervals_are_those_of_clopper_and_pearson() -> None:
    """Known values: 0 of 13, 1 of 13, 13 of 13, 1 of 20; nothing tested says nothing."""
    low, high = breach_interval(np.array([0, 1, 13, 1, 0]), np.array([13, 13, 13, 20, 0]))
    assert low == pytest.approx([0, 0.00195, 0.75295, 0.00127, 0], abs=1e-5)
    assert high == pytest.approx([0.24705, 0.36030, 1, 0.24873, 1], abs=1e-5)


@settings(max_examples=10)
@given(
    st.lists(st.floats(0.1, 9.0), min_size=DAYS, max_size=DAYS),
    st.sampled_from(["busy_hour", "maximum"]),
    st.sampled_from(list(LADDER)),
)
def test_no_proposal_was_ever_crossed(values: list[float], statistic: str, present: str) -> None:
    """Whatever demand did, a proposed size held every day of the whole weeks, and the future changes nothing."""
    cpu = demand(values=values, statistic=statistic)
    later = demand(values=np.full(10, 99.0), as_of=AS_OF + timedelta(days=10))
    found = sized(cpu, demand(resource="memory", values=1.0), present=present)
    again = sized(pd.concat([cpu, later]), demand(resource="memory", values=1.0), present=present)
    assert pd.Series(found).equals(pd.Series(again))
    if found["verdict"] == "proposed":
        assert max(values) <= LADDER[found["proposed_size"]][0]
        cheaper = LADDER[found["proposed_size"]][2] < LADDER[present][2]
        assert found["direction"] == ("down" if cheaper else "up")


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Daily needs of a simulated estate's hosts, each alone, and its size ladder for each of them."""
    home = tmp_path_factory.mktemp("estate")
    simulate(SimulationSettings(services=18, cis=110, days=DAYS, interval_seconds=3600), home)
    files = sorted((home / "sources/monitoring").glob("metric_samples_infrastructure_*.parquet"))
    columns = ["entity", "metric_name", "time", "value"]
    samples = pd.concat([pd.read_parquet(file, columns=columns) for file in files])
    resources = {"system.cpu.utilization": "cpu", "system.memory.usage": "memory"}
    samples["resource"] = samples["metric_name"].map(resources)
    samples = (
        samples[samples["entity"].str.contains("-app-")]
        .dropna()
        .drop_duplicates(["entity", "metric_name", "time"])
    )
    samples = samples[samples["value"] >= 0]
    samples["hour"] = samples["time"].dt.floor("h")
    hours = samples.groupby(["entity", "resource", "hour"])["value"].agg(["mean", "max"]).reset_index()
    hours["day"] = hours["hour"].dt.tz_localize(None).dt.date
    days = (
        hours.groupby(["entity", "resource", "day"])
        .agg(mean=("mean", "max"), max=("max", "max"))
        .reset_index()
    )
    is_cpu = days["resource"] == "cpu"
    days["value"] = np.where(is_cpu, np.maximum(days["mean"] / 0.8, days["max"]), days["max"] / 0.9 / 2.0**30)
    ladder = pd.read_csv(home / "control/size_ladders.csv")
    cis = pd.read_csv(home / "sources/cmdb/configuration_items.csv").drop_duplicates("name", keep="last")
    sizes = cis[["name", "size"]].merge(ladder[ladder["ci_kind"] == "host"], how="cross")
    sizes = sizes[sizes["name"].isin(days["entity"])]
    sizes["is_present"] = sizes["size"] == sizes["size_name"]
    cpus = sizes[sizes["is_present"] & (sizes["resource"] == "cpu")].set_index("name")["limit_value"]
    days["value"] *= np.where(is_cpu, days["entity"].map(cpus), 1.0)
    needs = days.rename(columns={"entity": "ci_id", "day": "observed_date", "value": "required_value"})
    needs["statistic"] = np.where(is_cpu, "busy_hour", "maximum")
    sizes = sizes.rename(columns={"name": "ci_id"}).assign(lead_time_days=14, agrees_with_limits=True)
    return needs.assign(is_cut_off=False), sizes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "resource"),
    [("hr-self-service", "memory"), ("management-reporting", "cpu"), ("telephony", "cpu")],
)
def test_proposals_outlive_the_traps_of_the_simulated_estate(
    trapped: tuple[pd.DataFrame, pd.DataFrame], service: str, resource: str
) -> None:
    """Spikes of memory, a job every Sunday, restarts: decided 28 days before the end, held until the end."""
    needs, sizes = trapped
    decided = AS_OF - timedelta(days=28)
    mine = {
        "demand": needs[needs["ci_id"].str.contains(f"-{service}-")],
        "candidates": sizes[sizes["ci_id"].str.contains(f"-{service}-")],
    }
    result = rightsize(mine, decided, 1)[SIZES]
    assert (result["verdict"].isin(["proposed", "keep"])).all()
    later = mine["demand"][mine["demand"]["observed_date"] > decided]
    peaks = later.groupby(["ci_id", "resource"])["required_value"].max()
    limits = sizes.set_index(["ci_id", "size_name", "resource"])["limit_value"]
    for row in result.itertuples():
        size = row.present_size if pd.isna(row.proposed_size) else row.proposed_size
        assert peaks[row.ci_id, resource] <= limits[row.ci_id, size, resource], row
