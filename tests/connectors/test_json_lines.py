"""JSON lines and compressed files: every digit arrives, every line lands or is set apart with its number."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.connectors import json_lines, unpacking
from assets.connectors.base import UnusableInput
from assets.connectors.file_reading import read_csv
from assets.connectors.json_lines import read_jsonl


def compressed(name: str, body: bytes) -> bytes:
    if name.endswith(".zst"):
        return pa.Codec("zstd").compress(body, asbytes=True)
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    return pack[name[name.rindex(".") :]](body)


def read(folder: Path, body: bytes | str) -> json_lines.RawFile:
    path = folder / "x.jsonl"
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return read_jsonl(path, "x.jsonl")


def test_values_keep_their_text(tmp_path: Path) -> None:
    """Numbers digit by digit, nested values as JSON, words for booleans; null and absent names are missing."""
    raw = read(
        tmp_path,
        '\ufeff{"id": 12345678901234567890123, "cost": 1.10, "tiny": 1E-400, "ok": true, "none": null}\r\n'
        "\n"
        '{"id": "", "tags": {"b": [1.50, null, "ü\\n"], "a": false}, "bad": NaN}',
    )
    assert raw.frame.to_pylist() == [
        {"id": "12345678901234567890123", "cost": "1.10", "tiny": "1E-400", "ok": "true", "none": None,
         "tags": None, "bad": None},
        {"id": "", "cost": None, "tiny": None, "ok": None, "none": None,
         "tags": '{"b":[1.50,null,"ü\\n"],"a":false}', "bad": "NaN"},
    ]  # fmt: skip
    assert raw.source_rows.to_pylist() == [1, 2]


def test_lines_that_are_no_object_are_set_apart(tmp_path: Path) -> None:
    """Each keeps its number (blank lines are none), its text and what is wrong with it."""
    lines = [b'{"a": 1}', b"", b"[1]", b'{"a": 2', b'{"a": "\xff"}', b'{"a": 1, "a": 2}', b'{"a": "\\ud800"}']
    lines += [b"[" * 100_000, b"null", b'{"a": 3}']
    raw = read(tmp_path, b"\n".join(lines))
    assert raw.frame["a"].to_pylist() == ["1", "3"]
    assert raw.source_rows.to_pylist() == [1, 9]
    assert [(row.source_row, row.reason) for row in raw.broken] == [
        (2, "is no JSON object (found an array)"),
        (3, "is no JSON object (Expecting ',' delimiter at character 8)"),
        (4, "is no JSON object (byte 8 is not UTF-8)"),
        (5, "is no JSON object ('a' occurs twice)"),
        (6, "is no JSON object (half a surrogate pair)"),
        (7, "is no JSON object (nested too deeply)"),
        (8, "is no JSON object (found null)"),
    ]
    assert raw.broken[2].text == '{"a": "\\xff"}'


def test_names_may_come_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name first seen in a later chunk is missing in the rows before, one no longer seen in those after."""
    monkeypatch.setattr(json_lines, "CHUNK_LINES", 2)
    lines = [{"a": 1}, {"a": 2}, {"b": "x"}, {}, {"c": [1]}]
    raw = read(tmp_path, "\n".join(json.dumps(line) for line in lines))
    assert raw.frame.to_pydict() == {
        "a": ["1", "2", None, None, None],
        "b": [None, None, "x", None, None],
        "c": [None, None, None, None, "[1]"],
    }


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "c"]),
            st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(codec="utf-8")),
            min_size=1,
        ),
        min_size=1,
        max_size=8,
    )
)  # fmt: skip
def test_no_digit_and_no_letter_is_lost(tmp_path_factory: pytest.TempPathFactory, rows: list[dict]) -> None:
    """Whatever objects are written, each cell comes back as the source spelled it."""

    def spelled(value: object) -> str:
        return str(value) if isinstance(value, Decimal) else json.dumps(value)

    lines = ["{" + ", ".join(f'"{k}": {spelled(v)}' for k, v in row.items()) + "}" for row in rows]
    raw = read(tmp_path_factory.mktemp("j"), "\n".join(lines))

    def cell(value: object) -> object:
        return value if value is None or isinstance(value, str) else spelled(value)

    assert raw.broken == ()
    assert [{k: v for k, v in row.items() if v is not None} for row in raw.frame.to_pylist()] == [
        {k: cell(v) for k, v in row.items() if v is not None} for row in rows
    ]


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_compressed_files_are_read_and_cut_ones_refused(tmp_path: Path, suffix: str) -> None:
    """JSON lines and CSV alike; half a stream must not pass for a shorter file."""
    lines = "".join(f'{{"a": {number}}}\n' for number in range(50_000)).encode()
    table = b"a,b\n" + b"".join(f"{number},x\n".encode() for number in range(50_000))
    for name, body in ((f"x.jsonl{suffix}", lines), (f"x.csv{suffix}", table)):
        path = tmp_path / name
        whole = compressed(name, body)
        for content in (whole, whole[: len(whole) // 2], whole[:-3], b"no archive"):
            path.write_bytes(content)
            if content is whole:
                assert read_any(path).frame["a"].to_pylist() == [str(number) for number in range(50_000)]
            else:
                with pytest.raises(UnusableInput, match="stream is damaged or cut short"):
                    read_any(path)


def read_any(path: Path) -> json_lines.RawFile:
    if ".csv" in path.name:
        return read_csv(path, path.name, ",", "utf-8")
    return read_jsonl(path, path.name)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_what_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(unpacking, "MAX_TEXT_BYTES", 2**21)
    path = tmp_path / f"x.jsonl{suffix}"
    body = (b'{"a": "' + b"x" * 1000 + b'"}\n') * 2**12
    path.write_bytes(compressed(path.name, body) if suffix else body)
    with pytest.raises(UnusableInput, match="unpacks to more than"):
        read_jsonl(path, path.name)


def test_hostile_shapes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One endless line, or a new name in each object, would take all memory."""
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", 2**20)
    with pytest.raises(UnusableInput, match="a line is longer"):
        read(tmp_path, b"[" * 2**22)
    with pytest.raises(UnusableInput, match="more than 5,000 different names"):
        read(tmp_path, "\n".join(f'{{"n{number}": 1}}' for number in range(5_001)))
