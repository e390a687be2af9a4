"""Every kind of mistake in ullage.yaml is reported with the file, the path of the field and a fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.settings import Settings, SettingsError, load_settings

GOOD = """
estate: Test
home: home
start_date: 2026-01-01
sources:
  - {name: control, type: control, path: control}
"""


def load(tmp_path: Path, text: str, **environment: str) -> Settings:
    path = tmp_path / "ullage.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environment)


def mistake(tmp_path: Path, text: str, **environment: str) -> str:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text, **environment)
    message = str(error.value)
    assert message.startswith(str(tmp_path / "ullage.yaml"))
    assert all("fix:" in line for line in message.splitlines())
    return message


def test_good_file_loads_with_defaults_and_paths_from_its_folder(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)
    assert settings.home == tmp_path / "home"
    assert settings.forecast.horizon_days == 90
    assert len(settings.config_hash) == 16


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: no such file; fix:"):
        load_settings(tmp_path / "nowhere.yaml", {})


@pytest.mark.parametrize(
    ("change", "field", "fix"),
    [
        (("estate: Test", ""), "estate:", "add `estate:`"),
        (("estate: Test", "estate: ''"), "estate:", "correct the value"),
        (("estate: Test", "estate: Test\nestat: x"), "estat:", "did you mean `estate`?"),
        (
            ("estate: Test", "estate: Test\nforecast: {horizon_dayz: 3}"),
            "forecast.horizon_dayz:",
            "`horizon_days`",
        ),
        (
            ("estate: Test", "estate: Test\nforecast: {horizon_days: 0}"),
            "forecast.horizon_days:",
            "greater than",
        ),
        (
            ("estate: Test", "estate: Test\nforecast: {horizon_days: soon}"),
            "forecast.horizon_days:",
            "integer",
        ),
        (
            ("estate: Test", "estate: Test\nquality: {max_quarantined_ratio: 2}"),
            "quality.max_quarantined_ratio:",
            "less",
        ),
        (("estate: Test", "estate: Test\nschedules: {zone: Mars/Base}"), "schedules.zone:", "Europe/Berlin"),
        (
            ("estate: Test", "estate: Test\nschedules: {daily_run: often}"),
            "schedules.daily_run:",
            "five fields",
        ),
        (("2026-01-01", "yesterday"), "start_date:", "correct the value"),
        (("type: control", "type: magic"), "sources.0", "control, files, "),
        (("type: control, ", ""), "sources.0", "control, files, "),
        (("path: control", ""), "sources.0.path:", "add `path:`"),
        (("path: control", "path: control, token: s3cret"), "sources.0.token:", "token_env"),
        (
            ("sources:\n  - {name: control, type: control, path: control}", "sources: []"),
            "sources:",
            "at least 1",
        ),
        (("sources:\n  - {name: control, type: control, path: control}", "sources: 3"), "sources:", "list"),
    ],
)
def test_mistake_names_field_and_fix(tmp_path: Path, change: tuple[str, str], field: str, fix: str) -> None:
    message = mistake(tmp_path, GOOD.replace(*change))
    assert f": {field}" in message
    assert fix in message


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("estate: Test", "estat: Test").replace("2026-01-01", "x")
    assert len(mistake(tmp_path, text).splitlines()) == 3


def test_secrets_are_not_repeated_in_messages(tmp_path: Path) -> None:
    assert "s3cret" not in mistake(tmp_path, GOOD.replace("path: control", "path: control, password: s3cret"))


def test_bad_yaml_names_line_and_column(tmp_path: Path) -> None:
    assert "line 3, column" in mistake(tmp_path, "estate: Test\nhome: home\n  sources: [")


def test_file_that_is_no_mapping(tmp_path: Path) -> None:
    assert "holds no settings" in mistake(tmp_path, "- just\n- a list\n")


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "ullage.yaml"
    path.write_bytes(b"estate: \xff\n")
    with pytest.raises(SettingsError, match=r"byte 8 is not UTF-8; fix:"):
        load_settings(path, {})


def test_unset_variable_names_field_and_variable(tmp_path: Path) -> None:
    message = mistake(tmp_path, GOOD.replace("home: home", "home: ${ULLAGE_NOWHERE}/x"))
    assert "home: the environment variable ULLAGE_NOWHERE is not set" in message


def test_variables_are_replaced(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD.replace("home: home", "home: ${BASE}/x"), BASE=str(tmp_path / "base"))
    assert settings.home == tmp_path / "base" / "x"


def test_two_sources_of_one_name(tmp_path: Path) -> None:
    twice = GOOD + "  - {name: control, type: control, path: other}\n"
    assert "'control' is used twice" in mistake(tmp_path, twice)
