"""OpenSLO v1 (github.com/OpenSLO/OpenSLO) in and out: SLO documents ↔ rows of the control record `targets`. Pure.

What OpenSLO has no field for (who approved, since when, which calendar) travels in annotations `ullage-…`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml

from assets.landing.contracts import contract

Row = dict[str, str]
Document = dict[str, Any]

API_VERSION = "openslo/v1"
PREFIX = "ullage-"
ALL_SERVICES = "all-services"
_KINDS = ("DataSource", "SLO", "SLI", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "Service")
_RATIOS = ("availability_ratio", "error_ratio")
_OPERATORS = {"lte": "<=", "lt": "<=", "gte": ">=", "gt": ">="}
#: Fields of a target that an SLO has no place for.
_ANNOTATED = (
    *("target_id", "measure", "resource", "priority", "calendar_id", "excludes_maintenance"),
    *("valid_from", "valid_to", "approved_by", "approved_at"),
)
#: Time units behind a latency indicator's name that is not annotated.
_LATENCY = re.compile(r"latency|duration|response[-_ ]?time", re.IGNORECASE)


class OpenSloError(ValueError):
    """A document that cannot be read as targets. The message names file, document, field and what to do."""


@dataclass(frozen=True)
class Imported:
    """Rows of `targets` in the order of the documents, and what a reader should know about them."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Exported:
    """SLO documents in the order of the rows, and which rows OpenSLO cannot express."""

    documents: tuple[Document, ...]
    notes: tuple[str, ...]

    def to_yaml(self) -> str:
        """All documents as one YAML stream."""
        return yaml.safe_dump_all(self.documents, sort_keys=False, allow_unicode=True, width=110)


def export_targets(rows: Iterable[Mapping[str, str]]) -> Exported:
    """One SLO for each target: ratios by their share of good minutes or requests, everything else by a threshold."""
    documents, notes = [], []
    for row in rows:
        name = f"{row['target_id']} ({row.get('valid_from') or 'no date'})"
        goal = _goal(row)
        if row["measure"] == "apdex_threshold_seconds":
            notes.append(f"{name}: the T of Apdex is no objective; left out")
        elif not 0 <= goal < 1:
            notes.append(
                f"{name}: OpenSLO wants an objective below 1; left out; fix: agree an objective_ratio"
            )
        else:
            documents.append(_document(row, goal))
    return Exported(tuple(documents), tuple(notes))


def _goal(row: Mapping[str, str]) -> float:
    if row.get("objective_ratio"):
        return float(row["objective_ratio"])
    if row["measure"] == "availability_ratio":
        return float(row["target_value"])
    return _rounded(1 - float(row["target_value"])) if row["measure"] == "error_ratio" else 1.0


def _document(row: Mapping[str, str], goal: float) -> Document:
    measure, value = row["measure"], float(row["target_value"])
    source = {"metricSource": {"type": "Ullage", "spec": {"measure": measure}}}
    objective: Document = {"target": goal}
    method = "Occurrences"
    if measure in _RATIOS:
        part = "good" if measure == "availability_ratio" else "bad"
        metric: Document = {"ratioMetric": {"counter": False, part: source, "total": dict(source)}}
        if row.get("objective_ratio"):
            method = "Timeslices"
            good = value if measure == "availability_ratio" else _rounded(1 - value)
            objective |= {"timeSliceTarget": good, "timeSliceWindow": "1d"}
    else:
        metric = {"thresholdMetric": source}
        objective = {"op": "lte" if row["comparator"] == "<=" else "gte", "value": value} | objective
    valid_from = row.get("valid_from") or ""
    name = _name(f"{row['target_id']}-{valid_from}")
    annotations = {PREFIX + field.replace("_", "-"): row[field] for field in _ANNOTATED if row.get(field)}
    start = f"{valid_from[:4] or '2020'}-01-01 00:00:00"
    return {
        "apiVersion": API_VERSION,
        "kind": "SLO",
        "metadata": {"name": name, "displayName": row["target_id"], "annotations": annotations},
        "spec": {
            "service": row.get("service_id") or ALL_SERVICES,
            "indicator": {"metadata": {"name": name}, "spec": metric},
            "timeWindow": [
                {"duration": "1M", "isRolling": False, "calendar": {"startTime": start, "timeZone": "UTC"}}
            ],
            "budgetingMethod": method,
            "objectives": [objective],
        },
    }


