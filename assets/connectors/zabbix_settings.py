"""What a Zabbix server is told: its settings, and which items feed which metric."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assets.connectors.paged_settings import Mapped, PagedSource, TableSettings
from assets.connectors.queries import see_one_query_a_metric
from assets.connectors.zabbix_items import PLACEHOLDER
from assets.landing.declaration import Unit

DAY_SECONDS, HOUR_SECONDS = 86_400, 3600
#: Statistics of an hour that trends keep, and their fields.
TRENDS = {"avg": "value_avg", "min": "value_min", "max": "value_max"}
#: Cells of a sample that only this connector reads, and those of one that cannot land.
OWN = ("trend",)
REFUSED = ("reason", "fix", "field")


class ZabbixQuery(BaseModel):
    """One metric: the items that feed it, and how each names its configuration item.

    `item_key` may hold *. `ci` is made of {host}, {name}, {hostid} and {1} to {9}, the parameters of the key; `ci_map`
    renames what it gives. `unit` and `interval_seconds` go before what the items say. Where history is gone, `trends`
    of an hour land instead (null: nothing).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field(min_length=1, max_length=512)
    item_key: str = Field(min_length=1, max_length=2048)
    unit: Unit | None = None
    kind: Literal["gauge", "counter"] = "gauge"
    ci: str = "{host}"
    ci_map: dict[str, str] = Field(default_factory=dict)
    interval_seconds: int | None = Field(default=None, gt=0, le=DAY_SECONDS)
    trends: Literal["avg", "min", "max"] | None = "avg"

    @field_validator("ci")
    @classmethod
    def _names_something(cls, ci: str) -> str:
        if "{" in PLACEHOLDER.sub("", ci) or not PLACEHOLDER.search(ci):
            raise ValueError(f"{ci!r} names no item; fix: use {{host}}, {{name}}, {{hostid}}, {{1}} to {{9}}")
        return ci

    @property
    def statistic(self) -> str | None:
        """The field of trends that lands; a counter has none: of an hour its mean says nothing."""
        return TRENDS[self.trends] if self.trends and self.kind == "gauge" else None


class ZabbixSource(PagedSource):
    """Configuration of one server. Signs in with `token_env` (an API token), or `user` and `password_env`.

    `url` is the address of the frontend. `host_groups` limits what is read to hosts of these groups. A census counts
    the values of `census_days` before those that a run reads.
    """

    type: Literal["zabbix"]
    user: str | None = None
    password_env: str | None = None
    host_groups: tuple[str, ...] = ()
    queries: tuple[ZabbixQuery, ...] = ()
    tables: dict[str, TableSettings] = Field(default_factory=dict)
    page_rows: int = Field(10_000, ge=1, le=100_000)
    census_days: int = Field(30, ge=1, le=366)

    @field_validator("url")
    @classmethod
    def _frontend(cls, url: str) -> str:
        return url.rstrip("/").removesuffix("/api_jsonrpc.php")

    @field_validator("queries")
    @classmethod
    def _one_query_a_metric(cls, queries: tuple[ZabbixQuery, ...]) -> tuple[ZabbixQuery, ...]:
        see_one_query_a_metric(query.metric for query in queries)
        return queries

    @model_validator(mode="after")
    def _reads_something(self) -> ZabbixSource:
        if not self.queries and not self.tables:
            raise ValueError("queries: nothing is read; fix: name items under queries, or hosts under tables")
        for table, settings in self.tables.items():
            if settings.filter is not None:
                raise ValueError(f"tables.{table}.filter: hosts know none; fix: use host_groups")
        return self

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> ZabbixSource:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env belong together; fix: give both or neither")
        if (self.user is None) == (self.token_env is None):
            raise ValueError("needs one way to sign in; fix: give token_env, or user and password_env")
        return self

    def query(self, name: str) -> ZabbixQuery | None:
        """The query of a metric."""
        return next((query for query in self.queries if query.metric == name), None)

    def mapped(self, table: str) -> Mapped:
        """The mapping of a table, or of the query of a metric."""
        query = self.query(table)
        if query is None:
            return super().mapped(table)
        said = query.model_dump(mode="json", exclude_defaults=True)
        return Mapped(
            source="history.get",
            filter=json.dumps({**said, **({"host_groups": self.host_groups} if self.host_groups else {})}),
            fields=(*OWN, *REFUSED),
            moment="at",
            columns={
                "ci_id": "ci",
                "observed_at": "at",
                "value": "value",
                "unit": "unit",
                "interval_seconds": "interval",
            },
            constants={"metric": query.metric, "kind": query.kind},
        )
