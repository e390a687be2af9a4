"""Fixtures that every area shares: the servers, the sample data, and no network beyond loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_socket
from hypothesis import settings

from examples.real.prometheus_server import (
    PACKAGE,
    MissingProgramError,
    PrometheusServer,
    backfill,
    find_program,
)
from tests import servers
from tests.zabbix_server import ZabbixServer

ROOT = Path(__file__).resolve().parent.parent
#: Folders whose tests share an estate that takes long to build: one worker runs all of them.
TOGETHER = ("dbt", "real", "reports", "simulation")
# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("ullage", deadline=None)
settings.load_profile("ullage")
StartPrometheus = Callable[..., str]
Server = TypeVar("Server", servers.PostgresServer, servers.MariaServer)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one file go to one worker (`--dist loadgroup`), and those of some folders or of a group of their own."""
    for item in items:
        if item.get_closest_marker("xdist_group"):
            continue
        path = item.path.relative_to(ROOT / "tests")
        group = path.parts[0] if path.parts[0] in TOGETHER else path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_runtest_setup() -> None:
    """A test that reaches for the network beyond this machine fails."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """The folder of real data sets: ULLAGE_SAMPLE_DATA, by default ../shared/data beside the checkout."""
    named = os.environ.get("ULLAGE_SAMPLE_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if folder.is_dir():
        return folder.resolve()
    if named:
        raise FileNotFoundError(f"ULLAGE_SAMPLE_DATA names {folder}, which is not a folder")
    pytest.skip("the real data sets are not here: set ULLAGE_SAMPLE_DATA to their folder")


def _started(kind: type[Server]) -> Iterator[Server]:
    """A server for the whole run."""
    try:
        server = kind()
    except MissingProgramError as error:
        servers.missing(error)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.PostgresServer]:
    """One PostgreSQL cluster for the whole run (Debian package postgresql)."""
    yield from _started(servers.PostgresServer)


@pytest.fixture
def postgres_url(postgres_server: servers.PostgresServer) -> str:
    """SQLAlchemy address of an empty database of the test's own."""
    return postgres_server.url(postgres_server.create_database())


@pytest.fixture(scope="session")
def maria_server() -> Iterator[servers.MariaServer]:
    """One MariaDB server for the whole run (Debian packages mariadb-server-core, mariadb-client-core)."""
    yield from _started(servers.MariaServer)


@pytest.fixture
def maria_url(maria_server: servers.MariaServer) -> str:
    """SQLAlchemy address of an empty database of the test's own."""
    return maria_server.url(maria_server.create_database())


@pytest.fixture(scope="session")
def zabbix_server(postgres_server: servers.PostgresServer) -> Iterator[ZabbixServer]:
    """One Zabbix 6.0 for the whole run, in a database of `postgres_server` (Debian packages zabbix-server-pgsql …)."""
    try:
        server = ZabbixServer(postgres_server)
    except MissingProgramError as error:
        servers.missing(error)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def start_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPrometheus]:
    """Starts Prometheus over {file name: OpenMetrics text}, one file a day or few samples, and returns its address."""
    try:
        find_program("prometheus", PACKAGE)
        find_program("promtool", PACKAGE)
    except MissingProgramError as error:
        servers.missing(error)
    with ExitStack() as stack:

        def start(files: Mapping[str, str], block_hours: int = 2) -> str:
            folder = tmp_path_factory.mktemp("prometheus")
            paths = [folder / name for name in sorted(files)]
            for path in paths:
                path.write_text(files[path.name], encoding="utf-8")
            backfill(paths, folder / "data", block_hours=block_hours)
            return stack.enter_context(PrometheusServer(folder / "data")).url

        yield start


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium (Debian package chromium)."""
    try:
        return servers.find_chromium()
    except MissingProgramError as error:
        servers.missing(error)
