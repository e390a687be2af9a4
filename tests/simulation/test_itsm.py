"""Incidents, outages and changes: what causes them, how they run, and what is still open at the end."""

from __future__ import annotations

import pandas as pd
import pytest

from assets.simulation.desk import LOCAL_FORMAT, STATES
from tests.simulation.conftest import Written

FOLLOWING = {
    "New": {"Assigned"},
    "Assigned": {"Assigned", "Work in progress", "Cancelled"},
    "Work in progress": {"Pending", "Resolved"},
    "Pending": {"Work in progress"},
    "Resolved": {"Closed", "Work in progress"},
}


@pytest.fixture(scope="module")
def updates(full: Written) -> pd.DataFrame:
    """All readable updates, times in UTC."""
    rows = full.csv("sources/itsm/incidents_*.csv")
    rows = rows[rows["State"].isin(STATES.values())]
    for column in ("Updated", "Opened", "Resolved", "Closed"):
        local = pd.to_datetime(rows[column], format=LOCAL_FORMAT, errors="coerce")
        rows[column] = local.dt.tz_localize("Europe/Berlin").dt.tz_convert(None)
    return rows.dropna(subset=["Updated"]).astype({"Revision": int, "Priority": int})


@pytest.fixture(scope="module")
def last(updates: pd.DataFrame) -> pd.DataFrame:
    """The last update of each incident."""
    return updates.sort_values(["Number", "Revision"]).groupby("Number").last()


def test_capacity_incidents_follow_exhaustion_within_an_hour(full: Written, updates: pd.DataFrame) -> None:
    caused = full.truth.tables["capacity_incidents"]
    wait = caused["opened_at"] - caused["exhausted_at"]
    assert len(caused) >= 15
    assert wait.between(pd.Timedelta(minutes=8), pd.Timedelta(minutes=50)).all()
    seen = updates.drop_duplicates("Number").set_index("Number").loc[caused["incident_id"]]
    assert (seen["Configuration item"].to_numpy() == caused["ci_id"].to_numpy()).all()
    assert (seen["Opened"].to_numpy() == caused["opened_at"].to_numpy()).all()


def test_capacity_incidents_only_hit_pools_that_the_truth_calls_saturated(full: Written) -> None:
    caused = full.truth.tables["capacity_incidents"]
    truth = full.truth.saturation.query("level == 'resource'").set_index(["ci_id", "resource"])
    for row in caused.itertuples():
        first = pd.Timestamp(truth.loc[(row.ci_id, row.resource), "first_date"])
        assert row.exhausted_at.normalize() >= first - pd.Timedelta(days=3), row


def test_states_follow_one_another_as_the_process_says(updates: pd.DataFrame) -> None:
    rows = updates.sort_values(["Number", "Revision"])
    adjacent = rows["Revision"].diff() == 1
    pairs = pd.DataFrame({"from": rows["State"].shift(), "to": rows["State"], "here": adjacent})
    same = rows["Number"] == rows["Number"].shift()
    for before, after in pairs[pairs["here"] & same][["from", "to"]].drop_duplicates().to_numpy():
        assert after in FOLLOWING[before], (before, after)
    assert (rows.groupby("Number")["Updated"].diff().dropna() >= pd.Timedelta(0)).all()


def test_urgent_incidents_are_resolved_sooner(last: pd.DataFrame) -> None:
    took = (last["Resolved"] - last["Opened"]).groupby(last["Priority"]).median()
    assert took.is_monotonic_increasing
    assert took[1] < pd.Timedelta(hours=4)


def test_the_slowest_team_takes_longer_than_the_fastest(updates: pd.DataFrame, last: pd.DataFrame) -> None:
    rows = last[(last["Priority"] >= 3) & last["Resolved"].notna()]
    took = (rows["Resolved"] - rows["Opened"]).groupby(rows["Service"]).median()
    assert took["partner-api"] > took["vpn"]


def test_some_are_reopened_passed_on_held_and_still_open(last: pd.DataFrame, updates: pd.DataFrame) -> None:
    assert (last["Reopenings"].astype(int) > 0).mean() == pytest.approx(0.06, abs=0.04)
    assert (last["Reassignments"].astype(int) >= 2).any()
    assert (updates["State"] == "Pending").any()
    still_open = ~last["State"].isin(["Closed", "Cancelled", "Resolved"])
    assert 5 <= still_open.sum() <= 80
    assert last.loc[still_open, "Opened"].min() > pd.Timestamp("2026-06-01")


