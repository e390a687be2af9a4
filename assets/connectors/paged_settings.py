"""What a source that answers in pages is told: its settings, and which field becomes which (`<connector>.yaml`)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assets.connectors.http import HttpSource
from assets.landing.contracts import contract
from assets.landing.declaration import Declaration, Sequence


class TableSettings(BaseModel):
    """What a user says of one table; it goes before the connector's own mapping, field by field.

    `columns` and `constants` are keyed by contract field, `replace` too ({field: {source text: our text}}).
    `filter` is a condition in the source's own language that every row must meet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    replace: dict[str, dict[str, str]] = Field(default_factory=dict)
    filter: str | None = None


class Mapped(BaseModel):
    """A connector's own mapping of one contract table: data, one entry of `<connector>.yaml`.

    `source` is what the table is called there. `fields` are source fields that are read although none of the
    contract takes them (identity, time of change). `moment` is the field that is the time of the row itself, of which
    pages keep no text. Other keys are those of a declaration.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    filter: str | None = None
    fields: tuple[str, ...] = ()
    moment: str | None = None
    zone: str = "UTC"
    columns: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    replace: dict[str, dict[str, str]] = Field(default_factory=dict)
    nulls: tuple[str, ...] = ("",)
    known_by: dict[str, str] = Field(default_factory=dict)
    sequence: Sequence | None = None

    def changed_by(self, settings: TableSettings) -> Mapped:
        """With what the user says."""
        columns = {k: v for k, v in self.columns.items() if k not in settings.constants}
        constants = {k: v for k, v in self.constants.items() if k not in settings.columns}
        replace = {
            name: {**self.replace.get(name, {}), **settings.replace.get(name, {})}
            for name in {**self.replace, **settings.replace}
        }
        return self.model_copy(
            update={
                "columns": {**columns, **settings.columns},
                "constants": {**constants, **settings.constants},
                "replace": replace,
                "filter": settings.filter or self.filter,
            }
        )

    @property
    def source_fields(self) -> tuple[str, ...]:
        """Every source field that is read, without repeats."""
        return tuple(dict.fromkeys([*self.fields, *self.columns.values()]))

    def declaration(self, table: str, zone: str | None = None) -> Declaration:
        """How landing reads the rows. Raises pydantic's ValidationError."""
        said = self.model_dump(exclude={"source", "filter", "fields", "moment"}, exclude_defaults=True)
        used = set(self.columns.values())
        ignore = tuple(name for name in self.fields if name not in used)
        return Declaration.model_validate(
            {**said, "table": table, "zone": zone or self.zone, "ignore": ignore}
        )


@cache
def mappings(path: Path) -> Mapping[str, Mapped]:
    """The mappings in a connector's YAML file, by contract table."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {table: Mapped.model_validate(entry) for table, entry in raw.items()}


class PagedSource(HttpSource):
    """What every source that answers in pages may be told. `tables` names the contract tables to read.

    Each run reads `lookback_days` before its window again, for rows that became visible late. Every
    `census_every_days` (null: never) all keys are compared with what has landed.
    """

    tables: dict[str, TableSettings] = Field(min_length=1)
    page_rows: int = Field(1000, ge=1, le=10_000)
    lookback_days: int = Field(1, ge=0, le=366)
    census_every_days: int | None = Field(7, ge=1, le=366)
    accept_hidden_rows: bool = False

    @classmethod
    def mapping_file(cls) -> Path:
        """Where the connector's own mappings stand: `<connector>.yaml` beside its module or `<connector>_settings`."""
        module = Path(inspect.getfile(cls))
        return module.with_name(f"{module.stem.removesuffix('_settings')}.yaml")

    def mapped(self, table: str) -> Mapped:
        """The mapping of one table as configured."""
        return mappings(self.mapping_file())[table].changed_by(self.tables[table])

    @model_validator(mode="after")
    def _tables_fit_their_contracts(self) -> PagedSource:
        known = mappings(self.mapping_file())
        for table in self.tables:
            if table not in known:
                raise ValueError(f"tables.{table}: not read from here; fix: use one of {', '.join(known)}")
            try:
                declaration = self.mapped(table).declaration(table)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(["tables", table, *(str(part) for part in first["loc"])])
                raise ValueError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None
            given = {*declaration.columns, *declaration.constants}
            given |= {declaration.sequence.field} if declaration.sequence else set()
            missing = [name for name in contract(table).required_fields if name not in given]
            if missing:
                raise ValueError(
                    f"tables.{table}: {missing[0]} is required and the source has no field for it; "
                    f"fix: give it under tables.{table}.columns or .constants"
                )
        return self
