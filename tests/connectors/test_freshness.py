"""Ages in the configuration, and the freshness policies that Dagster makes of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from assets.connectors.files import FilesConnector, FilesSource
from assets.landing.assets import source_assets


def source(freshness: Any) -> FilesSource:
    tables = {"teams": "teams.csv", "incidents": "incidents.csv"}
    return FilesSource.model_validate({"name": "hr", "tables": tables, "freshness": freshness})


@pytest.mark.parametrize(
    ("said", "teams", "incidents"),
    [
        ("26h", timedelta(hours=26), timedelta(hours=26)),
        ({"default": "8d", "incidents": "90m"}, timedelta(days=8), timedelta(minutes=90)),
        ({"incidents": "1h"}, None, timedelta(hours=1)),
        ({}, None, None),
    ],
)
def test_each_table_has_its_policy(
    tmp_path: Path, said: Any, teams: timedelta | None, incidents: timedelta | None
) -> None:
    config = source(said)
    found = source_assets([FilesConnector(config, tmp_path)], None, {"hr": config})
    policies = {spec.key.path[-1]: spec.freshness_policy for asset in found for spec in asset.specs}
    wanted = {"teams": teams, "incidents": incidents}
    assert policies == {
        table: None if age is None else dg.FreshnessPolicy.time_window(fail_window=age)
        for table, age in wanted.items()
    }


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("26", "is no age; fix: write minutes, hours or days"),
        (26, "is no age"),
        ("0h", "is no age"),
        ({"incidnts": "1h"}, "freshness.incidnts: the source has no such table; fix: remove it"),
    ],
)
def test_mistakes_are_explained(said: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source(said)
