"""Steps of what-if scenarios: what each action needs, and what is wrong with one that cannot be followed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from difflib import get_close_matches
from typing import Any

import pandas as pd

#: Action → fields that it needs; of the names in one text, at least one.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "scale_demand": ("factor",),
    "lose_site": ("site",),
    "lose_ci": ("ci_id",),
    "add_nodes": ("service_id", "redundancy_group", "count"),
    "resize": ("ci_id or redundancy_group", "resource", "limit_value or added_value or factor"),
    "retire_service": ("service_id",),
    "move_ci": ("ci_id", "service_id", "redundancy_group"),
    "delay_purchase": ("purchase_id", "days"),
    "purchase": ("ci_id or redundancy_group", "count or limit_value or added_value or factor"),
}


class ScenarioError(ValueError):
    """A scenario that cannot be followed: the message names the step, what is wrong and what would be right."""


@dataclass(frozen=True)
class Step:
    """One step. Amounts are in the unit of the measurement plan; without `from_date` it takes effect at once.

    `factor` multiplies demand or a limit (≥ 0), `count` is a number of new members, `days` a delay.
    """

    action: str
    step: int = 1
    service_id: str | None = None
    redundancy_group: str | None = None
    ci_id: str | None = None
    site: str | None = None
    resource: str | None = None
    purchase_id: str | None = None
    factor: float | None = None
    count: int | None = None
    days: int | None = None
    limit_value: float | None = None
    added_value: float | None = None
    one_off_cost: float | None = None
    monthly_cost: float | None = None
    from_date: date | None = None


_WHOLE = ("step", "count", "days")
_NUMBERS = ("factor", "limit_value", "added_value", "one_off_cost", "monthly_cost")
_NAMES = tuple(field.name for field in fields(Step))


def read_step(record: Mapping[str, Any]) -> Step:
    """A step from a record such as a row of `dim_scenario` or an entry of a YAML file; unknown names are left to
    the caller.

    Raises ScenarioError for an unknown action, a missing field, or a value that is no number or date.
    """
    given = {name: record.get(name) for name in _NAMES}
    known: dict[str, Any] = {name: value for name, value in given.items() if not _is_missing(value)}
    where = f"step {known.get('step', 1)}"
    action = known.get("action")
    if not isinstance(action, str) or action not in NEEDS:
        raise ScenarioError(f"{where}: no action '{action}'{_near(str(action), NEEDS)}")
    for name in known:
        try:
            known[name] = _value(name, known[name])
        except (TypeError, ValueError):
            raise ScenarioError(f"{where}: {name} '{known[name]}' is not a usable value") from None
    for need in NEEDS[action]:
        if not any(name in known for name in need.split(" or ")):
            raise ScenarioError(f"{where}: {action} needs {need}")
    if known.get("factor", 0.0) < 0:
        raise ScenarioError(f"{where}: factor {known['factor']:g} is negative; 1.3 means 30 % more")
    if known.get("count", 1) < 1:
        raise ScenarioError(f"{where}: count {known['count']} is not a number of new members")
    return Step(**known)


@dataclass(frozen=True)
class Known:
    """What steps may name: services, CIs, sites, resources, purchases, and the groups of each service."""

    services: Collection[str]
    cis: Collection[str]
    sites: Collection[str]
    resources: Collection[str]
    purchases: Collection[str]
    groups: Mapping[str, Collection[str]]


def check_steps(steps: Iterable[Step], known: Known) -> None:
    """Raise ScenarioError for the first step that names something unknown, with the nearest known name."""
    for step in steps:
        where = f"step {step.step}"
        for label, value, names in (
            ("service", step.service_id, known.services),
            ("configuration item", step.ci_id, known.cis),
            ("site", step.site, known.sites),
            ("resource", step.resource, known.resources),
            ("planned purchase", step.purchase_id, known.purchases),
        ):
            if value is not None and value not in names:
                raise ScenarioError(f"{where}: no {label} '{value}'{_near(value, names)}")
        if step.redundancy_group is not None:
            if step.service_id is None:
                raise ScenarioError(f"{where}: a redundancy group needs the service that it belongs to")
            groups = known.groups.get(step.service_id, ())
            if step.redundancy_group not in groups:
                raise ScenarioError(
                    f"{where}: service '{step.service_id}' has no group '{step.redundancy_group}'"
                    f"{_near(step.redundancy_group, groups)}"
                )


def _near(value: str, names: Collection[str]) -> str:
    ordered = sorted(str(name) for name in names)
    close = get_close_matches(value, ordered, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    shown = ", ".join(ordered[:8])
    return f"; known: {shown}{' …' if len(ordered) > 8 else ''}" if ordered else "; none is known"


def _value(name: str, value: Any) -> Any:
    if name in _WHOLE:
        if float(value) != int(float(value)):
            raise ValueError(value)
        return int(float(value))
    if name in _NUMBERS:
        return float(value)
    if name == "from_date":
        return pd.Timestamp(value).date()
    return str(value)


def _is_missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))
