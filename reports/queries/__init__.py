"""The SQL of the report: one statement a question, over schema `marts`. Parameters are named ($name)."""

from reports.queries import (
    business,
    capacity,
    cost,
    desk,
    forecast,
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
    "cost",
    "desk",
    "forecast",
    "levels",
    "operation",
    "planning",
    "resources",
    "service",
    "version",
]