def _name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-")


def _rounded(value: float) -> float:
    """1 − 0.01 is 0.99, and back."""
    return float(f"{value:.12g}")


def import_targets(files: Sequence[tuple[str, str]], defaults: Mapping[str, str]) -> Imported:
    """Targets of the SLOs in `files` (name, YAML text). `defaults` fill fields that a document leaves open.

    An objective of a thresholdMetric becomes a target of its value; of a ratioMetric one of availability
    (good ÷ total) or errors (bad ÷ total). Times of thresholds are seconds.

    Raises OpenSloError when a document is no valid SLO or its measure cannot be told.
    """
    documents = [found for name, text in files for found in _documents(name, text)]
    indicators = {d.body["metadata"]["name"]: d.body for d in documents if d.body["kind"] == "SLI"}
    rows: list[Row] = []
    notes: list[str] = []
    for document in documents:
        if document.body["kind"] == "SLO":
            rows += document.rows(indicators, defaults, notes)
        elif document.body["kind"] != "SLI":
            notes.append(f"{document.place}: {document.body['kind']} says nothing of targets; left out")
    seen: set[tuple[str, str]] = set()
    for row in rows:
        key = (row["target_id"], row["valid_from"])
        if key in seen:
            raise OpenSloError(f"target {key[0]} from {key[1]} comes twice; fix: give each SLO its own name")
        seen.add(key)
    return Imported(tuple(rows), tuple(notes))


