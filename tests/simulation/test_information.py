"""Licences and data sets: measured use tells the true story, and the service knows of it."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.simulation.conftest import Written


def test_licences_run_out_and_are_bought_when_the_truth_says(full: Written) -> None:
    """The first measured day over the agreed share is the true one, to three days; then a third more come."""
    limits = full.csv("sources/assets/resource_limits.csv").query("ci_id == 'e-mail-licences'")
    before, after = limits.sort_values("valid_from")["limit_value"].astype(float)
    samples = full.csv("sources/assets/metric_samples.csv").query("ci_id == 'e-mail-licences'")
    over = samples[samples["value"].astype(float) > 0.95 * before]
    truth = full.truth.saturation.set_index("series_id").loc["ci/e-mail-licences/licence_seats"]
    crossed = pd.Timestamp(over["observed_at"].iloc[0][:10])
    assert abs((crossed - pd.Timestamp(truth["first_date"])).days) <= 3
    assert after / before == pytest.approx(4 / 3, rel=0.01)
    assert truth["usable_at_end"] == pytest.approx(0.95 * after)


def test_a_service_saturates_with_its_licences(full: Written) -> None:
    rows = full.truth.saturation.set_index("series_id")["next_date"]
    licences, service = rows["pool/crm/crm-licences/licence_seats"], rows["service/crm"]
    assert abs((pd.Timestamp(licences) - pd.Timestamp("2026-06-30")).days - 40) <= 2
    assert service <= licences


def test_each_is_measured_once_a_day(full: Written) -> None:
    samples = full.csv("sources/assets/metric_samples.csv")
    assert (samples.groupby("ci_id").size() == full.settings.days).all()
    assert samples["ci_id"].nunique() == 11
