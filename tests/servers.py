"""Real servers on loopback for the tests, from Debian's packages, each with a directory and port of its own.

A missing server skips the test with the name of the package; under CI=true it fails instead. System services
that a package may have started are never used.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from examples.real.prometheus_server import MissingProgramError, find_program, free_port

__all__ = [
    "MariaServer",
    "MissingProgramError",
    "PostgresServer",
    "find_chromium",
    "find_program",
    "missing",
]


def missing(error: MissingProgramError) -> NoReturn:
    """Skip the running test, or fail it under CI=true, naming the Debian package to install."""
    if os.environ.get("CI", "").lower() == "true":
        raise error
    pytest.skip(str(error))


def find_chromium() -> str:
    """Path of a Chromium binary; raises MissingProgramError."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise MissingProgramError("chromium", "chromium")


def _postgres_programs() -> Path:
    """Debian keeps the server's programs out of PATH, in a folder a version: the highest one."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if not versions:
        raise MissingProgramError("initdb", "postgresql")
    return max(versions, key=lambda path: int(path.parent.name.split(".")[0]))


def _ended(process: subprocess.Popen[Any] | None, directory: Path) -> None:
    """End a server, by force if need be, and remove its directory."""
    if process is not None:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shutil.rmtree(directory, ignore_errors=True)


class PostgresServer:
    """A PostgreSQL cluster in a temporary directory. Runs as user postgres when the tests run as root."""

    def __init__(self) -> None:
        self._programs = _postgres_programs()
        self._owner: str | None = "postgres" if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="ullage-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._database_count = 0

    @property
    def user(self) -> str:
        """The superuser of the cluster: the operating system user that made it."""
        return self._owner or pwd.getpwuid(os.geteuid()).pw_name

    def url(self, database: str, password: str = "") -> str:
        """SQLAlchemy address. The cluster trusts loopback, so any password is right."""
        secret = f":{password}" if password else ""
        return f"postgresql+psycopg://{self.user}{secret}@127.0.0.1:{self._port}/{database}"

    def start(self, start_seconds: float = 60.0) -> None:
        """initdb, start, wait for an answer. Raises RuntimeError with the end of the log when none comes."""
        if self._owner is not None:
            shutil.chown(self._directory, self._owner, self._owner)
        data = self._directory / "data"
        options = ["-A", "trust", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync"]
        made = subprocess.run(
            [self._programs / "initdb", "-D", data, *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._directory,
            **self._as_owner(),
        )
        if made.returncode != 0:
            self.stop()
            raise RuntimeError(f"initdb failed: {made.stderr.strip()}")
        self._port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "fsync": "off",
            "unix_socket_directories": str(self._directory),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log_path = self._directory / "postgres.log"
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", data, "-p", str(self._port), *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                **self._as_owner(),
            )
        self._wait_until_ready(log_path, start_seconds)

    def _as_owner(self) -> dict[str, Any]:
        if self._owner is None:
            return {}
        return {"user": self._owner, "group": self._owner, "extra_groups": []}

    def _wait_until_ready(self, log_path: Path, start_seconds: float) -> None:
        deadline = time.monotonic() + start_seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                self._connect("postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        tail = log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"PostgreSQL did not start within {start_seconds:g} s. Its log ends: {tail}")

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self._port,
            user=self.user,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def create_database(self) -> str:
        """A new empty database; returns its name."""
        self._database_count += 1
        name = f"test_{self._database_count}"
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return name

    def stop(self) -> None:
        """Stop the server that this object started and remove its directory."""
        process, self._process = self._process, None
        _ended(process, self._directory)


class MariaServer:
    """A MariaDB server in a temporary directory. Runs as user nobody when the tests run as root."""

    def __init__(self) -> None:
        self._install = _program("mariadb-install-db")
        self._server = _program("mariadbd")
        self._owner: str | None = "nobody" if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="ullage-mariadb-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._database_count = 0

    def url(self, database: str, password: str = "") -> str:
        """SQLAlchemy address. root needs no password here; any other is refused."""
        secret = f":{password}" if password else ""
        return f"mysql+pymysql://root{secret}@127.0.0.1:{self._port}/{database}?charset=utf8mb4"

    def start(self, start_seconds: float = 60.0) -> None:
        """Make the system tables, start, wait for an answer. Raises RuntimeError with the end of the log."""
        owner: dict[str, Any] = {}
        if self._owner is not None:
            shutil.chown(self._directory, self._owner)
            owner = {"user": self._owner, "extra_groups": []}
        data = self._directory / "data"
        made = subprocess.run(
            [
                self._install, "--no-defaults", f"--datadir={data}", "--skip-test-db", "--skip-name-resolve",
                "--auth-root-authentication-method=normal",
            ],
            capture_output=True, text=True, check=False, cwd=self._directory, **owner,
        )  # fmt: skip
        if made.returncode != 0:
            self.stop()
            raise RuntimeError(f"mariadb-install-db failed: {made.stdout[-1000:]} {made.stderr[-1000:]}")
        self._port = free_port()
        log_path = self._directory / "mariadb.log"
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self._server, "--no-defaults", f"--datadir={data}", f"--port={self._port}",
                    f"--socket={self._directory / 's.sock'}", f"--pid-file={self._directory / 'pid'}",
                    "--bind-address=127.0.0.1", "--skip-log-bin", "--character-set-server=utf8mb4",
                    # Another zone than UTC, and dates that do not exist: as servers out there have them.
                    "--default-time-zone=+05:30", "--sql-mode=ALLOW_INVALID_DATES",
                    "--innodb-flush-log-at-trx-commit=0",
                ],
                stdout=log, stderr=subprocess.STDOUT, cwd=self._directory, **owner,
            )  # fmt: skip
        deadline = time.monotonic() + start_seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._execute("select 1")
            except sa.exc.OperationalError:
                time.sleep(0.05)
            else:
                return
        tail = log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"MariaDB did not start within {start_seconds:g} s. Its log ends: {tail}")

    def _execute(self, statement: str) -> None:
        engine = sa.create_engine(self.url(""), poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def create_database(self) -> str:
        """A new empty database; returns its name."""
        self._database_count += 1
        name = f"test_{self._database_count}"
        self._execute(f"create database {name}")
        return name

    def stop(self) -> None:
        """Stop the server that this object started and remove its directory."""
        process, self._process = self._process, None
        _ended(process, self._directory)


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        raise MissingProgramError(name, "mariadb-server-core")
    return found
