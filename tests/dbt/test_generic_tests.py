"""Every generic data test of the project fails on bad data and passes on good: a check that cannot fail is none."""

from pathlib import Path

import pytest
import yaml

from tests.dbt.dbt_project_runner import PROJECT, WAREHOUSE, DbtOutcome, DbtProjectRunner

# Test → (arguments, rows that pass, rows that fail). A `column_name` argument makes it a column's test.
CASES: dict[str, list[tuple[str, dict[str, object], str, str]]] = {
    "unique_combination": [
        (
            "twice",
            {"columns": ["a", "b"]},
            "select 1 as a, 1 as b union all select 1, 2",
            "select 1 as a, 1 as b union all select 1, 1",
        ),
        (
            "missing",
            {"columns": ["a", "b"]},
            "select 1 as a, 1 as b",
            "select 1 as a, cast(null as int) as b",
        ),
    ],
    "never_null": [
        ("first", {"columns": ["a", "b"]}, "select 1 as a, 1 as b", "select cast(null as int) as a, 1 as b"),
        ("last", {"columns": ["a", "b"]}, "select 1 as a, 1 as b", "select 1 as a, cast(null as int) as b"),
    ],
    "accepted_range": [
        (
            "below",
            {"column_name": "a", "minimum": 0},
            "select 0 as a union all select null",
            "select -0.001 as a",
        ),
        ("above", {"column_name": "a", "maximum": 1}, "select 1 as a", "select 1.001 as a"),
        ("nan", {"column_name": "a", "minimum": 0}, "select 5.0 as a", "select cast('NaN' as double) as a"),
    ],
    "relationships_where": [
        (
            "orphan",
            {"column_name": "a", "to": "ref('parent')", "field": "id"},
            "select 1 as a union all select null",
            "select 3 as a",
        ),
        (
            "orphan_of_condition",
            {"column_name": "a", "to": "ref('parent')", "field": "id", "from_where": "a > 1"},
            "select 0 as a",
            "select 3 as a",
        ),
        (
            "orphan_by_parent",
            {"column_name": "a", "to": "ref('parent')", "field": "id", "to_where": "is_live"},
            "select 1 as a",
            "select 2 as a",
        ),
    ],
    "always": [
        ("false", {"condition": "a < 2"}, "select 1 as a union all select null", "select 2 as a"),
    ],
}


def _project(folder: Path) -> Path:
    """A dbt project that has the real one's macros, and for every case one model of good rows and one of bad."""
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(
        yaml.safe_dump(
            {
                "name": "cases",
                "config-version": 2,
                "profile": "ullage",
                "macro-paths": [str(PROJECT / "macros" / "generic_tests")],
                "flags": {"send_anonymous_usage_stats": False},
            }
        )
    )
    (folder / "profiles.yml").write_text((PROJECT / "profiles.yml").read_text("utf-8"), "utf-8")
    (folder / "models" / "parent.sql").write_text("select 1 as id, true as is_live union all select 2, false")
    models = []
    for test, cases in CASES.items():
        for case, arguments, good, bad in cases:
            for verdict, rows in (("good", good), ("bad", bad)):
                name = f"{verdict}_{test}_{case}"
                (folder / "models" / f"{name}.sql").write_text(rows)
                given = {key: value for key, value in arguments.items() if key != "column_name"}
                entry = {test: {"name": f"test_{name}", "arguments": given}}
                if "column_name" in arguments:
                    models.append(
                        {"name": name, "columns": [{"name": arguments["column_name"], "data_tests": [entry]}]}
                    )
                else:
                    models.append({"name": name, "data_tests": [entry]})
    (folder / "models" / "schema.yml").write_text(yaml.safe_dump({"version": 2, "models": models}))
    return folder


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> DbtOutcome:
    folder = tmp_path_factory.mktemp("cases")
    runner = DbtProjectRunner(folder, project=_project(folder / "project"))
    return runner.run(["build"], folder / WAREHOUSE)


@pytest.mark.parametrize(
    ("test", "case"), [(test, case[0]) for test, cases in CASES.items() for case in cases]
)
def test_it_fails_on_bad_data_and_passes_on_good(outcome: DbtOutcome, test: str, case: str) -> None:
    """The same arguments, rows that differ in one thing."""
    assert outcome.statuses[f"test_good_{test}_{case}"] == "pass"
    assert outcome.statuses[f"test_bad_{test}_{case}"] == "fail"


def test_every_generic_test_has_a_case() -> None:
    """A generic test that is added needs a case here."""
    written = {path.stem for path in (PROJECT / "macros" / "generic_tests").glob("*.sql")}
    assert written == set(CASES)
