"""When demand reaches usable capacity: dates with probabilities, per series and per service.

A date is a quantile of the first step at which simulated paths are at or over usable capacity, so that
headroom is gone. Paths that stay below to the end of the horizon are right-censored: a null date means "not
within the horizon", never "never".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from assets.forecasting.forecast import PanelForecast
from assets.forecasting.frames import BoolArray, FloatArray, IntArray
from assets.forecasting.paths import N_PATHS, Groups, first_steps
from assets.forecasting.straight_line import line_steps

#: Days ahead for which a probability is kept, so that it can be seen later how often it came true.
WINDOWS = (30, 60, 90)
COLUMNS = (
    "unique_id",
    "p10_date",
    "p50_date",
    "p90_date",
    "probability_within_horizon",
    "probability_within_lead_time",
    *(f"probability_within_{days}_days" for days in WINDOWS),
    "decision_p10_date",
    "decision_p50_date",
    "decision_p90_date",
    "line_date",
    "lead_time_days",
    "horizon_days",
    "notes",
)
_SHARES = {"p10_date": 0.1, "p50_date": 0.5, "p90_date": 0.9}
_NEVER = np.int64(1_000_000)


@dataclass(frozen=True)
class Passages:
    """First steps of simulated paths at or over usable capacity.

    `steps` [series, path]: 1 is the first step of the horizon, `horizon` + 1 not within it. `is_known` says of
    each series whether there were both a forecast and a usable capacity. `dates` [series, horizon] are the
    stamps of the steps, `notes` one text a series. `line` is the first step on which a straight line through the last
    90 days is at or over usable capacity, kept to compare with.
    """

    ids: tuple[str, ...]
    steps: npt.NDArray[np.int32]
    is_known: BoolArray
    dates: npt.NDArray[np.datetime64]
    steps_per_day: int
    notes: tuple[str, ...]
    line: IntArray

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
    every path passes at step 1. `groups` says which series are wrong together; without them all are independent.
    """
    has_forecast = forecast.is_known
    is_usable = (np.isfinite(ahead) & (ahead > 0)) | np.isneginf(ahead)
    has_usable = np.asarray(is_usable.all(axis=1), dtype=np.bool_)
    known = has_forecast & has_usable
    steps = first_steps(forecast, np.where(known[:, None], ahead, np.nan), seed, groups, n_paths)
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
        line=line_steps(forecast.panel.values, ahead),
    )


def saturation(passages: Passages, lead_time_days: Mapping[str, int]) -> pd.DataFrame:
    """One row a series, columns `COLUMNS`: dates are null when censored, probabilities null when unknown.

    p10 is the first date by which a tenth of the paths has passed (early), p90 nine tenths. A decision date is a
    saturation date less the lead time; it may lie in the past. A lead time longer than the horizon counts what happens
    within the horizon, and says so.
    """
    rows = []
    for position, name in enumerate(passages.ids):
        lead = lead_time_days.get(name)
        known = bool(passages.is_known[position])
        row = _empty(passages, name, lead, passages.notes[position])
        if known:
            steps, dates = passages.steps[position], passages.dates[position]
            _put_dates(row, passages, steps, dates)
            if lead is not None:
                days = lead * passages.steps_per_day
                decisions = np.where(steps <= passages.horizon, steps - days, _NEVER)
                _put_decisions(row, passages, decisions, steps <= days, dates)
            row["line_date"] = _date(passages, int(passages.line[position]), dates)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def service_saturation(
    passages: Passages, membership: pd.DataFrame, lead_time_days: Mapping[str, int]
) -> pd.DataFrame:
    """One row a service, columns `COLUMNS` (`unique_id` is the service): its earliest pool, path by path.

    `membership` has `service_id, series_id`. Path k of one pool goes with path k of another, so pools that are
    simulated as one group rise together. Within lead time means that some pool passes within its own lead time, the
    decision date is that of the first pool to decide on; the lead time shown is the longest of its pools.

    Raises ValueError when the pools of a service do not end at the same stamp.
    """
    position_of = {name: position for position, name in enumerate(passages.ids)}
    rows = []
    for service, group in membership.dropna().groupby("service_id", sort=True):
        pools = sorted({str(name) for name in group["series_id"]})
        present = [position_of[name] for name in pools if name in position_of]
        known = [position for position in present if passages.is_known[position]]
        left_out = len(pools) - len(known)
        text = (
            f"{left_out} of {len(pools)} pools left out: no forecast or no usable capacity"
            if left_out
            else ""
        )
        leads = [lead_time_days.get(passages.ids[position]) for position in known]
        longest = max((lead for lead in leads if lead is not None), default=None)
        row = _empty(passages, str(service), longest, text)
        rows.append(row)
        if not known:
            continue
        dates = passages.dates[known]
        if (dates != dates[0]).any():
            raise ValueError(
                f"service {service}: its pools end at different stamps; forecast them to one end"
            )
        steps = passages.steps[known]
        _put_dates(row, passages, steps.min(axis=0), dates[0])
        led = [position for position, lead in enumerate(leads) if lead is not None]
        if led:
            days = np.array([[lead] for lead in leads if lead is not None]) * passages.steps_per_day
            decisions = np.where(steps[led] <= passages.horizon, steps[led] - days, _NEVER)
            in_time = np.any(steps[led] <= days, axis=0)
            assert isinstance(in_time, np.ndarray)
            _put_decisions(row, passages, decisions.min(axis=0), in_time, dates[0])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _empty(passages: Passages, name: str, lead: int | None, notes: str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    horizon_days = passages.horizon // passages.steps_per_day
    return row | {"unique_id": name, "lead_time_days": lead, "horizon_days": horizon_days, "notes": notes}


def _put_dates(
    row: dict[str, Any],
    passages: Passages,
    steps: npt.NDArray[np.int32],
    dates: npt.NDArray[np.datetime64],
) -> None:
    for column, share in _SHARES.items():
        row[column] = _date(passages, int(np.quantile(steps, share, method="inverted_cdf")), dates)
    row["probability_within_horizon"] = float((steps <= passages.horizon).mean())
    for days in WINDOWS:
        if days * passages.steps_per_day <= passages.horizon:
            within = steps <= days * passages.steps_per_day
            row[f"probability_within_{days}_days"] = float(within.mean())


def _put_decisions(
    row: dict[str, Any],
    passages: Passages,
    decisions: npt.NDArray[np.int64],
    in_time: BoolArray,
    dates: npt.NDArray[np.datetime64],
) -> None:
    """Dates by which to decide: of each path the step on which it passes less the lead time, so it may be past."""
    row["probability_within_lead_time"] = float(in_time.mean())
    for column, share in _SHARES.items():
        at = int(np.quantile(decisions, share, method="inverted_cdf"))
        if at < _NEVER:
            ahead = -(-at // passages.steps_per_day) - 1
            row[f"decision_{column}"] = pd.Timestamp(dates[0]).date() + timedelta(days=ahead)
    lead = row["lead_time_days"]
    if lead * passages.steps_per_day > passages.horizon:
        longer = f"the lead time of {lead} days is longer than the horizon"
        row["notes"] = f"{row['notes']}; {longer}" if row["notes"] else longer


def _date(passages: Passages, step: int, dates: npt.NDArray[np.datetime64]) -> date | None:
    """The day of a step; null beyond the horizon."""
    return pd.Timestamp(dates[step - 1]).date() if step <= passages.horizon else None
