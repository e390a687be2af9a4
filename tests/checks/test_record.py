"""Outcomes survive on disk, and a stage that runs again replaces its own outcomes only."""

from __future__ import annotations

from pathlib import Path

from checks.record import read_results, write_results
from checks.results import CheckResult


def result(name: str, *, passed: bool = True) -> CheckResult:
    return CheckResult(name, "fct_room", "dbt", passed=passed, blocking=True, message="a reason")


def test_round_trip_in_a_stable_order(tmp_path: Path) -> None:
    write_results(tmp_path, "models", [result("b"), result("a", passed=False)])
    assert read_results(tmp_path) == [result("a", passed=False), result("b")]


def test_stage_replaces_only_its_own(tmp_path: Path) -> None:
    write_results(tmp_path, "models", [result("a", passed=False)])
    write_results(tmp_path, "forecasts", [result("c")])
    write_results(tmp_path, "models", [result("a")])
    assert read_results(tmp_path) == [result("c"), result("a")]


def test_nothing_recorded_is_nothing(tmp_path: Path) -> None:
    assert read_results(tmp_path / "never") == []
