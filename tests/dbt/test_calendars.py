"""Agreed time against a minute counter that knows nothing of intervals: random calendars, zones, clock changes, holidays."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt.dbt_project_runner import compiled_models
