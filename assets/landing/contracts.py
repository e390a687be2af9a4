"""The record contracts of `contracts.yaml`, read once, as validated models and as Arrow schemas."""

from __future__ import annotations

import hashlib
import json
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, model_validator

FieldType = Literal["string", "integer", "number", "boolean", "timestamp", "date", "time"]
DEFAULT_MAX_LENGTH = 32_768

#: Columns that landing adds to every table: where a row comes from, and what else its source said.
PROVENANCE: tuple[tuple[str, pa.DataType], ...] = (
    ("source_file", pa.string()),
    ("source_row", pa.int64()),
    ("extra", pa.string()),
)

_ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "time": pa.string(),
}


class UnknownTable(ValueError):
    """A table that no contract describes."""


class Field(BaseModel):
    """One field of a record: its type and the rules that a single value must meet.

    `minimum` and `maximum` are inclusive. `unit` marks UCUM unit text, `zone` an IANA time zone name,
    `finite` refuses infinity (NaN is never a value).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: FieldType
    required: bool = False
    finite: bool = False
    unit: bool = False
    zone: bool = False
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] | None = None
    max_length: int = DEFAULT_MAX_LENGTH

    @property
    def arrow_type(self) -> pa.DataType:
        """Type of the landed column. Timestamps are naive UTC microseconds, times are text HH:MM."""
        return _ARROW_TYPES[self.type]

    @model_validator(mode="after")
    def _rules_fit_type(self) -> Field:
        if (self.minimum is not None or self.maximum is not None) and self.type not in ("integer", "number"):
            raise ValueError("minimum and maximum need type integer or number")
        if self.type != "string" and (self.values is not None or self.unit or self.zone):
            raise ValueError("values, unit and zone need type string")
        if self.finite and self.type != "number":
            raise ValueError("finite needs type number")
        return self


class TableContract(BaseModel):
    """What every source must deliver for one table, whatever product it is.

    `key` is unique within a batch (missing parts of it equal each other); `time` dates a row (None: a
    snapshot table); `since` is the column that says when a record was last changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    key: tuple[str, ...]
    time: str | None = None
    since: str | None = None
    fields: dict[str, Field]

    @model_validator(mode="after")
    def _columns_exist(self) -> TableContract:
        for column in self.key:
            if column not in self.fields:
                raise ValueError(f"key column {column} is not a field")
        if not any(self.fields[column].required for column in self.key):
            raise ValueError("key needs a required column")
        for role in ("time", "since"):
            column = getattr(self, role)
            if column is None:
                continue
            if column not in self.fields or self.fields[column].type not in ("timestamp", "date"):
                raise ValueError(f"{role} column {column} must be a timestamp or date field")
            if not self.fields[column].required:
                raise ValueError(f"{role} column {column} must be required")
        for column, _ in PROVENANCE:
            if column in self.fields:
                raise ValueError(f"field name {column} is reserved for provenance")
        return self

    @property
    def is_dated(self) -> bool:
        """True when rows land in one file a UTC day."""
        return self.time is not None

    @property
    def is_metric(self) -> bool:
        """True for tables of measured values, which the measurement plan rules."""
        return {"ci_id", "metric", "unit"} <= set(self.fields)

    @property
    def required_fields(self) -> tuple[str, ...]:
        """Names of the fields that may not be missing."""
        return tuple(name for name, field in self.fields.items() if field.required)

    @property
    def arrow_schema(self) -> pa.Schema:
        """Schema of a landed file: the contract's fields, then the provenance columns."""
        fields = [pa.field(name, field.arrow_type) for name, field in self.fields.items()]
        return pa.schema([*fields, *(pa.field(name, kind) for name, kind in PROVENANCE)])

    @property
    def digest(self) -> str:
        """SHA-256 of the contract's rules: a batch lands again when what is asked of it has changed."""
        rules = self.model_dump(mode="json", exclude={"description"}, exclude_defaults=True)
        return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def load_contracts(path: Path) -> dict[str, TableContract]:
    """Read and validate a contract file. Raises `pydantic.ValidationError` naming the field that is wrong."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: TableContract.model_validate({"name": name, **entry}) for name, entry in raw.items()}


@lru_cache(maxsize=1)
def contracts() -> dict[str, TableContract]:
    """All contracts of the product by table name, in the order of the file."""
    return load_contracts(Path(__file__).with_name("contracts.yaml"))


def contract(table: str) -> TableContract:
    """The contract of one table. Raises `UnknownTable` with the nearest known names."""
    known = contracts()
    if table not in known:
        near = get_close_matches(table, known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"use one of {', '.join(known)}"
        raise UnknownTable(f"{table!r} is not a table that Ullage knows; fix: {hint}")
    return known[table]
