"""What the estate costs (FOCUS rows, one a CI and month) and the business demand that drives it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from assets.simulation.calibration import GIBIBYTE, Calibration
from assets.simulation.estate import Estate
from assets.simulation.files import SourceFiles
from assets.simulation.season import Floats
from assets.simulation.seeds import generator

SECONDS_A_DAY = 86_400
#: Kind of CI → (FOCUS service category, list price a month in EUR, share of the list price under commitment).
_PRICES = {
    "host": ("Compute", 195.0, 0.82),
    "database": ("Databases", 410.0, 0.85),
    "volume": ("Storage", 0.0, 1.0),
    "load_balancer": ("Networking", 240.0, 0.9),
    "endpoint": ("Management and Governance", 4.0, 1.0),
}
_EUR_A_GIBIBYTE = 0.055
_SUPPORT_EUR = 65.0
_COST_COLUMNS = {
    "resource_id": "ResourceId",
    "service_name": "ServiceName",
    "service_category": "ServiceCategory",
    "charge_category": "ChargeCategory",
    "charge_period_start": "ChargePeriodStart",
    "charge_period_end": "ChargePeriodEnd",
    "billed_cost": "BilledCost",
    "effective_cost": "EffectiveCost",
    "billing_currency": "BillingCurrency",
}
_DEMAND_COLUMNS = {
    "driver_id": "driver",
    "driver_name": "name",
    "service_id": "service",
    "demand_date": "day",
    "value": "amount",
    "unit": "unit",
}


def months(first: date, last: date) -> list[date]:
    """The first days of all months from that of `first` to that of `last`."""
    found, day = [], first.replace(day=1)
    while day <= last:
        found.append(day)
        day = next_month(day)
    return found


def next_month(day: date) -> date:
    """First day of the month after that of `day`."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def write_costs(estate: Estate, calibration: Calibration, files: SourceFiles) -> None:
    """Write one FOCUS file a month."""
    sizes = {use.pool.start: use for use in calibration.uses if use.resource == "filesystem"}
    disks: Floats = np.zeros((len(estate.cis), 2))
    change: Floats = np.full(len(estate.cis), np.inf)
    for index, use in sizes.items():
        disks[index] = use.limit_before / GIBIBYTE, use.limit_after / GIBIBYTE
        change[index] = np.inf if use.limit_day is None else use.limit_day
    for month in months(estate.settings.start_date, estate.settings.end_date):
        frame = _cost_month(estate, disks, change, month)
        files.write_csv(
            f"sources/finance/costs_{month:%Y-%m}.csv",
            "costs",
            frame,
            sums=["BilledCost", "EffectiveCost"],
            columns=_COST_COLUMNS,
        )


def _cost_month(estate: Estate, disks: Floats, change: Floats, month: date) -> pd.DataFrame:
    end = next_month(month)
    first = (month - estate.settings.start_date).days
    stop = (end - estate.settings.start_date).days
    begin = np.array([first if ci.first_day is None else ci.first_day for ci in estate.cis])
    until = np.array([stop if ci.end_day is None else ci.end_day for ci in estate.cis])
    share = np.clip(np.minimum(until, stop) - np.maximum(begin, first), 0, None) / (stop - first)
    list_price = np.array([_PRICES[ci.kind][1] for ci in estate.cis])
    list_price = list_price + _EUR_A_GIBIBYTE * np.where(change < stop, disks[:, 1], disks[:, 0])
    draw = generator(estate.settings.seed, "costs", month.year, month.month)
    billed = np.round(list_price * share * (1.0 + 0.015 * draw.standard_normal(len(estate.cis))), 2)
    committed = np.array([_PRICES[ci.kind][2] for ci in estate.cis])
    usage = pd.DataFrame(
        {
            "ResourceId": [ci.ci_id for ci in estate.cis],
            "ServiceName": [
                "Load balancing" if ci.service < 0 else estate.services[ci.service].name for ci in estate.cis
            ],
            "ServiceCategory": [_PRICES[ci.kind][0] for ci in estate.cis],
            "ChargeCategory": "Usage",
            "BilledCost": billed,
            "EffectiveCost": np.round(billed * committed, 2),
        }
    )[share > 0]
    support = usage[usage["ServiceCategory"] == "Databases"].assign(
        ChargeCategory="Purchase", BilledCost=_SUPPORT_EUR, EffectiveCost=_SUPPORT_EUR
    )
    frame = pd.concat([usage, support], ignore_index=True)
    return frame.assign(
        ChargePeriodStart=f"{month.isoformat()}T00:00:00Z",
        ChargePeriodEnd=f"{end.isoformat()}T00:00:00Z",
        BillingCurrency="EUR",
    )[list(_COST_COLUMNS.values())]


def write_business_demand(estate: Estate, daily: Floats, files: SourceFiles) -> None:
    """Write business drivers by day. `daily` is mean demand (1/s), shape (services, days)."""
    draw = generator(estate.settings.seed, "business demand")
    per_unit = np.array([service.kind.requests_per_unit for service in estate.services])[:, None]
    amounts = daily * SECONDS_A_DAY / per_unit * (1.0 + 0.01 * draw.standard_normal(daily.shape))
    days = np.array([estate.day(day).isoformat() for day in range(estate.settings.days)])
    services = estate.services
    frame = pd.DataFrame(
        {
            "driver": np.repeat([f"{service.service_id}-demand" for service in services], days.size),
            "name": np.repeat([service.kind.driver for service in services], days.size),
            "service": np.repeat([service.service_id for service in services], days.size),
            "day": np.tile(days, len(services)),
            "amount": np.rint(np.maximum(amounts, 0.0)).astype(np.int64).ravel(),
            "unit": np.repeat([service.kind.driver_unit for service in services], days.size),
        }
    )
    for month in months(estate.settings.start_date, estate.settings.end_date):
        files.write_csv(
            f"sources/business/business_demand_{month:%Y-%m}.csv",
            "business_demand",
            frame[frame["day"].str.startswith(f"{month:%Y-%m}")],
            sums=["amount"],
            delimiter=";",
            columns=_DEMAND_COLUMNS,
        )
