"""Runs that are killed while they land: the next one lands what an undisturbed run does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import sqlalchemy as sa
import yaml

from assets.connectors.base import Connector, Window
from tests.conftest import ROOT
from tests.connectors import test_cloudwatch, test_object_stores, test_sql
from tests.connectors.aws import REGION, AwsLayer
from tests.connectors.landing import land_all, landed_rows
from tests.connectors.test_files import DECLARED

DAYS = 3
WINDOW = Window(test_sql.DAY, test_sql.DAY + timedelta(days=DAYS - 1))


def objects(home: Path) -> Connector:
    return test_object_stores.connector(home)


def database(home: Path) -> Connector:
    plain = {"change_kind": "normal", "state": "closed"}
    return test_sql.SqlConnector(
        test_sql.source(2, changes={**test_sql.CHANGES, "table": "c", "constants": plain})
    )


def cloudwatch(home: Path) -> Connector:
    return test_cloudwatch.connector(datetime(2026, 4, 2, tzinfo=UTC))


CONNECTORS: dict[str, Callable[[Path], Connector]] = {
    "files": objects,
    "sql": database,
    "cloudwatch": cloudwatch,
}


def fill(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three batches for each connector."""
    if name == "files":
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="drop", CreateBucketConfiguration={"LocationConstraint": REGION})
        for n in range(DAYS):
            body = f"team_id,team_name\nt{n},Team {n}\n".encode()
            s3.put_object(Bucket="drop", Key=f"hr/{n}.csv", Body=body)
            s3.put_object(
                Bucket="drop", Key=f"hr/{n}.csv.sidecar.yaml", Body=yaml.safe_dump(DECLARED).encode()
            )
    elif name == "sql":
        monkeypatch.setenv("DESK_URL", f"sqlite:///{folder / 'desk.db'}")
        engine = sa.create_engine(os.environ["DESK_URL"])
        with engine.begin() as connection:
            test_sql.run(connection, "create table c (change_id text, updated_at timestamp)")
            for n in range(4 * DAYS):
                day = test_sql.DAY + timedelta(days=n % DAYS)
                test_sql.run(connection, f"insert into c values ('c{n}', '{day} 12:00:00')")
        engine.dispose()
    else:
        moments = [datetime(2026, 3, 28, tzinfo=UTC) + timedelta(hours=n) for n in range(24 * DAYS)]
        boto3.client("cloudwatch").put_metric_data(
            Namespace="AWS/EC2",
            MetricData=[
                {"MetricName": "CPUUtilization", "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                 "Timestamp": moment, "Value": float(n)}
                for n, moment in enumerate(moments)
            ],
        )  # fmt: skip


def child(name: str, home: Path, last_file: int) -> None:
    """Land, and die by SIGKILL when the file of this number should get its name."""
    link, seen = os.link, [0]

    def counted(*given: Any, **named: Any) -> None:
        seen[0] += 1
        if seen[0] == last_file:
            os.kill(os.getpid(), signal.SIGKILL)
        link(*given, **named)

    os.link = counted
    land_all(CONNECTORS[name](home), home, WINDOW)


def landed_bytes(home: Path) -> dict[str, bytes]:
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in sorted((home / "landing").rglob("*"))
        if path.is_file() and not path.name.startswith(".writing-")
    }


CHILD = """
import sys
from pathlib import Path
from tests.connectors.test_killed import child
child(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "last_file"), [("files", 4), ("sql", 2), ("cloudwatch", 3)])
def test_a_killed_run_is_made_good_by_the_next(
    aws: AwsLayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, last_file: int
) -> None:
    """SIGKILL to a real process before a data file (even numbers of files) or a receipt has its name."""
    fill(name, tmp_path, monkeypatch)
    undisturbed, home = tmp_path / "undisturbed", tmp_path / "killed"
    (whole,) = land_all(CONNECTORS[name](undisturbed), undisturbed, WINDOW)
    assert whole.batches_written == DAYS
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, name, str(home), str(last_file)], cwd=ROOT, check=False, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(landed_bytes(home)) == last_file - 1
    (rest,) = land_all(CONNECTORS[name](home), home, WINDOW)
    assert rest.batches_written == DAYS - (last_file - 1) // 2
    assert landed_bytes(home) == landed_bytes(undisturbed)
    source = {"files": "hr", "sql": "desk", "cloudwatch": "aws"}[name]
    assert len(landed_rows(home, source, whole.table)) == whole.rows_landed
