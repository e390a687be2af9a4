"""Which days a run rebuilds: exactly those whose landed files changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assets.home import Home
from assets.warehouse.rebuild import plan_rebuild, record_built, version_of

AS_OF = date(2026, 6, 3)


@dataclass(frozen=True)
class File:
    date: date | None


@dataclass(frozen=True)
class FakeReceipt:
    receipt_id: str
    table: str
    landed: tuple[File, ...]


def samples(receipt_id: str, *days: str) -> Any:
    return FakeReceipt(receipt_id, "metric_samples", tuple(File(date.fromisoformat(day)) for day in days))


def plan_of(receipt_id: str, table: str = "measurement_plan") -> Any:
    return FakeReceipt(receipt_id, table, (File(None),))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.warehouse.parent.mkdir()
    home.warehouse.touch()
    return home


def built(home: Home, *receipts: Any, code: str = "1") -> None:
    record_built(home, plan_rebuild(home, AS_OF, code, list(receipts)))


def test_first_run_rebuilds_every_landed_day_up_to_the_as_of_day(home: Home) -> None:
    plan = plan_rebuild(home, AS_OF, "1", [samples("a", "2026-06-01", "2026-06-03", "2026-06-04")])
    assert plan.days == [date(2026, 6, 1), date(2026, 6, 3)]
    assert plan.full_refresh


def test_nothing_new_rebuilds_nothing(home: Home) -> None:
    built(home, samples("a", "2026-06-01"))
    plan = plan_rebuild(home, AS_OF, "1", [samples("a", "2026-06-01")])
    assert (plan.days, plan.full_refresh) == ([], False)


def test_late_rows_for_an_old_day_rebuild_it_and_the_day_after(home: Home) -> None:
    """The first rate of a counter on the next day is taken from the last value of this one."""
    days = ("2026-05-30", "2026-05-31", "2026-06-01", "2026-06-02")
    built(home, samples("a", *days))
    plan = plan_rebuild(home, AS_OF, "1", [samples("a", *days), samples("late", "2026-05-31")])
    assert plan.days == [date(2026, 5, 31), date(2026, 6, 1)]


def test_a_superseded_batch_that_lost_a_day_rebuilds_that_day(home: Home) -> None:
    built(home, samples("a", "2026-06-01", "2026-06-02"))
    plan = plan_rebuild(home, AS_OF, "1", [samples("a2", "2026-06-02")])
    assert plan.days == [date(2026, 6, 1), date(2026, 6, 2)]


def test_a_changed_setting_of_daily_models_rebuilds_all_days_once(home: Home) -> None:
    """Days judged by two different levels would not be one history."""
    receipts = [samples("a", "2026-06-01", "2026-06-02")]
    built(home, *receipts)
    plan = plan_rebuild(home, AS_OF, "1", receipts, ["warning_ratio=0.8"])
    assert len(plan.days) == 2
    record_built(home, plan)
    assert plan_rebuild(home, AS_OF, "1", receipts, ["warning_ratio=0.8"]).days == []


def test_changed_measurement_plan_rebuilds_all_days_without_starting_anew(home: Home) -> None:
    built(home, samples("a", "2026-06-01", "2026-06-02"), plan_of("p1"))
    plan = plan_rebuild(home, AS_OF, "1", [samples("a", "2026-06-01", "2026-06-02"), plan_of("p2")])
    assert len(plan.days) == 2
    assert not plan.full_refresh


def test_changed_code_starts_the_tables_anew(home: Home) -> None:
    built(home, samples("a", "2026-06-01"))
    plan = plan_rebuild(home, AS_OF, "2", [samples("a", "2026-06-01")])
    assert plan.full_refresh
    assert plan.days == [date(2026, 6, 1)]


def test_day_after_the_as_of_day_is_built_by_the_later_run(home: Home) -> None:
    built(home, samples("a", "2026-06-03", "2026-06-04"))
    plan = plan_rebuild(home, date(2026, 6, 4), "1", [samples("a", "2026-06-03", "2026-06-04")])
    assert plan.days == [date(2026, 6, 4)]


def test_earlier_as_of_day_keeps_what_later_days_were_built_from(home: Home) -> None:
    receipts = [samples("a", "2026-06-02", "2026-06-03")]
    built(home, *receipts)
    record_built(home, plan_rebuild(home, date(2026, 6, 2), "1", receipts))
    assert plan_rebuild(home, AS_OF, "1", receipts).days == []


def test_lost_warehouse_is_built_anew(home: Home) -> None:
    built(home, samples("a", "2026-06-01"))
    home.warehouse.unlink()
    assert plan_rebuild(home, AS_OF, "1", [samples("a", "2026-06-01")]).full_refresh


def test_version_depends_on_every_input_and_on_nothing_else() -> None:
    base = version_of("e", AS_OF, "code", "config", [samples("a"), samples("b")])
    assert base == version_of("e", AS_OF, "code", "config", [samples("b"), samples("a")])
    assert base.startswith("2026-06-03-")
    others = {
        version_of("f", AS_OF, "code", "config", [samples("a"), samples("b")]),
        version_of("e", date(2026, 6, 2), "code", "config", [samples("a"), samples("b")]),
        version_of("e", AS_OF, "code2", "config", [samples("a"), samples("b")]),
        version_of("e", AS_OF, "code", "config2", [samples("a"), samples("b")]),
        version_of("e", AS_OF, "code", "config", [samples("a")]),
    }
    assert len(others) == 5
    assert base not in others
