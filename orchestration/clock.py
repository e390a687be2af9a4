"""The only place that reads the system clock. Everything else takes time as an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def system_time() -> datetime:
    """Now, in UTC with zone: the *system time* at which a record was learnt (never its valid time)."""
    return datetime.now(UTC)
