"""Renders the report of one published version: pages from templates, everything inlined, no network, no clock."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from operator import call
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assets.processes import side_by_side
from reports import (
    business,
    changes,
    events,
    formats,
    kpis,
    plan,
    provenance,
    resources,
    service,
    service_desk,
    service_levels,
    sizes,
    targets,
    what_if,
    wording,
)
from reports.data import PublishedReader
from reports.forecasts import forecast_page, model_behind
from reports.manifest import read_manifest
from reports.overview import ServiceLine, overview, quality_of, service_lines
from reports.palette import PALETTE
from reports.quality import quality_page
from reports.records.service import Estate
from reports.records.version import Manifest
from reports.settings import ReportSettings
from reports.track_record import LEAST_FORECASTS, record_page

_LISTED_QUARANTINE = 50
#: Pages of so many services are written by one process.
SERVICES_AT_ONCE = 6
_FORMATS = (
    "day",
    "month",
    "moment",
    "integer",
    "number",
    "percent",
    "agreed_percent",
    "headroom",
    "chance",
    "working_time",
    "duration",
)


def render(published: Path, out: Path, *, settings: ReportSettings) -> list[Path]:
    """Write the report of the published version in folder `published` to folder `out`; returns the files written.

    Equal input gives equal bytes. Raises `reports.manifest.PublishedVersionError` when `published` holds no version.
    """
    manifest = read_manifest(published)
    with PublishedReader(published, manifest.as_of_date) as reader:
        estate = reader.estate()
    slugs = service_slugs(s.service_id for s in estate.services)
    lines = service_lines(estate, slugs, settings)
    parts = -(-len(lines) // SERVICES_AT_ONCE)
    of_estate, *of_services = side_by_side(
        call,
        [
            (_write_estate_pages, published, out, settings, estate, lines, slugs),
            *(
                (_write_services, published, out, settings, lines, range(part, len(lines), parts))
                for part in range(parts)
            ),
        ],
        is_small=parts < 2,
    )
    return [*of_estate, *sorted(path for paths in of_services for path in paths)]


def _write_services(
    published: Path,
    out: Path,
    settings: ReportSettings,
    lines: Sequence[ServiceLine],
    positions: Sequence[int],
) -> list[Path]:
    """Pages of the services at some positions of `lines`."""
    manifest = read_manifest(published)
    site = _Site(out, settings, manifest=manifest, quality=quality_of(manifest))
    traces, checks = provenance.traces(manifest), provenance.checks_behind(manifest)
    with PublishedReader(published, manifest.as_of_date) as reader:
        for position in positions:
            line = lines[position]
            detail = reader.service(line.service.service_id, service.charted_pools(line), settings)
            site.write(
                f"service/{line.slug}.html",
                "service.html",
                title=formats.shorten(line.service.service_name, 80),
                page=service.service_page(manifest, line, detail, traces, checks, settings),
                section="service",
                previous=lines[position - 1] if position else None,
                following=lines[position + 1] if position + 1 < len(lines) else None,
                total=len(lines),
            )
    return site.written


def _write_estate_pages(
    published: Path,
    out: Path,
    settings: ReportSettings,
    estate: Estate,
    lines: Sequence[ServiceLine],
    slugs: Mapping[str, str],
) -> list[Path]:
    """The overview and every page that is about the estate as a whole."""
    manifest = read_manifest(published)
    site = _Site(out, settings, manifest=manifest, quality=quality_of(manifest))
    with PublishedReader(published, manifest.as_of_date) as reader:
        _write_estate(site, reader, manifest, estate, lines, slugs, settings)
    return site.written


def _write_estate(
    site: _Site,
    reader: PublishedReader,
    manifest: Manifest,
    estate: Estate,
    lines: Sequence[ServiceLine],
    slugs: Mapping[str, str],
    settings: ReportSettings,
) -> None:
    as_of = manifest.as_of_date

    def write(path: str, section: str, title: str, page: object, **more: object) -> None:
        origins = provenance.traces(manifest, section)
        template = path.replace("-", "_")
        site.write(
            path, template, title=title, section=section, page=page, traces=origins, slugs=slugs, **more
        )

    levels = plan.levels_by_target(level for found in estate.levels.values() for level in found)
    register = plan.register(reader.improvements(), levels, as_of, settings)
    room = business.table(reader.business_room(), reader.unit_costs(), settings.listed_drivers)
    tree = kpis.kpi_page(reader.kpis(), reader.kpi_parts())
    write(
        "index.html",
        "overview",
        settings.title,
        overview(manifest, estate, lines, settings),
        room=room,
        register=register,
        failure_rate=changes.overall_rate(reader.failure_rates()),
        causes=changes.counts_by_verdict(reader.cause_counts()),
        tree=tree,
    )
    write("kpis.html", "kpis", "KPIs", tree)
    fitting = sizes.sizes(reader.sizes(), reader.sizes_taken(), settings)
    write("plan.html", "plan", "Plan", register, sizes=fitting)
    kinds = resources.resources_page(
        reader.capacities(),
        reader.capacities(technical=True)[: settings.listed_technical],
        reader.kind_counts(),
        reader.team_work(),
        reader.saturations(),
        as_of,
        settings,
    )
    write("resources.html", "resources", "Resources", kinds)
    agreements = service_levels.levels_page(
        estate.services,
        estate.levels,
        reader.week_outcomes(service_levels.WEEKS),
        reader.error_budgets(),
        reader.availability(1),
        reader.watermelons(),
        reader.clock_differences(),
        as_of,
        settings,
    )
    write("levels.html", "levels", "Service levels", agreements)
    write("service-desk.html", "service_desk", "Service desk", _desk(reader, as_of, settings))
    write("changes.html", "changes", "Changes", _changes(reader, settings))
    happened = events.events(reader.events(settings.event_days), as_of, settings)
    write("events.html", "events", "Events", happened)
    write("what-if.html", "what_if", "What if", what_if.what_if(reader.scenarios(), settings))
    checked = quality_page(
        manifest, reader.extractions(), reader.quarantined(_LISTED_QUARANTINE), _LISTED_QUARANTINE
    )
    write("quality.html", "quality", "Data quality", checked)
    scored = forecast_page(reader.scores(), tuple(estate.saturations.values()))
    record = record_page(
        reader.track_record(),
        reader.reliability(),
        reader.date_scores(),
        reader.pool_saturations(),
        {s.service_id: s.service_name for s in estate.services},
        as_of,
    )
    behind = model_behind(reader.forecast_model(), reader.importances())
    write(
        "forecasts.html",
        "forecasts",
        "Forecasts",
        scored,
        record=record,
        behind=behind,
        least_forecasts=LEAST_FORECASTS,
    )


def _desk(reader: PublishedReader, as_of: date, settings: ReportSettings) -> service_desk.DeskPage:
    period = service_desk.PERIOD_DAYS
    return service_desk.desk_page(
        reader.backlogs(service_desk.BACKLOG_DAYS),
        reader.backlog_days(settings.history_days),
        reader.lifecycles(period),
        reader.major_incidents(period, settings.listed_major),
        reader.problems(),
        reader.requests(period),
        reader.staffing(),
        reader.sequence_findings(),
        reader.incidents_total(),
        as_of,
        settings,
    )


def _changes(reader: PublishedReader, settings: ReportSettings) -> changes.ChangesPage:
    return changes.changes_page(
        reader.impacts(),
        reader.impact_tests(),
        reader.failure_rates(),
        reader.collisions(changes.COLLISION_DAYS),
        reader.capacity_incidents(),
        reader.cause_counts(),
        settings,
    )


def service_slugs(identifiers: Iterable[str]) -> dict[str, str]:
    """A file name for each service, unique among them whatever the identifiers are."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for identifier in sorted(set(identifiers)):
        plain = candidate = formats.slug(identifier)
        attempt = 2
        while candidate in taken:
            candidate, attempt = f"{plain}-{attempt}", attempt + 1
        taken.add(candidate)
        found[identifier] = candidate
    return found


