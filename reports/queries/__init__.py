"""The SQL of the report: one statement a question, over schema `marts`. Parameters are named ($name)."""

from reports.queries import capacity, cost, forecast, operation, planning, service, version

__all__ = ["capacity", "cost", "forecast", "operation", "planning", "service", "version"]
