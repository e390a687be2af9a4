"""`ullage doctor` on files in a store, a database and CloudWatch: one bounded question each, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
import sqlalchemy as sa
import yaml

from orchestration.doctor import Finding, examine
from tests.connectors.aws import REGION, SECRET, AwsLayer
from tests.connectors.test_files import DECLARED

#: What CloudWatch keeps depends on the day of the question.
NOW = datetime.now(UTC)
SOURCES = [
    {"name": "drop", "type": "files", "tables": {"teams": "s3://drop/hr/*.csv"}},
    {"name": "desk", "type": "sql", "url_env": "DESK_URL", "tables": {"teams": {"table": "t", "zone": "UTC"}}},
    {
        "name": "aws",
        "type": "cloudwatch",
        "queries": [
            {"metric": "cpu", "namespace": "AWS/EC2", "metric_name": "CPUUtilization", "stat": "Average",
             "unit": "%", "ci_dimension": "InstanceId"}
        ],
    },
]  # fmt: skip


def findings(folder: Path) -> dict[str, Finding]:
    config = folder / "ullage.yaml"
    estate = {"estate": "Test", "home": "home", "start_date": "2026-06-01", "sources": SOURCES}
    config.write_text(yaml.safe_dump(estate))
    found = {item.subject: item for item in examine(config, folder / "manifest.json", NOW)}
    assert SECRET not in repr(found)
    return found


def test_sources_that_can_be_read(aws: AwsLayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="drop", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="drop", Key="hr/a.csv", Body=b"team_id,team_name\nt1,Ops\n")
    s3.put_object(Bucket="drop", Key="hr/a.csv.sidecar.yaml", Body=yaml.safe_dump(DECLARED).encode())
    boto3.client("cloudwatch").put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                "Value": 1,
            }
        ],
    )
    monkeypatch.setenv("DESK_URL", f"sqlite:///{tmp_path / 'desk.db'}")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'desk.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (team_id text, team_name text)")
    engine.dispose()
    found = findings(tmp_path)
    assert {name: found[f"source {name}"].state for name in ("drop", "desk", "aws")} == {
        "drop": "ok", "desk": "ok", "aws": "ok",
    }  # fmt: skip


def test_sources_that_cannot_be_read_are_explained(
    aws: AwsLayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, no variable, and a metric that CloudWatch does not list."""
    monkeypatch.delenv("DESK_URL", raising=False)
    found = findings(tmp_path)
    assert found["source drop"].state == found["source desk"].state == "fail"
    assert "no file is there" in found["source drop"].message
    assert "DESK_URL is not set" in found["source desk"].message
    assert found["source aws"].state == "warn"
    assert "CloudWatch lists no AWS/EC2 CPUUtilization" in found["source aws"].message
