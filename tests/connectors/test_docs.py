"""The pages about sources: every example in them is a valid configuration, and no key goes unmentioned."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml
from pydantic import BaseModel

from assets.connectors.cloudwatch import CloudWatchQuery, CloudWatchSource
from assets.connectors.files import FilesSource
from assets.connectors.freshness import Freshness
from assets.connectors.glpi import GlpiSource
from assets.connectors.jira import JiraSource
from assets.connectors.paged_settings import TableSettings
from assets.connectors.prometheus import PrometheusQuery, PrometheusSource
from assets.connectors.request_tracker import RequestTrackerSource
from assets.connectors.servicenow import ServiceNowSource
from assets.connectors.sql import SqlSource, SqlTable
from assets.connectors.zabbix import ZabbixQuery, ZabbixSource
from tests.conftest import ROOT

MODELS: dict[str, tuple[type[BaseModel], ...]] = {
    "cloudwatch": (CloudWatchSource, CloudWatchQuery),
    "files": (FilesSource,),
    "glpi": (GlpiSource, TableSettings),
    "jira": (JiraSource, TableSettings),
    "prometheus": (PrometheusSource, PrometheusQuery),
    "request_tracker": (RequestTrackerSource, TableSettings),
    "servicenow": (ServiceNowSource, TableSettings),
    "sql": (SqlSource, SqlTable),
    "zabbix": (ZabbixSource, ZabbixQuery, TableSettings),
}


def page(name: str) -> str:
    return (ROOT / "docs" / "sources" / f"{name.replace('_', '-')}.md").read_text(encoding="utf-8")


def examples(name: str) -> Iterator[dict[str, object]]:
    for block in re.findall(r"```yaml\n(.*?)```", page(name), flags=re.DOTALL):
        yield from yaml.safe_load(block)["sources"]


@pytest.mark.parametrize("name", MODELS)
def test_examples_are_valid(name: str) -> None:
    found = list(examples(name))
    assert found
    for source in found:
        MODELS[name][0].model_validate(source)


@pytest.mark.parametrize("name", MODELS)
def test_every_key_is_mentioned(name: str) -> None:
    """Except what any source may be told, which stands in landing.md."""
    text = page(name)
    keys = {key for model in MODELS[name] for key in model.model_fields} - Freshness.model_fields.keys()
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", text)] == []


@pytest.mark.parametrize("name", MODELS)
def test_links_lead_somewhere(name: str) -> None:
    folder = ROOT / "docs" / "sources"
    targets = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page(name))]
    assert [
        target for target in targets if not target.startswith("http") and not (folder / target).exists()
    ] == []
