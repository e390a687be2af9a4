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
import yaml

from assets.connectors.base import Connector, Window
from tests.conftest import ROOT
from tests.connectors import test_cloudwatch, test_object_stores, test_sql
from tests.connectors.aws import REGION, AwsLayer
from tests.connectors.landing import land_all, landed_bytes, landed_rows
from tests.connectors.test_files import DECLARED

DAYS = 3
WINDOW = Window(test_sql.DAY, test_sql.DAY + timedelta(days=DAYS - 1))


def objects(home: Path) -> Connector:
    return test_object_stores.connector(home)


def cloudwatch(home: Path) -> Connector:
    return test_cloudwatch.connector(datetime(2026, 4, 2, tzinfo=UTC))


CONNECTORS: dict[str, Callable[[Path], Connector]] = {
    "files": objects,
    "cloudwatch": cloudwatch,
}


def fill(name: str) -> None:
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


def land_and_die(name: str, home: Path, last_file: int) -> None:
    """Land, and die by SIGKILL when the file of this number should get its name."""
    link, seen = os.link, [0]

    def counted(*given: Any, **named: Any) -> None:
        seen[0] += 1
        if seen[0] == last_file:
            os.kill(os.getpid(), signal.SIGKILL)
        link(*given, **named)

    os.link = counted
    land_all(CONNECTORS[name](home), home, WINDOW)


def children(arguments: list[str]) -> None:
    """A process of its own for each `name:home:last file`; they share only what is slow to import."""
    import great_expectations  # noqa: F401

    for argument in arguments:
        name, home, last_file = argument.split(":")
        process = os.fork()
        if process == 0:
            land_and_die(name, Path(home), int(last_file))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL, argument


CHILD = "import sys; from tests.connectors.test_killed import children; children(sys.argv[1:])"
#: The file before which each run dies: a receipt has an even number, a data file an odd one.
DEATHS = {"files": 4, "cloudwatch": 3}
SOURCES = {"files": "hr", "cloudwatch": "aws"}


@pytest.mark.slow
def test_a_killed_run_is_made_good_by_the_next(aws: AwsLayer, tmp_path: Path) -> None:
    """SIGKILL to a real process before a data file or a receipt has its name."""
    for name in DEATHS:
        fill(name)
    homes = {name: tmp_path / name for name in DEATHS}
    given = [f"{name}:{homes[name]}:{last_file}" for name, last_file in DEATHS.items()]
    subprocess.run([sys.executable, "-c", CHILD, *given], cwd=ROOT, check=True, timeout=120)
    for name, last_file in DEATHS.items():
        home, undisturbed = homes[name], tmp_path / f"{name}-undisturbed"
        assert len(landed_bytes(home)) == last_file - 1
        (whole,) = land_all(CONNECTORS[name](undisturbed), undisturbed, WINDOW)
        (rest,) = land_all(CONNECTORS[name](home), home, WINDOW)
        assert (whole.batches_written, rest.batches_written) == (DAYS, DAYS - (last_file - 1) // 2)
        assert landed_bytes(home) == landed_bytes(undisturbed)
        assert len(landed_rows(home, SOURCES[name], whole.table)) == whole.rows_landed
