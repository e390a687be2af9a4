"""The analysis as the pipeline runs it: frames in, two computed tables out; against the simulated truth."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assets.capacity.scalability import scalability
from assets.simulation.calibration import calibrate
from assets.simulation.estate import build_estate
from assets.simulation.files import SourceFiles
from assets.simulation.settings import SimulationSettings
from assets.simulation.throughput import TESTED, throughput_table, write_load_tests
from assets.warehouse.computed import as_arrow
from tests.capacity.busy_services import BusyService, busy_service

AS_OF = date(2026, 6, 30)
NO_HOURS = pd.DataFrame(
    columns=[
        "service_id",
        "observed_date",
        "throughput_per_second",
        "latency_objective_seconds",
        "concurrent_requests",
    ]
)
NO_TESTS = pd.DataFrame(
    columns=["service_id", "tested_at", "load", "load_unit", "throughput_per_second", "latency_p95_seconds"]
)
NO_TARGETS = pd.DataFrame(columns=["service_id", "latency_target_seconds"])


def run(**frames: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fits by (service, method), and points; both as the warehouse takes them."""
    given = {"hours": NO_HOURS, "load_tests": NO_TESTS, "targets": NO_TARGETS} | frames
    result = scalability(given, AS_OF, 1)
    tables = {name: as_arrow(name, frame).to_pandas() for name, frame in result.items()}
    return tables["scalability_fits"].set_index(["service_id", "method"]), tables["scalability_points"]


def hours_of(name: str, service: BusyService) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "service_id": name,
            "observed_date": [AS_OF - timedelta(days=27 - int(day)) for day in service.day],
            "throughput_per_second": service.throughput,
            "latency_objective_seconds": service.latency,
            "concurrent_requests": service.throughput * service.mean_latency,
        }
    )


def target_of(name: str, service: BusyService) -> pd.DataFrame:
    return pd.DataFrame({"service_id": [name], "latency_target_seconds": [service.target]})


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The simulated load tests, the coefficients behind them, and the targets."""
    home = tmp_path_factory.mktemp("tests")
    estate = build_estate(SimulationSettings())
    calibration = calibrate(estate)
    truth = write_load_tests(estate, calibration, SourceFiles(home))
    steps = pd.read_csv(Path(home) / "sources/performance/load_tests.csv", parse_dates=["tested_at"])
    steps["tested_at"] = steps["tested_at"].dt.tz_localize(None)
    return steps, truth.set_index("service_id"), throughput_table(estate, calibration)


def test_load_tests_give_the_coefficients_they_were_made_of(
    tested: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    """Within three standard errors; the test that ends early is refused and gives no peak.

    Least squares takes scatter as even, while that of the tests grows with throughput: intervals of the peak are a
    little narrow.
    """
    steps, truth, _ = tested
    fits, points = run(load_tests=steps)
    assert set(truth.index) == set(TESTED)
    held = []
    for service_id, row in truth.iterrows():
        fit = fits.loc[(service_id, "load_test")]
        assert abs(fit["lambda_per_second"] - row["lambda_per_second"]) <= 3 * fit["lambda_standard_error"]
        if service_id == "order-management":
            assert fit["is_refused"]
            assert "measure at higher loads" in fit["reason"]
            assert pd.isna(fit["peak_per_second"])
            assert pd.isna(fit["sustainable_per_second"])
            continue
        assert abs(fit["sigma"] - row["sigma"]) <= 3 * fit["sigma_standard_error"]
        assert abs(fit["kappa"] - row["kappa"]) <= 3 * fit["kappa_standard_error"]
        assert fit["peak_per_second"] == pytest.approx(row["peak_per_second"], rel=0.02)
        held.append(fit["peak_per_second_low"] <= row["peak_per_second"] <= fit["peak_per_second_high"])
    assert sum(held) >= len(held) - 1
    counts = points.groupby(["service_id", "series"]).size().unstack()
    assert (counts["fitted"] == 40).all()
    assert counts["measured"].between(7, 9).all()


def test_a_latency_target_ends_what_is_sustainable_before_the_peak(
    tested: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    """Also in a test that ends before its peak: the target was crossed within the loads tested."""
    steps, truth, throughput = tested
    targets = throughput[["service_id", "latency_target_seconds"]]
    fits, _ = run(load_tests=steps, targets=targets)
    shop = fits.loc[("web-shop", "load_test")]
    assert shop["sustainable_per_second_low"] < shop["sustainable_per_second"] < shop["peak_per_second"]
    lam, sigma, kappa = truth.loc["web-shop", ["lambda_per_second", "sigma", "kappa"]]
    p95_over_mean = 19**0.25 / ((np.pi / 4) / np.sin(np.pi / 4))
    loads = np.linspace(1, 250, 5000)
    rates = lam * loads / (1 + sigma * (loads - 1) + kappa * loads * (loads - 1))
    within = rates[loads / rates * p95_over_mean <= 0.25].max()
    assert shop["sustainable_per_second"] == pytest.approx(within, rel=0.03)

    strict = targets.assign(latency_target_seconds=0.2)
    early, _ = run(load_tests=steps[steps["service_id"] == "order-management"], targets=strict)
    row = early.loc[("order-management", "load_test")]
    assert not row["is_refused"]
    assert row["notes"].startswith("peak not told")
    assert pd.isna(row["peak_per_second"])
    assert row["sustainable_per_second_low"] <= row["sustainable_per_second"]
    impossible, _ = run(load_tests=steps, targets=targets.assign(latency_target_seconds=1e-4))
    assert impossible["is_refused"].all()


def test_production_of_a_busy_and_a_quiet_service() -> None:
    """Busy: the curve's interval holds the truth, the law's peak is near the limit. Quiet: both refuse, no figures."""
    busy, quiet = busy_service(8, 0.95), busy_service(9, 0.3)
    fits, points = run(
        hours=pd.concat([hours_of("busy", busy), hours_of("quiet", quiet)]),
        targets=pd.concat([target_of("busy", busy), target_of("quiet", quiet)]),
    )
    queueing = fits.loc[("busy", "queueing")]
    low, high = queueing["sustainable_per_second_low"], queueing["sustainable_per_second_high"]
    assert low <= busy.sustainable <= high
    usl = fits.loc[("busy", "production_usl")]
    assert not usl["is_refused"]
    assert usl["peak_per_second"] == pytest.approx(busy.limit, rel=0.15)
    assert set(points["service_id"]) == {"busy", "quiet"}
    for method in ("queueing", "production_usl"):
        row = fits.loc[("quiet", method)]
        assert row["is_refused"]
        assert "knee" in row["reason"] or "run a load test" in row["reason"]
        assert row[[name for name in row.index if name.startswith(("peak_", "sustainable_"))]].isna().all()


def test_the_order_of_rows_changes_nothing_and_nothing_gives_nothing() -> None:
    service = busy_service(4, 0.8)
    hours, targets = hours_of("s", service), target_of("s", service)
    forward, _ = run(hours=hours, targets=targets)
    backward, _ = run(hours=hours.iloc[::-1], targets=targets)
    pd.testing.assert_frame_equal(forward, backward)
    assert [len(table) for table in run()] == [0, 0]
