"""What a database is told: its address' variable, and which table or query becomes which contract table."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assets.connectors.base import SourceName
from assets.connectors.freshness import Freshness
from assets.landing.contracts import contract
from assets.landing.declaration import Declaration, Exclusion, Sequence, Unit, Zone

Kind = Literal["gauge", "counter", "histogram"]


class SqlTable(BaseModel):
    """How one table or query of the database becomes a contract table.

    Exactly one of `table` (may be `schema.name`) and `query` is given. `updated_column` and the values of
    `columns` are columns of the database; the other mappings are those of a sidecar.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str | None = None
    query: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    updated_column: str | None = None
    zone: Zone
    replace: dict[str, dict[str, str]] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    nulls: tuple[str, ...] = ("",)
    strip: tuple[str, ...] = ()
    known_by: dict[str, str] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    sequence: Sequence | None = None
    metric: str | None = None
    kind: Kind | None = None
    unit: Unit | None = None
    interval_seconds: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _table_or_query(self) -> SqlTable:
        if (self.table is None) == (self.query is None):
            raise ValueError("needs either table or query; fix: give exactly one of them")
        return self

    def declaration(self, contract_table: str) -> Declaration:
        """The same statements as a sidecar would make. Raises pydantic's ValidationError."""
        said = self.model_dump(exclude={"table", "query", "updated_column"}, exclude_unset=True)
        return Declaration.model_validate({**said, "table": contract_table})

    def key_columns(self, contract_table: str) -> list[str]:
        """Columns of the database that hold the contract's key, except what a constant or sequence makes.

        Parts of a key that may be missing count when they are mapped.
        """
        made = {*self.constants, *([self.sequence.field] if self.sequence else [])}
        made |= {name for name in ("metric", "unit", "kind") if getattr(self, name) is not None}
        rules = contract(contract_table)
        made |= {name for name in rules.key if not rules.fields[name].required and name not in self.columns}
        return [self.columns.get(name, name) for name in rules.key if name not in made]

    def counted_column(self, contract_table: str) -> str | None:
        """The column of the database by which a census knows a record; None where none can be taken.

        Tables that each run reads whole need none, and a key that landing makes or replaces is not in the database.
        """
        rules = contract(contract_table)
        first = rules.key[0]
        if self.updated_column is None or rules.since is None or first in self.replace:
            return None
        column = self.columns.get(first, first)
        return column if column in self.key_columns(contract_table)[:1] else None


class SqlSource(Freshness):
    """Configuration of one database. Its SQLAlchemy address stands in the environment variable `url_env`.

    Tables with `updated_column`: each run reads `lookback_days` before its window again, and every
    `census_every_days` (null: never) all keys are compared with what has landed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["sql"]
    name: SourceName
    url_env: str = Field(min_length=1)
    page_rows: int = Field(50_000, ge=1)
    lookback_days: int = Field(1, ge=0, le=366)
    census_every_days: int | None = Field(7, ge=1, le=366)
    tables: dict[str, SqlTable] = Field(min_length=1)

    @model_validator(mode="after")
    def _tables_fit_their_contracts(self) -> SqlSource:
        for name, table in self.tables.items():
            try:
                table.declaration(name)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join([name, *(str(part) for part in first["loc"])])
                message = first["msg"].removeprefix("Value error, ")
                raise ValueError(f"{place}: {message}") from None
        return self
