"""The forecasts page: how good the forecasts are beside seasonal naive. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from markupsafe import Markup

from reports import charts
from reports import formats as f
from reports.records.forecast import ForecastModel, ForecastScore, Importance, Saturation

LISTED_FEATURES = 10


@dataclass(frozen=True)
class ResourceScore:
    """Scores of all series of one resource and level."""

    level: str
    resource: str
    series: int
    scored: int
    better: int
    median_ratio: float | None
    median_coverage: float | None
    median_mase: float | None


@dataclass(frozen=True)
class ForecastPage:
    """Everything that the template of the forecasts page prints."""

    series: int
    scored: int
    better: int
    median_ratio: float | None
    median_coverage: float | None
    ratio_chart: Markup | None
    coverage_chart: Markup | None
    resources: tuple[ResourceScore, ...]
    notes: tuple[tuple[str, int], ...]
    models: tuple[tuple[str, int], ...]
    first_checkable: date | None


@dataclass(frozen=True)
class ModelBehind:
    """The model card: its figures, its text line by line, and the features that forecasts lean on most."""

    model: ForecastModel
    card: str
    features: tuple[Importance, ...]
    feature_total: int


def model_behind(model: ForecastModel | None, importances: Sequence[Importance]) -> ModelBehind | None:
    """What stands behind the newest forecasts; None where no card was published."""
    if model is None:
        return None
    card = json.dumps(json.loads(model.model_card), indent=2, ensure_ascii=False, sort_keys=True)
    return ModelBehind(model, card, tuple(importances[:LISTED_FEATURES]), len(importances))


def relative_loss(score: ForecastScore) -> float | None:
    """Weighted quantile loss ÷ that of seasonal naive (below 1 is better); None where that cannot be told."""
    if score.wql is None or not score.naive_wql:
        return None
    return score.wql / score.naive_wql


def forecast_page(scores: Sequence[ForecastScore], saturations: Sequence[Saturation]) -> ForecastPage:
    """The forecasts page, from the newest backtest of each series."""
    ratios = [ratio for score in scores if (ratio := relative_loss(score)) is not None]
    coverages = [score.coverage_80_ratio for score in scores if score.coverage_80_ratio is not None]
    overall = _summary("", "", scores)
    groups: dict[tuple[str, str], list[ForecastScore]] = {}
    for score in scores:
        groups.setdefault((score.level or "", score.resource or ""), []).append(score)
    dated = [s.p50_date for s in saturations if s.p50_date is not None]
    return ForecastPage(
        series=overall.series,
        scored=overall.scored,
        better=overall.better,
        median_ratio=overall.median_ratio,
        median_coverage=overall.median_coverage,
        ratio_chart=_histogram("ratio", "Series by loss relative to seasonal naive", ratios, 0.1, 2.0, 1.0),
        coverage_chart=_histogram(
            "coverage", "Series by share of days inside the 80 % interval", coverages, 0.05, 1.0, 0.8
        ),
        resources=tuple(
            _summary(level, resource, group) for (level, resource), group in sorted(groups.items())
        ),
        notes=_counted(score.notes for score in scores),
        models=_counted(score.model for score in scores),
        first_checkable=min(dated, default=None),
    )


def _summary(level: str, resource: str, scores: Sequence[ForecastScore]) -> ResourceScore:
    judged = [score for score in scores if score.is_better_than_naive is not None]
    return ResourceScore(
        level=level,
        resource=resource,
        series=len(scores),
        scored=len(judged),
        better=sum(1 for score in judged if score.is_better_than_naive),
        median_ratio=_median([r for score in scores if (r := relative_loss(score)) is not None]),
        median_coverage=_median([c for score in scores if (c := score.coverage_80_ratio) is not None]),
        median_mase=_median([m for score in scores if (m := score.mase) is not None]),
    )


def _histogram(
    chart_id: str, label: str, values: Sequence[float], width: float, last: float, reference: float
) -> Markup | None:
    """Counts in bins of `width` from 0 to `last`; the last bin also holds what lies beyond."""
    if len(values) < 3:
        return None
    bins = round(last / width)
    counts = [0] * bins
    for value in values:
        # A value on an edge belongs to the bin that starts there, in spite of binary fractions.
        counts[min(bins - 1, max(0, int(value / width + 1e-9)))] += 1
    edges = [(round(i * width, 6), round((i + 1) * width, 6), count) for i, count in enumerate(counts)]
    text = f"{label}: median {f.number(median(values))} over {len(values)} series"
    return charts.histogram(chart_id, text, edges, reference)


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _counted(values: Iterable[str | None]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for value in values:
        if value:
            counts[value] = counts.get(value, 0) + 1
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
