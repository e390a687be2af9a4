"""What the SQL connector shows of a database: no secret anywhere, and recordings that play without it."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from assets.connectors.base import Batch, Window
from assets.connectors.remote import SourceError
from assets.connectors.tape import Tape
from tests.connectors.landing import files_that_show, land_all
from tests.connectors.sql_desks import (
    WINDOW,
    Desk,
    before_statements,
    connect,
    raises,
    read,
    way,
)
from tests.connectors.test_sql import CHANGES, DAY, SECRET

# --- secrets ---


def with_secret(desk: Desk) -> str:
    """The reader's address with a secret in it, where the database knows any."""
    url = sa.make_url(os.environ["DESK_URL"])
    if desk.kind == "mysql":
        desk.run(
            "drop user if exists planted@'127.0.0.1'",
            f"create user planted@'127.0.0.1' identified by '{SECRET}'",
            "grant select on c to planted@'127.0.0.1'",
        )
        url = url.set(username="planted")
    if desk.kind != "sqlite":
        url = url.set(password=SECRET)
    return url.render_as_string(hide_password=False)


def test_secrets_show_nowhere(
    desk: Desk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not in files, logs, output or exceptions, even when the driver quotes the address."""
    caplog.set_level(logging.DEBUG)
    desk.fill(9)
    url = sa.make_url(with_secret(desk))
    monkeypatch.setenv("DESK_URL", url.render_as_string(hide_password=False))
    driver = {
        "postgresql": psycopg.OperationalError,
        "mysql": pymysql.err.OperationalError,
        "sqlite": sqlite3.OperationalError,
    }[desk.kind]
    quoted = driver(f"cannot reach {url.render_as_string(hide_password=False)} ({url.password or ''})")
    connector = connect(tmp_path / "spool")
    acts = dict.fromkeys(range(10, 99), raises(quoted))
    with before_statements(desk, acts), pytest.raises(SourceError) as caught:
        read(connector)
    assert files_that_show(tmp_path / "spool", [SECRET]) == []
    land_all(connector, tmp_path, WINDOW)
    shown = "".join([str(caught.value), repr(caught.value), caplog.text, *capsys.readouterr()])
    shown += repr(connector.__dict__) + connector.traffic.line()
    assert SECRET not in shown
    assert files_that_show(tmp_path, [SECRET]) == []
    assert not isinstance(caught.value.__cause__, Exception)


# --- recordings ---

#: A table by days, and a query read whole.
READ_BY = (
    {**CHANGES, "table": "c"},
    {**CHANGES, "query": "select * from c where state = 'closed'", "updated_column": None},
)


def exchanged(folder: Path, tape: Callable[[Path, str], Tape]) -> list[tuple[Any, ...]]:
    """What each way of reading gives while it is recorded, or from the recording; and the retries it took."""
    found: list[tuple[Any, ...]] = []
    for number, table in enumerate(READ_BY):
        connector = connect(tables={"changes": table})
        connector.tape = tape(folder / str(number), "desk")
        for batch in connector.batches("changes", WINDOW, lambda *_: False):
            assert isinstance(batch, Batch), batch
            rows = str(batch.frame.to_pylist()).replace(SECRET, "***")
            found.append((batch.batch_id, batch.input_path, batch.query, rows))
        found.append((connector.traffic.retries, connector.traffic.rows))
    return found


def test_a_recording_plays_without_the_database_and_holds_no_secret(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages with ties, a row without a date, a secret in a row, and faults that passed: told again, offline."""
    desk.fill(11)
    desk.run("update c set updated_at = null where change_id = 'CHG0004'")
    secrets = [desk.address, desk.reader]
    if desk.kind != "sqlite":
        secrets.append(SECRET)
        desk.run(f"update c set title = 'see {SECRET}' where change_id = 'CHG0003'")
    monkeypatch.setenv("DESK_URL", with_secret(desk))
    tapes = tmp_path / "tapes"
    acts = dict(zip((3, 12), way(desk).values(), strict=False))
    with before_statements(desk, acts):
        recorded = exchanged(tapes, Tape.new)
    assert sum(one[1] for one in recorded if len(one) == 2) >= 22
    assert not acts
    assert files_that_show(tapes, secrets) == []
    monkeypatch.delenv("DESK_URL")
    with before_statements(desk) as asked:
        assert exchanged(tapes, Tape.of) == recorded
    assert asked.statements == []
    other = connect(tables={"changes": READ_BY[0]})
    other.tape = Tape.of(tapes / "0", "desk")
    with pytest.raises(SourceError, match="the recording holds no answer"):
        read(other, Window(DAY + timedelta(days=9), DAY + timedelta(days=9)))


def test_an_error_of_the_database_is_on_the_recording(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever plays it reads what the user read; where the database is and who asks is not in it."""
    desk.fill(1)
    monkeypatch.setenv("DESK_URL", with_secret(desk))
    tables = {"changes": {**CHANGES, "query": "select nothing_of_that_name from c"}}
    told = []
    for tape in (Tape.new, Tape.of):
        connector = connect(tables=tables)
        connector.tape = tape(tmp_path / "tapes", "desk")
        with pytest.raises(SourceError, match="nothing_of_that_name") as caught:
            read(connector)
        told.append(caught.value.fix)
        monkeypatch.delenv("DESK_URL", raising=False)
    assert told[0] == told[1]
    shown = [SECRET, desk.address, desk.reader, *([] if desk.kind == "sqlite" else ["127.0.0.1", "planted"])]
    assert files_that_show(tmp_path / "tapes", shown) == []
