"""Files with sidecars: which files are found, how they are known, and that nothing leads out of their folder."""

from __future__ import annotations

import gzip
import os
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import ValidationError

from assets.connectors.base import Batch, RejectedInput, Window
from assets.connectors.file_reading import read_csv
from assets.connectors.files import FilesConnector, FilesSource

WINDOW = Window(date(2026, 6, 30), date(2026, 6, 30))
DECLARED = {
    "table": "teams",
    "format": "csv",
    "zone": "UTC",
    "key": ["team_id"],
    "control_totals": {"rows": 1},
}


def drop(folder: Path, name: str, body: str = "team_id,team_name\nt1,Ops\n", **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(body)
    (folder / f"{name}.sidecar.yaml").write_text(yaml.safe_dump({**DECLARED, **changes}))
    return path


def found(folder: Path, *patterns: str, sidecar: dict[str, str] | None = None) -> list[Batch | RejectedInput]:
    source = FilesSource(name="hr", tables={"teams": patterns}, sidecar=sidecar or {})
    return list(FilesConnector(source, folder).batches("teams", WINDOW, lambda *_: False))


def test_files_are_found_in_order_and_known_by_their_path(tmp_path: Path) -> None:
    """The batch id is the path below the configuration: the same on every machine."""
    for name in ("b.csv", "a.csv", "sub/c.csv"):
        drop((tmp_path / "in" / name).parent, Path(name).name)
    (tmp_path / "in" / ".hidden.csv").write_text("x")
    (tmp_path / "in" / "writing.csv.tmp").write_text("x")
    ids = [item.batch_id for item in found(tmp_path, "in/**/*", "in/a.csv")]
    assert ids == ["in/a.csv", "in/b.csv", "in/sub/c.csv"]


def test_paths_may_name_an_environment_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(tmp_path / "elsewhere" / "hr", "a.csv")
    monkeypatch.setenv("HR_DATA", str(tmp_path / "elsewhere"))
    (item,) = found(tmp_path / "config", "${HR_DATA}/hr/*.csv")
    assert item.batch_id == "hr/a.csv"
    monkeypatch.delenv("HR_DATA")
    with pytest.raises(ValueError, match="HR_DATA is not set; fix: export HR_DATA"):
        found(tmp_path / "config", "${HR_DATA}/hr/*.csv")


def test_a_landed_file_is_not_read_again(tmp_path: Path) -> None:
    """A second run hashes files and stops there."""
    drop(tmp_path, "a.csv")
    (batch,) = found(tmp_path, "*.csv")
    assert isinstance(batch, Batch)
    source = FilesSource(name="hr", tables={"teams": ("*.csv",)})
    known = {(batch.batch_id, batch.fingerprint)}
    connector = FilesConnector(source, tmp_path)
    assert list(connector.batches("teams", WINDOW, lambda *content: content in known)) == []


def test_sidecars_may_stand_apart(tmp_path: Path) -> None:
    """For data that one cannot write beside: one sidecar, or a folder with one for each file."""
    drop(tmp_path / "data", "a.csv")
    (tmp_path / "data" / "a.csv.sidecar.yaml").rename(tmp_path / "a.csv.sidecar.yaml")
    for place in ("a.csv.sidecar.yaml", "."):
        (item,) = found(tmp_path, "data/*.csv", sidecar={"teams": place})
        assert isinstance(item, Batch)


def refusal(items: list[Batch | RejectedInput]) -> RejectedInput:
    (item,) = items
    assert isinstance(item, RejectedInput)
    assert item.reason
    assert item.fix
    return item


def test_a_path_without_files_is_told(tmp_path: Path) -> None:
    """Silence would look like a source without changes."""
    assert "in/*.csv: no file is there" in refusal(found(tmp_path, "in/*.csv")).message


def test_a_file_that_its_sidecar_announces_is_missed(tmp_path: Path) -> None:
    drop(tmp_path, "a.csv").unlink()
    assert "a sidecar announces it" in refusal(found(tmp_path, "*.csv")).message


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    """Whoever drops files must not get others' files copied into landing or quarantine."""
    secret = tmp_path / "secret.csv"
    secret.write_text("team_id,team_name\nroot,hash\n")
    drop(tmp_path / "in", "a.csv").unlink()
    (tmp_path / "in" / "a.csv").symlink_to(secret)
    item = refusal(found(tmp_path, "in/*.csv"))
    assert "leads out of its folder by a link" in item.reason
    assert item.local_path is None


def test_a_pipe_is_refused_without_waiting_on_it(tmp_path: Path) -> None:
    drop(tmp_path, "a.csv").unlink()
    os.mkfifo(tmp_path / "a.csv")
    assert "not a regular file" in refusal(found(tmp_path, "*.csv")).reason


def test_two_folders_with_one_name_for_a_file_are_told_apart(tmp_path: Path) -> None:
    """Outside the configuration's folder, files are known by their last folder and name: that must be unique."""
    for place in ("x/hr", "y/hr"):
        drop(tmp_path / place, "a.csv")
    items = found(tmp_path / "config", str(tmp_path / "x/hr/*.csv"), str(tmp_path / "y/hr/*.csv"))
    assert [type(item) for item in items] == [Batch, RejectedInput]


def test_csv_dialects(tmp_path: Path) -> None:
    """Delimiter, byte-order mark, quotes, line breaks in cells, CRLF, blank lines, gzip."""
    body = '\ufeffid;name\r\n1;"a;\r\nb"\r\n\r\n2;"say ""hi"""\r\n3\r\n'
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(body.encode()))
    raw = read_csv(path, "x.csv.gz", ";", "utf-8")
    assert raw.frame.to_pydict() == {"id": ["1", "2"], "name": ["a;\r\nb", 'say "hi"']}
    assert raw.source_rows.to_pylist() == [1, 2]
    assert [row.source_row for row in raw.broken] == [3]


