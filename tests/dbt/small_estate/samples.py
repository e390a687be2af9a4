"""Samples and histograms of four days: gauges, counters with a reset, checks, percentiles, a gap."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from tests.dbt.small_estate.moments import DAYS, HOSTS, LATENCY_BOUNDS, at


def _wave(seed: int, day: date, hour: int) -> float:
    """Between 0 and 1, different for each seed, with a busy hour at noon."""
    return (((hour - 12) ** 2 * 7 + day.day * 13 + seed * 29) % 97) / 131 + 0.1 * (hour == 12)


def samples(day: date) -> Iterator[dict[str, Any]]:
    def sample(
        ci: str, metric: str, moment: datetime, value: float, unit: str, **more: Any
    ) -> dict[str, Any]:
        row = {"ci_id": ci, "metric": metric, "observed_at": moment, "value": value, "unit": unit}
        return {**row, "kind": "gauge", "interval_seconds": 3600.0, **more}

    for seed, host in enumerate(HOSTS):
        for hour in range(24):
            if (host, day, hour) == ("web-2", DAYS[1], 3):
                continue  # a gap
            value = _wave(seed, day, hour)
            yield sample(host, "system.cpu.utilization", at(day, hour), value, "1")
            late = hour % 3 if host == "db-1" else 0  # minutes: an agent that reports when it likes
            yield sample(host, "system.memory.usage", at(day, hour, 30 + late), 900 + 101.7 * value, "KiBy")
    total = 1000 * (day.day - 26)
    for hour in range(24):
        reset = day == DAYS[2] and hour >= 7
        bytes_sent = (hour * 360.7 if reset else (total * 24 + hour * 977.3)) + 11
        yield sample("lb-1", "system.network.io", at(day, hour, 15), bytes_sent, "By", kind="counter")
        errors = float((day.day - 27) * 240 + hour * 10 + hour % 3)
        yield sample("shop", "errors", at(day, hour), errors, "{error}", kind="counter")
    for minute in (5, 17, 62, 184, 190, 421, 700, 1003, 1311, 1399):
        moment = at(day, minute // 60, minute % 60)
        is_up = 0.0 if (minute + day.day) % 5 == 0 else 1.0
        yield sample("mail-endpoint", "httpcheck.status", moment, is_up, "1", interval_seconds=300.0)
        duration = 120 + minute / 7
        yield sample("mail-endpoint", "httpcheck.duration", moment, duration, "ms", interval_seconds=300.0)
    for hour in (1, 9, 17):
        yield sample("wiki", "latency.p95", at(day, hour), 0.3 + hour / 70, "s")
        yield sample("wiki", "throughput", at(day, hour), 10 / 3 + hour, "1/s")
        yield sample("wiki", "error.ratio", at(day, hour), hour / 2000, "1")
    yield sample(
        "wiki-licences", "licence.seats", at(day, 6), 40.0 + day.day, "{seat}", interval_seconds=86400.0
    )
    yield sample("web-1", "unplanned", at(day, 1), 1.0, "1")


def histograms(day: date) -> Iterator[dict[str, Any]]:
    for hour in range(24):
        for number, bound in enumerate(LATENCY_BOUNDS, start=1):
            count = 100 * number + 7 * hour * number**2 + day.day
            yield {
                "ci_id": "shop",
                "metric": "http.server.request.duration",
                "observed_at": at(day, hour),
                "upper_bound": bound,
                "count": float(count),
                "unit": "s",
                "interval_seconds": 3600.0,
            }
