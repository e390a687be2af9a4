"""Recordings of files: played without the files, they land the same; and no secret is on them."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.connectors import file_recording
from assets.connectors.base import RejectedInput
from assets.connectors.files import FilesConnector, FilesSource
from assets.connectors.remote import SourceError
from assets.connectors.tape import Tape
from tests.connectors.landing import files_that_show
from tests.connectors.test_files import WINDOW, drop

SECRET = "planted-file-password"
BODY = "team_id,team_name\nt1,Ops ü\n"


def connector(folder: Path, tape: Tape, *paths: str) -> FilesConnector:
    found = FilesConnector(FilesSource(name="hr", tables={"teams": paths}), folder)
    found.tape = tape
    return found


def given(folder: Path, tape: Tape, *paths: str) -> list[Any]:
    """What each file gives: all of a batch but where it lay, or the reason of a refusal."""
    told: list[Any] = []
    for item in connector(folder, tape, *paths).batches("teams", WINDOW, lambda *_: False):
        if isinstance(item, RejectedInput):
            told.append((item.batch_id, item.reason, item.fix))
            continue
        rows = (item.frame.to_pylist(), item.source_rows, [row.text for row in item.broken])
        told.append(
            (item.batch_id, item.fingerprint, item.version_fingerprint, item.input_bytes, item.warnings, rows)
        )
    return told


def every_kind(folder: Path) -> None:
    """Files that land, compressed or not, and one for each way to be refused."""
    drop(folder, "plain.csv", BODY)
    drop(folder, "wide.csv", BODY + "t2\n", control_totals={"rows": 2})
    drop(folder, "latin.csv", encoding="latin-1").write_bytes(BODY.encode("latin-1"))
    drop(folder, "lines.jsonl", '{"team_id": "t1", "team_name": "Ops"}\r\n', format="jsonl")
    for suffix, packed in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        drop(folder, f"packed.csv.{suffix}").write_bytes(packed(BODY.encode()))
    table = pa.table({"team_id": ["t1"], "team_name": pa.array(["Ops"]).dictionary_encode()})
    pq.write_table(table, drop(folder, "table.parquet", format="parquet"))
    drop(folder, "short.csv", control_totals={"rows": 9})
    drop(folder, "cut.csv.gz").write_bytes(gzip.compress(BODY.encode())[:-9])
    drop(folder, "none.parquet", "no Parquet", format="parquet")
    (folder / "alone.csv").write_text(BODY)


def test_every_kind_of_file_is_played_as_it_was_read(tmp_path: Path) -> None:
    """Batches with their fingerprints and broken rows, refusals with their reasons; without the files."""
    every_kind(tmp_path / "in")
    recorded = given(tmp_path, Tape.new(tmp_path / "tapes", "hr"), "in/*", "none/*.csv")
    assert (len(recorded), sum(len(one) == 6 for one in recorded)) == (13, 8)
    assert given(tmp_path / "elsewhere", Tape.of(tmp_path / "tapes", "hr"), "in/*", "none/*.csv") == recorded
    other = connector(tmp_path, Tape.of(tmp_path / "tapes", "hr"), "other/*")
    with pytest.raises(SourceError, match="the recording holds no answer"):
        list(other.batches("teams", WINDOW, lambda *_: False))


def test_a_recording_can_be_looked_through(tmp_path: Path) -> None:
    """What is in a compressed file stands there as text, because its reader is told to look for what rows say."""
    drop(tmp_path / "in", "packed.csv.gz").write_bytes(gzip.compress(BODY.encode()))
    given(tmp_path, Tape.new(tmp_path / "tapes", "hr"), "in/*")
    lines = [json.loads(line) for line in (tmp_path / "tapes" / "hr.jsonl").read_text().splitlines()]
    assert [line["statement"] for line in lines] == ["file", "files"]
    assert lines[0]["text"] == BODY


def test_no_secret_is_on_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of variables that hold secrets, and names, passwords and signatures in addresses, in rows, too."""
    monkeypatch.setenv("HR_PASSWORD", SECRET)
    monkeypatch.setenv("HR_PIN_TOKEN", "2026")
    address = f"https://me:hidden-1@hr.example/x?sig=hidden-2&a=b&X-Amz-Signature=hidden-3 {SECRET} 2026"
    rows = {"team_id": "t1", "team_name": address}
    folder = tmp_path / "in"
    drop(folder, "plain.csv", f"team_id,team_name\nt1,{address}\n")
    drop(folder, "packed.csv.gz").write_bytes(gzip.compress(f"team_id,team_name\nt1,{address}\n".encode()))
    drop(folder, "lines.jsonl", json.dumps(rows) + "\n", format="jsonl")
    table = pa.table({"team_id": ["t1"], "team_name": pa.array([address]).dictionary_encode()})
    pq.write_table(table, drop(folder, "table.parquet", format="parquet"))
    recorded = given(tmp_path, Tape.new(tmp_path / "tapes", "hr"), "in/*")
    assert files_that_show(tmp_path / "tapes", [SECRET, "hidden-1", "hidden-2", "hidden-3"]) == []
    played = given(tmp_path, Tape.of(tmp_path / "tapes", "hr"), "in/*")
    kept = "https://***@hr.example/x?sig=***&a=b&X-Amz-Signature=*** *** ***"
    assert [one[5][0] for one in played] == [[{"team_id": "t1", "team_name": kept}]] * 4
    assert [one[:5] for one in played] == [one[:5] for one in recorded]


def test_what_cannot_be_looked_through_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nested text with a secret in it, and a file that is too large to be sent."""
    monkeypatch.setenv("HR_PASSWORD", SECRET)
    table = pa.table({"team_id": ["t1"], "team_name": ["Ops"], "more": [[SECRET]]})
    pq.write_table(table, drop(tmp_path / "a", "table.parquet", format="parquet", ignore=["more"]))
    drop(tmp_path / "b", "plain.csv", BODY)
    monkeypatch.setattr(file_recording, "MAX_BYTES", 20)
    for name in ("a", "b"):
        given(tmp_path, Tape.new(tmp_path / "tapes" / name, "hr"), f"{name}/*")
        with pytest.raises(SourceError, match="what is in it is not on the recording"):
            given(tmp_path, Tape.of(tmp_path / "tapes" / name, "hr"), f"{name}/*")
    assert files_that_show(tmp_path / "tapes", [SECRET]) == []
