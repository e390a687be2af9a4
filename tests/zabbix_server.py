"""A real Zabbix 6.0 on loopback, from Debian's packages: server, frontend (for its API) and sender.

It has the users, roles and groups of a fresh installation and none of its hosts and templates, so it starts in
seconds. Its database is one of the tests' own PostgreSQL.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from examples.real.prometheus_server import MissingProgramError, free_port
from tests.servers import PostgresServer

PACKAGES = "zabbix-server-pgsql zabbix-frontend-php zabbix-sender php-cli php-pgsql"
FRONTEND, SEED = Path("/usr/share/zabbix"), Path("/usr/share/zabbix-server-pgsql")
#: What a fresh installation has, without 26,000 rows of templates.
TABLES = (
    "role", "users", "usrgrp", "users_groups", "role_rule", "hstgrp", "config", "regexps", "expressions",
    "graph_theme", "ids", "globalmacro",
)  # fmt: skip
_CONFIG = """<?php
$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '127.0.0.1', 'PORT' => '%(db_port)d', 'DATABASE' => '%(db)s',
  'USER' => '%(user)s', 'PASSWORD' => '', 'SCHEMA' => '', 'ENCRYPTION' => false, 'VERIFY_HOST' => false,
  'CIPHER_LIST' => '', 'KEY_FILE' => '', 'CERT_FILE' => '', 'CA_FILE' => '', 'DOUBLE_IEEE754' => true,
  'VAULT_URL' => '', 'VAULT_DB_PATH' => '', 'VAULT_TOKEN' => ''];