def test_nothing_is_known_of_the_future(updates: pd.DataFrame, full: Written) -> None:
    end = pd.Timestamp("2026-07-01")
    assert updates["Updated"].max() < end
    for table in ("changes", "service_requests", "problems"):
        stamps = pd.to_datetime(full.csv(f"sources/itsm/{table}_*.csv")["updated_at"]).dt.tz_localize(None)
        assert stamps.max() < end


def test_outages_are_seen_by_the_checks_and_open_incidents(full: Written, updates: pd.DataFrame) -> None:
    outages = full.truth.tables["outages"]
    checks = full.samples("httpcheck.status")
    titles = updates.drop_duplicates("Number").set_index("Opened")["Short description"]
    assert len(outages) >= 10
    for outage in outages.itertuples():
        own = checks[checks["entity"] == f"{outage.service_id}-endpoint"].set_index("time")["value"]
        whole = own[
            (own.index >= outage.started_at) & (own.index <= outage.ended_at - pd.Timedelta(minutes=15))
        ]
        assert (whole == 0).all()
        opened = titles[
            (titles.index > outage.started_at) & (titles.index < outage.started_at + pd.Timedelta(minutes=20))
        ]
        assert opened.str.endswith("is down").any()


def test_counters_begin_again_only_at_known_moments(full: Written) -> None:
    errors = full.samples("http.server.request.errors", "identity").set_index("time")["value"]
    resets = errors.index[errors.diff() < 0]
    outages = full.truth.tables["outages"].query("service_id == 'identity'")["ended_at"]
    changes = full.csv("sources/itsm/changes_*.csv").query("service_id == 'identity' and ended_at != ''")
    known = [*outages, *pd.to_datetime(changes["ended_at"]).dt.tz_localize(None)]
    assert len(resets) >= 1
    for reset in resets:
        assert any(abs(moment - reset) <= pd.Timedelta(minutes=15) for moment in known), reset
    traffic = full.samples("system.network.io", "ams-lb-01").set_index("time")["value"]
    assert (traffic.diff() < 0).sum() == 1


def test_changes_come_in_three_kinds_with_outcomes_and_collisions(full: Written) -> None:
    changes = full.csv("sources/itsm/changes_*.csv")
    assert set(changes["change_kind"]) == {"standard", "normal", "emergency"}
    assert {"successful", "failed", "backed_out", ""} == set(changes["outcome"])
    assert (changes[changes["outcome"] != ""]["ended_at"] != "").all()
    assert changes["change_id"].is_unique
    assert len(full.truth.tables["collisions"]) >= 2
    ahead = changes[changes["planned_start_at"] >= "2026-07-01"]
    assert set(ahead["state"]) <= {"new", "assessed", "authorised", "scheduled", "cancelled"}
    assert len(ahead) >= 5


def test_approvals_come_before_the_change_but_for_some_emergencies(full: Written) -> None:
    """Standard changes need none, and nobody decides on what is only asked for."""
    approvals = full.csv("sources/itsm/approvals_*.csv")
    changes = full.csv("sources/itsm/changes_*.csv").set_index("change_id")
    asked = approvals.join(changes, on="record_id", suffixes=("", "_change"))
    assert set(asked["change_kind"]) == {"normal", "emergency"}
    assert set(asked["state"]) == {"approved", "requested", "cancelled"}
    given = asked[asked["state"] == "approved"]
    assert (given["decided_at"] >= given["requested_at"]).all()
    begun = given[given["started_at"] != ""]
    late = begun[begun["decided_at"] > begun["started_at"]]
    assert 0 < len(late) < len(begun) / 2
    assert set(late["change_kind"]) == {"emergency"}


def test_the_clocks_of_the_tool_agree_with_its_verdicts(full: Written, last: pd.DataFrame) -> None:
    clocks = full.csv("sources/itsm/sla_cycles_*.csv").set_index("incident_id")
    verdicts = last[last["Made SLA"] != ""]["Made SLA"]
    assert (clocks.loc[verdicts.index, "is_breached"] != verdicts).all()
    assert set(clocks["state"]) == {"running", "paused", "completed", "cancelled"}


