"""What the estate costs (FOCUS rows) and the business demand that drives it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from assets.simulation.calibration import Calibration
from assets.simulation.demand import expected_demand, slots
from assets.simulation.estate import Ci, Estate
from assets.simulation.files import SourceFiles
from assets.simulation.season import Floats, months, next_month
from assets.simulation.seeds import generator
from assets.simulation.sizes import ENDPOINT_EUR, Sizing, sizings

SECONDS_A_DAY = 86_400
#: Kind of CI → (FOCUS service category, share of the list price that is paid under commitment).
_CATEGORIES = {
    "host": ("Compute", 0.82),
    "database": ("Databases", 0.85),
    "volume": ("Storage", 1.0),
    "load_balancer": ("Networking", 0.9),
    "endpoint": ("Management and Governance", 1.0),
}
_SUPPORT_EUR = 65.0
_SUPPORT_TAX = 0.19
_QUARTERLY_LICENCE_EUR = 540.0
_OUTAGE_CREDIT_EUR = -35.0
_CORRECTION_EUR = -12.5
_ROUNDING_EUR = -0.37
#: A host that nobody has taken out of the bill: it is in no CMDB.
FORGOTTEN_HOST = "fra-legacy-app-01"
_FORGOTTEN_EUR = 87.0
#: A retired CI is paid for until its commitment ends: this share of its list price.
COMMITTED_AFTER_RETIREMENT = 0.6
#: Days by which a driver is counted before its requests come: documents are scanned, then archived.
LEAD_DAYS = {"document-archive": 2, "warehouse-management": 1}
_COST_COLUMNS = {
    "resource_id": "ResourceId",
    "service_name": "ServiceName",
    "service_category": "ServiceCategory",
    "charge_category": "ChargeCategory",
    "charge_class": "ChargeClass",
    "charge_description": "ChargeDescription",
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


def write_costs(estate: Estate, calibration: Calibration, files: SourceFiles) -> None:
    """Write one FOCUS file a month: use by CI, support, and what bills hold beside (see `_other_charges`)."""
    sizes = sizings(estate, calibration)
    for month in months(estate.settings.start_date, estate.settings.end_date):
        usage = _usage(estate, sizes, month)
        charges = [*usage, *_other_charges(estate, sizes, usage, month)]
        frame = pd.DataFrame(charges, columns=list(_COST_COLUMNS.values())).assign(BillingCurrency="EUR")
        files.write_csv(
            f"sources/finance/costs_{month:%Y-%m}.csv",
            "costs",
            frame,
            sums=["BilledCost", "EffectiveCost"],
            columns=_COST_COLUMNS,
        )


def _usage(estate: Estate, sizes: Sequence[Sizing | None], month: date) -> list[dict[str, Any]]:
    """One row a CI, over the days of the month on which it was there, at the list price of its sizes."""
    draw = generator(estate.settings.seed, "costs", month.year, month.month)
    noise = 1.0 + 0.015 * draw.standard_normal(len(estate.cis))
    month_days = (next_month(month) - month).days
    rows = []
    for ci, sizing, factor in zip(estate.cis, sizes, noise, strict=True):
        first, stop = _days_of(estate, ci, month)
        if first >= stop:
            continue
        category, committed = _CATEGORIES[ci.kind]
        cost = sum(price * days for price, days in _prices(estate, sizing, first, stop)) / month_days
        billed = round(cost * float(factor), 2)
        name = "Load balancing" if ci.service < 0 else estate.services[ci.service].name
        row = _charge(name, category, "Usage", billed, round(billed * committed, 2), first, stop)
        rows.append(row | {"ResourceId": ci.ci_id})
    return rows


def _days_of(estate: Estate, ci: Ci, month: date) -> tuple[date, date]:
    """First day of the CI in the month, and the day after its last."""
    first = month if ci.first_day is None else max(month, estate.day(ci.first_day))
    stop = next_month(month)
    return first, stop if ci.end_day is None else min(stop, estate.day(ci.end_day))


def _prices(estate: Estate, sizing: Sizing | None, first: date, stop: date) -> list[tuple[float, int]]:
    """(list price a month, days at it) from `first` to before `stop`."""
    days = (stop - first).days
    if sizing is None:
        return [(ENDPOINT_EUR, days)]
    change = stop if sizing.day is None else estate.day(sizing.day)
    before = min(max((change - first).days, 0), days)
    return [(sizing.before.monthly_cost, before), (sizing.after.monthly_cost, days - before)]


def _other_charges(
    estate: Estate, sizes: Sequence[Sizing | None], usage: list[dict[str, Any]], month: date
) -> list[dict[str, Any]]:
    """Support and its tax, a licence a quarter, a credit, a correction of the month before, rounding, a forgotten
    host, and commitments to what has been retired.
    """
    end = next_month(month)
    rows = [
        row | _charge(row["ServiceName"], "Databases", "Purchase", _SUPPORT_EUR, _SUPPORT_EUR, month, end)
        for row in usage
        if row["ServiceCategory"] == "Databases"
    ]
    tax = round(_SUPPORT_TAX * _SUPPORT_EUR * len(rows), 2)
    rows.append(_charge("Support", "Other", "Tax", tax, tax, month, end))
    rows.append(_charge("Invoice", "Other", "Adjustment", _ROUNDING_EUR, _ROUNDING_EUR, month, end))
    forgotten = _charge("Legacy", "Compute", "Usage", _FORGOTTEN_EUR, _FORGOTTEN_EUR, month, end)
    rows.append(forgotten | {"ResourceId": FORGOTTEN_HOST})
    balancer = next(ci for ci in estate.cis if ci.kind == "load_balancer")
    network = {"ResourceId": balancer.ci_id, "ChargeDescription": "Missed availability"}
    credit = _charge(
        "Load balancing", "Networking", "Credit", _OUTAGE_CREDIT_EUR, _OUTAGE_CREDIT_EUR, month, end
    )
    rows.append(credit | network)
    if month.month % 3 == 0:
        licence = _charge(
            "Load balancing",
            "Networking",
            "Purchase",
            _QUARTERLY_LICENCE_EUR,
            _QUARTERLY_LICENCE_EUR,
            month,
            next_month(next_month(end)),
        )
        rows.append(licence | network | {"ChargeDescription": "Licence for three months"})
    if month > estate.settings.start_date.replace(day=1):
        last = (month - timedelta(days=1)).replace(day=1)
        correction = _charge(
            "Load balancing", "Networking", "Usage", _CORRECTION_EUR, _CORRECTION_EUR, last, month
        )
        rows.append(correction | network | {"ChargeClass": "Correction", "ChargeDescription": "Wrong rate"})
    for ci, sizing in zip(estate.cis, sizes, strict=True):
        if ci.end_day is not None and sizing is not None and estate.day(ci.end_day) <= month:
            cost = round(COMMITTED_AFTER_RETIREMENT * sizing.after.monthly_cost, 2)
            name, category = estate.services[ci.service].name, _CATEGORIES[ci.kind][0]
            commitment = _charge(name, category, "Purchase", cost, cost, month, end)
            rows.append(commitment | {"ResourceId": ci.ci_id, "ChargeDescription": "Unused commitment"})
    return rows


def _charge(
    service: str, category: str, kind: str, billed: float, effective: float, first: date, stop: date
) -> dict[str, Any]:
    return {
        "ServiceName": service,
        "ServiceCategory": category,
        "ChargeCategory": kind,
        "ChargePeriodStart": f"{first.isoformat()}T00:00:00Z",
        "ChargePeriodEnd": f"{stop.isoformat()}T00:00:00Z",
        "BilledCost": billed,
        "EffectiveCost": effective,
    }


def _counted_ahead(estate: Estate, daily: Floats) -> Floats:
    """Each service's daily demand as many days ahead as its driver leads; after the end it is the expected one."""
    leads = [LEAD_DAYS.get(service.service_id, 0) for service in estate.services]
    longest = max(leads)
    if longest == 0:
        return daily
    after = expected_demand(estate, slots(estate, estate.settings.days, longest))
    extended = np.hstack([daily, after.reshape(len(estate.services), longest, -1).mean(axis=2)])
    return np.stack([row[lead : lead + daily.shape[1]] for row, lead in zip(extended, leads, strict=True)])


def write_business_demand(estate: Estate, daily: Floats, files: SourceFiles) -> None:
    """Write business drivers by day. `daily` is mean demand (1/s), shape (services, days).

    Drivers of some services are counted `LEAD_DAYS` before the requests that they cause.
    """
    draw = generator(estate.settings.seed, "business demand")
    daily = _counted_ahead(estate, daily)
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