def test_row_numbers_hold_around_broken_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3\n\n4,5\n6,7,8\n9,10\n")
    raw = read_csv(path, "x.csv", ",", "utf-8")
    assert raw.source_rows.to_pylist() == [1, 3, 5]
    assert [(row.source_row, row.text) for row in raw.broken] == [(2, "3"), (4, "6,7,8")]


def test_a_cell_larger_than_a_read_block_is_read(tmp_path: Path) -> None:
    """Arrow reads 16 MiB at a time; one cell may be longer."""
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1," + "x" * (17 * 2**20) + "\n2,y\n")
    raw = read_csv(path, "x.csv", ",", "utf-8")
    assert [len(text) for text in raw.frame["b"].to_pylist()] == [17 * 2**20, 1]


def test_text_in_dictionaries_reads_like_text(tmp_path: Path) -> None:
    """A column that repeats itself is kept as a dictionary, even when later rows no longer do."""
    path = tmp_path / "x.csv"
    values = ["same"] * 1000 + [f"v{i}" for i in range(2000)]
    path.write_text("a,b\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
    assert read_csv(path, "x.csv", ",", "utf-8").frame["b"].to_pylist() == values


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "hr", "tables": {}}, "tables"),
        ({"name": "hr", "tables": {"team": "a.csv"}}, "did you mean teams"),
        ({"name": "../hr", "tables": {"teams": "a.csv"}}, "name"),
        ({"name": "hr", "tables": {"teams": ""}}, "no path"),
        ({"name": "hr", "tables": {"teams": "a.csv"}, "sidecar": {"services": "x"}}, "no such table"),
        ({"name": "hr", "tables": {"teams": "a.csv"}, "zone": "UTC"}, "Extra inputs"),
    ],
)
def test_mistakes_in_the_configuration_are_named(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FilesSource.model_validate(config)


def test_quarantined_copies_keep_the_files_own_bytes(tmp_path: Path) -> None:
    """A Parquet file is refused as it is: its content is evidence."""
    path = drop(tmp_path, "a.parquet", "not parquet", format="parquet")
    item = refusal(found(tmp_path, "*.parquet"))
    assert item.local_path == path
    with pytest.raises(Exception, match="Parquet"):
        pq.read_table(path)
