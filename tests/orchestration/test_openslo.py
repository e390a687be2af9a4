"""`ullage openslo`: targets survive the way out and in, foreign documents are read, errors say where and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from assets.landing.contracts import contract
from assets.openslo import OpenSloError, Row, export_targets, import_targets
from orchestration.cli import app
from orchestration.openslo import as_csv, read_targets

APPROVED = {"valid_from": "2026-01-01", "approved_by": "Ann", "approved_at": "2025-12-12T10:00:00Z"}


def target(target_id: str, measure: str, comparator: str, value: str, **more: str) -> Row:
    row = dict.fromkeys(contract("targets").fields, "") | APPROVED | more
    return row | {"target_id": target_id, "measure": measure, "comparator": comparator, "target_value": value}


TARGETS = [
    target("up", "availability_ratio", ">=", "0.999", service_id="shop", calendar_id="office"),
    target("up", "availability_ratio", ">=", "0.9995", valid_from="2026-06-01", excludes_maintenance="true"),
    target("up-days", "availability_ratio", ">=", "0.99", objective_ratio="0.9", service_id="shop"),
    target("errors", "error_ratio", "<=", "0.01", valid_to="2026-12-31"),
    target("error-days", "error_ratio", "<=", "0.013", objective_ratio="0.95"),
    target("fast", "latency_seconds", "<=", "0.25", objective_ratio="0.95", service_id="shop"),
    target("Resolve P1", "incident_resolution_minutes", "<=", "240", objective_ratio="0.95", priority="1"),
    target("cpu", "utilisation_ratio", "<=", "0.8", objective_ratio="0.9", resource="cpu"),
    target("carry", "throughput_per_second", ">=", "40", objective_ratio="0.75", calendar_id="night"),
]
FOREIGN = """
apiVersion: openslo/v1
kind: SLI
metadata: {name: web-latency}
spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: histogram_quantile(...)}}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: web-fast}
spec:
  service: web
  indicatorRef: web-latency
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lt, value: 0.5, targetPercent: 99.5}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: web-requests}
spec:
  service: web
  indicator:
    metadata: {name: web-failures}
    spec: {ratioMetric: {counter: true, bad: {metricSource: {spec: {}}}, total: {metricSource: {spec: {}}}}}
  budgetingMethod: Occurrences
  objectives: [{displayName: strict, target: 0.999}, {displayName: lax, target: 0.98}]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: page}
