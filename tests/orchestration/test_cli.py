"""The command line: exit codes, messages, JSON for scripts, and documentation of every command."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assets.simulation import simulate, small_settings
from orchestration.assembly import MANIFEST
from orchestration.cli import app
from orchestration.code_version import ROOT
from tests.connectors.simulators.servicenow import PASSWORD, ServiceNow

SERVICES = "service_id,service_name,owner,criticality,calendar_id,valid_from\n"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    control = tmp_path / "control"
    control.mkdir()
    (control / "services.csv").write_text(SERVICES + "shop,Shop,Ann,1,office,2026-01-01\n")
    path = tmp_path / "ullage.yaml"
    path.write_text(
        "estate: Test\nhome: home\nstart_date: 2026-01-01\n"
        "sources:\n  - {name: control, type: control, path: control}\n"
    )
    return path


def findings(config: Path) -> tuple[int, dict[str, dict[str, str]]]:
    result = call("doctor", "--config", config, "--json")
    return result.exit_code, {finding["subject"]: finding for finding in json.loads(result.stdout)}


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"ullage {command.name or command.callback.__name__}" in readme


def test_wrong_date_is_a_usage_error() -> None:
    result = call("run", "--as-of", "June")
    assert result.exit_code == 2
    assert "'June' is no date" in result.output


def test_range_that_ends_before_it_starts_is_a_usage_error() -> None:
    result = call("run", "--as-of", "2026-01-01", "--from", "2026-01-02")
    assert result.exit_code == 2
    assert "fix: swap them" in " ".join(result.output.replace("│", " ").split())


def test_broken_configuration_exits_2_and_names_the_field(config: Path) -> None:
    config.write_text(config.read_text().replace("estate: Test", "estat: Test"))
    result = call("run", "--config", config, "--as-of", "2026-01-02")
    assert result.exit_code == 2
    assert "did you mean `estate`?" in result.output


def test_day_before_the_estate_began_exits_2(config: Path) -> None:
    result = call("run", "--config", config, "--as-of", "2025-12-31")
    assert result.exit_code == 2
    assert "start_date is 2026-01-01" in result.output


def test_doctor_is_content_with_a_readable_source(config: Path) -> None:
    code, found = findings(config)
    assert MANIFEST.exists()
    assert found["configuration"]["state"] == "ok"
    assert found["dbt"]["state"] == "ok"
    assert found["freshness"]["message"] == "nothing has landed yet"
    assert "duckdb 2.0.0" in found["versions"]["message"]
    assert code == 0


def test_doctor_fails_on_a_broken_configuration(config: Path) -> None:
    config.write_text("estate: Test\n")
    code, found = findings(config)
    assert code == 1
    assert "add `home:`" in found["configuration"]["message"] or "fix:" in found["configuration"]["message"]


def test_doctor_says_which_source_cannot_be_read_and_why(config: Path) -> None:
    drop = config.parent / "drop"
    drop.mkdir()
    (drop / "samples.csv").write_text("a,b\n1,2\n")
    with config.open("a") as lines:
        lines.write("  - {name: drop, type: files, tables: {metric_samples: drop/*.csv}}\n")
    code, found = findings(config)
    assert code == 1
    assert found["source drop"]["state"] == "fail"
    assert "sidecar" in found["source drop"]["message"]
    assert "fix:" in found["source drop"]["message"]


DESK = """  - name: desk
    type: servicenow
    url: {url}
    user: ullage
    password_env: SNOW_PASSWORD
    tables: {{changes: {{}}, service_requests: {{}}}}
"""


def test_doctor_asks_a_source_in_pages_one_question_a_table(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing role, an empty scope and a clock that is wrong are each told apart, with what to do."""
    monkeypatch.setenv("SNOW_PASSWORD", PASSWORD)
    with ServiceNow(3) as desk, config.open("a") as lines:
        lines.write(DESK.format(url=desk.url))
        lines.flush()
        desk.tables["sc_request"] = []
        desk.skew = timedelta(minutes=10)
        code, found = findings(config)
        said = found["source desk"]
        assert (code, said["state"], len(desk.questions)) == (0, "warn", 2)
        assert "in changes, service_requests" in said["message"]  # the simulator's rows are months old
        assert "600 s ahead" in said["message"] or "599 s ahead" in said["message"]
        desk.refused = {"change_request"}
        code, found = findings(config)
        assert code == 1
        assert "grant the account read on change_request" in found["source desk"]["message"]
        assert PASSWORD not in json.dumps(found)


