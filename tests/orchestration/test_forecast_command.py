"""`ullage forecast`: what goes in, what comes out, and what a bad file is told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from assets.forecasting.frames import quantile_columns
from assets.forecasting.governance import load_artefact
from orchestration.cli import app

DAYS = pd.date_range("2026-01-05", periods=90)


def series(name: str, values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"unique_id": name, "ds": DAYS[: len(values)], "y": values})


def weekly(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 50 + 10 * np.sin(np.arange(90) * 2 * np.pi / 7) + random.normal(0, 2, 90)


def run(source: Path, out: Path, *more: str) -> tuple[int, str]:
    arguments = ["forecast", str(source), "--horizon", "7", "--freq", "D", "--out", str(out), *more]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


@pytest.fixture
def source(tmp_path: Path) -> Path:
    frames = [series(f"s{number}", weekly(number)) for number in range(4)]
    frames.append(series("short", np.array([1.0, 2.0, 4.0])))
    pd.concat(frames).to_csv(tmp_path / "in.csv", index=False)
    return tmp_path / "in.csv"


def test_it_writes_quantiles_notes_a_card_and_the_artefact_named_by_its_hash(source: Path) -> None:
    out = source.parent / "out.csv"

    code, said = run(source, out, "--json", "--explain")

    made = pd.read_csv(out)
    done, card = json.loads(said), json.loads(Path(f"{out}.card.json").read_text())
    content = Path(f"{out}.skops").read_bytes()
    assert code == 0
    assert list(made.columns) == ["unique_id", "ds", *quantile_columns(np.arange(1, 10) / 10), "notes"]
    assert len(made) == 5 * 7
    assert "recent level only" in made[made["unique_id"] == "short"]["notes"].iloc[0]
    assert card["artefact_sha256"] == hashlib.sha256(content).hexdigest()
    assert card["data"]["values"] == 4 * 90 + 3
    assert len(load_artefact(content)["ensembles"]) == len(card["training"]["levels"])
    assert {one["feature"] for one in done["importance"]} == set(card["training"]["features"])


def test_the_same_file_and_seed_give_the_same_bytes_in_all_files(source: Path) -> None:
    first, second = source.parent / "a.parquet", source.parent / "b.parquet"
    shuffled = source.parent / "shuffled.parquet"
    rows = pd.read_csv(source, parse_dates=["ds"])
    rows.sample(frac=1, random_state=1).to_parquet(shuffled)

    run(source, first)
    run(shuffled, second)

    for end in ("", ".card.json", ".skops"):
        assert Path(f"{first}{end}").read_bytes() == Path(f"{second}{end}").read_bytes()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unique_id,ds\na,2026-01-01\n", "no column y"),
        ("unique_id,ds,y\na,2026-01-01,1\n,2026-01-02,1\n", "row 3, field unique_id: empty"),
        ("unique_id,ds,y\na,2026-01-01,1\na,soon,1\n", "row 3, field ds: 'soon'"),
        ("unique_id,ds,y\na,2026-01-01,1\na,2026-01-02,\na,2026-01-03,ten\n", "row 4, field y: 'ten'"),
        ("", "cannot be read"),
    ],
)
def test_a_bad_file_is_told_by_row_field_and_fix(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)

    code, output = run(tmp_path / "bad.csv", tmp_path / "out.csv")

    plain = " ".join(output.split())
    assert code == 2
    assert said in plain
    assert "fix:" in plain
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--quantiles", "0.1,high"], "0.1,high"),
        (["--quantiles", "0.9,0.1"], "increasing levels"),
        (["--season", "1"], "seasons (1,)"),
    ],
)
def test_bad_options_are_refused(source: Path, more: list[str], said: str) -> None:
    code, output = run(source, source.parent / "out.csv", *more)

    assert code == 2
    assert said in " ".join(output.split())


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    code, output = run(tmp_path / "none.csv", tmp_path / "out.csv")

    assert code == 2
    assert "no such file" in " ".join(output.split())
