"""Shares of shared CIs from production data: known weights are found, and nothing is claimed where data cannot tell."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.capacity.shared_use import fit_use, shared_use
from assets.warehouse.computed import as_arrow

AS_OF = date(2026, 6, 30)
DAYS = 28
DAY = np.repeat(np.arange(DAYS), 24)
HOUR = np.tile(np.arange(24), DAYS)


def traffic() -> np.ndarray:
    """Requests a second of two services: one by day, one at night, both different from day to day."""
    draw = np.random.default_rng(7)
    office = 10 + 40 * np.exp(-(((HOUR - 11) / 4) ** 2)) * (DAY % 7 < 5)
    batch = 2 + 8 * np.exp(-(((HOUR - 3) / 2) ** 2))
    return np.column_stack([office, batch]) * draw.lognormal(0, 0.1, (DAY.size, 2))


def busiest_shares(requests: np.ndarray, weights: np.ndarray, demand: np.ndarray) -> np.ndarray:
    rows = np.argsort(-demand)[: round(0.05 * demand.size)]
    parts = requests[rows].mean(axis=0) * weights
    return np.asarray(parts / parts.sum())


@settings(max_examples=30)
@given(
    weights=st.tuples(st.floats(0.01, 100.0), st.floats(0.01, 100.0)),
    idle=st.floats(0.0, 50.0),
    unit=st.sampled_from([1e-9, 1.0, 1e9]),
)
def test_exact_data_give_the_exact_shares(weights: tuple[float, float], idle: float, unit: float) -> None:
    """Whatever the unit of the resource and however much of it is idle."""
    requests = traffic()
    demand = (idle + requests @ np.array(weights)) * unit
    use = fit_use(requests, demand, DAY, np.random.default_rng(1))
    assert use.reason is None
    assert use.share == pytest.approx(busiest_shares(requests, np.array(weights), demand), abs=1e-3)
    assert use.share.sum() == pytest.approx(1)


def test_shares_follow_the_work_and_not_the_number_of_requests() -> None:
    """The batch service sends a tenth of the requests, each thirty times as heavy; the interval holds the truth."""
    requests, weights = traffic(), np.array([1.0, 30.0])
    noise = np.random.default_rng(3).normal(1.0, 0.05, DAY.size)
    demand = (20 + requests @ weights) * noise
    use = fit_use(requests, demand, DAY, np.random.default_rng(1))
    true = busiest_shares(requests, weights, 20 + requests @ weights)
    assert true[1] > 0.9
    assert use.share == pytest.approx(true, abs=0.02)
    assert (use.low <= use.share).all()
    assert (use.share <= use.high).all()


@pytest.mark.parametrize(
    ("demand", "reason"),
    [
        (np.full(DAY.size, 5.0), "demand does not vary"),
        (np.random.default_rng(1).random(DAY.size), "requests explain 0%"),
    ],
)
def test_demand_that_requests_do_not_explain_is_refused(demand: np.ndarray, reason: str) -> None:
    use = fit_use(traffic(), demand, DAY, np.random.default_rng(1))
    assert use.reason is not None
    assert reason in use.reason
    assert np.isnan(use.share).all()


def frames(days: int = DAYS) -> dict[str, pd.DataFrame]:
    requests = traffic()[: days * 24]
    hours = pd.date_range("2026-06-01", periods=days * 24, freq="h")
    demand = pd.DataFrame({"hour_at": hours, "demand_value": 3 + requests @ np.array([1.0, 2.0])})
    named = [
        pd.DataFrame({"service_id": name, "hour_at": hours, "throughput_per_second": requests[:, column]})
        for column, name in enumerate(("office", "batch"))
    ]
    return {
        "demand": demand.assign(ci_id="db", resource="cpu"),
        "requests": pd.concat(named, ignore_index=True).assign(ci_id="db"),
    }


def test_the_table_is_complete_and_the_same_again() -> None:
    table = shared_use(frames(), AS_OF, 1)["shared_use"]
    assert table["service_id"].tolist() == ["batch", "office"]
    assert table["use_ratio"].sum() == pytest.approx(1)
    assert as_arrow("shared_use", table).num_rows == 2
    pd.testing.assert_frame_equal(table, shared_use(frames(), AS_OF, 1)["shared_use"])


def test_few_days_are_refused_with_the_reason() -> None:
    table = shared_use(frames(days=5), AS_OF, 1)["shared_use"]
    assert table["is_refused"].all()
    assert table["reason"].tolist() == ["only 5 days with demand and requests"] * 2


def test_an_estate_without_shared_cis_has_no_rows() -> None:
    nothing = {name: frame.iloc[:0] for name, frame in frames().items()}
    assert shared_use(nothing, AS_OF, 1)["shared_use"].empty
