"""What a source says about its rows: the sidecar of a data file, or what a server connector declares itself.

`Declaration` maps a source's columns to a contract table. `Sidecar` adds what only a file needs (format,
encoding, key, control totals) and is what `<data file>.sidecar.yaml` holds.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from assets.landing.contracts import TableContract, UnknownTable, contract
from assets.landing.timestamps import known_zones
from assets.landing.units import UnitError, check_unit

# The loader in C, where PyYAML has it, is ten times as fast.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
MAX_SIDECAR_BYTES = 1_048_576
#: Contract fields that a metric declaration fills for every row when the source has no column for them.
METRIC_DEFAULTS = ("metric", "kind", "unit", "interval_seconds")


class DeclarationError(ValueError):
    """A sidecar that cannot be used: its text names file, path of the field and fix, one mistake a line."""


def _known_zone(name: str) -> str:
    if name in known_zones():
        return name
    near = get_close_matches(name, known_zones(), n=1)
    hint = near[0] if near else "UTC or Europe/Berlin"
    raise ValueError(f"{name!r} is not an IANA time zone; fix: use a name such as {hint}")


def _known_unit(text: str) -> str:
    try:
        check_unit(text)
    except UnitError as error:
        raise ValueError(str(error)) from error
    return text


def _known_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"{name!r} is not a text encoding; fix: use utf-8, latin-1 or cp1252") from None


def _known_timestamp_format(text: str) -> str:
    if text in ("ISO8601", "go", "epoch_s") or "%" in text:
        return text
    raise ValueError(
        f"{text!r} is not a timestamp format; "
        "fix: use ISO8601, go, epoch_s or a strptime pattern such as %d/%m/%Y %H:%M"
    )


Zone = Annotated[str, BeforeValidator(lambda v: _known_zone(str(v)))]
Unit = Annotated[str, BeforeValidator(lambda v: _known_unit(str(v)))]
Encoding = Annotated[str, BeforeValidator(lambda v: _known_encoding(str(v)))]
TimestampFormat = Annotated[str, BeforeValidator(lambda v: _known_timestamp_format(str(v)))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class ValueColumn(_Strict):
    """One source column of a wide file that becomes one sample a row.

    `upper_bound` makes it one bucket of a histogram; `optional` says that an empty cell is no sample (such
    cells go to quarantine knowingly and do not count as faults).
    """

    column: str
    metric: str
    unit: Unit
    kind: Literal["gauge", "counter", "histogram"] = "gauge"
    interval_seconds: float | None = Field(default=None, gt=0)
    upper_bound: float | None = None
    optional: bool = False


class Exclusion(_Strict):
    """Rows knowingly not wanted: their source `column` equals a text. They go to quarantine, counted."""

    column: str
    equals: str
    reason: str = Field(min_length=1)


class Sequence(_Strict):
    """Numbers the rows of one entity 1..n in the order of fields `order`, then of the source's rows."""

    field: str
    by: tuple[str, ...] = Field(min_length=1)
    order: tuple[str, ...] = Field(min_length=1)


class ControlTotals(_Strict):
    """What the source says that it delivered: its number of rows, and sums over source columns."""

    rows: int = Field(ge=0)
    sums: dict[str, float] = Field(default_factory=dict)