def test_a_run_is_recorded_and_played_offline(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user sends with the report of a fault, and what the reader of it sees."""
    monkeypatch.setenv("SNOW_PASSWORD", PASSWORD)
    out = config.parent / "recording"
    with ServiceNow(3) as desk, config.open("a") as lines:
        lines.write(DESK.format(url=desk.url).replace("}, service_requests: {}", "}"))
        lines.flush()
        made = call("record", "--config", config, "--as-of", "2026-03-28", "--out", out, "--json")
        assert made.exit_code == 0, made.output
        again = call("record", "--config", config, "--as-of", "2026-03-28", "--out", out)
        assert (again.exit_code, "recorded already" in again.stderr) == (2, True)
    monkeypatch.delenv("SNOW_PASSWORD")
    played = call("replay", out, "--config", config, "--as-of", "2026-03-28", "--json")
    assert played.exit_code == 0, played.output
    assert played.stdout == made.stdout
    changes = next(one for one in json.loads(played.stdout) if one["table"] == "changes")
    assert (changes["rows_landed"], changes["error"]) == (3, None)
    other = call("replay", out, "--config", config, "--as-of", "2026-04-28")
    assert (other.exit_code, "holds no answer" in other.stdout) == (1, True)


def test_a_database_is_recorded_and_played_offline(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same commands as a source that is asked by HTTP, into a file of its own."""
    database, out = config.parent / "desk.db", config.parent / "recording"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("create table c (change_id text, updated_at timestamp, state text)")
        connection.execute("insert into c values ('CHG1', '2026-03-28 08:00:00', 'closed')")
    with config.open("a") as lines:
        lines.write(
            "  - {name: cmdb, type: sql, url_env: CMDB_URL, tables: {changes: {table: c, zone: UTC,"
            " updated_column: updated_at, constants: {change_kind: normal}}}}\n"
        )
    monkeypatch.setenv("CMDB_URL", f"sqlite:///{database}")
    made = call("record", "--config", config, "--as-of", "2026-03-28", "--out", out, "--json")
    assert (made.exit_code, (out / "cmdb.jsonl").exists()) == (0, True), made.output
    monkeypatch.delenv("CMDB_URL")
    database.unlink()
    played = call("replay", out, "--config", config, "--as-of", "2026-03-28", "--json")
    assert (played.exit_code, played.stdout) == (0, made.stdout), played.output
    landed = {one["table"]: one["rows_landed"] for one in json.loads(played.stdout)}
    assert landed == {"services": 1, "changes": 1, "tombstones": 0}
    none = call("record", "--config", config, "--as-of", "2026-03-28", "--out", out, "--source", "other")
    assert (none.exit_code, "name one of: control, cmdb" in none.stderr) == (2, True)


def test_files_are_recorded_and_played_offline(config: Path) -> None:
    """By the same commands, without the files."""
    folder, out = config.parent / "drop", config.parent / "recording"
    folder.mkdir()
    (folder / "teams.csv").write_text("team_id,team_name\nt1,Ops\n")
    (folder / "teams.csv.sidecar.yaml").write_text(
        "{table: teams, format: csv, zone: UTC, key: [team_id], control_totals: {rows: 1}}"
    )
    with config.open("a") as lines:
        lines.write("  - {name: hr, type: files, tables: {teams: drop/*.csv}}\n")
    asked = ("--config", config, "--as-of", "2026-03-28", "--source", "hr", "--json")
    made = call("record", "--out", out, *asked)
    assert (made.exit_code, (out / "hr.jsonl").exists()) == (0, True), made.output
    shutil.rmtree(folder)
    played = call("replay", out, *asked)
    assert (played.exit_code, played.stdout) == (0, made.stdout), played.output
    assert json.loads(played.stdout)[0]["rows_landed"] == 1


def test_control_records_are_recorded_with_the_plan_that_samples_are_judged_by(config: Path) -> None:
    """Samples that the plan refuses are refused offline too, where there is no estate with a plan of its own."""
    control, drop, out = config.parent / "control", config.parent / "drop", config.parent / "recording"
    drop.mkdir()
    plan = "metric,level,resource,unit,minimum_value,maximum_value,valid_from\ncpu,resource,cpu,1,0,1,2020-01-01\n"
    (control / "measurement_plan.csv").write_text(plan)
    (drop / "a.csv").write_text(
        "ci_id,metric,observed_at,value\nc,cpu,2026-03-28 08:00:00,0.5\nc,cpu,2026-03-28 09:00:00,7\n"
    )
    (drop / "a.csv.sidecar.yaml").write_text(
        "{table: metric_samples, format: csv, zone: UTC, unit: '1', kind: gauge, interval_seconds: 3600,"
        " key: [ci_id, metric, observed_at], control_totals: {rows: 2}}"
    )
    with config.open("a") as lines:
        lines.write("  - {name: drop, type: files, tables: {metric_samples: drop/*.csv}}\n")
    asked = ("--config", config, "--as-of", "2026-03-28", "--json")
    made = call("record", "--out", out, *asked)
    shutil.rmtree(drop)
    shutil.rmtree(control)
    played = call("replay", out, *asked)
    assert (played.exit_code, played.stdout) == (0, made.stdout), played.output
    found = {(one["source"], one["table"]): one for one in json.loads(played.stdout)}
    assert found["control", "measurement_plan"]["rows_landed"] == 1
    assert found["drop", "metric_samples"]["rows_quarantined"] == 1


def test_doctor_explains_an_unset_secret_without_showing_any(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CMDB_URL", raising=False)
    with config.open("a") as lines:
        lines.write(
            "  - {name: cmdb, type: sql, url_env: CMDB_URL, tables: {services: {table: s, zone: UTC}}}\n"
        )
    code, found = findings(config)
    assert code == 1
    assert "CMDB_URL" in found["source cmdb"]["message"]


def test_demo_needs_a_simulation(config: Path) -> None:
    result = call("demo", "--config", config)
    assert result.exit_code == 2
    assert "simulation: this section is missing" in result.output


@pytest.mark.slow
def test_run_publishes_and_prints_json(tmp_path: Path) -> None:
    size = small_settings()
    simulate(size, tmp_path / "home")
    path = tmp_path / "ullage.yaml"
    path.write_text(
        f"estate: Test\nhome: home\nstart_date: {size.start_date}\n"
        "sources:\n  - {name: control, type: control, path: home/control}\n"
    )
    result = call("run", "--config", path, "--as-of", size.end_date, "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["success"]
    assert facts["is_new"]
    assert facts["as_of"] == size.end_date.isoformat()
    assert facts["rows_received"] == facts["rows_landed"] + facts["rows_quarantined"] > 0
    assert Path(facts["report"]).exists()
