"""Preparing the real estates: the same files each time, and clear words when something is missing."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from examples.real import prepare as preparation
from examples.real import prometheus_server
from tests import servers


def digests(folder: Path) -> dict[str, str]:
    """What Prometheus itself never touches: the prepared sources and the mark of the blocks."""
    files = [path for path in folder.rglob("*") if path.is_file() and "prometheus/" not in str(path)]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)
    }


@pytest.mark.real
@pytest.mark.prometheus
def test_preparing_again_changes_nothing(
    sample_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        prometheus_server.find_program("promtool", prometheus_server.PACKAGE)
    except servers.MissingProgramError as error:
        servers.missing(error)
    arguments = ["--data", str(sample_data), "--output", str(tmp_path)]
    assert preparation.main(arguments) == 0
    first, blocks = digests(tmp_path), sorted((tmp_path / "online-boutique" / "prometheus").iterdir())
    assert preparation.main(arguments) == 0
    assert digests(tmp_path) == first
    assert sorted((tmp_path / "online-boutique" / "prometheus").iterdir()) == blocks
    assert "277 derived outages as 552 incident events" in capsys.readouterr().out


def test_missing_data_is_named_with_a_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert preparation.main(["--data", str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    assert "fix: set ULLAGE_SAMPLE_DATA or --data" in capsys.readouterr().err


def test_a_missing_server_fails_in_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either way the message names the Debian package."""
    error = servers.MissingProgramError("promtool", "prometheus")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(servers.MissingProgramError, match="Debian package 'prometheus'"):
        servers.missing(error)
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="Debian package 'prometheus'"):
        servers.missing(error)


@pytest.mark.prometheus
def test_a_command_runs_beside_the_server_and_keeps_its_exit_code(tmp_path: Path) -> None:
    try:
        prometheus_server.find_program("prometheus", prometheus_server.PACKAGE)
    except servers.MissingProgramError as error:
        servers.missing(error)
    reads = (
        "import os, sys, httpx; url = os.environ['ULLAGE_PROMETHEUS_URL'];"
        " sys.exit(7 if httpx.get(url + '/-/ready', trust_env=False).status_code == 200 else 1)"
    )
    command = ["--data", str(tmp_path / "data"), "--", sys.executable, "-c", reads]
    assert prometheus_server.main(command) == 7


def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "prometheus"
    broken.write_text("#!/bin/sh\necho 'disk is full'\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(RuntimeError, match="disk is full"):
        prometheus_server.PrometheusServer(tmp_path / "data").start()
