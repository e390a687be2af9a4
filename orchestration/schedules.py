"""Schedules of one estate. A schedule exists only when the configuration gives it a cron expression."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.jobs import PIPELINE, REPORT
from orchestration.settings import Schedules


def estate_schedules(settings: Schedules) -> list[dg.ScheduleDefinition]:
    """The daily run over the day that has just ended (UTC), and the weekly and monthly report."""
    wanted = [
        ("daily_run", settings.daily_run, PIPELINE),
        ("weekly_report", settings.weekly_report, REPORT),
        ("monthly_report", settings.monthly_report, REPORT),
    ]
    return [_schedule(name, cron, settings.zone, job) for name, cron, job in wanted if cron]


def _schedule(name: str, cron: str, zone: str, job: str) -> dg.ScheduleDefinition:
    @dg.schedule(name=name, cron_schedule=cron, execution_timezone=zone, job_name=job)
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = last_complete_day(context.scheduled_execution_time)
        # The report renders whatever version is served; only the pipeline runs a day.
        return dg.RunRequest(run_key=f"{name}-{day}", partition_key=day if job == PIPELINE else None)

    return schedule


def last_complete_day(moment: datetime) -> str:
    """The UTC day that was over at `moment`, as a partition key."""
    return (moment.astimezone(UTC) - timedelta(days=1)).date().isoformat()