def test_one_service_keeps_its_targets_and_annoys_its_users(full: Written) -> None:
    answers = full.csv("sources/itsm/csat_responses_*.csv").astype({"score": int})
    mean = answers.groupby("service_id")["score"].mean()
    assert mean["intranet"] < 3.0
    assert mean.drop("intranet").mean() > 3.5
    requests = full.csv("sources/itsm/service_requests_*.csv")
    complaints = (requests["request_kind"] == "Complaint").groupby(requests["service_id"]).mean()
    assert complaints["intranet"] > 0.3
    assert complaints.drop("intranet").max() < 0.1


def test_outage_records_cover_the_outages(full: Written) -> None:
    """Each outage has a record of its service that covers it and names its incident; some have two that overlap."""
    records = full.csv("sources/itsm/outages.csv")
    for column in ("started_at", "ended_at"):
        records[column] = pd.to_datetime(records[column]).dt.tz_localize(None)
    outages = full.truth.tables["outages"]
    for outage in outages.itertuples():
        own = records[records["service_id"] == outage.service_id]
        covers = (own["started_at"] <= outage.started_at) & (own["ended_at"] >= outage.ended_at)
        assert (own.loc[covers, "incident_id"] != "").any()
    assert len(outages) < len(records) < 1.5 * len(outages)


def test_costs_are_one_usage_row_a_ci_and_month(full: Written) -> None:
    """Every CI over the days on which it is there; rows that the contract's key tells apart."""
    costs = full.csv("sources/finance/costs_*.csv").astype({"BilledCost": float, "EffectiveCost": float})
    known = {"charge_period_start": "ChargePeriodStart", "resource_id": "ResourceId"}
    key = ["ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ChargeClass", "ChargeDescription"]
    assert not costs.duplicated([*key, known["resource_id"], "ServiceName"]).any()
    usage = costs[(costs["ChargeCategory"] == "Usage") & (costs["ChargeClass"] == "")]
    assert usage.groupby(usage["ChargePeriodStart"].str[:7])["ResourceId"].nunique().between(230, 241).all()
    assert (usage["EffectiveCost"] <= usage["BilledCost"]).all()


def test_bills_hold_more_than_use(full: Written) -> None:
    """Purchases, tax, credits, adjustments and corrections are on them, with and without a CI."""
    costs = full.csv("sources/finance/costs_*.csv").astype({"BilledCost": float})
    assert set(costs["ChargeCategory"]) == {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}
    assert (costs.loc[costs["ChargeCategory"] == "Tax", "ResourceId"] == "").all()
    assert (costs.loc[costs["ChargeCategory"] == "Credit", "BilledCost"] < 0).all()
    assert (costs["ChargeClass"] == "Correction").sum() == 3
    assert "fra-legacy-app-01" in set(costs["ResourceId"])
    commitments = costs[costs["ChargeDescription"] == "Unused commitment"]
    assert len(commitments) == 1  # one host was retired in May


def test_bills_and_limits_follow_the_sizes(full: Written) -> None:
    """What the size ladder says of a CI's size is what its limits say and what its bill says."""
    ladders = full.csv("control/size_ladders.csv").astype({"limit_value": float, "monthly_cost": float})
    cis = full.csv("sources/cmdb/configuration_items.csv").rename(
        columns={"name": "ci_id", "size": "size_name"}
    )
    limits = full.csv("sources/cmdb/resource_limits.csv").astype({"limit_value": float})
    now = cis[(cis["retired"] == "") & (cis["size_name"] != "")]
    sized = now.merge(ladders, on="size_name").merge(
        limits[limits["valid_to"] == ""], on=["ci_id", "resource"], suffixes=("", "_recorded")
    )
    assert len(sized) > 150
    assert (sized["limit_value"] == sized["limit_value_recorded"]).all()
    costs = full.csv("sources/finance/costs_2026-06.csv").astype({"BilledCost": float})
    billed = costs[costs["ChargeCategory"] == "Usage"].merge(
        sized[["ci_id", "monthly_cost"]].drop_duplicates(), left_on="ResourceId", right_on="ci_id"
    )
    billed = billed[billed["ChargeClass"] == ""]
    assert ((billed["BilledCost"] / billed["monthly_cost"]).between(0.9, 1.1)).all()
