"""The SQL of the report: one statement a question, over schema `marts`. Parameters are named ($name)."""

from reports.queries import (
    business,
    capacity,
    changes,
    cost,
    desk,
    forecast,
    kpis,
    levels,
    operation,
    planning,
    resources,
    service,
    version,
)

__all__ = [
    "business",
    "capacity",
    "changes",
    "cost",
    "desk",
    "forecast",
    "kpis",
    "levels",
    "operation",
    "planning",
    "resources",
    "service",
    "version",
]