class _Site:
    """The template environment and the files written so far."""

    def __init__(self, out: Path, settings: ReportSettings, **shared: Any) -> None:
        self._out = out
        self.written: list[Path] = []
        self._environment = environment()
        source, _, _ = self._environment.loader.get_source(self._environment, "table.js.jinja")  # type: ignore[union-attr]
        digest = base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")
        style = self._environment.get_template("style.css").render(palette=PALETTE)
        self._shared: Mapping[str, Any] = {
            **shared,
            "settings": settings,
            "style": Markup(style),  # noqa: S704 -- our own stylesheet
            "script": Markup(source),  # noqa: S704 -- our own script
            "script_hash": digest,
        }

    def write(self, path: str, template: str, **values: Any) -> None:
        """Render one page to `path` below the output folder."""
        root = "../" * path.count("/")
        text = self._environment.get_template(template).render(**self._shared, **values, root=root)
        target = self._out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
        self.written.append(target)


@cache
def environment() -> Environment:
    """Jinja with autoescape always on and undefined names as errors; filters are the report's formats.

    One a process: it keeps the templates that it has compiled.
    """
    env = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters.update({name: getattr(formats, name) for name in _FORMATS})
    env.filters.update(
        name=wording.named,
        plain=formats.clean,
        resource=formats.resource,
        capital=wording.capital,
        short_name=lambda text, length=80: wording.named(formats.shorten(text, length)),
    )
    env.globals.update(
        quantity=formats.quantity,
        money=formats.money,
        money_change=formats.money_change,
        unit_price=formats.unit_price,
        approximate=formats.approximate,
        availability_of=formats.availability,
        deliveries=provenance.deliveries,
        per_second=formats.per_second,
        agreed=targets.agreed,
        attained=targets.attained,
        kpi_shown=kpis.shown,
        kpi_target=kpis.target_of,
        kpi_levels=kpis.LEVEL_WORDS,
        horizon_end=wording.horizon_end,
        no_headroom=wording.no_headroom,
        plural=formats.counted,
    )
    return env
