"""Real servers on loopback for the tests, from Debian's packages, each with a directory and port of its own.

A missing server skips the test with the name of the package; under CI=true it fails instead. System services
that a package may have started are never used.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import httpx
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from examples.real.prometheus_server import MissingProgramError, find_program, free_port

__all__ = [
    "MariaServer",
    "MissingProgramError",
    "PostgresServer",
    "RequestTrackerServer",
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
        self._launch(start_seconds)

    def restart(self) -> None:
        """Stop as an administrator would who waits for nobody, and start again with the same data and port."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=20)
        self._launch(60.0)

    def _launch(self, start_seconds: float) -> None:
        data = self._directory / "data"
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
                self.connect("postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        tail = log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"PostgreSQL did not start within {start_seconds:g} s. Its log ends: {tail}")

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    def connect(self, database: str) -> psycopg.Connection:
        """A connection that commits each statement."""
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
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return name

    def stop(self) -> None:
        """Stop the server that this object started and remove its directory."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)  # waits for no session, as SIGTERM would
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
        self._launch(start_seconds)

    def restart(self) -> None:
        """Stop and start again with the same data and port."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=20)
        self._launch(60.0)

    def _launch(self, start_seconds: float) -> None:
        data = self._directory / "data"
        owner: dict[str, Any] = {"user": self._owner, "extra_groups": []} if self._owner else {}
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
        if process is not None:
            process.kill()  # an orderly end takes up to 20 s, for data that are thrown away
        _ended(process, self._directory)


#: What Debian's Request Tracker is made of.
_TRACKER = Path("/usr/share/request-tracker5")
_TRACKER_SETTINGS = """\
Set($rtname, 'ullage'); Set($Organization, 'ullage'); Set($Timezone, 'Europe/Berlin');
Set($WebDomain, '127.0.0.1'); Set($WebPort, {port}); Set($WebPath, '');
Set($WebBaseURL, 'http://127.0.0.1:{port}'); Set($WebURL, 'http://127.0.0.1:{port}/');
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{directory}/rt.db');
Set($LogToSyslog, undef); Set($LogToSTDERR, 'warning'); Set($MailCommand, 'testfile');
# Each question is signed in by its token; at the usual cost of 12 that alone takes a quarter of a second.
Set($BcryptCost, 4);
$RT::MasonDataDir = '{directory}/mason'; $RT::MasonSessionDir = '{directory}/session';
$RT::VarPath = '{directory}/var';
1;
"""
#: Queues, custom fields, and accounts that read.
_TRACKER_DATA = """\
@Queues = map { { Name => $_ } } ('Incidents', 'Major', 'Changes', 'Requests', 'Problems', 'Secret', "Bob's");
@CustomFields = (
    { Name => 'CI', Type => 'Freeform', MaxValues => 1, LookupType => 'RT::Queue-RT::Ticket',
      Queue => ['Incidents', 'Major', 'Changes'] },
    { Name => 'Service', Type => 'Freeform', MaxValues => 0, LookupType => 'RT::Queue-RT::Ticket',
      Queue => ['Incidents', 'Major', 'Problems'] },
    { Name => 'Kind', Type => 'Freeform', MaxValues => 1, LookupType => 'RT::Queue-RT::Ticket',
      Queue => ['Incidents'] },
    { Name => 'Category', Type => 'Freeform', MaxValues => 1, LookupType => 'RT::Queue-RT::Ticket',
      Queue => ['Incidents'] },
);
@Users = map { { Name => $_, Privileged => 1 } } qw(reader berlin);
for my $queue ('Incidents', 'Major', 'Changes', 'Requests', 'Problems', "Bob's") {
    for my $right (qw(SeeQueue ShowTicket SeeCustomField)) {
        push @ACL, { UserId => $_, Right => $right, Queue => $queue } for qw(reader berlin);
    }
}
1;
"""
#: Zones of the accounts, and tokens whose text is known.
_TRACKER_SEED = """\
use lib '/usr/share/request-tracker5/lib'; use RT; RT::LoadConfig(); RT::Init();
for my $name (qw(reader root berlin)) {
    my $user = RT::User->new(RT->SystemUser); $user->Load($name);
    $user->SetTimezone($name eq 'berlin' ? 'Europe/Berlin' : 'UTC');
    my ($ok, $message) = RT::AuthToken->new(RT->SystemUser)->Create(Owner => $user->id, Description => $name);
    die $message unless $ok;
    my $token = RT::AuthToken->new(RT->SystemUser); $token->LoadByCols(Owner => $user->id);
    $token->_Set(Field => 'Token', Value => $token->_CryptToken(substr(unpack('H*', $name) x 16, 0, 32)));
    print "$name ", $user->id, "\\n";
}
"""


class RequestTrackerServer:
    """A Request Tracker 5 on SQLite in a temporary directory. Runs as user nobody when the tests run as root.

    Its own time zone is Berlin. Users: `reader` in UTC sees all queues but Secret, `berlin` the same in another zone,
    `root` everything.
    """

    #: What each user shows: 1, the user's number, and 32 hexadecimal digits.
    TOKENS: ClassVar[dict[str, str]] = {
        name: f"1-{number}-{(name.encode().hex() * 16)[:32]}"
        for name, number in (("reader", 27), ("root", 14), ("berlin", 29))
    }

    def __init__(self) -> None:
        self._setup = _program("rt-setup-database-5", "request-tracker5")
        for part in ("rt5-standalone", "rt5-db-sqlite"):
            if not Path("/usr/share/doc", part).exists():
                raise MissingProgramError(part, part)
        self._owner: str | None = "nobody" if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="ullage-tracker-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def database(self) -> Path:
        """Its SQLite file, for rows faster than RT makes them."""
        return self._directory / "rt.db"

    def start(self, start_seconds: float = 60.0) -> None:
        """Make database, users and tokens, start, wait for an answer. Raises RuntimeError with the end of the log."""
        self._port = free_port()
        for name in ("var", "mason", "session", "conf.d"):
            (self._directory / name).mkdir()
        settings = _TRACKER_SETTINGS.replace("{port}", str(self._port))
        settings = settings.replace("{directory}", str(self._directory))
        files = {"RT_SiteConfig.pm": settings, "data.pl": _TRACKER_DATA, "seed.pl": _TRACKER_SEED}
        for name, text in files.items():
            (self._directory / name).write_text(text, encoding="utf-8")
        if self._owner is not None:
            for path in [self._directory, *self._directory.iterdir()]:
                shutil.chown(path, self._owner)
        self._run([self._setup, "--action", "init", "--skip-create"])
        self._run([self._setup, "--action", "insert", "--datafile", str(self._directory / "data.pl")])
        made = [line.split() for line in self._run(["perl", str(self._directory / "seed.pl")]).splitlines()]
        if dict(made) != {name: token.split("-")[1] for name, token in self.TOKENS.items()}:
            self.stop()
            raise RuntimeError(f"Request Tracker numbers its users otherwise: {made}; correct TOKENS")
        log_path = self._directory / "server.log"
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [_TRACKER / "libexec/standalone_httpd", "--host", "127.0.0.1", "--port", str(self._port)],
                stdout=log, stderr=subprocess.STDOUT, **self._surroundings(),
            )  # fmt: skip
        deadline = time.monotonic() + start_seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.ask("GET", "rt").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        tail = log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"Request Tracker did not start within {start_seconds:g} s. Its log ends: {tail}")

    def ask(self, method: str, path: str, body: Any = None, user: str = "root") -> httpx.Response:
        """Any question to REST 2."""
        return httpx.request(
            method,
            f"{self.url}/REST/2.0/{path}",
            json=body,
            headers={"Authorization": f"token {self.TOKENS[user]}"},
            timeout=30,
            trust_env=False,
        )

    def create(self, queue: str, subject: str, **fields: Any) -> str:
        """A ticket, made as people make it; returns its number."""
        made = self.ask("POST", "ticket", {"Queue": queue, "Subject": subject, **fields})
        made.raise_for_status()
        return str(made.json()["id"])

    def update(self, number: str, **fields: Any) -> None:
        """Change a ticket."""
        self.ask("PUT", f"ticket/{number}", fields).raise_for_status()

    def stop(self) -> None:
        """Stop the server that this object started and remove its directory."""
        process, self._process = self._process, None
        _ended(process, self._directory)

    def _run(self, command: list[str]) -> str:
        made = subprocess.run(command, capture_output=True, text=True, check=False, **self._surroundings())
        if made.returncode != 0:
            self.stop()
            raise RuntimeError(f"{command[0]} failed: {made.stdout[-1000:]} {made.stderr[-1000:]}")
        return made.stdout

    def _surroundings(self) -> dict[str, Any]:
        """Both names of settings, or the system's are read."""
        paths = {
            "RT_SITE_CONFIG": str(self._directory / "RT_SiteConfig.pm"),
            "RT_SITE_CONFIG_DIR": str(self._directory / "conf.d"),
            "HOME": str(self._directory),
        }
        owner: dict[str, Any] = {} if self._owner is None else {"user": self._owner, "extra_groups": []}
        return {"env": {**os.environ, **paths}, "cwd": self._directory, **owner}


def _program(name: str, package: str = "mariadb-server-core") -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        raise MissingProgramError(name, package)
    return found
