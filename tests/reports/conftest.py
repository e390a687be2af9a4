"""Sites rendered once for all tests of the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.settings import ReportSettings
from reports.site import render
from tests.reports import fixture

HOSTILE = (
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "x" * 500,
    "\u202eשלום עולם 😀👩‍👩‍👧",
    "a\"b' onload=alert(1) {{ 7 * 7 }} ]]> &amp;",
    "con\x00trol\x07\u2028 characters",
)


@pytest.fixture(scope="session")
def full_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of an estate in which everything is there."""
    folder = tmp_path_factory.mktemp("full")
    render(fixture.full_estate(folder / "published"), folder / "site", settings=ReportSettings())
    return folder / "site"


@pytest.fixture(scope="session")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of an estate whose names are attacks."""
    folder = tmp_path_factory.mktemp("hostile")
    render(fixture.hostile(folder / "published", HOSTILE), folder / "site", settings=ReportSettings())
    return folder / "site"
