"""A run of CloudWatch that is killed while it lands: the next one lands what an undisturbed run does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from assets.connectors.base import Window
from tests.connectors import test_cloudwatch
from tests.connectors.aws import AwsLayer
from tests.connectors.killing import Killer, at_drawn_moments
from tests.connectors.landing import land_all, landed_bytes

DAYS = 3
FIRST = datetime(2026, 3, 28, tzinfo=UTC)
WINDOW = Window(FIRST.date(), FIRST.date() + timedelta(days=DAYS - 1))


def landing(home: Path) -> Callable[[], Any]:
    """What a child process does."""
    connector = test_cloudwatch.connector(datetime(2026, 4, 2, tzinfo=UTC))
    return lambda: land_all(connector, home, WINDOW)


@pytest.mark.slow
def test_a_killed_run_is_made_good_by_the_next(aws: AwsLayer, killer: Killer, tmp_path: Path) -> None:
    """SIGKILL to a real process at drawn moments: a day that has its receipt is not written again."""
    boto3.client("cloudwatch").put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                "Timestamp": FIRST + timedelta(hours=n),
                "Value": float(n),
            }
            for n in range(24 * DAYS)
        ],
    )

    def check(whole: Path, dead: Path) -> None:
        done = len([name for name in landed_bytes(dead) if "/receipts/" in name])
        (rest,) = land_all(test_cloudwatch.connector(datetime(2026, 4, 2, tzinfo=UTC)), dead, WINDOW)
        assert rest.batches_written == DAYS - done
        assert landed_bytes(dead) == landed_bytes(whole)

    at_drawn_moments(killer, f"{__name__}:landing", tmp_path, check)
