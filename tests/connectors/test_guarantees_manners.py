"""What every connector to a paging source guarantees beside rows: secrets, recordings, manners, lookback, census."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest

from assets.connectors.base import Batch, Window
from assets.connectors.paged import Counted
from assets.connectors.remote import SourceError
from assets.connectors.tape import Tape
from tests.connectors.cases import DAY, WINDOW, Case, connect, identity, named, read
from tests.connectors.landing import files_that_show, land_all, landed_rows
from tests.connectors.simulators.faults import WAY, Fault


def test_secrets_show_nowhere(
    case: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in files, logs, output, exceptions or the settings' own text, even when the source quotes them."""
    caplog.set_level(logging.DEBUG)
    with case.simulator(9) as simulator:
        quoting: Fault = lambda handler, reply: handler.send(  # noqa: E731
            400, f'{{"error": "bad {handler.headers}"}}'.replace("\n", " ").encode(), "application/json"
        )
        connector = connect(case, simulator, tmp_path / "spool")
        simulator.script[3] = quoting
        with pytest.raises(SourceError) as caught:
            read(case, connector)
        assert files_that_show(tmp_path, case.secrets) == []
        land_all(connector, tmp_path, WINDOW)
        shown = "".join([str(caught.value), repr(caught.value), caplog.text, *capsys.readouterr()])
        shown += repr(connector.__dict__) + connector.traffic.line()
    assert [secret for secret in case.secrets if secret in shown] == []
    assert files_that_show(tmp_path, case.secrets) == []


def test_a_recording_plays_without_the_source_and_holds_no_secret(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows, faults included, with the server gone and the secret's variable unset."""
    with case.simulator(9) as simulator:
        simulator.script[2] = WAY["429"]
        connector = connect(case, simulator)
        connector.link.tape = Tape.new(tmp_path, "desk")
        recorded = read(case, connector)
        assert recorded == (simulator.held(), [])
        asked = len(simulator.questions)
    for name in case.environment:
        monkeypatch.delenv(name)
    connector = connect(case, simulator)
    connector.link.tape = Tape.of(tmp_path, "desk")
    assert read(case, connector) == recorded
    assert len(simulator.questions) == asked
    text = (tmp_path / "desk.jsonl").read_text(encoding="utf-8")
    assert [secret for secret in (*case.secrets, simulator.url) if secret in text] == []
    with pytest.raises(SourceError, match="the recording holds no answer"):
        read(case, connector)


def test_a_source_that_stays_down_is_given_up_soon(case: Case) -> None:
    """After three questions in a row without an answer nothing is asked any more, whatever the table."""
    with case.simulator(3) as simulator:
        simulator.script |= dict.fromkeys(range(100), WAY["503"])
        connector = connect(case, simulator)
        messages = []
        for _ in range(5):
            with pytest.raises(SourceError) as caught:
                read(case, connector)
            messages.append(str(caught.value))
        assert re.search("no answer .*after 5 tries", messages[0])
        assert ["given up for this run" in message for message in messages] == [
            False,
            False,
            False,
            True,
            True,
        ]
        assert len(simulator.questions) == 15


@pytest.mark.parametrize("case", named(lambda case: case.skips_tls), indirect=True)
def test_the_way_without_verified_certificates_is_on_every_receipt(case: Case) -> None:
    with case.simulator(1) as simulator:
        (batch,) = connect(case, simulator, verify_tls=False).batches(case.table, WINDOW, lambda *_: False)
        assert isinstance(batch, Batch)
        assert any("verify_tls: false" in warning for warning in batch.warnings)


def test_late_and_corrected_rows_supersede_within_the_lookback(case: Case, tmp_path: Path) -> None:
    """A row that appears late on a day already read lands with the next run, and only that day is new."""
    with case.simulator(5) as simulator:
        land_all(connect(case, simulator), tmp_path, WINDOW)
        simulator.add()
        following = DAY + timedelta(days=1)
        if case.looks_back:
            connector, window = connect(case, simulator, lookback_days=1), Window(following, following)
        else:
            connector, window = connect(case, simulator), Window(DAY, following)
        (summary,) = land_all(connector, tmp_path, window, hour=7)
        assert summary.batches_written == 2  # the day that changed, and the new, empty one
        landed = {identity(row, case.key.split()) for row in landed_rows(tmp_path, "desk", case.table)}
        assert landed == set(simulator.held())


@pytest.mark.parametrize("case", named(lambda case: case.counts), indirect=True)
def test_a_census_finds_what_is_gone_and_fetches_what_was_missed(case: Case, tmp_path: Path) -> None:
    """Deleted rows become tombstones with the day on which that was known; a row that a read day lacks is fetched."""
    known = DAY + timedelta(days=1)
    with case.simulator(9) as simulator:
        assert isinstance(connect(case, simulator), Counted)
        for day in (DAY, known):
            connector = connect(case, simulator, tmp_path / "spool", census_every_days=1)
            land_all(connector, tmp_path, Window(day, day), hour=6 + (day - DAY).days)
            if day == DAY:
                assert landed_rows(tmp_path, "desk", "tombstones") == []
                before = set(simulator.held())
                simulator.add()  # on a day that has been read
                simulator.remove(2)
        tombstones = landed_rows(tmp_path, "desk", "tombstones")
        gone = {(row["record_table"], row["record_key"]): row["deleted_known_date"] for row in tombstones}
        assert gone == {(case.table, key): known for key in before - set(simulator.held())}
        landed = {row[case.key] for row in landed_rows(tmp_path, "desk", case.table)}
        assert set(simulator.held()) <= landed
        assert not list((tmp_path / "spool").rglob("*.page"))
