"""What an instance of GLPI is told."""

from __future__ import annotations

import re
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import field_validator, model_validator

from assets.connectors.paged_settings import PagedSource

_CONDITION = re.compile(r"(\S+) (contains|equals|notequals|lessthan|morethan|under|notunder) (.+)")


class GlpiSource(PagedSource):
    """Configuration of one instance. Signs in with `token_env` (a user's API token), or `user` and `password_env`.

    `zone` is the IANA zone of its times, which carry none. `app_token_env` holds the token of the API client.
    """

    type: Literal["glpi"]
    zone: str
    user: str | None = None
    password_env: str | None = None
    app_token_env: str | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(
                f"'{zone}' is no IANA time zone; fix: use a name such as Europe/Berlin"
            ) from None
        return zone

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> GlpiSource:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env belong together; fix: give both or neither")
        if (self.user is None) == (self.token_env is None):
            raise ValueError("needs one way to sign in; fix: give token_env, or user and password_env")
        return self

    @model_validator(mode="after")
    def _filters_are_criteria(self) -> GlpiSource:
        for table, settings in self.tables.items():
            try:
                conditions(settings.filter)
            except ValueError as error:
                raise ValueError(f"tables.{table}.filter: {error}") from None
        return self


def conditions(text: str | None) -> list[tuple[str, str, str]]:
    """`<uid> <searchtype> <value>`, joined by AND. Raises ValueError."""
    found = []
    for one in (text or "").split(" AND ") if text else ():
        match = _CONDITION.fullmatch(one.strip())
        if match is None:
            raise ValueError(
                f"{one!r} is no condition; fix: write one such as Ticket.type equals 1, joined by AND"
            )
        found.append((match[1], match[2], match[3]))
    return found
