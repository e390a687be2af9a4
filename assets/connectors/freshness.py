"""How old what has landed of a source may become before somebody should look, as its configuration says."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator

from assets.landing.contracts import contracts

#: The age for tables that have none of their own.
ANY_TABLE = "default"
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_AGE = re.compile(r"([1-9][0-9]{0,4})([mhd])")


def _age(value: Any) -> Any:
    match = _AGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no age; fix: write minutes, hours or days, such as 90m, 26h or 8d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


Age = Annotated[timedelta, BeforeValidator(_age)]


class Freshness(BaseModel):
    """A part of every source's configuration: `freshness: 26h`, or an age by table with `default` for the others."""

    freshness: dict[str, Age] = Field(default_factory=dict)

    @field_validator("freshness", mode="before")
    @classmethod
    def _one_age_for_all(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {ANY_TABLE: value}

    @model_validator(mode="after")
    def _ages_are_of_known_tables(self) -> Freshness:
        tables = getattr(self, "tables", None)
        known = contracts() if tables is None else tables
        for table in self.freshness:
            if table != ANY_TABLE and table not in known:
                raise ValueError(
                    f"freshness.{table}: the source has no such table; fix: remove it, or write {ANY_TABLE}"
                )
        return self

    def oldest(self, table: str) -> timedelta | None:
        """How old the last extraction of a table may become; None: as old as it likes."""
        return self.freshness.get(table, self.freshness.get(ANY_TABLE))
