"""The only place that reads the system clock. Everything else takes time as an argument."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg


class Clock(dg.ConfigurableResource):
    """System time: when a record was *learnt*, never when it was true.

    `frozen_at` (ISO 8601 with zone) holds the clock still, so that a run can be repeated to the byte.
    """

    frozen_at: str | None = None

    def system_time(self) -> datetime:
        """Now, in UTC with zone."""
        if self.frozen_at is not None:
            return datetime.fromisoformat(self.frozen_at).astimezone(UTC)
        return datetime.now(UTC)