$ZBX_SERVER = '127.0.0.1'; $ZBX_SERVER_PORT = '%(port)d'; $ZBX_SERVER_NAME = 'test';
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
"""
_SERVER = """ListenPort=%(port)d
ListenIP=127.0.0.1
LogFile=%(folder)s/server.log
PidFile=%(folder)s/server.pid
SocketDir=%(folder)s
DBHost=127.0.0.1
DBPort=%(db_port)d
DBName=%(db)s
DBUser=%(user)s
CacheUpdateFrequency=1
HousekeepingFrequency=0
StartPollers=1
StartPingers=0
StartDiscoverers=0
StartHTTPPollers=0
StartTrappers=1
StartPreprocessors=1
StartDBSyncers=1
StartTimers=1
StartEscalators=1
StartAlerters=1
StartLLDProcessors=1
StartHistoryPollers=1
StartODBCPollers=0
"""


class ZabbixServer:
    """Zabbix over one database of a PostgreSQL cluster. Runs as nobody when the tests run as root."""

    def __init__(self, postgres: PostgresServer) -> None:
        programs = ("/usr/sbin/zabbix_server", "/usr/bin/zabbix_sender", "/usr/bin/php")
        for path in (*programs, FRONTEND / "api_jsonrpc.php", SEED / "schema.sql.gz"):
            if not Path(path).exists():
                raise MissingProgramError(str(path), PACKAGES)
        self._postgres = postgres
        self._folder = Path(tempfile.mkdtemp(prefix="ullage-zabbix-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._port, self._web_port = _low_port(), free_port()
        self._token: str | None = None
        self.database = ""

    @property
    def url(self) -> str:
        """Address of the frontend."""
        return f"http://127.0.0.1:{self._web_port}"

    def start(self, start_seconds: float = 60.0) -> None:
        """Fill the database, start server and frontend, wait for both. Raises RuntimeError with the logs' ends."""
        self.database = self._postgres.create_database()
        with self.connect() as connection:
            connection.execute(_script("schema"))
            connection.execute(_seed())
        given = {
            "folder": self._folder, "port": self._port, "db": self.database, "user": self._postgres.user,
            "db_port": self._postgres.port,
        }  # fmt: skip
        conf = self._folder / "server.conf"
        conf.write_text(_SERVER % given, encoding="utf-8")
        web = self._frontend(_CONFIG % given)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "nobody:nogroup", self._folder], check=True)
        self._run("server.out", ["/usr/sbin/zabbix_server", "-f", "-c", conf])
        options = ["date.timezone=UTC", "display_errors=0", "max_execution_time=300", "post_max_size=16M"]
        php = [
            "/usr/bin/php",
            *(part for one in options for part in ("-d", one)),
            "-S",
            f"127.0.0.1:{self._web_port}",
        ]
        self._run("php.out", [*php, "-t", web])
        deadline = time.monotonic() + start_seconds
        while time.monotonic() < deadline and all(one.poll() is None for one in self._processes):
            if self._is_up():
                return
            time.sleep(0.05)
        logs = [
            path.read_text("utf-8", "replace")[-800:] for path in sorted(self._folder.glob("*.[lo][ou][gt]"))
        ]
        self.stop()
        raise RuntimeError(f"Zabbix did not start within {start_seconds:g} s. Its logs end: {logs}")

    def _frontend(self, config: str) -> Path:
        """What the API needs of the frontend, reading our configuration and not the system's."""
        web = self._folder / "web"
        for name in ("include", "vendor", "app", "local", "modules", "conf"):
            shutil.copytree(FRONTEND / name, web / name)
        shutil.copy(FRONTEND / "api_jsonrpc.php", web)
        path = web / "zabbix.conf.php"
        path.write_text(config, encoding="utf-8")
        place = web / "include/classes/core/CConfigFile.php"
        text = place.read_text(encoding="utf-8")
        place.write_text(text.replace("/etc/zabbix/zabbix.conf.php", str(path)), encoding="utf-8")
        return web

    def _run(self, log: str, command: list[Any]) -> None:
        owner: dict[str, Any] = (
            {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        )
        with (self._folder / log).open("wb") as stream:
            self._processes.append(
                subprocess.Popen(
                    command, stdout=stream, stderr=subprocess.STDOUT, cwd=self._folder,
                    env={**os.environ, "HOME": str(self._folder), "PHP_CLI_SERVER_WORKERS": "2"},
                    start_new_session=True, **owner,
                )
            )  # fmt: skip

    def _is_up(self) -> bool:
        try:
            self._token = self._token or self.api("user.login", {"username": "Admin", "password": "zabbix"})
            sent = self.send([])
        except (httpx.HTTPError, ValueError):
            return False
        return "sent: 1" in sent

    def connect(self) -> psycopg.Connection:
        """A connection to Zabbix' database."""
        return self._postgres.connect(self.database)

    def api(self, method: str, params: Any) -> Any:
        """What the API gives to the administrator. Raises ValueError for its errors."""
        body = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        body |= {"auth": self._token} if self._token else {}
        answer = httpx.post(f"{self.url}/api_jsonrpc.php", json=body, trust_env=False, timeout=30).json()
        if "error" in answer:
            raise ValueError(f"{method}: {answer['error']}")
        return answer["result"]

    def send(self, values: Iterable[tuple[str, str, datetime, str]]) -> str:
        """Values (host, key, time, value) through zabbix_sender. Gives what it says.

        A new item is unknown to the server for up to a second.
        """
        lines = "".join(
            f"{host} {key} {int(at.timestamp())} {at.microsecond * 1000} {value}\n"
            for host, key, at, value in values
        )
        # Something to say even when nothing is sent: the server's answer shows that it listens.
        lines = lines or "nobody nothing 1 0 1\n"
        command = ["/usr/bin/zabbix_sender", "-z", "127.0.0.1", "-p", str(self._port), "-T", "-N", "-i", "-"]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, timeout=30)
        return done.stdout

    def stop(self) -> None:
        """End both with their workers, and remove the directory."""
        for process in self._processes:
            # The whole group: PHP leaves its workers behind.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)


def _low_port() -> int:
    """A free port that Zabbix takes: not above 32767."""
    for port in range(20_000 + os.getpid() % 10_000, 32_767):
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port below 32767")


def _script(name: str) -> str:
    return gzip.decompress((SEED / f"{name}.sql.gz").read_bytes()).decode()


def _seed() -> str:
    """The INSERTs of `TABLES`; each is one line there."""
    wanted = tuple(f"INSERT INTO {table} " for table in TABLES)
    return "\n".join(line for line in _script("data").splitlines() if line.startswith(wanted))
