"""The connectors to paging sources on which the common guarantees are tried, each a `Case`, and how they are read."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from assets.connectors.base import RejectedInput, Window
from assets.connectors.cloudwatch import CloudWatchConnector, CloudWatchSource
from assets.connectors.glpi import GlpiConnector, GlpiSource
from assets.connectors.jira import JiraConnector, JiraSource
from assets.connectors.paged import PagedConnector
from assets.connectors.prometheus import PrometheusConnector, PrometheusSource
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.request_tracker import RequestTrackerConnector, RequestTrackerSource
from assets.connectors.servicenow import ServiceNowConnector, ServiceNowSource
from assets.connectors.zabbix import ZabbixConnector, ZabbixSource
from tests.connectors import aws
from tests.connectors.simulators import (
    cloudwatch,
    glpi,
    jira,
    prometheus,
    request_tracker,
    servicenow,
    zabbix,
)
from tests.connectors.simulators.faults import Question, Simulator

#: What is tried: it asks by HTTP, answer by answer.
Tried = PagedConnector | PrometheusConnector | CloudWatchConnector
DAY = date(2026, 3, 28)
WINDOW = Window(DAY, DAY)
PAGE_ROWS = 4


@dataclass(frozen=True)
class Case:
    """One connector: its simulator with a number of rows, its connector, and the table tried.

    `key` names the contract's fields of identity, `updated` that of time. `secrets` are planted in `environment`.
    The first page is the answer to question `first_page`; only questions for pages have the parameter `page_parameter`
    (of the address, or of JSON-RPC).
    `announces`: the source says how many rows there are. `renews`: a sign-in that ended is renewed within the run.
    `server` is the fixture of a real server behind the simulator, `examples` how many mixes of faults are tried.
    `counts`: a census of its keys is taken. `looks_back`: it reads days before the window by itself. `skips_tls`:
    certificates may be left unverified. `ended` is said of a sign-in that ended (empty: renew the secret in the first
    variable). Of fewer rows than `fewest` an answer may hold none, and nobody can tell to which question it belongs.
    A page takes up to `questions_a_page`.
    """

    simulator: Callable[[int], Simulator]
    connector: Callable[[str, Path | None, RetryPolicy, dict[str, Any]], Tried]
    table: str
    key: str
    environment: dict[str, str]
    secrets: tuple[str, ...]
    first_page: int
    page_parameter: str
    updated: str = "updated_at"
    announces: bool = True
    renews: bool = True
    server: str | None = None
    examples: int = 25
    counts: bool = True
    looks_back: bool = True
    skips_tls: bool = True
    ended: str = ""
    fewest: int = 0
    questions_a_page: int = 1


def service_now(
    url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]
) -> PagedConnector:
    given = {
        "type": "servicenow",
        "name": "desk",
        "url": url,
        "client_id": servicenow.CLIENT,
        "client_secret_env": "SNOW_SECRET",
        "page_rows": PAGE_ROWS,
        "lookback_days": 0,
        "census_every_days": None,
        "timeout_seconds": 5,
        "tables": {"changes": {}},
        **changes,
    }
    return ServiceNowConnector(ServiceNowSource.model_validate(given), spool=spool, retries=retries)


def glpi_(url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]) -> PagedConnector:
    given = {
        "type": "glpi",
        "name": "desk",
        "url": url,
        "zone": glpi.ZONE,
        "token_env": "GLPI_TOKEN",
        "app_token_env": "GLPI_APP",
        "page_rows": PAGE_ROWS,
        "lookback_days": 0,
        "census_every_days": None,
        "timeout_seconds": 5,
        "tables": {"changes": {}},
        **changes,
    }
    return GlpiConnector(GlpiSource.model_validate(given), spool=spool, retries=retries)


def tracker_(url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]) -> PagedConnector:
    given = {
        "type": "request_tracker",
        "name": "desk",
        "url": url,
        "token_env": request_tracker.VARIABLE,
        "page_rows": PAGE_ROWS,
        "lookback_days": 0,
        "census_every_days": None,
        "timeout_seconds": 5,
        "queues": {"changes": [request_tracker.QUEUE]},
        "tables": {"changes": {}},
        **changes,
    }
    return RequestTrackerConnector(RequestTrackerSource.model_validate(given), spool=spool, retries=retries)


def jira_of(deployment: str) -> Case:
    def connector(
        url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]
    ) -> PagedConnector:
        given = {
            "type": "jira",
            "deployment": deployment,
            "name": "desk",
            "url": url,
            "token_env": jira.VARIABLE,
            "page_rows": PAGE_ROWS,
            "lookback_days": 0,
            "census_every_days": None,
            "timeout_seconds": 5,
            "tables": {"changes": {}},
            **({"user": jira.USER} if deployment == "cloud" else {}),
            **changes,
        }
        return JiraConnector(JiraSource.model_validate(given), spool=spool, retries=retries)

    coded = b64encode(f"{jira.USER}:{jira.TOKEN}".encode()).decode()
    return Case(
        lambda rows: jira.Jira(rows, deployment),
        connector,
        "changes",
        "change_id",
        {jira.VARIABLE: jira.TOKEN},
        ("planted-api-token", coded),
        first_page=2 if deployment == "cloud" else 3,
        page_parameter="jql",
        announces=deployment != "cloud",
        renews=False,
        questions_a_page=1 if deployment == "cloud" else 2,
    )


def zabbix_of(version: str) -> Case:
    """7.x with a token, 6.0 with a session: its proof stands in the body."""
    is_old = version.startswith("6.0")

    def connector(
        url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]
    ) -> PagedConnector:
        proof = (
            {"user": zabbix.USER, "password_env": "ZABBIX_PASSWORD"}
            if is_old
            else {"token_env": zabbix.VARIABLE}
        )
        given = {
            "type": "zabbix",
            "name": "desk",
            "url": url,
            "page_rows": PAGE_ROWS,
            "lookback_days": 0,
            "census_every_days": None,
            "timeout_seconds": 5,
            "queries": [{"metric": "system.cpu.utilization", "item_key": zabbix.KEY}],
            **proof,
            **changes,
        }
        return ZabbixConnector(ZabbixSource.model_validate(given), spool=spool, retries=retries)

    return Case(
        lambda rows: zabbix.Zabbix(rows, version),
        connector,
        "metric_samples",
        "ci_id observed_at",
        {"ZABBIX_PASSWORD": zabbix.PASSWORD} if is_old else {zabbix.VARIABLE: zabbix.TOKEN},
        (zabbix.PASSWORD, "planted-session") if is_old else ("planted-zabbix-token",),
        first_page=3 if is_old else 2,
        page_parameter="time_from",
        updated="observed_at",
        announces=False,
        renews=is_old,
        counts=False,
    )


def prometheus_(url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]) -> Tried:
    query = {"metric": "load", "query": "load", "unit": "1", "kind": "gauge", "ci_label": prometheus.LABEL}
    given = {
        "type": "prometheus",
        "name": "desk",
        "url": url,
        "token_env": prometheus.VARIABLE,
        "step_seconds": 60,
        "census_every_days": None,
        "timeout_seconds": 5,
        "queries": [query],
        **changes,
    }
    return PrometheusConnector(PrometheusSource.model_validate(given), spool=spool, retries=retries)


def cloudwatch_(url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]) -> Tried:
    query = {
        "metric": "system.cpu.utilization",
        "namespace": "AWS/EC2",
        "metric_name": "CPUUtilization",
        "stat": "Average",
        "unit": "%",
        "ci_dimension": "InstanceId",
    }
    given = {
        "type": "cloudwatch",
        "name": "desk",
        "requests_per_second": None,
        "census_every_days": None,
        "timeout_seconds": 5,
        "queries": [query],
        **changes,
    }
    os.environ["AWS_ENDPOINT_URL"] = url
    source = CloudWatchSource.model_validate(given)
    return CloudWatchConnector(
        source, now=lambda: datetime(2026, 3, 30, tzinfo=UTC), spool=spool, retries=retries
    )


CASES = {
    "cloudwatch": Case(
        cloudwatch.CloudWatch,
        cloudwatch_,
        "metric_samples",
        "ci_id observed_at",
        {**aws.ENVIRONMENT, cloudwatch.VARIABLE: cloudwatch.TOKEN},
        (aws.SECRET, "planted-session"),
        first_page=1,
        page_parameter="MetricDataQueries",
        updated="observed_at",
        announces=False,
        renews=False,
        ended="renew the credentials",
        examples=12,
        server="aws_models",
        counts=False,
        looks_back=False,
        skips_tls=False,
    ),
    "glpi": Case(
        glpi.Glpi,
        glpi_,
        "changes",
        "change_id",
        {"GLPI_TOKEN": glpi.USER_TOKEN, "GLPI_APP": glpi.APP_TOKEN},
        (glpi.USER_TOKEN, glpi.APP_TOKEN, "planted-session"),
        first_page=3,
        page_parameter="range",
    ),
    "jira": jira_of("cloud"),
    "jira data center": jira_of("data_center"),
    "prometheus": Case(
        prometheus.Prometheus,
        prometheus_,
        "metric_samples",
        "ci_id observed_at",
        {prometheus.VARIABLE: prometheus.TOKEN},
        ("planted-prom-token",),
        first_page=0,
        page_parameter="start",
        updated="observed_at",
        announces=False,
        renews=False,
        counts=False,
        looks_back=False,
        fewest=4,
    ),
    "request_tracker": Case(
        request_tracker.RequestTracker,
        tracker_,
        "changes",
        "change_id",
        {request_tracker.VARIABLE: request_tracker.TOKEN},
        (request_tracker.TOKEN,),
        first_page=3,
        page_parameter="page",
        renews=False,
        server="tracker",
        examples=12,
    ),
    "servicenow": Case(
        servicenow.ServiceNow,
        service_now,
        "changes",
        "change_id",
        {"SNOW_SECRET": servicenow.CLIENT_SECRET},
        (servicenow.CLIENT_SECRET, "planted-token"),
        first_page=1,
        page_parameter="sysparm_limit",
    ),
    "zabbix": zabbix_of("7.4.2"),
    "zabbix 6.0": zabbix_of("6.0.14"),
}


#: Cases with a server of their own run in one process, as the server starts once in each.
MARKS = {"request_tracker": [pytest.mark.request_tracker, pytest.mark.xdist_group("request_tracker")]}


def named(wanted: Callable[[Case], bool] = lambda _: True) -> list[Any]:
    """Parameters of the fixture `case`: those that are wanted."""
    return [pytest.param(name, marks=MARKS.get(name, ())) for name, one in CASES.items() if wanted(one)]


def patient() -> RetryPolicy:
    """Waits for nothing."""
    return RetryPolicy(sleep=lambda _seconds: None)


def connect(case: Case, simulator: Simulator, spool: Path | None = None, **changes: Any) -> Tried:
    return case.connector(simulator.url, spool, patient(), changes)


def read(case: Case, connector: Tried) -> tuple[dict[str, datetime], list[RejectedInput]]:
    """Rows of all batches by key, each of which must occur once, with its time of change."""
    found: dict[str, datetime] = {}
    refused = []
    for batch in connector.batches(case.table, WINDOW, lambda *_: False):
        if isinstance(batch, RejectedInput):
            refused.append(batch)
            continue
        columns = batch.declaration.columns
        for row in batch.frame.to_pylist():
            key = identity(row, [columns.get(name, name) for name in case.key.split()])
            assert key not in found
            moment = row[columns.get(case.updated, case.updated)]
            updated = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
            if updated.tzinfo is None:
                updated = updated.replace(tzinfo=ZoneInfo(batch.declaration.zone))
            found[key] = updated
        batch.landed()
    return found, refused


def identity(row: dict[str, Any], names: list[str]) -> str:
    """The cells that name a row; landed times are naive UTC."""
    cells = [row[name] for name in names]
    return " ".join(
        one.astimezone(UTC).isoformat() if isinstance(one, datetime) else str(one) for one in cells
    )


def read_to_the_end(
    case: Case, connector: Tried, tries: int = 8
) -> tuple[dict[str, datetime], list[RejectedInput]]:
    """As a data engineer would: after an error that says what to do, run again."""
    for _ in range(tries):
        try:
            return read(case, connector)
        except SourceError as error:
            assert error.fix
    raise AssertionError("the source never answered")


def pages_asked(case: Case, simulator: Simulator) -> list[Question]:
    return [question for question in simulator.questions if case.page_parameter in parameters(question)]


def parameters(question: Question) -> Mapping[str, Any]:
    """Of the address, of a form, or of JSON."""
    if isinstance(question.body, dict):
        found: Mapping[str, Any] = question.body.get("params", question.body)
        return found
    return question.params or question.form


def durable(spool: Path) -> list[Path]:
    """Answers of unfinished runs, the last one last."""
    found = [*spool.rglob("*.page"), *spool.rglob("*.answer")]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