spec: {}
"""


def slo(**changes: Any) -> str:
    """A small valid SLO; dotted keys are changed, None takes a key away."""
    spec: dict[str, Any] = {
        "service": "web",
        "indicator": {"spec": {"ratioMetric": {"good": {}, "total": {}}}},
        "budgetingMethod": "Occurrences",
        "objectives": [{"target": 0.99}],
    }
    document: dict[str, Any] = {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": "a"},
        "spec": spec,
    }
    for key, value in changes.items():
        place = spec if key in spec else document
        place[key] = value
    return yaml.safe_dump(document)


def test_targets_survive_the_way_out_and_in() -> None:
    """Every field, also those that OpenSLO has no place for."""
    exported = export_targets(TARGETS)
    assert exported.notes == ()
    assert list(import_targets([("x", exported.to_yaml())], {}).rows) == TARGETS


def test_what_is_written_has_the_shape_of_the_specification() -> None:
    """OpenSLO v1: required fields, names by RFC 1123, targets below 1, one window, slices where they are needed."""
    names = set()
    for document in export_targets(TARGETS).documents:
        assert (document["apiVersion"], document["kind"]) == ("openslo/v1", "SLO")
        name, spec = document["metadata"]["name"], document["spec"]
        names.add(name)
        assert len(name) <= 63
        assert name.strip("-") == name == name.lower()
        assert all(isinstance(value, str) for value in document["metadata"]["annotations"].values())
        assert isinstance(spec["service"], str)
        assert len(spec["timeWindow"]) == 1
        assert spec["timeWindow"][0]["isRolling"] is False
        (metric,) = spec["indicator"]["spec"]
        (objective,) = spec["objectives"]
        assert 0 <= objective["target"] < 1
        if metric == "thresholdMetric":
            assert objective["op"] in ("lte", "gte")
            assert isinstance(objective["value"], float)
        else:
            ratio = spec["indicator"]["spec"]["ratioMetric"]
            assert set(ratio) in ({"counter", "good", "total"}, {"counter", "bad", "total"})
        assert (spec["budgetingMethod"] == "Timeslices") == ("timeSliceTarget" in objective)
    assert len(names) == len(TARGETS)


def test_what_openslo_cannot_say_is_named() -> None:
    rows = [
        target("all", "utilisation_ratio", "<=", "0.8"),
        target("apdex", "apdex_threshold_seconds", "<=", "0.1", objective_ratio="0.5"),
    ]
    exported = export_targets(rows)
    assert exported.documents == ()
    assert [note.split(";")[0] for note in exported.notes] == [
        "all (2026-01-01): OpenSLO wants an objective below 1",
        "apdex (2026-01-01): the T of Apdex is no objective",
    ]


def test_foreign_documents_are_read() -> None:
    """An SLI by reference, a percentage, two objectives, failures ÷ total; what is no target is named."""
    found = import_targets([("web.yaml", FOREIGN)], APPROVED)
    shown = [
        (
            r["target_id"],
            r["service_id"],
            r["measure"],
            r["comparator"],
            r["target_value"],
            r["objective_ratio"],
        )
        for r in found.rows
    ]
    assert shown == [
        ("web-fast", "web", "latency_seconds", "<=", "0.5", "0.995"),
        ("web-requests-1", "web", "error_ratio", "<=", "0.001", ""),
        ("web-requests-2", "web", "error_ratio", "<=", "0.02", ""),
    ]
    assert {r["approved_by"] for r in found.rows} == {"Ann"}
    assert [note.split(": ", 1)[1][:20] for note in found.notes] == [
        "a rolling window is ",
        "AlertPolicy says not",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "f.yaml, line 1: this is no YAML; fix: correct its syntax"),
        ("- a", "f.yaml, document 1: not an object; fix: begin it with apiVersion: openslo/v1"),
        (
            slo(apiVersion="openslo/v2"),
            "f.yaml, document 1: apiVersion: is 'openslo/v2'; fix: write openslo/v1",
        ),
        (slo(kind="slo"), "f.yaml, document 1: kind: is 'slo'; fix: write"),
        (slo(metadata={}), "document 1: metadata.name: is missing; fix: name the object"),
        (slo(objectives=[]), "(SLO a): spec.objectives: is missing; fix: add at least one objective"),
        (
            slo(objectives=[{"target": 1}]),
            "spec.objectives[1].target: is missing or not in [0, 1); fix: write 0.99",
        ),
        (
            slo(objectives=[{"target": "x"}]),
            "spec.objectives[1].target: is 'x', no number; fix: write a number",
        ),
        (
            slo(budgetingMethod="RatioTimeslices"),
            "spec.budgetingMethod: is 'RatioTimeslices'; fix: write Occurr",
        ),
        (slo(budgetingMethod="Timeslices"), "Timeslices need timeSliceTarget and a timeSliceWindow of 1d"),
        (slo(indicator={}), "spec.indicator.spec: has neither ratioMetric nor thresholdMetric; fix: add one"),
        (
            slo(
                indicator={"spec": {"thresholdMetric": {}}},
                objectives=[{"op": "lte", "value": 3, "target": 0.9}],
            ),
            "metadata.annotations.ullage-measure: is missing, and the names do not say latency; fix: add it: one of",
        ),
        (slo(), "metadata.annotations.ullage-approved-by: is missing; fix: add it, or give --approved-by"),
    ],
)
def test_errors_name_file_document_field_and_fix(text: str, message: str) -> None:
    with pytest.raises(OpenSloError) as error:
        import_targets([("f.yaml", text)], {"valid_from": "2026-01-01"})
    assert message in str(error.value)


def test_one_name_twice_is_refused() -> None:
    with pytest.raises(OpenSloError, match="target a from 2026-01-01 comes twice"):
        import_targets([("f", slo()), ("g", slo())], APPROVED)


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["openslo", *map(str, words)])


def test_a_control_record_keeps_its_other_targets(tmp_path: Path) -> None:
    """Import into an existing file replaces the same targets and adds new ones; export writes what import reads."""
    record, documents = tmp_path / "targets.csv", tmp_path / "slo.yaml"
    record.write_text(as_csv(TARGETS), "utf-8")
    assert call("export", record, "--out", documents).exit_code == 0
    changed = documents.read_text("utf-8").replace("value: 0.25", "value: 0.3")
    documents.write_text(changed, "utf-8")
    foreign = tmp_path / "web.yaml"
    foreign.write_text(FOREIGN, "utf-8")
    options = ["--valid-from", "2026-02-01", "--approved-by", "Bob", "--approved-at", "2026-01-20T08:00:00Z"]
    result = call("import", documents, foreign, "--out", record, *options)
    assert result.exit_code == 0, result.output
    rows = {(row["target_id"], row["valid_from"]): row for row in read_targets(record)}
    assert len(rows) == len(TARGETS) + 3
    assert rows["fast", "2026-01-01"]["target_value"] == "0.3"
    assert rows["web-fast", "2026-02-01"]["approved_by"] == "Bob"
    assert "a rolling window is reported" in result.stderr


def test_wrong_input_exits_with_2(tmp_path: Path) -> None:
    result = call("import", tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml: cannot be read" in result.stderr
    (tmp_path / "t.csv").write_text("a,b\n1,2\n", "utf-8")
    result = call("export", tmp_path / "t.csv")
    assert result.exit_code == 2
    assert "no column target_id" in result.stderr
    assert call("import", tmp_path / "x.yaml", "--valid-from", "soon").exit_code == 2
