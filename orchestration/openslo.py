"""What `ullage openslo` reads and writes: control records as CSV, SLO documents as YAML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from assets.landing.contracts import contract
from assets.openslo import Imported, OpenSloError, Row, export_targets, import_targets


def read_targets(path: Path) -> list[Row]:
    """Rows of a `targets.csv`. Raises OpenSloError when it cannot be read or lacks a column."""
    text = _read(path)
    reader = csv.DictReader(io.StringIO(text))
    required = [name for name, field in contract("targets").fields.items() if field.required]
    missing = [name for name in required if name not in (reader.fieldnames or ())]
    if missing:
        raise OpenSloError(
            f"{path}: no column {', '.join(missing)}; fix: give a control record of targets (CSV)"
        )
    return [dict(row) for row in reader]


def exported(path: Path) -> tuple[str, tuple[str, ...], int]:
    """The targets of a file as YAML, notes on what is left out, and the number of documents."""
    found = export_targets(read_targets(path))
    return found.to_yaml(), found.notes, len(found.documents)


def imported(paths: Iterable[Path], defaults: Mapping[str, str]) -> Imported:
    """Targets of OpenSLO files."""
    return import_targets([(str(path), _read(path)) for path in paths], defaults)


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of `targets` as the control folder holds them."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(contract("targets").fields), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def merged(path: Path, rows: Sequence[Row]) -> str:
    """The file with `rows` in it: those of the same target and first day are replaced, all others stay."""
    own = {(row["target_id"], row["valid_from"]) for row in rows}
    kept = read_targets(path) if path.exists() else []
    return as_csv([row for row in kept if (row["target_id"], row["valid_from"]) not in own] + list(rows))


def replace(path: Path, text: str) -> None:
    """Write a file under another name and rename it: a reader sees the old or the new one."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OpenSloError(f"{path}: cannot be read ({error}); fix: give a UTF-8 file that exists") from None
