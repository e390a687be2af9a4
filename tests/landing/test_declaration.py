"""Sidecars: every mistake is named with its file, the path of the field and the fix."""

from __future__ import annotations

import pytest

from assets.landing.declaration import DeclarationError, Sidecar, parse_sidecar

GOOD = """
table: metric_samples
format: csv
zone: Europe/Berlin
unit: 1
kind: gauge
interval_seconds: 60
key: [ci_id, metric, observed_at]
control_totals: {rows: 3, sums: {value: 1.5}}
"""


def parse(text: str) -> Sidecar:
    return parse_sidecar(text, "a.csv.sidecar.yaml", "metric_samples")


def test_scalars_are_read_as_the_model_wants_them() -> None:
    """YAML would make the unit 1 a number and the word no a boolean."""
    sidecar = parse(GOOD + "replace: {kind: {no: gauge}}\nconstants: {ci_id: 007}\n")
    assert sidecar.unit == "1"
    assert sidecar.replace == {"kind": {"no": "gauge"}}
    assert sidecar.constants == {"ci_id": "007"}
    assert sidecar.control_totals.rows == 3
    assert sidecar.defaults == {"kind": "gauge", "unit": "1", "interval_seconds": "60"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("zone: Europe/Berlin\n", "", "zone: missing; fix: add `zone`"),
        ("Europe/Berlin", "CEST", "zone: 'CEST' is not an IANA time zone; fix: use a name such as"),
        ("unit: 1", "unit: percent", "unit: 'percent' is not a UCUM unit; fix: write %"),
        ("unit: 1", "unti: 1", "unti: not a key of a sidecar; fix: did you mean unit?"),
        (
            "format: csv",
            "format: xlsx",
            "format: Input should be 'csv', 'jsonl' or 'parquet' (found 'xlsx'); fix: ",
        ),
        ("rows: 3", "rows: many", "control_totals.rows: "),
        ("rows: 3", "rows: -1", "control_totals.rows: "),
        (
            "[ci_id, metric, observed_at]",
            "[ci_id]",
            "key: ['ci_id'] is not the key of metric_samples; fix: use [ci",
        ),
        ("kind: gauge", "kind: meter", "kind: "),
        ("interval_seconds: 60", "interval_seconds: 0", "interval_seconds: "),
        (
            "zone:",
            "timestamp_format: ISO\nzone:",
            "timestamp_format: 'ISO' is not a timestamp format; fix: use",
        ),
        ("zone:", "encoding: utf-9\nzone:", "encoding: 'utf-9' is not a text encoding; fix: use utf-8"),
        (
            "zone:",
            "columns: {valu: x}\nzone:",
            "columns: 'valu' is not a field of metric_samples; fix: did you mean value",
        ),
        ("zone:", "columns: {ci_id: x}\nconstants: {ci_id: y}\nzone:", "constants: ci_id is also in columns"),
        (
            "metric_samples",
            "metric_sample",
            "table: 'metric_sample' is not a table that Ullage knows; fix: did you mean",
        ),
        ("zone:", "values: [{column: c}]\nzone:", "values.0.metric: missing; fix: add `metric`"),
        (
            "zone:",
            "columns: {value: v}\nvalues: [{column: c, metric: m, unit: s}]\nzone:",
            "value comes from values",
        ),
        (
            "zone:",
            "values: [{column: c, metric: m, unit: s, upper_bound: 1}]\nzone:",
            "fix: remove upper_bound",
        ),
        ("zone:", "sequence: {field: n, by: [], order: [observed_at]}\nzone:", "sequence.by: "),
    ],
)
def test_a_mistake_names_file_field_and_fix(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(DeclarationError) as caught:
        parse(GOOD.replace(old, new, 1))
    lines = str(caught.value).splitlines()
    assert any(line.startswith("a.csv.sidecar.yaml: ") and message in line for line in lines), lines
    assert all("; fix: " in line for line in lines)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(DeclarationError) as caught:
        parse("table: metric_samples\n")
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty or not a mapping"),
        ("- a\n- b\n", "empty or not a mapping"),
        ("a: [", "not valid YAML"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("a: !!python/object/apply:os.system [id]\n", "; fix: "),
        ("a" * 2_000_000, "longer than 1 MiB"),
    ],
)
def test_hostile_or_broken_yaml_is_refused(text: str, message: str) -> None:
    """Whoever may drop a file must not run code or fill memory."""
    with pytest.raises(DeclarationError, match=message):
        parse(text)


def test_a_sidecar_for_another_table_is_refused() -> None:
    with pytest.raises(
        DeclarationError, match="declares metric_samples where the configuration expects teams"
    ):
        parse_sidecar(GOOD, "a.csv.sidecar.yaml", "teams")


def test_what_is_read_differently_has_another_digest() -> None:
    assert parse(GOOD).digest == parse(GOOD + "\n# a comment\n").digest
    assert parse(GOOD).digest != parse(GOOD.replace("Europe/Berlin", "UTC")).digest
