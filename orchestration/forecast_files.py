"""`ullage forecast`: a file of series in, a file of quantiles out, with its model card and artefact beside it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from assets.forecasting.forecast import forecast_known_ahead
from assets.forecasting.frames import ForecastInputError
from assets.forecasting.governance import artefact_of, importance, model_card

KINDS = (".csv", ".parquet")
FIRST_ROW = {".csv": 2, ".parquet": 1}


def forecast_file(
    source: Path,
    horizon: int,
    freq: str,
    out: Path,
    quantiles: str,
    seasons: tuple[int, ...],
    seed: int,
    explain: bool,
) -> dict[str, Any]:
    """Forecast `source` into `out`; returns what was written and how the series fared.

    Beside `out` stand `<out>.card.json` and, when something was learned, `<out>.skops`.
    Raises ForecastInputError, naming file, row, field and fix.
    """
    if out.suffix not in KINDS:
        raise ForecastInputError(f"{out}: unknown kind of file; fix: name it .csv or .parquet")
    if not out.parent.is_dir():
        raise ForecastInputError(f"{out}: no folder {out.parent}; fix: create it first")
    history = read_series(source)
    try:
        made = forecast_known_ahead(history, horizon, freq, _levels(quantiles), seed, seasons)
    except ForecastInputError as error:
        raise ForecastInputError(f"{source}: {error}") from error
    frame = made.frame().drop(columns="model")
    artefact = artefact_of(made.learned) if made.learned is not None else None
    card = model_card(made, seed, artefact)
    beside = [Path(f"{out}.card.json")]
    _write(out, lambda path: _save(frame, path, out.suffix))
    if artefact is not None:
        content = artefact
        beside.append(Path(f"{out}.skops"))
        _write(beside[-1], lambda path: path.write_bytes(content))
    _write(beside[0], lambda path: path.write_text(json.dumps(card, indent=1, sort_keys=True) + "\n"))
    done: dict[str, Any] = {
        "series": len(made.panel.ids),
        "rows": len(frame),
        "with_notes": sum(bool(note) for note in made.notes),
        "without_forecast": int((~made.is_known).sum()),
        "models": card["models"],
        "files": [str(out), *map(str, beside)],
    }
    if explain:
        done["importance"] = importance(made, seed)
    return done


def read_series(source: Path) -> pd.DataFrame:
    """The rows of a file, numbers and stamps checked. Raises ForecastInputError, naming the first bad row and field."""
    if source.suffix not in KINDS:
        raise ForecastInputError(f"{source}: unknown kind of file; fix: give .csv or .parquet")
    try:
        if source.suffix == ".csv":
            # Text first: pandas would guess, and a guess cannot name the row that is wrong.
            frame = pd.read_csv(source, dtype={"unique_id": str, "ds": str}, low_memory=False)
        else:
            frame = pd.read_parquet(source)
    except FileNotFoundError:
        raise ForecastInputError(f"{source}: no such file; fix: check the path") from None
    except (OSError, ValueError) as error:
        raise ForecastInputError(
            f"{source}: cannot be read ({error}); fix: save it as {source.suffix[1:]} again"
        ) from None
    for name in ("unique_id", "ds", "y"):
        if name not in frame.columns:
            raise ForecastInputError(f"{source}: no column {name}; fix: name the columns unique_id, ds and y")
    first = FIRST_ROW[source.suffix]
    _refuse(
        source, first, "unique_id", frame["unique_id"].isna(), frame, "give each row the id of its series"
    )
    stamps = pd.to_datetime(frame["ds"], utc=True, errors="coerce", format="mixed")
    _refuse(source, first, "ds", stamps.isna(), frame, "write stamps as 2026-06-30 or 2026-06-30T14:00:00")
    for name in frame.columns.difference(["unique_id", "ds"], sort=False):
        numbers = pd.to_numeric(frame[name], errors="coerce")
        _refuse(
            source, first, str(name), numbers.isna() & frame[name].notna(), frame, "write a number or nothing"
        )
        frame[name] = numbers.astype(float)
    return frame


def _refuse(source: Path, first: int, field: str, bad: pd.Series, frame: pd.DataFrame, fix: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad.to_numpy())[0])
        value = frame[field].iloc[row]
        said = "empty" if pd.isna(value) else f"'{value}'"
        more = f" ({int(bad.sum())} rows like it)" if bad.sum() > 1 else ""
        raise ForecastInputError(
            f"{source}, row {row + first}, field {field}: {said} cannot be used{more}; fix: {fix}"
        )


def _levels(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ForecastInputError(f"quantiles '{text}': fix: write them as 0.1,0.5,0.9") from None


def _save(frame: pd.DataFrame, path: Path, kind: str) -> None:
    if kind == ".csv":
        frame.to_csv(path, index=False, lineterminator="\n")
    else:
        frame.to_parquet(path, index=False)


def _write(target: Path, save: Any) -> None:
    """Whole or not at all: to a temporary name, then renamed."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    os.close(handle)
    try:
        save(Path(name))
        Path(name).chmod(0o644)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def show(done: dict[str, Any], console: Console) -> None:
    """What was written, and what the forecast leans on if that was asked."""
    models = ", ".join(f"{count} {name}" for name, count in done["models"].items())
    console.print(f"{done['series']} series, {done['rows']} rows ({models})")
    console.print(f"{done['with_notes']} series have notes, {done['without_forecast']} have no forecast")
    for name in done["files"]:
        console.print(name)
    if done.get("importance"):
        table = Table("feature", "mean move")
        for one in done["importance"][:12]:
            table.add_row(one["feature"], f"{one['mean_move']:.3f}")
        console.print(table)
