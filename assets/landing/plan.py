"""The measurement plan as landing needs it: the unit and the possible values of each metric."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from assets.landing.units import UnitError, conversion, rate_conversion


@dataclass(frozen=True)
class PlanRule:
    """One row of the measurement plan. `minimum`, `maximum` (in `unit`) and `valid_to` are inclusive."""

    metric: str
    unit: str
    valid_from: date
    valid_to: date | None = None
    minimum: float | None = None
    maximum: float | None = None

    def covers(self, day: date) -> bool:
        """True when the rule is valid on `day`."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True)
class MeasurementPlan:
    """The rules of all planned metrics, oldest first within a metric."""

    rules: tuple[PlanRule, ...] = ()

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> MeasurementPlan:
        """From rows of contract table `measurement_plan` (dates as `datetime.date`)."""
        rules = [
            PlanRule(
                metric=row["metric"],
                unit=row["unit"],
                valid_from=row["valid_from"],
                valid_to=row.get("valid_to"),
                minimum=row.get("minimum_value"),
                maximum=row.get("maximum_value"),
            )
            for row in rows
        ]
        return cls(tuple(sorted(rules, key=lambda rule: (rule.metric, rule.valid_from, rule.unit))))

    def of(self, metric: str) -> tuple[PlanRule, ...]:
        """Rules of one metric, oldest first; empty when it is not planned."""
        return tuple(rule for rule in self.rules if rule.metric == metric)

    def digest(self, metrics: Iterable[str] | None) -> str:
        """SHA-256 of the rules of some metrics: a batch is read again only when one of its rules changed.

        None stands for all rules.
        """
        wanted = sorted({rule.metric for rule in self.rules} if metrics is None else set(metrics))
        rows = [
            [rule.metric, rule.unit, rule.valid_from, rule.valid_to, rule.minimum, rule.maximum]
            for rule in self.rules
            if rule.metric in wanted
        ]
        return hashlib.sha256(json.dumps([wanted, rows], default=str).encode()).hexdigest()


def plan_conversion(unit: str, kind: str, rule: PlanRule) -> tuple[float, float] | None:
    """(factor, offset) from a source's unit to the plan's; None when they do not measure the same thing.

    A counter's growth a second converts to the plan's unit, which is a rate.
    """
    try:
        return rate_conversion(unit, rule.unit) if kind == "counter" else conversion(unit, rule.unit)
    except UnitError:
        return None
