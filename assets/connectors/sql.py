"""Any SQL database through SQLAlchemy: a table or a query of the owner's feeds one contract table.

With `updated_column` one batch holds what was last changed on one UTC day, read in bounded pages ordered by
(updated_column, key); without it one batch is the whole table. Only bound parameters carry values; SQLAlchemy
quotes the names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy.engine import Connection, Engine

from assets.connectors.base import Batch, IsLanded, RejectedInput, SourceName, Window, frame_digest
from assets.connectors.remote import RetryPolicy, SourceError, TransientError, hide
from assets.connectors.sql_frames import raw_frame
from assets.connectors.sql_reading import (
    Read,
    day_bounds,
    read_pages,
    read_undated,
    read_whole,
    snapshot,
    source_columns,
)
from assets.connectors.traffic import Traffic
from assets.landing.contracts import contract
from assets.landing.declaration import Declaration, Exclusion, Sequence, Unit, Zone

Kind = Literal["gauge", "counter", "histogram"]
_SECRET_OPTION = re.compile(r"pass|token|secret|key", re.IGNORECASE)


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


class SqlSource(BaseModel):
    """Configuration of one database. Its SQLAlchemy address stands in the environment variable `url_env`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["sql"]
    name: SourceName
    url_env: str = Field(min_length=1)
    page_rows: int = Field(50_000, ge=1)
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


class SqlConnector:
    """Reads one database. Opens nothing before `batches` is iterated."""

    def __init__(self, source: SqlSource, *, retries: RetryPolicy | None = None) -> None:
        self._source = source
        self._retries = retries or RetryPolicy(attempts=3)
        self._traffic = Traffic()

    @property
    def name(self) -> str:
        """Name of the source in the configuration."""
        return self._source.name

    @property
    def traffic(self) -> Traffic:
        """What was exchanged for the table read last."""
        return self._traffic

    def tables(self) -> list[str]:
        """The configured contract tables."""
        return list(self._source.tables)

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:
        """A batch a day of `updated_column` (empty days included), or one snapshot. Raises `SourceError`.

        Rows whose `updated_column` is null or no date belong to no day: they come as a batch of their own.
        """
        self._traffic = Traffic()
        settings = self._source.tables.get(table)
        if settings is None:
            return
        engine = self._engine()
        try:
            for batch in self._read_all(engine, table, settings, window):
                if isinstance(batch, RejectedInput) or not is_landed(batch.batch_id, batch.fingerprint):
                    yield batch
        finally:
            engine.dispose()

    def _read_all(
        self, engine: Engine, table: str, settings: SqlTable, window: Window
    ) -> Iterator[Batch | RejectedInput]:
        if settings.updated_column is None:
            yield self._batch(engine, table, settings, None)
            return
        for number in range((window.end - window.start).days + 1):
            yield self._batch(engine, table, settings, window.start + timedelta(days=number))
        undated = self._batch(engine, table, settings, None)
        if isinstance(undated, RejectedInput) or undated.frame.num_rows:
            yield undated

    def _engine(self) -> Engine:
        variable = self._source.url_env
        url = os.environ.get(variable, "").strip()
        if not url:
            raise self._error(
                f"environment variable {variable} is not set", f"export {variable}=<SQLAlchemy URL>"
            )
        try:
            return sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
        except ModuleNotFoundError as error:
            raise self._error(
                f"the driver {error.name} is not installed", f"pip install {error.name}"
            ) from None
        except (sa.exc.ArgumentError, ValueError):
            # Their messages may quote the address.
            problem = f"{variable} holds no usable SQLAlchemy address"
            raise self._error(problem, "write it as dialect+driver://user:password@host/database") from None

    def _batch(
        self, engine: Engine, table: str, settings: SqlTable, day: date | None
    ) -> Batch | RejectedInput:
        read = self._retrying(engine, table, settings, day)
        frame = raw_frame(read.names, read.rows)
        self._traffic.pages += read.pages
        self._traffic.rows += len(read.rows)
        self._traffic.bytes += frame.nbytes
        origin = settings.table or "query"
        path = f"{engine.dialect.name}:{self._source.url_env}/{origin}"
        if day is not None:
            batch_id = f"{table}/{day.isoformat()}"
        else:
            batch_id = f"{table}/undated" if settings.updated_column else table
        if len(read.rows) != read.announced:
            return RejectedInput(
                source=self._source.name,
                table=table,
                batch_id=batch_id,
                input_path=path,
                reason=f"{path}: the database announced {read.announced} rows and gave {len(read.rows)}",
                fix="run again; if it stays, check that the key columns identify a row",
                input_sha256=frame_digest(frame),
                input_bytes=frame.nbytes,
                frame=frame,
            )
        return Batch(
            source=self._source.name,
            table=table,
            batch_id=batch_id,
            frame=frame,
            declaration=settings.declaration(table),
            input_path=path,
            input_sha256=frame_digest(frame),
            input_bytes=frame.nbytes,
            query=read.statement,
            window=None if day is None else Window(day, day),
        )

    def _retrying(self, engine: Engine, table: str, settings: SqlTable, day: date | None) -> Read:
        def ask() -> Read:
            try:
                with snapshot(engine) as connection:
                    return self._ask(connection, table, settings, day)
            except sa.exc.SQLAlchemyError as error:
                message = _plain_message(error, engine)
                if isinstance(error, sa.exc.DBAPIError) and (
                    error.connection_invalidated or isinstance(error, sa.exc.OperationalError)
                ):
                    raise TransientError(message) from None
                raise self._error(message, f"check table, query and columns of tables.{table}") from None

        try:
            return self._traffic.counting(self._retries).call(ask)
        except TransientError as error:
            raise self._error(
                f"no answer after {self._retries.attempts} tries ({error.problem})",
                f"see whether the database is up and the address in {self._source.url_env} is right",
            ) from None

    def _ask(self, connection: Connection, table: str, settings: SqlTable, day: date | None) -> Read:
        columns = source_columns(connection, settings.table, settings.query)
        key, updated = settings.key_columns(table), settings.updated_column
        missing = [name for name in (*key, *([updated] if updated else [])) if name not in columns.clause.c]
        if missing:
            have = ", ".join(columns.names)
            raise self._error(
                f"column {missing[0]!r}, needed for {table}, is not there (the source has {have})",
                f"correct columns or updated_column of tables.{table}",
            )
        if updated is None:
            return read_whole(connection, columns, key)
        zone = ZoneInfo(settings.zone)
        try:
            if day is None:
                return read_undated(connection, columns, key, updated, zone)
            start, end = day_bounds(connection, columns, updated, day, zone)
        except TypeError as error:
            raise self._error(
                str(error),
                "name a timestamp column as updated_column, or leave it out to read the whole table",
            ) from None
        return read_pages(connection, columns, key, updated, (start, end), self._source.page_rows)

    def _error(self, problem: str, fix: str) -> SourceError:
        return SourceError(self._source.name, problem, fix)


def _plain_message(error: sa.exc.SQLAlchemyError, engine: Engine) -> str:
    """First line of what the database said, without the address or anything secret in it."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines() or [type(error).__name__]
    url = engine.url
    options = [str(value) for name, value in url.query.items() if _SECRET_OPTION.search(name)]
    secrets = [url.render_as_string(hide_password=False), str(url.password or ""), *options]
    return hide(f"{type(error).__name__}: {lines[0]}", *secrets)[:300]
