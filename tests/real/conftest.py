"""The three estates, each landed once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from examples.real import curc, nezha
from examples.real.prometheus_server import (
    PACKAGE,
    URL_VARIABLE,
    MissingProgramError,
    PrometheusServer,
    find_program,
)
from tests import servers
from tests.real.estates import LandedEstate, land_estate


@pytest.fixture(scope="session")
def real_environment(sample_data: Path) -> Iterator[pytest.MonkeyPatch]:
    """The variables that the configurations read."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ULLAGE_SAMPLE_DATA", str(sample_data))
        yield environment


@pytest.fixture(scope="session")
def curc_estate(
    sample_data: Path, real_environment: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> LandedEstate:
    folder = tmp_path_factory.mktemp("curc")
    curc.prepare(sample_data, folder / ".ullage" / "real" / "curc")
    return land_estate("curc", folder, date(2026, 5, 10), date(2026, 8, 10))


@pytest.fixture(scope="session")
def boutique_estate(
    sample_data: Path, real_environment: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LandedEstate]:
    try:
        find_program("prometheus", PACKAGE)
    except MissingProgramError as error:
        servers.missing(error)
    folder = tmp_path_factory.mktemp("boutique")
    prepared = folder / ".ullage" / "real" / "online-boutique"
    nezha.prepare(sample_data, prepared)
    with PrometheusServer(prepared / "prometheus") as server:
        real_environment.setenv(URL_VARIABLE, server.url)
        yield land_estate("online-boutique", folder, date(2022, 8, 23), date(2022, 8, 23))


@pytest.fixture(scope="session")
def servicedesk_estate(
    real_environment: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> LandedEstate:
    folder = tmp_path_factory.mktemp("servicedesk")
    return land_estate("servicedesk", folder, date(2016, 2, 29), date(2017, 2, 18))
