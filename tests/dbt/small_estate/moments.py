"""Days, hosts and moments that all topics of the small estate share."""

from datetime import date, datetime

DAYS = tuple(date(2026, 6, day) for day in (27, 28, 29, 30))
AS_OF = DAYS[-1]
ALWAYS = date(2020, 1, 1)
HOSTS = ("web-1", "web-2", "web-3", "db-1")
LATENCY_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, float("inf"))
APPROVED = {
    "valid_from": ALWAYS,
    "approved_by": "Ann",
    "approved_at": datetime(2020, 1, 1, 9),  # noqa: DTZ001
}


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Naive UTC moment, as everything landed is."""
    return datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001