def _documents(name: str, text: str) -> list[_Document]:
    try:
        bodies = [body for body in yaml.safe_load_all(text) if body is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise OpenSloError(f"{name}{line}: this is no YAML; fix: correct its syntax") from None
    return [_Document(f"{name}, document {number}", body) for number, body in enumerate(bodies, start=1)]


class _Document:
    """One checked document and where it stands."""

    def __init__(self, place: str, body: Any) -> None:
        self.place = place
        if not isinstance(body, dict):
            raise OpenSloError(f"{place}: not an object; fix: begin it with apiVersion: {API_VERSION}")
        self.body: Document = body
        if body.get("apiVersion") != API_VERSION:
            self.fail("apiVersion", f"is {body.get('apiVersion')!r}", f"write {API_VERSION}")
        if body.get("kind") not in _KINDS:
            near = get_close_matches(str(body.get("kind")), _KINDS, n=1)
            self.fail("kind", f"is {body.get('kind')!r}", f"write {near[0] if near else ' or '.join(_KINDS)}")
        metadata = self._object("metadata")
        if not isinstance(metadata.get("name"), str) or not metadata["name"]:
            self.fail("metadata.name", "is missing", "name the object")
        self.place = f"{place} ({body['kind']} {metadata['name']})"

    def fail(self, field: str, what: str, fix: str) -> None:
        """Raise for a field."""
        raise OpenSloError(f"{self.place}: {field}: {what}; fix: {fix}")

    def _object(self, path: str) -> Document:
        found: Any = self.body
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            self.fail(path, "is missing", "add it")
        return dict(found)

    def rows(
        self, indicators: Mapping[str, Document], defaults: Mapping[str, str], notes: list[str]
    ) -> list[Row]:
        """Targets of this SLO, one for each objective."""
        spec = self._object("spec")
        objectives: Any = spec.get("objectives")
        if not isinstance(objectives, list) or not objectives:
            self.fail("spec.objectives", "is missing", "add at least one objective")
        metric_kind, metric, label = self._indicator(spec, indicators)
        annotations = self.body["metadata"].get("annotations") or {}
        given = {f: str(annotations.get(PREFIX + f.replace("_", "-"), "")) for f in _ANNOTATED}
        method: Any = spec.get("budgetingMethod")
        if method not in ("Occurrences", "Timeslices"):
            self.fail("spec.budgetingMethod", f"is {method!r}", "write Occurrences, or Timeslices of 1d")
        windows = spec.get("timeWindow") or [{}]
        if windows[0].get("isRolling"):
            notes.append(f"{self.place}: a rolling window is reported by calendar week, month and quarter")
        service = spec.get("service") or ""
        common = {"service_id": "" if service == ALL_SERVICES else str(service)}
        common |= {f: given[f] or defaults.get(f, "") for f in _ANNOTATED}
        common["measure"] = given["measure"] or self._measure(metric_kind, metric, label)
        found = []
        for number, objective in enumerate(objectives, start=1):
            row = common | self._judged(number, objective, metric_kind, common["measure"], method)
            suffix = f"-{number}" if len(objectives) > 1 else ""
            row["target_id"] = (given["target_id"] or str(self.body["metadata"]["name"])) + suffix
            for field in ("valid_from", "approved_by", "approved_at"):
                if not row[field]:
                    option = f"--{field.replace('_', '-')}"
                    self.fail(
                        f"metadata.annotations.{PREFIX}{field.replace('_', '-')}",
                        "is missing",
                        f"add it, or give {option}",
                    )
            found.append({name: row.get(name, "") for name in contract("targets").fields})
        return found

    def _indicator(
        self, spec: Mapping[str, Any], indicators: Mapping[str, Document]
    ) -> tuple[str, Document, str]:
        reference = spec.get("indicatorRef")
        indicator = indicators.get(reference) if isinstance(reference, str) else spec.get("indicator")
        if not isinstance(indicator, dict):
            if reference:
                self.fail(
                    "spec.indicatorRef", f"no SLI {reference!r} in these files", "give its file as well"
                )
            self.fail("spec.indicator", "is missing", "add it, or an indicatorRef")
        assert isinstance(indicator, dict)
        inner = indicator.get("spec") or {}
        label = f"{self.body['metadata']['name']} {(indicator.get('metadata') or {}).get('name', '')}"
        for kind in ("ratioMetric", "thresholdMetric"):
            if isinstance(inner.get(kind), dict):
                return kind, inner[kind], label
        self.fail("spec.indicator.spec", "has neither ratioMetric nor thresholdMetric", "add one")
        raise AssertionError

    def _measure(self, kind: str, metric: Document, label: str) -> str:
        if kind == "ratioMetric":
            is_failure = "bad" in metric or metric.get("rawType") == "failure"
            return "error_ratio" if is_failure else "availability_ratio"
        if not _LATENCY.search(label):
            field = f"metadata.annotations.{PREFIX}measure"
            measures = ", ".join(str(value) for value in contract("targets").fields["measure"].values or ())
            self.fail(field, "is missing, and the names do not say latency", f"add it: one of {measures}")
        return "latency_seconds"

    def _judged(self, number: int, objective: Any, kind: str, measure: str, method: str) -> Row:
        """Comparator, value and objective of one entry of spec.objectives."""
        field = f"spec.objectives[{number}]"
        if not isinstance(objective, dict):
            self.fail(field, "is no object", "give target, and op and value for a thresholdMetric")
        target = self._number(objective, "target", field)
        if target is None:
            percent = self._number(objective, "targetPercent", field)
            target = None if percent is None else _rounded(percent / 100)
        if target is None or not 0 <= target < 1:
            self.fail(f"{field}.target", "is missing or not in [0, 1)", "write 0.99 for 99 %")
            raise AssertionError
        if kind == "thresholdMetric":
            value = self._number(objective, "value", field)
            if value is None or objective.get("op") not in _OPERATORS:
                self.fail(field, "a thresholdMetric needs op (lte, gte) and value", "add them")
            return {
                "comparator": _OPERATORS[objective["op"]],
                "target_value": _text(value or 0.0),
                "objective_ratio": _text(target),
            }
        good, ratio = target, ""
        if method == "Timeslices":
            slice_target = self._number(objective, "timeSliceTarget", field)
            if slice_target is None or objective.get("timeSliceWindow") not in ("1d", 1440):
                self.fail(
                    field,
                    "Timeslices need timeSliceTarget and a timeSliceWindow of 1d",
                    "days are what is judged",
                )
                raise AssertionError
            good, ratio = slice_target, _text(target)
        is_error = measure == "error_ratio"
        return {
            "comparator": "<=" if is_error else ">=",
            "target_value": _text(_rounded(1 - good) if is_error else good),
            "objective_ratio": ratio,
        }

    def _number(self, objective: Document, name: str, field: str) -> float | None:
        value = objective.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            self.fail(f"{field}.{name}", f"is {value!r}, no number", "write a number")
        return None if value is None else float(value)


def _text(value: float) -> str:
    return f"{value:.12g}"
