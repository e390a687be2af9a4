"""What every model must have, read from the parsed project: description, key, contract, owner, place in the outputs."""

from collections.abc import Iterator
from typing import Any

import pytest

from assets.warehouse.computed import computed_tables
from tests.dbt.dbt_project_runner import DbtProjectRunner
from tests.dbt.landing_fixture import table_fields


@pytest.fixture(scope="module")
def nodes(dbt_project: DbtProjectRunner) -> dict[str, Any]:
    return dbt_project.manifest().to_dict()


def models(nodes: dict[str, Any], layer: str | None = None) -> Iterator[dict[str, Any]]:
    for node in nodes["nodes"].values():
        if node["resource_type"] == "model" and layer in (None, node["fqn"][1]):
            yield node


def data_tests_of(nodes: dict[str, Any], model: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in nodes["nodes"].values() if node.get("attached_node") == model["unique_id"]]


def provenance_tables() -> set[str]:
    return {name for name, fields in table_fields().items() if "source_row" in fields}


def test_every_model_and_column_is_described(nodes: dict[str, Any]) -> None:
    """The data dictionary is made from these descriptions."""
    silent = [model["name"] for model in models(nodes) if not model["description"].strip()]
    silent += [
        f"{model['name']}.{name}"
        for model in models(nodes)
        for name, column in model["columns"].items()
        if not column["description"].strip()
    ]
    assert silent == []


def test_every_mart_is_contracted_keyed_owned_and_published(nodes: dict[str, Any]) -> None:
    """Consumers rely on columns, grain, owner and the order in which rows are published."""
    wanting = []
    for model in models(nodes, "marts"):
        meta = model["config"]["meta"]
        published = meta.get("published", {})
        as_of = published.get("as_of_column")
        keys = [
            test
            for test in data_tests_of(nodes, model)
            if test["test_metadata"]["name"] == "unique_combination"
        ]
        is_sound = (
            model["config"]["contract"]["enforced"]
            and all(column["data_type"] for column in model["columns"].values())
            and set(published.get("order_by", [])) <= set(model["columns"])
            and published.get("order_by")
            and (as_of is None or model["columns"][as_of]["data_type"] == "date")
            and meta.get("owner")
            and len(keys) == 1
            and keys[0]["config"]["severity"].lower() == "error"
            and set(keys[0]["test_metadata"]["kwargs"]["columns"]) == set(published["order_by"])
        )
        if not is_sound:
            wanting.append(model["name"])
    assert wanting == []


def test_every_mart_is_in_an_exposure(nodes: dict[str, Any]) -> None:
    """A mart that nobody reads is not needed."""
    exposed = {name for exposure in nodes["exposures"].values() for name in exposure["depends_on"]["nodes"]}
    assert {model["unique_id"] for model in models(nodes, "marts")} <= exposed


def unit_tested(nodes: dict[str, Any]) -> set[str]:
    return {test["depends_on"]["nodes"][0].rsplit(".", 1)[-1] for test in nodes["unit_tests"].values()}


def test_every_mart_has_a_unit_test(nodes: dict[str, Any]) -> None:
    """Also one that only picks the rows of the as-of day: such a pick is what goes wrong without a word."""
    without_logic = {
        "dim_team",  # names columns of one relation, row by row
    }
    assert {model["name"] for model in models(nodes, "marts")} - unit_tested(nodes) == without_logic


@pytest.mark.parametrize("folder", ["itsm", "kpis"])
def test_every_step_to_itsm_and_kpi_marts_has_a_unit_test(nodes: dict[str, Any], folder: str) -> None:
    """A mart's own test takes the rows of these models as given."""
    steps = {model["name"] for model in models(nodes, "intermediate") if model["fqn"][2] == folder}
    assert steps
    assert steps - unit_tested(nodes) == set()


def downstream(nodes: dict[str, Any], sources: set[str]) -> set[str]:
    """The sources and every model that reads them, however far down."""
    found, changed = set(sources), True
    while changed:
        more = {m["unique_id"] for m in models(nodes) if found & set(m["depends_on"]["nodes"])} - found
        changed = bool(more)
        found |= more
    return found


def test_only_what_reads_forecasts_waits_for_them(nodes: dict[str, Any]) -> None:
    """The tags split the build in three: everything downstream of what Python computes has after_forecast, what else
    reads the forecasts of earlier days track_record, nothing else either of them. No test mixes stages.
    """
    after = downstream(nodes, {f"source.ullage.landing.{name}" for name in computed_tables()})
    past = {f"source.ullage.landing.{name}" for name in ("past_forecasts", "past_saturation")}
    scored = downstream(nodes, past) - after
    for tag, stage in (("after_forecast", after), ("track_record", scored)):
        tagged = {model["unique_id"] for model in models(nodes) if tag in model["tags"]}
        assert tagged == {name for name in stage if name.startswith("model.")}
    mixed = [
        node["name"]
        for node in nodes["nodes"].values()
        if node["resource_type"] == "test"
        and len({(parent in after, parent in scored) for parent in node["depends_on"]["nodes"]}) > 1
    ]
    assert mixed == []


def test_staging_holds_the_fields_of_its_contract(nodes: dict[str, Any]) -> None:
    """A field added to a contract must not end at staging. Units and values of metrics are renamed on the way."""
    renamed = {"unit": "source_unit", "upper_bound": "source_upper_bound", "count": "cumulative_count"}
    provenance = {"source_file", "source_row", "extra", "extracted_at", "receipt_id"}
    lost = []
    for model in models(nodes, "staging"):
        sources = [name for name in model["depends_on"]["nodes"] if name.startswith("source.")]
        for source in sources:
            table = source.rsplit(".", 1)[-1]
            fields = set(table_fields()[table]) - (provenance if table in provenance_tables() else set())
            names = {
                renamed.get(field, field) if table.startswith(("metric_", "sample_")) else field
                for field in fields
            }
            lost += [f"{model['name']}.{name}" for name in names - set(model["columns"])]
    assert lost == []


def test_dbt_sends_no_statistics(nodes: dict[str, Any]) -> None:
    """Telemetry is off in the project itself, whatever the environment says."""
    assert nodes["metadata"]["send_anonymous_usage_stats"] is False


def test_models_that_read_parts_are_built_in_parts(nodes: dict[str, Any]) -> None:
    """`in_part` elsewhere would see the part that another model's statement left behind."""
    partial = {node["name"] for node in models(nodes) if "in_part(" in node["raw_code"]}
    built = {node["name"] for node in models(nodes) if node["config"].get("built_in_parts")}
    assert partial == built != set()
