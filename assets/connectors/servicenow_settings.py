"""What an instance of ServiceNow is told."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from assets.connectors.paged_settings import Mapped, PagedSource

#: Tables that reference fields of an incident lead to.
REFERENCES = {
    "business_service": "cmdb_ci",
    "cmdb_ci": "cmdb_ci",
    "assignment_group": "sys_user_group",
    "problem_id": "problem",
    "company": "core_company",
    "location": "cmn_location",
}
_IDENTIFIER = r"^[a-z][a-z0-9_]*$"


class ServiceNowSource(PagedSource):
    """Configuration of one instance. Signs in with `token_env`, or `user` and `password_env`, or OAuth
    client credentials (`client_id` and `client_secret_env`).

    `identify_cis_by` and so on name the field that identifies a record in every table, `sla_filter` the task_sla
    rows that say whether an incident kept its target.
    """

    type: Literal["servicenow"]
    user: str | None = None
    password_env: str | None = None
    client_id: str | None = None
    client_secret_env: str | None = None
    identify_cis_by: str = Field("sys_id", pattern=_IDENTIFIER)
    identify_services_by: str = Field("sys_id", pattern=_IDENTIFIER)
    identify_teams_by: str = Field("sys_id", pattern=_IDENTIFIER)
    sla_filter: str = "sla.type=SLA^sla.target=resolution"

    def mapped(self, table: str) -> Mapped:
        """The mapping with the identifying fields put in."""
        found = super().mapped(table)
        names = {
            "{ci}": self.identify_cis_by,
            "{service}": self.identify_services_by,
            "{team}": self.identify_teams_by,
        }
        columns = {}
        for field, column in found.columns.items():
            for mark, name in names.items():
                column = column.replace(mark, name)
            columns[field] = column.removesuffix(".sys_id")
        return found.model_copy(update={"columns": columns})

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> ServiceNowSource:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env belong together; fix: give both or neither")
        if (self.client_id is None) != (self.client_secret_env is None):
            raise ValueError("client_id and client_secret_env belong together; fix: give both or neither")
        if sum(name is not None for name in (self.token_env, self.user, self.client_id)) != 1:
            raise ValueError(
                "needs one way to sign in; fix: give token_env, or user and password_env, "
                "or client_id and client_secret_env"
            )
        return self

    @model_validator(mode="after")
    def _references_are_known(self) -> ServiceNowSource:
        for column in self.mapped("incidents").columns.values() if "incidents" in self.tables else ():
            reference, dot, _ = column.partition(".")
            if dot and reference not in REFERENCES:
                raise ValueError(
                    f"tables.incidents.columns: {column!r} goes through a reference whose table is not known; "
                    f"fix: go through one of {', '.join(REFERENCES)}, or name the field {reference} itself"
                )
        return self

    @model_validator(mode="after")
    def _filters_can_be_joined(self) -> ServiceNowSource:
        for table, settings in self.tables.items():
            if settings.filter and re.search(r"\^(NQ|OR?DERBY|GROUPBY)", settings.filter):
                raise ValueError(
                    f"tables.{table}.filter: ^NQ and ^ORDERBY end a query; fix: write it with ^ and ^OR only"
                )
        return self
