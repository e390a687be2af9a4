"""What a Request Tracker is told: its settings, and which queues hold the tickets of which table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from assets.connectors.paged_settings import Mapped, PagedSource
from assets.connectors.request_tracker_search import MAX_PAGE, any_of, is_known


class RequestTrackerSource(PagedSource):
    """Configuration of one instance. `queues` says which queues hold the tickets of a table, beside its `filter`.

    `priority_from` are the lowest priorities in RT that count as 1, 2, 3 and 4; below is 5.
    """

    type: Literal["request_tracker"]
    token_env: str
    queues: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    priority_from: tuple[int, int, int, int] = (90, 70, 40, 10)
    page_rows: int = Field(MAX_PAGE, ge=1, le=MAX_PAGE)

    def mapped(self, table: str) -> Mapped:
        """The mapping of one table as configured, its queues part of the filter."""
        found = super().mapped(table)
        parts = [any_of("Queue", self.queues.get(table, ())), f"({found.filter})" if found.filter else ""]
        return found.model_copy(update={"filter": " AND ".join(part for part in parts if part) or None})

    @model_validator(mode="after")
    def _tickets_have_a_kind(self) -> RequestTrackerSource:
        for table in self.queues:
            if table not in self.tables:
                raise ValueError(f"queues.{table}: this table is not read; fix: add it to tables")
        for table, settings in self.tables.items():
            if not self.queues.get(table) and not settings.filter:
                raise ValueError(
                    f"tables.{table}: RT does not tell kinds of tickets apart; "
                    f"fix: name their queues under queues.{table}, or give a filter"
                )
        if list(self.priority_from) != sorted(set(self.priority_from), reverse=True):
            raise ValueError(
                "priority_from: must fall from priority 1 to 4; fix: write such as [90, 70, 40, 10]"
            )
        return self

    @model_validator(mode="after")
    def _fields_are_there(self) -> RequestTrackerSource:
        for table in self.tables:
            for name in self.mapped(table).source_fields:
                if not is_known(name):
                    raise ValueError(
                        f"tables.{table}.columns: RT's tickets have no {name!r}; "
                        "fix: name a column, Queue.Name, Owner.Name, priority.level or a custom field as CF.{name}"
                    )
        return self
