"""Turns a source of the configuration into its connector. Opens nothing."""

from __future__ import annotations

from pathlib import Path

from assets.connectors.base import Connector
from assets.connectors.control import ControlConnector, ControlSource
from assets.connectors.files import FilesConnector, FilesSource
from assets.connectors.prometheus import PrometheusConnector, PrometheusSource
from assets.connectors.sql import SqlConnector, SqlSource

AnySource = ControlSource | FilesSource | PrometheusSource | SqlSource


def connect(source: AnySource, config: Path) -> Connector:
    """The connector of one configured source; relative paths start at the configuration file's folder."""
    folder = config.resolve().parent
    match source:
        case ControlSource():
            return ControlConnector(source, folder)
        case FilesSource():
            return FilesConnector(source, folder)
        case PrometheusSource():
            return PrometheusConnector(source)
        case SqlSource():
            return SqlConnector(source)
