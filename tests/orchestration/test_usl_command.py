"""`ullage usl`: files, errors in words, exit codes, JSON that any reader takes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from assets.capacity.usl import throughput_at
from orchestration.cli import app


def call(path: Path, *more: str, load: str = "users", throughput: str = "rate") -> Result:
    return CliRunner().invoke(app, ["usl", str(path), "--load", load, "--throughput", throughput, *more])


def points(*loads: float, kappa: float = 2e-4) -> pd.DataFrame:
    users = pd.Series(loads, dtype=float)
    wave = 1 + 0.01 * (users % 3 - 1)
    return pd.DataFrame({"users": users, "rate": throughput_at(users.to_numpy(), 30.0, 0.02, kappa) * wave})


PEAKED = points(1, 5, 10, 20, 40, 80, 120, 160)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_csv_and_parquet_give_the_same(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tests.{suffix}"
    if suffix == "csv":
        PEAKED.to_csv(path, index=False)
    else:
        PEAKED.to_parquet(path)
    result = call(path, "--json")

    assert result.exit_code == 0, result.output
    fit = json.loads(result.stdout)
    assert fit["peak_load"]["value"] == pytest.approx((0.98 / 2e-4) ** 0.5, rel=0.15)
    assert fit["is_refused"] is False
    assert len(fit["points"]) == 8


def test_the_table_shows_figures_and_curve(tmp_path: Path) -> None:
    PEAKED.to_csv(tmp_path / "t.csv", index=False)
    result = call(tmp_path / "t.csv")
    assert result.exit_code == 0
    assert "Peak throughput" in result.stdout
    assert result.stdout.count("█") > 20


def test_without_a_knee_it_refuses_with_the_reason(tmp_path: Path) -> None:
    """Exit 1, no peak figures, and JSON without the Infinity that JSON does not know."""
    path = tmp_path / "t.csv"
    points(1, 2, 3, 4, 5, 6).to_csv(path, index=False)
    result = call(path, "--json")
    fit = json.loads(result.stdout, parse_constant=pytest.fail)

    assert result.exit_code == 1
    assert fit["peak_load"] is None
    assert "measure at higher loads" in fit["reason"]
    assert "Peak" not in call(path).stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("users,tps\n1,2\n", "no column 'rate'; fix: name one of: users, tps"),
        ("users,rate\n1,2\n2,many\n", "row 2: 'many' is no number"),
        ("users,rate\n1,2\n2,4\n3,5\n", "3 distinct loads"),
        ("users,rate\n1,2\n2,4\n3,5\n4,-5\n", "negative"),
        ("", "cannot be read"),
    ],
)
def test_wrong_files_exit_2_and_say_how_to_fix_it(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    result = call(path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "fix:" in result.stderr


def test_a_missing_file_exits_2(tmp_path: Path) -> None:
    assert call(tmp_path / "none.csv").exit_code == 2
