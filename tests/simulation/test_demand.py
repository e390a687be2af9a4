"""Season, growth, level shifts and the coefficients between business, requests and resources are in the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.simulation.conftest import Written


def _hourly(full: Written, service_id: str) -> pd.Series:
    counts = full.histograms(service_id)
    return counts[np.inf]


def test_offices_work_by_day_and_consumers_in_the_evening(full: Written) -> None:
    crm, shop = _hourly(full, "crm"), _hourly(full, "web-shop")
    assert crm.groupby(crm.index.hour).mean().idxmax() in (7, 8, 9)
    assert shop.groupby(shop.index.hour).mean().idxmax() in (17, 18, 19)


def test_offices_rest_on_weekends(full: Written) -> None:
    crm = _hourly(full, "crm").resample("D").sum()
    assert crm[crm.index.day_of_week >= 5].mean() < 0.25 * crm[crm.index.day_of_week < 5].mean()


def test_the_new_york_desk_works_later_than_berlin(full: Written) -> None:
    desk = _hourly(full, "treasury-trading")
    assert desk.groupby(desk.index.hour).mean().idxmax() in (13, 14, 15)


@pytest.mark.parametrize("service_id", ["partner-api", "product-search", "treasury-trading", "print"])
def test_growth_is_that_of_the_truth(full: Written, service_id: str) -> None:
    """A log-linear fit over each week's median day, which no single holiday moves, finds the yearly rate."""
    services = full.truth.tables["services"].set_index("service_id")
    daily = _hourly(full, service_id).resample("D").sum()
    weekly = daily[daily.index.day_of_week < 5].resample("W").median().iloc[1:-1]
    years = np.arange(len(weekly)) * 7 / 365
    slope = np.polyfit(years, np.log(weekly.to_numpy()), 1)[0]
    assert slope == pytest.approx(services.loc[service_id, "growth_per_year"], abs=0.12)


def test_a_demand_shift_moves_requests_by_its_factor(full: Written) -> None:
    shift = full.truth.tables["changes"].query("reason == 'demand' and service_id == 'vpn'").iloc[0]
    day = pd.Timestamp(shift["effective_date"])
    daily = _hourly(full, "vpn").resample("D").sum()
    daily = daily[daily.index.day_of_week < 5]
    before = daily[(daily.index < day) & (daily.index >= day - pd.Timedelta(days=21))].median()
    after = daily[(daily.index >= day) & (daily.index < day + pd.Timedelta(days=21))].median()
    assert after / before == pytest.approx(shift["factor"], rel=0.08)


def test_added_hosts_take_their_share_of_the_load(full: Written) -> None:
    change = full.truth.tables["changes"].query("reason == 'add_members'").iloc[0]
    day = pd.Timestamp(change["effective_date"])
    cpu = full.samples("system.cpu.utilization", change["ci_id"]).set_index("time")["value"]
    busy = cpu.resample("D").quantile(0.95)
    before = busy[(busy.index < day) & (busy.index >= day - pd.Timedelta(days=14))].mean()
    after = busy[(busy.index >= day) & (busy.index < day + pd.Timedelta(days=14))].mean()
    assert after / before == pytest.approx(change["factor"], abs=0.1)


def test_requests_follow_the_business_driver(full: Written) -> None:
    services = full.truth.tables["services"].set_index("service_id")
    business = full.csv("sources/business/business_demand_*.csv", ";")
    orders = business[business["service"] == "web-shop"].set_index("day")["amount"].astype(float)
    daily = _hourly(full, "web-shop").resample("D").sum()
    ratio = daily.to_numpy() / orders.sort_index().to_numpy()
    assert np.median(ratio) == pytest.approx(services.loc["web-shop", "requests_per_business_unit"], rel=0.03)


def test_cpu_is_linear_in_requests_with_the_known_coefficient(full: Written) -> None:
    """Regression of a host's cpu on the requests per second that it gets finds the truth's coefficient."""
    truth = full.truth.tables["coefficients"].query("resource == 'cpu'").set_index("ci_id")
    name = "fra-crm-app-01"
    members = sum(ci.startswith(("fra-crm-app", "ams-crm-app")) for ci in truth.index)
    rate = _hourly(full, "crm") / 3600 / members
    cpu = full.samples("system.cpu.utilization", name).set_index("time")["value"].resample("h").mean()
    slope, intercept = np.polyfit(rate.to_numpy(), cpu.to_numpy(), 1)
    assert slope == pytest.approx(truth.loc[name, "coefficient"], rel=0.02)
    assert intercept == pytest.approx(truth.loc[name, "idle"], abs=0.01)


def test_odd_series_are_there(full: Written) -> None:
    """A nearly constant series, a gap of 36 hours, an agent that reports when it likes, memory spikes."""
    constant = full.samples("system.memory.usage", "fra-telephony-app-01")["value"]
    assert constant.nunique() <= 2
    gap = full.samples("system.cpu.utilization", "fra-payroll-app-01")["time"].diff().max()
    assert gap == pd.Timedelta(hours=36, minutes=15)
    odd = full.samples("system.cpu.utilization", "fra-video-conferencing-app-01")
    assert len(odd) < 0.75 * 120 * 96
    assert (odd["time"].dt.second != 0).any()
    spiky = full.samples("system.memory.usage", "fra-hr-self-service-app-01")["value"]
    assert spiky.max() > 1.2 * spiky.quantile(0.99)
    reports = full.samples("system.cpu.utilization", "fra-management-reporting-app-01").set_index("time")
    peaks = reports["value"].resample("h").mean().nlargest(30)
    assert (peaks.index.day_of_week == 6).mean() > 0.8
