"""When demand reaches usable capacity: dates with probabilities, per series and per service.

A date is a quantile of the first step at which simulated paths are at or over usable capacity, so that
headroom is gone. Paths that stay below to the end of the horizon are right-censored: a null date means "not
within the horizon", never "never".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from assets.forecasting.forecast import PanelForecast
from assets.forecasting.frames import BoolArray, FloatArray
from assets.forecasting.joint import Groups, joint_first_steps
from assets.forecasting.paths import N_PATHS

COLUMNS = (
    "unique_id",
    "p10_date",
    "p50_date",
    "p90_date",
    "probability_within_horizon",
    "probability_within_lead_time",
    "lead_time_days",
    "horizon_days",
    "notes",
)
_DATES = {"p10_date": 0.1, "p50_date": 0.5, "p90_date": 0.9}


@dataclass(frozen=True)
class Passages:
    """First steps of simulated paths at or over usable capacity.

    `steps` [series, path]: 1 is the first step of the horizon, `horizon` + 1 not within it. `is_known` says of
    each series whether there were both a forecast and a usable capacity. `dates` [series, horizon] are the
    stamps of the steps, `notes` one text a series.
    """

    ids: tuple[str, ...]
    steps: npt.NDArray[np.int32]
    is_known: BoolArray
    dates: npt.NDArray[np.datetime64]
    steps_per_day: int
    notes: tuple[str, ...]

    @property
    def horizon(self) -> int:
        """Steps ahead that the forecast covers."""
        return self.dates.shape[1]


def usable_ahead(usable: pd.DataFrame, forecast: PanelForecast) -> FloatArray:
    """Usable capacity in force at each target step [series, horizon], NaN where none is known.

    `usable` has `unique_id, ds, usable`: a value holds from its stamp until the next one of the series, so a dated
    purchase is one more row.
    """
    targets = forecast.panel.dates(forecast.values.shape[1])
    result = np.full(targets.shape, np.nan)
    known = usable.dropna(subset=["ds", "usable"])
    stamps = pd.to_datetime(known["ds"]).to_numpy().astype("datetime64[us]")
    numbers = known["usable"].to_numpy(dtype=float)
    order = np.argsort(stamps, kind="stable")
    names = known["unique_id"].astype(str).to_numpy(dtype=object)[order]
    rows = pd.Series(order).groupby(names, sort=False).indices
    for position, name in enumerate(forecast.panel.ids):
        if name not in rows:
            continue
        own = order[rows[name]]
        latest = np.searchsorted(stamps[own], targets[position], side="right") - 1
        result[position] = np.where(latest >= 0, numbers[own][np.maximum(latest, 0)], np.nan)
    return result


def first_passages(
    forecast: PanelForecast,
    usable: pd.DataFrame,
    seed: int,
    n_paths: int = N_PATHS,
    groups: Groups | None = None,
) -> Passages:
    """Simulate and compare with `usable` (`unique_id, ds, usable`; see `usable_ahead`)."""
    return passages_over(forecast, usable_ahead(usable, forecast), seed, n_paths, groups)


def passages_over(
    forecast: PanelForecast,
    ahead: FloatArray,
    seed: int,
    n_paths: int = N_PATHS,
    groups: Groups | None = None,
) -> Passages:
    """Simulate and compare with usable capacity `ahead` [series, horizon]; −inf where nothing is left to use.

    A series whose last observed value is at or over what is usable on the first day ahead is saturated already:
    every path passes at step 1.
    """
    has_forecast = forecast.is_known
    is_usable = (np.isfinite(ahead) & (ahead > 0)) | np.isneginf(ahead)
    has_usable = np.asarray(is_usable.all(axis=1), dtype=np.bool_)
    known = has_forecast & has_usable
    steps = joint_first_steps(forecast, np.where(known[:, None], ahead, np.nan), seed, groups, n_paths)
    saturated = known & (forecast.panel.values[:, -1] >= ahead[:, 0])
    steps[saturated] = 1
    notes = []
    for position, text in enumerate(forecast.notes):
        found = [text] if text else []
        if saturated[position]:
            found.append("saturated already at the end of the history")
        if not has_usable[position]:
            found.append("no usable capacity is known for the whole horizon")
        notes.append("; ".join(found))
    return Passages(
        ids=forecast.panel.ids,
        steps=steps,
        is_known=known,
        dates=forecast.panel.dates(forecast.values.shape[1]),
        steps_per_day=int(pd.Timedelta(days=1) // forecast.panel.step),
        notes=tuple(notes),
    )


def saturation(passages: Passages, lead_time_days: Mapping[str, int]) -> pd.DataFrame:
    """One row a series, columns `COLUMNS`: dates are null when censored, probabilities null when unknown.

    p10 is the first date by which a tenth of the paths has passed (early), p90 nine tenths. A lead time longer
    than the horizon counts what happens within the horizon, and says so.
    """
    rows = []
    for position, name in enumerate(passages.ids):
        lead = lead_time_days.get(name)
        known = bool(passages.is_known[position])
        steps = passages.steps[position] if known else None
        in_time = None if steps is None or lead is None else steps <= lead * passages.steps_per_day
        rows.append(
            _row(passages, name, steps, in_time, lead, passages.dates[position], passages.notes[position])
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def service_saturation(
    passages: Passages, membership: pd.DataFrame, lead_time_days: Mapping[str, int]
) -> pd.DataFrame:
    """One row a service, columns `COLUMNS` (`unique_id` is the service): its earliest pool, path by path.

    `membership` has `service_id, series_id`. Pools are taken as independent of each other: when they in truth
    rise together, the service's dates come out early rather than late. Within lead time means that some pool
    passes within its own lead time; the lead time shown is the longest of its pools.

    Raises ValueError when the pools of a service do not end at the same stamp.
    """
    position_of = {name: position for position, name in enumerate(passages.ids)}
    rows = []
    for service, group in membership.dropna().groupby("service_id", sort=True):
        pools = sorted({str(name) for name in group["series_id"]})
        present = [position_of[name] for name in pools if name in position_of]
        known = [position for position in present if passages.is_known[position]]
        notes = [
            f"{len(pools) - len(known)} of {len(pools)} pools left out: no forecast or no usable capacity"
        ]
        if not known:
            rows.append(_row(passages, str(service), None, None, None, None, notes[0]))
            continue
        dates = passages.dates[known]
        if (dates != dates[0]).any():
            raise ValueError(
                f"service {service}: its pools end at different stamps; forecast them to one end"
            )
        steps = passages.steps[known]
        leads = [lead_time_days.get(passages.ids[position]) for position in known]
        timely = [
            pool <= lead * passages.steps_per_day
            for pool, lead in zip(steps, leads, strict=True)
            if lead is not None
        ]
        in_time = np.any(timely, axis=0) if timely else None
        lead = max((lead for lead in leads if lead is not None), default=None)
        text = notes[0] if len(known) < len(pools) else ""
        rows.append(_row(passages, str(service), steps.min(axis=0), in_time, lead, dates[0], text))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(
    passages: Passages,
    name: str,
    steps: npt.NDArray[np.int32] | None,
    in_time: BoolArray | None,
    lead: int | None,
    dates: npt.NDArray[np.datetime64] | None,
    notes: str,
) -> dict[str, Any]:
    horizon = passages.horizon
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"unique_id": name, "lead_time_days": lead, "horizon_days": horizon // passages.steps_per_day}
    if steps is not None and dates is not None:
        for column, share in _DATES.items():
            at = int(np.quantile(steps, share, method="inverted_cdf"))
            row[column] = pd.Timestamp(dates[at - 1]).date() if at <= horizon else None
        row["probability_within_horizon"] = float((steps <= horizon).mean())
    if in_time is not None:
        row["probability_within_lead_time"] = float(in_time.mean())
        if lead is not None and lead * passages.steps_per_day > horizon:
            longer = f"the lead time of {lead} days is longer than the horizon"
            notes = f"{notes}; {longer}" if notes else longer
    row["notes"] = notes
    return row
