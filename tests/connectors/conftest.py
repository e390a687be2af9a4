"""Servers that several connectors are tested against, and the connectors that share their guarantees."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.loaders
import pytest
import sqlalchemy as sa

from examples.real.prometheus_server import MissingProgramError
from tests.connectors.aws import AwsLayer, aws_layer, environment, moto_server
from tests.connectors.cases import CASES, Case, named
from tests.connectors.killing import Killer
from tests.connectors.proxy import Proxy
from tests.connectors.simulators import zabbix as zabbix_simulator
from tests.connectors.simulators.request_tracker import RequestTracker
from tests.connectors.sql_desks import Desk
from tests.servers import RequestTrackerServer, missing


@pytest.fixture(scope="session")
def aws_models() -> Iterator[None]:
    """Clients of AWS share one loader: each would read the models of its services anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.loaders, "create_loader", cache(botocore.loaders.create_loader))
        yield


@pytest.fixture(scope="session")
def moto_port(aws_models: None) -> Iterator[int]:
    """One moto server for the whole run."""
    with moto_server() as port:
        yield port


@pytest.fixture(scope="session")
def tracker() -> Iterator[RequestTrackerServer]:
    """One Request Tracker for the whole run, in front of which simulators stand too."""
    try:
        server = RequestTrackerServer()
    except MissingProgramError as error:
        missing(error)
    server.start()
    RequestTracker.server = server
    yield server
    server.stop()


@pytest.fixture
def aws(moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsLayer]:
    """A layer in front of an empty moto, and the environment that leads to it."""
    import httpx

    httpx.post(f"http://127.0.0.1:{moto_port}/moto-api/reset", trust_env=False).raise_for_status()
    with aws_layer(moto_port) as layer:
        environment(monkeypatch, layer.url)
        yield layer


@pytest.fixture
def zabbix(monkeypatch: pytest.MonkeyPatch) -> Iterator[zabbix_simulator.Zabbix]:
    """A simulated Zabbix of 7.x, and the token that leads to it."""
    monkeypatch.setenv(zabbix_simulator.VARIABLE, zabbix_simulator.TOKEN)
    with zabbix_simulator.Zabbix() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def killer() -> Iterator[Killer]:
    """One process for all runs that are killed: what they import takes longer than they do."""
    with Killer() as found:
        yield found


@pytest.fixture(params=named(), scope="module")
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """Each connector in turn, its secrets in the environment."""
    found = CASES[request.param]
    if found.server is not None:
        request.getfixturevalue(found.server)
    os.environ.update(found.environment)
    yield found
    for name in found.environment:
        os.environ.pop(name, None)


@pytest.fixture(
    params=[
        pytest.param("postgresql", marks=pytest.mark.postgres),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
        "sqlite",
    ]
)
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk in each database; the connector reaches servers by a way that can be cut."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'desk.db'}"
        monkeypatch.setenv("DESK_URL", address)
        yield Desk(address, address)
        return
    short = "postgres" if request.param == "postgresql" else "maria"
    address = request.getfixturevalue(f"{short}_url")
    server = request.getfixturevalue(f"{short}_server")
    url = sa.make_url(address)
    assert url.port is not None
    with Proxy(url.port) as proxy:
        reader = url.set(port=proxy.port).render_as_string(hide_password=False)
        monkeypatch.setenv("DESK_URL", reader)
        yield Desk(address, reader, server, proxy)
