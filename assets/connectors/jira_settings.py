"""What a site of Jira is told."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from assets.connectors.paged_settings import Mapped, PagedSource


class JiraSource(PagedSource):
    """Configuration of one site. Signs in with `user` and `token_env` (Cloud: e-mail and API token), on Data Center
    with `token_env` alone (personal access token). `sla_name` is the SLA that says whether an incident kept its target.
    """

    type: Literal["jira"]
    deployment: Literal["cloud", "data_center"]
    user: str | None = None
    sla_name: str = "Time to resolution"

    @property
    def is_cloud(self) -> bool:
        """True for Jira Cloud."""
        return self.deployment == "cloud"

    @classmethod
    def mapping_file(cls) -> Path:
        """That of the connector."""
        return Path(__file__).with_name("jira.yaml")

    def mapped(self, table: str) -> Mapped:
        """The mapping, with the names of issue types that the deployment has."""
        found = super().mapped(table)
        if self.is_cloud or self.tables[table].filter or not found.filter:
            return found
        return found.model_copy(update={"filter": found.filter.replace("[System] ", "")})

    @model_validator(mode="after")
    def _signs_in(self) -> JiraSource:
        if self.token_env is None or (self.is_cloud and self.user is None):
            needed = "user (an e-mail address) and token_env" if self.is_cloud else "token_env"
            raise ValueError(f"needs a way to sign in; fix: give {needed}")
        return self

    @model_validator(mode="after")
    def _objects_are_chosen(self) -> JiraSource:
        items = self.tables.get("configuration_items")
        if items is not None and not items.filter:
            raise ValueError(
                "tables.configuration_items.filter: Assets holds more than configuration items; "
                'fix: say in AQL which objects are, such as objectType in ("Server", "Database")'
            )
        return self

    @model_validator(mode="after")
    def _filters_can_be_joined(self) -> JiraSource:
        for table, settings in self.tables.items():
            if settings.filter and "order by" in " ".join(settings.filter.lower().split()):
                raise ValueError(f"tables.{table}.filter: the order is Ullage's; fix: leave ORDER BY out")
        return self
