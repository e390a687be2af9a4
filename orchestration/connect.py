"""Turns a source of the configuration into its connector. Opens nothing."""

from __future__ import annotations

from pathlib import Path

from assets.connectors.base import Connector
from assets.connectors.cloudwatch import CloudWatchConnector, CloudWatchSource
from assets.connectors.control import ControlConnector, ControlSource
from assets.connectors.files import FilesConnector, FilesSource
from assets.connectors.glpi import GlpiConnector, GlpiSource
from assets.connectors.jira import JiraConnector, JiraSource
from assets.connectors.prometheus import PrometheusConnector, PrometheusSource
from assets.connectors.request_tracker import RequestTrackerConnector, RequestTrackerSource
from assets.connectors.servicenow import ServiceNowConnector, ServiceNowSource
from assets.connectors.sql import SqlConnector, SqlSource
from assets.connectors.zabbix import ZabbixConnector, ZabbixSource

AnySource = (
    CloudWatchSource
    | ControlSource
    | FilesSource
    | GlpiSource
    | JiraSource
    | PrometheusSource
    | RequestTrackerSource
    | ServiceNowSource
    | SqlSource
    | ZabbixSource
)


def connect(source: AnySource, config: Path, spool: Path | None = None) -> Connector:
    """The connector of one configured source; relative paths start at the configuration file's folder.

    `spool` is where sources that answer in pages keep unfinished questions (`Home.spool`); None: nowhere.
    """
    folder = config.resolve().parent
    match source:
        case CloudWatchSource():
            # Imported here: settings, which are read without Dagster, import this module.
            from assets.clock import Clock

            return CloudWatchConnector(source, now=Clock().system_time, spool=spool)
        case ControlSource():
            return ControlConnector(source, folder, home=None if spool is None else spool.parent)
        case FilesSource():
            return FilesConnector(source, folder)
        case GlpiSource():
            return GlpiConnector(source, spool=spool)
        case JiraSource():
            return JiraConnector(source, spool=spool)
        case PrometheusSource():
            return PrometheusConnector(source, spool=spool)
        case RequestTrackerSource():
            return RequestTrackerConnector(source, spool=spool)
        case ServiceNowSource():
            return ServiceNowConnector(source, spool=spool)
        case SqlSource():
            return SqlConnector(source, spool=spool)
        case ZabbixSource():
            return ZabbixConnector(source, spool=spool)
