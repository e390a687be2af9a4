"""The one configuration file of an estate, `ullage.yaml`: its shape, and clear words for every mistake in it.

Secrets never stand in the file: sources name the environment variable that holds theirs (`token_env`, `url_env`).
`${NAME}` anywhere in a text is replaced by that environment variable; relative paths start at the file's folder.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from assets.simulation.settings import SimulationSettings
from orchestration.connect import AnySource
from reports.settings import ReportSettings

Source = Annotated[AnySource, Field(discriminator="type")]
_SOURCES: tuple[type[BaseModel], ...] = get_args(get_args(Source)[0])
_TYPES = sorted(get_args(source.model_fields["type"].annotation)[0] for source in _SOURCES)
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
CRON_FIELDS = 5
KEEPING_VARIABLES = {"files", "control"}


class SettingsError(Exception):
    """The configuration cannot be used. The message names file, field and fix, one line a mistake."""


class Part(BaseModel):
    """A section of the file: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Quality(Part):
    """When bad input stops publishing."""

    max_quarantined_ratio: float = Field(0.05, ge=0, le=1)


class Capacity(Part):
    """How demand and headroom are judged where no control record says otherwise."""

    demand_window_days: int = Field(28, ge=1, le=366)
    default_threshold_ratio: float = Field(0.8, gt=0, le=1)
    default_lead_time_days: int = Field(30, ge=0, le=730)
    warning_ratio: float = Field(0.9, gt=0, le=1)


class Forecast(Part):
    """How far ahead, from how much history, with which seed."""

    horizon_days: int = Field(90, ge=1, le=365)
    history_days: int = Field(730, ge=1)
    seed: int = 1


class Publishing(Part):
    """How many published versions stay on disk."""

    keep_versions: int = Field(10, ge=1)


class Schedules(Part):
    """Cron expressions in `zone`. Empty text switches a schedule off."""

    zone: str = "UTC"
    daily_run: str = "0 5 * * *"
    weekly_report: str = "0 7 * * 1"
    monthly_report: str = "0 7 1 * *"

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"'{zone}' is no IANA time zone; fix: use a name such as Europe/Berlin"
            ) from error
        return zone

    @field_validator("daily_run", "weekly_report", "monthly_report")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        if cron and len(cron.split()) != CRON_FIELDS:
            raise ValueError(f"'{cron}' is no cron expression; fix: give five fields, such as '0 5 * * *'")
        return cron


class Settings(Part):
    """One estate."""

    estate: str = Field(min_length=1, max_length=200)
    home: Path
    start_date: date
    sources: list[Source] = Field(min_length=1)
    quality: Quality = Quality()
    capacity: Capacity = Capacity()
    forecast: Forecast = Forecast()
    publishing: Publishing = Publishing()
    report: ReportSettings = ReportSettings()
    schedules: Schedules = Schedules()
    simulation: SimulationSettings | None = None
    config_hash: str = ""

    @model_validator(mode="after")
    def _unique_source_names(self) -> Settings:
        names = [source.name for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"sources: the name '{twice[0]}' is used twice; fix: give each source its own name"
            )
        return self


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and validate one configuration file.

    Raises SettingsError for a missing file, bad YAML, an unset variable, or any field that does not fit.
    """
    environment = os.environ if environment is None else environment
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such file; fix: give the path of an ullage.yaml with --config"
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: byte {error.start} is not UTF-8; fix: save the file as UTF-8") from None
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "unknown place"
        problem = getattr(error, "problem", None) or "not YAML"
        raise SettingsError(f"{path}: {where}: {problem}; fix: correct the YAML there") from None
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: the file holds no settings; fix: start with `estate:` and `home:`")
    raw.pop("config_hash", None)
    expanded = _expand(raw, environment, path, "")
    if isinstance(expanded.get("home"), str):
        expanded["home"] = str((path.resolve().parent / expanded["home"]).resolve())
    expanded["config_hash"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    try:
        return Settings.model_validate(expanded)
    except ValidationError as error:
        raise SettingsError(explain(path, error)) from None


def explain(path: Path, error: ValidationError) -> str:
    """One line a mistake: file, path of the field, what is wrong, fix. Values are not repeated (they may be secret)."""
    return "\n".join(f"{path}: {_field(e['loc'])}: {_mistake(e)}" for e in error.errors())


def _field(location: tuple[int | str, ...]) -> str:
    # A discriminated union adds the chosen type to the location; a reader of the file knows no such level.
    parts = [str(p) for i, p in enumerate(location) if not (i >= 2 and location[0] == "sources" and i == 2)]
    return ".".join(parts) or "the file"


def _mistake(error: Any) -> str:
    kind, message = error["type"], error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][-1]) if error["loc"] else ""
    if kind == "missing":
        return f"this field is missing; fix: add `{name}:`"
    if kind == "extra_forbidden":
        if name in {"token", "password", "url", "secret"}:
            return f"secrets may not stand in the file; fix: use `{name}_env:` with the name of an environment variable"
        known = _known_fields()
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else "remove it"
        return f"unknown field; fix: {hint}"
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return f"unknown or missing source type; fix: set `type:` to {', '.join(_TYPES[:-1])} or {_TYPES[-1]}"
    return message if "fix:" in message else f"{message[0].lower()}{message[1:]}; fix: correct the value"


def _known_fields() -> list[str]:
    models: list[type[BaseModel]] = [
        Settings,
        Quality,
        Capacity,
        Forecast,
        Publishing,
        Schedules,
        ReportSettings,
        SimulationSettings,
        *_SOURCES,
    ]
    return sorted({name for model in models for name in model.model_fields})


def _expand(value: Any, environment: Mapping[str, str], path: Path, field: str, keep: bool = False) -> Any:
    """Replace `${NAME}`. `keep`: only see that it is set (receipts name files by the variable, not by its value)."""
    if isinstance(value, dict):
        keep = keep or value.get("type") in KEEPING_VARIABLES
        return {k: _expand(v, environment, path, f"{field}.{k}".lstrip("."), keep) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(v, environment, path, f"{field}.{i}", keep) for i, v in enumerate(value)]
    if isinstance(value, str):
        for name in VARIABLE.findall(value):
            if name not in environment:
                raise SettingsError(
                    f"{path}: {field}: the environment variable {name} is not set; fix: export {name}=…"
                )
        return value if keep else VARIABLE.sub(lambda match: environment[match[1]], value)
    return value
