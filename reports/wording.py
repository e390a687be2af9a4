"""Sentences of the report: what the figures say, in plain words. Pure; names arrive escaped through Markup."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from markupsafe import Markup, escape

from reports import formats as f
from reports.records.capacity import ServiceCapacity, WeekHour
from reports.records.forecast import Saturation
from reports.records.operation import ServiceLevel
from reports.records.service import Estate, Service

_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def named(text: str | None) -> Markup:
    """A name from outside, isolated so that its writing direction ends with it."""
    return Markup("<bdi>{}</bdi>").format(f.clean(text))


def runs(resource: str | None, verb: str = "run") -> str:
    """`CPU runs`, `database connections run`; without a verb, `CPU is`, `database connections are`."""
    words = f.resource(resource)
    is_plural = words.endswith("s") and not words.endswith("ss")
    if not verb:
        return f"{words} {'are' if is_plural else 'is'}"
    return f"{words} {verb}{'' if is_plural else 's'}"


def capital(text: str) -> str:
    """First letter upper-case, the rest as it is."""
    return text[:1].upper() + text[1:]


def room(headroom_ratio: float) -> str:
    """`18 % room left` or `7 % beyond usable capacity`."""
    if headroom_ratio < 0:
        return f"{f.headroom(-headroom_ratio)} beyond usable capacity"
    return f"{f.headroom(headroom_ratio)} room left"


def interval(saturation: Saturation) -> str:
    """The 80 % interval of the date on which a series runs out, open beyond the horizon; empty if it is one day."""
    edge = horizon_end(saturation)
    if saturation.p10_date is None or saturation.p10_date == saturation.p90_date:
        return ""
    if saturation.p90_date is None and edge is not None:
        return f.days(saturation.p10_date, edge).replace(" to ", " to beyond ")
    return f.days(saturation.p10_date, saturation.p90_date or saturation.p10_date)


def horizon_end(saturation: Saturation) -> date | None:
    """Last day that the forecast looked at."""
    days = saturation.horizon_days
    return None if days is None else saturation.as_of_date + timedelta(days=days)


def headline(
    service: Service,
    capacity: ServiceCapacity | None,
    saturation: Saturation | None,
    first_resource: str | None,
    deciding: Saturation | None,
    as_of: date,
) -> Markup:
    """The answer in one or two sentences: room now, what runs out first and when, and by when to decide.

    `first_resource` is that of the pool that runs out first, which need not be the one with least room today;
    `deciding` that of the pool that must be decided on first.
    """
    name = named(service.service_name)
    if capacity is None or capacity.headroom_ratio is None:
        return Markup("It is not known how much room {} has left: {}").format(name, no_headroom(capacity))
    if capacity.headroom_ratio < 0:
        where = f" of {f.resource(capacity.bottleneck_resource)}" if capacity.bottleneck_resource else ""
        decide = decision(deciding, capacity.bottleneck_resource, as_of)
        return Markup("{} is {}{}{}.").format(name, room(capacity.headroom_ratio), where, decide)
    decide = decision(deciding, first_resource, as_of)
    then = outlook(capacity.bottleneck_resource, saturation, first_resource, decide)
    return Markup("{} has {}; {}").format(name, room(capacity.headroom_ratio), then)


def outlook(
    tightest: str | None, saturation: Saturation | None, first_resource: str | None, decide: str
) -> str:
    """What happens next to a service that has room left, as the second half of a sentence."""
    tight = f"{runs(tightest, '')} the tightest"
    if saturation is None:
        return f"{tight}. When it runs out is not forecast yet."
    if saturation.p50_date is None:
        chance = saturation.probability_within_horizon
        odds = f" ({f.chance(chance)} chance that it does)" if chance is not None else ""
        return f"{tight}. It is not expected to run out by {f.day(horizon_end(saturation))}{odds}."
    resource = first_resource or tightest
    lead = "" if resource == tightest else f"{tight} today, but "
    spread = interval(saturation)
    around = f" (80{f.NARROW_SPACE}% interval: {spread})" if spread else ""
    when = f"{runs(resource)} out first, about {f.day(saturation.p50_date)}{around}"
    return f"{lead}{when}{decide}."


def decision(deciding: Saturation | None, told: str | None, as_of: date) -> str:
    """`; decide by 3 Jul 2026`, or that this day has passed; names the resource where it is not the one `told` of."""
    if deciding is None or deciding.decision_date is None:
        return ""
    about = "" if deciding.resource in (None, told) else f" on {f.resource(deciding.resource)}"
    lead = f" ({deciding.lead_time_days} days of lead time)" if deciding.lead_time_days is not None else ""
    if deciding.decision_date < as_of:
        return f"; the day to decide{about} was {f.day(deciding.decision_date)}{lead}"
    return f"; decide{about} by {f.day(deciding.decision_date)}{lead}"


def no_headroom(capacity: ServiceCapacity | None) -> str:
    """Why a service has no headroom."""
    if capacity is None or capacity.pool_count == 0:
        return "none of its resources has been measured."
    return "its resources are measured, but no limit is recorded for any of them."


def no_forecast(history_days: int) -> str:
    """Why a service has no forecast."""
    days = "no day" if history_days == 0 else "one day" if history_days == 1 else f"{history_days} days"
    return f"No forecast was made for this service: {days} of demand is on record, or no limit is known."


def overview(estate: Estate, as_of: date) -> Markup:
    """The answer for the whole estate: how many services run out, the first of them, what is late already."""
    count = len(estate.services)
    if count == 0:
        return Markup("No service is on record for this day.")
    headrooms = [c.headroom_ratio for c in estate.capacities.values() if c.headroom_ratio is not None]
    if not headrooms:
        return Markup(
            "How much room is left is not known: no service has resources that are measured and have a limit. "
            "What else is on record stands below."
        )
    dated = sorted((s.p50_date, s.series_id, s) for s in estate.saturations.values() if s.p50_date)
    ends = [end for s in estate.saturations.values() if (end := horizon_end(s)) is not None]
    by = f.day(max(ends, default=None))
    if not estate.saturations:
        parts = [escape(f"{_services(count)}; when their room runs out is not forecast yet")]
    elif not dated:
        parts = [escape(f"None of {_services(count)} is expected to run out of room by {by}")]
    else:
        verb = "is" if len(dated) == 1 else "are"
        parts = [escape(f"{len(dated)} of {_services(count)} {verb} expected to run out of room by {by}")]
        parts.append(_first(estate, dated[0][2]))
    beyond = sum(1 for headroom in headrooms if headroom < 0)
    deciding = {**estate.saturations, **estate.decisions}.values()
    overdue = sum(1 for s in deciding if s.decision_date is not None and s.decision_date < as_of)
    if beyond:
        parts.append(escape(f"{beyond} {'is' if beyond == 1 else 'are'} beyond usable capacity already"))
    if overdue:
        parts.append(escape(f"for {overdue} the day to decide has passed"))
    return Markup("; ").join(parts) + "."


def _first(estate: Estate, saturation: Saturation) -> Markup:
    """`first Payments, about 12 Aug 2026 (database connections)`."""
    names = {service.service_id: service.service_name for service in estate.services}
    pool = estate.first_pools.get(saturation.service_id or "")
    what = f" ({f.resource(pool.resource)})" if pool and pool.resource else ""
    name = named(names.get(saturation.service_id or "", saturation.service_id))
    return Markup("first {}, about {}{}").format(name, f.day(saturation.p50_date), what)


def attainment(levels: Sequence[ServiceLevel]) -> str:
    """`5 of 6 met`; targets without an outcome are counted apart."""
    judged = [level for level in levels if level.is_met is not None]
    if not levels:
        return "no targets"
    if not judged:
        return "not judged yet"
    return f"{sum(1 for level in judged if level.is_met)} of {len(judged)} met"


def _services(count: int) -> str:
    return "1 service" if count == 1 else f"{count} services"


def busiest_hour(week: Sequence[WeekHour]) -> str:
    """The fullest and the emptiest hour of the usual week, in words."""
    known = [(hour.used_ratio, hour) for hour in week if hour.used_ratio is not None]
    if not known:
        return ""
    most, fullest = max(known, key=lambda pair: (pair[0], -pair[1].weekday, -pair[1].hour))
    least, emptiest = min(known, key=lambda pair: (pair[0], pair[1].weekday, pair[1].hour))
    return (
        f"Fullest on {_WEEKDAYS[fullest.weekday - 1]} at {fullest.hour}:00 ({f.percent(most)} of usable capacity), "
        f"emptiest on {_WEEKDAYS[emptiest.weekday - 1]} at {emptiest.hour}:00 ({f.percent(least)})."
    )