class Declaration(_Strict):
    """How the columns of a source become the fields of a contract table.

    `columns`, `constants`, `replace` and `strip` are keyed by contract field; `exclude`, `ignore` and
    `values` name source columns. Timestamps without a zone are in `zone`.

    `known_by` (timestamp field: the timestamp field that dates the row) is for sources that repeat final
    values on early rows: a value later than its row's own time was not known then, and becomes null in that
    row.
    """

    table: str
    zone: Zone
    timestamp_format: TimestampFormat = "ISO8601"
    nulls: tuple[str, ...] = ("",)
    columns: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    replace: dict[str, dict[str, str]] = Field(default_factory=dict)
    strip: tuple[str, ...] = ()
    known_by: dict[str, str] = Field(default_factory=dict)
    sequence: Sequence | None = None
    ignore: tuple[str, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    metric: str | None = None
    kind: Literal["gauge", "counter", "histogram"] | None = None
    unit: Unit | None = None
    interval_seconds: float | None = Field(default=None, gt=0)
    values: tuple[ValueColumn, ...] = ()

    @property
    def contract(self) -> TableContract:
        """The contract of the declared table."""
        return contract(self.table)

    @property
    def defaults(self) -> dict[str, str]:
        """Metric fields declared once for every row, as text; only those that the contract has."""
        given = {name: getattr(self, name) for name in METRIC_DEFAULTS}
        fields = self.contract.fields
        return {name: _plain(value) for name, value in given.items() if value is not None and name in fields}

    @property
    def digest(self) -> str:
        """SHA-256 of the declaration: what was read differently is another batch content."""
        text = json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @model_validator(mode="after")
    def _fits_contract(self) -> Declaration:
        try:
            table = self.contract
        except UnknownTable as error:
            raise ValueError(f"table: {error}") from error
        for part in ("columns", "constants", "replace", "strip"):
            _check_fields(part, getattr(self, part), table)
        if self.sequence is not None:
            wanted = (self.sequence.field, *self.sequence.by, *self.sequence.order)
            _check_fields("sequence", wanted, table)
        _check_known_by(self.known_by, table)
        both = sorted(set(self.columns) & set(self.constants))
        if both:
            raise ValueError(f"constants: {both[0]} is also in columns; fix: keep one of them")
        if self.values:
            self._check_values(table)
        return self

    def _check_values(self, table: TableContract) -> None:
        if table.name not in ("metric_samples", "metric_histograms"):
            raise ValueError(f"values: only metric tables are wide, not {table.name}; fix: use columns")
        wants_bound = table.name == "metric_histograms"
        for position, value in enumerate(self.values):
            if wants_bound != (value.upper_bound is not None):
                verb = "add" if wants_bound else "remove"
                raise ValueError(f"values.{position}.upper_bound: {table.name}; fix: {verb} upper_bound")
        filled = {"value", "count", "metric", "unit", "kind", "upper_bound"} & (
            set(self.columns) | set(self.constants)
        )
        if filled:
            raise ValueError(
                f"values: {sorted(filled)[0]} comes from values; fix: remove it from columns or constants"
            )


class Sidecar(Declaration):
    """The declaration that stands beside a data file as `<data file>.sidecar.yaml`."""

    format: Literal["csv", "jsonl", "parquet"]
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: Encoding = "utf-8"
    key: tuple[str, ...]
    control_totals: ControlTotals

    @model_validator(mode="after")
    def _key_is_the_contracts(self) -> Sidecar:
        if self.key != self.contract.key:
            wanted = ", ".join(self.contract.key)
            raise ValueError(f"key: {list(self.key)} is not the key of {self.table}; fix: use [{wanted}]")
        return self

    @model_validator(mode="after")
    def _json_is_utf8(self) -> Sidecar:
        if self.format == "jsonl" and self.encoding != "utf-8":
            raise ValueError("encoding: JSON lines are UTF-8 (RFC 8259); fix: remove it, or convert the file")
        return self


def parse_sidecar(text: str, where: str, table: str) -> Sidecar:
    """Read a sidecar for `table`; `where` is the file name for messages. Raises `DeclarationError`.

    Every scalar is read as text (`unit: 1` is the unit "1", `no` stays "no"); the model gives it its type.
    """
    if len(text) > MAX_SIDECAR_BYTES:
        raise DeclarationError(f"{where}: longer than 1 MiB; fix: write the declaration only")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_LOADER)):
            raise DeclarationError(f"{where}: YAML aliases (*name) are not read; fix: write the values out")
        # The base loader builds only text, lists and maps: safe, and free of YAML's guesses about types.
        raw = yaml.load(text, Loader=_LOADER)  # noqa: S506
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise DeclarationError(f"{where}: not valid YAML ({detail}); fix: correct the syntax") from error
    if not isinstance(raw, dict):
        raise DeclarationError(f"{where}: empty or not a mapping; fix: write `table: {table}` and so on")
    try:
        sidecar = Sidecar.model_validate(raw)
    except ValidationError as error:
        raise DeclarationError("\n".join(_messages(error, where))) from error
    if sidecar.table != table:
        raise DeclarationError(
            f"{where}: table: declares {sidecar.table} where the configuration expects {table}; "
            f"fix: write `table: {table}` or list the file under {sidecar.table}"
        )
    return sidecar


def _check_fields(part: str, names: Iterable[str], table: TableContract) -> None:
    for name in names:
        if name not in table.fields:
            near = get_close_matches(name, table.fields, n=1)
            hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(table.fields)}"
            raise ValueError(f"{part}: {name!r} is not a field of {table.name}; fix: {hint}")


def _check_known_by(known_by: dict[str, str], table: TableContract) -> None:
    for name, moment in known_by.items():
        _check_fields("known_by", (name, moment), table)
        other = next((one for one in (name, moment) if table.fields[one].type != "timestamp"), None)
        if other is not None:
            raise ValueError(f"known_by: {other!r} is no timestamp field; fix: name two timestamp fields")
        if table.fields[name].required:
            raise ValueError(f"known_by: {name!r} is required and may not become null; fix: remove it")


def _plain(value: Any) -> str:
    return format(value, ".15g") if isinstance(value, float) else str(value)


def _messages(error: ValidationError, where: str) -> list[str]:
    lines = []
    for item in error.errors():
        path = ".".join(str(part) for part in item["loc"])
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            text = f"missing; fix: add `{item['loc'][-1]}`"
        elif item["type"] == "extra_forbidden":
            near = get_close_matches(str(item["loc"][-1]), Sidecar.model_fields, n=1)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            text = f"not a key of a sidecar; fix: {hint}"
        elif "; fix: " not in text:
            text = f"{text} (found {str(item['input'])[:80]!r}); fix: correct the value"
        lines.append(f"{where}: {path}: {text}" if path else f"{where}: {text}")
    return lines
